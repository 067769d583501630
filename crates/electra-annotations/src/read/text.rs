//! Texts with spans to sentences with tags: what every format that has spans of characters is read into.

use std::ops::Range;
use std::path::Path;

use super::beside::{Beside, PassedOver};
use super::data::{Format, TokenLines};
use super::document::DocumentNumbers;
use super::error::ReadError;
use super::offsets::OffsetUse;
use super::raw::{Raw, check_names};
use super::record_place::RecordPlace;
use super::spans::{Aligned, CharSpan, MisalignedSpan, align};
use crate::words::{Division, SentenceDivision, Word, WordDivision, divide, division_of_record, has_visible};
use crate::{LeftOut, SentenceView, Sentences};

/// A text with its spans, as a format has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AnnotatedText {
    /// The line it begins at.
    pub line: usize,
    /// The place of its record in that line, where the line has several.
    pub record: Option<RecordPlace>,
    /// The file it is from, where the data are a folder of several.
    pub file: Option<Box<str>>,
    /// The name of its document, as [`document_name`](super::document::document_name) gives it, if it has one.
    pub document: Option<Box<str>>,
    pub text: String,
    pub spans: Vec<CharSpan>,
    /// Its words, where the format has words.
    pub words: Option<Vec<Word>>,
    /// The code points at which sentences begin, apart from the first; in their order.
    pub breaks: Vec<usize>,
    /// Whether it is a document by itself, though it has no name.
    pub stands_alone: bool,
    /// Whether a file begins with it, of several that are converted: documents end with their file.
    pub begins_file: bool,
}

/// Where a reader puts the texts that it reads.
pub(crate) type Take<'t> = &'t mut dyn FnMut(AnnotatedText) -> Result<(), ReadError>;

impl AnnotatedText {
    /// A text of these words, with one space between them, or none within a script that has none.
    pub(crate) fn of_words<'w>(line: usize, words: impl Iterator<Item = &'w str>) -> Self {
        let (mut text, mut places) = (String::new(), Vec::new());
        let mut chars = 0;
        for word in words {
            let is_close = text.chars().next_back().zip(word.chars().next());
            if is_close.is_some_and(|(before, after)| !(is_unspaced(before) && is_unspaced(after))) {
                text.push(' ');
                chars += 1;
            }
            let (start, chars_start) = (text.len(), chars);
            text.push_str(word);
            chars += word.chars().count();
            places.push(Word { bytes: start..text.len(), chars: chars_start..chars });
        }
        Self { line, text, words: Some(places), ..Self::default() }
    }

    /// The span of words `start..end` of this text.
    ///
    /// # Panics
    /// If the text has no such words.
    pub(crate) fn span_of_words(&self, line: usize, words: Range<usize>, label: String) -> CharSpan {
        let all = self.words.as_deref().expect("a text of words");
        let (start, end) = (all[words.start].chars.start, all[words.end - 1].chars.end);
        CharSpan::new(line, start as i64, end as i64, label)
    }

    /// The text of a sentence with tags in IOB2, whose tokens have a line each.
    pub(crate) fn of_tagged(sentence: SentenceView<'_>) -> Self {
        let mut text = Self::of_words(sentence.line, sentence.tokens());
        let mut start = None;
        let tags = sentence.tags();
        for at in 0..=tags.len() {
            let tag = if at < tags.len() { tags.get(at) } else { "O" };
            if !tag.starts_with("I-")
                && let Some((start, label)) = start.take()
            {
                text.spans.push(text.span_of_words(sentence.line + start, start..at, label));
            }
            start = tag.strip_prefix("B-").map(|label| (at, label.to_owned())).or(start);
        }
        text
    }

    /// The text with these words, if they stand in it one behind the other.
    pub(crate) fn with_words_placed(text: &str, words: &[String]) -> Option<Self> {
        let (mut places, mut at, mut chars) = (Vec::new(), 0, 0);
        for word in words {
            let gap = text[at..].find(word.as_str()).filter(|&gap| !has_visible(&text[at..at + gap]))?;
            let start = chars + text[at..at + gap].chars().count();
            let end = start + word.chars().count();
            places.push(start..end);
            (at, chars) = (at + gap + word.len(), end);
        }
        let mut found = Self { text: text.to_owned(), ..Self::default() };
        found.set_words(places.into_iter());
        Some(found)
    }

    /// Gives the words of the text by their places in code points.
    pub(crate) fn set_words(&mut self, places: impl Iterator<Item = Range<usize>>) {
        let mut bytes: Vec<usize> = self.text.char_indices().map(|(at, _)| at).collect();
        bytes.push(self.text.len());
        let last = bytes.len() - 1;
        let word = |chars: Range<usize>| Word {
            bytes: bytes[chars.start.min(last)]..bytes[chars.end.min(last)],
            chars,
        };
        self.words = Some(places.map(word).collect());
    }
}

