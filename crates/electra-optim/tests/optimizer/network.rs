//! A small module, three steps of gradients for it, and what they should lead to.

use burn::module::{Module, Param};
use burn::optim::GradientsParams;
use burn::prelude::*;
use burn::tensor::TensorData;
use electra_optim::*;

#[derive(Module, Debug)]
pub struct Network {
    pub dense: Dense,
    pub unused: Param<Tensor<1>>,
}

#[derive(Module, Debug)]
pub struct Dense {
    pub weight: Param<Tensor<2>>,
    pub bias: Param<Tensor<1>>,
}

pub const WEIGHT: [f64; 4] = [0.5, -1.0, 2.0, 0.25];
pub const BIAS: [f64; 2] = [0.1, -0.2];
pub const UNUSED: [f32; 1] = [7.0];
pub const PATHS: [&str; 3] = ["dense.bias", "dense.weight", "unused"];

pub fn device() -> Device {
    Device::flex().autodiff()
}

pub fn f32s<const N: usize>(values: [f64; N]) -> TensorData {
    TensorData::from(values.map(|v| v as f32))
}

pub fn network() -> Network {
    let device = device();
    let weight = Tensor::<1>::from_data(f32s(WEIGHT), &device).reshape([2, 2]).detach();
    Network {
        dense: Dense {
            weight: Param::from_tensor(weight),
            bias: Param::from_tensor(Tensor::from_data(f32s(BIAS), &device)),
        },
        unused: Param::from_tensor(Tensor::from_data(TensorData::from(UNUSED), &device)),
    }
}

/// Gradients `weight` and `bias`, through a backward pass: the loss is linear in the parameters.
pub fn gradients(network: &Network, weight: [f64; 4], bias: [f64; 2]) -> GradientsParams {
    let device = device();
    let weight = Tensor::<1>::from_data(f32s(weight), &device).reshape([2, 2]);
    let bias = Tensor::<1>::from_data(f32s(bias), &device);
    let loss = (network.dense.weight.val() * weight).sum() + (network.dense.bias.val() * bias).sum();
    GradientsParams::from_grads(loss.backward(), network)
}

pub fn values(network: &Network) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
    let read = |data: TensorData| data.as_slice::<f32>().unwrap().to_vec();
    (
        read(network.dense.weight.val().into_data()),
        read(network.dense.bias.val().into_data()),
        read(network.unused.val().into_data()),
    )
}

pub fn bits(network: &Network) -> Vec<u32> {
    let (weight, bias, unused) = values(network);
    [weight, bias, unused].concat().into_iter().map(f32::to_bits).collect()
}

pub fn assert_close(found: &[f32], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        let error = (f64::from(*found) - expected).abs();
        assert!(error <= 2e-6 * expected.abs().max(0.1), "{found} is not {expected}");
    }
}

/// The weights' and the bias's gradients of three steps.
pub const STEPS: [([f64; 4], [f64; 2]); 3] = [
    ([1.0, -2.0, 0.5, 0.0], [3.0, -0.25]),
    ([-0.5, 0.25, 0.5, 1e-3], [1.0, 0.0]),
    ([2.0, 1.0, -1.0, -1e-3], [-1.0, 4.0]),
];

pub const RATES: [f64; 3] = [0.0, 0.01, 0.02];

pub fn run(config: AdamConfig, steps: usize) -> (Network, OptimizerState) {
    let mut network = network();
    let mut state = OptimizerState::new(&network);
    for step in 0..steps {
        let (weight, bias) = STEPS[step];
        let gradients = gradients(&network, weight, bias);
        network = Adam { config }.step(&mut state, network, gradients, |_| RATES[step], 1.0);
    }
    (network, state)
}
