//! Folder of several seeds of one recipe, and the copy of the best result in it.
//!
//! ```text
//! OUT/seed-1/ seed-2/ ...   a run each
//!     best/                 a copy of the best result
//!     best.partial/         that copy while earlier versions made it
//!     best.old/             the one before it, until theirs had its name
//!     summary.json          what is printed
//! ```

mod error;
mod files;
mod spread;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use electra_files::staged::{self, NewFolder};
use electra_files::{disk, regular, temporary};
use electra_run::run_folder::check_weights;

use crate::layout::WEIGHTS;

pub use error::SeedsFolderError;
pub use files::SeedFiles;
pub use spread::Spread;

/// Folder of the best result.
pub const BEST: &str = "best";
/// File of the summary.
pub const SUMMARY: &str = "summary.json";
/// The best result while earlier versions copied it.
const PARTIAL: &str = "best.partial";
/// The best result of before, until theirs had its name.
const OLD: &str = "best.old";

/// Folder of the seeds of a recipe.
#[derive(Clone, Copy, Debug)]
pub struct SeedsFolder<'a> {
    /// The path of the folder.
    pub path: &'a Path,
    /// Files of each seed.
    pub files: &'static SeedFiles,
}

fn at(path: &Path) -> impl Fn(io::Error) -> SeedsFolderError {
    move |source| SeedsFolderError::Io { path: path.to_owned(), source }
}

