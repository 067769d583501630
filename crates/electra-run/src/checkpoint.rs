//! Checkpoints: named blobs that are saved whole or not at all, and checked before they are used.
//!
//! ```text
//! checkpoints/step-0000001000/manifest.json          length and BLAKE3 of every blob
//!                             model.safetensors ...  the blobs
//!             best.json                              the step with the lowest metric
//! ```
//!
//! A checkpoint is written into a temporary folder beside the others; every file and folder is
//! flushed to the disk before the folder gets its name. Older checkpoints are removed only after
//! that, so at every moment the last complete one is there.

mod disk;
mod error;
mod save;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use electra_files::regular;
use serde::{Deserialize, Serialize};

pub use error::CheckpointError;
pub(crate) use error::size;

use disk::{Disk, RealDisk};

/// The folder that holds a run's checkpoints.
pub struct CheckpointStore {
    folder: PathBuf,
    keep_last: usize,
    disk: Box<dyn Disk>,
}

/// A checkpoint whose blobs were all there and intact when it was found.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// The step after which it was saved.
    pub step: u64,
    /// The held-out metric given to [`CheckpointStore::save`].
    pub metric: Option<f64>,
    folder: PathBuf,
    manifest: Manifest,
}

/// The result of a search for a usable checkpoint.
#[derive(Clone, Debug)]
pub struct Found {
    /// The checkpoint, if any is intact.
    pub checkpoint: Option<Checkpoint>,
    /// One line for each later checkpoint that was passed over, saying what is wrong with it. If
    /// there are lines and no checkpoint, training was lost: better to stop than to begin anew.
    pub passed_over: Vec<String>,
}

impl CheckpointStore {
    /// Opens the folder, creating it where needed, and clears away what an interrupted save left
    /// behind. The store keeps the last `keep_last` checkpoints and the best one.
    ///
    /// # Errors
    /// If the folder cannot be created, read or written.
    ///
    /// # Panics
    /// If `keep_last` is 0.
    pub fn open(folder: impl Into<PathBuf>, keep_last: usize) -> Result<Self, CheckpointError> {
        Self::open_on(Box::new(RealDisk {}), folder.into(), keep_last)
    }

    /// The checkpoints in a folder that somebody else may be writing to: nothing is created or
    /// cleared away. Not for saving, which would leave nothing but the newest checkpoint.
    pub fn reading(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), keep_last: 1, disk: Box::new(RealDisk {}) }
    }

    fn open_on(disk: Box<dyn Disk>, folder: PathBuf, keep_last: usize) -> Result<Self, CheckpointError> {
        assert!(keep_last > 0, "a store that keeps 0 checkpoints");
        // Nothing beyond a link is written, and nothing beyond it removed.
        electra_files::disk::create_own_folder(&folder).map_err(CheckpointError::open(&folder))?;
        let store = Self { folder, keep_last, disk };
        store.clear_leftovers().map_err(CheckpointError::open(&store.folder))?;
        Ok(store)
    }

    /// The newest intact checkpoint: each one's blobs are read and hashed, newest first, until one
    /// proves right.
    ///
    /// # Errors
    /// If the folder itself cannot be read.
    pub fn latest_valid(&self) -> Result<Found, CheckpointError> {
        let mut passed_over = Vec::new();
        for step in self.steps()?.into_iter().rev() {
            match Checkpoint::verify(&self.folder_of(step), step) {
                Ok(checkpoint) => return Ok(Found { checkpoint: Some(checkpoint), passed_over }),
                Err(damage) => passed_over.push(damage),
            }
        }
        Ok(Found { checkpoint: None, passed_over })
    }

    /// The checkpoint of `step` and no other, for those who know which one they need.
    ///
    /// # Errors
    /// One line about what is wrong with it, also if it is not there.
    pub fn of_step(&self, step: u64) -> Result<Checkpoint, String> {
        Checkpoint::verify(&self.folder_of(step), step)
    }

    /// The steps of all checkpoints, intact or not, in ascending order.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn steps(&self) -> Result<Vec<u64>, CheckpointError> {
        let names = entry_names(&self.folder).map_err(CheckpointError::open(&self.folder))?;
        let mut steps: Vec<u64> = names.iter().filter_map(|name| step_of(name)).collect();
        steps.sort_unstable();
        Ok(steps)
    }

    /// The steps of checkpoints that have a metric, with it.
    fn steps_with_metric(&self) -> Result<Vec<(u64, f64)>, CheckpointError> {
        let with_metric = |step| Some((step, Manifest::read(&self.folder_of(step)).ok()?.metric?));
        Ok(self.steps()?.into_iter().filter_map(with_metric).collect())
    }

    fn folder_of(&self, step: u64) -> PathBuf {
        self.folder.join(name_of(step))
    }
}

/// The blob `name` of the newest intact checkpoint below `folder`, and the file it came from;
/// nothing if the folder is not there or holds no intact checkpoint.
///
/// # Errors
/// If the folder cannot be read, or the checkpoint has no such blob.
pub fn latest_blob(folder: &Path, name: &str) -> Result<Option<(PathBuf, Vec<u8>)>, CheckpointError> {
    if !folder.exists() {
        return Ok(None);
    }
    let Some(checkpoint) = CheckpointStore::reading(folder).latest_valid()?.checkpoint else {
        return Ok(None);
    };
    Ok(Some((checkpoint.folder().join(name), checkpoint.load(name)?)))
}

