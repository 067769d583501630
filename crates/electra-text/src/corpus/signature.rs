//! Signatures of file formats that are no text: their first bytes.

/// The signature of a file format, and the advice for such a file where text is expected.
#[derive(Debug)]
pub struct Signature {
    /// The offset of the signature in the file, in bytes.
    at: usize,
    mark: &'static [u8],
    /// The name of the format, with its article.
    pub kind: &'static str,
    /// The advice for a file of this format.
    pub remedy: &'static str,
}

const fn begins(mark: &'static [u8], kind: &'static str, remedy: &'static str) -> Signature {
    Signature { at: 0, mark, kind, remedy }
}

/// The most bytes of a file's beginning that are looked at.
pub(super) const LENGTH: usize = 262;

const UNPACK: &str = "unpack it first";
const EXTRACT: &str = "save its text as a file of its own in UTF-8 first";

const SIGNATURES: &[Signature] = &[
    begins(b"\x1f\x8b", "a gzip file", "give it a name that ends in .gz, or unpack it with `gzip -d`"),
    begins(
        b"\x28\xb5\x2f\xfd",
        "a zstd file",
        "give it a name that ends in .zst, or unpack it with `zstd -d`",
    ),
    // Behind the size of its blocks.
    Signature {
        at: 4,
        mark: b"1AY&SY",
        kind: "a bzip2 file",
        remedy: "give it a name that ends in .bz2, or unpack it with `bzip2 -d`",
    },
    begins(b"\xfd7zXZ\0", "an xz file", "give it a name that ends in .xz, or unpack it with `xz -d`"),
    begins(b"\x04\x22\x4d\x18", "an lz4 file", "unpack it first with `lz4 -d`"),
    begins(
        b"PK\x03\x04",
        "a zip archive or an Office document",
        "unpack it, or save its text in UTF-8, first",
    ),
    begins(b"7z\xbc\xaf\x27\x1c", "a 7z archive", UNPACK),
    begins(b"Rar!\x1a\x07", "a rar archive", UNPACK),
    Signature { at: 257, mark: b"ustar", kind: "a tar archive", remedy: "unpack it first with `tar -xf`" },
    begins(b"%PDF-", "a PDF document", "extract its text first, for example with `pdftotext`"),
    begins(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office document", EXTRACT),
    begins(b"{\\rtf", "an RTF document", EXTRACT),
    begins(
        b"PAR1",
        "a Parquet file",
        "give it a name that ends in .parquet where a corpus is read, else save it as JSON lines",
    ),
    begins(b"ARROW1\0\0", "an Arrow file", "save it as JSON lines first"),
    begins(b"SQLite format 3\0", "an SQLite database", "save it as JSON lines first"),
    begins(b"\x93NUMPY", "a NumPy array", EXTRACT),
    begins(b"\x89HDF\r\n\x1a\n", "an HDF5 file", EXTRACT),
    begins(b"\x89PNG\r\n\x1a\n", "a picture", EXTRACT),
    begins(b"\xff\xd8\xff", "a picture", EXTRACT),
    begins(b"\x7fELF", "a program", "check that it is the right file"),
    begins(b"\xff\xfe\0\0", "UTF-32 text", "convert it with `iconv -f utf-32 -t utf-8`"),
    begins(b"\xff\xfe", "UTF-16 text", "convert it with `iconv -f utf-16 -t utf-8`"),
    begins(b"\xfe\xff", "UTF-16 text", "convert it with `iconv -f utf-16 -t utf-8`"),
];

impl Signature {
    /// The kind of file that begins with these bytes, of which `LENGTH` are enough; none if it may
    /// be text.
    #[must_use]
    pub fn of(beginning: &[u8]) -> Option<&'static Self> {
        SIGNATURES.iter().find(|signature| {
            beginning.get(signature.at..).is_some_and(|bytes| bytes.starts_with(signature.mark))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_by_its_first_bytes_and_text_is_none() {
        let kind = |bytes: &[u8]| Signature::of(bytes).map(|signature| signature.kind);
        assert_eq!(kind(&zstd::encode_all("text".as_bytes(), 3).unwrap()), Some("a zstd file"));
        assert_eq!(kind(b"\x1f\x8b\x08"), Some("a gzip file"));
        assert_eq!(kind(b"\xff\xfea\0"), Some("UTF-16 text"));
        assert_eq!(kind(b"\xff\xfe\0\0a\0\0\0"), Some("UTF-32 text"));
        let tar = [&[b'a'; 257][..], b"ustar\0"].concat();
        assert_eq!((kind(&tar), tar.len() > LENGTH), (Some("a tar archive"), true));
        for text in ["", "P", "BZh is a word", "{\"text\": 1}", "\u{feff}text", "%PDF", &"a".repeat(300)] {
            assert_eq!(kind(text.as_bytes()), None, "{text}");
        }
        for signature in SIGNATURES {
            assert!(signature.at + signature.mark.len() <= LENGTH, "{}", signature.kind);
        }
    }
}
