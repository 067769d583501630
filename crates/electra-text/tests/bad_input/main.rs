//! Tests of the errors about bad input, and of what they say.

mod builds;
mod damaged_data;
#[path = "../support/mod.rs"]
mod support;

use std::io::Write;
use std::path::Path;

use electra_files::shown::with_help;
use electra_text::build::{BuildError, HeldOut, build};
use electra_text::corpus::{
    CorpusError, DocumentReader, DocumentsBy, MAX_DOCUMENT_BYTES, ReadOptions, Skipped,
};
use electra_text::dataset::DataSet;
use support::{corpus_text, request, write};

fn read(path: &Path, options: &ReadOptions) -> Result<Vec<String>, CorpusError> {
    DocumentReader::new(vec![path.to_owned()], options.clone())
        .map(|document| document.map(|document| document.text().to_owned()))
        .collect()
}

fn error_of(name: &str, content: impl AsRef<[u8]>) -> CorpusError {
    let folder = tempfile::tempdir().unwrap();
    read(&write(folder.path(), name, content), &ReadOptions::default()).unwrap_err()
}

fn gzip(text: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text.as_ref()).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn an_empty_corpus_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in
        [("a.txt", " \n\n"), ("b.txt", ""), ("c.jsonl", "\n{\"text\": \" \"}\n{\"text\": null}\n")]
    {
        let input = write(folder.path(), name, content);
        let request = request(vec![input], folder.path().join("data"));
        let error = build(&request, |_| {}).unwrap_err();
        assert!(matches!(error, BuildError::Corpus(CorpusError::Empty { files: 1, .. })), "{error}");
        assert!(!request.out.exists());
    }
    // Compressed files of no bytes at all: no text, or cut short, but never a panic.
    for name in ["d.txt.gz", "e.txt.zst"] {
        let request = request(vec![write(folder.path(), name, "")], folder.path().join("data"));
        let error = build(&request, |_| {}).unwrap_err();
        let BuildError::Corpus(error) = error else { panic!("{error}") };
        assert!(matches!(error, CorpusError::Empty { .. } | CorpusError::Truncated { .. }), "{error}");
    }
}

#[test]
fn bytes_that_are_not_utf_8_are_named_with_line_and_offset() {
    // "ä" in Latin-1, on the third line.
    let content = [b"one\n\nM".as_slice(), &[0xE4], b"rz\n"].concat();
    let error = error_of("a.txt", &content);
    let CorpusError::NotUtf8 { line, offset, byte, .. } = &error else { panic!("{error}") };
    assert_eq!((*line, *offset, *byte), (3, 6, 0xE4));
    assert!(
        with_help(&error).ends_with("; convert the file, or have such bytes replaced"),
        "{}",
        with_help(&error)
    );
    // The offset is that of the uncompressed text.
    let error = error_of("a.txt.zst", zstd::encode_all(&content[..], 1).unwrap());
    assert!(matches!(error, CorpusError::NotUtf8 { line: 3, offset: 6, .. }), "{error}");
    // A character cut by the end of the file.
    assert!(matches!(error_of("c.txt", b"ab\xE4\xBA"), CorpusError::NotUtf8 { offset: 2, .. }));
}

#[test]
fn a_file_that_is_no_text_is_called_what_it_is() {
    let says = |name: &str, content: &[u8], parts: &[&str]| {
        let error = with_help(&error_of(name, content));
        for part in parts.iter().chain(&[name]) {
            assert!(error.contains(part), "{part:?} is missing in {error}");
        }
        assert!(!error.contains("iconv") || error.contains("UTF-16"), "{error}");
    };
    let packed = gzip("some text\n");
    says("a.txt", &packed, &["is a gzip file", "a name that ends in .gz"]);
    says("a.jsonl", &packed, &["is a gzip file"]);
    says("a.txt.gz", &gzip(&packed), &["unpacks to a gzip file"]);
    says("a.txt.gz", &zstd::encode_all("text".as_bytes(), 1).unwrap(), &["it is a zstd file"]);
    says("a.txt.zst", &packed, &["it is a gzip file"]);
    says("a.txt.gz", b"some text", &["it is not compressed: take that ending off its name"]);
    says("a.txt", b"\xFF\xFEa\0", &["is UTF-16 text", "`iconv -f utf-16 -t utf-8`"]);
    says("a.txt", b"%PDF-1.7\n\xFF", &["is a PDF document", "pdftotext"]);
    // Bytes may be replaced, but not a whole file.
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), "a.txt", &packed);
    let mut reader = DocumentReader::new(vec![path], ReadOptions { lossy: true, ..ReadOptions::default() });
    assert!(matches!(reader.next(), Some(Err(CorpusError::NoText { .. }))));
}

