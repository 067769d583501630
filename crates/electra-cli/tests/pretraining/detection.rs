//! `electra eval detection`: discriminators on one corruption of held-out text, and losses by byte.

use crate::workbench::experiment::{COMMAND, EXPERIMENT};
use crate::workbench::{Workbench, assert_says};
use serde_json::{Value, json};

/// The two arms and one without a discriminator that detects, compared on the common text.
fn with_an_arm_that_predicts() -> String {
    let further = "[[arm]]\nname = \"mlm\"\nset = { objective = { kind = \"mlm\" } }\n";
    EXPERIMENT.replace("\"rtd-auc\"", "\"common-auc\"\nmargin = 0.02") + further
}

const TRAIN: &str =
    "pretrain recipe.toml --no-plan --threads 1 --set train.steps=8 --set evaluate.every_steps=4";

/// Two runs of one recipe, `a` and `b`.
fn two_runs() -> Workbench {
    let bench = Workbench::with_data();
    bench.succeed(&format!("{TRAIN} --run a"));
    bench.succeed(&format!("{TRAIN} --run b --set seed=2 --set schedule.learning_rate=5e-3"));
    bench
}

fn value(model: &Value, measure: &str) -> f64 {
    model[measure]["value"].as_f64().unwrap_or_else(|| panic!("no {measure} in {model}"))
}

#[test]
fn discriminators_are_judged_on_one_text_and_differ_by_paired_intervals() {
    let bench = two_runs();
    bench.succeed("export hf a --out exported");
    let judge = "eval detection --model a b exported/discriminator --threads 1";
    let ran = bench.succeed(&format!("{judge} --generator a --json --out judged.json"));
    let found = ran.json();
    assert_eq!(bench.read("judged.json"), ran.stdout);
    assert_eq!(
        bench.succeed(&format!("{judge} --generator a --json")).stdout,
        ran.stdout,
        "the same every time"
    );
    let corruption = &found["corruption"];
    assert!(corruption["replaced_tokens"].as_u64().unwrap() > 0 && corruption["generator_hash"].is_string());
    assert_eq!((&corruption["seed"], &found["bootstrap"]["unit"]), (&0.into(), &"row".into()));
    let models = found["models"].as_array().unwrap();
    assert_eq!(models.len(), 3);
    for model in models {
        for measure in ["auc", "recall", "f1", "loss", "loss_over_entropy"] {
            let interval = model[measure]["interval"].as_array().unwrap();
            let [low, high] = [0, 1].map(|end| interval[end].as_f64().unwrap());
            let value = value(model, measure);
            assert!(low <= value && value <= high, "{measure} of {model}");
        }
    }
    // The export is the same network, and its difference is nothing at all.
    let [other, export] = [0, 1].map(|at| found["differences"][at].clone());
    assert_eq!((&other["model"], &export["model"]), (&"b".into(), &"exported/discriminator".into()));
    assert!((value(&other, "auc") - (value(&models[1], "auc") - value(&models[0], "auc"))).abs() < 1e-12);
    assert_ne!(value(&other, "loss"), 0.0);
    assert_eq!(export["loss"], json!({"value": 0.0, "interval": [0.0, 0.0]}));

    // Another seed, another generator, or chance is another text.
    let hash = |options: &str| {
        bench.succeed(&format!("{judge} {options} --json")).json()["corruption"]["hash"].clone()
    };
    let hashes = [
        corruption["hash"].clone(),
        hash("--generator a --seed 1"),
        hash("--generator b"),
        hash("--generator unigram"),
        hash("--generator a --max-examples 7"),
    ];
    for (at, hash) in hashes.iter().enumerate() {
        assert!(hash.is_string() && !hashes[..at].contains(hash), "{hashes:?}");
    }
    let text = bench.succeed(&format!("{judge} --generator unigram --max-examples 7")).stdout;
    assert_says(
        &text,
        &[
            "data: 7 held-out rows, spread evenly; seed 0 of masks and samples; samples from the frequencies",
            "tokens are replaced",
            "loss/H(q)",
            "differences from a",
            "95 % intervals: bootstrap over the 7 held-out rows, 1,000 resamples",
        ],
    );
}

