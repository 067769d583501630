//! The update of a small module, against numbers worked out here in double precision.

use burn::module::{Module, Param};
use burn::optim::GradientsParams;
use burn::prelude::*;
use burn::tensor::TensorData;
use electra_optim::*;
use proptest::prelude::*;

#[derive(Module, Debug)]
struct Network {
    dense: Dense,
    unused: Param<Tensor<1>>,
}

#[derive(Module, Debug)]
struct Dense {
    weight: Param<Tensor<2>>,
    bias: Param<Tensor<1>>,
}

const WEIGHT: [f64; 4] = [0.5, -1.0, 2.0, 0.25];
const BIAS: [f64; 2] = [0.1, -0.2];
const UNUSED: [f32; 1] = [7.0];
const PATHS: [&str; 3] = ["dense.bias", "dense.weight", "unused"];

fn device() -> Device {
    Device::flex().autodiff()
}

fn f32s<const N: usize>(values: [f64; N]) -> TensorData {
    TensorData::from(values.map(|v| v as f32))
}

fn network() -> Network {
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
fn gradients(network: &Network, weight: [f64; 4], bias: [f64; 2]) -> GradientsParams {
    let device = device();
    let weight = Tensor::<1>::from_data(f32s(weight), &device).reshape([2, 2]);
    let bias = Tensor::<1>::from_data(f32s(bias), &device);
    let loss = (network.dense.weight.val() * weight).sum() + (network.dense.bias.val() * bias).sum();
    GradientsParams::from_grads(loss.backward(), network)
}

fn values(network: &Network) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
    let read = |data: TensorData| data.as_slice::<f32>().unwrap().to_vec();
    (
        read(network.dense.weight.val().into_data()),
        read(network.dense.bias.val().into_data()),
        read(network.unused.val().into_data()),
    )
}

fn bits(network: &Network) -> Vec<u32> {
    let (weight, bias, unused) = values(network);
    [weight, bias, unused].concat().into_iter().map(f32::to_bits).collect()
}

fn assert_close(found: &[f32], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        let error = (f64::from(*found) - expected).abs();
        assert!(error <= 2e-6 * expected.abs().max(0.1), "{found} is not {expected}");
    }
}

/// The weights' and the bias's gradients of three steps.
const STEPS: [([f64; 4], [f64; 2]); 3] = [
    ([1.0, -2.0, 0.5, 0.0], [3.0, -0.25]),
    ([-0.5, 0.25, 0.5, 1e-3], [1.0, 0.0]),
    ([2.0, 1.0, -1.0, -1e-3], [-1.0, 4.0]),
];

const RATES: [f64; 3] = [0.0, 0.01, 0.02];

fn run(config: AdamConfig, steps: usize) -> (Network, OptimizerState) {
    let mut network = network();
    let mut state = OptimizerState::new(&network);
    for step in 0..steps {
        let (weight, bias) = STEPS[step];
        let gradients = gradients(&network, weight, bias);
        network = Adam { config }.step(&mut state, network, gradients, |_| RATES[step], 1.0);
    }
    (network, state)
}

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
fn the_norm_is_that_of_all_gradients_together_and_clips_only_above_the_limit() {
    let network = network();
    // 1 + 4 + 4 + 0 + 16 + 0 = 25.
    let gradients = gradients(&network, [1.0, -2.0, 2.0, 0.0], [4.0, 0.0]);
    let clip = |max| clip_by_global_norm(&network, &gradients, max).unwrap();
    assert_eq!(clip(1.0), Clip { norm: 5.0, scale: 0.2 });
    assert_eq!(clip(5.0), Clip { norm: 5.0, scale: 1.0 });
    assert_eq!(clip(10.0), Clip { norm: 5.0, scale: 1.0 });
    let none = GradientsParams::new();
    let clip = clip_by_global_norm(&network, &none, 1.0).unwrap();
    assert_eq!(clip, Clip { norm: 0.0, scale: 1.0 });
}

#[test]
fn a_gradient_that_is_not_finite_is_reported_with_its_parameter() {
    let network = network();
    for (weight, bias, culprits) in [
        ([0.0, f64::NAN, 0.0, 0.0], [1.0, 1.0], vec!["dense.weight"]),
        ([1.0; 4], [1.0, f64::INFINITY], vec!["dense.bias"]),
        ([1e30, 0.0, 0.0, 0.0], [f64::NAN, 0.0], vec!["dense.weight", "dense.bias"]),
    ] {
        let gradients = gradients(&network, weight, bias);
        let error = clip_by_global_norm(&network, &gradients, 1.0).unwrap_err();
        assert_eq!(error.paths, culprits);
        assert!(error.to_string().contains(culprits[0]), "{error}");
    }
}

#[test]
fn a_resumed_state_gives_the_same_bits_as_one_that_never_stopped() {
    for bias_correction in [false, true] {
        let config = AdamConfig { bias_correction, ..AdamConfig::ELECTRA };
        let (straight, state_straight) = run(config, 3);

        let (mut network, state) = run(config, 2);
        let mut state = OptimizerState::from_named(state.to_named(), &network).unwrap();
        let (weight, bias) = STEPS[2];
        let gradients = gradients(&network, weight, bias);
        network = Adam { config }.step(&mut state, network, gradients, |_| RATES[2], 1.0);

        assert_eq!(bits(&network), bits(&straight));
        let bytes = |state: &OptimizerState| {
            let named = state.to_named().into_iter();
            named.map(|(name, data)| (name, data.as_bytes().to_vec())).collect::<Vec<_>>()
        };
        assert_eq!(bytes(&state), bytes(&state_straight));
    }
}

