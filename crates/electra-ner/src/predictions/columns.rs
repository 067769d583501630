//! Files of columns to sentences.

use std::fs;
use std::path::Path;

use super::PredictionsError;
use crate::Sentence;

/// First column of a line that begins a document and holds no token.
pub(super) const DOCUMENT_START: &str = "-DOCSTART-";

/// The lines of a file, in sentences.
pub(super) struct Columns {
    /// Number of columns of every line, at least 2.
    pub width: usize,
    blocks: Vec<Block>,
}

/// One sentence.
struct Block {
    document: usize,
    line: usize,
    rows: Vec<Vec<String>>,
}

impl Columns {
    /// Columns are separated by TABs in lines that have one, otherwise by spaces. Lines without
    /// columns and document starts divide sentences.
    pub fn read(path: &Path) -> Result<Self, PredictionsError> {
        let bytes =
            fs::read(path).map_err(|source| PredictionsError::Read { path: path.to_owned(), source })?;
        let text = std::str::from_utf8(&bytes).map_err(|error| {
            let line = bytes[..error.valid_up_to()].iter().filter(|&&byte| byte == b'\n').count() + 1;
            PredictionsError::NotUtf8 { path: path.to_owned(), line }
        })?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut blocks: Vec<Block> = Vec::new();
        let mut first: Option<(usize, usize)> = None;
        let (mut document, mut inside) = (0, false);
        for (line, content) in (1..).zip(text.split('\n')) {
            let columns = divide(content);
            let document_starts = columns.first() == Some(&DOCUMENT_START);
            if columns.is_empty() || document_starts {
                inside = false;
                // A document without a sentence gets no number.
                let has_sentence = blocks.last().is_some_and(|block| block.document == document);
                document += usize::from(document_starts && has_sentence);
                continue;
            }
            if columns.len() == 1 {
                let found = columns[0].to_owned();
                return Err(PredictionsError::OneColumn { path: path.to_owned(), line, found });
            }
            let (first_line, expected) = *first.get_or_insert((line, columns.len()));
            if columns.len() != expected {
                let (path, found) = (path.to_owned(), columns.len());
                return Err(PredictionsError::Ragged { path, line, found, expected, first_line });
            }
            if !inside {
                blocks.push(Block { document, line, rows: Vec::new() });
                inside = true;
            }
            let row = columns.into_iter().map(str::to_owned).collect();
            blocks.last_mut().expect("a sentence was begun").rows.push(row);
        }
        let (_, width) = first.ok_or_else(|| PredictionsError::Empty { path: path.to_owned() })?;
        Ok(Self { width, blocks })
    }

    /// The first column as tokens, another one as tags.
    pub fn sentences(&self, tag: usize) -> Vec<Sentence> {
        let sentence = |block: &Block| Sentence {
            tokens: block.rows.iter().map(|row| row[0].clone()).collect(),
            tags: block.rows.iter().map(|row| row[tag].clone()).collect(),
            document: block.document,
            line: block.line,
        };
        self.blocks.iter().map(sentence).collect()
    }

    /// One column, in sentences.
    pub fn column(&self, index: usize) -> Vec<Vec<String>> {
        self.blocks.iter().map(|block| block.rows.iter().map(|row| row[index].clone()).collect()).collect()
    }
}

fn divide(line: &str) -> Vec<&str> {
    let line = line.strip_suffix('\r').unwrap_or(line);
    let separator = if line.contains('\t') { '\t' } else { ' ' };
    line.split(separator).map(|column| column.trim_matches(' ')).filter(|column| !column.is_empty()).collect()
}
