//! Data folders of which somebody changed a file and sealed it again: what they say is compared with
//! what they describe, and nothing panics.

mod support;

use std::path::{Path, PathBuf};

use electra_text::build::{Part, PartManifest, build, build_part, merge};
use electra_text::dataset::DataSet;
use electra_text::manifest::{HeldOutRule, InputRecord, Manifest};
use electra_text::pack::PackMode;
use electra_text::shard::{HEADER_BYTES, Split};
use electra_text::verify::verify;
use electra_text::wordpiece::TokenizerError;
use electra_text::{DataError, Tokenizer};
use serde_json::Value;
use support::{corpus_text, request, write};

/// Bytes of a row of 32 ids of two bytes.
const ROW_BYTES: usize = 4 + 2 * 32;

/// A finished data folder of 60 documents.
fn data(folder: &Path) -> PathBuf {
    let input = write(folder, "a.txt", corpus_text(60, 1));
    let request = request(vec![input], folder.join("data"));
    build(&request, |_| {}).unwrap();
    request.out
}

/// Writes the folder's manifest as `change` makes it, sealed again.
fn reseal(data: &Path, manifest: &Manifest, change: impl FnOnce(&mut Manifest)) {
    let mut manifest = manifest.clone();
    change(&mut manifest);
    std::fs::write(data.join("manifest.json"), manifest.sealed().to_json()).unwrap();
}

#[test]
fn what_a_manifest_says_is_compared_with_tokenizer_and_shards_whoever_sealed_it() {
    let folder = tempfile::tempdir().unwrap();
    let data = data(folder.path());
    let manifest = Manifest::read(&data).unwrap();
    type Change = fn(&mut Manifest);
    let changes: [(&str, Change); 37] = [
        ("the id of [MASK] is 7", |m| m.tokenizer.special.mask = 7),
        ("the id of [MASK] is 1369", |m| m.tokenizer.special.mask = 1369),
        ("the id of [PAD] is 5", |m| m.tokenizer.special.pad = 5),
        ("tokenizer.cased is true", |m| m.tokenizer.cased = true),
        ("tokenizer.vocab_size is 612", |m| m.tokenizer.vocab_size = 612),
        ("rows_per_shard is", |m| m.tokenizer.vocab_size = 70_000),
        ("its vocab_size is 0", |m| m.tokenizer.vocab_size = 0),
        ("its vocab_size is 18446744073709551615", |m| m.tokenizer.vocab_size = usize::MAX),
        ("was built with tokenizer zz", |m| m.tokenizer.hash = "zz".into()),
        ("rows_per_shard is", |m| m.settings.pack.seq_len = 33),
        ("its seq_len is 0", |m| m.settings.pack.seq_len = 0),
        ("its seq_len is 18446744073709551615", |m| m.settings.pack.seq_len = usize::MAX),
        ("its held-out fraction is 7", |m| {
            m.settings.heldout = HeldOutRule::Hash { fraction: 7.0, salt: 0 };
        }),
        ("rows_per_shard is 0", |m| m.rows_per_shard = 0),
        ("rows_per_shard is 1", |m| m.rows_per_shard = 1),
        ("expected \"train-00000.ids\"", |m| m.shards[0].file = "../a.txt".into()),
        ("expected \"train-00000.ids\"", |m| m.shards[0].file = "/etc/passwd".into()),
        ("expected \"train-00000.ids\"", |m| m.shards[0].file = "train-00000.ids/".into()),
        ("expected \"heldout-00000.ids\"", |m| m.shards[1].file = "train-00000.ids".into()),
        ("its shards do not stand with those of their split", |m| m.shards.swap(0, 1)),
        ("where shards hold", |m| m.shards[0].examples = u64::MAX / 68),
        ("where shards hold", |m| m.shards[0].examples = 0),
        ("tokens in", |m| m.shards[0].tokens = u64::MAX),
        ("the size of train-00000.ids is 127", |m| m.shards[0].bytes = 127),
        ("train.examples is", |m| m.train.examples += 1),
        ("train.examples is", |m| m.shards.clear()),
        ("heldout.tokens is", |m| m.heldout.tokens -= 1),
        ("examples of no document", |m| m.train.documents = 0),
        ("its documents is 18446744073709551615", |m| m.train.documents = u64::MAX),
        ("its text_bytes is", |m| m.heldout.text_bytes = u64::MAX),
        ("its unknown is", |m| m.train.unknown = u64::MAX),
        ("its coverage.unknown_words is", |m| m.train.coverage.as_mut().unwrap().unknown_words = u64::MAX),
        ("its coverage.stripped is", |m| m.train.coverage.as_mut().unwrap().stripped = u64::MAX),
        ("its sum of bytes is", |m| {
            let more = InputRecord { bytes: u64::MAX, ..m.inputs[0].clone() };
            m.inputs.push(more);
        }),
        ("its skipped.malformed is", |m| {
            (m.skipped.malformed, m.skipped.without_text) = (u64::MAX, 1);
        }),
        ("its left_out is", |m| m.left_out = u64::MAX),
        ("its format is 0", |m| m.format = 0),
    ];
    for (expected, change) in changes {
        reseal(&data, &manifest, change);
        let error = DataSet::open(&data).expect_err(expected).to_string();
        assert!(error.contains(expected), "{error}\nexpected {expected}");
    }
    // The same of a folder that was built before manifests had a seal.
    let mut older = Manifest { format: 1, seal: None, ..manifest.clone() };
    std::fs::write(data.join("manifest.json"), older.to_json()).unwrap();
    assert_eq!(DataSet::open(&data).unwrap().manifest().data_hash, manifest.data_hash);
    assert!(!verify(&data, |_, _| {}).unwrap().is_sealed);
    older.tokenizer.special.mask = 7;
    std::fs::write(data.join("manifest.json"), older.to_json()).unwrap();
    assert!(matches!(DataSet::open(&data), Err(DataError::ManifestDamaged { .. })));
}

