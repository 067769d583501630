//! What a run folder of pretraining says about its run.

mod differences;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use electra_files::regular;
use electra_run::record::{HeldoutMeasure, LogError, Record, read_metrics};
use serde_json::Value;

use crate::record::{Curve, Impossible, Measured, Origin, Parameters, ResultRecord, TokenizerIdentity};

use differences::{differences, leaves};

/// A finished run.
#[derive(Clone, Debug, PartialEq)]
pub struct FinishedRun {
    /// Name of its recipe.
    pub name: String,
    /// Its seed.
    pub seed: u64,
    /// The recipe, as it is in the folder.
    pub recipe: toml::Table,
    /// Optimizer steps.
    pub steps: u64,
    /// Tokens read, padding counted.
    pub tokens: u64,
    /// Floating-point operations of training.
    pub flops: f64,
    /// Parameters.
    pub parameters: Parameters,
    /// The numbers of the last evaluation.
    pub heldout: BTreeMap<String, f64>,
    /// What turned its text into tokens; none where the folder does not say.
    pub tokenizer: Option<TokenizerIdentity>,
    /// What it was an evaluation on; none in runs of older programs, which read the first rows.
    pub measure: Option<HeldoutMeasure>,
    /// The losses of all evaluations, thinned.
    pub curve: Curve,
    /// Seconds of training that the log has seen.
    pub seconds: f64,
    /// Name and version of the program.
    pub program: String,
}

/// Why a run cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A file cannot be read.
    #[error("cannot read {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// A file is not what runs write.
    #[error("{path} is damaged: {what}; is {} a run of `electra pretrain`?", .path.parent().unwrap_or(.path).display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
}

/// The last step that a run has logged; 0 if there is none yet.
#[must_use]
pub fn last_step(run: &Path) -> u64 {
    // The last line of a log that grows may be torn.
    let text = regular::read_at_most(&run.join(METRICS), regular::MOST_OF_LOG)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .unwrap_or_default();
    let step = |line: &str| serde_json::from_str::<Value>(line).ok()?["step"].as_u64();
    text.lines().rev().find_map(step).unwrap_or(0)
}

/// Steps of all evaluations and losses that a run has; none if it is not finished.
///
/// # Errors
/// If a file of the folder cannot be read or is damaged.
pub fn read(run: &Path) -> Result<Option<FinishedRun>, RunError> {
    if !run.join(MODEL).is_file() {
        return Ok(None);
    }
    let text = |name: &str| {
        let path = run.join(name);
        regular::read_to_string(&path).map_err(|source| RunError::Io { path, source })
    };
    let damaged = |name: &str, what: String| RunError::Damaged { path: run.join(name), what };
    let recipe: toml::Table = text(RECIPE)?
        .parse()
        .map_err(|error: toml::de::Error| damaged(RECIPE, error.message().to_owned()))?;
    let described: Value =
        serde_json::from_str(&text(RUN)?).map_err(|error| damaged(RUN, error.to_string()))?;
    let records = read_metrics(&run.join(METRICS))?;
    let number = |table: &str, key: &str| {
        let value =
            if table.is_empty() { recipe.get(key) } else { recipe.get(table).and_then(|t| t.get(key)) };
        let value = value.and_then(toml::Value::as_integer).and_then(|value| u64::try_from(value).ok());
        let name = if table.is_empty() { key.to_owned() } else { format!("{table}.{key}") };
        value.ok_or_else(|| damaged(RECIPE, format!("it has no {name}")))
    };
    let steps = number("train", "steps")?;
    let (rows, length) = (number("train", "batch_size")?, number("data", "sequence_length")?);
    let tokens = steps.checked_mul(rows).and_then(|rows| rows.checked_mul(length));
    let too_many =
        || damaged(RECIPE, format!("{steps} steps of {rows} rows of {length} tokens are too many"));
    let tokens = tokens.ok_or_else(too_many)?;
    let first = records.first().ok_or_else(|| damaged(METRICS, "it has no line".into()))?;
    let missing = |field: &str| damaged(METRICS, format!("its first line has no {field}"));
    let flops_per_step = first.number("flops_per_step").ok_or_else(|| missing("flops_per_step"))?;
    let parameters = first.fields.get("parameters").cloned().ok_or_else(|| missing("parameters"))?;
    let parameters: Parameters =
        serde_json::from_value(parameters).map_err(|error| damaged(METRICS, error.to_string()))?;
    let evaluations: Vec<&Record> = records.iter().filter(|record| record.kind == "eval").collect();
    let Some(last) = evaluations.last().filter(|last| last.step == steps) else { return Ok(None) };
    let numbers = last.fields.iter().filter_map(|(key, value)| Some((key.clone(), value.as_f64()?)));
    let finished = FinishedRun {
        name: recipe.get("name").and_then(toml::Value::as_str).unwrap_or_default().to_owned(),
        seed: number("", "seed")?,
        steps,
        tokens,
        flops: flops_per_step * steps as f64,
        parameters,
        heldout: numbers.collect(),
        tokenizer: tokenizer(&described, &recipe),
        measure: last.heldout_measure(),
        curve: Curve::of(&evaluations),
        seconds: seconds(&records),
        program: described["program_version"].as_str().unwrap_or_default().to_owned(),
        recipe,
    };
    finished.check().map_err(|source| damaged(METRICS, source.to_string()))?;
    Ok(Some(finished))
}

