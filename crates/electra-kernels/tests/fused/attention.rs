//! Multi-head attention.

use burn::prelude::*;
use burn::tensor::{DType, activation};
use electra_kernels::{Dropout, Precision, attention, composed, dropout};

use crate::reference::{Input, assert_close, check, check_bfloat16, doubles, flat, floats, input, noise};

#[derive(Clone, Copy, Debug)]
struct Sizes {
    batch: usize,
    sequence: usize,
    hidden: usize,
    heads: usize,
}

impl Sizes {
    fn elements(self) -> usize {
        self.batch * self.sequence * self.hidden
    }

    fn inputs(self) -> [Input; 4] {
        let n = self.elements();
        let keys = input(self.batch * self.sequence, 4, 1.0);
        [input(n, 1, 2.0), input(n, 2, 2.0), input(n, 3, 1.0), keys]
    }

    fn fused(self, t: &[Tensor<1>], drop: Dropout) -> Tensor<1> {
        self.fused_in(t, drop, Precision::F32)
    }

    fn fused_in(self, t: &[Tensor<1>], drop: Dropout, precision: Precision) -> Tensor<1> {
        let Self { batch, sequence, hidden, heads } = self;
        let [q, k, v] = [0, 1, 2].map(|i| t[i].clone().reshape([batch, sequence, hidden]));
        let bias = t[3].clone().reshape([batch, sequence]);
        attention(q, k, v, bias, heads, drop, precision).reshape([self.elements()])
    }

    /// Attention with a given mask of the probabilities `[B, A, S, S]`.
    fn masked(self, t: &[Tensor<1>], mask: &[f64]) -> Tensor<1> {
        let Self { batch, sequence, hidden, heads } = self;
        let d = hidden / heads;
        let [q, k, v] = [0, 1, 2].map(|i| t[i].clone().reshape([batch, sequence, heads, d]).swap_dims(1, 2));
        let bias = t[3].clone().reshape([batch, 1, 1, sequence]);
        let scores = q.matmul(k.swap_dims(2, 3)) * (1.0 / (d as f64).sqrt()) + bias;
        let mask = flat(mask, &t[0].device(), t[0].dtype());
        let p = activation::softmax(scores, 3) * mask.reshape([batch, heads, sequence, sequence]);
        p.matmul(v).swap_dims(1, 2).reshape([self.elements()])
    }

    fn mask(self, drop: Dropout) -> Vec<f64> {
        let n = self.batch * self.heads * self.sequence * self.sequence;
        doubles(dropout(floats(&vec![1.0; n], [n]), drop))
    }
}

const SIZES: [Sizes; 8] = [
    Sizes { batch: 1, sequence: 1, hidden: 12, heads: 1 },
    Sizes { batch: 2, sequence: 7, hidden: 12, heads: 1 },
    Sizes { batch: 2, sequence: 7, hidden: 12, heads: 2 },
    Sizes { batch: 1, sequence: 7, hidden: 12, heads: 3 },
    Sizes { batch: 3, sequence: 5, hidden: 12, heads: 4 },
    Sizes { batch: 1, sequence: 33, hidden: 34, heads: 2 },
    Sizes { batch: 2, sequence: 17, hidden: 12, heads: 12 },
    Sizes { batch: 2, sequence: 48, hidden: 64, heads: 4 },
];

#[test]
fn attention_agrees_with_double_precision() {
    for sizes in SIZES {
        check(
            &format!("{sizes:?}"),
            &sizes.inputs(),
            3e-5,
            |t| sizes.fused(t, Dropout::OFF),
            |t| {
                let Sizes { batch, sequence, hidden, heads } = sizes;
                let [q, k, v] = [0, 1, 2].map(|i| t[i].clone().reshape([batch, sequence, hidden]));
                let bias = t[3].clone().reshape([batch, sequence]);
                composed::attention(q, k, v, bias, heads, Dropout::OFF, Precision::F32)
                    .reshape([sizes.elements()])
            },
        );
    }
}

#[test]
fn attention_with_dropout_agrees_with_its_mask_in_double_precision() {
    for sizes in SIZES {
        for drop in [Dropout::new(0.1, 3), Dropout::new(0.5, 4)] {
            let mask = sizes.mask(drop);
            check(
                &format!("{sizes:?} {drop:?}"),
                &sizes.inputs(),
                5e-5,
                |t| sizes.fused(t, drop),
                |t| sizes.masked(t, &mask),
            );
        }
    }
}

