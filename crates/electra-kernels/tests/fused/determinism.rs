//! The same bits on every run and for every number of threads.

use burn::prelude::*;
use burn::tensor::DType;
use electra_kernels::{
    Dropout, attention, dropout, gelu, layer_norm, linear, linear_gelu, residual_layer_norm,
};

use crate::reference::{Input, input, outcome};

/// Output and gradients of an encoder block that uses every operation.
fn block() -> Vec<u64> {
    let [b, s, h, f] = [5, 33, 48, 100];
    let sizes = [b * s * h, h * h, h, h * f, f, f * h, h, h, h];
    let inputs: Vec<Input> = sizes.into_iter().enumerate().map(|(i, n)| input(n, i as u64, 0.4)).collect();
    let operation = |t: &[Tensor<1>]| {
        let drop = |seed| Dropout { rate: 0.1, seed };
        let x = dropout(t[0].clone(), drop(0)).reshape([b, s, h]);
        let bias = x.clone().detach().narrow(2, 0, 1).reshape([b, s]);
        let [q, k, v] = [1.0, 2.0, 3.0]
            .map(|scale| linear(x.clone() * scale, t[1].clone().reshape([h, h]), t[2].clone()));
        let a = attention(q, k, v, bias, 3, drop(1));
        let a = layer_norm(gelu(a), t[7].clone(), t[8].clone(), 1e-12);
        let x = residual_layer_norm(x, a, drop(2), t[7].clone(), t[8].clone(), 1e-12);
        let u = linear_gelu(x.clone(), t[3].clone().reshape([h, f]), t[4].clone());
        let y = linear(u, t[5].clone().reshape([f, h]), t[6].clone());
        residual_layer_norm(x, y, drop(3), t[7].clone(), t[8].clone(), 1e-12).reshape([b * s * h])
    };
    let outcome = outcome(&Device::flex(), DType::F32, &inputs, &operation);
    let gradients = outcome.gradients.into_iter().flatten().flatten();
    outcome.output.into_iter().chain(gradients).map(f64::to_bits).collect()
}

fn on_threads<R: Send>(threads: usize, f: impl FnOnce() -> R + Send) -> R {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(f)
}

#[test]
fn a_block_has_the_same_bits_on_every_run() {
    assert!(block() == block());
}

#[test]
fn a_block_has_the_same_bits_on_one_two_and_five_threads() {
    let one = on_threads(1, block);
    assert!(one == on_threads(2, block), "two threads differ from one");
    assert!(one == on_threads(5, block), "five threads differ from one");
}
