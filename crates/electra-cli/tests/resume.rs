//! Runs that are stopped, killed and damaged, and end with the bits of a run that was left alone.

mod workbench;

use std::sync::OnceLock;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use workbench::{Ran, Workbench, assert_says, json};

/// 90 steps with dropout, a log line for each, evaluation and checkpoints between.
const COMMAND: &str = "pretrain recipe.toml --run run --no-plan --threads 2 --set train.steps=90 \
    --set log.every_steps=1 --set evaluate.every_steps=15 --set checkpoint.every_steps=10";

/// Steps between checkpoints.
const SAVED_EVERY: u64 = 10;

/// The files of an uninterrupted run.
struct Reference {
    model: Vec<u8>,
    best: String,
    progress: Vec<Value>,
}

/// Trained by whichever test needs it first.
fn reference() -> &'static Reference {
    static REFERENCE: OnceLock<Reference> = OnceLock::new();
    REFERENCE.get_or_init(|| {
        let bench = Workbench::with_data();
        bench.succeed(COMMAND);
        let best = bench.read("run/checkpoints/best.json");
        Reference { model: bench.bytes("run/model.safetensors"), best, progress: progress(&bench) }
    })
}

/// Training and evaluation lines, without what depends on the clock and the machine's memory.
fn progress(bench: &Workbench) -> Vec<Value> {
    let mut lines = bench.metrics("run");
    lines.retain(|line| line["kind"] == "train" || line["kind"] == "eval");
    for line in &mut lines {
        let fields = line.as_object_mut().unwrap();
        for volatile in ["time", "tokens_per_second", "peak_fraction", "rss_mb", "data_wait_fraction"] {
            fields.remove(volatile);
        }
    }
    lines
}

/// The run is done, and nobody can tell from its weights and metrics that it was disturbed.
#[track_caller]
fn assert_as_if_undisturbed(bench: &Workbench) {
    let reference = reference();
    assert_eq!(reference.progress.iter().filter(|line| line["kind"] == "train").count(), 90);
    for (found, expected) in progress(bench).iter().zip(&reference.progress) {
        assert_eq!(found, expected);
    }
    assert_eq!(progress(bench).len(), reference.progress.len());
    assert!(bench.bytes("run/model.safetensors") == reference.model, "the final weights have other bits");
}

/// Steps of the log's lines of a kind.
fn steps(bench: &Workbench, kind: &str) -> Vec<u64> {
    let lines = bench.metrics("run").into_iter().filter(|line| line["kind"] == kind);
    lines.map(|line| line["step"].as_u64().unwrap()).collect()
}

/// The last step that is in the log from its first byte to its last.
fn last_logged(bench: &Workbench) -> u64 {
    let text = bench.read("run/metrics.jsonl");
    let whole = &text[..text.rfind('\n').map_or(0, |at| at + 1)];
    whole.lines().filter_map(|line| json(line)["step"].as_u64()).max().unwrap_or(0)
}

/// Starts the run and kills it as soon as it has logged `step`; tells what it had logged by then.
fn kill_after(bench: &Workbench, step: u64) -> u64 {
    let mut child = bench.start(COMMAND);
    bench.wait_for_step(&mut child, "run", step);
    child.kill().unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), None, "it was killed, not done: {:?}", Ran::of(&output));
    last_logged(bench)
}

#[test]
fn sigterm_saves_and_exits_with_75_and_the_same_command_goes_on() {
    let bench = Workbench::with_data();
    let mut child = bench.start(COMMAND);
    bench.wait_for_step(&mut child, "run", 13);
    // A parent that dies thread by thread sends several, which are one.
    for _ in 0..3 {
        kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(3));
    }
    let ran = Ran::of(&child.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(75), "{}", ran.stderr);
    assert_says(&ran.stderr, &["Interrupted and saved. The same command goes on."]);
    let metrics = bench.metrics("run");
    let end = metrics.last().unwrap();
    assert_eq!((&end["kind"], &end["reason"]), (&Value::from("end"), &Value::from("SIGTERM")));
    // Not a step is lost: what was done is saved.
    let stopped = end["step"].as_u64().unwrap();
    assert_eq!(stopped, last_logged(&bench));
    assert!(bench.path(&format!("run/checkpoints/step-{stopped:010}/manifest.json")).exists());
    assert!(!bench.path("run/model.safetensors").exists());
    assert!(bench.path("run/report.html").exists());

    let ran = bench.succeed(COMMAND);
    assert_says(&ran.stderr, &[&format!("training 90 steps from step {stopped}")]);
    assert_eq!(steps(&bench, "resume"), [stopped]);
    assert_as_if_undisturbed(&bench);
}

