//! Laws of words and sentences of any text.

use electra_annotations::{
    LineBreaks, SentenceDivision, SentenceSettings, Word, WordDivision, divide, division_of_record, words,
};
use proptest::prelude::*;

use super::sentences::{WRAPPED, read};

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

fn is_invisible(c: char) -> bool {
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
            prop_assert!(gap.chars().all(is_invisible), "{gap:?} in {text:?}");
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
