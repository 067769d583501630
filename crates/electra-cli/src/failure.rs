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

    /// The same with what it is about in front.
    pub fn about(mut self, what: &str) -> Self {
        if let Some(diagnostic) = self.report.downcast_mut::<MietteDiagnostic>() {
            diagnostic.message = format!("{what}: {}", diagnostic.message);
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
    explain_with(error, "the disk is full: make room, then give the same command again")
}

/// [`explain`] for what goes on where it stood.
fn explain_run(error: &dyn Error) -> MietteDiagnostic {
    explain_with(error, "the disk is full: make room, then the same command goes on from the last checkpoint")
}

fn explain_with(error: &dyn Error, on_full_disk: &str) -> MietteDiagnostic {
    // Some messages quote their cause, remedy and all: what was said is compared before it is cut.
    let mut said = error.to_string();
    let (message, remedy) = split_remedy(&said);
    let (mut message, mut help) = (message.to_owned(), remedy.map(str::to_owned));
    let mut source = error.source();
    while let Some(cause) = source {
        let text = cause.to_string();
        if !said.contains(&text) {
            let (what, remedy) = split_remedy(&text);
            message = format!("{message}: {what}");
            // The outer one knows more of what was wanted.
            help = help.or(remedy.map(str::to_owned));
            said = format!("{said}: {text}");
        }
        if cause.downcast_ref().is_some_and(|e: &io::Error| e.kind() == io::ErrorKind::StorageFull) {
            help = Some(on_full_disk.to_owned());
        }
        source = cause.source();
    }
    let diagnostic = MietteDiagnostic::new(message);
    match help {
        Some(help) => diagnostic.with_help(help),
        None => diagnostic,
    }
}

/// What is wrong, and what to do about it.
fn split_remedy(text: &str) -> (&str, Option<&str>) {
    text.rsplit_once("; ").map_or((text, None), |(message, remedy)| (message, Some(remedy)))
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
        _ => Failure::with_code(1, explain_run(&error)),
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
            // The number of a seed says something only where other seeds may fare better.
            let error: &dyn Error = if error.source.is_of_one_seed() { &error } else { &error.source };
            let mut diagnostic = explain_run(error);
            for text in [Some(&mut diagnostic.message), diagnostic.help.as_mut()].into_iter().flatten() {
                *text = text.replace("--run", "--out");
            }
            Failure::with_code(1, diagnostic)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use electra_ner::FolderError;
    use electra_run::checkpoint::CheckpointError;
    use electra_run::run_folder::RunFolderError;

    use super::*;

    /// An error that leaves its cause to those who ask for it.
    #[derive(Debug)]
    struct Outer(RunFolderError);

    impl std::fmt::Display for Outer {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("the run was not begun")
        }
    }

    impl Error for Outer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }

    fn different() -> RunFolderError {
        RunFolderError::Different { path: PathBuf::from("out/seed-1"), what: "another recipe".to_owned() }
    }

    fn full(path: &str) -> FinetuneError {
        let source = io::Error::from(io::ErrorKind::StorageFull);
        CheckpointError::Save { step: 7, path: path.into(), source }.into()
    }

    fn parts(diagnostic: &MietteDiagnostic) -> (&str, &str) {
        (&diagnostic.message, diagnostic.help.as_deref().unwrap_or_default())
    }

    #[test]
    fn every_sentence_of_an_error_is_told_once() {
        let errors = [
            FinetuneError::from(different()),
            FinetuneError::from(FolderError::Window { path: "run".into(), window: 128, positions: 64 }),
            full("out/seed-1/checkpoints"),
        ];
        for source in errors {
            let told = source.to_string();
            let (what, remedy) = told.rsplit_once("; ").unwrap();
            let diagnostic = explain(&SeedError { seed: 1, source });
            let whole = format!("{} {}", diagnostic.message, diagnostic.help.clone().unwrap());
            assert_eq!(diagnostic.message, format!("seed 1: {what}"));
            assert_eq!(whole.matches(what).count(), 1, "{whole}");
            // That of a full disk is another one.
            assert!(whole.matches(remedy).count() <= 1, "{whole}");
        }
    }

    #[test]
    fn the_remedy_of_a_cause_is_help_and_not_a_part_of_the_message() {
        let diagnostic = explain(&Outer(different()));
        assert_eq!(
            parts(&diagnostic),
            (
                "the run was not begun: out/seed-1 holds a run with another recipe",
                "give another folder with --run, or go back to what this one was started with"
            )
        );
    }

    #[test]
    fn only_a_run_goes_on_from_its_last_checkpoint_when_the_disk_is_full() {
        let error = full("out");
        assert!(explain(&error).help.unwrap().ends_with("then give the same command again"));
        let failure = finetuning(SeedError { seed: 1, source: error });
        assert!(
            failure.in_one_line().ends_with("goes on from the last checkpoint"),
            "{}",
            failure.in_one_line()
        );
    }

    #[test]
    fn what_all_seeds_have_in_common_is_not_told_of_one() {
        let failure = |source: FinetuneError| finetuning(SeedError { seed: 1, source }).in_one_line();
        let shared = failure(different().into());
        assert!(shared.starts_with("out/seed-1 holds") && shared.contains("--out"), "{shared}");
        assert!(failure(full("out")).starts_with("seed 1: the checkpoint"));
    }
}
