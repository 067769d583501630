//! Categorical sampling: every id, at its frequency, and the CPU's ids for the same uniform numbers.

use burn::prelude::*;
use electra_kernels::sample_categorical;

use crate::reference::{device, flat, noise};

/// Logits that go to the device together: 16 MB, where software Vulkan takes buffers of 128 MB.
const LOGITS: usize = 1 << 22;

/// Logits of `v` ids, uniform in `[-spread, spread)`.
fn logits(v: usize, spread: f64) -> Vec<f64> {
    noise(v, 5, spread)
}

/// Draws from one distribution at each of the uniform numbers.
fn draws(logits: &[f64], uniforms: &[f64], device: &Device) -> Vec<i64> {
    let row = flat(logits, device, burn::tensor::DType::F32).unsqueeze::<2>();
    let of_chunk = |uniforms: &[f64]| {
        let uniforms = flat(uniforms, device, burn::tensor::DType::F32);
        let rows = row.clone().repeat_dim(0, uniforms.dims()[0]);
        sample_categorical(rows, uniforms, 1.0, None).into_data().iter::<i64>().collect::<Vec<_>>()
    };
    uniforms.chunks(LOGITS / logits.len()).flat_map(of_chunk).collect()
}

/// The probabilities of the ids.
fn probabilities(logits: &[f64]) -> Vec<f64> {
    let total: f64 = logits.iter().map(|x| x.exp()).sum();
    logits.iter().map(|x| x.exp() / total).collect()
}

/// Uniform in `[0, 1)`.
fn uniforms(n: usize) -> Vec<f64> {
    noise(n, 9, 0.5).into_iter().map(|x| (x + 0.5).clamp(0.0, 0.999_999_9)).collect()
}

#[test]
fn every_id_of_a_vocabulary_is_drawn_in_the_middle_of_its_interval() {
    let logits = logits(30_522, 1.0);
    let mut before = 0.0;
    let middles: Vec<f64> = probabilities(&logits)
        .into_iter()
        .map(|p| {
            before += p;
            before - 0.5 * p
        })
        .collect();
    // A third of them, spread over the vocabulary: intervals are some 3e-5 wide, uniform numbers some 6e-8.
    let chosen: Vec<usize> = (0..logits.len()).step_by(3).collect();
    let uniforms: Vec<f64> = chosen.iter().map(|&id| middles[id]).collect();
    let found = draws(&logits, &uniforms, &device());
    for (id, found) in chosen.into_iter().zip(found) {
        assert_eq!(found, id as i64);
    }
}

#[test]
fn frequencies_of_a_million_draws_fit_the_distribution() {
    let logits = logits(1000, 2.0);
    let draws = draws(&logits, &uniforms(1_000_000), &device());
    let mut counts = vec![0.0f64; logits.len()];
    draws.iter().for_each(|&id| counts[id as usize] += 1.0);
    let expected = probabilities(&logits).into_iter().map(|p| p * draws.len() as f64);
    let chi_square: f64 = counts.iter().zip(expected).map(|(n, e)| (n - e) * (n - e) / e).sum();
    // 999 degrees of freedom: mean 999, standard deviation 44.7; five of them on either side.
    assert!((775.0..1223.0).contains(&chi_square), "chi-square {chi_square}");
}

#[test]
fn the_same_uniform_numbers_draw_the_ids_that_the_cpu_draws() {
    // A boundary between two ids lies near every draw. An error of the distribution function of 3e-8, of rounding,
    // moves twice that of all draws for each of the ids over the nearest one.
    for (v, spread, n) in [(4096, 0.01, 20_000), (30_522, 0.5, 4_000)] {
        let (logits, uniforms) = (logits(v, spread), uniforms(n));
        let [found, expected] = [device(), Device::flex()].map(|device| draws(&logits, &uniforms, &device));
        let different = found.iter().zip(&expected).filter(|(a, b)| a != b).count();
        let most = (n as f64 * v as f64 * 2.0 * 1e-7) as usize;
        assert!(different <= most, "{v} ids: {different} of {n} draws differ, expected at most {most}");
        // To an id beside it.
        for (found, expected) in found.iter().zip(&expected) {
            assert!((found - expected).abs() <= 1, "{v} ids: {found}, expected {expected}");
        }
    }
}
