//! The experiments of the repository: each can be planned, and its table is that of its results.

mod workbench;

use std::path::{Path, PathBuf};

use workbench::{Workbench, assert_says};

fn experiments() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("crates/electra-cli");
    let entries = std::fs::read_dir(root.join("experiments")).unwrap();
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    folders.retain(|folder| folder.join("experiment.toml").is_file());
    folders.sort();
    folders
}

#[test]
fn every_experiment_can_be_planned_before_its_data_is_built() {
    let bench = Workbench::new();
    assert!(!experiments().is_empty());
    // What probes read, wherever it comes from: a plan reads it to refuse what fine-tuning would.
    std::fs::create_dir_all(bench.path("data/ner/wikigold")).unwrap();
    for split in ["train", "dev", "test"] {
        bench.write(&format!("data/ner/wikigold/{split}.conll"), format!("Ann B-PER\nhas O\n{split} O\n"));
    }
    for folder in experiments() {
        let script =
            bench.succeed(&format!("ablate {}/experiment.toml --emit slurm", folder.display())).stdout;
        let name = folder.file_name().unwrap().to_str().unwrap();
        assert_says(&script, &[&format!("--job-name={name}"), "seed 1"]);
    }
}

#[test]
fn every_table_is_that_of_the_committed_results() {
    let folders: Vec<String> = experiments().iter().map(|folder| folder.display().to_string()).collect();
    Workbench::new().succeed(&format!("compare {} --check", folders.join(" ")));
}