fn tokenizer(described: &Value, recipe: &toml::Table) -> Option<TokenizerIdentity> {
    let hash = described["tokenizer_hash"].as_str()?.to_owned();
    let pieces = recipe.get("model")?.get("vocab_size")?.as_integer()?;
    Some(TokenizerIdentity { hash, vocab_size: u64::try_from(pieces).ok().filter(|pieces| *pieces > 0)? })
}

impl FinishedRun {
    /// Refuses what cannot be.
    fn check(&self) -> Result<(), Impossible> {
        let Self { steps, tokens, flops, parameters, seconds, .. } = *self;
        let (heldout, curve) = (&self.heldout, &self.curve);
        Measured { steps, tokens, flops, parameters, heldout, seconds, curve }.check()
    }
}

/// From each start or resume to the last line before the next one: what was killed in between and
/// done again does not count.
fn seconds(records: &[Record]) -> f64 {
    let mut total = 0.0;
    let mut since = None;
    let mut last = 0.0;
    // A clock that was set back in between gives no time back.
    let passed = |since: Option<f64>, last: f64| since.map_or(0.0, |since| (last - since).max(0.0));
    for record in records {
        if record.kind == "start" || record.kind == "resume" {
            total += passed(since, last);
            since = Some(record.time);
        }
        last = record.time;
    }
    total += passed(since, last);
    (total * 1e3).round() / 1e3
}

/// Runs as results, for those that no experiment planned: runs whose recipes differ in their seeds
/// alone are an arm. It is called after the recipe, or after the folder of its first run where
/// another arm has that name.
#[must_use]
pub fn as_results(runs: Vec<(PathBuf, FinishedRun)>) -> Vec<ResultRecord> {
    let without = |recipe: &toml::Table| {
        let mut recipe = recipe.clone();
        for key in ["seed", "name", "checkpoint", "log"] {
            recipe.remove(key);
        }
        recipe.to_string()
    };
    let recipes: Vec<String> = runs.iter().map(|(_, run)| without(&run.recipe)).collect();
    let first_of = |i: usize| recipes.iter().position(|other| *other == recipes[i]).unwrap_or(i);
    let names: Vec<String> = (0..runs.len())
        .map(|i| {
            let (path, run) = &runs[first_of(i)];
            let is_shared = (0..runs.len()).any(|k| runs[k].1.name == run.name && first_of(k) != first_of(i));
            if is_shared { path.display().to_string() } else { run.name.clone() }
        })
        .collect();
    let first = runs.first().map(|(_, run)| leaves(&run.recipe)).unwrap_or_default();
    let results = runs.into_iter().zip(names).map(|((_, run), arm)| {
        let hash = blake3::hash(run.recipe.to_string().as_bytes()).to_hex().to_string();
        let differences = differences(&first, &leaves(&run.recipe));
        let origin = Origin { experiment: "runs".to_owned(), arm, differences, hash };
        ResultRecord::new(origin, run, None)
    });
    results.collect()
}

const MODEL: &str = "model.safetensors";
const METRICS: &str = "metrics.jsonl";
const RECIPE: &str = "recipe.toml";
const RUN: &str = "run.json";

#[cfg(test)]
mod tests {
    use std::fs;

    use electra_run::record::{HeldoutRows, MetricsLog};
    use serde_json::json;

