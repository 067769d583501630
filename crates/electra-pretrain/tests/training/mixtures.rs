//! Mixtures of data folders: what they read is a function of the step, and folders that do not fit are refused.

use std::collections::HashMap;
use std::path::Path;

use burn::prelude::*;
use electra_model::{BatchData, OutputBias};
use electra_pretrain::data::{batch_plan, open_data};
use electra_pretrain::loader::Loader;
use electra_pretrain::monitor::SilentMonitor;
use electra_pretrain::recipe::{FREE_KEYS, SourceConfig, check};
use electra_pretrain::{Environment, Estimate, Recipe, RunSetup, pretrain, snapshot};
use electra_run::interrupt::Interrupt;
use electra_run::recipe::{Resolved, load, load_str};
use electra_text::build::{BuildRequest, HeldOut, build};
use electra_text::corpus::ReadOptions;
use electra_text::pack::{PackMode, PackSettings};
use electra_text::wordpiece::Settings;
use electra_text::{Split, Tokenizer, Vocabulary};

use crate::recipe::recipe;
use crate::tiny::Noise;

/// Pieces of a folder: 91 words of two letters, from the letter on that is given.
fn words(first: char) -> Vec<String> {
    let letters = || ('a'..='z').map(String::from);
    let all = letters().flat_map(|a| letters().map(move |b| format!("{a}{b}")));
    all.skip_while(|word| !word.starts_with(first)).take(91).collect()
}

/// A data folder of documents that are `word` alone, so that a row says which folder it is of.
struct Folder<'a> {
    name: &'a str,
    documents: usize,
    /// Number of the word among those of the vocabulary.
    word: usize,
    length: usize,
    settings: Settings,
    first_letter: char,
    /// Pieces that are left out at the end.
    fewer: usize,
}

impl<'a> Folder<'a> {
    fn new(name: &'a str, documents: usize, word: usize) -> Self {
        let (settings, first_letter) = (Settings::UNCASED, 'a');
        Self { name, documents, word, length: 32, settings, first_letter, fewer: 0 }
    }

    fn build(&self, folder: &Path) {
        let mut pieces = words(self.first_letter);
        pieces.truncate(91 - self.fewer);
        let mut noise = Noise(self.word as u64 + 1);
        let text: String = (0..self.documents)
            .map(|_| vec![pieces[self.word].as_str(); 20 + noise.below(10)].join(" ") + "\n\n")
            .collect();
        let corpus = folder.join(format!("{}.txt", self.name));
        std::fs::write(&corpus, text).unwrap();
        let special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"].map(String::from);
        let pieces = special.into_iter().chain(pieces).collect();
        let vocabulary = Vocabulary::new(pieces, Path::new("vocab.txt")).unwrap();
        let request = BuildRequest {
            inputs: vec![corpus],
            heldout: HeldOut::Fraction { fraction: 0.2, salt: 0 },
            read: ReadOptions::default(),
            deduplicate: None,
            tokenizer: Tokenizer::new(vocabulary, self.settings),
            pack: PackSettings { mode: PackMode::Carry, seq_len: self.length, seed: 0 },
            block_bytes: 1 << 20,
            threads: 1,
            out: folder.join(self.name),
            force: false,
        };
        build(&request, |_| {}).unwrap();
    }
}

fn mixture(folder: &Path, sources: &[(&str, f64)]) -> Recipe {
    let mut recipe = recipe(0.0);
    recipe.data.path = "".into();
    recipe.data.sources =
        sources.iter().map(|&(name, weight)| SourceConfig { path: folder.join(name), weight }).collect();
    recipe
}

fn loader(recipe: &Recipe) -> Loader {
    Loader::new(open_data(recipe).unwrap(), batch_plan(recipe)).unwrap()
}

/// The folder's word of each row of the training batches of some steps.
fn words_read(loader: &Loader, steps: std::ops::Range<u64>) -> Vec<i32> {
    let of_batch = |batch: BatchData| batch.ids.chunks(32).map(|row| row[1]).collect::<Vec<i32>>();
    steps.flat_map(|step| loader.at(step).unwrap()).flat_map(of_batch).collect()
}

