//! The numbers that arms can be compared by: those of the program that trains, which says what they are
//! ([`Catalogue`]), and those that experiments measure themselves.

use std::cmp::Ordering;
use std::fmt;

use serde::{Serialize, Serializer};

use crate::record::{DetectionScores, ResultRecord};

/// A number that a finished run has.
#[derive(Clone, Copy)]
pub struct Metric(&'static Entry);

/// A number of the held-out evaluation that a run logs, as the program that trains describes it.
#[derive(Clone, Copy, Debug)]
pub struct HeldoutMetric {
    /// The key of the metric in the log; with hyphens, its name in an experiment's file and on the command
    /// line.
    pub key: &'static str,
    /// The title of the metric in tables.
    pub title: &'static str,
    /// Whether more of it is better.
    pub more_is_better: bool,
    /// Whether it is a cost of each token, so that it depends on what the vocabulary calls a token.
    pub is_by_token: bool,
    /// The number of decimals in tables.
    pub decimals: usize,
    /// The task that the metric is measured on: see [`crate::task`].
    pub task: &'static str,
    /// The greatest difference that two runs can have.
    pub greatest_difference: f64,
    /// The title of the metric where it is correlated with the probe; `None` where it is not.
    pub beside_probe: Option<&'static str>,
}

/// A bound of what has no smaller one, such as a loss.
pub const MAX_LOSS: f64 = 1e6;

/// All numbers that can be compared, in the order of tables. One lives as long as the program.
#[derive(Debug)]
pub struct Catalogue {
    metrics: Vec<Metric>,
}

/// The properties of a metric.
#[derive(Debug)]
struct Entry {
    name: &'static str,
    title: &'static str,
    source: Source,
    more_is_better: bool,
    is_by_token: bool,
    decimals: usize,
    task: &'static str,
    greatest_difference: f64,
    beside_probe: Option<&'static str>,
    /// The place of the metric in the order of tables.
    place: usize,
}

/// The place of a number in a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// In its last evaluation, under this key of the log: of the arm's own task.
    Heldout(&'static str),
    /// A judgement on samples of the base arm's generator.
    Common(DetectionMeasure),
    /// A judgement on samples from the frequencies of words.
    Unigram(DetectionMeasure),
    /// The scores of fine-tuning.
    Probe,
}

/// Which number of a judgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DetectionMeasure {
    /// The area under the curve.
    Auc,
    /// The loss by the entropy of the fake rate.
    LossOverEntropy,
}

/// The task of what is one task for all arms by construction.
pub(crate) const COMMON_TASK: &str = "common";
/// The task of telling the tokens that the generator beside it has replaced.
pub(crate) const REPLACED_TASK: &str = "replaced";
/// The task of who fills in the masked positions, counted in tokens.
pub(crate) const MASKED_TASK: &str = "masked";

const fn own(
    place: usize,
    name: &'static str,
    title: &'static str,
    source: Source,
    more_is_better: bool,
    decimals: usize,
) -> Entry {
    let (greatest_difference, beside_probe) = match source {
        // Percent, and held against itself it says nothing.
        Source::Probe => (100.0, None),
        Source::Common(DetectionMeasure::Auc) | Source::Unigram(DetectionMeasure::Auc) => (1.0, Some(title)),
        _ => (MAX_LOSS, None),
    };
    Entry {
        name,
        title,
        source,
        more_is_better,
        is_by_token: false,
        decimals,
        task: COMMON_TASK,
        greatest_difference,
        beside_probe,
        place,
    }
}

static OWN: [Entry; 5] = {
    use DetectionMeasure::{Auc, LossOverEntropy};
    use Source::{Common, Probe, Unigram};
    [
        own(0, "probe-f1", "probe F1", Probe, true, 2),
        own(1, "common-auc", "common AUC", Common(Auc), true, 3),
        own(2, "common-loss-over-entropy", "common rtd/H(q)", Common(LossOverEntropy), false, 3),
        own(3, "unigram-auc", "unigram AUC", Unigram(Auc), true, 3),
        own(4, "unigram-loss-over-entropy", "unigram rtd/H(q)", Unigram(LossOverEntropy), false, 3),
    ]
};

impl Catalogue {
    /// The numbers that experiments measure themselves, and behind them these of the log.
    #[must_use]
    pub fn new(heldout: impl IntoIterator<Item = HeldoutMetric>) -> Self {
        let entry = |(at, metric): (usize, HeldoutMetric)| {
            let name = metric.key.replace('_', "-");
            // One catalogue is made in a program, and is there until its end.
            let entry: &'static Entry = Box::leak(Box::new(Entry {
                name: Box::leak(name.into_boxed_str()),
                title: metric.title,
                source: Source::Heldout(metric.key),
                more_is_better: metric.more_is_better,
                is_by_token: metric.is_by_token,
                decimals: metric.decimals,
                task: metric.task,
                greatest_difference: metric.greatest_difference,
                beside_probe: metric.beside_probe,
                place: OWN.len() + at,
            }));
            Metric(entry)
        };
        let own = OWN.iter().map(Metric);
        Self { metrics: own.chain(heldout.into_iter().enumerate().map(entry)).collect() }
    }

    /// All of them, in the order of tables.
    #[must_use]
    pub fn all(&self) -> &[Metric] {
        &self.metrics
    }

    /// The one of a name, as an experiment's file and the command line have it.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Metric> {
        self.metrics.iter().find(|metric| metric.name() == name).copied()
    }

    /// All names, for those who asked for another one.
    #[must_use]
    pub fn names(&self) -> String {
        let names: Vec<&str> = self.metrics.iter().map(|metric| metric.name()).collect();
        names.join(", ")
    }
}

