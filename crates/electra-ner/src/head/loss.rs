//! The training loss: cross entropy over the words' labels, weighted and focused.
//!
//! `W` words of a batch, `L` labels. Continuation pieces have no row, so nothing is ignored here
//! but words without a label.

use std::collections::BTreeMap;

use burn::prelude::*;
use burn::tensor::TensorData;
use burn::tensor::activation::log_softmax;
use electra_kernels as kernels;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use electra_annotations::LabelSet;

/// Loss of a recipe: that of a word, and the weights of entity types.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LossConfig {
    /// The loss of a word.
    pub word: WordLossKind,
    /// The weights of the words of each type.
    pub class_weights: ClassWeights,
}

/// Loss of one word.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum WordLossKind {
    /// `-log p(label)`.
    CrossEntropy {
        /// Share of the target that goes to all labels alike, in `[0, 1)`; 0 is plain.
        label_smoothing: f64,
    },
    /// `-(1 - p)^gamma log p(label)`: words that are right already count less (Lin et al. 2017).
    Focal {
        /// The focusing parameter, at least 0; 0 is the cross entropy.
        gamma: f64,
    },
}

impl Default for WordLossKind {
    fn default() -> Self {
        Self::CrossEntropy { label_smoothing: 0.0 }
    }
}

/// Class weights: how much the words of each entity type, and those outside of entities, count.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum ClassWeights {
    /// One weight for all words.
    None {},
    /// Weights that the recipe gives.
    Given {
        /// The weights by type, `O` for the words outside; 1 for those that are not named.
        weights: BTreeMap<String, f64>,
    },
    /// The inverse of the number of words of the type.
    InverseFrequency {},
    /// The inverse of the effective number of words, `(1 - beta^n) / (1 - beta)` (Cui et al. 2019):
    /// between no weights at `beta` 0 and the inverse frequency near 1.
    EffectiveNumber {
        /// The parameter beta, in `[0, 1)`; .99 to .9999 in the paper.
        beta: f64,
    },
}

impl Default for ClassWeights {
    fn default() -> Self {
        Self::None {}
    }
}

/// A loss that cannot be meant.
#[derive(Clone, Debug, PartialEq, Error, miette::Diagnostic)]
pub enum LossError {
    /// A number out of its range.
    #[error("{name} is {found}, expected {expected}")]
    Number {
        /// Key of the recipe that it is about.
        name: String,
        /// The value that was found.
        found: f64,
        /// The values that are possible.
        expected: &'static str,
    },
    /// A weight for a type that there is not.
    #[error("class_weights names the type {found}, but the training data has {}", .known.join(", "))]
    #[diagnostic(help("take the weight out"))]
    UnknownType {
        /// The entity type that is named.
        found: String,
        /// The types that there are.
        known: Vec<String>,
    },
    /// Something that a CRF has no place for.
    #[error("{0} counts words one by one, but a CRF trains whole sentences")]
    #[diagnostic(help(
        "leave it out, or take labels.head = \"linear\" with labels.decoding = \"argmax\" or \"viterbi\""
    ))]
    NotWithCrf(&'static str),
}

impl LossError {
    /// The key of a recipe that it is about.
    #[must_use]
    pub fn key(&self) -> &'static str {
        match self {
            Self::Number { name, .. } if name == "label_smoothing" => "loss.word.label_smoothing",
            Self::Number { name, .. } if name.starts_with("gamma") => "loss.word.gamma",
            Self::Number { name, .. } if name.starts_with("beta") => "loss.class_weights.beta",
            Self::Number { .. } | Self::UnknownType { .. } => "loss.class_weights.weights",
            Self::NotWithCrf("the focal loss") => "loss.word.kind",
            Self::NotWithCrf("label_smoothing") => "loss.word.label_smoothing",
            Self::NotWithCrf(_) => "loss.class_weights.kind",
        }
    }
}

