//! Readers: files of labelled sentences, whatever their form, to sentences in IOB2.
//!
//! | form | a sentence is |
//! |---|---|
//! | columns | lines with a token and its tag, up to a blank line |
//! | JSON lines with tags | `{"tokens": ["In", "Rome"], "ner_tags": ["O", "B-LOC"]}` |
//! | JSON lines with spans | `{"text": "In Rome", "spans": [{"start": 3, "end": 7, "label": "LOC"}]}` |
//! | exports of annotation tools | whatever they have: the table of formats is in `read/formats.rs` |
//!
//! The form is told by the content, and so are separator, columns and scheme, unless
//! [`ReadOptions`] give them. Files may be compressed: `.gz` and `.zst`.
//!
//! A file is held in memory, and what is made of it takes ten times its text at most. So a file for which
//! there is no room is refused, and so is one that unpacks to hundreds of times its size or has a line
//! that is none.
//!
//! Records of JSON may also stand in one list, or one in many lines.
//!
//! # Columns
//!
//! - Lines end in LF, CRLF or CR, the last perhaps in nothing. A line in which nothing is seen is blank:
//!   white space, a lone tab, a zero-width space.
//! - `-DOCSTART-` lines and `# newdoc` comments are boundaries of documents and no sentences.
//! - Columns are separated by tabs if most lines have one: then tokens may have spaces in them.
//!   Otherwise by runs of white space: then every line must have as many as the others.
//! - Tags are in the last column that holds tags in (nearly) all lines; in the first if no other
//!   does. Two columns of tags that share a type, such as two levels of nested entities, or gold and
//!   predicted tags, are an error: one must be chosen.
//! - Tokens are in the first column, or in the second if the first numbers the tokens of each
//!   sentence. Numbers such as `3-4` and `5.1` (CoNLL-U) stand for no word of their own.
//! - The tags of CoNLL-U, which has no column for them, are those of the only key of its last column whose
//!   values are tags: `NER=B-PER|SpaceAfter=No`. A token without it is outside.
//! - A line that begins with `#` is a token if it has all columns and something like a tag in the
//!   tag's column, and a comment otherwise.
//!
//! White space and characters that are not seen (a byte order mark in the middle of a file, a
//! zero-width space, marks of direction) belong to no token and no tag at whose ends they stand, and
//! to no tag within it.
//!
//! # JSON lines
//!
//! Tags may be called `ner_tags` or `tags`, and be numbers if the names are given. `start` and `end`
//! count Unicode characters, unless the `text` of the spans fits another unit alone. A text is one sentence whole, and divided into words and single marks as
//! [`WordDivision::Marks`](crate::words::WordDivision) has it; white space and what is not seen at the
//! ends of a span belong to no word and are passed over. Where most letters are of a script without spaces, its
//! characters are words. A span that begins or ends within a word, or shares a word with another, cannot be said
//! in tags: all of them are listed, and are an error unless they are to be skipped.
//! A record whose `answer` is `reject` or `ignore`, as Prodigy writes it, in whatever case, is no gold and is
//! passed over; how many there are is counted, and so are answers that are none of Prodigy's. Fields
//! that are not named here may hold anything.
//! `document`, a string or a number, joins neighbouring records into documents. Without it records
//! with tags are one document, as in a file of columns without boundaries, and every text is its own.

mod annotators;
mod beside;
mod characters;
mod columns;
mod content;
mod data;
mod dataset_info;
mod document;
mod encoding;
mod error;
mod exchange;
mod file;
mod format_name;
mod formats;
mod germeval;
mod input;
mod invalid;
mod json;
mod layout;
mod lines;
mod misc;
mod names;
mod objects;
mod offsets;
mod options;
mod raw;
mod record_place;
mod records;
mod separator;
mod spans;
mod split_plan;
mod survey;
mod tags;
mod target;
mod text;
mod tools;

pub use beside::{Answers, PassedOver};
pub use content::MAX_LINE_BYTES;
pub(crate) use data::PredictedFile;
pub(crate) use data::TokenLines;
pub use data::{DataFile, Format, WrittenFile};
pub use document::{DocumentNumbers, document_name};
pub use encoding::Encoding;
pub use error::ReadError;
pub use exchange::{Conversion, ConvertedPart, ExportedTexts, Source, convert, exported_texts};
pub(crate) use file::read_predictions;
pub use file::{read, read_as_written};
pub use format_name::FormatName;
pub use formats::format_names;
pub use invalid::{InvalidTransition, InvalidTransitions};
pub use names::{is_named_columns, is_named_json};
pub use offsets::{OffsetEvidence, OffsetUse, Offsets};
pub use options::ReadOptions;
pub use record_place::RecordPlace;
pub use separator::Separator;
pub use spans::{MisalignedSpan, Misalignment};
pub use split_plan::{NoShares, SplitPlan, SplitUnit};
