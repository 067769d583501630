//! Bad input, seen from the command line: what each error names, its exit code, and no panic.

mod workbench;

use electra_kernels::DeviceName;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use workbench::{PATIENCE, Ran, VOCABULARY, Workbench, assert_says, corpus};

const BUILD: &str = "data build --tokenizer tokenizer --seq-len 32 --out built --input";
const PRETRAIN: &str = "pretrain recipe.toml --no-plan --run run";

/// Nothing has been begun in `run`.
#[track_caller]
fn assert_untouched(bench: &Workbench) {
    assert!(!bench.path("run").exists(), "a run was begun");
}

#[test]
fn an_empty_corpus() {
    let bench = Workbench::with_data();
    bench.write("empty.txt", "");
    bench.write("blank.txt", " \n\n\t\n");
    for name in ["empty.txt", "blank.txt"] {
        assert_says(&bench.refuse(&format!("{BUILD} {name}")), &["the corpus is empty", name]);
        let error = bench.refuse(&format!("data tokenizer --input {name} --vocab-size 100 --out words"));
        assert_says(&error, &["the corpus is empty", name]);
    }
    assert!(!bench.path("built").exists() && !bench.path("words").exists());
}

#[test]
fn input_that_is_not_there() {
    let bench = Workbench::with_data();
    assert_says(&bench.refuse(&format!("{BUILD} gone*.txt")), &["no file matches gone*.txt"]);
    std::fs::create_dir(bench.path("texts")).unwrap();
    bench.write("texts/a.txt", "Some text.");
    assert_says(&bench.refuse(&format!("{BUILD} texts")), &["texts is a folder", "texts/**/*.txt"]);
    assert_says(
        &bench.refuse(&format!("{BUILD} recipe.toml")),
        &["recipe.toml", "help: give it a name that ends in .txt", ".jsonl"],
    );
}

#[test]
fn text_that_is_not_utf_8_unless_lossy() {
    let bench = Workbench::with_data();
    let text = corpus(30, 2);
    bench.write("bad.txt", [b"good line\nbad \xff line\n\n", text.as_bytes()].concat());
    let error = bench.refuse(&format!("{BUILD} bad.txt"));
    assert_says(&error, &["bad.txt is not UTF-8", "line 2", "0xff at offset 14", "help:", "`--lossy`"]);
    let ran = bench.succeed(&format!("{BUILD} bad.txt --lossy"));
    assert_says(&ran.stdout, &["lossy   1 sequences of bytes were not UTF-8"]);
}

#[test]
fn compressed_text_that_was_cut_short() {
    let bench = Workbench::with_data();
    let text = corpus(200, 3);
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(text.as_bytes()).unwrap();
    for (name, kind, whole) in [
        ("cut.txt.gz", "gzip", gzip.finish().unwrap()),
        ("cut.txt.zst", "zstd", zstd::encode_all(text.as_bytes(), 3).unwrap()),
    ] {
        bench.write(name, &whole);
        bench.succeed(&format!("{BUILD} {name} --force"));
        bench.write(name, &whole[..whole.len() / 2]);
        let error = bench.refuse(&format!("{BUILD} {name} --force"));
        let found = format!("{name} was cut short: its {kind} data ends in the middle");
        assert_says(&error, &[&found, "help: copy or download it again"]);
    }
}

#[test]
fn a_shard_that_was_cut_short() {
    let bench = Workbench::with_data();
    let whole = bench.bytes("data/train-00000.ids");
    bench.write("data/train-00000.ids", &whole[..1000]);
    let found = format!("data/train-00000.ids has 1000 bytes, expected {}", whole.len());
    for line in ["data verify data", "data inspect data", PRETRAIN] {
        assert_says(&bench.refuse(line), &[&found, "help: build the data again or copy the file again"]);
    }
    assert_untouched(&bench);
}

#[test]
fn a_flipped_bit_in_a_shard_is_found_by_verify_and_before_training() {
    let bench = Workbench::with_data();
    bench.succeed("data verify data");
    bench.flip_bit("data/train-00000.ids", -1);
    for line in ["data verify data", PRETRAIN] {
        let error = bench.refuse(line);
        assert_says(
            &error,
            &["data/train-00000.ids is damaged: its blake3 is", "help: build the data again"],
        );
    }
    assert_untouched(&bench);
}

#[test]
fn another_tokenizer_than_that_of_the_shards() {
    let bench = Workbench::with_data();
    bench.succeed("data tokenizer --input corpus.txt --vocab-size 240 --out other");
    bench.copy("other", "data/tokenizer");
    for line in ["data verify data", "data inspect data", PRETRAIN] {
        let error = bench.refuse(line);
        assert_says(
            &error,
            &["data was built with tokenizer ", "help: use data/tokenizer, or build the data again"],
        );
    }
    // A run folder that was begun before the tokenizer was looked at would be in the way later.
    assert_untouched(&bench);
}

