//! Gelu and dropout.

use burn::prelude::*;
use electra_kernels::{Dropout, composed, dropout, gelu};

use crate::reference::{check, doubles, floats, input, noise};

#[test]
fn gelu_agrees_with_double_precision() {
    for n in [1, 7, 33, 50_001] {
        check(
            &format!("gelu of {n}"),
            &[input(n, n as u64, 4.0)],
            1e-6,
            |t| gelu(t[0].clone()),
            |t| composed::gelu(t[0].clone()),
        );
    }
}

#[test]
fn gelu_of_large_arguments_is_the_argument_or_zero() {
    let y = doubles(gelu(floats(&[1e4, -1e4, 1e30, -1e30, 0.0, -13.5], [6])));
    assert_eq!(y[..5], [1e4, 0.0, f64::from(1e30f32), 0.0, 0.0]);
    assert!(y[5] <= 0.0 && y[5] > -1e-38);
}

#[test]
fn dropout_and_its_gradient_are_one_mask() {
    let drop = Dropout::new(0.3, 5);
    for n in [1, 31, 32, 40_000] {
        let mask = doubles(dropout(floats(&vec![1.0; n], [n]), drop));
        check(
            &format!("dropout of {n}"),
            &[input(n, 1, 1.0)],
            1e-6,
            |t| dropout(t[0].clone(), drop),
            |t| {
                let mask = TensorData::new(mask.clone(), [n]);
                t[0].clone() * Tensor::from_data(mask, (&t[0].device(), t[0].dtype()))
            },
        );
    }
}

#[test]
fn dropout_zeroes_a_tenth_and_scales_the_rest() {
    let n = 1 << 20;
    let y = doubles(dropout(floats(&vec![1.0; n], [n]), Dropout::new(0.1, 77)));
    let zeros = y.iter().filter(|y| **y == 0.0).count() as f64 / n as f64;
    assert!((zeros - 0.1).abs() < 0.0015, "{zeros}");
    assert!(y.iter().all(|y| *y == 0.0 || (y - 1.0 / 0.9).abs() < 2e-5));
}

#[test]
fn dropout_that_is_off_is_the_identity() {
    let x = noise(100, 3, 1.0);
    assert_eq!(doubles(dropout(floats(&x, [10, 10]), Dropout::OFF)), x);
}

#[test]
fn dropout_leaves_its_argument_alone() {
    let x = floats(&[1.0; 64], [64]);
    let kept = x.clone();
    let _ = dropout(x, Dropout::new(0.5, 1));
    assert_eq!(doubles(kept), [1.0; 64]);
}

#[test]
fn the_mask_follows_the_logical_element_also_in_a_view() {
    let drop = Dropout::new(0.5, 4);
    let x = floats(&noise(48, 1, 1.0), [6, 8]).transpose();
    let copy = floats(&doubles(x.clone()), [8, 6]);
    assert_eq!(doubles(dropout(x, drop)), doubles(dropout(copy, drop)));
}

#[cfg(any(feature = "wgpu", feature = "cuda"))]
#[test]
fn masks_are_those_of_the_cpu_bit_for_bit() {
    // Blocks of 32 elements, rows within them, and counters beyond 32 bits.
    for (rows, width, first_row) in
        [(1, 1, 0), (3, 21, 0), (3, 21, 5), (40, 100, 7), (2, 64, 1 << 30), (5, 33, 1 << 33)]
    {
        for (rate, seed) in [(0.1, 3), (0.5, u64::MAX)] {
            let drop = Dropout { first_row, ..Dropout::new(rate, seed) };
            let on = |device: &Device| doubles(dropout(Tensor::<2>::ones([rows, width], device), drop));
            assert_eq!(on(&crate::reference::device()), on(&Device::flex()), "{rows} x {width} {drop:?}");
        }
    }
}
