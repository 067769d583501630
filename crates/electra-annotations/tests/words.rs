//! Raw text to words and sentences: every place is right, in bytes and in characters.

use std::cell::Cell;
use std::io::{self, BufReader, Read};
use std::rc::Rc;

use electra_annotations::{
    LineBreaks, MAX_SENTENCE_BYTES, RawSentence, RawSentences, SentenceDivision, SentenceSettings, TextError,
    Word, WordDivision, divide, division_of_record, trimmed, without_unseen, words,
};
use proptest::prelude::*;

fn split(text: &str) -> Vec<&str> {
    words(text).map(|word| word.of(text)).collect()
}

fn spaced(text: &str) -> String {
    split(text).join(" | ")
}

#[test]
fn punctuation_is_separated_and_belongs_to_words_where_corpora_have_it_so() {
    for (text, expected) in [
        ("Obama's visit (1996-08-22).", "Obama | 's | visit | ( | 1996-08-22 | ) | ."),
        ("I don't know O'Brien’s rock'n'roll.", "I | don't | know | O'Brien | ’s | rock'n'roll | ."),
        ("the boys' toys, 'quoted' ''too''", "the | boys | ' | toys | , | ' | quoted | ' | '' | too | ''"),
        (
            "It costs $3.5 or 1,000%, at 10:30 on 24/12/1996.",
            "It | costs | $ | 3.5 | or | 1,000 | % | , | at | 10:30 | on | 24/12/1996 | .",
        ),
        (
            "U.S.-based AT&T of the U.K., e.g. at 5 p.m.",
            "U.S.-based | AT&T | of | the | U.K. | , | e.g. | at | 5 | p.m.",
        ),
        (
            "Mr. Smith Jr. of Acme Inc. met Dr.Jones",
            "Mr. | Smith | Jr. | of | Acme | Inc. | met | Dr. | Jones",
        ),
        (
            "J. K. Rowling and J.-P. Sartre ate vitamin C. So did I. He",
            "J. | K. | Rowling | and | J.-P. | Sartre | ate | vitamin | C. | So | did | I | . | He",
        ),
        ("a Ph.D. in Bonn.The end.", "a | Ph.D. | in | Bonn | . | The | end | ."),
        ("No. 5 said no. Then Sen. Day sat.", "No. | 5 | said | no | . | Then | Sen. | Day | sat | ."),
        ("Wait... what?!! -- Yes…", "Wait | ... | what | ? | !! | -- | Yes | …"),
        ("(and/or) Jean-Luc's – \"x_y\"", "( | and | / | or | ) | Jean-Luc | 's | – | \" | x_y | \""),
        ("F-16s, COVID-19, 80km", "F-16s | , | COVID-19 | , | 80km"),
    ] {
        assert_eq!(spaced(text), expected, "{text}");
    }
}

#[test]
fn addresses_and_names_of_users_are_one_word() {
    for (text, expected) in [
        ("Mail j.doe+x@mail.example.org, now.", "Mail | j.doe+x@mail.example.org | , | now | ."),
        (
            "See https://en.wikipedia.org/wiki/Bonn_(city)?a=1#b. Or (http://x.org/).",
            "See | https://en.wikipedia.org/wiki/Bonn_(city)?a=1#b | . | Or | ( | http://x.org/ | ) | .",
        ),
        ("www.bbc.co.uk, bit.ly/3xY and node.js!", "www.bbc.co.uk | , | bit.ly/3xY | and | node.js | !"),
        ("RT @_user1: #NowPlaying @ 5 # x", "RT | @_user1 | : | #NowPlaying | @ | 5 | # | x"),
        ("http:// and mailto:me@x.org看", "http | : | / | / | and | mailto:me@x.org | 看"),
        ("me@localhost", "me | @localhost"),
    ] {
        assert_eq!(spaced(text), expected, "{text}");
    }
}

#[test]
fn scripts_without_spaces_are_divided_by_characters_and_kana_by_script() {
    for (text, expected) in [
        ("東京タワーへ行くよ。", "東 | 京 | タワー | へ | 行 | くよ | 。"),
        ("らーめん、ジョン・スミス、ﾃﾞｰﾀ", "らーめん | 、 | ジョン | ・ | スミス | 、 | ﾃﾞｰﾀ"),
        ("iPhone手机3部，佐々木", "iPhone | 手 | 机 | 3 | 部 | ， | 佐 | 々 | 木"),
        ("김대중은 서울에", "김대중은 | 서울에"),
        ("กำ", "กำ"),
        ("กรุง", "ก | รุ | ง"),
    ] {
        assert_eq!(spaced(text), expected, "{text}");
    }
}

