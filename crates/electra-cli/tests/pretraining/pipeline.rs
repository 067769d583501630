//! The whole road, from a text to a model that other libraries load, as a user walks it.

use crate::workbench::{VOCABULARY, Workbench, assert_says, json, keys};
use serde_json::Value;

const SENTENCE: &str = "bagu zufo, Mito kelapi ru.";

/// The output of `detect` about the sentence.
fn detected(bench: &Workbench, model: &str) -> String {
    bench.succeed_with(&format!("detect --json --model {model}"), &[SENTENCE]).stdout
}

#[test]
fn text_becomes_a_detector_that_survives_export_and_import() {
    let bench = Workbench::with_data();

    let manifest = json(&bench.read("data/manifest.json"));
    let inspected = bench.succeed("data inspect data --json").json();
    assert_eq!(inspected["manifest"], manifest);
    let examples = inspected["shown"].as_array().unwrap();
    assert!(
        !examples.is_empty() && examples.iter().all(|e| e["masked"].as_str().unwrap().contains("[MASK]"))
    );
    assert_says(
        &bench.succeed("data inspect data").stdout,
        &["256 pieces, uncased", "100.0 % of the tokens kept"],
    );
    assert_says(&bench.succeed("data verify data").stdout, &["data is intact"]);

    let forecast = bench.succeed("plan recipe.toml --json").json();
    assert_eq!(
        keys(&forecast),
        ["checkpoint_mb", "examples", "flops", "flops_per_step", "parameters", "plan"]
    );
    assert_eq!(forecast["plan"]["tokens"], 60 * 8 * 32);
    assert_eq!(forecast["examples"], manifest["train"]["examples"]);

    let trained = bench.succeed("pretrain recipe.toml --run run --threads 2");
    assert_eq!(trained.stdout, "", "progress goes to standard error");
    assert_says(
        &trained.stderr,
        &[
            "run: training 60 steps",
            "planned: ",
            "step  5/60",
            "step 60/60",
            "held out at 25",
            "held out at 60",
        ],
    );
    assert_says(&trained.stderr, &["Report: run/report.html", "Next: electra detect --model run"]);
    check_run_folder(&bench, &forecast);

    let of_run = detected(&bench, "run");
    check_detections(&of_run);
    let exported = bench.succeed("export hf run --out exported").stdout;
    assert_eq!(exported, "exported/discriminator\nexported/generator\n");
    check_transformers_folders(&bench);
    bench.succeed("import hf exported/discriminator --generator exported/generator --out imported");
    bench.succeed("import hf exported/discriminator --out detector");
    for model in ["exported/discriminator", "imported", "detector"] {
        assert_eq!(detected(&bench, model), of_run, "{model}");
    }
    // What was imported can be exported again, to the same bytes.
    bench.succeed("export hf imported --out again");
    assert_eq!(
        bench.files("again").into_values().collect::<Vec<_>>(),
        bench.files("exported").into_values().collect::<Vec<_>>()
    );
    bench.succeed("export hf detector --out alone");
    assert_eq!(bench.names("alone"), ["discriminator"]);
    // Over an earlier export: nothing of the other model stays, and nothing of somebody else is lost.
    bench.write("again/generator/notes.txt", "mine");
    let error = bench.refuse("export hf detector --out again --force");
    assert_says(&error, &["it holds again/generator/notes.txt as well", "would be lost", "help: move that"]);
    std::fs::remove_file(bench.path("again/generator/notes.txt")).unwrap();
    bench.succeed("export hf detector --out again --force");
    assert_eq!(bench.names("again"), ["discriminator"]);
}

