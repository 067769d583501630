//! Errors of log and disk in the middle of training: what it has reached is saved, and the same command
//! ends with the same bits.

use std::fs;

use crate::workbench::{Ran, Workbench, assert_says, labelled};

/// Gives `command` with no room for the line of the log that `of_log` of its lines come before, then again.
/// Compares the weights in `file` with those of a run that nothing has happened to.
fn check(bench: &Workbench, command: &str, run: &str, of_log: usize, file: &str) {
    let with_fault = |fault: &str| {
        let mut command = bench.command(command);
        command.env("ELECTRA_FAULT", fault).env("ELECTRA_FILE_OPERATIONS", bench.path("operations"));
        Ran::of(&command.output().unwrap())
    };
    let whole = with_fault("kill:0");
    assert_eq!(whole.code, Some(0), "{}", whole.stderr);
    let expected = bench.bytes(file);
    let operations = bench.read("operations");
    let log = format!("{run}/metrics.jsonl");
    let is_line = |operation: &&str| operation.contains(" write ") && operation.ends_with(&log);
    let number = operations.lines().filter(is_line).nth(of_log).expect("a line in the middle");
    let number = number.split(' ').next().unwrap();

    fs::remove_dir_all(bench.path("out")).unwrap();
    let stopped = with_fault(&format!("once:{number}"));
    assert_eq!(stopped.code, Some(1), "{}", stopped.stderr);
    assert_says(&stopped.stderr, &["No space left", "stopped by an error, with all steps saved"]);
    let again = bench.succeed(command);
    assert_says(&again.stderr, &["from step"]);
    assert!(bench.bytes(file) == expected, "other weights than without the error");
}

#[test]
fn pretraining_saves_what_it_has_reached() {
    let bench = Workbench::with_data();
    let command = "pretrain recipe.toml --run out --no-plan --threads 1 --set train.steps=20 \
        --set checkpoint.every_steps=100";
    // Start, then a line each five steps.
    check(&bench, command, "out", 2, "out/model.safetensors");
}

#[test]
fn fine_tuning_saves_what_it_has_reached() {
    let bench = Workbench::with_data();
    bench.write("train.conll", labelled(0..60));
    bench.write("dev.conll", labelled(100..130));
    let command = "finetune ner --train train.conll --dev dev.conll --out out --model scratch:recipe.toml \
        --threads 1 --set input.window=32 --set train.epochs=4 --set schedule.learning_rate=5e-3 --set guard.epochs=8";
    let run = "out/seed-1";
    // The line of the second epoch: start, notes, then the epochs.
    bench.succeed(command);
    let kinds: Vec<String> =
        bench.metrics(run).iter().map(|line| line["kind"].as_str().unwrap().to_owned()).collect();
    let epochs: Vec<usize> = (0..kinds.len()).filter(|&line| kinds[line] == "epoch").collect();
    fs::remove_dir_all(bench.path("out")).unwrap();
    check(&bench, command, run, epochs[1], "out/seed-1/model.safetensors");
}
