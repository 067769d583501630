//! Inputs that were faults once: each is a file that every run reads again first.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::case::Case;

/// The folder in which they are committed.
#[must_use]
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("regressions")
}

/// The saved cases of a reader, in the order of their names.
///
/// # Errors
/// If the folder is there and cannot be read.
pub fn of(folder: &Path, reader: &str) -> io::Result<Vec<PathBuf>> {
    let folder = folder.join(reader);
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "case"));
    paths.sort();
    Ok(paths)
}

/// Saves a case under the hash of its content.
///
/// # Errors
/// The system's answer.
pub fn save(folder: &Path, reader: &str, case: &Case) -> io::Result<PathBuf> {
    let bytes = case.encode();
    let name = format!("{}.case", &blake3::hash(&bytes).to_hex().as_str()[..16]);
    let path = folder.join(reader).join(name);
    fs::create_dir_all(folder.join(reader))?;
    fs::write(&path, bytes)?;
    Ok(path)
}
