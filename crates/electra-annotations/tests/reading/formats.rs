//! Formats of other tools: what is read of each, how it is told, and what a text of it comes to.

use std::path::Path;

use crate::support::{assert_says, documents, reads, refusal, shown, try_read};
use electra_annotations::{DataFile, OffsetEvidence, Offsets, ReadError, ReadOptions, format_names, read};
use electra_files::shown::with_help;

fn skipping() -> ReadOptions {
    ReadOptions { skip_misaligned: true, ..ReadOptions::default() }
}

#[track_caller]
fn found(data: &DataFile) -> (String, Option<Offsets>) {
    (data.format.to_string(), data.offsets.map(|offsets| offsets.unit))
}

#[test]
fn doccano_of_both_generations() {
    let expected = ["In/O New/B-LOC York/I-LOC"];
    for record in [
        r#"{"id": 1, "text": "In New York", "label": [[3, 11, "LOC"]]}"#,
        r#"{"id": 1, "data": "In New York", "label": [[3, 11, "LOC"]], "Comments": []}"#,
        r#"{"text": "In New York", "labels": [[3, 11, "LOC"]], "meta": {}}"#,
        r#"{"doc_id": 3, "text": "In New York", "entities": [[3, 11, "LOC"]], "username": "admin"}"#,
        r#"{"id": 4, "text": "In New York", "entities": [{"id": 0, "label": "LOC", "start_offset": 3, "end_offset": 11}], "relations": [], "Comments": []}"#,
        r#"{"text": "In New York", "annotations": [{"label": "LOC", "start_offset": 3, "end_offset": 11, "user": 1}]}"#,
    ] {
        // By its content, whatever the name.
        for name in ["all.jsonl", "all.txt"] {
            let data = reads(name, format!("{record}\n"));
            assert_eq!(shown(&data), expected, "{record}");
            assert_eq!(found(&data), ("JSON lines of doccano".into(), Some(Offsets::CodePoints)));
        }
    }
    let relations = r#"{"text": "a", "entities": [], "relations": [{"id": 1}, {"id": 2}]}"#;
    assert_eq!(reads("a.jsonl", relations).passed_over.other_annotations, 2);
}

#[test]
fn an_export_of_another_task_is_refused_by_its_name() {
    for (name, text) in [
        ("doccano.jsonl", r#"{"id": 1, "text": "good", "label": ["positive"]}"#),
        ("prodigy.jsonl", r#"{"text": "good", "label": "POSITIVE", "answer": "accept"}"#),
        (
            "studio.json",
            r#"[{"id": 1, "data": {"text": "good"}, "annotations": [{"result": [{"type": "choices", "value": {"choices": ["Positive"]}}]}]}]"#,
        ),
        (
            "studio-min.json",
            r#"[{"id": 1, "text": "good", "sentiment": "Positive", "annotator": 1, "annotation_id": 2, "lead_time": 2.5}]"#,
        ),
        ("spacy.json", r#"[["good", {"cats": {"POSITIVE": 1.0}}]]"#),
    ] {
        let error = refusal(name, text, &ReadOptions::default());
        assert_says(
            &error,
            &["line 1 of", name, "the classification of texts", "expected spans", "names were marked"],
        );
    }
}

const TASK: &str = r#"{"id": 1, "data": {"text": "Ada in Rom"}, "annotations": ["#;

fn result(start: usize, end: usize, text: &str, label: &str) -> String {
    format!(
        r#"{{"from_name": "label", "to_name": "text", "type": "labels", "value": {{"start": {start}, "end": {end}, "text": "{text}", "labels": ["{label}"]}}}}"#
    )
}

fn annotation(by: &str, more: &str, results: &[String]) -> String {
    format!(r#"{{"completed_by": {by}, "result": [{}]{more}}}"#, results.join(", "))
}

#[test]
fn label_studio_in_long_and_in_short() {
    let results = [result(0, 3, "Ada", "PER"), result(7, 10, "Rom", "LOC")];
    let task = format!("[{TASK}{}]}}]", annotation("7", "", &results));
    let data = reads("export.json", &task);
    assert_eq!(shown(&data), ["Ada/B-PER in/O Rom/B-LOC"]);
    assert_eq!(data.format.to_string(), "JSON of Label Studio");
    let min = r#"[
      {"id": 1, "text": "Ada in Rom", "annotator": 7, "annotation_id": 3, "lead_time": 1.5,
       "label": [{"start": 0, "end": 3, "text": "Ada", "labels": ["PER"]}, {"start": 7, "end": 10, "text": "Rom", "labels": ["LOC"]}]},
      {"id": 2, "text": "nobody", "annotator": 7, "annotation_id": 4}
    ]"#;
    let data = reads("min.json", min);
    assert_eq!(shown(&data), ["Ada/B-PER in/O Rom/B-LOC", "nobody/O"]);
    assert_eq!((data.sentences.get(0).line, data.sentences.get(1).line), (2, 4));
    assert_eq!(documents(&data), [0, 1]);
    // Of text with marks, and of a field with another name.
    let marked = r#"{"data": {"html": "Ada in Rom"}, "annotations": [{"result": [{"type": "hypertextlabels", "to_name": "text",
        "value": {"start": "/div[1]/text()[1]", "end": "/div[1]/text()[1]", "globalOffsets": {"start": 0, "end": 3}, "hypertextlabels": ["PER"]}},
        {"type": "relation", "from_id": "a", "to_id": "b"}]}]}"#;
    let data = reads("a.json", format!("[{marked}]"));
    assert_eq!(shown(&data), ["Ada/B-PER in/O Rom/O"]);
    assert_eq!(data.passed_over.other_annotations, 1);
}

