//! The plan of batches: everything that decides what a batch holds, by the recipe.

use electra_model::Objective;

use crate::mask::Masking;
use crate::mask_rate::MaskRate;
use crate::recipe::Recipe;

/// The plan of batches: everything that decides what a batch holds.
#[derive(Clone, Debug)]
pub struct BatchPlan {
    /// Seed of the run.
    pub seed: u64,
    /// Which positions are masked, of held-out rows and, where the rate does not change, of all others.
    pub masking: Masking,
    /// Mask rate of training over time.
    pub mask_rate: MaskRate,
    /// Optimizer steps of the run.
    pub steps: u64,
    /// The tokens of a row, `S`.
    pub sequence_length: usize,
    /// Rows of an optimizer step.
    pub batch_size: usize,
    /// Rows of a micro-batch.
    pub micro_batch_size: usize,
    /// The training objective, which may ask for samples or candidates.
    pub objective: Objective,
    /// `V` of the model.
    pub vocab_size: usize,
}

/// The plan of a recipe's batches.
pub fn batch_plan(recipe: &Recipe) -> BatchPlan {
    BatchPlan {
        seed: recipe.seed,
        masking: recipe.masking,
        mask_rate: recipe.mask_rate.clone(),
        steps: recipe.train.steps,
        sequence_length: recipe.data.sequence_length,
        batch_size: recipe.train.batch_size,
        micro_batch_size: recipe.micro_batch_size(),
        objective: recipe.objective.clone(),
        vocab_size: recipe.model.vocab_size,
    }
}
