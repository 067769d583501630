//! Data that is damaged, and numbers that nobody means: every command says what is wrong and what to do.

use std::process::Command;

use crate::workbench::{Workbench, assert_says};
use serde_json::Value;

const PRETRAIN: &str = "pretrain recipe.toml --no-plan --run run";

#[test]
fn a_damaged_manifest_trains_nothing() {
    let bench = Workbench::with_data();
    let whole = bench.read("data/manifest.json");
    let mut older: Value = serde_json::from_str(&whole).unwrap();
    older.as_object_mut().unwrap().remove("seal").unwrap();
    older["format"] = 1.into();
    bench.write("data/manifest.json", older.to_string());
    assert_says(&bench.succeed("data verify data").stdout, &["data is intact", "of an older program"]);
    // The same with another [MASK], of which a shard says nothing.
    for mask in [7, 1369] {
        older["tokenizer"]["special"]["mask"] = mask.into();
        bench.write("data/manifest.json", older.to_string());
        for line in ["data verify data", "data inspect data", PRETRAIN] {
            let error = bench.refuse(line);
            let found = format!("it says that the id of [MASK] is {mask}, and 4 is right");
            assert_says(&error, &["data/manifest.json is damaged", &found, "help: build the data again"]);
        }
    }
    bench.write("data/manifest.json", whole.replace("\"mode\": \"carry\"", "\"mode\": \"google\""));
    assert_says(&bench.refuse("data verify data"), &["its seal is"]);
    bench.write("data/manifest.json", &whole);
    let vocabulary = bench.read("data/tokenizer/vocab.txt");
    bench.write("data/tokenizer/vocab.txt", &vocabulary[..vocabulary.len() / 2]);
    for line in ["data verify data", PRETRAIN] {
        assert_says(&bench.refuse(line), &["vocab.txt does not belong to", "help: copy the whole folder"]);
    }
    assert!(!bench.path("run").exists());
}

/// `vocab.txt` says what `tokenizer.json` does, for programs that read no other.
#[test]
fn files_of_a_tokenizer_that_disagree_are_noticed_by_every_command() {
    let bench = Workbench::with_data();
    let short = "--threads 1 --set train.steps=2 --set schedule.warmup_steps=1";
    bench.succeed(&format!("{PRETRAIN} {short}"));
    bench.write("a.conll", "Ada\tB-PER\nspoke\tO\n");
    let build = "data build --input corpus.txt --tokenizer tokenizer --out other";
    let commands = [
        ("tokenizer", build),
        ("tokenizer", "check ner a.conll --tokenizer tokenizer"),
        (
            "tokenizer",
            "finetune ner --model scratch:recipe.toml --tokenizer tokenizer --train a.conll --dev a.conll --out other",
        ),
        ("run/tokenizer", "detect --model run text"),
        ("run/tokenizer", "export hf run --out other"),
        ("run/tokenizer", "finetune ner --model run --train a.conll --dev a.conll --out other"),
    ];
    type Damage = fn(&str) -> String;
    let damages: [(&str, Damage); 2] = [
        ("vocab.txt", |text| text[..text.len() / 2].to_owned()),
        ("tokenizer_config.json", |text| text.replace("\"do_lower_case\": true", "\"do_lower_case\": false")),
    ];
    for (folder, command) in commands {
        for (name, damage) in damages {
            let path = format!("{folder}/{name}");
            let whole = bench.read(&path);
            bench.write(&path, damage(&whole));
            let found = format!("{path} does not belong to the other files of its folder");
            assert_says(&bench.refuse(command), &[&found, "help: copy the whole folder again, or write it"]);
            assert!(!bench.path("other").exists(), "{command}");
            bench.write(&path, whole);
        }
    }
    // A folder without all of the files is none that was written here: it is read as transformers does.
    std::fs::remove_file(bench.path("tokenizer/special_tokens_map.json")).unwrap();
    bench.write("tokenizer/vocab.txt", "[PAD]\n");
    bench.succeed(build);
}

