//! Arms times seeds: which runs there are, how long each trains, and what tells it from others.

use std::collections::BTreeMap;

use electra_run::code::CodeVersions;
use electra_run::recipe::{Origin, Part, RecipeError, Resolved};
use toml::Value;

use crate::arms::{Arm, Setting, arms};
use crate::experiment::{Budget, Experiment, MAX_JOBS, Seeds};
use crate::quantities::Quantities;

/// The facts about a recipe that an experiment needs. Whoever knows recipes tells it.
#[derive(Clone, Debug, PartialEq)]
pub struct RecipeFacts {
    /// Hash of what decides weights and measurements, seed included.
    pub recipe_hash: String,
    /// The hash of the recipe without the seed: the runs of an arm have it in common.
    pub arm_hash: String,
    /// Versions of the code that would run it.
    pub code: CodeVersions,
    /// Hash of data and tokenizer; none if the data is not there.
    pub data_hash: Option<String>,
    /// Optimizer steps.
    pub steps: u64,
    /// The number of warmup steps among them.
    pub warmup_steps: u64,
    /// Steps of the first of two stages, if there are two.
    pub generator_steps: Option<u64>,
    /// Whether the run keeps an average of its weights, which is then what is measured of it.
    pub keeps_average: bool,
    /// Floating-point operations of a step, the mean over stages.
    pub flops_per_step: f64,
    /// Parameters of the discriminator, and what the generator adds.
    pub parameters: [usize; 2],
    /// A key that is equal for recipes whose steps take the same time.
    pub shape: String,
    /// The derived quantities of its networks and its training, beside the values that the recipe states.
    pub quantities: Quantities,
}

/// Reads the base recipe with overrides.
pub type ReadRecipe<'a> = dyn Fn(&[String]) -> Result<RecipeFacts, RecipeError> + 'a;

/// The plan of an experiment: all arms and runs.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Name of the experiment.
    pub experiment: String,
    /// The arms of the experiment.
    pub arms: Vec<PlannedArm>,
    /// The seeds of each.
    pub seeds: Seeds,
    /// The runs: all arms with the first seed, then all with the second, so that what is there
    /// can be compared at any time.
    pub jobs: Vec<Job>,
}

/// An arm with the steps that the budget gives it.
#[derive(Clone, Debug)]
pub struct PlannedArm {
    /// The name of the arm.
    pub name: String,
    /// Overrides of the pretraining recipe, those of the budget included, without the seed.
    pub overrides: Vec<String>,
    /// The changes to the recipe of fine-tuning: the arm's settings below `probe.`, without that prefix.
    pub probe: Vec<Setting>,
    /// The changes to the base recipe and to the probe.
    pub differences: BTreeMap<String, Value>,
    /// The facts about the arm's recipe.
    pub facts: RecipeFacts,
    /// The operations of the arm in units of the base arm's, where the budget makes them equal and they are
    /// not.
    pub off_budget: Option<f64>,
}

/// One run of the plan.
#[derive(Clone, Debug)]
pub struct Job {
    /// The number of the run, from 0.
    pub index: usize,
    /// Number of its arm.
    pub arm: usize,
    /// The seed of the run.
    pub seed: u64,
    /// Overrides of the pretraining recipe.
    pub overrides: Vec<String>,
    /// Names the run folder: recipe, data and versions of code, in hexadecimal.
    pub hash: String,
}

impl PlannedArm {
    /// Floating-point operations of a run.
    #[must_use]
    pub fn flops(&self) -> f64 {
        self.facts.flops_per_step * self.facts.steps as f64
    }
}

