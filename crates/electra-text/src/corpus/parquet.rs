//! Documents of a Parquet file: one row each, the text in one column of strings.

use std::collections::VecDeque;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use parquet::basic::Type as PhysicalType;
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::ByteArrayType;
use parquet::file::reader::{FileReader, SerializedFileReader};

use super::bomb::exceeds_ratio;
use super::compressed::{self, Content, Readings};
use super::compression::Compression;
use super::document::{Document, Paragraphs, pieces};
use super::error::{CorpusError, ParquetRemedy};
use super::read_options::ReadOptions;
use super::read_progress::ReadProgress;
use super::skipped::Skipped;

/// Rows decoded at a time.
const BATCH_ROWS: usize = 64;

pub(super) struct ParquetDocuments {
    path: PathBuf,
    reader: SerializedFileReader<File>,
    column: usize,
    row_groups: std::ops::Range<usize>,
    open: Option<ColumnReaderImpl<ByteArrayType>>,
    row: u64,
    /// Size of the file, and of the text that was read of it.
    packed: u64,
    unpacked: u64,
    lossy: bool,
    skip_bad_records: bool,
    progress: Arc<ReadProgress>,
    ready: VecDeque<Document>,
    failed: bool,
}

impl ParquetDocuments {
    /// The documents of a file that is not compressed.
    pub(super) fn open(
        path: PathBuf,
        options: &ReadOptions,
        progress: Arc<ReadProgress>,
    ) -> Result<Self, CorpusError> {
        // Reading the file through once counts and hashes it.
        let content = compressed::open(&path, Compression::None, Readings::Again, progress.clone())?;
        content.copy_to(&mut std::io::sink())?;
        let file = electra_files::regular::open(&path);
        let file = file.map_err(|source| CorpusError::Read { path: path.clone(), source })?;
        Self::of_file(path, file, options, progress)
    }

    /// The documents of what is compressed, or a member of an archive: it is needed as a file of its own, because
    /// Parquet is read from its end.
    pub(super) fn of_content(
        path: PathBuf,
        content: Content,
        options: &ReadOptions,
        progress: Arc<ReadProgress>,
    ) -> Result<Self, CorpusError> {
        let mut file =
            tempfile::tempfile().map_err(|source| CorpusError::Read { path: path.clone(), source })?;
        content.copy_to(&mut file)?;
        Self::of_file(path, file, options, progress)
    }

    fn of_file(
        path: PathBuf,
        file: File,
        options: &ReadOptions,
        progress: Arc<ReadProgress>,
    ) -> Result<Self, CorpusError> {
        let read_error = |source| CorpusError::Read { path: path.clone(), source };
        let wrong = |what: String, remedy| CorpusError::Parquet { path: path.clone(), what, remedy };
        let packed = file.metadata().map_err(read_error)?.len();
        let reader = SerializedFileReader::new(file).map_err(|error| {
            wrong(format!("not a readable Parquet file, or one cut short: {error}"), ParquetRemedy::CopyAgain)
        })?;
        let schema = reader.metadata().file_metadata().schema_descr_ptr();
        let column = schema
            .columns()
            .iter()
            .position(|column| column.path().string() == options.text_field)
            .ok_or_else(|| {
                let names: Vec<_> = schema.columns().iter().map(|column| column.path().string()).collect();
                wrong(
                    format!("it has no column {:?}, it has {}", options.text_field, names.join(", ")),
                    ParquetRemedy::OtherColumn,
                )
            })?;
        let descriptor = schema.column(column);
        if descriptor.physical_type() != PhysicalType::BYTE_ARRAY || descriptor.max_rep_level() > 0 {
            let what = format!("the column {:?} does not hold one string a row", options.text_field);
            return Err(wrong(what, ParquetRemedy::OtherColumn));
        }
        let row_groups = 0..reader.num_row_groups();
        Ok(ParquetDocuments {
            path,
            reader,
            column,
            row_groups,
            open: None,
            row: 0,
            packed,
            unpacked: 0,
            lossy: options.lossy,
            skip_bad_records: options.skip_bad_records,
            progress,
            ready: VecDeque::new(),
            failed: false,
        })
    }

