//! Folders that may be used for a run, and those that may not.

use electra_files::shown::with_help;

use super::*;

fn identity() -> RunIdentity {
    RunIdentity {
        recipe_text: "recipe_version = 1\nseed = 1\n\n[train]\nbatch_size = 32\nsteps = 10\n".to_owned(),
        recipe_hash: "recipe".to_owned(),
        free_keys: &["data.path", "log"],
        data_hash: "data".to_owned(),
        source_hashes: vec![],
        tokenizer_hash: "tokenizer".to_owned(),
        model_hash: None,
        code: CodeVersions::default(),
        program_version: "electra 0.1.0".to_owned(),
        device: "flex".to_owned(),
        threads: 2,
    }
}

fn refused(path: &Path, identity: &RunIdentity) -> String {
    with_help(&RunFolder::create_or_resume(path, identity).unwrap_err())
}

#[test]
fn a_new_folder_is_begun_and_the_same_run_resumes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs/first");
    let run = RunFolder::create_or_resume(&path, &identity()).unwrap();
    assert!(!run.is_resumed && run.changes.is_empty());
    assert_eq!(fs::read_to_string(run.recipe()).unwrap(), identity().recipe_text);
    drop(run);
    let before = fs::read(path.join(RUN)).unwrap();
    let run = RunFolder::create_or_resume(&path, &identity()).unwrap();
    assert!(run.is_resumed && run.changes.is_empty());
    assert_eq!(fs::read(path.join(RUN)).unwrap(), before);
}

#[test]
fn another_recipe_is_refused_with_the_lines_that_differ() {
    let folder = tempfile::tempdir().unwrap();
    drop(RunFolder::create_or_resume(folder.path(), &identity()).unwrap());
    let text = identity().recipe_text.replace("32", "64").replace("steps = 10\n", "") + "clip = 1.0\n";
    let other = RunIdentity { recipe_hash: "other".to_owned(), recipe_text: text, ..identity() };
    let error = refused(folder.path(), &other);
    assert!(
        error.contains(
            "another recipe (train.batch_size = 32 there, 64 now; train.steps = 10 only there; train.clip = 1.0 only now)"
        ),
        "{error}"
    );
    assert!(error.contains("; give another folder"), "{error}");
    // The folder is as it was, and free.
    assert!(RunFolder::create_or_resume(folder.path(), &identity()).unwrap().is_resumed);
}

#[test]
fn free_keys_may_change_and_the_recipe_says_so_once_the_run_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let began = RunIdentity {
        recipe_text: "seed = 1\n\n[data]\npath = \"a\"\n\n[log]\nevery_steps = 5\n".to_owned(),
        ..identity()
    };
    drop(RunFolder::create_or_resume(folder.path(), &began).unwrap());
    let text = began.recipe_text.replace("\"a\"", "\"b\"") + "histogram_every_steps = 9\n";
    let moved = RunIdentity { recipe_text: text, ..began.clone() };
    let run = RunFolder::create_or_resume(folder.path(), &moved).unwrap();
    assert_eq!(
        run.changes,
        [
            "data.path of the recipe was \"a\" before and is \"b\" now",
            "log.histogram_every_steps of the recipe was absent before and is 9 now"
        ]
    );
    assert_eq!(fs::read_to_string(run.recipe()).unwrap(), began.recipe_text);
    run.adopt_recipe().unwrap();
    assert_eq!(fs::read_to_string(run.recipe()).unwrap(), moved.recipe_text);
    drop(run);
    assert!(RunFolder::create_or_resume(folder.path(), &moved).unwrap().changes.is_empty());

    // Where something else differs as well, only that is the reason to refuse.
    let other = RunIdentity {
        recipe_text: moved.recipe_text.replace("\"b\"", "\"c\"").replace("seed = 1", "seed = 2"),
        recipe_hash: "other".to_owned(),
        ..moved
    };
    let error = refused(folder.path(), &other);
    assert!(error.contains("another recipe (seed = 1 there, 2 now)"), "{error}");
}

#[test]
fn other_data_and_another_tokenizer_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    drop(RunFolder::create_or_resume(folder.path(), &identity()).unwrap());
    let other = RunIdentity { data_hash: "0123456789abcdef".to_owned(), ..identity() };
    let error = refused(folder.path(), &other);
    assert!(error.contains("other data (hash data there, 0123456789ab now)"), "{error}");
    assert!(!error.contains("recipe") && !error.contains("tokenizer"), "{error}");
    let other = RunIdentity { tokenizer_hash: "cased".to_owned(), ..other };
    assert!(
        refused(folder.path(), &other).contains(") and another tokenizer (hash tokenizer there, cased now)")
    );
}

