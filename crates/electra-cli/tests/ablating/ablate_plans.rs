//! Tests of `electra ablate` before it runs anything: its forecast and its refusals, and the script for
//! another scheduler.

use crate::workbench::experiment::{BASE, COMMAND, EXPERIMENT};
use crate::workbench::{Ran, Workbench, assert_says, json};

/// Two arms times two seeds of 40 steps.
fn bench() -> Workbench {
    Workbench::with_experiment(BASE, EXPERIMENT)
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
fn an_array_job_runs_the_same_arms_and_judges_them_when_all_have_ended() {
    let bench = Workbench::with_experiment(&BASE.replace("40", "10"), EXPERIMENT);
    let emit = "ablate exp --emit slurm --threads 1 --seeds 1";
    let script = bench.succeed(&format!("{emit} --jobs 3")).stdout;
    assert_says(&script, &["#SBATCH --array=0-1%3\n", "#     1  whole seed 1", "--seeds 1 \"${only[@]}\""]);
    // Nobody has asked for fewer tasks at a time than there is room for.
    let script = bench.succeed(emit).stdout;
    assert_says(&script, &["#SBATCH --array=0-1\n", "--dependency=afterany:JOB", "bash array.sh"]);
    bench.write("array.sh", &script);
    let task = |index: Option<&str>| {
        let mut command = std::process::Command::new("bash");
        command.arg("array.sh").current_dir(bench.path(".")).env_remove("SLURM_ARRAY_TASK_ID");
        command.envs(index.map(|index| ("SLURM_ARRAY_TASK_ID", index)));
        let ran = Ran::of(&command.output().unwrap());
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        ran
    };
    task(Some("1"));
    assert_eq!(bench.results().keys().collect::<Vec<_>>(), ["whole.seed-1.json"]);
    task(Some("0"));
    let common = |name: &str| bench.results()[name]["common"]["base"].clone();
    assert!(common("whole.seed-1.json").is_null(), "its task ended before the run of the base arm");
    let ran = task(None);
    assert_says(&ran.stderr, &["whole seed 1: judging samples of the base arm's generator", "Report: "]);
    assert!(!ran.stderr.contains("pretraining"), "{}", ran.stderr);
    assert!(common("whole.seed-1.json").is_object() && common("half.seed-1.json").is_object());
    assert_says(&bench.refuse("ablate exp/experiment.toml --only 4"), &["--only 4", "runs 0 to 3"]);
}

#[test]
fn an_experiment_is_named_by_its_folder_as_well() {
    let bench = bench();
    let of = |what: &str| bench.succeed(&format!("ablate {what} --emit slurm --threads 1")).stdout;
    assert_eq!(of("exp"), of("exp/experiment.toml"));
    let told = ["data is a folder without experiment.toml", "the folder that holds it"];
    assert_says(&bench.refuse("ablate data --dry-run"), &told);
}

#[test]
fn what_cannot_be_compared_is_refused_before_the_first_step() {
    let bench = bench();
    bench.succeed("data tokenizer --input corpus.txt --vocab-size 200 --out small");
    bench.succeed(
        "data build --input corpus.txt --tokenizer small --seq-len 32 --heldout-fraction 0.1 --out other",
    );
    let refuse = |text: &str, parts: &[&str]| {
        bench.write("exp/experiment.toml", text);
        for command in [COMMAND, "ablate exp --dry-run", "ablate exp --emit slurm"] {
            let error = bench.refuse(command);
            assert_says(&error, &["exp/experiment.toml:7:", "metric"]);
            assert_says(&error, parts);
        }
        assert!(!bench.path("runs").exists(), "something was begun");
    };
    let by = |metric: &str| EXPERIMENT.replace("rtd-auc", metric);
    // Costs of unlike tokens, which by byte are alike.
    let other = "\"data.path\" = \"other\", \"model.vocab_size\" = 200";
    let unlike = |metric: &str| by(metric).replace("\"model.generator.width\" = 1.0", other);
    refuse(
        &unlike("mlm-loss"),
        &["2 vocabularies (256 pieces: half; 200 pieces: whole)", "mlm-loss-per-byte"],
    );
    bench.write("exp/experiment.toml", unlike("mlm-loss-per-byte"));
    bench.succeed("ablate exp --emit slurm");
    // A number that nobody will have, or the base arm alone.
    refuse(&by("prediction-loss"), &["the base arm `half` will have no prediction-loss"]);
    let mlm = |metric: &str| {
        by(metric).replace("\"model.generator.width\" = 1.0", "objective = { kind = \"mlm\" }")
    };
    refuse(&mlm("rtd-auc"), &["no arm but the base arm will have rtd-auc: whole"]);
    refuse(&mlm("unigram-auc"), &["no arm but the base arm will have unigram-auc: whole"]);
    // One of several is told.
    bench.write(
        "exp/experiment.toml",
        by("common-auc") + "[[arm]]\nname = \"mlm\"\nset = { objective = { kind = \"mlm\" } }\n",
    );
    let foretold = bench.succeed("ablate exp --dry-run --threads 1 --seeds 1").stdout;
    let told = "These arms will have no common-auc and are not compared by it: mlm.";
    assert_says(&foretold, &[told, "3 runs (3 arms, seed 1)", "starts, evaluations and judging are counted"]);
    // A margin that no difference reaches.
    bench.write("exp/experiment.toml", by("rtd-auc").replace("seeds", "margin = 2.0\nseeds"));
    assert_says(&bench.refuse("ablate exp --dry-run"), &["`margin` is 2", "at most 1"]);
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
    assert!(bench.runs().is_empty());
}
