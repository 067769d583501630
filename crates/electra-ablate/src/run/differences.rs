//! What the recipes of runs differ in.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// The values of a recipe that are no seed and no name, by their dotted keys.
pub(super) fn leaves(recipe: &toml::Table) -> BTreeMap<String, Value> {
    fn collect(key: &str, value: &toml::Value, found: &mut BTreeMap<String, Value>) {
        match value {
            toml::Value::Table(table) => {
                table.iter().for_each(|(name, value)| collect(&format!("{key}.{name}"), value, found));
            }
            value => drop(found.insert(key.to_owned(), serde_json::to_value(value).unwrap_or_default())),
        }
    }
    let mut found = BTreeMap::new();
    let named = recipe.iter().filter(|(key, _)| !["seed", "name", "recipe_version"].contains(&key.as_str()));
    named.for_each(|(key, value)| collect(key, value, &mut found));
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
        let leaves = |text: &str| leaves(&text.parse().unwrap());
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
}
