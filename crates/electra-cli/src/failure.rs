//! Errors on their way to the user: what happened, where, what to do, and the exit code.

pub mod of_device;
mod of_system;
mod usage;

use std::error::Error;
use std::io::{self, IsTerminal};
use std::path::Path;
use std::process::ExitCode;

use electra_files::shown::{on_terminal, on_terminal_in_place};
use electra_ner::{FinetuneError, Recipe as FinetuneRecipe, SeedError, Stopped, remedy};
use electra_pretrain::TrainError;
use electra_pretrain::data::RecipeDataError;
use electra_run::recipe::{RecipeError, plain};
use electra_text::corpus::Signature;
use electra_train::RunError;
use miette::{LabeledSpan, MietteDiagnostic, MietteHandlerOpts, NamedSource, Report};

use crate::output;

use of_system::help_of_system;
pub use usage::usage;

/// Training diverged.
pub const DIVERGED: u8 = 4;
/// Interrupted; the same command goes on (`EX_TEMPFAIL` of `sysexits.h`).
pub const INTERRUPTED: u8 = 75;

/// What to do about a diverged pretraining.
const DIVERGENCE_REMEDY: &str = "lower schedule.learning_rate (half of it is a good try) or lengthen \
    schedule.warmup_steps, and start in a new folder with --run; with 16-bit precision, try train.precision = \"f32\" first";

/// An error with its exit code.
pub struct Failure {
    code: u8,
    report: Report,
    /// Where it is and what is wrong, if the report shows the place in a picture alone.
    sentence: Option<String>,
}

/// Chooses how errors look. Paths, hashes and commands stay in one piece, to be copied.
pub fn choose_look() {
    // Nobody has chosen before.
    let _ = miette::set_hook(Box::new(|_| {
        let look = MietteHandlerOpts::new().wrap_lines(false);
        let look = match output::has_colours(io::stderr().is_terminal()) {
            true => look,
            false => look.color(false).terminal_links(false),
        };
        // What cannot place a cursor need not know box drawing characters either.
        let look = if output::is_dumb() { look.unicode(false) } else { look };
        Box::new(look.build())
    }));
}

impl Failure {
    /// An error with advice.
    pub fn new(error: impl std::fmt::Display, help: impl Into<String>) -> Self {
        let mut diagnostic = MietteDiagnostic::new(plain(&error.to_string()));
        diagnostic.help = Some(help.into()).filter(|help: &String| !help.is_empty());
        Self::with_code(1, diagnostic)
    }

    /// A file or folder that the system does not let us `action` ("read", "write", "remove").
    pub fn of_file(action: &str, path: &Path, error: &io::Error) -> Self {
        let help = match (action, error.kind()) {
            ("write" | "create", io::ErrorKind::NotFound) => "the folder that it is to lie in has to exist",
            _ => help_of_system(error),
        };
        Self::new(format!("cannot {action} {}: {error}", path.display()), help)
    }

    fn with_code(code: u8, diagnostic: MietteDiagnostic) -> Self {
        Self { code, report: Report::new(diagnostic), sentence: None }
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
        let sentence = self.sentence.clone().unwrap_or_else(|| self.report.to_string());
        match self.report.help() {
            Some(help) => format!("{sentence}: {help}"),
            None => sentence,
        }
    }

    /// Whether training went out of bounds.
    pub fn is_divergence(&self) -> bool {
        self.code == DIVERGED
    }

    /// For commands whose errors are reports.
    pub fn into_report(self) -> Report {
        self.report
    }

    /// Prints it and returns the exit code. What it quotes, the name of a file or a line of it, may
    /// hold control characters, which are shown and not sent; the colours are the report's own.
    pub fn report(mut self) -> ExitCode {
        if let Some(diagnostic) = self.report.downcast_mut::<MietteDiagnostic>() {
            diagnostic.message = on_terminal(&diagnostic.message).into_owned();
            diagnostic.help = diagnostic.help.take().map(|help| on_terminal(&help).into_owned());
        }
        output::coloured_err(&format!("{:?}", self.report));
        ExitCode::from(self.code)
    }
}

impl<E: Error + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        match (&error as &(dyn Error + 'static)).downcast_ref() {
            Some(error) => {
                let (message, help) = of_device::told(error);
                Self::new(message, help)
            }
            None => Self::with_code(1, explain(&error)),
        }
    }
}