impl LossConfig {
    /// Refuses numbers out of range, whatever the data.
    ///
    /// # Errors
    /// The first such number.
    pub fn check(&self) -> Result<(), LossError> {
        let number = |name: &str, found: f64, good: bool, expected| {
            if good { Ok(()) } else { Err(LossError::Number { name: name.into(), found, expected }) }
        };
        let share = "a number of at least 0 and below 1";
        match self.word {
            WordLossKind::CrossEntropy { label_smoothing: e } => {
                number("label_smoothing", e, (0.0..1.0).contains(&e), share)?;
            }
            WordLossKind::Focal { gamma } => {
                let good = (0.0..=1e3).contains(&gamma);
                number("gamma of the focal loss", gamma, good, "a number from 0 to 1000")?;
            }
        }
        match &self.class_weights {
            ClassWeights::Given { weights } => weights.iter().try_for_each(|(kind, &weight)| {
                let good = weight > 0.0 && weight <= 1e6;
                number(
                    &format!("class weight of {kind}"),
                    weight,
                    good,
                    "a number above 0 and at most 1000000",
                )
            }),
            ClassWeights::EffectiveNumber { beta } => {
                number("beta of effective-number", *beta, (0.0..1.0).contains(beta), share)
            }
            ClassWeights::None {} | ClassWeights::InverseFrequency {} => Ok(()),
        }
    }

    /// Refuses what has no meaning where whole sentences are trained.
    ///
    /// # Errors
    /// The setting.
    pub fn check_with_crf(&self) -> Result<(), LossError> {
        match (&self.word, &self.class_weights) {
            (WordLossKind::Focal { .. }, _) => Err(LossError::NotWithCrf("the focal loss")),
            (WordLossKind::CrossEntropy { label_smoothing }, _) if *label_smoothing != 0.0 => {
                Err(LossError::NotWithCrf("label_smoothing"))
            }
            (_, ClassWeights::None {}) => Ok(()),
            _ => Err(LossError::NotWithCrf("class_weights")),
        }
    }
}

impl ClassWeights {
    /// One weight for each label, `[L]`, given how many words of the training data have each. All
    /// labels of a type have one weight; weights that come from counts add up to the number of
    /// types, `O` among them.
    ///
    /// # Errors
    /// A type that no label has.
    pub fn of(&self, labels: &LabelSet, counts: &[u64]) -> Result<Vec<f64>, LossError> {
        assert_eq!(counts.len(), labels.len(), "one count for each label");
        let kind = |id: usize| labels.kind(id).unwrap_or("O");
        let mut words: BTreeMap<&str, u64> = BTreeMap::new();
        counts.iter().enumerate().for_each(|(id, count)| *words.entry(kind(id)).or_default() += count);
        let from_counts = |inverse: &dyn Fn(f64) -> f64| {
            // A type without words has no loss either: its weight matters to label smoothing alone.
            let of_kind: BTreeMap<&str, f64> =
                words.iter().map(|(kind, &count)| (*kind, inverse(count.max(1) as f64))).collect();
            let scale = of_kind.len() as f64 / of_kind.values().sum::<f64>();
            (0..labels.len()).map(|id| of_kind[kind(id)] * scale).collect()
        };
        match self {
            Self::None {} => Ok(vec![1.0; labels.len()]),
            Self::Given { weights } => {
                if let Some(found) = weights.keys().find(|kind| !words.contains_key(kind.as_str())) {
                    let known = words.keys().map(|kind| kind.to_string()).collect();
                    return Err(LossError::UnknownType { found: found.clone(), known });
                }
                Ok((0..labels.len()).map(|id| weights.get(kind(id)).copied().unwrap_or(1.0)).collect())
            }
            Self::InverseFrequency {} => Ok(from_counts(&|n| 1.0 / n)),
            Self::EffectiveNumber { beta } => Ok(from_counts(&|n| (1.0 - beta) / (1.0 - beta.powf(n)))),
        }
    }
}

/// The loss of a batch's words.
///
/// As in PyTorch a batch's loss is the sum over its words divided by the sum of their labels'
/// weights. The two are apart here so that the micro-batches of a step can share one divisor.
#[derive(Clone, Debug, PartialEq)]
pub struct WordLoss {
    kind: WordLossKind,
    weights: Vec<f64>,
}

impl WordLoss {
    /// The loss of `config` with one weight for each label, `[L]`.
    pub fn new(kind: WordLossKind, weights: Vec<f64>) -> Self {
        Self { kind, weights }
    }

    /// The weights of the words of each type, as `PER 2.00`; none if they count alike.
    pub fn unequal_weights(&self, labels: &LabelSet) -> Vec<String> {
        let by_type = self.weights_by_type(labels);
        let Some(first) = by_type.values().next() else { return Vec::new() };
        if by_type.values().all(|weight| weight == first) {
            return Vec::new();
        }
        by_type.iter().map(|(kind, weight)| format!("{kind} {weight:.3}")).collect()
    }

