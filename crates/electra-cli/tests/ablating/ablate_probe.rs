//! The probe of `electra ablate`: fine-tuning of every pretrained model.

use crate::workbench::experiment::{BASE, COMMAND, EXPERIMENT};
use crate::workbench::{Workbench, assert_says};

/// Two arms times two seeds of 40 steps.
fn bench() -> Workbench {
    Workbench::with_experiment(BASE, EXPERIMENT)
}

#[test]
fn a_probe_fine_tunes_what_was_pretrained() {
    let bench = bench();
    let text = bench.with_probe(2, "\"guard.epochs\" = 8");
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
    // Judging is told as well.
    std::fs::rename(bench.path("runs/exp/common"), bench.path("judged")).unwrap();
    let foretold = forecast(&bench);
    assert_says(&foretold, &["0 to pretrain, 0 to fine-tune, 2 to judge on common text"]);
    assert_says(&foretold, &["starts, evaluations and judging are counted"]);
    std::fs::rename(bench.path("judged"), bench.path("runs/exp/common")).unwrap();
    std::fs::rename(bench.path("away"), bench.path("exp/results")).unwrap();
    // What was fine-tuned is told from what was damaged.
    let probe = format!("runs/exp/probes/{}", bench.names("runs/exp/probes")[0]);
    let told = "of `electra finetune ner`, and pretraining is compared here";
    assert_says(&bench.refuse(&format!("compare {probe}")), &[told, "summary.json", "electra eval ner"]);
    let error = bench.refuse(&format!("compare {probe}/seed-1 {}", bench.runs()[0]));
    assert_says(&error, &[&format!("{probe}/seed-1 is a run {told}"), "scores.json", "predictions-dev"]);
    let result = &bench.results()["half.seed-1.json"];
    let scores = result["probe"]["scores"].as_array().unwrap();
    assert_eq!(scores.iter().map(|score| score["seed"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 2]);
    assert!(scores.iter().all(|score| score["dev_f1"].is_f64() && score["test_f1"].is_null()));
    assert_says(&bench.read("exp/report.html"), &["probe F1 by parameters of the generator"]);
    // Another probe scores the same pretrained runs again, and trains none.
    bench.write("exp/experiment.toml", text.replace("\"train.epochs\" = 2", "\"train.epochs\" = 1"));
    assert_says(&forecast(&bench), &["0 to pretrain, 2 to fine-tune"]);
    let ran = bench.succeed(COMMAND);
    assert!(!ran.stderr.contains("pretraining"), "{}", ran.stderr);
    assert_ne!(bench.results()["half.seed-1.json"]["probe"]["hash"], result["probe"]["hash"]);
    // Pretrained weights that have changed since are written again before they are fine-tuned.
    bench.write("exp/experiment.toml", text.replace("\"train.epochs\" = 2", "\"train.epochs\" = 3"));
    let weights = format!("{}/model.safetensors", bench.runs()[0]);
    let whole = bench.bytes(&weights);
    bench.flip_bit(&weights, -1);
    bench.succeed(COMMAND);
    assert_eq!(bench.bytes(&weights), whole);
}

#[test]
fn what_fine_tuning_will_refuse_is_refused_before_the_first_step_of_pretraining() {
    let bench = bench();
    let text = bench.with_probe(1, "\"guard.epochs\" = 8");
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
    let text = bench.with_probe(
        2,
        "\"guard.epochs\" = 1, \"guard.steps\" = 1, \
        \"schedule.learning_rate\" = 1e-9",
    );
    bench.write("exp/experiment.toml", &text);
    bench.succeed(COMMAND);
    let scores = |bench: &Workbench| bench.results()["half.seed-1.json"]["probe"]["scores"].clone();
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
    let text = bench.with_probe(1, "\"guard.epochs\" = 8");
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
    assert_eq!((bench.runs().len(), bench.results().len()), (1, 2));
    let hash = |name: &str| bench.results()[name]["probe"]["hash"].clone();
    assert_ne!(hash("half.seed-1.json"), hash("whole.seed-1.json"));
}
