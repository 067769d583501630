//! The page of a comparison as a file.

use std::path::{Path, PathBuf};

use electra_ablate::comparison::Comparison;
use electra_ablate::report;
use electra_files::durable;

use crate::failure::Failure;

/// The page of an experiment.
pub const REPORT: &str = "report.html";

/// Writes the page of a comparison.
///
/// # Errors
/// If the disk refuses.
pub fn write_report(comparison: &Comparison, path: &Path) -> Result<PathBuf, Failure> {
    durable::write(path, report::render(comparison).as_bytes())
        .map_err(|error| Failure::of_file("write", path, &error))?;
    Ok(path.to_owned())
}
