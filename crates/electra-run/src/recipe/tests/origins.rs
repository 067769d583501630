//! Which file or override an error is blamed on.

use super::*;

#[test]
fn an_error_in_the_extended_file_names_that_file() {
    let files = folder(&[
        ("base.toml", &COMPLETE.replace("32", "'many'")),
        ("top.toml", "extends = 'base.toml'\nseed = 2\n"),
    ]);
    let error = load::<Recipe>(&files.path().join("top.toml"), &[]).unwrap_err();
    assert!(error.origin.to_string().ends_with("base.toml"), "{error}");
    assert_eq!((error.offending_text(), error.line_and_column()), (Some("'many'"), Some((6, 14))));
}

#[test]
fn an_error_in_the_extending_file_names_that_file() {
    let files =
        folder(&[("base.toml", COMPLETE), ("top.toml", "extends = 'base.toml'\n[trian]\nbatch_size = 2\n")]);
    let error = load::<Recipe>(&files.path().join("top.toml"), &[]).unwrap_err();
    assert!(error.origin.to_string().ends_with("top.toml"), "{error}");
    assert_eq!(error.message, "unknown field `trian`, did you mean `train`?");
    assert_eq!((error.offending_text(), error.line_and_column()), (Some("trian"), Some((2, 2))));
}

#[test]
fn an_error_in_an_override_shows_the_argument() {
    let error = set(&["train.batch_size=many"]).unwrap_err();
    assert_eq!(
        (&error.origin, error.source_text.as_deref()),
        (&Origin::Override, Some("train.batch_size=many"))
    );
    assert_eq!(error.offending_text(), Some("many"));
    assert_eq!(
        error.to_string(),
        "override train.batch_size=many: `train.batch_size` must be a whole number from 0 up, not the string \"many\""
    );
    let error = set(&["train.layers= [1, 'x']"]).unwrap_err();
    assert_eq!(error.offending_text(), Some("'x'"));
}

#[test]
fn an_unknown_key_in_an_override_is_pointed_at_with_the_nearest_name() {
    let error = set(&["train.batchsize=4"]).unwrap_err();
    assert_eq!(error.message, "unknown field `batchsize`, did you mean `batch_size`?");
    assert_eq!((&error.origin, error.offending_text()), (&Origin::Override, Some("batchsize")));
    let error = set(&["modle.generator.width=4"]).unwrap_err();
    assert_eq!((error.message.as_str(), error.offending_text()), ("unknown field `modle`", Some("modle")));
    let error = set(&["train.batch_size.x=4"]).unwrap_err();
    assert_eq!(error.message, "`train.batch_size` is a value and has no `x`");
    assert_eq!(error.offending_text(), Some("train.batch_size.x"));
}

#[test]
fn an_override_that_cannot_be_read_is_pointed_at() {
    let offending_text = |text: &str| {
        let error = set(&[text]).unwrap_err();
        assert_eq!(error.origin, Origin::Override);
        error.offending_text().map(str::to_owned)
    };
    assert_eq!(offending_text("train").as_deref(), Some("train"));
    assert_eq!(offending_text("train..x=1").as_deref(), Some("train..x"));
    assert_eq!(offending_text("recipe_version=1").as_deref(), Some("recipe_version"));
    assert!(set(&["seed="]).unwrap_err().message.contains("missing"));
    assert!(set(&["train.layers=[1,"]).unwrap_err().span.unwrap().start >= 13);
}

#[test]
fn every_override_that_is_refused_comes_with_what_to_do() {
    for (text, help) in [
        ("train.batch_size=a", "for example train.batch_size=100"),
        ("train.batch_size=-1", "for example train.batch_size=100"),
        ("train.learning_rate=fast", "for example train.learning_rate=0.5"),
        ("train.layers=3", "for example train.layers=[1, 2]"),
        ("objective=3", "write it as { kind = \"...\" }, with the keys that the kind has"),
        ("train=3", "write it as { ... }, with a value for each of its keys"),
        ("name=[1]", "for example name=\"...\""),
        (".x=1", "for example train.batch_size=64"),
        ("train", "for example train.batch_size=64"),
        ("train.batch_size.x=4", "set it as a whole: train.batch_size=..."),
        ("recipe_version=1", "write it into a recipe of your own, and give that"),
    ] {
        let error = set(&[text]).unwrap_err();
        assert_eq!(self::help(&error).as_deref(), Some(help), "{text}: {error}");
    }
    let error = wrong("batch_size = 32", "batch_size = true");
    assert_eq!(help(&error).as_deref(), Some("for example train.batch_size = 100"));
}

