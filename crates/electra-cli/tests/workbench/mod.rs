//! The workbench of the end-to-end tests: a temporary folder with a small corpus, the data and the recipe
//! that are made from it, and the binary that runs there.

// Every test program uses a part of this.
#![allow(dead_code)]

pub mod experiment;
pub mod service;
mod tagger;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Output, Stdio};
use std::time::{Duration, Instant};

use assert_cmd::cargo::cargo_bin;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;
use tempfile::TempDir;

/// A command that takes longer hangs. Generous: other work may occupy the machine.
pub const PATIENCE: Duration = Duration::from_secs(300);

/// Pieces of the vocabulary that [`Workbench::with_data`] trains.
pub const VOCABULARY: usize = 256;

/// A recipe of 27,233 parameters and 60 steps of a few milliseconds.
pub const RECIPE: &str = r#"recipe_version = 1
name = "micro"
seed = 1

[data]
path = "data"
sequence_length = 32

[model]
vocab_size = 256
embedding_size = 16
max_position_embeddings = 32
type_vocab_size = 2
hidden_size = 32
num_hidden_layers = 2
num_attention_heads = 2
intermediate_size = 64
initializer_range = 0.02

[model.generator]
tie = "embeddings"
width = 0.5
depth = 0.5

[objective]
kind = "replaced-token-detection"
generator_weight = 1.0
discriminator_weight = 50.0
temperature = 1.0
disallow_correct = false

[masking]
kind = "without-replacement"
probability = 0.15

[optimizer]
beta_1 = 0.9
beta_2 = 0.999
epsilon = 1e-6
weight_decay = 0.01
bias_correction = false
max_grad_norm = 1.0

[schedule]
learning_rate = 1e-3
warmup_steps = 4
decay = { kind = "polynomial", power = 1.0 }

[train]
steps = 60
batch_size = 8
dropout = 0.1
precision = "f32"

[evaluate]
every_steps = 25
max_examples = 16

[checkpoint]
every_steps = 20
keep_last = 2

[log]
every_steps = 5
histogram_every_steps = 30
"#;

/// A temporary folder in which the binary runs, so that every path on a command line is short.
pub struct Workbench {
    folder: TempDir,
}

/// The output and exit status of a command.
#[derive(Debug)]
pub struct Ran {
    /// Exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Workbench {
    /// An empty folder.
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    /// A folder with `corpus.txt`, `tokenizer`, `data` (rows of 32) and `recipe.toml`.
    pub fn with_data() -> Self {
        let bench = Self::new();
        bench.write("corpus.txt", corpus(120, 1));
        bench.write("recipe.toml", RECIPE);
        bench
            .succeed(&format!("data tokenizer --input corpus.txt --vocab-size {VOCABULARY} --out tokenizer"));
        bench.succeed(
            "data build --input corpus.txt --tokenizer tokenizer --seq-len 32 --heldout-fraction 0.1 --out data",
        );
        bench
    }