#[test]
fn every_step_has_the_share_of_each_source_and_is_a_function_of_its_number() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    Folder::new("a", 200, 0).build(path);
    Folder::new("b", 12, 1).build(path);
    Folder::new("c", 40, 2).build(path);
    let recipe = mixture(path, &[("a", 2.0), ("b", 1.0), ("c", 1.0)]);
    let read = loader(&recipe);
    for step in 0..20 {
        let words = words_read(&read, step..step + 1);
        let count = |word: i32| words.iter().filter(|&&found| found == 5 + word).count();
        assert_eq!([count(0), count(1), count(2)], [4, 2, 2], "step {step}");
    }
    // Entered anywhere, a run reads what it would have read.
    let again = loader(&recipe);
    for step in [17, 3, 3, 0] {
        assert!(again.at(step).unwrap() == read.at(step).unwrap(), "step {step}");
    }
    // Every row of a source comes once before one comes again.
    let data = open_data(&recipe).unwrap();
    let order = data.order(recipe.seed);
    for (source, folder) in data.sources().enumerate() {
        let rows = folder.split(Split::Train).len();
        let of_source = (0u64..).map(|position| order.index(position)).filter(|place| place.0 == source);
        let mut times: HashMap<usize, usize> = HashMap::new();
        for (_, row) in of_source.take(3 * rows) {
            *times.entry(row).or_default() += 1;
        }
        assert_eq!((times.len(), times.values().all(|&times| times == 3)), (rows, true), "source {source}");
    }
    let uses = read.uses(20);
    for (found, (source, rows)) in uses.iter().zip(data.sources().zip([80, 40, 40])) {
        let examples = source.split(Split::Train).len();
        assert_eq!((found.examples, found.repeats), (examples, f64::from(rows) / examples as f64));
        assert_eq!(found.data_hash, source.manifest().data_hash());
    }
    assert!(uses[1].sentence(20).contains("/b: 25.00 % of the rows, its "), "{}", uses[1].sentence(20));
    let heldout: usize = data.sources().map(|source| source.split(Split::HeldOut).len()).sum();
    assert_eq!(read.heldout_len(), heldout);
    let last = read.heldout(&[heldout - 1]).unwrap();
    assert_eq!(last.ids[1], 5 + 2, "the last held-out row is of the last source");
}

#[test]
fn a_mixture_of_one_folder_is_read_as_the_folder_alone() {
    let folder = tempfile::tempdir().unwrap();
    Folder::new("a", 60, 0).build(folder.path());
    Folder::new("b", 60, 1).build(folder.path());
    let mut alone = recipe(0.0);
    alone.data.path = folder.path().join("a");
    // A weight of 0 leaves a folder out.
    for sources in [&[("a", 0.5)][..], &[("b", 0.0), ("a", 3.0)]] {
        let mixed = mixture(folder.path(), sources);
        let [one, other] = [&alone, &mixed].map(loader);
        for step in 0..20 {
            assert!(one.at(step).unwrap() == other.at(step).unwrap(), "step {step} of {sources:?}");
        }
        let [one, other] = [&alone, &mixed].map(|recipe| open_data(recipe).unwrap());
        assert_eq!((one.data_hash(), one.source_hashes()), (other.data_hash(), vec![]));
    }
    assert_eq!(loader(&alone).uses(20), []);
}

#[test]
fn frequencies_are_those_of_the_mixture() {
    let folder = tempfile::tempdir().unwrap();
    Folder::new("a", 200, 0).build(folder.path());
    Folder::new("b", 200, 1).build(folder.path());
    let mut recipe = mixture(folder.path(), &[("a", 3.0), ("b", 1.0)]);
    recipe.model.generator.output_bias = OutputBias::LogFrequency;
    let start = snapshot::start(&recipe, &open_data(&recipe).unwrap(), &Device::flex().autodiff());
    let bias: Vec<f32> =
        start.model().learned_generator().head.output_bias.val().into_data().try_to_vec().unwrap();
    let ratio = f64::from(bias[5] - bias[6]).exp();
    assert!((2.8..3.2).contains(&ratio), "the first word is {ratio} times as frequent as the second");
}

#[test]
fn sources_that_do_not_fit_each_other_are_refused_with_both_values() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let a = || Folder::new("a", 60, 0);
    a().build(path);
    Folder { name: "short", length: 16, ..a() }.build(path);
    Folder { name: "cased", settings: Settings::CASED, ..a() }.build(path);
    Folder { name: "other", first_letter: 'b', ..a() }.build(path);
    Folder { name: "fewer", fewer: 3, ..a() }.build(path);
    let [a, short, cased, other, fewer] =
        ["a", "short", "cased", "other", "fewer"].map(|name| path.join(name).display().to_string());
    for (name, expected) in [
        ("short", format!("{short} has rows of 16 tokens, {a} of 32")),
        ("cased", format!("lower-casing is false in {cased} and true in {a}")),
        ("other", format!("piece 5 is \"ba\" in {other} and \"aa\" in {a}")),
        ("fewer", format!("{fewer} has a vocabulary of 93 pieces, {a} of 96")),
    ] {
        let error = open_data(&mixture(path, &[("a", 1.0), (name, 1.0)])).unwrap_err().to_string();
        assert_eq!(error, expected);
        // Also where nothing would be read of it.
        let error = open_data(&mixture(path, &[("a", 1.0), (name, 0.0)])).unwrap_err().to_string();
        assert_eq!(error, expected);
    }
    let error = open_data(&mixture(path, &[("a", 1.0), ("nowhere", 1.0)])).unwrap_err().to_string();
    assert!(error.contains("nowhere"), "{error}");
    let mut large = mixture(path, &[("a", 1.0), ("a", 1.0)]);
    large.train.batch_size = 1000;
    let error = open_data(&large).unwrap_err().to_string();
    assert!(error.starts_with("a batch of 1000 rows from "), "{error}");
}

