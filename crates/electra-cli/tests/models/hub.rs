//! Models by their names on the Hub, from a server at 127.0.0.1: every command that takes a model, and what goes wrong.
#![cfg(feature = "hub")]

#[path = "../hub/server.rs"]
#[allow(dead_code, reason = "the tests of electra-hub use all of it")]
mod server;

use std::fs;
use std::path::Path;

use crate::pytorch_folders::corpus;
use crate::workbench::{Ran, Workbench, assert_says, json as parsed};
use serde_json::{Value, json};
use server::{COMMIT, Faults, Model, Server};

const NAME: &str = "ada/electra-tiny";
const TEXT: &str = "The quick brown fox jumped.";

fn fixture(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../electra-train/tests/fixtures/pytorch");
    fs::read(folder.join(name)).unwrap()
}

/// The model of the fixtures, with the weights of a file and a changed `config.json`.
fn model(weights: &str, change: impl Fn(&mut Value)) -> Model {
    let mut config = parsed(std::str::from_utf8(&fixture("model/config.json")).unwrap());
    change(&mut config);
    Model::default()
        .with("config.json", config.to_string())
        .with("vocab.txt", fixture("model/vocab.txt"))
        .with("tokenizer_config.json", fixture("model/tokenizer_config.json"))
        .with_large("pytorch_model.bin", fixture(weights))
}

fn discriminator() -> Model {
    model("older.bin", |_| {})
}

/// A workbench whose commands ask a server of this test.
struct Bench {
    bench: Workbench,
    server: Server,
}

impl Bench {
    fn new() -> Self {
        let bench = Self { bench: Workbench::new(), server: Server::new() };
        bench.server.add(NAME, discriminator());
        bench.server.add(
            "ada/generator",
            model("generator.bin", |config| {
                config["architectures"] = json!(["ElectraForMaskedLM"]);
            }),
        );
        bench.server.add(
            "ada/tagger",
            model("tagger.bin", |config| {
                config["architectures"] = json!(["ElectraForTokenClassification"]);
                config["id2label"] = json!({ "0": "O", "1": "B-PER", "2": "I-PER" });
            }),
        );
        bench
    }

    fn run_with(&self, line: &str, more: &[&str], variables: &[(&str, &str)]) -> Ran {
        let mut command = self.bench.command(line);
        command.args(more).env_remove("HF_HUB_OFFLINE").env("HF_ENDPOINT", &self.server.address);
        command.env("HF_HUB_CACHE", self.bench.path("cache")).envs(variables.iter().copied());
        Ran::of(&command.output().unwrap())
    }

    #[track_caller]
    fn succeed(&self, line: &str) -> Ran {
        let ran = self.run_with(line, &[], &[]);
        assert_eq!(ran.code, Some(0), "{line}: {}", ran.stderr);
        ran
    }

    #[track_caller]
    fn refuse(&self, line: &str, variables: &[(&str, &str)]) -> String {
        let ran = self.run_with(line, &[], variables);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""), "{line}: {}", ran.stderr);
        assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
        ran.stderr
    }

    fn detect(&self, model: &str, variables: &[(&str, &str)]) -> Ran {
        self.run_with(&format!("detect --model {model} --json"), &[TEXT], variables)
    }
}

#[test]
fn a_name_is_as_good_as_a_folder_and_is_downloaded_once() {
    let bench = Bench::new();
    let first = bench.detect(NAME, &[]);
    let short = &COMMIT[..12];
    assert_says(&first.stderr, &[&format!("{NAME} is commit {short}: 4 files downloaded"), "in the cache "]);
    let folder = format!("cache/models--ada--electra-tiny/snapshots/{COMMIT}");
    assert_eq!(first.stdout, bench.detect(&folder, &[]).stdout);
    assert!(first.stdout.contains("jump"), "{}", first.stdout);
    bench.server.requests();
    for name in [NAME.to_owned(), format!("{NAME}@{COMMIT}"), format!("hf://{NAME}")] {
        let again = bench.detect(&name, &[("HF_HUB_OFFLINE", "1")]);
        assert_eq!(again.stdout, first.stdout, "{name}: {}", again.stderr);
        assert_says(&again.stderr, &[&format!(" is commit {short}, in the cache ")]);
    }
    assert!(bench.server.requests().is_empty());

    // A folder of that name comes first.
    fs::create_dir_all(bench.bench.path("ada/electra-tiny")).unwrap();
    assert_says(
        &bench.refuse(&format!("detect --model {NAME} text"), &[]),
        &["ada/electra-tiny holds no model"],
    );
    // And where there is a folder of the owner's name, a slip in the name of a folder is not asked of a server.
    let said = bench.refuse("detect --model ada/electra-tinny text", &[]);
    assert_says(
        &said,
        &["cannot read ada/electra-tinny: No such file", "hf://OWNER/NAME", "ada/electra-tiny"],
    );
    assert!(bench.server.requests().is_empty());
    assert_eq!(bench.detect(&format!("hf://{NAME}"), &[]).stdout, first.stdout);
}

