//! The update, against numbers worked out here in double precision.

use burn::module::{Module, Param};
use burn::optim::GradientsParams;
use burn::prelude::*;
use electra_optim::*;
use proptest::prelude::*;

use crate::network::*;

/// The reference's update of one number, written down from its source file.
fn reference(parameter: f64, gradients: [f64; 3], decay: f64) -> f64 {
    let (mut p, mut m, mut v) = (parameter, 0.0, 0.0);
    for (g, rate) in gradients.into_iter().zip(RATES) {
        m = 0.9 * m + 0.1 * g;
        v = 0.999 * v + 0.001 * g * g;
        p -= rate * (m / (f64::sqrt(v) + 1e-6) + decay * p);
    }
    p
}

/// PyTorch's AdamW of one number, written down from its documentation.
fn adamw(parameter: f64, gradients: [f64; 3], decay: f64) -> f64 {
    let (mut p, mut m, mut v) = (parameter, 0.0, 0.0);
    for (t, (g, rate)) in gradients.into_iter().zip(RATES).enumerate() {
        p -= rate * decay * p;
        m = 0.9 * m + 0.1 * g;
        v = 0.999 * v + 0.001 * g * g;
        let m_hat = m / (1.0 - f64::powi(0.9, t as i32 + 1));
        let v_hat = v / (1.0 - f64::powi(0.999, t as i32 + 1));
        p -= rate * m_hat / (v_hat.sqrt() + 1e-6);
    }
    p
}

fn expected(rule: fn(f64, [f64; 3], f64) -> f64, decay: f64) -> (Vec<f64>, Vec<f64>) {
    let weight = (0..4).map(|i| rule(WEIGHT[i], STEPS.map(|(g, _)| g[i]), decay));
    let bias = (0..2).map(|i| rule(BIAS[i], STEPS.map(|(_, g)| g[i]), 0.0));
    (weight.collect(), bias.collect())
}

#[test]
fn three_steps_of_the_reference_decay_the_weight_and_not_the_bias() {
    let config = AdamConfig { weight_decay: 0.1, ..AdamConfig::ELECTRA };
    let (network, _) = run(config, 3);
    let (weight, bias, _) = values(&network);
    let (expected_weight, expected_bias) = expected(reference, 0.1);
    assert_close(&weight, &expected_weight);
    assert_close(&bias, &expected_bias);
    // The second step of weight[0] by hand: m = 0.9 * 0.1 - 0.05 = 0.04,
    // v = 0.999e-3 + 0.25e-3 = 1.249e-3, update = 0.04 / 0.0353422 + 0.1 * 0.5 = 1.18177.
    let (after_two, _) = run(config, 2);
    assert_close(&values(&after_two).0[..1], &[0.5 - 0.01 * 1.181_768]);
}

#[test]
fn with_bias_correction_three_steps_are_those_of_adamw() {
    let config = AdamConfig { weight_decay: 0.1, bias_correction: true, ..AdamConfig::ELECTRA };
    let (network, _) = run(config, 3);
    let (weight, bias, _) = values(&network);
    let (expected_weight, expected_bias) = expected(adamw, 0.1);
    assert_close(&weight, &expected_weight);
    assert_close(&bias, &expected_bias);
}

#[test]
fn the_first_corrected_step_moves_by_the_learning_rate() {
    let network = network();
    let mut state = OptimizerState::new(&network);
    let gradients = gradients(&network, [4.0, -3.0, 1.0, -2.0], [5.0, -5.0]);
    let config = AdamConfig { weight_decay: 0.0, bias_correction: true, ..AdamConfig::ELECTRA };
    let network = Adam { config }.step(&mut state, network, gradients, |_| 0.1, 1.0);
    let (weight, bias, _) = values(&network);
    assert_close(&weight, &[0.4, -0.9, 1.9, 0.35]);
    assert_close(&bias, &[0.0, -0.1]);
}

#[test]
fn a_rate_of_zero_fills_the_moments_and_leaves_the_parameters() {
    let (after, state) = run(AdamConfig::ELECTRA, 1);
    assert_eq!(bits(&after), bits(&network()));
    let named = state.to_named();
    let of = |name: &str| {
        let (_, data) = named.iter().find(|(n, _)| n == name).unwrap();
        data.as_slice::<f32>().unwrap().to_vec()
    };
    assert_close(&of("moment_1/dense.weight"), &[0.1, -0.2, 0.05, 0.0]);
    assert_close(&of("moment_2/dense.weight"), &[0.001, 0.004, 0.000_25, 0.0]);
    assert_close(&of("moment_1/dense.bias"), &[0.3, -0.025]);
}

#[test]
fn a_parameter_without_gradient_keeps_its_value_and_moments() {
    let (network, state) = run(AdamConfig { weight_decay: 0.1, ..AdamConfig::ELECTRA }, 3);
    assert_eq!(values(&network).2, UNUSED);
    assert_eq!(state.moments["unused"].updates, 0);
    assert_eq!(state.moments["dense.weight"].updates, 3);
    let named = state.to_named();
    for name in ["moment_1/unused", "moment_2/unused"] {
        let (_, data) = named.iter().find(|(n, _)| n == name).unwrap();
        assert_eq!(data.as_slice::<f32>().unwrap(), [0.0], "{name}");
    }
}