#[test]
fn another_model_to_start_from_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let from = |hash: Option<&str>| RunIdentity { model_hash: hash.map(str::to_owned), ..identity() };
    drop(RunFolder::create_or_resume(folder.path(), &from(Some("one"))).unwrap());
    let error = refused(folder.path(), &from(Some("two")));
    assert!(error.contains("another model to start from (hash one there, two now)"), "{error}");
    assert!(refused(folder.path(), &from(None)).contains("none now"));
    assert!(RunFolder::create_or_resume(folder.path(), &from(Some("one"))).unwrap().is_resumed);
}

#[test]
fn other_code_may_go_on_and_is_said_with_what_follows() {
    let folder = tempfile::tempdir().unwrap();
    drop(RunFolder::create_or_resume(folder.path(), &identity()).unwrap());
    let text = fs::read_to_string(folder.path().join(RUN)).unwrap();
    assert!(!text.contains("code"), "{text}");
    let newer = RunIdentity { code: CodeVersions::new([("kernels", 2), ("start-values", 3)]), ..identity() };
    let run = RunFolder::create_or_resume(folder.path(), &newer).unwrap();
    assert_eq!(
        run.changes,
        [
            "the code of the kernels was of version 1 when the run was started and is of version 2 now: the run \
             does not end with the bits of one that was not interrupted",
            "the code of the start-values was of version 1 when the run was started and is of version 3 now: they \
             decide the first step alone"
        ]
    );
    let folder = tempfile::tempdir().unwrap();
    drop(RunFolder::create_or_resume(folder.path(), &newer).unwrap());
    assert!(fs::read_to_string(folder.path().join(RUN)).unwrap().contains("\"kernels\": 2"));
    assert!(RunFolder::create_or_resume(folder.path(), &newer).unwrap().changes.is_empty());
}

#[test]
fn another_machine_may_go_on_and_is_noted() {
    let folder = tempfile::tempdir().unwrap();
    drop(RunFolder::create_or_resume(folder.path(), &identity()).unwrap());
    let moved = RunIdentity { threads: 8, device: "wgpu".to_owned(), ..identity() };
    let run = RunFolder::create_or_resume(folder.path(), &moved).unwrap();
    assert_eq!(
        run.changes,
        [
            "the device was flex when the run was started and is wgpu now",
            "the number of threads was 2 when the run was started and is 8 now"
        ]
    );
}

#[test]
fn a_folder_in_use_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let _run = RunFolder::create_or_resume(folder.path(), &identity()).unwrap();
    assert!(refused(folder.path(), &identity()).contains("in use by process"));
}

#[test]
fn a_folder_of_something_else_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("thesis.tex"), "").unwrap();
    let error = refused(folder.path(), &identity());
    assert!(error.contains("it has thesis.tex and no run.json"), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_start_that_was_killed_early_can_be_repeated() {
    let folder = tempfile::tempdir().unwrap();
    for name in [LOCK, RECIPE, "run.json.tmp"] {
        fs::write(folder.path().join(name), "").unwrap();
    }
    let run = RunFolder::create_or_resume(folder.path(), &identity()).unwrap();
    assert!(!run.is_resumed);
    assert_eq!(fs::read_to_string(run.recipe()).unwrap(), identity().recipe_text);
}

#[test]
fn a_damaged_description_is_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(RUN), "{\"recipe_hash\":").unwrap();
    let error = refused(folder.path(), &identity());
    assert!(error.contains("run.json is damaged: EOF"), "{error}");
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    let error = refused(&folder.path().join("file/run"), &identity());
    assert!(
        error.contains("file/run")
            && error.contains("Not a directory")
            && error.contains("; choose a folder"),
        "{error}"
    );
}

#[test]
fn what_a_kill_has_left_goes_when_the_folder_is_locked_again() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    // Before the run began: names of ours alone are no sign of somebody else.
    for left in ["run.json.tmp", ".run.json.0123456789abcdef.tmp"] {
        fs::write(at(left), "half").unwrap();
    }
    let run = RunFolder::create_or_resume(folder.path(), &identity()).unwrap();
    assert!(
        !run.is_resumed && !at("run.json.tmp").exists() && !at(".run.json.0123456789abcdef.tmp").exists()
    );
    drop(run);
    for left in ["report.html.tmp", "model.safetensors.tmp", ".scores.json.0123456789abcdef.tmp", "notes.tmp"]
    {
        fs::write(at(left), "half").unwrap();
    }
    drop(RunFolder::create_or_resume(folder.path(), &identity()).unwrap());
    let mut names: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, [LOCK, "notes.tmp", RECIPE, RUN]);
}
