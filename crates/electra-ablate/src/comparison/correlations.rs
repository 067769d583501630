//! Which held-out measures go with the probe: correlations of paired differences from the base arm.
//!
//! A measure that is to stand for the probe has to order arms as the probe does. Runs whose generator is at
//! the word frequencies are apart: whether a run starts decides every number of it, and would be all that a
//! coefficient over both kinds says.

use serde::Serialize;

use super::subject::Subject;
use crate::metric::{MASKED_TASK, Metric, REPLACED_TASK};
use crate::record::ResultRecord;
use crate::statistics::correlation::{pearson, spearman};

/// The measures with what they have to do with the F1 of the probe.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ProbeCorrelations {
    /// The pairs that the experiment plans: other arms times seeds. None where nothing plans them.
    pub planned_pairs: Option<usize>,
    /// The loss from which on a generator counts as being at the word frequencies. None where the experiment
    /// does not say: only replacements without a generator are apart.
    pub word_frequency_loss: Option<f64>,
    /// Each number that has a name beside the probe, in the order of tables.
    pub measures: Vec<MeasureCorrelation>,
}

/// Correlation of a held-out measure with the F1 of the probe.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MeasureCorrelation {
    /// Held-out measure.
    pub metric: Metric,
    /// The coefficients over the pairs of which both generators know more than word frequencies.
    pub started: Coefficients,
    /// The coefficients over the pairs of which one generator does not.
    pub at_word_frequencies: Coefficients,
}

/// Correlation coefficients of paired differences in a measure with those in the F1 of the probe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Coefficients {
    /// Differences that have both numbers.
    pub pairs: usize,
    /// Pearson's; none for fewer than three pairs, or where one of the two does not vary.
    pub pearson: Option<f64>,
    /// Spearman's, of the ranks.
    pub spearman: Option<f64>,
}

impl Coefficients {
    fn of(points: &[[f64; 2]]) -> Self {
        Self { pairs: points.len(), pearson: pearson(points), spearman: spearman(points) }
    }
}

impl ProbeCorrelations {
    /// The correlations over results; `None` where no run has an F1 of the probe.
    pub(super) fn of(subject: &Subject, results: &[ResultRecord]) -> Option<Self> {
        if results.iter().all(|result| Metric::PROBE_F1.of(result).is_none()) {
            return None;
        }
        let Subject { base_arm, metrics, word_frequency_loss, .. } = subject;
        let planned = subject.known.seeds.len() * subject.arms.len().saturating_sub(1);
        let is_at = |run: &ResultRecord| is_at_word_frequencies(run, metrics, *word_frequency_loss);
        let base = |seed: u64| results.iter().find(|run| run.arm == *base_arm && run.seed == seed);
        let others = results.iter().filter(|run| run.arm != *base_arm);
        let pairs: Vec<[&ResultRecord; 2]> = others.filter_map(|run| Some([run, base(run.seed)?])).collect();
        let of = |metric: Metric| {
            let (mut started, mut at_word_frequencies) = (Vec::new(), Vec::new());
            for [run, base] in &pairs {
                let difference = |metric: Metric| Some(metric.of(run)? - metric.of(base)?);
                let Some(point) = difference(metric).zip(difference(Metric::PROBE_F1)) else { continue };
                let group = if is_at(run) || is_at(base) { &mut at_word_frequencies } else { &mut started };
                group.push([point.0, point.1]);
            }
            let [started, at_word_frequencies] =
                [&started, &at_word_frequencies].map(|points| Coefficients::of(points));
            MeasureCorrelation { metric, started, at_word_frequencies }
        };
        let measures = metrics.iter().copied().filter(|metric| metric.beside_probe().is_some());
        Some(Self {
            planned_pairs: (planned > 0).then_some(planned),
            word_frequency_loss: *word_frequency_loss,
            measures: measures.map(of).collect(),
        })
    }

    /// Whether some pair is apart.
    #[must_use]
    pub fn sets_apart(&self) -> bool {
        self.measures.iter().any(|measure| measure.at_word_frequencies.pairs > 0)
    }
}