#[test]
fn a_run_killed_three_times_loses_only_what_came_after_its_last_checkpoint() {
    let bench = Workbench::with_data();
    let mut resumed_from = Vec::new();
    for step in [7, 34, 61] {
        let logged = kill_after(&bench, step);
        resumed_from.push(logged / SAVED_EVERY * SAVED_EVERY);
    }
    bench.succeed(COMMAND);
    let resumed = steps(&bench, "resume");
    assert_eq!(resumed.len(), 3);
    for (found, expected) in resumed.iter().zip(resumed_from) {
        // The kill may have come between the line of a step and its checkpoint.
        assert!(*found == expected || found + SAVED_EVERY == expected, "{resumed:?}, expected {expected}");
    }
    assert_as_if_undisturbed(&bench);
    assert_eq!(bench.read("run/checkpoints/best.json"), reference().best);
}

#[test]
fn a_damaged_checkpoint_is_told_of_and_the_one_before_is_used() {
    let bench = Workbench::with_data();
    kill_after(&bench, 45);
    let checkpoints: Vec<String> =
        bench.names("run/checkpoints").into_iter().filter(|name| name.starts_with("step-")).collect();
    let [.., before, newest] = checkpoints.as_slice() else { panic!("{checkpoints:?}") };
    bench.flip_bit(&format!("run/checkpoints/{newest}/model.safetensors"), -1);
    bench.copy("run", "lost");

    let ran = bench.succeed(COMMAND);
    let from: u64 = before.trim_start_matches("step-").parse().unwrap();
    let damaged = format!("run/checkpoints/{newest}/model.safetensors");
    assert_says(&ran.stderr, &["passed over a damaged checkpoint", &damaged, &format!("from step {from}")]);
    let metrics = bench.metrics("run");
    let event = metrics.iter().find(|line| line["kind"] == "event").expect("the log tells of the damage");
    assert!(event["message"].as_str().unwrap().contains(&damaged), "{event}");
    assert_eq!(steps(&bench, "resume"), [from]);
    assert_as_if_undisturbed(&bench);

    // Without a single intact one the run stops instead of beginning anew.
    for name in &checkpoints {
        bench.write(&format!("lost/checkpoints/{name}/optimizer.safetensors"), "");
    }
    let error = bench.refuse(&COMMAND.replace("--run run", "--run lost"));
    assert_says(
        &error,
        &["lost/checkpoints", "none of them is intact", "backup", "--run", newest, "has 0 bytes"],
    );
    for name in &checkpoints {
        assert!(bench.path(&format!("lost/checkpoints/{name}")).exists(), "{name} was removed");
    }
}

