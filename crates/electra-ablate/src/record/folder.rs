//! A folder of results: those of finished runs and the files of failed ones.

use std::fs;
use std::io;
use std::path::Path;

use super::error::ResultError;
use crate::failed::{Outcome, Results};

/// The results in a folder with their files, in the order of names; none if there is no folder.
///
/// # Errors
/// If one cannot be read, or two are of the same arm and seed.
pub fn read_folder(folder: &Path) -> Result<Results, ResultError> {
    let failed = |source| ResultError::Io { action: "read", path: folder.to_owned(), source };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Results::default()),
        Err(error) => return Err(failed(error)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            paths.push(path);
        }
    }
    paths.sort();
    let mut results = Results::default();
    for path in paths {
        let outcome = Outcome::read(&path)?;
        results.add(path, outcome);
    }
    results.check_once()?;
    Ok(results)
}
