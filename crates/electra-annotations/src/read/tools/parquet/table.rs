//! The table of a Parquet file: two columns of lists, and the names in its metadata.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use electra_files::{memory, regular};
use electra_text::corpus::{CorpusError, ParquetRemedy};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, DataType};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::schema::types::ColumnDescriptor;

use crate::Sentences;
use crate::read::beside::{Answers, PassedOver};
use crate::read::data::{Format, TokenLines};
use crate::read::dataset_info;
use crate::read::error::{MEMORY_PER_BYTE, ReadError};
use crate::read::input::Input;
use crate::read::options::ReadOptions;
use crate::read::raw::{Raw, check_names};
use crate::words::{Division, trimmed, without_unseen};

const TOKENS: [&str; 2] = ["tokens", "words"];
const TAGS: [&str; 3] = ["ner_tags", "tags", "labels"];
/// Key of the metadata in which the `datasets` library describes the columns.
const DESCRIPTION: &str = "huggingface";
/// Rows decoded at a time.
const BATCH_ROWS: usize = 256;

/// A value of a list.
enum Cell {
    Text(String),
    Number(i64),
}

/// Reads the sentences of a file, a row each.
pub(super) fn read(input: &Input<'_>, options: &ReadOptions) -> Result<Raw, ReadError> {
    // The library asserts of the pages of a file what a damaged one does not keep.
    let read = catch_unwind(AssertUnwindSafe(|| read_table(input, options)));
    read.unwrap_or_else(|_| Err(broken(input.path, "its pages are damaged".into())))
}

fn read_table(input: &Input<'_>, options: &ReadOptions) -> Result<Raw, ReadError> {
    let path = input.path;
    let wrong = |what: String| broken(path, what);
    let file = regular::open(path).map_err(|source| CorpusError::Read { path: path.to_owned(), source })?;
    let reader = SerializedFileReader::new(file)
        .map_err(|error| wrong(format!("not a readable Parquet file, or one cut short: {error}")))?;
    let metadata = reader.metadata();
    let room = memory::available().map_or(u64::MAX, |free| free / MEMORY_PER_BYTE).min(u32::MAX.into());
    let bytes =
        metadata.row_groups().iter().map(|group| u64::try_from(group.total_byte_size()).unwrap_or(u64::MAX));
    let bytes = bytes.fold(0, u64::saturating_add);
    if bytes > room {
        return Err(ReadError::TooLarge { path: path.to_owned(), bytes, most: room });
    }
    let schema = metadata.file_metadata().schema_descr_ptr();
    let column = |names: &[&'static str]| {
        let at = |name: &&str| schema.columns().iter().position(|column| column.path().parts()[0] == **name);
        names.iter().find_map(|name| Some((at(name)?, *name)))
    };
    let (Some((tokens, tokens_name)), Some((tags, tags_name))) = (column(&TOKENS), column(&TAGS)) else {
        let names: Vec<String> = schema.columns().iter().map(|column| column.path().string()).collect();
        return Err(ReadError::Record {
            path: path.to_owned(),
            line: 1,
            found: format!("the columns {}", names.join(", ")),
            expected: "\"tokens\" with \"ner_tags\", lists of words and of tags".into(),
        });
    };
    let names = match &options.labels {
        Some(labels) => Some(labels.clone()),
        None => {
            let described = metadata.file_metadata().key_value_metadata().into_iter().flatten();
            let described =
                described.filter(|pair| pair.key == DESCRIPTION).filter_map(|pair| pair.value.as_deref());
            let described = described.filter_map(|text| serde_json::from_str(text).ok());
            let found =
                described.filter_map(|description| dataset_info::names(&description, &[tags_name])).next();
            found.or_else(|| dataset_info::names_beside(path, &[tags_name]))
        }
    };
    let all_tokens = lists(path, &reader, tokens, tokens_name)?;
    let all_tags = lists(path, &reader, tags, tags_name)?;
    let mut sentences = Sentences::default();
    for (at, (tokens, tags)) in all_tokens.into_iter().zip(all_tags).enumerate() {
        add(path, at + 1, tokens, tags, names.as_deref(), &mut sentences)?;
    }
    Ok(Raw {
        format: Format::Other("Parquet with tokens and tags"),
        division: Division::CORPUS,
        sentences,
        gold: None,
        lines: TokenLines::Shared,
        marks_documents: false,
        comments: 0,
        misaligned: Vec::new(),
        left_out: Vec::new(),
        answers: Answers::default(),
        passed_over: PassedOver::default(),
        offsets: None,
        records: Vec::new(),
    })
}

