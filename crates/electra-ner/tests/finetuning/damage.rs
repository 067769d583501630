//! Files of a run that are damaged: what can be written again is, and nothing else takes their place.

use std::fs;
use std::path::Path;

use electra_annotations::Splits;
use electra_files::shown::with_help;
use electra_ner::{
    BEST, FinetuneError, PREDICTIONS_DEV, PREDICTIONS_TEST, SeedSummary, SilentMonitor, finetune_seeds,
    render_report,
};
use electra_run::interrupt::Interrupt;
use electra_run::record::read_metrics;

use crate::small::{Stopper, environment, finish, recipe, splits, start};

const MODEL: &str = "model.safetensors";

fn cut(path: &Path, bytes: u64) {
    fs::File::options().write(true).open(path).unwrap().set_len(bytes).unwrap();
}

fn flip(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(path, bytes).unwrap();
}

fn steps(run: &Path) -> Vec<u64> {
    let names = fs::read_dir(run.join("checkpoints")).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut steps: Vec<u64> = names.filter_map(|name| name.strip_prefix("step-")?.parse().ok()).collect();
    steps.sort_unstable();
    steps
}

/// A run of two kept checkpoints, of which the first is the best: whoever learns by heart is not
/// better later.
fn with_an_earlier_best(run: &Path) -> [u64; 2] {
    let outcome = finish(&recipe(&["train.patience=2"]), &splits(), run).unwrap();
    assert_eq!(outcome.best_epoch + 2, outcome.epochs);
    let steps: [u64; 2] = steps(run).try_into().expect("the best and the last");
    assert_eq!(steps[0], outcome.best_epoch as u64 * 3);
    steps
}

#[test]
fn another_checkpoint_does_not_pass_for_that_of_the_best_epoch() {
    let folder = tempfile::tempdir().unwrap();
    let [best, _] = with_an_earlier_best(folder.path());
    fs::remove_file(folder.path().join("scores.json")).unwrap();
    let model = fs::read(folder.path().join(MODEL)).unwrap();
    let checkpoint = folder.path().join(format!("checkpoints/step-{best:010}"));
    let damages: [(&str, &dyn Fn()); 3] = [
        ("has 100 bytes", &|| cut(&checkpoint.join(MODEL), 100)),
        ("manifest.json is damaged", &|| cut(&checkpoint.join("manifest.json"), 10)),
        ("No such file", &|| fs::remove_dir_all(&checkpoint).unwrap()),
    ];
    for (expected, damage) in damages {
        damage();
        let error = finish(&recipe(&["train.patience=2"]), &splits(), folder.path()).unwrap_err();
        assert!(matches!(error, FinetuneError::BestLost { .. }), "{error}");
        let text = with_help(&error);
        for part in [expected, &format!("best epoch, {}", best / 3), "restore it from a copy"] {
            assert!(text.contains(part), "{part:?} is not in {text}");
        }
        assert!(!folder.path().join("scores.json").exists());
        assert!(fs::read(folder.path().join(MODEL)).unwrap() == model);
    }
}

#[test]
fn a_finished_run_whose_files_are_damaged_writes_them_again() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path();
    let recipe = recipe(&["train.epochs=2", "labels.decoding=\"crf\""]);
    let outcome = finish(&recipe, &splits(), run).unwrap();
    let files = [
        MODEL,
        "crf.safetensors",
        "config.json",
        "tagger.json",
        "tokenizer.json",
        "vocab.txt",
        PREDICTIONS_DEV,
        PREDICTIONS_TEST,
    ];
    let whole = files.map(|name| fs::read(run.join(name)).unwrap());
    // A file, what the note says of it, and how it is damaged.
    type Damage<'a> = (&'a str, &'a str, &'a dyn Fn(&Path));
    let damages: [Damage<'_>; 10] = [
        (MODEL, "is damaged: it has 1000 bytes", &|path| cut(path, 1000)),
        (MODEL, "is damaged", &|path| cut(path, 0)),
        (MODEL, "is not what was saved", &flip),
        ("crf.safetensors", "is not what was saved", &flip),
        ("config.json", "config.json", &|path| cut(path, 20)),
        ("tagger.json", "tagger.json is missing", &|path| fs::remove_file(path).unwrap()),
        ("tokenizer.json", "tokenizer.json", &|path| cut(path, 20)),
        ("vocab.txt", "vocab.txt is missing", &|path| fs::remove_file(path).unwrap()),
        (PREDICTIONS_TEST, "sentences, test.conll has 7", &|path| {
            let text = fs::read_to_string(path).unwrap();
            cut(path, first_sentence(&text));
        }),
        (PREDICTIONS_DEV, "predictions-dev.conll holds no sentence", &|path| cut(path, 0)),
    ];
    for (name, expected, damage) in &damages {
        damage(&run.join(name));
        let mut stopper = Stopper::after(None);
        stopper.run(&recipe, &splits(), run);
        let [note] = stopper.notes.as_slice() else { panic!("{name}: {:?}", stopper.notes) };
        assert!(note.contains("written again") && note.contains(expected), "{name}: {note}");
        assert!(stopper.epochs.is_empty(), "{name}: no epoch is trained again");
        let again = files.map(|name| fs::read(run.join(name)).unwrap());
        assert!(again == whole, "{name}: other bits");
        assert_eq!(finish(&recipe, &splits(), run).unwrap(), outcome);
    }
    let told = read_metrics(&run.join("metrics.jsonl")).unwrap();
    let told = told.iter().filter(|record| record.kind == "event");
    assert_eq!(told.count(), damages.len(), "the log tells of each");
}