    /// The weights of the words of each type, `O` those outside of entities.
    pub fn weights_by_type(&self, labels: &LabelSet) -> BTreeMap<String, f64> {
        let kind = |id: usize| labels.kind(id).unwrap_or("O").to_owned();
        self.weights.iter().enumerate().map(|(id, weight)| (kind(id), *weight)).collect()
    }

    /// Sum of the weights of the words that have a label.
    pub fn divisor(&self, targets: &[Option<usize>]) -> f64 {
        targets.iter().flatten().map(|&label| self.weights[label]).sum()
    }

    /// Sum over the words, `[1]`: `logits [W, L]`, one target for each word, none for a word that
    /// does not count.
    pub fn sum(&self, logits: Tensor<2>, targets: &[Option<usize>]) -> Tensor<1> {
        let [w, l] = logits.dims();
        assert_eq!((targets.len(), self.weights.len()), (w, l), "targets and weights of logits [{w}, {l}]");
        let device = logits.device();
        let floats = |values: Vec<f64>| {
            let values: Vec<f32> = values.into_iter().map(|value| value as f32).collect();
            let count = values.len();
            Tensor::<1>::from_data(TensorData::new(values, [count]), &device)
        };
        let weight = |target: &Option<usize>| target.map_or(0.0, |label| self.weights[label]);
        let weights = floats(targets.iter().map(weight).collect()); // [W]
        let labels: Vec<i32> = targets.iter().map(|target| target.unwrap_or(0) as i32).collect();
        let labels = Tensor::<1, Int>::from_data(TensorData::new(labels, [w]), &device);
        match self.kind {
            WordLossKind::CrossEntropy { label_smoothing: 0.0 } => {
                kernels::weighted_cross_entropy(logits, labels, weights)
            }
            WordLossKind::CrossEntropy { label_smoothing } => {
                let counts = floats(targets.iter().map(|target| f64::from(target.is_some())).collect());
                let each = floats(self.weights.clone()).unsqueeze::<2>(); // [1, L]
                let smooth =
                    kernels::sum(log_softmax(logits.clone(), 1) * each * counts.unsqueeze_dim::<2>(1)).neg();
                let sharp = kernels::weighted_cross_entropy(logits, labels, weights);
                sharp * (1.0 - label_smoothing) + smooth * (label_smoothing / l as f64)
            }
            WordLossKind::Focal { gamma } => {
                let log_p = log_softmax(logits, 1).gather(1, labels.unsqueeze_dim(1)); // [W, 1]
                let log_p = log_p.squeeze_dim::<1>(1); // [W]
                // The power's slope has no bound at 0 if gamma is below 1.
                let wrong = (log_p.clone().exp().neg() + 1.0).clamp_min(1e-6);
                kernels::sum(wrong.powf_scalar(gamma) * log_p * weights).neg()
            }
        }
    }

    /// [`sum`](Self::sum) divided by [`divisor`](Self::divisor): PyTorch's mean. 0 if no word has
    /// a label.
    pub fn mean(&self, logits: Tensor<2>, targets: &[Option<usize>]) -> Tensor<1> {
        let divisor = self.divisor(targets);
        self.sum(logits, targets) / if divisor > 0.0 { divisor } else { 1.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use electra_annotations::LabelScheme;

    fn weights(config: &ClassWeights) -> Vec<f64> {
        let labels = LabelSet::new(["LOC", "PER"], LabelScheme::Iob2);
        // 600 words outside, 300 of LOC, 100 of PER.
        config.of(&labels, &[600, 200, 100, 80, 20]).unwrap()
    }

    fn assert_close(found: &[f64], expected: &[f64]) {
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12, "{found} is not {expected}");
        }
    }

    #[test]
    fn both_labels_of_a_type_have_the_weight_of_all_its_words() {
        assert_eq!(weights(&ClassWeights::None {}), [1.0; 5]);
        // 1/600 : 1/300 : 1/100 = 1 : 2 : 6, scaled to a sum of 3.
        let [o, loc, per] = [1.0, 2.0, 6.0].map(|w| w / 3.0);
        assert_close(&weights(&ClassWeights::InverseFrequency {}), &[o, loc, loc, per, per]);
        let given = BTreeMap::from([("PER".to_string(), 4.0), ("O".to_string(), 0.5)]);
        assert_eq!(weights(&ClassWeights::Given { weights: given }), [0.5, 1.0, 1.0, 4.0, 4.0]);
    }

