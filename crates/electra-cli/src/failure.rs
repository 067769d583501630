//! Errors on their way to the user: what happened, where, what to do, and the exit code.

use std::error::Error;
use std::io;
use std::process::ExitCode;

use electra_ner::dead_run;
use electra_ner::finetune::{self, FinetuneError};
use electra_ner::seeds::SeedError;
use electra_pretrain::TrainError;
use electra_pretrain::data::RecipeDataError;
use electra_pretrain::train::DIVERGENCE_REMEDY;
use electra_run::recipe::RecipeError;
use miette::{LabeledSpan, MietteDiagnostic, MietteHandlerOpts, NamedSource, Report};

/// Training diverged.
pub const DIVERGED: u8 = 4;
/// Interrupted; the same command goes on (`EX_TEMPFAIL` of `sysexits.h`).
pub const INTERRUPTED: u8 = 75;

/// An error with its exit code.
pub struct Failure {
    code: u8,
    report: Report,
}

/// Chooses how errors look. Paths, hashes and commands stay in one piece, to be copied.
pub fn choose_look() {
    // Nobody has chosen before.
    let _ = miette::set_hook(Box::new(|_| Box::new(MietteHandlerOpts::new().wrap_lines(false).build())));
}

impl Failure {
    /// An error with advice.
    pub fn new(error: impl std::fmt::Display, help: impl Into<String>) -> Self {
        let mut diagnostic = MietteDiagnostic::new(error.to_string());
        diagnostic.help = Some(help.into()).filter(|help: &String| !help.is_empty());
        Self::with_code(1, diagnostic)
    }

    fn with_code(code: u8, diagnostic: MietteDiagnostic) -> Self {
        Self { code, report: Report::new(diagnostic) }
    }

    /// The same with what `change` makes of its advice, if it has any.
    pub fn with_help_changed(mut self, change: impl FnOnce(String) -> String) -> Self {
        if let Some(diagnostic) = self.report.downcast_mut::<MietteDiagnostic>() {
            diagnostic.help = diagnostic.help.take().map(change);
        }
        self
    }

    /// What is wrong and what to do, without colours and frames.
    pub fn in_one_line(&self) -> String {
        match self.report.help() {
            Some(help) => format!("{}: {help}", self.report),
            None => self.report.to_string(),
        }
    }

    /// Whether training went out of bounds.
    pub fn is_divergence(&self) -> bool {
        self.code == DIVERGED
    }

    /// Prints it and returns the exit code.
    pub fn report(self) -> ExitCode {
        eprintln!("{:?}", self.report);
        ExitCode::from(self.code)
    }
}

impl<E: Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::with_code(1, explain(&error))
    }
}

/// What is wrong, with its causes, and what to do as help.
///
/// The messages of the libraries say what is wrong first, and after their last semicolon what to
/// do about it.
pub fn explain(error: &dyn Error) -> MietteDiagnostic {
    let mut message = error.to_string();
    let mut help = message.rfind("; ").map(|at| message.split_off(at)[2..].to_owned());
    let mut source = error.source();
    while let Some(cause) = source {
        // Some messages quote their cause.
        if !message.contains(&cause.to_string()) {
            message = format!("{message}: {cause}");
        }
        if cause.downcast_ref().is_some_and(|e: &io::Error| e.kind() == io::ErrorKind::StorageFull) {
            help = Some(
                "the disk is full: make room, then the same command goes on from the last checkpoint".into(),
            );
        }
        source = cause.source();
    }
    let diagnostic = MietteDiagnostic::new(message);
    match help {
        Some(help) => diagnostic.with_help(help),
        None => diagnostic,
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
        _ => Report::new(MietteDiagnostic {
            message: format!("{}: {}", error.path, error.message),
            ..diagnostic
        }),
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
    match &error {
        TrainError::Diverged(_) => Failure::with_code(DIVERGED, diagnostic.with_help(DIVERGENCE_REMEDY)),
        TrainError::Data(RecipeDataError::Mismatch { key, help, .. }) => {
            Failure::with_code(1, diagnostic.with_help(format!("{help} (recipe key: {key})")))
        }
        TrainError::Lost { .. } => Failure::with_code(
            1,
            diagnostic
                .with_help("restore a checkpoint from a backup, or start anew in another folder with --run"),
        ),
        _ => Failure::with_code(1, explain(&error)),
    }
}

/// An error of fine-tuning. Its run folders are below `--out`.
pub fn finetuning(error: SeedError) -> Failure {
    let diagnostic = MietteDiagnostic::new(error.to_string());
    match &error.source {
        FinetuneError::Dead(_) => Failure::with_code(DIVERGED, diagnostic.with_help(dead_run::REMEDY)),
        FinetuneError::Diverged(_) => {
            Failure::with_code(DIVERGED, diagnostic.with_help(finetune::DIVERGENCE_REMEDY))
        }
        FinetuneError::Lost { .. } => Failure::with_code(
            1,
            diagnostic
                .with_help("restore a checkpoint from a backup, or start anew in another folder with --out"),
        ),
        _ => {
            let mut diagnostic = explain(&error);
            for text in [Some(&mut diagnostic.message), diagnostic.help.as_mut()].into_iter().flatten() {
                *text = text.replace("--run", "--out");
            }
            Failure::with_code(1, diagnostic)
        }
    }
}
