//! Errors on their way to the user: what happened, where, what to do, and the exit code.

pub mod of_device;
mod of_options;
mod of_system;
mod usage;

use std::error::Error;
use std::io::{self, IsTerminal};
use std::path::Path;
use std::process::ExitCode;

use electra_files::shown::{on_terminal, on_terminal_in_place};
use electra_ner::{FinetuneError, Recipe as FinetuneRecipe, SeedError, Stopped, remedy};
use electra_pretrain::TrainError;
use electra_run::recipe::{RecipeError, plain};
use electra_text::corpus::Signature;
use electra_train::RunError;
use miette::{Diagnostic, LabeledSpan, MietteDiagnostic, MietteHandlerOpts, NamedSource, Report};

use crate::output;

use of_options::help_of_options;
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
    /// Whether the help against an error of a library names options.
    names_options: bool,
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
        Self { code, report: Report::new(diagnostic), sentence: None, names_options: false }
    }

    /// An error as it is told in a situation.
    fn of(error: &(dyn Diagnostic + 'static), situation: &Situation) -> Self {
        let Explained { diagnostic, names_options } = explain_in(error, situation);
        Self { names_options, ..Self::with_code(1, diagnostic) }
    }

    /// An error of the folder that a command names by `--out`.
    pub fn of_out(error: &(dyn Diagnostic + 'static)) -> Self {
        Self::of(error, &Situation { folder: "--out", ..PLAIN })
    }

    /// An answer of the system where no file is known.
    pub fn of_system(error: io::Error) -> Self {
        Self::new(&error, help_of_system(&error))
    }

    /// A value of this program that cannot be said in JSON.
    pub fn of_json(error: serde_json::Error) -> Self {
        Self::new(error, "")
    }

    /// The same with other advice.
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        if let Some(diagnostic) = self.report.downcast_mut::<MietteDiagnostic>() {
            diagnostic.help = Some(help.into());
        }
        self
    }

    /// The same with other advice if its own names options, which not every command has.
    pub fn without_options(self, instead: impl Into<String>) -> Self {
        if self.names_options { self.with_help(instead) } else { self }
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

impl<E: Diagnostic + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::of(&error, &PLAIN)
    }
}

/// What surrounds an error: what is said of it in the words of a command.
struct Situation {
    /// What goes on when there is room again on a full disk.
    on_full_disk: &'static str,
    /// The option that names the folder of a run.
    folder: &'static str,
}

const PLAIN: Situation = Situation {
    on_full_disk: "the disk is full: make room, then give the same command again",
    folder: "--run",
};

/// Of what goes on where it stood.
const RUN: Situation = Situation {
    on_full_disk: "the disk is full: make room, then the same command goes on from the last checkpoint",
    folder: "--run",
};

/// Its run folders are below `--out`.
const FINETUNING: Situation = Situation { folder: "--out", ..RUN };

