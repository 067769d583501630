//! Micro-batches add up to the batch, however unlike their rows are.

use burn::prelude::*;
use electra_model::objective::StepDropout;
use electra_model::parameters::collect;
use electra_model::{BatchData, Normalizer, Precision};
use electra_pretrain::snapshot::{self, Snapshot};
use electra_pretrain::step::Step;

use crate::devices::devices;
use crate::golden::{assert_alike, assert_within};
use crate::recipe::recipe;
use crate::steps::{moments, snapshot, step};
use crate::tiny;

/// Eight rows, two of which have no word that could be masked.
fn batch() -> BatchData {
    tiny::batch(&[32, 4, 30, 31, 3, 5, 28, 2], 32, 11)
}

fn micro_batches(batch: &BatchData, rows: usize) -> Vec<BatchData> {
    (0..batch.examples / rows).map(|m| tiny::rows(batch, m * rows, rows)).collect()
}

/// Composed operations draw another mask for every micro-batch: they are exact without dropout.
#[test]
fn micro_batches_give_the_losses_gradients_and_update_of_the_whole_batch() {
    let [flex, composed] = devices();
    for (dropout, device) in [(0.0, &flex), (0.0, &composed), (0.1, &flex)] {
        let (recipe, batch) = (recipe(dropout), batch());
        let run = |micro_batches: &[BatchData]| -> (Step, Snapshot) {
            let model = |device: &_| tiny::electra(&recipe.model, 1, device);
            let mut snapshot = snapshot(model, &recipe, device);
            (step(&mut snapshot, micro_batches, &recipe, device), snapshot)
        };
        let (whole, after_whole) = run(std::slice::from_ref(&batch));
        for rows in [1, 2, 4] {
            let (sum, after_sum) = run(&micro_batches(&batch, rows));
            for (name, found, expected) in [
                ("loss", sum.losses.total, whole.losses.total),
                ("mlm", sum.losses.mlm.unwrap(), whole.losses.mlm.unwrap()),
                ("rtd", sum.losses.rtd.unwrap(), whole.losses.rtd.unwrap()),
                ("norm", sum.clip.norm, whole.clip.norm),
            ] {
                let error = (found / expected - 1.0).abs();
                assert!(error < 2e-6, "{name} of {rows} rows is {found}, expected {expected}");
            }
            assert_eq!((sum.tokens, sum.learning_rate), (135, whole.learning_rate));
            // After one step from zero the first moment is a tenth of the clipped gradient.
            assert_alike(&moments(&after_sum, 1), &moments(&after_whole, 1), 1e-5);
            // Not the parameters one by one: an update divides by the root of the second moment,
            // which makes a full step of a gradient that is only the noise of a sum.
            assert_alike(&moments(&after_sum, 2), &moments(&after_whole, 2), 2e-5);
        }
    }
}

#[test]
fn micro_batches_of_a_composed_device_do_not_share_their_dropout() {
    let recipe = recipe(0.1);
    let [_, composed] = devices();
    let loss = |first_row| {
        let dropout = StepDropout { hidden: 0.1, attention: 0.1, seed: 3, first_row };
        let batch = tiny::batch(&[32, 20], 32, 1);
        let model = tiny::electra(&recipe.model, 1, &composed);
        let output = recipe.objective.forward(
            &model,
            &batch.to_device(&composed),
            Normalizer::over([&batch]),
            Some(dropout),
        );
        output.mlm.unwrap().into_scalar::<f64>()
    };
    assert_eq!(loss(0), loss(0));
    assert_ne!(loss(0), loss(2));
}

#[test]
fn sixteen_bit_micro_batches_drop_what_the_batch_drops_on_flex() {
    let mut recipe = recipe(0.1);
    recipe.train.precision = Precision::Bf16;
    let (device, batch) = (Device::flex().autodiff(), batch());
    let loss = |micro_batches: &[BatchData]| {
        let mut snapshot = snapshot::new(&recipe, 1, &device);
        step(&mut snapshot, micro_batches, &recipe, &device).losses.total
    };
    let whole = loss(std::slice::from_ref(&batch));
    let sum = loss(&micro_batches(&batch, 2));
    assert!((sum / whole - 1.0).abs() < 2e-6, "{sum}, expected {whole}");
}

#[test]
fn weights_are_counted_over_the_whole_step() {
    let batch = batch();
    let halves = micro_batches(&batch, 4);
    let whole = Normalizer::over([&batch]);
    assert_eq!(Normalizer::over(&halves), whole);
    assert_eq!(whole.rtd, 135.0 + 1e-6);
    // Three slots for each of four long rows, one for those of 4 and 5 tokens, none for the others.
    assert_eq!((whole.mlm, whole.chosen), (14.0 + 1e-6, 14.0 + 1e-6));

    // Halves so unlike that the mean of their means is another number.
    let slots = |half: &BatchData| half.weights.iter().sum::<f32>();
    assert_eq!([slots(&halves[0]), slots(&halves[1])], [10.0, 4.0]);
}

#[test]
fn a_micro_batch_without_any_masked_slot_changes_nothing_of_the_generator() {
    let recipe = recipe(0.0);
    let (words, empty) = (tiny::batch(&[12, 9], 12, 5), tiny::batch(&[2, 2], 12, 5));
    assert_eq!(empty.weights, [0.0; 6]);
    for device in devices() {
        let run = |micro_batches: &[BatchData]| {
            let model = |device: &_| tiny::electra(&recipe.model, 1, device);
            let mut snapshot = snapshot(model, &recipe, &device);
            let step = step(&mut snapshot, micro_batches, &recipe, &device);
            (step, moments(&snapshot, 1))
        };
        let (alone, _) = run(std::slice::from_ref(&words));
        let (both, gradient) = run(&[words.clone(), empty.clone()]);
        assert_eq!(alone.losses.mlm, both.losses.mlm);
        let (only, of_empty) = run(std::slice::from_ref(&empty));
        assert_eq!(only.losses.mlm, Some(0.0));
        let head = "generator.head.dense.weight";
        assert_within(head, &of_empty[head], &vec![0.0; 12 * 16], 0.0);
        assert!(gradient[head].iter::<f32>().any(|g| g != 0.0));
    }
}

#[test]
fn a_batch_of_padding_alone_teaches_nothing() {
    let recipe = recipe(0.0);
    let mut batch = tiny::batch(&[12, 9], 12, 5);
    batch.attention_mask.fill(0.0);
    batch.weights.fill(0.0);
    for device in devices() {
        let model = |device: &_| tiny::electra(&recipe.model, 1, device);
        let mut snapshot = snapshot(model, &recipe, &device);
        let before = collect(snapshot.model());
        let step = step(&mut snapshot, &[batch.clone()], &recipe, &device);
        assert_eq!((step.losses.total, step.clip.norm, step.tokens), (0.0, 0.0, 0));
        // Only the weight decay of 1e-2 times the learning rate of 2e-3 is left.
        assert_alike(&collect(snapshot.model()), &before, 3e-5);
    }
}
