//! The memory without which a run cannot take a step, from its recipe alone.

use electra_model::flops::{ParameterCount, activation_bytes};
use electra_model::{EncoderConfig, GeneratorKind};
use electra_ranks::buffers;

use crate::recipe::{GradientSum, Recipe};
use crate::scheme::Scheme;

/// Memory without which a run on a CPU cannot take a single step. What it does need is more: only what is
/// there for certain is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeastMemory {
    /// Bytes for weights, what the optimizer keeps of them, their average and gradients: where they are added up along a
    /// tree, all partial sums of it.
    pub parameters: u64,
    /// Bytes for the rows of a step, and for what a micro-batch leaves for its backward pass.
    pub batch: u64,
}

impl LeastMemory {
    /// The least memory of a recipe that has been checked: that of its greatest phase.
    pub fn of(recipe: &Recipe) -> Self {
        let of_phases = recipe.phases().into_iter().map(|phase| Self::of_phase(&phase.recipe));
        let greater = |a: Self, b: Self| Self {
            parameters: a.parameters.max(b.parameters),
            batch: a.batch.max(b.batch),
        };
        of_phases.reduce(greater).expect("a run has a phase")
    }

    /// The least memory of the steps of one phase.
    pub(crate) fn of_phase(recipe: &Recipe) -> Self {
        let parameters = ParameterCount::of(&recipe.model, recipe.architecture()).total() as u128;
        let stages = matches!(recipe.scheme, Scheme::TwoStage { .. });
        // Gradients of all parameters are there at once, where all learn.
        let gradients = if stages { 0 } else { parameters * gradient_buffers(recipe) as u128 };
        let tokens = |rows: usize| rows as u128 * recipe.data.sequence_length as u128;
        let at_once = tokens(recipe.micro_batch_size());
        let kept = |encoder: EncoderConfig| activation_bytes(&encoder, at_once, recipe.train.precision);
        let discriminator = kept(recipe.model.discriminator());
        let generator = match recipe.architecture().generator {
            GeneratorKind::None => 0,
            GeneratorKind::Masked => kept(recipe.model.generator()),
            GeneratorKind::TwoTower => 2 * kept(recipe.model.generator()),
        };
        let activations = if stages { discriminator.max(generator) } else { discriminator + generator };
        // Ids as they were and masked, segments, and which are real.
        let rows = 4 * 4 * tokens(recipe.train.batch_size);
        let bytes = |count: u128| u64::try_from(count).unwrap_or(u64::MAX);
        Self { parameters: bytes(saved_bytes(recipe) + 4 * gradients), batch: bytes(rows + activations) }
    }

    /// The sum of both, in bytes.
    pub fn total(&self) -> u64 {
        self.parameters.saturating_add(self.batch)
    }
}

/// The gradients of all parameters that are there at once: of a tree all of its partial sums, of a fold no more than is
/// counted of every run.
fn gradient_buffers(recipe: &Recipe) -> usize {
    match recipe.gradient_sum() {
        GradientSum::Tree => buffers(0..recipe.micro_batches()),
        GradientSum::Fold => 1,
    }
}

/// Bytes of a checkpoint of a recipe: weights and two moments of 32 bits, one momentum of what Muon updates, and the
/// average, if there is one.
pub(crate) fn saved_bytes(recipe: &Recipe) -> u128 {
    let count = ParameterCount::of(&recipe.model, recipe.architecture()).total() as u128;
    let of_muon = match recipe.optimizer.muon {
        Some(_) => ParameterCount::of_encoder_matrices(&recipe.model, recipe.architecture()) as u128,
        None => 0,
    };
    4 * (3 * count - of_muon + if recipe.average.is_some() { count } else { 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe(overrides: &[&str]) -> Recipe {
        let overrides: Vec<String> = overrides.iter().map(ToString::to_string).collect();
        let text = include_str!("../configs/small.toml");
        let resolved = electra_run::recipe::load_str("small.toml", text, &overrides).unwrap();
        crate::recipe::check(&resolved).unwrap();
        resolved.value
    }

    #[test]
    fn an_average_is_one_copy_more_and_muon_keeps_one_of_matrices_less() {
        let bytes = |set: &[&str]| LeastMemory::of(&recipe(set)).parameters;
        let plain = bytes(&[]);
        assert_eq!(bytes(&["average={decay=0.9,start_step=1}"]) - plain, 14_196_219 * 4);
        let muon = "optimizer.muon={rate_factor=1.0,adjust_rate=\"original\",momentum=0.95,nesterov=true,weight_decay=0.1}";
        // Twelve layers of 256 and 1,024 inside, and of 64 and 256.
        let matrices = 12 * (4 * 256 * 256 + 2 * 256 * 1024) + 12 * (4 * 64 * 64 + 2 * 64 * 256);
        assert_eq!(plain - bytes(&[muon]), 4 * matrices);
        // A generator that warms up leaves gradients of all parameters in the steps after.
        assert_eq!(bytes(&["scheme={kind=\"generator-warmup\",generator_steps=10}"]), plain);
    }

    #[test]
    fn a_tree_holds_its_partial_sums() {
        let bytes = |set: &[&str]| LeastMemory::of(&recipe(set)).parameters;
        let [one, tree] = ["fold", "tree"].map(|order| bytes(&[&format!("train.gradient_sum={order}")]));
        // Eight micro-batches: four gradients at once.
        assert_eq!(tree - one, 3 * 4 * 14_196_219);
        let two = ["train.micro_batch_size=64", "train.gradient_sum=tree"];
        assert_eq!(bytes(&two) - one, 4 * 14_196_219);
    }

    #[test]
    fn memory_grows_with_what_is_certain_to_be_there() {
        let small = LeastMemory::of(&recipe(&[]));
        // 14.2 million parameters four times.
        assert_eq!(small.parameters, 14_196_219 * 16);
        let [one, two] = ["1", "2"].map(|rows| {
            let batch = format!("train.batch_size={rows}");
            LeastMemory::of(&recipe(&[&batch, &format!("train.micro_batch_size={rows}")]))
        });
        // A row of 128 tokens: 12 blocks of 256 and 1,024 inside, and of 64 and 256.
        assert_eq!(one.batch, 128 * (16 + 12 * (4 * 256 + 8 * 1024) + 12 * (4 * 64 + 8 * 256)));
        assert_eq!((two.batch, two.parameters), (2 * one.batch, one.parameters));
        let huge = recipe(&[
            "model.hidden_size=65536",
            "model.num_hidden_layers=1024",
            "model.num_attention_heads=1024",
            "model.intermediate_size=262144",
            "model.max_position_embeddings=65536",
            "data.sequence_length=65536",
            "train.batch_size=1048576",
            "train.micro_batch_size=1048576",
            "train.steps=1",
            "schedule.warmup_steps=0",
        ]);
        assert_eq!(LeastMemory::of(&huge).total(), u64::MAX);
    }
}
