//! `electra finetune ner` from files to a tagger: outputs, several seeds, refusals, damage, kill and
//! resume.

use crate::workbench::{Ran, Workbench, assert_says, json, labelled};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

const DATA: &str = "--train train.conll --dev dev.conll --test test.conll";
/// A network from scratch that learns which words are names in a second.
const SMALL: &str = "--model scratch:recipe.toml --threads 1 --set input.window=32 --set train.epochs=8 \
    --set schedule.learning_rate=5e-3 --set guard.epochs=8";

/// The options for fine-tuning a pretrained network that learns which words are names in a second.
const WITH: &str = "--threads 1 --set input.window=32 --set schedule.learning_rate=5e-3 --set guard.epochs=8";

fn bench() -> Workbench {
    let bench = Workbench::with_data();
    bench.write("train.conll", labelled(0..100));
    bench.write("dev.conll", labelled(100..130));
    bench.write("test.conll", labelled(130..160));
    bench
}

#[test]
fn a_pretrained_run_becomes_a_tagger_with_scores() {
    let bench = bench();
    bench.succeed("pretrain recipe.toml --run pretrained --no-plan --set train.steps=12");
    let command = format!(
        "finetune ner {DATA} --out out --model pretrained --threads 1 --set input.window=32 \
        --set train.epochs=8 --set schedule.learning_rate=5e-3 --set guard.epochs=8"
    );
    let ran = bench.succeed(&command);
    assert_says(&ran.stderr, &["seed 1: 8 epochs of 4 steps", "epoch 8/8", "dev P", "words/s", "ETA"]);
    assert_says(&ran.stdout, &["micro F1", "tokens scored", "best: seed 1, out/best"]);
    let files = bench.names("out/best");
    for file in [
        "README.md",
        "config.json",
        "model.safetensors",
        "predictions-dev.conll",
        "predictions-test.conll",
        "scores.json",
        "tagger.json",
        "vocab.txt",
    ] {
        assert!(files.iter().any(|name| name == file), "{file} is not among {files:?}");
    }
    let config = json(&bench.read("out/best/config.json"));
    assert_eq!(config["architectures"][0], "ElectraForTokenClassification");
    assert_eq!(config["label2id"]["B-PER"], 3);
    // The hashes of the pretraining are on the card.
    let run = json(&bench.read("pretrained/run.json"));
    assert_says(&bench.read("out/best/README.md"), &[run["recipe_hash"].as_str().unwrap(), "`pretrained`"]);

    // The scores are those of the predictions.
    let scores = json(&bench.read("out/seed-1/scores.json"));
    let evaluated =
        bench.succeed("eval ner --pred out/seed-1/predictions-test.conll --gold test.conll --json").json();
    assert_eq!(evaluated["pred"]["default"]["micro"]["f1"], scores["test"]["f1"]);
    assert!(scores["dev"]["f1"].as_f64().unwrap() > 0.5, "{}", scores["dev"]);

    // The report shows curves, types and mistakes, and is written again on request.
    let report = bench.read("out/seed-1/report.html");
    assert_says(
        &report,
        &["<svg", "F1 on the development data", "Mistakes", "PER", "finished after 32 steps"],
    );
    assert!(!report.contains("<script"), "a report needs nothing else");
    assert_eq!(electra_run::report::check::faults(&report), Vec::<String>::new());
    std::fs::remove_file(bench.path("out/seed-1/report.html")).unwrap();
    assert_says(&bench.succeed("report out").stdout, &["out/seed-1/report.html"]);
    assert_eq!(bench.read("out/seed-1/report.html"), report);

    // And a tagger is a model to go on from.
    bench.succeed(
        &command.replace("--out out", "--out again").replace("--model pretrained", "--model out/best"),
    );
}

#[test]
fn seeds_are_summed_up_and_those_that_are_done_are_left_alone() {
    let bench = bench();
    let command = format!("finetune ner {DATA} {SMALL} --out out --json");
    let one = bench.succeed(&command).json();
    assert_eq!((&one["runs"][0]["seed"], &one["dev"]["sd"]), (&1.into(), &Value::Null));
    let before = bench.bytes("out/seed-1/model.safetensors");
    let ran = bench.succeed(&format!("{command} --seeds 3"));
    assert_says(&ran.stderr, &["finished already", "seed 2: 8 epochs", "seed 3: 8 epochs"]);
    assert!(bench.bytes("out/seed-1/model.safetensors") == before);
    assert!(bench.bytes("out/seed-2/model.safetensors") != before);
    let summary = ran.json();
    assert_eq!(summary, json(&bench.read("out/summary.json")));

    let f1: Vec<f64> =
        summary["runs"].as_array().unwrap().iter().map(|run| run["test_f1"].as_f64().unwrap()).collect();
    let mean = f1.iter().sum::<f64>() / 3.0;
    let sd = (f1.iter().map(|f1| (f1 - mean).powi(2)).sum::<f64>() / 2.0).sqrt();
    assert!((summary["test"]["mean"].as_f64().unwrap() - mean).abs() < 1e-12);
    assert!((summary["test"]["sd"].as_f64().unwrap() - sd).abs() < 1e-12);
    assert_eq!(summary["pooled_test"]["runs"], 3);
    let best = summary["best_seed"].as_u64().unwrap();
    let weights = bench.bytes(&format!("out/seed-{best}/model.safetensors"));
    assert!(bench.bytes("out/best/model.safetensors") == weights);
}

