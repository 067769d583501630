//! Which data a recipe may name: one folder, or several with weights.

use std::path::Path;

use electra_run::recipe::{RecipeError, Resolved};

use crate::recipe::{Recipe, SourceConfig};

/// The least weight of a folder that is trained on, and the greatest.
const WEIGHTS: (f64, f64) = (1e-6, 1e6);
/// Folders of a mixture.
const MAX_SOURCES: usize = 1000;

/// Refuses a recipe that names no data, or a mixture whose weights cannot be shares.
pub(super) fn check(resolved: &Resolved<Recipe>) -> Result<(), RecipeError> {
    let r = &resolved.value;
    let has_path = !r.data.path.as_os_str().is_empty();
    // Each phase may have data of its own.
    let is_named_by_phases = !r.phases.is_empty() && r.phases.iter().all(|phase| phase.data.names_folders());
    if !has_path && r.data.sources.is_empty() && !is_named_by_phases {
        let help =
            "set data.path to a folder that `electra data build` wrote, or name several in [[data.sources]]";
        return Err(resolved.error_at("data.path", "missing field `path` in [data]", help));
    }
    check_folders(resolved, "data", &r.data.path, &r.data.sources)
}

/// Refuses a table `of` data that names both a folder and sources, or sources whose weights cannot be shares.
pub(super) fn check_folders(
    resolved: &Resolved<Recipe>,
    of: &str,
    path: &Path,
    sources: &[SourceConfig],
) -> Result<(), RecipeError> {
    let fail = |key: &str, message: &str, help: &str| Err(resolved.error_at(key, message, help));
    if sources.is_empty() {
        return Ok(());
    }
    if !path.as_os_str().is_empty() {
        let message = format!("`{of}.path` and `{of}.sources` both name the data");
        let help = "leave one of them out: a single folder needs no weight";
        return fail(&format!("{of}.path"), &message, help);
    }
    if sources.len() > MAX_SOURCES {
        let message = format!("`{of}.sources` has {} folders", sources.len());
        return fail(&format!("{of}.sources"), &message, &format!("expected {MAX_SOURCES} at most"));
    }
    let (least, most) = WEIGHTS;
    for (number, source) in sources.iter().enumerate() {
        let key = format!("{of}.sources.{number}.weight");
        let weight = source.weight;
        if weight != 0.0 && !(least..=most).contains(&weight) {
            let help = format!("expected 0, for a folder that is left out, or {least} to {most}");
            return fail(&key, &format!("`{key}` is {weight}"), &help);
        }
        if source.path.as_os_str().is_empty() {
            let key = format!("{of}.sources.{number}.path");
            return fail(&key, &format!("`{key}` is empty"), "name a folder that `electra data build` wrote");
        }
    }
    if sources.iter().all(|source| source.weight == 0.0) {
        let message = format!("the weights of `{of}.sources` sum to 0: nothing would be read");
        return fail(
            &format!("{of}.sources.0.weight"),
            &message,
            "give at least one of them a weight above 0, such as 1",
        );
    }
    Ok(())
}
