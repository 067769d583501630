//! `electra ablate` from an experiment to results: skipping, killing, failing; and `electra compare` of what
//! is left.

use std::time::{Duration, Instant};

use crate::workbench::experiment::{BASE, COMMAND, EXPERIMENT};
use crate::workbench::{PATIENCE, Ran, Workbench, assert_says};
use electra_ablate::run::last_step;
use electra_run::lock::Lock;
use rustix::process::{Pid, Signal, kill_process};

/// Two arms times two seeds of 40 steps.
fn bench() -> Workbench {
    Workbench::with_experiment(BASE, EXPERIMENT)
}

/// Steps that the logs of all runs have reached, together.
fn steps_logged(bench: &Workbench) -> u64 {
    bench.runs().iter().map(|run| last_step(&bench.path(run))).sum()
}

/// Two runs that have logged a few steps.
fn both_are_under_way(bench: &Workbench) -> bool {
    let runs = bench.runs();
    runs.len() == 2 && runs.iter().all(|run| last_step(&bench.path(run)) >= 5)
}

#[track_caller]
fn wait_until(mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "not in {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Starts the driver and kills it with SIGKILL once all runs together have logged `steps`.
fn kill_after(bench: &Workbench, steps: u64) {
    let mut driver = bench.start(COMMAND);
    wait_until(|| {
        assert!(driver.try_wait().unwrap().is_none(), "it ended before step {steps}");
        steps_logged(bench) >= steps
    });
    driver.kill().unwrap();
    driver.wait().unwrap();
}

#[test]
fn an_experiment_killed_twice_ends_as_one_that_was_left_alone() {
    let undisturbed = bench();
    let ran = undisturbed.succeed(COMMAND);
    assert_says(&ran.stderr, &["half seed 1: pretraining", "whole seed 2: finished, AUC", "(4/4)"]);
    assert_says(&ran.stdout, &["AUC, mean ± sd", "difference [95 %]", "base"]);
    let expected = undisturbed.results();
    let names: Vec<&String> = expected.keys().collect();
    let all = ["half.seed-1.json", "half.seed-2.json", "whole.seed-1.json", "whole.seed-2.json"];
    assert_eq!(names, all);
    let result = &expected["whole.seed-2.json"];
    assert_eq!(result["differences"], serde_json::json!({"model.generator.width": 1.0}));
    assert_eq!((&result["seed"], &result["steps"]), (&2.into(), &40.into()));
    assert_eq!(result["curve"]["step"], serde_json::json!([10, 20, 30, 40]));
    assert!(result["flops"].as_f64() > expected["half.seed-2.json"]["flops"].as_f64());

    // A first time in the middle of the first runs, a second time in that of the last.
    let bench = bench();
    kill_after(&bench, 20);
    kill_after(&bench, 110);
    let before = bench.results();
    bench.succeed(COMMAND);
    assert_eq!(bench.results(), expected);
    for (name, mut result) in before {
        // Whether it was judged on common text by then depends on the moment.
        let mut trained = expected[&name].clone();
        for result in [&mut result, &mut trained] {
            result.as_object_mut().unwrap().remove("common");
        }
        assert_eq!(result, trained);
    }
    let weights = |bench: &Workbench| -> Vec<Vec<u8>> {
        bench.runs().iter().map(|run| bench.bytes(&format!("{run}/model.safetensors"))).collect()
    };
    assert!(weights(&bench) == weights(&undisturbed), "the final weights have other bits");
    assert_eq!(bench.runs(), undisturbed.runs());
    for run in bench.runs() {
        let metrics = bench.metrics(&run);
        let count = |kind: &str| metrics.iter().filter(|line| line["kind"] == kind).count();
        assert_eq!((count("start"), count("train")), (1, 40), "{run} was begun twice, or lost steps");
    }

    // What is finished is neither run nor written again, even without its run folder.
    std::fs::remove_dir_all(bench.path("runs")).unwrap();
    let files = bench.files("exp/results");
    let ran = bench.succeed(COMMAND);
    assert_says(&ran.stderr, &["4 of 4 runs are finished already"]);
    assert!(bench.files("exp/results") == files);
    assert!(bench.runs().is_empty());
    // More seeds are more runs and change none that are there.
    let ran = bench.succeed(&format!("{COMMAND} --seeds 2..3"));
    assert_says(&ran.stderr, &["2 of 4 runs are finished already", "(4/4)"]);
    assert_eq!(bench.results().len(), 6);

    // Tables and page are those of the committed results, byte for byte.
    let table = bench.succeed("compare exp --format markdown").stdout;
    assert_says(&table, &["| whole |", "0.250 with 3 seeds", "± "]);
    assert_eq!(bench.succeed("compare exp --format markdown").stdout, table);
    bench.succeed("compare exp --html page.html");
    assert!(bench.bytes("page.html") == bench.bytes("exp/report.html"));
    assert_eq!(electra_run::report::check::faults(&bench.read("page.html")), Vec::<String>::new());
    assert_says(&bench.read("page.html"), &["Does a wider generator help?", "<svg", "AUC by steps"]);
    let markers =
        "<!-- results: written by `electra compare --write`, not by hand -->\n<!-- end of results -->";
    bench.write("exp/README.md", format!("# exp\n\n{markers}\nVerdict: none.\n"));
    assert_says(&bench.refuse("compare exp --check"), &["exp/README.md", "--write"]);
    bench.succeed("compare exp --write");
    bench.succeed("compare exp --check");
    let readme = bench.read("exp/README.md");
    assert!(readme.contains(table.trim_end()) && readme.ends_with("Verdict: none.\n"), "{readme}");
    bench.write("exp/README.md", readme.replace("| whole |", "| hole |"));
    bench.refuse("compare exp --check");
    // What cannot be checked is not in order.
    assert_says(&bench.refuse("compare exq --check"), &["there is no exq", "experiments/*/"]);
    assert_says(&bench.refuse("compare data --check"), &["no experiment.toml in any folder"]);
    // Results and runs without an experiment can be compared as well.
    let json = bench.succeed("compare exp/results --format json --base whole --metric loss").json();
    assert_eq!((&json["base_arm"], &json["metric"]), (&"whole".into(), &"loss".into()));
    let folders = undisturbed.runs().join(" ");
    assert_says(
        &undisturbed.refuse(&format!("compare {folders} --base half")),
        &[
            "differ in `model.generator.width`: rtd-auc is of each run's own task",
            "--metric",
            "mlm-loss-per-byte",
        ],
    );
    let json =
        undisturbed.succeed(&format!("compare {folders} --format json --base half --metric mlm-loss")).json();
    let arms = json["arms"].as_array().unwrap();
    let whole = arms.iter().find(|arm| arm["name"] == "whole").unwrap();
    assert_eq!((arms.len(), &whole["paired"]["difference"]["n"]), (2, &2.into()));
}

#[test]
fn runs_save_and_end_when_their_driver_is_killed() {
    let bench = bench();
    bench.write("exp/base.toml", BASE.replace("40", "100000"));
    let mut driver = bench.start(COMMAND);
    wait_until(|| both_are_under_way(&bench));
    driver.kill().unwrap();
    driver.wait().unwrap();
    let is_free = |run: &String| Lock::holder(&bench.path(&format!("{run}/lock"))).unwrap().is_none();
    wait_until(|| bench.runs().iter().all(is_free));
    for run in bench.runs() {
        let metrics = bench.metrics(&run);
        let end = metrics.last().unwrap();
        assert_eq!((&end["kind"], &end["reason"]), (&"end".into(), &"SIGTERM".into()), "{run}");
    }
}

#[test]
fn sigterm_reaches_the_runs_and_the_same_command_goes_on() {
    let bench = bench();
    bench.write("exp/base.toml", BASE.replace("40", "400"));
    let driver = bench.start(COMMAND);
    wait_until(|| both_are_under_way(&bench));
    kill_process(Pid::from_child(&driver), Signal::TERM).unwrap();
    let ran = Ran::of(&driver.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(75), "{}", ran.stderr);
    assert_says(&ran.stderr, &["Interrupted and saved. The same command goes on."]);
    for run in bench.runs() {
        assert_eq!(bench.metrics(&run).last().unwrap()["reason"], "SIGTERM", "{run}");
    }
    // Somebody who is at work on it meanwhile would be told of.
    let lock = std::fs::File::open(bench.path(&format!("{}/lock", bench.runs()[0]))).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
    let second = bench.start(COMMAND);
    wait_until(|| bench.results().len() == 3);
    drop(lock);
    let ran = Ran::of(&second.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_says(&ran.stderr, &["is at work on it; waiting until it ends", "(4/4)"]);
}

#[test]
fn a_seed_is_judged_on_common_text_before_the_next_begins() {
    let bench = Workbench::with_experiment(&BASE.replace("40", "10"), EXPERIMENT);
    let ran = bench.succeed("ablate exp --threads 1 --jobs 1");
    let at = |words: &str| ran.stderr.find(words).unwrap_or_else(|| panic!("no {words:?}: {}", ran.stderr));
    // Those of the base arm wait for nobody.
    assert!(at("half seed 1: judging") < at("half seed 2: pretraining"), "{}", ran.stderr);
    assert!(at("whole seed 1: judging samples") < at("half seed 2: pretraining"), "{}", ran.stderr);
    let judged = ran.stderr.matches("judging samples of the base arm's generator").count();
    assert_eq!(judged, 4, "each once: {}", ran.stderr);
    assert!(bench.results().values().all(|result| result["common"]["base"].is_object()));

    // An arm that comes first waits for the base arm, and goes without its samples where that fails.
    let wild = BASE.replace("40", "10") + "schedule.learning_rate = 1e30\n";
    let tame = EXPERIMENT.replace("\"model.generator.width\" = 1.0", "\"schedule.learning_rate\" = 1e-4");
    let bench = Workbench::with_experiment(&wild, &tame);
    let ran = bench.run("ablate exp --threads 1 --jobs 1 --seeds 1");
    assert_says(
        &ran.stderr,
        &["half seed 1", "diverged", "whole seed 1: judging samples from the frequencies"],
    );
    let common = &bench.results()["whole.seed-1.json"]["common"];
    assert!(common["base"].is_null() && common["unigram"].is_object(), "{common}");
}

#[test]
fn runs_that_fail_as_soon_as_they_begin_are_not_followed_by_all_others() {
    let bench = bench();
    let shard = bench.path("data/train-00000.ids");
    let whole = std::fs::read(&shard).unwrap();
    // Every run computes the hashes of its data, and the command itself reads their heads alone.
    let mut damaged = whole.clone();
    *damaged.last_mut().unwrap() ^= 1;
    std::fs::write(&shard, damaged).unwrap();
    let ran = bench.run("ablate exp/experiment.toml --threads 1 --jobs 1");
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert_says(&ran.stderr, &["3 runs in a row failed as soon as they were started", "3 of 4 runs failed"]);
    // What was wrong is mended, and the same command goes on.
    std::fs::write(&shard, whole).unwrap();
    bench.succeed("ablate exp/experiment.toml --threads 1");
    assert_eq!(bench.results().len(), 4);
}

#[test]
fn a_run_that_fails_is_listed_and_the_others_go_on() {
    let bench = bench();
    let failing = EXPERIMENT.replace(
        "[[arm]]\nname = \"half\"\n",
        "[[arm]]\nname = \"wild\"\nset = { \"schedule.learning_rate\" = 1e30 }\n[[arm]]\nname = \"half\"\n",
    );
    bench.write("exp/experiment.toml", failing);
    let ran = bench.run("ablate exp/experiment.toml --threads 1 --seeds 1 --fail-fast");
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert_eq!(bench.results().keys().collect::<Vec<_>>(), ["wild.seed-1.json"], "no other is begun");
    let ran = bench.run(&format!("{COMMAND} --seeds 1"));
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert_says(
        &ran.stderr,
        &["failed: wild seed 1", "runs/exp/logs/", "learning_rate", "1 of 3 runs failed"],
    );
    // It has a row and a file of its own, and says why there is no more.
    let told = ["wild: numbers of 0 of 2 seeds (seed 1 diverged after", "no result yet of seed 2", "0 of 2"];
    assert_says(&ran.stdout, &told);
    assert_says(&bench.read("exp/report.html"), &["2 runs, 1 failed", "seed 1 diverged after"]);
    let wild = &bench.results()["wild.seed-1.json"];
    assert_eq!((&wild["failed"]["reason"], &wild["steps"]), (&"diverged".into(), &40.into()));
    assert_eq!(wild["differences"]["schedule.learning_rate"], 1e30);
    // Its folder is known for what it is where nothing planned it.
    let folders = bench.runs().join(" ");
    assert_says(
        &bench.succeed(&format!("compare --metric mlm-loss {folders}")).stdout,
        &["wild: numbers of 0 of 1 seed (seed 1 diverged after"],
    );
    // After a fix the run takes the place of the one that failed; until then the file is of another arm.
    bench.write("exp/experiment.toml", bench.read("exp/experiment.toml").replace("1e30", "1e-4"));
    let stale = bench.refuse("compare exp");
    assert_says(&stale, &["wild.seed-1.json", "`schedule.learning_rate` is 1e+30 there and 0.0001 now"]);
    let foretold = bench.succeed("ablate exp/experiment.toml --threads 1 --dry-run").stdout;
    assert_says(&foretold, &["0/2, 1 failed"]);
    let ran = bench.succeed(&format!("{COMMAND} --seeds 1"));
    assert_says(&ran.stderr, &["2 of 3 runs are finished already", "wild seed 1: finished"]);
    assert!(bench.results()["wild.seed-1.json"].get("failed").is_none());
    assert!(!ran.stdout.contains("diverged"), "{}", ran.stdout);
}
