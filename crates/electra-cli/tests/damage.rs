//! Files that are damaged: every error says what to do, and nothing panics.

mod workbench;

use std::fs;
use std::io::Write;

use electra_ner::Decoding;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;
use workbench::{Ran, Workbench, assert_says, corpus};

/// Words of libraries that are nobody's but theirs.
const JARGON: [&str; 8] = [
    "invalid type",
    "invalid value",
    "untagged",
    "variant",
    "usize",
    "struct ",
    "did not match",
    "EOF while",
];

/// A workbench with a small tagger of every file that one can have in `tagger`, and `text.txt`.
fn bench() -> Workbench {
    let (bench, _) = Workbench::with_tagger(120, 8, Decoding::Crf);
    bench.write("text.txt", "Ada met Bo in Rome.\n");
    bench
}

/// Fails unless a command has done its work or said what is wrong and what to do.
#[track_caller]
fn assert_sound(ran: &Ran, what: &str) {
    let said = &ran.stderr;
    match ran.code {
        Some(0) => {}
        Some(1) => assert!(said.contains("help: "), "{what}: no help\n{said}"),
        code => panic!("{what}: ended with {code:?}\n{said}"),
    }
    for word in ["panicked", "RUST_BACKTRACE"].iter().chain(&JARGON) {
        assert!(!said.contains(word), "{what}: {word:?}\n{said}");
    }
}

/// Ways of damaging `bytes`, each with its name.
fn damages(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let cut = [0, 1, 7, bytes.len() / 3, bytes.len().saturating_sub(1)];
    let cut = cut.into_iter().map(|length| (format!("cut to {length}"), bytes[..length].to_vec()));
    let flip = [0, 8, bytes.len() / 2, bytes.len().saturating_sub(2)].into_iter().map(|at| {
        let mut flipped = bytes.to_vec();
        flipped[at] ^= 0x84;
        (format!("flipped at {at}"), flipped)
    });
    let other = [("null", &b"null"[..]), ("a list", b"[1, 2]"), ("zeros", &[0; 64])];
    let other = other.into_iter().map(|(name, bytes)| (name.to_owned(), bytes.to_vec()));
    cut.chain(flip).chain(other).collect()
}

#[test]
fn every_damaged_file_of_a_tagger_is_named_with_what_to_do() {
    let bench = bench();
    let command = "predict --model tagger text.txt";
    bench.succeed(command);
    let mut refused = 0;
    for name in bench.names("tagger") {
        let path = format!("tagger/{name}");
        let whole = bench.bytes(&path);
        for (damage, bytes) in damages(&whole) {
            bench.write(&path, bytes);
            let ran = bench.run(command);
            assert_sound(&ran, &format!("{path} {damage}"));
            refused += usize::from(ran.code == Some(1));
        }
        fs::remove_file(bench.path(&path)).unwrap();
        assert_sound(&bench.run(command), &format!("{path} removed"));
        fs::create_dir(bench.path(&path)).unwrap();
        assert_sound(&bench.run(command), &format!("{path} a folder"));
        fs::remove_dir(bench.path(&path)).unwrap();
        #[cfg(unix)]
        {
            // Unreadable for whoever runs the test, root too.
            std::os::unix::fs::symlink(&name, bench.path(&path)).unwrap();
            assert_sound(&bench.run(command), &format!("{path} a circle of links"));
            fs::remove_file(bench.path(&path)).unwrap();
        }
        bench.write(&path, &whole);
    }
    assert!(refused > 30, "{refused} damages were found");
    bench.succeed(command);
}

/// `vocab.txt` says what `tokenizer.json` does, for programs that read no other.
#[test]
fn a_vocabulary_that_is_not_the_taggers_is_noticed() {
    let bench = bench();
    let whole = bench.bytes("tagger/vocab.txt");
    bench.write("tagger/vocab.txt", &whole[..whole.len() / 2]);
    bench.write("a.conll", "Ada\tB-PER\nspoke\tO\n");
    let commands = [
        "predict --model tagger text.txt",
        "finetune ner --model tagger --train a.conll --dev a.conll --set train.epochs=1",
    ];
    for command in commands {
        assert_says(&bench.refuse(command), &["tagger/vocab.txt does not belong to", "help: copy the whole"]);
    }
    // Without the file that is written here alone the folder is one of transformers, which does not look.
    fs::remove_file(bench.path("tagger/tagger.json")).unwrap();
    bench.succeed(commands[0]);
}

