//! The errors of reading a tokenizer's files.

use std::io;
use std::path::PathBuf;

use crate::vocab::VocabularyError;

/// An error of reading a tokenizer's files.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum TokenizerError {
    /// The vocabulary is unusable.
    #[error("{0}")]
    Vocabulary(
        #[from]
        #[diagnostic_source]
        VocabularyError,
    ),
    /// The path is neither a file nor a folder.
    #[error("there is no tokenizer at {path}")]
    #[diagnostic(help("give a folder with tokenizer.json or vocab.txt, or one of these files"))]
    NotFound {
        /// The path that was given.
        path: PathBuf,
    },
    /// A file could not be read.
    #[error("cannot read {path}: {source}")]
    Read { path: PathBuf, source: io::Error },
    /// A file could not be written.
    #[error("cannot write {path}: {source}")]
    Write { path: PathBuf, source: io::Error },
    /// The JSON could not be understood.
    #[error("{path} is not a tokenizer that can be read: {what}")]
    #[diagnostic(help("copy the file again from where it came from"))]
    Malformed {
        path: PathBuf,
        /// The parser's message.
        what: String,
    },
    /// A tokenizer of another kind.
    #[error("{path} is not BERT's WordPiece: its {part} is {found}, expected {expected}")]
    #[diagnostic(help("give the tokenizer of a BERT or ELECTRA model"))]
    OtherKind {
        path: PathBuf,
        /// Which part of the tokenizer.
        part: &'static str,
        /// The value found at the key.
        found: String,
        /// The value that ELECTRA needs.
        expected: String,
    },
    /// A setting with which text would be divided otherwise than here.
    #[error("{path}: `{key}` is {found}, expected {expected}")]
    #[diagnostic(help("{remedy}"))]
    Setting {
        /// The file that says so, or that should.
        path: PathBuf,
        /// The key in the configuration.
        key: &'static str,
        /// The value found at the key.
        found: String,
        /// The values that can be read.
        expected: String,
        /// The advice: what to do about the error.
        remedy: &'static str,
    },
    /// A file that says otherwise than the others of its folder.
    #[error("{path} does not belong to the other files of its folder: {what}")]
    #[diagnostic(help("copy the whole folder again, or write it again with the command that wrote it"))]
    Disagreement {
        path: PathBuf,
        /// A description of the difference.
        what: String,
    },
    /// An added token that cannot have the id that it should.
    #[error("{path}: the added token {token:?} gets the id {id} in transformers, expected {}", .expected.map_or("one that no piece has".to_owned(), |id| format!("{id}, as the file says")))]
    #[diagnostic(help("give the added tokens the ids behind the vocabulary, without holes"))]
    AddedToken {
        /// The file that lists it.
        path: PathBuf,
        /// The text of the token.
        token: String,
        /// The id that it gets.
        id: u32,
        /// The id that the file says, if it says one.
        expected: Option<u32>,
    },
}
