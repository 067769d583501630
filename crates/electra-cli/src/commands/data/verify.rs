//! `electra data verify`: a data folder checked, every byte.

use std::path::PathBuf;

use clap::Args;

use super::error_report::report;
use super::json::print_json;
use super::meter::{Meter, count, megabytes};

/// Recompute every hash and every count of a data folder
#[derive(Args)]
#[command(after_help = "Example:
  electra data verify data/corpus")]
pub struct VerifyCommand {
    /// The data folder
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

impl VerifyCommand {
    pub(super) fn run(self) -> miette::Result<()> {
        let mut meter = Meter::new("hashing");
        let verified = electra_text::verify::verify(&self.folder, |done, bytes| {
            meter.show(done, bytes, || format!("{} of {}", megabytes(done), megabytes(bytes)));
        })
        .map_err(report)?;
        meter.finish();
        if self.json {
            return print_json(&verified);
        }
        println!(
            "{} is intact: {} examples in {} shards, {}",
            self.folder.display(),
            count(verified.examples),
            verified.shards,
            megabytes(verified.bytes)
        );
        println!("  data       {}", verified.data_hash);
        println!("  tokenizer  {}", verified.tokenizer_hash);
        if !verified.is_sealed {
            println!(
                "  manifest   of an older program, without a hash of itself: counts of documents and names of \
                 files are taken as they stand"
            );
        }
        Ok(())
    }
}