impl Metric {
    /// F1 of the probe, the mean over its seeds: on test data if there is any, else on development data.
    pub const PROBE_F1: Self = Self(&OWN[0]);
    /// Area under the curve on samples of the base arm's generator, the same for all arms.
    pub const COMMON_AUC: Self = Self(&OWN[1]);
    /// `loss / H(q)` there.
    pub const COMMON_LOSS_OVER_ENTROPY: Self = Self(&OWN[2]);
    /// Area under the curve on samples from the frequencies of words, the same for all arms.
    pub const UNIGRAM_AUC: Self = Self(&OWN[3]);
    /// `loss / H(q)` there.
    pub const UNIGRAM_LOSS_OVER_ENTROPY: Self = Self(&OWN[4]);

    /// The title of the metric in tables.
    #[must_use]
    pub fn title(self) -> &'static str {
        self.0.title
    }

    /// The name of the metric in an experiment's file and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0.name
    }

    /// The key of the metric in the log, if it is one of the held-out numbers of the arm's own task.
    #[must_use]
    pub fn key(self) -> Option<&'static str> {
        match self.0.source {
            Source::Heldout(key) => Some(key),
            _ => None,
        }
    }

    /// Whether more of it is better.
    #[must_use]
    pub fn more_is_better(self) -> bool {
        self.0.more_is_better
    }

    /// Whether it is a cost of each token: arms of other vocabularies cannot be compared by it.
    #[must_use]
    pub fn is_by_token(self) -> bool {
        self.0.is_by_token
    }

    /// The task that the metric is measured on: see [`crate::task`].
    pub(crate) fn task(self) -> &'static str {
        self.0.task
    }

    /// The number of a run; none if it was not measured. F1 in percent.
    #[must_use]
    pub fn of(self, record: &ResultRecord) -> Option<f64> {
        let judged = |judged: Option<&DetectionScores>, judging: DetectionMeasure| match judging {
            DetectionMeasure::Auc => judged?.auc,
            DetectionMeasure::LossOverEntropy => judged?.loss_over_entropy,
        };
        let common = record.common.as_ref();
        match self.0.source {
            Source::Heldout(key) => record.heldout.get(key).copied(),
            Source::Common(judging) => judged(common?.base.as_ref(), judging),
            Source::Unigram(judging) => judged(common?.unigram.as_ref(), judging),
            Source::Probe => record.probe.as_ref()?.mean_f1().map(|f1| 100.0 * f1),
        }
    }

    /// The greatest difference that two runs can have: a margin above it would call everything equivalent.
    #[must_use]
    pub fn greatest_difference(self) -> f64 {
        self.0.greatest_difference
    }

    /// The title of the metric where it is correlated with the probe; `None` where it is not.
    #[must_use]
    pub fn beside_probe(self) -> Option<&'static str> {
        self.0.beside_probe
    }

    /// The place of the number in a result.
    #[must_use]
    pub fn source(self) -> Source {
        self.0.source
    }

    /// Decimals in tables.
    #[must_use]
    pub fn decimals(self) -> usize {
        self.0.decimals
    }

    fn order(self) -> (usize, &'static str) {
        (self.0.place, self.0.name)
    }
}

impl PartialEq for Metric {
    fn eq(&self, other: &Self) -> bool {
        self.order() == other.order()
    }
}

impl Eq for Metric {}

impl Ord for Metric {
    /// The order of tables.
    fn cmp(&self, other: &Self) -> Ordering {
        self.order().cmp(&other.order())
    }
}

impl PartialOrd for Metric {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Debug for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Metric {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::LazyLock;

    use super::*;

    /// A catalogue with the metrics of a program that pretrains.
    pub(crate) fn catalogue() -> &'static Catalogue {
        static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| {
            let metric = |key, title, more_is_better, is_by_token, decimals, task| HeldoutMetric {
                key,
                title,
                more_is_better,
                is_by_token,
                decimals,
                task,
                greatest_difference: MAX_LOSS,
                beside_probe: (key == "mlm_loss").then_some("generator's loss"),
            };
            let auc = HeldoutMetric {
                greatest_difference: 1.0,
                beside_probe: Some("own AUC"),
                ..metric("rtd_auc", "AUC", true, false, 3, "replaced")
            };
            Catalogue::new([
                auc,
                metric("rtd_loss", "RTD loss", false, true, 4, "replaced"),
                metric("rtd_loss_over_entropy", "rtd/H(q)", false, false, 3, "replaced"),
                metric("prediction_loss", "prediction loss", false, true, 3, "replaced"),
                metric("mlm_loss", "MLM loss", false, true, 3, "masked"),
                metric("mlm_loss_per_byte", "MLM loss a byte", false, false, 4, "masked-text"),
                metric("loss", "total loss", false, true, 3, "sum"),
            ])
        });
        &CATALOGUE
    }

    /// The metric of a name.
    pub(crate) fn metric(name: &str) -> Metric {
        catalogue().get(name).unwrap_or_else(|| panic!("{name} is no metric"))
    }

    #[test]
    fn every_metric_has_its_own_name_and_title_and_the_place_of_tables() {
        let all = catalogue().all();
        assert!(all.is_sorted() && all.len() == 12, "{all:?}");
        for of in [Metric::name, Metric::title] {
            let mut names: Vec<&str> = all.iter().map(|metric| of(*metric)).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), all.len());
        }
        let by_byte = metric("mlm-loss-per-byte");
        assert_eq!((by_byte.key(), by_byte.is_by_token()), (Some("mlm_loss_per_byte"), false));
        assert_eq!((metric("probe-f1"), Metric::PROBE_F1.key()), (Metric::PROBE_F1, None));
        assert_eq!(catalogue().get("rtd_auc").map(Metric::name), None, "names have hyphens");
    }
}
