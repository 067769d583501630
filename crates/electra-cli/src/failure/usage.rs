//! Errors about the command line, which the argument parser finds.

use std::process::ExitCode;

use electra_files::shown::has_control;

use super::Failure;

/// The command line is wrong.
const USAGE: u8 = 2;

/// Prints an error about the command line, or what it asked to see, and gives the exit code.
///
/// Of words that are not UTF-8 where they have to be, the argument parser does not say which.
pub fn usage(error: clap::Error) -> ExitCode {
    if error.kind() == clap::error::ErrorKind::InvalidUtf8
        && let Some(word) = std::env::args_os().find(|word| word.to_str().is_none())
    {
        let message = format!("the argument {word:?} is not UTF-8");
        let help = "names of files and folders may have any bytes; every other word of a command is text";
        return Failure { code: USAGE, ..Failure::new(message, help) }.report();
    }
    if error.use_stderr() && std::env::args_os().any(|word| has_control(&word.to_string_lossy())) {
        // In colours the parser would quote the word as it is.
        eprintln!("{}", error.render());
        return ExitCode::from(USAGE);
    }
    error.exit()
}