#[test]
fn on_its_own_generator_masks_and_rows_a_run_has_the_numbers_of_its_log() {
    let bench = two_runs();
    let found =
        bench.succeed("eval detection --model a --generator a --seed 1 --max-examples 16 --json").json();
    let metrics = bench.metrics("a");
    let logged = metrics.iter().rfind(|line| line["kind"] == "eval").unwrap();
    let model = &found["models"][0];
    for (measure, key) in [
        ("auc", "rtd_auc"),
        ("recall", "rtd_recall"),
        ("loss", "rtd_loss"),
        ("loss_over_entropy", "rtd_loss_over_entropy"),
    ] {
        let (found, logged) = (value(model, measure), logged[key].as_f64().unwrap());
        assert!((found - logged).abs() < 1e-6, "{measure} is {found}, logged was {logged}");
    }
    assert_eq!(found["fake_rate"], logged["fake_rate"]);
}

#[test]
fn what_cannot_be_judged_is_refused_with_the_reason() {
    let bench = two_runs();
    let refuse = |options: &str, parts: &[&str]| {
        assert_says(&bench.refuse(&format!("eval detection {options}")), parts);
    };
    bench.succeed("data tokenizer --input corpus.txt --vocab-size 200 --out small");
    bench.succeed(
        "data build --input corpus.txt --tokenizer small --seq-len 32 --heldout-fraction 0.1 --out other",
    );
    bench.succeed(&format!("{TRAIN} --run c --set data.path=other --set model.vocab_size=200"));
    refuse(
        "--model a c --generator a",
        &["c has another tokenizer (", "200 pieces", "256 pieces", "leave it out"],
    );
    refuse("--model a --generator a --data other", &["a has another tokenizer"]);
    bench.succeed("export hf a --out exported");
    for exported in ["exported", "exported/discriminator", "exported/generator"] {
        let told = [
            exported,
            "has no generator",
            "written for transformers",
            "the run that it was exported from",
            "unigram",
        ];
        refuse(&format!("--model a --generator {exported} --data data"), &told);
        // Nor is the lack of data of its own what is wrong first.
        refuse(&format!("--model a --generator {exported}"), &told);
    }
    refuse(
        "--model exported/discriminator --generator unigram",
        &["no run whose recipe names its data", "--data"],
    );
    refuse("--model a --generator nowhere", &["nowhere"]);
    bench.write("mlm.toml", crate::workbench::RECIPE.replace("replaced-token-detection", "replace-mlm"));
    bench.succeed(&format!("{} --run d", TRAIN.replace("recipe.toml", "mlm.toml")));
    refuse("--model d --generator a", &["was not trained to detect replaced tokens"]);

    bench.succeed(
        "data build --input corpus.txt --tokenizer tokenizer --seq-len 64 --heldout-fraction 0.1 --out long",
    );
    refuse("--model a --generator unigram --data long", &["a reads 32 positions, the rows have 64"]);
    // A table with rows of no piece, which its generator samples as well.
    bench.succeed(&format!("{TRAIN} --run e --set model.vocab_size=400"));
    refuse(
        "--model a --generator e",
        &["a has a vocabulary of 256 ids and the text has id", "another generator"],
    );
    bench.succeed("eval detection --model e --generator a");

    // Losses of tokens are not of one task between vocabularies; by byte they are.
    let error = bench.refuse("compare a c --metric mlm-loss");
    assert_says(&error, &["2 vocabularies", "256 pieces", "200 pieces", "--metric mlm-loss-per-byte"]);
    let table = bench.succeed("compare a c --metric mlm-loss-per-byte").stdout;
    assert_says(&table, &["MLM loss a byte, mean", "unlike vocabularies", "`model.vocab_size`"]);
    for by_token in ["  MLM loss  ", "total loss  "] {
        assert!(!table.contains(by_token), "{table}");
    }
    let eval = bench.metrics("a").into_iter().rfind(|line| line["kind"] == "eval").unwrap();
    let [by_token, by_byte] = ["mlm_loss", "mlm_loss_per_byte"].map(|key| eval[key].as_f64().unwrap());
    assert!(by_byte > 0.0 && by_byte < by_token, "pieces have at least a byte: {by_token} {by_byte}");
}

