//! WordPiece against golden values made with the Python `tokenizers`, and against the library
//! itself where speed made us leave its beaten path.

use std::path::{Path, PathBuf};

use electra_text::vocab::Vocabulary;
use electra_text::wordpiece::{Encoding, OffsetUnit, SAVED_FILES, Settings, Tokenizer, TokenizerError};
use proptest::prelude::*;
use serde::Deserialize;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn tokenizer(case: &str) -> Tokenizer {
    let vocabulary = Vocabulary::read(&fixture(&format!("vocab_{case}.txt"))).unwrap();
    Tokenizer::new(vocabulary, Settings::new(case == "cased"))
}

#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
    pretokenized: Vec<Case>,
    pairs: Vec<Case>,
    truncation_padding: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    #[serde(default)]
    text: String,
    #[serde(default)]
    words: Vec<String>,
    #[serde(default)]
    a: String,
    #[serde(default)]
    b: String,
    max_length: Option<usize>,
    #[serde(default)]
    attention_mask: Vec<u32>,
    ids: Vec<u32>,
    tokens: Vec<String>,
    offsets: Vec<(usize, usize)>,
    word_ids: Vec<Option<u32>>,
    special_tokens_mask: Option<Vec<u32>>,
    type_ids: Option<Vec<u32>>,
}

fn golden(case: &str) -> Golden {
    let text = std::fs::read_to_string(fixture(&format!("tokens_{case}.json"))).unwrap();
    serde_json::from_str(&text).unwrap()
}

impl Case {
    /// Compares, the padding of the golden values left out.
    fn assert_equals(&self, tokenizer: &Tokenizer, found: &Encoding) {
        let named = format!("{:?} {:?} {:?} {:?}", self.text, self.words, self.a, self.b);
        let real = match self.attention_mask.iter().position(|&bit| bit == 0) {
            Some(padding) => padding,
            None => self.ids.len(),
        };
        assert_eq!(found.ids, self.ids[..real], "ids of {named}");
        let tokens: Vec<&str> = tokenizer.pieces(found.ids.iter().copied()).collect();
        assert_eq!(tokens, self.tokens[..real], "tokens of {named}");
        assert_eq!(found.offsets, self.offsets[..real], "offsets of {named}");
        assert_eq!(found.word_ids, self.word_ids[..real], "word ids of {named}");
        let expected: Vec<u32> = self.type_ids.clone().unwrap_or_else(|| vec![0; real]);
        assert_eq!(found.type_ids, expected[..real], "type ids of {named}");
        if let Some(mask) = &self.special_tokens_mask {
            let found: Vec<u32> = found.is_special.iter().map(|&bit| u32::from(bit)).collect();
            assert_eq!(found, mask[..real], "special tokens of {named}");
        }
    }
}

#[test]
fn ids_offsets_and_word_ids_of_nasty_strings_are_those_of_the_python_library() {
    for case in ["uncased", "cased"] {
        let (tokenizer, golden) = (tokenizer(case), golden(case));
        assert_eq!(golden.cases.len(), 258);
        for case in &golden.cases {
            case.assert_equals(&tokenizer, &tokenizer.encode(&case.text, OffsetUnit::Chars, None));
        }
    }
}

#[test]
fn words_pairs_and_cuts_are_those_of_the_python_library() {
    for case in ["uncased", "cased"] {
        let (tokenizer, golden) = (tokenizer(case), golden(case));
        for case in &golden.pretokenized {
            case.assert_equals(&tokenizer, &tokenizer.encode_words(&case.words, OffsetUnit::Chars, None));
        }
        for case in &golden.pairs {
            case.assert_equals(&tokenizer, &tokenizer.encode_pair(&case.a, &case.b, OffsetUnit::Chars, None));
        }
        for case in &golden.truncation_padding {
            assert!(case.max_length.is_some());
            case.assert_equals(&tokenizer, &tokenizer.encode(&case.text, OffsetUnit::Chars, case.max_length));
        }
        assert_eq!(
            (golden.pretokenized.len(), golden.pairs.len(), golden.truncation_padding.len()),
            (12, 4, 15)
        );
    }
}

#[test]
fn byte_offsets_slice_the_text() {
    let text = "Café 東京 ok";
    let encoding = tokenizer("uncased").encode(text, OffsetUnit::Bytes, None);
    let slices: Vec<&str> = encoding.offsets.iter().map(|&(start, end)| &text[start..end]).collect();
    assert_eq!(slices.concat(), "Café東京ok");
    assert_eq!(encoding.offsets.last(), Some(&(0, 0)));
}

