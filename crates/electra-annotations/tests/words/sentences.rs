//! Raw text to sentences: where they end, what they know of their place, and how much of a text is in memory.

use std::cell::Cell;
use std::io::{self, BufReader, Read, Write};
use std::rc::Rc;

use electra_annotations::{
    LineBreaks, MAX_SENTENCE_BYTES, RawSentence, RawSentences, SentenceDivision, SentenceSettings, TextError,
    WordDivision,
};
use electra_files::shown::with_help;
use electra_text::corpus::open_content;
use flate2::Compression;
use flate2::write::GzEncoder;

pub(super) const WRAPPED: SentenceSettings = SentenceSettings {
    words: WordDivision::Corpus,
    sentences: SentenceDivision::FullStop,
    max_words: 400,
    line_breaks: LineBreaks::Space,
};

pub(super) fn read(text: &[u8], chunk: usize, settings: SentenceSettings) -> Vec<RawSentence> {
    RawSentences::new(BufReader::with_capacity(chunk, text), settings).collect::<Result<_, _>>().unwrap()
}

fn texts(text: &str, settings: SentenceSettings) -> Vec<String> {
    read(text.as_bytes(), 3, settings).into_iter().map(|sentence| sentence.text).collect()
}

#[test]
fn sentences_end_at_full_stops_and_not_at_abbreviations() {
    for (text, expected) in [
        ("He left. She stayed! Why? No one knows…", vec!["He left.", "She stayed!", "Why?", "No one knows…"]),
        (
            "Mr. Smith of the U.S. Army met Dr. J. Doe. They ate.",
            vec!["Mr. Smith of the U.S. Army met Dr. J. Doe.", "They ate."],
        ),
        (
            "He said \"Go.\" (She did.) \"Why?!\" asked Bob. yes",
            vec!["He said \"Go.\"", "(She did.)", "\"Why?!\" asked Bob. yes"],
        ),
        (
            "It is 3.5. In 1990. 20 came on the 3. Oktober at x.org. Bye",
            vec!["It is 3.5.", "In 1990.", "20 came on the 3. Oktober at x.org.", "Bye"],
        ),
        ("东京很大。「我去。」他说！是吗？", vec!["东京很大。", "「我去。」", "他说！", "是吗？"]),
        ("यह है। वह है।", vec!["यह है।", "वह है।"]),
        (
            "Wrapped\nlines of J.\nSmith go on\n\nNew paragraph\r\n\r\nLast",
            vec!["Wrapped\nlines of J.\nSmith go on", "New paragraph", "Last"],
        ),
        (" \n\u{feff}\n", vec![]),
    ] {
        assert_eq!(texts(text, WRAPPED), expected, "{text}");
    }
}

#[test]
fn a_line_that_was_converted_twice_ends_once() {
    assert_eq!(
        texts("Wrapped\r\r\nlines go on\r\r\n\r\r\nNew", WRAPPED),
        ["Wrapped\r\r\nlines go on", "New"]
    );
    assert_eq!(texts("Old\rlines\r\rNew", WRAPPED), ["Old\rlines", "New"]);
}

#[test]
fn a_record_is_a_line_a_paragraph_or_the_text() {
    use SentenceDivision::{FullStop, Line, Paragraph, Text};
    let text = "One. Two\nthree. Four\r\n\r\nFive.";
    for (division, expected) in [
        (FullStop, vec!["One.", "Two\nthree.", "Four", "Five."]),
        (Line, vec!["One. Two", "three. Four", "Five."]),
        (Paragraph, vec!["One. Two\nthree. Four", "Five."]),
        (Text, vec![text]),
    ] {
        let settings = SentenceSettings { sentences: division, ..WRAPPED };
        assert_eq!(texts(text, settings), expected, "{division:?}");
    }
}

#[test]
fn a_line_is_a_sentence_where_lines_are_asked_for() {
    let settings = SentenceSettings { line_breaks: LineBreaks::Sentence, ..WRAPPED };
    let text = "lol @bob\r\nin Paris. With J.\nSmith\rok";
    assert_eq!(texts(text, settings), ["lol @bob", "in Paris.", "With J.", "Smith", "ok"]);
}

#[test]
fn a_line_is_handed_out_before_the_next_one_is_typed() {
    /// Types the same line whenever it is asked.
    struct Typed(Rc<Cell<usize>>);
    impl Read for Typed {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            self.0.set(self.0.get() + 1);
            (&b"Bonn is nice\n"[..]).read(into)
        }
    }
    let asked = Rc::new(Cell::new(0));
    let settings = SentenceSettings { line_breaks: LineBreaks::Sentence, ..WRAPPED };
    let mut found = RawSentences::new(BufReader::new(Typed(asked.clone())), settings);
    assert_eq!(found.next().unwrap().unwrap().text, "Bonn is nice");
    assert_eq!(asked.get(), 1);
}

