//! The experiments of the repository: each can be planned, and its tables and the numbers of its prose
//! are those of its results.

use std::path::{Path, PathBuf};

use crate::workbench::{Workbench, assert_says};

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

/// Two arms beside the base arm, of which one is held against the other.
const THREE_ARMS: &str = "recipe_version = 1\nquestion = \"Is `a` better?\"\nprediction = \"No.\"\nbase = \"recipe.toml\"\n\
     base_arm = \"a\"\nbudget = \"steps\"\nmetric = \"rtd-auc\"\nmargin = 0.5\nseeds = \"1..3\"\n\
     contrasts = [{ arm = \"c\", against = \"b\" }]\n\
     [[arm]]\nname = \"a\"\n[[arm]]\nname = \"b\"\n[[arm]]\nname = \"c\"\n";

/// Three seeds of the arms a, b and c.
fn three_arms(bench: &Workbench, folder: &str) {
    std::fs::create_dir_all(bench.path(&format!("{folder}/results"))).unwrap();
    bench.write(&format!("{folder}/experiment.toml"), THREE_ARMS);
    for (arm, above) in [("a", 0.0), ("b", 0.1), ("c", 0.125)] {
        for seed in 1..=3 {
            let auc = 0.5 + above * (1.0 + 0.1 * f64::from(seed));
            let result = RESULT.replace("ARM", arm).replace("SEED", &seed.to_string());
            let path = format!("{folder}/results/{arm}.seed-{seed}.json");
            bench.write(&path, result.replace("AUC", &auc.to_string()));
        }
    }
}

#[test]
fn a_readme_is_begun_where_there_is_none_and_contrasts_stand_in_it() {
    let bench = Workbench::new();
    three_arms(&bench, "exp");
    assert_says(&bench.refuse("compare exp --check"), &["exp/README.md: there is no such file", "--write"]);
    bench.succeed("compare exp --write");
    bench.succeed("compare exp --check");
    let begun = bench.read("exp/README.md");
    let parts = [
        "# exp\n",
        "**Question.** Is `a` better?",
        "**Prediction**",
        "| c − b |",
        "3 tests: 2 arms and 1 contrast",
    ];
    assert_says(&begun, &parts);
    let told = "Of c and b: <!-- = c - b rtd-auc verdict -->?<!-- / -->, p <!-- = c - b rtd-auc p-holm -->?<!-- / -->.\n";
    bench.write("exp/README.md", begun + told);
    bench.write("README.md", told.replace("= c", "= in exp c"));
    bench.succeed("compare exp README.md --write");
    let told = "verdict -->equivalent<!-- / -->, p <!-- = ";
    assert_says(&bench.read("exp/README.md"), &[told, "p-holm -->0.750<!-- / -->"]);
    assert_says(&bench.read("README.md"), &[told]);
    let found = bench.succeed("compare exp --format json").json();
    assert_eq!(
        (&found["contrasts"][0]["arm"], &found["contrasts"][0]["against"]),
        (&"c".into(), &"b".into())
    );
    // Against another base arm it is one of the differences.
    let found = bench.succeed("compare exp --base b --format json").json();
    assert!(found.get("contrasts").is_none());
    // What cannot be a contrast is told with its place.
    for (contrast, told) in [
        ("{ arm = \"c\", against = \"d\" }", "there is no arm `d`"),
        ("{ arm = \"c\", against = \"a\" }", "`a` is the base arm"),
        ("{ arm = \"c\", against = \"c\" }", "`c` is held against itself"),
        (
            "{ arm = \"c\", against = \"b\" }, { arm = \"b\", against = \"c\" }",
            "`b` and `c` are held against each other twice",
        ),
    ] {
        let text = THREE_ARMS.replace("{ arm = \"c\", against = \"b\" }", contrast);
        bench.write("exp/experiment.toml", text);
        assert_says(&bench.refuse("compare exp"), &["exp/experiment.toml:10:", told]);
    }
}

#[test]
fn experiments_are_held_against_their_files_wherever_they_are_asked_for() {
    let bench = Workbench::new();
    for folder in ["one", "two"] {
        three_arms(&bench, folder);
    }
    bench.write("README.md", "<!-- = in two b rtd-auc -->?<!-- / -->\n");
    bench.succeed("compare one two");
    bench.succeed("compare README.md --write");
    // An arm that was edited after its runs.
    let edited = THREE_ARMS.replace("name = \"b\"", "name = \"b\"\nset = { \"train.steps\" = 9 }");
    bench.write("two/experiment.toml", edited);
    let told = ["two/results/b.seed-1.json", "`train.steps` is not set there and 9 now"];
    assert_says(&bench.refuse("compare one two"), &told);
    assert_says(&bench.refuse("compare one/experiment.toml two/experiment.toml"), &told);
    let error = bench.refuse("compare README.md --check");
    assert_says(&error, &["README.md: line 1: `in two b rtd-auc`", "two does not stand: "]);
    assert_says(&error, &told);
    assert_says(&error, &["help: take the old value back"]);
    bench.succeed("compare one");
}
