//! Options for reading a file: what is known of it before.

use super::encoding::Encoding;
use super::separator::Separator;
use crate::scheme::Scheme;

/// Options of reading an annotated file. The default is UTF-8, and all else is found out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadOptions {
    /// The character encoding. A file that begins with the mark of UTF-8 is read as UTF-8.
    pub encoding: Encoding,
    /// The separator between columns; `None` to detect it.
    pub separator: Option<Separator>,
    /// The column of the tokens, counted from 1.
    pub token_column: Option<usize>,
    /// The column of the tags, counted from 1.
    pub tag_column: Option<usize>,
    /// The scheme of the tags.
    pub scheme: Option<Scheme>,
    /// The names of the tags that JSON lines number from 0.
    pub labels: Option<Vec<String>>,
    /// Leave out spans that do not fit the words, instead of stopping at them.
    pub skip_misaligned: bool,
}
