//! Words and their pieces, against golden values made with the Python `tokenizers`.

mod pieces;

use electra_annotations::Aligner;
use electra_text::Tokenizer;
use electra_text::wordpiece::OffsetUnit;
use pieces::{fixture, tokenizer};
use proptest::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    pretokenized: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    words: Vec<String>,
    ids: Vec<u32>,
    word_ids: Vec<Option<usize>>,
}

#[test]
fn pieces_of_words_are_those_of_the_python_library_and_words_that_vanish_become_unknown() {
    let mut vanished = 0;
    for case in ["uncased", "cased"] {
        let tokenizer = tokenizer(case);
        let mut aligner = Aligner::new(&tokenizer);
        let text = std::fs::read_to_string(fixture(&format!("tokens_{case}.json"))).unwrap();
        let golden: Golden = serde_json::from_str(&text).unwrap();
        assert_eq!(golden.pretokenized.len(), 12);
        for (document, case) in golden.pretokenized.iter().enumerate() {
            let sentence = aligner.align(&case.words, document);
            assert_eq!((sentence.words(), sentence.document), (case.words.len(), document));
            for (word, text) in case.words.iter().enumerate() {
                let golden = case.ids.iter().zip(&case.word_ids).filter(|(_, of)| **of == Some(word));
                let mut golden: Vec<u32> = golden.map(|(&id, _)| id).collect();
                if golden.is_empty() {
                    vanished += 1;
                    golden.push(tokenizer.special().unk);
                }
                assert_eq!(sentence.word(word), golden, "{text:?} of {:?}", case.words);
            }
        }
    }
    // "", " " and a zero-width space, in both.
    assert_eq!(vanished, 6);
}

#[test]
fn every_word_that_the_normaliser_empties_keeps_one_piece() {
    let words = [
        "", " ", "\t", "\u{200b}", "\u{ad}", "\u{0}", "\u{7f}", "\u{fffd}", "\u{feff}", "\u{200d}",
        "\u{2028}",
    ];
    for case in ["uncased", "cased"] {
        let tokenizer = tokenizer(case);
        let sentence = Aligner::new(&tokenizer).align(&words, 0);
        assert_eq!(sentence.pieces(), vec![tokenizer.special().unk; words.len()]);
    }
    // Accents alone vanish where accents are dropped, and are unknown where they are kept.
    let tokenizer = tokenizer("uncased");
    let sentence = Aligner::new(&tokenizer).align(&["\u{301}", "\u{301}\u{323}", "the"], 0);
    let unknown = tokenizer.special().unk;
    assert_eq!(sentence.pieces(), [unknown, unknown, tokenizer.vocabulary().id("the").unwrap()]);
}

#[test]
fn a_chinese_word_starts_with_the_piece_of_its_first_character() {
    let tokenizer = tokenizer("uncased");
    let mut aligner = Aligner::new(&tokenizer);
    let pieces =
        |ids: &[u32]| -> Vec<String> { tokenizer.pieces(ids.iter().copied()).map(str::to_owned).collect() };
    let words = aligner.align(&["京東", "京"], 0);
    assert_eq!(pieces(words.word(0)), ["京", "[UNK]"]);
    assert_eq!(pieces(words.word(1)), ["京"]);
    let characters = aligner.align(&["京", "東", "京"], 0);
    assert_eq!(pieces(characters.pieces()), ["京", "[UNK]", "京"]);
    assert_eq!(characters.words(), characters.pieces().len());
}

/// The pieces that the library gives for each word, `[UNK]` for a word without pieces.
fn library(tokenizer: &Tokenizer, words: &[String]) -> Vec<Vec<u32>> {
    let encoding = tokenizer.encode_words(words, OffsetUnit::Bytes, None);
    let mut pieces = vec![Vec::new(); words.len()];
    for (&id, word) in encoding.ids.iter().zip(&encoding.word_ids) {
        if let Some(word) = word {
            pieces[*word as usize].push(id);
        }
    }
    pieces.iter_mut().filter(|word| word.is_empty()).for_each(|word| word.push(tokenizer.special().unk));
    pieces
}

proptest! {
    #[test]
    fn any_words_have_the_pieces_of_the_library(
        mut words in proptest::collection::vec("\\PC{0,12}|[a-zA-Zé\u{301}\u{200b}東カ'.@-]{1,8}", 1..12),
        special in 0usize..12,
    ) {
        words.insert(special.min(words.len()), "x[SEP]y".into());
        for case in ["uncased", "cased"] {
            let tokenizer = tokenizer(case);
            let sentence = Aligner::new(&tokenizer).align(&words, 7);
            let found: Vec<Vec<u32>> = (0..sentence.words()).map(|word| sentence.word(word).to_vec()).collect();
            prop_assert_eq!(found, library(&tokenizer, &words));
        }
    }
}
