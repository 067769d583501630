//! The folder that the seeds share: what may lie in it, and how the best tagger gets its name there.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use electra_files::staged::{self, NewFolder, StagedError};
use electra_files::{disk, regular, temporary};
use electra_run::run_folder::{DamagedWeights, check_weights};
use electra_text::wordpiece::SAVED_FILES;
use electra_train::layout::{HF_CONFIG, TAGGER_SETTINGS, WEIGHTS};
use thiserror::Error;

use super::{BEST, SUMMARY, run_of};
use crate::finetune::{Outcome, PREDICTIONS_DEV, PREDICTIONS_TEST, SCORES};
use crate::model_card::README;
use crate::tagger_folder::CRF_SCORES;

/// The best tagger while earlier versions copied it.
const PARTIAL: &str = "best.partial";
/// The best tagger of before, until theirs had its name.
const OLD: &str = "best.old";

/// What of a run belongs to its tagger, beside the tokenizer's files.
const OF_A_TAGGER: [&str; 9] = [
    HF_CONFIG,
    WEIGHTS,
    CRF_SCORES,
    TAGGER_SETTINGS,
    README,
    "recipe.toml",
    SCORES,
    PREDICTIONS_DEV,
    PREDICTIONS_TEST,
];

/// Why a folder cannot hold the seeds, or the best tagger not be put there.
#[derive(Debug, Error)]
pub enum OutFolderError {
    /// It is a file.
    #[error("{0} is a file, not a folder; give a folder with --out")]
    File(PathBuf),
    /// The model to start from is in it.
    #[error(
        "{model}, the model to start from, lies in {out}, where the best tagger would take its place; \
         give another folder with --out"
    )]
    ModelInside {
        /// The model.
        model: PathBuf,
        /// The folder.
        out: PathBuf,
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
    /// What lies where the best tagger goes was not put there by fine-tuning.
    #[error("{path} {what}, and would be lost; move it away, or give another folder with --out")]
    ForeignBest {
        /// The folder of the best tagger.
        path: PathBuf,
        /// "holds ..., which is no part of a tagger"
        what: String,
    },
    /// The run that the best tagger is from is gone, and the tagger would be as well.
    #[error(
        "{path} is the tagger of seed {seed} with a dev F1 of {:.2}, and the folder has no finished run of that seed \
         any more: the tagger would be lost; move it away, or give another folder with --out", 100.0 * dev_f1
    )]
    Orphan {
        /// The folder of the best tagger.
        path: PathBuf,
        /// The seed.
        seed: u64,
        /// F1 on the development data.
        dev_f1: f64,
    },
    /// The tagger was not copied whole.
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

impl From<StagedError> for OutFolderError {
    fn from(error: StagedError) -> Self {
        let (path, source) = error.into_parts();
        Self::Io { path, source }
    }
}

fn at(path: &Path) -> impl Fn(io::Error) -> OutFolderError {
    move |source| OutFolderError::Io { path: path.to_owned(), source }
}

