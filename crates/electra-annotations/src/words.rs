//! Text to words with their places: the one division of text that readers and prediction share.
//!
//! [`WordDivision::Corpus`] divides as the corpora of named entity recognition are:
//!
//! | text | words |
//! |---|---|
//! | `Obama's visit (1996-08-22).` | `Obama` `'s` `visit` `(` `1996-08-22` `)` `.` |
//! | `don't`, `O'Brien`, `AT&T`, `3.5`, `10:30` | one word each |
//! | `U.S.`, `Mr.`, `Inc.`, `J.` in front of a name | one word each, with the full stop |
//! | `me@example.org`, `https://x.org/a?b=1`, `bit.ly/3x`, `@user`, `#tag` | one word each |
//! | `東京タワーへ` | `東` `京` `タワー` `へ`: ideographs by character, kana by script |
//! | Thai, Lao, Khmer, Burmese | by character, as there are no spaces |
//! | emoji with all that belongs to them | one word each |
//!
//! [`WordDivision::Marks`], for records with spans of characters, divides further: a word is letters
//! and digits that stand together, or a run of katakana; each other character, hiragana among them,
//! is a word by itself. [`WordDivision::Characters`] has no runs of katakana either.
//!
//! Combining marks, joiners and selectors belong to the character in front of them, as grapheme
//! clusters. Characters that are never seen (a zero-width space, a soft hyphen, marks of writing
//! direction, control characters) stay inside a word; between words they are space. Nothing else
//! is dropped: apart from white space and these, words cover the text.

mod abbreviations;
mod address;
mod cluster;
mod division;
mod sentences;
mod settings;

use std::ops::Range;

use abbreviations::{is_abbreviated, is_initial};
use cluster::{Class, Cluster, cluster_at};

pub(crate) use cluster::is_unspaced;
pub use cluster::{trimmed, without_unseen};
pub use division::{Division, SentenceDivision, WordDivision};
pub(crate) use electra_text::invisible::{has_visible, is_invisible};
pub use sentences::{MAX_SENTENCE_BYTES, RawSentence, RawSentences, TextError, division_of_record};
pub use settings::{LineBreaks, MAX_SENTENCE_WORDS, SentenceSettings};

/// A word as its place in a text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Word {
    /// The bytes of the word, in UTF-8.
    pub bytes: Range<usize>,
    /// The Unicode code points of the word, as Python counts them.
    pub chars: Range<usize>,
}

impl Word {
    /// The word itself, given the text that it was found in.
    pub fn of<'t>(&self, text: &'t str) -> &'t str {
        &text[self.bytes.clone()]
    }
}

/// The words of `text` as those of a corpus, in time linear in its length.
pub fn words(text: &str) -> Words<'_> {
    divide(text, WordDivision::Corpus)
}

/// The words of `text`, in time linear in its length.
pub fn divide(text: &str, division: WordDivision) -> Words<'_> {
    Words { text, division, at: 0, chars: 0 }
}

/// Iterator over the words of a text.
#[derive(Clone, Debug)]
pub struct Words<'t> {
    text: &'t str,
    division: WordDivision,
    at: usize,
    /// Code points in front of `at`.
    chars: usize,
}

impl Iterator for Words<'_> {
    type Item = Word;

    fn next(&mut self) -> Option<Word> {
        let mut start = self.at;
        let first = loop {
            let cluster = cluster_at(self.text, start)?;
            if !matches!(cluster.class, Class::Space | Class::Unseen) {
                break cluster;
            }
            start = cluster.end;
        };
        let end = match self.division {
            WordDivision::Corpus => word_end(self.text, start, first),
            WordDivision::Marks => run_end(self.text, first),
            WordDivision::Characters if first.is_written() => run_end(self.text, first),
            WordDivision::Characters => first.end,
        };
        let chars_start = self.chars + self.text[self.at..start].chars().count();
        let chars_end = chars_start + self.text[start..end].chars().count();
        (self.at, self.chars) = (end, chars_end);
        Some(Word { bytes: start..end, chars: chars_start..chars_end })
    }
}

/// The end of the word that starts at `start`, with the cluster `first`.
fn word_end(text: &str, start: usize, first: Cluster) -> usize {
    match first.class {
        Class::Letter | Class::Digit => {
            address::end_at(text, start).unwrap_or_else(|| written_word_end(text, start, first))
        }
        Class::Hiragana | Class::Katakana => kana_end(text, first),
        Class::Sign => match cluster_at(text, first.end) {
            Some(next) if is_apostrophe(first.base) && is_possessive(text, next) => next.end,
            _ => match tagged(text, first) {
                Some(letter) => written_word_end(text, first.end, letter),
                None => signs_end(text, first),
            },
        },
        Class::Alone | Class::Space | Class::Unseen => first.end,
    }
}

/// The end of a run of letters and digits or of katakana; each other cluster is a run by itself.
fn run_end(text: &str, first: Cluster) -> usize {
    let goes_on: fn(&Cluster) -> bool = match first.class {
        Class::Letter | Class::Digit => Cluster::is_written,
        Class::Katakana => |next| next.class == Class::Katakana,
        // The mark of length belongs to the vowel in front of it.
        Class::Hiragana => |next| next.base == 'ー',
        _ => return first.end,
    };
    let mut end = first.end;
    while let Some(next) = seen_cluster_at(text, end).filter(goes_on) {
        end = next.end;
    }
    end
}

