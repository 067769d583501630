//! Discriminators on one [corruption](crate::corruption): what each is worth, how far that would
//! move with other rows, and by how much two of them differ.
//!
//! The unit of the bootstrap is the held-out row: tokens of a row are read together and are right or
//! wrong together. Rows of one document are as well, but a data folder does not say which those are.
//! All models are scored on the same resamples, so that what rows have in common
//! cancels in their differences.

use burn::prelude::*;
use burn::tensor::TensorData;
use electra_kernels::read;
use electra_model::{Discriminator, DropoutSites, Pass, on_workers};
use electra_run::quantile::quantile;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use crate::corruption::{Corruption, rows_at_once};
use crate::metrics::{binary_cross_entropy, binary_entropy};

/// A measure of a discriminator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Area under the receiver operating characteristic.
    Auc,
    /// Part of the tokens judged replaced, with a probability above 0.5, that are.
    Precision,
    /// Part of the replaced tokens that are judged so.
    Recall,
    /// The harmonic mean of both.
    F1,
    /// Binary cross entropy of a token, in nats.
    Loss,
    /// The loss divided by the entropy of the share of replaced tokens: 1 is what knowing it alone achieves.
    LossOverEntropy,
}

/// A number for each measure, in the order of [`Measure::ALL`]; NaN where there is nothing to divide by.
pub type Scores = [f64; Measure::ALL.len()];

impl Measure {
    /// All measures, in the order of tables.
    pub const ALL: [Self; 6] =
        [Self::Auc, Self::Precision, Self::Recall, Self::F1, Self::Loss, Self::LossOverEntropy];

    /// The key of the measure in JSON.
    pub fn key(self) -> &'static str {
        match self {
            Self::Auc => "auc",
            Self::Precision => "precision",
            Self::Recall => "recall",
            Self::F1 => "f1",
            Self::Loss => "loss",
            Self::LossOverEntropy => "loss_over_entropy",
        }
    }

    /// The name of the measure in tables.
    pub fn title(self) -> &'static str {
        match self {
            Self::Auc => "AUC",
            Self::Precision => "precision",
            Self::Recall => "recall",
            Self::F1 => "F1",
            Self::Loss => "loss",
            Self::LossOverEntropy => "loss/H(q)",
        }
    }
}

/// The logits of a discriminator for every token of a corruption.
#[derive(Clone, Debug)]
pub struct DetectionLogits {
    /// In ascending order of their logits.
    tokens: Vec<Token>,
    rows: Vec<RowSums>,
}

#[derive(Clone, Copy, Debug)]
struct Token {
    logit: f32,
    is_replaced: bool,
    row: usize,
}

/// Sums over the tokens of a row.
#[derive(Clone, Copy, Debug, Default)]
struct RowSums {
    tokens: f64,
    replaced: f64,
    called: f64,
    caught: f64,
    nats: f64,
}

/// The settings of the bootstrap, which resamples rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resampling {
    /// Number of resamples, at least 1.
    pub resamples: usize,
    /// The seed of the resampling: the same seed draws the same rows.
    pub seed: u64,
}

impl Default for Resampling {
    /// 1,000 resamples, seed 0.
    fn default() -> Self {
        Self { resamples: 1000, seed: 0 }
    }
}

/// A number and where 95 % of its resamples lie, between their 2.5 and 97.5 percentiles.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// The number; none where there is nothing to divide by.
    pub value: Option<f64>,
    /// The confidence interval; `None` where some resample has no such number.
    pub interval: Option<[f64; 2]>,
}

/// An estimate for each measure, in the order of [`Measure::ALL`].
pub type Estimates = [Estimate; Measure::ALL.len()];

