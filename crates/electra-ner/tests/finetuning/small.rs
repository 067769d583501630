//! A handful of sentences, a network from scratch, and a recipe that learns them by heart.

use std::path::Path;

use burn::prelude::*;
use electra_annotations::{Sentence, Split, Splits};
use electra_model::{GeneratorConfig, ModelConfig, OutputBias, PositionStart, TieMode};
use electra_ner::{
    Environment, Event, FinetuneError, Monitor, Outcome, Recipe, RunEnd, SilentMonitor, finetune,
};
use electra_run::interrupt::Interrupt;
use electra_run::recipe::Resolved;
use electra_text::vocab::SPECIAL_TOKENS;
use electra_text::wordpiece::Settings;
use electra_text::{Tokenizer, Vocabulary};
use electra_train::encoder_init::EncoderInit;

/// Words of the vocabulary beside the special tokens.
const WORDS: &str = "ada lovelace met charles babbage in london and paris they ##s left turin for new york \
    mary of rome the sea . was";

/// Each sentence with its tags.
const SENTENCES: [(&str, &str); 6] = [
    ("Ada Lovelace met Charles Babbage in London .", "B-PER I-PER O B-PER I-PER O B-LOC O"),
    ("They left Turin for New York .", "O O B-LOC O B-LOC I-LOC O"),
    ("Mary of Rome was in Paris", "B-PER I-PER I-PER O O B-LOC"),
    ("the sea was the sea .", "O O O O O O"),
    ("London and Paris", "B-LOC O B-LOC"),
    ("Babbage left Ada", "B-PER O B-PER"),
];

/// A labelled sentence.
pub fn sentence(words: &str, tags: &str, document: usize) -> Sentence {
    let split = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let (tokens, tags) = (split(words), split(tags));
    assert_eq!(tokens.len(), tags.len(), "{words}");
    Sentence { tokens, tags, document, line: 1 }
}

/// The sentences, and one of all of them that is longer than the window.
pub fn sentences() -> Vec<Sentence> {
    let join = |part: fn(&(&'static str, &'static str)) -> &'static str| {
        SENTENCES.iter().map(part).collect::<Vec<_>>().join(" ")
    };
    let short = SENTENCES.iter().map(|(words, tags)| sentence(words, tags, 0));
    short.chain([sentence(&join(|s| s.0), &join(|s| s.1), 1)]).collect()
}

/// The settings of a run that learns nothing: the linear layer alone, and that all words are outside.
pub const ALL_OUTSIDE: [&str; 4] = [
    "schedule.learning_rate=1.0",
    "schedule.warmup=0.0",
    "rates.freeze={kind=\"layers\",count=2}",
    "loss.class_weights={kind=\"given\",weights={O=10000.0}}",
];

/// The sentences to learn and to be scored on.
pub fn splits() -> Splits {
    let split = |name: &str| Split::new(Path::new(name), sentences());
    Splits { train: split("train.conll"), dev: split("dev.conll"), test: Some(split("test.conll")) }
}

fn config() -> ModelConfig {
    ModelConfig {
        vocab_size: 40,
        embedding_size: 16,
        max_position_embeddings: 24,
        type_vocab_size: 2,
        hidden_size: 32,
        num_hidden_layers: 2,
        num_attention_heads: 2,
        intermediate_size: 64,
        initializer_range: 0.02,
        kernel_gain: Some(1.0),
        position_start: PositionStart::Random,
        position_distances: None,
        generator: GeneratorConfig {
            tie: TieMode::Embeddings,
            width: Some(0.5),
            hidden_size: None,
            depth: Some(0.5),
            num_hidden_layers: None,
            num_attention_heads: None,
            intermediate_size: None,
            position_distances: None,
            output_bias: OutputBias::Zeros,
            residual_start: None,
        },
    }
}

/// The network with nothing learned.
pub fn start() -> EncoderInit {
    let words = WORDS.split_whitespace().map(str::to_owned);
    let pieces = SPECIAL_TOKENS.map(str::to_owned).into_iter().chain(words).collect();
    let tokenizer =
        Tokenizer::new(Vocabulary::new(pieces, Path::new("vocab.txt")).unwrap(), Settings::UNCASED);
    EncoderInit::scratch(Path::new("small.toml"), config(), tokenizer).unwrap()
}

/// The default recipe, changed to learn by heart, and then as `changes` say.
pub fn recipe(changes: &[&str]) -> Resolved<Recipe> {
    let heart = [
        "input.window=24",
        "schedule.learning_rate=5e-3",
        "rates.layer_decay={kind=\"none\"}",
        "dropout={hidden=0.0,attention=0.0,classifier=0.0}",
        "train.epochs=40",
        "train.batch_size=3",
    ];
    let changes: Vec<String> = heart.iter().chain(changes).map(|change| change.to_string()).collect();
    Recipe::load(None, &changes).unwrap_or_else(|error| panic!("{changes:?}: {error}"))
}

/// The environment of a run on this machine.
pub fn environment() -> Environment {
    Environment {
        device: Device::flex(),
        device_name: "flex".into(),
        threads: 1,
        program_version: "test".into(),
    }
}

/// Fine-tunes to the end.
pub fn finish(recipe: &Resolved<Recipe>, splits: &Splits, run: &Path) -> Result<Outcome, FinetuneError> {
    let ended = finetune(
        recipe,
        &start(),
        splits,
        run.to_owned(),
        &environment(),
        &Interrupt::default(),
        &mut SilentMonitor,
    )?;
    match ended {
        RunEnd::Finished(outcome) => Ok(*outcome),
        RunEnd::Interrupted => panic!("nobody interrupts"),
    }
}

/// Interrupts a run once it has done so many steps, and notes what it is told.
pub struct Stopper {
    /// Steps after which it interrupts; none to let it run.
    pub after: Option<u64>,
    /// The interrupt that it sets.
    pub interrupt: Interrupt,
    /// The notes that it was given.
    pub notes: Vec<String>,
    /// Loss and F1 of each epoch.
    pub epochs: Vec<(f64, f64)>,
}

impl Stopper {
    /// Interrupts after so many steps.
    pub fn after(steps: Option<u64>) -> Self {
        Self { after: steps, interrupt: Interrupt::default(), notes: vec![], epochs: vec![] }
    }

    /// Fine-tunes until the end or the interrupt.
    pub fn run(&mut self, recipe: &Resolved<Recipe>, splits: &Splits, run: &Path) -> RunEnd {
        let interrupt = self.interrupt.clone();
        finetune(recipe, &start(), splits, run.to_owned(), &environment(), &interrupt, self).unwrap()
    }
}

impl electra_train::Monitor for Stopper {
    fn step_done(&mut self, step: u64) {
        if Some(step) == self.after {
            self.interrupt.request();
        }
    }

    fn note(&mut self, _: u64, message: &str) {
        self.notes.push(message.to_owned());
    }
}

impl Monitor for Stopper {
    fn on(&mut self, event: Event<'_>) {
        if let Event::Epoch { record, .. } = event {
            let [loss, f1] = ["loss", "dev_f1"].map(|key| record.get(key).expect("every epoch has it"));
            self.epochs.push((loss, f1));
        }
    }
}