fn resolved(changes: &[&str]) -> Resolved<Recipe> {
    let changes: Vec<String> = changes.iter().map(ToString::to_string).collect();
    load_str("r.toml", include_str!("../../configs/debug.toml"), &changes).unwrap()
}

#[test]
fn weights_that_cannot_be_shares_are_refused_where_they_stand() {
    let refused = |sources: &str| {
        let error = check(&resolved(&[&format!("data.sources={sources}")])).unwrap_err();
        format!("{}: {}", error.message, error.help.unwrap())
    };
    for (weight, shown) in
        [("-1", "-1"), ("nan", "NaN"), ("inf", "inf"), ("1e-9", "0.000000001"), ("2e6", "2000000")]
    {
        let error =
            refused(&format!("[{{ path = \"a\", weight = 1 }}, {{ path = \"b\", weight = {weight} }}]"));
        let expected =
            format!("`data.sources.1.weight` is {shown}: expected 0, for a folder that is left out, or");
        assert!(error.starts_with(&expected), "{error}");
    }
    let error = refused("[{ path = \"a\", weight = 0 }, { path = \"b\", weight = 0.0 }]");
    assert!(error.starts_with("the weights of `data.sources` sum to 0: nothing would be read"), "{error}");
    let error = refused("[{ path = \"\", weight = 1 }]");
    assert!(error.starts_with("`data.sources.0.path` is empty"), "{error}");

    // In a file the line of the weight is said.
    let text = include_str!("../../configs/debug.toml");
    let of_file = |data: &str, keeps_path: bool| {
        let kept: String =
            text.split_inclusive('\n').filter(|line| keeps_path || !line.starts_with("path = ")).collect();
        check(&load_str::<Recipe>("r.toml", &(kept + data), &[]).unwrap()).unwrap_err()
    };
    let sources = "[[data.sources]]\npath = \"a\"\nweight = -0.5\n";
    let error = of_file(sources, false);
    assert_eq!(error.offending_text(), Some("-0.5"));
    assert!(error.to_string().starts_with("r.toml:"), "{error}");
    assert!(of_file("", false).to_string().contains("missing field `path` in [data]"));
    let error = of_file(sources, true).to_string();
    assert!(error.ends_with("`data.path` and `data.sources` both name the data"), "{error}");
}

#[test]
fn a_folder_and_a_mixture_replace_each_other_and_only_weights_decide_the_run() {
    let two = |a: &str, weight: &str| {
        resolved(&[&format!(
            "data.sources=[{{ path = \"{a}\", weight = 2 }}, {{ path = \"b\", weight = {weight} }}]"
        )])
    };
    let mixed = two("a", "1");
    assert!(mixed.value.data.path.as_os_str().is_empty());
    assert_eq!(check(&mixed), Ok(()));
    let hash = |recipe: &Resolved<Recipe>| recipe.hash_without(FREE_KEYS);
    assert_eq!(hash(&mixed), hash(&two("elsewhere", "1.0")));
    assert_ne!(hash(&mixed), hash(&two("a", "3")));
    // What is resolved can be loaded again.
    let again = load_str::<Recipe>("again", &mixed.text, &[]).unwrap();
    assert_eq!((&again.value, &again.hash), (&mixed.value, &mixed.hash));
    let back = load_str::<Recipe>("again", &mixed.text, &["data.path=data/demo".to_owned()]).unwrap();
    assert_eq!((back.value.data.sources.len(), hash(&back)), (0, hash(&resolved(&[]))));
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("base.toml"), include_str!("../../configs/debug.toml")).unwrap();
    let upper = folder.path().join("upper.toml");
    let text = "recipe_version = 1\nextends = \"base.toml\"\n[[data.sources]]\npath = \"a\"\nweight = 1\n";
    std::fs::write(&upper, text).unwrap();
    let extended: Resolved<Recipe> = load(&upper, &[]).unwrap();
    assert_eq!((check(&extended), extended.value.data.sources.len()), (Ok(()), 1));
}

