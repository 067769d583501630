//! Clusters, a character with all that is attached to it, and their classes in the division of text into
//! words.

use std::borrow::Cow;

use electra_text::invisible::is_zero_width;
use unicode_segmentation::UnicodeSegmentation;

/// A grapheme cluster of a text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cluster {
    pub class: Class,
    /// The first character of the cluster.
    pub base: char,
    /// The end of the cluster in the text, in bytes.
    pub end: usize,
}

impl Cluster {
    /// Whether it is to be seen.
    pub(super) fn is_seen(&self) -> bool {
        !matches!(self.class, Class::Space | Class::Unseen)
    }

    /// Whether it is a letter or digit of a script that divides words by spaces.
    pub(super) fn is_written(&self) -> bool {
        matches!(self.class, Class::Letter | Class::Digit)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Space,
    /// Takes no room: controls and formats.
    Unseen,
    Letter,
    Digit,
    Hiragana,
    Katakana,
    /// A word of its own: ideographs, and letters of scripts without spaces.
    Alone,
    /// Everything else: punctuation, symbols, emoji, a mark without a letter.
    Sign,
}

/// The cluster that starts at byte `at`, if the text does not end there.
pub(super) fn cluster_at(text: &str, at: usize) -> Option<Cluster> {
    let bytes = text.as_bytes();
    let first = *bytes.get(at)?;
    if first.is_ascii() && bytes.get(at + 1).is_none_or(u8::is_ascii) {
        return Some(Cluster { class: ASCII[first as usize], base: first.into(), end: at + 1 });
    }
    let rest = &text[at..];
    let base = rest.chars().next()?;
    let class = class_of(base);
    // A mark behind a space or a control stands alone; Unicode would have it belong to the space.
    if matches!(class, Class::Space | Class::Unseen) {
        return Some(Cluster { class, base, end: at + base.len_utf8() });
    }
    let cluster = rest.graphemes(true).next()?;
    // A sign of numbers in front of a space is one cluster with it.
    let length = cluster.find(char::is_whitespace).unwrap_or(cluster.len());
    let is_keycap = cluster.contains('\u{20e3}');
    Some(Cluster { class: if is_keycap { Class::Sign } else { class }, base, end: at + length })
}

const ASCII: [Class; 128] = {
    let mut table = [Class::Sign; 128];
    let mut byte = 0u8;
    while byte < 128 {
        table[byte as usize] = match byte {
            b'a'..=b'z' | b'A'..=b'Z' => Class::Letter,
            b'0'..=b'9' => Class::Digit,
            b' ' | b'\t'..=b'\r' => Class::Space,
            0..=31 | 127 => Class::Unseen,
            _ => Class::Sign,
        };
        byte += 1;
    }
    table
};

/// `text` without white space at its ends, and without what is not seen there. What is attached to
/// a character, such as a joiner that a script needs, stays. A text in which nothing is seen is one
/// only without its white space: a word that was given is a word.
pub fn trimmed(text: &str) -> &str {
    let is_graphic = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_graphic);
    if is_graphic(text.as_bytes().first()) && is_graphic(text.as_bytes().last()) {
        return text;
    }
    let mut seen = clusters(text).filter(|(_, cluster)| cluster.is_seen());
    match seen.next() {
        None => text.trim(),
        Some((start, first)) => &text[start..seen.last().map_or(first.end, |(_, last)| last.end)],
    }
}

/// [`trimmed`], and without what is not seen between its characters either: the name of a tag.
pub fn without_unseen(text: &str) -> Cow<'_, str> {
    let text = trimmed(text);
    if clusters(text).all(|(_, cluster)| cluster.class != Class::Unseen) {
        return Cow::Borrowed(text);
    }
    let kept = clusters(text).filter(|(_, cluster)| cluster.class != Class::Unseen);
    Cow::Owned(kept.map(|(start, cluster)| &text[start..cluster.end]).collect())
}

/// The clusters of a text with their places.
fn clusters(text: &str) -> impl Iterator<Item = (usize, Cluster)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let cluster = cluster_at(text, at)?;
        let start = std::mem::replace(&mut at, cluster.end);
        Some((start, cluster))
    })
}

/// Whether a character is of a script that does not divide words by spaces.
pub(crate) fn is_unspaced(c: char) -> bool {
    matches!(class_of(c), Class::Alone | Class::Hiragana | Class::Katakana)
}

/// The class of a cluster that begins with `c`.
pub(super) fn class_of(c: char) -> Class {
    match u32::from(c) {
        code @ 0..0x80 => ASCII[code as usize],
        _ if is_zero_width(c) => Class::Unseen,
        // Ideographs, with the marks of repetition and zero.
        0x3005 | 0x3007 | 0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xF900..=0xFAFF | 0x20000..=0x3FFFF => {
            Class::Alone
        }
        0x3041..=0x3096 | 0x309D..=0x309F => Class::Hiragana,
        0x30A1..=0x30FA | 0x30FC..=0x30FF | 0x31F0..=0x31FF | 0xFF66..=0xFF9D => Class::Katakana,
        _ if c.is_whitespace() => Class::Space,
        _ if c.is_numeric() => Class::Digit,
        // Thai and Lao, Burmese, Khmer.
        0xE00..=0xEFF | 0x1000..=0x109F | 0x1780..=0x17FF if c.is_alphabetic() => Class::Alone,
        _ if c.is_alphabetic() => Class::Letter,
        _ => Class::Sign,
    }
}
