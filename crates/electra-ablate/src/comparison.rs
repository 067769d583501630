//! Arms against the base arm.

mod common;

use std::collections::{BTreeMap, BTreeSet};

use electra_run::code::CodeVersions;
use electra_run::record::HeldoutMeasure;
use serde::Serialize;

use crate::metric::Metric;
use crate::record::{Parameters, ProbeScores, ResultRecord};
use crate::standing::{Known, OfArms, Pairs, Runs, Standing, of_arms};
use crate::statistics::equivalence::{self, Equivalence};
use crate::statistics::{Paired, Sample, holm};
use crate::task::{self, OwnTask};

/// All arms, and what they differ in from the base arm.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// Name of the experiment, or of what is compared.
    pub name: String,
    /// What is asked; empty if nobody has written it.
    pub question: String,
    /// What was expected.
    pub prediction: String,
    /// The number that the verdict is about.
    pub metric: Metric,
    /// Equivalence margin in units of the metric.
    pub margin: Option<f64>,
    /// The arm that the others are compared with.
    pub base_arm: String,
    /// The arms that have results or failed, in the order of the experiment.
    pub arms: Vec<ArmSummary>,
    /// Names of arms without a result.
    pub missing: Vec<String>,
    /// The numbers that are each of the arm's own task, with what the arms change that makes them so.
    pub own_tasks: Vec<OwnTask>,
    /// Whether arms have unlike vocabularies, so that costs of tokens say nothing.
    pub vocabularies_differ: bool,
    /// Seeds whose arms were not judged on the same corrupted text.
    pub unlike_corruptions: Vec<u64>,
    /// Arms that have no figures on common corruptions though others have.
    pub not_judged: Vec<String>,
    /// What the held-out numbers were measured on, each with the arms that have such a number. Numbers
    /// of more than one measure cannot be held against each other.
    pub measures: Vec<MeasuredOn>,
    /// Hashes of the data that arms were trained on, where they are known.
    pub data: Vec<OfArms<String>>,
    /// Versions of the code that trained them.
    pub code: Vec<OfArms<CodeVersions>>,
    /// Whether an arm says what it changes.
    pub names_something: bool,
}

/// Held-out rows, and the arms of which a run was evaluated on them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MeasuredOn {
    /// The rows; none where the result does not name them, which are the first ones.
    pub measure: Option<HeldoutMeasure>,
    /// Names of arms.
    pub arms: Vec<String>,
}

/// What an arm came to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ArmSummary {
    /// Its name.
    pub name: String,
    /// Its seeds that are finished.
    pub seeds: Vec<u64>,
    /// Steps of a run.
    pub steps: u64,
    /// Floating-point operations of a run.
    pub flops: f64,
    /// Parameters.
    pub parameters: Parameters,
    /// Mean and deviation of every number that was measured.
    pub metrics: BTreeMap<Metric, Sample>,
    /// Seeds of fine-tuning that found nothing in any epoch, which the mean of F1 counts with their 0.
    pub found_nothing: usize,
    /// Of how many.
    pub fine_tuned: usize,
    /// Against the base arm, paired by seed; none for the base arm itself.
    pub paired: Option<Paired>,
    /// The means of both over those seeds.
    pub pairs: Option<Pairs>,
    /// The probability after Holm's correction over the arms.
    pub p_holm: Option<f64>,
    /// Whether it is equivalent to the base arm, where a margin was stated.
    pub equivalence: Option<Equivalence>,
    /// Seconds of pretraining; none where every run failed.
    pub seconds: Option<Sample>,
    /// Held-out values over steps, mean over seeds.
    pub curve: MeanCurve,
    /// Missing and failed seeds, budget, shared runs, and quantities that differ unnamed.
    #[serde(flatten)]
    pub standing: Standing,
}

/// Values over steps, mean over the seeds that have the step.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct MeanCurve {
    /// Steps, ascending.
    pub step: Vec<u64>,
    /// Of each measured number.
    pub columns: BTreeMap<String, Vec<Option<f64>>>,
}

/// What the results are about.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Its name.
    pub name: String,
    /// What is asked.
    pub question: String,
    /// What was expected.
    pub prediction: String,
    /// The number that the verdict is about.
    pub metric: Metric,
    /// All numbers that results may have.
    pub metrics: Vec<Metric>,
    /// Equivalence margin in units of the metric, if one was stated before the runs.
    pub margin: Option<f64>,
    /// The arm to compare with.
    pub base_arm: String,
    /// All arms in their order.
    pub arms: Vec<String>,
    /// Planned seeds, budget, failed runs and derived quantities of the arms.
    pub known: Known,
}

