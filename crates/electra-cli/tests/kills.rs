//! Kills and full disks at every file operation of the commands that write folders and files: what was
//! there stays whole until the new one is.

mod workbench;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs;

use burn::prelude::Device;
use electra_annotations::{LabelScheme, LabelSet};
use electra_model::{ModelConfig, Precision};
use electra_ner::{
    ClassifierDropout, Context, Decoding, HeadType, TaggerFolder, TaggerSettings, TaggerShape,
    TokenClassifier,
};
use electra_text::Tokenizer;
use electra_text::wordpiece::TokenizerError;
use serde_json::json;
use workbench::{RECIPE, Ran, Workbench, assert_says, corpus, labelled};

/// Files by their paths.
type Files = BTreeMap<String, Vec<u8>>;

/// The folder that the command under test writes to.
const PLACE: &str = "place";
/// The list of its file operations.
const OPERATIONS: &str = "operations";

/// A command under test.
struct Case<'c> {
    bench: &'c Workbench,
    command: &'c str,
    /// The message of a second command where the first had done its work, if it does not do it again.
    done: Option<&'c str>,
}

impl Case<'_> {
    fn run(&self, fault: &str) -> Ran {
        let mut command = self.bench.command(self.command);
        command.env("ELECTRA_FAULT", fault).env("ELECTRA_FILE_OPERATIONS", self.bench.path(OPERATIONS));
        Ran::of(&command.output().unwrap())
    }

    /// The operations of the last command, a line each.
    fn operations(&self) -> Vec<String> {
        let list = self.bench.path(OPERATIONS);
        let lines = fs::read_to_string(&list).unwrap_or_default().lines().map(str::to_owned).collect();
        let _ = fs::remove_file(list);
        lines
    }

    /// Kills the command at each of its operations, and fills the disk before each. `is_sound` is asked
    /// about what is left, by its old state and its new one.
    fn check(&self, is_sound: impl Fn(&Files, &Files, &Files) -> Result<(), String>) {
        let bench = self.bench;
        let old = files(bench);
        let ran = self.run("kill:0");
        assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
        let operations = self.operations();
        let new = files(bench);
        assert!(operations.len() > 3, "{operations:?}");
        assert_ne!(visible(&old), visible(&new), "the command changes something");
        for (index, operation) in operations.iter().enumerate() {
            for kind in ["kill", "full"] {
                let what = format!("{}: {kind} at {operation}", self.command);
                restore(bench, &old);
                let ran = self.run(&format!("{kind}:{}", index + 1));
                let left = files(bench);
                match kind {
                    "kill" => assert_eq!(ran.code, None, "{what}\n{}", ran.stderr),
                    // A disk without room can still be tidied.
                    _ if ran.code == Some(0) => assert_eq!(left, new, "{what}"),
                    _ => {
                        assert_eq!(ran.code, Some(1), "{what}\n{}", ran.stderr);
                        assert_says(&ran.stderr, &["No space left", "help"]);
                        assert!(!ran.stderr.contains("panicked"), "{what}\n{}", ran.stderr);
                        let names =
                            [&left, &old].map(|files| files.keys().filter(|name| is_hidden(name)).count());
                        assert_eq!(names[0], names[1], "{what}: {:?}", left.keys());
                    }
                }
                is_sound(&visible(&old), &visible(&new), &visible(&left))
                    .unwrap_or_else(|error| panic!("{what}: {error}"));
                if left == old {
                    // Then the same command finds what it found.
                    self.operations();
                    continue;
                }
                let again = self.run("kill:0");
                match self.done {
                    Some(done) if visible(&left) == visible(&new) => assert_says(&again.stderr, &[done]),
                    _ => {
                        assert_eq!(again.code, Some(0), "{what}, then again\n{}", again.stderr);
                        let left = files(bench);
                        is_sound(&visible(&new), &visible(&new), &visible(&left))
                            .unwrap_or_else(|error| panic!("{what}, then again: {error}"));
                        let hidden: Vec<&String> = left.keys().filter(|name| is_hidden(name)).collect();
                        assert!(hidden.is_empty(), "{what}, then again: {hidden:?} stay");
                    }
                }
                self.operations();
            }
        }
    }
}

