//! The folder of a run, and whether this recipe and this data may continue the run in it.
//!
//! ```text
//! RUN/lock               held while a process trains here
//!     recipe.toml        the resolved recipe, as it was when the run last began or went on
//!     run.json           what the run is: hashes of what decides its weights; program; machine
//!     metrics.jsonl      tensorboard/   checkpoints/   tokenizer/   model.safetensors   report.html
//! ```

mod differences;
mod file_names;
mod progress;
mod weights;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::code::{CodeDifference, CodeVersions};
use crate::lock::{Lock, LockError};
use crate::process;
use differences::{differences, in_short};
use electra_files::{disk, durable, regular, temporary};
use file_names::{FORMER_FILES, LOCK, RECIPE, RUN};

pub use progress::{PROGRESS, RunProgress, planned_steps};
pub use weights::{
    DamagedWeights, WEIGHTS_HASH, check_file_hash, check_final_weights, check_hash, check_weights,
    final_weights_hash, weights_hash,
};

/// The identity of a run: recipe, data, model, code, program and device, with which a resume is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunIdentity {
    /// The resolved recipe, for `recipe.toml`.
    pub recipe_text: String,
    /// Hash of what in it decides the weights.
    pub recipe_hash: String,
    /// Dotted keys of values and tables that are left out of that hash: they may change.
    pub free_keys: &'static [&'static str],
    /// Hash of the data folder's content.
    pub data_hash: String,
    /// Hashes of the content of each source of a mixture; none where the data is one folder.
    pub source_hashes: Vec<String>,
    /// Hash of the vocabulary and its settings.
    pub tokenizer_hash: String,
    /// Hash of the model that the run starts from, where it does not start from nothing.
    pub model_hash: Option<String>,
    /// Versions of what code decides.
    pub code: CodeVersions,
    /// The program's name and version.
    pub program_version: String,
    /// The device as the user names it, such as `flex` or `cuda:0`.
    pub device: String,
    /// Threads of the run.
    pub threads: usize,
}

/// A run folder that this process has locked.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    /// Whether the folder had been begun before.
    pub is_resumed: bool,
    /// The differences from the earlier start that do not forbid a resume, a sentence each: free keys of the
    /// recipe, and versions of code, the program's version, device or threads. A run that changes the latter
    /// is not bit for bit the same any more.
    pub changes: Vec<String>,
    recipe_text: String,
    _lock: Lock,
}

/// An error that keeps a folder from being used for a run.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum RunFolderError {
    /// A live process has it, or it cannot be locked.
    #[error("{0}")]
    Lock(
        #[from]
        #[diagnostic_source]
        LockError,
    ),
    /// The folder holds a run of another identity: another recipe, or other data for example.
    #[error("{path} holds a run with {what}")]
    #[diagnostic(help("give another folder, or go back to what this one was started with"))]
    Different {
        /// The run folder.
        path: PathBuf,
        /// "another recipe (...) and other data (...)"
        what: String,
    },
    /// The folder has files in it that no run wrote.
    #[error("{path} is not empty and not a run folder (it has {found} and no run.json)")]
    #[diagnostic(help("give another one"))]
    Foreign {
        /// The run folder.
        path: PathBuf,
        /// The name of one such file.
        found: String,
    },
    /// The description of the run cannot be understood.
    #[error("{path} is damaged: {source}")]
    #[diagnostic(help("restore it from a copy, or start over in another folder"))]
    Damaged {
        /// The path of `run.json`.
        path: PathBuf,
        /// The parser's error, with the place.
        source: serde_json::Error,
    },
    /// The file system refuses.
    #[error("cannot use {path}: {source}")]
    #[diagnostic(help("choose a folder that you may write to"))]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}

/// The contents of `run.json`.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Described {
    recipe_hash: String,
    data_hash: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    source_hashes: Vec<String>,
    tokenizer_hash: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    model_hash: Option<String>,
    #[serde(default, skip_serializing_if = "CodeVersions::is_first")]
    code: CodeVersions,
    program_version: String,
    device: String,
    threads: usize,
    /// Unix seconds of the first start.
    start: u64,
    machine: Option<Machine>,
}

/// The machine of the first start.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Machine {
    host: String,
    system: String,
    processor: Option<String>,
    cpus: usize,
    memory_mb: Option<u64>,
}

impl RunFolder {
    /// Locks the folder and begins a run in it, or finds that it holds the same run already.
    ///
    /// # Errors
    /// If another process trains there, the folder holds a run of another recipe, data or
    /// tokenizer, it holds something else altogether, or it cannot be written.
    pub fn create_or_resume(
        path: impl Into<PathBuf>,
        identity: &RunIdentity,
    ) -> Result<Self, RunFolderError> {
        let path = path.into();
        disk::create_folders(&path).map_err(at(&path))?;
        if !path.join(RUN).exists() {
            // Before the lock file appears in somebody else's folder.
            refuse_foreign(&path)?;
        }
        let lock = Lock::acquire(&path.join(LOCK))?;
        // What a process that was killed here has left.
        temporary::clear(&path, &FORMER_FILES).map_err(at(&path))?;
        let is_resumed = path.join(RUN).exists();
        let changes = if is_resumed {
            compare(&path, identity)?
        } else {
            describe(&path, identity)?;
            Vec::new()
        };
        Ok(Self { path, is_resumed, changes, recipe_text: identity.recipe_text.clone(), _lock: lock })
    }

