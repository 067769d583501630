//! Feed-forward blocks: two maps with gelu between them, residual and layer norm.

use burn::prelude::*;
use burn::tensor::DType;
use electra_kernels::{
    Dropout, FeedForwardBlock, LayerNormParams, LinearParams, Precision, composed, dropout,
    feed_forward_block,
};

use crate::reference::{
    Input, check, device, doubles, flat, floats, input, noise, outcome, precisions, rounding_precisions,
};

const EPS: f64 = 1e-12;

/// Batch, sequence, width, inner width: of nothing much, of odd sizes, and of more rows than are few to
/// any product.
const SHAPES: [[usize; 4]; 5] =
    [[1, 1, 2, 1], [2, 7, 12, 33], [3, 13, 16, 64], [3, 131, 9, 20], [4, 100, 32, 70]];

/// `x`, weight and bias of both maps, scale and shift.
fn inputs([b, s, h, f]: [usize; 4]) -> [Input; 7] {
    let scale = |width: usize| 1.0 / (width as f64).sqrt();
    [
        input(b * s * h, 1, 1.0),
        input(h * f, 2, 2.0 * scale(h)),
        input(f, 3, 1.0),
        input(f * h, 4, 2.0 * scale(f)),
        input(h, 5, 1.0),
        input(h, 6, 1.0),
        input(h, 7, 1.0),
    ]
}

fn run(
    t: &[Tensor<1>],
    [b, s, h, f]: [usize; 4],
    call: impl Fn(Tensor<3>, FeedForwardBlock) -> Tensor<3>,
) -> Tensor<1> {
    let block = FeedForwardBlock {
        intermediate: LinearParams { weight: t[1].clone().reshape([h, f]), bias: t[2].clone() },
        output: LinearParams { weight: t[3].clone().reshape([f, h]), bias: t[4].clone() },
        norm: LayerNormParams { gamma: t[5].clone(), beta: t[6].clone(), eps: EPS },
    };
    call(t[0].clone().reshape([b, s, h]), block).reshape([b * s * h])
}

fn fused(t: &[Tensor<1>], shape: [usize; 4], drop: Dropout, precision: Precision) -> Tensor<1> {
    run(t, shape, |x, block| feed_forward_block(x, block, drop, precision))
}

/// With a given mask of the branch.
fn masked(t: &[Tensor<1>], shape: [usize; 4], mask: &[f64]) -> Tensor<1> {
    run(t, shape, |x, FeedForwardBlock { intermediate, output, norm }| {
        let h = composed::linear_gelu(x.clone(), intermediate.weight, intermediate.bias, Precision::F32);
        let branch = composed::linear(h, output.weight, output.bias, Precision::F32);
        let mask = flat(mask, &x.device(), x.dtype()).reshape(x.dims());
        composed::layer_norm(x + branch * mask, norm.gamma, norm.beta, norm.eps)
    })
}

fn mask([b, s, h, _]: [usize; 4], drop: Dropout) -> Vec<f64> {
    doubles(dropout(floats(&vec![1.0; b * s * h], [b * s * h]), drop))
}

const DROPS: [Dropout; 2] = [Dropout::OFF, Dropout { rate: 0.3, seed: 5, first_row: 0 }];

#[test]
fn feed_forward_block_agrees_with_double_precision() {
    for shape in SHAPES {
        for drop in DROPS {
            let mask = mask(shape, drop);
            check(
                &format!("feed_forward_block {shape:?} {drop:?}"),
                &inputs(shape),
                5e-4,
                |t| fused(t, shape, drop, Precision::F32),
                |t| masked(t, shape, &mask),
            );
        }
    }
}

#[test]
fn rounded_operands_cost_their_rounding_and_no_more() {
    for shape in [[2, 7, 12, 33], [4, 100, 32, 70]] {
        for drop in DROPS {
            let mask = mask(shape, drop);
            // Gradients of weights are sums over all rows; of a size that training has.
            let mut inputs = inputs(shape);
            let scale = 10.0 / (shape[0] * shape[1]) as f64;
            inputs[5..].iter_mut().for_each(|input| input.values.iter_mut().for_each(|x| *x *= scale));
            crate::reference::check_rounded(
                &format!("feed_forward_block {shape:?} {drop:?}"),
                &inputs,
                6e-2,
                |t, precision| fused(t, shape, drop, precision),
                |t| masked(t, shape, &mask),
            );
        }
    }
}

