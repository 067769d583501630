//! The numbers that arms can be compared by.

use serde::{Deserialize, Serialize};

use crate::record::{Judged, ResultRecord};

/// A number that a finished run has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// The weighted sum of both losses. Arms that mask or weigh otherwise have another one.
    Loss,
    /// The generator's cross entropy.
    MlmLoss,
    /// The same in nats for each byte of text: what other vocabularies can be compared by.
    MlmLossPerByte,
    /// Cross entropy of the network that predicts originals behind the generator (`replace-mlm`,
    /// `all-tokens-mlm`), or in its place (`mlm`).
    PredictionLoss,
    /// The discriminator's binary cross entropy.
    RtdLoss,
    /// Area under the discriminator's receiver operating characteristic, on samples of the arm's own
    /// generator.
    RtdAuc,
    /// `rtd_loss / H(q)`: 1 is what knowing the share of replaced tokens alone achieves.
    RtdLossOverEntropy,
    /// Area under the curve on samples of the base arm's generator, the same for all arms.
    CommonAuc,
    /// `loss / H(q)` there.
    CommonLossOverEntropy,
    /// Area under the curve on samples from the frequencies of words, the same for all arms.
    UnigramAuc,
    /// `loss / H(q)` there.
    UnigramLossOverEntropy,
    /// F1 of the probe, the mean over its seeds: on test data if there is any, else on development
    /// data.
    ProbeF1,
}

/// Where a result has a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// In its last evaluation, under this key of the log: of the arm's own task.
    Heldout(&'static str),
    /// On samples of the base arm's generator.
    Common(Judging),
    /// On samples from the frequencies of words.
    Unigram(Judging),
    /// In the scores of fine-tuning.
    Probe,
}

/// Which number of a judgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judging {
    Auc,
    LossOverEntropy,
}

/// What is known of a metric.
struct Entry {
    metric: Metric,
    /// Its name in tables.
    title: &'static str,
    source: Source,
    more_is_better: bool,
    /// Whether it is a cost of each token, so that it depends on what the vocabulary calls a token.
    is_by_token: bool,
    /// In tables.
    decimals: usize,
}

/// All metrics, in the order of tables.
const TABLE: [Entry; Metric::ALL.len()] = {
    use Judging::{Auc, LossOverEntropy};
    use Source::{Common, Heldout, Probe, Unigram};
    const fn entry(
        metric: Metric,
        title: &'static str,
        source: Source,
        more_is_better: bool,
        is_by_token: bool,
        decimals: usize,
    ) -> Entry {
        Entry { metric, title, source, more_is_better, is_by_token, decimals }
    }
    [
        entry(Metric::ProbeF1, "probe F1", Probe, true, false, 2),
        entry(Metric::CommonAuc, "common AUC", Common(Auc), true, false, 3),
        entry(Metric::CommonLossOverEntropy, "common rtd/H(q)", Common(LossOverEntropy), false, false, 3),
        entry(Metric::UnigramAuc, "unigram AUC", Unigram(Auc), true, false, 3),
        entry(Metric::UnigramLossOverEntropy, "unigram rtd/H(q)", Unigram(LossOverEntropy), false, false, 3),
        entry(Metric::RtdAuc, "AUC", Heldout("rtd_auc"), true, false, 3),
        entry(Metric::RtdLoss, "RTD loss", Heldout("rtd_loss"), false, true, 4),
        entry(Metric::RtdLossOverEntropy, "rtd/H(q)", Heldout("rtd_loss_over_entropy"), false, false, 3),
        entry(Metric::PredictionLoss, "prediction loss", Heldout("prediction_loss"), false, true, 3),
        entry(Metric::MlmLoss, "MLM loss", Heldout("mlm_loss"), false, true, 3),
        entry(Metric::MlmLossPerByte, "MLM loss a byte", Heldout("mlm_loss_per_byte"), false, false, 4),
        entry(Metric::Loss, "total loss", Heldout("loss"), false, true, 3),
    ]
};

impl Metric {
    /// All of them, in the order of tables.
    pub const ALL: [Self; 12] = [
        Self::ProbeF1,
        Self::CommonAuc,
        Self::CommonLossOverEntropy,
        Self::UnigramAuc,
        Self::UnigramLossOverEntropy,
        Self::RtdAuc,
        Self::RtdLoss,
        Self::RtdLossOverEntropy,
        Self::PredictionLoss,
        Self::MlmLoss,
        Self::MlmLossPerByte,
        Self::Loss,
    ];

    fn entry(self) -> &'static Entry {
        TABLE.iter().find(|entry| entry.metric == self).expect("every metric stands in the table")
    }

    /// Its name in tables.
    #[must_use]
    pub fn title(self) -> &'static str {
        self.entry().title
    }

    /// Its name in an experiment's file and on the command line.
    #[must_use]
    pub fn name(self) -> String {
        let name = serde_json::to_value(self).ok();
        name.as_ref().and_then(|name| name.as_str()).unwrap_or_default().to_owned()
    }

    pub(crate) fn source(self) -> Source {
        self.entry().source
    }

    /// Its name in the log, if it is one of the held-out numbers of the arm's own task.
    #[must_use]
    pub fn key(self) -> Option<&'static str> {
        match self.source() {
            Source::Heldout(key) => Some(key),
            _ => None,
        }
    }

    /// Whether more of it is better.
    #[must_use]
    pub fn more_is_better(self) -> bool {
        self.entry().more_is_better
    }

    /// Whether it is a cost of each token: arms of other vocabularies cannot be compared by it.
    #[must_use]
    pub fn is_by_token(self) -> bool {
        self.entry().is_by_token
    }

    /// The number of a run; none if it was not measured. F1 in percent.
    #[must_use]
    pub fn of(self, record: &ResultRecord) -> Option<f64> {
        let judged = |judged: Option<&Judged>, judging: Judging| match judging {
            Judging::Auc => judged?.auc,
            Judging::LossOverEntropy => judged?.loss_over_entropy,
        };
        let common = record.common.as_ref();
        match self.source() {
            Source::Heldout(key) => record.heldout.get(key).copied(),
            Source::Common(judging) => judged(common?.base.as_ref(), judging),
            Source::Unigram(judging) => judged(common?.unigram.as_ref(), judging),
            Source::Probe => record.probe.as_ref()?.mean_f1().map(|f1| 100.0 * f1),
        }
    }

    /// Decimals in tables.
    #[must_use]
    pub fn decimals(self) -> usize {
        self.entry().decimals
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_stands_once_in_the_table_and_has_a_name() {
        for (entry, metric) in TABLE.iter().zip(Metric::ALL) {
            assert_eq!(entry.metric, metric, "the table has the order of the list");
            let again: Metric = serde_json::from_value(metric.name().into()).unwrap();
            assert_eq!(again, metric);
        }
        let mut titles: Vec<&str> = TABLE.iter().map(|entry| entry.title).collect();
        titles.sort_unstable();
        titles.dedup();
        assert_eq!(titles.len(), Metric::ALL.len());
        assert_eq!(Metric::MlmLossPerByte.name(), "mlm-loss-per-byte");
    }
}
