//! The errors of reading a file of labelled sentences.

use std::path::{Path, PathBuf};

use electra_text::corpus::CorpusError;

use super::record_place::RecordPlace;
use super::spans::MisalignedSpan;
use crate::scheme::{Scheme, SchemeError, TagPlace};

/// Bytes of memory that a byte of text takes at most, with all that a data set is checked for or trained
/// with.
pub(super) const MEMORY_PER_BYTE: u64 = 10;

/// An error about a file: each names it, the line, what was found and expected, and what to do.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum ReadError {
    /// The file cannot be read or decompressed.
    #[error("{0}")]
    Content(
        #[from]
        #[diagnostic_source]
        CorpusError,
    ),
    /// A device that gives bytes without end.
    #[error("{path} is a device, and text was expected")]
    #[diagnostic(help("give a file, or a pipe such as /dev/stdin"))]
    Device { path: PathBuf },
    /// More text than there is memory for.
    #[error("{path} holds {} bytes of text or more, and reading it takes up to {MEMORY_PER_BYTE} bytes of memory for each: there is room for {most}", .bytes)]
    #[diagnostic(help("divide it into several files, or use a machine with more memory"))]
    TooLarge {
        path: PathBuf,
        /// Bytes that it has at least, uncompressed.
        bytes: u64,
        /// Bytes that there is memory for.
        most: u64,
    },
    /// A line too long to be a token with its tag, or a record.
    #[error("line {line} of {path} is longer than {limit} bytes")]
    #[diagnostic(help("divide it, if it is text at all"))]
    LongLine {
        path: PathBuf,
        line: usize,
        /// The longest line accepted.
        limit: usize,
    },
    /// More tags than any set of types has.
    #[error("line {line} of {path} has one more different tag than the {limit} that a file may have")]
    #[diagnostic(help("name the column of the tags"))]
    TooManyTags {
        path: PathBuf,
        line: usize,
        /// The most different tags.
        limit: usize,
    },
    /// Bytes that are not UTF-8.
    #[error(
        "{path} is not UTF-8: line {line} has the byte 0x{byte:02x} at offset {offset} of the (uncompressed) file"
    )]
    #[diagnostic(help(
        "if it is an old file of Western Europe, read it as cp1252 or latin-1, else convert it"
    ))]
    NotUtf8 {
        path: PathBuf,
        line: usize,
        /// Byte offset in the uncompressed file, from 0.
        offset: usize,
        /// The first byte that does not fit.
        byte: u8,
    },
    /// A byte that cp1252 does not have.
    #[error(
        "{path} is not cp1252: line {line} has the byte 0x{byte:02x} at offset {offset} of the (uncompressed) file"
    )]
    #[diagnostic(help("look at the line, and read the file as UTF-8 if it is that"))]
    NotCp1252 {
        path: PathBuf,
        line: usize,
        /// Byte offset in the uncompressed file, from 0.
        offset: usize,
        /// The byte that has no character.
        byte: u8,
    },
    /// No sentence in it.
    #[error("{path} holds no sentence, expected lines with a token and its tag, or JSON lines")]
    #[diagnostic(help("check that it is the right file"))]
    Empty { path: PathBuf },
    /// Fewer different documents, or texts where there are none, than parts.
    #[error("different documents or texts: {units}, too few for {parts} parts")]
    #[diagnostic(help("give more data, or fewer parts; texts of one document are not divided"))]
    TooFewToDivide {
        /// Different documents or texts.
        units: usize,
        /// The parts that were asked for.
        parts: usize,
    },
    /// Too few columns, or another number than elsewhere.
    #[error("line {line} of {path} has {found} column{}, expected {expected} (separated by {separator}): {text:?}", if *.found == 1 { "" } else { "s" })]
    #[diagnostic(help(
        "correct the line, or describe the file: what separates its columns, and which of them hold tokens and tags"
    ))]
    Columns {
        path: PathBuf,
        line: usize,
        found: usize,
        /// The expected number of columns, in words.
        expected: String,
        separator: String,
        /// The beginning of the line.
        text: String,
    },
    /// Token and tag in one column.
    #[error("{path}: column {column} cannot hold both tokens and tags")]
    #[diagnostic(help("name another"))]
    OneColumn { path: PathBuf, column: usize },
    /// Several columns that may be the tags.
    #[error("columns {first} and {second} of {path} both look like the tags, expected one")]
    #[diagnostic(help("choose {first} or {second}"))]
    SeveralTagColumns {
        path: PathBuf,
        /// The two columns, from 1.
        first: usize,
        second: usize,
    },
    /// A tag without a token.
    #[error("line {line} of {path} has a tag but no token")]
    #[diagnostic(help("take the line out, or give it its token"))]
    EmptyToken { path: PathBuf, line: usize },
    /// A tag of no scheme.
    #[error(
        "line {line} of {path} has the tag {tag:?}, expected O or a letter, a dash and a type: B-TYPE or I-TYPE (IOB1, IOB2), with E- and S- (IOBES, BMES), L- and U- (BILOU), M- (BMES)"
    )]
    #[diagnostic(help("correct it, or name the column of the tags"))]
    UnknownTag { path: PathBuf, line: usize, tag: String },
    /// Tags of several schemes.
    #[error(
        "{path} mixes schemes: line {line} has the tag {tag:?}, and line {first_line} has {first_tag:?}, expected one scheme in a file"
    )]
    #[diagnostic(help("convert one part of it, or correct these tags"))]
    MixedSchemes {
        path: PathBuf,
        /// Line of the second tag, from 1.
        line: usize,
        tag: String,
        /// Line of the first tag, from 1.
        first_line: usize,
        first_tag: String,
    },
    /// A tag that the scheme asked for does not have.
    #[error("line {line} of {path} has the tag {tag:?}, expected one of {scheme}: O, or one of the letters {}", .scheme.letters())]
    #[diagnostic(help("correct it, or name no scheme"))]
    NotInScheme { path: PathBuf, line: usize, tag: String, scheme: Scheme },
    /// A line that is not a JSON object.
    #[error("line {line} of {path} is not a JSON object: {what} at character {column}, {excerpt:?}")]
    #[diagnostic(help("correct it: a file has one object a line, or one list of objects"))]
    BadJson {
        path: PathBuf,
        line: usize,
        /// Character in the line, from 1.
        column: usize,
        /// A description of what was found and what was expected.
        what: &'static str,
        /// A few characters from there on.
        excerpt: String,
    },
    /// A list of records, or one record of several lines, that does not end.
    #[error("the {what} that begins in line {line} of {path} does not end: the file stops in line {last}{}", if *.records > 0 { format!(", behind {records} whole records") } else { String::new() })]
    #[diagnostic(help("export or copy the file again: its end is missing"))]
    Cut {
        path: PathBuf,
        /// The kind of value that does not end: a list or an object.
        what: &'static str,
        /// Line in which it begins, counted from 1.
        line: usize,
        /// The last line of the file, counted from 1.
        last: usize,
        /// Records of the list that are whole.
        records: usize,
    },
    /// An error of a record that shares its line with others.
    #[error("{reason} (record {} of the list, which begins at character {} of the line)", .place.number, .place.column)]
    #[diagnostic(help("{}", .reason.help().map(|help| help.to_string()).unwrap_or_default()))]
    InRecord {
        /// The place of the record.
        place: RecordPlace,
        /// The error, without the place of the record in its line.
        reason: Box<ReadError>,
    },
    /// Half of a character in a field that is read.
    #[error(
        "line {line} of {path} has half of a character at character {column}, {excerpt:?}, expected both halves of the surrogate pair"
    )]
    #[diagnostic(help("write the character itself, or leave the record out"))]
    HalfCharacter {
        path: PathBuf,
        line: usize,
        /// Character in the line, from 1.
        column: usize,
        /// A few characters from there on.
        excerpt: String,
    },
    /// A field that is missing, or holds something else.
    #[error("line {line} of {path} has {found}, expected {expected}")]
    #[diagnostic(help("correct the record"))]
    Record { path: PathBuf, line: usize, found: String, expected: String },
    /// Numbers instead of tags, and no names for them.
    #[error("line {line} of {path} has tags by number, expected their names, too")]
    #[diagnostic(help(
        "give them in order: O, B-PER, I-PER and so on; or put the `dataset_info.json` of the data set beside the file"
    ))]
    Unnamed { path: PathBuf, line: usize },
    /// A number that no name was given for.
    #[error("line {line} of {path} has the tag number {id}, expected 0 to {} for the {labels} given names", .labels.saturating_sub(1))]
    #[diagnostic(help("complete the names"))]
    UnknownNumber {
        path: PathBuf,
        line: usize,
        id: i64,
        /// The number of names.
        labels: usize,
    },
    /// An export of another task than marking spans.
    #[error("line {line} of {path} is of {task}, expected spans of text with types")]
    #[diagnostic(help(
        "export the project in which names were marked; labels of whole texts, images or sounds say nothing of words"
    ))]
    OtherTask { path: PathBuf, line: usize, task: &'static str },
    /// Text with tags of HTML, whose offsets count what a browser makes of it.
    #[error(
        "line {line} of {path} is HTML, expected text without tags: its offsets count what a browser shows of it"
    )]
    #[diagnostic(help(
        "import the text without its tags into the tool and mark that; a browser alone can tell these places for sure"
    ))]
    MarkedUp { path: PathBuf, line: usize },
    /// An annotator who has annotated nothing in the file.
    #[error("{path} has no annotator {wanted:?}, expected {}", one_of(.annotators))]
    #[diagnostic(help("choose one of them"))]
    UnknownAnnotator {
        path: PathBuf,
        /// The annotator who was asked for.
        wanted: String,
        /// The names or numbers of those whom the file names.
        annotators: Vec<String>,
    },
    /// A folder where a file is expected.
    #[error(
        "{path} is a folder of {files} files, expected one file, or texts (.txt) with annotations of brat (.ann)"
    )]
    #[diagnostic(help("give one of its files, or convert them all into one"))]
    Folder {
        path: PathBuf,
        /// The number of its files.
        files: usize,
    },
    /// A text that several people have annotated.
    #[error("line {line} of {path}: {} have annotated one text, expected one annotator", .annotators.join(" and "))]
    #[diagnostic(help("choose whose work counts"))]
    SeveralAnnotators {
        path: PathBuf,
        line: usize,
        /// Their names or numbers.
        annotators: Vec<String>,
    },
    /// Offsets that mean other places in another unit.
    #[error("line {line} of {path} has a span whose place depends on what its offsets count: {units}")]
    #[diagnostic(help("say what the tool counts: nothing in the file tells"))]
    OffsetUnits {
        path: PathBuf,
        line: usize,
        /// The units that it may be, in words.
        units: String,
    },
    /// A file that only spaCy itself can read.
    #[error("{path} is a DocBin of spaCy's, which only spaCy itself can read")]
    #[diagnostic(help(
        "make JSON lines of it:\n  python -c \"import json, spacy; from spacy.tokens import DocBin; [print(json.dumps(doc.to_json())) for doc in DocBin().from_disk('{}').get_docs(spacy.blank('xx').vocab)]\" > docs.jsonl",
        .path.display()
    ))]
    DocBin { path: PathBuf },
    /// A folder without what its format consists of, or a file without its other half.
    #[error("{path} has no {missing}")]
    #[diagnostic(help("give the folder that the tool has exported, unpacked, with all its files"))]
    MissingFile {
        /// The folder or file.
        path: PathBuf,
        missing: String,
    },
    /// A line of a format of lines that is not as the format has it.
    #[error("line {line} of {path} has {found:?}, expected {expected}")]
    #[diagnostic(help("export the file again, or correct the line"))]
    Line {
        path: PathBuf,
        line: usize,
        /// The text that is there.
        found: String,
        /// The text that the format has there.
        expected: String,
    },
    /// Spans that cannot be said in tags.
    #[error("{} of {path} cannot be said in tags of whole words:{}", if .spans.len() == 1 { "1 span".into() } else { format!("{} spans", .spans.len()) }, .spans.iter().map(|span| format!("\n  {span}")).collect::<String>())]
    #[diagnostic(help("correct them, or leave them out"))]
    Misaligned {
        path: PathBuf,
        /// Every one of them, in the order of the file.
        spans: Vec<MisalignedSpan>,
    },
}

