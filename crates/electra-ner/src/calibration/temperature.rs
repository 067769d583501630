//! Temperature scaling (Guo et al. 2017): the temperature at which a tagger's probabilities fit the gold labels best.

use serde::{Deserialize, Serialize};

use crate::head::{Decoder, LogLikelihood};

/// Temperatures among which the best is looked for.
pub(super) const RANGE: [f64; 2] = [0.1, 10.0];

/// The exactness of the temperature, as a share of it.
const TOLERANCE: f64 = 1e-4;

/// A temperature that was fitted to gold labels.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FittedTemperature {
    /// The temperature; 1 leaves probabilities as the network gives them.
    pub temperature: f64,
    /// Words whose labels it was fitted to.
    pub words: u64,
    /// Number of those words that get another label than the gold one: without any there is nothing to fit to,
    /// and the temperature is 1.
    pub wrong_words: u64,
    /// Negative log-likelihood of a word at the temperature 1, in nats.
    pub loss_before: f64,
    /// Negative log-likelihood of a word at the fitted temperature, in nats.
    pub loss_after: f64,
}

/// Logits of a sentence with its gold labels; none where the tagger lacks a label.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GoldLogits<'a> {
    /// `[N, L]`.
    pub logits: &'a [f32],
    /// The gold label of each word.
    pub labels: &'a [Option<usize>],
}