#[test]
fn what_cannot_be_meant_is_refused_with_a_way_out() {
    let bench = bench();
    let with = |more: &str| format!("finetune ner {DATA} {SMALL} --out out {more}");
    let error = bench.refuse(&with("--set train.epoch=3"));
    assert_says(&error, &["epoch", "epochs"]);
    let error = bench.refuse(&with("").replace("recipe.toml", "absent.toml"));
    assert_says(&error, &["absent.toml"]);
    let error = bench.refuse(&with("--set input.window=64"));
    assert_says(&error, &["at most 32 pieces", "input.window is 64", "--set input.window=32"]);
    assert!(!error.contains("seed 1"), "no other seed would fare better: {error}");
    let error = bench.refuse(&with("").replace("scratch:recipe.toml", "data"));
    assert_says(&error, &["data holds no model"]);
    let error = bench.refuse(&with("--tokenizer nowhere"));
    assert_says(&error, &["there is no tokenizer at nowhere"]);

    bench.write("one.conll", "Ada B-PER\nLovelace\n");
    let error = bench.refuse(&with("").replace("train.conll", "one.conll"));
    assert_says(&error, &["one.conll", "line 2"]);
    bench.write("empty.conll", "");
    let error = bench.refuse(&with("").replace("dev.conll", "empty.conll"));
    assert_says(&error, &["empty.conll"]);
    bench.write("plain.conll", "the O\nsea O\n");
    let error = bench.refuse(&with("").replace("train.conll", "plain.conll"));
    assert_says(&error, &["plain.conll", "no entity", "--tag-column"]);
    assert!(!bench.path("out/seed-1/scores.json").exists());

    bench.succeed(&with("--set train.epochs=1"));
    let error = bench.refuse(&with("--set train.epochs=2"));
    assert_says(&error, &["out/seed-1", "train.epochs = 1 there, 2 now", "--out"]);
    assert!(!error.contains("--run") && !error.contains("seed 1:"), "{error}");
    for once in ["train.epochs = 1 there", "give another folder"] {
        assert_eq!(error.matches(once).count(), 1, "{error}");
    }
}

#[test]
fn files_of_somebody_else_are_not_overwritten() {
    let bench = bench();
    let command = format!("finetune ner {DATA} {SMALL} --set train.epochs=1");
    let untouched = |line: &str, folder: &str, parts: &[&str]| {
        let before = bench.files(folder);
        let error = bench.refuse(line);
        assert_says(&error, parts);
        assert_says(&error, &["help:", "--out"]);
        assert!(!error.contains("epochs of"), "training had begun: {error}");
        assert!(bench.files(folder) == before, "{folder} has changed");
    };
    untouched(&format!("{command} --out data"), "data", &["data holds ", "fine-tuning does not write"]);
    bench.succeed("pretrain recipe.toml --run pretrained --no-plan --set train.steps=5");
    untouched(&format!("{command} --out pretrained"), "pretrained", &["pretrained holds checkpoints"]);
    let from = |model: &str| command.replace("scratch:recipe.toml", model);
    untouched(
        &format!("{} --out pretrained", from("pretrained")),
        "pretrained",
        &["pretrained, the model to start from, lies in pretrained"],
    );
    untouched(&format!("{command} --out corpus.txt"), "data", &["corpus.txt is a file, not a folder"]);

    bench.succeed(&format!("{} --out chain", from("pretrained")));
    for model in ["chain/best", "chain/seed-1"] {
        let line = format!("{} --out chain", from(model));
        untouched(&line, "chain", &[&format!("{model}, the model to start from, lies in chain")]);
    }
    std::fs::create_dir(bench.path("mine")).unwrap();
    bench.copy("chain/best", "mine/best");
    untouched(&format!("{command} --out mine"), "mine", &["mine holds best and no seed-N"]);
    bench.write("chain/best/notes.txt", "mine");
    untouched(&format!("{} --out chain", from("pretrained")), "chain", &["chain/best holds notes.txt"]);
    // What is made of a tagger goes elsewhere.
    std::fs::remove_file(bench.path("chain/best/notes.txt")).unwrap();
    bench.succeed(&format!("{} --out second", from("chain/best")));
}

