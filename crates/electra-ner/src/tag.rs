//! Tags for sentences: windows through the network, one label for every word of every sentence.

use burn::prelude::*;
use electra_kernels::Pass;
use electra_text::Tokenizer;

use crate::Sentence;
use crate::align::{AlignedSentence, Aligner};
use crate::decode::{Decision, Decoder};
use crate::labels::LabelSet;
use crate::tagger::{Tagger, WindowBatchData};
use crate::window::{BatchSettings, Window, WindowSettings, batches, plan};

/// Rows are padded to a multiple of this, so that few shapes occur.
pub const MULTIPLE: usize = 8;

/// Sentences, cut into windows.
#[derive(Clone, Debug)]
pub struct WindowedSentences {
    /// The windows.
    pub windows: Vec<Window>,
    /// Words of each sentence.
    words: Vec<usize>,
    /// Longest possible window.
    max_length: usize,
    pad: u32,
}

impl WindowedSentences {
    /// The windows of labelled sentences.
    ///
    /// # Panics
    /// If the settings are not valid.
    pub fn new(sentences: &[Sentence], tokenizer: &Tokenizer, settings: &WindowSettings) -> Self {
        let mut aligner = Aligner::new(tokenizer);
        let align = |sentence: &Sentence| aligner.align(&sentence.tokens, sentence.document);
        let aligned: Vec<AlignedSentence> = sentences.iter().map(align).collect();
        Self {
            windows: plan(&aligned, tokenizer.special(), settings),
            words: aligned.iter().map(AlignedSentence::words).collect(),
            max_length: settings.length,
            pad: tokenizer.special().pad,
        }
    }

    /// These windows as a batch, one row each, and their words in the order of the batch's logits:
    /// sentence and word.
    pub fn batch(&self, windows: &[usize]) -> (WindowBatchData, Vec<(usize, usize)>) {
        let longest = windows.iter().map(|&window| self.windows[window].ids.len()).max().unwrap_or(0);
        let mut data = WindowBatchData::new(longest.next_multiple_of(MULTIPLE).min(self.max_length));
        let mut words = Vec::new();
        for &window in windows {
            let window = &self.windows[window];
            let pieces: Vec<usize> = window.scored.iter().map(|word| word.piece).collect();
            data.push(&window.ids, &pieces, self.pad);
            words.extend(window.scored.iter().map(|word| (word.sentence, word.word)));
        }
        (data, words)
    }

    /// A decision for every word, sentence by sentence. `size` windows go through `tagger`, which
    /// is on `device`, at once; `labels` are its labels. `told` hears of how many windows are done.
    ///
    /// # Panics
    /// If a word is in no window or in two, which [`plan`] does not do.
    pub fn decide(
        &self,
        tagger: &Tagger,
        decoder: &Decoder,
        labels: &LabelSet,
        size: usize,
        device: &Device,
        told: &mut dyn FnMut(usize),
    ) -> Vec<Vec<Decision>> {
        let l = labels.len();
        let mut logits: Vec<Vec<f32>> = self.words.iter().map(|words| vec![f32::NAN; words * l]).collect();
        let mut scored = 0;
        let mut done = 0;
        told(done);
        let order: Vec<usize> = (0..self.windows.len()).collect();
        // One pool: nobody minds in which order sentences are predicted.
        let settings =
            BatchSettings { size, pool: usize::MAX, multiple_of: MULTIPLE, max_length: self.max_length };
        for batch in batches(&self.windows, &order, &settings) {
            let (data, words) = self.batch(&batch.windows);
            let found = tagger.logits(Pass::Evaluation, &data, device);
            for ((sentence, word), found) in words.into_iter().zip(found.chunks(l)) {
                logits[sentence][word * l..(word + 1) * l].copy_from_slice(found);
                scored += 1;
            }
            done += batch.windows.len();
            told(done);
        }
        let words: usize = self.words.iter().sum();
        assert_eq!(scored, words, "words scored, and words there are");
        logits.iter().map(|logits| decoder.decode(logits)).collect()
    }

    /// [`decide`](Self::decide) as IOB2 tags.
    pub fn tags(
        &self,
        tagger: &Tagger,
        decoder: &Decoder,
        labels: &LabelSet,
        size: usize,
        device: &Device,
        told: &mut dyn FnMut(usize),
    ) -> Vec<Vec<String>> {
        let tags = |decisions: Vec<Decision>| {
            labels.tags(&decisions.iter().map(|decision| decision.label).collect::<Vec<_>>())
        };
        self.decide(tagger, decoder, labels, size, device, told).into_iter().map(tags).collect()
    }
}
