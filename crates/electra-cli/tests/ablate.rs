//! `electra ablate` from an experiment to results: skipping, killing, failing, refusing; and
//! `electra compare` of what is left.

mod workbench;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use electra_ablate::run::last_step;
use electra_run::lock::Lock;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use workbench::{PATIENCE, Ran, Workbench, assert_says, json, labelled};

const COMMAND: &str = "ablate exp/experiment.toml --jobs 2 --threads 1";

const BASE: &str = "recipe_version = 1
extends = \"../recipe.toml\"
train.steps = 40
log.every_steps = 1
evaluate.every_steps = 10
checkpoint.every_steps = 5
";

const EXPERIMENT: &str = "recipe_version = 1
question = \"Does a wider generator help?\"
prediction = \"No.\"
base = \"base.toml\"
base_arm = \"half\"
budget = \"steps\"
metric = \"rtd-auc\"
seeds = \"1..2\"

[[arm]]
name = \"half\"

[[arm]]
name = \"whole\"
set = { \"model.generator.width\" = 1.0 }
";

/// Two arms times two seeds of 40 steps.
fn bench() -> Workbench {
    let bench = Workbench::with_data();
    std::fs::create_dir(bench.path("exp")).unwrap();
    bench.write("exp/base.toml", BASE);
    bench.write("exp/experiment.toml", EXPERIMENT);
    bench
}

/// The experiment with one seed and a probe of `seeds` short fine-tunings whose recipe also has `set`.
fn with_probe(bench: &Workbench, seeds: u64, set: &str) -> String {
    bench.write("train.conll", labelled(0..60));
    bench.write("dev.conll", labelled(60..80));
    let probe = format!(
        "[probe]\ntrain = \"train.conll\"\ndev = \"dev.conll\"\nseeds = {seeds}\n\
         set = {{ \"input.window\" = 32, \"train.epochs\" = 2, {set} }}\n"
    );
    EXPERIMENT.replace("rtd-auc", "probe-f1").replace("1..2", "1") + &probe
}

/// The results by name, without the time that they took.
fn results(bench: &Workbench) -> BTreeMap<String, Value> {
    if !bench.path("exp/results").exists() {
        return BTreeMap::new();
    }
    let names = bench.names("exp/results").into_iter().filter(|name| name.ends_with(".json"));
    let read = |name: String| {
        let mut result = json(&bench.read(&format!("exp/results/{name}")));
        // A run that failed has none.
        result.as_object_mut().unwrap().remove("seconds");
        (name, result)
    };
    names.map(read).collect()
}

/// Folders of pretraining runs.
fn runs(bench: &Workbench) -> Vec<String> {
    if !bench.path("runs/exp/runs").exists() {
        return Vec::new();
    }
    bench.names("runs/exp/runs").into_iter().map(|name| format!("runs/exp/runs/{name}")).collect()
}

/// Steps that the logs of all runs have reached, together.
fn steps_logged(bench: &Workbench) -> u64 {
    runs(bench).iter().map(|run| last_step(&bench.path(run))).sum()
}

/// Two runs that have logged a few steps.
fn both_are_under_way(bench: &Workbench) -> bool {
    let runs = runs(bench);
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
    let expected = results(&undisturbed);
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
    let before = results(&bench);
    bench.succeed(COMMAND);
    assert_eq!(results(&bench), expected);
    for (name, result) in before {
        // Arms are held against each other when all runs have ended.
        let mut trained = expected[&name].clone();
        trained.as_object_mut().unwrap().remove("common");
        assert_eq!(result, trained);
    }
    let weights = |bench: &Workbench| -> Vec<Vec<u8>> {
        runs(bench).iter().map(|run| bench.bytes(&format!("{run}/model.safetensors"))).collect()
    };
    assert!(weights(&bench) == weights(&undisturbed), "the final weights have other bits");
    assert_eq!(runs(&bench), runs(&undisturbed));
    for run in runs(&bench) {
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
    assert!(runs(&bench).is_empty());
    // More seeds are more runs and change none that are there.
    let ran = bench.succeed(&format!("{COMMAND} --seeds 2..3"));
    assert_says(&ran.stderr, &["2 of 4 runs are finished already", "(4/4)"]);
    assert_eq!(results(&bench).len(), 6);

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
    let folders = runs(&undisturbed).join(" ");
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
    wait_until(|| runs(&bench).iter().all(is_free));
    for run in runs(&bench) {
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
    for run in runs(&bench) {
        assert_eq!(bench.metrics(&run).last().unwrap()["reason"], "SIGTERM", "{run}");
    }
    // Somebody who is at work on it meanwhile would be told of.
    let lock = std::fs::File::open(bench.path(&format!("{}/lock", runs(&bench)[0]))).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
    let second = bench.start(COMMAND);
    wait_until(|| results(&bench).len() == 3);
    drop(lock);
    let ran = Ran::of(&second.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_says(&ran.stderr, &["is at work on it; waiting until it ends", "(4/4)"]);
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
    assert_eq!(results(&bench).keys().collect::<Vec<_>>(), ["wild.seed-1.json"], "no other is begun");
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
    let wild = &results(&bench)["wild.seed-1.json"];
    assert_eq!((&wild["failed"]["reason"], &wild["steps"]), (&"diverged".into(), &40.into()));
    assert_eq!(wild["differences"]["schedule.learning_rate"], 1e30);
    // Its folder is known for what it is where nothing planned it.
    let folders = runs(&bench).join(" ");
    assert_says(
        &bench.succeed(&format!("compare --metric mlm-loss {folders}")).stdout,
        &["wild: numbers of 0 of 1 seeds"],
    );
    // After a fix the run takes the place of the one that failed; until then the file is of another arm.
    bench.write("exp/experiment.toml", bench.read("exp/experiment.toml").replace("1e30", "1e-4"));
    let stale = bench.refuse("compare exp");
    assert_says(&stale, &["wild.seed-1.json", "`schedule.learning_rate` is 1e+30 there and 0.0001 now"]);
    let foretold = bench.succeed("ablate exp/experiment.toml --threads 1 --dry-run").stdout;
    assert_says(&foretold, &["0/2, 1 failed"]);
    let ran = bench.succeed(&format!("{COMMAND} --seeds 1"));
    assert_says(&ran.stderr, &["2 of 3 runs are finished already", "wild seed 1: finished"]);
    assert!(results(&bench)["wild.seed-1.json"].get("failed").is_none());
    assert!(!ran.stdout.contains("diverged"), "{}", ran.stdout);
}

#[test]
fn a_dry_run_tells_costs_and_equal_flops_and_writes_nothing() {
    let bench = bench();
    bench.write("exp/experiment.toml", EXPERIMENT.replace("\"steps\"", "\"flops\""));
    let ran = bench.succeed("ablate exp/experiment.toml --dry-run --jobs 2 --threads 1");
    assert_says(
        &ran.stdout,
        &["half", "whole", "4 runs (2 arms, seeds 1..2), 4 to pretrain", "--jobs 2", "0/2"],
    );
    let columns = |arm: &str| -> Vec<String> {
        let line = ran.stdout.lines().find(|line| line.starts_with(arm)).unwrap();
        line.split_whitespace().map(str::to_owned).collect()
    };
    let (half, whole) = (columns("half"), columns("whole"));
    let number = |text: &String| text.replace(',', "").parse::<f64>().unwrap();
    assert_eq!(number(&half[4]), 40.0);
    assert!(number(&whole[4]) < 40.0);
    // To half a step.
    let (base, other) = (number(&half[3]), number(&whole[3]));
    assert!((other / base - 1.0).abs() <= 0.51 / number(&whole[4]), "{base} and {other}");
    assert!(!bench.path("runs").exists() && !bench.path("exp/results").exists());
}

#[test]
fn an_array_job_runs_the_same_arms() {
    let bench = bench();
    let script =
        bench.succeed("ablate exp/experiment.toml --emit slurm --jobs 3 --threads 1 --seeds 1").stdout;
    assert_says(&script, &["#SBATCH --array=0-1%3", "#     1  whole seed 1", "--seeds 1 --only"]);
    bench.write("array.sh", &script);
    let task = |index: &str| {
        let mut command = std::process::Command::new("bash");
        command.arg("array.sh").current_dir(bench.path(".")).env("SLURM_ARRAY_TASK_ID", index);
        Ran::of(&command.output().unwrap())
    };
    let ran = task("1");
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(results(&bench).keys().collect::<Vec<_>>(), ["whole.seed-1.json"]);
    assert_says(&bench.refuse("ablate exp/experiment.toml --only 4"), &["--only 4", "runs 0 to 3"]);
}

#[test]
fn a_probe_fine_tunes_what_was_pretrained() {
    let bench = bench();
    let text = with_probe(&bench, 2, "\"guard.epochs\" = 8");
    bench.write("exp/experiment.toml", &text);
    let forecast = |bench: &Workbench| bench.succeed(&format!("{COMMAND} --dry-run")).stdout;
    let foretold = forecast(&bench);
    assert_says(&foretold, &["fine-tuning", "2 to pretrain, 2 to fine-tune, 2 to judge on common text"]);
    assert!(!foretold.contains('?') && !foretold.contains(": 0.0 s"), "{foretold}");
    let ran = bench.succeed(COMMAND);
    assert_says(&ran.stderr, &["half seed 1: fine-tuning", "finished, probe F1"]);
    assert_says(&forecast(&bench), &["0 to pretrain, 0 to fine-tune: 0.0 s one after the other"]);
    // Nor without the results: they are written again from the runs.
    std::fs::rename(bench.path("exp/results"), bench.path("away")).unwrap();
    assert_says(&forecast(&bench), &["0 to pretrain, 0 to fine-tune: 0.0 s one after the other"]);
    std::fs::rename(bench.path("away"), bench.path("exp/results")).unwrap();
    let result = &results(&bench)["half.seed-1.json"];
    let scores = result["probe"]["scores"].as_array().unwrap();
    assert_eq!(scores.iter().map(|score| score["seed"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 2]);
    assert!(scores.iter().all(|score| score["dev_f1"].is_f64() && score["test_f1"].is_null()));
    assert_says(&bench.read("exp/report.html"), &["probe F1 by parameters of the generator"]);
    // Another probe scores the same pretrained runs again, and trains none.
    bench.write("exp/experiment.toml", text.replace("\"train.epochs\" = 2", "\"train.epochs\" = 1"));
    assert_says(&forecast(&bench), &["0 to pretrain, 2 to fine-tune"]);
    let ran = bench.succeed(COMMAND);
    assert!(!ran.stderr.contains("pretraining"), "{}", ran.stderr);
    assert_ne!(results(&bench)["half.seed-1.json"]["probe"]["hash"], result["probe"]["hash"]);
    // Pretrained weights that have changed since are written again before they are fine-tuned.
    bench.write("exp/experiment.toml", text.replace("\"train.epochs\" = 2", "\"train.epochs\" = 3"));
    let weights = format!("{}/model.safetensors", runs(&bench)[0]);
    let whole = bench.bytes(&weights);
    bench.flip_bit(&weights, -1);
    bench.succeed(COMMAND);
    assert_eq!(bench.bytes(&weights), whole);
}

#[test]
fn what_fine_tuning_will_refuse_is_refused_before_the_first_step_of_pretraining() {
    let bench = bench();
    let text = with_probe(&bench, 1, "\"guard.epochs\" = 8");
    let dev = bench.read("dev.conll");
    let refuse = |text: &str, parts: &[&str]| {
        bench.write("exp/experiment.toml", text);
        // The forecast needs no data of pretraining to see it, nor does the script for another machine.
        for command in
            [COMMAND, "ablate exp/experiment.toml --dry-run", "ablate exp/experiment.toml --emit slurm"]
        {
            let error = bench.refuse(command);
            assert_says(&error, &["the probe of arm `half`"]);
            assert_says(&error, parts);
        }
        assert!(!bench.path("runs").exists(), "something was begun");
    };
    let set = |set: &str| text.replace("\"guard.epochs\" = 8", set);
    bench.write("dev.conll", dev.clone() + "Ada\n");
    refuse(&text, &["dev.conll"]);
    bench.write("dev.conll", "the O\nsea O\n");
    refuse(&text, &["dev.conll have no entity"]);
    bench.write("dev.conll", &dev);
    refuse(
        &text.replace("\"input.window\" = 32", "\"input.window\" = 128"),
        &["at most 32 pieces", "input.window is 128"],
    );
    refuse(&set("\"rates.freeze\" = { kind = \"layers\", count = 3 }"), &["3 layers of an encoder of 2"]);
    refuse(
        &set("\"loss.class_weights\" = { kind = \"given\", weights = { SEA = 2.0 } }"),
        &["class_weights names the type SEA"],
    );
    refuse(&set("\"train.max_sentences\" = 0"), &["train.max_sentences"]);
    std::fs::rename(bench.path("data"), bench.path("away")).unwrap();
    bench.write("exp/experiment.toml", set("\"rates.freeze\" = { kind = \"layers\", count = 3 }"));
    let error = bench.refuse("ablate exp/experiment.toml --dry-run");
    assert_says(&error, &["the probe of arm `half`", "3 layers of an encoder of 2"]);
}

#[test]
fn a_network_that_has_learned_nothing_has_a_score_as_well() {
    let bench = bench();
    // `finetune ner` alone stops such a run after its first epoch, with exit code 4.
    let text = with_probe(
        &bench,
        2,
        "\"guard.epochs\" = 1, \"guard.steps\" = 1, \
        \"schedule.learning_rate\" = 1e-9",
    );
    bench.write("exp/experiment.toml", &text);
    bench.succeed(COMMAND);
    let scores = |bench: &Workbench| results(bench)["half.seed-1.json"]["probe"]["scores"].clone();
    assert_eq!(scores(&bench).as_array().unwrap().len(), 2);
    // Fewer seeds than there are: the first of them, for every arm.
    std::fs::remove_dir_all(bench.path("exp/results")).unwrap();
    bench.write("exp/experiment.toml", text.replace("seeds = 2", "seeds = 1"));
    let ran = bench.succeed(COMMAND);
    assert!(!ran.stderr.contains("fine-tuning"), "{}", ran.stderr);
    assert_eq!(scores(&bench).as_array().unwrap().len(), 1);
}

#[test]
fn arms_that_differ_in_the_probe_alone_share_what_is_pretrained() {
    let bench = bench();
    let text = with_probe(&bench, 1, "\"guard.epochs\" = 8");
    bench.write(
        "exp/experiment.toml",
        text.replace("\"model.generator.width\" = 1.0", "\"probe.labels.scheme\" = \"x\""),
    );
    let error = bench.refuse(COMMAND);
    assert_says(&error, &["exp/experiment.toml:", "the probe of arm `whole`: unknown value `x`", "iobes"]);
    bench.write(
        "exp/experiment.toml",
        text.replace("\"model.generator.width\" = 1.0", "\"probe.labels.scheme\" = \"iobes\""),
    );
    let ran = bench.succeed(COMMAND);
    assert_eq!(ran.stderr.matches("pretraining").count(), 1, "{}", ran.stderr);
    assert_eq!(ran.stderr.matches("fine-tuning").count(), 2, "{}", ran.stderr);
    assert_eq!((runs(&bench).len(), results(&bench).len()), (1, 2));
    let hash = |name: &str| results(&bench)[name]["probe"]["hash"].clone();
    assert_ne!(hash("half.seed-1.json"), hash("whole.seed-1.json"));
}

#[test]
fn experiments_that_cannot_be_meant_are_refused_with_the_place() {
    let bench = bench();
    let refuse = |from: &str, to: &str, parts: &[&str]| {
        bench.write("exp/experiment.toml", EXPERIMENT.replace(from, to));
        assert_says(&bench.refuse("ablate exp/experiment.toml"), parts);
    };
    let place = "exp/experiment.toml:";
    refuse(
        "model.generator.width",
        "model.generator.wdith",
        &[place, "arm `whole`: unknown field `wdith`", "width"],
    );
    refuse("= 1.0", "= \"x\"", &[place, "arm `whole`", "must be a number"]);
    refuse("= 1.0", "= 0.5", &[place, "arms `half` and `whole` are the same recipe"]);
    refuse("base_arm = \"half\"", "base_arm = \"hlaf\"", &[place, "there is no arm `hlaf`", "half, whole"]);
    refuse("base.toml", "bse.toml", &[place, "there is no recipe exp/bse.toml"]);
    refuse("1..2", "2..1", &[place, "ends before it begins"]);
    refuse("set = {", "sett = {", &[place, "unknown field `sett`, did you mean `set`?"]);
    let usage = bench.run("ablate exp/experiment.toml --seeds 1-6");
    assert_eq!(usage.code, Some(2));
    assert_says(&usage.stderr, &["1-6", "such as 1..6"]);
    assert!(!bench.path("runs").exists());
}

#[test]
fn results_of_something_else_are_refused() {
    let bench = bench();
    bench.succeed(&format!("{COMMAND} --seeds 1"));
    for command in [COMMAND, "compare exp"] {
        bench.write("exp/base.toml", BASE.replace("40", "41"));
        assert_says(
            &bench.refuse(command),
            &["half.seed-1.json", "`steps` is 40 there and 41 now", "1 more"],
        );
        bench.write("exp/base.toml", BASE.to_owned() + "train.dropout = 0.2\n");
        assert_says(&bench.refuse(command), &["half.seed-1.json", "`recipe` is "]);
        bench.write("exp/base.toml", BASE);
        bench.write("exp/experiment.toml", EXPERIMENT.replace("= 1.0", "= 0.75"));
        let told = ["whole.seed-1.json", "`model.generator.width` is 1.0 there and 0.75 now"];
        assert_says(&bench.refuse(command), &told);
        bench.write("exp/experiment.toml", EXPERIMENT);
    }
    // Data that was built again between two seeds is no matter of the recipe: the arm would be two.
    let result = bench.read("exp/results/half.seed-1.json");
    let data = json(&result)["data"].as_str().unwrap().to_owned();
    let rebuilt = result.replace(&data, &"ab".repeat(32)).replace("\"seed\": 1", "\"seed\": 2");
    bench.write("exp/results/half.seed-2.json", &rebuilt);
    let told = ["half.seed-2.json", "half.seed-1.json", "arm `half`", "data abababababab"];
    assert_says(&bench.refuse("compare exp"), &told);
    let named = bench.succeed("compare exp/results --metric mlm-loss").stdout;
    assert_says(&named, &["half (data abababababab)", &format!("half (data {})", &data[..12])]);
    std::fs::remove_file(bench.path("exp/results/half.seed-2.json")).unwrap();
    // What other code has trained is another run.
    let rehashed = result.replace(json(&result)["hash"].as_str().unwrap(), &"0".repeat(64));
    bench.write("exp/results/half.seed-1.json", rehashed);
    assert_says(&bench.refuse(COMMAND), &["half.seed-1.json", "another recipe, other data or other code"]);
    bench.write("exp/results/half.seed-1.json", &result);
    // Without the data nobody can tell, and a forecast is still one.
    std::fs::rename(bench.path("data"), bench.path("away")).unwrap();
    let forecast = bench.succeed("ablate exp/experiment.toml --dry-run").stdout;
    assert_says(&forecast, &["whole", "data of some arms is not there yet"]);
    std::fs::rename(bench.path("away"), bench.path("data")).unwrap();
    bench.write("exp/experiment.toml", EXPERIMENT.replace("\"half\"", "\"haf\""));
    assert_says(&bench.refuse(COMMAND), &["half.seed-1.json", "arm `half`", "haf, whole"]);
}

#[test]
fn one_driver_has_the_folder() {
    let bench = bench();
    std::fs::create_dir_all(bench.path("runs/exp")).unwrap();
    let lock = std::fs::File::create(bench.path("runs/exp/lock")).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
    assert_says(&bench.refuse(COMMAND), &["runs/exp is in use by", "--out"]);
    assert!(runs(&bench).is_empty());
}
