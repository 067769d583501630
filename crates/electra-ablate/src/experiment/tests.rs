//! Experiments that are right, and what is said about those that are not.

use std::fs;
use std::path::PathBuf;

use electra_run::recipe::RecipeError;

use super::*;
use crate::arms::arms;
use crate::metric::tests::catalogue;

const HEAD: &str = r#"recipe_version = 1
question = "q"
prediction = "p"
base = "recipe.toml"
base_arm = "a"
budget = "steps"
metric = "rtd-auc"
seeds = "1..2"
"#;

struct Folder(tempfile::TempDir);

impl Folder {
    fn with(rest: &str) -> Self {
        Self::with_text(&format!("{HEAD}{rest}"))
    }

    fn with_text(text: &str) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        fs::write(folder.file(), text).unwrap();
        fs::write(folder.0.path().join("recipe.toml"), "").unwrap();
        folder
    }

    fn file(&self) -> PathBuf {
        self.0.path().join(EXPERIMENT)
    }

    fn load(&self) -> Result<ExperimentFile, RecipeError> {
        ExperimentFile::load(&self.file(), catalogue())
    }

    fn arms(&self) -> Result<Vec<crate::arms::Arm>, RecipeError> {
        arms(&self.load()?.resolved)
    }
}

#[track_caller]
fn assert_refused<T: std::fmt::Debug>(result: Result<T, RecipeError>, offending: &str, message: &str) {
    let error = result.unwrap_err();
    assert_eq!(error.offending_text(), Some(offending), "{error}");
    assert!(error.message.contains(message), "{error}");
    assert!(error.help.as_ref().is_some_and(|help| !help.is_empty()), "{}", error.message);
    assert!(error.origin.to_string().ends_with(EXPERIMENT), "{error}");
}

#[test]
fn arms_come_first_and_then_the_grid_with_its_last_key_fastest() {
    let folder = Folder::with(
        "[[arm]]\nname = \"a\"\n[[arm]]\nname = \"b\"\nset = { \"train.steps\" = 5, objective = { kind = \"x\", y = 1 } }\n\
         [grid]\n\"masking.probability\" = [0.15, 0.3]\n\"model.generator.width\" = [0.25, 1.0]\n",
    );
    let arms = folder.arms().unwrap();
    let overrides =
        |arm: &crate::arms::Arm| -> Vec<String> { arm.settings.iter().map(|s| s.to_override()).collect() };
    let found: Vec<(String, Vec<String>)> =
        arms.iter().map(|arm| (arm.name.clone(), overrides(arm))).collect();
    let expected: &[(&str, &[&str])] = &[
        ("a", &[]),
        ("b", &["objective={ kind = \"x\", y = 1 }", "train.steps=5"]),
        ("probability=0.15,width=0.25", &["masking.probability=0.15", "model.generator.width=0.25"]),
        ("probability=0.15,width=1.0", &["masking.probability=0.15", "model.generator.width=1.0"]),
        ("probability=0.3,width=0.25", &["masking.probability=0.3", "model.generator.width=0.25"]),
        ("probability=0.3,width=1.0", &["masking.probability=0.3", "model.generator.width=1.0"]),
    ];
    for ((name, overrides), (expected_name, expected)) in found.iter().zip(expected) {
        assert_eq!((name.as_str(), overrides.join(" ")), (*expected_name, expected.join(" ")));
    }
    assert_eq!(found.len(), expected.len());
}

#[test]
fn keys_may_be_written_as_tables_and_equal_endings_are_told_apart() {
    let folder = Folder::with(
        "[[arm]]\nname = \"a\"\nset.model.generator.width = 0.5\n[grid.model]\nwidth = [1]\ngenerator.width = [2]\n",
    );
    let arms = folder.arms().unwrap();
    assert_eq!(arms[0].settings[0].to_override(), "model.generator.width=0.5");
    assert_eq!(arms[1].name, "model.generator.width=2,model.width=1");
}