/// A sentence of a text whose spans begin and end at words.
pub(crate) struct SentenceOfText<'a> {
    pub words: Vec<&'a str>,
    /// The words of each span, and its type.
    pub spans: Vec<(Range<usize>, &'a str)>,
}

impl AnnotatedText {
    /// Whether a document begins with this text, which stands behind `before`.
    pub(crate) fn begins_document(&self, before: Option<&Self>) -> bool {
        before.is_none_or(|before| {
            self.stands_alone || self.begins_file || before.stands_alone || self.document != before.document
        })
    }

    /// The words of a span.
    fn words_of(&self, span: &CharSpan) -> Range<usize> {
        let words = self.words.as_deref().unwrap_or_default();
        let first = words.partition_point(|word| (word.chars.end as i64) <= span.start);
        first..words.partition_point(|word| (word.chars.start as i64) < span.end).max(first)
    }

    /// The words of each sentence.
    pub(crate) fn sentence_words(&self) -> Vec<Range<usize>> {
        let spans: Vec<Range<usize>> = self.spans.iter().map(|span| self.words_of(span)).collect();
        sentence_ranges(self.words.as_deref().unwrap_or_default(), &self.breaks, spans.iter())
    }

    /// The sentences of the text.
    pub(crate) fn sentences(&self) -> Vec<SentenceOfText<'_>> {
        let words = self.words.as_deref().unwrap_or_default();
        let ranges = self.sentence_words();
        let tokens =
            |range: &Range<usize>| words[range.clone()].iter().map(|word| word.of(&self.text)).collect();
        let mut sentences: Vec<SentenceOfText<'_>> =
            ranges.iter().map(|range| SentenceOfText { words: tokens(range), spans: Vec::new() }).collect();
        for span in &self.spans {
            let place = self.words_of(span);
            let sentence = ranges.partition_point(|range| range.end <= place.start);
            if let Some(range) = ranges.get(sentence).filter(|_| !place.is_empty()) {
                let within = place.start - range.start..place.end - range.start;
                sentences[sentence].spans.push((within, &span.label));
            }
        }
        sentences
    }
}

/// The words of each sentence: those that begin at breaks, none within an entity.
fn sentence_ranges<'e>(
    words: &[Word],
    breaks: &[usize],
    entities: impl Iterator<Item = &'e Range<usize>>,
) -> Vec<Range<usize>> {
    // How many entities begin before a word and end behind it, by differences.
    let mut around = vec![0i64; words.len() + 2];
    for entity in entities.filter(|entity| entity.start < entity.end) {
        around[entity.start + 1] += 1;
        around[entity.end] -= 1;
    }
    let (mut ranges, mut start, mut open) = (Vec::new(), 0, 0);
    let mut breaks = breaks.iter().peekable();
    for (at, word) in words.iter().enumerate() {
        open += around[at];
        let mut is_break = false;
        while breaks.next_if(|&&place| place <= word.chars.start).is_some() {
            is_break = true;
        }
        if is_break && open == 0 && at > start {
            ranges.push(start..at);
            start = at;
        }
    }
    if start < words.len() {
        ranges.push(start..words.len());
    }
    ranges
}

/// Whether a character is of a script that does not divide words by spaces, or a mark of such a script.
pub(crate) fn is_unspaced(c: char) -> bool {
    matches!(u32::from(c), 0x3001..=0x303F | 0xFF01..=0xFF0F | 0xFF1A..=0xFF20)
        || crate::words::is_unspaced(c)
}

