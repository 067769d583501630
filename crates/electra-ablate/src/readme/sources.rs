//! The value of an expression: results and files of the experiment, and of those beside it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use electra_files::regular;
use serde_json::Value;

use super::document;
use super::expression::{Correlation, Expression, ExpressionError, Field, Operator, Over, Part, What};
use super::format::Format;
use super::quantity::Quantity;
use crate::metric::Catalogue;
use crate::record::{ProbeScores, ResultRecord, read_folder};
use crate::statistics::{Paired, Sample, correlation};

/// What the numbers of a text come from.
#[derive(Debug)]
pub struct Sources {
    /// The folder of the text.
    folder: PathBuf,
    /// Where other experiments lie.
    beside: PathBuf,
    /// The arm that differences are from, where it is known.
    base_arm: Option<String>,
    /// The numbers that can be asked for.
    metrics: &'static Catalogue,
    results: BTreeMap<PathBuf, Vec<ResultRecord>>,
    documents: BTreeMap<PathBuf, Value>,
}

impl Sources {
    /// For the README of an experiment in this folder.
    #[must_use]
    pub fn of_experiment(folder: &Path, base_arm: Option<String>, metrics: &'static Catalogue) -> Self {
        Self { base_arm, ..Self::of_index(folder, &folder.join(".."), metrics) }
    }

    /// For a text in `folder` about the experiments in `experiments`.
    #[must_use]
    pub fn of_index(folder: &Path, experiments: &Path, metrics: &'static Catalogue) -> Self {
        Self {
            metrics,
            folder: folder.to_owned(),
            beside: experiments.to_owned(),
            base_arm: None,
            results: BTreeMap::new(),
            documents: BTreeMap::new(),
        }
    }

    /// The value of an expression as it is written.
    ///
    /// # Errors
    /// If it is none, or asks for what is not there.
    pub fn value(&mut self, text: &str) -> Result<String, ExpressionError> {
        let Expression { within, what, format } = Expression::parse(text, self.metrics)?;
        let folder = match &within {
            None => self.folder.clone(),
            Some(name) => {
                let folder = self.beside.join(name);
                let exists = folder.is_dir();
                exists.then_some(folder).ok_or_else(|| ExpressionError::NoExperiment(name.clone()))?
            }
        };
        let base_arm = self.base_arm.clone().filter(|_| within.is_none());
        match what {
            What::Field { field, less } => {
                let number = self.number(&folder, &field)?;
                let less = less.map_or(Ok(0.0), |less| self.number(&folder, &less))?;
                let is_whole = number.fract() == 0.0 && less.fract() == 0.0;
                Ok(format.write(number - less, if is_whole { 0 } else { 3 }))
            }
            What::Seeds { arm } => {
                let runs = self.results(&folder)?;
                Ok(format.write(of_arm(runs, &arm)?.len() as f64, 0))
            }
            What::FoundNothing { arm } => {
                let runs = of_arm(self.results(&folder)?, &arm)?;
                let probes = || runs.iter().filter_map(|run| run.probe.as_ref());
                let nothing: usize = probes().map(ProbeScores::found_nothing).sum();
                let all: usize = probes().map(|probe| probe.scores.len()).sum();
                Ok(format!("{nothing} of {all}"))
            }
            What::Values { arm, against, quantity, part } => {
                let runs = self.results(&folder)?;
                let values = match &against {
                    None => of_runs(&of_arm(runs, &arm)?, &quantity),
                    Some((operator, other)) => {
                        paired(&of_arm(runs, &arm)?, &of_arm(runs, other)?, &quantity, *operator)
                    }
                };
                if values.is_empty() {
                    let other = against.map(|(_, other)| format!(" and {other}")).unwrap_or_default();
                    return Err(ExpressionError::NotMeasured { arms: format!("{arm}{other}") });
                }
                told(&values, part, &quantity, format)
            }
            What::Correlation(asked) => {
                let points = points(self.results(&folder)?, &asked, base_arm.as_deref())?;
                if asked.count {
                    return Ok(format.write(points.len() as f64, 0));
                }
                let coefficient = match asked.of_ranks {
                    true => correlation::spearman(&points),
                    false => correlation::pearson(&points),
                };
                let none_of = ExpressionError::NoneOf { found: points.len(), what: "correlation" };
                Ok(format.write(coefficient.ok_or(none_of)?, 2))
            }
        }
    }