    #[test]
    fn the_effective_number_lies_between_no_weights_and_the_inverse_frequency() {
        assert_close(&weights(&ClassWeights::EffectiveNumber { beta: 0.0 }), &[1.0; 5]);
        // At beta .99 the numbers 600, 300 and 100 count as 99.76, 95.10 and 63.40.
        let found = weights(&ClassWeights::EffectiveNumber { beta: 0.99 });
        let numbers = [600, 300, 100].map(|n| (1.0 - 0.99f64.powi(n)) / 0.01);
        let rounded = numbers.map(|n| (n * 100.0).round() / 100.0);
        assert_eq!(rounded, [99.76, 95.1, 63.4]);
        assert!((found[4] / found[0] - numbers[0] / numbers[2]).abs() < 1e-12, "{found:?}");
        let nearly_one = weights(&ClassWeights::EffectiveNumber { beta: 1.0 - 1e-9 });
        let inverse = weights(&ClassWeights::InverseFrequency {});
        assert!(nearly_one.iter().zip(&inverse).all(|(a, b)| (a - b).abs() < 1e-5), "{nearly_one:?}");
    }

    #[test]
    fn a_type_without_words_does_not_break_the_weights() {
        let labels = LabelSet::new(["LOC"], LabelScheme::Iob2);
        let found = ClassWeights::InverseFrequency {}.of(&labels, &[10, 0, 0]).unwrap();
        assert!(found.iter().all(|w| w.is_finite() && *w > 0.0), "{found:?}");
    }

    #[test]
    fn losses_that_cannot_be_meant_are_refused_by_name() {
        let check = |word, class_weights| LossConfig { word, class_weights }.check().unwrap_err().to_string();
        let plain = WordLossKind::default;
        let smoothing = WordLossKind::CrossEntropy { label_smoothing: 1.0 };
        assert!(check(smoothing, ClassWeights::None {}).contains("label_smoothing is 1"));
        assert!(check(WordLossKind::Focal { gamma: -1.0 }, ClassWeights::None {}).contains("gamma"));
        assert!(check(plain(), ClassWeights::EffectiveNumber { beta: 1.0 }).contains("beta"));
        let given = |kind: &str, weight| {
            let weights = BTreeMap::from([(kind.to_string(), weight)]);
            ClassWeights::Given { weights }
        };
        assert!(check(plain(), given("PER", 0.0)).contains("class weight of PER is 0"));

        let labels = LabelSet::new(["LOC"], LabelScheme::Iob2);
        let error = given("PER", 2.0).of(&labels, &[1, 1, 1]).unwrap_err().to_string();
        assert!(error.contains("PER") && error.contains("LOC, O"), "{error}");

        let with_crf = |word, class_weights| LossConfig { word, class_weights }.check_with_crf();
        assert_eq!(with_crf(plain(), ClassWeights::None {}), Ok(()));
        assert!(with_crf(WordLossKind::Focal { gamma: 2.0 }, ClassWeights::None {}).is_err());
        assert!(with_crf(plain(), ClassWeights::InverseFrequency {}).is_err());
    }

    #[test]
    fn a_recipe_names_the_loss_in_words_and_cannot_misspell_it() {
        let read = |text: &str| serde_json::from_str::<LossConfig>(text);
        let config = r#"{"word": {"kind": "focal", "gamma": 2.0},
            "class_weights": {"kind": "effective-number", "beta": 0.999}}"#;
        assert_eq!(read(config).unwrap().class_weights, ClassWeights::EffectiveNumber { beta: 0.999 });
        for wrong in [
            r#"{"word": {"kind": "focal"}, "class_weights": {"kind": "none"}}"#,
            r#"{"word": {"kind": "focal", "gamma": 2.0}, "class_weights": {"kind": "none", "beta": 0.9}}"#,
            r#"{"word": {"kind": "cross-entropy", "label_smoothing": 0.1},
                "class_weights": {"kind": "inverse-frequency", "beta": 0.9}}"#,
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