/// What is wrong, with its causes, and what to do as help.
///
/// The messages of the libraries say what is wrong first, and after their last semicolon what to
/// do about it.
pub fn explain(error: &(dyn Error + 'static)) -> MietteDiagnostic {
    explain_with(error, "the disk is full: make room, then give the same command again")
}

/// [`explain`] for what goes on where it stood.
fn explain_run(error: &(dyn Error + 'static)) -> MietteDiagnostic {
    explain_with(error, "the disk is full: make room, then the same command goes on from the last checkpoint")
}

fn explain_with(error: &(dyn Error + 'static), on_full_disk: &str) -> MietteDiagnostic {
    // Some messages quote their cause, remedy and all: what was said is compared before it is cut.
    let mut said = error.to_string();
    let (message, remedy) = split_remedy(&said);
    let (mut message, mut help) = (message.to_owned(), remedy.map(str::to_owned));
    let mut of_system = error.downcast_ref().map(help_of_system);
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
        if let Some(cause) = cause.downcast_ref::<io::Error>() {
            if cause.kind() == io::ErrorKind::StorageFull {
                help = Some(on_full_disk.to_owned());
            }
            of_system = Some(help_of_system(cause));
        }
        source = cause.source();
    }
    let mut diagnostic = MietteDiagnostic::new(plain(&message));
    diagnostic.help = help.or(of_system.map(str::to_owned));
    diagnostic
}

/// What is wrong, and what to do about it.
fn split_remedy(text: &str) -> (&str, Option<&str>) {
    text.rsplit_once("; ").map_or((text, None), |(message, remedy)| (message, Some(remedy)))
}

/// A recipe error with the caret under its culprit.
pub fn recipe(error: RecipeError) -> Failure {
    let sentence = Some(error.to_string());
    // What is shown beside a picture of the place cannot be changed afterwards.
    let mut diagnostic = MietteDiagnostic::new(on_terminal(&error.message));
    diagnostic.help = error.help.as_ref().map(|help| on_terminal(help).into_owned());
    let report = match (&error.source_text, &error.span) {
        (Some(text), Some(span)) => {
            // An override is shown as it was typed: it has a place on the command line and no file.
            let (name, before) = match error.path.as_str() {
                "--set" => ("command line", "--set "),
                path => (path, ""),
            };
            let span = span.start + before.len()..span.end + before.len();
            diagnostic = diagnostic.with_label(LabeledSpan::at(span, "here"));
            Report::new(diagnostic).with_source_code(source(name, &format!("{before}{text}")))
        }
        _ => Report::new(MietteDiagnostic {
            message: format!("{}: {}", error.path, error.message),
            ..diagnostic
        }),
    };
    Failure { code: 1, report, sentence }
}

/// A text with its name, of which no place moves.
fn source(name: &str, text: &str) -> NamedSource<String> {
    NamedSource::new(on_terminal(name), on_terminal_in_place(text))
}

/// A path as text, where it goes into `what`, which holds text alone.
pub fn utf8<'a>(path: &'a Path, what: &str) -> Result<&'a str, Failure> {
    path.to_str().ok_or_else(|| {
        let message = format!("the path {path:?} is not UTF-8, and it would be written into {what}");
        Failure::new(message, "give another name, or rename the file or folder")
    })
}

/// Something else where text was expected.
pub fn no_text(name: &str, found: &Signature) -> Failure {
    Failure::new(format!("{name} is {}, and text was expected", found.kind), found.remedy)
}

/// An error of the data commands.
pub fn data(report: Report) -> Failure {
    Failure { code: 1, report, sentence: None }
}

/// An error of a training run.
pub fn training(error: TrainError) -> Failure {
    let diagnostic = MietteDiagnostic::new(plain(&error.to_string()));
    match &error {
        TrainError::Run(RunError::Diverged(_)) => {
            Failure::with_code(DIVERGED, diagnostic.with_help(DIVERGENCE_REMEDY))
        }
        TrainError::Data(RecipeDataError::Mismatch { key, help, .. }) => {
            Failure::with_code(1, diagnostic.with_help(format!("{help} (recipe key: {key})")))
        }
        TrainError::Run(RunError::Lost { .. }) => Failure::with_code(
            1,
            diagnostic
                .with_help("restore a checkpoint from a backup, or start anew in another folder with --run"),
        ),
        _ => Failure::with_code(1, explain_run(&error)),
    }
}