    fn results(&mut self, folder: &Path) -> Result<&[ResultRecord], ExpressionError> {
        if !self.results.contains_key(folder) {
            let (mut found, _) = read_folder(&folder.join("results"))?.into_parts();
            found.sort_by_key(|record| record.seed);
            self.results.insert(folder.to_owned(), found);
        }
        Ok(&self.results[folder])
    }

    fn number(&mut self, folder: &Path, field: &Field) -> Result<f64, ExpressionError> {
        let Field { file, path } = field;
        let found = document::at(self.document(folder, file)?, path).and_then(Value::as_f64);
        found.ok_or_else(|| ExpressionError::NoValue { file: file.clone(), path: path.clone() })
    }

    /// A JSON file of the text's own folder, or of another.
    pub(super) fn document(&mut self, folder: &Path, file: &str) -> Result<&Value, ExpressionError> {
        let path = folder.join(file);
        if !self.documents.contains_key(&path) {
            let failed = |reason: String| ExpressionError::File { file: file.to_owned(), reason };
            let bytes = regular::read(&path).map_err(|error| failed(error.to_string()))?;
            let value = serde_json::from_slice(&bytes).map_err(|error| failed(error.to_string()))?;
            self.documents.insert(path.clone(), value);
        }
        Ok(&self.documents[&path])
    }

    /// The folder of the text.
    pub(super) fn folder(&self) -> PathBuf {
        self.folder.clone()
    }
}

/// The number of a seed.
type OfSeed = (u64, f64);

fn of_arm<'a>(results: &'a [ResultRecord], arm: &str) -> Result<Vec<&'a ResultRecord>, ExpressionError> {
    let found: Vec<&ResultRecord> = results.iter().filter(|run| run.arm == arm).collect();
    if found.is_empty() {
        let mut known: Vec<&str> = results.iter().map(|run| run.arm.as_str()).collect();
        known.sort_unstable();
        known.dedup();
        let known = if known.is_empty() { "no arm".to_owned() } else { known.join(", ") };
        return Err(ExpressionError::NoArm { arm: arm.to_owned(), known });
    }
    Ok(found)
}

fn of_runs(runs: &[&ResultRecord], quantity: &Quantity) -> Vec<OfSeed> {
    runs.iter().filter_map(|run| Some((run.seed, quantity.of(run)?))).collect()
}

fn paired(
    runs: &[&ResultRecord],
    others: &[&ResultRecord],
    quantity: &Quantity,
    operator: Operator,
) -> Vec<OfSeed> {
    let others = of_runs(others, quantity);
    let with = |(seed, value): OfSeed| {
        let (_, other) = others.iter().find(|(other, _)| *other == seed)?;
        Some((seed, if operator == Operator::Difference { value - other } else { value / other }))
    };
    of_runs(runs, quantity).into_iter().filter_map(with).collect()
}

/// A part of several numbers, of which there is at least one.
fn told(
    values: &[OfSeed],
    part: Part,
    quantity: &Quantity,
    format: Format,
) -> Result<String, ExpressionError> {
    let decimals = quantity.decimals();
    let write = |value: f64| format.write(value, decimals);
    let numbers: Vec<f64> = values.iter().map(|(_, value)| *value).collect();
    let none_of = |what| ExpressionError::NoneOf { found: numbers.len(), what };
    if let Some((seed, _)) = values.iter().find(|(_, value)| !value.is_finite()) {
        return Err(ExpressionError::NoNumber { seed: *seed });
    }
    let sample = Sample::of(&numbers).ok_or_else(|| none_of("mean"))?;
    let sd = || sample.sd.ok_or_else(|| none_of("standard deviation"));
    let interval = || -> Result<String, ExpressionError> {
        let half = sample.margin().ok_or_else(|| none_of("interval"))?;
        Ok(format!("[{}, {}]", write(sample.mean - half), write(sample.mean + half)))
    };
    let of = |count: usize| format!("{count} of {}", numbers.len());
    Ok(match part {
        Part::Mean => write(sample.mean),
        Part::Sd => write(sd()?),
        Part::Spread => format!("{} ± {}", write(sample.mean), write(sd()?)),
        Part::Min => write(numbers.iter().copied().fold(f64::INFINITY, f64::min)),
        Part::Max => write(numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max)),
        Part::Seed(wanted) => {
            let found = values.iter().find(|(seed, _)| *seed == wanted);
            let known = || values.iter().map(|(seed, _)| seed.to_string()).collect::<Vec<_>>().join(", ");
            let (_, value) = found.ok_or_else(|| ExpressionError::NoSeed { seed: wanted, known: known() })?;
            write(*value)
        }
        Part::Each => numbers.iter().map(|value| write(*value)).collect::<Vec<_>>().join(", "),
        Part::Interval => interval()?,
        Part::MeanAndInterval => format!("{} {}", write(sample.mean), interval()?),
        Part::P => {
            let paired = Paired::of(&numbers).ok_or_else(|| none_of("exact probability"))?;
            format.write(paired.p, 3)
        }
        Part::Pairs => numbers.len().to_string(),
        Part::Ahead => {
            let less = quantity.less_is_better();
            of(numbers.iter().filter(|value| if less { **value < 0.0 } else { **value > 0.0 }).count())
        }
        Part::Above(least) => of(numbers.iter().filter(|value| **value > least).count()),
        Part::Below(most) => of(numbers.iter().filter(|value| **value < most).count()),
    })
}