fn files(bench: &Workbench) -> Files {
    bench.files(PLACE)
}

fn restore(bench: &Workbench, files: &Files) {
    fs::remove_dir_all(bench.path(PLACE)).unwrap();
    fs::create_dir(bench.path(PLACE)).unwrap();
    for (name, content) in files {
        fs::create_dir_all(bench.path(name).parent().unwrap()).unwrap();
        fs::write(bench.path(name), content).unwrap();
    }
}

fn is_hidden(name: &str) -> bool {
    name.split('/').any(|part| part.starts_with('.'))
}

/// The files that have their final names.
fn visible(files: &Files) -> Files {
    files
        .iter()
        .filter(|(name, _)| !is_hidden(name))
        .map(|(name, bytes)| (name.clone(), bytes.clone()))
        .collect()
}

/// The old state or the new one, all of it.
fn old_or_new(old: &Files, new: &Files, left: &Files) -> Result<(), String> {
    if left == old || left == new {
        return Ok(());
    }
    let differing = |other: &Files| -> Vec<String> {
        let names = other.keys().chain(left.keys());
        names.filter(|name| other.get(*name) != left.get(*name)).cloned().collect()
    };
    Err(format!("not the old state: {:?}; not the new one: {:?}", differing(old), differing(new)))
}

fn bench() -> Workbench {
    let bench = Workbench::new();
    bench.write("corpus.txt", corpus(40, 1));
    fs::create_dir(bench.path(PLACE)).unwrap();
    bench
}

/// A bench with a tokenizer beside the place.
fn bench_with_tokenizer() -> Workbench {
    let bench = bench();
    bench.succeed("data tokenizer --input corpus.txt --vocab-size 100 --out tokenizer");
    bench
}

#[test]
fn a_tokenizer_is_there_or_not() {
    let bench = bench();
    let command = "data tokenizer --input corpus.txt --vocab-size 100 --out place/t";
    Case { bench: &bench, command, done: Some("holds a tokenizer already") }.check(old_or_new);
    bench.succeed("data tokenizer --input corpus.txt --vocab-size 90 --out place/t --force");
    let command = format!("{command} --force");
    Case { bench: &bench, command: &command, done: None }.check(old_or_new);
}

/// Other files of the folder stay, and the tokenizer's are of one nevertheless.
#[test]
fn a_tokenizer_beside_other_files_is_that_of_before_or_the_new() {
    let bench = bench();
    bench.succeed("data tokenizer --input corpus.txt --vocab-size 90 --out place/t");
    bench.write("place/t/notes.txt", "mine");
    let command = "data tokenizer --input corpus.txt --vocab-size 100 --cased --out place/t --force";
    Case { bench: &bench, command, done: None }.check(old_or_new);

    // Where a folder cannot be replaced its files are one by one, and what a kill leaves is refused.
    bench.succeed("data tokenizer --input corpus.txt --vocab-size 90 --out place/t --force");
    std::os::unix::fs::symlink("place/t", bench.path("link")).unwrap();
    let mixed = Cell::new(0);
    let command = command.replace("place/t", "link");
    Case { bench: &bench, command: &command, done: None }.check(|old, new, left| {
        if left == old || left == new {
            return Ok(());
        }
        mixed.set(mixed.get() + 1);
        match Tokenizer::load_named(&bench.path("place/t"), None) {
            Err(TokenizerError::Disagreement { .. }) => {}
            found => return Err(format!("a mixed tokenizer is read as {found:?}")),
        }
        let build = "data build --input corpus.txt --tokenizer link --out data";
        assert_says(&bench.refuse(build), &["does not belong to the other files", "or write it again"]);
        Ok(())
    });
    assert!(mixed.get() > 0, "a kill between two names leaves files of both");
    assert_eq!(bench.read("place/t/notes.txt"), "mine");
}

