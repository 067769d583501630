//! Errors on their way to the user: what happened, where, what to do, and the exit code.

use std::process::ExitCode;

use electra_pretrain::train::DIVERGENCE_REMEDY;
use electra_pretrain::TrainError;
use electra_run::recipe::RecipeError;
use miette::{LabeledSpan, MietteDiagnostic, NamedSource, Report};

/// Training diverged.
pub const DIVERGED: u8 = 4;
/// Interrupted; the same command goes on (`EX_TEMPFAIL` of `sysexits.h`).
pub const INTERRUPTED: u8 = 75;

/// An error with its exit code.
pub struct Failure {
    code: u8,
    report: Report,
}

impl Failure {
    /// An error with advice.
    pub fn new(error: impl std::fmt::Display, help: impl Into<String>) -> Self {
        Self::with_code(1, MietteDiagnostic::new(error.to_string()).with_help(help))
    }

    fn with_code(code: u8, diagnostic: MietteDiagnostic) -> Self {
        Self { code, report: Report::new(diagnostic) }
    }

    /// Prints it and returns the exit code.
    pub fn report(self) -> ExitCode {
        eprintln!("{:?}", self.report);
        ExitCode::from(self.code)
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::with_code(1, MietteDiagnostic::new(error.to_string()))
    }
}

/// A recipe error with the caret under its culprit.
pub fn recipe(error: RecipeError) -> Failure {
    let mut diagnostic = MietteDiagnostic::new(error.message.clone());
    diagnostic.help = error.help.clone();
    let report = match (&error.source_text, &error.span) {
        (Some(text), Some(span)) => {
            diagnostic = diagnostic.with_label(LabeledSpan::at(span.clone(), "here"));
            Report::new(diagnostic).with_source_code(NamedSource::new(&error.path, text.clone()))
        }
        _ => Report::new(MietteDiagnostic { message: format!("{}: {}", error.path, error.message), ..diagnostic }),
    };
    Failure { code: 1, report }
}

/// An error of the data commands.
pub fn data(report: Report) -> Failure {
    Failure { code: 1, report }
}

/// An error of a training run.
pub fn training(error: TrainError) -> Failure {
    let diagnostic = MietteDiagnostic::new(error.to_string());
    match error {
        TrainError::Diverged(_) => Failure::with_code(DIVERGED, diagnostic.with_help(DIVERGENCE_REMEDY)),
        TrainError::Mismatch { key, help, .. } => {
            Failure::with_code(1, diagnostic.with_help(format!("{help} (recipe key: {key})")))
        }
        TrainError::Lost { .. } => Failure::with_code(
            1,
            diagnostic.with_help("restore a checkpoint from a backup, or start anew in another folder with --run"),
        ),
        TrainError::Data(_) => Failure::with_code(
            1,
            diagnostic.with_help("`electra data build --help` shows how the folder named by data.path is made"),
        ),
        _ => Failure::with_code(1, diagnostic),
    }
}