#[test]
fn damaged_rows_that_were_not_verified_are_named_by_training() {
    let bench = Workbench::with_data();
    let mut bytes = bench.bytes("data/train-00000.ids");
    // Every row, from its length on.
    bytes[128..].fill(0xff);
    bench.write("data/train-00000.ids", bytes);
    let error = bench.refuse(&format!("{PRETRAIN} --no-verify"));
    assert_says(
        &error,
        &["data/train-00000.ids cannot be right: a length of 65535", "help: build the data again"],
    );
    bench.succeed("data inspect data");
}

#[test]
fn numbers_that_nobody_means_are_refused() {
    let bench = Workbench::with_data();
    let tokenizer = "data tokenizer --input corpus.txt --out other --vocab-size";
    let build = "data build --input corpus.txt --tokenizer tokenizer --out other";
    let huge = "18446744073709551615";
    for (line, expected) in [
        (format!("{tokenizer} {huge}"), "vocabulary size is 18446744073709551615, expected at most 1048576"),
        (format!("{tokenizer} 1048577"), "vocabulary size is 1048577"),
        (format!("{tokenizer} 0"), "a vocabulary of 0 pieces is too small"),
        (format!("{tokenizer} 240 --max-word-length {huge}"), "expected a number from 1 to 10000"),
        (format!("{tokenizer} 240 --max-word-length 0"), "expected a number from 1 to 10000"),
        (format!("{tokenizer} 240 --min-frequency {huge}"), "supports a vocabulary of at most"),
        (format!("{tokenizer} 240 --character-coverage NaN"), "expected a number from 0 to 1"),
        (format!("{tokenizer} 240 --threads 0"), "--threads 0"),
        (format!("{tokenizer} 240 --threads {huge}"), "--threads 18446744073709551615"),
        (format!("{build} --threads 0"), "--threads 0"),
        (format!("{build} --threads 4097"), "--threads 4097"),
        (format!("{build} --seq-len {huge}"), "a sequence length of 18446744073709551615"),
        (format!("{build} --heldout-fraction NaN"), "a held-out fraction of NaN"),
        (format!("{build} --heldout-fraction inf"), "a held-out fraction of inf"),
        (format!("data inspect data --at {huge}"), "there is no example 18446744073709551615"),
    ] {
        assert_says(&bench.refuse(&line), &[expected, "help: "]);
        assert!(!bench.path("other").exists(), "{line}");
    }
    bench.succeed(&format!("data inspect data --pieces {huge} --seed {huge}"));
    bench.succeed(&format!("{build} --part 4294967295/4294967295 --seed {huge} --heldout-salt {huge}"));
    let error = bench.refuse("data merge other --out merged");
    assert_says(&error, &["parts 1, 2, 3", "4294967284 more of 4294967295 are missing"]);
}

#[test]
fn files_that_cannot_be_read_twice_are_called_what_they_are() {
    let bench = Workbench::with_data();
    assert!(Command::new("mkfifo").arg(bench.path("pipe.txt")).status().unwrap().success());
    for line in ["data tokenizer --vocab-size 240", "data build --tokenizer tokenizer"] {
        for input in ["pipe.txt", "/dev/zero"] {
            let error = bench.refuse(&format!("{line} --input {input} --out other"));
            assert_says(&error, &[&format!("cannot read {input}: it is a "), "help: "]);
        }
    }
    let error = bench.refuse("data build --input corpus.txt --tokenizer /dev/zero --out other");
    assert_says(&error, &["cannot read the vocabulary /dev/zero: it is a device", "help: "]);
}

#[test]
fn a_terminal_does_not_obey_the_pieces_of_a_vocabulary() {
    let bench = Workbench::with_data();
    // A piece that no text has, until a shard says so.
    let mut pieces: Vec<String> = bench.read("tokenizer/vocab.txt").lines().map(str::to_owned).collect();
    pieces[5] = "\u{1b}[2J".into();
    bench.write("vocab.txt", pieces.join("\n"));
    let build = "data build --input corpus.txt --tokenizer vocab.txt --seq-len 32 --out other --uncased --heldout-fraction 0";
    bench.succeed(build);
    let mut bytes = bench.bytes("other/train-00000.ids");
    bytes[134..136].copy_from_slice(&[5, 0]);
    bench.write("other/train-00000.ids", bytes);
    let ran = bench.succeed("data inspect other --pieces 1000");
    assert!(ran.stdout.contains("\\u{1b}[2J") && !ran.stdout.contains('\u{1b}'), "{}", ran.stdout);
}
