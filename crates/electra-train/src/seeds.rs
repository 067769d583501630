//! Folder of several seeds of one recipe, and the copy of the best result in it.
//!
//! ```text
//! OUT/seed-1/ seed-2/ ...   a run each
//!     best/                 a copy of the best result
//!     best.partial/         that copy while earlier versions made it
//!     best.old/             the one before it, until theirs had its name
//!     summary.json          what is printed
//! ```

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use electra_files::staged::{self, NewFolder, StagedError};
use electra_files::{disk, regular, temporary};
use electra_run::run_folder::{DamagedWeights, check_weights};
use serde::Serialize;
use thiserror::Error;

use crate::layout::WEIGHTS;

/// Folder of the best result.
pub const BEST: &str = "best";
/// File of the summary.
pub const SUMMARY: &str = "summary.json";
/// The best result while earlier versions copied it.
const PARTIAL: &str = "best.partial";
/// The best result of before, until theirs had its name.
const OLD: &str = "best.old";

/// Files that a task leaves for each seed.
#[derive(Clone, Copy, Debug)]
pub struct SeedFiles {
    /// What the result is called: "tagger".
    pub noun: &'static str,
    /// What the best one is chosen by: "dev F1".
    pub measure: &'static str,
    /// Files of a run that belong to its result, the tokenizer's and the scores among them.
    pub of_result: &'static [&'static str],
    /// The file that is written last: a run that has it is finished.
    pub scores: &'static str,
    /// Seed and score in the content of that file.
    pub read_scores: fn(&[u8]) -> Option<(u64, f64)>,
}

/// Folder of the seeds of a recipe.
#[derive(Clone, Copy, Debug)]
pub struct SeedsFolder<'a> {
    /// The folder.
    pub path: &'a Path,
    /// Files of each seed.
    pub files: &'static SeedFiles,
}

/// Mean and deviation over seeds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// Mean.
    pub mean: f64,
    /// Sample standard deviation; none for one seed.
    pub sd: Option<f64>,
}

impl Spread {
    /// Of at least one value.
    #[must_use]
    pub fn of(values: &[f64]) -> Self {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        Self { mean, sd: (values.len() > 1).then(|| (squares / (n - 1.0)).sqrt()) }
    }
}

