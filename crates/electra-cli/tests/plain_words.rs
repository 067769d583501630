//! Whatever stands in a recipe or an experiment, what is said about it has no word of a library in it.

use std::path::{Path, PathBuf};

use electra_ablate::experiment::ExperimentFile;
use electra_ablate::metric::{Catalogue, HeldoutMetric};
use electra_files::shown::with_help;
use electra_pretrain::recipe::{Recipe, check};
use electra_run::recipe::{Origin, RecipeError, Resolved, attribute_to_override, load};
use toml::{Table, Value};

const JARGON: [&str; 15] = [
    "invalid type",
    "invalid value",
    "invalid length",
    "tagged",
    "variant",
    "usize",
    "u64",
    "f64",
    "i64",
    "struct",
    "enum",
    "wanted ",
    "did not match",
    "identifier",
    "newtype",
];

/// Values that are wrong nearly everywhere, as TOML.
const WRONG: [&str; 10] = [
    "true",
    "-1",
    "1.5",
    "\"zzz\"",
    "[]",
    "[1, \"a\"]",
    "{}",
    "{ kind = \"zzz\" }",
    "{ kind = 3 }",
    "2024-01-01",
];

/// The keys of a table and of those in it, dotted.
fn keys(table: &Table, before: &str, found: &mut Vec<String>) {
    for (key, value) in table {
        let key = format!("{before}{key}");
        if let Value::Table(inner) = value {
            keys(inner, &format!("{key}."), found);
        }
        found.push(key);
    }
}

fn keys_of(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    keys(&text.parse().unwrap(), "", &mut found);
    found
}

#[track_caller]
fn assert_plain(error: &RecipeError, what: &str) {
    let said = with_help(error);
    // What was typed is quoted, and may say anything.
    let said = said.replace(what, "");
    for word in JARGON {
        assert!(!said.contains(word), "{what}: {word:?} in {said}");
    }
}

/// Every value of a recipe is set to everything that is wrong.
fn sweep(text: &str, read: impl Fn(&str) -> Result<(), RecipeError>) {
    let mut refused = 0;
    for key in keys_of(text).iter().filter(|key| *key != "recipe_version") {
        for value in WRONG {
            let set = format!("{key}={value}");
            if let Err(error) = read(&set) {
                assert_plain(&error, &set);
                // The file is right without it.
                assert_eq!(error.origin, Origin::Override, "{set}: {error}");
                refused += 1;
            }
        }
    }
    assert!(refused > 100, "{refused} values were refused");
}

fn configs(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs").join(name)
}

#[test]
fn of_a_recipe_of_fine_tuning() {
    let text = electra_ner::Recipe::load(None, &[]).unwrap().text;
    sweep(&text, |set| electra_ner::Recipe::load(None, &[set.to_owned()]).map(drop));
}

#[test]
fn of_a_recipe_of_pretraining() {
    let path = configs("pretrain/tiny.toml");
    let read = |overrides: &[String]| -> Result<Resolved<Recipe>, RecipeError> {
        let resolved = load(&path, overrides)?;
        check(&resolved)?;
        Ok(resolved)
    };
    let text = read(&[]).unwrap().text;
    sweep(&text, |set| attribute_to_override(&[set.to_owned()], read).map(drop));
}

#[test]
fn of_an_experiment() {
    let right = "recipe_version = 1\nquestion = \"Does it?\"\nprediction = \"No.\"\nbase = \"tiny.toml\"\n\
                 base_arm = \"a\"\nmetric = \"rtd-auc\"\nbudget = \"steps\"\nseeds = [1]\n\n[[arm]]\nname = \"a\"\n";
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("experiment.toml");
    let metrics = Catalogue::new([HeldoutMetric {
        key: "rtd_auc",
        title: "AUC",
        more_is_better: true,
        is_by_token: false,
        decimals: 3,
        task: "replaced",
        greatest_difference: 1.0,
        beside_probe: None,
    }]);
    let mut refused = 0;
    for key in keys_of(right).iter().filter(|key| *key != "recipe_version") {
        for value in WRONG {
            let mut table: Table = right.parse().unwrap();
            let wrong: Table = format!("wrong = {value}").parse().unwrap();
            table.insert(key.clone(), wrong["wrong"].clone());
            std::fs::write(&path, table.to_string()).unwrap();
            if let Err(error) = ExperimentFile::read(&path, &metrics) {
                assert_plain(&error, value);
                refused += 1;
            }
        }
    }
    assert!(refused > 20, "{refused} values were refused");
}