#[test]
fn data_is_that_of_before_or_the_new() {
    let bench = bench_with_tokenizer();
    let build = "data build --input corpus.txt --tokenizer tokenizer --heldout-fraction 0.1 --threads 1 --out place/d";
    bench.succeed(&format!("{build} --seq-len 32"));
    let command = format!("{build} --seq-len 16 --force");
    Case { bench: &bench, command: &command, done: None }.check(old_or_new);
}

#[test]
fn a_part_and_what_parts_become_are_those_of_before_or_the_new() {
    let bench = bench_with_tokenizer();
    let build = "data build --input corpus.txt --tokenizer tokenizer --heldout-fraction 0.1 --threads 1";
    bench.succeed(&format!("{build} --seq-len 32 --part 1/1 --out place/p"));
    let command = format!("{build} --seq-len 16 --part 1/1 --out place/p --force");
    Case { bench: &bench, command: &command, done: None }.check(old_or_new);

    bench.succeed(&format!("{build} --seq-len 16 --part 1/1 --out part"));
    fs::remove_dir_all(bench.path("place/p")).unwrap();
    bench.succeed(&format!("{build} --seq-len 32 --out place/d"));
    Case { bench: &bench, command: "data merge part --out place/d --force", done: None }.check(old_or_new);
}

#[test]
fn exports_imports_and_reports_are_those_of_before_or_the_new() {
    let bench = bench_with_tokenizer();
    bench.succeed(
        "data build --input corpus.txt --tokenizer tokenizer --seq-len 32 --heldout-fraction 0.1 --out data",
    );
    bench.write(
        "recipe.toml",
        RECIPE.replace("vocab_size = 256", "vocab_size = 100").replace("steps = 60", "steps = 2"),
    );
    bench.succeed("pretrain recipe.toml --run run --no-plan --threads 1 --set schedule.warmup_steps=1");
    bench.succeed("export hf run --out place/e --dropout 0.1");
    bench.copy("place/e", "exported");
    let command = "export hf run --out place/e --dropout 0.2 --force";
    Case { bench: &bench, command, done: None }.check(old_or_new);

    fs::remove_dir_all(bench.path("place/e")).unwrap();
    let command = "import hf exported/discriminator --generator exported/generator --out place/i";
    Case { bench: &bench, command, done: Some("place/i exists") }.check(old_or_new);

    fs::remove_dir_all(bench.path("place/i")).unwrap();
    bench.copy("run", "place/run");
    bench.write("place/run/report.html", "an older report");
    Case { bench: &bench, command: "report place/run", done: None }.check(old_or_new);
}

#[test]
fn predictions_are_those_of_before_or_the_new() {
    let bench = bench_with_tokenizer();
    let tokenizer = Tokenizer::load(bench.path("tokenizer")).unwrap();
    let config: ModelConfig = serde_json::from_value(json!({
        "vocab_size": tokenizer.vocab_size(),
        "embedding_size": 8,
        "max_position_embeddings": 16,
        "type_vocab_size": 2,
        "hidden_size": 8,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 8,
        "initializer_range": 0.5,
        "generator": {"tie": "embeddings", "width": 0.5, "depth": 1.0},
    }))
    .unwrap();
    let labels = LabelSet::new(["LOC", "PER"], LabelScheme::Iob2);
    let shape = TaggerShape { config: &config, labels: &labels, head: HeadType::Linear };
    let tagger = TokenClassifier::init(shape, 5, &Device::flex(), Precision::F32);
    let settings =
        TaggerSettings { decoding: Decoding::Argmax, context: Context::Sentence, window: 16, division: None };
    TaggerFolder::new(&bench.path("tagger"), &tagger, shape, ClassifierDropout::PAPER, settings, tokenizer)
        .write()
        .unwrap();
    bench.write("text.txt", "Ada met Bo in Rome.\n".repeat(2000));
    bench.write("place/found.html", "an older page");
    let command = "predict --model tagger text.txt --format html --out place/found.html --threads 1";
    Case { bench: &bench, command, done: None }.check(old_or_new);

    // An error in the middle leaves the old one as well.
    bench.write("place/found.html", "an older page");
    bench.write("wrong.txt", [&b"Ada met Bo in Rome.\n".repeat(2000)[..], b"\xff\n"].concat());
    bench.refuse("predict --model tagger wrong.txt --format html --out place/found.html");
    assert_eq!(bench.read("place/found.html"), "an older page");
    assert_eq!(bench.names(PLACE), ["found.html"]);
}