    use super::*;

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        write(
            RECIPE,
            "name = \"a\"\nseed = 3\n[train]\nsteps = 20\nbatch_size = 4\n[data]\nsequence_length = 8\n",
        );
        write(RUN, "{\"program_version\": \"electra 0\"}");
        folder
    }

    fn log(run: &Path) {
        let start =
            json!({"flops_per_step": 5.0, "parameters": {"discriminator": 3, "generator": 2, "total": 5}});
        let mut log = MetricsLog::open(run.join(METRICS), 0, &start).unwrap();
        for step in [10, 20] {
            log.line("eval", step, &json!({"loss": step, "rtd_auc": 0.5, "collapsed": false, "x": null}))
                .unwrap();
        }
    }

    #[test]
    fn a_finished_run_tells_steps_arithmetic_and_its_last_evaluation() {
        let folder = folder();
        log(folder.path());
        assert_eq!(read(folder.path()).unwrap(), None, "without final weights it is not finished");
        fs::write(folder.path().join(MODEL), "").unwrap();
        let run = read(folder.path()).unwrap().unwrap();
        assert_eq!((run.seed, run.steps, run.tokens, run.flops), (3, 20, 640, 100.0));
        assert_eq!(run.heldout, BTreeMap::from([("loss".into(), 20.0), ("rtd_auc".into(), 0.5)]));
        assert_eq!(run.measure, None, "a log of an older program does not say");
        assert_eq!(run.curve.step, [10, 20]);
        assert_eq!(last_step(folder.path()), 20);
    }

    #[test]
    fn what_was_evaluated_on_goes_from_the_log_into_the_result() {
        let folder = folder();
        log(folder.path());
        let path = folder.path().join(METRICS);
        let named = fs::read_to_string(&path)
            .unwrap()
            .replace("\"loss\":20", "\"loss\":20,\"heldout\":{\"rows\":\"spread\",\"examples\":500}");
        fs::write(&path, named).unwrap();
        fs::write(folder.path().join(MODEL), "").unwrap();
        let run = read(folder.path()).unwrap().unwrap();
        let measure = HeldoutMeasure { rows: HeldoutRows::Spread, examples: 500 };
        assert_eq!(run.measure, Some(measure));
        assert_eq!(run.heldout.keys().collect::<Vec<_>>(), ["loss", "rtd_auc"]);
        let result = as_results(vec![(folder.path().to_owned(), run)]).remove(0);
        assert_eq!(result.measure, Some(measure));
        assert!(
            result.text().contains("\"measure\": {\"rows\":\"spread\",\"examples\":500}"),
            "{}",
            result.text()
        );
    }

    #[test]
    fn runs_that_differ_in_their_seeds_alone_are_an_arm() {
        let folder = folder();
        log(folder.path());
        fs::write(folder.path().join(MODEL), "").unwrap();
        let run = read(folder.path()).unwrap().unwrap();
        let with = |folder: &str, key: &str, value: i64| {
            let mut run = run.clone();
            run.recipe.insert(key.to_owned(), value.into());
            (PathBuf::from(folder), run)
        };
        let arms = |runs| as_results(runs).into_iter().map(|result| result.arm).collect::<Vec<_>>();
        assert_eq!(arms(vec![with("x", "seed", 1), with("y", "seed", 2)]), ["a", "a"]);
        assert_eq!(arms(vec![with("r/x", "seed", 1), with("q/x", "other", 2)]), ["r/x", "q/x"]);
        // Two recipes with one name and two seeds each are two arms of two.
        let other = |folder: &str, seed: i64| {
            let (path, mut run) = with(folder, "other", 2);
            run.recipe.insert("seed".to_owned(), seed.into());
            (path, run)
        };
        let four = vec![with("x1", "seed", 1), other("y1", 1), with("x2", "seed", 2), other("y2", 2)];
        assert_eq!(arms(four), ["x1", "y1", "x1", "y1"]);
    }

    #[test]
    fn what_is_missing_is_named() {
        let folder = folder();
        log(folder.path());
        fs::write(folder.path().join(MODEL), "").unwrap();
        fs::write(folder.path().join(RECIPE), "seed = 1").unwrap();
        let message = read(folder.path()).unwrap_err().to_string();
        assert!(message.contains("recipe.toml") && message.contains("train.steps"), "{message}");
    }

    #[test]
    fn a_run_whose_log_or_recipe_says_what_cannot_be_is_refused_with_file_and_key() {
        let folder = folder();
        log(folder.path());
        fs::write(folder.path().join(MODEL), "").unwrap();
        let whole = fs::read_to_string(folder.path().join(METRICS)).unwrap();
        for (there, instead, expected) in [
            ("\"rtd_auc\":0.5", "\"rtd_auc\":313.0", "metrics.jsonl is damaged: `heldout.rtd_auc` is 313.0"),
            ("\"loss\":10", "\"loss\":-10", "metrics.jsonl is damaged: `curve.loss.0` is -10.0"),
            ("\"step\":10", "\"step\":20", "metrics.jsonl is damaged: `curve.step.1` is 20, expected"),
            ("\"total\":5", "\"total\":6", "metrics.jsonl is damaged: `parameters.total` is 6"),
        ] {
            assert!(whole.contains(there), "{there} is not in {whole}");
            fs::write(folder.path().join(METRICS), whole.replace(there, instead)).unwrap();
            let message = read(folder.path()).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
        let recipe = fs::read_to_string(folder.path().join(RECIPE)).unwrap();
        let huge = recipe.replace("batch_size = 4", "batch_size = 9223372036854775807");
        fs::write(folder.path().join(RECIPE), huge).unwrap();
        let message = read(folder.path()).unwrap_err().to_string();
        assert!(
            message.contains("recipe.toml is damaged: 20 steps of 9223372036854775807 rows"),
            "{message}"
        );
    }

    #[test]
    fn time_between_a_kill_and_the_next_start_does_not_count() {
        let at =
            |kind: &str, time| Record { kind: kind.into(), step: 0, time, fields: serde_json::Map::new() };
        let records =
            [at("start", 10.0), at("train", 14.0), at("resume", 100.0), at("train", 101.5), at("end", 102.0)];
        assert_eq!(seconds(&records), 6.0);
        assert_eq!(seconds(&[]), 0.0);
        assert_eq!(seconds(&[at("start", 10.0), at("end", 2.0)]), 0.0);
    }
}
