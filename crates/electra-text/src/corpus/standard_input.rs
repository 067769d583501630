//! Standard input as a file of a corpus.

use std::io;
use std::path::{Path, PathBuf};

use electra_files::disk::DiskFile;
use tempfile::TempDir;

use super::error::CorpusError;

/// Standard input, copied to a temporary file, which is gone when this is dropped. A corpus is read more than
/// once: to choose held-out documents, and to see whether data was built of it before.
#[derive(Debug)]
pub struct StandardInput {
    _folder: TempDir,
    path: PathBuf,
}

impl StandardInput {
    /// Reads `input` to its end.
    ///
    /// # Errors
    /// If it cannot be read, or the temporary file cannot be written.
    pub fn copy(input: &mut impl io::Read) -> Result<Self, CorpusError> {
        let failed = |source| CorpusError::Read { path: "-".into(), source };
        let folder = tempfile::tempdir().map_err(failed)?;
        // The name that manifests say.
        let path = folder.path().join("standard-input");
        let mut file = DiskFile::create_new(&path).map_err(failed)?;
        io::copy(input, &mut file).map_err(failed)?;
        Ok(Self { _folder: folder, path })
    }

    /// The temporary file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}
