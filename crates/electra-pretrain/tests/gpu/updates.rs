//! Updates that stay on a card: what is not finite is skipped there, and the loss scale is halved.

use burn::optim::GradientsParams;
use burn::prelude::*;
use electra_kernels::host_reads;
use electra_model::Precision;
use electra_model::init::{Init, Kernel};
use electra_model::layers::Dense;
use electra_model::parameters::collect;
use electra_optim::AdamConfig;
use electra_train::{Backward, Divergence, OptimizerConfig, Progress, Snapshot, StepLoss, apply_gradients};
use serde::{Deserialize, Serialize};

use crate::devices;

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Steps(u64);

impl Progress for Steps {
    fn step(&self) -> u64 {
        self.0
    }

    fn advance(&mut self) {
        self.0 += 1;
    }
}

fn snapshot(device: &Device) -> Snapshot<Dense, Steps> {
    Snapshot::new(Dense::init(&Init::new(1, 0.02, device), Kernel::GlorotUniform, 3, 2))
}

/// Weights, moments and counts of updates.
fn numbers(snapshot: &Snapshot<Dense, Steps>) -> Vec<f64> {
    let weights = collect(snapshot.model()).into_values();
    let moments = snapshot.optimizer().to_named().into_iter().map(|(_, data)| data);
    weights.chain(moments).flat_map(|data| data.iter::<f64>().collect::<Vec<_>>()).collect()
}

/// A step whose gradient overflows where it is more than `most` times the true one, and whose loss is `loss` times
/// the true one; and the scales that were tried.
fn step(
    snapshot: &mut Snapshot<Dense, Steps>,
    device: &Device,
    (most, factor_of_loss): (f64, f64),
) -> (Result<f64, Divergence>, Vec<f64>) {
    let mut tried = Vec::new();
    let precision = Precision::F16;
    let outcome = apply_gradients(
        snapshot,
        OptimizerConfig { adam: AdamConfig::ADAMW, muon: None, max_grad_norm: 1.0, precision },
        |_| 1e-2,
        |model, scale| {
            tried.push(scale);
            let loss = model.forward(Tensor::<2>::ones([4, 3], device)).sum();
            let factor = if scale > most { f64::INFINITY } else { scale };
            let losses = vec![loss.clone().inner() * factor_of_loss];
            let gradients = GradientsParams::from_grads((loss * factor).backward(), model);
            let sum = |losses: &[f64]| StepLoss { loss: losses[0], parts: vec![], measured: () };
            Backward { losses, sum: Box::new(sum), gradients }
        },
    );
    (outcome.map(|((), update)| update.loss_scale), tried)
}

#[test]
fn a_step_that_overflows_changes_nothing_on_the_card_and_is_computed_again_with_half_the_scale() {
    let whole = Precision::F16.loss_scale();
    for device in devices::devices() {
        let (mut plain, mut scaled) = (snapshot(&device), snapshot(&device));
        let before = host_reads();
        assert_eq!(step(&mut plain, &device, (f64::MAX, 1.0)), (Ok(whole), vec![whole]));
        assert_eq!(host_reads() - before, 1, "losses, norm and clip are read together");
        let (found, tried) = step(&mut scaled, &device, (whole / 4.0, 1.0));
        assert_eq!((found, tried), (Ok(whole / 4.0), vec![whole, whole / 2.0, whole / 4.0]));
        // The scale is a power of two: the update is the same to the bit, and counted once.
        assert_eq!(numbers(&plain), numbers(&scaled));
        assert_eq!((plain.step(), scaled.step()), (1, 1));
    }
}

#[test]
fn a_step_that_is_not_finite_is_refused_and_changes_nothing() {
    for device in devices::devices() {
        let mut snapshot = snapshot(&device);
        step(&mut snapshot, &device, (f64::MAX, 1.0)).0.unwrap();
        let before = numbers(&snapshot);
        let (refused, _) = step(&mut snapshot, &device, (0.5, 1.0));
        let Err(Divergence::Gradient { step: 1, source }) = refused else { panic!("{refused:?}") };
        assert_eq!(source.paths.len(), 2, "{source}");
        let (refused, _) = step(&mut snapshot, &device, (f64::MAX, f64::INFINITY));
        assert!(matches!(refused, Err(Divergence::Loss { step: 1, .. })), "{refused:?}");
        assert_eq!((numbers(&snapshot), snapshot.step()), (before, 1));
    }
}
