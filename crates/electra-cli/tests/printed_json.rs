//! What commands print as JSON: `docs/json.md` has every key of it and no other, and numbers agree.

mod workbench;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;
use workbench::{Workbench, assert_says, json, keys, labelled};

/// Keys of objects whose own keys are names of something else: of types, metrics, settings.
const BY_NAME: [&str; 5] = ["columns", "metrics", "quantities", "types", "unknown_types"];

/// Keys of the table of commands that tiny runs on a CPU do not have.
const RARE: [&str; 8] = [
    "column",
    "communication_fraction",
    "copy_gb_per_second",
    "multiprocessors",
    "needed",
    "plane_sizes",
    "record",
    "stopped",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("crates/electra-cli").to_path_buf()
}

/// Collects the keys of a value and of all in it, each with the command that printed it first.
fn collect(value: &Value, command: &str, found: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                found.entry(key.clone()).or_insert_with(|| command.to_owned());
                match value.as_object().filter(|_| BY_NAME.contains(&key.as_str())) {
                    Some(by_name) => by_name.values().for_each(|value| collect(value, command, found)),
                    None => collect(value, command, found),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, command, found)),
        _ => {}
    }
}

/// What stands in backquotes and can be a key.
fn keys_of(text: &str) -> BTreeSet<&str> {
    let is_key = |word: &&str| {
        !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    text.split('`').skip(1).step_by(2).filter(is_key).collect()
}

/// Files of text and of labelled sentences with something of everything that is reported.
fn bench() -> Workbench {
    let bench = Workbench::with_data();
    bench.write("train.conll", labelled(0..60));
    bench.write("dev.conll", labelled(60..80));
    // Sentences that training has too, one of them twice and with other tags.
    let again = labelled(58..59);
    bench.write("test.conll", labelled(55..75) + &again + &again.replace("B-", "I-"));
    let span = |start: usize| {
        format!(
            "{{\"text\": \"Ada saw Rome\", \"spans\": [{{\"start\": {start}, \"end\": 3, \"label\": \"LOC\"}}]}}\n"
        )
    };
    bench.write("spans.jsonl", span(0) + &span(1));
    bench.write("bad.jsonl", "{\"text\": \"babo bagu babo bagu\"}\nno record\n{\"text\": \"bagu babo\"}\n");
    bench
}

#[test]
fn every_key_that_a_command_prints_is_in_the_list_of_keys_and_the_other_way_round() {
    let bench = bench();
    let mut found = BTreeMap::new();
    let mut print = |line: &str| {
        let printed = bench.succeed(line).stdout;
        match serde_json::from_str(&printed) {
            Ok(value) => collect(&value, line, &mut found),
            Err(_) => printed.lines().for_each(|one| collect(&json(one), line, &mut found)),
        }
        assert!(!printed.trim().is_empty(), "electra {line}");
    };

    print("data tokenizer --input bad.jsonl --vocab-size 20 --skip-bad-records --out words --json");
    print(
        "data tokenizer --extend tokenizer --input bad.jsonl --vocab-size 260 --skip-bad-records --out wider --json",
    );
    let build = "data build --input corpus.txt --tokenizer tokenizer --seq-len 32 --heldout-fraction 0.1";
    print(&format!("{build} --out built --json"));
    bench.write("twice.txt", bench.read("corpus.txt").repeat(2));
    print(
        "data build --input twice.txt --tokenizer tokenizer --seq-len 32 --deduplicate --out unique --json",
    );
    print(&format!("{build} --part 1/2 --out parts/1 --json"));
    print(&format!("{build} --part 2/2 --out parts/2 --json"));
    print("data merge parts/1 parts/2 --out merged --json");
    print("data inspect data --json");
    print("data verify data --json");
    print("doctor --json --threads 1");
    print("plan recipe.toml --json --timed-steps 1");
    print("plan recipe.toml --json --timed-steps 1 --set train.micro_batch_size=\"auto\"");
    print("plan recipe.toml --json --timed-steps 1 --set train.micro_batch_size=2");
    print("plan recipe.toml --json --timed-steps 1 --ranks 2");
    let mixed = workbench::RECIPE.replace("path = \"data\"\n", "");
    let sources = ["data", "built"].map(|path| format!("[[data.sources]]\npath = \"{path}\"\nweight = 1\n"));
    bench.write("mixture.toml", mixed + &sources.concat());
    print("plan mixture.toml --json --timed-steps 1");
    print(
        "plan recipe.toml --json --timed-steps 1 --set train.steps=60 --set phases=[{steps=40},{steps=20}]",
    );
    print("bench step recipe.toml --json --steps 1 --warmup 0");
    print("bench ner recipe.toml --json --repetitions 2 --warmup 0 --batch-size 2 --length 16");

    let train =
        "pretrain recipe.toml --no-plan --display quiet --set train.steps=6 --set evaluate.every_steps=3";
    bench.succeed(&format!("{train} --run a"));
    bench.succeed(&format!("{train} --run b --set seed=2"));
    print("detect --model a --json bagu");
    print("eval detection --model a b --generator a --resamples 10 --max-examples 8 --json");
    print("compare a b --format json");
    for experiment in ["002-objectives", "010-generator-size"] {
        let path = root().join("experiments").join(experiment);
        print(&format!("compare {} --format json", path.display()));
    }

    print("check ner train.conll dev.conll test.conll --tokenizer tokenizer --window 8 --json");
    print("check ner spans.jsonl --skip-misaligned --json");
    print("convert ner spans.jsonl --to conll --out spans.conll --json");
    print("convert ner train.conll --to conll --split 9/1 --out divided --json");
    print(
        "finetune ner --train train.conll --dev dev.conll --test test.conll --model a --out out --seeds 2 --threads 1 \
         --set input.window=32 --set train.epochs=4 --set schedule.learning_rate=5e-3 --display quiet --json",
    );
    print(
        "eval ner --pred out/seed-1/predictions-test.conll --against out/seed-2/predictions-test.conll \
         --train train.conll --resamples 10 --json",
    );
    print("eval ner --model out/best --gold test.conll --slices type,length --resamples 10 --json");
    bench.write("wrong.conll", labelled(0..30) + &labelled(30..40).replace("B-PER", "O"));
    print("check ner wrong.conll --model out/best --json");
    print(
        "check ner wrong.conll --model scratch:recipe.toml --folds 2 --out folds --threads 1 --set input.window=32 \
         --set train.epochs=1 --display quiet --json",
    );
    bench.write(
        "names.txt",
        labelled(0..20).lines().filter_map(|l| l.split('\t').next()).collect::<Vec<_>>().join(" "),
    );
    print("predict --model out/best --format json --byte-offsets names.txt");

    let page = page_of_keys();
    let listed = keys_of(&page);
    let unlisted: Vec<_> = found.iter().filter(|(key, _)| !listed.contains(key.as_str())).collect();
    assert!(unlisted.is_empty(), "keys that docs/json.md does not have, and what prints them: {unlisted:#?}");

    let commands =
        page.split("\n## ").find(|part| part.starts_with("Commands")).expect("a table of commands");
    let unprinted: Vec<&str> = keys_of(commands)
        .into_iter()
        .filter(|key| !found.contains_key(*key) && !RARE.contains(key))
        // The first column names commands.
        .filter(|key| !commands.contains(&format!("\n| `{key}` |")))
        .collect();
    assert!(unprinted.is_empty(), "keys of the commands in docs/json.md that none prints: {unprinted:?}");
}

/// The page of all keys.
fn page_of_keys() -> String {
    let path = root().join("docs/json.md");
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn a_bench_of_steps_prints_its_json_and_nothing_else() {
    let bench = Workbench::new();
    bench.write("recipe.toml", workbench::RECIPE);
    let ran = bench
        .succeed("bench step recipe.toml --json --steps 3 --threads 1 --set train.dropout=0 --batch-size 4");
    // Also where the recipe divides its batch.
    bench.succeed("bench step recipe.toml --json --steps 1 --set train.micro_batch_size=4 --batch-size 6");
    assert_eq!(ran.stderr, "");
    let found = ran.json();
    assert_eq!(
        keys(&found),
        [
            "batch_size",
            "best_tokens_per_second",
            "device",
            "device_memory_mb",
            "gflops",
            "micro_batch_size",
            "peak_fraction",
            "peak_rss_mb",
            "products_without_tensor_cores",
            "step_seconds",
            "threads",
            "tokens_per_second"
        ]
    );
    assert_eq!((&found["device"], &found["threads"]), (&Value::from("flex"), &Value::from(1)));
    let mut seconds: Vec<f64> =
        found["step_seconds"].as_array().unwrap().iter().map(|s| s.as_f64().unwrap()).collect();
    assert_eq!(seconds.len(), 3);
    seconds.sort_by(f64::total_cmp);
    for (which, seconds) in [("best_tokens_per_second", seconds[0]), ("tokens_per_second", seconds[1])] {
        let rate = found[which].as_f64().unwrap();
        assert!(
            (rate * seconds / (4.0 * 32.0) - 1.0).abs() < 1e-9,
            "{which}: {rate} tokens/s in steps of {seconds} s"
        );
    }
    assert_eq!((&found["batch_size"], &found["micro_batch_size"]), (&Value::from(4), &Value::from(4)));
    assert_eq!(
        (&found["device_memory_mb"], &found["products_without_tensor_cores"]),
        (&Value::Null, &Value::from(0))
    );
    for field in ["gflops", "peak_fraction", "peak_rss_mb"] {
        assert!(found[field].as_f64().unwrap() > 0.0, "{field}");
    }
}

#[test]
fn doctor_knows_the_devices_and_what_they_lack() {
    let found = Workbench::new().succeed("doctor --json --threads 1").json();
    let devices = found["devices"].as_array().unwrap();
    let names: Vec<&str> = devices.iter().map(|device| device["device"].as_str().unwrap()).collect();
    assert_eq!(names, ["flex", "ndarray", "wgpu", "cuda:0"]);
    assert!(devices[0]["gemm_gflops"].as_f64().unwrap() > 0.0);
    for device in devices {
        let ready = device["gemm_gflops"].is_f64();
        assert_eq!(ready, device["missing"].as_array().unwrap().is_empty(), "{device}");
        // Every GPU is one whose speed was measured.
        let is_card = !device["card"].is_null();
        assert_eq!(is_card, ready && !["flex", "ndarray"].contains(&device["device"].as_str().unwrap()));
    }
}

#[test]
fn a_bench_of_a_tagger_prints_its_json_and_nothing_else() {
    let bench = Workbench::new();
    bench.write("recipe.toml", workbench::RECIPE);
    for task in ["train", "infer", "latency"] {
        let ran = bench.succeed(&format!(
            "bench ner recipe.toml --task {task} --json --repetitions 3 --warmup 0 --batch-size 3 --length 16"
        ));
        assert_eq!(ran.stderr, "");
        let found = ran.json();
        assert_eq!(
            keys(&found),
            [
                "best_tokens_per_second",
                "device",
                "gflops",
                "milliseconds",
                "peak_fraction",
                "peak_rss_mb",
                "repetition_seconds",
                "threads",
                "tokens_per_second"
            ]
        );
        assert_eq!(found["repetition_seconds"].as_array().unwrap().len(), 3);
        let number = |value: &Value| value.as_f64().unwrap();
        let product = number(&found["best_tokens_per_second"]) * number(&found["milliseconds"]["best"]) / 1e3;
        assert!((product / (3.0 * 16.0) - 1.0).abs() < 1e-9, "{task}: {product} tokens in a repetition");
    }
    let error = bench.refuse("bench ner recipe.toml --length 4096");
    assert_says(&error, &["position table", "--length from 3"]);
}
