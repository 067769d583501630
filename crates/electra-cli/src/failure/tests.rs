//! Tests of the text of the libraries' errors.

use std::path::{Path, PathBuf};

use electra_annotations::ReadError;
use electra_model::hf::{HfError, HfNetwork};
use electra_ner::FolderError;
use electra_run::checkpoint::CheckpointError;
use electra_run::run_folder::RunFolderError;
use electra_text::build::BuildError;
use electra_text::corpus::CorpusError;
use electra_train::encoder_init::InitError;
use electra_train::seeds::SeedsFolderError;

use super::*;

/// An error that has a remedy in its cause alone.
#[derive(Debug)]
struct Outer(RunFolderError);

impl std::fmt::Display for Outer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the run was not begun: {}", self.0)
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
    assert!(failure.in_one_line().ends_with("goes on from the last checkpoint"), "{}", failure.in_one_line());
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
fn who_writes_a_folder_is_waited_for_although_the_system_seems_to_have_refused() {
    let busy = StagedError::Busy { path: "out/best".into(), holder: "process 7".to_owned() };
    let error = SeedsFolderError::from(busy);
    let failure = finetuning(SeedError { seed: 1, source: error.into() });
    assert!(
        failure
            .in_one_line()
            .ends_with("is being written by process 7: wait until it ends, or give another folder"),
        "{}",
        failure.in_one_line()
    );
}

#[test]
fn who_writes_a_folder_is_waited_for_where_the_error_is_one_of_the_system_alone() {
    let busy = || StagedError::Busy { path: "out".into(), holder: "process 7".to_owned() }.into_parts().1;
    let of_file = Failure::of_file("write", Path::new("out"), &busy());
    for failure in [of_file, Failure::of_system(busy())] {
        let said = failure.in_one_line();
        assert!(said.ends_with("by process 7: wait until it ends, or give another folder"), "{said}");
    }
}

#[test]
fn another_folder_for_seeds_is_named_by_its_option() {
    let path = || PathBuf::from("my--run");
    let foreign = SeedsFolderError::Foreign { path: path(), found: "thesis.tex".to_owned() };
    assert_eq!(
        parts(&explain(&foreign)),
        ("my--run holds thesis.tex, which fine-tuning does not write", "give another folder with --out")
    );
    let error = SeedsFolderError::File(path());
    assert_eq!(parts(&explain(&error)).1, "give a folder with --out");
    let error = SeedsFolderError::NoSeed { path: path(), found: "best".to_owned() };
    assert_eq!(parts(&explain(&error)).1, "move it away, or give another folder with --out");
}

#[test]
fn a_program_without_parquet_says_how_to_build_one_with_it() {
    let error = CorpusError::WithoutParquet { path: "a.parquet".into() };
    assert_eq!(parts(&explain(&error)).1, "build it with `cargo build --release --features parquet`");
}

#[test]
fn a_network_of_another_class_comes_with_the_command_that_helps() {
    let class = |expected| HfError::Class { found: "ElectraForPreTraining", expected };
    let help = |expected| explain(&class(expected)).help.unwrap();
    assert_eq!(help(HfNetwork::Tagger), "fine-tune it first, with electra finetune ner --model");
    assert_eq!(help(HfNetwork::Generator), "give the folder of an ElectraForMaskedLM");
}

#[test]
fn what_all_seeds_have_in_common_is_not_told_of_one() {
    let failure = |source: FinetuneError| finetuning(SeedError { seed: 1, source }).in_one_line();
    let shared = failure(RunError::from(different()).into());
    assert!(shared.starts_with("out/seed-1 holds") && shared.contains("--out"), "{shared}");
    assert!(failure(full("out")).starts_with("seed 1: the checkpoint"));
}