#[test]
fn of_two_annotators_one_is_chosen_and_the_other_counted() {
    let [by_ada, by_bob] = [[result(0, 3, "Ada", "PER")], [result(7, 10, "Rom", "LOC")]];
    let ada = r#"{"id": 5, "email": "ada@example.org"}"#;
    let both = |more: &str| format!("{},{}", annotation(ada, "", &by_ada), annotation("6", more, &by_bob));
    let tasks = |more: &str| {
        format!("[{TASK}{}]}}, {{\"data\": {{\"text\": \"nobody\"}}, \"annotations\": []}}]", both(more))
    };
    let error = refusal("a.json", tasks(""), &ReadOptions::default());
    assert_says(
        &error,
        &[
            "line 1 of",
            "annotator ada@example.org and annotator 6",
            "have annotated one text",
            "choose whose",
        ],
    );
    for (annotator, expected) in [
        ("ada@example.org", "Ada/B-PER in/O Rom/O"),
        ("5", "Ada/B-PER in/O Rom/O"),
        ("6", "Ada/O in/O Rom/B-LOC"),
    ] {
        let options = ReadOptions { annotator: Some(annotator.into()), ..ReadOptions::default() };
        let data = try_read("a.json", tasks(""), &options).unwrap();
        assert_eq!(shown(&data), [expected], "{annotator}");
        let passed_over = data.passed_over;
        assert_eq!((passed_over.other_annotators, passed_over.unannotated), (1, 1));
    }
    // The truth counts by itself, and what was skipped does not.
    let data = reads("a.json", tasks(r#", "ground_truth": true"#));
    assert_eq!((shown(&data), data.passed_over.other_annotators), (vec!["Ada/O in/O Rom/B-LOC".into()], 1));
    let data = reads("a.json", tasks(r#", "was_cancelled": true"#));
    assert_eq!((shown(&data), data.answers.ignored), (vec!["Ada/B-PER in/O Rom/O".into()], 1));
    // In short, every annotation is a row.
    let row = |by: usize| format!(r#"{{"id": 1, "text": "Ada", "annotator": {by}, "annotation_id": {by}}}"#);
    let rows = format!("[{}, {}]", row(5), row(6));
    assert_says(&refusal("a.json", &rows, &ReadOptions::default()), &["annotator 5 and annotator 6"]);
    let options = ReadOptions { annotator: Some("6".into()), ..ReadOptions::default() };
    let data = try_read("a.json", rows, &options).unwrap();
    assert_eq!((data.sentences.len(), data.passed_over.other_annotators), (1, 1));
}

#[test]
fn prodigy_names_the_annotator_of_each_record() {
    let record = |hash: i64, by: &str, label: &str| {
        format!(
            "{{\"text\": \"Rom\", \"spans\": [{{\"start\": 0, \"end\": 3, \"label\": \"{label}\"}}], \"_input_hash\": {hash}, \"_annotator_id\": \"{by}\"}}\n"
        )
    };
    let both =
        [record(7, "set-ada", "LOC"), record(7, "set-ada", "LOC"), record(7, "set-bob", "ORG")].concat();
    let error = refusal("a.jsonl", &both, &ReadOptions::default());
    assert_says(
        &error,
        &["line 3 of", "set-ada and set-bob have annotated one text", "choose whose work counts"],
    );
    let options = ReadOptions { annotator: Some("set-bob".into()), ..ReadOptions::default() };
    let data = try_read("a.jsonl", &both, &options).unwrap();
    assert_eq!((shown(&data), data.passed_over.other_annotators), (vec!["Rom/B-ORG".to_owned()], 2));
    // Different texts may be from different people.
    let shared = [record(7, "set-ada", "LOC"), record(8, "set-bob", "ORG")].concat();
    assert_eq!(reads("a.jsonl", shared).sentences.len(), 2);
}

#[test]
fn offsets_are_told_by_the_marked_text_or_asked_for() {
    // An emoji of two units of UTF-16, one code point and four bytes.
    let text = "\u{1f600} in Köln";
    let task = |start: usize, end: usize| {
        let results = [result(start, end, "Köln", "LOC")];
        format!(
            "[{{\"data\": {{\"text\": \"{text}\"}}, \"annotations\": [{}]}}]",
            annotation("1", "", &results)
        )
    };
    for (start, end, unit) in [(5, 9, Offsets::CodePoints), (6, 10, Offsets::Utf16), (8, 13, Offsets::Bytes)]
    {
        let data = reads("a.json", task(start, end));
        assert_eq!(shown(&data), ["\u{1f600}/O in/O Köln/B-LOC"], "{unit}");
        let offsets = data.offsets.unwrap();
        assert_eq!((offsets.unit, offsets.because), (unit, OffsetEvidence::MarkedText));
    }
    let doccano = format!("{{\"text\": \"{text}\", \"label\": [[6, 10, \"LOC\"]]}}\n");
    let error = refusal("a.jsonl", &doccano, &ReadOptions::default());
    assert_says(
        &error,
        &["line 1 of", "depends on what its offsets count", "UTF-16 units", "say what the tool counts"],
    );
    let options = ReadOptions { offsets: Some(Offsets::Utf16), ..ReadOptions::default() };
    let data = try_read("a.jsonl", &doccano, &options).unwrap();
    assert_eq!(shown(&data), ["\u{1f600}/O in/O Köln/B-LOC"]);
    assert_eq!(data.offsets.unwrap().because, OffsetEvidence::Given);
    // Where all units say the same, none is asked for.
    let umlaut = "{\"text\": \"Köln\", \"label\": [[0, 4, \"LOC\"]]}\n";
    assert_eq!(reads("a.jsonl", umlaut).offsets.unwrap().because, OffsetEvidence::Alike);
    // The format of spans promises code points, unless the text of a span knows better.
    let spans = |start: usize, more: &str| {
        format!(
            "{{\"text\": \"{text}\", \"spans\": [{{\"start\": {start}, \"end\": {}, \"label\": \"LOC\"{more}}}]}}",
            start + 4
        )
    };
    assert_eq!(reads("a.jsonl", spans(5, "")).offsets.unwrap().because, OffsetEvidence::Format);
    let data = reads("a.jsonl", spans(6, ", \"text\": \"Köln\""));
    assert_eq!(
        (shown(&data), data.offsets.unwrap().unit),
        (vec!["\u{1f600}/O in/O Köln/B-LOC".into()], Offsets::Utf16)
    );
}

#[test]
fn offsets_beyond_the_text_and_other_texts_are_listed_with_their_lines() {
    let doccano = "{\"text\": \"In Rome\", \"label\": [[3, 70, \"LOC\"], [3, 7, \"LOC\"]]}\n";
    let error = refusal("a.jsonl", doccano, &ReadOptions::default());
    assert_says(
        &error,
        &[
            "1 span of",
            "line 1: LOC 3..70 \"Rome\" goes beyond the 7 characters of the text",
            "leave them out",
        ],
    );
    let data = try_read("a.jsonl", doccano, &skipping()).unwrap();
    assert_eq!((shown(&data), data.left_out.len()), (vec!["In/O Rome/B-LOC".into()], 1));
    let results = [result(0, 3, "Bob", "PER"), result(7, 10, "Rom", "LOC")];
    let task = format!("[\n{TASK}{}]}}]", annotation("7", "", &results));
    let error = refusal("a.json", &task, &ReadOptions::default());
    assert_says(&error, &["line 2: PER 0..3 \"Ada\" is \"Bob\" by the record itself"]);
}

#[test]
fn brat_is_a_folder_of_texts_and_annotations() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("a.txt", "Köln is big.\nNew York\nis bigger.\n");
    write(
        "a.ann",
        "T1\tLOC 0 4\tKöln\nT2\tLOC 13 21\tNew York\nR1\tnear Arg1:T1 Arg2:T2\n#1\tAnnotatorNotes T1\twell\n",
    );
    write("b/c.txt", "North and South Korea, the DPRK of\nKim.\n");
    write(
        "b/c.ann",
        "T1\tLOC 0 5;16 21\tNorth Korea\nT2\tLOC 10 21\tSouth Korea\nT3\tORG 27 31;35 38\tDPRK Kim\nT4\tPER 32 34;35 38\tof Kim\n",
    );
    write("d.txt", "nobody");
    let options = skipping();
    let data = read(folder.path(), &options).unwrap();
    let expected = [
        "Köln/B-LOC is/O big/O ./O",
        "New/B-LOC York/I-LOC",
        "is/O bigger/O ./O",
        // The entity goes on behind the end of the line.
        "North/O and/O South/B-LOC Korea/I-LOC ,/O the/O DPRK/O of/B-PER Kim/I-PER ./O",
    ];
    assert_eq!(shown(&data), expected);
    assert_eq!((documents(&data), data.marks_documents), (vec![0, 0, 0, 1], true));
    assert_eq!((data.passed_over.unannotated, data.passed_over.other_annotations, data.comments), (1, 1, 1));
    let listed: Vec<String> = data.misaligned.iter().map(ToString::to_string).collect();
    assert_says(
        &listed.join("\n"),
        &[
            "line 1 of b/c.ann: LOC 0..21",
            "is of 2 parts with other words between them",
            "line 3 of b/c.ann: ORG 27..38",
        ],
    );
    assert_eq!(data.left_out.iter().map(|left_out| left_out.sentence).collect::<Vec<_>>(), [3, 3]);
    let alone = read(&folder.path().join("a.ann"), &options).unwrap();
    assert_eq!(shown(&alone), expected[..3]);
    write("e.ann", "T1\tLOC zero 5\tx\n");
    let refused = |error: ReadError| with_help(&error);
    assert_says(&refused(read(folder.path(), &options).unwrap_err()), &["has no e.txt, the text of e.ann"]);
    write("e.txt", "x");
    assert_says(
        &refused(read(folder.path(), &options).unwrap_err()),
        &["line 1 of", "e.ann", "T1\\tLOC zero 5", "expected T1, a tab"],
    );
}

#[test]
fn an_archive_is_no_folder() {
    for name in ["brat.zip", "brat.ann"] {
        let error = refusal(name, b"PK\x03\x04rest", &ReadOptions::default());
        assert_says(&error, &["a zip archive", "unpack it"]);
    }
}

#[test]
fn a_format_that_is_asked_for_is_not_told_by_the_content() {
    let doccano = r#"{"text": "In Rome", "label": [[3, 7, "LOC"]]}"#;
    for (name, _) in format_names() {
        let options = ReadOptions { format: Some(name), ..ReadOptions::default() };
        let read = try_read("a.jsonl", doccano, &options);
        assert_eq!(read.is_ok(), name.to_string() == "doccano", "{name}: {read:?}");
    }
    assert!(read(Path::new("/gone"), &ReadOptions::default()).is_err());
}

#[test]
fn the_texts_of_an_export_are_there_whoever_has_annotated_them() {
    let folder = tempfile::tempdir().unwrap();
    let texts = |name: &str, content: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        let found = electra_annotations::exported_texts(&path).unwrap();
        found.map(|found| String::from_utf8(found.lines).unwrap())
    };
    let tasks = r#"[{"data": {"text": "nobody"}}, {"data": {"text": "two"}, "annotations": [{"completed_by": 1, "result": []}, {"completed_by": 2, "result": []}]}]"#;
    assert_eq!(texts("tasks.json", tasks).unwrap(), "{\"text\":\"nobody\"}\n{\"text\":\"two\"}\n");
    assert_eq!(
        texts("gliner.jsonl", r#"{"tokenized_text": ["In", "Rom"], "ner": []}"#).unwrap(),
        "{\"text\":\"In Rom\"}\n"
    );
    assert_eq!(
        texts("list.json", "[\n{\"text\":\n\"a\"},{\"text\": \"b\"}]").unwrap(),
        "{\"text\": \"a\"}\n{\"text\": \"b\"}\n"
    );
    assert_eq!(texts("text.txt", "Ada B-PER\n"), None);
    std::fs::write(folder.path().join("a.ann"), "").unwrap();
    std::fs::write(folder.path().join("a.txt"), "In Rom").unwrap();
    let brat = electra_annotations::exported_texts(folder.path()).unwrap().unwrap();
    assert_eq!((brat.texts, brat.form.as_str()), (2, "brat's folder of texts and annotations"));
}
