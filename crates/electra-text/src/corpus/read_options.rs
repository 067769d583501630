//! Options for reading the files of a corpus.

use super::files::FileKind;
use serde::{Deserialize, Serialize};

/// The options for reading the files of a corpus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadOptions {
    /// The rule by which a `.txt` file is divided into documents.
    pub documents: DocumentsBy,
    /// The field or column that holds the text.
    pub text_field: String,
    /// Replace bytes that are not UTF-8, and halves of characters that JSON can spell, by U+FFFD,
    /// and count them, instead of stopping.
    pub lossy: bool,
    /// Pass over records of which no text can be had, and count them, instead of stopping.
    pub skip_bad_records: bool,
    /// The kind of all files and of all members of archives, whatever their names announce.
    pub kind: Option<FileKind>,
}

impl Default for ReadOptions {
    /// Blank lines divide, the field is `text`, nothing is replaced or passed over.
    fn default() -> Self {
        ReadOptions {
            documents: DocumentsBy::BlankLine,
            text_field: "text".into(),
            lossy: false,
            skip_bad_records: false,
            kind: None,
        }
    }
}

/// The rule by which a `.txt` file is divided into documents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DocumentsBy {
    /// A blank line ends a document; so does the end of a file.
    #[default]
    BlankLine,
    /// Each line is one document.
    Line,
    /// Each file is one document.
    File,
}