#[test]
fn decoding_joins_the_pieces_of_a_word() {
    let tokenizer = tokenizer("uncased");
    let encoding = tokenizer.encode("Unaffable tokenization.", OffsetUnit::Bytes, None);
    assert_eq!(tokenizer.decode(encoding.ids), "[CLS] unaffable tokenization . [SEP]");
    assert_eq!(tokenizer.decode([1_000_000]), "[?]");
}

/// The ids that the library gives for plain text: its own encoding without special tokens in the text.
fn library_ids(tokenizer: &Tokenizer, text: &str) -> Vec<u32> {
    let mut library = tokenizers::Tokenizer::from_bytes(tokenizer.to_json()).unwrap();
    library.set_encode_special_tokens(true);
    library.encode_fast(text, false).unwrap().get_ids().to_vec()
}

#[test]
fn the_text_encoder_agrees_with_the_library_on_the_nasty_strings() {
    for case in ["uncased", "cased"] {
        let tokenizer = tokenizer(case);
        // One encoder for all, so that remembered words are used; twice, so that all are.
        let mut encoder = tokenizer.text_encoder();
        let mut texts: Vec<String> = golden(case).cases.into_iter().map(|case| case.text).collect();
        texts.push(texts.join(" "));
        texts.push(texts.concat());
        for text in texts.iter().chain(&texts) {
            assert_eq!(encoder.encode(text), library_ids(&tokenizer, text), "{text:?}");
        }
    }
}

/// Every character on its own, inside a word, in front of a word and behind a combining mark:
/// no character is cut, kept or dropped otherwise than by the library.
#[test]
fn the_text_encoder_agrees_with_the_library_on_every_character() {
    for case in ["uncased", "cased"] {
        let tokenizer = tokenizer(case);
        let mut library = tokenizers::Tokenizer::from_bytes(tokenizer.to_json()).unwrap();
        library.set_encode_special_tokens(true);
        let mut encoder = tokenizer.text_encoder();
        for c in '\0'..=char::MAX {
            // Of the large blocks of one kind (ideographs, syllables, private use, unassigned) one
            // in 61 will do, and their first and last.
            let code = u32::from(c);
            let uniform =
                [0x3401..=0x4DBE, 0x4E01..=0x9FFE, 0xAC01..=0xD7A2, 0xE001..=0xF8FE, 0x20001..=0x10FFFF];
            let edges = [0x2A6DF, 0x2A700, 0x2B73F, 0x2B740, 0x2B81F, 0x2B920, 0x2CEAF, 0x2F800, 0x2FA1F];
            let is_edge = edges.iter().any(|edge| code.abs_diff(*edge) <= 1);
            if !is_edge && code % 61 != 0 && uniform.iter().any(|block| block.contains(&code)) {
                continue;
            }
            let text = format!("a{c}b {c}the{c}\u{301}{c} e\u{301}\u{323}{c}");
            let expected = library.encode_fast(text.as_str(), false).unwrap();
            assert_eq!(encoder.encode(&text), expected.get_ids(), "U+{:04X}", u32::from(c));
        }
    }
}

proptest! {
    #[test]
    fn the_text_encoder_agrees_with_the_library_on_any_text(text in "\\PC{0,60}", mixed in mixed_text()) {
        for case in ["uncased", "cased"] {
            let tokenizer = tokenizer(case);
            for text in [&text, &mixed] {
                prop_assert_eq!(tokenizer.text_encoder().encode(text), library_ids(&tokenizer, text));
            }
        }
    }
}

/// Text of the characters that are special to the normaliser, in any neighbourhood.
fn mixed_text() -> impl Strategy<Value = String> {
    let characters = " \t\n\u{a0}\u{2028}\u{3000}\u{85}\u{b}\u{0}\u{200b}\u{fffd}\u{301}\u{323}\u{20dd}aAéÉİßǅ.-—“”…‿⁄⁒\
                      #[]東京豈한カﾃ½ﬁ😀🏽\u{1f1e6}\u{e0041}MASK";
    proptest::collection::vec(proptest::sample::select(characters.chars().collect::<Vec<_>>()), 0..40)
        .prop_map(String::from_iter)
}

#[test]
fn settings_that_do_not_clean_or_split_go_through_the_library_whole() {
    let vocabulary = Vocabulary::read(&fixture("vocab_uncased.txt")).unwrap();
    let settings = Settings { clean_text: false, split_cjk: false, ..Settings::UNCASED };
    let tokenizer = Tokenizer::new(vocabulary, settings);
    for case in golden("uncased").cases {
        let found = tokenizer.text_encoder().encode(&case.text);
        assert_eq!(found, library_ids(&tokenizer, &case.text), "{:?}", case.text);
    }
}

