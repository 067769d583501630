//! Runs that learn nothing are stopped, and stopped again.

use electra_ner::dead_run::DeadRun;
use electra_ner::finetune::FinetuneError;
use electra_ner::monitor::Silent;
use electra_ner::seeds::finetune_seeds;
use electra_run::interrupt::Interrupt;
use electra_run::record::read_metrics;

use crate::small::{environment, finish, recipe, splits, start};

#[test]
fn a_run_that_finds_nothing_is_stopped_also_when_it_is_repeated() {
    // The linear layer alone learns, and hardly: all words stay what most words are, outside.
    let changes = [
        "schedule.learning_rate=1.0",
        "schedule.warmup=0.0",
        "rates.freeze={kind=\"layers\",count=2}",
        "loss.class_weights={kind=\"given\",weights={O=10000.0}}",
        "guard.epochs=2",
        "guard.steps=6",
    ];
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let error = finish(&recipe(&changes), &splits(), folder.path()).unwrap_err();
        assert!(
            matches!(error, FinetuneError::Dead(DeadRun::Nothing { epochs: 2, steps: 6, .. })),
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
    assert!(matches!(slow("guard.epochs=2"), Err(FinetuneError::Dead(_))));
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
    assert!(matches!(error, FinetuneError::Dead(_)), "{error}");
    // The same guard lets a run through that learns.
    let folder = tempfile::tempdir().unwrap();
    finish(&recipe(&["train.epochs=12", "guard.epochs=6", "guard.steps=1"]), &splits(), folder.path())
        .unwrap();
}

#[test]
fn numbers_that_go_out_of_bounds_are_an_error_with_the_step() {
    let folder = tempfile::tempdir().unwrap();
    let wild = ["schedule.learning_rate=1e30", "schedule.warmup=0.0"];
    let error = finish(&recipe(&wild), &splits(), folder.path()).unwrap_err();
    assert!(matches!(error, FinetuneError::Diverged(_)), "{error}");
    assert!(error.to_string().starts_with("step "), "{error}");
}

#[test]
fn a_seed_that_learns_nothing_leaves_the_others_alone_and_the_mean() {
    let dead = recipe(&["seed=1", "schedule.learning_rate=1e-9", "guard.epochs=2", "guard.steps=1"]);
    let alive = recipe(&["seed=2", "train.epochs=12"]);
    let folder = tempfile::tempdir().unwrap();
    let summed = |recipes: &[_], folder: &std::path::Path| {
        let interrupt = Interrupt::default();
        finetune_seeds(recipes, &start(), &splits(), folder, &environment(), &interrupt, &mut Silent)
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
    assert!(error.seed == 1 && matches!(error.source, FinetuneError::Dead(_)), "{error}");
}
