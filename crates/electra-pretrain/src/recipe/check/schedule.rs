//! The check of the learning rate: of each course that it has over the run.

use electra_optim::{Decay, ScheduleError};
use electra_run::recipe::{RecipeError, Resolved};

use super::bounds::{MAX_FLOAT, MAX_POWER};
use crate::recipe::{Course, Recipe};

/// Refuses courses whose warmup would not end, and rates that no step can have.
pub(super) fn check(resolved: &Resolved<Recipe>) -> Result<(), RecipeError> {
    let r = &resolved.value;
    for course in r.courses() {
        if let Err(error) = course.schedule.check() {
            return Err(refusal(resolved, course, error));
        }
        check_bounds(resolved, course)?;
    }
    // Of a recipe whose phases have courses of their own nothing else may use them.
    resolved.within("schedule.learning_rate", r.schedule.learning_rate, 0.0..=MAX_FLOAT)?;
    if let Decay::Polynomial { power } = r.schedule.decay {
        resolved.within("schedule.decay.power", power, 0.0..=MAX_POWER)?;
    }
    Ok(())
}

/// The table that a course has its settings from.
fn table(course: Course) -> String {
    course.phase.map_or("schedule".to_owned(), |index| format!("phases.{index}.schedule"))
}

fn check_bounds(resolved: &Resolved<Recipe>, course: Course) -> Result<(), RecipeError> {
    let table = table(course);
    resolved.within(&format!("{table}.learning_rate"), course.schedule.peak, 0.0..=MAX_FLOAT)?;
    if let Decay::Polynomial { power } = course.schedule.decay {
        resolved.within(&format!("{table}.decay.power"), power, 0.0..=MAX_POWER)?;
    }
    Ok(())
}

fn refusal(resolved: &Resolved<Recipe>, course: Course, error: ScheduleError) -> RecipeError {
    use ScheduleError as E;
    let (r, table) = (&resolved.value, table(course));
    let fail = |key: &str, message: String, help: &str| resolved.error_at(key, message, help);
    let (key, help) = match error {
        E::Peak { .. } => (format!("{table}.learning_rate"), "expected a rate above 0, such as 5e-4"),
        E::NoSteps => ("train.steps".to_owned(), "expected at least 1 step"),
        E::Warmup { warmup_steps, total_steps } => {
            let key = format!("{table}.warmup_steps");
            let (whose, longer) = match course.phase {
                Some(index) => (format!("phase {} has", index + 1), format!("phases.{index}.steps")),
                None if total_steps == r.train.steps => ("the run has".to_owned(), "train.steps".to_owned()),
                None if r.phases.is_empty() => {
                    ("a stage of the run has".to_owned(), "the steps of the stage".to_owned())
                }
                None => ("phases without a schedule of their own have".to_owned(), "their steps".to_owned()),
            };
            let message =
                format!("`{key}` is {warmup_steps}, and {whose} {total_steps} steps: warmup would not end");
            let help = format!(
                "set {key} below {total_steps}, such as {}, or {longer} above {warmup_steps}",
                total_steps / 10
            );
            return fail(&key, message, &help);
        }
        E::Power { .. } => (format!("{table}.decay.power"), "expected a power above 0; 1 is linear"),
        E::Share { .. } => (format!("{table}.decay.share"), "expected a share of the steps, such as 0.1"),
        E::Cooldown { .. } => {
            let help = match course.phase {
                None => "use a smaller share, or lower schedule.warmup_steps",
                Some(_) => "use a smaller share, or lower the warmup_steps of the phase",
            };
            (format!("{table}.decay.share"), help)
        }
    };
    fail(&key, error.to_string(), help)
}