impl Comparison {
    /// Compares results, of which none are there twice.
    #[must_use]
    pub fn new(subject: Subject, results: &[ResultRecord]) -> Self {
        let of_arm = |name: &str| Runs::of(name, results, &subject.known.failed);
        let base = of_arm(&subject.base_arm);
        let (present, missing): (Vec<&String>, Vec<&String>) =
            subject.arms.iter().partition(|name| !of_arm(name).is_empty());
        let missing = missing.into_iter().cloned().collect();
        let mut arms: Vec<ArmSummary> =
            present.into_iter().map(|name| summary(name, &of_arm(name), &base, &subject)).collect();
        let p: Vec<f64> = arms.iter().filter_map(|arm| Some(arm.paired?.p)).collect();
        let compared = arms.iter_mut().filter(|arm| arm.paired.is_some());
        for (arm, p) in compared.zip(holm::adjust(&p)) {
            arm.p_holm = Some(p);
        }
        if let Some(margin) = subject.margin {
            let differences: Vec<Sample> =
                arms.iter().filter_map(|arm| Some(arm.paired?.difference)).collect();
            let compared = arms.iter_mut().filter(|arm| arm.paired.is_some());
            for (arm, equivalence) in compared.zip(equivalence::of_arms(&differences, margin)) {
                arm.equivalence = Some(equivalence);
            }
        }
        let measured: BTreeSet<Metric> = arms.iter().flat_map(|arm| arm.metrics.keys().copied()).collect();
        let measured: Vec<Metric> = measured.into_iter().collect();
        let own_tasks = task::own_tasks(&measured, results);
        let vocabularies_differ = task::vocabularies(results).len() > 1;
        let not_judged = common::not_judged(&arms, results);
        let measures = measures(&subject.arms, results);
        let names_something = results.iter().any(|result| !result.differences.is_empty());
        let data = of_arms(&subject.arms, results, |result| result.data.clone());
        let code = of_arms(&subject.arms, results, |result| Some(result.code.clone()));
        let Subject { name, question, prediction, metric, margin, base_arm, .. } = subject;
        Self {
            data,
            code,
            names_something,
            name,
            question,
            prediction,
            metric,
            margin,
            base_arm,
            arms,
            missing,
            own_tasks,
            vocabularies_differ,
            unlike_corruptions: common::unlike_corruptions(results),
            not_judged,
            measures,
        }
    }

    /// The base arm, if it has results.
    #[must_use]
    pub fn base(&self) -> Option<&ArmSummary> {
        self.arms.iter().find(|arm| arm.name == self.base_arm)
    }

    /// The numbers that some arm has, and that arms can be held against each other by: no costs of tokens
    /// where those are others in each arm.
    #[must_use]
    pub fn measured(&self) -> Vec<Metric> {
        let is_comparable = |metric: &Metric| !(self.vocabularies_differ && metric.is_by_token());
        let measured: BTreeSet<Metric> =
            self.arms.iter().flat_map(|arm| arm.metrics.keys().copied()).collect();
        measured.into_iter().filter(is_comparable).collect()
    }
}

impl ArmSummary {
    /// The means of this arm and the base arm over the seeds that both have, if one of them has others.
    #[must_use]
    pub fn mean_of_pairs(&self, comparison: &Comparison) -> Option<&Pairs> {
        let number = |arm: &Self| arm.metrics.get(&comparison.metric).map_or(0, |sample| sample.n);
        let pairs = self.pairs.as_ref()?;
        let has_others = [self, comparison.base()?].into_iter().any(|arm| number(arm) != pairs.arm.n);
        has_others.then_some(pairs)
    }
}

