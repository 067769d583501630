//! Runs that failed: their files, and what is refused.

use std::fs;

use super::*;
use crate::record::read_folder;
use crate::record::tests::result;

/// A run of arm and seed that diverged after 14 of 20 steps.
pub(crate) fn diverged(arm: &str, seed: u64) -> FailedRun {
    FailedRun { run: result(arm, seed, 0.5).run, failed: Failed { step: 14, reason: Reason::Diverged } }
}

#[test]
fn a_failed_run_has_the_file_of_its_result_until_there_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let run = diverged("high", 2);
    let path = run.write(folder.path()).unwrap();
    assert!(path.ends_with("high.seed-2.json"));
    result("high", 1, 0.5).write(folder.path()).unwrap();
    let results = read_folder(folder.path()).unwrap();
    assert_eq!((results.finished.len(), results.failed.len()), (1, 1));
    assert_eq!(results.failed[0], (path.clone(), run));
    // What reads results alone refuses it by its name and says what it misses.
    let error = ResultRecord::read(&path).unwrap_err().to_string();
    assert!(error.contains("high.seed-2.json") && error.contains("missing field `heldout`"), "{error}");
    result("high", 2, 0.5).write(folder.path()).unwrap();
    let results = read_folder(folder.path()).unwrap();
    assert_eq!((results.finished.len(), results.failed.len()), (2, 0));
}

#[test]
fn failed_runs_that_cannot_be_are_refused_and_so_are_two_of_one_seed() {
    let folder = tempfile::tempdir().unwrap();
    let run = diverged("high", 2);
    let path = run.write(folder.path()).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    for (from, to, expected) in [
        ("\"step\":14", "\"step\":21", "`failed.step` is 21, expected 0 to 20"),
        ("diverged\"", "bored\"", "unknown variant `bored`"),
        ("\"flops\": 2", "\"flops\": -2", "`flops` is -2"),
        ("\"seed\"", "\"heldout\": {}, \"seed\"", "unknown field `heldout`"),
        ("\"high\"", "\"../high\"", "`arm` is \"../high\""),
    ] {
        assert!(text.contains(from), "{from} is not in {text}");
        fs::write(&path, text.replace(from, to)).unwrap();
        let error = read_folder(folder.path()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    fs::write(&path, &text).unwrap();
    fs::write(folder.path().join("other.json"), result("high", 2, 0.5).text()).unwrap();
    let error = read_folder(folder.path()).unwrap_err().to_string();
    assert!(error.contains("high.seed-2.json") && error.contains("other.json"), "{error}");
}
