//! `electra check ner`, end to end: what it prints, as text and as JSON, and what it refuses.

use crate::workbench::{Workbench, assert_says, labelled};
use serde_json::json;

/// IOB1 with a shared sentence, a copy and a comment.
const TRAIN: &str = "-DOCSTART- -X- O\n\nAnna NNP I-PER\nlives VBZ O\n\n# a comment\nRome NNP I-LOC\n\n\
                     -DOCSTART- -X- O\n\nRome NNP I-LOC\n\nin IN O\nNew NNP I-LOC\nYork NNP I-LOC\n";
/// IOB2 with an error, and with a type that TRAIN lacks.
const TEST: &str = "Rome\tB-LOC\n\t\nEU\tB-ORG\nin\tO\nRome\tI-LOC\n";

fn bench() -> Workbench {
    let bench = Workbench::new();
    bench.write("train.conll", TRAIN);
    bench.write("news.test.conll", TEST);
    bench
}

#[test]
fn a_data_set_is_looked_over() {
    let ran = bench().succeed("check ner train.conll news.test.conll --window 4");
    assert_eq!(ran.stderr, "");
    assert_says(
        &ran.stdout,
        &[
            "train: train.conll",
            "columns separated by spaces: token 1, tag 3",
            "IOB1, 4 tags changed to IOB2",
            "4 sentences, 7 tokens, 4 entities",
            "documents   2",
            "comments    1 line",
            "longest     3 words at line 13: in New York",
            "! too long    at least 1 sentence with 3 tokens (42.9 %) over the window of 4: line 13",
            "! duplicates  1 sentence, 0 with other tags: line 7 = 11",
            "test: news.test.conll",
            "no boundaries marked",
            "! invalid     1 transition, read as conlleval does: line 5 O -> I-LOC at \"Rome\"",
            "test against train",
            "! unknown     train has none of ORG (1)",
            "! missing     test has none of PER",
            "! leak        1 sentence of test (50.0 %) also in train, 1 with entities, 0 with other tags there: line 1 = 7",
        ],
    );
}

#[test]
fn all_of_it_is_there_as_json() {
    let report = bench().succeed("check ner --train train.conll --test news.test.conll --json").json();
    let [train, test] = [&report["splits"][0], &report["splits"][1]];
    assert_eq!(
        (&train["role"], &train["scheme"], &train["types"]["LOC"]),
        (&json!("train"), &json!("IOB1"), &json!(3))
    );
    let invalid = json!([{"line": 5, "token": "Rome", "from": "O", "to": "I-LOC"}]);
    assert_eq!(test["invalid_transitions"], invalid);
    assert_eq!(report["drift"][0]["unknown_types"], json!({"ORG": 1}));
    assert_eq!(report["leaks"][0]["lines"], json!([[7, 1]]));
    assert_eq!((&report["window"], &report["unit"]), (&json!(128), &json!("words")));
}

#[test]
fn a_tokenizer_measures_in_pieces() {
    let bench = Workbench::with_data();
    // A piece for each full stop.
    bench.write("a.conll", "......\tO\n");
    let report = bench.succeed("check ner a.conll --tokenizer tokenizer --window 5 --json").json();
    let pieces = report["splits"][0]["longest"][0]["length"].as_u64().unwrap();
    assert!(pieces > 3, "{pieces} pieces of six full stops");
    assert_eq!(
        (&report["unit"], &report["splits"][0]["too_long"]["sentences"]),
        (&json!("pieces"), &json!(1))
    );
}

#[test]
fn a_model_measures_in_its_pieces_with_its_window_and_says_what_it_cannot_see() {
    let bench = Workbench::with_data();
    bench.succeed("pretrain recipe.toml --run pretrained --set train.steps=2 --set schedule.warmup_steps=1 --set evaluate.every_steps=2");
    bench.write("dev.conll", "安娜\tB-PER\n去\tO\n上海\tB-LOC\n");
    bench.write("train.conll", labelled(0..20));
    let report = bench.succeed("check ner train.conll dev.conll --model pretrained --json").json();
    assert_eq!((&report["unit"], &report["window"]), (&json!("pieces"), &json!(32)));
    let unknown = |split: usize| report["splits"][split]["coverage"]["unknown_words"].as_u64();
    assert_eq!((unknown(0), unknown(1)), (Some(0), Some(5)));
    let said = bench.succeed("check ner train.conll dev.conll --model pretrained").stdout;
    assert_says(
        &said,
        &["! unknown     100.0 %", "sees nothing but [UNK] there", "take a model whose vocabulary"],
    );
    assert_says(&bench.refuse("check ner dev.conll --model nowhere"), &["cannot read nowhere"]);
}

