//! Seeds that stand in a folder: the best is the best of all of them, and none is trained again.

use std::fs;
use std::path::Path;

use electra_annotations::{Split, Splits};
use electra_files::shown::with_help;
use electra_ner::{
    BEST, FinetuneError, SCORES, SUMMARY, SeedError, SeedSummary, finetune_seeds, seeds_folder,
};
use electra_run::interrupt::Interrupt;
use electra_train::RunError;

use crate::small::{Stopper, environment, finish, recipe, sentences, splits, start};

const MODEL: &str = "model.safetensors";

fn with_test(most: usize) -> Splits {
    Splits { test: Some(Split::new(Path::new("other.conll"), sentences()[..most].to_vec())), ..splits() }
}

/// Runs `seeds`, with whatever else stands in `out`, and tells what was said and how many epochs were trained.
fn run(
    seeds: &[u64],
    change: &str,
    splits: &Splits,
    out: &Path,
) -> (Result<SeedSummary, SeedError>, Vec<String>, usize) {
    let of = |seed: u64| recipe(&["train.epochs=2", "guard.epochs=9", change, &format!("seed={seed}")]);
    let asked: Vec<_> = seeds.iter().map(|&seed| of(seed)).collect();
    let others: Vec<_> =
        seeds_folder(out).finished().into_iter().filter(|seed| !seeds.contains(seed)).map(of).collect();
    let mut stopper = Stopper::after(None);
    let interrupt = Interrupt::default();
    let summary =
        finetune_seeds(&asked, &others, &start(), splits, out, &environment(), &interrupt, &mut stopper);
    (summary.map(Option::unwrap), stopper.notes, stopper.epochs.len())
}

#[test]
fn best_stays_the_best_of_all_seeds_when_fewer_are_asked_for_on_other_test_data() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path();
    let (before, _, trained) = run(&[1, 2, 3], "train.patience=9", &splits(), out);
    let before = before.unwrap();
    assert_eq!(trained, 6);
    // The one that is not the best, so that the best would be lost.
    let asked = before.runs.iter().map(|run| run.seed).find(|&seed| seed != before.best_seed).unwrap();
    let best = fs::read(out.join(BEST).join(MODEL)).unwrap();
    for seed in [1, 2, 3] {
        fs::remove_dir_all(out.join(format!("seed-{seed}/checkpoints"))).unwrap();
    }
    let other = with_test(4);
    let (after, notes, trained) = run(&[asked], "train.patience=9", &other, out);
    let after = after.unwrap();
    assert_eq!(trained, 0, "{notes:?}");
    assert!(notes.iter().any(|note| note.contains("stands in") && note.contains("summed up")), "{notes:?}");
    assert!(notes.iter().any(|note| note.contains("no scores on other.conll")), "{notes:?}");
    let dev =
        |summary: &SeedSummary| summary.runs.iter().map(|run| (run.seed, run.dev_f1)).collect::<Vec<_>>();
    assert_eq!((dev(&after), after.best_seed), (dev(&before), before.best_seed));
    assert!(fs::read(out.join(BEST).join(MODEL)).unwrap() == best, "best has other bits");
    // All of them, and the copy, have scores on the new test data.
    let hash = &other.test.as_ref().unwrap().facts.hash;
    for name in ["seed-1", "seed-2", "seed-3", BEST] {
        let scores: serde_json::Value =
            serde_json::from_slice(&fs::read(out.join(name).join(SCORES)).unwrap()).unwrap();
        assert_eq!(scores["test"]["hash"].as_str(), Some(hash.as_str()), "{name}");
        assert_eq!(scores["epochs"], 2, "{name}");
    }
    assert_eq!(after.pooled_test.unwrap().runs, 3);
    // And again there is nothing to do.
    let (_, notes, _) = run(&[1, 2, 3], "train.patience=9", &other, out);
    assert_eq!(notes.iter().filter(|note| *note == "finished already").count(), 3, "{notes:?}");
}

