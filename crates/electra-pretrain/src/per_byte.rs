//! Losses by byte of text, which vocabularies of any size have in common.
//!
//! A loss by token depends on what a token is: a vocabulary of longer pieces has fewer and harder
//! predictions of the same text. What the masked text costs, in nats, over its length in bytes of
//! UTF-8 does not: a share of the tokens, masked at random, is that share of the bytes. The bytes are
//! those of the pieces as the tokenizer has normalised them, without the mark of continuation; spaces
//! belong to no piece. A target that is \[UNK\] has no text, and counts neither among the nats nor
//! among the bytes.

use burn::prelude::*;
use burn::tensor::TensorData;
use burn::tensor::activation::log_softmax;
use electra_kernels::{read, read_number};
use electra_model::{BatchData, JointOutput, Normalizer};
use electra_text::Tokenizer;
use electra_text::vocab::CONTINUATION;

/// Bytes of the text of each id, 0 where it has none: special tokens.
#[derive(Debug)]
pub(crate) struct PieceBytes(Vec<usize>);

/// The sums of the loss of masked text and of its length.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct ByteSums {
    nats: f64,
    bytes: usize,
}

impl PieceBytes {
    pub(crate) fn of(tokenizer: &Tokenizer) -> Self {
        let special = tokenizer.special();
        let text = |(id, piece): (usize, &String)| match special.contains(id as u32) {
            true => 0,
            false => piece.strip_prefix(CONTINUATION).unwrap_or(piece).len(),
        };
        Self(tokenizer.vocabulary().pieces().iter().enumerate().map(text).collect())
    }

    fn get(&self, id: i32) -> usize {
        usize::try_from(id).ok().and_then(|id| self.0.get(id)).copied().unwrap_or(0)
    }
}

/// What one batch adds to [`ByteSums`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct BatchBytes {
    pub(crate) nats: f64,
    /// The nats among them of targets that have no text.
    pub(crate) without_text: f64,
    pub(crate) bytes: usize,
}

impl BatchBytes {
    /// What the network that reads \[MASK\] said about `batch`; `normalizer` is what its loss was divided by.
    pub(crate) fn of(
        pieces: &PieceBytes,
        batch: &BatchData,
        output: &JointOutput,
        normalizer: Normalizer,
    ) -> Self {
        let (Some(loss), Some(logits)) = (&output.mlm, &output.generator_logits) else {
            return Self::default();
        };
        let used = || (0..batch.targets.len()).filter(|&slot| batch.weights[slot] > 0.0);
        let without_text: Vec<usize> = used().filter(|&slot| pieces.get(batch.targets[slot]) == 0).collect();
        let nothing = without_text.is_empty();
        Self {
            nats: read_number(loss.clone()) * normalizer.mlm,
            without_text: if nothing { 0.0 } else { nats_at(logits, &without_text, &batch.targets) },
            bytes: used().map(|slot| pieces.get(batch.targets[slot])).sum(),
        }
    }
}

impl ByteSums {
    /// Adds a batch.
    pub(crate) fn add(&mut self, batch: BatchBytes) {
        self.bytes += batch.bytes;
        self.nats += batch.nats;
        self.nats -= batch.without_text;
    }

    /// Nats of a byte; none without text.
    pub(crate) fn per_byte(self) -> Option<f64> {
        // What is left of nats where all is taken away again may be below 0 by rounding.
        (self.bytes > 0).then(|| self.nats.max(0.0) / self.bytes as f64)
    }
}

/// The cross entropy at some of the slots of `logits [B * N, V]`.
fn nats_at(logits: &Tensor<2>, slots: &[usize], targets: &[i32]) -> f64 {
    let (m, device) = (slots.len(), logits.device());
    let ints = |values: Vec<i32>| Tensor::<1, Int>::from_data(TensorData::new(values, [m]), &device);
    let rows = logits.clone().select(0, ints(slots.iter().map(|&slot| slot as i32).collect()));
    let targets = ints(slots.iter().map(|&slot| targets[slot]).collect()).reshape([m, 1]);
    let log_probabilities = read(log_softmax(rows, 1).gather(1, targets));
    -log_probabilities.iter::<f64>().sum::<f64>()
}

#[cfg(test)]
mod tests {
    use electra_text::Vocabulary;
    use electra_text::wordpiece::Settings;
    use std::path::Path;

    use super::*;

    /// `[PAD] [UNK] [CLS] [SEP] [MASK]`, then pieces of 4, 3 and 2 bytes.
    fn tokenizer() -> Tokenizer {
        let pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "seen", "##ing", "ä"];
        let pieces = pieces.into_iter().map(str::to_owned).collect();
        Tokenizer::new(Vocabulary::new(pieces, Path::new("vocab.txt")).unwrap(), Settings::new(true))
    }

    #[test]
    fn a_piece_has_the_bytes_of_its_text_and_a_special_token_has_none() {
        let pieces = PieceBytes::of(&tokenizer());
        assert_eq!((0..9).map(|id| pieces.get(id)).collect::<Vec<_>>(), [0, 0, 0, 0, 0, 4, 3, 2, 0]);
        assert_eq!(pieces.get(-1), 0);
    }

    /// The sums over slots with these targets and weights, of a network that thinks all ids alike.
    fn sums(slots: &[(i32, f32)]) -> ByteSums {
        let n = slots.len();
        let batch = BatchData {
            targets: slots.iter().map(|slot| slot.0).collect(),
            weights: slots.iter().map(|slot| slot.1).collect(),
            ..BatchData::default()
        };
        let used = slots.iter().filter(|slot| slot.1 > 0.0).count() as f64;
        let device = Device::flex();
        let loss = Tensor::<1>::from_data([(used * 8f64.ln()) as f32], &device);
        let output = JointOutput {
            total: loss.clone(),
            mlm: Some(loss),
            generator_logits: Some(Tensor::<2>::zeros([n, 8], &device)),
            corrupted: None,
            rtd: None,
            discriminator_logits: None,
            judged: None,
            prediction: None,
        };
        let mut sums = ByteSums::default();
        sums.add(BatchBytes::of(&PieceBytes::of(&tokenizer()), &batch, &output, Normalizer::SUMS));
        sums
    }

    #[test]
    fn a_loss_by_byte_is_the_cost_of_the_text_over_its_length() {
        // Three predictions of ln 8 nats of 4, 3 and 2 bytes; the fourth slot is not used.
        let found = sums(&[(5, 1.0), (6, 1.0), (7, 1.0), (5, 0.0)]).per_byte().unwrap();
        assert!((found - 3.0 * 8f64.ln() / 9.0).abs() < 1e-6, "{found}");
        // The same text in one piece costs a third of it by byte, and the same by token.
        let piece = sums(&[(5, 1.0)]).per_byte().unwrap();
        assert!((piece - 8f64.ln() / 4.0).abs() < 1e-6, "{piece}");
    }

    #[test]
    fn what_has_no_text_counts_on_neither_side() {
        let with = sums(&[(5, 1.0), (1, 1.0), (1, 1.0)]).per_byte().unwrap();
        assert!((with - 8f64.ln() / 4.0).abs() < 1e-6, "{with}");
        assert_eq!(sums(&[(1, 1.0)]).per_byte(), None);
    }
}
