//! Decoding: from the logits of a sentence's words to one label each.

use electra_annotations::LabelSet;
use serde::{Deserialize, Serialize};

use super::chain::{Chain, Posterior, largest};
use super::span::{DecodedSpan, Paths, SpanRules};

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

/// Decoder from the logits of sentences to labels, with a temperature for their probabilities.
#[derive(Clone, Debug)]
pub struct Decoder {
    rules: SpanRules,
    chain: Option<Chain>,
    temperature: f64,
    /// The chain at this temperature.
    tempered: Option<Chain>,
}

/// Negative log-likelihood of gold labels, and the number of words that it is the sum of.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LogLikelihood {
    /// The sum over words, or over sentences where they are decoded whole.
    pub negative: f64,
    /// The number of words.
    pub words: u64,
}

impl Decoder {
    /// The most likely label for each word, whatever its neighbours have.
    pub(super) fn by_word(labels: &LabelSet) -> Self {
        Self { rules: SpanRules::of(labels), chain: None, temperature: 1.0, tempered: None }
    }

    /// The best path of this chain for each sentence.
    pub(super) fn by_sentence(chain: Chain, labels: &LabelSet) -> Self {
        assert_eq!(chain.labels(), labels.len(), "labels of a chain");
        let tempered = Some(chain.clone());
        Self { rules: SpanRules::of(labels), chain: Some(chain), temperature: 1.0, tempered }
    }

    /// This decoder with another temperature (Guo et al. 2017), which divides logits and the scores of
    /// sequences: probabilities are nearer to each other above 1, and labels stay as they are.
    ///
    /// # Panics
    /// If it is no number above 0.
    #[must_use]
    pub fn at_temperature(&self, temperature: f64) -> Self {
        assert!(temperature.is_finite() && temperature > 0.0, "a temperature of {temperature}");
        let tempered = self.chain.as_ref().map(|chain| chain.at_temperature(temperature));
        Self { temperature, tempered, ..self.clone() }
    }

    /// The temperature of the probabilities.
    #[must_use]
    pub fn temperature(&self) -> f64 {
        self.temperature
    }

    /// One decision for each of the `N` words of a sentence, from their logits `[N, L]`. A
    /// sentence that was read in several windows comes whole, in the order of its words.
    pub fn decode(&self, logits: &[f32]) -> Vec<Decision> {
        self.decode_with(logits).0
    }

    /// The decisions for a sentence and its entities, each with its probability: where sentences are decoded
    /// whole, of all allowed sequences that have just this entity; where words are decoded by themselves, the
    /// product over its words.
    pub fn decode_spans(&self, logits: &[f32]) -> (Vec<Decision>, Vec<DecodedSpan>) {
        let (decisions, posterior) = self.decode_with(logits);
        let spans = self.rules.spans(decisions.iter().map(|decision| decision.label));
        let paths = match (&self.tempered, &posterior) {
            (Some(chain), Some(posterior)) if !spans.is_empty() => {
                Some(Paths::of(chain, posterior, &self.rules))
            }
            _ => None,
        };
        let decoded = |words: std::ops::Range<usize>| {
            let label = decisions[words.start].label;
            let probability = match &paths {
                Some(paths) => paths.probability(words.clone(), label),
                None => decisions[words.clone()].iter().map(|decision| decision.probability).product(),
            };
            DecodedSpan { words, label, probability }
        };
        let spans = spans.into_iter().map(decoded).collect();
        (decisions, spans)
    }

    /// The decisions for a sentence, with the posterior probabilities where it is decoded whole.
    fn decode_with(&self, logits: &[f32]) -> (Vec<Decision>, Option<Posterior>) {
        let l = self.rules.labels();
        assert!(logits.len().is_multiple_of(l), "{} logits of {l} labels", logits.len());
        let (Some(chain), Some(tempered)) = (&self.chain, &self.tempered) else {
            let decide = |word: &[f32]| most_likely(word, self.temperature);
            return (logits.chunks(l).map(decide).collect(), None);
        };
        // By the scores as they are: rounding after a division might choose among nearly equal paths anew.
        let path = chain.best_path(logits);
        let posterior = tempered.posterior(&self.divided(logits));
        let decision = |(word, &label): (&[f64], &usize)| Decision { label, probability: word[label] };
        let decisions = posterior.words.chunks(l).zip(&path).map(decision).collect();
        (decisions, Some(posterior))
    }

