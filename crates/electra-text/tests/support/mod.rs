//! A small corpus, its tokenizer and requests to build data from it.

use std::path::{Path, PathBuf};

use electra_text::build::{BuildRequest, HeldOut};
use electra_text::corpus::ReadOptions;
use electra_text::pack::{PackMode, PackSettings};
use electra_text::vocab::Vocabulary;
use electra_text::wordpiece::{Settings, Tokenizer};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Words that the fixture's vocabulary knows whole or in pieces.
const WORDS: [&str; 12] = [
    "the",
    "quick",
    "brown",
    "fox",
    "Berlin",
    "runs",
    "tokenization",
    "unaffable",
    "dogs,",
    "1996",
    "Café",
    "东京",
];

/// The tokenizer of the golden values: 611 pieces, uncased.
pub fn tokenizer() -> Tokenizer {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/vocab_uncased.txt");
    Tokenizer::new(Vocabulary::read(&path).unwrap(), Settings::UNCASED)
}

/// `documents` documents of one to six paragraphs of one to forty words.
pub fn corpus_text(documents: usize, seed: u64) -> String {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut text = String::new();
    for _ in 0..documents {
        for _ in 0..rng.random_range(1..=6) {
            let words: Vec<&str> =
                (0..rng.random_range(1..=40)).map(|_| WORDS[rng.random_range(0..WORDS.len())]).collect();
            text += &words.join(" ");
            text += "\n";
        }
        text += "\n";
    }
    text
}

/// Writes a file and gives back its path.
pub fn write(folder: &Path, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, content).unwrap();
    path
}

/// A request with rows of 32, mode `carry`, many small blocks and 10 % held out.
pub fn request(inputs: Vec<PathBuf>, out: PathBuf) -> BuildRequest {
    BuildRequest {
        inputs,
        heldout: HeldOut::Fraction { fraction: 0.1, salt: 0 },
        read: ReadOptions::default(),
        deduplicate: None,
        tokenizer: tokenizer(),
        pack: PackSettings { mode: PackMode::Carry, seq_len: 32, seed: 0 },
        block_bytes: 2000,
        threads: 2,
        out,
        force: false,
    }
}
