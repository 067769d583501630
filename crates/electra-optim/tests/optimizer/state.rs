//! The state between steps and between processes.

use burn::tensor::TensorData;
use electra_optim::*;

use crate::network::*;

#[test]
fn a_resumed_state_gives_the_same_bits_as_one_that_never_stopped() {
    for bias_correction in [false, true] {
        let config = AdamConfig { bias_correction, ..AdamConfig::ELECTRA };
        let (straight, state_straight) = run(config, 3);

        let (mut network, state) = run(config, 2);
        let mut state = OptimizerState::from_named(state.to_named(), &network, 2).unwrap();
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
    let load = |named| OptimizerState::from_named(named, &network, 1).map(|_| ()).unwrap_err();

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

    for found in [-1, 2, i64::MAX] {
        let mut named = state.to_named();
        named[8].1 = TensorData::from([found]);
        assert_eq!(load(named), StateError::Updates { name: "updates/unused".into(), found, steps: 1 });
    }

    let mut named = state.to_named();
    named[3].1 = TensorData::from([1.0f32, -0.5]);
    assert_eq!(load(named), StateError::Square { name: "moment_2/dense.bias".into(), found: -0.5 });
}

#[test]
fn a_frozen_parameter_needs_no_state() {
    let mut network = network();
    network.dense.bias = network.dense.bias.set_require_grad(false);
    let named = OptimizerState::new(&network).to_named();
    assert!(named.iter().all(|(name, _)| !name.ends_with("bias")));
    let state = OptimizerState::from_named(named, &network, 0).unwrap();
    assert_eq!(state.moments.len(), 2);
}

#[test]
#[should_panic(expected = "`dense.bias` and `unused` are clones of one parameter")]
fn a_parameter_owned_twice_is_refused() {
    let mut network = network();
    network.unused = network.dense.bias.clone();
    OptimizerState::new(&network);
}
