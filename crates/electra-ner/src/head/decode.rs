//! Decoding: from the logits of a sentence's words to one label each.

use serde::{Deserialize, Serialize};

use super::chain::{Chain, largest};

/// Decoding: how the labels of a sentence are chosen from its logits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decoding {
    /// The best label of each word, whatever its neighbours have.
    #[default]
    Argmax,
    /// The best sequence that the scheme allows.
    Viterbi,
    /// The best sequence of a conditional random field, which the head has to be then.
    Crf,
}

impl Decoding {
    /// The name of the decoding in a recipe.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Argmax => "argmax",
            Self::Viterbi => "viterbi",
            Self::Crf => "crf",
        }
    }

    /// The difference from transformers' decoding, worded to stand behind "as transformers does, ".
    #[must_use]
    pub fn difference(self) -> &'static str {
        match self {
            Self::Argmax => "each word labelled by itself",
            Self::Viterbi => "but that the labels are the best sequence that their scheme allows",
            Self::Crf => "but that its CRF chooses the labels",
        }
    }
}

/// A label and how sure the tagger is of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decision {
    /// Number of the label.
    pub label: usize,
    /// The probability of the label at this word: among all labels, or among all sequences that have it
    /// there.
    pub probability: f64,
}

/// Decoder from the logits of sentences to labels.
#[derive(Clone, Debug)]
pub struct Decoder {
    labels: usize,
    chain: Option<Chain>,
}

impl Decoder {
    /// The most likely of so many labels for each word, whatever its neighbours have.
    pub(super) fn by_word(labels: usize) -> Self {
        Self { labels, chain: None }
    }

    /// The best path of this chain for each sentence.
    pub(super) fn by_sentence(chain: Chain) -> Self {
        Self { labels: chain.labels(), chain: Some(chain) }
    }

    /// One decision for each of the `N` words of a sentence, from their logits `[N, L]`. A
    /// sentence that was read in several windows comes whole, in the order of its words.
    pub fn decode(&self, logits: &[f32]) -> Vec<Decision> {
        let l = self.labels;
        assert!(logits.len().is_multiple_of(l), "{} logits of {l} labels", logits.len());
        let Some(chain) = &self.chain else { return logits.chunks(l).map(most_likely).collect() };
        let path = chain.best_path(logits);
        let posterior = chain.posterior(logits).words;
        let decision = |(word, &label): (&[f64], &usize)| Decision { label, probability: word[label] };
        posterior.chunks(l).zip(&path).map(decision).collect()
    }

    /// [`decode`](Self::decode) for several sentences: for each word of each the row of its logits
    /// in `logits [W, L]`.
    pub fn decode_rows<'a>(
        &self,
        logits: &[f32],
        sentences: impl IntoIterator<Item = &'a [usize]>,
    ) -> Vec<Vec<Decision>> {
        let row = |row: &usize| logits[row * self.labels..][..self.labels].iter().copied();
        let decode = |rows: &[usize]| self.decode(&rows.iter().flat_map(row).collect::<Vec<_>>());
        sentences.into_iter().map(decode).collect()
    }
}

/// The label of the largest logit and its share of the softmax.
fn most_likely(logits: &[f32]) -> Decision {
    let (label, most) = largest(logits.iter().map(|&logit| f64::from(logit)));
    let sum: f64 = logits.iter().map(|&logit| (f64::from(logit) - most).exp()).sum();
    Decision { label, probability: 1.0 / sum }
}

#[cfg(test)]
mod tests {
    use super::*;
    use electra_annotations::{LabelScheme, LabelSet};

    fn labels(decisions: &[Decision]) -> Vec<usize> {
        decisions.iter().map(|decision| decision.label).collect()
    }

    #[test]
    fn the_best_labels_of_two_words_may_not_be_the_best_sequence() {
        // O, B-PER, I-PER; the scheme does not know an I-PER after O.
        let set = LabelSet::new(["PER"], LabelScheme::Iob2);
        let ln = |p: f32| p.ln();
        let logits = [ln(0.5), ln(0.3), ln(0.2), ln(0.25), ln(0.15), ln(0.6)];
        let argmax = Decoder::by_word(set.len()).decode(&logits);
        assert_eq!(labels(&argmax), [0, 2]);
        assert!((argmax[0].probability - 0.5).abs() < 1e-6 && (argmax[1].probability - 0.6).abs() < 1e-6);
        // Allowed: OO .125, OB .075, BO .075, BB .045, BI .18; their sum is .5.
        let viterbi = Decoder::by_sentence(Chain::legal(&set)).decode(&logits);
        assert_eq!(labels(&viterbi), [1, 2]);
        assert!((viterbi[0].probability - 0.6).abs() < 1e-6, "{viterbi:?}");
        assert!((viterbi[1].probability - 0.36).abs() < 1e-6, "{viterbi:?}");
    }

    #[test]
    fn a_sentence_is_decoded_as_a_whole_wherever_its_rows_are() {
        let set = LabelSet::new(["PER"], LabelScheme::Iob2);
        let decoder = Decoder::by_sentence(Chain::legal(&set));
        let logits = [0.0, 0.0, 2.0, 0.0, 1.5, 0.0, 3.0, 0.0, 0.0];
        // The word of row 0 wants to go on with an entity that row 1 begins.
        let found = decoder.decode_rows(&logits, [[1, 0].as_slice(), &[2], &[]]);
        assert_eq!(found.iter().map(|d| labels(d)).collect::<Vec<_>>(), [vec![1, 2], vec![0], vec![]]);
    }
}
