//! The short run: every reader on a few hundred damaged inputs and on all that were faults once, and the
//! engine on a reader that has every fault.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use electra_fuzz::coverage::scratch;
use electra_fuzz::driver::{Options, Tally, run};
use electra_fuzz::generate::Plan;
use electra_fuzz::verdict::Fault;
use electra_fuzz::{readers, regressions, table};

/// Readers at the same time.
const JOBS: usize = 2;

fn options(scratch: &Path, regressions: PathBuf) -> Options {
    Options {
        program: PathBuf::from(env!("CARGO_BIN_EXE_electra-fuzz")),
        scratch: scratch.to_owned(),
        regressions,
        seed: 1,
        inputs: None,
        seconds: None,
        patience: Duration::from_secs(5),
        saves: true,
    }
}

fn scratch_folder() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("electra-fuzz-test-").tempdir_in(scratch()).expect("a temporary folder")
}

#[test]
fn damaged_files_end_with_an_error_and_nothing_else() {
    let folder = scratch_folder();
    let options = options(folder.path(), regressions::folder());
    let left = Mutex::new(readers::ALL.iter());
    let tallies = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..JOBS {
            scope.spawn(|| {
                loop {
                    let next = left.lock().unwrap().next();
                    let Some(reader) = next else { break };
                    let mut tally = Tally::default();
                    run(*reader, &options, &mut tally, |_| Ok(())).unwrap();
                    tallies.lock().unwrap().push(tally);
                }
            });
        }
    });
    let tallies = tallies.into_inner().unwrap();
    println!("{}", table::table(&tallies));
    let findings = table::findings(&tallies);
    assert!(findings.is_empty(), "saved in {}:\n{findings}", options.regressions.display());
    for tally in &tallies {
        assert!(tally.inputs > 100, "{tally:?}");
        // A stage that nothing reaches is one that nothing tests.
        for (stage, count) in &tally.stages {
            assert!(*count > 0, "no input of {} reaches {stage}", tally.reader);
        }
    }
    assert_eq!(tallies.len(), readers::ALL.len());
}

#[test]
fn saved_inputs_are_named_by_the_hash_of_their_content() {
    let again = tempfile::tempdir().unwrap();
    let saved: Vec<(&str, PathBuf)> = readers::ALL
        .iter()
        .flat_map(|reader| {
            let paths = regressions::of(&regressions::folder(), reader.name()).unwrap();
            paths.into_iter().map(|path| (reader.name(), path))
        })
        .collect();
    assert!(!saved.is_empty());
    for (reader, path) in saved {
        let case = electra_fuzz::worker::saved(&path).unwrap();
        let written = regressions::save(again.path(), reader, &case).unwrap();
        assert_eq!(written.file_name(), path.file_name(), "{}", path.display());
    }
}

#[test]
fn every_kind_of_fault_is_seen_confirmed_and_saved_to_be_tried_first_ever_after() {
    let folder = scratch_folder();
    let saved = tempfile::tempdir().unwrap();
    let faulty = readers::find("faulty").unwrap();
    let seeds = faulty.seeds().len() as u64;
    let options = Options {
        inputs: Some(seeds),
        patience: Duration::from_secs(2),
        ..options(folder.path(), saved.path().to_owned())
    };
    let mut tally = Tally::default();
    run(faulty, &options, &mut tally, |_| Ok(())).unwrap();
    let count = |tally: &Tally| Fault::ALL.map(|fault| tally.of(fault));
    // Panics here and on a thread, aborts by call and by a stack that overflows.
    assert_eq!(count(&tally), [2, 2, 1, 1, 1], "{tally:#?}");
    assert_eq!((tally.inputs, tally.next, tally.unconfirmed.len()), (seeds, seeds, 0));
    // Both aborts are at one place.
    assert_eq!(tally.findings.len(), 6, "{:#?}", tally.findings);
    assert_eq!(tally.stages[0], ("read".to_owned(), seeds - 4));
    let panic = &tally.findings[0].verdict;
    assert!(panic.place.starts_with("crates/electra-fuzz/src/readers/faulty.rs:"), "{panic:?}");

    let mut again = Tally::default();
    run(faulty, &Options { inputs: Some(1), ..options }, &mut again, |_| Ok(())).unwrap();
    assert_eq!((again.replayed, again.inputs), (6, 7));
    assert_eq!(count(&again), [2, 1, 1, 1, 1], "{again:#?}");
    assert!(again.findings.iter().all(|finding| finding.index.is_none() && finding.case.exists()));
}

#[test]
fn an_input_is_a_function_of_its_number() {
    for reader in readers::ALL {
        let bases = reader.seeds();
        let build =
            |index: u64, seed: u64| Plan::new(*reader, seed, index, bases.len()).build(*reader, &bases, &[]);
        let of_seed = |seed: u64| (0..60).map(|index| build(index, seed)).collect::<Vec<_>>();
        assert_eq!(of_seed(1), of_seed(1), "{}", reader.name());
        assert_ne!(of_seed(1), of_seed(2), "{}", reader.name());
        assert_eq!(of_seed(1)[..bases.len()], bases, "the first inputs of {} are sound", reader.name());
    }
}
