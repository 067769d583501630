//! The fault of burn-fusion for which nothing of this project runs through it: a gather that is broadcast within
//! a fused block reads other rows' indices.
//!
//! Built with `--features wgpu,fusion`. On the day it is mended this test fails, and `fusion` may be looked at anew.
#![cfg(all(feature = "fusion", any(feature = "wgpu", feature = "cuda")))]

use burn::prelude::*;
use electra_kernels::composed;

fn device() -> Device {
    #[cfg(feature = "cuda")]
    return Device::cuda(0);
    #[cfg(not(feature = "cuda"))]
    Device::wgpu(Default::default())
}

/// Rows and columns of the example.
const SIZES: [usize; 2] = [64, 128];

/// The elements of `x[row, index[row]] + zeros[row, ..]`, which is one number repeated along each row.
fn gathered(device: &Device, apart: bool) -> Vec<f32> {
    let [rows, columns] = SIZES;
    let x: Vec<f32> = (0..rows * columns).map(|i| i as f32).collect();
    let x = Tensor::<1>::from_floats(x.as_slice(), device).reshape(SIZES);
    let index: Vec<i32> = (0..rows as i32).map(|row| row * 37 % columns as i32).collect();
    let index = Tensor::<1, Int>::from_ints(index.as_slice(), device).reshape([rows, 1]);
    let column = x.gather(1, index);
    if apart {
        // Reading it ends the block, before there is anything in it that the column is broadcast over.
        let _ = column.to_data();
    }
    (column + Tensor::zeros(SIZES, device)).into_data().iter().collect()
}

#[test]
fn a_gather_that_is_broadcast_is_still_wrong_where_it_is_fused() {
    let [_, columns] = SIZES;
    let device = device();
    let expected: Vec<f32> =
        (0..SIZES[0]).flat_map(|row| vec![(row * columns + row * 37 % columns) as f32; columns]).collect();
    let wrong = |apart: bool| gathered(&device, apart).iter().zip(&expected).filter(|(a, b)| a != b).count();
    assert_eq!(wrong(true), 0, "wrong elements where the gather is alone");
    assert!(
        wrong(false) > 0,
        "burn-fusion gathers rightly now: see docs/decisions/0016-kernels-for-cards.md"
    );
}

#[test]
fn the_composed_sampling_does_not_meet_it() {
    let device = device();
    for v in [100, 128, 3000] {
        let row: Vec<f64> = (0..v).map(|i| f64::from(i * 7 % 5) - 2.0).collect();
        let total: f64 = row.iter().map(|x| x.exp()).sum();
        let mut before = 0.0;
        let middles = row.iter().map(|x| {
            let share = x.exp() / total;
            before += share;
            (before - 0.5 * share) as f32
        });
        let middles = Tensor::<1>::from_floats(middles.collect::<Vec<_>>().as_slice(), &device);
        let logits: Vec<f32> = row.iter().map(|&x| x as f32).collect();
        let logits =
            Tensor::<1>::from_floats(logits.as_slice(), &device).unsqueeze().repeat_dim(0, v as usize);
        let found: Vec<i64> =
            composed::sample_categorical(logits, middles, 1.0, None).into_data().iter().collect();
        let off = found.iter().zip(0..).filter(|(found, expected)| *found != expected).count();
        // In single precision the middle of a narrow interval may round beyond it.
        assert!(off * 1000 <= v as usize, "{off} of {v} samples are not the id of their interval");
    }
}
