//! Tagging text: places, invariance, context, streams that fail.

mod context;
mod small;
mod streams;

use electra_ner::{Context, Decoding, Precision, PredictSettings, Predictor, TaggedSentence, TextForm};

use burn::prelude::*;
use small::{SETTINGS, folder, predictor, story, tagged, tags};

const AWKWARD: &str = "\u{feff}Das 👩\u{200d}👩\u{200d}👧 sah Zoe\u{308}.\r\n\tNach\u{a0}Köln\u{200b} fuhr \u{301}x 🇩🇪!\r\n\r\n\
                       北京大学在上海。東京へ。\u{200d} e\u{301}cole\u{2028}a\u{ad}b ﬁn. \u{10ffff}z\0q end";

/// Checks every entity against the text and gives their number.
fn checked_entities(text: &str, found: &[TaggedSentence]) -> usize {
    let characters: Vec<char> = text.chars().collect();
    let mut count = 0;
    for tagged in found {
        for entity in &tagged.entities {
            let words = || entity.words.clone();
            let (chars, bytes) = (tagged.sentence.chars(words()), tagged.sentence.bytes(words()));
            let slice = tagged.sentence.slice(words());
            let by_characters: String = characters[chars.start as usize..chars.end as usize].iter().collect();
            assert_eq!(slice, by_characters);
            assert_eq!(slice, &text[bytes.start as usize..bytes.end as usize]);
            assert!((0.0..=1.0).contains(&entity.score) && entity.score > 0.0, "{entity:?}");
            let first = &tagged.tags[entity.words.start];
            assert!(first.ends_with(&entity.kind), "{entity:?} {first}");
            count += 1;
        }
        let is_inside = |word: usize| tagged.entities.iter().any(|entity| entity.words.contains(&word));
        for (word, tag) in tagged.tags.iter().enumerate() {
            assert_eq!(tag == "O", !is_inside(word), "{tagged:?}");
        }
    }
    count
}

#[test]
fn entities_of_awkward_text_stand_where_their_words_do() {
    let predictor = predictor(Context::Sentence);
    for form in [small::RUNNING, TextForm::Tokenised] {
        let settings = PredictSettings { form, ..SETTINGS };
        let found = tagged(&predictor, AWKWARD, &settings);
        assert!(checked_entities(AWKWARD, &found) >= 4, "{found:?}");
        let words: Vec<&str> = found.iter().flat_map(|tagged| tagged.sentence.tokens()).collect();
        // One word, one label: nothing of a cluster is torn off.
        assert!(words.contains(&"👩\u{200d}👩\u{200d}👧"), "{words:?}");
        let whole: String = found.iter().flat_map(|t| [t.before.as_str(), &t.sentence.text]).collect();
        assert_eq!(whole, AWKWARD);
    }
}

#[test]
fn characters_are_counted_as_code_points_and_windows_line_ends_as_two() {
    let found = tagged(&predictor(Context::Sentence), AWKWARD, &SETTINGS);
    let place = |word: &str| {
        let (sentence, at) = found
            .iter()
            .find_map(|t| t.sentence.tokens().position(|w| w == word).map(|at| (&t.sentence, at)))
            .unwrap_or_else(|| panic!("{word}"));
        (sentence.chars(at..at + 1), sentence.bytes(at..at + 1))
    };
    // U+FEFF is one character of three bytes; the family is five of 3 * 4 + 2 * 3.
    assert_eq!(place("Das"), (1..4, 3..6));
    assert_eq!(place("👩\u{200d}👩\u{200d}👧"), (5..10, 7..25));
    assert_eq!(place("sah"), (11..14, 26..29));
    assert_eq!(place("Nach"), (23..27, 39..43));
}

#[test]
fn batches_and_the_place_in_the_input_have_no_influence() {
    let text = story(60);
    for (context, decoding) in [
        (Context::Sentence, Decoding::Argmax),
        (Context::Sentence, Decoding::Crf),
        (Context::Document, Decoding::Viterbi),
    ] {
        let predictor = Predictor::new(&folder(context, decoding), &Device::flex(), Precision::F32).unwrap();
        let found = tagged(&predictor, &text, &SETTINGS);
        let kinds: std::collections::HashSet<&str> = tags(&found).into_iter().collect();
        assert!(kinds.len() >= 3, "{kinds:?} would prove little");
        for batch_size in [1, 3, 1000] {
            let again = tagged(&predictor, &text, &PredictSettings { batch_size, ..SETTINGS });
            assert_eq!(tags(&again), tags(&found), "{context:?} {decoding:?} {batch_size}");
            for (a, b) in found.iter().zip(&again).flat_map(|(a, b)| a.entities.iter().zip(&b.entities)) {
                assert_eq!((&a.words, &a.kind), (&b.words, &b.kind));
                assert!((a.score - b.score).abs() < 1e-4, "{a:?} {b:?}");
            }
        }
        if context == Context::Sentence {
            for sentence in [3, 30, 50] {
                let alone = tagged(&predictor, &found[sentence].sentence.text, &SETTINGS);
                assert_eq!(alone[0].tags, found[sentence].tags);
            }
        }
    }
}

#[test]
fn a_sentence_longer_than_the_window_has_a_label_on_every_word() {
    let text = story(40).replace(". ", " ").replace(".\n\n", " ");
    for context in [Context::Sentence, Context::Document] {
        let found = tagged(&predictor(context), &text, &SETTINGS);
        assert_eq!(found.len(), 1);
        assert!(found[0].tags.len() > 5 * small::WINDOW);
        assert!(checked_entities(&text, &found) > 20);
    }
}
