//! Tokenizer folders as transformers reads them: the ids that it gives, or a refusal that names why.
//!
//! The folders and the golden ids are written by `scripts/reference/tokenizer_cases.py`.

use std::collections::BTreeMap;
use std::path::Path;

use electra_files::shown::with_help;
use electra_text::Tokenizer;
use electra_text::wordpiece::OffsetUnit;
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct Golden {
    texts: Vec<String>,
    words: Vec<String>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    /// A text, or JSON.
    files: BTreeMap<String, Value>,
    /// The reason why transformers does not read the folder.
    error: Option<String>,
    #[serde(default)]
    texts: Vec<Vec<u32>>,
    #[serde(default)]
    words: Vec<u32>,
}

impl Case {
    fn write(&self, folder: &Path) {
        for (name, content) in &self.files {
            let text = content.as_str().map_or_else(|| content.to_string(), str::to_owned);
            std::fs::write(folder.join(name), text).unwrap();
        }
    }
}

/// Folders that are refused, by the beginning of their names, with what the refusal names. All that
/// are not here have to give the ids of transformers.
const REFUSED: &[(&str, &[&str])] = &[
    ("vocab.txt alone, with upper case", &["`do_lower_case` is missing", "transformers would lower-case"]),
    ("json: cased, config silent, ElectraTokenizer", &["`do_lower_case` is missing"]),
    ("json: cased, no config", &["`do_lower_case` is missing"]),
    ("config: do_basic_tokenize false", &["`do_basic_tokenize` is false"]),
    ("config: never_split", &["`never_split` is [\"covid\"]"]),
    ("config: split_special_tokens", &["`split_special_tokens` is true"]),
    ("config: another unknown token", &["`unk_token` is \"the\", expected [UNK]"]),
    ("config: another mask token", &["`mask_token` is \"covid\", expected [MASK]"]),
    ("added: special_tokens_map.json with another mask", &["`mask_token` is \"covid\""]),
    ("class: DistilBertTokenizer", &["`tokenizer_class` is \"DistilBertTokenizer\""]),
    ("class: ConvBertTokenizerFast", &["`tokenizer_class` is \"ConvBertTokenizerFast\""]),
    ("class: MobileBertTokenizer", &["`tokenizer_class` is \"MobileBertTokenizer\""]),
    ("class: FunnelTokenizer", &["`tokenizer_class` is \"FunnelTokenizer\""]),
    ("class: KoBertTokenizer", &["`tokenizer_class` is \"KoBertTokenizer\""]),
    (
        "class: BertJapaneseTokenizer",
        &["`tokenizer_class` is \"BertJapaneseTokenizer\"", "ElectraTokenizer or BertTokenizer"],
    ),
    ("class: RobertaTokenizerFast", &["`tokenizer_class` is \"RobertaTokenizerFast\""]),
    ("class in config.json", &["`tokenizer_class` is \"BertJapaneseTokenizer\""]),
    ("class of its own", &["`auto_map` is"]),
    ("json: no cleaning, ElectraTokenizer", &["`clean_text` is false", "PreTrainedTokenizerFast"]),
    ("json: long words, ElectraTokenizer", &["`max_input_chars_per_word` is 200", "PreTrainedTokenizerFast"]),
    ("json: another normalizer", &["its normalizer is Sequence"]),
    (
        "added: added_tokens.json with an id too high",
        &["\"[ent]\" gets the id 30 in transformers, expected 35"],
    ),
    ("added: decoder with an id too high", &["\"[ent]\" gets the id 30"]),
    ("added: decoder that moves a piece", &["\"covid\" gets the id 24"]),
    ("added: decoder that moves a special token", &["\"[MASK]\" gets the id 4"]),
    ("added: tokenizer.json, ElectraTokenizer, older file differs", &["\"covid\" gets the id 24"]),
    ("added: tokenizer.json, PreTrainedTokenizerFast, older file differs", &["\"covid\" gets the id 24"]),
    (
        "vocab.txt: repeated, and",
        &["\"[ent]\" gets the id 30 in transformers, expected one that no piece has"],
    ),
    ("vocab.txt: a byte order mark", &["begins with a byte order mark"]),
    ("vocab.txt: no mask token", &["has no [MASK]"]),
];

/// The cases that transformers does not read either.
const UNREADABLE: [&str; 5] = [
    "class: FunnelTokenizer",
    "class: FunnelTokenizer, uncased tokenizer.json",
    "class: PreTrainedTokenizerFast",
    "class: TokenizersBackend",
    "class: KoBertTokenizer",
];

fn golden() -> Golden {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/transformers_folders.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

impl Golden {
    fn assert_equals(&self, case: &Case, tokenizer: &Tokenizer) {
        for (text, ids) in self.texts.iter().zip(&case.texts) {
            assert_eq!(&tokenizer.encode(text, OffsetUnit::Chars, None).ids, ids, "{}: {text:?}", case.name);
        }
        let words = tokenizer.encode_words(&self.words, OffsetUnit::Chars, None).ids;
        assert_eq!(words, case.words, "{}: {:?}", case.name, self.words);
    }
}

#[test]
fn folders_give_the_ids_of_transformers_or_a_refusal_that_says_why() {
    let golden = golden();
    let unreadable: Vec<&str> =
        golden.cases.iter().filter(|case| case.error.is_some()).map(|case| case.name.as_str()).collect();
    assert_eq!(unreadable, UNREADABLE);
    let (mut equal, mut unused): (usize, Vec<&str>) = (0, REFUSED.iter().map(|(name, _)| *name).collect());
    for case in &golden.cases {
        let folder = tempfile::tempdir().unwrap();
        case.write(folder.path());
        let loaded = Tokenizer::load(folder.path());
        let refused = REFUSED.iter().find(|(name, _)| case.name.starts_with(name));
        if let Some((name, parts)) = refused {
            let error = with_help(&loaded.expect_err(&case.name));
            assert!(parts.iter().all(|part| error.contains(part)), "{}: {error}", case.name);
            unused.retain(|other| other != name);
        } else if case.error.is_some() {
            assert!(loaded.is_err(), "{}", case.name);
        } else {
            let tokenizer = loaded.unwrap_or_else(|error| panic!("{}: {error}", case.name));
            golden.assert_equals(case, &tokenizer);
            // What is written from it reads as the same tokenizer.
            let again = tempfile::tempdir().unwrap();
            tokenizer.save(again.path()).unwrap();
            let saved = Tokenizer::load(again.path()).unwrap();
            golden.assert_equals(case, &saved);
            assert_eq!(saved.hash(), tokenizer.hash(), "{}", case.name);
            equal += 1;
        }
    }
    assert_eq!(unused, [""; 0]);
    assert_eq!(equal, 84);
}

#[test]
fn a_corpus_finds_added_tokens_and_reads_special_ones_as_text() {
    let golden = golden();
    let case = golden.cases.iter().find(|case| case.name == "added: added_tokens.json").unwrap();
    let folder = tempfile::tempdir().unwrap();
    case.write(folder.path());
    let tokenizer = Tokenizer::load(folder.path()).unwrap();
    assert!(tokenizer.has_added_tokens());
    let [new, ent] = ["siemens-energy", "[ent]"].map(|token| tokenizer.vocabulary().id(token).unwrap());
    assert_eq!((new, ent, tokenizer.vocab_size()), (30, 31, 32));
    let ids = tokenizer.text_encoder().encode("Siemens-Energy [ent] [MASK]");
    assert_eq!(ids[..2], [new, ent]);
    assert!(!ids.contains(&tokenizer.special().mask), "{ids:?}");
}
