//! Metrics of the two networks. Padding never counts.
//!
//! [`table`] says of each scalar what it is called, how it is written and where it is shown.

pub mod experiments;
mod scalars;
pub mod table;
mod thresholds;

use burn::prelude::*;
use electra_kernels::{read, read_number};
use electra_model::{BatchData, JointOutput, Normalizer};

pub use scalars::{EvalRecord, Scalars, TrainRecord};
pub use thresholds::{COLLAPSE_RATIO, COLLAPSE_RECALL, LOW_AUC, PLATEAU, majority_class};

/// Sums over batches from which an [`EvalRecord`] follows. None is what the objective cannot measure.
#[derive(Clone, Debug, Default)]
pub struct MetricAccumulator {
    /// The predictions of the network that reads \[MASK\], at used slots.
    pub mlm: Option<Predicted>,
    /// The counts of samples at them.
    pub corruption: Option<Corruption>,
    /// Logit and label of every judged token.
    pub judged: Option<Vec<(f32, bool)>>,
    /// The predictions of a network that reads corrupted text.
    pub prediction: Option<Predicted>,
}

/// Predictions of tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Predicted {
    /// Sum of the cross entropies.
    pub nats: f64,
    /// Number of predictions.
    pub count: u64,
    /// The number of predictions whose first choice is right.
    pub right: u64,
}

/// Samples and what they replaced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Corruption {
    /// The number of used slots.
    pub slots: u64,
    /// The number of slots whose sample is the original.
    pub right: u64,
    /// The number of real tokens.
    pub tokens: u64,
    /// The number of tokens that were replaced by another one.
    pub fakes: u64,
}

impl MetricAccumulator {
    /// Adds what the networks said about `batch`; `normalizer` is what their losses were divided by.
    pub fn add(&mut self, batch: &BatchData, output: &JointOutput, normalizer: Normalizer) {
        let ids = |t: Tensor<1, Int>| -> Vec<i64> { read(t).iter::<i64>().collect() };
        let floats = |t: &Tensor<2>| -> Vec<f32> { read(t.clone()).iter::<f32>().collect() };
        let slots = batch.targets.len();
        // Of the used slots, how many name the original.
        let right = |found: Vec<i64>| -> (u64, u64) {
            let used = batch.weights.iter().zip(&batch.targets).zip(found).filter(|((w, _), _)| **w > 0.0);
            used.fold((0, 0), |(count, right), ((_, target), found)| {
                (count + 1, right + u64::from(found == i64::from(*target)))
            })
        };
        if let (Some(loss), Some(logits)) = (&output.mlm, &output.generator_logits) {
            let (count, right) = right(ids(logits.clone().argmax(1).reshape([slots])));
            let nats = read_number(loss.clone()) * normalizer.mlm;
            self.mlm.get_or_insert_default().add(Predicted { nats, count, right });
        }
        if let Some(corrupted) = &output.corrupted {
            let (used, right) = right(ids(corrupted.samples.clone()));
            let labels = floats(&corrupted.labels);
            let attention_mask = || {
                batch.attention_mask.iter().zip(&labels).filter(|(attention_mask, _)| **attention_mask > 0.0)
            };
            let sums = self.corruption.get_or_insert_default();
            sums.slots += used;
            sums.right += right;
            sums.tokens += attention_mask().count() as u64;
            sums.fakes += attention_mask().filter(|(_, label)| **label > 0.5).count() as u64;
            if let (Some(logits), Some(judged)) = (&output.discriminator_logits, &output.judged) {
                let of_token = floats(judged).into_iter().zip(floats(logits)).zip(&labels);
                let judged = of_token.filter(|((judged, _), _)| *judged > 0.0);
                let judged = judged.map(|((_, logit), label)| (logit, *label > 0.5));
                self.judged.get_or_insert_default().extend(judged);
            }
        }
        if let Some(prediction) = &output.prediction {
            let (found, targets) = (ids(prediction.first_choice()), ids(prediction.targets.clone()));
            let weights: Vec<f32> = read(prediction.weights.clone()).iter::<f32>().collect();
            let counted = || weights.iter().zip(found.iter().zip(&targets)).filter(|(w, _)| **w > 0.0);
            self.prediction.get_or_insert_default().add(Predicted {
                nats: read_number(prediction.loss.clone()) * prediction.divisor,
                count: counted().count() as u64,
                right: counted().filter(|(_, (found, target))| found == target).count() as u64,
            });
        }
    }