#[test]
fn a_call_without_test_data_takes_no_test_scores_from_the_summary() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path();
    let written =
        || -> serde_json::Value { serde_json::from_slice(&fs::read(out.join(SUMMARY)).unwrap()).unwrap() };
    let without = || Splits { test: None, ..splits() };
    run(&[1, 2], "train.patience=9", &splits(), out).0.unwrap();
    let first = written();
    assert!(first["test"]["mean"].is_f64() && first["runs"][1]["test_f1"].is_f64(), "{first}");
    // What is returned, and printed, is of this call; what is written keeps the others.
    for seeds in [&[1, 2][..], &[2]] {
        let (summary, _, trained) = run(seeds, "train.patience=9", &without(), out);
        let summary = summary.unwrap();
        assert!(summary.test.is_none() && summary.pooled_test.is_none() && trained == 0);
        assert_eq!(written(), first);
    }
    // Scores on other data take their place, and stay as well.
    run(&[1, 2], "train.patience=9", &with_test(4), out).0.unwrap();
    let other = written();
    assert_ne!(other["pooled_test"], first["pooled_test"]);
    run(&[1, 2], "train.patience=9", &without(), out).0.unwrap();
    assert_eq!(written(), other);
    // Of a seed more there are none: a mean over the others would be no mean of all.
    run(&[1, 2, 3], "train.patience=9", &without(), out).0.unwrap();
    let more = written();
    assert!(more["test"].is_null() && more["pooled_test"].is_null() && more["runs"][0]["test_f1"].is_null());
}

#[test]
fn a_folder_with_seeds_of_another_recipe_is_refused_before_anything_is_trained() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path();
    run(&[2], "train.patience=9", &splits(), out).0.unwrap();
    let best = fs::read(out.join(BEST).join(MODEL)).unwrap();
    let (refused, _, trained) = run(&[1], "train.patience=8", &splits(), out);
    let error = refused.unwrap_err();
    assert!(matches!(error.source, FinetuneError::Run(RunError::Folder(_))), "{error}");
    assert!(error.to_string().contains("train.patience = 9 there, 8 now"), "{error}");
    assert_eq!(trained, 0);
    assert!(!out.join("seed-1").exists() && fs::read(out.join(BEST).join(MODEL)).unwrap() == best);
}

#[test]
fn the_best_tagger_is_not_replaced_when_its_run_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path();
    let best = run(&[1, 2], "train.patience=9", &splits(), out).0.unwrap().best_seed;
    fs::remove_dir_all(out.join(format!("seed-{best}"))).unwrap();
    let (refused, _, trained) = run(&[3 - best], "train.patience=9", &splits(), out);
    let error = with_help(&refused.unwrap_err());
    assert!(error.contains(&format!("tagger of seed {best}")) && error.contains("; move it away"), "{error}");
    assert_eq!(trained, 0);
}

#[test]
fn a_finished_run_without_checkpoints_is_finished() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path();
    let recipe = recipe(&["train.epochs=2", "labels.decoding=\"crf\""]);
    let outcome = finish(&recipe, &splits(), run).unwrap();
    let model = fs::read(run.join(MODEL)).unwrap();
    fs::remove_dir_all(run.join("checkpoints")).unwrap();
    // The same again, predictions that were lost, and other test data.
    let lost = || fs::remove_file(run.join("predictions-dev.conll")).unwrap();
    let cases: [(Splits, &dyn Fn(), &str); 3] = [
        (splits(), &|| {}, "finished already"),
        (splits(), &lost, "predictions-dev"),
        (with_test(3), &|| {}, "other"),
    ];
    for (splits, damage, expected) in &cases {
        damage();
        let mut stopper = Stopper::after(None);
        stopper.run(&recipe, splits, run);
        assert!(stopper.notes.iter().any(|note| note.contains(expected)), "{:?}", stopper.notes);
        assert!(stopper.epochs.is_empty(), "{expected}: it was trained again");
        assert!(fs::read(run.join(MODEL)).unwrap() == model, "{expected}: other bits");
    }
    // Weights that are damaged can only be trained again, which is said.
    fs::write(run.join(MODEL), &model[..1000]).unwrap();
    let mut stopper = Stopper::after(None);
    stopper.run(&recipe, &splits(), run);
    assert!(
        stopper.notes.iter().any(|note| note.contains("trained again, as no checkpoint")),
        "{:?}",
        stopper.notes
    );
    assert!(fs::read(run.join(MODEL)).unwrap() == model);
    assert_eq!(finish(&recipe, &splits(), run).unwrap(), outcome);
}
