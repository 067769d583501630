//! One optimizer step.

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::prelude::*;
use electra_kernels::{Pass, on_workers};
use electra_optim::{Adam, Clip, NonFiniteGradients, Schedule, add_gradients, clip_by_global_norm};
use electra_run::seed::{Purpose, derive};
use thiserror::Error;

use super::batches::TrainBatch;
use super::snapshot::Snapshot;
use crate::crf::{LabelledRows, Slopes};
use crate::layerwise_lr::Rates;
use crate::loss::WordLoss;
use crate::recipe::Recipe;
use crate::tagger::Tagger;

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
        on_workers(Pass::Training, self.device, || self.take_here(snapshot, parts))
    }

    fn take_here(&self, snapshot: &mut Snapshot, parts: &[TrainBatch]) -> Result<Step, Divergence> {
        let number = snapshot.progress.step;
        let recipe = self.recipe;
        let weight: f64 = parts.iter().map(|part| self.weight(snapshot, part)).sum();
        let scale = recipe.train.precision.loss_scale();
        let mut gradients = GradientsParams::new();
        let mut loss = 0.0;
        let tagger = snapshot.tagger();
        let mut done = 0;
        // A CRF needs all words of a sentence at once, and they may be in several parts.
        for parts in parts.chunk_by(|part, next| tagger.crf.is_some() && part.is_continued_by(next)) {
            let mut of_long = match parts {
                [_] => None,
                _ => Some(self.slopes(tagger, number, done, parts)),
            };
            for part in parts {
                let logits = self.logits(tagger, self.device, number, done, part);
                let sum = match (&tagger.crf, &mut of_long) {
                    (Some(crf), Some(slopes)) => crf.next_part(logits, slopes),
                    (Some(crf), None) => crf.negative_log_likelihood(logits, &part.sentences),
                    (None, _) => self.loss.sum(logits, &part.targets),
                };
                loss += sum.clone().into_scalar::<f64>();
                let own = GradientsParams::from_grads((sum * (scale / weight)).backward(), tagger);
                gradients = if done == 0 { own } else { add_gradients(tagger, gradients, own) };
                done += 1;
            }
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

    /// Logits of the words of part `index` of a step: the same ones, dropout included, whenever they
    /// are asked for.
    fn logits(
        &self,
        tagger: &Tagger,
        device: &Device,
        step: u64,
        index: u64,
        part: &TrainBatch,
    ) -> Tensor<2> {
        // Every part of every step has a seed of its own; no step has 2^16 parts.
        let seed = derive(self.recipe.seed, Purpose::Dropout, (step << 16) | index);
        tagger.forward(&part.data.to_device(device), &self.recipe.dropout.sites(seed))
    }

    /// Loss and gradient of the sentences of several parts together, the first of them part `first`:
    /// one part after the other goes through the network, and only the logits are kept.
    fn slopes(&self, tagger: &Tagger, step: u64, first: u64, parts: &[TrainBatch]) -> Slopes {
        // Without autodiff: what a pass leaves for its backward pass is freed by that alone.
        let (tagger, device) = (tagger.valid(), self.device.clone().inner());
        let crf = tagger.crf.as_ref().expect("without a CRF every word has a loss of its own");
        let mut emissions: Vec<f32> = Vec::new();
        let mut sentences: Vec<LabelledRows> = Vec::new();
        let (mut open, mut rows_before) = (None, 0);
        for (index, part) in (first..).zip(parts) {
            emissions.extend(self.logits(&tagger, &device, step, index, part).into_data().iter::<f32>());
            for (number, own) in part.numbers.iter().zip(&part.sentences) {
                if open != Some(number) {
                    sentences.push(LabelledRows::default());
                    open = Some(number);
                }
                let sentence = sentences.last_mut().expect("a sentence was begun");
                sentence.rows.extend(own.rows.iter().map(|row| rows_before + row));
                sentence.labels.extend(&own.labels);
            }
            rows_before += part.data.words();
        }
        crf.slopes(&emissions, &sentences)
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
