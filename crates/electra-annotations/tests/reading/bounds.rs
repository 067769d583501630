//! Files that have no end or unpack to more than text does: a sentence, and little memory before it.

use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use crate::support::{assert_says, refusal};
use electra_annotations::{MAX_LINE_BYTES, Predictions, ReadOptions, read};
use electra_run::process::peak_rss;

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(text).unwrap();
    packed.finish().unwrap()
}

fn zstd(text: &[u8]) -> Vec<u8> {
    zstd::encode_all(text, 3).unwrap()
}

/// The most memory is that of the whole process: one test at a time.
static MEASURED: Mutex<()> = Mutex::new(());

#[test]
fn a_file_that_unpacks_to_hundreds_of_times_its_size_is_refused() {
    let _measured = MEASURED.lock().unwrap_or_else(PoisonError::into_inner);
    let text = "a O\n\n".repeat(24 << 20);
    for (name, packed) in
        [("bomb.conll.gz", gzip(text.as_bytes())), ("bomb.conll.zst", zstd(text.as_bytes()))]
    {
        let before = peak_rss().unwrap();
        let bytes = packed.len();
        let said = refusal(name, packed, &ReadOptions::default());
        let more = (peak_rss().unwrap() - before) >> 20;
        assert_says(
            &said,
            &[name, &format!("{bytes} bytes of it unpack to more than 67"), "unpack it first"],
        );
        assert!(more < 100, "{name}: {more} MB");
    }
    // What is packed well, and not much, is read.
    let few = "a O\n\n".repeat(100_000);
    assert_eq!(crate::support::reads("few.conll.zst", zstd(few.as_bytes())).sentences.len(), 100_000);
}

#[test]
fn a_line_that_is_no_line_is_refused_in_every_form() {
    let _measured = MEASURED.lock().unwrap_or_else(PoisonError::into_inner);
    let long = "a".repeat(MAX_LINE_BYTES + 1);
    for (name, text) in [
        ("long.conll", format!("Rome\tB-LOC\n\n{long}\tO\n")),
        (
            "long.jsonl",
            format!("{{\"text\":\"Rome\",\"spans\":[]}}\n\n{{\"text\":\"{long}\",\"spans\":[]}}\n"),
        ),
    ] {
        let said = refusal(name, &text, &ReadOptions::default());
        assert_says(&said, &["line 3 of", name, "is longer than 8388608 bytes; divide it"]);
        let said = refusal(&format!("{name}.zst"), zstd(text.as_bytes()), &ReadOptions::default());
        assert_says(&said, &["line 3 of", "is longer than"]);
    }
}

#[test]
fn devices_and_folders_are_refused_at_once() {
    let _measured = MEASURED.lock().unwrap_or_else(PoisonError::into_inner);
    let empty = tempfile::tempdir().unwrap();
    let of_folder = format!("{} is a folder of 0 files", empty.path().display());
    for (path, expected) in [(Path::new("/dev/zero"), "/dev/zero is a device"), (empty.path(), &of_folder)] {
        let error = read(path, &ReadOptions::default()).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
        let error = Predictions::read(path, None).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_pipe_is_read_as_a_file_is() {
    let _measured = MEASURED.lock().unwrap_or_else(PoisonError::into_inner);
    let (reader, mut writer) = std::io::pipe().unwrap();
    let path = format!("/dev/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&reader));
    let writing = std::thread::spawn(move || writer.write_all(b"Rome B-LOC\nfell O\n"));
    let data = read(Path::new(&path), &ReadOptions::default()).unwrap();
    writing.join().unwrap().unwrap();
    assert_eq!(crate::support::shown(&data), ["Rome/B-LOC fell/O"]);
}

#[test]
fn more_different_tags_than_any_set_has_are_refused_with_their_line() {
    let _measured = MEASURED.lock().unwrap_or_else(PoisonError::into_inner);
    let text: String = (0..20_000).map(|at| format!("a B-x{at}\n\n")).collect();
    let said = refusal("many.conll", text, &ReadOptions::default());
    assert_says(&said, &["line 32769 of", "16384", "name the column of the tags"]);
}

#[test]
fn a_record_with_many_long_spans_takes_neither_its_square_of_memory_nor_of_time() {
    let _measured = MEASURED.lock().unwrap_or_else(PoisonError::into_inner);
    // Every span begins within a word and goes to the end of the record.
    let text = "ab ".repeat(100_000);
    let spans: Vec<_> = (0..20_000)
        .map(|at| serde_json::json!({ "start": 3 * at + 1, "end": text.len(), "label": "LOC" }))
        .collect();
    let record = serde_json::json!({ "text": text, "spans": spans }).to_string();
    let before = peak_rss().unwrap();
    let options = ReadOptions { skip_misaligned: true, ..ReadOptions::default() };
    let data = crate::support::try_read("spans.jsonl", record, &options).unwrap();
    let more = (peak_rss().unwrap() - before) >> 20;
    assert_eq!(data.misaligned.len(), 20_000);
    assert!(data.misaligned[0].text.starts_with("b ab ") && data.misaligned[0].text.ends_with('…'));
    assert!(more < 200, "{more} MB");
}
