//! The loss of a model that has learned nothing, which a run that rises above it has diverged from.

use electra_model::Stage;

use crate::recipe::Recipe;

/// Loss of a model that has learned nothing, in the stage of the step before `step`: `w_g ln V +
/// w_d ln 2` for the paper's objective. None where no such loss can be named: a generator that follows
/// rewards minimises nothing.
pub fn untrained_loss(recipe: &Recipe, step: u64) -> Option<f64> {
    let before = step.saturating_sub(1);
    let stage = recipe.scheme.stage(before);
    if stage == Stage::Adversarial {
        return None;
    }
    let [generator_weight, discriminator_weight] = recipe.objective.weights_in(stage);
    let vocab_size = recipe.model.vocab_size;
    let discriminator = recipe.objective.untrained_loss(vocab_size, recipe.masking_at(before).probability());
    Some(generator_weight * (vocab_size as f64).ln() + discriminator_weight * discriminator)
}