impl Plan {
    /// Plans the experiment called `name` with `seeds`.
    ///
    /// # Errors
    /// If an arm cannot be read, or two of them are the same.
    pub fn new(
        file: &Resolved<Experiment>,
        name: &str,
        seeds: &Seeds,
        read: &ReadRecipe<'_>,
    ) -> Result<Self, RecipeError> {
        let written = arms(file)?;
        let count = written.len().saturating_mul(seeds.list().len());
        if count > MAX_JOBS {
            let help = format!("{MAX_JOBS} is the most");
            return Err(file.error_at("seeds", format!("{count} runs are too many"), help));
        }
        let base = written.iter().find(|arm| arm.name == file.value.base_arm);
        let base = base.expect("`arms` has found the base arm");
        let budget = Spending { budget: file.value.budget, base: read_arm(file, base, read)? };
        let arms = written
            .iter()
            .map(|arm| budget.plan(file, arm, read))
            .collect::<Result<Vec<PlannedArm>, RecipeError>>()?;
        let mut jobs: Vec<Job> = Vec::new();
        for &seed in seeds.list() {
            for (number, arm) in arms.iter().enumerate() {
                let overrides = [&arm.overrides[..], &[format!("seed={seed}")]].concat();
                let facts = read(&overrides).map_err(|e| in_arm(file, &written[number], e))?;
                let hash = run_hash(&facts);
                let is_same = |job: &&Job| job.hash == hash && arms[job.arm].probe == arm.probe;
                if let Some(same) = jobs.iter().find(is_same) {
                    let message =
                        format!("arms `{}` and `{}` are the same recipe", arms[same.arm].name, arm.name);
                    let names: Vec<&str> = written[number].at.iter().map(String::as_str).collect();
                    let help = "every arm has to differ in something that decides weights or measurements";
                    return Err(file.origins.error_at_names(&names, Part::Value, message, help));
                }
                jobs.push(Job { index: jobs.len(), arm: number, seed, overrides, hash });
            }
        }
        Ok(Self { experiment: name.to_owned(), arms, seeds: seeds.clone(), jobs })
    }

    /// The arm of a run.
    #[must_use]
    pub fn arm_of(&self, job: &Job) -> &PlannedArm {
        &self.arms[job.arm]
    }
}

/// Recipe, data, and versions of code behind the first.
fn run_hash(facts: &RecipeFacts) -> String {
    let data = facts.data_hash.as_deref().unwrap_or("none");
    let text = format!("{}\n{data}\n{}", facts.recipe_hash, facts.code.hashed());
    blake3::hash(text.as_bytes()).to_hex().to_string()
}

/// The part of an equal budget that an arm may be off without a word.
const TOLERANCE: f64 = 0.02;

/// Operations in units of those of the base arm, where they should be equal and differ by more than 2 %.
#[must_use]
pub fn off_budget(budget: Budget, flops: f64, base: f64) -> Option<f64> {
    let times = flops / base;
    (budget == Budget::Flops && (times - 1.0).abs() > TOLERANCE).then_some(times)
}

/// The rule by which the budget becomes steps.
struct Spending {
    budget: Budget,
    base: RecipeFacts,
}

impl Spending {
    fn plan(
        &self,
        file: &Resolved<Experiment>,
        arm: &Arm,
        read: &ReadRecipe<'_>,
    ) -> Result<PlannedArm, RecipeError> {
        let probe = probe_settings(file, arm)?;
        let mut overrides = recipe_overrides(arm);
        let mut facts = read_arm(file, arm, read)?;
        if self.budget == Budget::Flops {
            if let Some(setting) = arm.settings.iter().find(|setting| setting.key == "train.steps") {
                let names: Vec<&str> = setting.at.iter().map(String::as_str).collect();
                let message = "the steps of an arm follow from `budget = \"flops\"`";
                let help = "use budget = \"steps\", or set the steps in the base recipe";
                return Err(file.origins.error_at_names(&names, Part::Key, message, help));
            }
            let total = self.base.flops_per_step * self.base.steps as f64;
            let steps = ((total / facts.flops_per_step).round() as u64).max(1);
            if steps != facts.steps {
                let share = |of: u64| (of as f64 * steps as f64 / facts.steps as f64).round() as u64;
                // A schedule needs a step at its peak, however short it is.
                let warmup = share(facts.warmup_steps).min(steps - 1);
                overrides.push(format!("train.steps={steps}"));
                overrides.push(format!("schedule.warmup_steps={warmup}"));
                // Stages keep their shares as well, else their mean would be another one.
                if let Some(first) = facts.generator_steps {
                    let first = share(first).clamp(1, (steps - 1).max(1));
                    overrides.push(format!("scheme.generator_steps={first}"));
                }
                facts = read(&overrides).map_err(|error| in_arm(file, arm, error))?;
            }
        }
        let base_flops = self.base.flops_per_step * self.base.steps as f64;
        let off_budget = off_budget(self.budget, facts.flops_per_step * facts.steps as f64, base_flops);
        let differences = arm.settings.iter().map(|s| (s.key.clone(), s.value.clone())).collect();
        Ok(PlannedArm { name: arm.name.clone(), overrides, probe, differences, facts, off_budget })
    }
}