#[test]
fn a_finished_seed_that_is_damaged_is_mended_and_best_stays_whole() {
    let bench = bench();
    let command = format!("finetune ner {DATA} {SMALL} --set train.epochs=1 --out out");
    bench.succeed(&command);
    let model = bench.bytes("out/best/model.safetensors");
    for (name, expected) in [
        ("model.safetensors", "out/seed-1/model.safetensors is damaged: it has 1000 bytes"),
        ("predictions-test.conll", "predictions-test.conll"),
    ] {
        let path = format!("out/seed-1/{name}");
        let whole = bench.bytes(&path);
        bench.write(&path, &whole[..1000]);
        let ran = bench.succeed(&command);
        assert_says(&ran.stderr, &["its files are written again", expected]);
        assert!(!ran.stderr.contains("finished already"), "{}", ran.stderr);
        assert!(bench.bytes(&path) == whole && bench.bytes("out/best/model.safetensors") == model, "{name}");
    }
    assert_says(&bench.succeed(&command).stderr, &["finished already"]);

    // Without the checkpoint of the best epoch there is no tagger that these scores are of.
    bench.write("out/seed-1/model.safetensors", "");
    bench.write("out/seed-1/checkpoints/step-0000000004/optimizer.safetensors", "");
    let error = bench.refuse(&command);
    assert_says(&error, &["none of them is intact", "help:"]);
    assert!(bench.bytes("out/best/model.safetensors") == model);
}

#[test]
fn the_default_window_gives_way_to_a_model_of_fewer_positions() {
    let bench = bench();
    let command = format!("finetune ner {DATA} {SMALL} --set train.epochs=1 --out out")
        .replace("--set input.window=32 ", "");
    let ran = bench.succeed(&command);
    assert_says(&ran.stderr, &["note: input.window is 32 and not the default 128"]);
    assert_says(&bench.read("out/seed-1/recipe.toml"), &["window = 32"]);
    assert_eq!(json(&bench.read("out/seed-1/tagger.json"))["window"], 32);
    // It is the run of that window, however it was chosen.
    let explicit = format!("{command} --set input.window=32");
    assert_says(&bench.succeed(&explicit).stderr, &["finished already"]);
    let error = bench.refuse(&format!("{command} --set input.window=128"));
    assert_says(&error, &["at most 32 pieces", "input.window is 128", "--set input.window=32"]);
}

#[test]
fn a_network_from_scratch_needs_a_row_for_every_piece() {
    let bench = bench();
    bench.succeed("data tokenizer --input corpus.txt --vocab-size 270 --out larger");
    let error = bench.refuse(&format!("finetune ner {DATA} {SMALL} --tokenizer larger --out out"));
    let parts =
        ["recipe.toml has model.vocab_size = 256", "270 pieces", "nothing is trained yet", "--tokenizer"];
    assert_says(&error, &parts);
}

#[test]
fn a_run_that_ends_without_an_entity_says_what_to_do() {
    let bench = bench();
    // The linear layer alone learns, and every word is outside.
    let outside = "--set schedule.learning_rate=1.0 --set schedule.warmup=0.0 --set train.epochs=2 \
        --set rates.freeze={kind=\"layers\",count=2} \
        --set loss.class_weights={kind=\"given\",weights={O=10000.0}}";
    let ran = bench.succeed(&format!("finetune ner {DATA} {SMALL} {outside} --out out"));
    let scores = json(&bench.read("out/seed-1/scores.json"));
    assert_eq!(scores["dev"]["f1"], 0.0, "the test needs a run that finds nothing right");
    let told = "no entity of the development data was found correctly in 2 epochs of 4 steps: \
        train longer (train.epochs";
    assert_says(&ran.stderr, &[told]);
}

#[test]
fn a_dead_run_ends_with_4_and_a_remedy() {
    let bench = bench();
    let dead = "--set schedule.learning_rate=1e-9 --set guard.epochs=2 --set guard.steps=1";
    let error = bench.stop(&format!("finetune ner {DATA} {SMALL} --out out {dead}"), 4);
    assert_says(&error, &["seed 1", "this run has collapsed", "schedule.learning_rate", "guard.epochs"]);
    assert_says(&error, &["help: train longer (train.epochs", "train.batch_size = 8"]);
    assert_eq!(error.matches("this run has collapsed").count(), 1, "{error}");
    assert!(!bench.path("out/best").exists());

    // Of several seeds the first is the error, and each is told of once.
    let error = bench.stop(&format!("finetune ner {DATA} {SMALL} --out two {dead} --seeds 2"), 4);
    assert_says(
        &error,
        &["seed 1 stopped, seed 2 is next", "seed 2 stopped as well: this run has collapsed"],
    );
    assert_eq!(error.matches("this run has collapsed").count(), 2, "{error}");
}