fn summary(name: &str, all: &Runs<'_>, base: &Runs<'_>, subject: &Subject) -> ArmSummary {
    let runs = all.finished.as_slice();
    let sample = |metric: Metric| -> Option<(Metric, Sample)> {
        let values: Vec<f64> = runs.iter().filter_map(|run| metric.of(run)).collect();
        Some((metric, Sample::of(&values)?))
    };
    let pair = |run: &&ResultRecord| {
        let base = base.finished.iter().find(|base| base.seed == run.seed)?;
        Some((run.seed, subject.metric.of(run)?, subject.metric.of(base)?))
    };
    let is_base = name == subject.base_arm;
    let pairs: Vec<(u64, f64, f64)> = runs.iter().filter_map(pair).filter(|_| !is_base).collect();
    let differences: Vec<f64> = pairs.iter().map(|(_, own, base)| own - base).collect();
    let over_pairs = |of: fn(&(u64, f64, f64)) -> f64| Sample::of(&pairs.iter().map(of).collect::<Vec<_>>());
    let both = over_pairs(|pair| pair.1).zip(over_pairs(|pair| pair.2));
    let size = match (all.finished.first(), all.failed.first()) {
        (Some(run), _) => (run.steps, run.flops, run.parameters),
        (None, Some(run)) => (run.steps, run.flops, run.parameters),
        (None, None) => panic!("arm {name} has neither results nor failed runs"),
    };
    let probes = || runs.iter().filter_map(|run| run.probe.as_ref());
    let seconds: Vec<f64> = runs.iter().map(|run| run.seconds).collect();
    ArmSummary {
        name: name.to_owned(),
        seeds: runs.iter().map(|run| run.seed).collect(),
        steps: size.0,
        flops: size.1,
        parameters: size.2,
        metrics: subject.metrics.iter().copied().filter_map(sample).collect(),
        found_nothing: probes().map(ProbeScores::found_nothing).sum(),
        fine_tuned: probes().map(|probe| probe.scores.len()).sum(),
        paired: Paired::of(&differences),
        pairs: both.map(|(arm, base)| Pairs { seeds: pairs.iter().map(|pair| pair.0).collect(), arm, base }),
        p_holm: None,
        equivalence: None,
        seconds: Sample::of(&seconds),
        curve: mean_curve(runs),
        standing: Standing::of(name, &subject.base_arm, [all, base], &subject.known),
    }
}

fn measures(arms: &[String], results: &[ResultRecord]) -> Vec<MeasuredOn> {
    let mut found: BTreeMap<Option<HeldoutMeasure>, Vec<String>> = BTreeMap::new();
    for arm in arms {
        for result in results.iter().filter(|result| result.arm == *arm) {
            let own = found.entry(result.measure).or_default();
            if own.last() != Some(arm) {
                own.push(arm.clone());
            }
        }
    }
    found.into_iter().map(|(measure, arms)| MeasuredOn { measure, arms }).collect()
}

