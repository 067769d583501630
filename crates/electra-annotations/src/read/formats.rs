//! The table of formats: which there are, how each is told by its content, how it is read and written.
//!
//! A new format is a file with its reader, and perhaps its writer, and a row here.

use super::beside::Beside;
use super::data::Format;
use super::error::ReadError;
use super::format_name::FormatName;
use super::input::Input;
use super::offsets::OffsetPolicy;
use super::options::ReadOptions;
use super::raw::Raw;
use super::survey::EachText;
use super::target::{Target, WrittenFiles};
use super::text::{AnnotatedText, Take};
use super::tools::{brat, doccano, gliner, inception, label_studio, parquet, prodigy, spacy};
use super::{columns, germeval, json, tags};

/// A row of the table.
pub(super) struct FormatRow {
    /// The name by which it is asked for.
    pub name: &'static str,
    /// A description of the files for help texts.
    pub title: &'static str,
    /// The test by which its content is recognised; formats without such a mark are tried when no other is found.
    pub recognises: Option<fn(&Input<'_>) -> bool>,
    pub reader: Reader,
    pub writer: Option<Writer>,
}

/// A way to write texts.
pub(super) struct Writer {
    /// The usual ending of its files, with the dot; none of a folder.
    pub ending: &'static str,
    pub target: Target,
    pub write: fn(&[AnnotatedText]) -> WrittenFiles,
}

/// A way to read a format.
pub(super) enum Reader {
    /// Tokens with tags.
    Sentences(fn(&Input<'_>, &ReadOptions) -> Result<Raw, ReadError>),
    /// Texts with spans, and what is known of their offsets; nothing where spans are of words.
    Texts(EachText, Option<OffsetPolicy>),
}

/// Every format, in the order in which they are tried.
pub(super) const FORMATS: &[FormatRow] = &[
    FormatRow {
        name: "brat",
        title: "brat's folder of texts and annotations",
        recognises: Some(brat::recognises),
        reader: Reader::Texts(brat::each_text, Some(OffsetPolicy::CODE_POINTS)),
        writer: Some(Writer {
            ending: "",
            target: Target { parts: true, is_folder: true, ..Target::CHARACTERS },
            write: brat::write,
        }),
    },
    FormatRow {
        name: PARQUET,
        title: "Parquet with tokens and tags",
        recognises: Some(parquet::recognises),
        reader: Reader::Sentences(parquet::read),
        writer: None,
    },
    FormatRow {
        name: "inception",
        title: "TSV of INCEpTION or WebAnno",
        recognises: Some(inception::recognises),
        reader: Reader::Texts(inception::each_text, None),
        writer: None,
    },
    FormatRow {
        name: "label-studio",
        title: "JSON of Label Studio",
        recognises: Some(label_studio::recognises),
        reader: Reader::Texts(label_studio::each_text, Some(OffsetPolicy::OPEN)),
        writer: Some(Writer { ending: ".json", target: Target::CHARACTERS, write: label_studio::write }),
    },
    FormatRow {
        name: "gliner",
        title: "JSON of GLiNER",
        recognises: Some(gliner::recognises),
        reader: Reader::Texts(gliner::each_text, None),
        writer: Some(Writer {
            ending: ".json",
            target: Target { overlaps: true, ..Target::TAGS },
            write: gliner::write,
        }),
    },
    FormatRow {
        name: "spacy",
        title: "JSON of spaCy's documents",
        recognises: Some(spacy::recognises),
        reader: Reader::Texts(spacy::each_text, Some(OffsetPolicy::CODE_POINTS)),
        writer: Some(Writer { ending: ".jsonl", target: Target::TAGS, write: spacy::write }),
    },
    FormatRow {
        name: "doccano",
        title: "JSON lines of doccano",
        recognises: Some(doccano::recognises),
        reader: Reader::Texts(doccano::each_text, Some(OffsetPolicy::OPEN)),
        writer: Some(Writer { ending: ".jsonl", target: Target::CHARACTERS, write: doccano::write }),
    },
    FormatRow {
        name: "germeval",
        title: "columns of GermEval, with outer and inner entities",
        recognises: Some(germeval::recognises),
        reader: Reader::Texts(germeval::each_text, None),
        writer: None,
    },
    FormatRow {
        name: SPANS,
        title: "JSON lines with text and spans",
        recognises: None,
        reader: Reader::Texts(each_text, Some(OffsetPolicy::CODE_POINTS)),
        writer: Some(Writer { ending: ".jsonl", target: Target::CHARACTERS, write: prodigy::write_plain }),
    },
    FormatRow {
        name: "prodigy",
        title: "JSON lines of Prodigy",
        recognises: None,
        reader: Reader::Texts(each_text, Some(OffsetPolicy::CODE_POINTS)),
        writer: Some(Writer { ending: ".jsonl", target: Target::CHARACTERS, write: prodigy::write }),
    },
    FormatRow {
        name: TAGS,
        title: "JSON lines with tokens and tags",
        recognises: None,
        reader: Reader::Sentences(|input, options| json::read_tags(input.path, &input.text, options)),
        writer: Some(Writer { ending: ".jsonl", target: Target::TAGS, write: tags::write_json }),
    },
    FormatRow {
        name: COLUMNS,
        title: "columns of tokens and tags",
        recognises: None,
        reader: Reader::Sentences(|input, options| columns::read(input.path, &input.text, options)),
        writer: Some(Writer { ending: ".conll", target: Target::TAGS, write: tags::write_columns }),
    },
];

const PARQUET: &str = "parquet";
const SPANS: &str = "spans";
const TAGS: &str = "hf";
const COLUMNS: &str = "conll";

fn each_text(input: &Input<'_>, options: &ReadOptions, take: Take<'_>) -> Result<Beside, ReadError> {
    json::each_text(input.path, &input.text, options.annotator.as_deref(), take)
}

/// The names of all formats that this program can read, each with whether it can be written.
pub fn format_names() -> impl Iterator<Item = (FormatName, bool)> {
    let rows = FORMATS.iter().filter(|row| row.name != PARQUET || cfg!(feature = "parquet"));
    rows.map(|row| (FormatName(row.name), row.writer.is_some()))
}

/// Whether a format is that of a token and its tag a line.
pub(super) fn is_columns(name: FormatName) -> bool {
    name.0 == COLUMNS
}

/// The row of a format.
pub(super) fn row(name: FormatName) -> &'static FormatRow {
    FORMATS.iter().find(|row| row.name == name.0).expect("names are those of rows")
}

/// The format of a file whose content can be of no other.
pub(super) fn marked(input: &Input<'_>) -> Option<&'static FormatRow> {
    FORMATS.iter().find(|row| row.recognises.is_some_and(|recognises| recognises(input)))
}

/// The format of a file: the one that was asked for, or the one that its content shows.
///
/// # Errors
/// A file of JSON whose records are of no form.
pub(super) fn detect(input: &Input<'_>, options: &ReadOptions) -> Result<&'static FormatRow, ReadError> {
    if let Some(name) = options.format {
        return Ok(row(name));
    }
    // Columns that were described are columns.
    let is_described = options.tag_column.is_some() && !input.is_json();
    if let Some(row) = marked(input).filter(|_| !is_described) {
        return Ok(row);
    }
    if !input.is_json() {
        return Ok(row(FormatName(COLUMNS)));
    }
    Ok(match json::format(input.path, &input.text)? {
        Format::JsonSpans => row(FormatName(SPANS)),
        _ => row(FormatName(TAGS)),
    })
}

/// The format as a file that was read says what it is.
pub(super) fn found(row: &FormatRow) -> Format {
    match row.name {
        SPANS => Format::JsonSpans,
        _ => Format::Other(row.title),
    }
}
