//! Exports of tools that are not what they seem: of other tasks, cut off, in one line, with things beside entities.

use crate::support::{assert_says, documents, reads, refusal, shown, try_read};
use electra_annotations::{ReadError, ReadOptions, RecordPlace, convert, exported_texts, format_names, read};
use electra_files::shown::with_help;

fn task(data: &str, results: &str) -> String {
    format!(r#"[{{"id": 1, "data": {data}, "annotations": [{{"completed_by": 1, "result": [{results}]}}]}}]"#)
}

#[test]
fn tasks_of_images_sounds_and_html_are_refused_by_their_names() {
    let box_of = r#"{"type": "rectanglelabels", "to_name": "image", "value": {"x": 1.5, "y": 2, "rectanglelabels": ["Cat"]}}"#;
    let second = r#"{"type": "labels", "to_name": "audio", "value": {"start": 0.5, "end": 1.25, "channel": 0, "labels": ["Speech"]}}"#;
    let path = r#"{"type": "hypertextlabels", "value": {"start": "/div[1]/text()[1]", "end": "/div[1]/text()[1]", "startOffset": 0, "hypertextlabels": ["PER"]}}"#;
    let of_html = r#"{"type": "hypertextlabels", "value": {"start": "/p[1]/text()[1]", "end": "/p[1]/text()[1]", "globalOffsets": {"start": 0, "end": 3}, "hypertextlabels": ["PER"]}}"#;
    for (data, results, named) in [
        (r#"{"image": "/data/upload/1/a.png"}"#, box_of, "the marking of images"),
        // Nobody has marked anything yet: the address is no text.
        (r#"{"image": "/data/upload/1/a.png"}"#, "", "the marking of images"),
        (r#"{"image": "/data/upload/1/a.png", "text": "a cat"}"#, box_of, "the marking of images"),
        (r#"{"audio": "https://example.org/a.wav"}"#, second, "the marking of sounds"),
        (r#"{"url": "s3://bucket/a.mp3"}"#, "", "the marking of sounds"),
        (r#"{"video": "https://example.org/a.mp4"}"#, "", "the marking of videos"),
        (r#"{"html": "<p>Ada</p>"}"#, of_html, "is HTML, expected text without tags"),
        (r#"{"html": "<p>Ada</p>"}"#, "", "is HTML, expected text without tags"),
        (r#"{"text": "Ada &amp; Bob"}"#, of_html, "is HTML, expected text without tags"),
        (r#"{"html": "Ada"}"#, path, "is HTML, expected text without tags"),
        (
            r#"{"text": "good"}"#,
            r#"{"type": "number", "value": {"number": 5}}"#,
            "the classification of texts",
        ),
    ] {
        let error = refusal("a.json", task(data, results), &ReadOptions::default());
        assert_says(&error, &["line 1 of", named]);
    }
    let row = |fields: &str| format!(r#"[{{"id": 1, "annotator": 7, "annotation_id": 3, {fields}}}]"#);
    for (fields, named) in [
        (
            r#""image": "/data/a.png", "label": [{"x": 1, "rectanglelabels": ["Cat"]}]"#,
            "the marking of images",
        ),
        (r#""image": "/data/a.png", "created_at": "2024-01-01""#, "the marking of images"),
        (
            r#""audio": "/data/a.wav", "label": [{"start": 0.5, "end": 1, "channel": 0, "labels": ["Speech"]}]"#,
            "the marking of sounds",
        ),
        (
            r#""html": "<b>Ada</b>", "label": [{"start": "/b[1]", "end": "/b[1]", "globalOffsets": {"start": 0, "end": 3}, "hypertextlabels": ["PER"]}]"#,
            "is HTML",
        ),
    ] {
        assert_says(&refusal("a.json", row(fields), &ReadOptions::default()), &["line 1 of", named]);
    }
    // Nor are they texts to be tagged.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.json");
    std::fs::write(&path, task(r#"{"image": "/data/upload/1/a.png"}"#, "")).unwrap();
    assert_says(&with_help(&exported_texts(&path).unwrap_err()), &["the marking of images"]);
    // A text may name an address, have a mark of HTML, or be an address of a page.
    for text in ["https://example.org is a < b", "https://example.org/a"] {
        assert_eq!(reads("a.json", task(&format!(r#"{{"text": "{text}"}}"#), "")).sentences.len(), 1);
    }
}

#[test]
fn regions_of_other_kinds_and_without_a_label_are_counted_beside_spans() {
    let span = |labels: &str| {
        format!(
            r#"{{"type": "labels", "value": {{"start": 0, "end": 3, "text": "Ada", "labels": {labels}}}}}"#
        )
    };
    let results = [
        span(r#"["PER"]"#),
        span("[]"),
        r#"{"type": "rectanglelabels", "value": {"x": 1, "rectanglelabels": ["Cat"]}}"#.into(),
    ];
    let data = reads("a.json", task(r#"{"text": "Ada"}"#, &results.join(", ")));
    assert_eq!(shown(&data), ["Ada/B-PER"]);
    assert_eq!((data.passed_over.other_annotations, data.passed_over.untyped), (1, 1));
}

#[test]
fn a_task_that_was_skipped_is_counted_once() {
    let skipped = r#"{"data": {"text": "a"}, "annotations": [{"was_cancelled": true, "result": []}]}"#;
    let done = r#"{"data": {"text": "b"}, "annotations": [{"result": []}]}"#;
    let data = reads("a.json", format!(r#"[{skipped}, {done}, {{"data": {{"text": "c"}}}}]"#));
    assert_eq!((data.answers.ignored, data.passed_over.unannotated), (1, 1));
}

#[test]
fn an_annotator_that_nobody_is_is_refused_with_those_that_there_are() {
    let options = ReadOptions { annotator: Some("eve".into()), ..ReadOptions::default() };
    let tasks = r#"[{"data": {"text": "a"}, "annotations": [{"completed_by": {"id": 5, "email": "ada@example.org"}, "result": []}]},
        {"data": {"text": "b"}, "annotations": [{"completed_by": 6, "result": []}]}]"#;
    let expected =
        [r#"has no annotator "eve", expected "5" or "6" or "ada@example.org"; choose one of them"#];
    assert_says(&refusal("a.json", tasks, &options), &expected);
    let row = r#"[{"id": 1, "text": "Ada", "annotator": 7, "annotation_id": 3}]"#;
    assert_says(&refusal("a.json", row, &options), &[r#"has no annotator "eve", expected "7""#]);
    let prodigy = "{\"text\": \"Rom\", \"spans\": [], \"_annotator_id\": \"set-ada\"}\n{\"text\": \"Ulm\", \"spans\": []}";
    assert_says(&refusal("a.jsonl", prodigy, &options), &[r#"has no annotator "eve", expected "set-ada""#]);
    // Files that name nobody are everybody's.
    assert_eq!(
        try_read("a.jsonl", "{\"text\": \"Rom\", \"spans\": []}", &options).unwrap().sentences.len(),
        1
    );
}

const TSV: &str = "#FORMAT=WebAnno TSV 3.3\n\
    #T_SP=de.tudarmstadt.ukp.dkpro.core.api.lexmorph.type.pos.POS|PosValue\n\
    #T_SP=de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity|identifier|value\n\
    #T_SP=webanno.custom.Keyword|weight\n\
    #T_CH=de.tudarmstadt.ukp.dkpro.core.api.coref.type.CoreferenceLink|referenceType|referenceRelation\n\
    #T_RL=de.tudarmstadt.ukp.dkpro.core.api.syntax.type.dependency.Dependency|DependencyType|BT_POS\n\n\n\
    #Text=Ada saw New York\n\
    1-1\t0-3\tAda\tN\t*\tPER\t_\tname[1]\t*->1-1\tnsubj\t1-2\n\
    1-2\t4-7\tsaw\tV\t_\t_\t_\t_\t_\t_\t_\n\
    1-3\t8-11\tNew\tN\t*[1]\t*[1]\t3[2]\tname[2]\t*->1-2\tobj|dep\t1-2|1-1\n\
    1-4\t12-16\tYork\tN\t*[1]\t*[1]\t3[2]\tname[2]\t*->1-2\t_\t_\n";

#[test]
fn of_inception_a_star_is_no_type_and_other_layers_are_counted() {
    let data = reads("a.tsv", TSV);
    assert_eq!(shown(&data), ["Ada/B-PER saw/O New/O York/O"]);
    // One of two tokens without a type; a keyword, two links of a chain and three relations.
    assert_eq!((data.passed_over.untyped, data.passed_over.other_annotations), (1, 6));
}

#[test]
fn words_of_prodigy_are_words() {
    let token = |text: &str, start: usize, id: usize| {
        format!(
            r#"{{"text": "{text}", "start": {start}, "end": {}, "id": {id}, "ws": true}}"#,
            start + text.chars().count()
        )
    };
    let tokens = [token("It's", 0, 0), token("\\n", 5, 1), token("U.S.A.", 6, 2)].join(", ");
    let record = |tokens: &str| {
        format!(
            r#"{{"text": "It's \nU.S.A.", "spans": [{{"start": 6, "end": 12, "label": "LOC", "token_start": 2, "token_end": 2}}]{tokens}}}"#
        )
    };
    let with = record(&format!(r#", "tokens": [{tokens}]"#));
    let data = reads("a.jsonl", format!("{with}\n{with}"));
    assert_eq!(shown(&data)[0], "It's/O U.S.A./B-LOC");
    assert_eq!(data.format.to_string(), "JSON lines with text, its words and spans");
    assert_eq!(documents(&data), [0, 1], "each is a text by itself");
    // The same words, as strings; none; and such as do not stand in the text.
    assert_eq!(
        shown(&reads("a.jsonl", record(r#", "tokens": ["It's", "U.S.A."]"#))),
        ["It's/O U.S.A./B-LOC"]
    );
    assert_eq!(
        shown(&reads("a.jsonl", record(r#", "tokens": null"#))),
        ["It/O '/O s/O U/B-LOC ./I-LOC S/I-LOC ./I-LOC A/I-LOC ./I-LOC"]
    );
    let error = refusal("a.jsonl", record(r#", "tokens": ["U.S.A.", "It's"]"#), &ReadOptions::default());
    assert_says(&error, &["line 1 of", "\"tokens\" that do not stand one behind the other"]);
}

#[test]
fn records_of_one_line_are_told_apart_by_number_and_character() {
    let good = r#"{"text": "Rom", "label": [[0, 3, "LOC"]]}"#;
    let options = ReadOptions::default();
    let bad = |record: &str| refusal("a.json", format!("[{good}, {record}]"), &options);
    let place = &format!("(record 2 of the list, which begins at character {} of the line)", good.len() + 4);
    assert_says(&bad(r#"{"text": "Rom", "label": [[0, "x", "LOC"]]}"#), &["line 1 of", "label[0][1]", place]);
    assert_says(
        &bad(r#"{"text": "Rom", "label": ["LOC"]}"#),
        &["the classification of texts", place, "names were marked"],
    );
    assert_says(
        &bad(r#"{"text": "Köln", "label": [[0, 3, "LOC"]]}"#),
        &["Köl", &format!("line 1, record 2 at character {}: LOC 0..3", good.len() + 4)],
    );
    assert_says(
        &bad("{\"text\": \"\u{1f600} Rom\", \"label\": [[2, 5, \"LOC\"]]}"),
        &["depends on what its offsets count", place],
    );
    let tags = r#"[{"tokens": ["a"], "ner_tags": ["O"]}, {"tokens": ["b"], "ner_tags": ["X"]}]"#;
    assert_says(&refusal("a.json", tags, &options), &["has the tag \"X\"", "(record 2 of the list"]);
    let gliner = r#"[{"tokenized_text": ["a"], "ner": []}, {"tokenized_text": ["b"], "ner": [[0, 7, "x"]]}]"#;
    assert_says(&refusal("a.json", gliner, &options), &["the words 0 to 7", "(record 2 of the list"]);
    // Two annotators, and a place that JSON has of its own.
    let min = r#"{"id": 1, "text": "Ada", "annotator": 5, "annotation_id": 3}"#;
    assert_says(
        &refusal("a.json", format!("[{min}, {}]", min.replace("5", "6")), &options),
        &["have annotated one text", "(record 2 of the list"],
    );
    let half = bad(r#"{"text": "\ud83d", "label": []}"#);
    assert_says(&half, &[&format!("at character {}, ", good.len() + 4 + 10), place]);
    // Where each has its line, the line says it.
    let error = refusal("a.json", format!("[\n{good},\n{{\"text\": \"Rom\"}}\n]"), &options);
    assert_says(&error, &["line 3 of"]);
    assert!(!error.contains("of the list"), "{error}");
    let skipping = ReadOptions { skip_misaligned: true, ..options };
    let data = try_read("a.json", format!("[{good},{}]", good.replace("0, 3", "0, 2")), &skipping).unwrap();
    assert_eq!(data.misaligned[0].record, Some(RecordPlace { number: 2, column: good.len() + 3 }));
}

#[test]
fn a_list_that_does_not_end_is_named_with_its_beginning() {
    let record = r#"{"text": "Rom", "label": []}"#;
    for (text, says) in [
        (format!("[{record}, {record}, {{\"text\": \"Ul"), "the list that begins in line 1 of"),
        (format!("\n[\n{record},\n{record}"), "the list that begins in line 2 of"),
        (format!("[\n{record},\n{record},\n"), "behind 2 whole records"),
        ("[{\"text\": \"Ul".into(), "stops in line 1;"),
        ("{\n  \"text\": \"Rom\",\n  \"label\": [\n".into(), "the object that begins in line 1 of"),
    ] {
        let error = refusal("a.json", &text, &ReadOptions::default());
        assert_says(&error, &[says, "does not end", "export or copy the file again"]);
    }
    // A line that is broken is named as before, whatever stands behind it.
    let error =
        refusal("a.jsonl", format!("{record}\n{{\"text\": \"Ul\n{record}\n"), &ReadOptions::default());
    assert_says(&error, &["line 2 of", "is not a JSON object"]);
    let error = refusal("a.jsonl", format!("{{\"text\": \"Ul\n{record}\n"), &ReadOptions::default());
    assert_says(&error, &["line 1 of", "is not a JSON object", "one object a line, or one list of objects"]);
}

#[test]
fn spans_that_are_said_twice_count_once_and_are_counted() {
    let doccano =
        r#"{"text": "New York", "label": [[0, 8, "LOC"], [0, 8, "ORG"], [0, 8, "LOC"], [0, 8, "LOC"]]}"#;
    let options = ReadOptions { skip_misaligned: true, ..ReadOptions::default() };
    let data = try_read("a.jsonl", doccano, &options).unwrap();
    assert_eq!((shown(&data), data.passed_over.repeated), (vec!["New/B-LOC York/I-LOC".into()], 2));
    assert_eq!(data.misaligned.len(), 1, "the other type");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jsonl");
    std::fs::write(&path, doccano).unwrap();
    let gliner = format_names().find(|(name, _)| name.as_str() == "gliner").unwrap().0;
    let conversion = convert(&[path], gliner, &options, None).unwrap();
    assert_eq!((conversion.sources[0].passed_over.repeated, conversion.parts[0].types["LOC"]), (2, 1));
    // Of several parts is not the same as whole.
    std::fs::write(folder.path().join("b.txt"), "New old York").unwrap();
    std::fs::write(folder.path().join("b.ann"), "T1\tLOC 0 12\tNew old York\nT2\tLOC 0 3;8 12\tNew York\n")
        .unwrap();
    let data = read(folder.path(), &options).unwrap();
    assert_eq!((data.passed_over.repeated, data.misaligned.len()), (0, 1));
}

#[test]
fn of_a_folder_every_file_is_converted_and_each_begins_a_document() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("2.jsonl", r#"{"text": "Ulm", "label": [[0, 3, "LOC"]]}"#);
    write("1.json", r#"[{"tokens": ["Rom"], "ner_tags": [1]}]"#);
    write("3.conll", "Pau\tB-LOC\n");
    write("4.conll", "-DOCSTART-x Ely\tO\n");
    write("dataset_info.json", r#"{"features": {"ner_tags": {"feature": {"names": ["O", "B-LOC"]}}}}"#);
    write(".hidden", "x");
    let [conll, brat] =
        ["conll", "brat"].map(|wanted| format_names().find(|(name, _)| name.as_str() == wanted).unwrap().0);
    let options = ReadOptions::default();
    let input = [folder.path().to_owned()];
    let conversion = convert(&input, conll, &options, None).unwrap();
    let text = String::from_utf8(conversion.parts[0].files[0].1.clone()).unwrap();
    let begin = "-DOCSTART-\tO\n\n";
    let expected = ["Rom\tB-LOC", "Ulm\tB-LOC", "Pau\tB-LOC", "_DOCSTART_x Ely\tO"]
        .map(|line| format!("{begin}{line}\n\n"));
    assert_eq!(text, expected.concat());
    assert_eq!(convert(&input, brat, &options, None).unwrap().parts[0].files.len(), 8, "four documents");
    // Elsewhere one file is meant.
    let error = read(folder.path(), &options).unwrap_err();
    assert!(matches!(error, ReadError::Folder { files: 4, .. }), "{error}");
    assert_says(&with_help(&error), &["is a folder of 4 files", "convert them all into one"]);
    let empty = tempfile::tempdir().unwrap();
    assert!(matches!(
        convert(&[empty.path().to_owned()], conll, &options, None),
        Err(ReadError::Folder { files: 0, .. })
    ));
}

#[test]
fn documents_of_spacy_are_documents() {
    let doc = r#"{"text": "Rom. Ulm.", "ents": [], "sents": [{"start": 0, "end": 4}, {"start": 5, "end": 9}], "tokens": [{"start": 0, "end": 4}, {"start": 5, "end": 9}]}"#;
    let data = reads("a.jsonl", format!("{doc}\n{doc}"));
    assert_eq!((documents(&data), data.marks_documents), (vec![0, 0, 1, 1], true));
}
