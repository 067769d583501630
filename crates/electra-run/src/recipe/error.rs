//! What is wrong with a recipe, and where.

use std::fmt;
use std::ops::Range;

/// What is wrong with a recipe: enough for a caret under the culprit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
pub struct RecipeError {
    /// What is wrong, in one line.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// The file, the name given to an embedded recipe, or `--set`.
    pub path: String,
    /// All of the file, or the argument of `--set`; none if it could not be read.
    pub source_text: Option<String>,
    /// The culprit's bytes within `source_text`; empty at 0 if it is the file as a whole.
    pub span: Option<Range<usize>>,
}

impl RecipeError {
    /// Line and column of the culprit, counted in characters from 1.
    #[must_use]
    pub fn line_and_column(&self) -> Option<(usize, usize)> {
        let before = self.source_text.as_ref()?.get(..self.span.as_ref()?.start)?;
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Some((before.matches('\n').count() + 1, before[line_start..].chars().count() + 1))
    }

    /// The culprit as it is written.
    #[must_use]
    pub fn culprit(&self) -> Option<&str> {
        self.source_text.as_ref()?.get(self.span.clone()?)
    }

    pub(super) fn of_file(path: String, message: String) -> Self {
        Self { message, help: None, path, source_text: None, span: None }
    }

    pub(super) fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for RecipeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.path.as_str(), &self.source_text, self.line_and_column()) {
            ("--set", Some(text), _) => write!(f, "--set {text}: {}", self.message),
            (path, _, Some((line, column))) => write!(f, "{path}:{line}:{column}: {}", self.message),
            (path, _, None) => write!(f, "{path}: {}", self.message),
        }
    }
}
