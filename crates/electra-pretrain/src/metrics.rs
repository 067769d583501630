//! What the two networks are measured by. Padding never counts.

use burn::prelude::*;
use electra_model::{BatchData, JointOutput, Normalizer};
use electra_run::record::EvalRecord;

/// A detector is collapsed above this share of the entropy of the fake rate.
pub const COLLAPSE_RATIO: f64 = 0.98;
/// Or below this recall.
pub const COLLAPSE_RECALL: f64 = 0.05;

/// Sums over batches from which an [`EvalRecord`] follows.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Sum of the cross entropies over used slots.
    pub mlm_nats: f64,
    /// Used slots.
    pub slots: u64,
    /// Of which the first choice is right.
    pub mlm_right: u64,
    /// Of which the sample is the original.
    pub sampled_right: u64,
    /// Logit and label of every real token.
    pub judged: Vec<(f32, bool)>,
}

impl Tally {
    /// Adds what the networks said about `batch`; `normalizer` is what their losses were divided by.
    pub fn add(&mut self, batch: &BatchData, output: &JointOutput, normalizer: Normalizer) {
        let ids = |t: Tensor<1, Int>| -> Vec<i64> { t.into_data().iter::<i64>().collect() };
        let floats = |t: &Tensor<2>| -> Vec<f32> { t.clone().into_data().iter::<f32>().collect() };
        let slots = batch.targets.len();
        let first_choice = ids(output.generator_logits.clone().argmax(1).reshape([slots]));
        let samples = ids(output.corrupted.samples.clone());
        self.mlm_nats += output.mlm.clone().into_scalar::<f64>() * normalizer.mlm;
        for (slot, &weight) in batch.weights.iter().enumerate() {
            if weight > 0.0 {
                let target = i64::from(batch.targets[slot]);
                self.slots += 1;
                self.mlm_right += u64::from(first_choice[slot] == target);
                self.sampled_right += u64::from(samples[slot] == target);
            }
        }
        let (logits, labels) = (floats(&output.discriminator_logits), floats(&output.corrupted.labels));
        let judged = batch.real.iter().zip(logits).zip(labels).filter(|((real, _), _)| **real > 0.0);
        self.judged.extend(judged.map(|((_, logit), label)| (logit, label > 0.5)));
    }

    /// Whether there is nothing that results could be said of.
    pub fn is_empty(&self) -> bool {
        self.slots == 0 || self.judged.is_empty()
    }

    /// The results; `weights` are those of generator and discriminator in the objective.
    ///
    /// Panics if the tally [is empty](Self::is_empty).
    pub fn finish(mut self, weights: [f64; 2]) -> EvalRecord {
        let tokens = self.judged.len();
        assert!(tokens > 0 && self.slots > 0, "evaluation of {tokens} tokens and {} slots", self.slots);
        let share = |part: u64, whole: u64| if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
        let count =
            |test: fn(f32, bool) -> bool| self.judged.iter().filter(|(l, y)| test(*l, *y)).count() as u64;
        let fakes = count(|_, y| y);
        let called = count(|l, _| l > 0.0);
        let caught = count(|l, y| l > 0.0 && y);
        let right = count(|l, y| (l > 0.0) == y);
        let nats: f64 = self.judged.iter().map(|&(l, y)| binary_cross_entropy(f64::from(l), y)).sum();
        let (rtd_loss, fake_rate) = (nats / tokens as f64, fakes as f64 / tokens as f64);
        let mlm_loss = self.mlm_nats / self.slots as f64;
        let recall = share(caught, fakes);
        let entropy = binary_entropy(fake_rate);
        let ratio = if entropy > 0.0 { rtd_loss / entropy } else { 0.0 };
        EvalRecord {
            loss: weights[0] * mlm_loss + weights[1] * rtd_loss,
            mlm_loss,
            mlm_accuracy: share(self.mlm_right, self.slots),
            sampled_accuracy: share(self.sampled_right, self.slots),
            rtd_loss,
            rtd_accuracy: share(right, tokens as u64),
            rtd_precision: share(caught, called),
            rtd_recall: recall,
            rtd_auc: area_under_curve(&mut self.judged),
            fake_rate,
            rtd_loss_over_entropy: ratio,
            collapsed: fakes > 0 && (ratio >= COLLAPSE_RATIO || recall < COLLAPSE_RECALL),
        }
    }
}

/// `-y log p - (1 - y) log (1 - p)` with `p` the sigmoid of the logit, in nats.
fn binary_cross_entropy(logit: f64, label: bool) -> f64 {
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

    fn tally(judged: &[(f32, bool)]) -> Tally {
        Tally { mlm_nats: 4.0, slots: 2, mlm_right: 1, sampled_right: 0, judged: judged.to_vec() }
    }

    #[test]
    fn an_untrained_detector_has_the_entropy_of_a_coin() {
        let e = tally(&[(0.0, false), (0.0, false), (0.0, false), (0.0, true)]).finish([1.0, 50.0]);
        assert!((e.rtd_loss - 2f64.ln()).abs() < 1e-12);
        assert!((e.loss - (2.0 + 50.0 * 2f64.ln())).abs() < 1e-12);
        assert_eq!((e.fake_rate, e.mlm_accuracy, e.rtd_accuracy, e.rtd_recall), (0.25, 0.5, 0.75, 0.0));
        assert!(e.collapsed);
    }

    #[test]
    fn knowing_the_fake_rate_alone_is_a_collapse() {
        let logit = (0.25f32 / 0.75).ln();
        let e = tally(&[(logit, false), (logit, false), (logit, false), (logit, true)]).finish([1.0, 50.0]);
        assert!((e.rtd_loss_over_entropy - 1.0).abs() < 1e-6 && e.collapsed);
    }

    #[test]
    fn a_good_detector_is_not_collapsed() {
        let e = tally(&[(-4.0, false), (-3.0, false), (2.0, false), (3.0, true)]).finish([1.0, 50.0]);
        assert_eq!((e.rtd_precision, e.rtd_recall, e.rtd_auc), (0.5, 1.0, 1.0));
        assert!(e.collapsed == (e.rtd_loss_over_entropy >= COLLAPSE_RATIO));
        assert!(e.rtd_loss_over_entropy < 1.0, "{}", e.rtd_loss_over_entropy);
    }
}
