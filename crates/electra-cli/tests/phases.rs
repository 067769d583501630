//! Runs of several phases, as a user has them: planned, trained, stopped, resumed and reported by the program.

mod workbench;

use workbench::{RECIPE, Workbench, assert_says, json};

const BUILD: &str = "data build --tokenizer tokenizer --heldout-fraction 0.1 --input corpus.txt";

/// A bench with rows of 32 tokens (`data`) and of 64 (`long`), and a recipe that reads them one after the other.
fn bench() -> Workbench {
    let bench = Workbench::with_data();
    bench.succeed(&format!("{BUILD} --seq-len 64 --out long"));
    bench.write("phases.toml", recipe("steps = 6", "steps = 4"));
    bench
}

fn recipe(short: &str, long: &str) -> String {
    let steps = RECIPE.lines().find(|line| line.starts_with("steps = ")).unwrap();
    let warmup = RECIPE.lines().find(|line| line.starts_with("warmup_steps = ")).unwrap();
    let positions = RECIPE.lines().find(|line| line.starts_with("max_position_embeddings = ")).unwrap();
    let base = RECIPE
        .replace(&format!("{steps}\n"), "")
        .replace(warmup, "warmup_steps = 2")
        .replace(positions, "max_position_embeddings = 64");
    base + &format!(
        "\n[[phases]]\n{short}\n\n[[phases]]\n{long}\nbatch_size = 2\n\
         data = {{ path = \"long\", sequence_length = 64 }}\nmasking = {{ probability = 0.25 }}\n\
         schedule = {{ learning_rate = 3e-4, warmup_steps = 1 }}\n"
    )
}

#[test]
fn a_run_of_phases_is_planned_trained_stopped_resumed_and_reported() {
    let bench = bench();
    let plan = bench.succeed("plan phases.toml --timed-steps 1").stdout;
    assert_says(
        &plan,
        &["steps          10 in 2 phases", "phase 1        6 steps of ", "phase 2        4 steps of 2 x 64"],
    );
    assert_says(
        &plan,
        &[
            "masking 0.25, learning rate up to 2.25e-4: 512 tokens",
            " in phase 1 over ",
            "; ",
            " in phase 2 over ",
        ],
    );
    let plan = bench.succeed("plan phases.toml --timed-steps 1 --json").json();
    let phases = plan["phases"].as_array().unwrap();
    let sum = |key: &str| phases.iter().map(|phase| phase[key].as_f64().unwrap()).sum::<f64>();
    assert_eq!(phases.len(), 2);
    assert_eq!(sum("tokens"), plan["plan"]["tokens"].as_f64().unwrap());
    assert!((sum("flops") / plan["flops"].as_f64().unwrap() - 1.0).abs() < 1e-9);
    assert!((sum("epochs") / plan["plan"]["epochs"].as_f64().unwrap() - 1.0).abs() < 1e-9);
    assert_eq!(
        (phases[1]["first_step"].as_u64(), phases[1]["sequence_length"].as_u64()),
        (Some(6), Some(64))
    );

    let straight = bench.succeed("pretrain phases.toml --run straight --no-plan --display lines");
    assert_says(
        &straight.stderr,
        &["phase 1 of 2: 6 steps of ", "phase 2 of 2: 4 steps of 2 x 64 tokens of long", "phase 2"],
    );
    let log = bench.read("straight/metrics.jsonl");
    let begun: Vec<u64> = log
        .lines()
        .map(json)
        .filter(|line| line["kind"] == "phase")
        .map(|line| line["step"].as_u64().unwrap())
        .collect();
    assert_eq!(begun, [0, 6]);
    assert_says(
        &bench.read("straight/report.html"),
        &["<h2>Phases</h2>", "class=\"zero seam\"", ">phase 2<"],
    );
    assert!(bench.read("straight/recipe.toml").contains("steps = 10\n"));

    // Steps of a run are those of its recipe: another sum is another run.
    bench.write("later.toml", recipe("steps = 6", "steps = 5"));
    let error = bench.refuse("pretrain later.toml --run straight --no-plan");
    assert_says(&error, &["holds a run with another recipe", "phases.1.steps = 4 there, 5 now"]);
    let done = bench.succeed("pretrain phases.toml --run straight --no-plan");
    assert_says(&done.stderr, &["all 10 steps are done already"]);
    let detected = bench.succeed("eval detection --model straight --generator straight --json").json();
    assert!(detected.to_string().contains("long"), "not the data of the last phase: {detected}");
}