#[test]
fn damage_to_any_value_of_a_manifest_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let data = data(folder.path());
    let path = data.join("manifest.json");
    let whole: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let mut places = Vec::new();
    collect_places(&whole, String::new(), &mut places);
    assert!(places.len() > 60, "{places:?}");
    for place in places {
        let mut changed = whole.clone();
        let value = changed.pointer_mut(&place).unwrap();
        *value = match &*value {
            Value::Bool(flag) => (!flag).into(),
            Value::Number(number) if number.is_u64() => (number.as_u64().unwrap() ^ 1).into(),
            Value::Number(number) => (number.as_f64().unwrap() / 2.0).into(),
            Value::String(text) => format!("{text}0").into(),
            other => panic!("{other} at {place}"),
        };
        std::fs::write(&path, changed.to_string()).unwrap();
        let opened = DataSet::open(&data);
        assert!(opened.is_err(), "{place} may be changed to {}", changed.pointer(&place).unwrap());
    }
}

/// JSON pointers to everything that is neither a list nor a table.
fn collect_places(value: &Value, at: String, places: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(key, value)| collect_places(value, format!("{at}/{key}"), places));
        }
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(n, value)| collect_places(value, format!("{at}/{n}"), places));
        }
        _ => places.push(at),
    }
}

#[test]
fn counts_are_counted_again_by_verifying() {
    let folder = tempfile::tempdir().unwrap();
    let data = data(folder.path());
    let manifest = Manifest::read(&data).unwrap();
    type Change = fn(&mut Manifest);
    let changes: [(&str, Change); 4] = [
        ("tokens of text in the train split", |m| m.train.text_tokens += 1),
        ("tokens of text in the heldout split", |m| m.heldout.text_tokens += 1),
        ("unknown tokens in the train split", |m| m.train.unknown += 1),
        ("tokens of text in the train split", |m| {
            (m.settings.pack.mode, m.train.text_tokens) = (PackMode::Google, m.train.text_tokens - 1);
            m.train.coverage = None;
        }),
    ];
    for (expected, change) in changes {
        reseal(&data, &manifest, change);
        DataSet::open(&data).unwrap();
        let error = verify(&data, |_, _| {}).unwrap_err().to_string();
        assert!(error.contains("it counts") && error.contains(expected), "{error}\nexpected {expected}");
    }
    // One rule keeps all of the text, the other may lose some of it.
    reseal(&data, &manifest, |m| {
        (m.settings.pack.mode, m.train.text_tokens) = (PackMode::Google, m.train.text_tokens + 1);
    });
    assert!(verify(&data, |_, _| {}).unwrap().is_sealed);
}

