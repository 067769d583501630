//! Errors on their way to the user: what happened, where, what to do, and the exit code.

pub mod of_device;
mod of_options;
mod of_recipe;
mod of_system;
mod usage;

use std::error::Error;
use std::io::{self, IsTerminal};
use std::path::Path;
use std::process::ExitCode;

use electra_files::shown::on_terminal;
use electra_files::staged::StagedError;
use electra_ner::{FinetuneError, FoldError, Recipe as FinetuneRecipe, SeedError, Stopped, remedy};
use electra_pretrain::TrainError;
use electra_ranks::RankError;
use electra_run::recipe::plain;
use electra_text::corpus::Signature;
use electra_train::RunError;
use miette::{Diagnostic, MietteDiagnostic, MietteHandlerOpts, Report};

use crate::output;

use of_options::help_of_options;
pub use of_recipe::{recipe, recipe_changed_by};
use of_system::help_of_system;
pub use usage::usage;

/// Training diverged.
pub const DIVERGED: u8 = 4;
/// Interrupted; the same command goes on (`EX_TEMPFAIL` of `sysexits.h`).
pub const INTERRUPTED: u8 = 75;

/// The advice for a diverged pretraining.
const DIVERGENCE_REMEDY: &str = "lower schedule.learning_rate (half of it is a good try) or lengthen \
    schedule.warmup_steps, and start in a new folder with --run; with 16-bit precision, try train.precision = \"f32\" first";

/// An error with its exit code.
pub struct Failure {
    code: u8,
    report: Report,
    /// The place and the fault in one sentence, if the report shows the place in a picture alone.
    sentence: Option<String>,
    /// Whether the help against an error of a library names options.
    names_options: bool,
    /// Whether another process that trained with this one has ended.
    is_of_lost_rank: bool,
}

/// Chooses how errors look. Paths, hashes and commands stay in one piece, to be copied.
pub fn set_error_style() {
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
        let of_error = help_of_io(error);
        let help = match (action, error.kind()) {
            ("write" | "create", io::ErrorKind::NotFound) => "the folder that it is to lie in has to exist",
            _ => &of_error,
        };
        Self::new(format!("cannot {action} {}: {error}", path.display()), help)
    }

    fn with_code(code: u8, diagnostic: MietteDiagnostic) -> Self {
        Self {
            code,
            report: Report::new(diagnostic),
            sentence: None,
            names_options: false,
            is_of_lost_rank: false,
        }
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
        Self::new(&error, help_of_io(&error))
    }

    /// A value of this program that cannot be said in JSON.
    pub fn of_json(error: serde_json::Error) -> Self {
        Self::new(error, "")
    }

    /// This failure with other advice.
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        if let Some(diagnostic) = self.report.downcast_mut::<MietteDiagnostic>() {
            diagnostic.help = Some(help.into());
        }
        self
    }

    /// This failure with other advice if its own names options, which not every command has.
    pub fn without_options(self, help: impl Into<String>) -> Self {
        if self.names_options { self.with_help(help) } else { self }
    }

    /// This failure with the thing that it is about in front.
    pub fn about(mut self, what: &str) -> Self {
        if let Some(diagnostic) = self.report.downcast_mut::<MietteDiagnostic>() {
            diagnostic.message = format!("{what}: {}", diagnostic.message);
        }
        self
    }

    /// The error and the advice in one line, without colours and frames.
    pub fn in_one_line(&self) -> String {
        match self.parts() {
            (sentence, Some(help)) => format!("{sentence}: {help}"),
            (sentence, None) => sentence,
        }
    }

    /// The error and the advice, without colours and frames.
    pub fn parts(&self) -> (String, Option<String>) {
        let sentence = self.sentence.clone().unwrap_or_else(|| self.report.to_string());
        (sentence, self.report.help().map(|help| help.to_string()))
    }

    /// Whether another process that trained with this one has ended.
    pub fn is_of_lost_rank(&self) -> bool {
        self.is_of_lost_rank
    }

    /// Whether training went out of bounds.
    pub fn is_divergence(&self) -> bool {
        self.code == DIVERGED
    }

    /// The report of this failure, for commands whose errors are reports.
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

/// The situation of an error: the parts of its advice that depend on the command.
struct Situation {
    /// The advice for a full disk: what goes on when there is room again.
    on_full_disk: &'static str,
    /// The option that names the folder of a run.
    folder: &'static str,
}

const PLAIN: Situation = Situation {
    on_full_disk: "the disk is full: make room, then give the same command again",
    folder: "--run",
};

/// The situation of a run that goes on from its last checkpoint.
const RUN: Situation = Situation {
    on_full_disk: "the disk is full: make room, then the same command goes on from the last checkpoint",
    folder: "--run",
};

/// The situation of fine-tuning, whose run folders are below `--out`.
const FINETUNING: Situation = Situation { folder: "--out", ..RUN };

