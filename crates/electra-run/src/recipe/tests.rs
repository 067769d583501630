//! Recipes as users write them, right and wrong. In the wrong ones the test states it.

mod origins;

use miette::Diagnostic;
use serde::{Deserialize, Serialize};

use super::*;

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Recipe {
    seed: u64,
    name: String,
    train: Train,
    objective: Objective,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Train {
    batch_size: usize,
    learning_rate: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_after: Option<u64>,
    layers: Vec<u32>,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
enum Objective {
    ReplacedTokenDetection { discriminator_weight: f64, temperature: f64 },
    MaskedLm {},
}

const COMPLETE: &str = r#"recipe_version = 1
seed = 1
name = "base"

[train]
batch_size = 32
learning_rate = 5e-4
layers = [1, 2]

[objective]
kind = "replaced-token-detection"
discriminator_weight = 50
temperature = 1.0
"#;

fn set(overrides: &[&str]) -> Result<Resolved<Recipe>, RecipeError> {
    let overrides: Vec<String> = overrides.iter().map(|text| (*text).to_owned()).collect();
    load_str("base.toml", COMPLETE, &overrides)
}

/// The error of the complete recipe with one piece of text exchanged.
fn wrong(from: &str, to: &str) -> RecipeError {
    assert!(COMPLETE.contains(from), "{from:?} is not in the recipe");
    load_str::<Recipe>("base.toml", &COMPLETE.replacen(from, to, 1), &[]).expect_err("a wrong recipe")
}

/// The origin of the complete recipe.
fn base() -> Origin {
    Origin::File("base.toml".to_owned())
}

/// The advice of an error, with its example.
fn help(error: &RecipeError) -> Option<String> {
    error.help().map(|help| help.to_string())
}

#[test]
fn a_hash_without_keys_ignores_these_and_nothing_else() {
    let hash = |overrides: &[&str], keys: &[&str]| set(overrides).unwrap().hash_without(keys);
    let free = ["name", "objective", "train.layers", "train.absent", "absent.too"];
    let same = hash(&[], &free);
    for change in ["name=x", "objective.temperature=2", "train.layers=[3]"] {
        assert_eq!(hash(&[change], &free), same, "{change}");
        assert_ne!(hash(&[change], &[]), hash(&[], &[]), "{change}");
    }
    for change in ["seed=2", "train.batch_size=33", "train.stop_after=1"] {
        assert_ne!(hash(&[change], &free), same, "{change}");
    }
    assert_eq!(hash(&[], &[]), set(&[]).unwrap().hash);
}

/// Writes files into a fresh folder.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

#[test]
fn a_complete_recipe_loads() {
    let recipe = set(&[]).unwrap().value;
    assert_eq!(recipe.train.batch_size, 32);
    assert_eq!(recipe.train.learning_rate, 5e-4);
    assert_eq!(
        recipe.objective,
        Objective::ReplacedTokenDetection { discriminator_weight: 50.0, temperature: 1.0 }
    );
}

#[test]
fn an_override_reaches_into_an_array_as_far_as_it_has_elements() {
    let with = set(&["train.layers=[1, 2, 3]", "train.layers.1=7"]).unwrap();
    assert_eq!(with.value.train.layers, [1, 7, 3]);
    let whole = set(&["train.layers=[1, 7, 3]"]).unwrap();
    assert_eq!((with.text, with.hash), (whole.text, whole.hash));
    let error = set(&["train.layers=[1, 2, 3]", "train.layers.3=7"]).unwrap_err();
    assert!(error.message.contains("`train.layers` is an array and has no `3`"), "{}", error.message);
    let error = set(&["train.layers=[1, 2, 3]", "train.layers.1=many"]).unwrap_err();
    assert_eq!((error.origin.clone(), error.offending_text()), (Origin::Override, Some("many")));
}

#[test]
fn the_resolved_text_is_canonical_and_loads_to_itself() {
    let once = set(&[]).unwrap();
    let twice = load_str::<Recipe>("again", &once.text, &[]).unwrap();
    assert_eq!((&once.text, &once.hash, &once.value), (&twice.text, &twice.hash, &twice.value));
    let shuffled = "objective = { temperature = 1, discriminator_weight = 5e1, kind = 'replaced-token-detection' }\n\
        train.layers = [\n1,\n2, # two\n]\ntrain.learning_rate = 0.000_5\ntrain.batch_size = 0x20\n\
        name = 'base'\nseed = 1\nrecipe_version = 1\n";
    assert_eq!(load_str::<Recipe>("shuffled", shuffled, &[]).unwrap().text, once.text);
    assert!(once.text.starts_with("recipe_version = 1\nseed = 1\n"), "{}", once.text);
}

#[test]
fn the_hash_names_the_values() {
    assert_ne!(set(&[]).unwrap().hash, set(&["seed=2"]).unwrap().hash);
    assert_eq!(set(&[]).unwrap().hash, set(&["seed=1"]).unwrap().hash);
    assert_eq!(set(&[]).unwrap().hash.len(), 64);
}

#[test]
fn the_last_override_wins_over_the_file_that_wins_over_what_it_extends() {
    let files = folder(&[
        ("base.toml", COMPLETE),
        ("middle.toml", "extends = 'base.toml'\nname = 'middle'\n[train]\nbatch_size = 64\n"),
        ("deep/top.toml", "extends = '../middle.toml'\ntrain.batch_size = 128\n"),
    ]);
    let top = files.path().join("deep/top.toml");
    let overrides = ["train.learning_rate=1e-4", "train.learning_rate = 2e-4"].map(str::to_owned);
    let recipe = load::<Recipe>(&top, &overrides).unwrap();
    assert_eq!(recipe.value.seed, 1);
    assert_eq!(recipe.value.name, "middle");
    assert_eq!(recipe.value.train.batch_size, 128);
    assert_eq!(recipe.value.train.learning_rate, 2e-4);
    assert_eq!(recipe.origins.origin_of("train.learning_rate"), Some(&Origin::Override));
    let base = files.path().join("deep/../base.toml");
    assert_eq!(recipe.origins.origin_of("seed"), Some(&Origin::File(base.display().to_string())));
    assert_eq!(recipe.origins.origin_of("train.stop_after"), None);
}

#[test]
fn a_table_that_names_its_kind_replaces() {
    let files = folder(&[
        ("base.toml", COMPLETE),
        ("mlm.toml", "extends = 'base.toml'\n[objective]\nkind = 'masked-lm'\n"),
        (
            "half.toml",
            "extends = 'base.toml'\n[objective]\nkind = 'replaced-token-detection'\ntemperature = 2\n",
        ),
        ("warm.toml", "extends = 'base.toml'\n[objective]\ntemperature = 2\n"),
    ]);
    let objective =
        |name: &str| load::<Recipe>(&files.path().join(name), &[]).map(|recipe| recipe.value.objective);
    assert_eq!(objective("mlm.toml").unwrap(), Objective::MaskedLm {});
    let warm = Objective::ReplacedTokenDetection { discriminator_weight: 50.0, temperature: 2.0 };
    assert_eq!(objective("warm.toml").unwrap(), warm);
    assert!(objective("half.toml").unwrap_err().message.contains("missing field `discriminator_weight`"));
}

#[test]
fn an_override_of_the_kind_replaces_the_table_unless_it_is_that_kind_already() {
    assert_eq!(set(&["objective.kind=masked-lm"]).unwrap().value.objective, Objective::MaskedLm {});
    let same = set(&["objective.kind=replaced-token-detection"]).unwrap();
    assert_eq!(same.text, set(&[]).unwrap().text);
}

#[test]
fn overrides_are_toml_and_bare_words_are_strings() {
    assert_eq!(set(&["name=hello"]).unwrap().value.name, "hello");
    assert_eq!(set(&["name=runs/a b=c.txt"]).unwrap().value.name, "runs/a b=c.txt");
    assert_eq!(set(&["name=\"12\""]).unwrap().value.name, "12");
    assert_eq!(set(&["train.layers=[3]"]).unwrap().value.train.layers, [3]);
    assert_eq!(set(&["train.stop_after=1_000"]).unwrap().value.train.stop_after, Some(1000));
    assert_eq!(set(&["objective={kind='masked-lm'}"]).unwrap().value.objective, Objective::MaskedLm {});
}

#[test]
fn an_unknown_key_is_pointed_at_with_the_nearest_name() {
    let error = wrong("learning_rate", "learning_rat");
    assert_eq!(error.message, "unknown field `learning_rat`, did you mean `learning_rate`?");
    assert_eq!(error.offending_text(), Some("learning_rat"));
    assert_eq!(error.line_and_column(), Some((7, 1)));
    assert_eq!(
        error.help.as_deref(),
        Some("the keys here are batch_size, learning_rate, stop_after, layers")
    );
    assert!(error.to_string().starts_with("base.toml:7:1: unknown field"), "{error}");
}

#[test]
fn an_unknown_key_in_a_tagged_table_is_pointed_at() {
    let error = wrong("temperature", "temprature");
    assert_eq!(error.message, "unknown field `temprature`, did you mean `temperature`?");
    assert_eq!((error.offending_text(), error.line_and_column()), (Some("temprature"), Some((13, 1))));
}

#[test]
fn a_key_in_the_wrong_table_is_told_where_it_belongs() {
    let error = wrong("seed = 1", "seed = 1\nbatch_size = 8");
    assert_eq!(error.message, "unknown field `batch_size`");
    assert_eq!(error.help.as_deref(), Some("`batch_size` is a key of [train]"));
    assert_eq!(error.line_and_column(), Some((3, 1)));
}

#[test]
fn an_unknown_kind_is_pointed_at_with_the_nearest_name() {
    let error = wrong("\"replaced-token-detection\"", "\"replaced-token\"");
    assert_eq!(error.message, "unknown value `replaced-token`, did you mean `replaced-token-detection`?");
    assert_eq!(
        (error.offending_text(), error.line_and_column()),
        (Some("\"replaced-token\""), Some((11, 8)))
    );
}

#[test]
fn a_wrong_type_is_pointed_at() {
    let error = wrong("32", "\"many\"");
    assert_eq!(error.message, "`train.batch_size` must be a whole number from 0 up, not the string \"many\"");
    assert_eq!((error.offending_text(), error.line_and_column()), (Some("\"many\""), Some((6, 14))));
    let error = wrong("32", "-1");
    assert_eq!(error.message, "`train.batch_size` must be a whole number from 0 up, not -1");
    let error = wrong("[1, 2]", "[1, true]");
    assert_eq!(error.message, "`train.layers.1` must be a whole number from 0 up, not true");
    assert_eq!(error.offending_text(), Some("true"));
    let error = wrong("1.0", "\"warm\"");
    assert_eq!(error.message, "`objective.temperature` must be a number, not the string \"warm\"");
    assert_eq!((error.offending_text(), error.line_and_column()), (Some("\"warm\""), Some((13, 15))));
    let error = wrong("\"base\"", "[\"base\"]");
    assert_eq!(error.message, "`name` must be a string, not an array");
}

#[test]
fn a_nearly_right_type_comes_with_the_right_spelling() {
    assert_eq!(wrong("32", "1e3").help.as_deref(), Some("write it without a point or an exponent: 1000"));
    assert_eq!(wrong("5e-4", "\"5e-4\"").help.as_deref(), Some("write it without the quotes"));
    let error = set(&["name=12"]).unwrap_err();
    assert_eq!(help(&error).as_deref(), Some("put it into quotes: name=\"12\""));
    let error = wrong("\"base\"", "12");
    assert_eq!(help(&error).as_deref(), Some("put it into quotes: name = \"12\""));
}

#[test]
fn a_table_in_place_of_a_value_and_the_other_way_round_are_errors() {
    assert_eq!(
        wrong("32", "{ a = 1 }").message,
        "`train.batch_size` must be a whole number from 0 up, not a table"
    );
    let recipe = "recipe_version = 1\nseed = 1\nname = 'x'\ntrain = 3\nobjective.kind = 'masked-lm'\n";
    let error = load_str::<Recipe>("x", recipe, &[]).unwrap_err();
    assert_eq!(
        (error.message.as_str(), error.offending_text()),
        ("`train` must be a table, not 3", Some("3"))
    );
}

#[test]
fn a_missing_key_is_named_at_its_table() {
    let error = wrong("batch_size = 32\n", "");
    assert_eq!(error.message, "missing field `batch_size` in [train]");
    assert_eq!((error.offending_text(), error.line_and_column()), (Some("train"), Some((5, 2))));
    let error = wrong("seed = 1\n", "");
    assert_eq!((error.message.as_str(), error.span), ("missing field `seed` in the recipe", Some(0..0)));
    let error = wrong("temperature = 1.0\n", "");
    assert_eq!(
        (error.message.as_str(), error.offending_text()),
        ("missing field `temperature` in [objective]", Some("objective"))
    );
}

#[test]
fn text_that_is_not_toml_is_pointed_at() {
    let error = wrong("batch_size = 32", "batch_size 32");
    assert_eq!(error.line_and_column().map(|(line, _)| line), Some(6));
    let error = wrong("seed = 1", "seed = 1\nseed = 2");
    assert_eq!((error.offending_text(), error.line_and_column()), (Some("seed"), Some((3, 1))));
    let error = wrong("32", "99999999999999999999");
    assert_eq!(error.offending_text(), Some("99999999999999999999"));
}

#[test]
fn a_newer_recipe_says_so() {
    let error = wrong("recipe_version = 1", "recipe_version = 7");
    assert_eq!(error.message, "recipe version 7 is newer than this program, which reads version 1");
    assert_eq!((error.offending_text(), error.line_and_column()), (Some("7"), Some((1, 18))));
    assert!(wrong("recipe_version = 1", "recipe_version = 0").message.contains("no recipe version 0"));
    assert!(wrong("recipe_version = 1", "recipe_version = '1'").message.contains("whole number"));
    assert!(wrong("recipe_version = 1\n", "").message.contains("missing field `recipe_version`"));
}

#[test]
fn a_recipe_that_extends_itself_is_an_error() {
    let files = folder(&[
        ("a.toml", "extends = 'b.toml'\n"),
        ("b.toml", "seed = 1\nextends = 'a.toml'\n"),
        ("self.toml", "extends = './self.toml'\n"),
    ]);
    let error = load::<Recipe>(&files.path().join("a.toml"), &[]).unwrap_err();
    assert!(error.message.contains("in a circle"), "{error}");
    assert!(error.origin.to_string().ends_with("b.toml"));
    assert_eq!((error.offending_text(), error.line_and_column()), (Some("'a.toml'"), Some((2, 11))));
    assert!(
        load::<Recipe>(&files.path().join("self.toml"), &[]).unwrap_err().message.contains("in a circle")
    );
}

#[test]
fn an_extended_file_that_is_not_there_is_pointed_at() {
    let files = folder(&[("a.toml", "extends = 'nowhere.toml'\n"), ("b.toml", "extends = 3\n")]);
    let error = load::<Recipe>(&files.path().join("a.toml"), &[]).unwrap_err();
    assert!(error.message.contains("nowhere.toml") && error.message.contains("No such file"), "{error}");
    assert_eq!(error.offending_text(), Some("'nowhere.toml'"));
    assert_eq!(load::<Recipe>(&files.path().join("b.toml"), &[]).unwrap_err().offending_text(), Some("3"));
    assert_eq!(wrong("seed", "extends = 'a.toml'\nseed").offending_text(), Some("'a.toml'"));
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let files = folder(&[]);
    let path = files.path().join("absent.toml");
    assert!(load::<Recipe>(&path, &[]).unwrap_err().to_string().contains("absent.toml: cannot be read"));
    fs::write(&path, b"seed = 1\n# \xff").unwrap();
    assert!(load::<Recipe>(&path, &[]).unwrap_err().message.contains("not UTF-8 text from byte 11 on"));
}

#[test]
fn a_value_where_a_table_or_a_name_belongs_is_told_in_plain_words() {
    let error = set(&["objective=masked-lm"]).unwrap_err();
    assert_eq!(
        (error.message.as_str(), error.help.as_deref()),
        (
            "`objective` must be a table with its `kind`, not the string \"masked-lm\"",
            Some("write it as { kind = \"masked-lm\" }, with the keys that the kind has")
        )
    );
    let error = set(&["objective.kind=3"]).unwrap_err();
    assert_eq!(error.message, "`objective.kind` must be a name in quotes, not 3");
}