/// What is wrong, with its causes, and what to do as help.
pub fn explain(error: &(dyn Diagnostic + 'static)) -> MietteDiagnostic {
    explain_in(error, &PLAIN).diagnostic
}

/// What is shown of an error.
struct Explained {
    diagnostic: MietteDiagnostic,
    /// Whether the help names options.
    names_options: bool,
}

fn explain_in(error: &(dyn Diagnostic + 'static), situation: &Situation) -> Explained {
    let message = match (error as &(dyn Error + 'static)).downcast_ref() {
        Some(error) => of_device::told(error).0,
        None => error.to_string(),
    };
    let mut diagnostic = MietteDiagnostic::new(message);
    let mut names_options = false;
    let mut of_system = None;
    // An error of ours is the cause of another in both ways of asking for it; below the last of ours
    // are those of the system and of other libraries.
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    let mut ours: Option<&dyn Diagnostic> = Some(error);
    while let Some(error) = cause {
        // The outer one knows more of what was wanted.
        if diagnostic.help.is_none() {
            let of_options = help_of_options(error, situation.folder);
            names_options = of_options.is_some();
            diagnostic.help = of_options.or_else(|| ours?.help().map(|help| help.to_string()));
        }
        if let Some(error) = error.downcast_ref::<io::Error>() {
            if error.kind() == io::ErrorKind::StorageFull {
                diagnostic.help = Some(situation.on_full_disk.to_owned());
                names_options = false;
            }
            of_system = Some(help_of_system(error));
        }
        cause = error.source();
        // Most messages quote their cause.
        if let Some(text) = cause.map(ToString::to_string).filter(|text| !diagnostic.message.contains(text)) {
            diagnostic.message = format!("{}: {text}", diagnostic.message);
        }
        ours = ours.and_then(Diagnostic::diagnostic_source);
    }
    diagnostic.message = plain(&diagnostic.message);
    diagnostic.help = diagnostic.help.or(of_system.map(str::to_owned));
    Explained { diagnostic, names_options }
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
    Failure { code: 1, report, sentence, names_options: false }
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
    Failure { code: 1, report, sentence: None, names_options: false }
}

/// What to do where no checkpoint is intact.
fn help_of_lost(situation: &Situation) -> String {
    format!("restore a checkpoint from a backup, or start anew in another folder with {}", situation.folder)
}

/// An error of a training run.
pub fn training(error: TrainError) -> Failure {
    match &error {
        TrainError::Run(RunError::Diverged(_)) => {
            Failure { code: DIVERGED, ..Failure::of(&error, &RUN).with_help(DIVERGENCE_REMEDY) }
        }
        TrainError::Run(RunError::Lost { .. }) => Failure::of(&error, &RUN).with_help(help_of_lost(&RUN)),
        _ => Failure::of(&error, &RUN),
    }
}

/// An error of fine-tuning.
pub fn finetuning(error: SeedError, recipe: &FinetuneRecipe) -> Failure {
    let of_seed = |help| Failure::of(&error, &FINETUNING).with_help(help);
    match &error.source {
        FinetuneError::Collapsed(_) => {
            Failure { code: DIVERGED, ..of_seed(remedy(Stopped::Collapsed, recipe)) }
        }
        FinetuneError::Run(RunError::Diverged(_)) => {
            let help = format!("{}; name the new folder with --out", remedy(Stopped::Diverged, recipe));
            Failure { code: DIVERGED, ..of_seed(help) }
        }
        FinetuneError::Run(RunError::Lost { .. }) => of_seed(help_of_lost(&FINETUNING)),
        // The number of a seed says something only where other seeds may fare better.
        _ if error.source.is_of_one_seed() => Failure::of(&error, &FINETUNING),
        _ => Failure::of(&error.source, &FINETUNING),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use electra_annotations::ReadError;
    use electra_ner::FolderError;
    use electra_run::checkpoint::CheckpointError;
    use electra_run::run_folder::RunFolderError;
    use electra_text::build::BuildError;
    use electra_text::corpus::CorpusError;
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

    impl Diagnostic for Outer {
        fn diagnostic_source(&self) -> Option<&dyn Diagnostic> {
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
            let what = source.to_string();
            let diagnostic = explain(&SeedError { seed: 1, source });
            let help = diagnostic.help.clone().unwrap();
            assert_eq!(diagnostic.message, format!("seed 1: {what}"));
            assert!(!help.is_empty() && !diagnostic.message.contains(&help), "{diagnostic:?}");
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
    fn a_folder_is_named_as_it_is_by_the_option_of_the_command() {
        let path = PathBuf::from("my--run/seed-1");
        let error = RunFolderError::Different { path, what: "another recipe".to_owned() };
        let failure = finetuning(SeedError { seed: 1, source: RunError::from(error).into() });
        assert_eq!(
            failure.in_one_line(),
            "my--run/seed-1 holds a run with another recipe: give another folder with --out, or go back to what \
             this one was started with"
        );
        let training = training(RunError::from(different()).into()).in_one_line();
        assert!(training.contains("another folder with --run"), "{training}");
    }

    #[test]
    fn an_error_of_an_error_is_known_by_its_variant() {
        let inner = || CorpusError::LongRecord { path: "a".into(), line: 1, limit: 9 };
        let expected = explain(&inner());
        assert!(expected.help.as_ref().is_some_and(|help| help.contains("--skip-bad-records")));
        assert_eq!(explain(&BuildError::from(inner())), expected);
        assert_eq!(explain(&ReadError::from(inner())), expected);
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
    fn a_full_disk_is_told_where_no_other_folder_can_be_named() {
        let io = |kind: io::ErrorKind| RunFolderError::Io { path: "out".into(), source: kind.into() };
        let told = |kind| Failure::of(&io(kind), &RUN).without_options("another").in_one_line();
        assert!(told(io::ErrorKind::StorageFull).contains("the disk is full: make room"));
        assert!(told(io::ErrorKind::PermissionDenied).ends_with(": another"));
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
            assert!(Failure::of_system(kind.into()).report.help().is_some(), "{kind}");
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
