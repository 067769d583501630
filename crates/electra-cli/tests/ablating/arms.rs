//! Tests of arms: the runs that belong to one, the notes beside its numbers, and its possible names.

use crate::workbench::experiment::{self, COMMAND};
use crate::workbench::{Workbench, assert_says, json};

/// Two arms of one seed and ten steps.
fn base() -> String {
    experiment::BASE.replace("40", "10")
}

fn one_seed() -> String {
    experiment::EXPERIMENT.replace("1..2", "1")
}

fn bench() -> Workbench {
    Workbench::with_experiment(&base(), &one_seed())
}

#[test]
fn an_experiment_may_be_renamed() {
    let bench = bench();
    bench.succeed(COMMAND);
    std::fs::rename(bench.path("exp"), bench.path("010-width")).unwrap();
    let command = "ablate 010-width/experiment.toml --jobs 2 --threads 1";
    let ran = bench.succeed(command);
    assert_says(&ran.stderr, &["2 of 2 runs are finished already"]);
    bench.succeed("compare 010-width");
    // What is written again has the new name.
    std::fs::remove_file(bench.path("010-width/results/half.seed-1.json")).unwrap();
    bench.succeed(&format!("{command} --out runs/exp"));
    let name =
        |arm: &str| json(&bench.read(&format!("010-width/results/{arm}.seed-1.json")))["experiment"].clone();
    assert_eq!((name("half"), name("whole")), ("010-width".into(), "exp".into()));
}

#[test]
fn a_folder_that_other_code_has_trained_in_is_not_taken_over() {
    let bench = bench();
    bench.succeed(COMMAND);
    std::fs::remove_dir_all(bench.path("exp/results")).unwrap();
    let run = &bench.runs()[0];
    let described = bench.read(&format!("{run}/run.json"));
    bench.write(&format!("{run}/run.json"), described.replacen('{', "{\"code\": {\"kernels\": 7},", 1));
    let first = bench.read(&format!("{run}/metrics.jsonl"));
    let other = first.replacen("{\"", "{\"code\":{\"kernels\":7},\"", 1);
    bench.write(&format!("{run}/metrics.jsonl"), &other);
    let ran = bench.run(COMMAND);
    assert_eq!((ran.code, bench.results().len()), (Some(1), 1), "{}", ran.stderr);
    assert_says(
        &ran.stderr,
        &[run, "was trained by other code: kernels 7 there, 1 now", "1 of 2 runs failed"],
    );
    // A run that is gone on with by other code says so, on the terminal and in its log.
    let recipe =
        format!("pretrain {run}/recipe.toml --run {run} --set log.every_steps=2 --no-plan --display lines");
    std::fs::remove_file(bench.path(&format!("{run}/model.safetensors"))).unwrap();
    let ran = bench.succeed(&recipe);
    let told = "the code of the kernels was of version 7 when the run was started and is of version 1 now";
    assert_says(&ran.stderr, &[told, "does not end with the bits"]);
    assert_says(&bench.read(&format!("{run}/metrics.jsonl")), &[told]);
    assert_says(&bench.refuse(&format!("compare {run}")), &["of unlike versions (kernels 7 there, 1 now)"]);
}

#[test]
fn what_differs_beside_what_arms_name_is_told_before_and_after() {
    let bench = bench();
    // The base recipe gives the number of heads, so the width of an arm is that of its heads as well.
    bench.write("exp/base.toml", base() + "model.generator.num_attention_heads = 2\n");
    let warning =
        "The generator's head width moves with the arms, which do not name it (8 in half, 16 in whole)";
    let foretold = bench.succeed("ablate exp/experiment.toml --threads 1 --dry-run").stdout;
    assert_says(&foretold, &[warning, "whole: generator's head width 16 (8)", "operations of a step"]);
    bench.succeed(COMMAND);
    let markdown = bench.succeed("compare exp --format markdown").stdout;
    assert_says(&markdown, &["The generator's head width moves", "| whole | 16 | 128 |"]);
    assert_says(&bench.read("exp/report.html"), &["What differs beside what the arms name:"]);
    let found = bench.succeed("compare exp --format json").json();
    assert_eq!(found["arms"][1]["also_differs"][0]["key"], "generator.head_width");
    // Runs without an experiment say it themselves, and equal results of two experiments are marked in both.
    let folders = bench.runs().join(" ");
    let alone = bench.succeed(&format!("compare --metric mlm-loss {folders}")).stdout;
    assert_says(&alone, &["The generator's head width moves with the arms, which do not name it"]);
    for name in ["a", "b"] {
        std::fs::create_dir_all(bench.path(&format!("all/{name}"))).unwrap();
        for file in ["base.toml", "experiment.toml"] {
            let text = bench.read(&format!("exp/{file}")).replace("../recipe", "../../recipe");
            bench.write(&format!("all/{name}/{file}"), text);
        }
        let results = bench.path(&format!("all/{name}/results"));
        std::fs::create_dir(&results).unwrap();
        for file in bench.names("exp/results") {
            std::fs::copy(bench.path(&format!("exp/results/{file}")), results.join(file)).unwrap();
        }
    }
    assert_says(&bench.succeed("compare all/b").stdout, &["half: the same runs as a: half, seed 1."]);
    let both = bench.succeed("compare all/a all/b --metric mlm-loss").stdout;
    assert_says(&both, &["a/half", "b/half", "a/whole"]);
}

#[test]
fn one_step_of_an_arm_that_costs_many_budgets_is_marked() {
    let bench = bench();
    bench.write(
        "exp/base.toml",
        base().replace("train.steps = 10", "train.steps = 1\nschedule.warmup_steps = 0"),
    );
    let dear = one_seed()
        .replace("\"steps\"", "\"flops\"")
        .replace("\"model.generator.width\" = 1.0", "\"train.batch_size\" = 64");
    bench.write("exp/experiment.toml", dear);
    let foretold = bench.succeed("ablate exp/experiment.toml --threads 1 --dry-run").stdout;
    let told = "whole misses the budget: it spends 8.0";
    assert_says(&foretold, &[told, "8.0 × the budget"]);
    let ran = bench.succeed(COMMAND);
    assert_says(&ran.stdout, &[told, "8.0 × the budget"]);
    assert_says(&bench.read("exp/report.html"), &[told]);
    let found = bench.succeed("compare exp --format json").json();
    assert_eq!(found["arms"][1]["off_budget"], 8.0);
}