/// Sentences that are made of texts.
pub(super) struct Assembly<'a> {
    path: &'a Path,
    words: WordDivision,
    sentences: Sentences,
    misaligned: Vec<MisalignedSpan>,
    left_out: Vec<LeftOut>,
    documents: DocumentNumbers,
    division: SentenceDivision,
    /// Whether all texts so far had words of their own.
    of_words: bool,
    /// Spans that say what another one says.
    repeated: usize,
}

impl<'a> Assembly<'a> {
    /// Sentences of the file at `path`, whose texts are divided so where the file does not divide them.
    pub(super) fn new(path: &'a Path, words: WordDivision) -> Self {
        Self {
            path,
            words,
            sentences: Sentences::default(),
            misaligned: Vec::new(),
            left_out: Vec::new(),
            documents: DocumentNumbers::default(),
            division: SentenceDivision::Line,
            of_words: true,
            repeated: 0,
        }
    }

    /// Adds the sentences of a text, whose spans count code points.
    pub(super) fn add(&mut self, mut given: AnnotatedText) -> Result<(), ReadError> {
        let words = match given.words.take() {
            Some(words) => words,
            None => {
                self.of_words = false;
                divide(&given.text, self.words).collect()
            }
        };
        let text = given.text.as_str();
        let Aligned { placed: entities, misaligned: mut wrong, repeated } =
            align(text, &words, &given.spans, false);
        self.repeated += repeated;
        let is_of_words = self.of_words && given.document.is_none() && !given.stands_alone;
        let format = if is_of_words { Format::JsonTags } else { Format::JsonSpans };
        let name = given.document.map(String::from);
        // What holds no word is no sentence, and no document.
        let document = if words.is_empty() { 0 } else { self.documents.of(name, format) };
        // The text of a record stands in one line, whatever is in it.
        let is_file = given.file.is_some();
        let line = |before: usize| {
            let lines = text[..before].bytes().filter(|&byte| byte == b'\n').count();
            given.line + if is_file { lines } else { 0 }
        };
        let first = self.sentences.len();
        let ranges = sentence_ranges(&words, &given.breaks, entities.iter().map(|entity| &entity.words));
        let mut entities = entities.iter().peekable();
        let mut inside = String::new();
        for range in &ranges {
            for at in range.clone() {
                while entities.next_if(|entity| entity.words.end <= at).is_some() {}
                let tag = match entities.peek() {
                    Some(entity) if entity.words.start == at => {
                        inside = format!("I-{}", entity.label);
                        &format!("B-{}", entity.label)
                    }
                    Some(entity) if entity.words.start < at => &inside,
                    _ => "O",
                };
                self.sentences.push_token(words[at].of(text), tag);
                check_names(self.path, given.line, self.sentences.tags())?;
            }
            self.sentences.end_sentence(document, line(words[range.start].bytes.start));
        }
        for span in &mut wrong {
            let behind = ranges.partition_point(|range| words[range.start].chars.start as i64 <= span.start);
            let sentence = (first + behind.saturating_sub(1)).min(self.sentences.len().saturating_sub(1));
            self.left_out.push(LeftOut { sentence, kind: span.label.clone() });
            span.file = given.file.as_deref().map(str::to_owned);
            span.record = given.record;
        }
        self.misaligned.append(&mut wrong);
        if !words.is_empty() && !self.of_words {
            let found = match given.breaks.is_empty() {
                true => division_of_record(text, &words),
                false => SentenceDivision::Line,
            };
            self.division = self.division.max(found);
        }
        Ok(())
    }

    /// The file as it is, of a format of this name.
    pub(super) fn finish(self, format: Format, offsets: Option<OffsetUse>, beside: Beside) -> Raw {
        let format = match format {
            Format::JsonSpans if self.of_words && !self.sentences.is_empty() => {
                Format::Other("JSON lines with text, its words and spans")
            }
            format => format,
        };
        let division = match self.of_words {
            true => Division::CORPUS,
            false => {
                Division { words: self.words, sentences: self.division, records_alone: !self.documents.named }
            }
        };
        Raw {
            format,
            division,
            sentences: self.sentences,
            gold: None,
            lines: TokenLines::Shared,
            marks_documents: self.documents.marked,
            comments: beside.comments,
            misaligned: self.misaligned,
            left_out: self.left_out,
            answers: beside.answers,
            passed_over: PassedOver { repeated: self.repeated, ..beside.passed_over },
            offsets,
            records: Vec::new(),
        }
    }
}