/// Whether replacements come from word frequencies: by a generator that has learned no more, or without one.
fn is_at_word_frequencies(run: &ResultRecord, metrics: &[Metric], word_frequency_loss: Option<f64>) -> bool {
    let of_task = |task: &str| {
        let mut of_task = metrics.iter().filter(|metric| metric.task() == task);
        of_task.find_map(|metric| metric.of(run))
    };
    match (of_task(MASKED_TASK), word_frequency_loss) {
        (Some(loss), Some(from)) => loss >= from,
        (Some(_), None) => false,
        (None, _) => run.parameters.generator == 0 && of_task(REPLACED_TASK).is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comparison::Comparison;
    use crate::comparison::tests::subject;
    use crate::metric::tests::metric;
    use crate::record::tests::result;
    use crate::record::{ProbeScore, ProbeScores};
    use crate::standing::ArmContext;

    fn run(arm: &str, seed: u64, [auc, mlm_loss, f1]: [f64; 3]) -> ResultRecord {
        let scores = vec![ProbeScore { seed: 1, dev_f1: f1, test_f1: None }];
        let probe = Some(ProbeScores { hash: String::new(), recipe: None, scores });
        let mut run = ResultRecord { probe, ..result(arm, seed, auc) };
        run.heldout.insert("mlm_loss".into(), mlm_loss);
        run
    }

    /// Three pairs whose F1 rises with AUC and falls with the generator's loss, and one whose generator has
    /// not started, which is the other way round.
    fn results() -> Vec<ResultRecord> {
        let mut all: Vec<ResultRecord> = (1..=3).map(|seed| run("a", seed, [0.6, 6.0, 0.2])).collect();
        all.push(run("b", 1, [0.61, 5.9, 0.21]));
        all.push(run("b", 2, [0.63, 5.8, 0.22]));
        all.push(run("b", 3, [0.64, 5.7, 0.24]));
        all.push(run("c", 1, [0.9, 6.75, 0.0]));
        // Its base run is not there: no pair.
        all.push(run("c", 7, [0.9, 6.75, 0.0]));
        all
    }

    fn found(word_frequency_loss: Option<f64>) -> ProbeCorrelations {
        let known = ArmContext { seeds: vec![1, 2, 3], ..ArmContext::default() };
        let subject = Subject { word_frequency_loss, known, ..subject(&["a", "b", "c"]) };
        Comparison::new(subject, &results()).probe_correlations.unwrap()
    }

    #[test]
    fn pairs_at_the_word_frequencies_are_apart() {
        let found = found(Some(6.7));
        assert_eq!((found.planned_pairs, found.sets_apart()), (Some(6), true));
        let [common, _, auc, loss] = &found.measures[..] else { panic!("{found:?}") };
        assert_eq!((auc.metric, loss.metric), (metric("rtd-auc"), metric("mlm-loss")));
        assert_eq!((auc.started.pairs, auc.started.spearman), (3, Some(1.0)));
        // Deviations of .01 .03 .04: -5 1 4 thirds of a hundredth; of 1 2 4: -4 -1 5 thirds.
        let expected = (20.0 - 1.0 + 20.0) / (42.0f64 * 42.0).sqrt();
        assert!((auc.started.pearson.unwrap() - expected).abs() < 1e-9, "{auc:?}");
        assert_eq!(loss.started.spearman, Some(-1.0));
        let one = Coefficients { pairs: 1, ..Coefficients::default() };
        assert_eq!((auc.at_word_frequencies, common.started), (one, Coefficients::default()));
    }

    #[test]
    fn without_a_loss_to_tell_by_only_what_has_no_generator_is_apart() {
        assert!(!found(None).sets_apart());
        let mut sampled = run("b", 1, [0.9, 1.0, 0.1]);
        sampled.heldout.remove("mlm_loss");
        sampled.parameters.generator = 0;
        let results = [run("a", 1, [0.6, 6.0, 0.2]), sampled];
        let subject = subject(&["a", "b"]);
        let found = ProbeCorrelations::of(&subject, &results).unwrap();
        assert_eq!(found.measures[2].at_word_frequencies.pairs, 1);
        assert_eq!(ProbeCorrelations::of(&subject, &[result("a", 1, 0.5)]), None);
    }
}
