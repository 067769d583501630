//! Linear layers, alone and with gelu.

use burn::prelude::*;
use electra_kernels::{Precision, composed, linear, linear_gelu};

use crate::reference::{Input, assert_close, check, device, doubles, floats, input, noise};

const SHAPES: [[usize; 4]; 7] = [
    // batch, sequence, inputs, outputs
    [1, 1, 1, 1],
    [1, 7, 12, 5],
    [2, 1, 3, 33],
    [3, 7, 17, 19],
    [2, 33, 16, 16],
    [1, 70, 40, 65],
    [5, 13, 128, 100],
];

fn inputs([b, s, i, o]: [usize; 4]) -> [Input; 3] {
    let scale = 1.0 / (i as f64).sqrt();
    [input(b * s * i, 1, 1.0), input(i * o, 2, scale), input(o, 3, 1.0)]
}

#[test]
fn linear_agrees_with_double_precision() {
    for shape @ [b, s, i, o] in SHAPES {
        check(
            &format!("linear {shape:?}"),
            &inputs(shape),
            2e-5,
            |t| {
                let x = t[0].clone().reshape([b, s, i]);
                linear(x, t[1].clone().reshape([i, o]), t[2].clone(), Precision::F32).reshape([b * s * o])
            },
            |t| {
                let x = t[0].clone().reshape([b, s, i]);
                composed::linear(x, t[1].clone().reshape([i, o]), t[2].clone(), Precision::F32)
                    .reshape([b * s * o])
            },
        );
    }
}

#[test]
fn linear_gelu_agrees_with_double_precision() {
    for shape @ [b, s, i, o] in SHAPES {
        check(
            &format!("linear_gelu {shape:?}"),
            &inputs(shape),
            2e-5,
            |t| {
                let x = t[0].clone().reshape([b, s, i]);
                linear_gelu(x, t[1].clone().reshape([i, o]), t[2].clone(), Precision::F32)
                    .reshape([b * s * o])
            },
            |t| {
                let x = t[0].clone().reshape([b, s, i]);
                composed::linear_gelu(x, t[1].clone().reshape([i, o]), t[2].clone(), Precision::F32)
                    .reshape([b * s * o])
            },
        );
    }
}

#[test]
fn a_gradient_that_nobody_asks_for_is_not_missed() {
    let shape @ [b, s, i, o] = [2, 7, 12, 9];
    for tracked in 0..3 {
        let mut inputs = inputs(shape);
        for (at, input) in inputs.iter_mut().enumerate() {
            input.tracked = at == tracked;
        }
        check(
            &format!("only input {tracked} tracked"),
            &inputs,
            2e-5,
            |t| {
                let x = t[0].clone().reshape([b, s, i]);
                linear_gelu(x, t[1].clone().reshape([i, o]), t[2].clone(), Precision::F32)
                    .reshape([b * s * o])
            },
            |t| {
                let x = t[0].clone().reshape([b, s, i]);
                composed::linear_gelu(x, t[1].clone().reshape([i, o]), t[2].clone(), Precision::F32)
                    .reshape([b * s * o])
            },
        );
    }
}

#[test]
fn strided_and_offset_operands_give_what_their_copies_give() {
    let x = floats(&noise(6 * 5 * 8, 1, 1.0), [6, 5, 8]);
    let weight = floats(&noise(7 * 8, 2, 1.0), [7, 8]);
    let bias = floats(&noise(20, 3, 1.0), [20]);
    let views = [x.clone().narrow(0, 2, 3), x.clone().swap_dims(0, 1), x.slice([1..6, 0..5, 0..8])];
    for x in views {
        let (w, b) = (weight.clone().transpose(), bias.clone().narrow(0, 9, 7));
        let expected = composed::linear(x.clone(), w.clone(), b.clone(), Precision::F32);
        assert_close("strided", &doubles(linear(x, w, b, Precision::F32)), &doubles(expected), 1e-5);
    }
}

#[test]
fn no_rows_give_no_rows() {
    let device = device();
    let x = Tensor::<2>::zeros([0, 4], &device);
    let y = linear_gelu(x, Tensor::zeros([4, 3], &device), Tensor::zeros([3], &device), Precision::F32);
    assert_eq!(y.dims(), [0, 3]);
}

#[test]
fn rounded_operands_cost_their_rounding_and_no_more() {
    let shape @ [b, s, i, o] = [3, 33, 40, 65];
    for (what, fused) in [("linear", linear as fn(_, _, _, _) -> Tensor<3>), ("linear_gelu", linear_gelu)] {
        let is_gelu = what == "linear_gelu";
        let composed = if is_gelu { composed::linear_gelu } else { composed::linear };
        let run = |t: &[Tensor<1>], precision, call: fn(_, _, _, _) -> Tensor<3>| {
            let x = t[0].clone().reshape([b, s, i]);
            call(x, t[1].clone().reshape([i, o]), t[2].clone(), precision).reshape([b * s * o])
        };
        crate::reference::check_rounded(
            what,
            &inputs(shape),
            4e-2,
            |t, precision| run(t, precision, fused),
            |t| run(t, Precision::F32, composed),
        );
    }
}

#[cfg(any(feature = "wgpu", feature = "cuda"))]
#[test]
fn gradients_of_large_weights_are_summed_over_pieces_of_many_rows() {
    // More elements than a card has cubes side by side, and rows that are cut in pieces.
    let [rows, i, o] = [1024, 1500, 1500];
    let values = [noise(rows * i, 1, 1.0), noise(i * o, 2, 0.03), noise(o, 3, 1.0)];
    let gradients = |device: Device| {
        let device = device.autodiff();
        let leaf = |at: usize| crate::reference::flat(&values[at], &device, burn::tensor::DType::F32);
        let weight = leaf(1).require_grad();
        let x = leaf(0).reshape([rows, i]);
        let y = linear(x, weight.clone().reshape([i, o]), leaf(2), Precision::F32);
        doubles(weight.grad(&y.square().sum().backward()).unwrap())
    };
    let [found, expected] = [gradients(device()), gradients(Device::flex())];
    let largest = expected.iter().fold(0.0f64, |most, x| most.max(x.abs()));
    let off = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(off < 1e-5 * largest, "off by {off} of {largest}");
}