    /// A path in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file of the workbench.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).expect("the workbench can be written");
    }

    /// Reads a text file of the workbench.
    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Reads the bytes of a file of the workbench.
    pub fn bytes(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Flips the lowest bit of the byte at `index`, counted from the end if negative.
    pub fn flip_bit(&self, name: &str, index: isize) {
        let mut bytes = self.bytes(name);
        let at = if index < 0 { bytes.len() - index.unsigned_abs() } else { index as usize };
        bytes[at] ^= 1;
        self.write(name, bytes);
    }

    /// Copies a folder and everything in it.
    pub fn copy(&self, from: &str, to: &str) {
        fs::create_dir_all(self.path(to)).expect("the workbench can be written");
        for name in self.names(from) {
            let (from, to) = (format!("{from}/{name}"), format!("{to}/{name}"));
            if self.path(&from).is_dir() {
                self.copy(&from, &to);
            } else {
                fs::copy(self.path(&from), self.path(&to)).expect("a file can be copied");
            }
        }
    }

    /// Names in a folder, sorted.
    pub fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(folder)).unwrap_or_else(|error| panic!("{folder}: {error}"));
        let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
        let mut names: Vec<String> = entries.map(name).collect();
        names.sort();
        names
    }

    /// Every file below a folder with its content.
    pub fn files(&self, folder: &str) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        for name in self.names(folder) {
            let path = format!("{folder}/{name}");
            if self.path(&path).is_dir() {
                files.extend(self.files(&path));
            } else {
                files.insert(path.clone(), self.bytes(&path));
            }
        }
        files
    }

    /// `electra` with the words of `line` as arguments.
    pub fn command(&self, line: &str) -> std::process::Command {
        let mut command = std::process::Command::new(cargo_bin!("electra"));
        command.args(line.split_whitespace()).current_dir(self.folder.path());
        // What the machine of the test says about colours and backtraces is not its subject.
        command.env("NO_COLOR", "1").env_remove("RUST_BACKTRACE").env_remove("RUST_LOG");
        // Nor is what its user has in the cache of models, and no test asks a server but one of its own.
        command.env("HF_HUB_OFFLINE", "1").env("HF_HOME", self.folder.path().join("hf"));
        for variable in ["HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_ENDPOINT", "HF_TOKEN", "HF_TOKEN_PATH"]
        {
            command.env_remove(variable);
        }
        command
    }

    /// Runs `electra` with the words of `line` as arguments, and after them `more` as they are.
    pub fn run_with(&self, line: &str, more: &[&str]) -> Ran {
        let mut command = self.command(line);
        command.args(more);
        let output = assert_cmd::Command::from_std(command).timeout(PATIENCE).output();
        Ran::of(&output.unwrap_or_else(|error| panic!("electra {line}: {error}")))
    }

    /// Runs `electra` with the words of `line` as arguments.
    pub fn run(&self, line: &str) -> Ran {
        self.run_with(line, &[])
    }

    /// Runs a command that must succeed.
    pub fn succeed(&self, line: &str) -> Ran {
        self.succeed_with(line, &[])
    }

    /// As [`Workbench::run_with`], and the command must succeed.
    pub fn succeed_with(&self, line: &str, more: &[&str]) -> Ran {
        let ran = self.run_with(line, more);
        assert_eq!(ran.code, Some(0), "electra {line}\n{}{}", ran.stdout, ran.stderr);
        ran
    }

    /// Runs a command that must say no: exit code 1, nothing on standard output, an error on
    /// standard error and no panic. Gives back that error.
    pub fn refuse(&self, line: &str) -> String {
        self.stop(line, 1)
    }

    /// As [`Workbench::refuse`], with another exit code.
    pub fn stop(&self, line: &str, code: i32) -> String {
        let ran = self.run(line);
        assert_eq!(ran.code, Some(code), "electra {line}\n{}{}", ran.stdout, ran.stderr);
        assert_eq!(ran.stdout, "", "electra {line}");
        for word in ["panicked", "RUST_BACKTRACE", ".rs:"] {
            assert!(!ran.stderr.contains(word), "electra {line}\n{}", ran.stderr);
        }
        ran.stderr
    }

    /// Runs a command that reads `text` from standard input and must succeed.
    pub fn feed(&self, line: &str, text: &str) -> Ran {
        let ran = self.feed_bytes(line, text.as_bytes());
        assert_eq!(ran.code, Some(0), "electra {line}\n{}{}", ran.stdout, ran.stderr);
        ran
    }

    /// Runs a command that reads `bytes` from standard input.
    pub fn feed_bytes(&self, line: &str, bytes: &[u8]) -> Ran {
        let mut command = assert_cmd::Command::from_std(self.command(line));
        let output = command.write_stdin(bytes).timeout(PATIENCE).output();
        Ran::of(&output.unwrap_or_else(|error| panic!("electra {line}: {error}")))
    }

    /// Starts a command and leaves it running.
    pub fn start(&self, line: &str) -> Child {
        let mut command = self.command(line);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap_or_else(|error| panic!("electra {line}: {error}"))
    }

    /// Waits until the run in `folder`, trained by `child`, has logged `step`.
    pub fn wait_for_step(&self, child: &mut Child, folder: &str, step: u64) {
        let deadline = Instant::now() + PATIENCE;
        while last_step(&self.path(folder).join("metrics.jsonl")) < step {
            let status = child.try_wait().expect("a child can be asked");
            assert!(status.is_none(), "the run ended with {status:?} before step {step}");
            assert!(Instant::now() < deadline, "no step {step} in {PATIENCE:?}");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// The lines of a run's `metrics.jsonl`.
    pub fn metrics(&self, folder: &str) -> Vec<Value> {
        let text = self.read(&format!("{folder}/metrics.jsonl"));
        text.lines().map(json).collect()
    }
}

impl Ran {
    /// From what the standard library gives.
    pub fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("output is UTF-8");
        Self { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    /// Standard output as one JSON value and nothing else.
    pub fn json(&self) -> Value {
        json(&self.stdout)
    }
}

/// Parses the text as JSON.
pub fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error} in {text:?}"))
}

