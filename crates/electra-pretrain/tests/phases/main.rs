//! Runs of several phases: their bits, what goes on across a seam, resuming, and what is refused.

mod data_order;
mod logs;
mod refusals;
mod resuming;
#[path = "../ranks/run.rs"]
#[allow(dead_code, reason = "the ranks have tests of their own")]
mod run;
mod same_bits;
mod settings;

use electra_pretrain::Recipe;
use electra_run::recipe::{Resolved, load_str};

/// Short rows with the recipe's batch, then long ones with a batch, masking and a learning rate of their own.
pub const SHORT_THEN_LONG: &str = "
[[phases]]
steps = 4

[[phases]]
steps = 5
batch_size = 6
micro_batch_size = 2
data = { path = \"DIR/long\", sequence_length = 32 }
masking = { probability = 0.3 }
schedule = { learning_rate = 5e-4, warmup_steps = 1 }
";

/// A bench with data of 16 and of 32 tokens a row.
pub fn bench() -> run::Bench {
    let bench = run::Bench::new();
    bench.build("long", 32, &bench.pieces, electra_text::wordpiece::Settings::UNCASED, &[]);
    bench
}

impl run::Bench {
    /// As [`recipe`](Self::recipe), with phases in TOML, in which `DIR` stands for the folder of this bench.
    pub fn phased(&self, phases: &str, changes: &[&str]) -> Resolved<Recipe> {
        let all = self.recipe(changes);
        let steps = format!("steps = {}\n", all.value.train.steps);
        let dir = self.path("data").parent().unwrap().display().to_string();
        let text = all.text.replacen(&steps, "", 1) + &phases.replace("DIR", &dir);
        load_str::<Recipe>("phased.toml", &text, &[]).unwrap()
    }
}

/// What the recipes of phases here have in common: room for long rows.
pub const POSITIONS: &str = "model.max_position_embeddings=32";
