//! The cache of models, in the layout of `huggingface_hub`.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use electra_files::regular;

use crate::error::HubError;
use crate::files::FileState;
use crate::name::{ModelName, is_commit};

/// Folders of models that are looked at, for their names.
const MAX_LISTED: usize = 10_000;
/// Bytes of a file that names a commit at most.
const MAX_REFERENCE: u64 = 1000;

/// A cache of models.
#[derive(Clone, Debug)]
pub struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// The cache in a folder, which need not be there.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// The names of the models that are in it, at least in part, in order.
    #[must_use]
    pub fn models(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten().take(MAX_LISTED);
        let mut names: Vec<String> =
            entries.filter_map(|entry| repository_of(entry.file_name().to_str()?)).collect();
        names.sort();
        names
    }

    pub(crate) fn repository(&self, name: &ModelName) -> Repository {
        Repository { cache: self.folder.clone(), folder: self.folder.join(name.cache_folder()) }
    }
}

/// `owner/name` of a folder of a cache.
fn repository_of(folder: &str) -> Option<String> {
    let name = folder.strip_prefix("models--")?.replacen("--", "/", 1);
    ModelName::parse(&format!("hf://{name}")).map(|name| name.repository)
}

/// `owner/name` and commit of a folder, if it is a snapshot of a cache.
#[must_use]
pub fn model_of_folder(folder: &Path) -> Option<(String, String)> {
    let parts: Vec<&str> = folder
        .components()
        .filter_map(|part| match part {
            Component::Normal(part) => part.to_str(),
            _ => None,
        })
        .collect();
    match parts[..] {
        [.., repository, "snapshots", commit] if is_commit(commit) => {
            Some((repository_of(repository)?, commit.to_owned()))
        }
        _ => None,
    }
}

/// A model in the cache, which may not be there yet.
#[derive(Clone, Debug)]
pub(crate) struct Repository {
    cache: PathBuf,
    folder: PathBuf,
}

impl Repository {
    /// The commit that `revision` was when it was last asked for; `None` if it never was.
    ///
    /// # Errors
    /// A file that cannot be read, or names no commit.
    pub(crate) fn commit(&self, revision: &str) -> Result<Option<String>, HubError> {
        if is_commit(revision) {
            return Ok(self.snapshot(revision).is_dir().then(|| revision.to_owned()));
        }
        let path = self.reference(revision);
        let bytes = match regular::read_at_most(&path, MAX_REFERENCE) {
            Ok(bytes) => bytes,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(source) => return Err(HubError::Read { path, source }),
        };
        let found = String::from_utf8_lossy(&bytes).trim().to_owned();
        match is_commit(&found) {
            true => Ok(Some(found)),
            false => Err(HubError::Reference { path, found }),
        }
    }

    /// The file that says which commit a branch or tag is.
    pub(crate) fn reference(&self, revision: &str) -> PathBuf {
        self.folder.join("refs").join(revision)
    }

    /// The folder with the files of a commit.
    pub(crate) fn snapshot(&self, commit: &str) -> PathBuf {
        self.folder.join("snapshots").join(commit)
    }

    /// The content with this hash.
    #[cfg(feature = "download")]
    pub(crate) fn blob(&self, hash: &str) -> PathBuf {
        self.folder.join("blobs").join(hash)
    }

    /// The file by which it is known that a commit does not have `file`.
    pub(crate) fn absence(&self, commit: &str, file: &str) -> PathBuf {
        self.folder.join(".no_exist").join(commit).join(file)
    }

    /// The file by which processes keep each other from downloading the same.
    #[cfg(feature = "download")]
    pub(crate) fn lock(&self, hash: &str) -> PathBuf {
        let name = self.folder.file_name().unwrap_or_default();
        self.cache.join(".locks").join(name).join(format!("{hash}.lock"))
    }

    /// What is known of a file of a commit.
    ///
    /// # Errors
    /// A link that leads out of the cache.
    pub(crate) fn state(&self, commit: &str, file: &str) -> Result<FileState, HubError> {
        let path = self.snapshot(commit).join(file);
        if path.symlink_metadata().is_ok() {
            // A link to content that is not there any more is as good as none.
            let is_file = self.target(&path)?.is_some_and(|target| target.is_file());
            return Ok(if is_file { FileState::Present } else { FileState::Unknown });
        }
        let is_absent = self.absence(commit, file).is_file();
        Ok(if is_absent { FileState::Absent } else { FileState::Unknown })
    }

    /// Refuses a snapshot of which an entry leads out of the cache, whatever its name: who reads the folder reads
    /// all that he finds there.
    ///
    /// # Errors
    /// The first of them.
    pub(crate) fn check_links(&self, commit: &str) -> Result<(), HubError> {
        let folder = self.snapshot(commit);
        let failed = |source| HubError::Read { path: folder.clone(), source };
        for entry in fs::read_dir(&folder).map_err(failed)? {
            self.target(&entry.map_err(failed)?.path())?;
        }
        Ok(())
    }

    /// Where a file of the cache really lies; `None` if that is nowhere.
    fn target(&self, path: &Path) -> Result<Option<PathBuf>, HubError> {
        let failed = |source| HubError::Read { path: path.into(), source };
        let target = match path.canonicalize() {
            Ok(target) => target,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        match target.starts_with(self.cache.canonicalize().map_err(failed)?) {
            true => Ok(Some(target)),
            false => Err(HubError::OutsideCache { path: path.into(), target }),
        }
    }
}
