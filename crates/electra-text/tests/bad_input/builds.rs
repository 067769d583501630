//! Builds that cannot be: places, disks, settings and corpora.

use std::path::{Path, PathBuf};

use electra_text::DataError;
use electra_text::build::{BuildError, HeldOut, build};
use electra_text::shard::Split;

use crate::support::{corpus_text, request, write};

#[test]
fn an_output_that_cannot_be_written_is_named_and_nothing_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let input = write(folder.path(), "a.txt", corpus_text(20, 1));
    // Below a regular file nothing can be created, not even by root.
    for out in [input.join("data"), input.join("deep/data")] {
        let error = build(&request(vec![input.clone()], out), |_| {}).unwrap_err();
        assert!(matches!(error, BuildError::Data(DataError::Write { .. })), "{error}");
    }
    let error = build(&request(vec![input.clone()], input.clone()), |_| {}).unwrap_err();
    assert!(matches!(error, BuildError::OutputUnusable { .. }), "{error}");
    let error = build(&request(vec![input.clone()], PathBuf::from("/")), |_| {}).unwrap_err();
    assert!(
        matches!(error, BuildError::OutputUnusable { .. } | BuildError::OutputOccupied { .. }),
        "{error}"
    );
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_disk_that_fills_up_is_named() {
    use electra_text::shard::{RowShape, Rows, ShardWriter};
    // The device that is always full stands in for a full disk.
    let full = Path::new("/dev/full");
    if !full.exists() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let shape = RowShape { seq_len: 8, vocab_size: 100 };
    let mut rows = Rows::new(shape);
    rows.push(&[2, 3], 0);
    let hash = blake3::hash(b"").to_hex();
    std::os::unix::fs::symlink(full, folder.path().join("train-00000.ids")).unwrap();
    let mut writer = ShardWriter::new(folder.path(), Split::Train, shape, &hash);
    let error = writer.append(rows.as_bytes()).and_then(|()| writer.finish().map(drop)).unwrap_err();
    assert!(matches!(error, DataError::Write { .. }), "{error}");
}

#[test]
fn settings_outside_their_range_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let input = write(folder.path(), "a.txt", corpus_text(20, 1));
    let mut request = request(vec![input], folder.path().join("data"));
    for seq_len in [0, 7, 8193] {
        request.pack.seq_len = seq_len;
        assert!(matches!(build(&request, |_| {}), Err(BuildError::SequenceLength { .. })));
    }
    request.pack.seq_len = 32;
    for fraction in [-0.1, 1.0, f64::NAN] {
        request.heldout = HeldOut::Fraction { fraction, salt: 0 };
        assert!(matches!(build(&request, |_| {}), Err(BuildError::HeldOutFraction { .. })));
    }
}

#[test]
fn a_corpus_of_one_document_cannot_be_divided() {
    let folder = tempfile::tempdir().unwrap();
    let input = write(folder.path(), "a.txt", "the quick brown fox\n");
    let mut request = request(vec![input], folder.path().join("data"));
    let error = build(&request, |_| {}).unwrap_err();
    assert!(matches!(error, BuildError::NothingToTrainOn { documents: 1 }), "{error}");
    request.heldout = HeldOut::Fraction { fraction: 0.0, salt: 0 };
    build(&request, |_| {}).unwrap();
}

#[test]
fn held_out_files_without_text_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let input = write(folder.path(), "a.txt", corpus_text(20, 1));
    let mut request = request(vec![input], folder.path().join("data"));
    request.heldout = HeldOut::Files(vec![write(folder.path(), "b.txt", "\n")]);
    let error = build(&request, |_| {}).unwrap_err();
    assert!(matches!(error, BuildError::NothingHeldOut { documents: 20 }), "{error}");
}
