//! Sizes and steps that a file states are held against what is there before they are believed: no command
//! dies of them, or takes memory for them.

#![cfg(unix)]

mod workbench;

use std::fs;

use burn::prelude::*;
use electra_annotations::{LabelScheme, LabelSet};
use electra_model::parameters::{collect, to_safetensors};
use electra_model::{Electra, ModelConfig, Precision};
use electra_ner::{
    ClassifierDropout, Context, Decoding, HeadType, TaggerFolder, TaggerSettings, TaggerShape,
    TokenClassifier,
};
use electra_text::Tokenizer;
use serde_json::{Value, json};
use workbench::{Ran, Workbench, assert_says, corpus};

/// A workbench with an imported `model`, what is exported of it in `exported`, and a `tagger`.
fn bench() -> Workbench {
    let bench = Workbench::new();
    bench.write("corpus.txt", corpus(120, 1));
    bench.write("text.txt", "Ada met Bo in Rome.\n");
    bench.write("a.conll", "Ada\tB-PER\nspoke\tO\n");
    bench.succeed("data tokenizer --input corpus.txt --vocab-size 120 --out tokenizer");
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
    let device = Device::flex();
    fs::create_dir(bench.path("model")).unwrap();
    bench.write("model/model.json", serde_json::to_string(&config).unwrap());
    let weights = to_safetensors(&collect(&Electra::init(&config, 5, &device)), None);
    bench.write("model/model.safetensors", weights);
    tokenizer.save(&bench.path("model/tokenizer")).unwrap();
    bench.succeed("export hf model --out exported");

    let labels = LabelSet::new(["LOC", "PER"], LabelScheme::Iob2);
    let shape = TaggerShape { config: &config, labels: &labels, head: HeadType::Crf };
    let tagger = TokenClassifier::init(shape, 5, &device, Precision::F32);
    let settings =
        TaggerSettings { decoding: Decoding::Crf, context: Context::Sentence, window: 16, division: None };
    let path = bench.path("tagger");
    TaggerFolder::new(&path, &tagger, shape, ClassifierDropout::PAPER, settings, tokenizer).write().unwrap();
    bench
}

/// Runs a command with 4 GB of addresses: what takes memory for a size dies.
fn run_within_bounds(bench: &Workbench, line: &str) -> Ran {
    let binary = bench.command("").get_program().to_owned();
    let mut command = std::process::Command::new("sh");
    command.current_dir(bench.path("")).arg("-c").arg(format!("ulimit -v 4000000; exec \"$0\" {line}"));
    Ran::of(&command.arg(binary).env("NO_COLOR", "1").output().unwrap())
}

/// Fails unless the command has said what is wrong and what to do about it, and not for want of memory.
#[track_caller]
fn assert_refused(ran: &Ran, what: &str) {
    let said = &ran.stderr;
    assert_eq!(ran.code, Some(1), "{what}\n{said}");
    assert!(said.contains("help: "), "{what}: no help\n{said}");
    for word in ["panicked", "no memory is left"] {
        assert!(!said.contains(word), "{what}: {word}\n{said}");
    }
}

const SIZES: [&str; 8] = [
    "vocab_size",
    "embedding_size",
    "max_position_embeddings",
    "type_vocab_size",
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
];

#[test]
fn no_size_of_a_configuration_is_believed_before_the_weights_are_looked_at() {
    let bench = bench();
    let files = [
        ("exported/discriminator/config.json", "detect --model exported/discriminator text"),
        ("exported/discriminator/config.json", "import hf exported/discriminator --out new"),
        (
            "exported/generator/config.json",
            "import hf exported/discriminator --generator exported/generator --out new",
        ),
        ("model/model.json", "detect --model model text"),
        ("model/model.json", "export hf model --out new"),
        ("model/model.json", "finetune ner --model model --train a.conll --dev a.conll --out new"),
        ("tagger/config.json", "predict --model tagger text.txt"),
    ];
    for (file, command) in files {
        let whole = bench.read(file);
        for key in SIZES {
            for size in [json!(0), json!(3), json!(10_000), json!(100_000), json!(u64::MAX), json!(1e30)] {
                let mut config: Value = serde_json::from_str(&whole).unwrap();
                config[key] = size.clone();
                bench.write(file, config.to_string());
                let ran = run_within_bounds(&bench, command);
                assert_refused(&ran, &format!("{command}: {file} {key} = {size}"));
                assert!(!bench.path("new").exists(), "{command}: {key} = {size} left something behind");
            }
        }
        bench.write(file, &whole);
    }
    bench.write("tagger/tagger.json", bench.read("tagger/tagger.json").replace("16", "1"));
    let ran = run_within_bounds(&bench, "predict --model tagger text.txt");
    assert_refused(&ran, "a window of one piece");
    assert_says(&ran.stderr, &["a window of 1 pieces is too short"]);
}