#[test]
fn every_command_that_takes_a_model_takes_a_name() {
    let bench = Bench::new();
    let expected = bench.detect(NAME, &[]).stdout;
    bench.succeed(&format!("import hf {NAME} --generator ada/generator --out imported"));
    assert_eq!(bench.detect("imported", &[]).stdout, expected);
    let ancestors = parsed(&bench.bench.read("imported/init.json"))["ancestors"].clone();
    let names: Vec<&str> =
        ancestors.as_array().unwrap().iter().map(|it| it["model"].as_str().unwrap()).collect();
    assert_eq!(names, [format!("{NAME}@{COMMIT}"), format!("ada/generator@{COMMIT}")]);
    bench.succeed("export hf imported --out exported");
    assert_says(&bench.bench.read("exported/discriminator/README.md"), &[&format!("base_model: \"{NAME}\"")]);
    assert_eq!(bench.detect("exported/discriminator", &[]).stdout, expected);
    bench.succeed(&format!("export hf {NAME} --out exported --force"));
    assert_eq!(bench.detect("exported/discriminator", &[]).stdout, expected);

    bench.bench.write("in.txt", "the fox jumped .\n");
    assert_says(&bench.succeed("predict --model ada/tagger --format conll in.txt").stdout, &["fox"]);
    bench
        .bench
        .write("train.conll", "the O\nfox B-PER\njumped O\n. O\n\nquick O\nfoxes B-PER\n. O\n\n".repeat(10));
    bench.succeed("eval ner --model ada/tagger --gold train.conll");
    bench.succeed("check ner --model ada/tagger --train train.conll");
    let checked = bench.succeed(&format!("check ner --tokenizer {NAME} --train train.conll"));
    assert_says(&checked.stdout, &["pieces"]);
    bench.succeed(&format!(
        "finetune ner --train train.conll --dev train.conll --model {NAME} --out tuned --threads 1 --display quiet \
         --set input.window=16 --set train.epochs=1"
    ));

    bench.bench.write("text.txt", corpus());
    bench.succeed(&format!(
        "data build --input text.txt --tokenizer {NAME} --seq-len 16 --heldout-fraction 0.1 --out data"
    ));
    bench.bench.write("continue.toml", include_str!("../../configs/continue.toml"));
    let ran = bench.succeed(&format!(
        "pretrain continue.toml --init {NAME} --init-generator ada/generator --run run --no-plan --display lines \
         --threads 1 --set data.path=data --set data.sequence_length=16 --set train.batch_size=4 \
         --set train.steps=2 --set schedule.warmup_steps=1"
    ));
    let named = format!("{NAME}@{COMMIT}");
    assert_says(&ran.stderr, &[&format!("begins with {named}"), "started 0"]);
    // What was made of it says which model it was, by a name that others know.
    assert_says(&bench.bench.read("run/init.json"), &[&format!("\"model\": \"{named}\"")]);
    let card = bench.bench.read("tuned/best/README.md");
    assert_says(&card, &[&named, &format!("base_model: \"{NAME}\"")]);
    bench.succeed("eval detection --model hf://ada/electra-tiny --generator run --json");
}

/// Tasks of Label Studio in which every fox is an animal.
fn export() -> String {
    let word = |at: usize| ["the", "quick", "brown", "fox", "foxes", "jumped"][at % 6];
    let task = |n: usize| {
        let words: Vec<&str> = [n, n / 6, n / 36, 3 + n % 2, n / 3, 5].map(word).into();
        let text = words.join(" ") + ".";
        let mut start = 0;
        let spans = words.iter().filter_map(|word| {
            let place = start..start + word.len();
            start = place.end + 1;
            let value = json!({ "start": place.start, "end": place.end, "text": word, "labels": ["ANIMAL"] });
            word.starts_with("fox").then(|| json!({ "type": "labels", "value": value }))
        });
        json!({ "id": n, "data": { "text": text }, "annotations": [{ "result": spans.collect::<Vec<_>>() }] })
    };
    json!((0..200).map(task).collect::<Vec<_>>()).to_string()
}

