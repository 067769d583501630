//! The input of a reader, and what it begins with.

use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};

use electra_text::corpus::{Compression, CorpusError};

use super::encoding::{self, Encoding};
use super::error::ReadError;
use super::objects::Object;
use super::record_place::Place;
use super::records::first_record;
use super::{content, dataset_info, names};

/// A file or folder of annotations.
pub(super) struct Input<'a> {
    pub path: &'a Path,
    /// The text of the file; nothing of a folder, or of a file that is no text.
    pub text: Cow<'a, str>,
    /// Whether the path is that of a folder.
    pub is_folder: bool,
}

/// Content of a file that is no text by its name, or of a folder: a reader opens it itself.
const OPENED_BY_READERS: [&str; 2] = ["parquet", "spacy"];

/// The bytes of a file of text, to be looked at by [`Input::of`].
pub(super) fn bytes(path: &Path) -> Result<Vec<u8>, ReadError> {
    if let Some(files) = files_of_folder(path)? {
        return Err(ReadError::Folder { path: path.to_owned(), files: files.len() });
    }
    match is_of_text(path) {
        true => content::read(path),
        false => Ok(Vec::new()),
    }
}

fn is_of_text(path: &Path) -> bool {
    let ending = path.extension().unwrap_or_default().to_ascii_lowercase();
    !(OPENED_BY_READERS.iter().any(|name| ending == *name) || is_annotated_folder(path))
}

/// The files of a folder, by their names, unless one reader takes the folder whole; none of a path that is no folder.
/// Hidden files are none of them, and neither is a description of the others.
pub(super) fn files_of_folder(path: &Path) -> Result<Option<Vec<PathBuf>>, ReadError> {
    if !path.is_dir() || is_annotated_folder(path) {
        return Ok(None);
    }
    let entries = fs::read_dir(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let entries = entries.map_err(|source| CorpusError::Read { path: path.to_owned(), source })?;
    let is_data = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        path.is_file() && !name.starts_with('.') && !dataset_info::NAMES.contains(&name.as_ref())
    };
    let mut files: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).filter(is_data).collect();
    files.sort();
    Ok(Some(files))
}

/// Whether a path is that of a folder with something that a reader of folders knows.
fn is_annotated_folder(path: &Path) -> bool {
    path.is_dir() && has_ending_within(path, "ann", 3)
}

fn has_ending_within(folder: &Path, ending: &str, depth: usize) -> bool {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).any(|path| match path.is_dir() {
        true => depth > 0 && has_ending_within(&path, ending, depth - 1),
        false => path.extension().is_some_and(|found| found == ending),
    })
}

impl<'a> Input<'a> {
    /// The input whose bytes these are.
    pub(super) fn of(path: &'a Path, bytes: &'a [u8], encoding: Encoding) -> Result<Self, ReadError> {
        let text = encoding::decode(path, bytes, encoding)?;
        content::check_decoded(path, &text)?;
        Ok(Self { path, text, is_folder: path.is_dir() })
    }

    /// The first record, if the file has objects of JSON.
    pub(super) fn first_object(&self) -> Option<Object<'_>> {
        let value = first_record(&self.text)?;
        Object::record(self.path, Place { line: 1, record: None }, value.raw()).ok()
    }

    /// Whether the file has records of JSON: by its name, else by its content.
    pub(super) fn is_json(&self) -> bool {
        names::is_named_json(self.path)
            || first_record(&self.text).is_some_and(|value| value.kind() == Ok("an object"))
    }

    /// Whether the name of the file, without that of its compression, ends so.
    pub(super) fn has_ending(&self, ending: &str) -> bool {
        let (_, name) = Compression::of(self.path);
        name.extension().is_some_and(|found| found.eq_ignore_ascii_case(ending))
    }
}
