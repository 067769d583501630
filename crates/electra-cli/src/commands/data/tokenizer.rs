//! `electra data tokenizer`: train a vocabulary.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use electra_files::shown::shell_word;
use electra_text::Tokenizer;
use electra_text::warning::TextWarning;
use electra_text::wordpiece::{
    ExtensionSettings, SAVED_FILES, TrainProgress, VocabularySettings, extend, train,
};
use serde_json::json;

use super::corpus::Corpus;
use super::error_report::{advice, report};
use super::json::{named_in_json, print_json};
use super::meter::{Meter, count};
use super::output::OutputArguments;
use super::summary::print_read;
use super::threads::ThreadsArgument;
use super::warnings;
use crate::failure::Failure;
use crate::hub;

/// Train a WordPiece vocabulary
#[derive(Args)]
#[command(after_help = "Examples:
  electra data tokenizer --input corpus/*.txt --vocab-size 8192 \\
    --out data/tokenizer
  electra data tokenizer --input 'dump/**/*.jsonl.zst' --text-field body \\
    --vocab-size 30522 --cased --out tok
  electra data tokenizer --input hindi.txt --vocab-size 16000 --keep-accents \\
    --out data/hindi
  electra data tokenizer --input reads.txt --documents line --vocab-size 4096 \\
    --max-word-length 400 --out data/dna
  electra data tokenizer --extend runs/tiny/tokenizer --input domain/*.txt \\
    --vocab-size 10000 --out data/domain-tokenizer

--extend keeps the pieces of a tokenizer with their ids, its special tokens and its rules for case and \
accents, and adds pieces behind them until there are --vocab-size: a vocabulary of that size is trained on the \
text alone, and its pieces that the old one lacks are taken in the order of their training, which is \
characters first and then the merges, the most frequent pair first. A model with the old tokenizer goes on \
with the new one (pretrain --init).

--out gets vocab.txt, tokenizer.json and their configuration, and transformers reads it: AutoTokenizer.from_pretrained(\"data/tokenizer\")")]
pub struct TokenizerCommand {
    #[command(flatten)]
    corpus: Corpus,
    /// Number of pieces, the five special tokens included
    #[arg(long, value_name = "N")]
    vocab_size: usize,
    /// Tokenizer whose pieces come first, with their ids, or a model's name on the Hub; case and accents are as there
    #[arg(long, value_name = "DIR|NAME", conflicts_with_all = ["cased", "keep_accents", "max_word_length"])]
    extend: Option<PathBuf>,
    /// Keep upper case and accents
    #[arg(long)]
    cased: bool,
    /// Drop upper case alone: accents, vowel signs and Hangul syllables stay as they are
    #[arg(long, conflicts_with = "cased")]
    keep_accents: bool,
    /// Characters of the longest word that is looked up; longer ones are `[UNK]`, and nothing is learned from them
    #[arg(long, default_value_t = VocabularySettings::new(0, false).max_word_chars, value_name = "N")]
    max_word_length: usize,
    /// A pair of pieces seen less often makes no new piece
    #[arg(long, default_value_t = 2, value_name = "N")]
    min_frequency: u64,
    /// Share of the text's characters that the alphabet covers; words with rarer ones are `[UNK]`
    #[arg(long, default_value_t = VocabularySettings::new(0, false).character_coverage, value_name = "SHARE")]
    character_coverage: f64,
    #[command(flatten)]
    threads: ThreadsArgument,
    #[command(flatten)]
    output: OutputArguments,
}

impl TokenizerCommand {
    pub(super) fn run(self) -> miette::Result<()> {
        let start = Instant::now();
        named_in_json(self.output.json, &self.output.out)?;
        let threads = self.threads.number()?;
        let (files, _copy_of_standard_input) = self.corpus.files().map_err(report)?;
        if !self.output.force && SAVED_FILES.iter().any(|file| self.output.out.join(file).exists()) {
            let found = format!("{} holds a tokenizer already", self.output.out.display());
            return Err(advice(found, "choose another folder or replace it with --force"));
        }
        let settings = VocabularySettings {
            vocab_size: self.vocab_size,
            cased: self.cased,
            keep_accents: self.keep_accents,
            max_word_chars: self.max_word_length,
            min_frequency: self.min_frequency,
            character_coverage: self.character_coverage,
        };
        let old = self.extend.as_deref().map(named_tokenizer).transpose()?;
        let mut meter = Meter::new("counting words");
        let on_progress = |event: TrainProgress| match event {
            TrainProgress::Counting { bytes, total, documents } => {
                meter.show(bytes, total, || format!("{} documents", count(documents)));
            }
            TrainProgress::Merging { words, characters } => meter.stage(format!(
                "merging pieces of {} distinct words over {} characters",
                count(words),
                count(characters)
            )),
        };
        let options = self.corpus.options();
        let trained = match &old {
            None => train(&files, &options, &settings, threads, on_progress),
            Some(old) => {
                let VocabularySettings { vocab_size, min_frequency, character_coverage, .. } = settings;
                let settings = ExtensionSettings { vocab_size, min_frequency, character_coverage };
                extend(old, &files, &options, &settings, threads, on_progress)
            }
        }
        .map_err(report)?;
        meter.finish();
        trained.tokenizer.save(&self.output.out).map_err(report)?;
        let coverage = trained.coverage;
        let warnings = warnings::sentences(&TextWarning::of_text(coverage));
        warnings::warn(&warnings);
        let extends = old.as_ref().zip(self.extend.as_ref()).map(|(old, path)| {
            json!({ "path": path, "hash": old.hash().to_hex().as_str(), "vocab_size": old.vocab_size() })
        });
        if self.output.json {
            return print_json(&json!({
                "out": self.output.out,
                "vocab_size": trained.tokenizer.vocab_size(),
                "extends": extends,
                "cased": trained.tokenizer.is_cased(),
                "hash": trained.tokenizer.hash().to_hex().as_str(),
                "documents": trained.documents,
                "words": trained.words,
                "distinct_words": trained.distinct_words,
                "characters": trained.characters,
                "keep_accents": !trained.tokenizer.settings().strip_accents,
                "max_word_length": trained.tokenizer.settings().max_word_chars,
                "coverage": coverage,
                "unknown_word_rate": coverage.unknown_word_share(),
                "unknown_character_rate": coverage.unknown_character_share(),
                "stripped_character_rate": coverage.stripped_share(),
                "jamo_character_rate": coverage.jamo_share(),
                "replaced": trained.replaced,
                "skipped": trained.skipped,
                "warnings": warnings,
                "seconds": start.elapsed().as_secs_f64(),
            }));
        }
        println!(
            "{}: {} pieces over {} characters",
            self.output.out.display(),
            count(trained.tokenizer.vocab_size() as u64),
            count(trained.characters)
        );
        if let Some(old) = &old {
            let new = trained.tokenizer.vocab_size() - old.vocab_size();
            println!(
                "  extends {} pieces, which keep their ids, by {}",
                count(old.vocab_size() as u64),
                count(new as u64)
            );
        }
        println!(
            "  corpus  {} documents, {} words, {} distinct",
            count(trained.documents),
            count(trained.words),
            count(trained.distinct_words)
        );
        println!("  unknown {}", warnings::unknown(&coverage));
        if trained.too_long.words > 0 {
            println!(
                "  length  {} words with {} % of the characters are longer than {} characters, the longest {}",
                count(trained.too_long.words),
                warnings::percent(trained.too_long.share()),
                trained.too_long.limit,
                count(trained.too_long.longest as u64)
            );
        }
        if let Some(accents) = warnings::accents(&coverage) {
            println!("  accents {accents}");
        }
        print_read(trained.replaced, &trained.skipped);
        println!("  hash    {}", trained.tokenizer.hash().to_hex());
        println!("  time    {:.1} s", start.elapsed().as_secs_f64());
        let out = shell_word(&self.output.out.display().to_string());
        println!("  next    electra data build --input ... --tokenizer {out} --out DIR");
        Ok(())
    }
}

/// A tokenizer in a file or a folder, or that of a model of the Hub.
fn named_tokenizer(argument: &Path) -> miette::Result<Tokenizer> {
    let path = hub::tokenizer(argument).map_err(Failure::into_report)?;
    Tokenizer::load_named(&path, None).map_err(report)
}
