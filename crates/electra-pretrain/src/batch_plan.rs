//! Everything that decides what a batch holds, and what a recipe says of it.

use electra_model::Objective;

use crate::mask::Masking;
use crate::recipe::Recipe;

/// Everything that decides what a batch holds.
#[derive(Clone, Debug)]
pub struct BatchPlan {
    /// Seed of the run.
    pub seed: u64,
    /// Which positions are masked.
    pub masking: Masking,
    /// `S`
    pub sequence_length: usize,
    /// Rows of an optimizer step.
    pub batch_size: usize,
    /// Rows of a micro-batch.
    pub micro_batch_size: usize,
    /// What is learned, which may ask for samples or candidates.
    pub objective: Objective,
    /// `V` of the model.
    pub vocab_size: usize,
}

/// What a recipe's batches are made of.
pub fn batch_plan(recipe: &Recipe) -> BatchPlan {
    BatchPlan {
        seed: recipe.seed,
        masking: recipe.masking,
        sequence_length: recipe.data.sequence_length,
        batch_size: recipe.train.batch_size,
        micro_batch_size: recipe.micro_batch_size(),
        objective: recipe.objective.clone(),
        vocab_size: recipe.model.vocab_size,
    }
}
