//! What a tagger's collapsed run is told with; see [`electra_train::collapse`].

use std::fmt;

use electra_train::collapse::Collapse;

/// Advice for a collapsed run.
///
/// `docs/recipes.md` has what was measured, under `[guard]` and `[loss]`: three or four times the steps
/// helped most, a rate half or four times as high not at all, and weights of types cost F1 once there
/// is some.
pub const REMEDY: &str = "train longer (train.epochs, and guard.epochs or guard.steps where the guard has \
    stopped it) or in smaller batches (train.batch_size = 8), as steps are what such a run lacks most often; or try \
    twice the schedule.learning_rate, rates.layer_decay = { kind = \"none\" } for a network of few layers, another \
    seed; loss.class_weights lift a run from 0 and lower the F1 of one that has left it: leave them for the last";

/// A collapse in the words of named entity recognition.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TaggerCollapse(pub Collapse);

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

    #[test]
    fn the_remedy_begins_with_what_helps_and_does_not_send_to_what_costs() {
        let at = |part: &str| REMEDY.find(part).unwrap_or_else(|| panic!("{part} is not in {REMEDY}"));
        assert!(at("train.epochs") < at("train.batch_size") && at("train.batch_size") < at("learning_rate"));
        assert!(!REMEDY.contains("inverse-frequency") && !REMEDY.contains("half"), "{REMEDY}");
    }
}
