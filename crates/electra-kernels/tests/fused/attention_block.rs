//! Attention blocks: projections, attention, residual and layer norm.

use burn::prelude::*;
use burn::tensor::{DType, activation};
use electra_kernels::{
    AttentionBlock, Dropout, LayerNormParams, LinearParams, Precision, attention_block, composed, dropout,
};

use crate::reference::{
    Input, assert_close, check, device, doubles, flat, floats, input, noise, outcome, precisions,
    rounding_precisions,
};

const EPS: f64 = 1e-12;
const OFF: [Dropout; 2] = [Dropout::OFF; 2];

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

    /// `x`, weight and bias of queries, keys, values and output, scale and shift, biases of keys.
    fn inputs(self) -> [Input; 12] {
        let h = self.hidden;
        let weight = |seed, scale: f64| input(h * h, seed, scale / (h as f64).sqrt());
        let bias = |seed| input(h, seed, 0.5);
        [
            input(self.elements(), 1, 1.0),
            weight(2, 3.0),
            bias(3),
            weight(4, 3.0),
            bias(5),
            weight(6, 2.0),
            bias(7),
            weight(8, 2.0),
            bias(9),
            bias(10),
            bias(11),
            input(self.batch * self.sequence, 12, 1.0),
        ]
    }

    fn block(self, t: &[Tensor<1>]) -> AttentionBlock {
        let h = self.hidden;
        let [query, key, value, output] = [1, 3, 5, 7].map(|i| {
            let weight: Tensor<2> = t[i].clone().reshape([h, h]);
            LinearParams { weight, bias: t[i + 1].clone() }
        });
        let norm = LayerNormParams { gamma: t[9].clone(), beta: t[10].clone(), eps: EPS };
        AttentionBlock { query, key, value, output, norm, heads: self.heads }
    }

    fn x(self, t: &[Tensor<1>]) -> Tensor<3> {
        t[0].clone().reshape([self.batch, self.sequence, self.hidden])
    }

    fn fused(self, t: &[Tensor<1>], drops: [Dropout; 2], precision: Precision) -> Tensor<1> {
        let key_bias = t[11].clone().reshape([self.batch, self.sequence]);
        attention_block(self.x(t), key_bias, self.block(t), drops, precision).reshape([self.elements()])
    }

    /// The block composed of burn's operations, with given masks of the probabilities `[B, A, S, S]` and of
    /// the branch.
    fn masked(self, t: &[Tensor<1>], masks: &[Vec<f64>; 2]) -> Tensor<1> {
        let Self { batch, sequence, hidden, heads } = self;
        let (x, block, d) = (self.x(t), self.block(t), hidden / heads);
        let [of_probabilities, of_branch] = masks.each_ref().map(|m| flat(m, &t[0].device(), t[0].dtype()));
        let map = |x: Tensor<3>, m: LinearParams| composed::linear(x, m.weight, m.bias, Precision::F32);
        let split = |x: Tensor<3>| x.reshape([batch, sequence, heads, d]).swap_dims(1, 2);
        let [q, k, v] = [block.query, block.key, block.value].map(|m| split(map(x.clone(), m)));
        let bias = t[11].clone().reshape([batch, 1, 1, sequence]);
        let scores = q.matmul(k.swap_dims(2, 3)) * (1.0 / (d as f64).sqrt()) + bias;
        let p = activation::softmax(scores, 3) * of_probabilities.reshape([batch, heads, sequence, sequence]);
        let context = p.matmul(v).swap_dims(1, 2).reshape([batch, sequence, hidden]);
        let branch = map(context, block.output) * of_branch.reshape([batch, sequence, hidden]);
        let norm = block.norm;
        composed::layer_norm(x + branch, norm.gamma, norm.beta, EPS).reshape([self.elements()])
    }

    fn masks(self, drops: [Dropout; 2]) -> [Vec<f64>; 2] {
        let sizes = [self.batch * self.heads * self.sequence * self.sequence, self.elements()];
        std::array::from_fn(|i| doubles(dropout(floats(&vec![1.0; sizes[i]], [sizes[i]]), drops[i])))
    }
}

const SIZES: [Sizes; 6] = [
    Sizes { batch: 1, sequence: 1, hidden: 12, heads: 1 },
    Sizes { batch: 2, sequence: 7, hidden: 12, heads: 2 },
    Sizes { batch: 1, sequence: 7, hidden: 12, heads: 3 },
    Sizes { batch: 1, sequence: 33, hidden: 34, heads: 2 },
    Sizes { batch: 2, sequence: 17, hidden: 12, heads: 12 },
    // So many rows that in bfloat16 the three weights are one.
    Sizes { batch: 16, sequence: 33, hidden: 24, heads: 4 },
];

