//! A recipe as a tree in which every value remembers where it was written.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use toml::de::{DeTable, DeValue};

use super::{Origin, RecipeError};

/// The texts that a recipe was put together from, and where in them each value stands.
#[derive(Clone, Debug)]
pub struct Origins {
    sources: Vec<Source>,
    pub(super) root: Entry,
}

#[derive(Clone, Debug)]
struct Source {
    origin: Origin,
    text: Arc<str>,
}

/// The place of an entry: its source, and the bytes of its key and of its value. The key of an array's
/// element is the element itself.
#[derive(Clone, Debug, Default)]
pub(super) struct Mark {
    pub(super) source: usize,
    pub(super) key: Range<usize>,
    pub(super) value: Range<usize>,
}

#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) mark: Mark,
    pub(super) node: Node,
}

#[derive(Clone, Debug)]
pub(super) enum Node {
    /// Never a `toml::Value::Array` or `toml::Value::Table`.
    Scalar(toml::Value),
    Array(Vec<Entry>),
    Table(BTreeMap<String, Entry>),
}

/// One parsed file.
pub(super) struct Document {
    /// Always a table.
    pub(super) root: Entry,
    pub(super) has_version: bool,
}

/// Which bytes of an entry an error points at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The name of the entry.
    Key,
    /// The value of the entry; of a table the name as well.
    Value,
}

impl Origins {
    pub(super) fn new() -> Self {
        Self {
            sources: Vec::new(),
            root: Entry { mark: Mark::default(), node: Node::Table(BTreeMap::new()) },
        }
    }

    /// Adds a text and returns its number for [`Mark::source`].
    pub(super) fn add(&mut self, origin: Origin, text: String) -> usize {
        self.sources.push(Source { origin, text: text.into() });
        self.sources.len() - 1
    }

    /// An error about the value at `key`, as [`super::Resolved::error_at`] gives it.
    #[must_use]
    pub fn error_at(&self, key: &str, message: impl Into<String>, help: impl Into<String>) -> RecipeError {
        let names: Vec<&str> = key.split('.').collect();
        let (entry, found) = self.root.deepest(&names);
        let part = if found == names.len() { Part::Value } else { Part::Key };
        self.error(entry, part, message).with_help(help)
    }

    /// As [`Origins::error_at`], for keys that have dots in them, and for the key as well as its
    /// value.
    #[must_use]
    pub fn error_at_names(
        &self,
        names: &[&str],
        part: Part,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> RecipeError {
        let (entry, found) = self.root.deepest(names);
        let part = if found == names.len() { part } else { Part::Key };
        self.error(entry, part, message).with_help(help)
    }

    /// The origin of the value at `key`; `None` if the value was not written.
    #[must_use]
    pub fn origin_of(&self, key: &str) -> Option<&Origin> {
        let names: Vec<&str> = key.split('.').collect();
        let (entry, found) = self.root.deepest(&names);
        (found == names.len()).then(|| &self.sources[entry.mark.source].origin)
    }

    pub(super) fn error(&self, entry: &Entry, part: Part, message: impl Into<String>) -> RecipeError {
        let span = match (part, &entry.node) {
            (Part::Key, _) => &entry.mark.key,
            // A table may be spread over its file: its name is the place to look at.
            (Part::Value, Node::Table(_)) => &entry.mark.key,
            (Part::Value, _) => &entry.mark.value,
        };
        self.error_in_source(entry.mark.source, span.clone(), message)
    }

    pub(super) fn error_in(&self, entry: &Entry, message: impl Into<String>) -> RecipeError {
        self.error(entry, Part::Value, message)
    }

    pub(super) fn error_in_source(
        &self,
        source: usize,
        span: Range<usize>,
        message: impl Into<String>,
    ) -> RecipeError {
        let source = &self.sources[source];
        RecipeError {
            message: message.into(),
            help: None,
            example: None,
            origin: source.origin.clone(),
            source_text: Some(source.text.clone()),
            span: Some(span),
        }
    }
}

impl Document {
    pub(super) fn parse(path: &str, text: String, origins: &mut Origins) -> Result<Self, RecipeError> {
        let source = origins.add(Origin::File(path.to_owned()), text.clone());
        let table = DeTable::parse(&text).map_err(|error| {
            origins.error_in_source(source, error.span().unwrap_or(0..0), error.message())
        })?;
        let entries = read_table(table.into_inner(), source, 0, origins)?;
        let mark = Mark { source, key: 0..0, value: 0..0 };
        Ok(Self { root: Entry { mark, node: Node::Table(entries) }, has_version: false })
    }

    /// Removes a key of the root.
    pub(super) fn take(&mut self, key: &str) -> Option<Entry> {
        match &mut self.root.node {
            Node::Table(entries) => entries.remove(key),
            _ => unreachable!("the root of a document is a table"),
        }
    }
}

impl Entry {
    /// The entry that `names` lead to, or the innermost one on the way, and how many names were
    /// followed.
    pub(super) fn deepest<'a>(&'a self, names: &[&str]) -> (&'a Self, usize) {
        let mut entry = self;
        for (followed, name) in names.iter().enumerate() {
            let next = match &entry.node {
                Node::Table(entries) => entries.get(*name),
                Node::Array(items) => name.parse().ok().and_then(|index: usize| items.get(index)),
                Node::Scalar(_) => None,
            };
            match next {
                Some(next) => entry = next,
                None => return (entry, followed),
            }
        }
        (entry, names.len())
    }

