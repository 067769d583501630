//! The identity of an arm: the test whether runs are of one arm, and results those of an experiment as it
//! stands.
//!
//! An arm is one resolved recipe, one data folder by its content, one version of each part of the code that
//! decides numbers, and one probe. Where a file does not say one of these, as older ones do not, it cannot tell results
//! apart; steps, operations and parameters always do.

use std::path::{Path, PathBuf};

use electra_run::code::CodeVersions;
use electra_run::record::thousands;
use serde_json::{Map, Value};

use crate::failed::Results;
use crate::plan::PlannedArm;
use crate::record::{
    NotOneArm, Parameters, ProbeScores, Provenance, ResultError, Stale, TokenizerIdentity, short,
};
use crate::run::UNPLANNED;
use crate::table::with_noun;

/// The identity that all runs of an arm have in common.
#[derive(Clone, Debug, PartialEq)]
struct Identity {
    differences: Map<String, Value>,
    recipe: Option<String>,
    steps: u64,
    tokens: u64,
    flops: f64,
    parameters: Parameters,
    data: Option<String>,
    tokenizer: Option<TokenizerIdentity>,
    code: CodeVersions,
    probe: Option<ProbeIdentity>,
}

/// The identity of a probe: what decides the scores of fine-tuning besides the pretrained run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeIdentity {
    /// Hash of its recipe; none where a result does not say.
    pub recipe: Option<String>,
    /// Runs of fine-tuning.
    pub seeds: u64,
}

impl ProbeIdentity {
    fn of(scores: &ProbeScores) -> Self {
        Self { recipe: scores.recipe.clone(), seeds: scores.scores.len() as u64 }
    }
}

impl Identity {
    fn of(run: &Provenance, probe: Option<ProbeIdentity>) -> Self {
        Self {
            // Those of runs that nothing planned follow from which of them came first.
            differences: match run.experiment.as_str() {
                UNPLANNED => Map::new(),
                _ => run.differences.clone(),
            },
            recipe: run.recipe.clone(),
            steps: run.steps,
            tokens: run.tokens,
            flops: run.flops,
            parameters: run.parameters,
            data: run.data.clone(),
            tokenizer: run.tokenizer.clone(),
            code: run.code.clone(),
            probe,
        }
    }

    /// Each aspect in which this is not `other`, as it is here.
    fn apart_from(&self, other: &Self) -> Vec<String> {
        let of = |count: u64, noun: &str| with_noun(count as usize, noun);
        let mut found = Vec::new();
        let mut add = |differs: bool, text: String| {
            if differs {
                found.push(text);
            }
        };
        let unlike = |a: Option<&str>, b: Option<&str>| a.zip(b).is_some_and(|(a, b)| a != b);
        add(self.steps != other.steps, of(self.steps, "step"));
        let same_steps = self.steps == other.steps;
        add(same_steps && self.tokens != other.tokens, of(self.tokens, "token"));
        add(self.parameters != other.parameters, of(self.parameters.total, "parameter"));
        let is_close = (self.flops - other.flops).abs() <= 1e-9 * self.flops.abs().max(other.flops.abs());
        let same_size = same_steps && self.tokens == other.tokens && self.parameters == other.parameters;
        add(same_size && !is_close, format!("{:.2e} operations", self.flops));
        let [data, their_data] = [&self.data, &other.data].map(Option::as_deref);
        add(unlike(data, their_data), format!("data {}", short(data.unwrap_or_default())));
        if let (Some(own), Some(theirs)) = (&self.tokenizer, &other.tokenizer) {
            let pieces = thousands(own.vocab_size);
            add(own != theirs, format!("vocabulary {} of {pieces} pieces", short(&own.hash)));
        }
        let code = self.code.differences(&other.code).into_iter();
        let code: Vec<String> = code.map(|part| format!("{} {}", part.part, part.there)).collect();
        add(!code.is_empty(), format!("code of {}", code.join(", ")));
        if let (Some(own), Some(theirs)) = (&self.probe, &other.probe) {
            if own.seeds != theirs.seeds {
                found.push(of(own.seeds, "fine-tuning seed"));
            }
            let [recipe, their_recipe] = [&own.recipe, &theirs.recipe].map(Option::as_deref);
            if unlike(recipe, their_recipe) {
                found.push(format!("probe {}", short(recipe.unwrap_or_default())));
            }
        }
        if found.is_empty() {
            let text = |map: &Map<String, Value>| Value::Object(map.clone()).to_string();
            if !same_values(&self.differences, &other.differences) {
                found.push(format!("differences {}", text(&self.differences)));
            } else if unlike(self.recipe.as_deref(), other.recipe.as_deref()) {
                found.push(format!("recipe {}", short(self.recipe.as_deref().unwrap_or_default())));
            }
        }
        found
    }
}