/// A bench with all that a network from scratch is fine-tuned with.
fn bench_with_sentences() -> Workbench {
    let bench = bench_with_tokenizer();
    bench.write("recipe.toml", RECIPE.replace("vocab_size = 256", "vocab_size = 100"));
    bench.write("train.conll", labelled(0..20));
    bench.write("dev.conll", labelled(100..105));
    bench.write("test.conll", labelled(130..135));
    bench.succeed(
        "data build --input corpus.txt --tokenizer tokenizer --seq-len 32 --heldout-fraction 0.1 --out data",
    );
    bench
}

const FINETUNE: &str = "finetune ner --train train.conll --dev dev.conll --model scratch:recipe.toml --threads 1 \
    --out place --set input.window=32 --set train.epochs=1";

fn best_of(files: &Files) -> Files {
    let best = files.iter().filter(|(name, _)| name.starts_with("place/best/"));
    best.map(|(name, bytes)| (name.clone(), bytes.clone())).collect()
}

/// From nothing to a tagger: where one is found it is whole, and the same command makes the same.
#[test]
fn fine_tuning_leaves_a_whole_tagger_or_none() {
    let bench = bench_with_sentences();
    Case { bench: &bench, command: FINETUNE, done: None }.check(|old, new, left| {
        old_or_new(&best_of(old), &best_of(new), &best_of(left))?;
        let own = |name: &str| format!("place/seed-1/{name}");
        let has = |name: &str| left.contains_key(&own(name));
        for name in ["config.json", "model.safetensors", "vocab.txt", "tokenizer.json", "tagger.json"] {
            if has(name) && left.get(&own(name)) != new.get(&own(name)) {
                return Err(format!("{name} is not what it is to be"));
            }
            // What makes a folder a tagger, and a run a finished one.
            if (has("config.json") || has("scores.json")) && !has(name) {
                return Err(format!("a tagger without {name}"));
            }
        }
        Ok(())
    });
}

/// A finished tagger gets scores on test data: its weights are those of before at every moment, `best`
/// is the old folder or the new one, and every other file is one of the two.
#[test]
fn the_last_writes_of_fine_tuning_lose_no_tagger() {
    let bench = bench_with_sentences();
    bench.succeed(FINETUNE);
    let command = format!("{FINETUNE} --test test.conll");
    Case { bench: &bench, command: &command, done: None }.check(|old, new, left| {
        old_or_new(&best_of(old), &best_of(new), &best_of(left))?;
        // What carries times, or is added to.
        let changes = ["lock", "metrics.jsonl", "report.html", "run.json", "summary.json", "recipe.toml"];
        for (name, bytes) in left {
            let file = name.rsplit('/').next().unwrap();
            let is_free = changes.contains(&file) || name.contains("/tensorboard/");
            if !is_free && old.get(name) != Some(bytes) && new.get(name) != Some(bytes) {
                return Err(format!("{name} is neither that of before nor the new one"));
            }
        }
        for name in ["config.json", "model.safetensors", "vocab.txt", "tagger.json", "scores.json"] {
            if !left.contains_key(&format!("place/seed-1/{name}")) {
                return Err(format!("{name} is gone"));
            }
        }
        Ok(())
    });
}
