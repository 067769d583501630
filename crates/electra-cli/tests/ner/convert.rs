//! `electra convert ner`, end to end: files, folders and pipes, what is said, and what is refused.

use crate::workbench::{Workbench, assert_says};
use electra_ner::Decoding;
use serde_json::json;

/// An export of Label Studio whose offsets count UTF-16 units, with a task of two annotators.
const STUDIO: &str = r#"[
{"id": 1, "data": {"text": "😀 Ada saw Rome"}, "annotations": [{"completed_by": 1, "result": [
  {"type": "labels", "value": {"start": 3, "end": 6, "text": "Ada", "labels": ["PER"]}},
  {"type": "labels", "value": {"start": 11, "end": 15, "text": "Rome", "labels": ["LOC"]}}]}]},
{"id": 2, "data": {"text": "Bank of China"}, "annotations": [
  {"completed_by": 1, "result": [{"type": "labels", "value": {"start": 0, "end": 13, "text": "Bank of China", "labels": ["ORG"]}},
    {"type": "labels", "value": {"start": 8, "end": 13, "text": "China", "labels": ["LOC"]}}]},
  {"completed_by": 2, "result": []}]}]
"#;

#[test]
fn an_export_becomes_a_file_that_can_be_trained_on() {
    let bench = Workbench::new();
    bench.write("export.json", STUDIO);
    let error = bench.refuse("convert ner export.json --to conll --out a.conll");
    assert_says(&error, &["line 5 of export.json", "annotator 1 and annotator 2", "help:", "`--annotator`"]);
    let ran = bench.succeed("convert ner export.json --annotator 1 --to conll --out a.conll");
    assert_eq!(ran.stdout, "");
    assert_says(
        &ran.stderr,
        &[
            "export.json: JSON of Label Studio, 2 texts",
            "offsets in UTF-16 units, by the text of the spans",
            "passed over: 1 annotations of other annotators",
            "a.conll: conll, 2 texts, 3 entities (LOC 1, ORG 1, PER 1)",
            "WARNING: 1 span left out",
            "line 7 of export.json: LOC 8..13 \"China\" overlaps with ORG 0..13",
        ],
    );
    let expected = "-DOCSTART-\tO\n\n😀\tO\nAda\tB-PER\nsaw\tO\nRome\tB-LOC\n\n-DOCSTART-\tO\n\nBank\tB-ORG\nof\tI-ORG\nChina\tI-ORG\n\n";
    assert_eq!(bench.read("a.conll"), expected);
    let error = bench.refuse("convert ner export.json --annotator 1 --to conll --out b.conll --strict");
    assert_says(&error, &["1 span of export.json", "help: correct them, or leave --strict out"]);
    assert!(!bench.path("b.conll").exists());
    // What can say it keeps it.
    let report = bench
        .succeed("convert ner export.json --annotator 1 --to spans --out a.jsonl --strict --json")
        .json();
    assert_eq!(
        (&report["entities"], &report["left_out"], &report["form"]),
        (&json!(4), &json!(0), &json!("spans"))
    );
    assert_eq!(report["files"][0]["offsets"], json!({"unit": "utf-16", "because": "marked-text"}));
    // Every command reads the export itself.
    let said = bench.succeed("check ner export.json --annotator 1 --skip-misaligned").stdout;
    assert_says(
        &said,
        &[
            "JSON of Label Studio",
            "offsets     UTF-16 units",
            "1 annotations of other annotators",
            "3 entities",
        ],
    );
}

#[test]
fn standard_input_and_output_are_read_and_written() {
    let bench = Workbench::new();
    let tags = "Ada B-PER\nfell O\n";
    let ran = bench.feed("convert ner - --to spans --out -", tags);
    assert_eq!(ran.stdout, "{\"text\":\"Ada fell\",\"spans\":[{\"start\":0,\"end\":3,\"label\":\"PER\"}]}\n");
    assert_says(&ran.stderr, &["standard input: columns separated by spaces", "standard output: spans"]);
    assert_says(&bench.feed("check ner - --json", tags).stdout, &["\"path\": \"-\""]);
    bench.write("a.conll", tags);
    assert_says(
        &bench.refuse("convert ner a.conll --to spans --out - --json"),
        &["both write to standard output", "help:"],
    );
    assert_says(&bench.refuse("convert ner a.conll --to brat --out -"), &["brat is a folder of files"]);
}

