//! One device's step is another's.

use burn::prelude::*;
use electra_model::objective::StepDropout;
use electra_model::parameters::{NamedTensors, collect};
use electra_model::{Electra, Normalizer, Precision};
use electra_pretrain::Recipe;
use electra_pretrain::metrics::MetricAccumulator;
use electra_pretrain::snapshot;
use electra_pretrain::step::optimizer_step;
use electra_train::Divergence;

use electra_run::recipe::load_str;

use crate::devices::devices;
use crate::golden::assert_alike;
use crate::objectives::assert_parts;
use crate::recipe::recipe;
use crate::steps::{assert_steps_as_on_flex, step};
use crate::tiny;

#[test]
fn composed_operations_take_the_same_steps_as_fused_ones() {
    for device in devices() {
        assert_steps_as_on_flex(&device);
    }
}

/// Widths at which the fused operations work in whole vectors and several chunks.
#[test]
#[allow(deprecated)]
fn fused_operations_agree_with_composed_ones_at_the_size_of_the_tiny_recipe() {
    let text = include_str!("../../configs/tiny.toml");
    let recipe = load_str::<Recipe>("tiny.toml", text, &[]).unwrap().value;
    let gradients = |device: &Device| -> (f64, NamedTensors) {
        let model = Electra::init(&recipe.model, 1, device);
        let data = tiny::batch(&[128, 100, 128], 128, 3);
        let output = recipe.objective.forward(
            &model,
            &data.to_device(device),
            Normalizer::over([&data]),
            None::<StepDropout>,
        );
        let loss = output.total.clone().into_scalar::<f64>();
        (loss, crate::gradients::gradients(&model, &output.total.backward()))
    };
    let (expected_loss, expected) = gradients(&Device::ndarray().autodiff());
    let (loss, found) = gradients(&Device::flex().autodiff());
    assert!((loss / expected_loss - 1.0).abs() < 1e-5, "{loss} against {expected_loss}");
    assert_alike(&found, &expected, 1e-4);
}

#[test]
fn sixteen_bit_products_change_a_step_by_rounding_and_keep_weights_in_32_bits() {
    let device = Device::flex().autodiff();
    let step_in = |precision| {
        let mut recipe = recipe(0.1);
        recipe.train.precision = precision;
        let mut snapshot = snapshot::new(&recipe, 1, &device);
        let batch = tiny::batch(&[32, 9, 20, 4], 32, 1);
        let first = step(&mut snapshot, std::slice::from_ref(&batch), &recipe, &device);
        let second = step(&mut snapshot, &[batch], &recipe, &device);
        assert!(
            collect(snapshot.model()).values().all(|weights| weights.dtype() == burn::tensor::DType::F32)
        );
        [first, second]
    };
    let expected = step_in(Precision::F32);
    for (precision, within) in [(Precision::F16, 2e-3), (Precision::Bf16, 2e-2)] {
        let found = step_in(precision);
        for (found, expected) in found.iter().zip(&expected) {
            let off = |a: f64, b: f64| (a / b - 1.0).abs();
            assert_parts(&format!("{precision:?}"), &found.losses, &expected.losses, within);
            assert!(
                off(found.clip.norm, expected.clip.norm) < 5.0 * within,
                "{precision:?}: {found:?}, {expected:?}"
            );
            assert_ne!(found.losses.total, expected.losses.total, "{precision:?} was not used");
        }
    }
}

#[test]
fn a_gradient_that_overflows_in_16_bits_is_computed_again_with_a_smaller_loss_scale() {
    let device = Device::flex().autodiff();
    let batch = tiny::batch(&[32, 9, 20, 4], 32, 1);
    let step_with = |precision, weight| {
        let mut recipe = recipe(0.1);
        recipe.train.precision = precision;
        recipe.objective.joint_mut().unwrap().generator_weight = weight;
        let mut snapshot = snapshot::new(&recipe, 1, &device);
        let mut tally = MetricAccumulator::default();
        let micro_batches = std::slice::from_ref(&batch);
        let step = optimizer_step(&mut snapshot, micro_batches, &recipe, &device, Some(&mut tally));
        // What was counted before an overflow counts no more.
        assert_eq!(tally.judged.unwrap().len(), 65);
        step
    };
    assert_eq!(step_with(Precision::F16, 1.0).unwrap().loss_scale, 1024.0);
    // The largest 16-bit number is 65504: 30,000 passes, 1024 times as much does not.
    let (found, expected) = (step_with(Precision::F16, 3e4), step_with(Precision::F32, 3e4));
    let (found, expected) = (found.unwrap(), expected.unwrap());
    assert!(found.loss_scale < 1024.0 && found.loss_scale >= 1.0, "{found:?}");
    assert_eq!(expected.loss_scale, 1.0);
    let off = (found.clip.norm / expected.clip.norm - 1.0).abs();
    assert!(off < 1e-2, "{found:?}, expected {expected:?}");
    // Where no scale is small enough the step is refused, as in other precisions.
    assert!(matches!(step_with(Precision::F16, 1e9), Err(Divergence::Gradient { step: 0, .. })));
}
