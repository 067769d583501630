//! A run of a few steps on a few sentences, by any number of ranks.

use std::fs;
use std::path::{Path, PathBuf};

use burn::prelude::Device;
use electra_pretrain::monitor::SilentMonitor;
use electra_pretrain::{
    Environment, Estimate, Event, Monitor, Recipe, RunEnd, RunSetup, TrainError, pretrain_on,
};
use electra_ranks::{Communicator, OneProcess, Ranks, threads};
use electra_run::interrupt::Interrupt;
use electra_run::recipe::{Resolved, load};
use electra_text::build::{BLOCK_BYTES, BuildRequest, HeldOut, build};
use electra_text::corpus::ReadOptions;
use electra_text::pack::{PackMode, PackSettings};
use electra_text::wordpiece::Settings;
use electra_text::{Tokenizer, Vocabulary};
use serde_json::Value;
use tempfile::TempDir;

const SENTENCES: [&str; 4] = [
    "the river runs to the sea and the sea is wide",
    "a small boat on the river carries bread to the town",
    "the town by the sea has a market and a small school",
    "bread and salt are sold at the market in the morning",
];

/// A folder with data, in which runs are made.
pub struct Bench {
    folder: TempDir,
    pub pieces: Vec<String>,
}

impl Bench {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut pieces: Vec<String> =
            ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"].map(String::from).to_vec();
        // Some words have no piece: nats of text that is unknown are counted apart.
        for word in SENTENCES.iter().flat_map(|sentence| sentence.split(' ')).filter(|word| *word != "town") {
            if !pieces.iter().any(|piece| piece == word) {
                pieces.push(word.to_string());
            }
        }
        fs::write(folder.path().join("recipe.toml"), include_str!("../../configs/debug.toml")).unwrap();
        let bench = Self { folder, pieces };
        bench.build("data", 16, &bench.pieces, Settings::UNCASED, &[]);
        bench
    }

    /// Builds a data folder of rows of so many tokens: of the sentences that are given, or of all.
    pub fn build(&self, name: &str, seq_len: usize, pieces: &[String], settings: Settings, of: &[usize]) {
        let sentences = if of.is_empty() { &[0, 1, 2, 3] } else { of };
        let corpus = self.path(&format!("{name}.txt"));
        let text: Vec<&str> = sentences.iter().map(|&sentence| SENTENCES[sentence]).collect();
        fs::write(&corpus, text.repeat(20).join("\n\n")).unwrap();
        let vocabulary = Vocabulary::new(pieces.to_vec(), Path::new("vocab.txt")).unwrap();
        let request = BuildRequest {
            inputs: vec![corpus],
            heldout: HeldOut::Fraction { fraction: 0.2, salt: 0 },
            read: ReadOptions::default(),
            deduplicate: None,
            tokenizer: Tokenizer::new(vocabulary, settings),
            pack: PackSettings { mode: PackMode::Carry, seq_len, seed: 0 },
            block_bytes: BLOCK_BYTES,
            threads: 1,
            out: self.path(name),
            force: false,
        };
        build(&request, |_| {}).unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Eight micro-batches of a row each, with dropout, an average and evaluations, and with `changes`.
    pub fn recipe(&self, changes: &[&str]) -> Resolved<Recipe> {
        let data = self.path("data").display().to_string();
        let own = [format!("data.path={data:?}"), format!("model.vocab_size={}", self.pieces.len())];
        let small = [
            "data.sequence_length=16",
            "model.max_position_embeddings=16",
            "model.embedding_size=16",
            "model.hidden_size=32",
            "model.intermediate_size=64",
            "model.position_start=random",
            "schedule.warmup_steps=2",
            "train.steps=8",
            "train.batch_size=8",
            "train.micro_batch_size=1",
            "train.gradient_sum=tree",
            "train.dropout=0.1",
            "average={decay=0.5,start_step=3}",
            "evaluate.every_steps=3",
            "checkpoint.every_steps=3",
            "checkpoint.keep_last=9",
            "log.every_steps=2",
        ];
        let changes: Vec<String> = own
            .into_iter()
            .chain(small.into_iter().chain(changes.iter().copied()).map(str::to_owned))
            .collect();
        let file = self.path("recipe.toml");
        load::<Recipe>(&file, &changes).unwrap()
    }

    /// What each of so many ranks comes to with a recipe in the folder `run`; one rank is asked to stop after some
    /// steps, if `stop` says which and when.
    pub fn train(
        &self,
        run: &str,
        ranks: usize,
        recipe: impl Fn(usize) -> Resolved<Recipe> + Sync,
        stop: Option<(usize, u64)>,
    ) -> Vec<Result<RunEnd, TrainError>> {
        let work = |ranks: &dyn Ranks| {
            let communicator = Communicator::new(ranks);
            let environment = Environment {
                device: Device::flex(),
                device_name: "flex".into(),
                threads: 1,
                run: self.path(run),
                program_version: "test".into(),
                verify_data: true,
            };
            let recipe = recipe(ranks.rank());
            let interrupt = Interrupt::default();
            let stop = stop.filter(|(rank, _)| *rank == ranks.rank()).map(|(_, step)| step);
            let mut monitor = StopAt { stop, interrupt: interrupt.clone() };
            let setup = RunSetup::take_on(&communicator, &recipe, &environment, None)?;
            let estimate = Estimate::default();
            pretrain_on(&communicator, &recipe, &environment, setup, estimate, &interrupt, &mut monitor)
        };
        if ranks == 1 { vec![work(&OneProcess)] } else { threads::run(ranks, |rank| work(&rank)) }
    }

    /// A run to its end.
    pub fn finish(&self, run: &str, ranks: usize, changes: &[&str]) {
        let ends = self.train(run, ranks, |_| self.recipe(changes), None);
        assert!(ends.iter().all(|end| matches!(end, Ok(RunEnd::Finished))), "{run}: {ends:?}");
    }

    pub fn bytes(&self, file: &str) -> Vec<u8> {
        fs::read(self.path(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
    }

    /// The lines of a run's log without what is about the machine.
    pub fn log(&self, run: &str) -> Vec<Value> {
        let text = fs::read_to_string(self.path(run).join("metrics.jsonl")).unwrap();
        let mut lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        for line in &mut lines {
            for key in [
                "time",
                "seconds",
                "tokens_per_second",
                "rss_mb",
                "data_wait_fraction",
                "communication_fraction",
                "slowest_rank",
                "ranks",
            ] {
                line.as_object_mut().unwrap().shift_remove(key);
            }
        }
        lines
    }
}

/// Asks its own rank to stop after so many steps.
struct StopAt {
    stop: Option<u64>,
    interrupt: Interrupt,
}

impl electra_train::Monitor for StopAt {
    fn step_done(&mut self, step: u64) {
        if self.stop == Some(step) {
            self.interrupt.request();
        }
    }
}

impl Monitor for StopAt {
    fn on(&mut self, event: Event<'_>) {
        SilentMonitor.on(event);
    }
}
