//! The keys in which the recipes of runs differ.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Keys and tables that change nothing of what is trained or measured.
const UNTRAINED: [&str; 5] = ["seed", "name", "recipe_version", "checkpoint", "log"];

/// The values of a recipe by their dotted keys, but for the seed, the name and what is saved and logged on the
/// way. Where the content of the data is known, it is no matter where it lies.
pub(super) fn leaves(recipe: &toml::Table, is_data_known: bool) -> BTreeMap<String, Value> {
    fn collect(key: &str, value: &toml::Value, found: &mut BTreeMap<String, Value>) {
        match value {
            toml::Value::Table(table) => {
                table.iter().for_each(|(name, value)| collect(&format!("{key}.{name}"), value, found));
            }
            value => drop(found.insert(key.to_owned(), serde_json::to_value(value).unwrap_or_default())),
        }
    }
    let mut found = BTreeMap::new();
    let trained = recipe.iter().filter(|(key, _)| !UNTRAINED.contains(&key.as_str()));
    trained.for_each(|(key, value)| collect(key, value, &mut found));
    if is_data_known {
        found.remove("data.path");
        for source in found.get_mut("data.sources").and_then(Value::as_array_mut).into_iter().flatten() {
            source.as_object_mut().and_then(|source| source.remove("path"));
        }
    }
    found
}

/// The values of `own` that `first` has not, and nothing for those that it has alone.
pub(super) fn differences(
    first: &BTreeMap<String, Value>,
    own: &BTreeMap<String, Value>,
) -> Map<String, Value> {
    let other = own.iter().filter(|(key, value)| first.get(*key) != Some(value));
    let absent = first.keys().filter(|key| !own.contains_key(*key)).map(|key| (key.clone(), Value::Null));
    other.map(|(key, value)| (key.clone(), value.clone())).chain(absent).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn runs_differ_in_the_values_that_one_of_them_has_otherwise_or_not_at_all() {
        let leaves = |text: &str| leaves(&text.parse().unwrap(), true);
        let first = leaves(
            "name = \"a\"\nseed = 1\n[train]\nsteps = 20\nbatch_size = 4\n[data]\nsequence_length = 8\n",
        );
        let other = leaves(
            "name = \"b\"\nseed = 9\n[train]\nsteps = 20\nbatch_size = 8\n[scheme]\nkind = \"adversarial\"\n",
        );
        let expected =
            json!({"train.batch_size": 8, "data.sequence_length": null, "scheme.kind": "adversarial"});
        assert_eq!(Value::Object(differences(&first, &other)), expected);
        assert!(differences(&first, &first).is_empty());
    }

    #[test]
    fn where_data_lies_and_what_is_saved_and_logged_is_no_difference_of_what_is_trained() {
        let recipe = |path: &str, every: u64| -> toml::Table {
            let text = format!(
                "[data]\npath = \"{path}\"\nsequence_length = 8\n[checkpoint]\nevery_steps = {every}\n\
                 [log]\nevery_steps = {every}\n"
            );
            text.parse().unwrap()
        };
        let (one, other) = (recipe("a", 5), recipe("b", 9));
        assert!(differences(&leaves(&one, true), &leaves(&other, true)).is_empty());
        assert_eq!(leaves(&one, true).into_keys().collect::<Vec<_>>(), ["data.sequence_length"]);
        // A folder that does not say what its data is has nothing but the place.
        let found = differences(&leaves(&one, false), &leaves(&other, false));
        assert_eq!(Value::Object(found), json!({"data.path": "b"}));
    }
}
