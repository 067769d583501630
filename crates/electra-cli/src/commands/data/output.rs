//! Arguments about what a data command writes and prints.

use std::path::PathBuf;

use clap::Args;

/// Where the result goes.
#[derive(Args)]
pub(super) struct OutputArguments {
    /// Folder to write
    #[arg(long, value_name = "DIR")]
    pub(super) out: PathBuf,
    /// Replace another result of this command in --out
    #[arg(long)]
    pub(super) force: bool,
    /// Print what was made as JSON
    #[arg(long)]
    pub(super) json: bool,
}
