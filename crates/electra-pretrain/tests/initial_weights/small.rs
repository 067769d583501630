//! Small runs on a few sentences, and the folders that transformers would have of them.

use std::path::{Path, PathBuf};

use burn::prelude::Device;
use electra_model::hf::{self, HfDropout, HfNetwork};
use electra_model::parameters::{NamedTensors, from_safetensors, to_safetensors};
use electra_pretrain::{
    Environment, Estimate, Event, InitialWeights, Monitor, Recipe, RunEnd, RunSetup, TrainError, pretrain,
};
use electra_run::interrupt::Interrupt;
use electra_run::recipe::{Resolved, load_over};
use electra_text::build::{BLOCK_BYTES, BuildRequest, HeldOut, build};
use electra_text::corpus::ReadOptions;
use electra_text::pack::{PackMode, PackSettings};
use electra_text::wordpiece::Settings;
use electra_text::{Tokenizer, Vocabulary};
use electra_train::model_folder::ModelFolder;
use tempfile::TempDir;

const SENTENCES: [&str; 4] = [
    "the river runs to the sea and the sea is wide",
    "a small boat on the river carries bread to the town",
    "the town by the sea has a market and a small school",
    "bread and salt are sold at the market in the morning",
];

/// Pieces of the vocabulary.
pub const PIECES: usize = 30;

/// A folder with data for runs of a few steps.
pub struct Small {
    folder: TempDir,
}

/// A vocabulary of these words.
pub fn vocabulary(words: &[&str]) -> Tokenizer {
    let special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"].map(String::from);
    let mut pieces: Vec<String> = special.to_vec();
    for word in words {
        if !pieces.iter().any(|piece| piece == word) {
            pieces.push((*word).to_owned());
        }
    }
    Tokenizer::new(Vocabulary::new(pieces, Path::new("v")).unwrap(), Settings::UNCASED)
}

fn words() -> Vec<&'static str> {
    SENTENCES.iter().flat_map(|sentence| sentence.split(' ')).collect()
}

impl Small {
    /// Data of rows of 16 in the words of the sentences.
    pub fn new() -> Self {
        let small = Self { folder: tempfile::tempdir().unwrap() };
        small.build("data", vocabulary(&words()), 16);
        small
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The vocabulary of [`Small::new`] with more pieces behind it.
    pub fn longer(pieces: &[&str]) -> Tokenizer {
        vocabulary(&[&words(), pieces].concat())
    }

    /// Builds the data folder `name`.
    pub fn build(&self, name: &str, tokenizer: Tokenizer, seq_len: usize) {
        let corpus = self.path("corpus.txt");
        std::fs::write(&corpus, SENTENCES.repeat(40).join("\n\n")).unwrap();
        let request = BuildRequest {
            inputs: vec![corpus],
            heldout: HeldOut::Fraction { fraction: 0.2, salt: 0 },
            read: ReadOptions::default(),
            deduplicate: None,
            tokenizer,
            pack: PackSettings { mode: PackMode::Carry, seq_len, seed: 0 },
            block_bytes: BLOCK_BYTES,
            threads: 1,
            out: self.path(name),
            force: true,
        };
        build(&request, |_| {}).unwrap();
    }

    /// The recipe `continue` with `changes`, which leaves `[model]` to `weights`.
    pub fn recipe(&self, weights: Option<&InitialWeights>, changes: &[&str]) -> Resolved<Recipe> {
        let usual = [
            format!("data.path={:?}", self.path("data").display().to_string()),
            "data.sequence_length=16".into(),
            "schedule.warmup_steps=2".into(),
            "schedule.learning_rate=1e-3".into(),
            "train.steps=8".into(),
            "train.batch_size=4".into(),
            "log.every_steps=1".into(),
            "checkpoint.every_steps=3".into(),
        ];
        let changes: Vec<String> = usual.into_iter().chain(changes.iter().map(ToString::to_string)).collect();
        let path = self.path("continue.toml");
        std::fs::write(&path, include_str!("../../configs/continue.toml")).unwrap();
        let recipe = load_over(&path, &changes, |stated| weights.and_then(|weights| weights.beneath(stated)));
        let recipe = recipe.unwrap_or_else(|error| panic!("{error}"));
        electra_pretrain::recipe::check(&recipe).unwrap_or_else(|error| panic!("{error}"));
        recipe
    }

    /// A recipe of its own sizes.
    pub fn sized(&self, changes: &[&str]) -> Resolved<Recipe> {
        let sizes = [
            "model.vocab_size=30",
            "model.embedding_size=16",
            "model.max_position_embeddings=16",
            "model.type_vocab_size=2",
            "model.hidden_size=32",
            "model.num_hidden_layers=2",
            "model.num_attention_heads=2",
            "model.intermediate_size=48",
            "model.initializer_range=0.05",
            "model.generator.tie=embeddings",
            "model.generator.width=0.5",
            "model.generator.depth=0.5",
            "model.generator.num_attention_heads=2",
        ];
        self.recipe(None, &[&sizes, changes].concat())
    }

    /// Runs to the end, or to `stop`.
    pub fn run(
        &self,
        recipe: &Resolved<Recipe>,
        name: &str,
        weights: Option<InitialWeights>,
        stop: Option<u64>,
    ) -> Result<Notes, TrainError> {
        let environment = Environment {
            device: Device::flex(),
            device_name: "flex".into(),
            threads: 1,
            run: self.path(name),
            program_version: "a test".into(),
            verify_data: true,
        };
        let setup = RunSetup::take_with(recipe, &environment, weights)?;
        let interrupt = Interrupt::default();
        let mut notes = Notes { said: Vec::new(), stop, interrupt: interrupt.clone() };
        let ended = pretrain(recipe, &environment, setup, Estimate::default(), &interrupt, &mut notes)?;
        assert_eq!(ended == RunEnd::Interrupted, stop.is_some());
        Ok(notes)
    }

    /// A run of some steps from nothing.
    pub fn trained(&self, name: &str, changes: &[&str]) -> PathBuf {
        self.run(&self.sized(changes), name, None, None).unwrap();
        self.path(name)
    }

    /// The folder that transformers would have of a network of a run.
    pub fn exported(&self, run: &Path, network: HfNetwork, name: &str) -> PathBuf {
        let folder = ModelFolder::open(run).unwrap();
        let dropout = HfDropout { hidden: 0.1, attention: 0.1 };
        let model = hf::export(&folder.electra(&Device::flex()).unwrap(), &folder.config, dropout, network);
        let out = self.path(name);
        folder.tokenizer.save(&out).unwrap();
        std::fs::write(out.join("config.json"), model.config.to_string()).unwrap();
        std::fs::write(out.join("model.safetensors"), to_safetensors(&model.tensors, Some(("format", "pt"))))
            .unwrap();
        out
    }
}

/// The final weights of a run.
pub fn weights_of(run: &Path) -> NamedTensors {
    from_safetensors(&std::fs::read(run.join("model.safetensors")).unwrap()).unwrap()
}

/// What a run has said.
pub struct Notes {
    pub said: Vec<String>,
    stop: Option<u64>,
    interrupt: Interrupt,
}

impl electra_train::Monitor for Notes {
    fn step_done(&mut self, step: u64) {
        if self.stop == Some(step) {
            self.interrupt.request();
        }
    }

    fn note(&mut self, _: u64, message: &str) {
        self.said.push(message.to_owned());
    }
}

impl Monitor for Notes {
    fn on(&mut self, _: Event<'_>) {}
}
