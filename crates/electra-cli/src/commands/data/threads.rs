//! The number of threads of a data command.

use clap::Args;
use electra_text::map_in_order::{MAX_THREADS, available_threads};

use super::error_report::advice;

/// How many threads were asked for.
#[derive(Args)]
pub(super) struct ThreadsArgument {
    /// Threads; no influence on the result [default: all]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
}

impl ThreadsArgument {
    /// The number of threads that was asked for, or all.
    pub(super) fn number(&self) -> miette::Result<usize> {
        match self.threads {
            None => Ok(available_threads()),
            Some(threads) if (1..=MAX_THREADS).contains(&threads) => Ok(threads),
            Some(threads) => {
                let help = format!(
                    "give at least 1 and at most {MAX_THREADS}; more than there are cores are slower"
                );
                Err(advice(format!("--threads {threads}"), &help))
            }
        }
    }
}
