//! One optimizer step.

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::prelude::*;
use electra_kernels::{Pass, on_workers, read};
use electra_optim::{Clip, Schedule, add_gradients};
use electra_run::seed::{Purpose, derive};
use electra_train::{Backward, Divergence, OptimizerConfig, StepLoss, apply_gradients};

use super::batches::TrainBatch;
use super::snapshot::Snapshot;
use crate::head::{LabelledRows, SequenceGradient, WordLoss};
use crate::recipe::Recipe;
use crate::token_classifier::TokenClassifier;
use electra_train::layerwise_lr::Rates;

/// Settings that all steps of a run have in common.
#[derive(Debug)]
pub struct Steps<'a> {
    /// The recipe of the run.
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

/// The measurements of one step.
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
    /// Factor on the loss with which the gradient stayed finite; see [`apply_gradients`].
    pub loss_scale: f64,
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
        let number = snapshot.step();
        let recipe = self.recipe;
        let weight: f64 = parts.iter().map(|part| self.weight(snapshot.model(), part)).sum();
        let learning_rate = self.schedule.at(number);
        let config = OptimizerConfig {
            adam: recipe.optimizer,
            muon: None,
            max_grad_norm: recipe.train.max_grad_norm,
            precision: recipe.train.precision,
        };
        let (loss, update) = apply_gradients(
            snapshot,
            config,
            |path| learning_rate * self.rates.multiplier(path),
            |tagger, loss_scale| {
                let (losses, gradients) = self.backward(tagger, number, parts, loss_scale / weight);
                let sum = |losses: &[f64]| {
                    let loss = losses.iter().sum();
                    StepLoss { loss, parts: Vec::new(), measured: loss }
                };
                Backward { losses, sum: Box::new(sum), gradients }
            },
        )?;
        let words = parts.iter().map(|part| part.data.words() as u64).sum();
        let (clip, loss_scale) = (update.clip, update.loss_scale);
        Ok(Step { loss, weight, learning_rate, clip, words, loss_scale })
    }

    /// Losses of all words of step `step`, in parts that each are `[1]`, and the gradients of `scale` times their
    /// sum.
    fn backward(
        &self,
        tagger: &TokenClassifier,
        step: u64,
        parts: &[TrainBatch],
        scale: f64,
    ) -> (Vec<Tensor<1>>, GradientsParams) {
        let mut gradients = GradientsParams::new();
        let mut losses: Vec<Tensor<1>> = Vec::new();
        // A CRF needs all words of a sentence at once, and they may be in several parts.
        let head = tagger.head();
        for parts in parts.chunk_by(|part, next| head.needs_whole_sentences() && part.is_continued_by(next)) {
            let mut of_long = match parts {
                [_] => None,
                _ => Some(self.sequence_gradient(tagger, step, parts)),
            };
            for part in parts {
                let logits = self.logits(tagger, self.device, step, part);
                let sum = head.loss(logits, &part.targets, &part.sentences, &self.loss, of_long.as_mut());
                let is_first = losses.is_empty();
                losses.push(sum.clone().inner());
                let own = GradientsParams::from_grads((sum * scale).backward(), tagger);
                gradients = if is_first { own } else { add_gradients(tagger, gradients, own) };
            }
        }
        (losses, gradients)
    }

    /// Logits of the words of a part of a step: the same ones, dropout included, whenever they are asked for.
    fn logits(&self, tagger: &TokenClassifier, device: &Device, step: u64, part: &TrainBatch) -> Tensor<2> {
        // Once there was a seed for each of up to 2^16 parts; the first one's is that of the whole step.
        let seed = derive(self.recipe.seed, Purpose::Dropout, step << 16);
        let sites = self.recipe.dropout.sites(seed);
        let sites = sites.from_row(part.first_window).with_classifier_from_row(part.first_word);
        tagger.forward(&part.data.to_device(device), &sites)
    }

    /// Loss and gradient of the sentences of several parts together: one part after the other goes through the
    /// network, and only the logits are kept.
    fn sequence_gradient(
        &self,
        tagger: &TokenClassifier,
        step: u64,
        parts: &[TrainBatch],
    ) -> SequenceGradient {
        // Without autodiff: what a pass leaves for its backward pass is freed by that alone.
        let (tagger, device) = (tagger.valid(), self.device.clone().inner());
        let mut emissions: Vec<f32> = Vec::new();
        let mut sentences: Vec<LabelledRows> = Vec::new();
        let (mut open, mut rows_before) = (None, 0);
        for part in parts {
            emissions.extend(read(self.logits(&tagger, &device, step, part)).iter::<f32>());
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
        tagger.head().sequence_gradient(&emissions, &sentences)
    }

    /// The divisor of the loss of a part.
    fn weight(&self, tagger: &TokenClassifier, part: &TrainBatch) -> f64 {
        tagger.head().divisor(&part.targets, &self.loss)
    }
}