impl FittedTemperature {
    /// The temperature with the lowest negative log-likelihood of the gold labels under `decoder`.
    ///
    /// The likelihood is concave in the reciprocal of the temperature, for words by themselves as for sequences,
    /// so that it has one maximum, which the golden section finds. Where every label is right the likelihood
    /// grows without end as the temperature falls: no temperature is taken from such data.
    pub(crate) fn of(decoder: &Decoder, sentences: &[GoldLogits<'_>]) -> Self {
        let loss = |temperature: f64| {
            let decoder = decoder.at_temperature(temperature);
            let mut sum = LogLikelihood::default();
            for sentence in sentences {
                let found = decoder.log_likelihood(sentence.logits, sentence.labels);
                sum.negative += found.negative;
                sum.words += found.words;
            }
            (sum.negative / sum.words.max(1) as f64, sum.words)
        };
        let (loss_before, words) = loss(1.0);
        let wrong_words = sentences
            .iter()
            // Those that say something.
            .filter(|sentence| decoder.log_likelihood(sentence.logits, sentence.labels).words > 0)
            .flat_map(|sentence| decoder.decode(sentence.logits).into_iter().zip(sentence.labels))
            .filter(|(decision, gold)| gold.is_some_and(|gold| gold != decision.label))
            .count() as u64;
        let unchanged = Self { temperature: 1.0, words, wrong_words, loss_before, loss_after: loss_before };
        if wrong_words == 0 {
            return unchanged;
        }
        let log_temperature = golden_section(|log| loss(log.exp()).0, RANGE.map(f64::ln));
        let temperature = log_temperature.exp();
        let (loss_after, _) = loss(temperature);
        match loss_after < loss_before {
            true => Self { temperature, loss_after, ..unchanged },
            false => unchanged,
        }
    }
}

/// The place of the minimum of a function with one minimum, by golden-section search (Kiefer 1953).
fn golden_section(f: impl Fn(f64) -> f64, [mut low, mut high]: [f64; 2]) -> f64 {
    let ratio = (5f64.sqrt() - 1.0) / 2.0;
    let inner = |low: f64, high: f64| [high - ratio * (high - low), low + ratio * (high - low)];
    let [mut left, mut right] = inner(low, high);
    let (mut at_left, mut at_right) = (f(left), f(right));
    while high - low > TOLERANCE {
        if at_left <= at_right {
            (high, right, at_right) = (right, left, at_left);
            left = inner(low, high)[0];
            at_left = f(left);
        } else {
            (low, left, at_left) = (left, right, at_right);
            right = inner(low, high)[1];
            at_right = f(right);
        }
    }
    (low + high) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::{Crf, Decoding, Head};
    use burn::prelude::Device;
    use electra_annotations::{LabelScheme, LabelSet};
    use electra_model::layers::Dense;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    const WORDS: usize = 5000;

    fn labels() -> LabelSet {
        LabelSet::new(["PER"], LabelScheme::Iob2)
    }

    /// Sentences of five words: logits that are `factor` times the logarithms of the probabilities with which
    /// the gold labels are drawn.
    fn drawn(decoder: &Decoder, factor: f32) -> (Vec<f32>, Vec<Option<usize>>) {
        let l = labels().len();
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let (mut all, mut gold) = (Vec::new(), Vec::new());
        for _ in 0..WORDS / 5 {
            let logits: Vec<f32> = (0..5 * l).map(|_| rng.random::<f32>() * 6.0).collect();
            // Sequences by rejection: a path with the probability that the decoder gives it.
            loop {
                let path: Vec<Option<usize>> = (0..5).map(|_| Some(rng.random_range(0..l))).collect();
                let found = decoder.log_likelihood(&logits, &path);
                if found.words > 0 && rng.random::<f64>() < (-found.negative).exp() {
                    gold.extend(path);
                    break;
                }
            }
            all.extend(logits.iter().map(|logit| logit * factor));
        }
        (all, gold)
    }

    fn sentences<'a>(logits: &'a [f32], gold: &'a [Option<usize>]) -> Vec<GoldLogits<'a>> {
        let logits = logits.chunks(5 * labels().len());
        logits.zip(gold.chunks(5)).map(|(logits, labels)| GoldLogits { logits, labels }).collect()
    }

    fn decoders() -> [Decoder; 2] {
        let device = Device::flex();
        let init = electra_model::init::Init::new(1, 0.02, &device);
        let classifier = Dense::init(&init, electra_model::init::Kernel::GlorotUniform, 4, labels().len());
        let crf = Crf::init(&labels(), &device);
        [Decoding::Argmax, Decoding::Crf]
            .map(|decoding| Head::new(&classifier, Some(&crf)).decoder(decoding, &labels()))
    }

    #[test]
    fn a_known_overconfidence_is_found_again() {
        for decoder in decoders() {
            for factor in [0.5, 1.0, 2.5] {
                let (logits, gold) = drawn(&decoder, factor);
                let found = FittedTemperature::of(&decoder, &sentences(&logits, &gold));
                let expected = f64::from(factor);
                assert!((found.temperature / expected - 1.0).abs() < 0.06, "{found:?}, expected {expected}");
                assert!(found.loss_after <= found.loss_before && found.words == WORDS as u64);
                // The same data gives the same bits.
                assert_eq!(found, FittedTemperature::of(&decoder, &sentences(&logits, &gold)));
            }
        }
    }

    #[test]
    fn labels_that_are_all_right_leave_the_temperature_at_1() {
        let l = labels().len();
        let logits: Vec<f32> = (0..5 * l).map(|i| if i % l == 0 { 3.0 } else { 0.0 }).collect();
        let gold = [Some(0); 5];
        for decoder in decoders() {
            let found = FittedTemperature::of(&decoder, &sentences(&logits, &gold));
            assert_eq!((found.temperature, found.wrong_words, found.words), (1.0, 0, 5));
            let nothing = FittedTemperature::of(&decoder, &[]);
            assert_eq!((nothing.temperature, nothing.words, nothing.loss_before), (1.0, 0, 0.0));
        }
    }

    #[test]
    fn the_golden_section_finds_the_minimum_within_a_range_or_at_its_end() {
        let found = golden_section(|x| (x - 0.3).powi(2), [-2.0, 2.0]);
        assert!((found - 0.3).abs() < 1e-4, "{found}");
        assert!((golden_section(|x| x, [-2.0, 2.0]) + 2.0).abs() < 1e-4);
    }
}
