//! Errors in a recipe, with the place of the mistake.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use miette::Diagnostic;

/// An error in a recipe, with its place in the text for a caret under the mistake.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct RecipeError {
    /// The message: what is wrong, in one line.
    pub message: String,
    /// The advice: what to do about the error. `example` goes on with it.
    pub help: Option<String>,
    /// An assignment that could be written instead.
    pub example: Option<Box<Assignment>>,
    /// The source of the faulty value.
    pub origin: Origin,
    /// All of the file, or the override; none if it could not be read.
    pub source_text: Option<Arc<str>>,
    /// The bytes of the offending text within `source_text`; empty at 0 if it is the file as a whole.
    pub span: Option<Range<usize>>,
}

/// The source of a value in a recipe: a file or an override.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The file at this path; for a recipe that is no file, the name that it was given.
    File(String),
    /// An override, `key=value`, given beside the recipe.
    Override,
}

/// A key of a recipe with a value for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The dotted key.
    pub key: String,
    /// The value as TOML text.
    pub value: String,
}

impl Assignment {
    pub(super) fn new(key: impl Into<String>, value: impl Into<String>) -> Self {
        Self { key: key.into(), value: value.into() }
    }

    /// The assignment as an override, `key=value`.
    #[must_use]
    pub fn to_override(&self) -> String {
        format!("{}={}", self.key, self.value)
    }
}

impl fmt::Display for Assignment {
    /// As a line of a recipe.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {}", self.key, self.value)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => f.write_str(path),
            Self::Override => f.write_str("override"),
        }
    }
}

impl RecipeError {
    /// Line and column of the offending text, counted in characters from 1.
    #[must_use]
    pub fn line_and_column(&self) -> Option<(usize, usize)> {
        let before = self.source_text.as_ref()?.get(..self.span.as_ref()?.start)?;
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Some((before.matches('\n').count() + 1, before[line_start..].chars().count() + 1))
    }

    /// The offending text as it is written.
    #[must_use]
    pub fn offending_text(&self) -> Option<&str> {
        self.source_text.as_ref()?.get(self.span.clone()?)
    }

    /// The advice with its example, which is shown as a line of a recipe or, if an override is to blame, as
    /// `as_override` has it.
    #[must_use]
    pub fn help_with(&self, as_override: impl FnOnce(&Assignment) -> String) -> Option<String> {
        let help = self.help.as_ref()?;
        Some(match (&self.example, &self.origin) {
            (None, _) => help.clone(),
            (Some(example), Origin::File(_)) => format!("{help} {example}"),
            (Some(example), Origin::Override) => format!("{help} {}", as_override(example)),
        })
    }

    pub(super) fn of_file(path: String, message: String) -> Self {
        let origin = Origin::File(path);
        Self { message, help: None, example: None, origin, source_text: None, span: None }
    }

    pub(super) fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(super) fn with_example(self, help: &str, example: Assignment) -> Self {
        Self { example: Some(Box::new(example)), ..self.with_help(help) }
    }
}

impl fmt::Display for RecipeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { origin, message, .. } = self;
        match (origin, &self.source_text, self.line_and_column()) {
            (Origin::Override, Some(text), _) => write!(f, "{origin} {text}: {message}"),
            (_, _, Some((line, column))) => write!(f, "{origin}:{line}:{column}: {message}"),
            (_, _, None) => write!(f, "{origin}: {message}"),
        }
    }
}

impl Diagnostic for RecipeError {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help_with(Assignment::to_override).map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }
}
