//! What a build finds in its place: what is replaced, what is cleared away, and what is left alone.

use electra_files::shown::with_help;
use electra_text::build::{BuildError, BuildOutcome, BuildRequest, Part, build, build_part, merge};
use electra_text::manifest::Manifest;
use electra_text::verify::verify;

use super::built;
use crate::support::{corpus_text, request, write};

#[test]
fn the_same_request_finds_its_result_and_another_is_refused_without_force() {
    let folder = tempfile::tempdir().unwrap();
    let input = write(folder.path(), "a.txt", corpus_text(50, 7));
    let mut request = request(vec![input.clone()], folder.path().join("data"));
    let first = built(&request);
    assert!(matches!(build(&request, |_| {}).unwrap(), BuildOutcome::Before(manifest) if manifest == first));

    // Another setting, or the same file with other content, is other data.
    request.pack.seq_len = 64;
    let error = build(&request, |_| {}).unwrap_err();
    assert!(
        with_help(&error).ends_with("; choose another folder, or have this one replaced"),
        "{}",
        with_help(&error)
    );
    request.pack.seq_len = 32;
    write(folder.path(), "a.txt", corpus_text(50, 8));
    assert!(matches!(build(&request, |_| {}), Err(BuildError::OutputOccupied { .. })));
    assert_eq!(Manifest::read(&request.out).unwrap(), first);

    request.force = true;
    let second = built(&request);
    assert_ne!(second.data_hash, first.data_hash);
    assert_eq!(Manifest::read(&request.out).unwrap(), second);
    let left: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "only the corpus and the data are left: {left:?}");
}

#[test]
fn a_folder_that_is_no_data_folder_is_never_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let input = write(folder.path(), "a.txt", corpus_text(20, 9));
    write(folder.path(), "home/thesis.tex", "precious");
    let mut request = request(vec![input], folder.path().join("home"));
    request.force = true;
    assert!(matches!(build(&request, |_| {}), Err(BuildError::OutputOccupied { .. })));
    assert_eq!(std::fs::read_to_string(folder.path().join("home/thesis.tex")).unwrap(), "precious");
}

/// With `force` the whole folder is replaced: whatever else lies in it would be lost.
#[test]
fn data_that_holds_something_else_as_well_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let input = write(folder.path(), "a.txt", corpus_text(50, 7));
    let mut data = request(vec![input.clone()], at("data"));
    data.pack.seq_len = 64;
    built(&data);
    let part = request(vec![input.clone()], at("part"));
    let one = Part { number: 1, of: 1 };
    build_part(&part, one, |_| {}).unwrap();
    let refused = |error: BuildError, name: &str| {
        let BuildError::OutputHoldsOthers { entry, .. } = &error else { panic!("{error}") };
        assert_eq!(*entry, at(name));
        assert!(with_help(&error).contains("would be lost; move"), "{error}");
        assert_eq!(std::fs::read_to_string(at(name)).unwrap(), "the only copy");
        std::fs::remove_file(at(name)).unwrap();
    };
    for name in ["notes.txt", "tokenizer/notes.txt", "train-1.ids", "train-00000.ids.old", ".hidden"] {
        // The corpus itself, in the folder that it is to become.
        let path = write(folder.path(), &format!("data/{name}"), "the only copy");
        let inputs = vec![if name.ends_with(".txt") { path } else { input.clone() }];
        let mut request = request(inputs, at("data"));
        request.force = true;
        refused(build(&request, |_| {}).unwrap_err(), &format!("data/{name}"));
        request.inputs = vec![input.clone()];
        request.pack.seq_len = 64;
        write(folder.path(), &format!("data/{name}"), "the only copy");
        refused(merge(&[at("part")], &at("data"), true, |_, _| {}).unwrap_err(), &format!("data/{name}"));
        request.out = at("part");
        write(folder.path(), &format!("part/{name}"), "the only copy");
        refused(build_part(&request, one, |_| {}).unwrap_err(), &format!("part/{name}"));
    }
    // Damaged data, and a part, are still replaced.
    write(folder.path(), "data/manifest.json", "{}");
    let force = |out: &str| BuildRequest { force: true, ..request(vec![input.clone()], at(out)) };
    built(&force("data"));
    // Nor are parts by what is made of them.
    let error = merge(&[at("part")], &at("part"), true, |_, _| {}).unwrap_err();
    assert!(error.to_string().contains("part cannot be a data folder: it is one of the parts"), "{error}");
    built(&force("part"));
}

#[test]
fn what_a_killed_build_left_behind_is_cleared_away() {
    let folder = tempfile::tempdir().unwrap();
    let input = write(folder.path(), "a.txt", corpus_text(20, 9));
    write(folder.path(), ".data.building/train-00000.ids", "half a shard");
    let request = request(vec![input], folder.path().join("data"));
    built(&request);
    verify(&request.out, |_, _| {}).unwrap();
    assert!(!folder.path().join(".data.building").exists());
}

#[test]
fn two_builds_do_not_write_to_the_same_folder_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let input = write(folder.path(), "a.txt", corpus_text(20, 9));
    let lock = std::fs::File::create(folder.path().join(".data.lock")).unwrap();
    lock.lock().unwrap();
    let request = request(vec![input], folder.path().join("data"));
    assert!(matches!(build(&request, |_| {}), Err(BuildError::OutputBusy { .. })));
    lock.unlock().unwrap();
    built(&request);
}
