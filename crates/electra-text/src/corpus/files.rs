//! Which files a corpus consists of, what kind each is and how large they are together.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::compression::{Compression, extension};
use super::error::CorpusError;
use serde::{Deserialize, Serialize};

/// The kind of a file, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileKind {
    /// A file of plain text.
    Text,
    /// One JSON object a line.
    JsonLines,
    /// Apache Parquet.
    Parquet,
    /// A tar archive of such files.
    Tar,
    /// A zip archive of such files.
    Zip,
}

impl FileKind {
    /// The kind and the compression that the name of a file announces.
    pub fn of(path: &Path) -> Result<(FileKind, Compression), CorpusError> {
        let (compression, inner) = Compression::of(path);
        let kind = match (extension(&inner).as_str(), compression) {
            ("txt", _) => FileKind::Text,
            ("jsonl" | "json" | "ndjson", _) => FileKind::JsonLines,
            ("parquet", _) => FileKind::Parquet,
            ("tar", _) => FileKind::Tar,
            // Its members are compressed, and are read in the order of a directory at its end.
            ("zip", Compression::None) => FileKind::Zip,
            _ => return Err(CorpusError::UnknownKind { path: path.to_owned() }),
        };
        Ok((kind, compression))
    }

    /// As [`Self::of`] where the name announces nothing, or files are said to be of `kind`: the ending of a
    /// compression counts nevertheless, and an archive is one of files of that kind.
    pub fn of_or(path: &Path, kind: Option<FileKind>) -> Result<(FileKind, Compression), CorpusError> {
        match (FileKind::of(path), kind) {
            (Ok((archive @ (FileKind::Tar | FileKind::Zip), compression)), _) => Ok((archive, compression)),
            (_, Some(kind)) => Ok((kind, Compression::of(path).0)),
            (named, None) => named,
        }
    }
}

/// The files that names and patterns (`*`, `?`, `[..]`, `**`) stand for, sorted and without
/// repetition. Each must match at least one file, whose kind its name announces unless `kind` says it.
pub fn expand<S: AsRef<OsStr>>(patterns: &[S], kind: Option<FileKind>) -> Result<Vec<PathBuf>, CorpusError> {
    let mut files = Vec::new();
    for pattern in patterns {
        let pattern = pattern.as_ref();
        let literal = Path::new(pattern);
        if literal.is_dir() {
            let ending = known_ending(literal).unwrap_or_else(|| "txt".to_owned());
            return Err(CorpusError::Folder { path: literal.to_owned(), ending });
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
    files.iter().try_for_each(|path| FileKind::of_or(path, kind).map(drop))?;
    Ok(files)
}

/// The ending of a file in a folder, or in one below, that can be read.
fn known_ending(folder: &Path) -> Option<String> {
    /// Entries that are looked at: folders may hold any number.
    const MOST: usize = 10_000;
    let pattern = format!("{}/**/*", glob::Pattern::escape(folder.to_str()?));
    let found = glob::glob(&pattern).ok()?.take(MOST).flatten();
    let known = found.filter(|path| FileKind::of(path).is_ok() && path.is_file()).min()?;
    let (_, inner) = Compression::of(&known);
    let (inner, whole) = (inner.extension()?.to_str()?.to_owned(), known.file_name()?.to_str()?.to_owned());
    whole.rfind(&format!(".{inner}")).map(|at| whole[at + 1..].to_owned()).or(Some(inner))
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
        assert_eq!(of("a.json.gz"), Some((FileKind::JsonLines, Compression::Gzip)));
        assert_eq!(of("a.txt.xz"), Some((FileKind::Text, Compression::Xz)));
        assert_eq!(of("a.jsonl.bz2"), Some((FileKind::JsonLines, Compression::Bzip2)));
        assert_eq!(of("a.tgz"), Some((FileKind::Tar, Compression::Gzip)));
        assert_eq!(of("a.b.tar.xz"), Some((FileKind::Tar, Compression::Xz)));
        assert_eq!(of("a.zip"), Some((FileKind::Zip, Compression::None)));
        assert_eq!(of("a.zip.gz"), None);
        assert_eq!(of("a.csv"), None);
        assert_eq!(of("a.gz"), None);
        let of = |name: &str| FileKind::of_or(Path::new(name), Some(FileKind::JsonLines)).unwrap();
        assert_eq!(of("part-00000"), (FileKind::JsonLines, Compression::None));
        assert_eq!(of("part-00000.gz"), (FileKind::JsonLines, Compression::Gzip));
        assert_eq!(of("a.txt"), (FileKind::JsonLines, Compression::None));
        assert_eq!(of("a.tar"), (FileKind::Tar, Compression::None));
    }

    #[test]
    fn patterns_give_sorted_files_without_repetition() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("x/y")).unwrap();
        for name in ["b.txt", "a.txt", "x/y/c.txt", "x/[d].txt"] {
            std::fs::write(folder.path().join(name), "text").unwrap();
        }
        let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let found = expand(&[at("b.txt"), at("**/*.txt"), at("x/../a.txt"), at("x/[d].txt")], None).unwrap();
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
        assert!(matches!(expand(&[at("*.txt")], None), Err(CorpusError::NoMatch { .. })));
        assert!(matches!(expand(&[at("")], None), Err(CorpusError::Folder { .. })));
        assert!(matches!(expand(&[at("*.csv")], None), Err(CorpusError::UnknownKind { .. })));
        assert!(matches!(expand(&[at("a***")], None), Err(CorpusError::BadPattern { .. })));
        assert!(expand(&[at("*.csv")], Some(FileKind::Text)).is_ok());
        // What to write instead is said of what is there.
        std::fs::create_dir(folder.path().join("data")).unwrap();
        std::fs::write(folder.path().join("data/train-00000-of-00001.parquet"), "").unwrap();
        let error = expand(&[at("")], None).unwrap_err();
        assert!(electra_files::shown::with_help(&error).ends_with("/**/*.parquet"), "{error}");
    }
}