#[test]
fn a_finished_run_stays_as_it_is() {
    let bench = Workbench::with_data();
    let command = "pretrain recipe.toml --run run --no-plan --set train.steps=12";
    bench.succeed(command);
    // The lock file holds the process that had it last.
    let files = |bench: &Workbench| {
        let mut files = bench.files("run");
        files.remove("run/lock");
        files
    };
    let before = files(&bench);
    let ran = bench.succeed(command);
    assert_says(&ran.stderr, &["12 steps", "done already"]);
    let after = files(&bench);
    assert_eq!(after.keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>());
    for (name, bytes) in &before {
        assert!(after[name] == *bytes, "{name} has changed");
    }
    // Final weights that were removed are written again.
    std::fs::remove_file(bench.path("run/model.safetensors")).unwrap();
    bench.succeed(command);
    assert!(bench.bytes("run/model.safetensors") == before["run/model.safetensors"]);
    // Those that are damaged as well.
    bench.write("run/model.safetensors", &before["run/model.safetensors"][..1000]);
    assert_says(&bench.succeed(command).stderr, &["run/model.safetensors", "written again from the last"]);
    assert!(bench.bytes("run/model.safetensors") == before["run/model.safetensors"]);
    // Somebody made room: a run that is finished needs no checkpoint.
    std::fs::remove_dir_all(bench.path("run/checkpoints")).unwrap();
    let log = bench.bytes("run/metrics.jsonl");
    assert_says(&bench.succeed(command).stderr, &["12 steps", "done already"]);
    assert!(bench.bytes("run/metrics.jsonl") == log);
    assert!(bench.bytes("run/model.safetensors") == before["run/model.safetensors"]);
    // Without weights either there is nothing to go on from, which is told and logged.
    bench.write("run/model.safetensors", &before["run/model.safetensors"][..1000]);
    let told = "the log reaches step 12, but no checkpoint is left: training begins again at step 0";
    assert_says(&bench.succeed(command).stderr, &[told]);
    assert!(bench.metrics("run").iter().any(|line| line["message"] == told));
    assert!(bench.bytes("run/model.safetensors") == before["run/model.safetensors"]);
}

#[test]
fn a_run_goes_on_when_its_data_has_moved_and_it_logs_evaluates_and_saves_otherwise() {
    let bench = Workbench::with_data();
    kill_after(&bench, 34);
    let before = bench.read("run/recipe.toml");
    std::fs::rename(bench.path("data"), bench.path("elsewhere")).unwrap();
    let other = "--set name=other --set data.path=elsewhere --set log.every_steps=9 \
        --set log.histogram_every_steps=1000 --set evaluate.every_steps=20 --set evaluate.max_examples=5 \
        --set checkpoint.every_steps=30 --set checkpoint.keep_last=1";
    let ran = bench.succeed(&format!("{COMMAND} {other}"));
    assert_says(&ran.stderr, &["from step 30"]);
    assert!(bench.bytes("run/model.safetensors") == reference().model, "the final weights have other bits");

    // The run says what it went on with, and when that changed.
    let after = bench.read("run/recipe.toml");
    assert_says(&before, &["path = \"data\"", "max_examples = 16"]);
    assert_says(&after, &["name = \"other\"", "path = \"elsewhere\"", "max_examples = 5", "steps = 90"]);
    let events: Vec<String> = bench
        .metrics("run")
        .iter()
        .filter(|line| line["kind"] == "event")
        .map(|line| format!("{} at {}", line["message"].as_str().unwrap(), line["step"]))
        .collect();
    for expected in [
        "data.path of the recipe was \"data\" before and is \"elsewhere\" now at 30",
        "evaluate.max_examples of the recipe was 16 before and is 5 now at 30",
        "log.every_steps of the recipe was 1 before and is 9 now at 30",
    ] {
        assert!(events.iter().any(|event| event == expected), "{expected:?} is not among {events:#?}");
    }

    // Everything else decides the weights, and other data at the same place as well.
    for change in ["train.steps=91", "train.dropout=0", "data.sequence_length=16", "objective.temperature=2"]
    {
        assert_ne!(bench.run(&format!("{COMMAND} {other} --set {change}")).code, Some(0), "{change}");
    }
    assert_eq!(bench.read("run/recipe.toml"), after);
}

#[test]
fn another_number_of_threads_is_noted() {
    let bench = Workbench::with_data();
    let command = "pretrain recipe.toml --run run --no-plan --set train.steps=5";
    bench.succeed(&format!("{command} --threads 2"));
    std::fs::remove_file(bench.path("run/model.safetensors")).unwrap();
    let ran = bench.succeed(&format!("{command} --threads 1"));
    assert_says(&ran.stderr, &["the number of threads was 2 when the run was started and is 1 now"]);
}