/// Whether two sets of differences say the same, 1 and 1.0 alike.
fn same_values(one: &Map<String, Value>, other: &Map<String, Value>) -> bool {
    one.len() == other.len() && one.iter().all(|(key, value)| other.get(key).is_some_and(|o| same(value, o)))
}

fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => same_values(a, b),
        _ => one == other,
    }
}

impl Results {
    fn identities(&self) -> Vec<(&Path, &str, Identity)> {
        let finished = self
            .finished
            .iter()
            .map(|(path, record)| (path, &record.run, record.probe.as_ref().map(ProbeIdentity::of)));
        let all = finished.chain(self.failed.iter().map(|(path, run)| (path, &run.run, None)));
        all.map(|(path, run, probe)| (path.as_path(), run.arm.as_str(), Identity::of(run, probe))).collect()
    }

    /// Refuses an arm of an experiment whose runs are not of one recipe, one data folder and one code.
    ///
    /// # Errors
    /// With two files and what they are.
    pub fn check_arms(&self) -> Result<(), ResultError> {
        let all = self.identities();
        for (i, (path, arm, identity)) in all.iter().enumerate() {
            for (other, _, theirs) in all[..i].iter().filter(|entry| entry.1 == *arm) {
                let found = identity.apart_from(theirs);
                if !found.is_empty() {
                    return Err(ResultError::from(Box::new(NotOneArm {
                        path: path.to_path_buf(),
                        other: other.to_path_buf(),
                        arm: (*arm).to_owned(),
                        found: found.join(", "),
                        there: theirs.apart_from(identity).join(", "),
                    })));
                }
            }
        }
        Ok(())
    }

    /// Gives arms of one name that are not one arm names of their own: those of two folders begin with the
    /// folder, and others end with what they are.
    pub fn disambiguate_names(&mut self) {
        let names = {
            let all = self.identities();
            let groups: Vec<String> = self.groups();
            let firsts: Vec<usize> = (0..all.len())
                .map(|i| {
                    let is_same = |k: &usize| {
                        let (_, arm, identity) = &all[*k];
                        *arm == all[i].1
                            && groups[*k] == groups[i]
                            && all[i].2.apart_from(identity).is_empty()
                    };
                    (0..i).find(is_same).unwrap_or(i)
                })
                .collect();
            let name = |i: usize| -> String {
                let (_, arm, identity) = &all[firsts[i]];
                let others: Vec<usize> =
                    (0..all.len()).filter(|k| all[*k].1 == *arm && firsts[*k] != firsts[i]).collect();
                if others.is_empty() {
                    return (*arm).to_owned();
                }
                let elsewhere = others.iter().any(|k| groups[*k] != groups[i]);
                let prefix = if elsewhere { format!("{}/", groups[i]) } else { String::new() };
                let mut aspects: Vec<String> = Vec::new();
                for k in others.iter().filter(|k| groups[**k] == groups[i]) {
                    for aspect in identity.apart_from(&all[*k].2) {
                        if !aspects.contains(&aspect) {
                            aspects.push(aspect);
                        }
                    }
                }
                let suffix =
                    if aspects.is_empty() { String::new() } else { format!(" ({})", aspects.join(", ")) };
                format!("{prefix}{arm}{suffix}")
            };
            (0..all.len()).map(name).collect::<Vec<String>>()
        };
        let arms = self.finished.iter_mut().map(|(_, record)| &mut record.run.arm);
        let arms = arms.chain(self.failed.iter_mut().map(|(_, run)| &mut run.run.arm));
        for (arm, name) in arms.zip(names) {
            *arm = name;
        }
    }

    /// Whose each is: the experiment by the name of its folder, as that can be another one than it had when
    /// the file was written. With the path where two folders have one name.
    fn groups(&self) -> Vec<String> {
        let finished = self.finished.iter().map(|(path, record)| (path, &record.experiment));
        let all: Vec<(&PathBuf, &String)> =
            finished.chain(self.failed.iter().map(|(path, run)| (path, &run.experiment))).collect();
        let folder = |(path, experiment): &(&PathBuf, &String)| match experiment.as_str() {
            UNPLANNED => PathBuf::from(UNPLANNED),
            _ => path.parent().map(Path::to_owned).unwrap_or_default(),
        };
        let folders: Vec<PathBuf> = all.iter().map(folder).collect();
        let name = |folder: &Path| {
            let folder = if folder.ends_with("results") { folder.parent().unwrap_or(folder) } else { folder };
            let whole = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
            whole.file_name().map(|name| name.to_string_lossy().into_owned())
        };
        let names: Vec<Option<String>> = folders.iter().map(|folder| name(folder)).collect();
        let plain = |text: String| text.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
        (0..all.len())
            .map(|i| {
                let is_shared = (0..all.len()).any(|k| names[k] == names[i] && folders[k] != folders[i]);
                let path = || folders[i].display().to_string();
                plain(names[i].clone().filter(|_| !is_shared).unwrap_or_else(path))
            })
            .collect()
    }
}