#[test]
fn a_run_on_a_mixture_resumes_with_its_bits_and_says_what_it_reads() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    Folder::new("a", 60, 0).build(path);
    Folder::new("b", 12, 1).build(path);
    let recipe = |second: &str, weight: f64| {
        let [a, b] = ["a", second].map(|name| path.join(name).display().to_string());
        let sources =
            format!("data.sources=[{{ path = {a:?}, weight = 1 }}, {{ path = {b:?}, weight = {weight} }}]");
        resolved(&[
            &sources,
            "model.vocab_size=96",
            "data.sequence_length=32",
            "model.max_position_embeddings=32",
            "model.embedding_size=16",
            "model.hidden_size=32",
            "model.intermediate_size=64",
            "model.position_start=random",
            "schedule.warmup_steps=2",
            "train.steps=6",
            "train.batch_size=8",
            "checkpoint.every_steps=2",
            "checkpoint.keep_last=3",
        ])
    };
    let run = |name: &str, recipe: &Resolved<Recipe>| {
        let environment = Environment {
            device: Device::flex(),
            device_name: "flex".into(),
            threads: 1,
            run: path.join(name),
            program_version: "test".into(),
            verify_data: true,
        };
        let setup = RunSetup::take(recipe, &environment)?;
        pretrain(recipe, &environment, setup, Estimate::default(), &Interrupt::default(), &mut SilentMonitor)
    };
    let mixed = recipe("b", 1.0);
    run("straight", &mixed).unwrap();
    run("broken", &mixed).unwrap();
    let file = |run: &str, name: &str| path.join(run).join(name);
    // As one that was killed after its first checkpoint.
    std::fs::remove_file(file("broken", "model.safetensors")).unwrap();
    for checkpoint in
        std::fs::read_dir(file("broken", "checkpoints")).unwrap().map(|entry| entry.unwrap().path())
    {
        let name = checkpoint.file_name().unwrap().to_string_lossy().into_owned();
        if checkpoint.is_dir() && !name.ends_with('2') {
            std::fs::remove_dir_all(checkpoint).unwrap();
        }
    }
    run("broken", &mixed).unwrap();
    let weights = |run: &str| std::fs::read(file(run, "model.safetensors")).unwrap();
    assert!(weights("straight") == weights("broken"), "the resumed run ended with other weights");

    let read = |run: &str, name: &str| std::fs::read_to_string(file(run, name)).unwrap();
    let log: Vec<serde_json::Value> =
        read("straight", "metrics.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let data: Vec<&serde_json::Value> = log.iter().filter(|record| record["kind"] == "data").collect();
    assert!(data.len() >= 2, "at the start and with the evaluation: {data:?}");
    assert_eq!(data[0]["repeats"], serde_json::json!([0.0, 0.0]));
    let rows = data[0]["sources"][1]["examples"].as_f64().unwrap();
    assert_eq!(data[data.len() - 1]["repeats"][1].as_f64(), Some(24.0 / rows));
    assert_eq!(data[0]["sources"][1]["repeats"].as_f64(), Some(24.0 / rows));
    let told = log
        .iter()
        .filter(|record| record["message"].as_str().is_some_and(|text| text.contains("50.00 % of the rows")));
    assert_eq!(told.count(), 2);
    let described: serde_json::Value = serde_json::from_str(&read("straight", "run.json")).unwrap();
    assert_eq!(
        described["source_hashes"],
        serde_json::json!([
            open_data(&mixed.value).unwrap().source_hashes()[0],
            data[0]["sources"][1]["data_hash"],
        ])
    );
    let page = electra_pretrain::report::render(&path.join("straight")).unwrap();
    assert!(page.contains("<h2>Sources</h2>") && page.contains("50.00 %"), "{page}");

    let error = run("straight", &recipe("b", 2.0)).unwrap_err().to_string();
    assert!(error.contains("another recipe (data.sources.1.weight = 1.0 there, 2.0 now"), "{error}");
    Folder::new("c", 12, 2).build(path);
    let error = run("straight", &recipe("c", 1.0)).unwrap_err().to_string();
    assert!(error.contains("other data (hash ") && error.contains(" and another source 2 (hash "), "{error}");
    // The data is known by its content.
    std::fs::rename(path.join("b"), path.join("moved")).unwrap();
    run("straight", &recipe("moved", 1.0)).unwrap();
}