/// Annotators that a message names at most.
const SHOWN_ANNOTATORS: usize = 10;

fn one_of(annotators: &[String]) -> String {
    let mut shown: Vec<String> =
        annotators.iter().take(SHOWN_ANNOTATORS).map(|name| format!("{name:?}")).collect();
    if let more @ 1.. = annotators.len().saturating_sub(SHOWN_ANNOTATORS) {
        shown.push(format!("one of {more} more"));
    }
    shown.join(" or ")
}

impl ReadError {
    /// This error with the place of the record that it is about, if the record shares its line with others.
    pub(super) fn in_record(self, place: Option<RecordPlace>) -> Self {
        match (place, self) {
            (Some(place), error) if !matches!(error, Self::InRecord { .. }) => {
                Self::InRecord { place, reason: Box::new(error) }
            }
            (_, error) => error,
        }
    }

    /// An error about the scheme, with lines for places.
    pub(super) fn of_scheme(path: &Path, error: SchemeError, line: impl Fn(TagPlace) -> usize) -> Self {
        let path = path.to_owned();
        match error {
            SchemeError::UnknownTag { at, tag } => ReadError::UnknownTag { path, line: line(at), tag },
            SchemeError::Mixed { first, first_tag, at, tag } => {
                ReadError::MixedSchemes { path, line: line(at), tag, first_line: line(first), first_tag }
            }
            SchemeError::NotInScheme { at, tag, scheme } => {
                ReadError::NotInScheme { path, line: line(at), tag, scheme }
            }
        }
    }
}