#[test]
fn tags_that_the_training_data_lacks_are_told_of() {
    let bench = bench();
    bench.write("dev.conll", labelled(100..130) + "baba\tB-SEA\n\n");
    let ran = bench.succeed(&format!("finetune ner {DATA} {SMALL} --out out"));
    assert_says(&ran.stderr, &["1 words of the development data", "B-SEA", "count as missed"]);
    let scores = json(&bench.read("out/seed-1/scores.json"));
    assert_eq!(scores["details"]["dev"]["unknown_tags"]["B-SEA"], 1);
}

#[test]
fn what_is_made_of_an_unfinished_pretraining_says_so_everywhere() {
    let bench = bench();
    let pretrain = "pretrain recipe.toml --run run --no-plan --set train.steps=100000 --set log.every_steps=1 \
        --set evaluate.every_steps=100000 --set checkpoint.every_steps=100000 --threads 1";
    let child = bench.start(pretrain);
    let log = || std::fs::read_to_string(bench.path("run/metrics.jsonl")).unwrap_or_default();
    let deadline = std::time::Instant::now() + crate::workbench::PATIENCE;
    while !log().contains("\"train\"") {
        assert!(std::time::Instant::now() < deadline, "no step of run");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(Ran::of(&child.wait_with_output().unwrap()).code, Some(75));
    let step = json(log().lines().last().unwrap())["step"].as_u64().unwrap();
    let told = format!("step {step} of 100,000");
    bench.succeed("report run");
    assert_says(&bench.read("run/report.html"), &[&format!("at step {step} of the 100,000 planned")]);

    assert_says(
        &bench.succeed("detect --model run baba").stderr,
        &["WARNING: the pretraining of run", &told],
    );
    assert_says(&bench.succeed("export hf run --out exported").stderr, &["WARNING", &told]);
    let config = json(&bench.read("exported/discriminator/config.json"));
    assert_eq!(config["pretraining_step"], step);
    assert_eq!(config["pretraining_planned_steps"], 100_000);
    // What is imported again has not forgotten it.
    assert_says(
        &bench.succeed("import hf exported/discriminator --out imported").stderr,
        &["WARNING", &told],
    );
    // Nor has a tagger that was fine-tuned from it, nor one fine-tuned from that.
    for model in ["run", "exported/discriminator", "imported", "out-run/best", "out-out-run-best/best"] {
        let out = format!("out-{}", model.replace('/', "-"));
        let ran = bench.succeed(&format!(
            "finetune ner {DATA} --model {model} --out {out} --threads 1 --set train.epochs=1 --set input.window=32"
        ));
        let warning = format!("the pretraining of {model} was not finished: {told}");
        assert_says(&ran.stderr, &[&format!("WARNING: {warning}")]);
        assert_says(&ran.stdout, &[&format!("! {warning}")]);
        let card = format!("step {step} of 100000, **not finished**");
        assert_says(&bench.read(&format!("{out}/best/README.md")), &[&warning, &card]);
        assert_says(
            &bench.read(&format!("{out}/seed-1/report.html")),
            &[&format!("not finished: {told} planned")],
        );
        let lineage = &bench.metrics(&format!("{out}/seed-1"))[0]["lineage"];
        assert_eq!(
            (&lineage["pretraining_step"], &lineage["pretraining_planned_steps"]),
            (&step.into(), &100_000.into())
        );
    }
}

#[test]
fn a_pretraining_that_is_finished_is_no_matter_for_a_warning() {
    let bench = bench();
    bench.succeed("pretrain recipe.toml --run run --no-plan --set train.steps=5");
    assert!(!bench.succeed("detect --model run baba").stderr.contains("WARNING"));
    assert!(!bench.succeed("export hf run --out exported").stderr.contains("WARNING"));
    assert_eq!(json(&bench.read("exported/discriminator/config.json"))["pretraining_step"], 5);
    let ran =
        bench.succeed(&format!("finetune ner {DATA} --model run --out out {WITH} --set train.epochs=1"));
    assert!(!ran.stderr.contains("not finished"), "{}", ran.stderr);
    assert_says(&bench.read("out/best/README.md"), &["| pretraining | step 5 of 5 |"]);
}

#[test]
fn another_test_set_and_fewer_seeds_leave_the_best_of_all_seeds_in_its_place() {
    let bench = bench();
    let command = format!("finetune ner {DATA} {SMALL} --set train.epochs=2 --out out --json");
    let before = bench.succeed(&format!("{command} --seeds 3")).json();
    let best = bench.bytes("out/best/model.safetensors");
    bench.write("other.conll", labelled(160..170));
    std::fs::remove_dir_all(bench.path("out/seed-2/checkpoints")).unwrap();
    let ran = bench.succeed(&command.replace("test.conll", "other.conll"));
    assert!(!ran.stderr.contains("epoch 1/2"), "trained again: {}", ran.stderr);
    assert_says(&ran.stderr, &["seed 3 stands in out as well", "no scores on other.conll"]);
    let after = ran.json();
    assert_eq!(after["best_seed"], before["best_seed"]);
    assert_eq!((&after["dev"], after["runs"].as_array().unwrap().len()), (&before["dev"], 3));
    assert_ne!(after["test"], before["test"]);
    assert!(bench.bytes("out/best/model.safetensors") == best);
    assert_eq!(json(&bench.read("out/summary.json")), after);
}

#[test]
fn sentences_that_the_files_share_are_told_with_their_number() {
    let bench = bench();
    let command = format!("finetune ner {SMALL} --set train.epochs=1 --train train.conll");
    let ran = bench.succeed(&format!("{command} --dev dev.conll --test dev.conll --out same"));
    let told = "all 30 sentences of test are also in dev";
    assert_says(&ran.stderr, &[&format!("WARNING: {told}")]);
    assert_says(&ran.stdout, &[&format!("! {told}")]);
    let ran = bench.succeed(&format!("{command} --dev train.conll --test test.conll --out known"));
    assert_says(&ran.stderr, &["WARNING: all 100 sentences of dev are also in train"]);
    bench.write("plain.conll", "the O\nsea O\n");
    let error = bench.refuse(&format!("{command} --dev plain.conll --test test.conll --out plain"));
    assert_says(
        &error,
        &["development sentences of plain.conll have no entity", "help: give labelled sentences"],
    );
    assert!(!bench.path("plain/seed-1/metrics.jsonl").exists());
}

/// Epochs that the log of a run has from their first byte to their last.
fn epochs(bench: &Workbench, run: &str) -> usize {
    let text = std::fs::read_to_string(bench.path(&format!("{run}/metrics.jsonl"))).unwrap_or_default();
    let whole = &text[..text.rfind('\n').map_or(0, |at| at + 1)];
    whole.lines().filter(|line| json(line)["kind"] == "epoch").count()
}

#[test]
fn killed_and_terminated_runs_end_with_the_bits_of_one_that_was_left_alone() {
    let bench = bench();
    // Long enough to be hit, with dropout as the default has it.
    let long = format!("finetune ner {DATA} {SMALL} --set train.epochs=40 --seeds 2");
    bench.succeed(&format!("{long} --out undisturbed"));

    let command = format!("{long} --out out");
    let hit = |run: &str, after: usize, signal: Signal| {
        let mut child = bench.start(&command);
        let deadline = std::time::Instant::now() + crate::workbench::PATIENCE;
        while epochs(&bench, run) < after {
            let status = child.try_wait().unwrap();
            assert!(status.is_none(), "{run} ended with {status:?} before epoch {after}");
            assert!(std::time::Instant::now() < deadline, "no epoch {after} of {run}");
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        kill_process(Pid::from_child(&child), signal).unwrap();
        Ran::of(&child.wait_with_output().unwrap())
    };
    for after in [3, 17] {
        assert_eq!(hit("out/seed-1", after, Signal::KILL).code, None);
    }
    let ran = hit("out/seed-1", 25, Signal::TERM);
    assert_eq!(ran.code, Some(75), "{}", ran.stderr);
    assert_says(&ran.stderr, &["Interrupted and saved. The same command goes on."]);
    assert_eq!(hit("out/seed-2", 9, Signal::KILL).code, None);
    let ran = bench.succeed(&command);
    assert_says(&ran.stderr, &["finished already", "seed 2: 40 epochs of 4 steps from step"]);
    for seed in ["seed-1", "seed-2"] {
        let [found, expected] =
            ["out", "undisturbed"].map(|out| bench.bytes(&format!("{out}/{seed}/model.safetensors")));
        assert!(found == expected, "the weights of {seed} have other bits");
        assert_eq!(epochs(&bench, &format!("out/{seed}")), 40);
    }
}