#[test]
fn what_is_attached_to_a_character_stays_with_it() {
    // Text, and its words with their places in code points.
    for (text, expected) in [
        // A family of five code points with joiners, a flag, a keycap, a heart with its selector.
        (
            "Hi👩‍👩‍👧🇩🇪1️⃣❤️!",
            vec![("Hi", 0, 2), ("👩‍👩‍👧", 2, 7), ("🇩🇪", 7, 9), ("1️⃣", 9, 12), ("❤️", 12, 14), ("!", 14, 15)],
        ),
        // Skin tones, and two of the same.
        ("👍🏽👍🏽 ok", vec![("👍🏽", 0, 2), ("👍🏽", 2, 4), ("ok", 5, 7)]),
        // Decomposed: the accents are code points of their own.
        ("Jose\u{301} Nguye\u{302}\u{303}n", vec![("Jose\u{301}", 0, 5), ("Nguye\u{302}\u{303}n", 6, 14)]),
        // A soft hyphen stays in its word; unseen characters around words do not belong to them.
        ("\u{feff}co\u{ad}op\u{200b} \u{200b}x\u{200f}", vec![("co\u{ad}op", 1, 6), ("x", 9, 10)]),
        // A mark without a letter is a word, also behind a space.
        ("a \u{301}b", vec![("a", 0, 1), ("\u{301}", 2, 3), ("b", 3, 4)]),
        // Right to left, with vowel points and an abbreviation.
        (
            "שָׁלוֹם צה\"ל، العربية.",
            vec![("שָׁלוֹם", 0, 7), ("צה\"ל", 8, 12), ("،", 12, 13), ("العربية", 14, 21), (".", 21, 22)],
        ),
        // A joiner that the script needs.
        ("می\u{200c}خواهم", vec![("می\u{200c}خواهم", 0, 8)]),
        ("a\tb\u{a0}c\r\nd\u{3000}e", vec![("a", 0, 1), ("b", 2, 3), ("c", 4, 5), ("d", 7, 8), ("e", 9, 10)]),
    ] {
        let found: Vec<Word> = words(text).collect();
        let places: Vec<_> =
            found.iter().map(|word| (word.of(text), word.chars.start, word.chars.end)).collect();
        assert_eq!(places, expected, "{text:?}");
    }
}

#[test]
fn every_mark_is_a_word_where_marks_are_divided() {
    for (text, expected) in [
        (
            "the mid-paris dog in #rome with @anna",
            "the | mid | - | paris | dog | in | # | rome | with | @ | anna",
        ),
        ("Dr. O'Neil's 3.5% ...", "Dr | . | O | ' | Neil | ' | s | 3 | . | 5 | % | . | . | ."),
        (
            "me@x.org, http://x.org/a_b",
            "me | @ | x | . | org | , | http | : | / | / | x | . | org | / | a | _ | b",
        ),
        ("Die Ber\u{ad}li\u{ad}ner Firma", "Die | Ber\u{ad}li\u{ad}ner | Firma"),
        (
            "\u{feff}\u{202a}Anna\u{202c} \u{2066}B\u{61c}ee\u{2069}-\u{200b}Tom",
            "Anna | B\u{61c}ee | - | Tom",
        ),
        (
            "東京タワーは高い、iPhone手机3部，佐々木",
            "東 | 京 | タワー | は | 高 | い | 、 | iPhone | 手 | 机 | 3 | 部 | ， | 佐 | 々 | 木",
        ),
        ("らーめん ラーメンx", "らー | め | ん | ラーメン | x"),
        ("กรุง 김대중은 می\u{200c}خواهم", "ก | รุ | ง | 김대중은 | می\u{200c}خواهم"),
        (
            "Jose\u{301} 👩\u{200d}👧❤\u{fe0f}1\u{fe0f}\u{20e3} हिन्दी\u{200b}",
            "Jose\u{301} | 👩\u{200d}👧 | ❤\u{fe0f} | 1\u{fe0f}\u{20e3} | हिन्दी",
        ),
        (" \t\u{feff} ", ""),
    ] {
        let found: Vec<&str> = divide(text, WordDivision::Marks).map(|word| word.of(text)).collect();
        assert_eq!(found.join(" | "), expected, "{text:?}");
    }
}

#[test]
fn what_is_not_seen_belongs_to_no_word_or_tag_at_its_ends() {
    for (given, word, tag) in [
        ("\u{feff}Kiel\u{200b}", "Kiel", "Kiel"),
        (" \u{2066}B\u{200b}-LOC\u{2069}\u{a0}", "B\u{200b}-LOC", "B-LOC"),
        ("work of\u{a0}art", "work of\u{a0}art", "work of\u{a0}art"),
        // Attached to a letter or a sign.
        ("می\u{200c}", "می\u{200c}", "می\u{200c}"),
        ("❤\u{fe0f}", "❤\u{fe0f}", "❤\u{fe0f}"),
        ("Jose\u{301}", "Jose\u{301}", "Jose\u{301}"),
        // A word that was given is one, whatever it is.
        (" \u{200b} ", "\u{200b}", ""),
        (" ", "", ""),
    ] {
        assert_eq!((trimmed(given), without_unseen(given).as_ref()), (word, tag), "{given:?}");
    }
}

