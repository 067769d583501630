//! The check of the settings that a phase may have of its own: length of rows, masking and batch, of the recipe itself
//! and of each phase.

use electra_model::Objective;
use electra_run::recipe::{RecipeError, Resolved};

use super::bounds::{MAX_LENGTH, MAX_ROWS};
use crate::mask::Masking;
use crate::recipe::Recipe;
use crate::scheme::Scheme;

/// The table whose settings are checked: the recipe, or one of its phases.
#[derive(Clone, Copy, Debug)]
pub(super) struct Table {
    phase: Option<usize>,
}

impl Table {
    pub(super) const RECIPE: Self = Self { phase: None };

    /// The phase of a number, from 0.
    pub(super) fn of_phase(index: usize) -> Self {
        Self { phase: Some(index) }
    }

    /// The key in this table of what a recipe has at `key`: `[train]` of a phase is the phase itself.
    pub(super) fn key(self, key: &str) -> String {
        match self.phase {
            None => key.to_owned(),
            Some(index) => format!("phases.{index}.{}", key.strip_prefix("train.").unwrap_or(key)),
        }
    }

    /// Begins a message that does not name a key.
    pub(super) fn of(self) -> String {
        self.phase.map_or(String::new(), |index| format!("phase {}: ", index + 1))
    }
}

/// Refuses lengths, masking and batches that cannot be meant: those of `r`, which is the recipe or one of its phases.
pub(super) fn check(resolved: &Resolved<Recipe>, r: &Recipe, table: Table) -> Result<(), RecipeError> {
    check_length(resolved, r, table)?;
    check_masking(resolved, r, table)?;
    check_batch(resolved, r, table)
}

fn check_length(resolved: &Resolved<Recipe>, r: &Recipe, table: Table) -> Result<(), RecipeError> {
    let (length, positions) = (r.data.sequence_length, r.model.max_position_embeddings);
    let (key, of) = (table.key("data.sequence_length"), table.of());
    if length < 8 {
        let message = format!("{of}rows of {length} tokens");
        return Err(resolved.error_at(&key, message, "8 is the least, 128 is usual"));
    }
    if length > positions {
        let (whose, lower) = match table.phase {
            None => (String::new(), "data.sequence_length"),
            Some(_) => (format!(" (model.max_position_embeddings = {positions})"), key.as_str()),
        };
        let message =
            format!("{of}rows of {length} tokens do not fit a position table of {positions} rows{whose}");
        let help = format!("lower {lower}, or raise model.max_position_embeddings");
        return Err(resolved.error_at(&key, message, help));
    }
    Ok(())
}

fn check_masking(resolved: &Resolved<Recipe>, r: &Recipe, table: Table) -> Result<(), RecipeError> {
    let fail_of_key = |key: &str, rest: &str, help: &str| {
        let key = table.key(key);
        Err(resolved.error_at(&key, format!("`{key}` {rest}"), help))
    };
    let p = r.masking.probability();
    if !(p > 0.0 && p < 1.0) {
        return fail_of_key(
            "masking.probability",
            &format!("is {p}"),
            "expected a share above 0 and below 1, such as 0.15",
        );
    }
    if let Masking::Google { mask_token_share, .. } = r.masking
        && !(0.0..=1.0).contains(&mask_token_share)
    {
        return fail_of_key(
            "masking.mask_token_share",
            &format!("is {mask_token_share}"),
            "expected a share from 0 to 1",
        );
    }
    if let Masking::Span { end_probability, max_length, .. } = r.masking {
        if !(end_probability > 0.0 && end_probability <= 1.0) {
            return fail_of_key(
                "masking.end_probability",
                &format!("is {end_probability}"),
                "expected a number above 0 and at most 1, such as 0.2",
            );
        }
        resolved.within(&table.key("masking.max_length"), max_length, 1..=MAX_LENGTH)?;
    }
    let weighs_samples = if let Objective::Electric(_) = r.objective { "Electric" } else { "a reward" };
    let needs_samples = matches!(r.objective, Objective::Electric(_))
        || (r.scheme == Scheme::Adversarial {} && r.objective.joint().is_some());
    if needs_samples && matches!(r.masking, Masking::Google { .. }) {
        let rest = format!(
            "is \"google\", which may draw two samples for one token, but {weighs_samples} weighs each alone"
        );
        return fail_of_key("masking.kind", &rest, "use \"without-replacement\"");
    }
    Ok(())
}

fn check_batch(resolved: &Resolved<Recipe>, r: &Recipe, table: Table) -> Result<(), RecipeError> {
    let batch = r.train.batch_size;
    resolved.within(&table.key("train.batch_size"), batch, 1..=MAX_ROWS)?;
    // Not before: where they are left to the program, it goes through the divisors of the batch.
    let micro = r.micro_batch_size();
    if micro == 0 || !batch.is_multiple_of(micro) {
        let [micro_key, batch_key] = ["train.micro_batch_size", "train.batch_size"].map(|key| table.key(key));
        let message = format!("{micro_key} {micro} does not divide {batch_key} {batch}");
        let help = match table.phase {
            None => "use a divisor of the batch size".to_owned(),
            Some(_) => format!("use a divisor of the batch size: set {micro_key}, or leave it to \"auto\""),
        };
        return Err(resolved.error_at(&micro_key, message, help));
    }
    Ok(())
}