/// An error of fine-tuning. Its run folders are below `--out`.
pub fn finetuning(error: SeedError, recipe: &FinetuneRecipe) -> Failure {
    let diagnostic = MietteDiagnostic::new(plain(&error.to_string()));
    match &error.source {
        FinetuneError::Collapsed(_) => {
            Failure::with_code(DIVERGED, diagnostic.with_help(remedy(Stopped::Collapsed, recipe)))
        }
        FinetuneError::Run(RunError::Diverged(_)) => {
            let help = format!("{}; name the new folder with --out", remedy(Stopped::Diverged, recipe));
            Failure::with_code(DIVERGED, diagnostic.with_help(help))
        }
        FinetuneError::Run(RunError::Lost { .. }) => Failure::with_code(
            1,
            diagnostic
                .with_help("restore a checkpoint from a backup, or start anew in another folder with --out"),
        ),
        _ => {
            // The number of a seed says something only where other seeds may fare better.
            let error: &(dyn Error + 'static) =
                if error.source.is_of_one_seed() { &error } else { &error.source };
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
    use electra_train::encoder_init::InitError;

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

    fn finetuning(error: SeedError) -> Failure {
        let recipe = FinetuneRecipe::load(None, &[]).unwrap();
        super::finetuning(error, &recipe.value)
    }

    fn different() -> RunFolderError {
        RunFolderError::Different { path: PathBuf::from("out/seed-1"), what: "another recipe".to_owned() }
    }

    fn full(path: &str) -> FinetuneError {
        let source = io::Error::from(io::ErrorKind::StorageFull);
        RunError::from(CheckpointError::Save { step: 7, path: path.into(), source }).into()
    }

    fn parts(diagnostic: &MietteDiagnostic) -> (&str, &str) {
        (&diagnostic.message, diagnostic.help.as_deref().unwrap_or_default())
    }

    #[test]
    fn every_sentence_of_an_error_is_told_once() {
        let errors = [
            FinetuneError::from(RunError::from(different())),
            FinetuneError::from(FolderError::from(InitError::Length {
                path: "run".into(),
                length: 128,
                positions: 64,
            })),
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
    fn an_answer_of_the_system_comes_with_what_to_do() {
        use io::ErrorKind as E;
        for kind in [
            E::NotFound,
            E::PermissionDenied,
            E::ReadOnlyFilesystem,
            E::IsADirectory,
            E::NotADirectory,
            E::StorageFull,
            E::FileTooLarge,
            E::OutOfMemory,
            E::WouldBlock,
            E::InvalidData,
            E::Other,
        ] {
            let error = FolderError::Read { path: "a".into(), source: kind.into() };
            let diagnostic = explain(&error);
            assert!(diagnostic.help.is_some_and(|help| !help.is_empty()), "{kind}");
            assert!(explain(&io::Error::from(kind)).help.is_some(), "{kind}");
        }
        let error = FolderError::Write { path: "a".into(), source: E::ReadOnlyFilesystem.into() };
        assert!(parts(&explain(&error)).1.contains("can only be read: give a folder"));
    }

    #[test]
    fn an_override_is_shown_as_it_was_typed_and_a_file_by_its_name() {
        let set = |text: &str| {
            let error = electra_ner::Recipe::load(None, &[text.to_owned()]).unwrap_err();
            recipe(error)
        };
        let failure = set("train.epochs=0");
        assert!(failure.in_one_line().starts_with("--set train.epochs=0: `train.epochs` is 0: "));
        let shown = format!("{:?}", failure.report);
        assert!(shown.contains("command line:1:20") && shown.contains("--set train.epochs=0"), "{shown}");
        assert!(!shown.contains("--set:1"), "{shown}");
    }

    #[test]
    fn what_all_seeds_have_in_common_is_not_told_of_one() {
        let failure = |source: FinetuneError| finetuning(SeedError { seed: 1, source }).in_one_line();
        let shared = failure(RunError::from(different()).into());
        assert!(shared.starts_with("out/seed-1 holds") && shared.contains("--out"), "{shared}");
        assert!(failure(full("out")).starts_with("seed 1: the checkpoint"));
    }
}