#[test]
fn files_are_described_with_options() {
    let bench = Workbench::new();
    bench.write("old.txt", b"x\tB-LOC\tZ\xFCrich\n");
    let line =
        "check ner old.txt --encoding cp1252 --token-column 3 --tag-column 2 --separator tab --scheme iob2";
    let ran = bench.succeed(line);
    assert_says(&ran.stdout, &["token 3, tag 2", "at line 1: Zürich", "LOC"]);
    bench.write("ids.jsonl", r#"{"tokens": ["Bonn"], "ner_tags": [1]}"#);
    assert_says(&bench.refuse("check ner ids.jsonl"), &["tags by number", "help:", "--labels"]);
    assert_says(&bench.succeed("check ner ids.jsonl --labels O,B-CITY").stdout, &["CITY"]);
    bench.write("words.conll", "Rome\nis\n");
    let error = bench.refuse("check ner words.conll");
    let options = ["help:", "`--separator`", "`--token-column`", "`--tag-column`"];
    assert_says(&error, &[&["has 1 column"], &options[..]].concat());
    bench.write("cut.jsonl", r#"{"text": "Bonn", "spans": [{"start": 0, "end": 2, "label": "LOC"}]}"#);
    assert_says(
        &bench.refuse("check ner cut.jsonl"),
        &["line 1: LOC 0..2 \"Bo\"", "help:", "--skip-misaligned"],
    );
    let ran = bench.succeed("check ner cut.jsonl --skip-misaligned");
    assert_says(&ran.stdout, &["! left out    1 span", "LOC 0..2 \"Bo\" begins or ends within a word"]);
}

#[test]
fn bad_files_and_bad_lines_are_refused() {
    let bench = bench();
    bench.write("empty.conll", "");
    bench.write("prefix.conll", "Rome\tX-LOC\n");
    bench.write("short.conll", "Rome\tB-LOC\nis\n");
    bench.write("mixed.conll", "Rome\tS-LOC\nis\tU-LOC\n");
    bench.write("latin.conll", b"Z\xFCrich\tB-LOC\n");
    for (file, parts) in [
        ("empty.conll", ["empty.conll holds no sentence", "help:"].as_slice()),
        ("prefix.conll", &["line 1 of prefix.conll", "\"X-LOC\"", "help: correct it"]),
        ("short.conll", &["line 2 of short.conll has 1 column", "help: correct the line", "`--separator`"]),
        ("mixed.conll", &["mixed.conll mixes schemes", "line 2", "help: convert one part"]),
        ("latin.conll", &["line 1", "0xfc at offset 1", "help:", "--encoding cp1252"]),
        ("gone.conll", &["cannot read gone.conll"]),
        ("train.conll --test ./train.conll", &["train.conll was given twice", "help:"]),
    ] {
        assert_says(&bench.refuse(&format!("check ner {file}")), parts);
    }
    for line in ["check ner", "check ner train.conll --tag-column 0", "check ner train.conll --scheme bio9"] {
        assert_eq!(bench.run(line).code, Some(2), "{line}");
    }
}

#[test]
fn answers_of_annotators_that_are_none_of_prodigys_are_counted() {
    let bench = Workbench::new();
    let record = |answer: &str| {
        format!(
            "{{\"text\": \"Rom\", \"spans\": [{{\"start\": 0, \"end\": 3, \"label\": \"LOC\"}}], \"answer\": \"{answer}\"}}\n"
        )
    };
    bench.write("a.jsonl", ["ACCEPT", "Reject", "maybe"].map(record).concat());
    let said = bench.succeed("check ner a.jsonl").stdout;
    let parts = ["1 record rejected", "0 ignored", "answers     1 record with an answer other than accept"];
    assert_says(&said, &parts);
}
