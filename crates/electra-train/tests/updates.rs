//! Updates of a small layer: loss scale, finiteness, and what a checkpoint holds of them.

use burn::optim::GradientsParams;
use burn::prelude::*;
use electra_model::Precision;
use electra_model::init::{Init, Kernel};
use electra_model::layers::Dense;
use electra_model::parameters::{self, collect};
use electra_optim::AdamConfig;
use electra_run::checkpoint::CheckpointStore;
use electra_train::{
    Backward, Divergence, OptimizerConfig, Progress, Snapshot, SnapshotError, StepLoss, apply_gradients,
};
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Steps {
    step: u64,
}

impl Progress for Steps {
    fn step(&self) -> u64 {
        self.step
    }

    fn advance(&mut self) {
        self.step += 1;
    }
}

fn device() -> Device {
    Device::flex().autodiff()
}

fn layer() -> Dense {
    Dense::init(&Init::new(1, 0.02, &device()), Kernel::GlorotUniform, 3, 2)
}

fn config(precision: Precision) -> OptimizerConfig {
    OptimizerConfig { adam: AdamConfig::ELECTRA, muon: None, max_grad_norm: 1.0, precision }
}

/// A step whose gradient overflows, as in 16-bit floats, where it is more than `most` times the true one. The
/// scales that were tried come with its outcome.
fn step(
    snapshot: &mut Snapshot<Dense, Steps>,
    precision: Precision,
    most: f64,
) -> (Result<f64, Divergence>, Vec<f64>) {
    let mut tried = Vec::new();
    let outcome = apply_gradients(
        snapshot,
        config(precision),
        |_| 1e-2,
        |model, scale| {
            tried.push(scale);
            let loss = model.forward(Tensor::<2>::ones([4, 3], &device())).sum();
            let factor = if scale > most { f64::INFINITY } else { scale };
            let losses = vec![loss.clone().inner()];
            let gradients = GradientsParams::from_grads((loss * factor).backward(), model);
            let sum =
                |losses: &[f64]| StepLoss { loss: losses[0], parts: vec![("sum", losses[0])], measured: () };
            Backward { losses, sum: Box::new(sum), gradients }
        },
    );
    (outcome.map(|((), update)| update.loss_scale), tried)
}

fn values(model: &Dense) -> Vec<f32> {
    collect(model).into_values().flat_map(|data| data.iter::<f32>().collect::<Vec<_>>()).collect()
}

#[test]
fn a_gradient_that_overflows_is_computed_again_with_half_the_loss_scale() {
    let (mut plain, mut scaled) = (Snapshot::new(layer()), Snapshot::new(layer()));
    assert_eq!(step(&mut plain, Precision::F32, f64::MAX), (Ok(1.0), vec![1.0]));
    let whole = Precision::F16.loss_scale();
    let (found, tried) = step(&mut scaled, Precision::F16, whole / 4.0);
    assert_eq!((found, tried), (Ok(whole / 4.0), vec![whole, whole / 2.0, whole / 4.0]));
    // The scale is a power of two: the update is the same to the bit.
    assert_eq!(values(plain.model()), values(scaled.model()));
    // It is not remembered.
    assert_eq!(step(&mut scaled, Precision::F16, f64::MAX).1, [whole]);
    assert_eq!(scaled.step(), 2);
}

#[test]
fn a_step_without_a_finite_gradient_or_loss_is_refused_and_changes_nothing() {
    let mut snapshot = Snapshot::new(layer());
    let before = values(snapshot.model());
    let (refused, tried) = step(&mut snapshot, Precision::F16, 0.5);
    assert!(matches!(refused, Err(Divergence::Gradient { step: 0, .. })), "{refused:?}");
    assert_eq!(tried.last(), Some(&1.0), "down to no scale at all");
    let refused = apply_gradients(
        &mut snapshot,
        config(Precision::F32),
        |_| 1e-2,
        |model, _| {
            let loss = model.forward(Tensor::<2>::ones([4, 3], &device())).sum();
            let gradients = GradientsParams::from_grads(loss.backward(), model);
            let losses = Tensor::<1>::from_data([1.0, f64::NAN], &Device::flex());
            let sum = |losses: &[f64]| StepLoss {
                loss: losses[0] + losses[1],
                parts: vec![("a", losses[0]), ("b", losses[1])],
                measured: (),
            };
            Backward { losses: vec![losses], sum: Box::new(sum), gradients }
        },
    );
    assert_eq!(refused.unwrap_err().to_string(), "step 0: the loss is NaN (a 1, b NaN)");
    assert_eq!((values(snapshot.model()), snapshot.step()), (before, 0));
}

#[test]
fn a_snapshot_that_was_saved_goes_on_with_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let store = CheckpointStore::open(folder.path(), 1).unwrap();
    let mut straight: Snapshot<Dense, Steps> = Snapshot::new(layer());
    step(&mut straight, Precision::F32, f64::MAX).0.unwrap();
    let blobs = straight.to_blobs();
    let blobs: Vec<_> = blobs.iter().map(|(name, bytes)| (*name, bytes.as_slice())).collect();
    store.save(1, &blobs, None).unwrap();
    let checkpoint = store.of_step(1).unwrap();
    let load = |check: fn(&Steps) -> Result<(), String>| {
        Snapshot::load(&checkpoint, check, |tensors| parameters::load(layer(), tensors))
    };
    let mut resumed = load(|_| Ok(())).unwrap();
    for snapshot in [&mut straight, &mut resumed] {
        step(snapshot, Precision::F32, f64::MAX).0.unwrap();
    }
    assert_eq!(values(straight.model()), values(resumed.model()));
    let refused = load(|progress| Err(format!("{progress:?} is too far"))).err().unwrap();
    assert!(refused.to_string().contains("is too far"), "{refused}");

    // Under the number of another step.
    store.save(2, &blobs, None).unwrap();
    let other = store.of_step(2).unwrap();
    let error = Snapshot::load(&other, |_: &Steps| Ok(()), |tensors| parameters::load(layer(), tensors));
    assert!(matches!(error, Err(SnapshotError::Step { found: 1, expected: 2 })));
}
