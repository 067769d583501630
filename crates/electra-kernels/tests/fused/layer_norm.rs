//! Layer normalisation with and without a residual branch.

use burn::prelude::*;
use electra_kernels::{Dropout, composed, dropout, layer_norm, residual_layer_norm};

use crate::reference::{Input, check, device, doubles, flat, floats, input, noise};

const EPS: f64 = 1e-12;

#[test]
fn layer_norm_agrees_with_double_precision() {
    for [rows, width] in [[1, 2], [3, 5], [7, 12], [1, 33], [65, 100], [40, 256]] {
        check(
            &format!("layer norm {rows} x {width}"),
            &[input(rows * width, 1, 2.0), input(width, 2, 1.0), input(width, 3, 1.0)],
            5e-5,
            |t| {
                let x = t[0].clone().reshape([rows, width]);
                layer_norm(x, t[1].clone(), t[2].clone(), EPS).reshape([rows * width])
            },
            |t| {
                let x = t[0].clone().reshape([rows, width]);
                composed::layer_norm(x, t[1].clone(), t[2].clone(), EPS).reshape([rows * width])
            },
        );
    }
}

#[test]
fn residual_layer_norm_with_dropout_agrees_with_its_mask_in_double_precision() {
    let drops = [Dropout::OFF, Dropout::new(0.1, 8), Dropout::new(0.5, 9)];
    for [b, s, width] in [[1, 1, 3], [2, 7, 12], [1, 40, 33], [2, 33, 64]] {
        for drop in drops {
            let n = b * s * width;
            let mask = doubles(dropout(floats(&vec![1.0; n], [n]), drop));
            check(
                &format!("residual {b} x {s} x {width} {drop:?}"),
                &[input(n, 1, 1.0), input(n, 2, 1.0), input(width, 3, 1.0), input(width, 4, 1.0)],
                5e-5,
                |t| {
                    let [x, branch] = [0, 1].map(|i| t[i].clone().reshape([b, s, width]));
                    residual_layer_norm(x, branch, drop, t[2].clone(), t[3].clone(), EPS).reshape([n])
                },
                |t| {
                    let mask = flat(&mask, &t[0].device(), t[0].dtype());
                    let sum = (t[0].clone() + t[1].clone() * mask).reshape([b, s, width]);
                    composed::layer_norm(sum, t[2].clone(), t[3].clone(), EPS).reshape([n])
                },
            );
        }
    }
}

#[test]
fn a_row_without_variance_becomes_beta() {
    let (width, beta) = (6, noise(6, 3, 1.0));
    for value in [0.0, 1.0, -1e4, 3e30] {
        let x = floats(&vec![value; width], [1, width]);
        let y = layer_norm(x, floats(&[1.0; 6], [6]), floats(&beta, [6]), EPS);
        assert_eq!(doubles(y), beta, "a row of {value}");
    }
}

#[test]
fn the_gradient_of_a_row_without_variance_is_finite() {
    let device = device().autodiff();
    let x = Tensor::<2>::ones([2, 8], &device).require_grad();
    let y = layer_norm(x.clone(), Tensor::ones([8], &device), Tensor::zeros([8], &device), EPS);
    let weights = Tensor::<1>::from_floats([1., 2., 3., 4., 5., 6., 7., 8.], &device);
    let gradients = (y * weights.unsqueeze()).sum().backward();
    assert!(doubles(x.grad(&gradients).unwrap()).into_iter().all(f64::is_finite));
}

#[test]
fn large_values_are_normalised() {
    let width = 20;
    let x: Vec<f64> = noise(3 * width, 5, 1e4);
    let inputs = [Input { values: x, tracked: true }, input(width, 2, 1.0), input(width, 3, 1.0)];
    check(
        "values of 1e4",
        &inputs,
        5e-5,
        |t| {
            let x = t[0].clone().reshape([3, width]);
            layer_norm(x, t[1].clone(), t[2].clone(), EPS).reshape([3 * width])
        },
        |t| {
            let x = t[0].clone().reshape([3, width]);
            composed::layer_norm(x, t[1].clone(), t[2].clone(), EPS).reshape([3 * width])
        },
    );
}

#[test]
fn the_backward_pass_leaves_shared_tensors_alone() {
    // `branch` is held by the caller and `x` is used twice: neither may be overwritten.
    let device = device().autodiff();
    let ones = Tensor::<1>::ones([8], &device);
    let x = Tensor::<2>::from_data(TensorData::new(noise(32, 1, 1.0), [4, 8]), &device).require_grad();
    let branch = x.clone() * 2.0;
    let before = doubles(branch.clone());
    let drop = Dropout::new(0.5, 1);
    let y = residual_layer_norm(x.clone(), branch.clone(), drop, ones.clone(), ones.clone(), EPS);
    let z = residual_layer_norm(y, branch.clone(), drop, ones.clone(), ones, EPS);
    let _ = z.square().sum().backward();
    assert_eq!(doubles(branch), before);
    assert_eq!(doubles(x), noise(32, 1, 1.0));
}
