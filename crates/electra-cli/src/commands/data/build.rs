//! `electra data build`: shards of token ids from text.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Instant;

use clap::{Args, ValueEnum};
use electra_text::build::{self, BLOCK_BYTES, BuildProgress, BuildRequest, Deduplicate, HeldOut, Part};
use electra_text::corpus::{self, StandardInput};
use electra_text::pack::{PackMode, PackSettings};
use electra_text::shard::Split;
use electra_text::wordpiece::{Settings, Tokenizer};
use serde_json::json;

use crate::failure::Failure;
use crate::hub;

use super::corpus::Corpus;
use super::error_report::{advice, report};
use super::json::{named_in_json, print_json};
use super::meter::{Meter, count};
use super::output::OutputArguments;
use super::summary::{
    existed_before, note_if_existing, print_counts, print_data, print_duplicates, print_left_out, print_read,
};
use super::threads::ThreadsArgument;

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
  electra data build --input 'c4/*.json.gz' news.tar.xz 'hub/**/*.parquet' \\
    --tokenizer data/tokenizer --out data/mixed
  electra data build --input 'crawl/*.jsonl' --deduplicate \\
    --tokenizer data/tokenizer --out data/crawl-unique
  extract-text dump | electra data build --input - --kind text \\
    --tokenizer data/tokenizer --out data/dump
  electra data build --input corpus/*.txt --tokenizer data/tokenizer \\
    --part 1/4 --out parts/1              (2/4 on another machine, and so on)
  electra data merge parts/1 parts/2 parts/3 parts/4 --out data/corpus

Nothing of an archive is written to the disk: its files are read in its order, and what is none of a known \
kind is passed over and counted. Standard input is copied to a temporary file first (TMPDIR), since a corpus \
is read more than once.

With --deduplicate the corpus is read once more beforehand. Of two documents whose sets of runs of five words \
have a Jaccard similarity of at least 0.8, or of the share that is given (0.7 to 1), the second is left out and \
counted; the similarity is estimated from 128 hash functions, to within 0.035 on average. Of a document that \
nearly repeats one of --heldout it is the one of --input. Threads and parts make no difference.

Held out are whole documents, chosen by a hash of their text: at least one in corpora of up to 32 MiB; in \
larger ones it is an error if the fraction is so small that none is chosen. With --heldout, documents of \
--input that the held-out files have too are left out of training and counted: white space, characters that \
are not seen, and the case and accents that the tokenizer drops make no other document.")]
pub struct BuildCommand {
    #[command(flatten)]
    corpus: Corpus,
    /// Leave out documents that nearly repeat an earlier one: share of runs of five words that both have
    #[arg(long, value_name = "SIMILARITY", num_args = 0..=1, default_missing_value = "0.8")]
    deduplicate: Option<f64>,
    /// Memory for what --deduplicate knows of the documents: about 510 bytes for each that is kept
    #[arg(long, value_name = "MB", default_value_t = 4096, requires = "deduplicate")]
    deduplicate_memory: u64,
    /// A tokenizer's folder, a tokenizer.json, a vocab.txt, or the name of a model on the Hub
    #[arg(long, value_name = "PATH|NAME")]
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
    /// Method of packing documents into rows
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
    #[command(flatten)]
    threads: ThreadsArgument,
    #[command(flatten)]
    output: OutputArguments,
}

#[derive(Clone, Copy, ValueEnum)]
enum Mode {
    /// Keep every token; the tail of a document is joined with the beginning of the next
    Carry,
    /// As the reference builder, which loses what does not fit
    Google,
}

impl BuildCommand {
    pub(super) fn run(self) -> miette::Result<()> {
        let start = Instant::now();
        named_in_json(self.output.json, &self.output.out)?;
        let (request, _copy_of_standard_input) = self.request()?;
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
            if self.output.json {
                let seconds = start.elapsed().as_secs_f64();
                return print_json(&json!({
                    "out": self.output.out, "built_before": existed_before(&built), "seconds": seconds, "part": manifest,
                }));
            }
            println!("{}: part {part}{}", self.output.out.display(), note_if_existing(&built));
            print_counts(&counts, request.pack.seq_len);
            print_left_out(manifest.left_out());
            print_duplicates(&manifest.duplicates(), manifest.settings.deduplicate);
            print_read(manifest.replaced, &manifest.skipped);
            println!("  next    electra data merge ALL-{}-PARTS --out DIR", part.of);
            return Ok(());
        }
        let built = build::build(&request, show).map_err(report)?;
        meter.finish();
        print_data(&built, &self.output.out, start, self.output.json)
    }

    /// The request, and standard input where it is read.
    fn request(&self) -> miette::Result<(BuildRequest, Option<StandardInput>)> {
        let mode = match self.mode {
            Mode::Carry => PackMode::Carry,
            Mode::Google => PackMode::Google,
        };
        let heldout = if self.heldout.is_empty() {
            HeldOut::Fraction { fraction: self.heldout_fraction, salt: self.heldout_salt }
        } else {
            HeldOut::Files(corpus::expand(&self.heldout, self.corpus.kind()).map_err(report)?)
        };
        let (inputs, standard_input) = self.corpus.files().map_err(report)?;
        let request = BuildRequest {
            inputs,
            heldout,
            read: self.corpus.options(),
            deduplicate: self.deduplicate.map(|threshold| Deduplicate {
                threshold,
                memory_bytes: self.deduplicate_memory.saturating_mul(1_000_000),
            }),
            tokenizer: self.tokenizer()?,
            pack: PackSettings { mode, seq_len: self.seq_len, seed: self.seed },
            block_bytes: BLOCK_BYTES,
            threads: self.threads.number()?,
            out: self.output.out.clone(),
            force: self.output.force,
        };
        Ok((request, standard_input))
    }

    fn tokenizer(&self) -> miette::Result<Tokenizer> {
        let case = match (self.cased, self.uncased || self.keep_accents) {
            (false, false) => None,
            (cased, _) => Some(cased),
        };
        let named = hub::tokenizer(&self.tokenizer).map_err(Failure::into_report)?;
        let tokenizer = Tokenizer::load_named(&named, case).map_err(report)?;
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