#[test]
fn a_run_that_was_begun_on_the_first_held_out_rows_goes_on_with_them_and_is_told_apart() {
    let bench = Workbench::with_data();
    let train = "pretrain recipe.toml --no-plan --threads 2 --set evaluate.every_steps=20 --set evaluate.max_examples=6";
    bench.succeed(&format!("{train} --run new"));
    bench.copy("new", "older");
    // As an older program leaves it behind, which did not say which rows it read: interrupted at 40.
    let text = bench.read("older/metrics.jsonl");
    let older = text.lines().filter(|line| json(line)["step"].as_u64().unwrap() <= 40).map(|line| {
        let mut line = json(line);
        line.as_object_mut().unwrap().remove("heldout");
        format!("{line}\n")
    });
    bench.write("older/metrics.jsonl", older.collect::<String>());
    std::fs::remove_file(bench.path("older/model.safetensors")).unwrap();
    std::fs::remove_dir_all(bench.path("older/checkpoints/step-0000000060")).unwrap();
    let ran = bench.succeed(&format!("{train} --run older"));
    let said = "held-out evaluation goes on with the first 6 held-out rows, as this run was begun";
    assert_says(&ran.stderr, &["from step 40", said]);
    let lines = bench.metrics("older");
    assert!(
        lines.iter().any(|line| line["message"].as_str().is_some_and(|message| message.starts_with(said)))
    );
    let last = lines.iter().rfind(|line| line["kind"] == "eval").unwrap();
    assert_eq!(last["heldout"], serde_json::json!({"rows": "first", "examples": 6}));
    let new = bench.metrics("new");
    let of_new = new.iter().rfind(|line| line["kind"] == "eval").unwrap();
    assert_ne!(last["mlm_loss"], of_new["mlm_loss"], "the same weights on other rows");
    assert!(bench.bytes("older/model.safetensors") == bench.bytes("new/model.safetensors"));
    assert_says(&bench.read("older/report.html"), &["Measured on the first 6 held-out rows."]);
    assert_says(&bench.read("new/report.html"), &["Measured on 6 held-out rows, spread evenly."]);
    // Once more: what it has read by now is named.
    let again = bench.succeed(&format!("{train} --run older"));
    assert_says(&again.stderr, &["all 60 steps are done already"]);

    bench.succeed(&format!("{train} --run other --set seed=2"));
    let alike = bench.succeed("compare new other").stdout;
    assert!(!alike.contains("unlike measures"), "{alike}");
    let unlike = bench.succeed("compare older other").stdout;
    assert_says(
        &unlike,
        &[
            "Held-out numbers are of unlike measures",
            "6 held-out rows, spread evenly",
            "the first 6 held-out rows",
        ],
    );
}

/// A run of an older program, whose recipe does not say in which order gradients are added up.
fn fold(bench: &Workbench, run: &str) {
    use electra_pretrain::monitor::SilentMonitor;
    use electra_pretrain::{DeviceName, Environment, Estimate, Recipe, RunSetup, pretrain};
    let data = format!("data.path={:?}", bench.path("data").display().to_string());
    let changes = ["train.steps=10", "train.micro_batch_size=2", "checkpoint.every_steps=4", &data];
    let changes: Vec<String> = changes.into_iter().map(str::to_owned).collect();
    let recipe = electra_run::recipe::load::<Recipe>(&bench.path("recipe.toml"), &changes).unwrap();
    let environment = Environment {
        device: DeviceName::Flex.open_with(recipe.value.train.precision).unwrap(),
        device_name: "flex".into(),
        threads: 1,
        run: bench.path(run),
        program_version: "an older program".into(),
        verify_data: true,
    };
    let setup = RunSetup::take(&recipe, &environment).unwrap();
    let (estimate, interrupt) = (Estimate::default(), electra_run::interrupt::Interrupt::default());
    pretrain(&recipe, &environment, setup, estimate, &interrupt, &mut SilentMonitor).unwrap();
}