    fn read_document(&mut self) -> Result<Option<Document>, CorpusError> {
        loop {
            if let Some(document) = self.ready.pop_front() {
                return Ok(Some(document));
            }
            let Some(column) = &mut self.open else {
                let Some(group) = self.row_groups.next() else {
                    return Ok(None);
                };
                self.open = Some(self.open_column(group)?);
                continue;
            };
            let (mut levels, mut values) = (Vec::new(), Vec::new());
            let read = column.read_records(BATCH_ROWS, Some(&mut levels), None, &mut values);
            let (rows, _, _) = read.map_err(|error| self.wrong(error.to_string()))?;
            if rows == 0 {
                self.open = None;
            }
            // Rows without a text are passed over, as records are. The row named in an error counts
            // those with a text alone.
            let without_text = rows.saturating_sub(values.len()) as u64;
            self.progress.add_skipped(Skipped { without_text, ..Skipped::default() });
            for value in values {
                self.row += 1;
                self.add(value.data())?;
            }
        }
    }

    fn open_column(&self, group: usize) -> Result<ColumnReaderImpl<ByteArrayType>, CorpusError> {
        let Some(column) = self.reader.metadata().row_group(group).columns().get(self.column) else {
            return Err(self.wrong("a row group lacks the text column".into()));
        };
        let unpacked = u64::try_from(column.uncompressed_size()).unwrap_or(u64::MAX);
        if exceeds_ratio(self.packed, unpacked) {
            return Err(self.too_far(unpacked));
        }
        let column = self
            .reader
            .get_row_group(group)
            .and_then(|group| group.get_column_reader(self.column))
            .map_err(|error| self.wrong(error.to_string()))?;
        match column {
            ColumnReader::ByteArrayColumnReader(column) => Ok(column),
            _ => Err(self.wrong("the text column changes its type between row groups".into())),
        }
    }

    fn add(&mut self, bytes: &[u8]) -> Result<(), CorpusError> {
        // A dictionary gives the same text again and again.
        self.unpacked = self.unpacked.saturating_add(bytes.len() as u64);
        if exceeds_ratio(self.packed, self.unpacked) {
            return Err(self.too_far(self.unpacked));
        }
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text.into(),
            Err(_) if self.lossy => {
                let replaced = bytes.utf8_chunks().filter(|chunk| !chunk.invalid().is_empty()).count();
                self.progress.add_replaced(replaced as u64);
                String::from_utf8_lossy(bytes)
            }
            Err(_) if self.skip_bad_records => {
                self.progress.add_skipped(Skipped { not_unicode: 1, ..Skipped::default() });
                return Ok(());
            }
            Err(error) => {
                let (row, byte) = (self.row, error.valid_up_to());
                return Err(CorpusError::Parquet {
                    path: self.path.clone(),
                    what: format!("text {row} of the column is not UTF-8 at its byte {byte}"),
                    remedy: ParquetRemedy::ReplaceBytes,
                });
            }
        };
        let mut paragraphs = Paragraphs::default();
        for piece in pieces(&text) {
            self.ready.extend(paragraphs.add(piece));
        }
        self.ready.extend(paragraphs.take());
        Ok(())
    }

    fn too_far(&self, unpacked: u64) -> CorpusError {
        CorpusError::DecompressionBomb { path: self.path.clone(), packed: self.packed, unpacked }
    }

    fn wrong(&self, what: String) -> CorpusError {
        CorpusError::Parquet { path: self.path.clone(), what, remedy: ParquetRemedy::CopyAgain }
    }
}

impl Iterator for ParquetDocuments {
    type Item = Result<Document, CorpusError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let document = self.read_document().transpose();
        self.failed = matches!(document, Some(Err(_)));
        document
    }
}