#[test]
fn from_one_export_and_a_name_to_a_calibrated_tagger_in_three_commands() {
    let bench = Bench::new();
    bench.bench.write("export.json", export());
    bench.bench.write("news.txt", "The foxes jumped. The quick brown.\n");

    bench.succeed("convert ner export.json --to spans --split 80/10/10 --out data");
    let names = "--train data/train.jsonl --dev data/dev.jsonl --test data/test.jsonl";
    bench.succeed(&format!(
        "finetune ner {names} --model {NAME} --out names --threads 1 --display quiet --set input.window=16 \
         --set train.epochs=30 --set schedule.learning_rate=1e-2"
    ));
    let found = bench.succeed("predict --model names/best --format json news.txt");

    let entity = parsed(found.stdout.trim());
    assert_eq!((&entity["word"], &entity["entity_group"]), (&json!("foxes"), &json!("ANIMAL")), "{entity}");
    assert!(!found.stderr.contains("not calibrated"), "{}", found.stderr);
    let scores = parsed(&bench.bench.read("names/best/scores.json"));
    assert!(scores["test"]["f1"].as_f64() > Some(0.9), "{}", scores["test"]);
    assert_says(&bench.bench.read("names/best/README.md"), &[&format!("base_model: \"{NAME}\"")]);
}

#[test]
fn a_run_needs_the_model_no_more_that_it_began_with_when_nobody_can_be_asked() {
    let bench = Bench::new();
    bench.bench.write("text.txt", corpus());
    bench.succeed(&format!(
        "data build --input text.txt --tokenizer {NAME} --seq-len 16 --heldout-fraction 0.1 --out data"
    ));
    bench.bench.write("continue.toml", include_str!("../../configs/continue.toml"));
    let line = |init: &str| {
        format!(
            "pretrain continue.toml --init {init} --run run --no-plan --display lines --threads 1 \
             --set data.path=data --set data.sequence_length=16 --set train.batch_size=4 --set train.steps=2 \
             --set schedule.warmup_steps=1"
        )
    };
    bench.succeed(&line(NAME));
    fs::remove_dir_all(bench.bench.path("cache")).unwrap();
    let offline = [("HF_HUB_OFFLINE", "1")];
    for name in [NAME.to_owned(), format!("{NAME}@main"), format!("{NAME}@{COMMIT}")] {
        let ran = bench.run_with(&line(&name), &[], &offline);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        let note = format!(
            "note: {name} is not there any more, and was not compared: run goes on from its own checkpoints"
        );
        assert_says(&ran.stderr, &[&note, "all 2 steps are done already"]);
    }
    // Another commit, another model, another run.
    let commit = COMMIT.replace(&COMMIT[..1], if COMMIT.starts_with('0') { "1" } else { "0" });
    for other in [format!("{NAME}@{commit}"), "ada/generator".to_owned()] {
        assert_says(&bench.refuse(&line(&other), &offline), &["is not in the cache", "HF_HUB_OFFLINE"]);
    }
    let elsewhere = line(NAME).replace("--run run", "--run new");
    assert_says(&bench.refuse(&elsewhere, &offline), &["is not in the cache", "HF_HUB_OFFLINE"]);
    // Where somebody can be asked, the weights are compared.
    assert!(!bench.succeed(&line(NAME)).stderr.contains("was not compared"));
}

#[test]
fn the_tokenizer_of_a_model_comes_without_its_weights() {
    let bench = Bench::new();
    bench.bench.write("text.txt", corpus());
    bench.succeed(&format!("data build --input text.txt --tokenizer {NAME} --seq-len 16 --out data"));
    bench.succeed(&format!(
        "data tokenizer --extend {NAME} --input text.txt --min-frequency 1 --vocab-size 58 --out extended"
    ));
    // A run stands for its tokenizer, as it stands for its weights.
    fs::create_dir_all(bench.bench.path("run")).unwrap();
    fs::rename(bench.bench.path("extended"), bench.bench.path("run/tokenizer")).unwrap();
    bench.succeed(
        "data tokenizer --extend run --input text.txt --min-frequency 1 --vocab-size 60 --out extended",
    );
    let [old, new] = ["vocab.txt", "extended/vocab.txt"].map(|path| match path {
        "vocab.txt" => String::from_utf8(fixture("model/vocab.txt")).unwrap(),
        path => bench.bench.read(path),
    });
    assert!(new.starts_with(&old) && new.len() > old.len(), "{new}");
    assert!(bench.server.requests().iter().all(|request| !request.path.contains("pytorch_model.bin")));
}