impl Checkpoint {
    /// The folder of the checkpoint.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The names of its blobs.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.manifest.blobs.iter().map(|blob| blob.name.as_str())
    }

    /// BLAKE3 of the blob saved under `name`, in hexadecimal.
    #[must_use]
    pub fn hash_of(&self, name: &str) -> Option<&str> {
        self.manifest.blobs.iter().find(|blob| blob.name == name).map(|blob| blob.blake3.as_str())
    }

    /// The blob saved under `name`, checked against its hash again.
    ///
    /// # Errors
    /// If there is no such blob, or it cannot be read, or it has changed since the search.
    pub fn load(&self, name: &str) -> Result<Vec<u8>, CheckpointError> {
        let path = self.folder.join(name);
        let damaged = |damage: String| CheckpointError::Damaged { path: path.clone(), damage };
        let Some(blob) = self.manifest.blobs.iter().find(|blob| blob.name == name) else {
            return Err(damaged("the checkpoint has no blob of that name".to_owned()));
        };
        let mut file = open_plain(&path).map_err(|error| damaged(error.to_string()))?;
        // Before memory is taken for it.
        let length = file.metadata().map_err(|error| damaged(error.to_string()))?.len();
        blob.check_length(length).map_err(&damaged)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(|error| damaged(error.to_string()))?;
        blob.check(bytes.len() as u64, blake3::hash(&bytes)).map_err(damaged)?;
        Ok(bytes)
    }

    /// Reads and hashes everything; the error is one line about the first damage.
    fn verify(folder: &Path, step: u64) -> Result<Self, String> {
        let manifest = Manifest::read(folder)?;
        if manifest.step != step {
            return Err(format!("{} holds step {}", folder.display(), manifest.step));
        }
        for blob in &manifest.blobs {
            let path = folder.join(&blob.name);
            let check = || {
                let said = |error: io::Error| error.to_string();
                let file = open_plain(&path).map_err(said)?;
                // Before it is read: a file with a hole has any length.
                blob.check_length(file.metadata().map_err(said)?.len())?;
                let mut hasher = blake3::Hasher::new();
                hasher.update_reader(file).map_err(said)?;
                blob.check(hasher.count(), hasher.finalize())
            };
            check().map_err(|damage| format!("{}: {damage}", path.display()))?;
        }
        Ok(Self { step, metric: manifest.metric, folder: folder.to_owned(), manifest })
    }
}

const MANIFEST: &str = "manifest.json";
const BEST: &str = "best.json";
/// Begins the name of a folder whose checkpoint is not complete.
const SAVING: &str = "saving-";
/// Begins the name of a folder that is about to be replaced by one of the same step.
const REPLACED: &str = "replaced-";

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    format: u32,
    step: u64,
    metric: Option<f64>,
    blobs: Vec<Blob>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Blob {
    name: String,
    bytes: u64,
    blake3: String,
}

impl Manifest {
    const FORMAT: u32 = 1;

    fn read(folder: &Path) -> Result<Self, String> {
        let path = folder.join(MANIFEST);
        let mut text = Vec::new();
        open_plain(&path)
            .and_then(|mut file| file.read_to_end(&mut text))
            .map_err(|error| format!("{}: {error}", path.display()))?;
        let manifest: Self = serde_json::from_slice(&text)
            .map_err(|error| format!("{} is damaged: {error}", path.display()))?;
        if manifest.format != Self::FORMAT {
            return Err(format!(
                "{} has format {}, this program reads {}",
                path.display(),
                manifest.format,
                Self::FORMAT
            ));
        }
        let mut names = BTreeSet::new();
        for Blob { name, .. } in &manifest.blobs {
            if !is_name_of_blob(name) {
                return Err(format!("{} names {name:?}, which is no file beside it", path.display()));
            }
            if !names.insert(name) {
                return Err(format!("{} names {name:?} twice", path.display()));
            }
        }
        Ok(manifest)
    }
}

impl Blob {
    fn check_length(&self, bytes: u64) -> Result<(), String> {
        if bytes != self.bytes {
            return Err(format!("has {bytes} bytes, {} were saved", self.bytes));
        }
        Ok(())
    }

    fn check(&self, bytes: u64, hash: blake3::Hash) -> Result<(), String> {
        self.check_length(bytes)?;
        if hash.to_hex().as_str() != self.blake3 {
            return Err("its content is not what was saved (BLAKE3 differs)".to_owned());
        }
        Ok(())
    }
}

/// The names of a folder's entries that are valid UTF-8; ours are.
fn entry_names(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        names.extend(entry?.file_name().into_string());
    }
    Ok(names)
}

fn name_of(step: u64) -> String {
    format!("step-{step:010}")
}

/// The step in a name as it is written here: a folder of another spelling would never be found again
/// by its step.
fn step_of(name: &str) -> Option<u64> {
    let step = name.strip_prefix("step-")?.parse().ok()?;
    (name_of(step) == name).then_some(step)
}

/// Whether a file of this name lies beside the manifest and is not the manifest.
fn is_name_of_blob(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    let is_one_part =
        matches!((parts.next(), parts.next()), (Some(Component::Normal(part)), None) if part == name);
    is_one_part && name != MANIFEST
}

/// Opens a file of a checkpoint. What leads elsewhere is not one: a run folder may come from somebody
/// else.
fn open_plain(path: &Path) -> io::Result<File> {
    if fs::symlink_metadata(path)?.file_type().is_symlink() {
        let message = "it is a symbolic link, and a checkpoint has its files in its own folder";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    regular::open(path)
}

#[cfg(test)]
mod tests;