fn mean_curve(runs: &[&ResultRecord]) -> MeanCurve {
    let mut steps: Vec<u64> = runs.iter().flat_map(|run| run.curve.step.iter().copied()).collect();
    steps.sort_unstable();
    steps.dedup();
    let mut keys: Vec<&String> = runs.iter().flat_map(|run| run.curve.columns.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    let mean = |key: &String, step: u64| -> Option<f64> {
        let values = runs.iter().filter_map(|run| {
            let at = run.curve.step.iter().position(|other| *other == step)?;
            *run.curve.columns.get(key)?.get(at)?
        });
        Sample::of(&values.collect::<Vec<f64>>()).map(|sample| sample.mean)
    };
    let column = |key: &String| (key.clone(), steps.iter().map(|step| mean(key, *step)).collect());
    MeanCurve { columns: keys.into_iter().map(column).collect(), step: steps }
}

#[cfg(test)]
pub(crate) mod tests {
    use electra_run::record::HeldoutRows;

    use super::*;
    use crate::metric::tests::{catalogue, metric};
    use crate::record::tests::result;

    pub(crate) fn subject(arms: &[&str]) -> Subject {
        Subject {
            name: "000-test".into(),
            question: "Is a < b?".into(),
            prediction: "Yes.".into(),
            metric: metric("rtd-auc"),
            metrics: catalogue().all().to_vec(),
            margin: None,
            base_arm: arms[0].into(),
            arms: arms.iter().map(ToString::to_string).collect(),
            known: Known::default(),
        }
    }

    /// Base .50 .60 .70, arm b .52 .61 .73, arm c with one seed alone, no arm d.
    pub(crate) fn comparison() -> Comparison {
        let mut results = Vec::new();
        for (seed, [a, b]) in [[0.5, 0.52], [0.6, 0.61], [0.7, 0.73]].into_iter().enumerate() {
            results.push(result("b", seed as u64 + 1, b));
            results.push(result("a", seed as u64 + 1, a));
        }
        results.push(result("c", 2, 0.5));
        Comparison::new(subject(&["a", "b", "c", "d"]), &results)
    }

    #[test]
    fn seeds_are_paired_whatever_their_order() {
        let comparison = comparison();
        assert_eq!(comparison.arms.iter().map(|arm| arm.name.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(comparison.missing, ["d"]);
        let [a, b, c] = &comparison.arms[..] else { panic!() };
        assert_eq!((a.paired, a.p_holm), (None, None));
        let paired = b.paired.unwrap();
        // Differences .02 .01 .03: mean .02, sd .01, 4.3027 * .01 / sqrt 3 = .02484.
        assert!((paired.difference.mean - 0.02).abs() < 1e-12);
        assert!((paired.interval.unwrap()[1] - 0.044_841).abs() < 1e-5);
        assert_eq!((paired.p, b.p_holm), (0.25, Some(0.5)));
        assert_eq!((c.paired.unwrap().interval, c.paired.unwrap().p, c.p_holm), (None, 1.0, Some(1.0)));
        assert_eq!(b.seeds, [1, 2, 3]);
    }

    #[test]
    fn seeds_that_the_base_arm_lacks_are_left_out_of_the_difference() {
        let results = [result("a", 1, 0.5), result("b", 1, 0.75), result("b", 2, 0.1)];
        let comparison = Comparison::new(subject(&["a", "b"]), &results);
        let b = &comparison.arms[1];
        assert_eq!((b.metrics[&metric("rtd-auc")].n, b.paired.unwrap().difference.n), (2, 1));
        let alone = Comparison::new(subject(&["a", "b"]), &results[1..]);
        assert_eq!((alone.base(), alone.arms[0].paired), (None, None));
    }

    #[test]
    fn a_margin_says_whether_arms_are_equivalent_different_or_not_told_apart() {
        let verdicts = |margin, differences: [[f64; 4]; 2]| {
            let mut results = Vec::new();
            for (arm, differences) in ["b", "c"].into_iter().zip(differences) {
                for (seed, difference) in (1..).zip(differences) {
                    results.push(result(arm, seed, 0.5 + difference));
                }
            }
            (1..=4).for_each(|seed| results.push(result("a", seed, 0.5)));
            let subject = Subject { margin, ..subject(&["a", "b", "c"]) };
            let comparison = Comparison::new(subject, &results);
            comparison.arms.iter().map(|arm| arm.equivalence.map(|e| e.verdict)).collect::<Vec<_>>()
        };
        let small = [0.001, -0.001, 0.002, -0.002];
        let large = [0.1, 0.11, 0.12, 0.13];
        use equivalence::Verdict::{Different, Equivalent, NotToldApart};
        assert_eq!(verdicts(Some(0.02), [small, large]), [None, Some(Equivalent), Some(Different)]);
        assert_eq!(verdicts(Some(0.0005), [small, large]), [None, Some(NotToldApart), Some(Different)]);
        assert_eq!(verdicts(None, [small, large]), [None, None, None]);
    }

    #[test]
    fn measures_are_told_apart_with_the_arms_that_have_them() {
        let with = |arm: &str, seed, examples: Option<u64>| {
            let measure = examples.map(|examples| HeldoutMeasure { rows: HeldoutRows::Spread, examples });
            ResultRecord { measure, ..result(arm, seed, 0.5) }
        };
        let of = |results: &[ResultRecord]| -> Vec<(Option<u64>, String)> {
            let measures = Comparison::new(subject(&["a", "b"]), results).measures;
            measures.into_iter().map(|m| (m.measure.map(|m| m.examples), m.arms.join(" "))).collect()
        };
        assert_eq!(of(&[with("a", 1, None), with("b", 1, None)]), [(None, "a b".into())]);
        let mixed =
            [with("a", 1, None), with("a", 2, Some(500)), with("b", 1, Some(500)), with("b", 2, Some(60))];
        assert_eq!(of(&mixed), [(None, "a".into()), (Some(60), "b".into()), (Some(500), "a b".into())]);
    }

    #[test]
    fn curves_are_the_mean_over_seeds() {
        let comparison = comparison();
        let curve = &comparison.arms[0].curve;
        assert_eq!(curve.step, [10, 20]);
        let auc = &curve.columns["rtd_auc"];
        assert!(auc[0].is_none() && (auc[1].unwrap() - 0.6).abs() < 1e-12);
    }
}
