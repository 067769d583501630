//! Fine-tuning recipes.

use std::path::Path;

use electra_ner::{DEFAULT_RECIPE, FREE_KEYS, Recipe};

use crate::case::Case;
use crate::reader::{OkRendered, Reached, Reader};

/// `recipe.toml`, and perhaps the `base.toml` that it extends.
pub(super) struct FinetuningRecipe;

impl Reader for FinetuningRecipe {
    fn name(&self) -> &'static str {
        "finetuning-recipe"
    }

    fn stages(&self) -> &'static [&'static str] {
        &["checked", "used"]
    }

    fn seeds(&self) -> Vec<Case> {
        let heir = |text: &str| {
            let text = format!("extends = \"base.toml\"\nname = \"heir\"\n{text}");
            Case::default().with("recipe.toml", text).with("base.toml", DEFAULT_RECIPE)
        };
        vec![
            Case::default().with("recipe.toml", DEFAULT_RECIPE),
            heir("[labels]\nscheme = \"iobes\"\ndecoding = \"crf\"\n"),
            heir(
                "[loss]\nword = { kind = \"focal\", gamma = 2.0 }\nclass_weights = { kind = \"given\", weights = { O = 0.5 } }\n",
            ),
            heir(
                "[rates]\nlayer_decay = { kind = \"google\", rate = 0.8 }\nfreeze = { kind = \"layers\", count = 1 }\n[train]\npatience = 2\nmax_sentences = 7\nmicro_batch_size = 4\n",
            ),
        ]
    }

    fn run(&self, folder: &Path, reached: &Reached<'_>) -> Option<()> {
        let path = folder.join("recipe.toml");
        let resolved = Recipe::load(Some(&path), &[]).ok_rendered()?;
        reached.stage("checked");
        let r = &resolved.value;
        std::hint::black_box(resolved.hash_without(FREE_KEYS));
        r.windows().validate().ok_rendered()?;
        for steps in [0, 1, 100, u64::MAX] {
            let schedule = r.schedule.over(steps);
            std::hint::black_box([0, 1, steps / 2, steps].map(|step| schedule.at(step)));
        }
        std::hint::black_box((
            r.rates.of(1).ok_rendered(),
            r.rates.of(12).ok_rendered(),
            r.micro_batch_size(),
        ));
        std::hint::black_box(Recipe::shorter_window(Some(&path), &resolved, 64));
        reached.stage("used");
        Some(())
    }
}
