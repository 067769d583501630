//! Options for reading a file: what is known of it before.

use super::encoding::Encoding;
use super::format_name::FormatName;
use super::offsets::Offsets;
use super::separator::Separator;
use crate::scheme::Scheme;
use crate::words::{SentenceDivision, WordDivision};

/// Options of reading an annotated file. The default is UTF-8, and all else is found out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadOptions {
    /// The format; `None` to tell it by the content.
    pub format: Option<FormatName>,
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
    /// The unit of the offsets of spans; `None` to find it out.
    pub offsets: Option<Offsets>,
    /// The annotator whose work is read where several have annotated a text: a name, a number, an address.
    pub annotator: Option<String>,
    /// The division into words; `None` for that of the file, and for texts that of their script.
    pub words: Option<WordDivision>,
    /// The division into sentences of texts that are converted to a format of words; `None` to leave them as
    /// the file has them. To be learned from, texts stay whole.
    pub sentences: Option<SentenceDivision>,
    /// Whether the texts alone are wanted, also those that nobody has annotated.
    pub texts_only: bool,
    /// Leave out spans that do not fit the words, instead of stopping at them.
    pub skip_misaligned: bool,
}
