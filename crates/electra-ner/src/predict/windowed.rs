//! Tags for sentences: windows through the network, one label for every word of every sentence.

use burn::prelude::*;
use electra_kernels::Pass;
use electra_text::Tokenizer;

use crate::head::{Decision, Decoder};
use crate::token_classifier::TokenClassifier;
use crate::window::{BatchSettings, Planner, WindowSettings, Windows, WordPlace, batches_of_lengths};
use electra_annotations::{Aligner, LabelSet, Sentences, TagSequences};
use electra_model::WindowBatchData;

/// Rows are padded to a multiple of this, so that few shapes occur.
pub(super) const LENGTH_MULTIPLE: usize = 8;

/// Annotated sentences, cut into windows.
#[derive(Clone, Debug)]
pub struct WindowedSentences {
    /// Windows of all sentences, in reading order.
    pub windows: Windows,
    /// Longest possible window.
    max_length: usize,
    pad: u32,
}

impl WindowedSentences {
    /// The windows of labelled sentences.
    ///
    /// # Panics
    /// If the settings are not valid.
    pub fn new(sentences: &Sentences, tokenizer: &Tokenizer, settings: &WindowSettings) -> Self {
        let mut aligner = Aligner::new(tokenizer);
        let mut planner = Planner::new(tokenizer.special(), settings);
        let mut windows = Windows::with_capacity(tokenizer.special(), sentences.len(), sentences.tokens());
        for sentence in sentences.iter() {
            let aligned = aligner.align(&sentence.tokens().collect::<Vec<_>>(), sentence.document);
            planner.push(&aligned, &mut |window| windows.push(&window));
        }
        planner.finish(&mut |window| windows.push(&window));
        let windows = windows.finish(sentences.len());
        Self { windows, max_length: settings.length, pad: tokenizer.special().pad }
    }

    /// These windows as a batch, one row each, and their words in the order of the batch's logits.
    pub fn batch(&self, windows: &[usize]) -> (WindowBatchData, Vec<WordPlace>) {
        self.batch_of_length(windows, self.batch_length(windows.iter().copied()))
    }

    /// Pieces of a row that holds the longest of these windows.
    pub fn batch_length(&self, windows: impl IntoIterator<Item = usize>) -> usize {
        let longest = windows.into_iter().map(|window| self.windows.length(window)).max().unwrap_or(0);
        longest.next_multiple_of(LENGTH_MULTIPLE).min(self.max_length)
    }

    /// [`Self::batch`] in rows of `length` pieces.
    ///
    /// # Panics
    /// If a window is longer.
    pub fn batch_of_length(&self, windows: &[usize], length: usize) -> (WindowBatchData, Vec<WordPlace>) {
        let mut data = WindowBatchData::new(length);
        let mut words = Vec::new();
        for &window in windows {
            let pieces = self.windows.pieces(window).iter().map(|&piece| piece as usize);
            data.push(&self.windows.ids(window), &pieces.collect::<Vec<_>>(), self.pad);
            words.extend(self.windows.scored(window));
        }
        (data, words)
    }

    /// A decision for every word, sentence by sentence. `size` windows go through `tagger`, which
    /// is on `device`, at once; `labels` are its labels. `progress` hears of how many windows are done.
    ///
    /// # Panics
    /// If a word is in no window or in two, which [`plan`](crate::window::plan) does not do.
    pub fn decide(
        &self,
        tagger: &TokenClassifier,
        decoder: &Decoder,
        labels: &LabelSet,
        size: usize,
        device: &Device,
        progress: &mut dyn FnMut(usize),
    ) -> Vec<Vec<Decision>> {
        let logits = self.logits(tagger, labels, size, device, progress);
        self.decode(&logits, decoder, labels).collect()
    }

    /// [`decide`](Self::decide) as IOB2 tags.
    pub fn tags(
        &self,
        tagger: &TokenClassifier,
        decoder: &Decoder,
        labels: &LabelSet,
        size: usize,
        device: &Device,
        progress: &mut dyn FnMut(usize),
    ) -> TagSequences {
        self.decoded_tags(&self.logits(tagger, labels, size, device, progress), decoder, labels)
    }

    /// The tags of words with these [logits](Self::logits).
    pub(crate) fn decoded_tags(&self, logits: &[f32], decoder: &Decoder, labels: &LabelSet) -> TagSequences {
        let tags = |decisions: Vec<Decision>| {
            labels.tags(&decisions.iter().map(|decision| decision.label).collect::<Vec<_>>())
        };
        self.decode(logits, decoder, labels).map(tags).collect()
    }

    /// Logits `[W, L]` of the words of all sentences, in reading order; the arguments are those of
    /// [`decide`](Self::decide).
    ///
    /// # Panics
    /// As [`decide`](Self::decide).
    pub fn logits(
        &self,
        tagger: &TokenClassifier,
        labels: &LabelSet,
        size: usize,
        device: &Device,
        progress: &mut dyn FnMut(usize),
    ) -> Vec<f32> {
        let l = labels.len();
        let words = self.windows.words();
        let mut logits: Vec<f32> = vec![f32::NAN; words * l];
        let mut scored = 0;
        let mut done = 0;
        progress(done);
        let order: Vec<usize> = (0..self.windows.len()).collect();
        // One pool: nobody minds in which order sentences are predicted.
        let settings = BatchSettings {
            size,
            pool: usize::MAX,
            multiple_of: LENGTH_MULTIPLE,
            max_length: self.max_length,
        };
        for batch in batches_of_lengths(|window| self.windows.length(window), &order, &settings) {
            let (data, words) = self.batch(&batch.windows);
            let found = tagger.logits(Pass::Evaluation, &data, device);
            for (word, found) in words.into_iter().zip(found.chunks(l)) {
                logits[word.number * l..][..l].copy_from_slice(found);
                scored += 1;
            }
            done += batch.windows.len();
            progress(done);
        }
        assert_eq!(scored, words, "words scored, and words there are");
        logits
    }

    /// The decisions for each sentence.
    fn decode(
        &self,
        logits: &[f32],
        decoder: &Decoder,
        labels: &LabelSet,
    ) -> impl Iterator<Item = Vec<Decision>> {
        let l = labels.len();
        self.windows.sentences().map(move |words| decoder.decode(&logits[words.start * l..words.end * l]))
    }
}
