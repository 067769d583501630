//! Runs that learn nothing are stopped, and stopped again.

use electra_ner::{FinetuneError, SilentMonitor, finetune_seeds};
use electra_run::interrupt::Interrupt;
use electra_run::record::read_metrics;
use electra_train::RunError;
use electra_train::collapse::Collapse;

use crate::small::{ALL_OUTSIDE, environment, finish, recipe, splits, start};

#[test]
fn a_run_that_finds_nothing_is_stopped_also_when_it_is_repeated() {
    let changes = [&ALL_OUTSIDE[..], &["guard.epochs=2", "guard.steps=6"]].concat();
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let error = finish(&recipe(&changes), &splits(), folder.path()).unwrap_err();
        assert!(
            matches!(error, FinetuneError::Collapsed(Collapse::Nothing { epochs: 2, steps: 6, .. })),
            "{error}"
        );
    }
    let records = read_metrics(&folder.path().join("metrics.jsonl")).unwrap();
    let end = records.last().unwrap();
    assert_eq!((end.kind.as_str(), end.fields["reason"].as_str()), ("end", Some("dead")));
    assert!(!folder.path().join("scores.json").exists());
}

#[test]
fn a_run_that_was_stopped_goes_on_with_a_wider_guard() {
    let folder = tempfile::tempdir().unwrap();
    let slow = |guard: &str| {
        let changes = ["schedule.learning_rate=1e-9", "train.epochs=3", "guard.steps=1", guard];
        finish(&recipe(&changes), &splits(), folder.path())
    };
    assert!(matches!(slow("guard.epochs=2"), Err(FinetuneError::Collapsed(_))));
    assert_eq!(slow("guard.epochs=9").unwrap().epochs, 3);
    let records = read_metrics(&folder.path().join("metrics.jsonl")).unwrap();
    let told = |record: &electra_run::record::Record| {
        record.fields.get("message").is_some_and(|message| message.as_str().unwrap().contains("guard.epochs"))
    };
    assert!(records.iter().any(told), "the log does not tell of the wider guard");
}

#[test]
fn a_loss_that_does_not_move_is_told_from_a_slow_one() {
    let flat = ["schedule.learning_rate=1e-9", "guard.epochs=2", "guard.steps=1"];
    let folder = tempfile::tempdir().unwrap();
    let error = finish(&recipe(&flat), &splits(), folder.path()).unwrap_err();
    assert!(matches!(error, FinetuneError::Collapsed(_)), "{error}");
    // The same guard lets a run through that learns.
    let folder = tempfile::tempdir().unwrap();
    finish(&recipe(&["train.epochs=12", "guard.epochs=6", "guard.steps=1"]), &splits(), folder.path())
        .unwrap();
}

#[test]
fn patience_waits_for_the_first_score_and_a_seed_without_one_is_marked_in_the_mean() {
    let folder = tempfile::tempdir().unwrap();
    let with = |seed: &str, changes: &[&str]| {
        recipe(&[changes, &["train.patience=1", "guard.epochs=9", "train.epochs=4", seed]].concat())
    };
    let recipes = [with("seed=1", &ALL_OUTSIDE), with("seed=2", &["schedule.learning_rate=1e-2"])];
    let interrupt = Interrupt::default();
    let summary = finetune_seeds(
        &recipes,
        &[],
        &start(),
        &splits(),
        folder.path(),
        &environment(),
        &interrupt,
        &mut SilentMonitor,
    );
    let summary = summary.unwrap().unwrap();
    let [nothing, some] = &summary.runs[..] else { panic!("{:?}", summary.runs) };
    assert_eq!((nothing.epochs, nothing.dev_f1, nothing.found_nothing), (4, 0.0, true));
    assert!(some.dev_f1 > 0.0 && !some.found_nothing, "{some:?}");
    assert_eq!(summary.found_nothing, 1);
    let shown = summary.to_string();
    let line = |seed: &str| shown.lines().find(|line| line.trim_start().starts_with(seed)).unwrap();
    assert!(line("1").contains("found nothing in any epoch") && !line("2").contains("nothing"), "{shown}");
    assert!(
        shown.contains("1 of these 2 seeds found nothing in any epoch: their 0 is in the mean"),
        "{shown}"
    );
    let json: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.path().join("summary.json")).unwrap()).unwrap();
    assert_eq!((&json["runs"][0]["found_nothing"], &json["found_nothing"]), (&true.into(), &1.into()));
    let card = std::fs::read_to_string(folder.path().join("seed-1/README.md")).unwrap();
    assert!(card.contains("**Warning:** none of 4 epochs found an entity"), "{card}");
}

#[test]
fn numbers_that_go_out_of_bounds_are_an_error_with_the_step() {
    let folder = tempfile::tempdir().unwrap();
    let wild = ["schedule.learning_rate=1e30", "schedule.warmup=0.0"];
    let error = finish(&recipe(&wild), &splits(), folder.path()).unwrap_err();
    assert!(matches!(error, FinetuneError::Run(RunError::Diverged(_))), "{error}");
    assert!(error.to_string().starts_with("step "), "{error}");
}

#[test]
fn a_seed_that_learns_nothing_leaves_the_others_alone_and_the_mean() {
    let dead = recipe(&["seed=1", "schedule.learning_rate=1e-9", "guard.epochs=2", "guard.steps=1"]);
    let alive = recipe(&["seed=2", "train.epochs=12"]);
    let folder = tempfile::tempdir().unwrap();
    let summed = |recipes: &[_], folder: &std::path::Path| {
        let interrupt = Interrupt::default();
        finetune_seeds(
            recipes,
            &[],
            &start(),
            &splits(),
            folder,
            &environment(),
            &interrupt,
            &mut SilentMonitor,
        )
    };
    let summary = summed(&[dead.clone(), alive], folder.path()).unwrap().unwrap();
    assert_eq!((summary.stopped.len(), summary.stopped[0].seed), (1, 1));
    assert_eq!((summary.runs.len(), summary.best_seed), (1, 2));
    assert_eq!(summary.dev.mean, summary.runs[0].dev_f1);
    let shown = summary.to_string();
    assert!(shown.contains("of the 1 seeds out of 2") && shown.contains("stopped: "), "{shown}");
    // None alive: the first one's reason is the error.
    let folder = tempfile::tempdir().unwrap();
    let error = summed(&[dead], folder.path()).unwrap_err();
    assert!(error.seed == 1 && matches!(error.source, FinetuneError::Collapsed(_)), "{error}");
}
