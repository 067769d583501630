//! `electra data`: text to shards.

pub(super) mod concerns;
mod inspect;
mod merge;
pub(super) mod meter;
mod tokenizer;
mod verify;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::{Args, Subcommand, ValueEnum};
use electra_files::shown::shell_word;
use electra_text::build::{self, BLOCK_BYTES, BuildProgress, BuildRequest, Built, HeldOut, Part};
use electra_text::corpus::{self, CorpusError, DocumentsBy, ReadOptions, Skipped};
use electra_text::in_order::{MAX_THREADS, available_threads};
use electra_text::manifest::{Manifest, SplitCounts};
use electra_text::pack::{PackMode, PackSettings};
use electra_text::shard::Split;
use electra_text::wordpiece::{Settings, Tokenizer};
use miette::{MietteDiagnostic, Report};
use serde_json::json;

use crate::failure::{self, explain};
use meter::{Meter, count, megabytes};

/// Text to shards.
#[derive(Subcommand)]
pub enum DataCommand {
    /// Train a WordPiece vocabulary; the same text gives the same vocabulary, byte by byte
    Tokenizer(tokenizer::TokenizerCommand),
    /// Build shards of token ids from text
    Build(BuildCommand),
    /// Join parts built with `data build --part i/n`; byte-identical to one build
    Merge(merge::MergeCommand),
    /// Show statistics and examples of a data folder
    Inspect(inspect::InspectCommand),
    /// Recompute every hash and every count of a data folder
    Verify(verify::VerifyCommand),
}

/// Runs one of the data commands.
///
/// # Errors
/// What the user can cause: each names the file, what was found and what to do.
pub fn run(command: DataCommand) -> miette::Result<()> {
    match command {
        DataCommand::Tokenizer(command) => command.run(),
        DataCommand::Build(command) => command.run(),
        DataCommand::Merge(command) => command.run(),
        DataCommand::Inspect(command) => command.run(),
        DataCommand::Verify(command) => command.run(),
    }
}

/// What can be read, which depends on how this program was built.
const FILES: &str = match cfg!(feature = "parquet") {
    true => "Files or patterns (`*`, `**`): .txt, .jsonl, .parquet, each also .gz or .zst",
    false => "Files or patterns (`*`, `**`): .txt, .jsonl, each also .gz or .zst",
};
const TEXT_FIELD: &str = match cfg!(feature = "parquet") {
    true => "Field of .jsonl records or column of .parquet files that holds the text",
    false => "Field of .jsonl records that holds the text",
};

/// How the corpus is read.
#[derive(Args)]
struct Corpus {
    #[arg(long, required = true, num_args = 1.., value_name = "FILES", help = FILES)]
    input: Vec<OsString>,
    #[arg(long, default_value = "text", value_name = "NAME", help = TEXT_FIELD)]
    text_field: String,
    /// What divides a .txt file into documents
    #[arg(long, value_enum, default_value_t = Documents::BlankLine)]
    documents: Documents,
    /// Replace what is not Unicode by U+FFFD instead of stopping at it: bytes that are not UTF-8, halves of characters
    #[arg(long)]
    lossy: bool,
    /// Pass over records of which no text can be had, and count them
    #[arg(long)]
    skip_bad_records: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Documents {
    /// A blank line ends a document; so does one of white space and invisible characters
    BlankLine,
    /// Each line is one document
    Line,
    /// Each file is one document
    File,
}

impl Corpus {
    fn files(&self) -> Result<Vec<PathBuf>, CorpusError> {
        corpus::expand(&self.input)
    }