    /// The probability of each label at each word of a sentence with these logits `[N, L]`: among all labels, or
    /// among all sequences that have it there.
    pub(crate) fn probabilities(&self, logits: &[f32]) -> Vec<f64> {
        if let Some(tempered) = &self.tempered {
            return tempered.posterior(&self.divided(logits)).words;
        }
        let softmax = |word: &[f32]| {
            let (_, most) = largest(word.iter().map(|&logit| f64::from(logit)));
            let weights = word.iter().map(|&logit| ((f64::from(logit) - most) / self.temperature).exp());
            let weights: Vec<f64> = weights.collect();
            let sum: f64 = weights.iter().sum();
            weights.into_iter().map(move |weight| weight / sum)
        };
        logits.chunks(self.rules.labels()).flat_map(softmax).collect()
    }

    /// Logits at the temperature.
    fn divided(&self, logits: &[f32]) -> Vec<f32> {
        logits.iter().map(|&logit| (f64::from(logit) / self.temperature) as f32).collect()
    }

    /// The negative log-likelihood of the gold labels of a sentence, from its logits `[N, L]`. Words whose label
    /// the tagger does not have say nothing, nor do sentences with one, or with labels that their scheme does
    /// not allow, where sentences are decoded whole.
    pub fn log_likelihood(&self, logits: &[f32], gold: &[Option<usize>]) -> LogLikelihood {
        let l = self.rules.labels();
        assert_eq!(logits.len(), gold.len() * l, "logits for {} words", gold.len());
        let Some(tempered) = &self.tempered else {
            let mut sum = LogLikelihood::default();
            for (word, label) in logits.chunks(l).zip(gold) {
                let Some(label) = *label else { continue };
                let scaled = |logit: f32| f64::from(logit) / self.temperature;
                let (_, most) = largest(word.iter().map(|&logit| scaled(logit)));
                let all: f64 = word.iter().map(|&logit| (scaled(logit) - most).exp()).sum();
                sum.negative += all.ln() + most - scaled(word[label]);
                sum.words += 1;
            }
            return sum;
        };
        let Some(path) = gold.iter().copied().collect::<Option<Vec<usize>>>() else {
            return LogLikelihood::default();
        };
        let logits = self.divided(logits);
        let score = tempered.score(&logits, &path);
        match score.is_finite() {
            true => {
                LogLikelihood { negative: tempered.log_partition(&logits) - score, words: path.len() as u64 }
            }
            false => LogLikelihood::default(),
        }
    }

    /// [`decode`](Self::decode) for several sentences: for each word of each the row of its logits
    /// in `logits [W, L]`.
    pub fn decode_rows<'a>(
        &self,
        logits: &[f32],
        sentences: impl IntoIterator<Item = &'a [usize]>,
    ) -> Vec<Vec<Decision>> {
        let l = self.rules.labels();
        let row = |row: &usize| logits[row * l..][..l].iter().copied();
        let decode = |rows: &[usize]| self.decode(&rows.iter().flat_map(row).collect::<Vec<_>>());
        sentences.into_iter().map(decode).collect()
    }
}