#[test]
fn what_is_imported_is_read_again() {
    let bench = bench();
    bench.succeed("import hf exported/discriminator --generator exported/generator --out both");
    bench.succeed("import hf exported/discriminator --out one");
    for model in ["both", "one"] {
        bench.succeed(&format!("detect --model {model} text"));
        bench.succeed(&format!("export hf {model} --out again-{model}"));
    }
    assert_eq!(
        bench.bytes("exported/generator/model.safetensors"),
        bench.bytes("again-both/generator/model.safetensors")
    );
    // Values that change no shape.
    let file = "exported/discriminator/config.json";
    let whole = bench.read(file);
    for (key, value) in [
        ("initializer_range", json!(-1.0)),
        ("num_attention_heads", json!(3)),
        ("num_attention_heads", json!(0)),
    ] {
        let mut config: Value = serde_json::from_str(&whole).unwrap();
        config[key] = value;
        bench.write(file, config.to_string());
        let error = bench.refuse("import hf exported/discriminator --out new");
        assert_says(&error, &[file, key]);
        assert!(!bench.path("new").exists());
    }
}

#[test]
fn work_that_no_memory_holds_is_refused_before_it_is_begun() {
    let bench = Workbench::with_data();
    let huge = "--set model.hidden_size=65536 --set model.num_hidden_layers=1024 --set model.num_attention_heads=64 \
                --set model.intermediate_size=262144";
    let long = "--set train.batch_size=1048576 --set train.micro_batch_size=1048576";
    for command in ["plan recipe.toml", "pretrain recipe.toml --run run", "bench step recipe.toml"] {
        for sizes in [huge, long] {
            let ran = run_within_bounds(&bench, &format!("{command} {sizes}"));
            assert_refused(&ran, command);
            assert_says(&ran.stderr, &["the recipe \"micro\" needs ", " GB of 4.1 GB of memory"]);
        }
    }
    assert!(!bench.path("run").exists());
    bench.write("huge.toml", bench.read("recipe.toml").replace("hidden_size = 32", "hidden_size = 65536"));
    let line = "finetune ner --model scratch:huge.toml --train a.conll --dev a.conll --out new";
    bench.write("a.conll", "Ada\tB-PER\nspoke\tO\n");
    let ran = run_within_bounds(&bench, line);
    assert_refused(&ran, line);
    assert_says(&ran.stderr, &["fine-tuning huge.toml needs ", " GB of 4.1 GB of memory"]);
}

#[test]
fn a_number_on_the_command_line_has_bounds() {
    let bench = Workbench::with_data();
    for (line, parts) in [
        (
            "plan recipe.toml --timed-steps 18446744073709551615",
            ["--timed-steps 18446744073709551615", "at most 1000000"],
        ),
        (
            "bench step recipe.toml --steps 18446744073709551615",
            ["--steps 18446744073709551615", "at most 1000000"],
        ),
        (
            "bench step recipe.toml --warmup 18446744073709551615",
            ["--warmup 18446744073709551615", "at most 1000000"],
        ),
        ("bench ner recipe.toml --batch-size 18446744073709551615", ["--batch-size", "at most 1000000"]),
        ("bench ner recipe.toml --repetitions 18446744073709551615", ["--repetitions", "at most 1000000"]),
        ("plan recipe.toml --threads 5000", ["--threads 5000", "at most 4096"]),
        ("detect --model none --threads 18446744073709551615 text", ["--threads", "at most 4096"]),
    ] {
        assert_says(&bench.refuse(line), &parts);
    }
    let error = bench.stop("ablate experiment.toml --threads 5000", 2);
    assert_says(&error, &["5000", "1..=4096"]);
}

/// Makes a pipe that nobody writes to.
fn pipe(bench: &Workbench, name: &str) {
    let path = bench.path(name);
    let _ = fs::remove_file(&path);
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
}

