//! Tests of determinism: the same bits on every run and for every number of threads.

use burn::prelude::*;
use burn::tensor::DType;
use electra_kernels::{
    AdamStep, AttentionBlock, Dropout, FeedForwardBlock, LayerNormParams, LinearParams, Precision, Workers,
    adam_update, attention_block, dropout, embed, feed_forward_block, gather_positions, gelu, layer_norm,
    linear, linear_gelu, residual_layer_norm, sample_categorical, squared_norm, tied_logits,
    weighted_binary_cross_entropy, weighted_cross_entropy,
};

use crate::reference::{Input, device, doubles, floats, input, outcome, outcome_on, precisions};

/// Output and gradients of an encoder block that uses every operation.
fn block(device: Device, precision: Precision) -> Vec<u64> {
    // More rows than are few to any product.
    let [b, s, h, f] = [13, 33, 48, 100];
    let sizes = [b * s * h, h * h, h, h * f, f, f * h, h, h, h];
    let inputs: Vec<Input> = sizes.into_iter().enumerate().map(|(i, n)| input(n, i as u64, 0.4)).collect();
    let operation = |t: &[Tensor<1>]| {
        let drop = |seed| Dropout::new(0.1, seed);
        let x = dropout(t[0].clone(), drop(0)).reshape([b, s, h]);
        let bias = x.clone().detach().narrow(2, 0, 1).reshape([b, s]);
        let norm = || LayerNormParams { gamma: t[7].clone(), beta: t[8].clone(), eps: 1e-12 };
        let dense =
            |scale: f64| LinearParams { weight: t[1].clone().reshape([h, h]) * scale, bias: t[2].clone() };
        let [query, key, value, output] = [1.0, 2.0, 3.0, 4.0].map(dense);
        let attention = AttentionBlock { query, key, value, output, norm: norm(), heads: 3 };
        let x = attention_block(x, bias, attention, [drop(1), drop(2)], precision);
        let feed_forward = FeedForwardBlock {
            intermediate: LinearParams { weight: t[3].clone().reshape([h, f]), bias: t[4].clone() },
            output: LinearParams { weight: t[5].clone().reshape([f, h]), bias: t[6].clone() },
            norm: norm(),
        };
        let x = feed_forward_block(x, feed_forward, drop(3), precision);
        let map = |x| linear(x, t[1].clone().reshape([h, h]), t[2].clone(), precision);
        let mapped = |x| linear_gelu(x, t[1].clone().reshape([h, h]), t[2].clone(), precision);
        let y = layer_norm(gelu(map(mapped(x.clone()))), t[7].clone(), t[8].clone(), 1e-12);
        residual_layer_norm(x, y, drop(4), t[7].clone(), t[8].clone(), 1e-12).reshape([b * s * h])
    };
    let outcome = outcome_on(&device, DType::F32, &inputs, &operation);
    let gradients = outcome.gradients.into_iter().flatten().flatten();
    outcome.output.into_iter().chain(gradients).map(f64::to_bits).collect()
}

/// Loss, gradients, samples and an update of a generator that uses every operation.
fn generator() -> Vec<u64> {
    let [b, s, n, v, e] = [7, 40, 6, 2000, 48];
    let inputs: Vec<Input> = [v * e, s * e, 2 * e, v, b * n]
        .into_iter()
        .enumerate()
        .map(|(i, n)| input(n, i as u64, 0.4))
        .collect();
    let integers = |count: usize, bound: usize, device: &Device| {
        let values: Vec<i64> = (0..count).map(|i| (i * i % bound) as i64).collect();
        Tensor::<1, Int>::from_data(TensorData::new(values, [count]), device)
    };
    let operation = |t: &[Tensor<1>]| {
        let device = t[0].device();
        let table = t[0].clone().reshape([v, e]);
        let [ids, token_type_ids] = [v, 2].map(|bound| integers(b * s, bound, &device).reshape([b, s]));
        let (positions, types) = (t[1].clone().reshape([s, e]), t[2].clone().reshape([2, e]));
        let x = embed(table.clone(), positions, types, ids, token_type_ids);
        let slots = integers(b * n, s, &device).reshape([b, n]);
        let logits = tied_logits(gather_positions(x.clone(), slots), table, t[3].clone(), Precision::F32);
        let samples = sample_categorical(logits.clone(), t[4].clone().abs(), 1.0, None);
        let mlm = weighted_cross_entropy(logits, integers(b * n, v, &device), t[4].clone());
        let rtd = x.narrow(2, 0, 1).reshape([b, s]);
        let ones = rtd.ones_like();
        let rtd = weighted_binary_cross_entropy(rtd, ones.clone(), ones);
        Tensor::cat(vec![mlm, rtd, samples.float()], 0)
    };
    let outcome = outcome(&device(), DType::F32, &inputs, &operation);
    let gradients = outcome.gradients.into_iter().flatten();
    let step = AdamStep {
        learning_rate: 1e-3,
        beta_1: 0.9,
        beta_2: 0.999,
        epsilon: 1e-6,
        weight_decay: 0.01,
        gradient_scale: 1.0,
    };
    let updated = gradients.zip(&inputs).flat_map(|(gradient, input)| {
        let gradient = floats(&gradient, [gradient.len()]);
        let zeros = gradient.zeros_like();
        let parameter = floats(&input.values, gradient.dims());
        let norm = doubles(squared_norm(gradient.clone()));
        let updated = adam_update(parameter, gradient, zeros.clone(), zeros, step);
        [norm, doubles(updated.parameter), doubles(updated.moment_2)]
    });
    outcome.output.into_iter().chain(updated.flatten()).map(f64::to_bits).collect()
}

fn on_threads<R: Send>(threads: usize, f: impl FnOnce() -> R + Send) -> R {
    Workers::new(threads).unwrap().install(f)
}

#[test]
fn a_block_has_the_same_bits_on_every_run_and_on_one_two_and_five_threads() {
    for precision in precisions() {
        let run = |threads| on_threads(threads, || block(device().autodiff(), precision));
        let one = run(1);
        assert!(one == run(1), "{precision:?}: a second run differs");
        assert!(one == run(2), "{precision:?}: two threads differ from one");
        assert!(one == run(5), "{precision:?}: five threads differ from one");
    }
}

#[test]
fn gradient_checkpointing_changes_no_bits() {
    let device = device().autodiff();
    for precision in precisions() {
        let expected = block(device.clone(), precision);
        assert!(block(device.clone().gradient_checkpointing(), precision) == expected, "{precision:?}");
    }
}

#[test]
fn a_generator_has_the_same_bits_on_every_run_and_on_one_two_and_five_threads() {
    let one = on_threads(1, generator);
    assert!(one == generator(), "a second run differs");
    assert!(one == on_threads(2, generator), "two threads differ from one");
    assert!(one == on_threads(5, generator), "five threads differ from one");
}
