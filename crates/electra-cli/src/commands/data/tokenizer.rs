//! `electra data tokenizer`: train a vocabulary.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use electra_text::in_order::available_threads;
use electra_text::wordpiece::{SAVED_FILES, TrainProgress, VocabularySettings, train};
use serde_json::json;

use super::meter::{Meter, count};
use super::{Corpus, advice, named_in_json, print_json, report, tell_replaced};

/// Train a WordPiece vocabulary
#[derive(Args)]
#[command(after_help = "Examples:
  electra data tokenizer --input corpus/*.txt --vocab-size 8192 --out data/tokenizer
  electra data tokenizer --input 'dump/**/*.jsonl.zst' --text-field body --vocab-size 30522 --cased --out tok

transformers reads the folder: ElectraTokenizerFast.from_pretrained(\"data/tokenizer\")")]
pub struct TokenizerCommand {
    #[command(flatten)]
    corpus: Corpus,
    /// Number of pieces, the five special tokens included
    #[arg(long, value_name = "N")]
    vocab_size: usize,
    /// Keep upper case and accents
    #[arg(long)]
    cased: bool,
    /// A pair of pieces seen less often makes no new piece
    #[arg(long, default_value_t = 2, value_name = "N")]
    min_frequency: u64,
    /// Share of the text's characters that the alphabet covers; words with rarer ones are `[UNK]`
    #[arg(long, default_value_t = VocabularySettings::new(0, false).character_coverage, value_name = "SHARE")]
    character_coverage: f64,
    /// Folder to write vocab.txt, tokenizer.json and their configuration to
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Replace the tokenizer in --out
    #[arg(long)]
    force: bool,
    /// Threads; no influence on the result [default: all]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

impl TokenizerCommand {
    pub(super) fn run(self) -> miette::Result<()> {
        let start = Instant::now();
        named_in_json(self.json, &self.out)?;
        let files = self.corpus.files().map_err(report)?;
        if !self.force && SAVED_FILES.iter().any(|file| self.out.join(file).exists()) {
            let found = format!("{} holds a tokenizer already", self.out.display());
            return Err(advice(found, "choose another folder or replace it with --force"));
        }
        let settings = VocabularySettings {
            vocab_size: self.vocab_size,
            cased: self.cased,
            min_frequency: self.min_frequency,
            character_coverage: self.character_coverage,
        };
        let mut meter = Meter::new("counting words");
        let threads = self.threads.unwrap_or_else(available_threads);
        let trained = train(&files, &self.corpus.options(), &settings, threads, |event| match event {
            TrainProgress::Counting { bytes, total, documents } => {
                meter.show(bytes, total, || format!("{} documents", count(documents)));
            }
            TrainProgress::Merging { words, characters } => meter.stage(format!(
                "merging pieces of {} distinct words over {} characters",
                count(words),
                count(characters)
            )),
        })
        .map_err(report)?;
        meter.finish();
        trained.tokenizer.save(&self.out).map_err(report)?;
        if self.json {
            return print_json(&json!({
                "out": self.out,
                "vocab_size": trained.tokenizer.vocab_size(),
                "cased": self.cased,
                "hash": trained.tokenizer.hash().to_hex().as_str(),
                "documents": trained.documents,
                "words": trained.words,
                "distinct_words": trained.distinct_words,
                "characters": trained.characters,
                "replaced": trained.replaced,
                "seconds": start.elapsed().as_secs_f64(),
            }));
        }
        println!(
            "{}: {} pieces over {} characters",
            self.out.display(),
            count(trained.tokenizer.vocab_size() as u64),
            count(trained.characters)
        );
        println!(
            "  corpus  {} documents, {} words, {} distinct",
            count(trained.documents),
            count(trained.words),
            count(trained.distinct_words)
        );
        tell_replaced(trained.replaced);
        println!("  hash    {}", trained.tokenizer.hash().to_hex());
        println!("  time    {:.1} s", start.elapsed().as_secs_f64());
        println!("  next    electra data build --input ... --tokenizer {} --out DIR", self.out.display());
        Ok(())
    }
}
