//! The fastest matrix product that a device reaches: what training speed is held against.

use std::time::Instant;

use burn::prelude::*;
use burn::tensor::Distribution;
use electra_kernels::{Precision, linear};

/// Best rate over several products of square matrices with operands in `precision`, in floating-point
/// operations per second.
pub fn measure(device: &Device, precision: Precision) -> f64 {
    let mut best = 0.0f64;
    for n in [512usize, 1024, 1536] {
        let a = Tensor::<2>::random([n, n], Distribution::Uniform(-1.0, 1.0), device);
        let b = Tensor::<2>::random([n, n], Distribution::Uniform(-1.0, 1.0), device);
        let bias = Tensor::<1>::zeros([n], device);
        let run = || {
            let _ = match precision {
                Precision::F32 => a.clone().matmul(b.clone()),
                // As training multiplies.
                _ => linear(a.clone(), b.clone(), bias.clone(), precision),
            };
            let _ = device.sync();
        };
        run();
        for _ in 0..6 {
            let start = Instant::now();
            run();
            best = best.max(2.0 * (n as f64).powi(3) / start.elapsed().as_secs_f64());
        }
    }
    best
}
