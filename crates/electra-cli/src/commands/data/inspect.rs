//! `electra data inspect`: what is in a data folder.

use std::path::PathBuf;

use clap::Args;
use electra_pretrain::mask::Masking;
use electra_text::dataset::DataSet;
use electra_text::inspect::{SplitStatistics, example_text, statistics};
use electra_text::shard::{Example, Split};
use electra_text::wordpiece::Tokenizer;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde::Serialize;
use serde_json::json;

use super::error_report::{advice, report};
use super::json::print_json;
use super::meter::{count, megabytes};
use super::summary::{print_duplicates, print_left_out, print_read};
use super::warnings;

/// The masking by which examples are shown: that of the paper.
const MASKING: Masking = Masking::WithoutReplacement { probability: 0.15 };

/// Show statistics and examples of a data folder
#[derive(Args)]
#[command(after_help = "Examples:
  electra data inspect data/corpus
  electra data inspect data/corpus --split heldout --at 0 17 --pieces 0
  electra data inspect data/corpus --json | jq .statistics[0].fill_rate")]
pub struct InspectCommand {
    /// The data folder
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Numbers of the examples to show [default: the first, middle and last]
    #[arg(long, num_args = 1.., value_name = "N")]
    at: Vec<usize>,
    /// Split the examples are taken from
    #[arg(long, default_value = "train", value_parser = ["train", "heldout"])]
    split: String,
    /// Number of most frequent pieces to name
    #[arg(long, default_value_t = 20, value_name = "N")]
    pieces: usize,
    /// Seed of the masks shown
    #[arg(long, default_value_t = 0, value_name = "N")]
    seed: u64,
    /// Print everything as JSON
    #[arg(long)]
    json: bool,
}

/// One example, decoded.
#[derive(Serialize)]
struct Shown {
    index: usize,
    length: usize,
    segment_b_start: usize,
    text: String,
    masked: String,
}

impl InspectCommand {
    pub(super) fn run(self) -> miette::Result<()> {
        let data = DataSet::open(&self.folder).map_err(report)?;
        let tokenizer = data.tokenizer();
        let statistics = Split::ALL.map(|split| statistics(&data, tokenizer, split, self.pieces));
        let examples = self.examples(&data, tokenizer)?;
        let manifest = data.manifest();
        let warnings = warnings::sentences(&manifest.warnings());
        warnings::warn(&warnings);
        if self.json {
            return print_json(&json!({
                "manifest": manifest, "statistics": statistics, "shown": examples, "warnings": warnings,
            }));
        }
        println!("{}", self.folder.display());
        println!("  data       {}", manifest.data_hash());
        println!(
            "  tokenizer  {} pieces, {}, {}",
            count(manifest.tokenizer.vocab_size as u64),
            case_of(tokenizer),
            manifest.tokenizer.hash
        );
        let input_bytes = manifest.inputs.iter().map(|input| input.bytes).sum();
        println!("  corpus     {} files, {} on disk", manifest.inputs.len(), megabytes(input_bytes));
        print_left_out(manifest.left_out);
        print_duplicates(&manifest.duplicates, manifest.settings.deduplicate);
        print_read(manifest.replaced, &manifest.skipped);
        statistics.iter().filter(|split| split.counts.examples > 0).for_each(tell_statistics);
        for example in examples {
            println!(
                "\nexample {} of {}, {} tokens{}",
                example.index,
                self.split,
                example.length,
                match example.segment_b_start {
                    0 => String::new(),
                    start => format!(", segment B from {start}"),
                }
            );
            println!("  text    {}\n  masked  {}", printable(&example.text), printable(&example.masked));
        }
        Ok(())
    }

    fn examples(&self, data: &DataSet, tokenizer: &Tokenizer) -> miette::Result<Vec<Shown>> {
        let split = if self.split == "train" { Split::Train } else { Split::HeldOut };
        let examples = data.split(split);
        let mut chosen = self.at.clone();
        if let Some(last) = examples.len().checked_sub(1)
            && chosen.is_empty()
        {
            chosen = vec![0, last / 2, last];
            chosen.dedup();
        }
        chosen
            .into_iter()
            .map(|index| {
                if index >= examples.len() {
                    let found = format!("there is no example {index} in the {} split", self.split);
                    let help = format!("it holds {}, numbered from 0", examples.len());
                    return Err(advice(found, &help));
                }
                let example = examples.get(index);
                let masked = masked_positions(example, tokenizer, self.seed.wrapping_add(index as u64));
                Ok(Shown {
                    index,
                    length: example.ids.len(),
                    segment_b_start: example.segment_b_start,
                    text: example_text(example, tokenizer, &[]),
                    masked: example_text(example, tokenizer, &masked),
                })
            })
            .collect()
    }
}

fn masked_positions(example: Example<'_>, tokenizer: &Tokenizer, seed: u64) -> Vec<usize> {
    let ids = example.ids.to_vec();
    let slots = MASKING.slots(ids.len());
    let mut rng = StdRng::seed_from_u64(seed);
    let chosen = MASKING.choose(&ids, tokenizer.special(), |_| false, slots, &mut rng);
    chosen.into_iter().map(|slot| slot.position).collect()
}

/// The treatment of case and accents, in words.
fn case_of(tokenizer: &Tokenizer) -> &'static str {
    match (tokenizer.is_cased(), tokenizer.settings().strip_accents) {
        (true, false) => "cased",
        (true, true) => "cased without accents",
        (false, false) => "uncased with accents",
        (false, true) => "uncased",
    }
}

/// The text of a piece with its control characters escaped: pieces are whatever a vocabulary's file holds.
fn printable(text: &str) -> String {
    let escaped = |c: char| match c.is_control() {
        true => c.escape_default().to_string(),
        false => c.to_string(),
    };
    text.chars().map(escaped).collect()
}

fn tell_statistics(split: &SplitStatistics) {
    let counts = split.counts;
    println!("\n{}", split.split.name());
    println!(
        "  {} documents, {} of text, {} tokens",
        count(counts.documents),
        megabytes(counts.text_bytes),
        count(counts.text_tokens)
    );
    println!(
        "  {} examples: {:.1} % full, {:.1} % with a segment B, {:.1} % of the tokens kept",
        count(counts.examples),
        100.0 * split.fill_rate,
        100.0 * split.pair_rate,
        100.0 * split.kept_rate,
    );
    match counts.coverage {
        Some(coverage) => {
            println!("  unknown: {}", warnings::unknown(&coverage));
            if let Some(accents) = warnings::accents(&coverage) {
                println!("  accents: {accents}");
            }
        }
        None => println!(
            "  unknown: {} % of the tokens; built before words and characters were counted",
            warnings::percent(split.unknown_rate)
        ),
    }
    println!("  length        examples");
    let most = split.lengths.iter().map(|bin| bin.examples).max().unwrap_or(0).max(1);
    for bin in &split.lengths {
        let bar = "#".repeat((bin.examples * 40).div_ceil(most) as usize);
        println!("  {:>4} - {:<4} {:>11} {bar}", bin.from, bin.to, count(bin.examples));
    }
    if !split.frequent_pieces.is_empty() {
        let pieces: Vec<String> = split
            .frequent_pieces
            .iter()
            .map(|piece| format!("{} {}", printable(&piece.piece), count(piece.count)))
            .collect();
        println!(
            "  {} distinct pieces; most frequent: {}",
            count(split.distinct_pieces as u64),
            pieces.join(", ")
        );
    }
}