fn read_arm(
    file: &Resolved<Experiment>,
    arm: &Arm,
    read: &ReadRecipe<'_>,
) -> Result<RecipeFacts, RecipeError> {
    read(&recipe_overrides(arm)).map_err(|error| in_arm(file, arm, error))
}

/// Begins the keys that belong to the recipe of fine-tuning.
const PROBE: &str = "probe.";

/// Overrides of the pretraining recipe.
fn recipe_overrides(arm: &Arm) -> Vec<String> {
    let own = arm.settings.iter().filter(|setting| !setting.key.starts_with(PROBE));
    own.map(Setting::to_override).collect()
}

/// The settings of an arm for the recipe of fine-tuning, called as they are there.
fn probe_settings(file: &Resolved<Experiment>, arm: &Arm) -> Result<Vec<Setting>, RecipeError> {
    let own = |setting: &Setting| {
        let key = setting.key.strip_prefix(PROBE)?.to_owned();
        Some(Setting { key, ..setting.clone() })
    };
    let settings: Vec<Setting> = arm.settings.iter().filter_map(own).collect();
    match settings.first() {
        Some(setting) if file.value.probe.is_none() => {
            let names: Vec<&str> = setting.at.iter().map(String::as_str).collect();
            let message = format!("arm `{}` sets `probe.{}` without a [probe]", arm.name, setting.key);
            let help = "add [probe] with the labelled files";
            Err(file.origins.error_at_names(&names, Part::Key, message, help))
        }
        _ => Ok(settings),
    }
}

/// An error about an override, at the place of the experiment that the override came from.
fn in_arm(file: &Resolved<Experiment>, arm: &Arm, error: RecipeError) -> RecipeError {
    error_in(file, &format!("arm `{}`", arm.name), &arm.settings, error)
}

/// An error about an override, at the place of the experiment that the override came from.
pub fn error_in(
    file: &Resolved<Experiment>,
    what: &str,
    settings: &[Setting],
    error: RecipeError,
) -> RecipeError {
    let is_cause = |setting: &&Setting| {
        error.origin == Origin::Override && error.source_text.as_deref() == Some(&setting.to_override())
    };
    let Some(setting) = settings.iter().find(is_cause) else {
        // What the arm sets contradicts a value of the base recipe, where the caret stands.
        let message = format!("{what}: {}", error.message);
        return RecipeError { message, ..error };
    };
    let names: Vec<&str> = setting.at.iter().map(String::as_str).collect();
    // The caret stands under the key if the recipe has no such key.
    let value_start = error.source_text.as_ref().and_then(|text| text.find('=')).unwrap_or(0);
    let is_key = error.span.as_ref().is_some_and(|span| span.start < value_start);
    let part = if is_key { Part::Key } else { Part::Value };
    let message = format!("{what}: {}", error.message);
    RecipeError {
        help: error.help,
        example: error.example,
        ..file.origins.error_at_names(&names, part, message, "")
    }
}

#[cfg(test)]
mod tests;
