//! The summary of building or reading data, in a few lines or as JSON.

use std::path::Path;
use std::time::Instant;

use electra_files::shown::shell_word;
use electra_text::build::BuildOutcome;
use electra_text::corpus::Skipped;
use electra_text::manifest::{Manifest, SplitCounts};
use electra_text::near_duplicates::{Deduplication, DuplicateCounts};
use serde_json::json;

use super::json::print_json;
use super::meter::{count, megabytes};
use super::warnings;

pub(super) fn print_data(
    built: &BuildOutcome<Manifest>,
    out: &Path,
    start: Instant,
    as_json: bool,
) -> miette::Result<()> {
    let manifest = built.manifest();
    let warnings = warnings::sentences(&manifest.warnings());
    warnings::warn(&warnings);
    if as_json {
        return print_json(&json!({
            "out": out,
            "built_before": existed_before(built),
            "seconds": start.elapsed().as_secs_f64(),
            "manifest": manifest,
            "warnings": warnings,
        }));
    }
    println!("{}{}", out.display(), note_if_existing(built));
    print_counts(&[manifest.train, manifest.heldout], manifest.settings.pack.seq_len);
    print_left_out(manifest.left_out);
    print_duplicates(&manifest.duplicates, manifest.settings.deduplicate);
    print_read(manifest.replaced, &manifest.skipped);
    println!("  data    {}", manifest.data_hash());
    println!("  time    {:.1} s", start.elapsed().as_secs_f64());
    println!("  next    electra data inspect {}", shell_word(&out.display().to_string()));
    Ok(())
}

pub(super) fn print_counts(counts: &[SplitCounts; 2], seq_len: usize) {
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
            println!("           unknown: {}", warnings::unknown(&coverage));
            if let Some(accents) = warnings::accents(&coverage) {
                println!("           accents: {accents}");
            }
        } else {
            let share = counts.unknown as f64 / counts.text_tokens.max(1) as f64;
            println!("           unknown: {} % of the tokens", warnings::percent(share));
        }
    }
}

pub(super) fn print_left_out(left_out: u64) {
    if left_out > 0 {
        println!("  left out {} documents of --input that the held-out files have too", count(left_out));
    }
}

pub(super) fn print_duplicates(duplicates: &DuplicateCounts, told_by: Option<Deduplication>) {
    if let Some(Deduplication { threshold }) = told_by {
        println!(
            "  left out {} documents, {} bytes of text, that repeat an earlier one with a similarity of at least {threshold}",
            count(duplicates.documents),
            count(duplicates.text_bytes),
        );
    }
}

/// Prints the counts of text that was replaced or skipped while reading.
pub(super) fn print_read(replaced: u64, skipped: &Skipped) {
    if replaced > 0 {
        println!(
            "  lossy   {} sequences of bytes were not UTF-8, or halves of characters, and were replaced",
            count(replaced)
        );
    }
    if let Some(skipped) = warnings::skipped(skipped) {
        println!("  skipped {skipped}");
    }
}

pub(super) fn existed_before<M>(built: &BuildOutcome<M>) -> bool {
    matches!(built, BuildOutcome::Before(_))
}

pub(super) fn note_if_existing<M>(built: &BuildOutcome<M>) -> &'static str {
    if existed_before(built) {
        " was there already, built from the same files with the same settings"
    } else {
        ""
    }
}