/// The label of the largest logit and its share of the softmax at a temperature.
fn most_likely(logits: &[f32], temperature: f64) -> Decision {
    let (label, most) = largest(logits.iter().map(|&logit| f64::from(logit)));
    let sum: f64 = logits.iter().map(|&logit| ((f64::from(logit) - most) / temperature).exp()).sum();
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
        let argmax = Decoder::by_word(&set).decode(&logits);
        assert_eq!(labels(&argmax), [0, 2]);
        assert!((argmax[0].probability - 0.5).abs() < 1e-6 && (argmax[1].probability - 0.6).abs() < 1e-6);
        // Allowed: OO .125, OB .075, BO .075, BB .045, BI .18; their sum is .5.
        let viterbi = Decoder::by_sentence(Chain::legal(&set), &set).decode(&logits);
        assert_eq!(labels(&viterbi), [1, 2]);
        assert!((viterbi[0].probability - 0.6).abs() < 1e-6, "{viterbi:?}");
        assert!((viterbi[1].probability - 0.36).abs() < 1e-6, "{viterbi:?}");
    }

    #[test]
    fn a_sentence_is_decoded_as_a_whole_wherever_its_rows_are() {
        let set = LabelSet::new(["PER"], LabelScheme::Iob2);
        let decoder = Decoder::by_sentence(Chain::legal(&set), &set);
        let logits = [0.0, 0.0, 2.0, 0.0, 1.5, 0.0, 3.0, 0.0, 0.0];
        // The word of row 0 wants to go on with an entity that row 1 begins.
        let found = decoder.decode_rows(&logits, [[1, 0].as_slice(), &[2], &[]]);
        assert_eq!(found.iter().map(|d| labels(d)).collect::<Vec<_>>(), [vec![1, 2], vec![0], vec![]]);
    }

    #[test]
    fn the_probability_of_an_entity_of_words_that_are_decoded_by_themselves_is_their_product() {
        let set = LabelSet::new(["PER"], LabelScheme::Iob2);
        let ln = |p: f32| p.ln();
        let logits = [ln(0.2), ln(0.7), ln(0.1), ln(0.3), ln(0.1), ln(0.6), ln(0.8), ln(0.1), ln(0.1)];
        let (_, spans) = Decoder::by_word(&set).decode_spans(&logits);
        assert_eq!((spans.len(), &spans[0].words, spans[0].label), (1, &(0..2), 1));
        assert!((spans[0].probability - 0.42).abs() < 1e-6, "{spans:?}");
    }

    #[test]
    fn a_temperature_changes_probabilities_and_no_label() {
        let set = LabelSet::new(["A", "B"], LabelScheme::Iobes);
        let l = set.len();
        let decoders = [
            Decoder::by_word(&set),
            Decoder::by_sentence(Chain::legal(&set), &set),
            Decoder::by_sentence(scores(&set), &set),
        ];
        for decoder in decoders {
            for sentence in 0..40 {
                let logits: Vec<f32> =
                    (0..5 * l).map(|i| (((i + 1) * (sentence + 3) * 7919) % 1000) as f32 / 100.0).collect();
                let plain = decoder.decode_spans(&logits);
                for temperature in [0.2, 1.0, 1.7, 30.0] {
                    let (decisions, spans) = decoder.at_temperature(temperature).decode_spans(&logits);
                    assert_eq!(labels(&decisions), labels(&plain.0), "at {temperature}");
                    if temperature == 1.0 {
                        assert_eq!((&decisions, &spans), (&plain.0, &plain.1));
                    }
                    let words =
                        |spans: &[DecodedSpan]| spans.iter().map(|s| s.words.clone()).collect::<Vec<_>>();
                    assert_eq!(words(&spans), words(&plain.1));
                    for (span, plain) in spans.iter().zip(&plain.1) {
                        let [hot, cold] = [span.probability, plain.probability];
                        assert!((0.0..=1.0).contains(&hot), "{span:?}");
                        assert!(temperature != 30.0 || hot < cold || cold < 0.5, "{hot} at 30, {cold} at 1");
                    }
                }
            }
        }
    }

    /// Learned scores of no regularity.
    fn scores(labels: &LabelSet) -> Chain {
        let l = labels.len();
        let wave = |i: usize| ((i * 37 % 101) as f64 / 101.0 - 0.5) * 4.0;
        Chain::new(
            (0..l).map(wave).collect(),
            (0..l * l).map(|i| wave(i + 7)).collect(),
            (0..l).map(|i| wave(i + 3)).collect(),
        )
    }

    #[test]
    fn the_likelihood_of_gold_labels_is_that_of_their_words_or_their_path() {
        let set = LabelSet::new(["PER"], LabelScheme::Iob2);
        let ln = |p: f32| p.ln();
        let logits = [ln(0.5), ln(0.3), ln(0.2), ln(0.25), ln(0.15), ln(0.6)];
        let words = Decoder::by_word(&set);
        let found = words.log_likelihood(&logits, &[Some(1), None]);
        assert!((found.negative + 0.3f64.ln()).abs() < 1e-6 && found.words == 1, "{found:?}");
        // Allowed: OO .125, OB .075, BO .075, BB .045, BI .18; their sum is .5.
        let legal = Decoder::by_sentence(Chain::legal(&set), &set);
        let found = legal.log_likelihood(&logits, &[Some(1), Some(2)]);
        assert!((found.negative + 0.36f64.ln()).abs() < 1e-6 && found.words == 2, "{found:?}");
        for silent in [[Some(0), Some(2)], [Some(0), None]] {
            assert_eq!(legal.log_likelihood(&logits, &silent), LogLikelihood::default());
        }
    }
}
