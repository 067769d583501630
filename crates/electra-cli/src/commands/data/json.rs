//! The JSON output of the data commands.

use std::path::Path;

use crate::failure::{self, Failure};

/// Refuses a path that JSON, if it is to be printed, cannot hold.
pub(super) fn named_in_json(as_json: bool, path: &Path) -> miette::Result<()> {
    if as_json {
        failure::utf8(path, "JSON").map_err(Failure::into_report)?;
    }
    Ok(())
}

pub(super) fn print_json(value: &impl serde::Serialize) -> miette::Result<()> {
    crate::output::json_out(value).map_err(|error| Failure::of_json(error).into_report())
}
