//! Snapshots of tiny networks, and what optimizer steps make of them.

use burn::prelude::*;
use electra_model::parameters::NamedTensors;
use electra_model::{BatchData, Electra};
use electra_pretrain::Recipe;
use electra_pretrain::snapshot::{self, Snapshot};
use electra_pretrain::step::{Step, optimizer_step};

use crate::golden::assert_alike;
use crate::recipe::recipe;
use crate::tiny;

/// A snapshot whose next step is number 1.
pub fn snapshot(model: impl FnOnce(&Device) -> Electra, recipe: &Recipe, device: &Device) -> Snapshot {
    let mut snapshot = snapshot::new(recipe, 0, device);
    snapshot.update(|_, _| model(device));
    snapshot
}

/// One step over `micro_batches`, which must not diverge.
pub fn step(snapshot: &mut Snapshot, micro_batches: &[BatchData], recipe: &Recipe, device: &Device) -> Step {
    optimizer_step(snapshot, micro_batches, recipe, device, None).unwrap()
}

/// The optimizer's first or second moments by the paths of their parameters.
pub fn moments(snapshot: &Snapshot, number: usize) -> NamedTensors {
    let prefix = format!("moment_{number}/");
    let below = |(name, data): (String, TensorData)| Some((name.strip_prefix(&prefix)?.to_owned(), data));
    snapshot.optimizer().to_named().into_iter().filter_map(below).collect()
}

/// Two steps over two micro-batches each, without dropout, whose masks differ by device; and the
/// gradient of the first one, clipped, as a tenth of it stands in the first moment.
fn two_steps(device: &Device) -> ([Step; 2], NamedTensors) {
    let recipe = recipe(0.0);
    let mut snapshot = snapshot(|device| tiny::electra(&recipe.model, 1, device), &recipe, device);
    let micro_batches = |number| [[32, 9, 17, 4], [25, 32, 2, 6]].map(|l| tiny::batch(&l, 32, number));
    let first = step(&mut snapshot, &micro_batches(1), &recipe, device);
    let gradient = moments(&snapshot, 1);
    ([first, step(&mut snapshot, &micro_batches(2), &recipe, device)], gradient)
}

/// Asserts that two steps on `device` are those on the CPU's fused operations: losses and norms
/// within 1e-5 of themselves in the first step and 1e-4 in the second, gradients within 2e-5 of the largest of
/// their tensor.
pub fn assert_steps_as_on_flex(device: &Device) {
    let (expected, expected_gradient) = two_steps(&Device::flex().autodiff());
    let (found, gradient) = two_steps(device);
    for ((found, expected), within) in found.iter().zip(&expected).zip([1e-5, 1e-4]) {
        for (name, found, expected) in [
            ("loss", found.losses.total, expected.losses.total),
            ("mlm", found.losses.mlm.unwrap(), expected.losses.mlm.unwrap()),
            ("rtd", found.losses.rtd.unwrap(), expected.losses.rtd.unwrap()),
            ("norm", found.clip.norm, expected.clip.norm),
        ] {
            assert!((found / expected - 1.0).abs() < within, "{name} is {found}, expected {expected}");
        }
        assert_eq!(found.tokens, expected.tokens);
    }
    assert_alike(&gradient, &expected_gradient, 2e-5);
}