#[test]
fn an_experiment_is_named_after_its_folder_or_its_file() {
    let folder = Folder::with("[[arm]]\nname = \"a\"\n");
    let name = folder.0.path().file_name().unwrap().to_string_lossy().into_owned();
    assert_eq!(folder.load().unwrap().name(), name);
    let other = folder.0.path().join("other.toml");
    fs::copy(folder.file(), &other).unwrap();
    assert_eq!(ExperimentFile::load(&other, catalogue()).unwrap().name(), "other");
}

#[test]
fn bad_arms_are_pointed_at() {
    let arm = "[[arm]]\nname = \"a\"\n";
    let refused = |rest: &str, offending: &str, message: &str| {
        assert_refused(Folder::with(rest).arms(), offending, message);
    };
    refused(&format!("{arm}sett = {{}}\n"), "sett", "unknown field `sett`, did you mean `set`?");
    refused("", "\"a\"", "no arms");
    refused("[[arm]]\nname = \"b\"\n", "\"a\"", "no arm `a`");
    refused(&format!("{arm}{arm}"), "\"a\"", "two arms `a`");
    refused("[[arm]]\nname = \"a/b\"\n", "\"a/b\"", "cannot name an arm");
    refused(&format!("{arm}set = {{ seed = 3 }}\n"), "seed", "cannot set the seed");
    refused(&format!("{arm}[grid]\n\"train.steps\" = 5\n"), "5", "list of values for `train.steps`");
    refused(&format!("{arm}[grid]\n\"train.steps\" = []\n"), "[]", "list of values");
}

#[test]
fn bad_files_are_pointed_at() {
    let arm = "[[arm]]\nname = \"a\"\n";
    let with = |from: &str, to: &str| Folder::with_text(&format!("{HEAD}{arm}").replace(from, to)).load();
    assert_refused(with("recipe.toml", "absent.toml"), "\"absent.toml\"", "there is no recipe");
    assert_refused(with("\"q\"", "\" \""), "\" \"", "question is empty");
    assert_refused(with("rtd-auc", "probe-f1"), "\"probe-f1\"", "without a [probe]");
    let seeds = with("1..2", "2-1").unwrap_err();
    assert_eq!(seeds.offending_text(), Some("\"2-1\""), "{seeds}");
    assert!(seeds.message.contains("such as 1..6"), "{seeds}");
    for margin in ["0.0", "-2.0", "nan", "inf"] {
        let stated = format!("budget = \"steps\"\nmargin = {margin}");
        assert_refused(with("budget = \"steps\"", &stated), margin, "margin");
    }
    let metric = with("rtd-auc", "auc").unwrap_err();
    assert_eq!(metric.offending_text(), Some("\"auc\""), "{metric}");
    let help = metric.help.as_deref().unwrap_or_default();
    assert!(help.contains("expected one of probe-f1, common-auc"), "{help}");
    let probe = format!("{arm}[probe]\ntrain = \"absent.conll\"\ndev = \"d\"\nseeds = 1\n");
    assert_refused(Folder::with(&probe).load(), "\"absent.conll\"", "there is no file absent.conll");
    let probe = format!("{arm}[probe]\nrecipe = \"no.toml\"\ntrain = \"t\"\ndev = \"d\"\nseeds = 1\n");
    assert_refused(Folder::with(&probe).load(), "\"no.toml\"", "there is no recipe");
}

#[test]
fn a_margin_may_be_stated_and_need_not_be() {
    let margin = |text: &str| Folder::with_text(text).load().unwrap().experiment().margin;
    let arm = "[[arm]]\nname = \"a\"\n";
    assert_eq!(margin(&format!("{HEAD}{arm}")), None);
    assert_eq!(margin(&format!("{HEAD}margin = 0.02\n{arm}")), Some(0.02));
}

#[test]
fn results_can_be_compared_where_the_data_and_the_recipe_are_not() {
    let folder = Folder::with("[[arm]]\nname = \"a\"\n[probe]\ntrain = \"t\"\ndev = \"d\"\nseeds = 1\n");
    fs::remove_file(folder.0.path().join("recipe.toml")).unwrap();
    ExperimentFile::read(&folder.file(), catalogue()).unwrap();
    assert!(folder.load().is_err());
}
