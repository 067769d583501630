use super::form::MAX_GAP_BYTES;
use super::*;
use electra_annotations::{
    LineBreaks, MAX_LINE_BYTES, MAX_SENTENCE_BYTES, SentenceDivision, SentenceSettings, WordDivision,
};

fn records_of(division: SentenceSettings) -> TextForm {
    TextForm::Records { division, lossy: false }
}

const RUNNING: TextForm = TextForm::Running(SentenceSettings {
    words: WordDivision::Corpus,
    sentences: SentenceDivision::FullStop,
    max_words: 50,
    line_breaks: LineBreaks::Space,
});

/// Gives so many bytes at a time.
struct Drip<'a>(&'a [u8], usize);

impl Read for Drip<'_> {
    fn read(&mut self, target: &mut [u8]) -> std::io::Result<usize> {
        let length = self.1.min(self.0.len()).min(target.len());
        let (given, rest) = self.0.split_at(length);
        target[..length].copy_from_slice(given);
        self.0 = rest;
        Ok(length)
    }
}

fn all(input: &[u8], form: TextForm, step: usize) -> (Vec<Passage>, Result<String, TextError>) {
    let mut passages = Passages::new(Drip(input, step), form);
    let found = passages.by_ref().collect();
    (found, passages.finish().map(|tail| tail.text))
}

/// Words with their places, after checking these against the input.
fn checked(input: &str, form: TextForm, step: usize) -> (Vec<Passage>, String) {
    let (passages, tail) = all(input.as_bytes(), form, step);
    let tail = tail.unwrap();
    let characters: Vec<char> = input.chars().collect();
    let mut whole = String::new();
    for Passage { before, sentence, .. } in &passages {
        whole += before;
        assert_eq!(whole.len() as u64, sentence.byte);
        whole += &sentence.text;
        for word in 0..sentence.words.len() {
            let (bytes, chars) = (sentence.bytes(word..word + 1), sentence.chars(word..word + 1));
            assert_eq!(&input[bytes.start as usize..bytes.end as usize], sentence.word(word));
            let by_characters: String = characters[chars.start as usize..chars.end as usize].iter().collect();
            assert_eq!(by_characters, sentence.word(word));
        }
    }
    assert_eq!(whole + &tail, input);
    (passages, tail)
}

const MIXED: &str = "\u{feff} \t Zoë 👩\u{200d}👩\u{200d}👧 went.\r\nTo e\u{301}cole\u{200b}\r\n\r\n北京大学。在 上海!\u{a0}\n \u{200b} \n";

#[test]
fn passages_and_what_lies_between_are_the_input_however_it_comes() {
    for form in [RUNNING, TextForm::Tokenised] {
        let expected = checked(MIXED, form, usize::MAX);
        for step in 1..=9 {
            assert_eq!(checked(MIXED, form, step), expected, "{form:?}, {step} bytes at a time");
        }
    }
    for empty in ["", " ", "\n\n", "\u{feff}"] {
        for form in [RUNNING, TextForm::Tokenised] {
            assert!(checked(empty, form, 1).0.is_empty(), "{empty:?}");
        }
    }
}

#[test]
fn a_line_is_a_sentence_of_what_stands_between_its_spaces() {
    let (passages, _) = checked(MIXED, TextForm::Tokenised, usize::MAX);
    let lines: Vec<Vec<&str>> = passages.iter().map(|p| p.sentence.tokens().collect()).collect();
    assert_eq!(
        lines,
        [
            vec!["Zoë", "👩\u{200d}👩\u{200d}👧", "went."],
            vec!["To", "e\u{301}cole"],
            vec!["北京大学。在", "上海!"],
            vec!["\u{200b}"]
        ]
    );
    let starts: Vec<bool> = passages.iter().map(|p| p.sentence.starts_paragraph).collect();
    assert_eq!(starts, [true, false, true, false]);
}

