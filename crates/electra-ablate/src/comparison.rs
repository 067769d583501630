//! Arms against the base arm.

mod arm;
mod common_corruption;
mod contrasts;
mod correlations;
mod subject;

use std::collections::{BTreeMap, BTreeSet};

use electra_run::code::CodeVersions;
use electra_run::record::HeldoutMeasure;
use serde::Serialize;

use crate::experiment::Contrast;
use crate::metric::Metric;
use crate::record::{ProbeScores, ResultRecord};
use crate::standing::{ArmStatus, Pairs, Runs, ValueOfArms, of_arms};
use crate::statistics::Sample;
use crate::task::{self, OwnTask};

pub use arm::{ArmSummary, MeanCurve};
pub use contrasts::ContrastSummary;
pub use correlations::{Coefficients, MeasureCorrelation, ProbeCorrelations};
pub use subject::Subject;

/// All arms, and what they differ in from the base arm.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// Name of the experiment, or of what is compared.
    pub name: String,
    /// The question of the experiment; empty if nobody has written it.
    pub question: String,
    /// The prediction written before the start.
    pub prediction: String,
    /// The number that the verdict is about.
    pub metric: Metric,
    /// Equivalence margin in units of the metric.
    pub margin: Option<f64>,
    /// The arm that the others are compared with.
    pub base_arm: String,
    /// The arms that have results or failed, in the order of the experiment.
    pub arms: Vec<ArmSummary>,
    /// The contrasts that the experiment states, with or without pairs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub contrasts: Vec<ContrastSummary>,
    /// Names of arms without a result.
    pub missing: Vec<String>,
    /// Which held-out measures go with the probe, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probe_correlations: Option<ProbeCorrelations>,
    /// The numbers that are each of the arm's own task, with what the arms change that makes them so.
    pub own_tasks: Vec<OwnTask>,
    /// Whether arms have unlike vocabularies, so that costs of tokens say nothing.
    pub vocabularies_differ: bool,
    /// Seeds whose arms were not judged on the same corrupted text.
    pub unlike_corruptions: Vec<u64>,
    /// Arms that have no figures on common corruptions though others have.
    pub not_judged: Vec<String>,
    /// Arms that were trained beside the generator whose samples all are judged on: the samples are new to
    /// the others alone.
    pub judged_on_own_generator: Vec<String>,
    /// The held-out rows that the numbers were measured on, each set with the arms that have such a number.
    /// Numbers of more than one measure cannot be held against each other.
    pub measures: Vec<MeasuredOn>,
    /// Hashes of the data that arms were trained on, where they are known.
    pub data: Vec<ValueOfArms<String>>,
    /// Versions of the code that trained them.
    pub code: Vec<ValueOfArms<CodeVersions>>,
    /// Whether an arm says what it changes.
    pub names_something: bool,
}

/// Held-out rows, and the arms of which a run was evaluated on them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MeasuredOn {
    /// The rows; none where the result does not name them, which are the first ones.
    pub measure: Option<HeldoutMeasure>,
    /// The names of the arms.
    pub arms: Vec<String>,
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
        let contrast = |contrast: &Contrast| {
            let runs = [of_arm(&contrast.arm), of_arm(&contrast.against)];
            ContrastSummary::of(contrast, [&runs[0], &runs[1]], subject.metric)
        };
        let mut contrasts: Vec<ContrastSummary> = subject.contrasts.iter().map(contrast).collect();
        contrasts::correct(&mut arms, &mut contrasts, subject.margin);
        let probe_correlations = ProbeCorrelations::of(&subject, results);
        let measured: BTreeSet<Metric> = arms.iter().flat_map(|arm| arm.metrics.keys().copied()).collect();
        let measured: Vec<Metric> = measured.into_iter().collect();
        let own_tasks = task::own_tasks(&measured, results);
        let vocabularies_differ = task::vocabularies(results).len() > 1;
        let not_judged = common_corruption::not_judged(&arms, results);
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
            missing,
            own_tasks,
            vocabularies_differ,
            unlike_corruptions: common_corruption::unlike_corruptions(results),
            judged_on_own_generator: common_corruption::judged_on_own_generator(&arms, results),
            not_judged,
            measures,
            contrasts,
            probe_correlations,
            arms,
        }
    }

    /// The numbers of tested arms and tested contrasts: Holm's correction is over both.
    #[must_use]
    pub fn tests(&self) -> [usize; 2] {
        let arms = self.arms.iter().filter(|arm| arm.paired.is_some()).count();
        [arms, self.contrasts.iter().filter(|contrast| contrast.paired.is_some()).count()]
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
    let is_base = name == subject.base_arm;
    let others = if is_base { &[][..] } else { &base.finished };
    let (paired, pairs) = contrasts::paired(runs, others, subject.metric);
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
        paired,
        pairs,
        p_holm: None,
        equivalence: None,
        seconds: Sample::of(&seconds),
        curve: mean_curve(runs),
        standing: ArmStatus::of(name, &subject.base_arm, [all, base], &subject.known),
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
pub(crate) mod tests;
