//! `electra demo`, shortened: a vocabulary of few pieces, a few steps, and a few epochs.

use crate::workbench::{Workbench, assert_says, json};

const DEMO: &str = "demo --out demo --threads 2 --set model.vocab_size=600 --set train.steps=4 \
    --set schedule.warmup_steps=1 --set evaluate.max_examples=8 \
    --set-ner train.epochs=2 --set-ner train.max_sentences=40";

#[test]
fn the_demo_tells_how_far_it_is_and_advises_its_own_options_alone() {
    let bench = Workbench::new();
    let ran = bench.succeed(DEMO);
    assert_says(
        &ran.stderr,
        &[
            "1/6  vocabulary of 600 word pieces",
            "merging pieces of ",
            "2/6  rows of 64 tokens",
            "timing a few steps",
            "planned: ",
            "3/6  pretraining",
            "step 4/4",
            "4/6  what it learned",
            "5/6  fine-tuning",
            "seed 1: 2 epochs of 5 steps",
            "epoch 2/2",
            "6/6  what pretraining was worth",
        ],
    );
    assert_says(
        &ran.stdout,
        &[
            "swapped in: ",
            "Report: demo/run/report.html",
            "Next: electra detect --model demo/run",
            "| electra predict --model demo/tagger/best",
        ],
    );
    assert!(!ran.stderr.contains("--no-plan"), "{}", ran.stderr);
    assert_says(&ran.stdout, &["test F1 of names: ", "pretrained, ", "from scratch", "Jefferson"]);
    let summary = |name: &str| json(&bench.read(&format!("demo/{name}/summary.json")));
    assert!(["tagger", "control"].iter().all(|name| summary(name)["test"]["mean"].is_number()));
    let weights = |name: &str| bench.bytes(&format!("demo/{name}/best/model.safetensors"));
    assert!(weights("tagger") != weights("control"));
    assert_says(&bench.succeed(DEMO).stderr, &["finished already"]);

    let own_options_alone = |line: &str, parts: &[&str]| {
        let error = bench.refuse(line);
        assert_says(&error, parts);
        for foreign in ["--run", "--force", "--no-plan", "--character-coverage", "--lossy", "--seq-len"] {
            assert!(!error.contains(foreign), "electra {line}\n{error}");
        }
    };
    // Another recipe, other data, too large a vocabulary, no folder at all.
    own_options_alone(&format!("{DEMO} --set seed=9"), &["seed = 1 there, 9 now", "--out"]);
    own_options_alone(
        &format!("{DEMO} --set model.vocab_size=601"),
        &["demo/data", "remove demo/data", "--out"],
    );
    own_options_alone(
        &format!("{DEMO} --set model.vocab_size=9000000"),
        &["9000000", "--set model.vocab_size"],
    );
    bench.write("file", "");
    own_options_alone(&DEMO.replace("--out demo", "--out file/demo"), &["cannot write file/demo", "--out"]);
}

#[test]
fn a_wrong_change_to_fine_tuning_is_refused_before_anything_is_made() {
    let bench = Workbench::new();
    let error = bench.refuse("demo --out demo --set-ner train.epochs=0");
    assert_says(&error, &["`train.epochs` is 0", "--set-ner train.epochs=0", "command line:1:24"]);
    let error = bench.refuse("demo --out demo --set-ner name=12");
    assert_says(&error, &["`name` must be a string, not 12", "--set-ner 'name=\"12\"'"]);
    assert!(!bench.path("demo").exists());
}

#[test]
fn the_demo_promises_no_time_that_it_has_not_measured() {
    let help = Workbench::new().succeed("demo --help").stdout;
    assert_says(&help, &["a few minutes on two cores", "it says before it trains"]);
}