    /// This entry and everything inside it with its name and how deep it lies, a table before what
    /// is in it.
    pub(super) fn walk<'a>(
        &'a self,
        name: &str,
        depth: usize,
        visit: &mut impl FnMut(&str, usize, &'a Self),
    ) {
        visit(name, depth, self);
        match &self.node {
            Node::Table(entries) => {
                entries.iter().for_each(|(name, entry)| entry.walk(name, depth + 1, visit));
            }
            Node::Array(items) => items.iter().for_each(|entry| entry.walk("", depth + 1, visit)),
            Node::Scalar(_) => {}
        }
    }

    pub(super) fn to_value(&self) -> toml::Value {
        match &self.node {
            Node::Scalar(value) => value.clone(),
            Node::Array(items) => toml::Value::Array(items.iter().map(Self::to_value).collect()),
            Node::Table(entries) => toml::Value::Table(
                entries.iter().map(|(name, entry)| (name.clone(), entry.to_value())).collect(),
            ),
        }
    }
}

/// Keys of one table of which a recipe has either: one folder of data, or several.
const ALTERNATIVES: [(&str, &str); 2] = [("path", "sources"), ("sources", "path")];

/// Lays the recipe `over` on the recipe `base`: tables are merged unless the upper one names its
/// `kind`, everything else is replaced, an alternative too.
///
/// A table that is merged stays where it was written: what it lacks was left out there, and no single
/// value laid on it is to blame. A table whose keys are numbers of an array's elements is laid on those, which is
/// how an override changes one of them.
pub(super) fn merge(base: &mut Entry, over: Entry) {
    match (&mut base.node, over.node) {
        (Node::Table(below), Node::Table(above)) => {
            for (given, other) in ALTERNATIVES {
                if above.contains_key(given) && !above.contains_key(other) {
                    below.remove(other);
                }
            }
            for (name, entry) in above {
                let names_kind = matches!(&entry.node, Node::Table(entries) if entries.contains_key("kind"));
                match below.get_mut(&name) {
                    Some(entry_below) if !names_kind => merge(entry_below, entry),
                    _ => drop(below.insert(name, entry)),
                }
            }
        }
        (Node::Array(items), Node::Table(above)) if are_numbers(&above, items.len()) => {
            for (number, entry) in above {
                let number: usize = number.parse().expect("a number, as was asked before");
                merge(&mut items[number], entry);
            }
        }
        (_, node) => *base = Entry { mark: over.mark, node },
    }
}

/// Whether all keys are numbers of an array of so many elements.
fn are_numbers(table: &BTreeMap<String, Entry>, elements: usize) -> bool {
    let is_number = |key: &String| key.parse::<usize>().is_ok_and(|number| number < elements);
    !table.is_empty() && table.keys().all(is_number)
}

fn read_table(
    table: DeTable<'_>,
    source: usize,
    shift: usize,
    origins: &Origins,
) -> Result<BTreeMap<String, Entry>, RecipeError> {
    table
        .into_iter()
        .map(|(key, value)| {
            let key_span = shifted(&key.span(), shift);
            let value_span = shifted(&value.span(), shift);
            let node = read_value(value.into_inner(), &value_span, source, shift, origins)?;
            let mark = Mark { source, key: key_span, value: value_span };
            Ok((key.into_inner().into_owned(), Entry { mark, node }))
        })
        .collect()
}

/// A parsed value as a node. `shift` is added to all spans inside it, `span` has it already.
pub(super) fn read_value(
    value: DeValue<'_>,
    span: &Range<usize>,
    source: usize,
    shift: usize,
    origins: &Origins,
) -> Result<Node, RecipeError> {
    Ok(match value {
        DeValue::String(text) => Node::Scalar(toml::Value::String(text.into_owned())),
        DeValue::Integer(number) => {
            let value = i64::from_str_radix(number.as_str(), number.radix()).map_err(|_| {
                origins.error_in_source(
                    source,
                    span.clone(),
                    format!("{number} does not fit in 64 bits with a sign"),
                )
            })?;
            Node::Scalar(toml::Value::Integer(value))
        }
        DeValue::Float(number) => {
            let value = number.as_str().parse().map_err(|_| {
                origins.error_in_source(
                    source,
                    span.clone(),
                    format!("{number} is not a number that can be held"),
                )
            })?;
            Node::Scalar(toml::Value::Float(value))
        }
        DeValue::Boolean(value) => Node::Scalar(toml::Value::Boolean(value)),
        DeValue::Datetime(value) => Node::Scalar(toml::Value::Datetime(value)),
        DeValue::Array(items) => Node::Array(
            items
                .into_iter()
                .map(|item| {
                    let span = shifted(&item.span(), shift);
                    let node = read_value(item.into_inner(), &span, source, shift, origins)?;
                    Ok(Entry { mark: Mark { source, key: span.clone(), value: span }, node })
                })
                .collect::<Result<_, RecipeError>>()?,
        ),
        DeValue::Table(table) => Node::Table(read_table(table, source, shift, origins)?),
    })
}

fn shifted(span: &Range<usize>, shift: usize) -> Range<usize> {
    span.start + shift..span.end + shift
}