/// An arm as an experiment has it now.
#[derive(Clone, Debug, PartialEq)]
pub struct CurrentArm {
    /// The name of the arm.
    pub name: String,
    /// The changes that the arm makes to the base recipe.
    pub differences: Map<String, Value>,
    /// The derived numbers of the arm's recipe; `None` where the recipe cannot be read.
    pub planned: Option<PlannedNumbers>,
    /// The arm's probe; `None` where there is none or its recipe cannot be read.
    pub probe: Option<ProbeIdentity>,
}

/// The derived numbers of an arm's recipe.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedNumbers {
    /// Hash of the recipe without its seed.
    pub recipe: String,
    /// Optimizer steps.
    pub steps: u64,
    /// Floating-point operations.
    pub flops: f64,
    /// The number of parameters of both networks.
    pub parameters: u64,
}

impl PlannedNumbers {
    /// Hash, steps, operations and parameters of a planned arm.
    #[must_use]
    pub fn of(arm: &PlannedArm) -> Self {
        Self {
            recipe: arm.facts.arm_hash.clone(),
            steps: arm.facts.steps,
            flops: arm.flops(),
            parameters: arm.facts.parameters.iter().map(|count| *count as u64).sum(),
        }
    }
}

/// Refuses results that the experiment as it stands would not have: of arms that it has not, or of arms or a
/// base recipe that were changed since. What the experiment was called when they were written is no matter.
///
/// # Errors
/// With the file, the key, the value there and the value now.
pub fn check_results_current(results: &Results, arms: &[CurrentArm]) -> Result<(), ResultError> {
    let mut stale = Vec::new();
    for (path, arm, identity) in results.identities() {
        let Some(now) = arms.iter().find(|now| now.name == arm) else {
            let known: Vec<&str> = arms.iter().map(|arm| arm.name.as_str()).collect();
            let (path, arm) = (path.to_owned(), arm.to_owned());
            return Err(ResultError::OtherArm { path, arm, known: known.join(", ") });
        };
        if let Some((key, there, here)) = changed(&identity, now) {
            stale.push((path.to_owned(), arm.to_owned(), key, there, here));
        }
    }
    let count = stale.len();
    match stale.into_iter().next() {
        None => Ok(()),
        Some((path, arm, key, there, now)) => {
            Err(Box::new(Stale { path, arm, key, there, now, more: count - 1 }).into())
        }
    }
}

/// A key, what a result has there and what the experiment has now.
fn changed(result: &Identity, arm: &CurrentArm) -> Option<(String, String, String)> {
    let text = |value: Option<&Value>| value.map_or_else(|| "not set".to_owned(), Value::to_string);
    let keys = result.differences.keys().chain(arm.differences.keys());
    for key in keys {
        let [there, now] = [&result.differences, &arm.differences].map(|map| map.get(key));
        let is_same = there.zip(now).is_some_and(|(there, now)| same(there, now));
        if !is_same {
            return Some((key.clone(), text(there), text(now)));
        }
    }
    if let (Some(there), Some(now)) = (&result.probe, &arm.probe) {
        if there.seeds != now.seeds {
            return Some(("probe.seeds".to_owned(), there.seeds.to_string(), now.seeds.to_string()));
        }
        if let Some((there, now)) = there.recipe.as_ref().zip(now.recipe.as_ref()).filter(|(a, b)| a != b) {
            return Some(("probe.recipe".to_owned(), short(there), short(now)));
        }
    }
    let now = arm.planned.as_ref()?;
    let numbers =
        [("steps", result.steps, now.steps), ("parameters.total", result.parameters.total, now.parameters)];
    if let Some((key, there, now)) = numbers.into_iter().find(|(_, there, now)| there != now) {
        return Some((key.to_owned(), there.to_string(), now.to_string()));
    }
    if (result.flops - now.flops).abs() > 1e-9 * now.flops.abs() {
        return Some(("flops".to_owned(), result.flops.to_string(), now.flops.to_string()));
    }
    let recipe = result.recipe.as_ref().filter(|recipe| **recipe != now.recipe)?;
    Some(("recipe".to_owned(), short(recipe), short(&now.recipe)))
}

#[cfg(test)]
mod tests;
