//! Turns serde's messages into sentences and finds the place in the text that they speak of.
//!
//! serde says at which path deserialization stopped, except inside tagged enums, whose content it
//! buffers: there the offending text is searched below the path by what the message says about it.

use serde_path_to_error::{Path, Segment};

use super::tree::{Entry, Node, Origins, Part};
use super::words::{Form, expectation, finding, form, is_whole};
use super::{Assignment, RecipeError};

/// The error for serde's `message` about the value at `path`.
pub(super) fn explain(message: &str, path: &Path, origins: &Origins) -> RecipeError {
    let names: Vec<String> = path
        .iter()
        .filter_map(|segment| match segment {
            Segment::Map { key } => Some(key.clone()),
            Segment::Seq { index } => Some(index.to_string()),
            Segment::Enum { .. } | Segment::Unknown => None,
        })
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let (entry, found) = origins.root.deepest(&names);
    let place = Place { origins, entry, key: names[..found].join(".") };

    if let Some((name, valid)) = after_quoted(message, "unknown field ") {
        place.unknown_field(name, valid)
    } else if let Some((name, valid)) = after_quoted(message, "unknown variant ") {
        place.unknown_variant(name, valid)
    } else if let Some((name, _)) = after_quoted(message, "missing field ") {
        place.missing_field(name)
    } else if let Some((found, expected)) = message
        .strip_prefix("invalid type: ")
        .or(message.strip_prefix("invalid value: "))
        .and_then(split_expected)
    {
        place.wrong_value(found, expected)
    } else if let Some((_, expected)) = message.strip_prefix("invalid length ").and_then(split_expected) {
        // serde takes an array for a table whose keys come in order.
        place.wrong_value("sequence", expected)
    } else if message.starts_with("wanted ") {
        // Of a table where a name belongs, toml says how many entries it has.
        place.wrong_value(OTHER_THAN_A_NAME, "string only")
    } else {
        origins.error(entry, Part::Value, message)
    }
}

/// Begins serde's name of a table that names its kind.
const TAGGED: &str = "internally tagged enum ";

/// The word of the toml crate for a finding that is no name where a name belongs.
const OTHER_THAN_A_NAME: &str = "unit variant";

/// The place at which deserialization stopped.
struct Place<'a> {
    origins: &'a Origins,
    entry: &'a Entry,
    /// Dotted; empty for the whole recipe.
    key: String,
}

impl Place<'_> {
    fn unknown_field(&self, name: &str, valid: &str) -> RecipeError {
        let culprit = self.search(|entry_name, _| entry_name == name);
        let valid = quoted_names(valid);
        let error = |suggestion: &str| {
            self.origins.error(culprit, Part::Key, format!("unknown field `{name}`{suggestion}"))
        };
        if let Some(nearest) = nearest(name, &valid) {
            return error(&format!(", did you mean `{nearest}`?"))
                .with_help(list("the keys here are", &valid));
        }
        match self.elsewhere(name, culprit) {
            Some(table) => error("").with_help(format!("`{name}` is a key of [{table}]")),
            None => error("").with_help(list("the keys here are", &valid)),
        }
    }

    fn unknown_variant(&self, name: &str, valid: &str) -> RecipeError {
        let culprit = self.search(|_, entry| is_string(entry, name));
        let valid = quoted_names(valid);
        let suggestion =
            nearest(name, &valid).map_or(String::new(), |nearest| format!(", did you mean `{nearest}`?"));
        self.origins
            .error(culprit, Part::Value, format!("unknown value `{name}`{suggestion}"))
            .with_help(list("the values here are", &valid))
    }

    fn missing_field(&self, name: &str) -> RecipeError {
        let table = if self.key.is_empty() { "the recipe".to_owned() } else { format!("[{}]", self.key) };
        self.origins
            .error(self.entry, Part::Key, format!("missing field `{name}` in {table}"))
            .with_help(format!("a recipe states every value: add `{name} = ...`"))
    }

    fn wrong_value(&self, found: &str, expected: &str) -> RecipeError {
        let mut key = self.key.clone();
        let mut culprit = self.entry;
        if found != OTHER_THAN_A_NAME && !describes(found, culprit) {
            let inner = self.search(|_, entry| describes(found, entry));
            if !std::ptr::eq(inner, culprit) {
                key = self.name_of(inner).map_or(key.clone(), |name| format!("{key}.{name}"));
                culprit = inner;
            }
        }
        // A date is a table to serde.
        let is_date = matches!(culprit.node, Node::Scalar(toml::Value::Datetime(_)));
        let is_described = is_date || found == OTHER_THAN_A_NAME || describes(found, culprit);
        let found = if is_described { description(culprit) } else { finding(found) };
        let message = format!("`{key}` must be {}, not {found}", expectation(expected));
        let error = self.origins.error(culprit, Part::Value, message);
        match (&culprit.node, expected) {
            (Node::Scalar(toml::Value::String(kind)), _) if expected.starts_with(TAGGED) => {
                error.with_help(format!("write it as {{ kind = {kind:?} }}, with the keys that the kind has"))
            }
            (Node::Scalar(toml::Value::Float(value)), _) if is_whole(expected) && value.fract() == 0.0 => {
                error.with_help(format!("write it without a point or an exponent: {value:.0}"))
            }
            (Node::Scalar(toml::Value::String(text)), _)
                if text.parse::<f64>().is_ok() && is_number(expected) =>
            {
                error.with_help("write it without the quotes")
            }
            (Node::Scalar(value), "a string") => {
                error.with_example("put it into quotes:", Assignment::new(key, format!("\"{value}\"")))
            }
            _ => match form(expected) {
                Form::Value(example) => error.with_example("for example", Assignment::new(key, example)),
                Form::Tagged => {
                    error.with_help("write it as { kind = \"...\" }, with the keys that the kind has")
                }
                Form::Table => error.with_help("write it as { ... }, with a value for each of its keys"),
            },
        }
    }

    /// The outermost entry at or below this place that `is_culprit`, the first of several; else the
    /// place.
    fn search(&self, is_culprit: impl Fn(&str, &Entry) -> bool) -> &Entry {
        let last = self.key.rsplit('.').next().unwrap_or("");
        let mut culprit: Option<(usize, &Entry)> = None;
        self.entry.walk(last, 0, &mut |name, depth, entry| {
            if culprit.is_none_or(|(found, _)| depth < found) && is_culprit(name, entry) {
                culprit = Some((depth, entry));
            }
        });
        culprit.map_or(self.entry, |(_, entry)| entry)
    }

    fn name_of(&self, wanted: &Entry) -> Option<String> {
        let mut found = None;
        self.entry.walk("", 0, &mut |name, _, entry| {
            if std::ptr::eq(entry, wanted) && !name.is_empty() {
                found = Some(name.to_owned());
            }
        });
        found
    }

    /// The table, other than that of `culprit`, that has a key of that name.
    fn elsewhere(&self, name: &str, culprit: &Entry) -> Option<String> {
        fn find(entry: &Entry, path: &str, name: &str, culprit: &Entry) -> Option<String> {
            let Node::Table(entries) = &entry.node else { return None };
            if !path.is_empty() && entries.get(name).is_some_and(|entry| !std::ptr::eq(entry, culprit)) {
                return Some(path.to_owned());
            }
            entries.iter().find_map(|(key, entry)| {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                find(entry, &path, name, culprit)
            })
        }
        find(&self.origins.root, "", name, culprit)
    }
}

