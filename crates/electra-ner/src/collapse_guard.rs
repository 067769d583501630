//! The message about a tagger's collapsed run; see [`electra_train::collapse`].

use std::fmt;

use electra_train::Stopped;
use electra_train::collapse::Collapse;

use crate::head::ClassWeights;
use crate::recipe::Recipe;
use electra_train::layerwise_lr::LayerDecay;

/// Advice for a diverged run.
const DIVERGENCE_REMEDY: &str = "lower schedule.learning_rate (half of it is a good try) or lengthen \
    schedule.warmup, and start in a new folder; with 16-bit precision, try train.precision = \"f32\" first";

/// Advice on a run of `recipe` that was stopped, in its keys.
#[must_use]
pub fn remedy(stopped: Stopped, recipe: &Recipe) -> String {
    match stopped {
        Stopped::Collapsed => collapse_remedy(recipe),
        Stopped::Diverged => DIVERGENCE_REMEDY.to_owned(),
    }
}

/// Advice for a collapsed run of `recipe`, without what the recipe does already.
///
/// `docs/recipes.md` has what was measured, under `[guard]` and `[loss]`: three or four times the steps
/// helped most, a rate half or four times as high not at all, and weights of types cost F1 once there
/// is some.
pub(crate) fn collapse_remedy(recipe: &Recipe) -> String {
    let smaller = match recipe.train.batch_size {
        0..=SMALL_BATCH => String::new(),
        _ => format!(" or in smaller batches (train.batch_size = {SMALL_BATCH})"),
    };
    let decay = match recipe.rates.layer_decay {
        LayerDecay::None {} => "",
        LayerDecay::Paper { .. } | LayerDecay::Google { .. } => {
            " rates.layer_decay = { kind = \"none\" } for a network of few layers,"
        }
    };
    let is_weighted = recipe.loss.class_weights != ClassWeights::None {};
    let weights = if is_weighted || !recipe.labels.head_type().trains_words() {
        ""
    } else {
        "; loss.class_weights lift a run from 0 and lower the F1 of one that has left it: leave them for the last"
    };
    format!(
        "train longer (train.epochs, and guard.epochs or guard.steps where the guard has stopped it){smaller}, as \
         steps are what such a run lacks most often; or try twice the schedule.learning_rate,{decay} another \
         seed{weights}"
    )
}

/// Windows of a step with which more runs leave 0 than with the default.
const SMALL_BATCH: usize = 8;

/// A collapse in the words of named entity recognition.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct TaggerCollapse(pub Collapse);

impl fmt::Display for TaggerCollapse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Collapse::Nothing { epochs, steps, loss } => write!(
                f,
                "no entity of the development data was found correctly in {epochs} epochs ({steps} steps in all), \
                 the loss is {loss:.4}"
            ),
            Collapse::Flat { first, last, epochs, steps, best } => write!(
                f,
                "the loss was {first:.4} in the first epoch and is {last:.4} after {epochs} epochs ({steps} steps), \
                 and the best F1 is {:.2}",
                100.0 * best
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(overrides: &[&str]) -> String {
        let overrides: Vec<String> = overrides.iter().map(|text| (*text).to_owned()).collect();
        collapse_remedy(&Recipe::load(None, &overrides).unwrap().value)
    }

    #[test]
    fn the_remedy_begins_with_what_helps_and_does_not_send_to_what_costs() {
        let remedy = of(&[]);
        let at = |part: &str| remedy.find(part).unwrap_or_else(|| panic!("{part} is not in {remedy}"));
        assert!(at("train.epochs") < at("train.batch_size = 8"));
        assert!(at("train.batch_size") < at("learning_rate") && at("layer_decay") < at("class_weights"));
        assert!(!remedy.contains("inverse-frequency") && !remedy.contains("half"), "{remedy}");
    }

    #[test]
    fn the_remedy_leaves_out_what_the_recipe_does_already() {
        for (done, key) in [
            ("train.batch_size=8", "train.batch_size"),
            ("train.batch_size=4", "train.batch_size"),
            ("rates.layer_decay={kind=\"none\"}", "rates.layer_decay"),
            ("loss.class_weights={kind=\"inverse-frequency\"}", "loss.class_weights"),
            // Which refuses them.
            ("labels.decoding=\"crf\"", "loss.class_weights"),
        ] {
            let remedy = of(&[done]);
            assert!(!remedy.contains(key) && remedy.contains("train.epochs"), "{done}: {remedy}");
        }
    }
}