/// Writes a shard as `change` makes it, its header and the manifest sealed again.
fn reseal_shard(data: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let manifest = Manifest::read(data).unwrap();
    let path = data.join("train-00000.ids");
    let mut bytes = std::fs::read(&path).unwrap();
    change(&mut bytes);
    let checksum = blake3::hash(&bytes[..HEADER_BYTES - 32]);
    bytes[HEADER_BYTES - 32..HEADER_BYTES].copy_from_slice(checksum.as_bytes());
    std::fs::write(&path, &bytes).unwrap();
    let hash = blake3::hash(&bytes).to_hex().to_string();
    reseal(data, &manifest, |manifest| manifest.shards[0].blake3 = hash);
}

#[test]
fn headers_of_shards_are_compared_with_the_manifest() {
    let folder = tempfile::tempdir().unwrap();
    let data = data(folder.path());
    let whole = std::fs::read(data.join("train-00000.ids")).unwrap();
    // Version, bytes of an id, row length, vocabulary, split, number, rows, tokens, tokenizer.
    for (at, value) in [
        (8, 0u64),
        (12, 4),
        (16, 31),
        (20, 70_000),
        (24, 1),
        (28, 1),
        (32, u64::MAX / 68),
        (40, u64::MAX),
        (48, 0),
    ] {
        reseal_shard(&data, |bytes| {
            let width = if at < 32 { 4 } else { 8 };
            bytes[at..at + width].copy_from_slice(&value.to_le_bytes()[..width]);
        });
        assert!(DataSet::open(&data).is_err(), "{value} at {at}");
        reseal_shard(&data, |bytes| bytes.clone_from(&whole));
        DataSet::open(&data).unwrap();
    }
}

#[test]
fn rows_that_no_builder_writes_are_named_where_they_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let data = data(folder.path());
    let whole = std::fs::read(data.join("train-00000.ids")).unwrap();
    let row = HEADER_BYTES + ROW_BYTES;
    let length = usize::from(u16::from_le_bytes([whole[row], whole[row + 1]]));
    let changes: [(&str, usize, u16); 6] = [
        ("id 65535 with a vocabulary of 611", row + 10, 0xFFFF),
        ("a length of 0", row, 0),
        ("a length of 33 in rows of 32", row, 33),
        ("with segment B at 32", row + 2, 32),
        ("id 7 in front, where [CLS] is", row + 4, 7),
        ("id 7 at the end, where [SEP] is", row + 2 + 2 * length, 7),
    ];
    for (expected, at, value) in changes {
        reseal_shard(&data, |bytes| bytes[at..at + 2].copy_from_slice(&value.to_le_bytes()));
        let opened = DataSet::open(&data).unwrap();
        let error = opened.split(Split::Train).get_checked(1).unwrap_err().to_string();
        assert!(error.contains(expected) && error.starts_with("row 1 of "), "{error}\nexpected {expected}");
        opened.split(Split::Train).get_checked(0).unwrap();
        assert!(opened.split(Split::Train).get(1).ids.len() <= 32);
        assert_eq!(verify(&data, |_, _| {}).unwrap_err().to_string(), error);
        reseal_shard(&data, |bytes| bytes.clone_from(&whole));
    }
    // An id fewer in a row, which the header and the manifest do not say.
    let [unknown, cls, sep] = [1u16, 2, 3];
    reseal_shard(&data, |bytes| {
        bytes[row..row + 4].copy_from_slice(&[3, 0, 0, 0]);
        let ids = [cls, unknown, sep].map(u16::to_le_bytes).concat();
        bytes[row + 4..row + 10].copy_from_slice(&ids);
    });
    let error = verify(&data, |_, _| {}).unwrap_err().to_string();
    assert!(error.contains("[CLS] is") || error.contains("number of tokens"), "{error}");
}