#[test]
fn contradictions_found_by_the_owner_point_at_the_value() {
    let recipe = set(&["train.learning_rate=9"]).unwrap();
    let error = recipe.error_at("train.batch_size", "batch of 32 is too large", "use 16");
    assert_eq!(
        (&error.origin, error.offending_text(), help(&error).as_deref()),
        (&base(), Some("32"), Some("use 16"))
    );
    assert_eq!(recipe.error_at("train.learning_rate", "", "").offending_text(), Some("9"));
    assert_eq!(recipe.error_at("train.layers.1", "", "").offending_text(), Some("2"));
    assert_eq!(recipe.error_at("train", "", "").offending_text(), Some("train"));
    assert_eq!(recipe.error_at("train.stop_after", "", "").offending_text(), Some("train"));
    assert_eq!(recipe.error_at("nothing.here", "", "").span, Some(0..0));
}

#[test]
fn an_error_can_stand_at_a_key_that_has_dots_in_it() {
    type Tables = std::collections::BTreeMap<String, std::collections::BTreeMap<String, i64>>;
    let text = "recipe_version = 1\n[set]\n\"a.b\" = 5\n";
    let resolved: Resolved<Tables> = load_str("x.toml", text, &[]).unwrap();
    let at = |names: &[&str], part| resolved.origins.error_at_names(names, part, "no", "yes");
    assert_eq!(at(&["set", "a.b"], Part::Key).offending_text(), Some("\"a.b\""));
    assert_eq!(at(&["set", "a.b"], Part::Value).offending_text(), Some("5"));
    assert_eq!(at(&["set", "absent"], Part::Value).offending_text(), Some("set"));
}

#[test]
fn what_the_file_lacks_is_not_blamed_on_an_override() {
    let without = |line: &str, overrides: &[&str]| {
        let overrides: Vec<String> = overrides.iter().map(|text| (*text).to_owned()).collect();
        load_str::<Recipe>("base.toml", &COMPLETE.replacen(line, "", 1), &overrides).unwrap_err()
    };
    let error = without("seed = 1\n", &["name=x"]);
    assert_eq!((&error.origin, error.message.as_str()), (&base(), "missing field `seed` in the recipe"));
    let error = without("batch_size = 32\n", &["seed=2", "train.learning_rate=1e-3"]);
    assert_eq!((&error.origin, error.offending_text()), (&base(), Some("train")));
    assert!(error.message.contains("`batch_size` in [train]"), "{error}");
    // The table that an override has made is the override's.
    let error = set(&["objective={kind=\"replaced-token-detection\", temperature=1.0}"]).unwrap_err();
    assert_eq!((&error.origin, error.offending_text()), (&Origin::Override, Some("objective")));
}

#[test]
fn what_an_override_adds_is_not_blamed_on_a_key_of_the_same_name_elsewhere() {
    // `temperature` stands in [objective] of the file, where it belongs.
    let error = set(&["temperature=2"]).unwrap_err();
    assert_eq!((&error.origin, error.offending_text()), (&Origin::Override, Some("temperature")));
    let inner = "objective={kind=\"masked-lm\", a={temperature=1}, temperature=2}";
    let error = set(&[inner]).unwrap_err();
    assert_eq!(error.origin, Origin::Override);
}

#[test]
fn an_override_without_which_the_recipe_is_right_is_to_blame() {
    let at = |overrides: &[&str]| {
        let overrides: Vec<String> = overrides.iter().map(|text| (*text).to_owned()).collect();
        let error = attribute_to_override(&overrides, |overrides| {
            let resolved: Resolved<Recipe> = load_str("base.toml", COMPLETE, overrides)?;
            let Recipe { seed, ref train, .. } = resolved.value;
            match seed < train.batch_size as u64 {
                true => Ok(()),
                // Whatever is to blame, the caret stands here.
                false => Err(resolved.error_at("seed", "is not below the batch size", "lower it")),
            }
        });
        let error = error.unwrap_err();
        (error.to_string(), error.offending_text().unwrap_or_default().to_owned())
    };
    let pair = |message: &str, culprit: &str| (message.to_owned(), culprit.to_owned());
    assert_eq!(
        at(&["train.batch_size = 1", "name=x"]),
        pair("override train.batch_size = 1: is not below the batch size", "1")
    );
    // Each of them alone is too much for the file.
    let both = ["train.batch_size=1", "seed=40"];
    assert_eq!(at(&both).1, "40");
    assert_eq!(at(&["seed=40"]), pair("override seed=40: is not below the batch size", "40"));
}