#[test]
fn data_that_is_no_data() {
    let bench = Workbench::with_data();
    let error = bench.refuse(&format!("{PRETRAIN} --set data.path=nowhere"));
    assert_says(&error, &["nowhere holds no manifest.json", "electra data build"]);
    assert_untouched(&bench);
}

#[test]
fn rows_longer_than_the_position_table() {
    let bench = Workbench::with_data();
    let recipe = bench.read("recipe.toml").replace("sequence_length = 32", "sequence_length = 64");
    bench.write("recipe.toml", recipe);
    for line in [PRETRAIN, "plan recipe.toml", "bench step recipe.toml"] {
        let error = bench.refuse(line);
        assert_says(
            &error,
            &[
                "rows of 64 tokens",
                "position table of 32 rows",
                "recipe.toml:7:",
                "model.max_position_embeddings",
            ],
        );
    }
    assert_untouched(&bench);
}

#[test]
fn data_of_another_shape_than_the_recipe() {
    let bench = Workbench::with_data();
    let error = bench.refuse(&format!("{PRETRAIN} --set data.sequence_length=16"));
    assert_says(&error, &["data has rows of 32 tokens, the recipe 16", "--seq-len", "data.sequence_length"]);
    let error = bench.refuse(&format!("{PRETRAIN} --set model.vocab_size=100"));
    assert_says(&error, &["vocabulary of 256, the recipe has 100", "model.vocab_size"]);
    assert_untouched(&bench);
}

#[test]
fn a_batch_larger_than_the_data() {
    let bench = Workbench::with_data();
    let error = bench.refuse(&format!("{PRETRAIN} --set train.batch_size=5000"));
    assert_says(
        &error,
        &["a batch of 5000 rows from ", " training examples in data", "lower train.batch_size"],
    );
    assert_untouched(&bench);
}

#[test]
fn a_recipe_of_a_newer_version() {
    let bench = Workbench::with_data();
    bench.write("recipe.toml", bench.read("recipe.toml").replace("recipe_version = 1", "recipe_version = 7"));
    let error = bench.refuse(PRETRAIN);
    assert_says(
        &error,
        &["recipe version 7 is newer", "reads version 1", "recipe.toml:1:18", "update the program"],
    );
    assert_untouched(&bench);
}

#[test]
fn a_run_folder_of_another_recipe() {
    let bench = Workbench::with_data();
    bench.succeed(&format!("{PRETRAIN} --set train.steps=5"));
    let before = bench.files("run");
    let error = bench.refuse(&format!("{PRETRAIN} --set train.steps=5 --set seed=2"));
    assert_says(&error, &["run holds a run with another recipe", "seed = 1 there, 2 now", "--run"]);
    bench.write("more.txt", corpus(90, 5));
    bench.succeed("data build --input more.txt --tokenizer tokenizer --seq-len 32 --force --out data");
    let error = bench.refuse(&format!("{PRETRAIN} --set train.steps=5"));
    assert_says(&error, &["run holds a run with other data", "--run"]);
    for (name, bytes) in bench.files("run") {
        assert!(name == "run/lock" || before[&name] == bytes, "{name} has changed");
    }
}

#[test]
fn a_run_folder_in_use() {
    let bench = Workbench::with_data();
    let command = format!("{PRETRAIN} --set train.steps=1000000 --set log.every_steps=1");
    let mut child = bench.start(&command);
    bench.wait_for_step(&mut child, "run", 1);
    let error = bench.refuse(&command);
    // Also without --no-plan nobody is kept waiting.
    let with_plan = bench.refuse(&command.replace("--no-plan ", ""));
    assert_says(&with_plan, &["run is in use by process "]);
    assert!(!with_plan.contains("timing"), "{with_plan}");
    // The one in use goes on as if nothing had been.
    let pid = child.id();
    bench.wait_for_step(&mut child, "run", 3);
    child.kill().unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), None, "{:?} in {PATIENCE:?}", Ran::of(&output));
    assert_says(&error, &[&format!("run is in use by process {pid} on "), "another folder with --run"]);
}

#[test]
fn a_run_folder_that_cannot_be_written() {
    let bench = Workbench::with_data();
    // Below a regular file nobody may write, not even root.
    let error = bench.refuse("pretrain recipe.toml --no-plan --run corpus.txt/run");
    assert_says(
        &error,
        &["cannot use corpus.txt/run", "Not a directory", "that you may write to with --run"],
    );
    for line in [
        "data build --input corpus.txt --tokenizer tokenizer --seq-len 32 --out corpus.txt/data",
        "data tokenizer --input corpus.txt --vocab-size 100 --out corpus.txt/words",
    ] {
        assert_says(&bench.refuse(line), &["cannot write corpus.txt/", "Not a directory"]);
    }
}