/// Text in which everything that is special meets everything else.
fn any_text() -> impl Strategy<Value = String> {
    let parts = "a|B|é|e\u{301}|ß|1|23|.|..|,|'|’s|'s|\"|-|_|@|#|/|:|://|www.|http://x|U.S.|Mr.|J.|(|)|]|!|?|…|。|！|」| \
                 |  |\t|\n|\r\n|\n\n|\u{a0}|\u{2028}|\u{3000}|\u{85}|\u{c}|東|京|カ|ー|ひ|ﾞ|김|ก|ำ|ש|ָ|ع|می|\u{200c}|\u{200d}\
                 |\u{200b}|\u{ad}|\u{feff}|\u{0}|\u{301}|\u{fe0f}|\u{20e3}|👩|👍🏽|🇩|🇪|\u{e0041}|\u{600}|क्|ष|½|²|\u{fffd}";
    let part = proptest::sample::select(parts.split('|').map(str::to_owned).collect::<Vec<_>>());
    prop_oneof![
        3 => proptest::collection::vec(part, 0..60).prop_map(|parts| parts.concat()),
        1 => "\\PC{0,60}",
        1 => proptest::collection::vec(any::<char>(), 0..60).prop_map(String::from_iter),
    ]
}

fn assert_places(text: &str, found: &[Word]) {
    let chars: Vec<char> = text.chars().collect();
    let mut end = 0;
    for word in found {
        let slice = &text[word.bytes.clone()];
        assert_eq!(String::from_iter(&chars[word.chars.clone()]), slice, "{text:?}");
        assert!(word.bytes.start >= end && !slice.is_empty(), "{text:?} {found:?}");
        assert!(!slice.starts_with(char::is_whitespace) && !slice.contains(char::is_whitespace), "{slice:?}");
        end = word.bytes.end;
    }
}

fn is_unseen(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}')
        || matches!(c, '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{feff}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{fff9}'..='\u{fffb}')
        || matches!(c, '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn the_text_at_a_words_place_is_the_word_and_nothing_seen_is_left_out(text in any_text()) {
        let found: Vec<Word> = words(&text).collect();
        assert_places(&text, &found);
        let mut end = 0;
        for start in found.iter().map(|word| word.bytes.start).chain([text.len()]) {
            let gap = &text[end..start];
            prop_assert!(gap.chars().all(is_unseen), "{gap:?} in {text:?}");
            end = found.iter().find(|word| word.bytes.start == start).map_or(end, |word| word.bytes.end);
        }
    }

    #[test]
    fn sentences_hold_the_words_of_the_text_whatever_the_reader_has_at_hand(
        text in any_text(), chunk in 1usize..20,
    ) {
        let found = read(text.as_bytes(), chunk, WRAPPED);
        prop_assert_eq!(&found, &read(text.as_bytes(), 1 << 20, WRAPPED));
        let mut all = Vec::new();
        for sentence in &found {
            prop_assert_eq!(&text[sentence.byte as usize..][..sentence.text.len()], &sentence.text);
            prop_assert_eq!(text[..sentence.byte as usize].chars().count() as u64, sentence.char);
            assert_places(&sentence.text, &sentence.words);
            let place = |range: std::ops::Range<u64>| range.start as usize..range.end as usize;
            all.extend((0..sentence.words.len()).map(|n| Word {
                bytes: place(sentence.bytes(n..n + 1)),
                chars: place(sentence.chars(n..n + 1)),
            }));
        }
        prop_assert_eq!(all, words(&text).collect::<Vec<_>>());
        let by_line = SentenceSettings { line_breaks: LineBreaks::Sentence, ..WRAPPED };
        prop_assert_eq!(read(text.as_bytes(), chunk, by_line), read(text.as_bytes(), 1 << 20, by_line));
    }
}

const WRAPPED: SentenceSettings = SentenceSettings {
    words: WordDivision::Corpus,
    sentences: SentenceDivision::FullStop,
    max_words: 400,
    line_breaks: LineBreaks::Space,
};

fn read(text: &[u8], chunk: usize, settings: SentenceSettings) -> Vec<RawSentence> {
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

proptest! {
    /// The division that a tagger stores of its records has its text read as its records were.
    #[test]
    fn the_division_of_a_record_leaves_it_whole_and_a_shorter_one_does_not(text in any_text()) {
        let words: Vec<Word> = divide(&text, WordDivision::Marks).collect();
        let settings = |sentences| SentenceSettings {
            words: WordDivision::Marks, sentences, max_words: usize::MAX, line_breaks: LineBreaks::Space,
        };
        let division = division_of_record(&text, &words);
        let found = read(text.as_bytes(), 7, settings(division));
        prop_assert_eq!(found.len(), usize::from(!words.is_empty()));
        let places = found.iter().flat_map(|s| (0..s.words.len()).map(|n| s.bytes(n..n + 1)));
        let expected = words.iter().map(|word| word.bytes.start as u64..word.bytes.end as u64);
        prop_assert_eq!(places.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
        for shorter in [SentenceDivision::Line, SentenceDivision::Paragraph] {
            if shorter < division {
                prop_assert!(read(text.as_bytes(), 7, settings(shorter)).len() > 1);
            }
        }
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