/// Why a folder cannot hold the seeds, or the best result not be put there.
#[derive(Debug, Error)]
pub enum SeedsFolderError {
    /// It is a file.
    #[error("{0} is a file, not a folder; give a folder with --out")]
    File(PathBuf),
    /// The model to start from is in it.
    #[error(
        "{model}, the model to start from, lies in {out}, where the best {noun} would take its place; \
         give another folder with --out"
    )]
    ModelInside {
        /// The model.
        model: PathBuf,
        /// The folder.
        out: PathBuf,
        /// What the result is called.
        noun: &'static str,
    },
    /// It is the folder of something else.
    #[error("{path} holds {found}, which fine-tuning does not write; give another folder with --out")]
    Foreign {
        /// The folder.
        path: PathBuf,
        /// One of its entries.
        found: String,
    },
    /// What looks as if fine-tuning had written it has no run beside it.
    #[error(
        "{path} holds {found} and no seed-N that it could be from; \
         move it away, or give another folder with --out"
    )]
    NoSeed {
        /// The folder.
        path: PathBuf,
        /// One of its entries.
        found: String,
    },
    /// What lies where the best result goes was not put there by fine-tuning.
    #[error("{path} {what}, and would be lost; move it away, or give another folder with --out")]
    ForeignBest {
        /// The folder of the best result.
        path: PathBuf,
        /// "holds ..., which is no part of a tagger"
        what: String,
    },
    /// The run that the best result is from is gone, and the result would be as well.
    #[error(
        "{path} is the {noun} of seed {seed} with a {measure} of {:.2}, and the folder has no finished run of that seed \
         any more: the {noun} would be lost; move it away, or give another folder with --out",
        100.0 * score,
        noun = .files.noun,
        measure = .files.measure
    )]
    Orphan {
        /// The folder of the best result.
        path: PathBuf,
        /// The seed.
        seed: u64,
        /// Its score, from 0 to 1.
        score: f64,
        /// How the task calls both.
        files: &'static SeedFiles,
    },
    /// The result was not copied whole.
    #[error(transparent)]
    Weights(#[from] DamagedWeights),
    /// The file system refuses.
    #[error("cannot use {path}: {source}; give a folder that you may write to with --out")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl From<StagedError> for SeedsFolderError {
    fn from(error: StagedError) -> Self {
        let (path, source) = error.into_parts();
        Self::Io { path, source }
    }
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
        let is_of_result = |name: &str| of_result.contains(&name) && folder.join(name).is_file();
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
        let new = NewFolder::begin_in_turn(&best)?;
        for name in self.files.of_result {
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
mod tests {
    use super::*;

    const SCORES: &str = "scores.json";
    const HF_CONFIG: &str = "config.json";
    const TAGGER_SETTINGS: &str = "tagger.json";

    fn read_scores(bytes: &[u8]) -> Option<(u64, f64)> {
        let scores: serde_json::Value = serde_json::from_slice(bytes).ok()?;
        Some((scores["seed"].as_u64()?, scores["dev"]["f1"].as_f64()?))
    }

    static FILES: SeedFiles = SeedFiles {
        noun: "tagger",
        measure: "dev F1",
        of_result: &[HF_CONFIG, WEIGHTS, TAGGER_SETTINGS, "vocab.txt", SCORES],
        scores: SCORES,
        read_scores,
    };

    fn of(path: &Path) -> SeedsFolder<'_> {
        SeedsFolder { path, files: &FILES }
    }

    fn claim(out: &Path, model: Option<&Path>) -> Result<(), SeedsFolderError> {
        of(out).claim(model)
    }

    fn keep_best(run: &Path, out: &Path) -> Result<PathBuf, SeedsFolderError> {
        of(out).keep_best(run)
    }

    fn check_best(out: &Path, asked: &[u64]) -> Result<(), SeedsFolderError> {
        of(out).check_best(asked)
    }

    #[test]
    fn one_seed_has_no_deviation() {
        assert_eq!(Spread::of(&[0.5]), Spread { mean: 0.5, sd: None });
        // Deviations -1, 0, 1 of three values: variance 2 / 2.
        assert_eq!(Spread::of(&[1.0, 2.0, 3.0]), Spread { mean: 2.0, sd: Some(1.0) });
    }

    /// The smallest file that is safetensors.
    const NO_WEIGHTS: &[u8] = b"\x02\0\0\0\0\0\0\0{}";

    /// A folder with a finished seed, and its tagger in `best` as well.
    fn out() -> tempfile::TempDir {
        let out = tempfile::tempdir().unwrap();
        let run = out.path().join("seed-1");
        fs::create_dir(&run).unwrap();
        for name in [HF_CONFIG, TAGGER_SETTINGS, "vocab.txt", SCORES, "run.json", "metrics.jsonl"] {
            fs::write(run.join(name), name).unwrap();
        }
        fs::write(run.join(WEIGHTS), NO_WEIGHTS).unwrap();
        keep_best(&run, out.path()).unwrap();
        fs::write(out.path().join(SUMMARY), "{}").unwrap();
        out
    }

    #[track_caller]
    fn refused(out: &Path, parts: &[&str]) {
        let error = claim(out, None).unwrap_err().to_string();
        for part in parts {
            assert!(error.contains(part), "{part:?} is not in {error}");
        }
        assert!(error.contains("; ") && error.contains("--out"), "{error}");
    }

    #[test]
    fn best_is_the_tagger_of_the_run_and_nothing_else_of_it() {
        let out = out();
        assert_eq!(
            names(&out.path().join(BEST)).unwrap(),
            [HF_CONFIG, WEIGHTS, SCORES, TAGGER_SETTINGS, "vocab.txt"]
        );
        assert_eq!(names(out.path()).unwrap(), [BEST, "seed-1", SUMMARY]);
        claim(out.path(), None).unwrap();
        claim(&out.path().join("new"), None).unwrap();
    }

    #[test]
    fn folders_of_something_else_are_refused_by_an_entry_of_theirs() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        claim(path, None).unwrap();
        fs::write(path.join(".hidden"), "").unwrap();
        claim(path, None).unwrap();
        fs::write(path.join("corpus.txt"), "").unwrap();
        refused(path, &["holds corpus.txt, which fine-tuning does not write"]);
        refused(&path.join("corpus.txt"), &["corpus.txt is a file, not a folder"]);
        refused(&path.join("corpus.txt/out"), &["corpus.txt/out", "Not a directory"]);

        let out = out();
        fs::write(out.path().join("seed-2"), "").unwrap();
        refused(out.path(), &["holds seed-2"]);
    }

    #[test]
    fn a_model_is_not_overwritten_by_what_is_made_of_it() {
        let out = out();
        for model in [BEST, "seed-1", "seed-1/../best", ""] {
            let error = claim(out.path(), Some(&out.path().join(model))).unwrap_err();
            assert!(matches!(error, SeedsFolderError::ModelInside { .. }), "{model}: {error}");
        }
        let elsewhere = tempfile::tempdir().unwrap();
        claim(out.path(), Some(elsewhere.path())).unwrap();
        let link = elsewhere.path().join("link");
        std::os::unix::fs::symlink(out.path().join(BEST), &link).unwrap();
        let error = claim(out.path(), Some(&link)).unwrap_err().to_string();
        assert!(error.contains("link, the model to start from") && error.contains("--out"), "{error}");
    }

    #[test]
    fn what_no_seed_has_made_is_not_ours_to_replace() {
        let out = out();
        fs::rename(out.path().join("seed-1"), out.path().join(".elsewhere")).unwrap();
        refused(out.path(), &["holds best and no seed-N"]);
    }

    #[test]
    fn the_best_tagger_is_not_replaced_when_its_run_is_gone() {
        let out = out();
        let split = r#"{"hash": "", "precision": 0.5, "recall": 0.5, "f1": 0.269}"#;
        let scores = format!(
            r#"{{"seed": 2, "steps": 9, "epochs": 3, "best_epoch": 1, "dev": {split}, "test": null}}"#
        );
        fs::write(out.path().join(BEST).join(SCORES), scores).unwrap();
        let error = check_best(out.path(), &[1, 3]).unwrap_err().to_string();
        for part in ["best is the tagger of seed 2", "26.90", "; move it away", "--out"] {
            assert!(error.contains(part), "{part:?} is not in {error}");
        }
        check_best(out.path(), &[1, 2]).unwrap();
        fs::create_dir(out.path().join("seed-2")).unwrap();
        assert!(check_best(out.path(), &[1]).is_err(), "a run that is not finished has no tagger");
        fs::write(out.path().join("seed-2").join(SCORES), "").unwrap();
        check_best(out.path(), &[1]).unwrap();
        assert_eq!(of(out.path()).seeds(), [1, 2]);
    }

    #[test]
    fn files_of_somebody_else_in_best_are_not_lost() {
        for name in [BEST, PARTIAL, OLD] {
            let out = out();
            let folder = out.path().join(name);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("notes.txt"), "mine").unwrap();
            refused(out.path(), &[name, "holds notes.txt", "would be lost"]);
            fs::remove_file(folder.join("notes.txt")).unwrap();
            claim(out.path(), None).unwrap();
        }
        // A model of transformers has files of the same names.
        let out = out();
        let best = out.path().join(BEST);
        fs::remove_file(best.join(SCORES)).unwrap();
        refused(out.path(), &["holds config.json and no scores.json"]);
        fs::remove_dir_all(&best).unwrap();
        std::os::unix::fs::symlink(out.path().join("seed-1"), &best).unwrap();
        refused(out.path(), &["best is no folder"]);
    }

    #[test]
    fn a_kill_at_any_moment_of_the_copy_leaves_a_whole_tagger_that_is_found_again() {
        let out = out();
        let [best, partial, old] = [BEST, PARTIAL, OLD].map(|name| out.path().join(name));
        let run = out.path().join("seed-1");
        // Within the copy of an earlier version.
        fs::create_dir(&partial).unwrap();
        fs::write(partial.join(WEIGHTS), "half").unwrap();
        claim(out.path(), None).unwrap();
        // Between the two names.
        fs::rename(&best, &old).unwrap();
        claim(out.path(), None).unwrap();
        assert_eq!(fs::read(best.join(WEIGHTS)).unwrap(), NO_WEIGHTS);
        // Before the old one was removed, and within its removal.
        fs::create_dir(&old).unwrap();
        fs::write(old.join(HF_CONFIG), "old").unwrap();
        claim(out.path(), None).unwrap();
        assert_eq!(keep_best(&run, out.path()).unwrap(), best);
        assert_eq!(names(out.path()).unwrap(), [BEST, "seed-1", SUMMARY]);
    }

    #[test]
    fn a_tagger_that_is_damaged_does_not_take_the_place_of_a_whole_one() {
        let out = out();
        let run = out.path().join("seed-1");
        fs::write(run.join(WEIGHTS), &NO_WEIGHTS[..9]).unwrap();
        let error = keep_best(&run, out.path()).unwrap_err();
        assert!(matches!(error, SeedsFolderError::Weights(_)), "{error}");
        assert_eq!(fs::read(out.path().join(BEST).join(WEIGHTS)).unwrap(), NO_WEIGHTS);
    }
}