fn points(
    results: &[ResultRecord],
    asked: &Correlation,
    base_arm: Option<&str>,
) -> Result<Vec<[f64; 2]>, ExpressionError> {
    for arm in &asked.arms {
        of_arm(results, arm)?;
    }
    let is_asked =
        |run: &&ResultRecord| asked.holds(run) && (asked.arms.is_empty() || asked.arms.contains(&run.arm));
    let both = |run: &ResultRecord| -> Option<[f64; 2]> {
        let [x, y] = &asked.quantities;
        Some([x.of(run)?, y.of(run)?])
    };
    let runs = || results.iter().filter(is_asked);
    Ok(match asked.over {
        Over::Runs => runs().filter_map(both).collect(),
        Over::Arms => {
            let mut arms: Vec<&str> = runs().map(|run| run.arm.as_str()).collect();
            arms.sort_unstable();
            arms.dedup();
            let mean = |arm: &&str| -> Option<[f64; 2]> {
                let of: Vec<[f64; 2]> = runs().filter(|run| run.arm == *arm).filter_map(both).collect();
                let mean = |i: usize| Sample::of(&of.iter().map(|both| both[i]).collect::<Vec<_>>());
                Some([mean(0)?.mean, mean(1)?.mean])
            };
            arms.iter().filter_map(mean).collect()
        }
        Over::Differences => {
            let base_arm = base_arm.ok_or_else(|| ExpressionError::Word {
                word: "differences".to_owned(),
                expected: "runs or arms (the base arm is known in its own experiment alone)".to_owned(),
            })?;
            let base = |seed: u64| results.iter().find(|run| run.arm == base_arm && run.seed == seed);
            let less = |run: &ResultRecord| {
                let of_base = base(run.seed).filter(|run| asked.holds(run)).and_then(both)?;
                let own = both(run)?;
                Some([own[0] - of_base[0], own[1] - of_base[1]])
            };
            runs().filter(|run| run.arm != base_arm).filter_map(less).collect()
        }
    })
}

