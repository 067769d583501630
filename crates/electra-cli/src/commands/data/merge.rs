//! `electra data merge`: parts of a data folder, joined.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use electra_text::build;

use super::error_report::report;
use super::json::named_in_json;
use super::meter::Meter;
use super::output::OutputArguments;
use super::summary::print_data;

/// Join parts built with `data build --part i/n`
#[derive(Args)]
#[command(after_help = "Example:
  electra data merge parts/1 parts/2 parts/3 parts/4 --out data/corpus")]
pub struct MergeCommand {
    /// The folders of all parts, in any order
    #[arg(required = true, value_name = "PARTS")]
    parts: Vec<PathBuf>,
    #[command(flatten)]
    output: OutputArguments,
}

impl MergeCommand {
    pub(super) fn run(self) -> miette::Result<()> {
        let start = Instant::now();
        named_in_json(self.output.json, &self.output.out)?;
        let mut meter = Meter::new("joining blocks");
        let built = build::merge(&self.parts, &self.output.out, self.output.force, |done, blocks| {
            meter.show(done, blocks, || format!("block {done} of {blocks}"));
        })
        .map_err(report)?;
        meter.finish();
        print_data(&built, &self.output.out, start, self.output.json)
    }
}