fn check_run_folder(bench: &Workbench, forecast: &Value) {
    let names = [
        "checkpoints",
        "lock",
        "metrics.jsonl",
        "model.json",
        "model.safetensors",
        "recipe.toml",
        "report.html",
        "run.json",
        "tensorboard",
        "tokenizer",
    ];
    assert_eq!(bench.names("run"), names);
    assert_eq!(bench.names("run/checkpoints").last().unwrap(), "step-0000000060");
    assert_eq!(
        bench.files("run/tokenizer").into_values().collect::<Vec<_>>(),
        bench.files("tokenizer").into_values().collect::<Vec<_>>()
    );
    let events = bench.files("run/tensorboard");
    for tag in [
        "train/loss",
        "train/mlm_accuracy",
        "train/sampled_accuracy",
        "train/rtd_accuracy",
        "train/fake_rate",
        "train/learning_rate",
        "train/grad_norm",
        "speed/tokens_per_second",
        "eval/rtd_auc",
    ] {
        let has = |bytes: &Vec<u8>| bytes.windows(tag.len()).any(|part| part == tag.as_bytes());
        assert!(events.values().any(has), "TensorBoard has no {tag}");
    }
    assert!(
        !events.is_empty()
            && events.iter().all(|(name, bytes)| name.contains("tfevents") && bytes.len() > 1000)
    );

    let run = json(&bench.read("run/run.json"));
    assert_eq!((&run["device"], &run["threads"]), (&Value::from("flex"), &Value::from(2)));
    for hash in ["recipe_hash", "data_hash", "tokenizer_hash"] {
        assert_eq!(run[hash].as_str().map(str::len), Some(64), "{hash}");
    }

    let metrics = bench.metrics("run");
    let kinds: Vec<&str> = metrics.iter().map(|line| line["kind"].as_str().unwrap()).collect();
    assert_eq!((kinds[0], kinds[kinds.len() - 1]), ("start", "end"));
    assert_eq!(kinds.iter().filter(|kind| **kind == "train").count(), 12);
    assert_eq!(kinds.iter().filter(|kind| **kind == "eval").count(), 3);
    for line in &metrics {
        let own: &[&str] = match line["kind"].as_str().unwrap() {
            "start" => &["flops_per_step", "parameters", "plan", "recipe_hash"],
            "train" => &[
                "data_wait_fraction",
                "epoch",
                "fake_rate",
                "grad_norm",
                "learning_rate",
                "loss",
                "mlm_accuracy",
                "mlm_loss",
                "peak_fraction",
                "rss_mb",
                "rtd_accuracy",
                "rtd_loss",
                "sampled_accuracy",
                "tokens",
                "tokens_per_second",
            ],
            "eval" => &[
                "collapsed",
                "fake_rate",
                "heldout",
                "loss",
                "mlm_accuracy",
                "mlm_loss",
                "mlm_loss_per_byte",
                "rtd_accuracy",
                "rtd_auc",
                "rtd_loss",
                "rtd_loss_over_entropy",
                "rtd_precision",
                "rtd_recall",
                "sampled_accuracy",
            ],
            "end" => &["reason", "seconds", "tokens", "weights_hash"],
            other => panic!("a line of kind {other} in a run without incidents"),
        };
        let mut expected: Vec<&str> = own.iter().copied().chain(["kind", "step", "time"]).collect();
        expected.sort_unstable();
        assert_eq!(keys(line), expected);
        assert!(line["step"].is_u64() && line["time"].is_f64(), "{line}");
    }
    assert_eq!(metrics[0]["flops_per_step"], forecast["flops_per_step"]);
    assert_eq!(
        metrics[0]["parameters"],
        serde_json::json!({"discriminator": 23_393, "generator": 3_840, "total": 27_233})
    );
    assert_eq!(forecast["parameters"], metrics[0]["parameters"]);
    assert_eq!(metrics[0]["plan"]["tokens"], 60 * 8 * 32);
    let end = &metrics[metrics.len() - 1];
    assert_eq!(
        (&end["step"], &end["reason"], &end["tokens"]),
        (&Value::from(60), &Value::from("finished"), &Value::from(60 * 8 * 32))
    );
    for line in metrics.iter().filter(|line| line["kind"] == "eval") {
        let within = |field: &str, low: f64, high: f64| {
            let value = line[field].as_f64().unwrap();
            assert!((low..=high).contains(&value), "{field} in {line}");
        };
        let expected = match json(&bench.read("data/manifest.json"))["heldout"]["examples"].as_u64().unwrap()
        {
            17.. => serde_json::json!({"rows": "spread", "examples": 16}),
            all => serde_json::json!({"rows": "all", "examples": all}),
        };
        assert_eq!(line["heldout"], expected, "{line}");
        within("mlm_loss", 1.0, 6.5);
        // 4 of 32 positions are masked, and the sample is seldom the original.
        within("fake_rate", 0.09, 0.13);
        within("rtd_auc", 0.0, 1.0);
    }
    for line in metrics.iter().filter(|line| line["kind"] == "train") {
        let share = |field: &str| line[field].as_f64().unwrap_or_else(|| panic!("no {field} in {line}"));
        let (fakes, sampled) = (share("fake_rate"), share("sampled_accuracy"));
        assert!((0.09..=0.13).contains(&fakes), "{line}");
        // What the sample gets right is not a fake: 4 or 5 slots of 32 tokens, both counted.
        assert!(sampled <= 0.5 && share("mlm_accuracy") <= 1.0, "{line}");
        assert!((0.3..=1.0).contains(&share("rtd_accuracy")), "{line}");
    }
    let losses: Vec<f64> = metrics
        .iter()
        .filter(|line| line["kind"] == "train")
        .map(|line| line["loss"].as_f64().unwrap())
        .collect();
    assert!(losses[11] < losses[0] - 5.0, "{losses:?}");

    // The row on disk counts the report itself, the second time.
    let lines =
        |report: String| report.lines().filter(|line| !line.contains(">Disk<")).map(str::to_owned).collect();
    let before: Vec<String> = lines(bench.read("run/report.html"));
    assert_eq!(bench.succeed("report run").stdout, "run/report.html\n");
    let report = bench.read("run/report.html");
    assert_eq!(lines(report.clone()), before);
    assert_says(&report, &["<svg", "micro", "finished", "fake rate", "batch_size = 8", "</html>"]);
    assert_eq!(electra_run::report::check::faults(&report), Vec::<String>::new());
    for reference in ["http:", "https:", "src=", "<link", "<script", "@import", "url("] {
        assert!(!report.contains(reference), "report.html refers to something by {reference}");
    }
}