#[test]
fn a_value_of_a_phase_is_set_from_outside_and_wrong_ones_are_shown_at_their_place() {
    let bench = bench();
    let plan = bench.succeed("plan phases.toml --timed-steps 1 --set phases.1.steps=8").stdout;
    assert_says(&plan, &["steps          14 in 2 phases"]);
    let error = bench.refuse("plan phases.toml --set phases.1.data.sequence_length=128");
    assert_says(
        &error,
        &[
            "phase 2: rows of 128 tokens do not fit a position table of 64 rows (model.max_position_embeddings = 64)",
            "--set phases.1.data.sequence_length=128",
            "help: lower phases.1.data.sequence_length, or raise model.max_position_embeddings",
        ],
    );
    let error = bench.refuse("plan phases.toml --set train.steps=9");
    assert_says(
        &error,
        &["`train.steps` is 9, and the phases have 10 steps together", "--set train.steps=9"],
    );
    let error = bench.refuse("pretrain phases.toml --run run --no-plan --set phases.1.data.path=data");
    assert_says(
        &error,
        &[
            "phase 2: data has rows of 32 tokens, the recipe 64",
            "help: build the data of phase 2 with --seq-len",
        ],
    );
    assert!(!bench.path("run").exists());
    bench.write("typo.toml", recipe("steps = 6\nbatchsize = 4", "steps = 4"));
    let error = bench.refuse("plan typo.toml");
    assert_says(&error, &["unknown field `batchsize`, did you mean `batch_size`?", "typo.toml:"]);
}

#[test]
fn micro_batches_of_each_phase_are_decided_once_and_the_run_goes_on_with_them() {
    let bench = bench();
    bench.write(
        "auto.toml",
        bench.read("phases.toml").replace("[train]\n", "[train]\nmicro_batch_size = \"auto\"\n"),
    );
    let plan = bench.succeed("plan auto.toml --timed-steps 1 --json").json();
    for phase in plan["phases"].as_array().unwrap() {
        assert_eq!(phase["micro_batches"]["chosen_by"], "tokens", "{phase}");
    }
    assert!(plan.get("micro_batches").is_none(), "{plan}");
    let begun = bench.succeed(
        "pretrain auto.toml --run run --no-plan --set checkpoint.every_steps=5 --set checkpoint.keep_last=9",
    );
    assert_says(&begun.stderr, &["micro-batches: phase 1: ", "micro-batches: phase 2: 2 rows at once"]);
    let weights = bench.bytes("run/model.safetensors");
    // As one finds it that was killed in the first phase.
    std::fs::remove_file(bench.path("run/model.safetensors")).unwrap();
    for name in bench
        .names("run/checkpoints")
        .iter()
        .filter(|name| name.starts_with("step-") && *name > &"step-0000000005".to_owned())
    {
        std::fs::remove_dir_all(bench.path(&format!("run/checkpoints/{name}"))).unwrap();
    }
    let again = bench.succeed(
        "pretrain auto.toml --run run --no-plan --set checkpoint.every_steps=5 --set checkpoint.keep_last=9",
    );
    assert_says(&again.stderr, &["as the run has begun"]);
    assert!(bench.bytes("run/model.safetensors") == weights);
}

#[test]
fn a_run_of_phases_begins_with_weights_and_is_foretold_before_its_first_step() {
    let bench = bench();
    bench.succeed("pretrain phases.toml --run first --no-plan --display quiet");
    bench.write("second.toml", bench.read("phases.toml").replace("name = \"micro\"", "name = \"second\""));
    bench.succeed("pretrain second.toml --init first --run second --display quiet");
    let log = bench.metrics("second");
    let start = log.iter().find(|line| line["kind"] == "start").unwrap();
    assert_eq!(start["plan"]["tokens"], 6 * 8 * 32 + 4 * 2 * 64);
    assert!(log.iter().any(|line| line["kind"] == "init"), "{log:?}");
    assert_eq!(log.iter().filter(|line| line["kind"] == "phase").count(), 2);
    let weights = ["first", "second"].map(|run| bench.bytes(&format!("{run}/model.safetensors")));
    assert!(weights[0] != weights[1]);
    // The same command goes on, and finds all done.
    let again = bench.succeed("pretrain second.toml --init first --run second --no-plan");
    assert_says(&again.stderr, &["all 10 steps are done already"]);
}

#[test]
fn a_step_of_a_phase_is_timed_and_experiments_refuse_phases() {
    let bench = bench();
    let of = |phase: &str| {
        bench.succeed(&format!("bench step phases.toml --steps 1 --warmup 0 --json {phase}")).json()
    };
    let (first, second) = (of(""), of("--phase 2"));
    assert_eq!(second["batch_size"], 2);
    assert_ne!(first["batch_size"], second["batch_size"]);
    assert_eq!(of("--phase 2 --batch-size 3")["batch_size"], 3);
    let error = bench.refuse("bench step phases.toml --phase 3");
    assert_says(&error, &["--phase 3", "give at least 1 and at most 2"]);
    let experiment = "recipe_version = 1\nquestion = \"Which?\"\nprediction = \"None.\"\nbase = \"../phases.toml\"\n\
                      base_arm = \"a\"\nbudget = \"steps\"\nmetric = \"rtd-auc\"\nseeds = \"1\"\n\n[[arm]]\nname = \"a\"\n\n\
                      [[arm]]\nname = \"b\"\nset = { \"schedule.learning_rate\" = 1e-4 }\n";
    std::fs::create_dir(bench.path("experiment")).unwrap();
    bench.write("experiment/experiment.toml", experiment);
    let error = bench.refuse("ablate experiment/experiment.toml --dry-run");
    assert_says(&error, &["an experiment compares runs of one phase, and this recipe has `phases`"]);
}
