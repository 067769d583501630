//! One optimizer step: the algorithm of Clark et al. 2020, §2.

use burn::optim::GradientsParams;
use burn::prelude::*;
use electra_model::objective::StepDropout;
use electra_model::{BatchData, Normalizer};
use electra_optim::{Adam, Clip, NonFiniteGradients, add_gradients, clip_by_global_norm};
use electra_run::seed::{Purpose, derive};
use thiserror::Error;

use crate::recipe::Recipe;
use crate::snapshot::Snapshot;

/// What one step measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// Weighted sum of both losses.
    pub loss: f64,
    /// Generator's loss.
    pub mlm: f64,
    /// Discriminator's loss.
    pub rtd: f64,
    /// Learning rate of the update.
    pub learning_rate: f64,
    /// Norm of the gradient and how it was clipped.
    pub clip: Clip,
    /// Real tokens of the batch.
    pub tokens: u64,
}

/// How training went wrong, with the step it was seen at.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum Divergence {
    /// A gradient that is no number.
    #[error("step {step}: {source}")]
    Gradient {
        /// Steps done before.
        step: u64,
        /// Which parameters.
        source: NonFiniteGradients,
    },
    /// A loss that is no number.
    #[error("step {step}: the loss is {loss} (mlm {mlm}, rtd {rtd})")]
    Loss {
        /// Steps done before.
        step: u64,
        /// Weighted sum.
        loss: f64,
        /// Generator.
        mlm: f64,
        /// Discriminator.
        rtd: f64,
    },
    /// A loss above that of an untrained model, long after the start.
    #[error("step {step}: the loss is {loss:.2}, above the {untrained:.2} of an untrained model")]
    Risen {
        /// Steps done.
        step: u64,
        /// Mean over the last logging interval.
        loss: f64,
        /// `w_g ln V + w_d ln 2`
        untrained: f64,
    },
}

/// Both forward passes, one backward pass, clip and update, over the micro-batches of the step.
///
/// # Errors
/// A loss or gradient that is no number; the snapshot is then as it was.
pub fn optimizer_step(
    snapshot: &mut Snapshot,
    micro_batches: &[BatchData],
    recipe: &Recipe,
    device: &Device,
) -> Result<Step, Divergence> {
    let number = snapshot.step;
    let normalizer = Normalizer::over(micro_batches);
    let scale = recipe.train.precision.loss_scale();
    let mut gradients = GradientsParams::new();
    let (mut loss, mut mlm, mut rtd) = (0.0, 0.0, 0.0);
    for (m, batch) in micro_batches.iter().enumerate() {
        let dropout = StepDropout {
            hidden: recipe.train.dropout,
            attention: recipe.attention_dropout(),
            seed: derive(recipe.seed, Purpose::Dropout, number * micro_batches.len() as u64 + m as u64),
        };
        let batch = batch.to_device(device);
        let output = recipe.objective.forward(snapshot.model(), &batch, normalizer, Some(dropout));
        loss += output.total.clone().into_scalar::<f64>();
        mlm += output.mlm.into_scalar::<f64>();
        rtd += output.rtd.into_scalar::<f64>();
        let own = GradientsParams::from_grads((output.total * scale).backward(), snapshot.model());
        gradients = if m == 0 { own } else { add_gradients(snapshot.model(), gradients, own) };
    }
    if !loss.is_finite() {
        return Err(Divergence::Loss { step: number, loss, mlm, rtd });
    }
    let clip = clip_by_global_norm(snapshot.model(), &gradients, recipe.optimizer.max_grad_norm * scale)
        .map_err(|source| Divergence::Gradient { step: number, source })?;
    let clip = Clip { norm: clip.norm / scale, scale: clip.scale / scale };
    let learning_rate = recipe.schedule().at(number);
    let adam = Adam { config: recipe.adam() };
    snapshot.update(|model, state| adam.step(state, model, gradients, |_| learning_rate, clip.scale));
    let tokens = micro_batches.iter().map(|b| b.real.iter().filter(|&&x| x > 0.0).count() as u64).sum();
    Ok(Step { loss, mlm, rtd, learning_rate, clip, tokens })
}