#[test]
fn attention_block_agrees_with_double_precision() {
    for sizes in SIZES {
        let masks = sizes.masks(OFF);
        check(
            &format!("{sizes:?}"),
            &sizes.inputs(),
            2e-4,
            |t| sizes.fused(t, OFF, Precision::F32),
            |t| sizes.masked(t, &masks),
        );
    }
}

#[test]
fn with_dropout_it_agrees_with_its_masks_in_double_precision() {
    for sizes in SIZES {
        let drops = [Dropout::new(0.1, 3), Dropout::new(0.5, 4)];
        let masks = sizes.masks(drops);
        check(
            &format!("{sizes:?} with dropout"),
            &sizes.inputs(),
            2e-4,
            |t| sizes.fused(t, drops, Precision::F32),
            |t| sizes.masked(t, &masks),
        );
    }
}

#[test]
fn the_composed_version_is_the_same_function() {
    for sizes in SIZES {
        let composed = |t: &[Tensor<1>]| {
            let key_bias = t[11].clone().reshape([sizes.batch, sizes.sequence]);
            composed::attention_block(sizes.x(t), key_bias, sizes.block(t), OFF, Precision::F32)
                .reshape([sizes.elements()])
        };
        let reference = |t: &[Tensor<1>]| sizes.masked(t, &sizes.masks(OFF));
        let [got, expected] = [&composed as &dyn Fn(&[Tensor<1>]) -> Tensor<1>, &reference]
            .map(|f| outcome(&Device::flex(), DType::F64, &sizes.inputs(), f));
        assert_close("composed", &got.output, &expected.output, 1e-12);
        for (got, expected) in got.gradients.iter().flatten().zip(expected.gradients.iter().flatten()) {
            assert_close("composed gradient", got, expected, 1e-10);
        }
    }
}

#[test]
fn rounded_operands_cost_their_rounding_and_no_more() {
    for sizes in SIZES {
        for drops in [OFF, [Dropout::new(0.1, 3), Dropout::new(0.1, 4)]] {
            let masks = sizes.masks(drops);
            // Scores and sums of the size that training has; at ten times that a rounding moves all weight.
            let mut inputs = sizes.inputs();
            let scale = 4.0 / (sizes.batch * sizes.sequence) as f64;
            inputs[9..11].iter_mut().for_each(|input| input.values.iter_mut().for_each(|x| *x *= scale));
            for weight in [1, 3] {
                inputs[weight].values.iter_mut().for_each(|x| *x *= 0.3);
            }
            crate::reference::check_rounded(
                &format!("{sizes:?} {drops:?}"),
                &inputs,
                6e-2,
                |t, precision| sizes.fused(t, drops, precision),
                |t| sizes.masked(t, &masks),
            );
        }
    }
}

#[test]
fn a_gradient_that_nobody_asks_for_is_not_missed() {
    let sizes = Sizes { batch: 2, sequence: 5, hidden: 8, heads: 2 };
    let drops = [Dropout::new(0.1, 3), Dropout::new(0.5, 4)];
    let masks = sizes.masks(drops);
    for tracked in 0..12 {
        let mut inputs = sizes.inputs();
        for (at, input) in inputs.iter_mut().enumerate() {
            input.tracked = at == tracked;
        }
        check(
            &format!("only input {tracked} tracked"),
            &inputs,
            2e-4,
            |t| sizes.fused(t, drops, Precision::F32),
            |t| sizes.masked(t, &masks),
        );
    }
}

#[test]
fn what_stands_at_padding_does_not_matter_and_a_fully_padded_sequence_attends_as_if_unmasked() {
    let sizes = Sizes { batch: 3, sequence: 6, hidden: 8, heads: 2 };
    let bias: Vec<f64> = [0.0; 6]
        .into_iter() // a full sequence
        .chain([0.0, 0.0, 0.0, -10_000.0, -10_000.0, -10_000.0]) // half padding
        .chain([-10_000.0; 6]) // nothing but padding
        .collect();
    let mut inputs = sizes.inputs();
    inputs[11] = Input { values: bias, tracked: false };
    // The scores of the padded sequence are rounded at 10,000: an ulp is 1e-3.
    let masks = sizes.masks(OFF);
    check("padding", &inputs, 1e-2, |t| sizes.fused(t, OFF, Precision::F32), |t| sizes.masked(t, &masks));
    let real = |inputs: &[Input; 12]| {
        let t: Vec<_> = inputs.iter().map(|i| flat(&i.values, &device(), DType::F32)).collect();
        let y: Tensor<3> = sizes.fused(&t, OFF, Precision::F32).reshape([3, 6, 8]);
        doubles(y.slice([1..2, 0..3]))
    };
    let before = real(&inputs);
    inputs[0].values[6 * 8 + 3 * 8..2 * 6 * 8].fill(50.0);
    assert_eq!(real(&inputs), before);
}