#[test]
fn a_run_folder_with_files_of_somebody_else() {
    let bench = Workbench::with_data();
    let error = bench.refuse("pretrain recipe.toml --no-plan --run tokenizer");
    assert_says(&error, &["tokenizer is not empty and not a run folder", "--run"]);
}

#[test]
fn a_vocabulary_larger_than_the_corpus_supports() {
    let bench = Workbench::with_data();
    let error = bench.refuse("data tokenizer --input corpus.txt --vocab-size 30000 --out words");
    assert_says(&error, &["supports a vocabulary of at most ", "30000 were asked for", "or give more text"]);
    let error = bench.refuse("data tokenizer --input corpus.txt --vocab-size 10 --out words");
    assert_says(&error, &["a vocabulary of 10 pieces is too small", "help: ask for more"]);
    assert!(!bench.path("words").exists());
}

#[test]
fn an_unknown_key_in_a_recipe() {
    let bench = Workbench::with_data();
    bench.write("recipe.toml", bench.read("recipe.toml").replace("batch_size = 8", "batchsize = 8"));
    let error = bench.refuse(PRETRAIN);
    assert_says(&error, &["unknown field `batchsize`, did you mean `batch_size`?", "recipe.toml:51:1"]);
    // The caret stands under the culprit.
    let lines: Vec<&str> = error.lines().collect();
    let at = lines.iter().position(|line| line.contains("batchsize = 8")).expect("the line is shown");
    let column = |line: &str, what: char| line.chars().position(|c| c == what);
    assert_eq!(column(lines[at + 1], '─'), column(lines[at], 'b'), "{error}");
    assert_untouched(&bench);
}

#[test]
fn a_typo_in_an_override() {
    let bench = Workbench::with_data();
    for (text, parts) in [
        ("train.batchsize=3", ["unknown field `batchsize`, did you mean `batch_size`?", "train.batchsize=3"]),
        ("trian.batch_size=3", ["unknown field `trian`, did you mean `train`?", "trian.batch_size=3"]),
        (
            "train.batch_size=many",
            ["`train.batch_size` must be a whole number", "--set train.batch_size=many"],
        ),
        ("train.batch_size=-1", ["must be a whole number", "for example --set train.batch_size=100"]),
        ("train.batch_size.x=4", ["is a value and has no `x`", "as a whole: --set train.batch_size=..."]),
        ("name=12", ["`name` must be a string, not 12", "quotes: --set 'name=\"12\"'"]),
        ("train.batch_size", ["an override is written key=value", "--set train.batch_size=64"]),
        ("objective.kind=mml", ["unknown value `mml`", "the values here are replaced-token-detection"]),
        ("train.dropout=1.5", ["`train.dropout` is 1.5", "at least 0 and below 1"]),
    ] {
        assert_says(&bench.refuse(&format!("{PRETRAIN} --set {text}")), &parts);
    }
    assert_untouched(&bench);
}

#[test]
fn a_recipe_that_is_not_there_or_no_toml() {
    let bench = Workbench::new();
    assert_says(&bench.refuse("pretrain gone.toml"), &["gone.toml: cannot be read: No such file"]);
    bench.write("odd.toml", "recipe_version = 1\nname = \n");
    assert_says(&bench.refuse("pretrain odd.toml"), &["odd.toml:2:"]);
}

#[test]
fn a_warmup_that_would_not_end_says_both_numbers_and_the_keys() {
    let bench = Workbench::new();
    bench.write("recipe.toml", workbench::RECIPE);
    let error = bench.refuse("plan recipe.toml --set schedule.warmup_steps=100");
    let help = "set schedule.warmup_steps below 60, such as 6, or train.steps above 100";
    assert_says(&error, &["`schedule.warmup_steps` is 100, and the run has 60 steps", help]);
}

#[test]
fn an_unknown_device() {
    let bench = Workbench::with_data();
    let error = bench.stop(&format!("{PRETRAIN} --device gpu"), 2);
    assert_says(&error, &["`gpu` is no device; known are flex, ndarray, wgpu, cuda:N"]);
}

#[test]
fn a_device_that_is_not_compiled_in() {
    let bench = Workbench::with_data();
    for (device, feature) in [("wgpu", "wgpu"), ("cuda:1", "cuda"), ("ndarray", "ndarray")] {
        // Tests of the whole workspace build the program with what other crates' tests ask for.
        if device.parse::<DeviceName>().unwrap().is_compiled_in() {
            continue;
        }
        for line in [PRETRAIN, "plan recipe.toml", "bench step recipe.toml", "detect --model run x"] {
            let error = bench.refuse(&format!("{line} --device {device}"));
            let remedy = format!("cargo build --release --features {feature}");
            assert_says(&error, &[&format!("without the {feature} backend"), &remedy]);
        }
    }
    assert_untouched(&bench);
}

