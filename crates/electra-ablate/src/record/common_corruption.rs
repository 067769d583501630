//! The scores of a discriminator on text that is corrupted alike for all arms.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A discriminator on the common corruptions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommonCorruptionScores {
    /// The scores on samples of the base arm's generator of the same seed; `None` if it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<DetectionScores>,
    /// The scores on samples from the frequencies of words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unigram: Option<DetectionScores>,
}

/// A discriminator on one corruption.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DetectionScores {
    /// Hash of the corrupted text: numbers of unlike corruptions cannot be held against each other.
    pub corruption: String,
    /// Hash of the run whose generator has sampled; none where chance did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// The number of held-out rows.
    pub rows: u64,
    /// Share of the tokens that are replaced.
    pub fake_rate: f64,
    /// Area under the curve; none, as all that follow, where there is nothing to divide by.
    pub auc: Option<f64>,
    /// Part of the tokens judged replaced that are.
    pub precision: Option<f64>,
    /// Part of the replaced tokens that are judged so.
    pub recall: Option<f64>,
    /// The F1 score: the harmonic mean of precision and recall.
    pub f1: Option<f64>,
    /// Binary cross entropy of a token.
    pub loss: Option<f64>,
    /// The loss divided by the entropy of the share of replaced tokens.
    pub loss_over_entropy: Option<f64>,
}

impl DetectionScores {
    /// The figures of the first model of what `electra eval detection` writes, on samples of `run`; none
    /// if something is missing, or is what no figure can be.
    #[must_use]
    pub fn of_report(report: &Value, run: Option<String>) -> Option<Self> {
        let (corruption, model) = (report.get("corruption")?, report.get("models")?.get(0)?);
        let number = |key: &str| model.get(key)?.get("value")?.as_f64();
        let judged = Self {
            corruption: corruption.get("hash")?.as_str()?.to_owned(),
            run,
            rows: corruption.get("heldout")?.get("examples")?.as_u64()?,
            fake_rate: report.get("fake_rate")?.as_f64()?,
            auc: number("auc"),
            precision: number("precision"),
            recall: number("recall"),
            f1: number("f1"),
            loss: Some(number("loss")?),
            loss_over_entropy: number("loss_over_entropy"),
        };
        judged.check("").is_ok().then_some(judged)
    }

    /// The numbers with the endings of their names, which say what they can be.
    pub(super) fn numbers(&self) -> [(&'static str, Option<f64>); 7] {
        [
            ("fake_rate", Some(self.fake_rate)),
            ("auc", self.auc),
            ("precision", self.precision),
            ("recall", self.recall),
            ("f1", self.f1),
            ("loss", self.loss),
            ("loss_over_entropy", self.loss_over_entropy),
        ]
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::record::tests::result;
    use crate::record::{ResultRecord, TokenizerIdentity};

    /// A judgement of a corruption with this hash.
    pub(crate) fn judged(corruption: &str, auc: f64) -> DetectionScores {
        DetectionScores {
            corruption: corruption.into(),
            run: None,
            rows: 1000,
            fake_rate: 0.09,
            auc: Some(auc),
            precision: None,
            recall: Some(0.0),
            f1: Some(0.0),
            loss: Some(0.3),
            loss_over_entropy: Some(0.98),
        }
    }

    #[test]
    fn figures_are_those_of_the_report_or_none() {
        let model = serde_json::json!({
            "auc": {"value": 0.75, "interval": [0.7, 0.8]}, "precision": {"value": null, "interval": null},
            "recall": {"value": 0.0}, "f1": {"value": 0.0}, "loss": {"value": 0.3},
            "loss_over_entropy": {"value": 0.98},
        });
        let report = serde_json::json!({
            "corruption": {"hash": "c0ffee", "heldout": {"rows": "spread", "examples": 1000}},
            "fake_rate": 0.09, "models": [model],
        });
        let of = |report: &Value| DetectionScores::of_report(report, None);
        assert_eq!(of(&report), Some(judged("c0ffee", 0.75)));
        for (pointer, value) in [
            ("/models/0/auc/value", 1.5.into()),
            ("/models/0/loss/value", Value::Null),
            ("/models", Value::Array(vec![])),
            ("/corruption/heldout/examples", 0.into()),
            ("/fake_rate", (-0.1).into()),
        ] {
            let mut damaged = report.clone();
            *damaged.pointer_mut(pointer).unwrap() = value;
            assert_eq!(of(&damaged), None, "{pointer}");
        }
    }

    #[test]
    fn figures_on_common_text_are_read_back_and_absent_in_older_results() {
        let folder = tempfile::tempdir().unwrap();
        let mut record = result("a", 1, 0.5);
        assert!(!record.text().contains("common") && !record.text().contains("tokenizer"));
        let base = DetectionScores { run: Some("abc".into()), ..judged("c0ffee", 2.0 / 3.0) };
        record.common = Some(CommonCorruptionScores { base: Some(base), unigram: None });
        record.tokenizer = Some(TokenizerIdentity { hash: "def".into(), vocab_size: 600 });
        let path = record.write(folder.path()).unwrap();
        assert_eq!(ResultRecord::read(&path).unwrap(), record);
    }
}
