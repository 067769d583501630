//! The check whether a recipe can be trained in the order that its scheme asks for.

use electra_model::{EncoderConfig, GeneratorKind, Objective, TieMode};

use crate::recipe::Recipe;
use crate::scheme::Scheme;

/// The contradiction that keeps a recipe from being trained by its scheme: key, message and help.
pub(super) fn contradiction(recipe: &Recipe) -> Option<(&'static str, String, &'static str)> {
    if recipe.scheme.is_joint() {
        return None;
    }
    let (objective, model) = (&recipe.objective, &recipe.model);
    if recipe.architecture().generator != GeneratorKind::Masked {
        let message =
            "needs a generator that learns to fill masks, which this objective does not have".to_string();
        return Some(("scheme.kind", message, "remove [scheme], or choose another objective"));
    }
    let outside = |steps: &u64| *steps == 0 || *steps >= recipe.train.steps;
    let without_steps = recipe.scheme.generator_steps().filter(outside).map(|steps| {
        let message = format!(
            "is {steps}, which leaves one of the two stages without steps: there are {}",
            recipe.train.steps
        );
        ("scheme.generator_steps", message, "expected at least 1 and fewer than all")
    });
    match recipe.scheme {
        Scheme::Joint {} => None,
        Scheme::TwoStage { .. } | Scheme::GeneratorWarmup { .. } if without_steps.is_some() => without_steps,
        Scheme::GeneratorWarmup { .. } => None,
        Scheme::TwoStage { initialise, .. } => {
            let tie = model.generator.tie;
            if !matches!(tie, TieMode::None | TieMode::GradientDisentangled) {
                let message = "shares weights that the second stage trains, so the generator would not \
                               stay as it is"
                    .to_string();
                let help = "use \"none\" or \"gradient-disentangled\" with scheme two-stage";
                return Some(("model.generator.tie", message, help));
            }
            let sizes = |e: EncoderConfig, tables: usize| {
                [e.hidden_size, e.num_hidden_layers, e.num_attention_heads, e.intermediate_size, tables]
            };
            let generator = sizes(model.generator(), model.generator_embedding_size());
            let discriminator = sizes(model.discriminator(), model.embedding_size);
            (initialise && generator != discriminator).then(|| {
                let message = format!(
                    "needs two networks of one size to start the second from the first, but width, blocks, \
                     heads, feed-forward width and width of tables are {generator:?} and {discriminator:?}"
                );
                let help = "make the generator as large as the discriminator, or set initialise = false";
                ("scheme.kind", message, help)
            })
        }
        Scheme::Adversarial {} => {
            let detects = matches!(objective, Objective::ReplacedTokenDetection(_) | Objective::Electra15(_));
            if !detects {
                let message = format!("has no discriminator to fool with objective {}", objective.kind());
                return Some(("scheme.kind", message, "use objective replaced-token-detection"));
            }
            objective.joint().is_some_and(|joint| joint.disallow_correct).then(|| {
                let message = "draws from another distribution than the one whose gradient is \
                               followed in adversarial training"
                    .to_string();
                ("objective.disallow_correct", message, "set it to false")
            })
        }
    }
}