fn check_detections(printed: &str) {
    let detections: Vec<Value> = printed.lines().map(json).collect();
    let characters: Vec<char> = SENTENCE.chars().collect();
    let mut text = String::new();
    for detection in &detections {
        assert_eq!(keys(detection), ["end", "probability", "start", "token"]);
        let at = |key: &str| detection[key].as_u64().unwrap() as usize;
        let probability = detection["probability"].as_f64().unwrap();
        assert!(probability > 0.0 && probability < 1.0);
        let piece: String = characters[at("start")..at("end")].iter().collect();
        let token = detection["token"].as_str().unwrap();
        assert!(token == "[UNK]" || token.trim_start_matches("##") == piece.to_lowercase(), "{detection}");
        text += &piece;
    }
    assert_eq!(text, SENTENCE.replace(' ', ""));
}

fn check_transformers_folders(bench: &Workbench) {
    for (network, architecture, width) in
        [("discriminator", "ElectraForPreTraining", 32), ("generator", "ElectraForMaskedLM", 16)]
    {
        let files = [
            "README.md",
            "config.json",
            "model.safetensors",
            "special_tokens_map.json",
            "tokenizer.json",
            "tokenizer_config.json",
            "vocab.txt",
        ];
        assert_eq!(bench.names(&format!("exported/{network}")), files);
        let config = json(&bench.read(&format!("exported/{network}/config.json")));
        assert_eq!(config["architectures"], serde_json::json!([architecture]));
        assert_eq!(
            (&config["hidden_size"], &config["vocab_size"]),
            (&Value::from(width), &Value::from(VOCABULARY))
        );
    }
}

#[test]
fn networks_that_share_nothing_survive_export_and_import() {
    let bench = Workbench::with_data();
    // As wide as the discriminator's tables, so that nothing but the numbers tells the two apart.
    let own = "--set model.generator.tie=none --set model.generator.width=0.5 --set train.steps=6";
    bench.succeed(&format!("pretrain recipe.toml --no-plan {own} --run run"));
    bench.succeed("export hf run --out exported");
    bench.succeed("import hf exported/discriminator --generator exported/generator --out imported");
    bench.succeed("export hf imported --out again");
    let weights = |folder: &str| bench.bytes(&format!("{folder}/generator/model.safetensors"));
    assert!(weights("again") == weights("exported"), "the generator has other weights after the import");
}

#[test]
fn an_unfinished_run_can_be_reported_on_and_asked() {
    let bench = Workbench::with_data();
    bench.succeed("pretrain recipe.toml --no-plan --run run --set train.steps=21");
    std::fs::remove_file(bench.path("run/model.safetensors")).unwrap();
    // The last checkpoint is of step 21.
    check_detections(&detected(&bench, "run"));
    bench.succeed("export hf run --out exported");
    // Words that the vocabulary has no pieces for: all letters of the corpus are pieces, and no ideographs.
    let told = |text: &str| bench.succeed_with("detect --model run --json", &[text]).stderr;
    assert_says(
        &told("中国人民 babo"),
        &[
            "WARNING: of the text the model sees nothing but [UNK]: 80.0 % of the words and 50.0 % of the characters",
        ],
    );
    assert_says(
        &told(&format!("中{}", " babo".repeat(99))),
        &["of the text the model sees nothing but [UNK]: 1.0 % of the words"],
    );
    assert!(!told("babo").contains("[UNK]"), "{}", told("babo"));
    // The name of a file is no text.
    let error = bench.refuse("detect --model run corpus.txt");
    assert_says(&error, &["corpus.txt is a file", "electra detect --model run - < corpus.txt"]);
    let text = bench.read("corpus.txt");
    assert!(bench.feed("detect --model run -", &text).stdout.lines().count() > 100);
}

#[test]
fn a_plan_is_of_use_before_the_data_is_built() {
    let bench = Workbench::new();
    bench.write("recipe.toml", crate::workbench::RECIPE);
    let plan = bench.succeed("plan recipe.toml --set train.dropout=0").stdout;
    assert_says(
        &plan,
        &[
            "23,393 discriminator + 3,840 generator",
            "60 of 8 x 32 tokens",
            "15,360",
            "unknown: data holds no",
        ],
    );
    assert!(!plan.contains("instead"), "{plan}");
    let years =
        bench.succeed("plan recipe.toml --set train.steps=1000000000 --set train.batch_size=2048").stdout;
    assert_says(&years, &[" years\n", "instead        a GPU (", "of 1,000,000,000 steps"]);
}

#[test]
fn a_part_of_the_recipe_can_be_changed_and_dropout_left_out() {
    let bench = Workbench::with_data();
    bench.succeed(
        "pretrain recipe.toml --no-plan --display quiet --set train.dropout=0 --set train.steps=6 --run run",
    );
    assert_says(&bench.read("run/recipe.toml"), &["dropout = 0.0", "steps = 6"]);
    assert_eq!(bench.metrics("run").last().unwrap()["step"], 6);
}
