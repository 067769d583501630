//! Pretraining recipes, as `pretrain` and `plan` take them.

use std::path::Path;

use burn::prelude::Device;
use electra_model::flops::ParameterCount;
use electra_pretrain::plan::forecast;
use electra_pretrain::recipe::{FREE_KEYS, Recipe, check};
use electra_run::recipe::{Resolved, load, load_str};

use super::material::RECIPE;
use crate::case::Case;
use crate::reader::{OkRendered, Reached, Reader};

/// The limit on the cost of a plan, in parameters and in places of a batch: larger ones are sound, and slow.
const MAX_PARAMETERS: usize = 100_000;
const MAX_PLACES: usize = 512;
const MAX_PHASES: usize = 4;

/// `recipe.toml`, and perhaps the `base.toml` that it extends.
pub(super) struct PretrainingRecipe;

impl Reader for PretrainingRecipe {
    fn name(&self) -> &'static str {
        "pretraining-recipe"
    }

    fn stages(&self) -> &'static [&'static str] {
        &["resolved", "checked", "counted", "planned"]
    }

    fn seeds(&self) -> Vec<Case> {
        let heir = |text: &str| {
            let text = format!("recipe_version = 1\nextends = \"base.toml\"\nname = \"heir\"\n{text}");
            Case::default().with("recipe.toml", text).with("base.toml", RECIPE)
        };
        vec![
            Case::default().with("recipe.toml", RECIPE),
            heir(
                "[model.generator]\ntie = \"all\"\nwidth = 1.0\ndepth = 1.0\noutput_bias = \"log-frequency\"\n",
            ),
            heir(
                "[model]\nposition_start = \"adjacent\"\nposition_distances = [-1]\nembedding_size = 32\nhidden_size = 32\nnum_attention_heads = 2\n[model.generator]\nnum_attention_heads = 1\nposition_distances = [1]\n",
            ),
            heir(
                "[objective]\nkind = \"mlm\"\n[masking]\nkind = \"google\"\nprobability = 0.2\nmask_token_share = 0.85\n",
            ),
            heir(
                "[model.generator]\ntie = \"none\"\n[scheme]\nkind = \"two-stage\"\ngenerator_steps = 20\ninitialise = false\n[masking]\nkind = \"span\"\nprobability = 0.15\nend_probability = 0.2\nmax_length = 10\n",
            ),
            heir(
                "[masking]\nkind = \"span\"\nprobability = 0.15\nend_probability = 0.2\nmax_length = 10\n[mask_rate]\nkind = \"piecewise\"\nprobabilities = [0.3, 0.05]\nends = [0.5]\n[optimizer.muon]\nrate_factor = 1.0\nadjust_rate = \"match-rms-adamw\"\nmomentum = 0.95\nnesterov = true\nweight_decay = 0.1\n[average]\ndecay = 0.9\nstart_step = 3\n[scheme]\nkind = \"generator-warmup\"\ngenerator_steps = 20\n[schedule]\ngenerator_factor = 0.5\ndecay = { kind = \"warmup-stable-decay\", share = 0.2, form = \"1-sqrt\" }\n",
            ),
            heir(
                "[[phases]]\nsteps = 50\n[[phases]]\nsteps = 10\nbatch_size = 2\nmicro_batch_size = \"auto\"\n[phases.data]\npath = \"long\"\nsequence_length = 8\n[phases.masking]\nprobability = 0.3\n[phases.schedule]\nlearning_rate = 1e-4\nwarmup_steps = 2\ndecay = { kind = \"constant\" }\n",
            ),
            heir(
                "[[phases]]\nsteps = 25\n[[phases.data.sources]]\npath = \"a\"\nweight = 3\n[[phases.data.sources]]\npath = \"b\"\nweight = 1\n[phases.masking]\nkind = \"google\"\nprobability = 0.2\nmask_token_share = 0.85\n[[phases]]\nsteps = 35\n[average]\ndecay = 0.9\nstart_step = 30\n",
            ),
            heir(
                "[masking]\nkind = \"whole-word\"\nprobability = 0.15\n[train]\nmicro_batch_size = 2\n[scheme]\nkind = \"adversarial\"\n",
            ),
        ]
    }

    fn run(&self, folder: &Path, reached: &Reached<'_>) -> Option<()> {
        let resolved: Resolved<Recipe> = load(&folder.join("recipe.toml"), &[]).ok_rendered()?;
        reached.stage("resolved");
        std::hint::black_box(resolved.hash_without(FREE_KEYS));
        let again: Resolved<Recipe> =
            load_str("recipe.toml", &resolved.text, &[]).expect("what was written is read");
        assert_eq!(again.hash, resolved.hash, "a recipe that is written out is the same");
        check(&resolved).ok_rendered()?;
        reached.stage("checked");
        let r = &resolved.value;
        let count = ParameterCount::of(&r.model, r.architecture());
        for step in [0, 1, r.train.steps / 2, r.train.steps, u64::MAX] {
            std::hint::black_box((r.learning_rate(step), r.step_flops(step), r.has_warmed_up(step)));
        }
        std::hint::black_box((r.run_flops(), r.slots(), r.parts(), r.attention_dropout()));
        std::hint::black_box(electra_pretrain::phases::RunData::open(r).ok_rendered());
        let phases = r.phases();
        assert_eq!(phases.iter().map(|phase| phase.steps).sum::<u64>(), r.train.steps);
        for phase in &phases {
            let (first, end) = (phase.first_step, phase.end_step());
            assert!(first < end, "phase {} has no step", phase.number);
            std::hint::black_box((r.data_position(first), r.tokens_read(end), r.settings_at(end)));
        }
        reached.stage("counted");
        let places = phases
            .iter()
            .map(|phase| phase.recipe.micro_batch_size().saturating_mul(phase.recipe.data.sequence_length));
        if count.total() > MAX_PARAMETERS || phases.len() > MAX_PHASES || places.sum::<usize>() > MAX_PLACES {
            return None;
        }
        let plan = forecast(r, &Device::flex(), 1, &[]).ok_rendered()?;
        std::hint::black_box(serde_json::to_string(&plan).ok_rendered());
        reached.stage("planned");
        Some(())
    }
}
