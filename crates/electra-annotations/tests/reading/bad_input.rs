//! Tests of the errors about bad input in a file, and of what they say.

use crate::support::{assert_says, refusal, try_read};
use electra_annotations::{Encoding, ReadError, ReadOptions, Scheme};

/// Asserts that a file read with default options is refused with these words.
#[track_caller]
fn refused(name: &str, content: impl AsRef<[u8]>, parts: &[&str]) {
    let error = refusal(name, content, &ReadOptions::default());
    assert_says(&error, parts);
    assert!(error.contains(name), "{error}");
}

#[test]
fn an_unknown_prefix() {
    refused(
        "a.conll",
        "Rome\tB-LOC\nEU\tQ-ORG\n",
        &["line 2", r#"tag "Q-ORG""#, "B-TYPE or I-TYPE", "name the column of the tags"],
    );
    // Types without a prefix, in all lines.
    refused("a.conll", "Rome\tLOC\nis\tO\n", &["line 1", r#"tag "LOC""#]);
    refused("a.jsonl", r#"{"tokens": ["a"], "ner_tags": ["b-PER"]}"#, &["line 1", r#"tag "b-PER""#]);
    let options = ReadOptions { scheme: Some(Scheme::Iob2), ..ReadOptions::default() };
    let error = refusal("a.conll", "a\tO\nb\tS-LOC\n", &options);
    assert_says(&error, &["line 2", r#""S-LOC""#, "expected one of IOB2", "B", "name no scheme"]);
}

#[test]
fn a_line_with_one_column() {
    refused(
        "a.conll",
        "Rome\tB-LOC\nis\nbig\tO\n",
        &["line 2", "1 column,", "at least 2", "tabs", r#""is""#, "what separates its columns"],
    );
    refused("a.conll", "Rome B-LOC\nis\n", &["line 2", "1 column,", "at least 2", "spaces"]);
    refused("a.conll", "Rome\nis\n", &["line 1", "1 column,"]);
    refused("a.csv", "Rome,B-LOC\nis,O\n", &["line 1", "1 column,", "Rome,B-LOC"]);
}

#[test]
fn a_line_with_more_columns_than_the_others() {
    let text = "Rome NNP B-LOC\nNew York NNP B-LOC\nis VBZ O\n";
    refused("a.conll", text, &["line 2", "4 columns", "3 as most lines", "spaces", "New York"]);
}

#[test]
fn columns_that_are_not_there_or_the_same() {
    let read = |token_column, tag_column| {
        let options = ReadOptions { token_column, tag_column, ..ReadOptions::default() };
        refusal("a.conll", "Rome\tB-LOC\n", &options)
    };
    assert_says(&read(None, Some(3)), &["line 1", "2 columns", "at least 3"]);
    assert_says(&read(Some(2), Some(2)), &["column 2 cannot hold both"]);
}

#[test]
fn a_tag_without_a_token() {
    refused("a.conll", "Rome\tB-LOC\n\tO\n", &["line 2", "no token"]);
    refused("a.jsonl", r#"{"tokens": [""], "ner_tags": ["O"]}"#, &["line 1", "empty string at tokens[0]"]);
}

#[test]
fn an_empty_file() {
    for text in ["", "\n\t\n", "-DOCSTART- -X- O\n\n", "\u{feff}"] {
        let error = try_read("a.conll", text, &ReadOptions::default()).unwrap_err();
        assert!(matches!(error, ReadError::Empty { .. }), "{text:?}: {error}");
    }
    refused("a.jsonl", "\n", &["holds no sentence"]);
    refused("a.conll", "", &["holds no sentence", "expected lines with a token and its tag"]);
}

#[test]
fn two_schemes_in_a_file() {
    let tags = |tags: &str| tags.split(' ').map(|tag| format!("w\t{tag}\n")).collect::<String>();
    refused(
        "a.conll",
        tags("O S-PER B-PER E-PER U-LOC"),
        &["mixes schemes", r#"line 5 has the tag "U-LOC""#, r#"line 2 has "S-PER""#],
    );
    refused(
        "a.conll",
        tags("B-PER I-PER O B-PER M-PER E-PER"),
        &[r#"line 5 has the tag "M-PER""#, r#"line 2 has "I-PER""#],
    );
    // E goes with both; the witness is the letter that does not.
    refused(
        "a.conll",
        tags("E-PER M-PER O I-PER"),
        &[r#"line 4 has the tag "I-PER""#, r#"line 2 has "M-PER""#],
    );
}

#[test]
fn bytes_that_are_not_utf_8() {
    let bytes = b"Rome\tB-LOC\r\nZ\xFCrich\tB-LOC\n";
    refused("a.conll", bytes, &["not UTF-8", "line 2", "byte 0xfc at offset 13", "cp1252 or latin-1"]);
    let marked = [b"\xEF\xBB\xBF".as_slice(), bytes].concat();
    refused("a.conll", marked, &["line 2", "byte 0xfc at offset 16"]);
    let options = ReadOptions { encoding: Encoding::Cp1252, ..ReadOptions::default() };
    assert_says(
        &refusal("a.conll", b"a\tO\n\x81\tO\n", &options),
        &["not cp1252", "line 2", "byte 0x81 at offset 4"],
    );
    refused("a.conll", b"\xFF\xFEa\0\t\0O\0\n\0", &["UTF-16", "iconv"]);
    // What is no text is not to be converted.
    for name in ["a.conll", "a.jsonl"] {
        refused(name, b"\x1F\x8B\x08\0\0\0\0\0", &["is a gzip file", "a name that ends in .gz"]);
    }
}

#[test]
fn files_that_cannot_be_read() {
    refused("a.conll.gz", "Rome\tB-LOC\n", &["no valid gzip file"]);
    let cut = &zstd::encode_all("Rome\tB-LOC\n".as_bytes(), 3).unwrap()[..12];
    refused("a.conll.zst", cut, &["cut short"]);
    let folder = tempfile::tempdir().unwrap();
    let error =
        electra_annotations::read(&folder.path().join("gone.conll"), &ReadOptions::default()).unwrap_err();
    assert_says(&error.to_string(), &["cannot read", "gone.conll"]);
}

#[test]
fn records_that_are_none() {
    for (record, parts) in [
        (
            "{\"tokens\": [\"a\"]",
            ["not a JSON object: expected , or } behind a value at character 17, \"\""].as_slice(),
        ),
        ("[1]", &["not a JSON object", "expected an object, which begins with { at character 1, \"[1]\""]),
        ("{}", &["has no field", r#"expected "tokens" with "ner_tags" (or "tags"), or "text" with "spans""#]),
        (r#"{"text": "a"}"#, &[r#"has the fields "text""#]),
        (r#"{"tokens": "a", "tags": ["O"]}"#, &[r#"a string as "tokens", expected a list"#]),
        (r#"{"tokens": ["a", 1], "tags": ["O", "O"]}"#, &["a number at tokens[1], expected a string"]),
        (r#"{"tokens": ["a", "b"], "ner_tags": ["O"]}"#, &["2 tokens and 1 tags, expected one tag for each"]),
        (r#"{"tokens": ["a"], "ner_tags": [null]}"#, &["null at ner_tags[0], expected a tag or its number"]),
        (r#"{"text": null, "spans": []}"#, &[r#"null as "text", expected a string"#]),
        (
            r#"{"text": "a", "spans": [{"start": "0", "end": 1, "label": "X"}]}"#,
            &["a string at spans[0].start"],
        ),
        (r#"{"text": "a", "spans": [{"start": 0, "end": 1}]}"#, &["nothing at spans[0].label"]),
        (r#"{"text": "a", "spans": [[0, 1, "X"]]}"#, &["nothing at spans[0].label"]),
        (r#"{"text": "a", "spans": [], "document": []}"#, &[r#"a list as "document""#]),
    ] {
        refused("a.jsonl", format!("\n{record}\n"), &[&["line 2 of"], parts].concat());
    }
    // A last record that was cut short, behind characters of several bytes and in front of a line end.
    refused(
        "a.jsonl",
        "{\"text\": \"é\", \"spans\": []}\n{\"id\": \"é\", \"text\": \"Anna\n",
        &[
            "line 2 of",
            "in the middle of a string that begins at character 21, \"\\\"Anna\"; correct it: a file has one object a line",
        ],
    );
    // The first record decides.
    let text = "{\"tokens\": [\"a\"], \"ner_tags\": [\"O\"]}\n{\"text\": \"a\", \"spans\": []}\n";
    refused("a.jsonl", text, &["line 2", r#"the fields "text", "spans", expected "tokens", a list"#]);
}

#[test]
fn numbers_without_names() {
    let text = r#"{"tokens": ["a", "b"], "ner_tags": [0, 3]}"#;
    refused("a.jsonl", text, &["line 1", "tags by number", "O, B-PER, I-PER"]);
    let options = ReadOptions { labels: Some(vec!["O".into(), "B-X".into()]), ..ReadOptions::default() };
    assert_says(
        &refusal("a.jsonl", text, &options),
        &["line 1", "number 3, expected 0 to 1", "complete the names"],
    );
    assert_says(&refusal("a.jsonl", text.replace('3', "-1"), &options), &["number -1"]);
}