#[test]
fn files_of_a_tokenizer_that_disagree_are_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let data = data(folder.path());
    let at = |name: &str| data.join("tokenizer").join(name);
    let vocabulary = std::fs::read_to_string(at("vocab.txt")).unwrap();
    let lines: Vec<&str> = vocabulary.lines().collect();
    let swapped = [&lines[..300], &[lines[301], lines[300]], &lines[302..]].concat().join("\n");
    let half = &vocabulary[..vocabulary.len() / 2];
    for (damaged, expected) in
        [(swapped.as_str(), "its line 301 is"), (half, "pieces, expected 611"), ("", "[PAD]")]
    {
        std::fs::write(at("vocab.txt"), damaged).unwrap();
        for error in [DataSet::open(&data).unwrap_err(), verify(&data, |_, _| {}).unwrap_err()] {
            assert!(error.to_string().contains(expected), "{error}\nexpected {expected}");
            assert!(error.to_string().contains("vocab.txt"), "{error}");
        }
        // Whoever reads a tokenizer as transformers does is not told.
        Tokenizer::load(data.join("tokenizer")).unwrap();
    }
    // Line ends of another system are none of its pieces.
    std::fs::write(at("vocab.txt"), vocabulary.replace('\n', "\r\n")).unwrap();
    DataSet::open(&data).unwrap();
    std::fs::write(at("special_tokens_map.json"), "{\"cls_token\": \"[SEP]\"}").unwrap();
    let error = DataSet::open(&data).unwrap_err();
    let DataError::Tokenizer(TokenizerError::Disagreement { path, .. }) = &error else { panic!("{error}") };
    assert_eq!(*path, at("special_tokens_map.json"));
    for name in ["vocab.txt", "special_tokens_map.json"] {
        std::fs::remove_file(at(name)).unwrap();
    }
    DataSet::open(&data).unwrap();
}

/// A folder left with files of two tokenizers, as where one was to take the place of the other, file by file.
#[test]
fn case_and_accents_that_disagree_are_noticed_in_folders_that_were_written_here() {
    let folder = tempfile::tempdir().unwrap();
    let data = data(folder.path());
    let tokenizer = data.join("tokenizer");
    let path = tokenizer.join("tokenizer_config.json");
    let whole = std::fs::read_to_string(&path).unwrap();
    let loaded = || Tokenizer::load_saved(&tokenizer);
    for (key, value) in
        [("do_lower_case", false), ("strip_accents", false), ("tokenize_chinese_chars", false)]
    {
        let mut config: Value = serde_json::from_str(&whole).unwrap();
        config[key] = value.into();
        std::fs::write(&path, config.to_string()).unwrap();
        for error in [loaded().unwrap_err(), Tokenizer::load_named(&tokenizer, None).unwrap_err()] {
            let TokenizerError::Disagreement { path: found, what } = &error else { panic!("{error}") };
            assert_eq!(*found, path);
            assert_eq!(*what, format!("by it {key} is false, expected true as in tokenizer.json"));
        }
        // As transformers reads it.
        Tokenizer::load(&tokenizer).unwrap();
    }
    // The defaults of transformers are those of this tokenizer.
    std::fs::remove_file(&path).unwrap();
    loaded().unwrap();
    std::fs::write(&path, &whole).unwrap();
    let library = tokenizer.join("tokenizer.json");
    let text = std::fs::read_to_string(&library).unwrap();
    assert!(text.contains("\"lowercase\": true"), "{text}");
    std::fs::write(&library, text.replace("\"lowercase\": true", "\"lowercase\": false")).unwrap();
    assert!(matches!(loaded(), Err(TokenizerError::Disagreement { .. })));
    // Beside a model, where its absence has a meaning of its own.
    std::fs::remove_file(&path).unwrap();
    std::fs::write(tokenizer.join("config.json"), "{}").unwrap();
    let error = loaded().unwrap_err().to_string();
    assert!(error.contains("without it do_lower_case is true, expected false"), "{error}");
}

