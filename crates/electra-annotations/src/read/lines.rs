//! The lines of a file, on whatever system it was written.

/// Lines without their ends, numbered from 1. They end in LF, CRLF or CR, a file of them all included.
pub(super) fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> + Clone {
    // Other ends of line that Unicode knows may stand within a token.
    (1..).zip(electra_text::lines::lines(text).map(content))
}

/// A line without the byte order mark of a file that was appended to another.
fn content(line: &str) -> &str {
    match line.strip_prefix('\u{feff}') {
        // A mark in a column of its own is a token.
        Some(rest) if !rest.starts_with([' ', '\t']) => rest,
        _ => line,
    }
}