/// The error with its causes, and the advice as help.
pub fn explain(error: &(dyn Diagnostic + 'static)) -> MietteDiagnostic {
    explain_in(error, &PLAIN).diagnostic
}

/// An error as it is shown.
struct Explained {
    diagnostic: MietteDiagnostic,
    /// Whether the help names options.
    names_options: bool,
}

fn explain_in(error: &(dyn Diagnostic + 'static), situation: &Situation) -> Explained {
    let message = match (error as &(dyn Error + 'static)).downcast_ref() {
        Some(error) => of_device::message_and_help(error).0,
        None => error.to_string(),
    };
    let mut diagnostic = MietteDiagnostic::new(message);
    let mut names_options = false;
    let mut of_system = None;
    // An error of ours is the cause of another in both ways of asking for it; below the last of ours
    // are those of the system and of other libraries. Every message says what its cause says.
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
            // One of ours that went as an answer of the system knows what the system does not.
            if let Some(help) = help_of_staged(error) {
                diagnostic.help = Some(help);
                names_options = false;
            }
            of_system = Some(help_of_io(error));
        }
        cause = error.source();
        ours = ours.and_then(Diagnostic::diagnostic_source);
    }
    diagnostic.message = plain(&diagnostic.message);
    diagnostic.help = diagnostic.help.or(of_system);
    Explained { diagnostic, names_options }
}

/// The advice for an error of the system or for the error of ours inside it.
fn help_of_io(error: &io::Error) -> String {
    help_of_staged(error).unwrap_or_else(|| help_of_system(error).to_owned())
}

/// The advice for an error of a staged folder that was passed on as an error of the system.
fn help_of_staged(error: &io::Error) -> Option<String> {
    let error = error.get_ref()?.downcast_ref::<StagedError>()?;
    error.help().map(|help| help.to_string())
}

/// A path as text, where it goes into `what`, which holds text alone.
pub fn utf8<'a>(path: &'a Path, what: &str) -> Result<&'a str, Failure> {
    path.to_str().ok_or_else(|| {
        let message = format!("the path {path:?} is not UTF-8, and it would be written into {what}");
        Failure::new(message, "give another name, or rename the file or folder")
    })
}

/// Endings of the names of compressed files and archives.
const COMPRESSED: [&str; 9] = ["gz", "zst", "bz2", "xz", "lz4", "br", "zip", "tgz", "7z"];

/// Refuses the name of a compressed file for one that `option` says to write: it would hold plain text, and whoever
/// reads it would take it for damaged.
pub fn uncompressed(path: &Path, option: &str) -> Result<(), Failure> {
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_ascii_lowercase();
    if !COMPRESSED.contains(&ending.as_str()) {
        return Ok(());
    }
    let message =
        format!("{option} {} has the name of a compressed file, and plain text is written", path.display());
    Err(Failure::new(message, format!("leave .{ending} out, and compress the file afterwards")))
}

/// The failure of a file that is something else where text was expected.
pub fn no_text(name: &str, found: &Signature) -> Failure {
    Failure::new(format!("{name} is {}, and text was expected", found.kind), found.remedy)
}

/// An error of the data commands.
pub fn data(report: Report) -> Failure {
    Failure { code: 1, report, sentence: None, names_options: false, is_of_lost_rank: false }
}

/// The advice where no checkpoint is intact.
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
        TrainError::Ranks(RankError::Ended { .. }) => {
            Failure { is_of_lost_rank: true, ..Failure::of(&error, &RUN) }
        }
        _ => Failure::of(&error, &RUN),
    }
}

/// An error of fine-tuning with a recipe.
pub fn finetuning(error: SeedError, with: &FinetuneRecipe) -> Failure {
    let of_seed = |help| Failure::of(&error, &FINETUNING).with_help(help);
    match &error.source {
        FinetuneError::Collapsed(_) => {
            Failure { code: DIVERGED, ..of_seed(remedy(Stopped::Collapsed, with)) }
        }
        FinetuneError::Run(RunError::Diverged(_)) => {
            let help = format!("{}; name the new folder with --out", remedy(Stopped::Diverged, with));
            Failure { code: DIVERGED, ..of_seed(help) }
        }
        FinetuneError::Run(RunError::Lost { .. }) => of_seed(help_of_lost(&FINETUNING)),
        // The number of a seed says something only where other seeds may fare better.
        _ if error.source.is_of_one_seed() => Failure::of(&error, &FINETUNING),
        _ => Failure::of(&error.source, &FINETUNING),
    }
}

/// An error of fine-tuning the tagger of a fold with a recipe.
pub fn finetuning_fold(fold: usize, source: FinetuneError, with: &FinetuneRecipe) -> Failure {
    let remedy = |stopped| remedy(stopped, with);
    let stopped = source.stopped();
    let error = FoldError::Finetune { fold, source };
    let failure = Failure::of(&error, &FINETUNING);
    match stopped {
        Some(stopped) => Failure { code: DIVERGED, ..failure.with_help(remedy(stopped)) },
        None => failure,
    }
}

#[cfg(test)]
mod tests;