impl SeedsFolder<'_> {
    /// Refuses a folder in which something would be lost, before anything is written: the `model` to
    /// start from, if it lies in a folder, or what is not ours. What a copy that was killed between two
    /// names has left gets its name back.
    ///
    /// # Errors
    /// What is there, and whose it may be.
    pub fn claim(&self, model: Option<&Path>) -> Result<(), SeedsFolderError> {
        let out = self.path;
        match out.metadata() {
            Ok(there) if there.is_dir() => {}
            Ok(_) => return Err(SeedsFolderError::File(out.to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(at(out)(error)),
        }
        if let Some(model) = model
            && let (Ok(inner), Ok(outer)) = (model.canonicalize(), out.canonicalize())
            && inner.starts_with(outer)
        {
            return Err(SeedsFolderError::ModelInside {
                model: model.to_owned(),
                out: out.to_owned(),
                noun: self.files.noun,
            });
        }
        staged::recover(&out.join(BEST))?;
        let names = names(out)?;
        // Those that begin with a dot belong to the system.
        let others: Vec<&String> =
            names.iter().filter(|name| !name.starts_with('.') && !is_seed(out, name)).collect();
        // A crash may leave a file under the name that it has while it is written.
        let is_ours = |name: &str| {
            [BEST, PARTIAL, OLD].contains(&name) || name.strip_suffix(".tmp").unwrap_or(name) == SUMMARY
        };
        let folder = || out.to_owned();
        if let Some(found) = others.iter().find(|name| !is_ours(name)) {
            return Err(SeedsFolderError::Foreign { path: folder(), found: (*found).clone() });
        }
        if let Some(found) = others.first()
            && !names.iter().any(|name| is_seed(out, name))
        {
            return Err(SeedsFolderError::NoSeed { path: folder(), found: (*found).clone() });
        }
        for name in [BEST, PARTIAL, OLD] {
            self.refuse_foreign(&out.join(name), name == BEST)?;
        }
        let (best, old) = (out.join(BEST), out.join(OLD));
        if old.exists() && !best.exists() {
            disk::rename(&old, &best).map_err(at(&best))?;
        }
        for name in names.iter().filter(|name| is_seed(out, name)) {
            disk::refuse_link(&out.join(name)).map_err(at(&out.join(name)))?;
        }
        Ok(())
    }

    /// Refuses to replace a best result of which nothing else is left: its seed is neither finished nor
    /// among those `asked` for.
    ///
    /// # Errors
    /// The result.
    pub fn check_best(&self, asked: &[u64]) -> Result<(), SeedsFolderError> {
        let path = self.path.join(BEST);
        // What cannot be read says of no seed that it is better.
        let scores = regular::read(&path.join(self.files.scores)).ok();
        let Some((seed, score)) = scores.and_then(|bytes| (self.files.read_scores)(&bytes)) else {
            return Ok(());
        };
        if asked.contains(&seed) || self.is_finished(seed) {
            return Ok(());
        }
        Err(SeedsFolderError::Orphan { path, seed, score, files: self.files })
    }

    /// Folder of a seed's run.
    #[must_use]
    pub fn run_of(&self, seed: u64) -> PathBuf {
        self.path.join(format!("seed-{seed}"))
    }

    /// Seeds that have a folder here, ascending.
    #[must_use]
    pub fn seeds(&self) -> Vec<u64> {
        let names = names(self.path).unwrap_or_default();
        let mut seeds: Vec<u64> = names.iter().filter_map(|name| seed_of(self.path, name)).collect();
        seeds.sort_unstable();
        seeds
    }

    /// Seeds whose runs stand finished here, ascending.
    #[must_use]
    pub fn finished(&self) -> Vec<u64> {
        let mut seeds = self.seeds();
        seeds.retain(|&seed| self.is_finished(seed));
        seeds
    }

    /// Whether the run of a seed has come to its end.
    #[must_use]
    pub fn is_finished(&self, seed: u64) -> bool {
        self.run_of(seed).join(self.files.scores).is_file()
    }

    /// Refuses a folder that holds anything but files of a result; one that `is_whole` has its scores.
    fn refuse_foreign(&self, folder: &Path, is_whole: bool) -> Result<(), SeedsFolderError> {
        let foreign = |what: String| Err(SeedsFolderError::ForeignBest { path: folder.to_owned(), what });
        match folder.symlink_metadata() {
            Ok(there) if there.is_dir() => {}
            Ok(_) => return foreign("is no folder".to_owned()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(at(folder)(error)),
        }
        let names = names(folder)?;
        let SeedFiles { noun, of_result, scores, .. } = *self.files;
        let is_of_result =
            |name: &str| of_result.iter().any(|list| list.contains(&name)) && folder.join(name).is_file();
        if let Some(found) = names.iter().find(|name| !is_of_result(name)) {
            return foreign(format!("holds {found}, which is no part of a {noun}"));
        }
        if is_whole && !names.is_empty() && !names.iter().any(|name| name == scores) {
            return foreign(format!("holds {} and no {scores}, so fine-tuning has not written it", names[0]));
        }
        Ok(())
    }

    /// Copies the result of `run` to the folder of the best one. At every moment a whole one is there.
    ///
    /// # Errors
    /// The file that cannot be copied, or is damaged.
    pub fn keep_best(&self, run: &Path) -> Result<PathBuf, SeedsFolderError> {
        let (out, best) = (self.path, self.path.join(BEST));
        // The run of another seed may come to its end at the same time.
        let new = NewFolder::begin_when_free(&best)?;
        for name in self.files.of_result.iter().copied().flatten() {
            let from = run.join(name);
            if from.is_file() {
                new.copy(&from, name)?;
            }
        }
        check_weights(&new.path().join(WEIGHTS))?;
        temporary::clear(out, &[SUMMARY]).map_err(at(out))?;
        new.commit()?;
        for earlier in [PARTIAL, OLD].map(|name| out.join(name)) {
            disk::clear(&earlier).map_err(at(&earlier))?;
        }
        Ok(best)
    }
}

fn seed_of(out: &Path, name: &str) -> Option<u64> {
    name.strip_prefix("seed-")?.parse().ok().filter(|_| out.join(name).is_dir())
}

fn is_seed(out: &Path, name: &str) -> bool {
    seed_of(out, name).is_some()
}

/// Names in a folder, sorted.
fn names(folder: &Path) -> Result<Vec<String>, SeedsFolderError> {
    let name = |entry: io::Result<fs::DirEntry>| Ok(entry?.file_name().to_string_lossy().into_owned());
    let names = fs::read_dir(folder).and_then(|entries| entries.map(name).collect::<io::Result<Vec<_>>>());
    let mut names = names.map_err(at(folder))?;
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests;
