//! The fastest matrix product that a device reaches: what training speed is held against.

use std::time::{Duration, Instant};

use burn::prelude::*;
use burn::tensor::Distribution;
use electra_kernels::{Pass, Precision, card, linear, on_workers};

/// The implementation of a matrix product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Product {
    /// burn's own operation.
    Burn,
    /// The linear map of the networks, which adds a bias.
    Linear,
}

/// Rows, depth and columns of the products that are timed: squares, and the first half of a
/// feed-forward block of `small` on 16 rows of 128 tokens.
const SHAPES: [[usize; 3]; 4] = [[512; 3], [1024; 3], [1536; 3], [2048, 256, 1024]];

/// Sizes of the squares that are timed on cards, which are busy with large ones alone. A device that is slower than
/// a card, as a CPU that poses as one, does not come to the last.
const OF_CARDS: [usize; 5] = [512, 1024, 2048, 4096, 8192];

/// The time for which one product is repeated, so that a slow or busy machine does not wait for its peak.
const PATIENCE: Duration = Duration::from_millis(150);

/// The products that are timed. Which of the two is faster in 32 bits depends on the processor, and the
/// share of the peak that a step reaches is to be at most one. burn multiplies in 32 bits alone.
fn products(precision: Precision) -> &'static [Product] {
    match precision {
        Precision::F32 => &[Product::Burn, Product::Linear],
        _ => &[Product::Linear],
    }
}

/// Best rate over several products with operands in `precision`, in floating-point operations per
/// second.
pub fn measure(device: &Device, precision: Precision) -> f64 {
    if card(device).is_some() {
        return on_card(device, precision);
    }
    let mut best = 0.0f64;
    for shape in SHAPES {
        for &product in products(precision) {
            let rate = || rate(product, device, precision, shape);
            best = best.max(match product {
                Product::Burn => rate(),
                // As a step is run. burn's threads, which are others, would wait for those that stay awake.
                Product::Linear => on_workers(Pass::Evaluation, device, rate),
            });
        }
    }
    best
}

/// Best rate over products of squares on a card by the networks' own kernel: burn's may round 32-bit operands.
fn on_card(device: &Device, precision: Precision) -> f64 {
    let mut best = 0.0f64;
    for size in OF_CARDS {
        let found = rate(Product::Linear, device, precision, [size; 3]);
        best = best.max(found);
        // The next one takes eight times as long.
        if 8.0 * 2.0 * (size as f64).powi(3) / found > PATIENCE.as_secs_f64() {
            break;
        }
    }
    // What was measured is no memory of what comes next.
    device.memory_cleanup();
    best
}

/// Bytes that a device copies in a second, read and written counted, at best; 0 where it cannot.
pub fn copy_bandwidth(device: &Device) -> f64 {
    let mut best = 0.0f64;
    // 128 MB is the most that some drivers take in one buffer; large cards have caches that hold half of that.
    let is_large = card(device).and_then(|card| card.memory_bytes).is_some_and(|bytes| bytes > 8 << 30);
    for elements in if is_large { [1usize << 27] } else { [1usize << 25] } {
        let x = Tensor::<1>::zeros([elements], device);
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            let start = Instant::now();
            // Eight copies, so that the wait for the last one weighs little.
            for _ in 0..8 {
                let _copied = x.clone() + 1.0;
            }
            if device.sync().is_err() {
                return best;
            }
            best = best.max((8 * 2 * 4 * elements) as f64 / start.elapsed().as_secs_f64());
        }
    }
    best
}

/// Best rate over repetitions of one product; 0 where the device cannot.
fn rate(product: Product, device: &Device, precision: Precision, [rows, depth, columns]: [usize; 3]) -> f64 {
    let random = |shape| Tensor::<2>::random(shape, Distribution::Uniform(-1.0, 1.0), device);
    let (a, b) = (random([rows, depth]), random([depth, columns]));
    let bias = Tensor::<1>::zeros([columns], device);
    let run = || {
        let _ = match product {
            Product::Burn => a.clone().matmul(b.clone()),
            Product::Linear => linear(a.clone(), b.clone(), bias.clone(), precision),
        };
        device.sync().is_ok()
    };
    let begun = Instant::now();
    if !run() {
        return 0.0;
    }
    let mut best = 0.0f64;
    for repetition in 0..6 {
        if repetition > 0 && begun.elapsed() > PATIENCE {
            break;
        }
        let start = Instant::now();
        if !run() {
            break;
        }
        best = best.max(2.0 * (rows * depth * columns) as f64 / start.elapsed().as_secs_f64());
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_the_better_of_burns_products_and_those_of_the_networks() {
        assert_eq!(products(Precision::F32), [Product::Burn, Product::Linear]);
        for precision in [Precision::Bf16, Precision::F16] {
            assert_eq!(products(precision), [Product::Linear], "{precision:?}");
        }
    }
}
