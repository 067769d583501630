//! The facts about pretraining recipes, and about the data that they name, which an experiment needs.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

use electra_ablate::plan::RecipeFacts;
use electra_model::flops::ParameterCount;
use electra_pretrain::micro_batches::with_micro_batches_of_cpu;
use electra_pretrain::recipe::{DataConfig, Recipe, check};
use electra_pretrain::{code, mixture};
use electra_run::recipe::{RecipeError, Resolved, attribute_to_override, load};
use electra_text::DataSet;

use crate::commands::quantities;

/// Keys that decide neither the weights of a run nor what is measured of them.
const UNMEASURED: &[&str] = &["name", "data.path", "data.sources.path", "checkpoint", "log"];

/// A base recipe, read with one set of overrides after the other.
pub(in crate::commands) struct Recipes {
    base: PathBuf,
    /// Hashes of the data folders that were looked at, and of their tokenizers.
    data: RefCell<HashMap<PathBuf, Option<[String; 2]>>>,
}

impl Recipes {
    pub(in crate::commands) fn new(base: PathBuf) -> Self {
        Self { base, data: RefCell::default() }
    }

    /// The recipe with overrides, checked, with micro-batches that no device decides.
    pub(super) fn load(&self, overrides: &[String]) -> Result<Resolved<Recipe>, RecipeError> {
        attribute_to_override(overrides, |overrides| {
            let resolved: Resolved<Recipe> = load(&self.base, overrides)?;
            check(&resolved)?;
            // Budgets change the steps of a run, and facts about arms are of one length and one batch.
            if !resolved.value.phases.is_empty() {
                let message = "an experiment compares runs of one phase, and this recipe has `phases`";
                let help = "leave [[phases]] out, or pretrain the recipes with `electra pretrain`";
                return Err(resolved.error_at("phases", message, help));
            }
            Ok(with_micro_batches_of_cpu(resolved))
        })
    }

    /// The facts about the recipe with these overrides.
    pub(in crate::commands) fn facts(&self, overrides: &[String]) -> Result<RecipeFacts, RecipeError> {
        let resolved = self.load(overrides)?;
        let r = &resolved.value;
        let (batch, length) = (r.train.batch_size, r.data.sequence_length);
        let count = ParameterCount::of(&r.model, r.architecture());
        let model = serde_json::to_string(&r.model).expect("sizes are JSON");
        Ok(RecipeFacts {
            recipe_hash: resolved.hash_without(UNMEASURED),
            arm_hash: resolved.hash_without(&[UNMEASURED, &["seed"]].concat()),
            code: code::versions(),
            data_hash: self.data_hash(&r.data),
            steps: r.train.steps,
            warmup_steps: r.schedule.warmup_steps,
            generator_steps: r.scheme.generator_steps(),
            keeps_average: r.average.is_some(),
            flops_per_step: r.run_flops() / r.train.steps as f64,
            parameters: [count.discriminator, count.generator],
            shape: format!(
                "{model} {:?} {:?} {batch} {} {length} {} {:?} {:?} {} {:?} {}",
                r.objective,
                r.scheme,
                r.micro_batch_size(),
                r.slots(),
                r.mask_rate,
                r.optimizer.muon,
                r.average.is_some(),
                r.train.precision,
                r.train.dropout > 0.0
            ),
            quantities: quantities::of(r),
        })
    }

    /// The hashes of the data and of its tokenizer, if all of it is there.
    fn data_hash(&self, data: &DataConfig) -> Option<String> {
        let mut known = self.data.borrow_mut();
        let mut of_folder = |folder: &Path| {
            let hashes = known.entry(folder.to_owned()).or_insert_with(|| {
                let data = DataSet::open(folder).ok()?;
                let manifest = data.manifest();
                Some([manifest.data_hash().to_owned(), manifest.tokenizer.hash.clone()])
            });
            hashes.clone()
        };
        let read = data.folders().into_iter().filter(|(_, weight)| *weight > 0.0);
        let hashes = read.map(|(folder, _)| of_folder(folder)).collect::<Option<Vec<_>>>()?;
        let of_data: Vec<&str> = hashes.iter().map(|[of_data, _]| of_data.as_str()).collect();
        Some(format!("{} {}", mixture::data_hash(&of_data), hashes.first()?[1]))
    }
}