/// A part of a corpus of 50 documents that is all of it, and its description.
fn part(folder: &Path) -> (PathBuf, PartManifest) {
    let input = write(folder, "a.txt", corpus_text(50, 5));
    let request = request(vec![input], folder.join("part"));
    build_part(&request, Part { number: 1, of: 1 }, |_| {}).unwrap();
    let manifest = PartManifest::read(&request.out).unwrap();
    (request.out, manifest)
}

#[test]
fn what_a_part_says_is_compared_with_its_rows_whoever_sealed_it() {
    let folder = tempfile::tempdir().unwrap();
    let (part, manifest) = part(folder.path());
    let out = folder.path().join("data");
    let merged = |text: String| {
        std::fs::write(part.join("part.json"), text).unwrap();
        let merged = merge(std::slice::from_ref(&part), &out, false, |_, _| {});
        assert_eq!(out.exists(), merged.is_ok());
        merged.map(drop).map_err(|error| error.to_string())
    };
    type Change = fn(&mut PartManifest);
    let changes: [(&str, Change); 15] = [
        ("its format is 0", |m| m.format = 0),
        ("its blocks are not those of part 1/4294967295", |m| m.part.of = u32::MAX),
        ("parts 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 4294967284 more of 4294967295 are missing", |m| {
            m.part.of = u32::MAX;
            m.blocks.truncate(1);
        }),
        ("its blocks are not those", |m| m.blocks[1].index = 0),
        ("block 1 is missing", |m| m.blocks[1..].iter_mut().for_each(|block| block.index += 1)),
        ("is larger than any", |m| m.blocks.last_mut().unwrap().index = u64::MAX),
        ("is larger than any", |m| m.blocks[0].left_out = u64::MAX),
        ("its examples is 18446744073709551615", |m| m.blocks[0].train.examples = u64::MAX),
        ("it was cut short", |m| m.blocks[0].train.examples = 1 << 38),
        ("tokens in", |m| m.blocks[0].train.tokens = 1 << 39),
        ("part.json says", |m| m.blocks[0].train.tokens -= 1),
        ("its seq_len is 4", |m| m.settings.pack.seq_len = 4),
        ("the id of [MASK] is 7", |m| m.tokenizer.special.mask = 7),
        ("tokenizer.hash is \"zz\"", |m| m.tokenizer.hash = "zz".into()),
        ("its sum of bytes is", |m| {
            m.inputs[0].bytes = u64::MAX;
        }),
    ];
    let json = |manifest: &PartManifest| serde_json::to_string(manifest).unwrap();
    for (expected, change) in changes {
        let mut changed = manifest.clone();
        change(&mut changed);
        let error = merged(json(&changed.sealed())).expect_err(expected);
        assert!(error.contains(expected), "{error}\nexpected {expected}");
    }
    for (number, of) in [(0, 1), (1, 0), (0, 0), (2, 1)] {
        let text =
            json(&manifest).replace("\"number\":1,\"of\":1", &format!("\"number\":{number},\"of\":{of}"));
        let error = merged(text).unwrap_err();
        assert!(error.contains(&format!("part {number} of {of}")), "{error}");
    }
    let damaged = merged(json(&manifest).replace("\"replaced\":0", "\"replaced\":1")).unwrap_err();
    assert!(damaged.contains("its seal is"), "{damaged}");

    // A row that no builder writes, with the hash of the rows that are there.
    let rows = part.join("train.rows");
    let whole = std::fs::read(&rows).unwrap();
    let mut bytes = whole.clone();
    bytes[ROW_BYTES + 10..ROW_BYTES + 12].fill(0xFF);
    std::fs::write(&rows, &bytes).unwrap();
    let mut changed = manifest.clone();
    changed.rows[0] = blake3::hash(&bytes).to_hex().to_string();
    let error = merged(json(&changed.sealed())).unwrap_err();
    assert!(error.contains("a row of block 0: id 65535 with a vocabulary of 611"), "{error}");

    // And parts of an older program, which have no seal.
    std::fs::write(&rows, &whole).unwrap();
    merged(json(&PartManifest { format: 1, seal: None, ..manifest })).unwrap();
    verify(&out, |_, _| {}).unwrap();
}
