//! Data folders that are damaged, or are not of one build.

use std::path::{Path, PathBuf};

use electra_text::build::build;
use electra_text::dataset::DataSet;
use electra_text::manifest::Manifest;
use electra_text::shard::{HEADER_BYTES, Split};
use electra_text::verify::verify;
use electra_text::wordpiece::Tokenizer;
use electra_text::{DataError, Vocabulary};

use crate::support::{corpus_text, request, tokenizer, write};

/// A finished data folder of 60 documents.
fn data(folder: &Path) -> PathBuf {
    let input = write(folder, "a.txt", corpus_text(60, 1));
    let request = request(vec![input], folder.join("data"));
    build(&request, |_| {}).unwrap();
    request.out
}

/// Changes a shard and tells what opening and verifying say.
fn changed(change: impl FnOnce(&mut Vec<u8>)) -> (Result<(), DataError>, String) {
    let folder = tempfile::tempdir().unwrap();
    let data = data(folder.path());
    let path = data.join("train-00000.ids");
    let mut bytes = std::fs::read(&path).unwrap();
    change(&mut bytes);
    std::fs::write(&path, bytes).unwrap();
    let opened = DataSet::open(&data).map(drop);
    (opened, verify(&data, |_, _| {}).unwrap_err().to_string())
}

#[test]
fn a_shard_that_was_cut_short_is_refused_on_opening() {
    for remaining in [0, 50, HEADER_BYTES, HEADER_BYTES + 68 * 3] {
        let (opened, verified) = changed(|bytes| bytes.truncate(remaining));
        assert!(matches!(opened, Err(DataError::ShardLength { found, .. }) if found == remaining as u64));
        assert!(verified.contains("cut short"), "{verified}");
    }
    let (opened, _) = changed(|bytes| bytes.push(0));
    assert!(matches!(opened, Err(DataError::ShardLength { .. })));
}

#[test]
fn a_flipped_bit_in_the_header_is_refused_on_opening_and_in_a_row_by_verifying() {
    for bit in [8 * 12 + 1, 8 * 40, 8 * 100] {
        let (opened, _) = changed(|bytes| bytes[bit / 8] ^= 1 << (bit % 8));
        assert!(matches!(opened, Err(DataError::HeaderDamaged { .. })), "bit {bit}: {opened:?}");
    }
    let (opened, _) = changed(|bytes| bytes[0] ^= 1);
    assert!(matches!(opened, Err(DataError::NotAShard { .. })));
    let (opened, _) = changed(|bytes| bytes[8] = 9);
    assert!(matches!(opened, Err(DataError::ShardVersion { found: 9, .. })));

    // A row's ids, and its length, which then points far behind the row.
    for byte in [HEADER_BYTES + 9, HEADER_BYTES + 1] {
        let (opened, verified) = changed(|bytes| bytes[byte] ^= 0x80);
        opened.unwrap();
        assert!(verified.contains("is damaged: its blake3 is"), "{verified}");
    }
}

#[test]
fn a_damaged_row_is_read_without_leaving_its_bounds() {
    let folder = tempfile::tempdir().unwrap();
    let data = data(folder.path());
    let path = data.join("train-00000.ids");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[HEADER_BYTES..HEADER_BYTES + 4].fill(0xFF);
    std::fs::write(&path, bytes).unwrap();
    let example = DataSet::open(&data).unwrap();
    assert_eq!(example.split(Split::Train).get(0).ids.len(), 32);
}

#[test]
fn a_manifest_that_is_missing_damaged_or_newer_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let data = data(folder.path());
    let path = data.join("manifest.json");
    let text = std::fs::read_to_string(&path).unwrap();
    let opened = |from: &str, to: &str| {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from}");
        std::fs::write(&path, changed).unwrap();
        DataSet::open(&data).map(drop).unwrap_err()
    };
    assert!(matches!(opened("\"format\": 2", "\"format\": 3"), DataError::ManifestVersion { found: 3, .. }));
    assert!(matches!(opened("\"seq_len\": 32", "\"seq_len\": 33"), DataError::ManifestDamaged { .. }));
    assert!(matches!(opened("\"train\"", "\"trian\""), DataError::ManifestDamaged { .. }));
    assert!(matches!(opened("}", ""), DataError::ManifestDamaged { .. }));
    assert!(matches!(
        opened("\"vocab_size\": 611", "\"vocab_size\": 612"),
        DataError::ManifestDamaged { .. }
    ));
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(DataSet::open(&data), Err(DataError::NoManifest { .. })));
}

#[test]
fn shards_of_other_data_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let data = data(folder.path());
    // The held-out shard in place of a training shard of the same size.
    let manifest = Manifest::read(&data).unwrap();
    let [train, heldout] = ["train-00000.ids", "heldout-00000.ids"].map(|name| data.join(name));
    let mut bytes = std::fs::read(heldout).unwrap();
    bytes.resize(std::fs::metadata(&train).unwrap().len() as usize, 0);
    std::fs::write(&train, bytes).unwrap();
    let error = DataSet::open(&data).unwrap_err();
    let DataError::ShardMismatch { what, expected, .. } = error else { panic!("{error}") };
    assert_eq!((what, expected), ("examples", manifest.train.examples.to_string()));
}

#[test]
fn another_tokenizer_than_that_of_the_shards_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let data = data(folder.path());
    let mut pieces = tokenizer().vocabulary().pieces().to_vec();
    pieces.swap(200, 201);
    let other = Tokenizer::new(Vocabulary::new(pieces, Path::new("other")).unwrap(), tokenizer().settings());
    let opened = DataSet::open(&data).unwrap();
    opened.check_tokenizer(&tokenizer()).unwrap();
    assert!(matches!(opened.check_tokenizer(&other), Err(DataError::OtherTokenizer { .. })));

    // And verifying looks at the one that lies beside the shards.
    other.save(&opened.tokenizer_folder()).unwrap();
    let error = verify(&data, |_, _| {}).unwrap_err();
    assert!(error.to_string().contains("was built with tokenizer"), "{error}");
}