#[test]
fn bfloat16_operands_cost_their_rounding_and_no_more() {
    for sizes in SIZES {
        // One key of one head: the result is the value, whatever the scores.
        if sizes.sequence == 1 {
            continue;
        }
        let drop = Dropout::new(0.1, 3);
        let mask = sizes.mask(drop);
        // Scores of the size that training has; at ten times that a rounding moves all weight.
        let mut inputs = sizes.inputs();
        inputs[..2].iter_mut().for_each(|input| input.values.iter_mut().for_each(|x| *x *= 0.5));
        check_bfloat16(
            &format!("{sizes:?} in bfloat16"),
            &inputs,
            6e-2,
            |t, precision| sizes.fused_in(t, drop, precision),
            |t| sizes.masked(t, &mask),
        );
    }
}

#[test]
fn padding_has_no_weight_and_a_fully_padded_sequence_attends_as_if_unmasked() {
    let sizes = Sizes { batch: 3, sequence: 6, hidden: 8, heads: 2 };
    let bias: Vec<f64> = [0.0; 6]
        .into_iter() // a full sequence
        .chain([0.0, 0.0, 0.0, -10_000.0, -10_000.0, -10_000.0]) // half padding
        .chain([-10_000.0; 6]) // nothing but padding
        .collect();
    let mut inputs = sizes.inputs();
    inputs[3] = Input { values: bias, tracked: false };
    // The scores of the padded sequence are rounded at 10,000: an ulp is 1e-3.
    check(
        "padding",
        &inputs,
        2e-3,
        |t| sizes.fused(t, Dropout::OFF),
        |t| sizes.masked(t, &sizes.mask(Dropout::OFF)),
    );
    let run = |v: &[f64]| {
        let [q, k] = [0, 1].map(|i| floats(&inputs[i].values, [3, 6, 8]));
        let bias = floats(&inputs[3].values, [3, 6]);
        attention(q, k, floats(v, [3, 6, 8]), bias, 2, Dropout::OFF, Precision::F32)
    };
    let mut v = inputs[2].values.clone();
    let before = doubles(run(&v).narrow(0, 1, 1));
    v[6 * 8 + 3 * 8..2 * 6 * 8].fill(1e9);
    assert_eq!(doubles(run(&v).narrow(0, 1, 1)), before, "values of padding do not matter");
}

#[test]
fn scores_of_ten_thousand_select_one_key() {
    let sizes = Sizes { batch: 1, sequence: 5, hidden: 4, heads: 1 };
    let mut inputs = sizes.inputs();
    // Powers of two, so that both precisions see the same scores.
    inputs[0].values = noise(20, 1, 1.0).into_iter().map(|x| (x * 64.0).round() * 4.0).collect();
    inputs[1].values = noise(20, 2, 1.0).into_iter().map(|x| (x * 64.0).round() * 4.0).collect();
    inputs[3] = Input { values: vec![0.0; 5], tracked: false };
    let mask = sizes.mask(Dropout::OFF);
    let device = Device::flex();
    let fused = doubles(sizes.fused(
        &inputs.iter().map(|i| flat(&i.values, &device, DType::F32)).collect::<Vec<_>>(),
        Dropout::OFF,
    ));
    let exact = doubles(
        sizes.masked(&inputs.iter().map(|i| flat(&i.values, &device, DType::F64)).collect::<Vec<_>>(), &mask),
    );
    assert_close("extreme scores", &fused, &exact, 1e-5);
}

#[test]
fn strided_operands_give_what_their_copies_give() {
    // q, k, v as three slices of one projection, each with an offset and a stride.
    let joint = floats(&noise(2 * 7 * 36, 1, 1.0), [2, 7, 36]);
    let [q, k, v] = [0, 12, 24].map(|at| joint.clone().narrow(2, at, 12));
    let bias = floats(&noise(14, 2, 1.0), [7, 2]).transpose();
    let expected =
        composed::attention(q.clone(), k.clone(), v.clone(), bias.clone(), 3, Dropout::OFF, Precision::F32);
    let got = attention(q, k, v, bias, 3, Dropout::OFF, Precision::F32);
    assert_close("strided", &doubles(got), &doubles(expected), 1e-5);
}

#[test]
fn no_sequences_give_no_output() {
    let device = Device::flex();
    let x = Tensor::<3>::zeros([0, 4, 6], &device);
    let bias = Tensor::<2>::zeros([0, 4], &device);
    assert_eq!(attention(x.clone(), x.clone(), x, bias, 2, Dropout::OFF, Precision::F32).dims(), [0, 4, 6]);
}
