//! What stands where data is to be written, and whether it may be replaced.

use std::path::Path;

use electra_files::staged::{self, StagedError};

use super::{BuildError, PART_FILE, PartManifest};
use crate::data_error::DataError;
use crate::manifest::{MANIFEST_FILE, Manifest};

/// What stands at the place of the output before building.
pub(super) enum Existing {
    /// Nothing, or an empty folder.
    Nothing,
    /// A data folder that can be read.
    Data(Box<Manifest>),
    /// A part that can be read.
    Part(Box<PartManifest>),
    /// A data folder or a part that cannot be read.
    Damaged,
    /// Something else.
    Foreign,
}

impl Existing {
    pub(super) fn at(path: &Path) -> Result<Self, BuildError> {
        staged::recover(path)?;
        let reading = DataError::reading(path);
        match std::fs::metadata(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Existing::Nothing),
            Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => {
                return Err(DataError::writing(path)(error).into());
            }
            Err(error) => return Err(reading(error).into()),
            Ok(metadata) if !metadata.is_dir() => {
                let what = "it is a file";
                return Err(BuildError::OutputUnusable { path: path.to_owned(), what });
            }
            Ok(_) => {}
        }
        if std::fs::read_dir(path).map_err(reading)?.next().is_none() {
            return Ok(Existing::Nothing);
        }
        Ok(if path.join(MANIFEST_FILE).is_file() {
            Manifest::read(path).map_or(Existing::Damaged, |manifest| Existing::Data(manifest.into()))
        } else if path.join(PART_FILE).is_file() {
            PartManifest::read(path).map_or(Existing::Damaged, |manifest| Existing::Part(manifest.into()))
        } else {
            Existing::Foreign
        })
    }

    pub(super) fn manifest(&self) -> Option<&Manifest> {
        if let Existing::Data(manifest) = self { Some(manifest) } else { None }
    }

    pub(super) fn part(&self) -> Option<&PartManifest> {
        if let Existing::Part(manifest) = self { Some(manifest) } else { None }
    }

    /// Whether the output may go there. What is not ours is never replaced.
    pub(super) fn check_replaceable(&self, path: &Path, force: bool) -> Result<(), BuildError> {
        let occupied = |what, hint| Err(BuildError::OutputOccupied { path: path.to_owned(), what, hint });
        match self {
            Existing::Nothing => Ok(()),
            Existing::Foreign => occupied("holds something else than data", ""),
            _ if force => Ok(()),
            _ => occupied("holds other data", " or replace it with --force"),
        }
    }
}

impl From<StagedError> for BuildError {
    fn from(error: StagedError) -> Self {
        match error {
            StagedError::NoName { path } => Self::OutputUnusable { path, what: "it has no name of its own" },
            StagedError::Busy { path, .. } => Self::OutputBusy { path },
            StagedError::Io { path, source } => DataError::Write { path, source }.into(),
        }
    }
}
