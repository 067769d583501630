//! Bytes to characters.

use std::borrow::Cow;
use std::path::Path;

use super::error::ReadError;
use super::lines::lines;

/// The character encoding of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// The encoding of nearly all files, UTF-8.
    #[default]
    Utf8,
    /// Old files of Western Europe, with typographic quotes and the euro sign.
    Cp1252,
    /// ISO 8859-1: every byte is the character of its number.
    Latin1,
}

/// The characters of cp1252 at 0x80 to 0x9F; 0 where it has none.
const CP1252: [u16; 32] = [
    0x20AC, 0, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0,
    0x017D, 0, 0, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A,
    0x0153, 0, 0x017E, 0x0178,
];

/// The text of a file, without a byte order mark.
pub(super) fn decode<'a>(
    path: &Path,
    bytes: &'a [u8],
    encoding: Encoding,
) -> Result<Cow<'a, str>, ReadError> {
    let marked = bytes.strip_prefix(&[0xEF, 0xBB, 0xBF]);
    let place = |offset: usize| (line_at(bytes, offset), offset, bytes[offset]);
    match encoding {
        Encoding::Cp1252 | Encoding::Latin1 if marked.is_none() => {
            let decode = |(offset, &byte): (usize, &u8)| {
                let known = match (encoding, byte) {
                    (Encoding::Cp1252, 0x80..=0x9F) => CP1252[usize::from(byte - 0x80)],
                    _ => u16::from(byte),
                };
                match char::from_u32(known.into()) {
                    Some(character) if byte == 0 || known != 0 => Ok(character),
                    _ => {
                        let (line, offset, byte) = place(offset);
                        Err(ReadError::NotCp1252 { path: path.to_owned(), line, offset, byte })
                    }
                }
            };
            bytes.iter().enumerate().map(decode).collect::<Result<String, _>>().map(Cow::Owned)
        }
        _ => {
            let text = marked.unwrap_or(bytes);
            std::str::from_utf8(text).map(Cow::Borrowed).map_err(|error| {
                let (line, offset, byte) = place(bytes.len() - text.len() + error.valid_up_to());
                ReadError::NotUtf8 { path: path.to_owned(), line, offset, byte }
            })
        }
    }
}

fn line_at(bytes: &[u8], offset: usize) -> usize {
    // What stands at the offset is no end of a line.
    let text = String::from_utf8_lossy(&bytes[..offset]) + "x";
    lines(&text).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(bytes: &[u8], encoding: Encoding) -> String {
        decode(Path::new("a"), bytes, encoding).unwrap().into_owned()
    }

    #[test]
    fn the_encodings_differ_in_what_a_byte_is() {
        assert_eq!(decoded(b"\x93M\xFCller\x94 \x80", Encoding::Cp1252), "“Müller” €");
        assert_eq!(decoded(b"M\xFCller\x80", Encoding::Latin1), "Müller\u{80}");
        assert_eq!(decoded("Müller".as_bytes(), Encoding::Utf8), "Müller");
        assert_eq!(decoded("Müller".as_bytes(), Encoding::Cp1252), "MÃ¼ller");
    }

    #[test]
    fn the_mark_of_utf_8_is_believed_and_taken_off() {
        for encoding in [Encoding::Utf8, Encoding::Cp1252, Encoding::Latin1] {
            assert_eq!(decoded("\u{feff}é".as_bytes(), encoding), "é");
        }
    }
}