    /// Adds what was counted elsewhere.
    pub fn merge(&mut self, more: Self) {
        let Self { mlm, corruption, judged, prediction } = more;
        if let Some(more) = mlm {
            self.mlm.get_or_insert_default().add(more);
        }
        if let Some(more) = corruption {
            let sums = self.corruption.get_or_insert_default();
            sums.slots += more.slots;
            sums.right += more.right;
            sums.tokens += more.tokens;
            sums.fakes += more.fakes;
        }
        if let Some(more) = judged {
            self.judged.get_or_insert_default().extend(more);
        }
        if let Some(more) = prediction {
            self.prediction.get_or_insert_default().add(more);
        }
    }

    /// Whether there is nothing, or of some part nothing, that results could be said of.
    pub fn is_empty(&self) -> bool {
        let counts = [
            self.mlm.map(|sums| sums.count),
            self.corruption.map(|sums| sums.slots),
            self.judged.as_ref().map(|judged| judged.len() as u64),
            self.prediction.map(|sums| sums.count),
        ];
        counts.iter().all(Option::is_none) || counts.contains(&Some(0))
    }

    /// The results; `weights` are those of masked language modelling and of what the discriminator
    /// learns, as the objective [has them](electra_model::Objective::weights).
    ///
    /// Panics if the tally [is empty](Self::is_empty).
    pub fn finish(self, weights: [f64; 2]) -> EvalRecord {
        assert!(!self.is_empty(), "evaluation of nothing: {self:?}");
        let detection = self.judged.map(Detection::of);
        let (mlm, prediction) = (self.mlm.map(Predicted::finish), self.prediction.map(Predicted::finish));
        let learned = detection.map(|d| d.loss).or(prediction.map(|(loss, _)| loss));
        let loss = weights[0] * mlm.map_or(0.0, |(loss, _)| loss) + weights[1] * learned.unwrap_or(0.0);
        let scalars = Scalars::default()
            .with("loss", loss)
            .with("mlm_loss", mlm.map(|(loss, _)| loss))
            .with("mlm_accuracy", mlm.map(|(_, accuracy)| accuracy))
            .with("sampled_accuracy", self.corruption.map(|sums| share(sums.right, sums.slots)))
            .with("rtd_loss", detection.map(|d| d.loss))
            .with("rtd_accuracy", detection.map(|d| d.accuracy))
            .with("rtd_precision", detection.map(|d| d.precision))
            .with("rtd_recall", detection.map(|d| d.recall))
            .with("rtd_auc", detection.map(|d| d.auc))
            .with("prediction_loss", prediction.map(|(loss, _)| loss))
            .with("prediction_accuracy", prediction.map(|(_, accuracy)| accuracy))
            .with("fake_rate", self.corruption.map(|sums| share(sums.fakes, sums.tokens)))
            .with("rtd_loss_over_entropy", detection.map(|d| d.loss_over_entropy));
        EvalRecord { scalars, collapsed: detection.map(|d| d.is_collapsed), heldout: None }
    }
}

impl Predicted {
    fn add(&mut self, more: Self) {
        self.nats += more.nats;
        self.count += more.count;
        self.right += more.right;
    }

    /// Mean loss and accuracy.
    fn finish(self) -> (f64, f64) {
        (self.nats / self.count as f64, share(self.right, self.count))
    }
}

/// The measures of a discriminator's detection.
#[derive(Clone, Copy)]
struct Detection {
    loss: f64,
    accuracy: f64,
    precision: f64,
    recall: f64,
    auc: f64,
    loss_over_entropy: f64,
    is_collapsed: bool,
}

