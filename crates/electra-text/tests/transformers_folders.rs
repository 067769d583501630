//! Tokenizer folders as transformers reads them: the ids and offsets that it gives, or a refusal that names why.
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
    /// Of each text, in characters; none if transformers has none there.
    #[serde(default)]
    offsets: Option<Vec<Vec<(usize, usize)>>>,
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
    ("normalizer: a sequence", &["its normalizer is Sequence, expected BertNormalizer"]),
    ("normalizer: none", &["its normalizer is none, expected BertNormalizer"]),
    ("normalizer: Lowercase", &["its normalizer is Lowercase, expected BertNormalizer"]),
    ("pre-tokenizer: Whitespace", &["its pre-tokenizer is Whitespace, expected BertPreTokenizer"]),
    ("pre-tokenizer: a sequence", &["its pre-tokenizer is Sequence, expected BertPreTokenizer"]),
    ("pre-tokenizer: digits", &["its pre-tokenizer is Sequence, expected BertPreTokenizer"]),
];

/// Folders whose ids are those of transformers and an offset is not: a mask token that takes the space before it
/// begins behind the space here.
const OTHER_OFFSETS: [&str; 1] = ["config: a mask token that takes its space"];

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
    /// What a tokenizer makes otherwise than transformers made of a case, a line each.
    fn differences(&self, case: &Case, tokenizer: &Tokenizer) -> Vec<String> {
        let mut lines = Vec::new();
        for (at, (text, ids)) in self.texts.iter().zip(&case.texts).enumerate() {
            let found = tokenizer.encode(text, OffsetUnit::Chars, None);
            if &found.ids != ids {
                lines.push(format!("{}: {text:?}: {:?}, expected {ids:?}", case.name, found.ids));
            } else if let Some(offsets) = &case.offsets
                && found.offsets != offsets[at]
                && !OTHER_OFFSETS.contains(&case.name.as_str())
            {
                let unequal: Vec<_> = found
                    .offsets
                    .iter()
                    .zip(&offsets[at])
                    .filter(|(found, expected)| found != expected)
                    .collect();
                lines.push(format!("{}: {text:?}: found and expected offsets {unequal:?}", case.name));
            }
        }
        let words = tokenizer.encode_words(&self.words, OffsetUnit::Chars, None).ids;
        if words != case.words {
            lines.push(format!("{}: {:?}: {words:?}, expected {:?}", case.name, self.words, case.words));
        }
        lines
    }
}

#[test]
fn folders_give_the_ids_of_transformers_or_a_refusal_that_says_why() {
    let golden = golden();
    let unreadable: Vec<&str> =
        golden.cases.iter().filter(|case| case.error.is_some()).map(|case| case.name.as_str()).collect();
    assert_eq!(unreadable, UNREADABLE);
    let (mut equal, mut unused): (usize, Vec<&str>) = (0, REFUSED.iter().map(|(name, _)| *name).collect());
    let mut wrong = Vec::new();
    for case in &golden.cases {
        let folder = tempfile::tempdir().unwrap();
        case.write(folder.path());
        let loaded = Tokenizer::load(folder.path());
        let refused = REFUSED.iter().find(|(name, _)| case.name.starts_with(name));
        if let Some((name, parts)) = refused {
            let error = loaded.map_or_else(|error| with_help(&error), |_| "it was read".to_owned());
            if !parts.iter().all(|part| error.contains(part)) {
                wrong.push(format!("{}: {error}, expected {parts:?}", case.name));
            }
            unused.retain(|other| other != name);
        } else if case.error.is_some() {
            assert!(loaded.is_err(), "{}", case.name);
        } else {
            let tokenizer = match loaded {
                Ok(tokenizer) => tokenizer,
                Err(error) => {
                    wrong.push(format!("{}: {error}", case.name));
                    continue;
                }
            };
            let before = wrong.len();
            wrong.extend(golden.differences(case, &tokenizer));
            // What is written from it reads as the same tokenizer.
            let again = tempfile::tempdir().unwrap();
            tokenizer.save(again.path()).unwrap();
            let saved = Tokenizer::load(again.path()).unwrap();
            wrong.extend(golden.differences(case, &saved).iter().map(|line| format!("saved: {line}")));
            assert_eq!(saved.hash(), tokenizer.hash(), "{}", case.name);
            equal += usize::from(wrong.len() == before);
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(unused, [""; 0]);
    assert_eq!(equal, 105);
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
