//! What is to be learned, prepared: labels, windows and batches of the splits.

use burn::prelude::*;

use super::batches::EpochBatches;
use super::error::FinetuneError;
use crate::decode::{Decoder, Decoding};
use crate::labels::LabelSet;
use crate::recipe::Recipe;
use crate::splits::{Split, Splits};
use crate::start::Start;
use crate::tag::WindowedSentences;
use crate::tagger::{Tagger, TaggerShape};

/// What is to be learned, prepared.
pub(super) struct Task<'a> {
    pub(super) recipe: &'a Recipe,
    pub(super) start: &'a Start,
    pub(super) labels: LabelSet,
    pub(super) train: Split,
    pub(super) windowed: WindowedSentences,
    /// Labels of all words of all training sentences.
    pub(super) targets: Vec<Vec<Option<usize>>>,
    pub(super) dev: WindowedSentences,
    pub(super) batches: EpochBatches,
}

impl<'a> Task<'a> {
    pub(super) fn new(recipe: &'a Recipe, start: &'a Start, splits: &Splits) -> Result<Self, FinetuneError> {
        start.check_window(recipe.input.window)?;
        let train = match recipe.train.max_sentences {
            Some(most) => splits.train.first(most),
            None => splits.train.clone(),
        };
        let labels = LabelSet::of(&train.sentences, recipe.labels.scheme);
        if labels.kinds().is_empty() {
            return Err(FinetuneError::NoEntities { path: train.path, sentences: train.facts.sentences });
        }
        let (tokenizer, settings) = (start.tokenizer(), recipe.windows());
        let windowed = WindowedSentences::new(&train.sentences, tokenizer, &settings);
        let targets = train.sentences.iter().map(|sentence| labels.encode(&sentence.tags)).collect();
        let dev = WindowedSentences::new(&splits.dev.sentences, tokenizer, &settings);
        let batches = EpochBatches::new(&windowed.windows, recipe.train.batch_size, recipe.seed);
        Ok(Self { recipe, start, labels, train, windowed, targets, dev, batches })
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

    /// What `tagger`, which is on `device`, says about sentences.
    pub(super) fn tags(
        &self,
        tagger: &Tagger,
        sentences: &WindowedSentences,
        device: &Device,
    ) -> Vec<Vec<String>> {
        let decoder = Decoder::new(self.recipe.labels.decoding, &self.labels, tagger.crf.as_ref());
        sentences.tags(tagger, &decoder, &self.labels, self.recipe.micro_batch_size(), device)
    }
}