    fn options(&self) -> ReadOptions {
        let documents = match self.documents {
            Documents::BlankLine => DocumentsBy::BlankLine,
            Documents::Line => DocumentsBy::Line,
            Documents::File => DocumentsBy::File,
        };
        let (lossy, skip_bad_records) = (self.lossy, self.skip_bad_records);
        ReadOptions { documents, text_field: self.text_field.clone(), lossy, skip_bad_records }
    }
}

/// Build shards of token ids from text
#[derive(Args)]
#[command(after_help = "Examples:
  electra data build --input corpus/*.txt --tokenizer data/tokenizer \\
    --out data/corpus
  electra data build --input a.txt.zst --tokenizer vocab.txt --seq-len 512 \\
    --heldout eval.txt --out data/a
  electra data build --input lines.txt.gz --documents line \\
    --tokenizer data/tokenizer --out data/lines
  electra data build --input 'crawl/*.jsonl' --lossy --skip-bad-records \\
    --tokenizer data/tokenizer --out data/crawl
  electra data build --input corpus/*.txt --tokenizer data/tokenizer \\
    --part 1/4 --out parts/1              (2/4 on another machine, and so on)
  electra data merge parts/1 parts/2 parts/3 parts/4 --out data/corpus

Held out are whole documents, chosen by a hash of their text: at least one in corpora of up to 32 MiB; in \
larger ones it is an error if the fraction is so small that none is chosen. With --heldout, documents of \
--input that the held-out files have too are left out of training and counted: white space, characters that \
are not seen, and the case and accents that the tokenizer drops make no other document.")]
pub struct BuildCommand {
    #[command(flatten)]
    corpus: Corpus,
    /// A tokenizer's folder, a tokenizer.json or a vocab.txt
    #[arg(long, value_name = "PATH")]
    tokenizer: PathBuf,
    /// Keep upper case: only for a bare vocab.txt that does not tell
    #[arg(long, conflicts_with = "uncased")]
    cased: bool,
    /// Drop upper case: only for a bare vocab.txt that does not tell
    #[arg(long)]
    uncased: bool,
    /// Drop upper case and keep accents: only for a bare vocab.txt that does not tell
    #[arg(long, conflicts_with = "cased")]
    keep_accents: bool,
    /// Tokens in a row, `[CLS]` and `[SEP]` included
    #[arg(long, default_value_t = 128, value_name = "N")]
    seq_len: usize,
    /// How documents are cut and joined
    #[arg(long, value_enum, default_value_t = Mode::Carry)]
    mode: Mode,
    /// Root of the random choices of mode google
    #[arg(long, default_value_t = 0, value_name = "N")]
    seed: u64,
    /// Hold out these files instead of a share of the documents
    #[arg(long, num_args = 1.., value_name = "FILES", conflicts_with_all = ["heldout_fraction", "heldout_salt"])]
    heldout: Vec<OsString>,
    /// Share of the documents to hold out
    #[arg(long, default_value_t = 0.01, value_name = "SHARE")]
    heldout_fraction: f64,
    /// Another number holds out other documents
    #[arg(long, default_value_t = 0, value_name = "N")]
    heldout_salt: u64,
    /// Build part i of n, for `data merge` to join
    #[arg(long, value_name = "i/n")]
    part: Option<Part>,
    /// Data folder to write
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Replace other data in --out
    #[arg(long)]
    force: bool,
    /// Threads; no influence on the result [default: all]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Print the manifest as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Mode {
    /// Keep every token; the tail of a document is joined with the beginning of the next
    Carry,
    /// As the reference builder, which loses what does not fit
    Google,
}

impl BuildCommand {
    fn run(self) -> miette::Result<()> {
        let start = Instant::now();
        named_in_json(self.json, &self.out)?;
        let request = self.request()?;
        let mut meter = Meter::new("tokenising");
        let show = |progress: &BuildProgress| {
            let rate = progress.text_bytes as f64 / 1e6 / progress.elapsed.as_secs_f64().max(1e-9);
            meter.show(progress.bytes, progress.total, || {
                format!(
                    "{} documents, {} tokens, {rate:.1} MB/s",
                    count(progress.documents),
                    count(progress.tokens)
                )
            });
        };
        if let Some(part) = self.part {
            let built = build::build_part(&request, part, show).map_err(report)?;
            meter.finish();
            let manifest = built.manifest();
            let counts = Split::ALL.map(|split| manifest.counts(split));
            if self.json {
                let seconds = start.elapsed().as_secs_f64();
                return print_json(&json!({
                    "out": self.out, "built_before": was_before(&built), "seconds": seconds, "part": manifest,
                }));
            }
            println!("{}: part {part}{}", self.out.display(), before(&built));
            tell_counts(&counts, request.pack.seq_len);
            tell_left_out(manifest.left_out());
            tell_read(manifest.replaced, &manifest.skipped);
            println!("  next    electra data merge ALL-{}-PARTS --out DIR", part.of);
            return Ok(());
        }
        let built = build::build(&request, show).map_err(report)?;
        meter.finish();
        tell_data(&built, &self.out, start, self.json)
    }

    fn request(&self) -> miette::Result<BuildRequest> {
        let mode = match self.mode {
            Mode::Carry => PackMode::Carry,
            Mode::Google => PackMode::Google,
        };
        let heldout = if self.heldout.is_empty() {
            HeldOut::Fraction { fraction: self.heldout_fraction, salt: self.heldout_salt }
        } else {
            HeldOut::Files(corpus::expand(&self.heldout).map_err(report)?)
        };
        Ok(BuildRequest {
            inputs: self.corpus.files().map_err(report)?,
            heldout,
            read: self.corpus.options(),
            tokenizer: self.tokenizer()?,
            pack: PackSettings { mode, seq_len: self.seq_len, seed: self.seed },
            block_bytes: BLOCK_BYTES,
            threads: threads(self.threads)?,
            out: self.out.clone(),
            force: self.force,
        })
    }
}

impl BuildCommand {
    fn tokenizer(&self) -> miette::Result<Tokenizer> {
        let case = match (self.cased, self.uncased || self.keep_accents) {
            (false, false) => None,
            (cased, _) => Some(cased),
        };
        let tokenizer = Tokenizer::load_named(&self.tokenizer, case).map_err(report)?;
        let settings = tokenizer.settings();
        if !self.keep_accents || !settings.strip_accents {
            return Ok(tokenizer);
        }
        let is_bare =
            self.tokenizer.is_file() && self.tokenizer.extension().is_none_or(|name| name != "json");
        if !is_bare {
            let found = format!("{} drops accents", self.tokenizer.display());
            let help = "leave --keep-accents out, or train a vocabulary with `electra data tokenizer --keep-accents`";
            return Err(advice(found, help));
        }
        let settings = Settings { strip_accents: false, ..settings };
        Ok(Tokenizer::new(tokenizer.vocabulary().clone(), settings))
    }
}

fn tell_data(built: &Built<Manifest>, out: &Path, start: Instant, as_json: bool) -> miette::Result<()> {
    let manifest = built.manifest();
    let warnings = concerns::sentences(&manifest.concerns());
    concerns::warn(&warnings);
    if as_json {
        return print_json(&json!({
            "out": out,
            "built_before": was_before(built),
            "seconds": start.elapsed().as_secs_f64(),
            "manifest": manifest,
            "warnings": warnings,
        }));
    }
    println!("{}{}", out.display(), before(built));
    tell_counts(&[manifest.train, manifest.heldout], manifest.settings.pack.seq_len);
    tell_left_out(manifest.left_out);
    tell_read(manifest.replaced, &manifest.skipped);
    println!("  data    {}", manifest.data_hash());
    println!("  time    {:.1} s", start.elapsed().as_secs_f64());
    println!("  next    electra data inspect {}", shell_word(&out.display().to_string()));
    Ok(())
}

fn tell_counts(counts: &[SplitCounts; 2], seq_len: usize) {
    for (counts, name) in counts.iter().zip(["train   ", "held out"]) {
        let places = (counts.examples * seq_len as u64).max(1) as f64;
        println!(
            "  {name} {} examples of {seq_len}, {:.1} % full, from {} documents, {} of text, {} tokens",
            count(counts.examples),
            100.0 * counts.tokens as f64 / places,
            count(counts.documents),
            megabytes(counts.text_bytes),
            count(counts.text_tokens),
        );
        if let Some(coverage) = counts.coverage.filter(|coverage| coverage.words > 0) {
            println!("           unknown: {}", concerns::unknown(&coverage));
            if let Some(accents) = concerns::accents(&coverage) {
                println!("           accents: {accents}");
            }
        } else {
            let share = counts.unknown as f64 / counts.text_tokens.max(1) as f64;
            println!("           unknown: {} % of the tokens", concerns::percent(share));
        }
    }
}

fn tell_left_out(left_out: u64) {
    if left_out > 0 {
        println!("  left out {} documents of --input that the held-out files have too", count(left_out));
    }
}

/// What of the files was not read as it stands.
fn tell_read(replaced: u64, skipped: &Skipped) {
    if replaced > 0 {
        println!(
            "  lossy   {} sequences of bytes were not UTF-8, or halves of characters, and were replaced",
            count(replaced)
        );
    }
    if let Some(skipped) = concerns::skipped(skipped) {
        println!("  skipped {skipped}");
    }
}

fn was_before<M>(built: &Built<M>) -> bool {
    matches!(built, Built::Before(_))
}

fn before<M>(built: &Built<M>) -> &'static str {
    if was_before(built) {
        " was there already, built from the same files with the same settings"
    } else {
        ""
    }
}

/// The number of threads that was asked for, or all.
fn threads(asked: Option<usize>) -> miette::Result<usize> {
    match asked {
        None => Ok(available_threads()),
        Some(threads) if (1..=MAX_THREADS).contains(&threads) => Ok(threads),
        Some(threads) => {
            let help =
                format!("give at least 1 and at most {MAX_THREADS}; more than there are cores are slower");
            Err(advice(format!("--threads {threads}"), &help))
        }
    }
}

/// Refuses a path that JSON, if it is to be printed, cannot hold.
fn named_in_json(as_json: bool, path: &Path) -> miette::Result<()> {
    if as_json {
        failure::utf8(path, "JSON").map_err(failure::Failure::into_report)?;
    }
    Ok(())
}

fn print_json(value: &impl serde::Serialize) -> miette::Result<()> {
    crate::output::json_out(value).map_err(report)
}

fn report(error: impl std::error::Error + 'static) -> Report {
    Report::new(explain(&error))
}

fn advice(message: String, help: &str) -> Report {
    Report::new(MietteDiagnostic::new(message).with_help(help))
}
