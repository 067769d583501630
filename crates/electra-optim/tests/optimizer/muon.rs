//! Muon, against `torch.optim.Muon` (`scripts/reference/muon.py` writes the numbers).

use burn::module::{Module, Param};
use burn::optim::GradientsParams;
use burn::prelude::*;
use burn::tensor::TensorData;
use electra_optim::*;
use serde_json::Value;

use crate::network::{Dense, device};

/// A matrix where an encoder layer has one, and a bias beside it.
#[derive(Module, Debug)]
struct Layered {
    layers: Vec<Dense>,
    head: Dense,
}

fn dense(weight: &[f32], [inputs, outputs]: [usize; 2], device: &Device) -> Dense {
    let data = TensorData::new(weight.to_vec(), [inputs, outputs]);
    Dense {
        weight: Param::from_tensor(Tensor::from_data(data, device)),
        bias: Param::from_tensor(Tensor::zeros([outputs], device)),
    }
}

fn layered(weight: &[f32], shape: [usize; 2], device: &Device) -> Layered {
    Layered { layers: vec![dense(weight, shape, device)], head: dense(weight, shape, device) }
}

/// The same gradients for the layer and for the head, and ones for both biases.
fn gradients(of: &Layered, gradient: &[f32], shape: [usize; 2], device: &Device) -> GradientsParams {
    let gradient = Tensor::<2>::from_data(TensorData::new(gradient.to_vec(), shape), device);
    let term = |d: &Dense| (d.weight.val() * gradient.clone()).sum() + d.bias.val().sum();
    let loss = term(&of.layers[0]) + term(&of.head);
    GradientsParams::from_grads(loss.backward(), of)
}

fn read(tensor: Tensor<2>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

fn numbers(value: &Value) -> Vec<f32> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap() as f32).collect()
}

/// Ours is `[inputs, outputs]`, PyTorch's `[outputs, inputs]`.
fn transposed(values: &[f32], [rows, columns]: [usize; 2]) -> Vec<f32> {
    (0..columns).flat_map(|c| (0..rows).map(move |r| values[r * columns + c])).collect()
}

const ADAM: AdamConfig = AdamConfig::ADAMW;

fn difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn three_steps_on_tall_wide_and_square_matrices_are_those_of_pytorch() {
    let fixture: Value = serde_json::from_str(include_str!("../fixtures/muon.json")).unwrap();
    let cases = fixture["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 12);
    let device = device();
    for case in cases {
        let shape: [usize; 2] = serde_json::from_value(case["shape"].clone()).unwrap();
        let ours = [shape[1], shape[0]];
        let config = MuonConfig {
            // Half of a rate twice as large is the rate.
            rate_factor: 0.5,
            adjust_rate: match case["adjust_lr_fn"].as_str().unwrap() {
                "original" => AdjustRate::Original,
                _ => AdjustRate::MatchRmsAdamw,
            },
            momentum: case["momentum"].as_f64().unwrap(),
            nesterov: case["nesterov"].as_bool().unwrap(),
            weight_decay: case["weight_decay"].as_f64().unwrap(),
        };
        let rate = 2.0 * case["lr"].as_f64().unwrap();
        let muon = Muon { config, adam: ADAM };
        let mut network = layered(&transposed(&numbers(&case["weight"]), shape), ours, &device);
        let (mut head, mut of_head) = (network.clone(), OptimizerState::new(&network));
        let mut state = OptimizerState::new(&network);
        let names = format!("{} {config:?}", case["name"]);
        for (step, gradient) in case["gradients"].as_array().unwrap().iter().enumerate() {
            let gradient = transposed(&numbers(gradient), shape);
            let of = gradients(&network, &gradient, ours, &device);
            network = muon.step(&mut state, network, of, |_| rate, 1.0);
            let of = gradients(&head, &gradient, ours, &device);
            head = Adam { config: ADAM }.step(&mut of_head, head, of, |_| rate, 1.0);

            let found = read(network.layers[0].weight.val());
            let expected = transposed(&numbers(&case["after"][step]), shape);
            assert!(difference(&found, &expected) < 3e-6, "{names}, step {step}: {found:?} {expected:?}");
            // PyTorch rounds what it multiplies to 8 bits: entries of updates, which are about as large as the rate,
            // are off by up to a tenth of it.
            let rounded = transposed(&numbers(&case["after_in_bfloat16"][step]), shape);
            assert!(
                difference(&found, &rounded) < 0.1 * rate as f32,
                "{names}, step {step}: {found:?} {rounded:?}"
            );
        }
        // All else is Adam's.
        assert_eq!(read(network.head.weight.val()), read(head.head.weight.val()), "{names}");
        let bias = |d: &Dense| d.bias.val().into_data();
        assert_eq!(bias(&network.layers[0]), bias(&head.layers[0]), "{names}");
        let momentum = read(state.momenta["layers.0.weight"].clone());
        let expected = transposed(&numbers(&case["momentum_buffer"]), shape);
        assert!(difference(&momentum, &expected) < 1e-6, "{names}: {momentum:?} {expected:?}");
        assert!(!state.moments.contains_key("layers.0.weight"), "{names}");
    }
}

/// Two products wide enough to be worth several threads.
const WIDE: [usize; 2] = [192, 320];

fn pseudo_random(seed: u32) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32 - 0.5
    };
    (0..WIDE[0] * WIDE[1]).map(|_| next()).collect()
}

