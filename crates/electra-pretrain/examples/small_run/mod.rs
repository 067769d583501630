// A run of a few steps on a few sentences, for examples and tests: learns nothing worth knowing, and quickly.

use std::error::Error;
use std::path::{Path, PathBuf};

use burn::prelude::Device;
use electra_pretrain::monitor::SilentMonitor;
use electra_pretrain::{Environment, Estimate, Monitor, Recipe, RunSetup, pretrain};
use electra_run::interrupt::Interrupt;
use electra_run::recipe::load;
use electra_text::build::{BLOCK_BYTES, BuildRequest, HeldOut, build};
use electra_text::corpus::ReadOptions;
use electra_text::pack::{PackMode, PackSettings};
use electra_text::wordpiece::Settings;
use electra_text::{Tokenizer, Vocabulary};

/// Sentences of the corpus, a document each.
const SENTENCES: [&str; 4] = [
    "the river runs to the sea and the sea is wide",
    "a small boat on the river carries bread to the town",
    "the town by the sea has a market and a small school",
    "bread and salt are sold at the market in the morning",
];

/// Pretrains a tiny model below `folder` and gives its run.
pub fn pretrain_tiny(folder: &Path) -> Result<PathBuf, Box<dyn Error>> {
    // 1. Text: a document for each empty line.
    let corpus = folder.join("corpus.txt");
    std::fs::write(&corpus, SENTENCES.repeat(20).join("\n\n"))?;

    // 2. Vocabulary: one piece for each word here; electra_text::wordpiece::train makes one from any corpus.
    let mut pieces: Vec<String> = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"].map(String::from).to_vec();
    for word in SENTENCES.iter().flat_map(|sentence| sentence.split(' ')) {
        if !pieces.iter().any(|piece| piece == word) {
            pieces.push(word.to_string());
        }
    }
    let vocab_size = pieces.len();
    let vocabulary = Vocabulary::new(pieces, Path::new("vocab.txt"))?;

    // 3. Rows of 16 ids, on disk.
    let request = BuildRequest {
        inputs: vec![corpus],
        heldout: HeldOut::Fraction { fraction: 0.2, salt: 0 },
        read: ReadOptions::default(),
        deduplicate: None,
        tokenizer: Tokenizer::new(vocabulary, Settings::UNCASED),
        pack: PackSettings { mode: PackMode::Carry, seq_len: 16, seed: 0 },
        block_bytes: BLOCK_BYTES,
        threads: 1,
        out: folder.join("data"),
        force: false,
    };
    build(&request, |_| {})?;

    // 4. A recipe: that of the demonstration, in small.
    let changes = [
        format!("data.path={:?}", request.out.display().to_string()),
        format!("model.vocab_size={vocab_size}"),
        "data.sequence_length=16".into(),
        "model.max_position_embeddings=16".into(),
        "model.embedding_size=16".into(),
        "model.hidden_size=32".into(),
        "model.intermediate_size=64".into(),
        "model.position_start=\"random\"".into(),
        "schedule.warmup_steps=2".into(),
        "train.steps=10".into(),
        "train.batch_size=8".into(),
    ];
    let recipe_file = folder.join("recipe.toml");
    std::fs::write(&recipe_file, include_str!("../../configs/debug.toml"))?;
    let recipe = load::<Recipe>(&recipe_file, &changes)?;

    // 5. The run, which the same call continues where it was interrupted.
    let run = folder.join("run");
    let environment = Environment {
        device: Device::flex(),
        device_name: "flex".into(),
        threads: 1,
        run: run.clone(),
        program_version: "an example".into(),
        verify_data: true,
    };
    let setup = RunSetup::take(&recipe, &environment)?;
    let monitor: &mut dyn Monitor = &mut SilentMonitor;
    pretrain(&recipe, &environment, setup, Estimate::default(), &Interrupt::default(), monitor)?;
    Ok(run)
}