impl Detection {
    /// The measures of pairs of logit and label.
    fn of(mut judged: Vec<(f32, bool)>) -> Self {
        let tokens = judged.len();
        let count = |test: fn(f32, bool) -> bool| judged.iter().filter(|(l, y)| test(*l, *y)).count() as u64;
        let fakes = count(|_, y| y);
        let called = count(|l, _| l > 0.0);
        let caught = count(|l, y| l > 0.0 && y);
        let right = count(|l, y| (l > 0.0) == y);
        let nats: f64 = judged.iter().map(|&(l, y)| binary_cross_entropy(f64::from(l), y)).sum();
        let (loss, recall) = (nats / tokens as f64, share(caught, fakes));
        let entropy = binary_entropy(fakes as f64 / tokens as f64);
        let ratio = if entropy > 0.0 { loss / entropy } else { 0.0 };
        Self {
            loss,
            accuracy: share(right, tokens as u64),
            precision: share(caught, called),
            recall,
            auc: area_under_curve(&mut judged),
            loss_over_entropy: ratio,
            is_collapsed: fakes > 0 && (ratio >= COLLAPSE_RATIO || recall < COLLAPSE_RECALL),
        }
    }
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// `-y log p - (1 - y) log (1 - p)` with `p` the sigmoid of the logit, in nats.
pub(crate) fn binary_cross_entropy(logit: f64, label: bool) -> f64 {
    let signed = if label { -logit } else { logit };
    signed.max(0.0) + (-signed.abs()).exp().ln_1p()
}

/// Entropy of a coin that shows heads with probability `q`, in nats.
pub fn binary_entropy(q: f64) -> f64 {
    let term = |p: f64| if p > 0.0 { -p * p.ln() } else { 0.0 };
    term(q) + term(1.0 - q)
}

/// Probability that a replaced token gets a higher logit than an original one; 0.5 if either kind
/// is absent. Sorts its argument.
fn area_under_curve(judged: &mut [(f32, bool)]) -> f64 {
    judged.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let fakes = judged.iter().filter(|j| j.1).count() as f64;
    let originals = judged.len() as f64 - fakes;
    if fakes == 0.0 || originals == 0.0 {
        return 0.5;
    }
    // Mann-Whitney U: of each run of equal logits, fakes beat all originals below and half of
    // those beside them.
    let (mut below, mut wins) = (0.0, 0.0);
    for run in judged.chunk_by(|a, b| a.0 == b.0) {
        let run_fakes = run.iter().filter(|j| j.1).count() as f64;
        let run_originals = run.len() as f64 - run_fakes;
        wins += run_fakes * (below + run_originals / 2.0);
        below += run_originals;
    }
    wins / (fakes * originals)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_area_under_the_curve_counts_pairs_in_the_right_order() {
        let auc = |j: &[(f32, bool)]| area_under_curve(&mut j.to_vec());
        assert_eq!(auc(&[(0.0, false), (1.0, true)]), 1.0);
        assert_eq!(auc(&[(1.0, false), (0.0, true)]), 0.0);
        assert_eq!(auc(&[(1.0, false), (1.0, true)]), 0.5);
        // Fakes .3 and .8 against originals .1, .3, .9: pairs won 1.5 + 2 of 6.
        assert_eq!(auc(&[(0.1, false), (0.3, false), (0.9, false), (0.3, true), (0.8, true)]), 3.5 / 6.0);
        assert_eq!(auc(&[(1.0, false)]), 0.5);
    }

    fn tally(judged: &[(f32, bool)]) -> MetricAccumulator {
        let fakes = judged.iter().filter(|j| j.1).count() as u64;
        MetricAccumulator {
            mlm: Some(Predicted { nats: 4.0, count: 2, right: 1 }),
            corruption: Some(Corruption { slots: 2, right: 0, tokens: judged.len() as u64, fakes }),
            judged: Some(judged.to_vec()),
            prediction: None,
        }
    }

    #[test]
    fn an_untrained_detector_has_the_entropy_of_a_coin() {
        let e = tally(&[(0.0, false), (0.0, false), (0.0, false), (0.0, true)]).finish([1.0, 50.0]);
        assert!((e.get("rtd_loss").unwrap() - 2f64.ln()).abs() < 1e-12);
        assert!((e.get("loss").unwrap() - (2.0 + 50.0 * 2f64.ln())).abs() < 1e-12);
        let found = [e.get("fake_rate"), e.get("mlm_accuracy"), e.get("rtd_accuracy"), e.get("rtd_recall")];
        assert_eq!(found, [0.25, 0.5, 0.75, 0.0].map(Some));
        assert_eq!(e.collapsed, Some(true));
    }

    #[test]
    fn knowing_the_fake_rate_alone_is_a_collapse() {
        let logit = (0.25f32 / 0.75).ln();
        let e = tally(&[(logit, false), (logit, false), (logit, false), (logit, true)]).finish([1.0, 50.0]);
        assert!((e.get("rtd_loss_over_entropy").unwrap() - 1.0).abs() < 1e-6 && e.collapsed == Some(true));
    }

    #[test]
    fn a_good_detector_is_not_collapsed() {
        let e = tally(&[(-4.0, false), (-3.0, false), (-1.0, false), (3.0, true)]).finish([1.0, 50.0]);
        assert_eq!(
            [e.get("rtd_precision"), e.get("rtd_recall"), e.get("rtd_auc")],
            [1.0, 1.0, 1.0].map(Some)
        );
        // (.01815 + .04859 + .31326 + .04859) / 4 = .10715 nats, of .56234 that a coin of 1/4 has.
        assert!((e.get("rtd_loss_over_entropy").unwrap() - 0.190_54).abs() < 1e-4);
        assert_eq!(e.collapsed, Some(false));
        // One that calls an original replaced, but learned more than the share of replaced tokens.
        let e = tally(&[(-4.0, false), (-3.0, false), (0.5, false), (3.0, true)]).finish([1.0, 50.0]);
        assert_eq!(
            [e.get("rtd_precision"), e.get("rtd_recall"), e.collapsed.map(f64::from)],
            [0.5, 1.0, 0.0].map(Some)
        );
    }

    #[test]
    fn a_detector_is_collapsed_from_98_percent_of_the_entropy_on_and_below_5_percent_of_recall() {
        let collapsed = |judged: &[(f32, bool)]| tally(judged).finish([1.0, 50.0]).collapsed;
        // 50 of 100 replaced, each judged with probability p of what it is: the loss is -ln p, the entropy ln 2.
        let at = |ratio: f64| -> Option<bool> {
            let p = (-ratio * 2f64.ln()).exp();
            let logit = (p / (1.0 - p)).ln() as f32;
            let judged: Vec<(f32, bool)> =
                (0..100).map(|i| if i % 2 == 0 { (logit, true) } else { (-logit, false) }).collect();
            collapsed(&judged)
        };
        assert_eq!([at(0.975), at(0.985)], [Some(false), Some(true)]);
        // Of 100 replaced tokens among 200 four or five are caught, the others doubted; originals are plain.
        let caught = |caught: usize| -> Option<bool> {
            let judged = (0..200).map(|i| match i {
                _ if i >= 100 => (-8.0, false),
                _ if i < caught => (8.0, true),
                _ => (-0.01, true),
            });
            collapsed(&judged.collect::<Vec<_>>())
        };
        assert_eq!([caught(4), caught(5)], [Some(true), Some(false)]);
        // Where nothing was replaced nobody can be said to have missed it.
        assert_eq!(collapsed(&[(-1.0, false), (-2.0, false)]), Some(false));
        // A confident detector that is wrong has collapsed as well, whatever it recalls.
        assert_eq!(collapsed(&[(4.0, true), (4.0, false), (4.0, false), (4.0, false)]), Some(true));
    }

    #[test]
    fn what_an_objective_lacks_is_absent_and_not_zero() {
        let mlm = Some(Predicted { nats: 6.0, count: 4, right: 1 });
        let e = MetricAccumulator { mlm, ..MetricAccumulator::default() }.finish([1.0, 0.0]);
        let expected = [("loss", 1.5), ("mlm_loss", 1.5), ("mlm_accuracy", 0.25)];
        let found: Vec<(&str, f64)> = e.scalars.iter().map(|(metric, value)| (metric.key, value)).collect();
        assert_eq!(found, expected);
        let line = serde_json::to_value(e).unwrap();
        let keys: Vec<&str> = line.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, ["loss", "mlm_loss", "mlm_accuracy"]);
        assert!(MetricAccumulator::default().is_empty());
        assert!(
            MetricAccumulator { mlm: Some(Predicted::default()), ..MetricAccumulator::default() }.is_empty()
        );
    }
}