/// Reads the text of `corruption` with `model`; `progress` is told the rows done and of how many.
///
/// Panics if the model learned no detection, or [cannot read](Corruption::check_reader) the text.
pub fn detection_logits(
    model: &Discriminator,
    corruption: &Corruption,
    device: &Device,
    mut progress: impl FnMut(usize, usize),
) -> DetectionLogits {
    let text = &corruption.text;
    let (s, of) = (text.sequence_length, text.rows());
    let mut judged = Vec::with_capacity(text.ids.len());
    let mut from = 0;
    while from < of {
        let to = (from + rows_at_once(s)).min(of);
        let (places, rows) = (from * s..to * s, to - from);
        let ints = |values: &[i32]| {
            Tensor::<2, Int>::from_data(TensorData::new(values[places.clone()].to_vec(), [rows, s]), device)
        };
        let attention_mask = TensorData::new(text.attention_mask[places.clone()].to_vec(), [rows, s]);
        let attention_mask = Tensor::<2>::from_data(attention_mask, device);
        let (ids, token_type_ids) = (ints(&text.ids), ints(&text.token_type_ids));
        let logits: Vec<f32> = on_workers(Pass::Evaluation, device, || {
            let logits = model.forward(
                ids.clone(),
                token_type_ids.clone(),
                attention_mask.clone(),
                &DropoutSites::off(),
            );
            read(logits).iter::<f32>().collect()
        });
        for (place, logit) in places.zip(logits).filter(|(place, _)| text.attention_mask[*place] > 0.0) {
            judged.push(Token { logit, is_replaced: text.is_replaced[place], row: place / s });
        }
        from = to;
        progress(to, of);
    }
    DetectionLogits::new(judged, of)
}

impl DetectionLogits {
    fn new(mut tokens: Vec<Token>, rows: usize) -> Self {
        let mut sums = vec![RowSums::default(); rows];
        for token in &tokens {
            let (sum, is_called) = (&mut sums[token.row], token.logit > 0.0);
            sum.tokens += 1.0;
            sum.replaced += f64::from(token.is_replaced);
            sum.called += f64::from(is_called);
            sum.caught += f64::from(is_called && token.is_replaced);
            sum.nats += binary_cross_entropy(f64::from(token.logit), token.is_replaced);
        }
        tokens.sort_by(|a, b| a.logit.total_cmp(&b.logit));
        Self { tokens, rows: sums }
    }

    /// Scores where row `r` counts `weights[r]` times.
    fn scores(&self, weights: &[f64]) -> Scores {
        let mut sum = RowSums::default();
        for (row, weight) in self.rows.iter().zip(weights) {
            sum.tokens += weight * row.tokens;
            sum.replaced += weight * row.replaced;
            sum.called += weight * row.called;
            sum.caught += weight * row.caught;
            sum.nats += weight * row.nats;
        }
        let loss = sum.nats / sum.tokens;
        let entropy = binary_entropy(sum.replaced / sum.tokens);
        [
            self.area_under_curve(weights),
            sum.caught / sum.called,
            sum.caught / sum.replaced,
            2.0 * sum.caught / (sum.called + sum.replaced),
            loss,
            if entropy > 0.0 { loss / entropy } else { f64::NAN },
        ]
    }

    /// Mann-Whitney U over the pairs: a replaced token beats all originals below it, and half of those
    /// beside it.
    fn area_under_curve(&self, weights: &[f64]) -> f64 {
        let (mut below, mut replaced, mut wins) = (0.0, 0.0, 0.0);
        for run in self.tokens.chunk_by(|a, b| a.logit == b.logit) {
            let [mut originals_here, mut replaced_here] = [0.0; 2];
            for token in run {
                let kind = if token.is_replaced { &mut replaced_here } else { &mut originals_here };
                *kind += weights[token.row];
            }
            wins += replaced_here * (below + originals_here / 2.0);
            below += originals_here;
            replaced += replaced_here;
        }
        wins / (replaced * below)
    }
}

/// The estimates of models on one corruption, and their differences from the first model.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// The estimates of each model.
    pub models: Vec<Estimates>,
    /// The estimates of each model but the first: its scores less those of the first, on the same resamples.
    pub differences: Vec<Estimates>,
}