#[test]
fn updated_parameters_keep_their_identity_and_start_a_new_graph() {
    let before = network();
    let ids = (before.dense.weight.id, before.dense.bias.id, before.unused.id);
    let frozen = before.dense.bias.clone().set_require_grad(false);
    let mut before = before;
    before.dense.bias = frozen;

    let mut state = OptimizerState::new(&before);
    assert_eq!(state.moments.keys().collect::<Vec<_>>(), ["dense.weight", "unused"]);
    let gradients_1 = gradients(&before, [1.0; 4], [1.0; 2]);
    assert_eq!(gradients_1.len(), 1);
    let config = AdamConfig::ELECTRA;
    let after = Adam { config }.step(&mut state, before, gradients_1, |_| 0.1, 1.0);

    assert_eq!((after.dense.weight.id, after.dense.bias.id, after.unused.id), ids);
    assert!(after.dense.weight.is_require_grad() && after.unused.is_require_grad());
    assert!(!after.dense.bias.is_require_grad());
    // A parameter that still hung on the old graph would not be a leaf, and would get no gradient.
    let gradients_2 = gradients(&after, [2.0; 4], [1.0; 2]);
    let gradient = gradients_2.get::<2>(after.dense.weight.id).unwrap();
    assert_eq!(gradient.into_data().as_slice::<f32>().unwrap(), [2.0; 4]);
}

#[test]
fn a_module_without_autodiff_is_updated_and_stays_without() {
    let network = network();
    let gradients = gradients(&network, [4.0, -3.0, 1.0, -2.0], [5.0, -5.0]);
    let plain = network.valid();
    let mut state = OptimizerState::default();
    let config = AdamConfig { weight_decay: 0.0, bias_correction: true, ..AdamConfig::ELECTRA };
    let plain = Adam { config }.step(&mut state, plain, gradients, |_| 0.1, 1.0);
    assert_close(&values(&plain).0, &[0.4, -0.9, 1.9, 0.35]);
    assert!(!plain.dense.weight.val().is_autodiff());
    assert_eq!(state.moments.len(), 2);
}

#[test]
fn parameters_keep_the_checkpointing_strategy_of_their_device() {
    let device = Device::flex().autodiff().gradient_checkpointing();
    let dense = Dense {
        weight: Param::from_tensor(Tensor::ones([2, 2], &device)),
        bias: Param::from_tensor(Tensor::ones([2], &device)),
    };
    let strategy = dense.weight.val().gradient_checkpointing_strategy();
    let mut state = OptimizerState::new(&dense);
    let loss = dense.weight.val().square().sum() + dense.bias.val().sum();
    let gradients = GradientsParams::from_grads(loss.backward(), &dense);
    let config = AdamConfig::ELECTRA;
    let dense = Adam { config }.step(&mut state, dense, gradients, |_| 0.1, 1.0);
    assert_eq!(dense.weight.val().gradient_checkpointing_strategy(), strategy);
    let again = (dense.weight.val() * Tensor::<2>::ones([2, 2], &device)).sum().backward();
    assert_eq!(GradientsParams::from_grads(again, &dense).len(), 1);
}

#[test]
fn every_parameter_learns_at_the_rate_of_its_path() {
    let network = network();
    let mut state = OptimizerState::new(&network);
    let gradients = gradients(&network, [1.0; 4], [1.0; 2]);
    let config = AdamConfig { weight_decay: 0.0, bias_correction: true, ..AdamConfig::ELECTRA };
    let rate = |path: &str| match path {
        "dense.weight" => 0.1,
        "dense.bias" => 0.01,
        other => panic!("no gradient for {other}"),
    };
    let network = Adam { config }.step(&mut state, network, gradients, rate, 1.0);
    let (weight, bias, _) = values(&network);
    assert_close(&weight, &WEIGHT.map(|p| p - 0.1));
    assert_close(&bias, &BIAS.map(|p| p - 0.01));
}

#[test]
fn behind_burns_trait_the_rule_is_the_same() {
    for bias_correction in [false, true] {
        let config = AdamConfig { weight_decay: 0.1, bias_correction, ..AdamConfig::ELECTRA };
        let (expected, _) = run(config, 3);
        let mut network = network();
        let mut optimizer = ElectraAdam { config }.into_module_optimizer();
        for ((weight, bias), rate) in STEPS.into_iter().zip(RATES) {
            let gradients = gradients(&network, weight, bias);
            network = optimizer.step(rate, network, gradients);
        }
        assert_eq!(bits(&network), bits(&expected));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// The clip factor may go into the update because the update sees it as a scaled gradient.
    #[test]
    fn scaling_in_the_update_is_scaling_the_gradient(
        weight in prop::array::uniform4(-10.0..10.0),
        bias in prop::array::uniform2(-10.0..10.0),
        exponent in -6i32..=0,
        bias_correction in any::<bool>(),
    ) {
        // A power of two, so that scaling the gradient rounds nothing.
        let scale = 2f64.powi(exponent);
        let config = AdamConfig { bias_correction, ..AdamConfig::ELECTRA };
        let step = |weight, bias, scale| {
            let network = network();
            let mut state = OptimizerState::new(&network);
            let gradients = gradients(&network, weight, bias);
            let network = Adam { config }.step(&mut state, network, gradients, |_| 0.1, scale);
            bits(&network)
        };
        let inside = step(weight, bias, scale);
        let outside = step(weight.map(|g| f64::from(g as f32) * scale), bias.map(|g| f64::from(g as f32) * scale), 1.0);
        prop_assert_eq!(inside, outside);
    }
}
