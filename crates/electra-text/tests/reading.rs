//! Tests of lines and blank lines of a corpus: they are the same in files of every kind.

mod support;

use std::path::Path;

use electra_text::build::{HeldOut, build};
use electra_text::corpus::{CorpusError, DocumentReader, DocumentsBy, ReadOptions, Skipped};
use support::{corpus_text, request, write};

fn read(path: &Path, documents: DocumentsBy) -> Vec<String> {
    let options = ReadOptions { documents, ..ReadOptions::default() };
    let reader = DocumentReader::new(vec![path.to_owned()], options);
    reader.map(|document| document.unwrap().text().to_owned()).collect()
}

#[test]
fn lines_end_as_they_did_on_any_system() {
    let folder = tempfile::tempdir().unwrap();
    let text: String = (0..50).map(|n| format!("abc def {n}\nghi\n\n")).collect();
    let records: String = (0..50).map(|n| format!("{{\"text\": \"abc {n}\",\n \"n\": 1}}\n")).collect();
    let records = records.replace(",\n", ",");
    let [texts, lines] =
        [DocumentsBy::BlankLine, DocumentsBy::Line].map(|by| read(&write(folder.path(), "a.txt", &text), by));
    assert_eq!((texts.len(), lines.len(), texts[49].as_str()), (50, 100, "abc def 49\nghi"));
    let plain = read(&write(folder.path(), "a.jsonl", &records), DocumentsBy::BlankLine);
    assert_eq!((plain.len(), plain[49].as_str()), (50, "abc 49"));
    for (name, end) in [("crlf", "\r\n"), ("cr", "\r"), ("twice", "\r\r\n")] {
        let path = write(folder.path(), &format!("{name}.txt"), text.replace('\n', end));
        assert_eq!(read(&path, DocumentsBy::BlankLine), texts, "{name}");
        assert_eq!(read(&path, DocumentsBy::Line), lines, "{name}");
        let path = write(folder.path(), &format!("{name}.jsonl"), records.replace('\n', end));
        assert_eq!(read(&path, DocumentsBy::BlankLine), plain, "{name}");
        // The lines of a text that stands in a record.
        let record = serde_json::json!({ "text": text.replace('\n', end) }).to_string();
        let path = write(folder.path(), &format!("{name}-text.jsonl"), record);
        assert_eq!(read(&path, DocumentsBy::BlankLine), [lines.join("\n")], "{name}");
    }
    let mixed = write(folder.path(), "mixed.txt", "a\rb\r\nc\r\rd\n\ne");
    assert_eq!(read(&mixed, DocumentsBy::BlankLine), ["a\nb\nc", "d", "e"]);
    // Errors count the same lines, and bytes of the file.
    let path = write(folder.path(), "latin.txt", b"one\r\rM\xE4rz\r");
    let error = DocumentReader::new(vec![path], ReadOptions::default()).find_map(Result::err).unwrap();
    assert!(matches!(error, CorpusError::NotUtf8 { line: 3, offset: 6, byte: 0xE4, .. }), "{error}");
}

#[test]
fn a_line_in_which_nothing_is_seen_is_blank() {
    let folder = tempfile::tempdir().unwrap();
    for unseen in ["\u{200b}", "\u{feff}", "\u{ad}", " \u{2066}\t\u{2069}", "\u{1a}", "\u{3000}\u{200e}"] {
        let text = format!("a\n{unseen}\nb\n{unseen}\r\n{unseen}\r\nc{unseen}\nd");
        let path = write(folder.path(), "a.txt", &text);
        let c = format!("c{unseen}");
        let c = c.trim();
        assert_eq!(read(&path, DocumentsBy::BlankLine), ["a", "b", &format!("{c}\nd")], "{unseen:?}");
        assert_eq!(read(&path, DocumentsBy::Line), ["a", "b", c, "d"], "{unseen:?}");
        assert_eq!(read(&path, DocumentsBy::File), [format!("a\nb\n{c}\nd")], "{unseen:?}");
        let record = |text: &str| serde_json::json!({ "text": text }).to_string();
        let records = [&record("a"), unseen, &record(unseen), &record(&format!("b\n{unseen}\nc"))].join("\n");
        let path = write(folder.path(), "a.jsonl", records);
        assert_eq!(read(&path, DocumentsBy::BlankLine), ["a", "b\nc"], "{unseen:?}");
    }
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_line_that_it_stands_in_front_of() {
    let folder = tempfile::tempdir().unwrap();
    let file = "\u{feff}one\r\ntwo\r\n\u{feff}\r\n";
    let path = write(folder.path(), "a.txt", file.repeat(3));
    assert_eq!(read(&path, DocumentsBy::BlankLine), ["one\ntwo"; 3]);
    assert_eq!(read(&path, DocumentsBy::Line), ["one", "two", "one", "two", "one", "two"]);
    let path = write(folder.path(), "a.jsonl", "\u{feff}{\"text\": \"abc\"}\n\u{feff}{\"text\": \"ghi\"}\n");
    assert_eq!(read(&path, DocumentsBy::BlankLine), ["abc", "ghi"]);
}

#[test]
fn records_whose_text_is_null_are_passed_over_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(
        folder.path(),
        "a.jsonl",
        "{\"text\": \"a\"}\n{\"text\": null}\n{\"text\": \"\"}\n{\"text\": null}",
    );
    // Whether or not records may be bad.
    for skip_bad_records in [false, true] {
        let options = ReadOptions { skip_bad_records, ..ReadOptions::default() };
        let mut reader = DocumentReader::new(vec![path.clone()], options);
        assert_eq!(
            reader.by_ref().map(|document| document.unwrap().text().to_owned()).collect::<Vec<_>>(),
            ["a"]
        );
        assert_eq!(reader.progress().skipped(), Skipped { without_text: 2, ..Skipped::default() });
    }
    let mut request = request(vec![path], folder.path().join("data"));
    request.heldout = HeldOut::Fraction { fraction: 0.0, salt: 0 };
    assert_eq!(build(&request, |_| {}).unwrap().manifest().skipped.without_text, 2);
}

#[test]
fn how_lines_end_does_not_change_the_data() {
    let folder = tempfile::tempdir().unwrap();
    let text = corpus_text(30, 41);
    let hash = |name: &str, text: String| {
        let input = write(folder.path(), &format!("{name}.txt"), text);
        let mut request = request(vec![input], folder.path().join(name));
        request.heldout = HeldOut::Fraction { fraction: 0.2, salt: 3 };
        build(&request, |_| {}).unwrap().manifest().data_hash.clone()
    };
    let expected = hash("lf", text.clone());
    for (name, text) in [
        ("crlf", text.replace('\n', "\r\n")),
        ("cr", text.replace('\n', "\r")),
        ("twice", text.replace('\n', "\r\r\n")),
        ("unseen", text.replace("\n\n", "\n\u{200b}\n")),
        ("marks", format!("\u{feff}{}", text.replace("\n\n", "\n\n\u{feff}"))),
    ] {
        assert_eq!(hash(name, text), expected, "{name}");
    }
}
