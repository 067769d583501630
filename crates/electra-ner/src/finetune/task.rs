//! The task to be learned, prepared: labels, windows and batches of the splits.

use std::borrow::Cow;
use std::path::Path;

use burn::prelude::*;
use electra_model::ModelConfig;

use super::batches::{EpochBatches, Targets};
use super::error::FinetuneError;
use crate::folder_error::FolderError;
use crate::head::{Decoder, HeadType};
use crate::predict::WindowedSentences;
use crate::recipe::Recipe;
use crate::token_classifier::{TaggerShape, TokenClassifier};
use electra_annotations::{Division, LabelSet, Split, Splits, TagSequences, check_writable_tags};
use electra_train::encoder_init::{EncoderInit, check_length};
use electra_train::layerwise_lr::Rates;

/// The task to be learned, prepared.
pub(super) struct Task<'a> {
    pub(super) recipe: &'a Recipe,
    pub(super) start: &'a EncoderInit,
    pub(super) labels: LabelSet,
    /// One weight in the loss for each label.
    pub(super) weights: Vec<f64>,
    pub(super) rates: Rates,
    pub(super) train: Cow<'a, Split>,
    pub(super) windowed: WindowedSentences,
    /// Labels of all words of all training sentences.
    pub(super) targets: Targets,
    pub(super) dev: WindowedSentences,
    pub(super) batches: EpochBatches,
    /// The division of text by the tagger: it is to have words and sentences like those it learns and is
    /// chosen by.
    pub(super) division: Division,
}

/// The recipe and the data of fine-tuning, checked.
pub struct Checked<'a> {
    /// The sentences to learn from.
    pub train: Cow<'a, Split>,
    /// The labels that the data has.
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
pub fn check<'a>(
    recipe: &Recipe,
    model: &Path,
    config: &ModelConfig,
    splits: &'a Splits,
) -> Result<Checked<'a>, FinetuneError> {
    check_length(model, config, recipe.input.window).map_err(FolderError::from)?;
    let rates = recipe.rates.of(config.num_hidden_layers)?;
    let train = match recipe.train.max_sentences {
        Some(most) => Cow::Owned(splits.train.first(most)),
        None => Cow::Borrowed(&splits.train),
    };
    let labels = LabelSet::of(&train.sentences, recipe.labels.scheme);
    if labels.kinds().is_empty() {
        return Err(FinetuneError::NoEntities { path: train.path.clone(), sentences: train.facts.sentences });
    }
    if splits.dev.facts.entities == 0 {
        let (path, sentences) = (splits.dev.path.clone(), splits.dev.facts.sentences);
        return Err(FinetuneError::NothingToChooseBy { path, sentences });
    }
    let weights = recipe.loss.class_weights.of(&labels, &labels.counts(&train.sentences))?;
    for split in [Some(&splits.dev), splits.test.as_ref()].into_iter().flatten() {
        // What cannot be told apart in the file of predictions would end a run after its last step.
        let left_out: Vec<String> =
            split.left_out.iter().map(|entity| format!("B-{}", entity.kind)).collect();
        let others = labels.names().iter().chain(&left_out).map(String::as_str);
        check_writable_tags(&split.path, split.sentences.tags().names().chain(others))?;
    }
    Ok(Checked { train, labels, weights, rates })
}

impl<'a> Task<'a> {
    pub(super) fn new(
        recipe: &'a Recipe,
        start: &'a EncoderInit,
        splits: &'a Splits,
    ) -> Result<Self, FinetuneError> {
        let Checked { train, labels, weights, rates } = check(recipe, start.path(), start.config(), splits)?;
        let (tokenizer, settings) = (start.tokenizer(), recipe.windows());
        let windowed = WindowedSentences::new(&train.sentences, tokenizer, &settings);
        let targets = train.sentences.tags().iter().map(|tags| labels.encode(&tags.to_vec())).collect();
        let dev = WindowedSentences::new(&splits.dev.sentences, tokenizer, &settings);
        let batches = EpochBatches::new(&windowed.windows, recipe.train.batch_size, recipe.seed);
        let division = train.division.with(splits.dev.division);
        Ok(Self { recipe, start, labels, weights, rates, train, windowed, targets, dev, batches, division })
    }

    pub(super) fn shape(&self) -> TaggerShape<'_> {
        TaggerShape { config: self.start.config(), labels: &self.labels, head: self.head() }
    }

    pub(super) fn head(&self) -> HeadType {
        self.recipe.labels.head_type()
    }

    pub(super) fn total_steps(&self) -> u64 {
        self.batches.steps() * self.recipe.train.epochs as u64
    }

    /// The tags of `tagger`, which is on `device`, for sentences; `progress` as in [`WindowedSentences::decide`].
    pub(super) fn tags(
        &self,
        tagger: &TokenClassifier,
        sentences: &WindowedSentences,
        device: &Device,
        progress: &mut dyn FnMut(usize),
    ) -> TagSequences {
        let logits = self.logits(tagger, sentences, device, progress);
        sentences.decoded_tags(&logits, &self.decoder(tagger), &self.labels)
    }

    /// Logits `[W, L]` of `tagger`, which is on `device`, for all words of sentences.
    pub(super) fn logits(
        &self,
        tagger: &TokenClassifier,
        sentences: &WindowedSentences,
        device: &Device,
        progress: &mut dyn FnMut(usize),
    ) -> Vec<f32> {
        sentences.logits(tagger, &self.labels, self.recipe.micro_batch_size(), device, progress)
    }

    /// The decoder of the recipe.
    pub(super) fn decoder(&self, tagger: &TokenClassifier) -> Decoder {
        tagger.head().decoder(self.recipe.labels.decoding, &self.labels)
    }
}