/// Scores of judgements of the same corruption, with intervals.
///
/// Panics if there is none, or they are of unlike corruptions.
pub fn compare(judgements: &[DetectionLogits], resampling: Resampling) -> Comparison {
    let rows = judgements.first().expect("models to compare").rows.len();
    assert!(judgements.iter().all(|other| other.rows.len() == rows), "judgements of other rows");
    let once = vec![1.0; rows];
    let values: Vec<Scores> = judgements.iter().map(|judgement| judgement.scores(&once)).collect();
    let mut rng = ChaCha8Rng::seed_from_u64(resampling.seed);
    let mut resampled: Vec<Vec<Scores>> = vec![Vec::new(); judgements.len()];
    for _ in 0..resampling.resamples {
        let mut weights = vec![0.0; rows];
        (0..rows).for_each(|_| weights[rng.random_range(0..rows)] += 1.0);
        for (scores, judgement) in resampled.iter_mut().zip(judgements) {
            scores.push(judgement.scores(&weights));
        }
    }
    let less = |a: &Scores, b: &Scores| -> Scores { std::array::from_fn(|i| a[i] - b[i]) };
    let difference = |at: usize| {
        let pairs = resampled[at].iter().zip(&resampled[0]);
        estimates(&less(&values[at], &values[0]), &pairs.map(|(a, b)| less(a, b)).collect::<Vec<_>>())
    };
    Comparison {
        models: values.iter().zip(&resampled).map(|(value, resampled)| estimates(value, resampled)).collect(),
        differences: (1..judgements.len()).map(difference).collect(),
    }
}