#[test]
fn training_and_detection_say_what_to_do_about_a_damaged_model() {
    let bench = bench();
    bench.write("a.conll", "Ada\tB-PER\nspoke\tO\n");
    for name in ["config.json", "model.safetensors", "vocab.txt", "tokenizer.json"] {
        let path = format!("tagger/{name}");
        let whole = bench.bytes(&path);
        for length in [0, whole.len() / 2] {
            bench.write(&path, &whole[..length]);
            for command in [
                "finetune ner --model tagger --train a.conll --dev a.conll --set train.epochs=1",
                "detect --model tagger text",
                "export hf tagger --out exported",
                "import hf tagger --out imported",
            ] {
                assert_sound(&bench.run(command), &format!("{command}: {path} cut to {length}"));
            }
        }
        bench.write(&path, &whole);
    }
}

#[test]
fn settings_of_the_wrong_type_are_told_in_plain_words() {
    let bench = bench();
    let command = "predict --model tagger text.txt";
    let settings = bench.read("tagger/tagger.json");
    for key in ["format", "decoding", "context", "window", "scheme"] {
        for value in [json!("x"), json!(3.5), json!([1]), json!({"a": 1}), json!(null)] {
            // Labels that follow no scheme have none.
            if key == "scheme" && value.is_null() {
                continue;
            }
            let mut wrong: serde_json::Value = serde_json::from_str(&settings).unwrap();
            wrong[key] = value.clone();
            bench.write("tagger/tagger.json", wrong.to_string());
            let ran = bench.run(command);
            assert_sound(&ran, &format!("{key} = {value}"));
            assert_eq!(ran.code, Some(1), "{key} = {value}");
            assert_says(&ran.stderr, &["tagger/tagger.json"]);
        }
    }
    bench.write("tagger/tagger.json", settings);
    let tokenizer = bench.read("tagger/tokenizer.json");
    bench.write("tagger/tokenizer.json", tokenizer.replace("\"WordPiece\"", "\"Piece\""));
    let ran = bench.run(command);
    assert_sound(&ran, "another tokenizer");
    assert_eq!(ran.code, Some(1));
}

#[test]
fn compressed_text_that_is_damaged_or_named_wrongly_says_what_it_is() {
    let bench = bench();
    let text = corpus(200, 3);
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(text.as_bytes()).unwrap();
    let (gzip, zstd) = (gzip.finish().unwrap(), zstd::encode_all(text.as_bytes(), 3).unwrap());
    for (name, whole) in [("a.txt.gz", &gzip), ("a.txt.zst", &zstd)] {
        for (damage, bytes) in damages(whole) {
            bench.write(name, bytes);
            for command in [
                format!("predict --model tagger {name}"),
                format!("data tokenizer --input {name} --vocab-size 100 --out words --force"),
                format!("check ner --train {name}"),
            ] {
                assert_sound(&bench.run(&command), &format!("{command}: {name} {damage}"));
            }
        }
    }
    for (name, bytes, kind) in [
        ("b.txt", &gzip, "is a gzip file"),
        ("b.conll", &gzip, "is a gzip file"),
        ("b.txt", &zstd, "is a zstd file"),
        ("c.txt.gz", &zstd, "it is a zstd file"),
    ] {
        bench.write(name, bytes);
        let predict = format!("predict --model tagger {name}");
        // A name of files of columns is refused before the file is looked at.
        let predict = (name != "b.conll").then_some(predict);
        for command in predict.into_iter().chain([format!("check ner --train {name}")]) {
            let error = bench.refuse(&command);
            assert_says(&error, &[name, kind, "help: "]);
            assert!(!error.contains("iconv"), "{error}");
        }
    }
    let ran = bench.feed_bytes("predict --model tagger", &gzip);
    assert_eq!(ran.code, Some(1));
    assert_says(&ran.stderr, &["standard input is a gzip file", "help: "]);
}

