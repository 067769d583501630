//! Conversion from one format to another: what comes back is what was there, and what cannot is listed.

use std::path::{Path, PathBuf};
use std::slice;

use electra_annotations::{Conversion, FormatName, Offsets, ReadOptions, convert, format_names, read};
use electra_files::shown::with_help;

fn format(name: &str) -> FormatName {
    format_names().map(|(format, _)| format).find(|format| format.to_string() == name).unwrap()
}

fn writable() -> impl Iterator<Item = FormatName> {
    format_names().filter(|(_, is_written)| *is_written).map(|(format, _)| format)
}

fn skipping() -> ReadOptions {
    ReadOptions { skip_misaligned: true, ..ReadOptions::default() }
}

/// Writes what was converted into `folder`, and gives the file or folder that it is.
fn written(folder: &Path, name: &str, conversion: &Conversion) -> PathBuf {
    let path = folder.join(name);
    for (file, bytes) in &conversion.parts[0].files {
        let file = if conversion.is_folder { path.join(file) } else { path.clone() };
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, bytes).unwrap();
    }
    path
}

fn converted(from: &Path, to: FormatName) -> Conversion {
    // What doccano's offsets count, no file of it says.
    let options = ReadOptions { offsets: Some(Offsets::CodePoints), ..ReadOptions::default() };
    convert(&[from.to_owned()], to, &options, None)
        .unwrap_or_else(|error| panic!("{} to {to}: {error}", from.display()))
}

/// The text and the type of a span.
type Marked = (String, String);

/// The texts of a file, each with its spans.
fn spans(path: &Path) -> Vec<(String, Vec<Marked>)> {
    let conversion = converted(path, format("spans"));
    let lines = std::str::from_utf8(&conversion.parts[0].files[0].1).unwrap().lines();
    let record = |line: &str| {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        let text = record["text"].as_str().unwrap().to_owned();
        let characters: Vec<char> = text.chars().collect();
        let spans = record["spans"].as_array().unwrap().iter().map(|span| {
            let bound = |name: &str| span[name].as_u64().unwrap() as usize;
            let marked = characters[bound("start")..bound("end")].iter().collect();
            (marked, span["label"].as_str().unwrap().to_owned())
        });
        (text.clone(), spans.collect())
    };
    lines.map(record).collect()
}

/// Plain entities that every format can say: between marks, beyond the first plane, at both ends of a text.
const PLAIN: &str = r#"{"text": "Ada met \ud83d\ude00 Jose\u0301 in New York.", "spans": [{"start": 0, "end": 3, "label": "PER"}, {"start": 10, "end": 15, "label": "PER"}, {"start": 19, "end": 27, "label": "LOC"}]}
{"text": "nobody", "spans": []}
{"text": "AT&T-owned #tag \\ \"Rom\"", "spans": [{"start": 0, "end": 4, "label": "ORG"}, {"start": 19, "end": 22, "label": "LOC"}]}
{"text": "\u6211\u53bb\u5317\u4eac", "spans": [{"start": 2, "end": 4, "label": "LOC"}]}
"#;

#[test]
fn every_format_that_can_be_written_gives_the_spans_back() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("plain.jsonl");
    std::fs::write(&source, PLAIN).unwrap();
    let expected = spans(&source);
    let marked = |texts: &[(String, Vec<Marked>)]| -> Vec<Marked> {
        texts.iter().flat_map(|(_, spans)| spans.clone()).collect()
    };
    assert_eq!(marked(&expected).len(), 6);
    for to in writable() {
        let conversion = converted(&source, to);
        assert_eq!(
            (conversion.parts[0].texts, conversion.parts[0].types["LOC"], conversion.parts[0].types["PER"]),
            (4, 3, 2),
            "{to}"
        );
        let there = written(folder.path(), &format!("there-{to}"), &conversion);
        let found = spans(&there);
        match to.to_string().as_str() {
            // What has texts gives them back, too; a file of brat ends with the end of a line.
            "brat" => assert_eq!(
                found
                    .iter()
                    .map(|(text, spans)| (text.trim_end().to_owned(), spans.clone()))
                    .collect::<Vec<_>>(),
                expected
            ),
            "spans" | "prodigy" | "doccano" | "label-studio" | "spacy" => assert_eq!(found, expected, "{to}"),
            // Of words the text comes with spaces between them.
            _ => assert_eq!(
                marked(&found)
                    .iter()
                    .map(|(text, kind)| (text.replace(' ', ""), kind.clone()))
                    .collect::<Vec<_>>(),
                marked(&expected)
                    .iter()
                    .map(|(text, kind)| (text.replace(' ', ""), kind.clone()))
                    .collect::<Vec<_>>(),
                "{to}"
            ),
        }
        // And once more into every other, and back.
        for other in writable() {
            let back = written(folder.path(), &format!("back-{to}-{other}"), &converted(&there, other));
            let again = spans(&back);
            let plain = |texts: &[(String, Vec<Marked>)]| -> Vec<Marked> {
                marked(texts).into_iter().map(|(text, kind)| (text.replace(' ', ""), kind)).collect()
            };
            assert_eq!(plain(&again), plain(&expected), "{to} to {other}");
        }
    }
}