#[test]
fn a_name_with_a_slip_is_answered_with_the_nearest_that_are_here() {
    let bench = Bench::new();
    bench.detect(NAME, &[]);
    let said = bench.refuse("detect --model ada/electra-tinny text", &[]);
    let parts = [
        "has no model ada/electra-tinny, or not for everybody",
        "did you mean ada/electra-tiny?",
        "HF_TOKEN",
    ];
    assert_says(&said, &parts);
    let said = bench.refuse("detect --model ada/electra-tinny text", &[("HF_HUB_OFFLINE", "1")]);
    assert_says(
        &said,
        &["ada/electra-tinny is not in the cache", "did you mean ada/electra-tiny?", "HF_HUB_OFFLINE"],
    );

    for run in ["runs/tiny", "runs/small-4", "models/small"] {
        fs::create_dir_all(bench.bench.path(run)).unwrap();
        bench.bench.write(&format!("{run}/model.json"), "{}");
    }
    let said = bench.refuse("detect --model runs/tinny text", &[]);
    assert_says(
        &said,
        &["cannot read runs/tinny: No such file", "did you mean runs/tiny", "google/electra-small"],
    );
    // A tagger lies deeper than a run, and all are called `best`.
    for tagger in ["runs/demo/tagger/best", "runs/other/names/best"] {
        fs::create_dir_all(bench.bench.path(tagger)).unwrap();
        bench.bench.write(&format!("{tagger}/config.json"), "{}");
    }
    let said = bench.refuse("predict --model runs/demo/taggr/best --format json", &[]);
    assert_says(&said, &["cannot read runs/demo/taggr/best: ", "did you mean runs/demo/tagger/best"]);
    let said = bench.refuse("import hf smal --out new", &[]);
    assert_says(&said, &["cannot read smal: No such file", "did you mean models/small"]);
    let said = bench.refuse("predict --model ./no/where text", &[]);
    assert_says(&said, &["cannot read ./no/where: No such file", "a model of the Hub has a name such as"]);
}

#[test]
fn a_private_model_without_a_token_and_one_with_it() {
    let bench = Bench::new();
    bench.server.add("ada/private", discriminator().private("hf_secret"));
    let said = bench.refuse("detect --model ada/private text", &[]);
    assert_says(
        &said,
        &["has no model ada/private, or not for everybody: it answers 401, and no token", "hf auth login"],
    );
    let said = bench.refuse("detect --model ada/private text", &[("HF_TOKEN", "hf_wrong")]);
    assert_says(&said, &["no model ada/private for the token of HF_TOKEN"]);
    assert!(!said.contains("hf_wrong"), "{said}");
    let ran = bench.detect("ada/private", &[("HF_TOKEN", "hf_secret")]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(!ran.stderr.contains("hf_secret"));
}

#[test]
fn a_download_that_ends_early_or_is_another_file_is_an_error_and_leaves_no_model() {
    let bench = Bench::new();
    bench.server.misbehave(Faults { spoils: true, ..Faults::default() });
    let said = bench.refuse(&format!("detect --model {NAME} text"), &[]);
    assert_says(
        &said,
        &["config.json is not what the server named: its git hash is", "give the command again"],
    );
    // It is cut in the middle, goes on, and is whole.
    bench.server.misbehave(Faults { cuts: 3, cut_after: 100, ..Faults::default() });
    let ran = bench.detect(NAME, &[]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_says(&ran.stderr, &["; again in 0.5 s", "4 files downloaded"]);
}

#[test]
fn a_file_where_a_folder_is_expected_is_named_with_what_to_do() {
    let bench = Bench::new();
    for (file, help) in [
        ("model.zip", "unpack it (unzip model.zip)"),
        ("model.tar.gz", "unpack it (tar xf model.tar.gz)"),
        ("model.safetensors", "give the folder in which it lies"),
    ] {
        bench.bench.write(file, "PK\u{3}\u{4}");
        for line in ["detect text --model", "predict in.txt --model", "import hf --out new"] {
            let said = bench.refuse(&format!("{line} {file}"), &[]);
            assert_says(&said, &[&format!("{file} is a file, and a model is a folder"), help]);
        }
    }
}

#[test]
fn doctor_says_where_the_cache_is_and_which_server_is_asked() {
    let bench = Bench::new();
    bench.detect(NAME, &[]);
    let found = bench.run_with("doctor --json --threads 1", &[], &[("HF_TOKEN", "hf_secret")]);
    assert!(!found.stdout.contains("hf_secret"));
    let models = &found.json()["models"];
    assert_eq!(
        (&models["count"], &models["downloads"], &models["token"]),
        (&json!(1), &json!(true), &json!("HF_TOKEN"))
    );
    assert_eq!(models["server"], bench.server.address);
    let told = bench.run_with("doctor --threads 1", &[], &[("HF_HUB_OFFLINE", "1")]).stdout;
    assert_says(&told, &["models     1 of the Hub in ", "/cache; no server (HF_HUB_OFFLINE), no token"]);
}