#[test]
fn what_is_not_utf_8_has_a_line_and_a_byte_and_everything_in_front_of_it_comes() {
    let input = "Héllo there.\n\nIt is.\nBad ".as_bytes();
    for wrong in [b"\xff\xfe.\nMore.\n".as_slice(), b"\xe2\x82"] {
        for form in [RUNNING, TextForm::Tokenised] {
            for step in [1, 4, usize::MAX] {
                let (passages, end) = all(&[input, wrong].concat(), form, step);
                assert!(passages.len() >= 2, "{passages:?}");
                let Err(TextError::NotUtf8 { line, byte }) = end else { panic!("{end:?}") };
                assert_eq!((line, byte), (4, input.len() as u64), "{form:?} {step}");
            }
        }
    }
}

#[test]
fn lines_and_words_without_an_end_are_cut_and_nothing_is_lost() {
    let words = "wörd ".repeat(MAX_SENTENCE_BYTES / 4);
    let (passages, _) = checked(&words, TextForm::Tokenised, 1000);
    assert_eq!(passages.len(), 2);
    assert!(passages.iter().all(|p| p.sentence.tokens().all(|word| word == "wörd")));
    assert!(!passages[1].sentence.starts_paragraph);

    let word = "€".repeat(MAX_SENTENCE_BYTES);
    for form in [RUNNING, TextForm::Tokenised] {
        let (passages, _) = checked(&word, form, 777);
        assert!(passages.len() >= 3);
        assert!(passages.iter().all(|p| p.sentence.text.len() <= MAX_SENTENCE_BYTES));
    }
}

#[test]
fn endless_white_space_is_cut_but_counted() {
    let blank = "\u{3000}\n".repeat(1 << 20);
    let input = format!("One.{blank}Two.{blank}");
    for form in [RUNNING, TextForm::Tokenised] {
        let blank = if form == RUNNING { input.clone() } else { input.replace('\u{3000}', " ") };
        let (passages, tail) = all(blank.as_bytes(), form, 5000);
        assert_eq!(passages.len(), 2, "{form:?}");
        let second = &passages[1];
        assert!(second.sentence.text.starts_with("Two"));
        assert_eq!(second.sentence.char, 4 + (2 << 20));
        for gap in [&second.before, &tail.unwrap()] {
            assert!(gap.len() > MAX_GAP_BYTES - 4 && gap.len() <= MAX_GAP_BYTES, "{}", gap.len());
            assert!(blank.contains(gap.as_str()));
        }
    }
}

/// Words of the sentences by line of the input, an empty list for each line without one.
fn by_line(input: &str, form: TextForm, step: usize) -> Vec<Vec<String>> {
    let mut passages = Passages::new(Drip(input.as_bytes(), step), form);
    let (mut lines, mut open) = (Vec::new(), Vec::new());
    for passage in passages.by_ref() {
        (0..passage.empty_before).for_each(|_| lines.push(std::mem::take(&mut open)));
        open.extend(passage.sentence.tokens().map(str::to_owned));
        if !passage.goes_on {
            lines.push(std::mem::take(&mut open));
        }
    }
    (0..passages.finish().unwrap().empty).for_each(|_| lines.push(std::mem::take(&mut open)));
    assert!(open.is_empty());
    lines
}

#[test]
fn every_line_is_told_of_also_those_without_a_word() {
    for step in [1, 5, usize::MAX] {
        let found = by_line("\n\u{feff}a b\n \t\r\n\nc\rd\r\r\ne\r\n\n", TextForm::Tokenised, step);
        let expected: [&[&str]; 8] = [&[], &["a", "b"], &[], &[], &["c"], &["d"], &["e"], &[]];
        assert_eq!(found, expected, "{step}");
    }
    // A line that is too long for one sentence is one line all the same.
    let long = "wörd ".repeat(MAX_SENTENCE_BYTES / 5);
    for end in ["", "\n", "     \n", "\nx"] {
        let found = by_line(&format!("{long}{end}"), TextForm::Tokenised, 1 << 20);
        let words: Vec<usize> = found.iter().map(Vec::len).collect();
        let rest: &[usize] = if end == "\nx" { &[1] } else { &[] };
        assert_eq!(words, [&[MAX_SENTENCE_BYTES / 5], rest].concat(), "{end:?}");
    }
}

