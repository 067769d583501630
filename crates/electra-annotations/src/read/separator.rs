//! The separator between the columns of a file.

use std::fmt;

/// The separator between columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Separator {
    /// One tab; tokens may have spaces in them.
    Tab,
    /// Spaces and tabs, as many as there are.
    Space,
}

impl fmt::Display for Separator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Separator::Tab => "tabs",
            Separator::Space => "spaces",
        })
    }
}

impl Separator {
    /// The columns of a line, without empty ones at its end.
    pub(super) fn cells(self, line: &str) -> Vec<&str> {
        match self {
            Separator::Tab => line.trim_end_matches([' ', '\t']).split('\t').collect(),
            Separator::Space => line.split([' ', '\t']).filter(|cell| !cell.is_empty()).collect(),
        }
    }
}