#[test]
fn lossy_reading_goes_on_and_counts() {
    let folder = tempfile::tempdir().unwrap();
    let content = [b"M".as_slice(), &[0xE4], b"rz ", &[0xFF, 0xFF], b"\n\nzwei\n"].concat();
    let path = write(folder.path(), "a.txt", content);
    let options = ReadOptions { lossy: true, ..ReadOptions::default() };
    let reader = DocumentReader::new(vec![path.clone()], options.clone());
    let progress = reader.progress();
    let texts: Vec<String> = reader.map(|document| document.unwrap().text().to_owned()).collect();
    assert_eq!(texts, ["M\u{fffd}rz \u{fffd}\u{fffd}", "zwei"]);
    assert_eq!(progress.replaced(), 3);

    let mut request = request(vec![path], folder.path().join("data"));
    assert!(matches!(build(&request, |_| {}), Err(BuildError::Corpus(CorpusError::NotUtf8 { .. }))));
    request.read = options;
    assert_eq!(build(&request, |_| {}).unwrap().manifest().replaced, 3);
}

#[test]
fn compressed_files_that_were_cut_short_are_called_so() {
    let text = corpus_text(200, 1);
    for (name, whole) in
        [("a.txt.gz", gzip(&text)), ("a.txt.zst", zstd::encode_all(text.as_bytes(), 3).unwrap())]
    {
        for length in [whole.len() / 2, whole.len() - 1, 10] {
            let error = error_of(name, &whole[..length]);
            assert!(matches!(error, CorpusError::Truncated { .. }), "{name} cut to {length}: {error}");
        }
    }
}

#[test]
fn compressed_files_that_are_damaged_or_something_else_are_called_so() {
    for name in ["a.txt.gz", "a.txt.zst"] {
        let error = error_of(name, "this is plain text");
        assert!(matches!(error, CorpusError::Corrupt { bytes: 0, .. }), "{name}: {error}");
    }
    // The checksum at the end of a gzip member.
    let text = corpus_text(200, 1);
    let mut whole = gzip(&text);
    let checksum = whole.len() - 8;
    whole[checksum] ^= 1;
    let error = error_of("a.txt.gz", &whole);
    let CorpusError::Corrupt { bytes, .. } = error else { panic!("{error}") };
    assert!(bytes as usize <= text.len() && bytes > 0, "{bytes} of {}", text.len());
}

#[test]
fn json_lines_are_refused_with_their_number_and_the_fields_that_are_there() {
    let message = |content: &str| error_of("a.jsonl", content).to_string();
    let missing = message("{\"text\": \"a\"}\n\n{\"body\": \"b\", \"id\": 1}\n");
    assert!(missing.contains("line 3") && missing.contains("it has \"body\", \"id\""), "{missing}");
    assert!(message("{}\n").contains("it has none"));
    assert!(message("{\"text\": 5}\n").contains("holds a number, expected a string"));
    assert!(message("{\"text\": [\"a\"]}\n").contains("holds a list"));
    for broken in ["{\"text\": \"a\"\n", "[1]\n", "text\n", "{\"text\": \"a\"} {\"text\": \"b\"}\n"] {
        assert!(matches!(error_of("a.jsonl", broken), CorpusError::BadJson { line: 1, .. }), "{broken}");
    }
}

#[test]
fn files_that_are_missing_or_vanish_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let request = request(vec![folder.path().join("gone.txt")], folder.path().join("data"));
    let error = build(&request, |_| {}).unwrap_err();
    assert!(error.to_string().contains("gone.txt"), "{error}");
}

#[cfg(not(feature = "parquet"))]
#[test]
fn parquet_without_the_feature_says_how_to_get_it() {
    let error = error_of("a.parquet", "PAR1");
    assert!(with_help(&error).ends_with("; build it with the cargo feature `parquet`"), "{error}");
}

#[test]
fn documents_and_lines_of_any_length_are_read_in_pieces_that_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    // A line without a space, a line with spaces, three bytes a character, and many lines
    // without a blank one between them; none of the lengths is a multiple of the limit.
    let long = MAX_DOCUMENT_BYTES + MAX_DOCUMENT_BYTES / 3;
    let lines = [
        "x".repeat(long),
        "word ".repeat(long / 5),
        "東".repeat(long / 3),
        "東京 ".repeat(long / 7),
        "line\n".repeat(long / 5),
    ];
    let bare = |text: &str| text.replace([' ', '\n'], "");
    for (number, line) in lines.iter().enumerate() {
        let json = serde_json::json!({ "text": line }).to_string();
        for (name, content) in [("a.txt", line), ("a.jsonl", &json)] {
            let path = write(folder.path(), name, content);
            let documents = read(&path, &ReadOptions::default()).unwrap();
            assert_eq!(documents.len(), 2, "{name} {number}");
            assert!(documents.iter().all(|document| document.len() <= MAX_DOCUMENT_BYTES), "{name} {number}");
            assert_eq!(bare(&documents.concat()), bare(line), "{name} {number}");
        }
    }
}

