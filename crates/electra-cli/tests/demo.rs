//! `electra demo`, shortened: a vocabulary of few pieces and a few steps.

mod workbench;

use workbench::{Workbench, assert_says};

const DEMO: &str = "demo --out demo --threads 2 --set model.vocab_size=600 --set train.steps=4 \
    --set schedule.warmup_steps=1 --set evaluate.max_examples=8";

#[test]
fn the_demo_tells_how_far_it_is_and_advises_its_own_options_alone() {
    let bench = Workbench::new();
    let ran = bench.succeed(DEMO);
    assert_says(
        &ran.stderr,
        &[
            "1/4  vocabulary of 600 word pieces",
            "merging pieces of ",
            "2/4  rows of 64 tokens",
            "timing a few steps",
            "planned: ",
            "3/4  pretraining",
            "step 4/4",
            "4/4  what it learned",
        ],
    );
    assert_says(
        &ran.stdout,
        &["swapped in: ", "Report: demo/run/report.html", "Next: electra detect --model demo/run"],
    );
    assert!(!ran.stderr.contains("--no-plan"), "{}", ran.stderr);

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
fn the_demo_promises_no_time_that_it_has_not_measured() {
    let help = Workbench::new().succeed("demo --help").stdout;
    assert_says(&help, &["a few minutes on two cores", "it says before it trains"]);
}
