//! Tokens and tags as a file of predictions has them.

use std::borrow::Cow;

use crate::words::trimmed;

/// First column of a line that begins a document and holds no token.
pub(super) const DOCUMENT_START: &str = "-DOCSTART-";
/// First column of a line with a gold entity that no tags say.
pub(super) const LEFT_OUT: &str = "-LEFT-OUT-";
/// The tag that `conlleval` takes for a boundary.
pub(super) const BOUNDARY: &str = "-X-";

/// The written form of a token or tag in a file: one column that no reader takes for something else.
pub(super) fn safe(text: &str) -> Cow<'_, str> {
    // As a reader sees it, unless nothing of it is seen.
    let text = Some(trimmed(text)).filter(|text| !text.is_empty()).unwrap_or(text);
    // The byte order mark would vanish at the beginning of a file.
    let splits = |c: char| c.is_whitespace() || c.is_control() || c == '\u{feff}';
    if [DOCUMENT_START, LEFT_OUT, BOUNDARY].contains(&text) {
        Cow::Owned(text.replace('-', "_"))
    } else if text.contains(splits) {
        Cow::Owned(trimmed(&text.replace(splits, "_")).to_owned())
    } else {
        Cow::Borrowed(text)
    }
}
