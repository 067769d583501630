//! Gradients before the update: their norm and their sum over micro-batches.

use burn::optim::GradientsParams;
use burn::tensor::TensorData;
use electra_optim::*;
use proptest::prelude::*;

use crate::network::*;

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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

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
