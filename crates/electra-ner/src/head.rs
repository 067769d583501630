//! Heads of a token classifier: from the hidden states of words to one label each.
//!
//! `W` words of a batch, `H` the width of a hidden state, `L` labels. Whatever differs from head to head
//! stands here and in a file of its own below: what it stores, its logits, its loss, and how it
//! decodes. A new head is a file, a variant of [`HeadType`] and of [`Head`], and a way of
//! [`Decoding`].

mod chain;
mod crf;
mod decode;
mod linear;
mod loss;
mod span;

use burn::prelude::*;
use electra_annotations::LabelSet;
use electra_model::layers::Dense;
use electra_model::shapes::Shapes;
use serde::{Deserialize, Serialize};

pub(crate) use crf::SequenceGradient;
pub use crf::{Crf, FORBIDDEN, LabelledRows};
pub use decode::{Decision, Decoder, Decoding, LogLikelihood};
pub(crate) use loss::{ClassWeights, LossConfig, LossError};
pub use loss::{WordLoss, WordLossKind};
pub use span::DecodedSpan;

pub(crate) use crf::CRF;
pub(crate) use linear::CLASSIFIER;

use chain::Chain;
use crf::{CRF_SCORES, CrfHead};
use linear::LinearHead;

/// Kind of a head: what it stores beside the encoder, whatever its weights are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HeadType {
    /// A linear layer; every word is trained by itself.
    #[default]
    Linear,
    /// A linear layer under a linear-chain conditional random field; sentences are trained whole.
    Crf,
}

/// Parameters of a head that transformers has no place for, and the file that holds them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ExtraFile {
    /// First part of the parameters' paths.
    pub(crate) root: &'static str,
    /// Name of the file in a tagger's folder, in which the paths stand without it.
    pub(crate) name: &'static str,
    /// The head that the file is of.
    pub(crate) of: &'static str,
}

/// Names of the extra files of all kinds.
pub(crate) const EXTRA_FILES: [&str; 1] = [CRF_SCORES];

impl HeadType {
    /// Every type of head.
    pub(crate) const ALL: [Self; 2] = [Self::Linear, Self::Crf];

    /// The head that is trained for a way of decoding.
    #[must_use]
    pub fn trained_for(decoding: Decoding) -> Self {
        match decoding {
            Decoding::Argmax | Decoding::Viterbi => Self::Linear,
            Decoding::Crf => Self::Crf,
        }
    }

    /// The name of the head in a recipe.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Linear => "linear",
            Self::Crf => "crf",
        }
    }

    /// Whether it has what this way of decoding reads.
    pub(crate) fn decodes_by(self, decoding: Decoding) -> bool {
        match decoding {
            Decoding::Argmax | Decoding::Viterbi => true,
            Decoding::Crf => self == Self::Crf,
        }
    }

    /// Decoding by such a head where its folder does not say how.
    pub(crate) fn decoding(self) -> Decoding {
        match self {
            Self::Linear => Decoding::Argmax,
            Self::Crf => Decoding::Crf,
        }
    }

    /// Whether every word has a loss of its own.
    pub(crate) fn trains_words(self) -> bool {
        match self {
            Self::Linear => true,
            Self::Crf => false,
        }
    }

    /// Whether transformers has a place for all of its parameters.
    #[must_use]
    pub fn is_of_transformers(self) -> bool {
        self.extra_file().is_none()
    }

    /// Names and shapes of the parameters of such a head.
    pub(crate) fn parameters(self, hidden_size: usize, labels: usize) -> Shapes {
        let mut shapes = linear::parameters(hidden_size, labels);
        match self {
            Self::Linear => {}
            Self::Crf => shapes.extend(crf::parameters(labels)),
        }
        shapes
    }

    /// The file that a folder has for such a head beside those of transformers.
    pub(crate) fn extra_file(self) -> Option<ExtraFile> {
        match self {
            Self::Linear => None,
            Self::Crf => Some(ExtraFile { root: CRF, name: CRF_SCORES, of: "a CRF" }),
        }
    }

    /// The head that parameters with these paths belong to.
    pub(crate) fn of_parameters<'p>(mut paths: impl Iterator<Item = &'p String>) -> Self {
        if paths.any(|path| is_below(path, CRF)) { Self::Crf } else { Self::Linear }
    }

    /// Refuses a loss that has no meaning for such a head.
    ///
    /// # Errors
    /// The setting.
    pub(crate) fn check_loss(self, loss: &LossConfig) -> Result<(), LossError> {
        match self {
            Self::Linear => Ok(()),
            Self::Crf => loss.check_with_crf(),
        }
    }
}

fn is_below(path: &str, root: &str) -> bool {
    path.split('.').next() == Some(root)
}