#[test]
fn all_arms_are_judged_on_one_text_and_older_results_get_the_figures_without_training() {
    let base = "recipe_version = 1\nextends = \"../recipe.toml\"\ntrain.steps = 8\n";
    let bench = Workbench::with_experiment(base, &with_an_arm_that_predicts());
    let ran = bench.succeed(COMMAND);
    assert_says(&ran.stderr, &["whole seed 2: common AUC 0.", "unigram AUC 0.", "(6/6)"]);
    assert_says(&ran.stdout, &["common AUC", "unigram rtd/H(q)", "was not judged: mlm"]);
    assert_says(&ran.stdout, &["within ±0.020", "two one-sided paired t tests"]);
    assert_says(&ran.stdout, &["Arms differ in `model.generator.width` and `objective`: AUC", "own task"]);
    // Whose generator it is stands wherever these figures do.
    let footing = "half was trained beside that generator and knows its samples, the others do not";
    assert_says(&ran.stdout, &[footing]);
    assert_says(&bench.succeed("compare exp --format markdown").stdout, &[footing]);
    let page = bench.read("exp/report.html");
    assert_says(&page, &["common AUC by parameters of the generator", footing]);
    assert_says(&page, &["half was trained beside the generator"]);
    let found = bench.succeed("compare exp --format json").json();
    assert_eq!(found["judged_on_own_generator"], json!(["half"]));
    let expected = bench.results();
    let of = |arm: &str, seed: u64| expected[&format!("{arm}.seed-{seed}.json")].clone();
    let corruption = |arm: &str, seed, by: &str| of(arm, seed)["common"][by]["corruption"].clone();
    for seed in [1, 2] {
        assert_eq!(corruption("half", seed, "base"), corruption("whole", seed, "base"));
        assert_eq!(of("whole", seed)["common"]["base"]["run"], of("half", seed)["hash"]);
        assert_eq!(corruption("half", 1, "unigram"), corruption("whole", seed, "unigram"));
        assert!(of("mlm", seed)["common"].is_null());
    }
    assert_ne!(corruption("half", 1, "base"), corruption("half", 2, "base"), "each seed has its generator");
    assert_ne!(of("half", 1)["common"]["unigram"]["auc"], of("whole", 1)["common"]["unigram"]["auc"]);
    assert_eq!(of("half", 1)["tokenizer"]["vocab_size"], 256);

    // As an older program leaves them.
    for name in expected.keys() {
        let mut result = crate::workbench::json(&bench.read(&format!("exp/results/{name}")));
        result.as_object_mut().unwrap().remove("common");
        bench.write(&format!("exp/results/{name}"), result.to_string());
    }
    std::fs::remove_dir_all(bench.path("runs/exp/common")).unwrap();
    let ran = bench.succeed(COMMAND);
    assert!(!ran.stderr.contains("pretraining"), "{}", ran.stderr);
    assert_says(&ran.stderr, &["half seed 1: judging samples of the base arm's generator"]);
    assert_eq!(bench.results(), expected);
    let ran = bench.succeed(COMMAND);
    assert!(!ran.stderr.contains("judging"), "{}", ran.stderr);
    assert_says(&ran.stderr, &["6 of 6 runs are finished already"]);
}