const RECORDS: &str = concat!(
    "\u{feff}{\"id\": 7, \"text\": \" Zoë went. To\\n\\nKöln. \", \"spans\": 3}\n\n",
    "{\"text\": \"\"}\r\n",
    "{\"text\": \"Home\", \"document\": \"x\"}\n{\"document\": \"x\", \"text\": \"Rome. Bonn\"}",
);

/// Line, document, place in characters and text of a sentence.
type OfRecord = (u64, usize, u64, String);

/// The sentences, what all looks like together, and the records without a word.
fn records(settings: SentenceSettings, step: usize) -> (Vec<OfRecord>, String, u64) {
    let mut passages = Passages::new(Drip(RECORDS.as_bytes(), step), records_of(settings));
    let (mut shown, mut empty) = (String::new(), 0);
    let found = passages.by_ref().map(|passage| {
        shown += &passage.before;
        shown += &passage.sentence.text;
        empty += passage.empty_before;
        let RecordPlace { line, document } = passage.record.unwrap();
        (line, document, passage.sentence.char, passage.sentence.text)
    });
    let found = found.collect();
    shown += &passages.finish().unwrap().text;
    (found, shown, empty)
}

#[test]
fn records_are_divided_as_the_tagger_divides_and_have_places_of_their_own() {
    let TextForm::Running(divided) = RUNNING else { unreachable!() };
    let owned = |found: &[(u64, usize, u64, &str)]| -> Vec<_> {
        found.iter().map(|&(line, document, char, text)| (line, document, char, text.to_owned())).collect()
    };
    let shown = " Zoë went. To\n\nKöln. \n\nHome\nRome. Bonn\n";
    for step in [1, 5, usize::MAX] {
        let expected = owned(&[
            (1, 0, 1, "Zoë went."),
            (1, 0, 11, "To"),
            (1, 0, 15, "Köln."),
            (4, 2, 0, "Home"),
            (5, 2, 0, "Rome."),
            (5, 2, 6, "Bonn"),
        ]);
        assert_eq!(records(divided, step), (expected, shown.to_owned(), 1));
        let whole = owned(&[(1, 0, 1, "Zoë went. To\n\nKöln."), (4, 2, 0, "Home"), (5, 2, 0, "Rome. Bonn")]);
        for division in [SentenceDivision::Line, SentenceDivision::Paragraph, SentenceDivision::Text] {
            let settings = SentenceSettings { sentences: division, ..divided };
            assert_eq!(records(settings, step), (whole.clone(), shown.to_owned(), 1), "{division:?}");
        }
    }
}

#[test]
fn fields_that_are_not_read_may_hold_anything() {
    let TextForm::Running(settings) = RUNNING else { unreachable!("it is running text") };
    let input = "{\"s\": NaN, \"text\": \"One\"}\n{\"text\": \"Two\", \"meta\": {\"s\": \"\\ud83d\", \"t\": -Infinity}}\n";
    let (passages, end) = all(input.as_bytes(), records_of(settings), usize::MAX);
    let texts: Vec<&str> = passages.iter().map(|passage| passage.sentence.text.as_str()).collect();
    assert_eq!(texts, ["One", "Two"], "{end:?}");
    assert!(end.is_ok());
}

#[test]
fn halves_of_characters_are_refused_or_replaced_and_counted() {
    let TextForm::Running(division) = RUNNING else { unreachable!("it is running text") };
    let input = "{\"text\": \"One\"}\n{\"text\": \"é\\ud83d b\\ude00 \\ud83d\\ude00\"}\n";
    let read = |lossy| {
        let mut passages = Passages::new(input.as_bytes(), TextForm::Records { division, lossy });
        let texts: Vec<String> = passages.by_ref().map(|passage| passage.sentence.text).collect();
        (texts, passages.finish())
    };
    let (texts, end) = read(false);
    assert_eq!(texts, ["One"]);
    let Err(TextError::HalfCharacter { line: 2, column: 12, excerpt }) = end else { panic!("{end:?}") };
    assert!(excerpt.starts_with("\\ud83d b"), "{excerpt}");
    let (texts, end) = read(true);
    assert_eq!(texts, ["One", "é\u{fffd} b\u{fffd} 😀"]);
    assert_eq!(end.unwrap().replaced, 2);
}

