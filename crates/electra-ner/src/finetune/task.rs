//! What is to be learned, prepared: labels, windows and batches of the splits.

use std::path::Path;

use burn::prelude::*;
use electra_model::ModelConfig;

use super::batches::EpochBatches;
use super::error::FinetuneError;
use crate::decode::{Decoder, Decoding};
use crate::labels::LabelSet;
use crate::predictions;
use crate::pretrained::check_window;
use crate::rates::Rates;
use crate::recipe::Recipe;
use crate::splits::{Split, Splits};
use crate::start::Start;
use crate::tag::WindowedSentences;
use crate::tagger::{Tagger, TaggerShape};
use crate::words::Division;

/// What is to be learned, prepared.
pub(super) struct Task<'a> {
    pub(super) recipe: &'a Recipe,
    pub(super) start: &'a Start,
    pub(super) labels: LabelSet,
    /// One weight in the loss for each label.
    pub(super) weights: Vec<f64>,
    pub(super) rates: Rates,
    pub(super) train: Split,
    pub(super) windowed: WindowedSentences,
    /// Labels of all words of all training sentences.
    pub(super) targets: Vec<Vec<Option<usize>>>,
    pub(super) dev: WindowedSentences,
    pub(super) batches: EpochBatches,
    /// How the tagger is to divide text: so that it has words and sentences like those it learns and
    /// is chosen by.
    pub(super) division: Division,
}

/// What fine-tuning is about, looked over.
pub struct Checked {
    /// The sentences to learn from.
    pub train: Split,
    /// What they have to be told apart.
    pub labels: LabelSet,
    /// One weight in the loss for each label.
    pub weights: Vec<f64>,
    /// Rates of single parameters.
    pub rates: Rates,
}

/// Refuses what fine-tuning of a model of these sizes would refuse. It takes no weights and no
/// tokenizer, so that whoever is about to pretrain the model learns of it before the first step.
///
/// # Errors
/// Recipe, sizes or data that do not go together.
pub fn check(
    recipe: &Recipe,
    model: &Path,
    config: &ModelConfig,
    splits: &Splits,
) -> Result<Checked, FinetuneError> {
    check_window(model, config, recipe.input.window)?;
    let rates = recipe.rates.of(config.num_hidden_layers)?;
    let train = match recipe.train.max_sentences {
        Some(most) => splits.train.first(most),
        None => splits.train.clone(),
    };
    let labels = LabelSet::of(&train.sentences, recipe.labels.scheme);
    if labels.kinds().is_empty() {
        return Err(FinetuneError::NoEntities { path: train.path, sentences: train.facts.sentences });
    }
    if splits.dev.facts.entities == 0 {
        let (path, sentences) = (splits.dev.path.clone(), splits.dev.facts.sentences);
        return Err(FinetuneError::NothingToChooseBy { path, sentences });
    }
    let weights = recipe.loss.class_weights.of(&labels, &labels.counts(&train.sentences))?;
    for split in [Some(&splits.dev), splits.test.as_ref()].into_iter().flatten() {
        // What cannot be told apart in the file of predictions would end a run after its last step.
        let tags = split.sentences.iter().flat_map(|sentence| &sentence.tags);
        predictions::check_tags(&split.path, tags.chain(labels.names()))?;
    }
    Ok(Checked { train, labels, weights, rates })
}

impl<'a> Task<'a> {
    pub(super) fn new(recipe: &'a Recipe, start: &'a Start, splits: &Splits) -> Result<Self, FinetuneError> {
        let Checked { train, labels, weights, rates } = check(recipe, start.path(), start.config(), splits)?;
        let (tokenizer, settings) = (start.tokenizer(), recipe.windows());
        let windowed = WindowedSentences::new(&train.sentences, tokenizer, &settings);
        let targets = train.sentences.iter().map(|sentence| labels.encode(&sentence.tags)).collect();
        let dev = WindowedSentences::new(&splits.dev.sentences, tokenizer, &settings);
        let batches = EpochBatches::new(&windowed.windows, recipe.train.batch_size, recipe.seed);
        let division = train.division.with(splits.dev.division);
        Ok(Self { recipe, start, labels, weights, rates, train, windowed, targets, dev, batches, division })
    }

    pub(super) fn shape(&self) -> TaggerShape<'_> {
        TaggerShape { config: self.start.config(), labels: &self.labels, crf: self.has_crf() }
    }

    pub(super) fn has_crf(&self) -> bool {
        self.recipe.labels.decoding == Decoding::Crf
    }

    pub(super) fn total_steps(&self) -> u64 {
        self.batches.steps() * self.recipe.train.epochs as u64
    }

    /// What `tagger`, which is on `device`, says about sentences; `told` as in
    /// [`WindowedSentences::decide`].
    pub(super) fn tags(
        &self,
        tagger: &Tagger,
        sentences: &WindowedSentences,
        device: &Device,
        told: &mut dyn FnMut(usize),
    ) -> Vec<Vec<String>> {
        let decoder = Decoder::new(self.recipe.labels.decoding, &self.labels, tagger.crf.as_ref());
        sentences.tags(tagger, &decoder, &self.labels, self.recipe.micro_batch_size(), device, told)
    }
}
