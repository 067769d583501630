//! Agreement of a tagger with what transformers makes of its folder.

use std::borrow::Cow;

use burn::prelude::*;
use electra_annotations::{Comparison, Counts, Mode, Split, TagSequences, Tags};
use serde::Serialize;

use super::run::scores;
use super::task::Task;
use crate::head::Decoding;
use crate::predict::WindowedSentences;
use crate::token_classifier::TokenClassifier;
use crate::window::{Context, WindowSettings};

/// Entities of a split as the tagger finds them, and as `ElectraForTokenClassification` of transformers does with the
/// same weights: every sentence alone, in one window if the position table is long enough, the likeliest label for each
/// word, no CRF. Words are those of the data; `scripts/reference/check_predictions.py` compares with transformers itself.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct TransformersAgreement {
    /// Entities that the tagger finds.
    pub(crate) entities: u64,
    /// Entities that transformers finds.
    pub(crate) of_transformers: u64,
    /// Entities that both find, with the same words and type.
    pub(crate) same: u64,
    /// Micro F1 of transformers by the rules of conlleval.
    pub(crate) f1: f64,
}

impl TransformersAgreement {
    /// The agreement on `split`, for whose words `tagger`, which is on `device`, has `logits [W, L]` and has chosen the
    /// tags `predicted`. A tagger that sees neighbouring sentences, or parts of long ones, reads them once more, of
    /// which `progress` hears.
    pub(super) fn of(
        task: &Task,
        (tagger, device): (&TokenClassifier, &Device),
        split: &Split,
        (logits, predicted): (&[f32], &TagSequences),
        windowed: &WindowedSentences,
        progress: &mut dyn FnMut(usize),
    ) -> Self {
        let is_read_alone =
            task.recipe.input.context == Context::Sentence && windowed.windows.len() == split.sentences.len();
        let (windowed, logits) = if is_read_alone {
            (Cow::Borrowed(windowed), Cow::Borrowed(logits))
        } else {
            let alone = WindowSettings::new(task.start.config().max_position_embeddings, Context::Sentence);
            let windowed = WindowedSentences::new(&split.sentences, task.start.tokenizer(), &alone);
            let logits = task.logits(tagger, &windowed, device, progress);
            (Cow::Owned(windowed), Cow::Owned(logits))
        };
        let by_word = tagger.head().decoder(Decoding::Argmax, &task.labels);
        let of_transformers = windowed.decoded_tags(&logits, &by_word, &task.labels);
        let [own, other] = [predicted, &of_transformers].map(|tags| tags.iter().map(Tags::to_vec));
        let both =
            Comparison::of(own, other, Mode::Default).expect("every word has a tag, and a split has words");
        let Counts { gold: entities, predicted: found, correct: same } = both.counts();
        Self { entities, of_transformers: found, same, f1: scores(split, &of_transformers).micro.f1 }
    }
}