#[test]
fn precision_that_the_device_lacks() {
    let bench = Workbench::with_data();
    let error = bench.refuse(&format!("{PRETRAIN} --set train.precision=f8"));
    assert_says(&error, &["unknown value `f8`", "f32, f16, bf16"]);
}

#[test]
fn a_dashboard_without_a_terminal() {
    let bench = Workbench::with_data();
    let error = bench.refuse(&format!("{PRETRAIN} --display dashboard"));
    assert_says(&error, &["terminal", "--display lines"]);
    assert_untouched(&bench);
}

#[test]
fn a_model_that_is_none() {
    let bench = Workbench::with_data();
    std::fs::create_dir(bench.path("empty")).unwrap();
    let error = bench.refuse("detect --model empty text");
    assert_says(&error, &["empty holds no model", "model.json", "config.json"]);
    assert_says(&bench.refuse("detect --model gone text"), &["cannot read gone: No such file"]);
    assert_says(&bench.refuse("export hf empty --out out"), &["empty holds no model"]);
    assert_says(
        &bench.refuse("import hf empty --out out"),
        &["empty holds no model", "config.json", "help:"],
    );
    assert_says(&bench.refuse("report empty"), &["empty is no run folder", "run.json"]);
    assert_says(&bench.refuse("report gone"), &["there is no folder gone", "help: name a folder"]);
    assert_says(&bench.refuse("report corpus.txt"), &["corpus.txt is a file and no run folder", "help:"]);
    assert!(!bench.path("out").exists());
}

#[test]
fn an_output_that_is_there() {
    let bench = Workbench::with_data();
    bench.succeed(&format!("{PRETRAIN} --set train.steps=5"));
    assert_says(&bench.refuse("export hf run --out data"), &["data exists", "--force"]);
    let error = bench.refuse("export hf run --out data --force");
    assert_says(&error, &["data is no earlier export", "discriminator and generator"]);
    assert_eq!(bench.run("export hf run --out out --dropout 3").code, Some(2));
    let error = bench.refuse("data tokenizer --input corpus.txt --vocab-size 100 --out tokenizer");
    assert_says(&error, &["tokenizer holds a tokenizer already", "--force"]);
    bench.write("more.txt", corpus(90, 5));
    let error = bench.refuse("data build --input more.txt --tokenizer tokenizer --seq-len 32 --out data");
    assert_says(&error, &["data is not empty", "--force"]);
}

#[test]
fn a_count_of_nothing() {
    let bench = Workbench::with_data();
    for (line, flag) in [
        ("bench step recipe.toml --steps 0", "--steps 0"),
        ("bench ner recipe.toml --repetitions 0", "--repetitions 0"),
        ("plan recipe.toml --timed-steps 0", "--timed-steps 0"),
        ("pretrain recipe.toml --threads 0", "--threads 0"),
    ] {
        assert_says(&bench.refuse(line), &[flag, "give at least 1"]);
    }
}

#[test]
fn a_run_that_learns_slowly_has_not_diverged() {
    // Neighbours' embeddings cost more than guessing does, and with this rate they stay.
    let bench = Workbench::with_data();
    let start = "--set model.position_start=\"neighbours\" --set model.kernel_gain=2.8";
    let slow = format!("{PRETRAIN} {start} --set schedule.learning_rate=1e-7 --set train.steps=30");
    bench.succeed(&slow);
    let metrics = bench.metrics("run");
    let last = metrics.iter().rfind(|line| line["kind"] == "train").unwrap()["loss"].as_f64().unwrap();
    let guessing = (VOCABULARY as f64).ln() + 50.0 * 2f64.ln();
    assert!(last > 1.2 * guessing, "{last} is no slow start");
}

#[test]
fn training_that_diverges() {
    let bench = Workbench::with_data();
    let ran = bench.run(&format!("{PRETRAIN} --set schedule.learning_rate=1e6"));
    assert_eq!(ran.code, Some(4), "{}", ran.stderr);
    assert_says(
        &ran.stderr,
        &["step ", "the loss is", "lower schedule.learning_rate", "schedule.warmup_steps", "--run"],
    );
    assert!(!ran.stderr.contains("panicked") && !bench.path("run/model.safetensors").exists());
    // The log tells what became of the run, and so does the report.
    let metrics = bench.metrics("run");
    let [.., event, end] = metrics.as_slice() else { panic!("{metrics:?}") };
    assert_eq!(
        (&event["kind"], &end["kind"], &end["reason"]),
        (&"event".into(), &"end".into(), &"diverged".into())
    );
    assert_says(event["message"].as_str().unwrap(), &["the loss is"]);
    assert_says(&bench.read("run/report.html"), &["diverged"]);
}