const MUON: Muon = Muon { config: MuonConfig::PYTORCH, adam: ADAM };

fn trained(steps: u32, resumed_after: Option<u32>) -> (Layered, OptimizerState) {
    let device = device();
    let mut network = layered(&pseudo_random(0), WIDE, &device);
    let mut state = OptimizerState::new(&network);
    for step in 0..steps {
        if resumed_after == Some(step) {
            state = OptimizerState::from_named(state.to_named(), &network, u64::from(step)).unwrap();
        }
        let of = gradients(&network, &pseudo_random(step + 1), WIDE, &device);
        network = MUON.step(&mut state, network, of, |_| 0.01, 0.5);
    }
    (network, state)
}

fn bits(network: &Layered) -> Vec<u32> {
    read(network.layers[0].weight.val()).into_iter().map(f32::to_bits).collect()
}

#[test]
fn updates_have_the_same_bits_on_one_and_two_threads_and_after_a_resume() {
    let (straight, state) = trained(3, None);
    let on = |threads| electra_kernels::Workers::new(threads).unwrap().install(|| bits(&trained(3, None).0));
    assert!(on(1) == bits(&straight) && on(2) == bits(&straight), "threads change the bits");
    for step in [0, 1, 2] {
        let (resumed, of_resumed) = trained(3, Some(step));
        assert!(bits(&resumed) == bits(&straight), "a resume at step {step} changes the bits");
        assert!(of_resumed.to_named() == state.to_named(), "and the state");
    }
}

#[test]
fn the_state_has_one_tensor_for_a_matrix_and_is_refused_for_another_shape() {
    let (network, state) = trained(1, None);
    let names: Vec<String> = state.to_named().into_iter().map(|(name, _)| name).collect();
    let of_layer: Vec<&str> =
        names.iter().map(String::as_str).filter(|name| name.contains("layers.0.weight")).collect();
    assert_eq!(of_layer, ["momentum/layers.0.weight"]);
    let other = layered(&pseudo_random(0)[..12], [3, 4], &device());
    let error = OptimizerState::from_named(state.to_named(), &other, 1).unwrap_err();
    assert!(matches!(&error, StateError::Shape { .. }), "{error}");
    let mut both = state.to_named();
    let moment = both.iter().find(|(name, _)| name == "momentum/layers.0.weight").unwrap().1.clone();
    both.push(("moment_1/layers.0.weight".into(), moment));
    let error = OptimizerState::from_named(both, &network, 1).unwrap_err();
    assert!(matches!(&error, StateError::Unexpected { .. }), "{error}");
}

#[test]
fn the_length_of_a_gradient_does_not_matter_alone() {
    // The first update follows the direction of the gradient, whatever clip and loss scale are.
    let step = |scale| {
        let device = device();
        let network = layered(&pseudo_random(0), WIDE, &device);
        let mut state = OptimizerState::new(&network);
        let of = gradients(&network, &pseudo_random(1), WIDE, &device);
        read(MUON.step(&mut state, network, of, |_| 0.01, scale).layers[0].weight.val())
    };
    let (whole, scaled) = (step(1.0), step(1.0 / 1024.0));
    assert!(difference(&whole, &scaled) < 1e-6);
    assert!(difference(&whole, &pseudo_random(0)) > 1e-3);
}