#[test]
fn blank_lines_or_files_divide_documents() {
    let folder = tempfile::tempdir().unwrap();
    let text = "\u{feff}one \n  two\t\n \n\n\u{3000}\nthree";
    let path = write(folder.path(), "a.txt", text);
    assert_eq!(read(&path, &ReadOptions::default()).unwrap(), ["one\ntwo", "three"]);
    let options = ReadOptions { documents: DocumentsBy::File, ..ReadOptions::default() };
    assert_eq!(read(&path, &options).unwrap(), ["one\ntwo\nthree"]);
    let files = vec![path.clone(), write(folder.path(), "b.txt", "four")];
    assert_eq!(DocumentReader::new(files, ReadOptions::default()).count(), 3, "a file ends a document");
}

/// Records that no text can be had of, between two that are good.
const BAD_RECORDS: [&str; 9] = [
    r#"{"text": "one"}"#,
    r#"{"text": "a \ud83d b"}"#,
    r#"{"body": "no text"}"#,
    r#"{"text": 5}"#,
    r#"{"text": "cut"#,
    "\"a line that is a string\"",
    r#"{"id": NaN, "text": "two", "odd": "\udc00"}"#,
    r#"{"text": null}"#,
    r#"{"text": "three"}"#,
];

#[test]
fn bad_records_are_passed_over_and_counted_where_that_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let mut content = BAD_RECORDS.join("\n").into_bytes();
    content.extend(b"\n{\"text\": \"M\xE4rz\"}\n{\"text\": \"four\"}\n");
    let path = write(folder.path(), "a.jsonl", content);
    let options = ReadOptions { skip_bad_records: true, ..ReadOptions::default() };
    let reader = DocumentReader::new(vec![path.clone()], options.clone());
    let progress = reader.progress();
    let texts: Vec<String> = reader.map(|document| document.unwrap().text().to_owned()).collect();
    assert_eq!(texts, ["one", "two", "three", "four"]);
    let expected = Skipped { malformed: 2, without_text: 3, not_unicode: 2, ..Skipped::default() };
    assert_eq!((progress.skipped(), progress.replaced()), (expected, 0));

    // With --lossy halves of characters and bytes that are not UTF-8 are text.
    let options = ReadOptions { lossy: true, ..options };
    let reader = DocumentReader::new(vec![path.clone()], options.clone());
    let progress = reader.progress();
    let texts: Vec<String> = reader.map(|document| document.unwrap().text().to_owned()).collect();
    assert_eq!(texts, ["one", "a \u{fffd} b", "two", "three", "M\u{fffd}rz", "four"]);
    assert_eq!((progress.skipped().total(), progress.skipped().not_unicode, progress.replaced()), (5, 0, 2));

    let mut request = request(vec![path], folder.path().join("data"));
    request.read = options;
    request.heldout = HeldOut::Fraction { fraction: 0.0, salt: 0 };
    let built = build(&request, |_| {}).unwrap();
    assert_eq!((built.manifest().skipped.total(), built.manifest().replaced), (5, 2));
    assert_eq!(DataSet::open(&request.out).unwrap().manifest().skipped.total(), 5);
}

#[test]
fn errors_of_records_name_the_line_and_the_place_and_show_little() {
    let long = "x".repeat(6000);
    let folder = tempfile::tempdir().unwrap();
    let of = |line: &str| {
        let path = write(folder.path(), "a.jsonl", format!("{{\"text\": \"one\"}}\n{line}\n"));
        let error = with_help(&read(&path, &ReadOptions::default()).unwrap_err());
        error.replace(&format!("{}/", folder.path().display()), "")
    };
    for (line, expected) in [
        (
            r#"{"text": "a \ud83d b"}"#,
            "line 2 of a.jsonl: the field \"text\" has half of a character at character 13",
        ),
        (
            &format!("\"{long}\""),
            "line 2 of a.jsonl is not a JSON object: expected an object, which begins with { at character 1",
        ),
        (
            &format!("{{\"text\": {long}}}"),
            "line 2 of a.jsonl is not a JSON object: expected a value at character 10",
        ),
        (
            &format!("{{\"é\": 1 \"{long}\": 2}}"),
            "line 2 of a.jsonl is not a JSON object: expected , or } behind a value at character 9",
        ),
        (&format!("{{\"{long}\": 2}}"), "line 2 of a.jsonl has no field \"text\", it has \"xxx"),
    ] {
        let error = of(line);
        assert!(error.starts_with(expected), "{error}\nexpected {expected}");
        assert!(error.len() < 450, "{} characters: {error}", error.len());
        assert!(!error.contains("line 1"), "{error}");
    }
    assert!(
        of(r#"{"text": "a \ud83d b"}"#).ends_with("; have it replaced by U+FFFD, or pass over such records")
    );
    assert!(of("{\"body\": 1}").ends_with("; name the right one, or pass over such records"));
}

#[test]
fn a_field_that_nobody_asked_for_is_not_judged() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(
        folder.path(),
        "a.jsonl",
        "{\"score\": NaN, \"text\": \"one\", \"emoji\": \"\\ud83d\", \"more\": [-Infinity, {\"text\": 5}]}\n",
    );
    assert_eq!(read(&path, &ReadOptions::default()).unwrap(), ["one"]);
}
