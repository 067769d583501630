//! The number of threads of a data command.

use electra_text::in_order::{MAX_THREADS, available_threads};

use super::error_report::advice;

/// The number of threads that was asked for, or all.
pub(super) fn threads(asked: Option<usize>) -> miette::Result<usize> {
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