#[test]
fn a_folder_is_read_and_written_and_nothing_is_lost() {
    let bench = Workbench::new();
    bench.write("a.conll", "Ada B-PER\nsaw O\nRome B-LOC\n\nBo B-PER\n");
    bench.succeed("convert ner a.conll --to brat --out brat");
    assert_eq!(bench.read("brat/000001.txt"), "Ada saw Rome\nBo\n");
    assert_eq!(bench.read("brat/000001.ann"), "T1\tPER 0 3\tAda\nT2\tLOC 8 12\tRome\nT3\tPER 13 15\tBo\n");
    let ran = bench.succeed("convert ner brat --to conll --out b.conll");
    assert_says(&ran.stderr, &["brat: brat's folder of texts and annotations", "3 entities"]);
    assert_eq!(bench.read("b.conll"), "Ada\tB-PER\nsaw\tO\nRome\tB-LOC\n\nBo\tB-PER\n\n");
    for (line, parts) in [
        ("convert ner a.conll --to brat --out brat", ["brat exists and holds something", "a new folder"]),
        ("convert ner a.conll --to conll --out ./a.conll", ["is the input a.conll itself", "would be lost"]),
    ] {
        assert_says(&bench.refuse(line), &parts);
    }
    bench.write("brat/000002.ann", "T1\tPER 0 3\tAda\n");
    assert_says(&bench.refuse("check ner brat"), &["brat has no 000002.txt", "help: give the folder"]);
    bench.write("brat.zip", b"PK\x03\x04");
    assert_says(&bench.refuse("check ner brat.zip"), &["brat.zip is a zip archive", "help: unpack it"]);
}

#[test]
fn one_export_becomes_training_development_and_test_data() {
    let bench = Workbench::new();
    let task = |n: usize| {
        let text = format!("Ada {} saw Rome", n % 90);
        let span = |start: usize, end: usize, label: &str| json!({"type": "labels", "value": {"start": start, "end": end, "labels": [label], "text": &text[start..end]}});
        let mut result = vec![span(0, 3, "PER"), span(text.len() - 4, text.len(), "LOC")];
        result.extend((n == 7).then(|| span(4, 5, "NUMBER")));
        json!({"id": n, "data": {"text": text}, "annotations": [{"result": result}]})
    };
    bench.write("export.json", json!((0..100).map(task).collect::<Vec<_>>()).to_string());
    let ran = bench.succeed("convert ner export.json --to conll --split 80/10/10 --out data/names");
    assert_says(
        &ran.stderr,
        &[
            "100 texts, 201 entities (LOC 100, NUMBER 1, PER 100)",
            "documents stay whole, equal ones stay together (seed 0)",
            "data/names/train.conll: ",
            "data/names/test.conll: ",
            "has no entity of NUMBER",
        ],
    );
    assert_eq!(bench.names("data/names"), ["dev.conll", "test.conll", "train.conll"]);
    // Nothing is lost, and equal texts are in one part.
    let words = |name: &str| -> Vec<String> {
        let text = bench.read(&format!("data/names/{name}.conll"));
        text.split("\n\n").filter(|s| s.contains("Ada")).map(str::to_owned).collect()
    };
    let [train, dev, test] = ["train", "dev", "test"].map(words);
    assert_eq!(train.len() + dev.len() + test.len(), 100);
    assert!((75..=85).contains(&train.len()) && dev.len() >= 7 && test.len() >= 7);
    let checked = bench.succeed(
        "check ner --train data/names/train.conll --dev data/names/dev.conll --test data/names/test.conll",
    );
    assert!(!checked.stdout.contains("are also in"), "{}", checked.stdout);

    let again = "convert ner export.json --to conll --split 80/10/10 --out";
    bench.succeed(&format!("{again} again"));
    let bytes = |folder: &str| bench.files(folder).into_values().collect::<Vec<_>>();
    assert!(bytes("again") == bytes("data/names"));
    let other = bench.succeed(&format!("{again} other --split-seed 1 --json")).json();
    assert!(bytes("other") != bytes("again"));
    let split = &other["split"];
    assert_eq!((&split["unit"], &split["seed"]), (&json!("document"), &json!(1)));
    assert_eq!(split["parts"][1]["path"], "other/dev.conll");
    let sum: u64 = (0..3).map(|part| split["parts"][part]["texts"].as_u64().unwrap()).sum();
    assert_eq!(sum, 100);

    // A format that is a folder has folders, and each document is one of it.
    let ran = bench.succeed("convert ner export.json --to brat --split 9/1 --out brat");
    assert_eq!(bench.names("brat"), ["dev", "train"]);
    assert!(ran.stderr.contains("brat/train: "), "{}", ran.stderr);
    for (line, code, parts) in [
        ("--split 80 --out a", 2, &["80", "such as 80/10/10"][..]),
        ("--split-seed 3 --out a", 2, &["--split <SHARES>"]),
        ("--split 80/10/10 --out -", 1, &["divided data is a folder"]),
        ("--split 80/10/10 --out again", 1, &["again exists and holds something"]),
    ] {
        assert_says(&bench.stop(&format!("convert ner export.json --to conll {line}"), code), parts);
    }
    bench.write("ten.conll", (0..10).map(|n| format!("Ada{n} B-PER\n\n")).collect::<String>());
    let ran = bench.succeed("convert ner ten.conll --to spans --split 1/1 --out ten");
    assert_says(&ran.stderr, &["divided text by text: the data does not say which are of one document"]);
    bench.write("two.conll", "Ada B-PER\n\nBo B-PER\n");
    assert_says(
        &bench.refuse("convert ner two.conll --to conll --split 80/10/10 --out a"),
        &["different documents or texts: 2, too few for 3 parts", "help:"],
    );
}