#[test]
fn sentences_know_their_paragraphs_and_slices() {
    let text = "É a. B c\n\nD";
    let found = read(text.as_bytes(), 2, WRAPPED);
    let starts: Vec<_> =
        found.iter().map(|s| (s.text.as_str(), s.starts_paragraph, s.byte, s.char)).collect();
    assert_eq!(starts, [("É a.", true, 0, 0), ("B c", false, 6, 5), ("D", true, 11, 10)]);
    assert_eq!((found[1].slice(0..2), found[1].slice(1..1)), ("B c", ""));
    assert_eq!((found[1].chars(1..2), found[1].bytes(0..2)), (7..8, 6..9));
    assert_eq!(found[0].tokens().collect::<Vec<_>>(), ["É", "a", "."]);
}

#[test]
fn long_sentences_are_cut_at_the_greatest_number_of_words() {
    let settings = SentenceSettings { max_words: 3, ..WRAPPED };
    assert_eq!(texts("a b c d e f g. H", settings), ["a b c", "d e f", "g.", "H"]);
    let cut: Vec<bool> = read(b"a b c d e f\n\ng h", 3, settings).iter().map(|s| s.is_cut).collect();
    assert_eq!(cut, [true, false, false], "what ends there anyway is not cut");
}

/// Repeats a text up to a size, hands out once the text at most, and counts what was taken.
struct Endless {
    text: &'static [u8],
    at: usize,
    left: usize,
    taken: Rc<Cell<usize>>,
}

impl Read for Endless {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = into.len().min(self.text.len() - self.at).min(self.left);
        into[..length].copy_from_slice(&self.text[self.at..self.at + length]);
        self.at = (self.at + length) % self.text.len();
        self.left -= length;
        self.taken.set(self.taken.get() + length);
        Ok(length)
    }
}

#[test]
fn text_without_an_end_is_read_in_bounded_memory() {
    for text in [
        "no full stop here and no line ",
        "x",
        "é",
        "東",
        "\u{301}",
        " ",
        "\n",
        "'",
        "http://a",
        "a@",
        "A.",
        ")\u{200b}",
    ] {
        let size = 6 * MAX_SENTENCE_BYTES / text.len() * text.len();
        let taken = Rc::new(Cell::new(0));
        let endless = Endless { text: text.as_bytes(), at: 0, left: size, taken: taken.clone() };
        let mut covered = 0;
        for sentence in RawSentences::new(BufReader::new(endless), WRAPPED) {
            let sentence = sentence.unwrap();
            assert!(sentence.text.len() <= MAX_SENTENCE_BYTES && sentence.words.len() <= 400);
            let end = sentence.byte as usize + sentence.text.len();
            // Held: what was taken from the reader and not handed out.
            assert!(taken.get() - end <= 2 * MAX_SENTENCE_BYTES, "{text:?}: {} held", taken.get() - end);
            covered += sentence.text.split_whitespace().map(str::len).sum::<usize>();
        }
        assert_eq!(taken.get(), size);
        if !text.starts_with([' ', '\n', ')']) {
            assert_eq!(
                covered,
                size / text.len() * text.split_whitespace().map(str::len).sum::<usize>(),
                "{text:?}"
            );
        }
    }
}

#[test]
fn text_that_is_not_utf8_is_an_error_behind_the_sentences_before_it() {
    let text = b"One. Two\nthree \xff four";
    for chunk in [1, 7, 100] {
        let mut found = RawSentences::new(BufReader::with_capacity(chunk, &text[..]), WRAPPED);
        assert_eq!(found.next().unwrap().unwrap().text, "One.");
        assert_eq!(found.next().unwrap().unwrap().text, "Two\nthree");
        let error = found.next().unwrap().unwrap_err();
        assert!(matches!(error, TextError::NotUtf8 { line: 2, byte: 15 }), "{error}");
        assert!(error.to_string().starts_with("line 2 of the text (byte 15)"), "{error}");
        assert!(found.next().is_none());
    }
    // The last character is cut off.
    let mut cut = RawSentences::new(&b"caf\xc3"[..], WRAPPED);
    assert_eq!(cut.next().unwrap().unwrap().text, "caf");
    assert!(matches!(cut.next(), Some(Err(TextError::NotUtf8 { line: 1, byte: 3 }))));
}

#[test]
fn a_stream_that_fails_says_so() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
    }
    let mut found = RawSentences::new(BufReader::new((&b"Some text"[..]).chain(Broken)), WRAPPED);
    assert_eq!(found.next().unwrap().unwrap().text, "Some text");
    assert!(matches!(found.next(), Some(Err(TextError::Read(_)))));
    assert!(found.next().is_none());
}

#[test]
fn a_file_that_was_cut_short_keeps_its_advice() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("text.gz");
    let mut file = GzEncoder::new(Vec::new(), Compression::default());
    file.write_all("A sentence of a text. ".repeat(5000).as_bytes()).unwrap();
    let whole = file.finish().unwrap();
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let error =
        RawSentences::new(BufReader::new(open_content(&path).unwrap()), WRAPPED).find_map(Result::err);
    let Some(TextError::Corpus(of_file)) = error else { panic!("{error:?}") };
    let expected = with_help(&of_file);
    assert!(expected.contains("text.gz") && expected.contains("; "), "{expected}");
    assert_eq!(with_help(&TextError::Corpus(of_file)), expected);
}
