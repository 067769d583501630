//! One optimizer step.

use burn::optim::GradientsParams;
use burn::prelude::*;
use electra_kernels::on_workers;
use electra_optim::{Adam, Clip, NonFiniteGradients, Schedule, add_gradients, clip_by_global_norm};
use electra_run::seed::{Purpose, derive};
use thiserror::Error;

use super::batches::TrainBatch;
use super::snapshot::Snapshot;
use crate::loss::WordLoss;
use crate::rates::Rates;
use crate::recipe::Recipe;

/// What all steps of a run have in common.
#[derive(Debug)]
pub struct Steps<'a> {
    /// The recipe.
    pub recipe: &'a Recipe,
    /// The loss of a word, where no CRF has one of its own.
    pub loss: WordLoss,
    /// Rates of single parameters.
    pub rates: Rates,
    /// The learning rate of the whole run.
    pub schedule: Schedule,
    /// The device, with autodiff.
    pub device: &'a Device,
}

/// What one step measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// Sum of the losses of its words, weighted.
    pub loss: f64,
    /// Sum of their weights.
    pub weight: f64,
    /// Learning rate of the head.
    pub learning_rate: f64,
    /// Norm of the gradient and how it was clipped.
    pub clip: Clip,
    /// Words with a label.
    pub words: u64,
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
    #[error("step {step}: the loss is {loss}")]
    Loss {
        /// Steps done before.
        step: u64,
        /// The loss.
        loss: f64,
    },
}

impl Steps<'_> {
    /// Forward and backward over the parts of a batch, then clip and update.
    ///
    /// # Errors
    /// A loss or gradient that is no number; the snapshot is then as it was.
    pub fn take(&self, snapshot: &mut Snapshot, parts: &[TrainBatch]) -> Result<Step, Divergence> {
        on_workers(self.device, || self.take_here(snapshot, parts))
    }

    fn take_here(&self, snapshot: &mut Snapshot, parts: &[TrainBatch]) -> Result<Step, Divergence> {
        let number = snapshot.progress.step;
        let recipe = self.recipe;
        let weight: f64 = parts.iter().map(|part| self.weight(snapshot, part)).sum();
        let scale = recipe.train.precision.loss_scale();
        let mut gradients = GradientsParams::new();
        let mut loss = 0.0;
        for (index, part) in parts.iter().enumerate() {
            // Every part of every step has a seed of its own; no step has 2^16 parts.
            let seed = derive(recipe.seed, Purpose::Dropout, (number << 16) | index as u64);
            let tagger = snapshot.tagger();
            let logits = tagger.forward(&part.data.to_device(self.device), &recipe.dropout.sites(seed));
            let sum = match &tagger.crf {
                Some(crf) => crf.negative_log_likelihood(logits, &part.sentences),
                None => self.loss.sum(logits, &part.targets),
            };
            loss += sum.clone().into_scalar::<f64>();
            let own = GradientsParams::from_grads((sum * (scale / weight)).backward(), tagger);
            gradients = if index == 0 { own } else { add_gradients(tagger, gradients, own) };
        }
        if !loss.is_finite() {
            return Err(Divergence::Loss { step: number, loss });
        }
        let clip = clip_by_global_norm(snapshot.tagger(), &gradients, recipe.train.max_grad_norm * scale)
            .map_err(|source| Divergence::Gradient { step: number, source })?;
        let clip = Clip { norm: clip.norm / scale, scale: clip.scale / scale };
        let learning_rate = self.schedule.at(number);
        let adam = Adam { config: recipe.optimizer };
        let rate = |path: &str| learning_rate * self.rates.multiplier(path);
        snapshot.update(|tagger, state| adam.step(state, tagger, gradients, rate, clip.scale));
        let words = parts.iter().map(|part| part.data.words() as u64).sum();
        Ok(Step { loss, weight, learning_rate, clip, words })
    }

    /// What the loss of a part is divided by: a CRF's sum over sentences by their words, so that
    /// both losses are means over words.
    fn weight(&self, snapshot: &Snapshot, part: &TrainBatch) -> f64 {
        match snapshot.tagger().crf {
            Some(_) => part.data.words() as f64,
            None => self.loss.divisor(&part.targets),
        }
    }
}
