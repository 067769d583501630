//! The state of the output path before data is written to it, and whether it may be replaced.

use std::path::{Path, PathBuf};

use electra_files::staged::{self, StagedError};

use super::part::rows_file;
use super::{BuildError, PART_FILE, PartManifest};
use crate::data_error::DataError;
use crate::manifest::{MANIFEST_FILE, Manifest, TOKENIZER_FOLDER};
use crate::shard::{Split, is_shard_file_name};
use crate::wordpiece::SAVED_FILES;

/// The state of the output path before building.
pub(super) enum Existing {
    /// The path is free, or an empty folder.
    Nothing,
    /// A data folder that can be read.
    Data(Box<Manifest>),
    /// A part that can be read.
    Part(Box<PartManifest>),
    /// A data folder or a part that cannot be read.
    Damaged,
    /// The path holds something else.
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

    /// Checks that the output may be written to `path`. What is not ours is never replaced: the whole folder
    /// is, and the corpus may lie in it.
    pub(super) fn check_replaceable(&self, path: &Path, force: bool) -> Result<(), BuildError> {
        let occupied = |what, can_be_replaced| {
            Err(BuildError::OutputOccupied { path: path.to_owned(), what, can_be_replaced })
        };
        match self {
            Existing::Nothing => Ok(()),
            Existing::Foreign => occupied("holds something else than data", false),
            _ if force => match foreign_entry(path)? {
                Some(entry) => Err(BuildError::OutputHoldsOthers { path: path.to_owned(), entry }),
                None => Ok(()),
            },
            _ => occupied("holds other data", true),
        }
    }
}

/// An entry of a data folder, or of a part, that building has not written.
fn foreign_entry(folder: &Path) -> Result<Option<PathBuf>, BuildError> {
    let is_own = |name: &str| {
        let is_rows = || Split::ALL.into_iter().any(|split| rows_file(folder, split).ends_with(name));
        [MANIFEST_FILE, PART_FILE].contains(&name) || is_shard_file_name(name) || is_rows()
    };
    for (path, name, is_folder) in entries(folder)? {
        if is_folder && name.as_deref() == Some(TOKENIZER_FOLDER) {
            let is_own = |name: &str| SAVED_FILES.contains(&name);
            let below = entries(&path)?.into_iter();
            let mut foreign =
                below.filter(|(_, name, folder)| *folder || !name.as_deref().is_some_and(is_own));
            if let Some((path, ..)) = foreign.next() {
                return Ok(Some(path));
            }
        } else if is_folder || !name.as_deref().is_some_and(is_own) {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

/// The entries of a folder, in the order of their paths: path, name if it is UTF-8, and whether it is a
/// folder.
fn entries(folder: &Path) -> Result<Vec<(PathBuf, Option<String>, bool)>, DataError> {
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(DataError::reading(folder))? {
        let entry = entry.map_err(DataError::reading(folder))?;
        let path = entry.path();
        let is_folder = entry.file_type().map_err(DataError::reading(&path))?.is_dir();
        entries.push((path, entry.file_name().into_string().ok(), is_folder));
    }
    entries.sort();
    Ok(entries)
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
