//! Feed-forward blocks.

use burn::prelude::*;
use burn::tensor::DType;
use electra_kernels::{Precision, composed, feed_forward, linear, linear_gelu};

use crate::reference::{Input, check, check_bfloat16, doubles, floats, input, noise, outcome};

/// Batch, sequence, inputs, inner width, outputs: of nothing much, of odd sizes, and of more rows than
/// are few to any product.
const SHAPES: [[usize; 5]; 5] =
    [[1, 1, 1, 1, 1], [2, 7, 12, 33, 5], [3, 13, 16, 64, 16], [3, 131, 9, 20, 7], [4, 100, 32, 70, 33]];

fn inputs([b, s, i, f, o]: [usize; 5]) -> [Input; 5] {
    let scale = |width: usize| 1.0 / (width as f64).sqrt();
    [
        input(b * s * i, 1, 1.0),
        input(i * f, 2, scale(i)),
        input(f, 3, 1.0),
        input(f * o, 4, scale(f)),
        input(o, 5, 1.0),
    ]
}

fn run(
    t: &[Tensor<1>],
    [b, s, i, f, o]: [usize; 5],
    call: impl Fn(Tensor<3>, [Tensor<2>; 2], [Tensor<1>; 2]) -> Tensor<3>,
) -> Tensor<1> {
    let weights = [t[1].clone().reshape([i, f]), t[3].clone().reshape([f, o])];
    call(t[0].clone().reshape([b, s, i]), weights, [t[2].clone(), t[4].clone()]).reshape([b * s * o])
}

fn composed(x: Tensor<3>, [v, w]: [Tensor<2>; 2], [b, c]: [Tensor<1>; 2]) -> Tensor<3> {
    composed::linear(composed::linear_gelu(x, v, b, Precision::F32), w, c, Precision::F32)
}

#[test]
fn feed_forward_agrees_with_double_precision() {
    for shape in SHAPES {
        check(
            &format!("feed_forward {shape:?}"),
            &inputs(shape),
            1e-4,
            |t| run(t, shape, |x, weights, biases| feed_forward(x, weights, biases, Precision::F32)),
            |t| run(t, shape, composed),
        );
    }
}

#[test]
fn bfloat16_operands_cost_their_rounding_and_no_more() {
    for shape in [[2, 7, 12, 33, 5], [4, 100, 32, 70, 33]] {
        check_bfloat16(
            &format!("feed_forward {shape:?} in bfloat16"),
            &inputs(shape),
            6e-2,
            |t, precision| run(t, shape, |x, weights, biases| feed_forward(x, weights, biases, precision)),
            |t| run(t, shape, composed),
        );
    }
}

#[test]
fn in_bfloat16_values_are_those_of_two_maps_bit_for_bit_and_gradients_theirs_but_for_the_rounded_slope() {
    let precision = Precision::Bf16;
    for shape in SHAPES {
        let one = |t: &[Tensor<1>]| run(t, shape, |x, w, b| feed_forward(x, w, b, precision));
        let two = |t: &[Tensor<1>]| {
            run(t, shape, |x, [v, w], [b, c]| linear(linear_gelu(x, v, b, precision), w, c, precision))
        };
        let [one, two] = [&one as &dyn Fn(&[Tensor<1>]) -> Tensor<1>, &two]
            .map(|call| outcome(&Device::flex(), DType::F32, &inputs(shape), call));
        assert_eq!(one.output, two.output, "{shape:?}");
        for (i, (one, two)) in one.gradients.iter().zip(&two.gradients).enumerate() {
            let (Some(one), Some(two)) = (one, two) else { panic!("gradient {i} of {shape:?} is missing") };
            let largest = two.iter().fold(0.0f64, |most, x| most.max(x.abs()));
            for (one, two) in one.iter().zip(two) {
                // Two roundings to 8 bits: of the slope, and of what is multiplied by it.
                assert!((one - two).abs() <= 2f64.powi(-7) * largest, "{i} of {shape:?}: {one}, not {two}");
            }
        }
    }
}

#[test]
fn a_gradient_that_nobody_asks_for_is_not_missed() {
    let shape = [4, 100, 8, 20, 6];
    for tracked in 0..5 {
        let mut inputs = inputs(shape);
        for (at, input) in inputs.iter_mut().enumerate() {
            input.tracked = at == tracked;
        }
        check_bfloat16(
            &format!("only input {tracked} tracked"),
            &inputs,
            6e-2,
            |t, precision| run(t, shape, |x, weights, biases| feed_forward(x, weights, biases, precision)),
            |t| run(t, shape, composed),
        );
    }
}

#[test]
fn strided_operands_give_what_their_copies_give() {
    let x = floats(&noise(400 * 3 * 8, 1, 1.0), [400, 3, 8]).swap_dims(0, 1);
    let weights = [(7, 8, 2), (6, 7, 3)].map(|(o, i, seed)| floats(&noise(o * i, seed, 1.0), [o, i]));
    let biases = [(20, 7), (20, 6)].map(|(n, o)| floats(&noise(n, 4, 1.0), [n]).narrow(0, 9, o));
    let weights = weights.map(Tensor::transpose);
    fn copy<const D: usize>(x: &Tensor<D>) -> Tensor<D> {
        Tensor::from_data(x.clone().into_data(), &Device::flex())
    }
    let copies =
        feed_forward(copy(&x), weights.each_ref().map(copy), biases.each_ref().map(copy), Precision::Bf16);
    assert_eq!(doubles(feed_forward(x, weights, biases, Precision::Bf16)), doubles(copies));
}

#[test]
fn no_rows_give_gradients_of_zero() {
    for precision in [Precision::F32, Precision::Bf16] {
        let device = Device::flex().autodiff();
        let [v, w] = [(4, 3), (3, 4)].map(|(i, o)| Tensor::<2>::ones([i, o], &device).require_grad());
        let [b, c] = [3, 4].map(|o| Tensor::<1>::ones([o], &device).require_grad());
        let x = Tensor::<2>::zeros([0, 4], &device).require_grad();
        let y = feed_forward(x.clone(), [v.clone(), w.clone()], [b.clone(), c.clone()], precision);
        let gradients = y.sum().backward();
        for gradient in [v.grad(&gradients), w.grad(&gradients)] {
            assert_eq!(doubles(gradient.unwrap()), [0.0; 12]);
        }
        assert_eq!(doubles(b.grad(&gradients).unwrap()), [0.0; 3]);
        assert_eq!(doubles(c.grad(&gradients).unwrap()), [0.0; 4]);
        assert_eq!(x.grad(&gradients).unwrap().dims(), [0, 4]);
    }
}

#[test]
fn no_rows_give_no_rows() {
    let device = Device::flex();
    for precision in [Precision::F32, Precision::Bf16] {
        let weights = [Tensor::zeros([4, 3], &device), Tensor::zeros([3, 4], &device)];
        let biases = [Tensor::zeros([3], &device), Tensor::zeros([4], &device)];
        let y = feed_forward(Tensor::<2>::zeros([0, 4], &device), weights, biases, precision);
        assert_eq!(y.dims(), [0, 4]);
    }
}