#[test]
fn words_and_tags_come_back_through_every_format_of_words() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("a.conll");
    let text = "-DOCSTART-\tO\n\nU.S.\tB-LOC\nbought\tO\n#1\tO\n\nAda\tB-PER\nLovelace\tI-PER\nBo\tB-PER\n\n\
                -DOCSTART-\tO\n\nNew York\tB-LOC\n's\tO\n\n";
    std::fs::write(&source, text).unwrap();
    let expected = read(&source, &ReadOptions::default()).unwrap();
    assert_eq!(expected.documents, 2);
    for to in ["conll", "hf", "gliner", "spacy"] {
        let path = written(folder.path(), &format!("a-{to}"), &converted(&source, format(to)));
        let found = read(&path, &ReadOptions::default()).unwrap();
        let sentences = |data: &electra_annotations::DataFile| -> Vec<(Vec<String>, Vec<String>)> {
            data.sentences.iter().map(|s| s.to_owned()).map(|s| (s.tokens, s.tags)).collect()
        };
        assert_eq!(sentences(&found), sentences(&expected), "{to}");
        let documents = if to == "gliner" { 1 } else { 2 };
        assert!(to == "spacy" || found.documents == documents, "{to}: {}", found.documents);
    }
    let conll = converted(&source, format("conll"));
    assert_eq!(String::from_utf8_lossy(&conll.parts[0].files[0].1), text);
}

const NESTED: &str = concat!(
    r#"{"text": "Bank of China, say", "spans": [{"start": 0, "end": 13, "label": "ORG"}, {"start": 8, "end": 13, "label": "LOC"}, "#,
    r#"{"start": 9, "end": 99, "label": "LOC"}, {"start": 15, "end": 17, "label": "X"}, {"start": 14, "end": 15, "label": "X"}]}"#,
    "\n"
);

#[test]
fn what_a_format_cannot_express_is_listed_and_refused_if_it_must_not_be() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("nested.jsonl");
    std::fs::write(&source, NESTED).unwrap();
    for to in writable() {
        let conversion = convert(slice::from_ref(&source), to, &skipping(), None).unwrap();
        let listed: Vec<String> = conversion.left_out.iter().map(ToString::to_string).collect();
        let listed = listed.join("\n");
        let has = |part: &str| listed.contains(part);
        let name = to.to_string();
        let of_words = ["conll", "hf", "gliner", "spacy"].contains(&name.as_str());
        let may_overlap = !["conll", "hf", "spacy"].contains(&name.as_str());
        assert!(has("nested.jsonl: LOC 9..99") && has("goes beyond the 18 characters"), "{to}: {listed}");
        assert!(has("line 1 of ") && has("X 14..15 \" \" has no word in it"), "{to}: {listed}");
        assert_eq!(has("LOC 8..13 \"China\" overlaps with ORG 0..13"), !may_overlap, "{to}: {listed}");
        assert_eq!(has("X 15..17 \"sa\" begins or ends within a word"), of_words, "{to}: {listed}");
        let kept: usize = conversion.parts[0].types.values().sum();
        assert_eq!(
            (kept, conversion.sources[0].left_out),
            (5 - conversion.left_out.len(), conversion.left_out.len())
        );
        let error =
            with_help(&convert(slice::from_ref(&source), to, &ReadOptions::default(), None).unwrap_err());
        assert!(
            error.contains("cannot be said in tags of whole words") || error.contains("goes beyond"),
            "{error}"
        );
    }
}

