//! Which files a corpus consists of, what kind each is and how large they are together.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::compression::{Compression, extension};
use super::error::CorpusError;

/// The kind of a file, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A file of plain text.
    Text,
    /// One JSON object a line.
    JsonLines,
    /// Apache Parquet.
    Parquet,
}

impl FileKind {
    /// The kind and the compression that the name of a file announces.
    pub fn of(path: &Path) -> Result<(FileKind, Compression), CorpusError> {
        let (compression, inner) = Compression::of(path);
        let kind = match extension(&inner).as_str() {
            "txt" => FileKind::Text,
            "jsonl" => FileKind::JsonLines,
            "parquet" => FileKind::Parquet,
            _ => return Err(CorpusError::UnknownKind { path: path.to_owned() }),
        };
        Ok((kind, compression))
    }
}

/// The files that names and patterns (`*`, `?`, `[..]`, `**`) stand for, sorted and without
/// repetition. Each must match at least one file of a known kind.
pub fn expand<S: AsRef<OsStr>>(patterns: &[S]) -> Result<Vec<PathBuf>, CorpusError> {
    let mut files = Vec::new();
    for pattern in patterns {
        let pattern = pattern.as_ref();
        let literal = Path::new(pattern);
        if literal.is_dir() {
            return Err(CorpusError::Folder { path: literal.to_owned() });
        }
        // A name with a bracket in it is a name if such a file exists.
        if literal.is_file() {
            files.push(literal.to_owned());
            continue;
        }
        if literal.exists() {
            // A pipe or a device: opening it says which.
            let opened = electra_files::regular::open(literal);
            opened.map_err(|source| CorpusError::Read { path: literal.to_owned(), source })?;
        }
        // Patterns are text; the name of a file need not be.
        let Some(pattern) = pattern.to_str() else {
            return Err(CorpusError::NoMatch { pattern: format!("{pattern:?}") });
        };
        let matches = glob::glob(pattern).map_err(|error| CorpusError::BadPattern {
            pattern: pattern.to_owned(),
            what: error.to_string(),
        })?;
        let before = files.len();
        for found in matches {
            let path = found
                .map_err(|error| CorpusError::Read { path: error.path().to_owned(), source: error.into() })?;
            if path.is_file() {
                files.push(path);
            }
        }
        if files.len() == before {
            return Err(CorpusError::NoMatch { pattern: pattern.to_owned() });
        }
    }
    files.sort();
    let mut seen = HashSet::new();
    files.retain(|path| seen.insert(path.canonicalize().unwrap_or_else(|_| path.clone())));
    files.iter().try_for_each(|path| FileKind::of(path).map(drop))?;
    Ok(files)
}

/// Sizes on disk, summed.
pub fn total_bytes(files: &[PathBuf]) -> Result<u64, CorpusError> {
    files.iter().try_fold(0u64, |sum, path| {
        let metadata = std::fs::metadata(path);
        let metadata = metadata.map_err(|source| CorpusError::Read { path: path.clone(), source })?;
        // Files with holes may be larger than any disk.
        Ok(sum.saturating_add(metadata.len()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_tells_kind_and_compression() {
        let of = |name: &str| FileKind::of(Path::new(name)).ok();
        assert_eq!(of("a.txt"), Some((FileKind::Text, Compression::None)));
        assert_eq!(of("a.b.TXT.GZ"), Some((FileKind::Text, Compression::Gzip)));
        assert_eq!(of("a.jsonl.zst"), Some((FileKind::JsonLines, Compression::Zstd)));
        assert_eq!(of("a.parquet"), Some((FileKind::Parquet, Compression::None)));
        assert_eq!(of("a.csv"), None);
        assert_eq!(of("a.gz"), None);
    }

    #[test]
    fn patterns_give_sorted_files_without_repetition() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("x/y")).unwrap();
        for name in ["b.txt", "a.txt", "x/y/c.txt", "x/[d].txt"] {
            std::fs::write(folder.path().join(name), "text").unwrap();
        }
        let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let found = expand(&[at("b.txt"), at("**/*.txt"), at("x/../a.txt"), at("x/[d].txt")]).unwrap();
        let expected = ["a.txt", "b.txt", "x/[d].txt", "x/y/c.txt"].map(|name| folder.path().join(name));
        // Which spelling of a repeated file survives does not matter.
        let canonical: Vec<_> = found.iter().map(|path| path.canonicalize().unwrap()).collect();
        assert_eq!(canonical, expected.map(|path| path.canonicalize().unwrap()));
    }

    #[test]
    fn a_pattern_without_a_match_a_folder_and_an_unknown_kind_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.csv"), "text").unwrap();
        let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        assert!(matches!(expand(&[at("*.txt")]), Err(CorpusError::NoMatch { .. })));
        assert!(matches!(expand(&[at("")]), Err(CorpusError::Folder { .. })));
        assert!(matches!(expand(&[at("*.csv")]), Err(CorpusError::UnknownKind { .. })));
        assert!(matches!(expand(&[at("a***")]), Err(CorpusError::BadPattern { .. })));
    }
}
