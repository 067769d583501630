//! Programs that a launcher has started several of, and that train alone: each would do the same work.
#![cfg(not(feature = "mpi"))]

use crate::workbench::{Workbench, assert_says};
use assert_cmd::Command;
use assert_cmd::cargo::cargo_bin;

/// What a command says that is started with variables of a launcher, and whether it has succeeded.
fn started(bench: &Workbench, line: &str, variables: &[(&str, &str)]) -> (bool, String) {
    let mut command = Command::new(cargo_bin("electra"));
    command.current_dir(bench.path(".")).args(line.split_whitespace()).envs(variables.iter().copied());
    let output = command.output().unwrap();
    (output.status.success(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn several_processes_are_refused_by_a_program_for_one() {
    let bench = Workbench::with_data();
    let train = "pretrain recipe.toml --no-plan --display quiet --threads 1 --set train.steps=6 --run run";
    for variable in ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"] {
        let (is_done, told) = started(&bench, train, &[(variable, "2")]);
        assert!(!is_done && !bench.path("run").exists());
        let expected = format!("{variable} says that 2 processes were started together");
        assert_says(&told, &[expected.as_str(), "each would train alone", "--features mpi"]);
    }
    // The first of them says it for all.
    let (is_done, told) =
        started(&bench, train, &[("OMPI_COMM_WORLD_SIZE", "2"), ("OMPI_COMM_WORLD_RANK", "1")]);
    assert_eq!((is_done, told.as_str()), (false, ""));
    for line in [
        "bench step recipe.toml --steps 1",
        "finetune ner --train a.conll --dev a.conll --model run",
        "demo --out demo",
    ] {
        let (is_done, told) = started(&bench, line, &[("PMI_SIZE", "3")]);
        assert!(!is_done && told.contains("PMI_SIZE says that 3 processes"), "{line}: {told}");
    }
}

#[test]
fn a_task_of_an_array_and_a_step_of_one_task_train() {
    let bench = Workbench::with_data();
    let train = "pretrain recipe.toml --no-plan --display quiet --threads 1 --set train.steps=6 --run run";
    let array = [
        ("SLURM_ARRAY_TASK_ID", "3"),
        ("SLURM_ARRAY_TASK_COUNT", "40"),
        ("SLURM_NTASKS", "1"),
        ("SLURM_STEP_NUM_TASKS", "1"),
    ];
    let (is_done, told) = started(&bench, train, &array);
    assert!(is_done && bench.path("run/model.safetensors").exists(), "{told}");
}

#[test]
fn a_plan_of_several_processes_says_what_messages_cost() {
    let bench = Workbench::with_data();
    let plan = "plan recipe.toml --timed-steps 1 --threads 1";
    let told = bench.succeed(&format!("{plan} --ranks 2 --bandwidth 0.001 --latency 1000")).stdout;
    assert_says(&told, &["ranks          2: a step of", "at 0.001 Gbit/s and 1000 microseconds"]);
    // The recipe says no size of micro-batches: each rank has one.
    assert_says(&told, &["micro-batches  4 rows at once (at least one micro-batch for each of 2 ranks)"]);
    let plan = bench.succeed(&format!("{plan} --ranks 2 --bandwidth 0.001 --latency 1000 --json")).json();
    let ranks = &plan["ranks"];
    // 27,233 parameters of 32 bits at 10^6 bits a second, up and down, and what the ranks tell each other.
    let messages = ranks["communication_seconds"].as_f64().unwrap();
    assert!((2.0 * 27_233.0 * 32e-6..1.8).contains(&messages), "{ranks}");
    let step = ranks["step_seconds"].as_f64().unwrap();
    assert!((step - messages - ranks["computation_seconds"].as_f64().unwrap()).abs() < 1e-9, "{ranks}");
    let told = bench.refuse("plan recipe.toml --ranks 9");
    assert_says(&told, &["9 ranks for the 8 micro-batches of a step"]);
    assert_says(
        &bench.refuse("plan recipe.toml --ranks 2 --bandwidth 0"),
        &["--bandwidth 0", "is no network"],
    );
}
