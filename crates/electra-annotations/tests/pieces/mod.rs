//! The tokenizers and golden values of `electra-text`.

use std::path::{Path, PathBuf};

use electra_text::vocab::Vocabulary;
use electra_text::wordpiece::{Settings, Tokenizer};

pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../electra-text/tests/fixtures").join(name)
}

pub fn tokenizer(case: &str) -> Tokenizer {
    let vocabulary = Vocabulary::read(&fixture(&format!("vocab_{case}.txt"))).unwrap();
    Tokenizer::new(vocabulary, Settings::new(case == "cased"))
}