/// `x` and `rest` of "prefix`x`rest".
fn after_quoted<'a>(message: &'a str, prefix: &str) -> Option<(&'a str, &'a str)> {
    message.strip_prefix(prefix)?.strip_prefix('`')?.split_once('`')
}

/// Both sides of the last ", expected ".
fn split_expected(message: &str) -> Option<(&str, &str)> {
    message.rsplit_once(", expected ")
}

/// The names in backticks of "expected one of `a`, `b`".
fn quoted_names(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

fn nearest<'a>(name: &str, valid: &[&'a str]) -> Option<&'a str> {
    let likeness = |candidate: &str| strsim::jaro_winkler(name, candidate);
    let best = valid.iter().copied().max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(best) >= 0.75).then_some(best)
}

fn list(intro: &str, names: &[&str]) -> String {
    if names.is_empty() {
        "there are no keys here".to_owned()
    } else {
        format!("{intro} {}", names.join(", "))
    }
}

fn is_string(entry: &Entry, text: &str) -> bool {
    matches!(&entry.node, Node::Scalar(toml::Value::String(value)) if value == text)
}

/// Whether serde's `found` ("string \"abc\"", "floating point `1.5`") describes this entry.
fn describes(found: &str, entry: &Entry) -> bool {
    use serde::de::Unexpected;
    match &entry.node {
        Node::Scalar(toml::Value::String(text)) => found == Unexpected::Str(text).to_string(),
        Node::Scalar(toml::Value::Integer(value)) => found == Unexpected::Signed(*value).to_string(),
        Node::Scalar(toml::Value::Float(value)) => found == Unexpected::Float(*value).to_string(),
        Node::Scalar(toml::Value::Boolean(value)) => found == Unexpected::Bool(*value).to_string(),
        Node::Array(_) => found == Unexpected::Seq.to_string(),
        Node::Table(_) => found == Unexpected::Map.to_string(),
        Node::Scalar(_) => false,
    }
}

fn is_number(expected: &str) -> bool {
    is_whole(expected) || matches!(expected, "f32" | "f64")
}

/// A value as it is written, in words.
fn description(entry: &Entry) -> String {
    use toml::Value;
    match &entry.node {
        Node::Scalar(Value::String(text)) => format!("the string {text:?}"),
        Node::Scalar(Value::Datetime(date)) => format!("the date {date}"),
        Node::Scalar(value) => value.to_string(),
        Node::Array(_) => "an array".to_owned(),
        Node::Table(entries) if entries.is_empty() => "an empty table".to_owned(),
        Node::Table(_) => "a table".to_owned(),
    }
}
