//! The check of the phases of a run: of each alone, and of what they are together.

use electra_run::recipe::{RecipeError, Resolved};

use super::bounds::{MAX_STEPS, MAX_TOKENS};
use super::data;
use super::settings::{self, Table};
use crate::recipe::Recipe;
use crate::scheme::Scheme;

/// Phases of a run.
const MAX_PHASES: usize = 100;

/// Refuses steps of phases that are none, too many, or another number than that of the run.
pub(super) fn check_steps(resolved: &Resolved<Recipe>) -> Result<(), RecipeError> {
    let r = &resolved.value;
    if r.phases.is_empty() {
        if r.train.steps == 0 && resolved.origins.origin_of("train.steps").is_none() {
            let help = "a recipe states every value: add `steps = ...`, or [[phases]] with their steps";
            return Err(resolved.error_at("train.steps", "missing field `steps` in [train]", help));
        }
        return Ok(());
    }
    if r.phases.len() > MAX_PHASES {
        let message = format!("`phases` has {} phases", r.phases.len());
        return Err(resolved.error_at("phases", message, format!("expected {MAX_PHASES} at most")));
    }
    for (index, phase) in r.phases.iter().enumerate() {
        let key = format!("phases.{index}.steps");
        if phase.steps == 0 {
            let message = format!("`{key}` is 0: phase {} would have no step", index + 1);
            return Err(resolved.error_at(&key, message, "give it steps, or leave the phase out"));
        }
        resolved.within(&key, phase.steps, 1..=MAX_STEPS)?;
    }
    let sum: u64 = r.phases.iter().map(|phase| phase.steps).sum();
    if r.train.steps != sum {
        let message = format!("`train.steps` is {}, and the phases have {sum} steps together", r.train.steps);
        let help = format!("set train.steps to {sum}, or leave it out: steps are those of the phases");
        return Err(resolved.error_at("train.steps", message, help));
    }
    Ok(())
}

/// Refuses phases that contradict the recipe, and settings of phases that cannot be meant.
pub(super) fn check(resolved: &Resolved<Recipe>) -> Result<(), RecipeError> {
    let r = &resolved.value;
    if r.phases.is_empty() {
        return Ok(());
    }
    for (index, phase) in r.phases.iter().enumerate() {
        if phase.masking.is_some() && !r.mask_rate.is_constant() {
            let key = format!("phases.{index}.masking");
            let message = format!("`{key}` says a share of masked tokens, and so does `mask_rate`");
            let help = "leave [mask_rate] out, or the masking of the phases: rates of [mask_rate] end at shares of \
                        all steps, whatever phase they are of";
            return Err(resolved.error_at(&key, message, help));
        }
        if phase.schedule.is_some() && matches!(r.scheme, Scheme::TwoStage { .. }) {
            let key = format!("phases.{index}.schedule");
            let message = format!(
                "`{key}` is a course of the learning rate, and scheme \"two-stage\" has one for each of its stages"
            );
            let help =
                "leave the schedules of the phases out, or use another scheme, such as \"generator-warmup\"";
            return Err(resolved.error_at(&key, message, help));
        }
        data::check_folders(
            resolved,
            &format!("phases.{index}.data"),
            &phase.data.path,
            &phase.data.sources,
        )?;
    }
    for (index, phase) in r.phases().into_iter().enumerate() {
        settings::check(resolved, &phase.recipe, Table::of_phase(index))?;
    }
    let tokens = r.phases().into_iter().map(|phase| {
        let r = &phase.recipe;
        u128::from(phase.steps) * r.train.batch_size as u128 * r.data.sequence_length as u128
    });
    let tokens: u128 = tokens.sum();
    if tokens > MAX_TOKENS {
        let message = format!("the steps of all phases read {tokens} tokens");
        return Err(resolved.error_at("phases", message, format!("expected {MAX_TOKENS} at most")));
    }
    Ok(())
}