    /// Makes `recipe.toml` say what the run goes on with. Not done by opening the folder: a run
    /// that is finished stays what it was.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn adopt_recipe(&self) -> Result<(), RunFolderError> {
        let recipe = self.recipe();
        if regular::read(&recipe).is_ok_and(|there| there == self.recipe_text.as_bytes()) {
            return Ok(());
        }
        durable::write(&recipe, self.recipe_text.as_bytes()).map_err(at(&recipe))
    }

    /// The folder itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The resolved recipe.
    #[must_use]
    pub fn recipe(&self) -> PathBuf {
        self.path.join(RECIPE)
    }

    /// The log of metrics.
    #[must_use]
    pub fn metrics(&self) -> PathBuf {
        self.path.join("metrics.jsonl")
    }

    /// The folder for TensorBoard's event files.
    #[must_use]
    pub fn tensorboard(&self) -> PathBuf {
        self.path.join("tensorboard")
    }

    /// The folder for checkpoints.
    #[must_use]
    pub fn checkpoints(&self) -> PathBuf {
        self.path.join("checkpoints")
    }

    /// The copy of the tokenizer.
    #[must_use]
    pub fn tokenizer(&self) -> PathBuf {
        self.path.join("tokenizer")
    }

    /// The final weights.
    #[must_use]
    pub fn model(&self) -> PathBuf {
        self.path.join("model.safetensors")
    }

    /// The path of the report.
    #[must_use]
    pub fn report(&self) -> PathBuf {
        self.path.join("report.html")
    }
}

fn at(path: &Path) -> impl Fn(io::Error) -> RunFolderError {
    move |source| RunFolderError::Io { path: path.to_owned(), source }
}

/// Anything but what a start that was killed before `run.json` may have left.
fn refuse_foreign(path: &Path) -> Result<(), RunFolderError> {
    for entry in fs::read_dir(path).map_err(at(path))? {
        let name = entry.map_err(at(path))?.file_name();
        let name = name.to_string_lossy();
        let stem = name.strip_suffix(".tmp").unwrap_or(&name);
        if ![RUN, RECIPE, LOCK].contains(&stem) && !temporary::is_temporary(&name) {
            return Err(RunFolderError::Foreign { path: path.to_owned(), found: name.into_owned() });
        }
    }
    Ok(())
}

/// `recipe.toml` first: the run has begun when `run.json` is there.
fn describe(path: &Path, identity: &RunIdentity) -> Result<(), RunFolderError> {
    let recipe = path.join(RECIPE);
    durable::write(&recipe, identity.recipe_text.as_bytes()).map_err(at(&recipe))?;
    let described = Described {
        recipe_hash: identity.recipe_hash.clone(),
        data_hash: identity.data_hash.clone(),
        source_hashes: identity.source_hashes.clone(),
        tokenizer_hash: identity.tokenizer_hash.clone(),
        model_hash: identity.model_hash.clone(),
        code: identity.code.clone(),
        program_version: identity.program_version.clone(),
        device: identity.device.clone(),
        threads: identity.threads,
        start: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs()),
        machine: Some(Machine {
            host: process::host(),
            system: process::system(),
            processor: process::cpu_model(),
            cpus: process::cpu_count(),
            memory_mb: process::total_memory().map(|bytes| bytes / 1_000_000),
        }),
    };
    let text = serde_json::to_string_pretty(&described).expect("plain JSON") + "\n";
    let run = path.join(RUN);
    durable::write(&run, text.as_bytes()).map_err(at(&run))
}

/// Refuses another recipe, data or tokenizer; returns the harmless differences.
fn compare(path: &Path, identity: &RunIdentity) -> Result<Vec<String>, RunFolderError> {
    let run = path.join(RUN);
    let text = regular::read_to_string(&run).map_err(at(&run))?;
    let described: Described =
        serde_json::from_str(&text).map_err(|source| RunFolderError::Damaged { path: run, source })?;

    let mut different = Vec::new();
    let recipe = regular::read_to_string(&path.join(RECIPE)).unwrap_or_default();
    let (free, binding) = differences(&recipe, &identity.recipe_text, identity.free_keys);
    if described.recipe_hash != identity.recipe_hash {
        different.push(format!("another recipe ({})", in_short(binding)));
    }
    for (what, there, here) in [
        ("other data", &described.data_hash, &identity.data_hash),
        ("another tokenizer", &described.tokenizer_hash, &identity.tokenizer_hash),
    ] {
        if there != here {
            different.push(format!("{what} (hash {} there, {} now)", short(there), short(here)));
        }
    }
    if described.data_hash != identity.data_hash {
        let sources = described.source_hashes.iter().zip(&identity.source_hashes).zip(1..);
        let changed = sources.filter(|((there, here), _)| there != here);
        different.extend(changed.map(|((there, here), number)| {
            format!("another source {number} (hash {} there, {} now)", short(there), short(here))
        }));
    }
    if described.model_hash != identity.model_hash {
        let [there, now] = [&described.model_hash, &identity.model_hash]
            .map(|hash| hash.as_deref().map_or("none", short).to_owned());
        different.push(format!("another model to start from (hash {there} there, {now} now)"));
    }
    if !different.is_empty() {
        return Err(RunFolderError::Different { path: path.to_owned(), what: different.join(" and ") });
    }

    let change = |what, there: &str, here: &str| {
        (there != here).then(|| format!("{what} was {there} when the run was started and is {here} now"))
    };
    let threads = [described.threads, identity.threads].map(|threads| threads.to_string());
    let machine = [
        change("the program", &described.program_version, &identity.program_version),
        change("the device", &described.device, &identity.device),
        change("the number of threads", &threads[0], &threads[1]),
    ];
    let code = described.code.differences(&identity.code);
    Ok(free
        .into_iter()
        .map(|difference| difference.sentence())
        .chain(code.iter().map(CodeDifference::sentence))
        .chain(machine.into_iter().flatten())
        .collect())
}

fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}

#[cfg(test)]
mod tests;