fn estimates(values: &Scores, resampled: &[Scores]) -> Estimates {
    std::array::from_fn(|at| {
        let resampled: Vec<f64> = resampled.iter().map(|scores| scores[at]).collect();
        let is_whole = values[at].is_finite() && resampled.iter().all(|value| value.is_finite());
        Estimate {
            value: Some(values[at]).filter(|value| value.is_finite()),
            interval: (is_whole && !resampled.is_empty())
                .then(|| [0.025, 0.975].map(|share| quantile(&resampled, share))),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::MetricAccumulator;

    fn judgement(rows: &[&[(f32, bool)]]) -> DetectionLogits {
        let tokens = rows.iter().enumerate().flat_map(|(row, tokens)| {
            tokens.iter().map(move |&(logit, is_replaced)| Token { logit, is_replaced, row })
        });
        DetectionLogits::new(tokens.collect(), rows.len())
    }

    /// Rows of a model that is right with `strength`, with noise that is the same for all models.
    fn noisy(strength: f32) -> DetectionLogits {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let rows: Vec<Vec<(f32, bool)>> = (0..60)
            .map(|_| {
                let tokens = (0..20).map(|at| {
                    let noise = rng.random::<f32>() * 4.0 - 2.0;
                    let is_replaced = at % 5 == 0;
                    (if is_replaced { noise + strength } else { noise - strength }, is_replaced)
                });
                tokens.collect()
            })
            .collect();
        judgement(&rows.iter().map(Vec::as_slice).collect::<Vec<_>>())
    }

    #[test]
    fn scores_by_hand() {
        // Replaced .3 and 2, originals -1, .3, -2: pairs won 1 + .5 + 1 and 3 of 6. Called .3, .3, 2.
        let of = judgement(&[&[(-1.0, false), (0.3, false)], &[(0.3, true), (2.0, true), (-2.0, false)]]);
        let [auc, precision, recall, f1, loss, ratio] = of.scores(&[1.0, 1.0]);
        assert!((auc - 5.5 / 6.0).abs() < 1e-12 && (precision - 2.0 / 3.0).abs() < 1e-12);
        assert!((recall - 1.0).abs() < 1e-12 && (f1 - 0.8).abs() < 1e-12);
        // .31326 + .85436 + .55436 + .12693 + .12693, and the entropy of 2/5 is .67301.
        assert!((loss - 1.975_84 / 5.0).abs() < 1e-5, "{loss}");
        assert!((ratio - loss / 0.673_012).abs() < 1e-5, "{ratio}");
        // The first row twice is the same as with its tokens doubled.
        let first = [(-1.0, false), (0.3, false)];
        let second: &[(f32, bool)] = &[(0.3, true), (2.0, true), (-2.0, false)];
        let doubled = judgement(&[&first, &first, second]);
        let (weighted, plain) = (of.scores(&[2.0, 1.0]), doubled.scores(&[1.0; 3]));
        assert!(weighted.iter().zip(&plain).all(|(a, b)| (a - b).abs() < 1e-12), "{weighted:?} {plain:?}");
    }

    #[test]
    fn scores_are_those_of_an_evaluation() {
        let of = noisy(0.4);
        let judged = of.tokens.iter().map(|token| (token.logit, token.is_replaced)).collect();
        let record =
            MetricAccumulator { judged: Some(judged), ..MetricAccumulator::default() }.finish([1.0, 1.0]);
        let scores = of.scores(&[1.0; 60]);
        for (found, expected) in [
            (scores[0], record.get("rtd_auc")),
            (scores[1], record.get("rtd_precision")),
            (scores[2], record.get("rtd_recall")),
            (scores[4], record.get("rtd_loss")),
            (scores[5], record.get("rtd_loss_over_entropy")),
        ] {
            assert!((found - expected.unwrap()).abs() < 1e-12, "{found} {expected:?}");
        }
    }

    #[test]
    fn a_ratio_with_nothing_to_divide_by_is_no_number() {
        let nothing_called = compare(&[judgement(&[&[(-1.0, false), (-0.5, true)]])], Resampling::default());
        let [auc, precision, recall, f1, ..] = nothing_called.models[0];
        assert_eq!(
            [auc.value, precision.value, recall.value, f1.value],
            [Some(1.0), None, Some(0.0), Some(0.0)]
        );
        let nothing_replaced = compare(&[judgement(&[&[(-1.0, false)]])], Resampling::default());
        let [auc, _, recall, _, loss, ratio] = nothing_replaced.models[0];
        assert_eq!([auc.value, recall.value, ratio.value], [None; 3]);
        assert!(loss.value.is_some());
    }

    #[test]
    fn intervals_hold_their_number_are_narrower_for_more_rows_and_the_same_every_time() {
        let of = noisy(0.4);
        let found = compare(std::slice::from_ref(&of), Resampling::default());
        for estimate in found.models[0] {
            let ([low, high], value) = (estimate.interval.unwrap(), estimate.value.unwrap());
            assert!(low < value && value < high, "{estimate:?}");
        }
        assert!(compare(std::slice::from_ref(&of), Resampling::default()).models == found.models);
        let other = compare(&[of], Resampling { seed: 1, ..Resampling::default() });
        assert!(other.models != found.models);
    }

    #[test]
    fn what_models_have_in_common_cancels_in_their_difference() {
        let (weak, strong) = (noisy(0.4), noisy(0.5));
        let found = compare(&[weak.clone(), strong, weak], Resampling::default());
        let width = |estimate: Estimate| estimate.interval.map(|[low, high]| high - low).unwrap();
        let (auc, difference) = (found.models[0][0], found.differences[0][0]);
        assert!(width(difference) < 0.5 * width(auc), "{difference:?} {auc:?}");
        assert!(difference.interval.unwrap()[0] > 0.0, "{difference:?}");
        // A model is no better than itself.
        assert!(found.differences[1].iter().all(|none| none.interval == Some([0.0, 0.0])));
    }

    #[test]
    fn the_interval_is_that_of_the_central_limit_theorem() {
        // Recall of rows that are caught or not, 30 of 100: .3 +- 1.96 sqrt(.3 .7 / 100) = .0898.
        let rows: Vec<[(f32, bool); 1]> =
            (0..100).map(|row| [(if row < 30 { 1.0 } else { -1.0 }, true)]).collect();
        let of = judgement(&rows.iter().map(|row| &row[..]).collect::<Vec<_>>());
        let recall = compare(&[of], Resampling { resamples: 4000, seed: 3 }).models[0][2];
        let [low, high] = recall.interval.unwrap();
        assert!((low - 0.21).abs() < 0.015 && (high - 0.39).abs() < 0.015, "{recall:?}");
    }
}