/// Refuses a folder in which something would be lost, before anything is written: the `model` to
/// start from, if it lies in a folder, or what is not ours. What a copy that was killed between two
/// names has left gets its name back.
///
/// # Errors
/// What is there, and whose it may be.
pub(super) fn claim(out: &Path, model: Option<&Path>) -> Result<(), OutFolderError> {
    match out.metadata() {
        Ok(there) if there.is_dir() => {}
        Ok(_) => return Err(OutFolderError::File(out.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(at(out)(error)),
    }
    if let Some(model) = model
        && let (Ok(inner), Ok(outer)) = (model.canonicalize(), out.canonicalize())
        && inner.starts_with(outer)
    {
        return Err(OutFolderError::ModelInside { model: model.to_owned(), out: out.to_owned() });
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
        return Err(OutFolderError::Foreign { path: folder(), found: (*found).clone() });
    }
    if let Some(found) = others.first()
        && !names.iter().any(|name| is_seed(out, name))
    {
        return Err(OutFolderError::NoSeed { path: folder(), found: (*found).clone() });
    }
    for name in [BEST, PARTIAL, OLD] {
        refuse_foreign(&out.join(name), name == BEST)?;
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

/// Refuses to replace a best tagger of which nothing else is left: its seed is neither finished nor
/// among those `asked` for.
///
/// # Errors
/// The tagger.
pub(super) fn check_best(out: &Path, asked: &[u64]) -> Result<(), OutFolderError> {
    let path = out.join(BEST);
    // What cannot be read says of no seed that it is better.
    let read = || serde_json::from_slice::<Outcome>(&regular::read(&path.join(SCORES)).ok()?).ok();
    let Some(Outcome { seed, dev, .. }) = read() else { return Ok(()) };
    if asked.contains(&seed) || is_finished(out, seed) {
        return Ok(());
    }
    Err(OutFolderError::Orphan { path, seed, dev_f1: dev.f1 })
}

/// Seeds that have a folder in `out`, ascending.
pub(super) fn seeds_in(out: &Path) -> Vec<u64> {
    let names = names(out).unwrap_or_default();
    let mut seeds: Vec<u64> = names.iter().filter_map(|name| seed_of(out, name)).collect();
    seeds.sort_unstable();
    seeds
}

/// Whether the run of a seed has come to its end.
pub(super) fn is_finished(out: &Path, seed: u64) -> bool {
    run_of(out, seed).join(SCORES).is_file()
}

fn seed_of(out: &Path, name: &str) -> Option<u64> {
    name.strip_prefix("seed-")?.parse().ok().filter(|_| out.join(name).is_dir())
}

fn is_seed(out: &Path, name: &str) -> bool {
    seed_of(out, name).is_some()
}

/// Names in a folder, sorted.
fn names(folder: &Path) -> Result<Vec<String>, OutFolderError> {
    let name = |entry: io::Result<fs::DirEntry>| Ok(entry?.file_name().to_string_lossy().into_owned());
    let names = fs::read_dir(folder).and_then(|entries| entries.map(name).collect::<io::Result<Vec<_>>>());
    let mut names = names.map_err(at(folder))?;
    names.sort();
    Ok(names)
}

/// Refuses a folder that holds anything but files of a tagger; one that `is_whole` has its scores.
fn refuse_foreign(folder: &Path, is_whole: bool) -> Result<(), OutFolderError> {
    let foreign = |what: String| Err(OutFolderError::ForeignBest { path: folder.to_owned(), what });
    match folder.symlink_metadata() {
        Ok(there) if there.is_dir() => {}
        Ok(_) => return foreign("is no folder".to_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(at(folder)(error)),
    }
    let names = names(folder)?;
    let is_of_a_tagger = |name: &str| {
        (OF_A_TAGGER.contains(&name) || SAVED_FILES.contains(&name)) && folder.join(name).is_file()
    };
    if let Some(found) = names.iter().find(|name| !is_of_a_tagger(name)) {
        return foreign(format!("holds {found}, which is no part of a tagger"));
    }
    if is_whole && !names.is_empty() && !names.iter().any(|name| name == SCORES) {
        return foreign(format!("holds {} and no {SCORES}, so fine-tuning has not written it", names[0]));
    }
    Ok(())
}

/// Copies the tagger of `run` to the folder of the best one. At every moment a whole tagger is
/// there.
///
/// # Errors
/// The file that cannot be copied, or is damaged.
pub(super) fn keep_best(run: &Path, out: &Path) -> Result<PathBuf, OutFolderError> {
    let best = out.join(BEST);
    // The run of another seed may come to its end at the same time.
    let new = NewFolder::begin_in_turn(&best)?;
    for name in OF_A_TAGGER.iter().chain(&SAVED_FILES) {
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

#[cfg(test)]
mod tests {
    use super::*;

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
            assert!(matches!(error, OutFolderError::ModelInside { .. }), "{model}: {error}");
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
        assert_eq!(seeds_in(out.path()), [1, 2]);
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
        assert!(matches!(error, OutFolderError::Weights(_)), "{error}");
        assert_eq!(fs::read(out.path().join(BEST).join(WEIGHTS)).unwrap(), NO_WEIGHTS);
    }
}