#[test]
fn spans_of_several_parts_stay_in_brat_alone() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("brat");
    std::fs::create_dir(&source).unwrap();
    std::fs::write(source.join("a.txt"), "North and South\nKorea\n").unwrap();
    std::fs::write(
        source.join("a.ann"),
        "T1\tLOC 0 5;16 21\tNorth Korea\nT2\tLOC 10 15;16 21\tSouth Korea\n",
    )
    .unwrap();
    for to in writable() {
        let conversion = convert(slice::from_ref(&source), to, &skipping(), None).unwrap();
        let is_brat = to.to_string() == "brat";
        assert_eq!(
            (conversion.left_out.len(), conversion.parts[0].types["LOC"]),
            if is_brat { (0, 2) } else { (1, 1) },
            "{to}"
        );
        if is_brat {
            let annotations = String::from_utf8_lossy(&conversion.parts[0].files[1].1).into_owned();
            assert_eq!(annotations, "T1\tLOC 0 5;16 21\tNorth Korea\nT2\tLOC 10 15;16 21\tSouth Korea\n");
        }
    }
}

#[test]
fn several_files_of_different_formats_become_one() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let inputs = [
        write("a.conll", "Rom B-LOC\n"),
        write("b.jsonl", "{\"text\": \"\u{1f600} Ulm\", \"label\": [[3, 6, \"LOC\"]]}\n"),
    ];
    let options = ReadOptions { offsets: Some(Offsets::Utf16), ..ReadOptions::default() };
    let conversion = convert(&inputs, format("conll"), &options, None).unwrap();
    let forms: Vec<&str> = conversion.sources.iter().map(|source| source.form.as_str()).collect();
    assert_eq!(forms, ["columns separated by spaces: token 1, tag 2", "JSON lines of doccano"]);
    assert_eq!(conversion.parts[0].types["LOC"], 2);
    let text = String::from_utf8_lossy(&conversion.parts[0].files[0].1).into_owned();
    assert_eq!(text, "-DOCSTART-\tO\n\nRom\tB-LOC\n\n-DOCSTART-\tO\n\n\u{1f600}\tO\nUlm\tB-LOC\n\n");
}

#[test]
fn texts_are_divided_into_sentences_where_that_is_asked_for_and_never_within_an_entity() {
    use electra_annotations::SentenceDivision::{FullStop, Line};
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("a.jsonl");
    let text = "Mr. Bo left \u{1f600}. He sold Yahoo! Inc. to Ada.\nThe end";
    let span = |start: usize, end: usize| serde_json::json!({ "start": start, "end": end, "label": "X" });
    let record = serde_json::json!({ "text": text, "spans": [span(4, 6), span(23, 34)] });
    std::fs::write(&source, format!("{record}\n")).unwrap();
    let sentences = |sentences| {
        let options = ReadOptions { sentences, ..ReadOptions::default() };
        let bytes = convert(slice::from_ref(&source), format("conll"), &options, None).unwrap().parts[0]
            .files
            .swap_remove(0)
            .1;
        let columns = String::from_utf8(bytes).unwrap();
        let words = |sentence: &str| {
            sentence.lines().filter_map(|line| line.split('\t').next()).collect::<Vec<_>>().join(" ")
        };
        columns.trim_end().split("\n\n").map(words).collect::<Vec<_>>()
    };
    assert_eq!(sentences(None), ["Mr . Bo left \u{1f600} . He sold Yahoo ! Inc . to Ada . The end"]);
    let by_full_stop = ["Mr . Bo left \u{1f600} .", "He sold Yahoo ! Inc . to Ada .", "The end"];
    assert_eq!(sentences(Some(FullStop))[..2], by_full_stop[..2]);
    assert_eq!(sentences(Some(Line)), ["Mr . Bo left \u{1f600} . He sold Yahoo ! Inc . to Ada .", "The end"]);
}