/// The end of a word of letters and digits, with the signs that are part of it.
fn written_word_end(text: &str, start: usize, first: Cluster) -> usize {
    let mut word = Written { text, start, end: first.end, last: first, segment: 1, dotted: false };
    loop {
        if let Some(next) = seen_cluster_at(text, word.end) {
            if next.is_written() {
                word.push(next);
                continue;
            }
            if let Some(after) = cluster_at(text, next.end).filter(Cluster::is_written) {
                if next.base == '/' && word.is_host() {
                    return address::tail_end(text, after.end);
                }
                if word.is_joined(next.base, after) {
                    word.join(next.base, after);
                    continue;
                }
            }
        }
        if !word.keeps_period() {
            return word.end;
        }
        word.end += 1;
        // "U.S.-based".
        let hyphen = cluster_at(text, word.end).filter(|hyphen| is_hyphen(hyphen.base));
        match hyphen.and_then(|hyphen| cluster_at(text, hyphen.end)).filter(Cluster::is_written) {
            Some(after) => word.join('-', after),
            None => return word.end,
        }
    }
}

/// A word of letters and digits so far.
struct Written<'t> {
    text: &'t str,
    start: usize,
    end: usize,
    /// The last letter or digit of the word so far.
    last: Cluster,
    /// Letters and digits since the last sign.
    segment: usize,
    /// Whether the last sign in it is a full stop.
    dotted: bool,
}

impl Written<'_> {
    fn push(&mut self, next: Cluster) {
        self.end = next.end;
        self.last = next;
        self.segment += 1;
    }

    fn join(&mut self, sign: char, after: Cluster) {
        self.push(after);
        self.segment = 1;
        self.dotted = sign == '.';
    }

    /// Whether the word goes on with `sign` and the letter or digit behind it.
    fn is_joined(&self, sign: char, after: Cluster) -> bool {
        use Class::{Digit, Letter};
        let both = (self.last.class, after.class);
        match sign {
            '_' => true,
            _ if is_hyphen(sign) => true,
            _ if is_apostrophe(sign) => both == (Letter, Letter) && !is_possessive(self.text, after),
            '&' | '·' => both == (Letter, Letter),
            ',' | ':' | '/' => both == (Digit, Digit),
            '.' => match both {
                (_, Digit) => true,
                // Host names and file names; a sentence does not start with a small letter.
                _ if after.base.is_lowercase() => true,
                (Letter, Letter) if self.segment == 1 => true,
                // "Ph.D.", but not "end.The".
                (Letter, Letter) => {
                    self.segment <= 3
                        && cluster_at(self.text, after.end).is_none_or(|next| !next.is_written())
                }
                _ => false,
            },
            '"' | '״' | '׳' => is_hebrew(self.last.base) && is_hebrew(after.base),
            _ => false,
        }
    }

    /// Whether it looks like the name of a host: `bit.ly`.
    fn is_host(&self) -> bool {
        let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte);
        self.dotted
            && self.segment >= 2
            && self.last.base.is_ascii_lowercase()
            && self.text[self.start..self.end].bytes().all(is_part)
    }

    /// Whether a full stop follows that is part of the word.
    fn keeps_period(&self) -> bool {
        let rest = &self.text[self.end..];
        let Some(behind) = rest.strip_prefix('.') else { return false };
        if behind.starts_with('.')
            || cluster_at(self.text, self.end).is_some_and(|dot| dot.end > self.end + 1)
        {
            return false;
        }
        let is_letter = self.last.class == Class::Letter && self.segment == 1;
        (is_letter && (self.dotted || is_initial(self.last.base, behind)))
            || is_abbreviated(&self.text[self.start..self.end], behind)
    }
}

/// The cluster at `at`, or behind the unseen characters there.
fn seen_cluster_at(text: &str, mut at: usize) -> Option<Cluster> {
    loop {
        let cluster = cluster_at(text, at)?;
        if cluster.class != Class::Unseen {
            return Some(cluster);
        }
        at = cluster.end;
    }
}

/// A run of one kana script; the mark of length goes with both.
fn kana_end(text: &str, first: Cluster) -> usize {
    let mut end = first.end;
    while let Some(next) = seen_cluster_at(text, end) {
        if next.class != first.class && next.base != 'ー' {
            break;
        }
        end = next.end;
    }
    end
}

/// The end of a word of signs: the same sign repeated is one word where it is usual: `...`, `--`, `!!!`,
/// `''`.
fn signs_end(text: &str, first: Cluster) -> usize {
    let mut end = first.end;
    if matches!(first.base, '.' | '-' | '–' | '—' | '…' | '!' | '?' | '*' | '=' | '_' | '~' | '\'' | '`')
    {
        while let Some(next) = cluster_at(text, end).filter(|next| next.base == first.base) {
            if is_apostrophe(next.base) && cluster_at(text, next.end).is_some_and(|s| is_possessive(text, s))
            {
                break;
            }
            end = next.end;
        }
    }
    end
}

/// The first letter of a user's name or a topic: `@user`, `@_user`, `#topic`.
fn tagged(text: &str, sign: Cluster) -> Option<Cluster> {
    if !matches!(sign.base, '@' | '#') {
        return None;
    }
    let underscores = text[sign.end..].bytes().take_while(|&byte| byte == b'_').count();
    cluster_at(text, sign.end + underscores).filter(Cluster::is_written)
}

/// Whether `s`, which stands behind an apostrophe, is the ending of a possessive.
fn is_possessive(text: &str, s: Cluster) -> bool {
    matches!(s.base, 's' | 'S') && cluster_at(text, s.end).is_none_or(|next| !next.is_written())
}

fn is_apostrophe(c: char) -> bool {
    matches!(c, '\'' | '’')
}

fn is_hyphen(c: char) -> bool {
    matches!(c, '-' | '\u{2010}' | '\u{2011}')
}

fn is_hebrew(c: char) -> bool {
    matches!(c, '\u{5d0}'..='\u{5ea}')
}
