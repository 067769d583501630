//! A recipe: a complete TOML file, or the difference from one, plus overrides, `key=value`.
//!
//! ```toml
//! recipe_version = 1
//! extends = "../small.toml"          # one complete file, relative to this one
//!
//! [train]
//! batch_size = 64                    # the other keys of [train] come from small.toml
//!
//! [objective]
//! kind = "mlm"                       # a table that names its kind replaces the other one
//! ```
//!
//! `path` and `sources` of one table are alternatives: either of them replaces the other of a recipe below.
//!
//! `recipe_version` and `extends` belong to this module; everything else is deserialized into the
//! caller's type, which should `deny_unknown_fields`. Every error knows the file, or the override, that it
//! came from and the bytes to point at.

mod beneath;
mod bounds;
mod error;
mod explain;
mod overrides;
mod tree;
mod words;

use std::fs;
use std::path::Path;

use electra_files::regular;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use beneath::{Beneath, load_over};
pub use error::{Assignment, Origin, RecipeError};
pub use tree::{Origins, Part};
pub use words::plain;

use overrides::Override;
use tree::{Document, Entry, Node};

/// The version of the recipe format that this program reads and writes.
pub const RECIPE_VERSION: i64 = 1;

/// The most recipes that extend one another: each is read within the one before.
const LONGEST_CHAIN: usize = 64;

/// A recipe with everything that it extends and every override in place.
#[derive(Clone, Debug)]
pub struct Resolved<T> {
    /// The recipe as its owner's type.
    pub value: T,
    /// The complete recipe as TOML. Keys stand in the order of `T`'s fields, so recipes that mean
    /// the same have the same text, however they were written. It can be loaded again.
    pub text: String,
    /// BLAKE3 of `text`, in hexadecimal.
    pub hash: String,
    /// The place at which each value was written.
    pub origins: Origins,
}

impl<T: Serialize> Resolved<T> {
    /// BLAKE3 of the recipe without the values and tables at `keys`, in hexadecimal: the same for
    /// recipes that differ there and nowhere else. A key below an array is one of each of its tables. Keys
    /// that the recipe does not have are no error.
    #[must_use]
    pub fn hash_without(&self, keys: &[&str]) -> String {
        let mut root = toml::Table::try_from(&self.value).expect("what was read from TOML can be a table");
        for key in keys {
            remove(&mut root, &key.split('.').collect::<Vec<_>>());
        }
        let text = format!("recipe_version = {RECIPE_VERSION}\n{root}");
        blake3::hash(text.as_bytes()).to_hex().to_string()
    }
}

/// Removes the value at `names`, from every table of an array on the way.
fn remove(table: &mut toml::Table, names: &[&str]) {
    match names {
        [] => {}
        [last] => drop(table.remove(*last)),
        [first, rest @ ..] => match table.get_mut(*first) {
            Some(toml::Value::Table(inner)) => remove(inner, rest),
            Some(toml::Value::Array(items)) => {
                items.iter_mut().filter_map(toml::Value::as_table_mut).for_each(|item| remove(item, rest));
            }
            _ => {}
        },
    }
}

impl<T> Resolved<T> {
    /// An error about the value at `key` (`"train.batch_size"`; elements of arrays by their
    /// number) that points at the place where it was written: the file, the extended file or the
    /// override. If nothing was written there, at the innermost table around it.
    #[must_use]
    pub fn error_at(&self, key: &str, message: impl Into<String>, help: impl Into<String>) -> RecipeError {
        self.origins.error_at(key, message, help)
    }
}

/// Loads the recipe at `path` and applies `overrides` (`a.b=c`), a later one over an earlier one.
///
/// # Errors
/// If a file cannot be read, is not TOML, is of another version or extends itself; if an override
/// cannot be read; if a key is unknown or missing, or a value is of the wrong type.
pub fn load<T>(path: &Path, overrides: &[String]) -> Result<Resolved<T>, RecipeError>
where
    T: DeserializeOwned + Serialize,
{
    let mut origins = Origins::new();
    let root = load_file(path, &mut origins, &mut Vec::new())?;
    resolve(origins, root, overrides)
}

/// Runs `read` on `overrides` and, if it fails, names the override that is to blame.
///
/// `read` loads and checks a recipe. A value that an override sets can contradict one of the file, and
/// the caret then stands in the file, under a value that was right before. An override without which
/// the rest is right is the one at fault; of several the last.
///
/// # Errors
/// Those of `read`.
pub fn attribute_to_override<T>(
    overrides: &[String],
    read: impl Fn(&[String]) -> Result<T, RecipeError>,
) -> Result<T, RecipeError> {
    let error = match read(overrides) {
        Err(error) if error.origin != Origin::Override => error,
        read => return read,
    };
    let is_right_without =
        |culprit: &usize| read(&[&overrides[..*culprit], &overrides[culprit + 1..]].concat()).is_ok();
    match (0..overrides.len()).rev().find(is_right_without) {
        Some(culprit) => Err(error.moved_to_override(&overrides[culprit])),
        None => Err(error),
    }
}