#[test]
fn a_state_is_named_in_sorted_order_with_the_shapes_of_the_parameters() {
    let (_, state) = run(AdamConfig::ELECTRA, 2);
    let named = state.to_named();
    let expected: Vec<String> = ["moment_1", "moment_2", "updates"]
        .iter()
        .flat_map(|kind| PATHS.map(|path| format!("{kind}/{path}")))
        .collect();
    let names: Vec<_> = named.iter().map(|(name, _)| name.clone()).collect();
    assert_eq!(names, expected);
    let shapes: Vec<_> = named.iter().map(|(_, data)| data.shape().to_vec()).collect();
    assert_eq!(shapes[..3], [vec![2], vec![2, 2], vec![1]]);
    assert_eq!(named[7].1.as_slice::<i64>().unwrap(), [2]);
}

#[test]
fn a_state_of_another_model_is_refused_with_the_name_of_the_tensor() {
    let (network, state) = run(AdamConfig::ELECTRA, 1);
    let load = |named| OptimizerState::from_named(named, &network).map(|_| ()).unwrap_err();

    for name in ["moment_1/dense.weight", "moment_2/unused", "updates/dense.bias"] {
        let mut named = state.to_named();
        named.retain(|(n, _)| n != name);
        assert_eq!(load(named), StateError::Missing { name: name.into() });
    }

    let mut named = state.to_named();
    named.push(("moment_1/dense.other".into(), TensorData::from([1.0f32])));
    assert_eq!(load(named), StateError::Unexpected { name: "moment_1/dense.other".into() });

    let mut named = state.to_named();
    named.push(named[0].clone());
    assert_eq!(load(named), StateError::Duplicate { name: "moment_1/dense.bias".into() });

    let mut named = state.to_named();
    named[1].1 = TensorData::from([[1.0f32, 2.0, 3.0]]);
    let name = "moment_1/dense.weight".to_string();
    assert_eq!(load(named), StateError::Shape { name, found: vec![1, 3], expected: vec![2, 2] });

    let mut named = state.to_named();
    named[0].1 = TensorData::from([1i64, 2]);
    assert!(matches!(load(named), StateError::Type { name, .. } if name == "moment_1/dense.bias"));

    let mut named = state.to_named();
    named[8].1 = TensorData::from([-1i64]);
    assert_eq!(load(named), StateError::Updates { name: "updates/unused".into(), found: -1 });
}

#[test]
fn a_frozen_parameter_needs_no_state() {
    let mut network = network();
    network.dense.bias = network.dense.bias.set_require_grad(false);
    let named = OptimizerState::new(&network).to_named();
    assert!(named.iter().all(|(name, _)| !name.ends_with("bias")));
    let state = OptimizerState::from_named(named, &network).unwrap();
    assert_eq!(state.moments.len(), 2);
}

#[test]
#[should_panic(expected = "`dense.bias` and `unused` are clones of one parameter")]
fn a_parameter_owned_twice_is_refused() {
    let mut network = network();
    network.unused = network.dense.bias.clone();
    OptimizerState::new(&network);
}

#[test]
fn micro_batches_add_up_exactly() {
    let network = network();
    let parts = [
        gradients(&network, [1.0, 2.0, 3.0, 4.0], [0.5, 0.0]),
        gradients(&network, [0.25, -2.0, 1.0, 0.0], [0.5, 8.0]),
        gradients(&network, [1.0, 1.0, 1.0, -8.0], [-1.0, 1.0]),
    ];
    let mut parts = parts.into_iter();
    let mut sum = parts.next().unwrap();
    for part in parts {
        sum = add_gradients(&network, sum, part);
    }
    let read = |data: TensorData| data.as_slice::<f32>().unwrap().to_vec();
    let weight = sum.get::<2>(network.dense.weight.id).unwrap();
    let bias = sum.get::<1>(network.dense.bias.id).unwrap();
    assert_eq!(read(weight.into_data()), [2.25, 1.0, 5.0, -4.0]);
    assert_eq!(read(bias.into_data()), [0.0, 9.0]);
    assert_eq!(sum.len(), 2);
}

#[test]
fn a_gradient_of_one_micro_batch_only_is_kept() {
    let network = network();
    let loss = network.unused.val().sum() * 3.0;
    let unused = GradientsParams::from_grads(loss.backward(), &network);
    let sum = add_gradients(&network, GradientsParams::new(), unused);
    let sum = add_gradients(&network, sum, gradients(&network, [1.0; 4], [2.0; 2]));
    assert_eq!(sum.len(), 3);
    let kept = sum.get::<1>(network.unused.id).unwrap();
    assert_eq!(kept.into_data().as_slice::<f32>().unwrap(), [3.0]);
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

    #[test]
    fn a_clipped_gradient_has_at_most_the_norm_asked_for(
        weight in prop::array::uniform4(-10.0..10.0),
        bias in prop::array::uniform2(-10.0..10.0),
        max_norm in 0.1..20.0,
    ) {
        let network = network();
        let gradients = gradients(&network, weight, bias);
        let clip = clip_by_global_norm(&network, &gradients, max_norm).unwrap();
        let squares = weight.iter().chain(&bias).map(|&g: &f64| f64::from(g as f32).powi(2));
        let norm = squares.sum::<f64>().sqrt();
        prop_assert!((clip.norm - norm).abs() <= 1e-6 * norm, "{} is not {norm}", clip.norm);
        prop_assert!(clip.scale <= 1.0);
        prop_assert!(clip.norm * clip.scale <= max_norm * (1.0 + 1e-12));
        prop_assert!(clip.norm > max_norm || clip.scale == 1.0);
    }
}
