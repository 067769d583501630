//! Which data a recipe may name: one folder, or several with weights.

use electra_run::recipe::{RecipeError, Resolved};

use crate::recipe::Recipe;

/// The least weight of a folder that is trained on, and the greatest.
const WEIGHTS: (f64, f64) = (1e-6, 1e6);
/// Folders of a mixture.
const MAX_SOURCES: usize = 1000;

/// Refuses a recipe that names no data, or a mixture whose weights cannot be shares.
pub(super) fn check(resolved: &Resolved<Recipe>) -> Result<(), RecipeError> {
    let data = &resolved.value.data;
    let fail = |key: &str, message: &str, help: &str| Err(resolved.error_at(key, message, help));
    let has_path = !data.path.as_os_str().is_empty();
    if data.sources.is_empty() {
        let help =
            "set data.path to a folder that `electra data build` wrote, or name several in [[data.sources]]";
        return if has_path { Ok(()) } else { fail("data.path", "missing field `path` in [data]", help) };
    }
    if has_path {
        let message = "`data.path` and `data.sources` both name the data";
        return fail("data.path", message, "leave one of them out: a single folder needs no weight");
    }
    if data.sources.len() > MAX_SOURCES {
        let message = format!("`data.sources` has {} folders", data.sources.len());
        return fail("data.sources", &message, &format!("expected {MAX_SOURCES} at most"));
    }
    let (least, most) = WEIGHTS;
    for (number, source) in data.sources.iter().enumerate() {
        let key = format!("data.sources.{number}.weight");
        let weight = source.weight;
        if weight != 0.0 && !(least..=most).contains(&weight) {
            let help = format!("expected 0, for a folder that is left out, or {least} to {most}");
            return fail(&key, &format!("`{key}` is {weight}"), &help);
        }
        if source.path.as_os_str().is_empty() {
            let key = format!("data.sources.{number}.path");
            return fail(&key, &format!("`{key}` is empty"), "name a folder that `electra data build` wrote");
        }
    }
    if data.sources.iter().all(|source| source.weight == 0.0) {
        let message = "the weights of `data.sources` sum to 0: nothing would be read";
        return fail(
            "data.sources.0.weight",
            message,
            "give at least one of them a weight above 0, such as 1",
        );
    }
    Ok(())
}