fn broken(path: &Path, what: String) -> ReadError {
    CorpusError::Parquet { path: path.to_owned(), what, remedy: ParquetRemedy::CopyAgain }.into()
}

/// Adds the sentence of a row.
fn add(
    path: &Path,
    line: usize,
    tokens: Vec<Cell>,
    tags: Vec<Cell>,
    names: Option<&[String]>,
    to: &mut Sentences,
) -> Result<(), ReadError> {
    let error = |found: String, expected: &str| ReadError::Record {
        path: path.to_owned(),
        line,
        found,
        expected: expected.to_owned(),
    };
    if tokens.len() != tags.len() {
        let found = format!("{} tokens and {} tags", tokens.len(), tags.len());
        return Err(error(found, "one tag for each token"));
    }
    for (token, tag) in tokens.iter().zip(tags) {
        let token = match token {
            Cell::Text(token) if !token.is_empty() => token.as_str(),
            Cell::Text(_) => return Err(ReadError::EmptyToken { path: path.to_owned(), line }),
            Cell::Number(number) => return Err(error(format!("the number {number} as a token"), "a word")),
        };
        let tag = match tag {
            Cell::Text(tag) => without_unseen(&tag).into_owned(),
            Cell::Number(id) => {
                let names = names.ok_or_else(|| ReadError::Unnamed { path: path.to_owned(), line })?;
                let name = usize::try_from(id).ok().and_then(|id| names.get(id)).cloned();
                let labels = names.len();
                name.ok_or(ReadError::UnknownNumber { path: path.to_owned(), line, id, labels })?
            }
        };
        let seen = trimmed(token);
        to.push_token(if seen.is_empty() { token } else { seen }, &tag);
        check_names(path, line, to.tags())?;
    }
    if to.open_tokens() > 0 {
        to.end_sentence(0, line);
    }
    Ok(())
}

/// The list of every row in a column.
fn lists(
    path: &Path,
    reader: &SerializedFileReader<File>,
    column: usize,
    name: &str,
) -> Result<Vec<Vec<Cell>>, ReadError> {
    let wrong = |what: String| broken(path, what);
    let schema = reader.metadata().file_metadata().schema_descr_ptr();
    let descriptor = schema.column(column);
    let mut rows = Vec::new();
    for group in 0..reader.num_row_groups() {
        let opened = reader.get_row_group(group).and_then(|group| group.get_column_reader(column));
        match opened.map_err(|error| wrong(error.to_string()))? {
            ColumnReader::ByteArrayColumnReader(column) => {
                values(column, &descriptor, &mut rows, |value: ByteArray| {
                    std::str::from_utf8(value.data()).ok().map(|text| Cell::Text(text.to_owned()))
                })
            }
            ColumnReader::Int32ColumnReader(column) => {
                values(column, &descriptor, &mut rows, |value| Some(Cell::Number(value.into())))
            }
            ColumnReader::Int64ColumnReader(column) => {
                values(column, &descriptor, &mut rows, |value| Some(Cell::Number(value)))
            }
            _ => Err("it holds neither strings nor whole numbers".to_owned()),
        }
        .map_err(|what| wrong(format!("the column {name:?} cannot be read as lists: {what}")))?;
    }
    Ok(rows)
}

/// Adds the lists of a column in one group of rows.
fn values<T: DataType>(
    mut column: ColumnReaderImpl<T>,
    descriptor: &ColumnDescriptor,
    rows: &mut Vec<Vec<Cell>>,
    cell: impl Fn(T::T) -> Option<Cell>,
) -> Result<(), String> {
    if descriptor.max_rep_level() != 1 {
        return Err("it has no list in each row".into());
    }
    loop {
        let (mut defined, mut repeated, mut values) = (Vec::new(), Vec::new(), Vec::new());
        let read = column.read_records(BATCH_ROWS, Some(&mut defined), Some(&mut repeated), &mut values);
        let (records, _, _) = read.map_err(|error| error.to_string())?;
        if records == 0 {
            return Ok(());
        }
        let mut values = values.into_iter();
        for (defined, repeated) in defined.into_iter().zip(repeated) {
            if repeated == 0 {
                rows.push(Vec::new());
            }
            let row = rows.last_mut().ok_or("it goes on with a list that has not begun")?;
            if defined == descriptor.max_def_level() {
                let value = values.next().ok_or("it has fewer values than it says")?;
                row.push(cell(value).ok_or("a string is not UTF-8")?);
            } else if repeated == 1 {
                return Err("an element of a list is null".into());
            }
        }
    }
}
