//! `a.b=c`: one value of a recipe, given beside it.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::de::DeValue;

use super::tree::{Entry, Mark, Node, Origins, merge, read_value};
use super::{Assignment, Origin, RecipeError};

/// The most parts of a key: each is a table in the one before.
const MAX_PARTS: usize = 32;

/// A parsed override.
pub(super) struct Override {
    source: usize,
    /// The keys and their bytes in the text, at least one.
    keys: Vec<(String, Range<usize>)>,
    value: Entry,
}

impl Override {
    /// Splits `text` at its first `=` and reads the right side as TOML, or as a string if it is
    /// a bare word.
    pub(super) fn parse(text: &str, origins: &mut Origins) -> Result<Self, RecipeError> {
        let source = origins.add(Origin::Override, text.to_owned());
        let error = |span, message: &str| Err(origins.error_in_source(source, span, message));
        let Some(equals) = text.find('=') else {
            return error(0..text.len(), "an override is written key=value").map_err(|error| {
                error.with_example("for example", Assignment::new("train.batch_size", "64"))
            });
        };
        if text[..equals].matches('.').count() >= MAX_PARTS {
            return error(0..equals, &format!("a key of more than {MAX_PARTS} parts"))
                .map_err(|error| error.with_help("the deepest key of a recipe has four"));
        }
        let mut keys = Vec::new();
        let mut start = 0;
        for key in text[..equals].split('.') {
            let begin = start + (key.len() - key.trim_start().len());
            let span = begin..begin + key.trim().len();
            start += key.len() + 1;
            if key.trim().is_empty() {
                return error(0..equals, "a part of the key before `=` is empty").map_err(|error| {
                    error.with_example("for example", Assignment::new("train.batch_size", "64"))
                });
            }
            keys.push((key.trim().to_owned(), span));
        }
        if let "extends" | "recipe_version" = keys[0].0.as_str() {
            return error(keys[0].1.clone(), "only a file can set this key")
                .map_err(|error| error.with_help("write it into a recipe of your own, and give that"));
        }
        let value = read(text, equals + 1, source, origins)?;
        Ok(Self { source, keys, value })
    }

    /// Puts the value into the recipe.
    pub(super) fn apply(self, root: &mut Entry, origins: &Origins) -> Result<(), RecipeError> {
        let names: Vec<&str> = self.keys.iter().map(|(name, _)| name.as_str()).collect();
        let (entry, found) = root.deepest(&names);
        if found < names.len() && !matches!(entry.node, Node::Table(_)) {
            let whole = names[..found].join(".");
            let what = if matches!(entry.node, Node::Array(_)) { "an array" } else { "a value" };
            let span = self.keys[0].1.start..self.keys[found].1.end;
            return Err(origins
                .error_in_source(
                    self.source,
                    span,
                    format!("`{whole}` is {what} and has no `{}`", names[found]),
                )
                .with_example("set it as a whole:", Assignment::new(whole, "...")));
        }
        // Naming the kind that is there already changes nothing; naming another replaces the table.
        let names_same_kind = found == names.len()
            && names.last() == Some(&"kind")
            && entry.to_value() == self.value.to_value();
        if !names_same_kind {
            merge(root, self.into_table());
        }
        Ok(())
    }

    /// `a.b = c` as nested tables.
    fn into_table(self) -> Entry {
        let source = self.source;
        let whole = self.value.mark.value.clone();
        let mut entry = self.value;
        for (name, span) in self.keys.into_iter().rev() {
            entry.mark.key = span;
            let mark = Mark { source, key: 0..0, value: whole.clone() };
            entry = Entry { mark, node: Node::Table(BTreeMap::from([(name, entry)])) };
        }
        entry
    }
}

/// The value that begins at byte `start` of `text`.
fn read(text: &str, start: usize, source: usize, origins: &Origins) -> Result<Entry, RecipeError> {
    let start = start + (text[start..].len() - text[start..].trim_start().len());
    let written = text[start..].trim_end();
    let span = start..start + written.len();
    let node = match DeValue::parse(written) {
        Ok(value) => read_value(value.into_inner(), &span, source, start, origins)?,
        Err(error) if written.is_empty() || written.starts_with(['"', '\'', '[', '{']) => {
            let at = error.span().map_or(span, |at| at.start + start..at.end + start);
            let message = if written.is_empty() { "the value after `=` is missing" } else { error.message() };
            return Err(origins
                .error_in_source(source, at, message)
                .with_help("a value is written as in TOML; an empty string is '\"\"'"));
        }
        Err(_) => Node::Scalar(toml::Value::String(written.to_owned())),
    };
    Ok(Entry { mark: Mark { source, key: span.clone(), value: span }, node })
}

impl RecipeError {
    /// This error, moved to the value that the override `text` sets.
    pub(super) fn moved_to_override(self, text: &str) -> Self {
        let start = text.find('=').map_or(0, |equals| equals + 1);
        let start = start + (text[start..].len() - text[start..].trim_start().len());
        Self {
            origin: Origin::Override,
            source_text: Some(text.into()),
            span: Some(start..text.trim_end().len().max(start)),
            ..self
        }
    }
}