#[test]
fn records_end_like_the_lines_of_every_system() {
    let TextForm::Running(settings) = RUNNING else { unreachable!("it is running text") };
    let of = |input: &[u8], step| {
        let (passages, end) = all(input, records_of(settings), step);
        let place = |passage: &Passage| (passage.record.unwrap().line, passage.sentence.text.clone());
        (passages.iter().map(place).collect::<Vec<_>>(), end)
    };
    let record = |text: &str| format!("{{\"text\": \"{text}\"}}");
    let [a, b, c] = ["a", "b", "c"].map(record);
    for step in [1, 3, usize::MAX] {
        for (input, lines) in [
            (format!("{a}\r{b}\r{c}\r"), [1, 2, 3]),
            (format!("{a}\r{b}\r\r{c}"), [1, 2, 4]),
            (format!("{a}\r\n{b}\r\n{c}\r\n"), [1, 2, 3]),
            (format!("{a}\r\r\n\r\n{b}\r\r\n{c}"), [1, 3, 4]),
            (format!("\u{feff}{a}\n\u{feff}{b}\r\u{feff}{c}\n"), [1, 2, 3]),
        ] {
            let (found, end) = of(input.as_bytes(), step);
            let expected: Vec<_> = lines.into_iter().zip(["a", "b", "c"].map(str::to_owned)).collect();
            assert_eq!(found, expected, "{input:?} {step}");
            assert!(end.is_ok(), "{end:?}");
        }
        let input = [a.as_bytes(), b"\r\r\n", b.as_bytes(), b"\r", b"\xff"].concat();
        let (found, end) = of(&input, step);
        assert_eq!(found.len(), 2);
        let Err(TextError::NotUtf8 { line: 3, byte }) = end else { panic!("{end:?}") };
        assert_eq!(byte as usize, input.len() - 1);
    }
}

#[test]
fn a_line_that_holds_no_text_is_named_behind_those_that_do() {
    let TextForm::Running(settings) = RUNNING else { unreachable!() };
    for (wrong, found) in [
        ("{\"tokens\": [\"a\"]}", "it has no text"),
        ("{\"text\": 5}", "its text is a number"),
        ("{\"text\": \"a\", \"document\": []}", "its document is a list"),
        ("plain words", "expected an object, which begins with { at character 1, \"plain words\""),
        ("{\"text\": \"é\u{301}", "in the middle of a string that begins at character 10, \"\\\"é"),
        ("{\"text\": \"\\ud83\"}", "an escape that JSON does not have at character 11, "),
        ("{\"text\": \"a\"} {}", "expected nothing behind the object at character 15, \"{}\""),
        ("{\"text\": NaN}", "its text is a number"),
    ] {
        let input = format!("{{\"text\": \"One\"}}\n\n{wrong}\n");
        let (passages, end) = all(input.as_bytes(), records_of(settings), 4);
        assert_eq!(passages.len(), 1);
        let Err(TextError::NoRecord { line, found: said }) = end else { panic!("{end:?}") };
        assert_eq!(line, 3);
        assert!(said.contains(found), "{said}");
    }
}

#[test]
fn a_record_without_an_end_is_not_waited_for() {
    let TextForm::Running(settings) = RUNNING else { unreachable!("it is running text") };
    let end = |length: usize, rest: &str| {
        let record = format!("{{\"text\":\"{}\"}}{rest}", "a".repeat(length - 11));
        assert_eq!(record.len() - rest.len(), length);
        let text = format!("{{\"text\":\"b\"}}\n{record}");
        let (passages, end) = all(text.as_bytes(), records_of(settings), 1 << 16);
        (passages.len(), end.err())
    };
    let (_, none) = end(MAX_LINE_BYTES, "\r\n");
    assert!(none.is_none(), "{none:?}");
    for (length, rest) in [(MAX_LINE_BYTES + 2, ""), (2 * MAX_LINE_BYTES, "\n")] {
        let (found, said) = end(length, rest);
        assert!(matches!(said, Some(TextError::LongRecord { line: 2, limit: MAX_LINE_BYTES })), "{said:?}");
        assert_eq!(found, 1);
    }
}