#[test]
fn scores_that_no_run_comes_to_are_written_again() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = recipe(&["train.epochs=1"]);
    let outcome = finish(&recipe, &splits(), folder.path()).unwrap();
    let path = folder.path().join("scores.json");
    for (place, value, expected) in [
        ("/dev/f1", serde_json::json!(313.0), "`dev.f1` is 313, expected a number from 0 to 1"),
        ("/test/recall", serde_json::json!(-1.0), "`test.recall` is -1"),
        ("/best_epoch", serde_json::json!(7), "`best_epoch` is 7, expected 1 to 1"),
    ] {
        let mut scores: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        *scores.pointer_mut(place).unwrap() = value;
        fs::write(&path, scores.to_string()).unwrap();
        let mut stopper = Stopper::after(None);
        stopper.run(&recipe, &splits(), folder.path());
        let [note] = stopper.notes.as_slice() else { panic!("{place}: {:?}", stopper.notes) };
        assert!(note.contains("written again") && note.contains(expected), "{place}: {note}");
        assert_eq!(finish(&recipe, &splits(), folder.path()).unwrap(), outcome);
    }
}

#[test]
fn scores_of_an_earlier_version_have_no_hash_and_are_believed() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = recipe(&["train.epochs=1"]);
    finish(&recipe, &splits(), folder.path()).unwrap();
    let path = folder.path().join("scores.json");
    let mut scores: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    assert_eq!(scores.as_object_mut().unwrap().remove("weights_hash").unwrap().as_str().unwrap().len(), 64);
    fs::write(&path, scores.to_string()).unwrap();
    let mut stopper = Stopper::after(None);
    stopper.run(&recipe, &splits(), folder.path());
    assert_eq!(stopper.notes, ["finished already"]);
}

fn summed(out: &Path) -> SeedSummary {
    let recipes = [recipe(&["train.epochs=2"])];
    let interrupt = Interrupt::default();
    let summary = finetune_seeds(
        &recipes,
        &[],
        &start(),
        &splits(),
        out,
        &environment(),
        &interrupt,
        &mut SilentMonitor,
    );
    summary.unwrap().unwrap()
}

#[test]
fn a_damaged_seed_does_not_take_the_place_of_the_best() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path();
    let before = summed(out);
    let model = fs::read(out.join(BEST).join(MODEL)).unwrap();
    cut(&out.join("seed-1").join(MODEL), 1000);
    let after = summed(out);
    assert_eq!((after.runs, after.dev), (before.runs, before.dev));
    for folder in ["seed-1", BEST] {
        assert!(fs::read(out.join(folder).join(MODEL)).unwrap() == model, "{folder}");
    }
}

/// Bytes of predictions up to the end of their first sentence, behind the boundary of its document.
fn first_sentence(predictions: &str) -> u64 {
    let boundaries = usize::from(predictions.starts_with("-DOCSTART-"));
    let (end, _) = predictions.match_indices("\n\n").nth(boundaries).unwrap();
    end as u64 + 2
}

#[test]
fn a_report_on_predictions_that_were_cut_short_says_how_to_get_them_back() {
    let folder = tempfile::tempdir().unwrap();
    let without_test = Splits { test: None, ..splits() };
    for (splits, name) in [(without_test, PREDICTIONS_DEV), (splits(), PREDICTIONS_TEST)] {
        finish(&recipe(&["train.epochs=1"]), &splits, folder.path()).unwrap();
        render_report(folder.path()).unwrap();
        let path = folder.path().join(name);
        let text = fs::read_to_string(&path).unwrap();
        let first = first_sentence(&text);
        for (length, expected) in
            [(first, "has 1 sentences, and 7 were scored"), (0, "holds no sentence"), (5, "columns")]
        {
            cut(&path, length);
            let error = with_help(&render_report(folder.path()).unwrap_err());
            for part in [name, "`electra finetune` command", "writes the file again"] {
                assert!(error.contains(part), "{part:?} is not in {error}");
            }
            assert!(error.contains(expected) || length == 5, "{error}");
        }
        fs::write(&path, text).unwrap();
    }
}
