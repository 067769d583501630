//! Scores of fine-tuning one pretrained model.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Scores of fine-tuning one pretrained model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProbeScores {
    /// Hash of the pretrained run, the recipe of fine-tuning and its data.
    pub hash: String,
    /// Hash of the recipe of fine-tuning alone; older results do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipe: Option<String>,
    /// One for each seed of fine-tuning.
    pub scores: Vec<ProbeScore>,
}

/// A seed of fine-tuning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProbeScore {
    /// The seed of the fine-tuning run.
    pub seed: u64,
    /// Micro F1 on the development data.
    pub dev_f1: f64,
    /// Micro F1 on the test data, if there is any.
    pub test_f1: Option<f64>,
}

impl ProbeScores {
    /// The scores of the first `wanted` seeds in the summary that fine-tuning writes, identified by
    /// `hash`; none if some are missing, or are what no score can be.
    #[must_use]
    pub fn of_summary(summary: &[u8], wanted: usize, hash: String) -> Option<Self> {
        let summary: Value = serde_json::from_slice(summary).ok()?;
        let scores: Vec<ProbeScore> = serde_json::from_value(summary.get("runs")?.clone()).ok()?;
        let scores = Self { hash, recipe: None, scores: scores.get(..wanted)?.to_vec() };
        scores.check().is_ok().then_some(scores)
    }

    /// The mean over seeds of test F1, or of development F1 without test data.
    #[must_use]
    pub fn mean_f1(&self) -> Option<f64> {
        let of = |score: &ProbeScore| score.test_f1.unwrap_or(score.dev_f1);
        let sum: f64 = self.scores.iter().map(of).sum();
        (!self.scores.is_empty()).then(|| sum / self.scores.len() as f64)
    }

    /// Seeds that found no entity of the development data in any epoch, which the mean counts with
    /// their 0.
    #[must_use]
    pub fn found_nothing(&self) -> usize {
        self.scores.iter().filter(|score| score.dev_f1 == 0.0).count()
    }
}
