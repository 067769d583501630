//! Experiments, as `ablate` plans them.

use std::path::Path;

use electra_ablate::arms::arms;
use electra_ablate::experiment::ExperimentFile;
use electra_ablate::plan::{Plan, RecipeFacts};
use electra_ablate::quantities::Quantities;
use electra_model::flops::ParameterCount;
use electra_pretrain::recipe::{FREE_KEYS, Recipe, check};
use electra_run::code::CodeVersions;
use electra_run::recipe::{RecipeError, Resolved, attribute_to_override, load};

use super::material::{COLUMNS, RECIPE, catalogue};
use crate::case::Case;
use crate::mutate;
use crate::reader::{OkRendered, Reached, Reader, Rng};

/// `experiment.toml` and the recipes beside it.
pub(super) struct Experiments;

const ARMS: &str = r#"recipe_version = 1
question = "Is it better?"
prediction = "It is."
base = "recipe.toml"
base_arm = "base"
budget = "flops"
metric = "rtd-auc"
margin = 0.01
seeds = "1..3"

[[arm]]
name = "base"

[[arm]]
name = "wide"
set = { "model.generator.width" = 1.0, "train.dropout" = 0.0 }

[[arm]]
name = "mlm"
set = { objective = { kind = "mlm" }, "probe.labels.scheme" = "iobes" }

[probe]
recipe = "probe.toml"
train = "train.conll"
dev = "train.conll"
seeds = 2
"#;

const GRID: &str = r#"recipe_version = 1
question = "Which?"
prediction = "The first."
base = "recipe.toml"
base_arm = "probability=0.15,width=0.5"
budget = "steps"
metric = "mlm-loss"
seeds = "1,4,9"

[grid]
"model.generator.width" = [0.5, 1.0]
"masking.probability" = [0.15, 0.5]
"#;

impl Reader for Experiments {
    fn name(&self) -> &'static str {
        "experiment"
    }

    fn stages(&self) -> &'static [&'static str] {
        &["read", "checked", "arms", "planned"]
    }

    fn seeds(&self) -> Vec<Case> {
        let with = |text: &str| {
            Case::default()
                .with("experiment.toml", text)
                .with("recipe.toml", RECIPE)
                .with("probe.toml", "extends = \"default.toml\"\nname = \"probe\"\n")
                .with("default.toml", electra_ner::DEFAULT_RECIPE)
                .with("train.conll", COLUMNS)
        };
        vec![with(ARMS), with(GRID)]
    }

    fn mutate(&self, case: &mut Case, rng: &mut Rng) {
        use rand::RngExt;
        // The recipes have readers of their own.
        match rng.random_bool(0.8) {
            true => mutate::damage(case, "experiment.toml", rng),
            false => mutate::mutate(case, rng),
        }
    }

    fn run(&self, folder: &Path, reached: &Reached<'_>) -> Option<()> {
        let path = folder.join("experiment.toml");
        let file = ExperimentFile::read(&path, catalogue()).ok_rendered()?;
        reached.stage("read");
        std::hint::black_box((file.name(), file.results(), file.resolve(Path::new("x"))));
        ExperimentFile::load(&path, catalogue()).ok_rendered()?;
        reached.stage("checked");
        arms(&file.resolved).ok_rendered()?;
        reached.stage("arms");
        let base = file.base();
        let seeds = &file.experiment().seeds;
        let plan = Plan::new(&file.resolved, &file.name(), seeds, &|overrides| facts(&base, overrides))
            .ok_rendered()?;
        for job in &plan.jobs {
            std::hint::black_box((plan.arm_of(job).flops(), plan.arm_of(job).off_budget, &job.hash[..16]));
        }
        reached.stage("planned");
        Some(())
    }

    fn quick(&self) -> u64 {
        400
    }
}

/// The facts about a recipe that the command tells an experiment.
fn facts(base: &Path, overrides: &[String]) -> Result<RecipeFacts, RecipeError> {
    let resolved: Resolved<Recipe> = attribute_to_override(overrides, |overrides| {
        let resolved = load(base, overrides)?;
        check(&resolved)?;
        Ok(resolved)
    })?;
    let r = &resolved.value;
    let count = ParameterCount::of(&r.model, r.architecture());
    Ok(RecipeFacts {
        recipe_hash: resolved.hash_without(FREE_KEYS),
        arm_hash: resolved.hash.clone(),
        code: CodeVersions::default(),
        data_hash: None,
        steps: r.train.steps,
        warmup_steps: r.schedule.warmup_steps,
        generator_steps: r.scheme.generator_steps(),
        keeps_average: r.average.is_some(),
        flops_per_step: r.run_flops() / r.train.steps as f64,
        parameters: [count.discriminator, count.generator],
        shape: String::new(),
        quantities: Quantities::new(),
    })
}