/// Head of a token classifier with its weights.
#[derive(Clone, Copy, Debug)]
pub enum Head<'a> {
    /// A head of the type [`HeadType::Linear`].
    Linear(LinearHead<'a>),
    /// A head of the type [`HeadType::Crf`].
    Crf(CrfHead<'a>),
}

impl<'a> Head<'a> {
    pub(crate) fn new(classifier: &'a Dense, crf: Option<&'a Crf>) -> Self {
        let linear = LinearHead { classifier };
        match crf {
            None => Self::Linear(linear),
            Some(crf) => Self::Crf(CrfHead { linear, crf }),
        }
    }

    /// Logits `[W, L]` of words with these hidden states `[W, H]`.
    pub(crate) fn logits<const D: usize>(&self, hidden: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Linear(head) => head.logits(hidden),
            Self::Crf(head) => head.linear.logits(hidden),
        }
    }

    /// Whether the loss needs the logits of all words of a sentence at once.
    pub(crate) fn needs_whole_sentences(&self) -> bool {
        matches!(self, Self::Crf(_))
    }

    /// Loss of the words of a part of a batch, summed, `[1]`: `logits [W, L]`, a target for each word,
    /// and the same by sentences. `long` is what [`sequence_gradient`](Self::sequence_gradient) gave for
    /// the sentences of several parts, of which this is the next.
    pub(crate) fn loss(
        &self,
        logits: Tensor<2>,
        targets: &[Option<usize>],
        sentences: &[LabelledRows],
        words: &WordLoss,
        long: Option<&mut SequenceGradient>,
    ) -> Tensor<1> {
        match (self, long) {
            (Self::Linear(_), _) => words.sum(logits, targets),
            (Self::Crf(head), Some(long)) => head.crf.next_part(logits, long),
            (Self::Crf(head), None) => head.crf.negative_log_likelihood(logits, sentences),
        }
    }

    /// The divisor of the loss of words with these targets: a CRF's sum over sentences is divided by their
    /// words, so that both losses are means over words.
    pub(crate) fn divisor(&self, targets: &[Option<usize>], words: &WordLoss) -> f64 {
        match self {
            Self::Linear(_) => words.divisor(targets),
            Self::Crf(_) => targets.len() as f64,
        }
    }

    /// Value and gradient of the loss of whole sentences, on the host.
    ///
    /// # Panics
    /// If every word has a loss of its own.
    pub(crate) fn sequence_gradient(
        &self,
        emissions: &[f32],
        sentences: &[LabelledRows],
    ) -> SequenceGradient {
        match self {
            Self::Linear(_) => panic!("every word of a linear head has a loss of its own"),
            Self::Crf(head) => head.crf.gradient(emissions, sentences),
        }
    }

    /// The decoder, which turns the logits of sentences into labels.
    ///
    /// # Panics
    /// If the scores of sequences that `decoding` needs are not there.
    #[must_use]
    pub fn decoder(&self, decoding: Decoding, labels: &LabelSet) -> Decoder {
        match (decoding, self) {
            (Decoding::Argmax, _) => Decoder::by_word(labels),
            (Decoding::Viterbi, _) => Decoder::by_sentence(Chain::legal(labels), labels),
            (Decoding::Crf, Self::Crf(head)) => Decoder::by_sentence(head.crf.chain(), labels),
            (Decoding::Crf, Self::Linear(_)) => panic!("decoding by a CRF needs its scores"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_known_by_its_parameters_and_stores_what_transformers_lacks_in_its_own_file() {
        for head in HeadType::ALL {
            let shapes = head.parameters(4, 3);
            assert_eq!(HeadType::of_parameters(shapes.keys()), head);
            assert!(
                shapes.keys().all(|path| is_below(path, CLASSIFIER) || is_below(path, CRF)),
                "{shapes:?}"
            );
            let extra: Vec<&String> = shapes.keys().filter(|path| !is_below(path, CLASSIFIER)).collect();
            match head.extra_file() {
                None => assert_eq!(extra, Vec::<&String>::new()),
                Some(file) => assert!(extra.iter().all(|path| is_below(path, file.root)), "{extra:?}"),
            }
        }
        let extra = HeadType::ALL.into_iter().filter_map(HeadType::extra_file).map(|file| file.name);
        assert_eq!(extra.collect::<Vec<_>>(), EXTRA_FILES);
        assert!(HeadType::ALL.into_iter().all(|head| HeadType::trained_for(head.decoding()) == head));
        assert!(!is_below("encoder.layers.0.output.weight", CRF) && !is_below("crfs.begin", CRF));
        assert_eq!(HeadType::trained_for(Decoding::Viterbi), HeadType::Linear);
    }
}