#[test]
fn gradients_are_added_up_along_a_tree_but_in_a_run_that_was_begun_otherwise() {
    let bench = Workbench::with_data();
    let train = "pretrain recipe.toml --no-plan --display quiet --threads 1 --set train.steps=10 \
                 --set checkpoint.every_steps=4";
    let four = format!("{train} --set train.micro_batch_size=2");
    bench.succeed(&format!("{four} --run tree"));
    assert_says(&bench.read("tree/recipe.toml"), &["gradient_sum = \"tree\"\n"]);
    let plan = bench.succeed("plan recipe.toml --set train.micro_batch_size=2 --timed-steps 1");
    assert_says(&plan.stdout, &["gradients      added up along a tree: 3 at once, 1 MB"]);
    bench.succeed(&format!("{train} --set train.micro_batch_size=4 --run two"));
    assert!(!bench.read("two/recipe.toml").contains("gradient_sum"));

    fold(&bench, "old");
    let folded = bench.bytes("old/model.safetensors");
    assert!(folded != bench.bytes("tree/model.safetensors"));
    for name in ["model.safetensors", "checkpoints/step-0000000010"] {
        let path = bench.path(&format!("old/{name}"));
        if path.is_dir() {
            std::fs::remove_dir_all(path).unwrap()
        } else {
            std::fs::remove_file(path).unwrap()
        }
    }
    bench.succeed(&format!("{four} --run old"));
    assert!(!bench.read("old/recipe.toml").contains("gradient_sum"));
    assert!(bench.bytes("old/model.safetensors") == folded, "the run went on with other bits");
    let refused = bench.refuse(&format!("{four} --run old --set train.gradient_sum=tree"));
    assert_says(&refused, &["another recipe (train.gradient_sum"]);
    bench.succeed(&format!("{four} --run fold --set train.gradient_sum=fold"));
    assert!(bench.bytes("fold/model.safetensors") == folded);
}

#[test]
fn micro_batches_that_are_left_to_the_program_are_stored_and_kept() {
    let bench = Workbench::with_data();
    let train = "pretrain recipe.toml --no-plan --set train.steps=10 --set train.batch_size=96 --set \
                 schedule.warmup_steps=2 --set checkpoint.every_steps=4 --set evaluate.every_steps=10";
    let auto = "--set train.micro_batch_size=\"auto\"";
    // 2,048 tokens are 64 rows of 32, of which 48 divide the batch.
    let ran = bench.succeed(&format!("{train} {auto} --run auto"));
    assert_says(&ran.stderr, &["micro-batches: 48 rows at once (2,048 tokens at most on a CPU)"]);
    assert_says(&bench.read("auto/recipe.toml"), &["micro_batch_size = 48\n"]);
    let plan = bench.succeed(&format!("plan recipe.toml --set train.batch_size=96 --timed-steps 1 {auto}"));
    assert_says(&plan.stdout, &["micro-batches  48 rows at once (2,048 tokens at most on a CPU)"]);

    // Nobody can tell it from the run in whose recipe the number was written.
    bench.succeed(&format!("{train} --set train.micro_batch_size=48 --run written"));
    assert_eq!(bench.read("auto/recipe.toml"), bench.read("written/recipe.toml"));
    assert!(bench.bytes("auto/model.safetensors") == bench.bytes("written/model.safetensors"));

    // A run that has begun with another number, on a card say, goes on with it.
    bench.succeed(&format!("{train} --set train.micro_batch_size=32 --run begun"));
    bench.copy("begun", "cut");
    std::fs::remove_file(bench.path("cut/model.safetensors")).unwrap();
    let ran = bench.succeed(&format!("{train} {auto} --run cut"));
    assert_says(&ran.stderr, &["micro-batches: 32 rows at once (as the run has begun)"]);
    assert!(bench.bytes("cut/model.safetensors") == bench.bytes("begun/model.safetensors"));

    // Of a damaged recipe nothing is computed before it is refused.
    let stored =
        bench.read("cut/recipe.toml").replace("micro_batch_size = 32", "micro_batch_size = \"auto\"");
    bench.write("cut/recipe.toml", stored.replace("batch_size = 96", "batch_size = 9223372036854775807"));
    assert_says(&bench.refuse(&format!("{train} {auto} --run cut")), &["cut", "batch_size"]);
}