#[test]
fn scores_of_ten_thousand_select_one_key() {
    let sizes = Sizes { batch: 1, sequence: 5, hidden: 4, heads: 1 };
    let mut inputs = sizes.inputs();
    let diagonal = |x: f64| -> Vec<f64> { (0..16).map(|i| if i % 5 == 0 { x } else { 0.0 }).collect() };
    // Powers of two, so that both precisions see the same scores.
    inputs[0].values = noise(20, 1, 1.0).into_iter().map(|x| (x * 64.0).round() / 16.0).collect();
    for (i, x) in [(1, 64.0), (3, 64.0), (5, 1.0), (7, 1.0)] {
        inputs[i].values = diagonal(x);
        inputs[i + 1].values = vec![0.0; 4];
    }
    inputs[11].values = vec![0.0; 5];
    let masks = sizes.masks(OFF);
    let on = |device: &Device, dtype| -> Vec<_> {
        inputs.iter().map(|i| flat(&i.values, device, dtype)).collect::<Vec<_>>()
    };
    let fused = doubles(sizes.fused(&on(&device(), DType::F32), OFF, Precision::F32));
    let exact = doubles(sizes.masked(&on(&Device::flex(), DType::F64), &masks));
    assert_close("extreme scores", &fused, &exact, 1e-5);
}

#[test]
fn strided_operands_give_what_their_copies_give() {
    let rounding = rounding_precisions().into_iter().flat_map(|precision| [(2, precision), (80, precision)]);
    for (batch, precision) in rounding.chain([(2, Precision::F32)]) {
        let x = floats(&noise(7 * batch * 12, 1, 1.0), [7, batch, 12]).swap_dims(0, 1);
        let key_bias = floats(&noise(7 * batch, 2, 1.0), [7, batch]).transpose();
        // Slices of wider tensors, each with an offset and a stride.
        let wide = floats(&noise(12 * 36, 3, 0.5), [12, 36]);
        let bias = |at| floats(&noise(40, 4, 1.0), [40]).narrow(0, at, 12);
        let affine = |at| LinearParams { weight: wide.clone().narrow(1, at, 12), bias: bias(at) };
        let block = AttentionBlock {
            query: affine(0),
            key: affine(12),
            value: affine(24),
            output: LinearParams { weight: wide.clone().narrow(1, 6, 12).transpose(), bias: bias(3) },
            norm: LayerNormParams { gamma: bias(5), beta: bias(7), eps: EPS },
            heads: 3,
        };
        fn copy<const D: usize>(x: &Tensor<D>) -> Tensor<D> {
            Tensor::from_data(x.clone().into_data(), &device())
        }
        let copied = |m: &LinearParams| LinearParams { weight: copy(&m.weight), bias: copy(&m.bias) };
        let copies = AttentionBlock {
            query: copied(&block.query),
            key: copied(&block.key),
            value: copied(&block.value),
            output: copied(&block.output),
            norm: LayerNormParams { gamma: copy(&block.norm.gamma), beta: copy(&block.norm.beta), eps: EPS },
            heads: 3,
        };
        let drops = [Dropout::new(0.1, 1), Dropout::new(0.1, 2)];
        let expected = attention_block(copy(&x), copy(&key_bias), copies, drops, precision);
        assert_eq!(doubles(attention_block(x, key_bias, block, drops, precision)), doubles(expected));
    }
}

#[test]
fn no_sequences_give_gradients_of_zero() {
    let sizes = Sizes { batch: 0, sequence: 4, hidden: 6, heads: 2 };
    let drops = [Dropout::new(0.1, 1), Dropout::new(0.1, 2)];
    for precision in precisions() {
        let fused = |t: &[Tensor<1>]| sizes.fused(t, drops, precision);
        let outcome = outcome(&device(), DType::F32, &sizes.inputs(), &fused);
        assert!(outcome.output.is_empty());
        for (input, gradient) in sizes.inputs().iter().zip(outcome.gradients) {
            assert_eq!(gradient.unwrap(), vec![0.0; input.values.len()]);
        }
    }
}
