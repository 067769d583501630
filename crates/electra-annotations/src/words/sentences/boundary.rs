//! The end of a sentence, and whether it is certain yet.

use crate::words::{SentenceDivision, SentenceSettings, Word, divide};

/// A word is settled when this much text behind it is known, or some text behind white space.
const SETTLED_BYTES: usize = 512;

/// White space between sentences or words.
#[derive(Default)]
pub(super) struct Gap {
    line_breaks: usize,
    /// Carriage returns that were the last to come.
    returns: usize,
    has_line_end: bool,
    has_space: bool,
}

impl Gap {
    fn of(text: &str) -> Self {
        let mut gap = Gap::default();
        text.chars().for_each(|c| gap.push(c));
        gap
    }

    pub(super) fn push(&mut self, c: char) {
        self.line_breaks += match c {
            '\n' | '\r' | '\u{85}' | '\u{2028}' => 1,
            // Form feed and the separator of paragraphs.
            '\u{c}' | '\u{2029}' => 2,
            _ => 0,
        };
        // CRLF ends one line, and so does what is left of it when it was converted twice.
        if c == '\n' {
            self.line_breaks -= self.returns;
        }
        self.returns = if c == '\r' { self.returns + 1 } else { 0 };
        self.has_line_end |= matches!(c, '\n' | '\r');
        self.has_space |= c.is_whitespace();
    }

    pub(super) fn has_blank_line(&self) -> bool {
        self.line_breaks >= 2
    }
}

pub(super) enum Found {
    /// The words of a sentence whose end is certain.
    Whole(Vec<Word>),
    /// The words of a sentence that is cut, as many as one may have; it goes on behind them.
    Cut(Vec<Word>),
    /// The words that are certain so far; more text has to be seen.
    Open(Vec<Word>),
}

/// The first sentence of `text`, which starts with a word. `is_whole`: nothing follows `text`.
pub(super) fn first_sentence(text: &str, is_whole: bool, settings: &SentenceSettings) -> Found {
    let mut found: Vec<Word> = Vec::new();
    for word in divide(text, settings.words) {
        if !found.is_empty() && ends_between(text, &found, &word, settings.sentences) {
            return Found::Whole(found);
        }
        if found.len() == settings.max_words {
            return Found::Cut(found);
        }
        if !is_whole && !is_settled(&text[word.bytes.end..]) {
            return Found::Open(found);
        }
        found.push(word);
    }
    if is_whole { Found::Whole(found) } else { Found::Open(found) }
}

/// Whether more text behind `rest` could not change the word in front of it.
fn is_settled(rest: &str) -> bool {
    rest.len() >= SETTLED_BYTES
        || rest.find(char::is_whitespace).is_some_and(|space| !rest[space..].trim_start().is_empty())
}

/// Whether a sentence of these words ends in front of `next`.
fn ends_between(text: &str, words: &[Word], next: &Word, division: SentenceDivision) -> bool {
    let last = words.last().expect("there is a word");
    let gap = Gap::of(&text[last.bytes.end..next.bytes.start]);
    match division {
        SentenceDivision::Text => return false,
        _ if gap.has_blank_line() => return true,
        SentenceDivision::FullStop => {}
        SentenceDivision::Line | SentenceDivision::Paragraph => return false,
    }
    // Quotes and brackets close behind the full stop.
    let mut end = words.len();
    while end >= 2 && is_closing(words[end - 1].of(text)) && touches(&words[end - 2], &words[end - 1]) {
        end -= 1;
    }
    let terminal = words[end - 1].of(text);
    let first = next.of(text).chars().next().expect("words are not empty");
    if terminal.chars().all(|c| matches!(c, '。' | '！' | '？' | '｡')) {
        return gap.has_space || !(is_closing(next.of(text)) || is_terminal(next.of(text)));
    }
    is_terminal(terminal)
        && gap.has_space
        && starts_sentence(first)
        && !(terminal == "." && end >= 2 && touches(&words[end - 2], &words[end - 1]) && {
            let number = words[end - 2].of(text);
            number.len() <= 2 && number.bytes().all(|byte| byte.is_ascii_digit())
        })
}

/// The shortest division that leaves a record of text whole, given its words.
pub fn division_of_record(text: &str, words: &[Word]) -> SentenceDivision {
    let gap = |pair: &[Word]| {
        let gap = Gap::of(&text[pair[0].bytes.end..pair[1].bytes.start]);
        match (gap.has_blank_line(), gap.has_line_end) {
            (true, _) => SentenceDivision::Text,
            (false, true) => SentenceDivision::Paragraph,
            (false, false) => SentenceDivision::Line,
        }
    };
    words.windows(2).map(gap).max().unwrap_or(SentenceDivision::Line)
}

fn touches(a: &Word, b: &Word) -> bool {
    a.bytes.end == b.bytes.start
}

fn is_closing(word: &str) -> bool {
    word.chars().all(|c| {
        matches!(
            c,
            ')' | ']' | '}' | '"' | '\'' | '”' | '’' | '»' | '›' | '」' | '』' | '】' | '）' | '》' | '〉'
        )
    })
}

fn is_terminal(word: &str) -> bool {
    word.chars().all(|c| {
        matches!(c, '.' | '!' | '?' | '…' | '‼' | '⁇' | '⁈' | '⁉' | '؟' | '۔' | '।' | '॥' | '։' | '።')
            || matches!(c, '。' | '！' | '？' | '｡')
    })
}

/// Whether a sentence can start with this character: no small letter, no sign that goes on.
fn starts_sentence(c: char) -> bool {
    !c.is_lowercase()
        && !matches!(c, ',' | ';' | ':' | ')' | ']' | '}' | '-' | '–' | '—' | '&' | '/' | '%' | '=' | '+')
        && !matches!(c, '.' | '!' | '?' | '…' | '”')
}