/// Loads a recipe from `text`; `name` stands for the path in errors. It cannot extend a file.
///
/// # Errors
/// As [`load`], and if `text` has an `extends`.
pub fn load_str<T>(name: &str, text: &str, overrides: &[String]) -> Result<Resolved<T>, RecipeError>
where
    T: DeserializeOwned + Serialize,
{
    let mut origins = Origins::new();
    let mut document = Document::parse(name, text.to_owned(), &mut origins)?;
    check_version(&mut document, &origins)?;
    if let Some(extends) = document.take("extends") {
        return Err(origins
            .error_in(&extends, "a recipe that is not a file cannot extend one")
            .with_help("save it as a file, or write the extended recipe out"));
    }
    require_version(&document, &origins)?;
    resolve(origins, document.root, overrides)
}

/// Reads one file and, first, the one that it extends. `chain` holds the files being read.
fn load_file(
    path: &Path,
    origins: &mut Origins,
    chain: &mut Vec<std::path::PathBuf>,
) -> Result<Entry, RecipeError> {
    let name = path.display().to_string();
    let text = match regular::read(path).map(String::from_utf8) {
        Ok(Ok(text)) => text,
        Ok(Err(error)) => {
            let at = error.utf8_error().valid_up_to();
            return Err(RecipeError::of_file(name, format!("not UTF-8 text from byte {at} on"))
                .with_help("a recipe is a TOML file, which is UTF-8 text"));
        }
        Err(error) => {
            let help = if path.is_dir() {
                "it is a folder: name the recipe in it"
            } else {
                "name a recipe in TOML: those that come with the program are in configs/"
            };
            return Err(RecipeError::of_file(name, format!("cannot be read: {error}")).with_help(help));
        }
    };
    let mut document = Document::parse(&name, text, origins)?;
    check_version(&mut document, origins)?;
    let Some(extends) = document.take("extends") else {
        require_version(&document, origins)?;
        return Ok(document.root);
    };
    let Node::Scalar(toml::Value::String(base)) = &extends.node else {
        return Err(origins
            .error_in(&extends, "`extends` must be the path of one recipe, in quotes")
            .with_help("for example extends = \"../pretrain/small.toml\""));
    };
    let base = path.parent().unwrap_or(Path::new("")).join(base);
    if chain.len() >= LONGEST_CHAIN {
        return Err(origins
            .error_in(&extends, format!("a chain of more than {LONGEST_CHAIN} recipes"))
            .with_help("write some of them out"));
    }
    chain.push(path.canonicalize().unwrap_or_else(|_| path.to_owned()));
    if base.canonicalize().is_ok_and(|base| chain.contains(&base)) {
        return Err(origins
            .error_in(&extends, format!("{} extends itself in a circle", base.display()))
            .with_help("the chain of `extends` has to end at a complete recipe"));
    }
    if let Err(error) = fs::metadata(&base) {
        return Err(origins
            .error_in(&extends, format!("cannot read {}: {error}", base.display()))
            .with_help("the path is relative to the folder of this file"));
    }
    let mut root = load_file(&base, origins, chain)?;
    tree::merge(&mut root, document.root);
    Ok(root)
}

/// Takes `recipe_version` out of the document and refuses every version but ours.
fn check_version(document: &mut Document, origins: &Origins) -> Result<(), RecipeError> {
    let Some(version) = document.take("recipe_version") else { return Ok(()) };
    document.has_version = true;
    let error = |message| Err(origins.error_in(&version, message));
    match version.node {
        Node::Scalar(toml::Value::Integer(RECIPE_VERSION)) => Ok(()),
        Node::Scalar(toml::Value::Integer(newer)) if newer > RECIPE_VERSION => error(format!(
            "recipe version {newer} is newer than this program, which reads version {RECIPE_VERSION}"
        ))
        .map_err(|error| error.with_help("update the program, or use a recipe of its version")),
        Node::Scalar(toml::Value::Integer(other)) => {
            error(format!("there is no recipe version {other}; this program reads version {RECIPE_VERSION}"))
        }
        _ => error(format!(
            "`recipe_version` must be a whole number; this program reads version {RECIPE_VERSION}"
        )),
    }
}

/// A complete recipe has to state its version, so that a later program can tell what it means.
fn require_version(document: &Document, origins: &Origins) -> Result<(), RecipeError> {
    if document.has_version {
        return Ok(());
    }
    Err(origins
        .error_in(&document.root, "missing field `recipe_version`")
        .with_help(format!("begin the file with recipe_version = {RECIPE_VERSION}")))
}

fn resolve<T>(mut origins: Origins, mut root: Entry, overrides: &[String]) -> Result<Resolved<T>, RecipeError>
where
    T: DeserializeOwned + Serialize,
{
    for text in overrides {
        Override::parse(text, &mut origins)?.apply(&mut root, &origins)?;
    }
    let merged = root.to_value();
    origins.root = root;
    let value: T = serde_path_to_error::deserialize(merged)
        .map_err(|error| explain::explain(error.inner().message(), error.path(), &origins))?;
    let body = toml::to_string(&value).expect("what was read from TOML can be written as TOML");
    let text = format!("recipe_version = {RECIPE_VERSION}\n{body}");
    let hash = blake3::hash(text.as_bytes()).to_hex().to_string();
    Ok(Resolved { value, text, hash, origins })
}

#[cfg(test)]
mod tests;
