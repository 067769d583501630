//! Folders of seeds: claimed, refused, and the best result in them.

use electra_files::shown::with_help;

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
    of_result: &[&[HF_CONFIG, WEIGHTS, TAGGER_SETTINGS], &["vocab.txt", SCORES]],
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
    let error = with_help(&claim(out, None).unwrap_err());
    for part in parts {
        assert!(error.contains(part), "{part:?} is not in {error}");
    }
    assert!(error.contains("; "), "{error}");
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
    let error = with_help(&claim(out.path(), Some(&link)).unwrap_err());
    assert!(error.contains("link, the model to start from") && error.contains("; "), "{error}");
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
    let scores =
        format!(r#"{{"seed": 2, "steps": 9, "epochs": 3, "best_epoch": 1, "dev": {split}, "test": null}}"#);
    fs::write(out.path().join(BEST).join(SCORES), scores).unwrap();
    let error = with_help(&check_best(out.path(), &[1, 3]).unwrap_err());
    for part in ["best is the tagger of seed 2", "26.90", "; move it away"] {
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