#[test]
fn what_a_file_does_not_say_is_asked_for_by_the_name_of_the_option() {
    let bench = Workbench::new();
    bench.write("doccano.jsonl", "{\"text\": \"😀 Ada\", \"label\": [[3, 6, \"PER\"]]}\n");
    let error = bench.refuse("check ner doccano.jsonl");
    assert_says(
        &error,
        &["line 1 of doccano.jsonl", "depends on what its offsets count", "help:", "`--offsets`"],
    );
    assert_says(
        &bench.succeed("check ner doccano.jsonl --offsets utf-16").stdout,
        &["UTF-16 units, as asked for"],
    );
    bench.write("train.spacy", b"\x78\x9c");
    assert_says(
        &bench.refuse("check ner train.spacy"),
        &["is a DocBin of spaCy's", "python -c \"import json, spacy;"],
    );
    bench.write("labels.jsonl", "{\"text\": \"good\", \"label\": [\"positive\"]}\n");
    assert_says(
        &bench.refuse("convert ner labels.jsonl --to conll --out a"),
        &["the classification of texts"],
    );
    let error = bench.run("convert ner labels.jsonl --to inception --out a");
    assert_eq!(error.code, Some(2));
    assert_says(&error.stderr, &["inception", "possible values", "label-studio"]);
}

#[test]
fn a_tagger_reads_the_texts_of_an_export() {
    let bench = Workbench::with_tagger(200, 16, Decoding::Viterbi).0;
    bench.write("export.json", STUDIO);
    bench.write("lines.jsonl", "{\"text\": \"😀 Ada saw Rome\"}\n{\"text\": \"Bank of China\"}\n");
    let ran = bench.succeed("predict --model tagger --format json export.json");
    assert_says(&ran.stderr, &["export.json is read as JSON of Label Studio: 2 texts", "`line`"]);
    assert!(!ran.stdout.is_empty(), "a tagger of large random weights finds something");
    assert_eq!(ran.stdout, bench.succeed("predict --model tagger --format json lines.jsonl").stdout);
    bench.write("a.conll", "Ada O\nsaw O\nRome O\n");
    bench.succeed("convert ner a.conll --to brat --out brat");
    let conll = bench.succeed("predict --model tagger --format conll brat").stdout;
    let words: Vec<&str> = conll.lines().filter_map(|line| line.split('\t').next()).collect();
    assert_eq!(words, ["Ada", "saw", "Rome", ""]);
}

#[test]
fn plain_text_gets_no_name_of_a_compressed_file() {
    let bench = Workbench::new();
    bench.write("a.conll", "Ada B-PER\n");
    for (command, file) in [
        ("convert ner a.conll --to spans --out", "a.jsonl.zst"),
        ("predict --model nowhere a.conll --out", "a.txt.gz"),
        ("compare nowhere --html", "page.html.XZ"),
    ] {
        let said = bench.refuse(&format!("{command} {file}"));
        assert_says(
            &said,
            &[file, "the name of a compressed file, and plain text is written", "help: leave ."],
        );
        assert!(!bench.path(file).exists());
    }
}

#[test]
fn of_a_folder_one_file_is_made_first() {
    let bench = Workbench::new();
    std::fs::create_dir(bench.path("exports")).unwrap();
    for name in ["1.jsonl", "2.jsonl"] {
        bench.write(
            &format!("exports/{name}"),
            "{\"text\": \"Rom\", \"label\": [[0, 3, \"LOC\"], [0, 3, \"LOC\"]]}\n",
        );
    }
    let said = bench.refuse("check ner exports");
    let command = "electra convert ner exports --to spans --out all.jsonl";
    assert_says(&said, &["exports is a folder of 2 files", command]);
    let ran = bench.succeed("convert ner exports --to conll --out all.conll");
    assert_says(
        &ran.stderr,
        &["exports/1.jsonl", "exports/2.jsonl", "passed over: 1 spans that say what another one says"],
    );
    assert_eq!(bench.read("all.conll"), "-DOCSTART-\tO\n\nRom\tB-LOC\n\n".repeat(2));
}