#[test]
fn special_tokens_written_in_a_corpus_are_text() {
    let tokenizer = tokenizer("uncased");
    let ids = tokenizer.text_encoder().encode("a [MASK] b");
    assert!(!ids.contains(&tokenizer.special().mask), "{ids:?}");
    assert!(tokenizer.encode("a [MASK] b", OffsetUnit::Bytes, None).ids.contains(&tokenizer.special().mask));
}

#[test]
fn a_line_without_a_space_of_a_million_bytes_is_encoded() {
    let tokenizer = tokenizer("uncased");
    let unknown = tokenizer.special().unk;
    assert_eq!(tokenizer.text_encoder().encode(&"x".repeat(1_000_000)), [unknown]);
    assert_eq!(tokenizer.text_encoder().encode(&"é".repeat(500_000)), [unknown]);
}

#[test]
fn a_saved_tokenizer_is_loaded_the_same_from_each_of_its_files() {
    for case in ["uncased", "cased"] {
        let tokenizer = tokenizer(case);
        let folder = tempfile::tempdir().unwrap();
        tokenizer.save(folder.path()).unwrap();
        for file in SAVED_FILES {
            assert!(folder.path().join(file).is_file(), "{file}");
        }
        for path in ["", "vocab.txt", "tokenizer.json"] {
            let loaded = Tokenizer::load(folder.path().join(path)).unwrap();
            assert_eq!(loaded.hash(), tokenizer.hash(), "{case} {path:?}");
        }
        std::fs::remove_file(folder.path().join("tokenizer.json")).unwrap();
        let from_vocabulary = Tokenizer::load(folder.path()).unwrap();
        assert_eq!(from_vocabulary.hash(), tokenizer.hash(), "{case} from vocab.txt and its configuration");
    }
}

#[test]
fn the_hash_tells_tokenizers_apart() {
    let uncased = tokenizer("uncased");
    let vocabulary = uncased.vocabulary().clone();
    let kept_accents = Settings { strip_accents: false, ..Settings::UNCASED };
    assert_ne!(Tokenizer::new(vocabulary.clone(), kept_accents).hash(), uncased.hash());
    let mut pieces = vocabulary.pieces().to_vec();
    pieces.swap(50, 51);
    let swapped = Vocabulary::new(pieces, Path::new("swapped")).unwrap();
    assert_ne!(Tokenizer::new(swapped, Settings::UNCASED).hash(), uncased.hash());
}

#[test]
fn special_ids_of_a_foreign_vocabulary_are_found_by_name() {
    let mut pieces: Vec<String> = (0..100).map(|n| format!("[unused{n}]")).collect();
    pieces.extend(["[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "[PAD]"].map(str::to_owned));
    let tokenizer = Tokenizer::new(Vocabulary::new(pieces, Path::new("foreign")).unwrap(), Settings::UNCASED);
    let encoding = tokenizer.encode("the [MASK] x", OffsetUnit::Bytes, None);
    assert_eq!(encoding.ids, [101, 104, 103, 100, 102]);
    assert_eq!(tokenizer.special().pad, 105);
}

#[test]
fn the_wrong_case_and_other_kinds_of_tokenizer_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    assert!(matches!(Tokenizer::load(at("nothing")), Err(TokenizerError::NotFound { .. })));
    assert!(matches!(Tokenizer::load(folder.path()), Err(TokenizerError::NotFound { .. })));

    tokenizer("uncased").save(folder.path()).unwrap();
    let error = Tokenizer::load_with(folder.path(), Some(true)).unwrap_err();
    assert!(error.to_string().contains("its case is uncased, expected cased"), "{error}");

    let json = tokenizer("uncased").to_json();
    for (from, to, part) in [
        (
            "\"BertNormalizer\",\n    \"clean_text\": true,\n    \"handle_chinese_chars\": true,\n    \"strip_accents\": null,\n    \"lowercase\": true",
            "\"Lowercase\"",
            "normalizer",
        ),
        ("\"BertPreTokenizer\"", "\"Whitespace\"", "pre-tokenizer"),
        ("\"continuing_subword_prefix\": \"##\"", "\"continuing_subword_prefix\": \"@@\"", "prefix"),
        ("\"unk_token\": \"[UNK]\"", "\"unk_token\": \"the\"", "unknown token"),
    ] {
        let changed = json.replacen(from, to, 1);
        assert_ne!(changed, json, "{from}");
        std::fs::write(at("other.json"), changed).unwrap();
        let error = Tokenizer::load(at("other.json")).unwrap_err();
        assert!(error.to_string().contains(part), "{part}: {error}");
    }
    std::fs::write(at("cut.json"), &json[..json.len() / 2]).unwrap();
    assert!(matches!(Tokenizer::load(at("cut.json")), Err(TokenizerError::Malformed { .. })));
}