#[test]
fn a_pipe_in_place_of_a_file_is_not_waited_for() {
    let bench = bench();
    for (file, command) in [
        ("model/model.json", "detect --model model text"),
        ("model/model.safetensors", "detect --model model text"),
        ("exported/discriminator/config.json", "import hf exported/discriminator --out new"),
        ("exported/discriminator/model.safetensors", "detect --model exported/discriminator text"),
        ("tagger/config.json", "predict --model tagger text.txt"),
        ("tagger/tagger.json", "predict --model tagger text.txt"),
        ("tagger/crf.safetensors", "predict --model tagger text.txt"),
        ("tagger/model.safetensors", "finetune ner --model tagger --train a.conll --dev a.conll --out new"),
        ("recipe.toml", "plan recipe.toml"),
        ("ner.toml", "finetune ner ner.toml --model model --train a.conll --dev a.conll --out new"),
    ] {
        let whole = fs::read(bench.path(file)).ok();
        pipe(&bench, file);
        let ran = bench.run(command);
        assert_refused(&ran, &format!("{command}: {file} is a pipe"));
        assert_says(&ran.stderr, &["a pipe"]);
        fs::remove_file(bench.path(file)).unwrap();
        if let Some(whole) = whole {
            bench.write(file, whole);
        }
    }
    fs::create_dir(bench.path("results")).unwrap();
    pipe(&bench, "results/a.json");
    assert_says(&bench.refuse("compare results"), &["results/a.json", "a pipe"]);
}

const PRETRAIN: &str = "pretrain recipe.toml --run run --no-plan --display lines --threads 1";

#[test]
fn a_flipped_bit_in_the_weights_of_a_finished_run_is_noticed() {
    let bench = Workbench::with_data();
    bench.succeed(PRETRAIN);
    let weights = "run/model.safetensors";
    let whole = bench.bytes(weights);
    let ran = bench.succeed(PRETRAIN);
    assert_says(&ran.stderr, &["all 60 steps are done already"]);

    bench.flip_bit(weights, -1);
    bench.write("a.conll", "Ada\tB-PER\nspoke\tO\n");
    for command in [
        "detect --model run text",
        "export hf run --out new",
        "finetune ner --model run --train a.conll --dev a.conll --out new",
    ] {
        let error = bench.refuse(command);
        assert_says(&error, &["run/model.safetensors is damaged", "BLAKE3", "the command of the run again"]);
    }
    let ran = bench.succeed(PRETRAIN);
    assert_says(&ran.stderr, &["what was saved (BLAKE3 differs)", "written again from the last checkpoint"]);
    assert_eq!(bench.bytes(weights), whole);
    bench.succeed("detect --model run text");

    // The log remembers them where no checkpoint does.
    fs::remove_dir_all(bench.path("run/checkpoints")).unwrap();
    assert_says(&bench.succeed(PRETRAIN).stderr, &["all 60 steps are done already"]);
    bench.flip_bit(weights, -1);
    let ran = bench.succeed(PRETRAIN);
    assert_says(&ran.stderr, &["what was saved (BLAKE3 differs)", "training begins again at step 0"]);
    assert_eq!(bench.bytes(weights), whole);
}

/// Makes the checkpoint in `folder` one of `step`, and its counter `counted`, with lengths and hashes that
/// are right.
fn make_step(bench: &Workbench, folder: &str, step: u64, counted: u64) {
    let state = json!({"step": counted}).to_string();
    bench.write(&format!("{folder}/state.json"), &state);
    let manifest = format!("{folder}/manifest.json");
    let mut sealed: Value = serde_json::from_str(&bench.read(&manifest)).unwrap();
    sealed["step"] = step.into();
    for blob in sealed["blobs"].as_array_mut().unwrap() {
        if blob["name"] == "state.json" {
            blob["bytes"] = state.len().into();
            blob["blake3"] = blake3::hash(state.as_bytes()).to_hex().to_string().into();
        }
    }
    bench.write(&manifest, sealed.to_string());
}

#[test]
fn a_checkpoint_of_a_step_that_the_run_has_not_ends_with_what_to_do() {
    let bench = Workbench::with_data();
    bench.succeed(PRETRAIN);
    let last = "run/checkpoints/step-0000000060";
    for step in [61, u64::MAX] {
        let beyond = format!("run/checkpoints/step-{step:010}");
        bench.copy(last, &beyond);
        make_step(&bench, &beyond, step, step);
        let error = bench.refuse(PRETRAIN);
        let sentence = format!("{beyond} is a checkpoint of step {step}, and the run has 60 steps");
        assert_says(&error, &[&sentence, "remove it to go on from the one before"]);
        fs::remove_dir_all(bench.path(&beyond)).unwrap();
        assert_says(&bench.succeed(PRETRAIN).stderr, &["all 60 steps are done already"]);
    }
    fs::remove_file(bench.path("run/model.safetensors")).unwrap();
    for counted in [59, 61, u64::MAX] {
        make_step(&bench, last, 60, counted);
        let error = bench.refuse(PRETRAIN);
        let sentence = format!("state.json is of step {counted}, and the checkpoint of step 60");
        assert_says(&error, &[&sentence, "remove its folder to go on from the one before"]);
    }
    make_step(&bench, last, 60, 60);
    bench.succeed(PRETRAIN);
}