/// Keys of a JSON object, sorted.
pub fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = value.as_object().expect("an object").keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

/// Fails unless `text` has all of `parts`.
#[track_caller]
pub fn assert_says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is missing in\n{text}");
    }
}

/// The last step in a log that may be growing at this moment; 0 if there is none.
fn last_step(metrics: &Path) -> u64 {
    let text = fs::read_to_string(metrics).unwrap_or_default();
    let step = |line: &str| serde_json::from_str::<Value>(line).ok()?["step"].as_u64();
    text.lines().rev().find_map(step).unwrap_or(0)
}

/// `documents` documents of two to five sentences over 120 words of one to three syllables.
pub fn corpus(documents: usize, seed: u64) -> String {
    let mut rng = StdRng::seed_from_u64(seed);
    let word = |rng: &mut StdRng| -> String {
        let syllable = |rng: &mut StdRng| {
            let consonant = b"bdfgklmnprstvz"[rng.random_range(0..14)] as char;
            [consonant, b"aeiou"[rng.random_range(0..5)] as char]
        };
        (0..rng.random_range(1..=3)).flat_map(|_| syllable(rng)).collect()
    };
    let words: Vec<String> = (0..120).map(|_| word(&mut rng)).collect();
    let mut text = String::new();
    for _ in 0..documents {
        for _ in 0..rng.random_range(2..=5) {
            for _ in 0..rng.random_range(5..=12) {
                text += &words[rng.random_range(0..words.len())];
                text += " ";
            }
            text += ".\n";
        }
        text += "\n";
    }
    text
}

/// Sentences of the corpus in which some words are always names, and the same word always of the
/// same type.
pub fn labelled(sentences: std::ops::Range<usize>) -> String {
    let text = corpus(120, 1);
    let words = text.split(['.', '\n']).map(str::trim).filter(|sentence| !sentence.is_empty());
    let mut out = String::new();
    for sentence in words.skip(sentences.start).take(sentences.len()) {
        for word in sentence.split_whitespace() {
            let tag = match word.bytes().map(usize::from).sum::<usize>() % 5 {
                0 => "B-PER",
                1 => "B-LOC",
                _ => "O",
            };
            out += &format!("{word}\t{tag}\n");
        }
        out += "\n";
    }
    out
}

/// Sentences in which some names are marked wrongly: without mistakes there is nothing to fit a temperature to.
pub fn mislabelled(sentences: std::ops::Range<usize>) -> String {
    let mut number = 0;
    let changed = |line: &str| {
        number += usize::from(line.contains("\tB-"));
        let is_wrong = line.contains("\tB-") && number % 6 == 0;
        if is_wrong { line.replace("B-PER", "O").replace("B-LOC", "B-PER") } else { line.to_owned() }
    };
    labelled(sentences).lines().map(changed).collect::<Vec<_>>().join("\n") + "\n"
}
