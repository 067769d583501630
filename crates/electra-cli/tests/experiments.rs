//! The experiments of the repository: each can be planned, and its tables and the numbers of its prose
//! are those of its results.

mod workbench;

use std::path::{Path, PathBuf};

use workbench::{Workbench, assert_says};

fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("crates/electra-cli");
    root.join("experiments")
}

/// The folders, also of experiments that are told in words.
fn folders() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

fn experiments() -> Vec<PathBuf> {
    let mut folders = folders();
    folders.retain(|folder| folder.join("experiment.toml").is_file());
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
fn every_table_and_every_number_is_that_of_the_committed_results() {
    let index = root().join("README.md");
    let texts = folders().into_iter().chain([index]).map(|path| path.display().to_string());
    Workbench::new().succeed(&format!("compare {} --check", texts.collect::<Vec<_>>().join(" ")));
}

#[test]
fn every_experiment_is_in_the_index_and_has_something_to_check() {
    let index = std::fs::read_to_string(root().join("README.md")).unwrap();
    for folder in folders() {
        let name = folder.file_name().unwrap().to_str().unwrap();
        assert!(index.contains(&format!("[{name}]({name}/README.md)")), "{name} is not in the index");
        let has = |file: &str| folder.join(file).is_file();
        assert!(has("experiment.toml") || has("tables.toml"), "nothing of {name} can be checked");
    }
}

const RESULT: &str = r#"{"experiment": "exp", "arm": "ARM", "seed": SEED, "hash": "ab", "differences": {}, "steps": 20,
"tokens": 640, "flops": 1e9, "parameters": {"discriminator": 9, "generator": 1, "total": 10},
"heldout": {"rtd_auc": AUC}, "seconds": 1.0, "program": "electra", "curve": {"step": []}}"#;

#[test]
fn numbers_in_prose_are_written_and_checked_with_line_and_expression() {
    let bench = Workbench::new();
    let told = "# exp\n\nOf <!-- = a rtd-auc -->0.7<!-- / --> and <!-- = in exp b - a rtd-auc mean :+.2 -->?<!-- / -->.\n";
    for folder in ["exp/results", "words/results"] {
        std::fs::create_dir_all(bench.path(folder)).unwrap();
    }
    for (arm, seed, auc) in [("a", 1, 0.5), ("a", 2, 0.75), ("b", 1, 0.625), ("b", 2, 0.875)] {
        let result = RESULT.replace("ARM", arm).replace("SEED", &seed.to_string());
        bench.write(&format!("exp/results/{arm}{seed}.json"), result.replace("AUC", &auc.to_string()));
    }
    bench.write(
        "exp/experiment.toml",
        "recipe_version = 1\nquestion = \"a?\"\nprediction = \"a\"\nbase = \"recipe.toml\"\nbase_arm = \"a\"\nbudget = \"steps\"\n\
         metric = \"rtd-auc\"\nseeds = \"1..2\"\n[[arm]]\nname = \"a\"\n[[arm]]\nname = \"b\"\n",
    );
    let markers =
        "<!-- results: written by `electra compare --write`, not by hand -->\n<!-- end of results -->\n";
    bench.write("exp/README.md", format!("{told}{markers}"));
    bench.write("README.md", told.replace("= a rtd", "= in exp a rtd"));
    // An experiment that is told in words: a table of a file, and the same numbers.
    bench.write("words/results/x.json", r#"{"runs": [{"f1": 0.5}, {"f1": 0.25}]}"#);
    bench.write(
        "words/tables.toml",
        "recipe_version = 1\n[[table]]\nname = \"runs\"\ncolumns = [{ title = \"F1\", cell = \"{run.f1:.1%}\" }]\n\
         rows = [{ run = \"results/x.json runs[0]\" }, { run = \"results/x.json runs[1]\" }]\n",
    );
    let table =
        "<!-- table runs: written by `electra compare --write`, not by hand -->\n<!-- end of table -->\n";
    bench.write("words/README.md", format!("<!-- = results/x.json runs[-1].f1 -->?<!-- / -->\n{table}"));

    let all = "compare exp words README.md";
    let refused = bench.refuse(&format!("{all} --check"));
    for part in [
        "exp/README.md: the table of results",
        "exp/README.md:3: `0.7`, expected `0.625` (= a rtd-auc)",
        "exp/README.md:3: `?`, expected `+0.12` (= in exp b - a rtd-auc mean :+.2)",
        "words/README.md: the tables of tables.toml",
        "words/README.md:1: `?`, expected `0.250`",
        "README.md:3: `0.7`, expected `0.625` (= in exp a rtd-auc)",
    ] {
        assert_says(&refused, &[part]);
    }
    bench.succeed(&format!("{all} --write"));
    bench.succeed(&format!("{all} --check"));
    assert_says(&bench.read("words/README.md"), &["| 50.0 |", "| 25.0 |"]);
    let written = bench.read("exp/README.md");
    assert_says(&written, &["Of <!-- = a rtd-auc -->0.625<!-- / --> and"]);

    bench.write("exp/README.md", written.replace("= a rtd-auc", "= c rtd-auc"));
    let error = bench.refuse(&format!("{all} --write"));
    assert_says(
        &error,
        &["exp/README.md: line 3: `c rtd-auc`: there is no result of arm `c`", "results of a, b"],
    );
    assert_says(&bench.read("exp/README.md"), &["= c rtd-auc -->0.625"]);
}
