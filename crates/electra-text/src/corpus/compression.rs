//! The compression of a file, by its name.

use std::path::{Path, PathBuf};

/// The compression of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// No compression.
    None,
    /// gzip, one member or several.
    Gzip,
    /// Zstandard, one frame or several.
    Zstd,
    /// xz, one stream or several.
    Xz,
    /// bzip2, one stream or several.
    Bzip2,
}

impl std::fmt::Display for Compression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Compression::None => "uncompressed",
            Compression::Gzip => "gzip",
            Compression::Zstd => "zstd",
            Compression::Xz => "xz",
            Compression::Bzip2 => "bzip2",
        })
    }
}

impl Compression {
    /// The compression that the name of a file announces, and the name without that ending. The short
    /// endings of compressed tar archives, such as `.tgz`, stand for both of theirs.
    pub fn of(path: &Path) -> (Compression, PathBuf) {
        let (compression, inner) = match extension(path).as_str() {
            "gz" => (Compression::Gzip, ""),
            "zst" => (Compression::Zstd, ""),
            "xz" => (Compression::Xz, ""),
            "bz2" => (Compression::Bzip2, ""),
            "tgz" => (Compression::Gzip, "tar"),
            "tzst" => (Compression::Zstd, "tar"),
            "txz" => (Compression::Xz, "tar"),
            "tbz" | "tbz2" => (Compression::Bzip2, "tar"),
            _ => return (Compression::None, path.to_owned()),
        };
        (compression, path.with_extension(inner))
    }

    /// The name of a file of this compression, with its article.
    pub(super) fn file_name(self) -> Option<&'static str> {
        match self {
            Compression::None => None,
            Compression::Gzip => Some("a gzip file"),
            Compression::Zstd => Some("a zstd file"),
            Compression::Xz => Some("an xz file"),
            Compression::Bzip2 => Some("a bzip2 file"),
        }
    }
}

/// The extension of a file name, in lower case.
pub(super) fn extension(path: &Path) -> String {
    path.extension().and_then(|extension| extension.to_str()).unwrap_or("").to_ascii_lowercase()
}
