//! The numbers that arms can be compared by.

use serde::{Deserialize, Serialize};

use crate::record::ResultRecord;

/// A number that a finished run has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// The weighted sum of both losses. Arms that mask or weigh otherwise have another one.
    Loss,
    /// The generator's cross entropy.
    MlmLoss,
    /// Cross entropy of the network that predicts originals behind the generator (`replace-mlm`,
    /// `all-tokens-mlm`), or in its place (`mlm`).
    PredictionLoss,
    /// The discriminator's binary cross entropy.
    RtdLoss,
    /// Area under the discriminator's receiver operating characteristic.
    RtdAuc,
    /// `rtd_loss / H(q)`: 1 is what knowing the share of replaced tokens alone achieves.
    RtdLossOverEntropy,
    /// F1 of the probe, the mean over its seeds: on test data if there is any, else on development
    /// data.
    ProbeF1,
}

impl Metric {
    /// All of them, in the order of tables.
    pub const ALL: [Self; 7] = [
        Self::ProbeF1,
        Self::RtdAuc,
        Self::RtdLoss,
        Self::RtdLossOverEntropy,
        Self::PredictionLoss,
        Self::MlmLoss,
        Self::Loss,
    ];

    /// Its name in tables.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Loss => "total loss",
            Self::MlmLoss => "MLM loss",
            Self::PredictionLoss => "prediction loss",
            Self::RtdLoss => "RTD loss",
            Self::RtdAuc => "AUC",
            Self::RtdLossOverEntropy => "rtd/H(q)",
            Self::ProbeF1 => "probe F1",
        }
    }

    /// Its name in the log, if it is one of the held-out numbers.
    #[must_use]
    pub fn key(self) -> Option<&'static str> {
        match self {
            Self::Loss => Some("loss"),
            Self::MlmLoss => Some("mlm_loss"),
            Self::PredictionLoss => Some("prediction_loss"),
            Self::RtdLoss => Some("rtd_loss"),
            Self::RtdAuc => Some("rtd_auc"),
            Self::RtdLossOverEntropy => Some("rtd_loss_over_entropy"),
            Self::ProbeF1 => None,
        }
    }

    /// Whether more of it is better.
    #[must_use]
    pub fn more_is_better(self) -> bool {
        matches!(self, Self::RtdAuc | Self::ProbeF1)
    }

    /// The number of a run; none if it was not measured. F1 in percent.
    #[must_use]
    pub fn of(self, record: &ResultRecord) -> Option<f64> {
        match self.key() {
            Some(key) => record.heldout.get(key).copied(),
            None => record.probe.as_ref()?.mean_f1().map(|f1| 100.0 * f1),
        }
    }

    /// Decimals in tables.
    #[must_use]
    pub fn decimals(self) -> usize {
        match self {
            Self::Loss | Self::MlmLoss | Self::PredictionLoss | Self::RtdAuc | Self::RtdLossOverEntropy => 3,
            Self::RtdLoss => 4,
            Self::ProbeF1 => 2,
        }
    }
}
