//! A recipe that leaves out what something else says, such as the sizes of a model that there is already.

use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::overrides::Override;
use super::tree::{Document, Node, Origins, merge};
use super::{RecipeError, Resolved, load_file, resolve};

/// Values that lie beneath those of a recipe.
#[derive(Clone, Debug, PartialEq)]
pub struct Beneath {
    /// The name under which errors speak of them, such as the path that they come from.
    pub name: String,
    /// The values, by their keys in a recipe.
    pub values: toml::Table,
}

/// Loads the recipe at `path` as [`super::load`] does, and lays it over what `beneath` answers to all that it states,
/// overrides included.
///
/// # Errors
/// Those of [`super::load`].
pub fn load_over<T>(
    path: &Path,
    overrides: &[String],
    beneath: impl FnOnce(&toml::Table) -> Option<Beneath>,
) -> Result<Resolved<T>, RecipeError>
where
    T: DeserializeOwned + Serialize,
{
    let mut origins = Origins::new();
    let mut root = load_file(path, &mut origins, &mut Vec::new())?;
    for text in overrides {
        Override::parse(text, &mut origins)?.apply(&mut root, &origins)?;
    }
    let toml::Value::Table(stated) = root.to_value() else { unreachable!("the root of a recipe is a table") };
    if let Some(Beneath { name, values }) = beneath(&stated) {
        let mut base = Document::parse(&name, values.to_string(), &mut origins)?.root;
        // What both of them lack was left out in the recipe.
        base.mark = root.mark.clone();
        if let (Node::Table(below), Node::Table(above)) = (&mut base.node, &root.node) {
            for (name, entry) in below {
                if let Some(written) = above.get(name) {
                    entry.mark = written.mark.clone();
                }
            }
        }
        merge(&mut base, root);
        root = base;
    }
    resolve(origins, root, &[])
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sized {
        name: String,
        model: Sizes,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sizes {
        width: usize,
        depth: usize,
    }

    fn loaded(text: &str, overrides: &[&str], beneath: &str) -> Result<Resolved<Sized>, RecipeError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.toml");
        fs::write(&path, format!("recipe_version = 1\n{text}")).unwrap();
        let overrides: Vec<String> = overrides.iter().map(ToString::to_string).collect();
        let beneath = Beneath { name: "model.json".into(), values: beneath.parse().unwrap() };
        load_over(&path, &overrides, |stated| {
            assert_eq!(stated["name"].as_str(), Some("a"));
            Some(beneath)
        })
    }

    #[test]
    fn what_a_recipe_leaves_out_comes_from_beneath_and_what_it_states_stands() {
        let sizes = "[model]\nwidth = 4\ndepth = 2\n";
        let sized = |text: &str, overrides: &[&str]| loaded(text, overrides, sizes).unwrap();
        assert_eq!(sized("name = \"a\"", &[]).value.model, Sizes { width: 4, depth: 2 });
        let over = sized("name = \"a\"\n[model]\nwidth = 8", &["model.depth=3"]);
        assert_eq!(over.value.model, Sizes { width: 8, depth: 3 });
        // What is resolved is a recipe that needs nothing beneath.
        let again: Resolved<Sized> = super::super::load_str("again", &over.text, &[]).unwrap();
        assert_eq!((again.value, again.hash), (over.value, over.hash));
    }

    #[test]
    fn what_both_lack_is_missing_in_the_recipe() {
        let error = loaded("name = \"a\"\n[model]\n", &[], "[model]\nwidth = 4\n").unwrap_err();
        assert!(error.to_string().contains("r.toml:3:2: missing field `depth` in [model]"), "{error}");
        let error = loaded("name = \"a\"\n", &[], "[model]\nwidth = \"wide\"\ndepth = 1\n").unwrap_err();
        assert!(error.to_string().starts_with("model.json:2:9: "), "{error}");
    }
}