#[test]
fn a_folder_above_the_model_points_to_it() {
    let bench = bench();
    fs::create_dir(bench.path("out")).unwrap();
    for name in ["best", "seed-1"] {
        bench.copy("tagger", &format!("out/{name}"));
    }
    bench.write("out/seed-1/predictions-test.conll", "Ada B-PER B-PER\n");
    assert_says(
        &bench.refuse("predict --model out text.txt"),
        &["out holds no model itself", "help: give the folder of the model: out/best"],
    );
    let error = bench.refuse("finetune ner --model out --train text.txt --dev text.txt");
    assert!(error.contains("help: "), "{error}");
    for command in ["detect --model out text", "export hf out --out exported", "import hf out --out imported"]
    {
        assert_says(&bench.refuse(command), &["out holds taggers", "out/best"]);
    }
    assert_says(
        &bench.refuse("eval ner --pred out"),
        &["out is a folder", "help: give the file itself: out/seed-1/predictions-test.conll"],
    );
}

/// Every file below a folder that a command reads.
fn files_below(bench: &Workbench, folder: &str) -> Vec<String> {
    let is_read =
        |name: &String| !["lock", "tensorboard", "report.html"].iter().any(|part| name.contains(part));
    bench.files(folder).into_keys().filter(is_read).collect()
}

#[test]
fn pretraining_says_what_to_do_about_damaged_data_and_damaged_runs() {
    let bench = Workbench::with_data();
    let pretrain = "pretrain recipe.toml --no-plan --threads 1 --set train.steps=4 --set schedule.warmup_steps=1 \
                    --set checkpoint.every_steps=2 --run run";
    bench.succeed(pretrain);
    let mut refused = 0;
    for (folder, commands) in [
        (
            "data",
            &[
                "data inspect data",
                "pretrain recipe.toml --no-plan --set train.steps=2 --set schedule.warmup_steps=1 --run other",
            ][..],
        ),
        ("run", &["detect --model run text", "report run", pretrain][..]),
    ] {
        let whole = bench.files(folder);
        for path in files_below(&bench, folder) {
            let bytes = &whole[&path];
            for (damage, damaged) in [
                ("halved", bytes[..bytes.len() / 2].to_vec()),
                ("flipped", bytes.iter().map(|byte| byte ^ 0x84).collect()),
            ] {
                // A run that goes on reads what detection does not, and writes the rest anew.
                let of_training = ["run.json", "recipe.toml", "metrics.jsonl", "checkpoints", "data/"];
                let is_of_training = of_training.iter().any(|part| path.contains(part));
                let read = |command: &&&str| is_of_training != command.starts_with("detect");
                for command in commands.iter().filter(read) {
                    bench.write(&path, &damaged);
                    let ran = bench.run(command);
                    assert_sound(&ran, &format!("{command}: {path} {damage}"));
                    refused += usize::from(ran.code == Some(1));
                }
                // What a command has mended or written anew is as it was before.
                fs::remove_dir_all(bench.path(folder)).unwrap();
                for (name, bytes) in &whole {
                    fs::create_dir_all(bench.path(name).parent().unwrap()).unwrap();
                    bench.write(name, bytes);
                }
                let _ = fs::remove_dir_all(bench.path("other"));
            }
        }
    }
    assert!(refused > 20, "{refused} damages were found");
}

#[test]
fn scores_of_damaged_predictions_say_what_to_do() {
    let bench = Workbench::new();
    let whole = "Ada\tB-PER\tB-PER\nspoke\tO\tO\n\n".repeat(3).into_bytes();
    for (damage, bytes) in damages(&whole) {
        bench.write("p.conll", bytes);
        for command in
            ["eval ner --pred p.conll", "eval ner --gold p.conll --pred p.conll", "check ner --train p.conll"]
        {
            assert_sound(&bench.run(command), &format!("{command}: {damage}"));
        }
    }
}
