//! Errors about the command line, which the argument parser finds.

use std::ffi::OsStr;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use electra_files::shown::has_control;

use super::Failure;

/// The command line is wrong.
const USAGE: u8 = 2;

/// Words that other programs have for a command, and the commands that are meant.
const SYNONYMS: [(&str, &[&str]); 9] = [
    ("train", &["pretrain", "finetune ner"]),
    ("tag", &["predict"]),
    ("infer", &["predict", "detect"]),
    ("test", &["eval ner", "eval detection"]),
    ("score", &["eval ner", "eval detection"]),
    ("validate", &["check ner", "data verify"]),
    ("tokenize", &["data tokenizer", "data build"]),
    ("build", &["data build"]),
    ("benchmark", &["bench step", "bench ner"]),
];

/// Suggests the commands that a first word which is none may stand for. The argument parser knows words that
/// are written alike, not words that mean the same.
fn suggest(error: &mut clap::Error, first: Option<&OsStr>) {
    if error.kind() != ErrorKind::InvalidSubcommand {
        return;
    }
    if let Some((_, meant)) = SYNONYMS.iter().find(|(word, _)| first == Some(OsStr::new(word))) {
        let meant = meant.iter().map(ToString::to_string).collect();
        error.insert(ContextKind::SuggestedSubcommand, ContextValue::Strings(meant));
    }
}

/// Prints an error about the command line, or what it asked to see, and gives the exit code.
///
/// Of words that are not UTF-8 where they have to be, the argument parser does not say which.
pub fn usage(mut error: clap::Error) -> ExitCode {
    suggest(&mut error, std::env::args_os().nth(1).as_deref());
    if error.kind() == ErrorKind::InvalidUtf8
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