impl Correlation {
    /// Whether the condition holds of a run, if there is one.
    fn holds(&self, run: &ResultRecord) -> bool {
        let Some((quantity, part)) = &self.only else { return true };
        match (quantity.of(run), part) {
            (Some(value), Part::Above(least)) => value > *least,
            (Some(value), Part::Below(most)) => value < *most,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::metric::tests::catalogue;
    use crate::record::tests::result;
    use crate::record::{ProbeScore, ResultRecord};

    /// Base .50 .60 .70 and b .52 .61 .73 of seeds 1 to 3, c of seed 2 alone; losses are 28 more.
    fn sources() -> (tempfile::TempDir, Sources) {
        let folder = tempfile::tempdir().unwrap();
        let results = folder.path().join("000-test/results");
        for (seed, [a, b]) in (1..).zip([[0.5, 0.52], [0.6, 0.61], [0.7, 0.73]]) {
            let score = ProbeScore { seed: 1, dev_f1: 0.0, test_f1: None };
            let scores = vec![ProbeScore { seed: 2, dev_f1: 0.4 * a, test_f1: None }, score];
            let probe = Some(ProbeScores { hash: String::new(), recipe: None, scores });
            ResultRecord { probe, ..result("a", seed, a) }.write(&results).unwrap();
            result("b", seed, b).write(&results).unwrap();
        }
        result("c", 2, 0.5).write(&results).unwrap();
        let file = json!({"test": {"mean": 0.408, "support": 12_000}, "less": {"mean": 0.155}});
        std::fs::write(folder.path().join("000-test/numbers.json"), file.to_string()).unwrap();
        let own = folder.path().join("000-test");
        (folder, Sources::of_experiment(&own, Some("a".into()), catalogue()))
    }

    #[test]
    fn every_expression_has_the_value_that_one_computes_by_hand() {
        let (_folder, mut sources) = sources();
        for (text, expected) in [
            ("a rtd-auc", "0.600"),
            ("a rtd-auc sd :.2", "0.10"),
            ("a rtd-auc spread", "0.600 ± 0.100"),
            ("a rtd-auc min", "0.500"),
            ("a rtd-auc max", "0.700"),
            ("a rtd-auc each :.1", "0.5, 0.6, 0.7"),
            ("a rtd-auc seed 2", "0.600"),
            // 4.3027 * .1 / sqrt 3 = .2484.
            ("a rtd-auc interval :.2", "[0.35, 0.85]"),
            ("a rtd-auc above 0.55", "2 of 3"),
            ("a rtd-auc below 0.55", "1 of 3"),
            ("a rtd-auc@20 seed 3", "0.700"),
            ("a probe-f1 seed 1", "10.00"),
            ("a found-nothing", "3 of 6"),
            ("a seeds", "3"),
            ("a steps", "20"),
            ("a parameters :,", "1,100"),
            ("a minutes", "1.0"),
            // Differences .02 .01 .03: 4.3027 * .01 / sqrt 3 = .02484.
            ("b - a rtd-auc", "0.020 [-0.005, 0.045]"),
            ("b - a rtd-auc :+.3", "+0.020 [-0.005, +0.045]"),
            ("a - b rtd-auc mean", "-0.020"),
            ("b - a rtd-auc p", "0.250"),
            ("b - a rtd-auc p :p", "= 0.250"),
            ("b - a rtd-auc ahead", "3 of 3"),
            ("b - a loss ahead", "0 of 3"),
            ("a - b loss ahead", "3 of 3"),
            ("c - a rtd-auc pairs", "1"),
            ("c - a rtd-auc mean", "-0.100"),
            ("b / a steps mean :.0%", "100"),
            ("correlation rtd-auc loss", "1.00"),
            ("correlation rtd-auc loss count", "7"),
            ("correlation rtd-auc loss of a,b count", "6"),
            ("rank-correlation rtd-auc loss where rtd-auc above 0.55", "1.00"),
            ("correlation rtd-auc loss where rtd-auc above 0.55 count", "4"),
            ("correlation rtd-auc loss over arms count", "3"),
            ("correlation rtd-auc loss over differences count", "4"),
            ("correlation rtd-auc loss over differences where rtd-auc above 0.55 count", "2"),
            ("numbers.json test.mean :.1%", "40.8"),
            ("numbers.json test.support :,", "12,000"),
            ("numbers.json test.mean - numbers.json less.mean", "0.253"),
            ("in 000-test a rtd-auc", "0.600"),
        ] {
            let found = sources.value(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn a_ratio_to_zero_is_no_number() {
        let (quantity, format) = (Quantity::parse("probe-f1", catalogue()).unwrap(), Format::default());
        for of_second in [f64::NAN, f64::INFINITY] {
            let error = told(&[(1, 2.0), (2, of_second)], Part::Mean, &quantity, format).unwrap_err();
            assert_eq!(error.to_string(), "with seed 2 it is divided by 0");
        }
    }

    #[test]
    fn what_is_not_there_is_told() {
        let (_folder, mut sources) = sources();
        for (text, expected) in [
            ("d rtd-auc", "there is no result of arm `d`; there are results of a, b, c"),
            ("a - d rtd-auc", "there is no result of arm `d`"),
            ("a prediction-loss", "no run of a has this number"),
            ("a rtd-auc@15", "no run of a has this number"),
            ("b - a probe-f1", "no run of b and a has this number"),
            ("a rtd-auc seed 4", "there is no seed 4; there are 1, 2, 3"),
            ("c rtd-auc sd", "1 numbers have no standard deviation"),
            ("c - a rtd-auc", "1 numbers have no interval"),
            ("correlation rtd-auc loss of c", "1 numbers have no correlation"),
            ("correlation rtd-auc loss of d", "there is no result of arm `d`"),
            ("in 001 a rtd-auc", "there is no experiment 001"),
            ("none.json a", "cannot read none.json"),
            ("numbers.json test.sd", "numbers.json has no number at `test.sd`"),
            ("numbers.json test", "numbers.json has no number at `test`"),
            ("in 000-test correlation rtd-auc loss over differences", "runs or arms (the base arm"),
        ] {
            let error = sources.value(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