/// The block, and the same as operations of their own.
fn one_and_three(shape: [usize; 4], drop: Dropout, precision: Precision) -> [crate::reference::Outcome; 2] {
    let one = |t: &[Tensor<1>]| fused(t, shape, drop, precision);
    let three =
        |t: &[Tensor<1>]| run(t, shape, |x, block| composed::feed_forward_block(x, block, drop, precision));
    [&one as &dyn Fn(&[Tensor<1>]) -> Tensor<1>, &three]
        .map(|call| outcome(&device(), DType::F32, &inputs(shape), call))
}

#[test]
fn in_32_bits_it_is_three_operations_bit_for_bit() {
    for shape in SHAPES {
        for drop in DROPS {
            let [one, three] = one_and_three(shape, drop, Precision::F32);
            assert_eq!(one.output, three.output, "{shape:?}");
            assert_eq!(one.gradients, three.gradients, "{shape:?}");
        }
    }
}

#[test]
fn rounded_values_are_those_of_three_operations_and_gradients_theirs_but_for_the_rounded_slope() {
    let cases =
        SHAPES.into_iter().flat_map(|shape| rounding_precisions().into_iter().map(move |p| (shape, p)));
    for (shape, precision) in cases {
        let [one, three] = one_and_three(shape, DROPS[1], precision);
        assert_eq!(one.output, three.output, "{shape:?}");
        for (i, (one, three)) in one.gradients.iter().zip(&three.gradients).enumerate() {
            let (Some(one), Some(three)) = (one, three) else {
                panic!("gradient {i} of {shape:?} is missing")
            };
            let largest = three.iter().fold(0.0f64, |most, x| most.max(x.abs()));
            for (one, three) in one.iter().zip(three) {
                // Two roundings to 8 bits: of the slope, and of what is multiplied by it.
                let off = (one - three).abs();
                assert!(off <= 2f64.powi(-7) * largest, "{i} of {shape:?}: {one}, not {three}");
            }
        }
    }
}

#[test]
fn a_gradient_that_nobody_asks_for_is_not_missed() {
    let shape = [2, 10, 8, 20];
    let mask = mask(shape, DROPS[1]);
    for tracked in 0..7 {
        let mut inputs = inputs(shape);
        for (at, input) in inputs.iter_mut().enumerate() {
            input.tracked = at == tracked;
        }
        check(
            &format!("only input {tracked} tracked"),
            &inputs,
            5e-4,
            |t| fused(t, shape, DROPS[1], Precision::F32),
            |t| masked(t, shape, &mask),
        );
    }
}

#[test]
fn strided_operands_give_what_their_copies_give() {
    fn copy<const D: usize>(x: &Tensor<D>) -> Tensor<D> {
        Tensor::from_data(x.clone().into_data(), &device())
    }
    let x = floats(&noise(400 * 3 * 8, 1, 1.0), [400, 3, 8]).swap_dims(0, 1);
    let weight = |i: usize, o: usize| floats(&noise(o * i, 2, 1.0), [o, i]).transpose();
    let bias = |n: usize| floats(&noise(40, 4, 1.0), [40]).narrow(0, 9, n);
    let affine = |i, o| LinearParams { weight: weight(i, o), bias: bias(o) };
    let norm = LayerNormParams { gamma: bias(8), beta: bias(8), eps: EPS };
    let block = FeedForwardBlock { intermediate: affine(8, 7), output: affine(7, 8), norm };
    let copied = |m: &LinearParams| LinearParams { weight: copy(&m.weight), bias: copy(&m.bias) };
    let copies = FeedForwardBlock {
        intermediate: copied(&block.intermediate),
        output: copied(&block.output),
        norm: LayerNormParams { gamma: copy(&block.norm.gamma), beta: copy(&block.norm.beta), eps: EPS },
    };
    for precision in precisions() {
        let expected = feed_forward_block(copy(&x), copies.clone(), DROPS[1], precision);
        let got = feed_forward_block(x.clone(), block.clone(), DROPS[1], precision);
        assert_eq!(doubles(got), doubles(expected));
    }
}

#[test]
fn no_rows_give_gradients_of_zero() {
    for precision in precisions() {
        let shape = [0, 3, 4, 6];
        let call = |t: &[Tensor<1>]| fused(t, shape, DROPS[1], precision);
        let outcome = outcome(&device(), DType::F32, &inputs(shape), &call);
        assert!(outcome.output.is_empty());
        for (input, gradient) in inputs(shape).iter().zip(outcome.gradients) {
            assert_eq!(gradient.unwrap(), vec![0.0; input.values.len()]);
        }
    }
}
