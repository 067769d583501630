//! The place of a record in a file whose lines have several.

use serde::Serialize;

/// The place of a record of a list that has several in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct RecordPlace {
    /// The number of the record in the list, from 1.
    pub number: usize,
    /// The character of the line at which it begins, from 1.
    pub column: usize,
}

/// The beginning of a record in its file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// The line, from 1.
    pub line: usize,
    /// Its place in that line, if the line has several records.
    pub record: Option<RecordPlace>,
}
