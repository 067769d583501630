//! A tagger reads text as it learned to: `electra predict` finds in raw text what fine-tuning scored.

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::workbench::{RECIPE, Workbench, assert_says, json as parsed};
use serde_json::{Value, json};

/// A network from scratch of a second.
const TRAIN: &str = "finetune ner --model scratch:recipe.toml --tokenizer tokenizer --threads 1 \
    --train train.jsonl --dev dev.jsonl --test test.jsonl --set input.window=32 --set schedule.learning_rate=5e-3 \
    --set guard.epochs=30 --out out";

/// A text and its entities: where they start and end in characters, and their type.
struct Record {
    text: String,
    spans: Vec<(usize, usize, &'static str)>,
}

impl Record {
    /// From parts of ASCII text, those with a type entities.
    fn of(parts: &[(&str, &'static str)]) -> Self {
        let mut record = Self { text: String::new(), spans: Vec::new() };
        for (part, kind) in parts {
            let start = record.text.len();
            record.text += part;
            if !kind.is_empty() {
                record.spans.push((start, record.text.len(), kind));
            }
        }
        record
    }

    fn line(&self) -> String {
        let span =
            |&(start, end, label): &(usize, usize, &str)| json!({"start": start, "end": end, "label": label});
        let spans: Vec<Value> = self.spans.iter().map(span).collect();
        json!({"text": self.text, "spans": spans}).to_string()
    }
}

/// Names within words and behind signs: what divides words decides.
fn names(n: usize) -> Record {
    let place = |n: usize| ["paris", "rome", "kiel", "oslo"][n % 4];
    let person = ["anna", "bob", "eva"][n / 3 % 3];
    let animal = ["dog", "cat"][n / 5 % 2];
    let between = format!(" {animal} in #");
    Record::of(&[
        ("the mid-", ""),
        (place(n), "LOC"),
        (&*between, ""),
        (place(n / 2), "LOC"),
        (" with @", ""),
        (person, "PER"),
    ])
}

/// The first sentence decides the type of the name in the last one.
fn reports(n: usize, between: &str) -> Record {
    let (kind, label) = [("Business", "ORG"), ("Sport", "PER")][n * 7 / 3 % 2];
    let name = ["Orion", "Vega", "Lyra"][n % 3];
    let begin = format!("{kind} report .{between}It was quiet .{between}");
    Record::of(&[(&*begin, ""), (name, label), (" rose .", "")])
}

/// A workbench with a tagger of these records in `out/best`, and the records of its test.
fn trained(record: impl Fn(usize) -> Record, vocabulary: usize, epochs: usize) -> (Workbench, Vec<Record>) {
    let bench = Workbench::new();
    bench.write("recipe.toml", RECIPE);
    let texts: String = (0..240).map(|n| record(n).text + "\n").collect();
    bench.write("corpus.txt", texts);
    bench.succeed(&format!("data tokenizer --input corpus.txt --vocab-size {vocabulary} --out tokenizer"));
    let write = |name: &str, numbers: std::ops::Range<usize>| {
        let records: Vec<Record> = numbers.map(&record).collect();
        bench.write(name, records.iter().map(|record| record.line() + "\n").collect::<String>());
        records
    };
    write("train.jsonl", 0..256);
    write("dev.jsonl", 256..280);
    let test = write("test.jsonl", 280..320);
    bench.succeed(&format!("{TRAIN} --set train.epochs={epochs}"));
    (bench, test)
}

/// F1 of the test in `scores.json`.
fn scored(bench: &Workbench) -> f64 {
    parsed(&bench.read("out/best/scores.json"))["test"]["f1"].as_f64().unwrap()
}

/// F1 of entities with places.
fn f1(gold: &BTreeSet<(u64, u64, u64, String)>, found: &BTreeSet<(u64, u64, u64, String)>) -> f64 {
    2.0 * gold.intersection(found).count() as f64 / (gold.len() + found.len()) as f64
}

/// Entities as `predict` gives them: line, start, end, type.
fn entities(stdout: &str) -> BTreeSet<(u64, u64, u64, String)> {
    let entity = |object: Value| {
        let number = |key: &str| object[key].as_u64().unwrap_or(0);
        (number("line"), number("start"), number("end"), object["entity_group"].as_str().unwrap().to_owned())
    };
    stdout.lines().map(parsed).map(entity).collect()
}

/// F1 of `predict` on the texts with `between` behind each of them.
fn f1_of_text(bench: &Workbench, records: &[Record], between: &str, options: &str) -> f64 {
    let (mut text, mut gold) = (String::new(), BTreeSet::new());
    for record in records {
        let at = text.chars().count();
        gold.extend(
            record.spans.iter().map(|&(s, e, kind)| (0, (at + s) as u64, (at + e) as u64, kind.to_owned())),
        );
        write!(text, "{}{between}", record.text).unwrap();
    }
    let ran = bench.feed(&format!("predict --model out/best --format json --threads 1 {options}"), &text);
    f1(&gold, &entities(&ran.stdout))
}

/// F1 of `predict` on the file of records.
fn f1_of_records(bench: &Workbench, records: &[Record]) -> f64 {
    let gold = (1..).zip(records).flat_map(|(line, record)| {
        record.spans.iter().map(move |&(s, e, kind)| (line, s as u64, e as u64, kind.to_owned()))
    });
    let ran = bench.succeed("predict --model out/best --format json --threads 1 test.jsonl");
    assert_says(&ran.stderr, &["every mark is a word, a record is read whole, as in the tagger's training"]);
    f1(&gold.collect(), &entities(&ran.stdout))
}

fn division(bench: &Workbench) -> Value {
    parsed(&bench.read("out/best/tagger.json"))["division"].clone()
}

#[test]
fn words_of_text_are_those_of_the_training() {
    let (bench, test) = trained(names, 70, 5);
    assert_eq!(division(&bench), json!({"words": "marks", "sentences": "line", "records_alone": true}));
    let expected = scored(&bench);
    assert!(expected > 0.8, "{expected} would prove little");
    assert_eq!(f1_of_records(&bench, &test), expected);
    for (between, options) in [("\n\n", ""), ("\n", ""), ("\r\n", ""), ("\n\n", "--line-breaks space")] {
        assert_eq!(f1_of_text(&bench, &test, between, options), expected, "{between:?} {options}");
    }
    let corpus = f1_of_text(&bench, &test, "\n", "--words corpus");
    assert!(corpus < expected - 0.2, "{corpus} with other words: the test proves little");

    // An older folder does not say how its text was divided, but the user can.
    let mut settings = parsed(&bench.read("out/best/tagger.json"));
    settings["format"] = 1.into();
    settings.as_object_mut().unwrap().remove("division");
    bench.write("out/best/tagger.json", settings.to_string());
    let said = bench.feed("predict --model out/best", "in rome").stderr;
    assert_says(&said, &["words are those of a corpus", "sentences end at full stops", "assumed", "--words"]);
    assert_eq!(f1_of_text(&bench, &test, "\n", "--words marks --sentences line"), expected);
}

#[test]
fn sentences_of_text_are_those_of_the_training() {
    let (bench, test) = trained(|n| reports(n, " "), 50, 30);
    let expected = scored(&bench);
    assert!(expected > 0.8, "{expected} would prove little");
    assert_eq!(f1_of_records(&bench, &test), expected);
    for between in ["\n\n", "\n"] {
        assert_eq!(f1_of_text(&bench, &test, between, ""), expected, "{between:?}");
    }
    let divided = f1_of_text(&bench, &test, "\n\n", "--sentences full-stop");
    assert!(divided < expected - 0.2, "{divided} by sentences: the test proves little");
}

#[test]
fn a_record_of_several_lines_ends_at_a_blank_line() {
    let (bench, test) = trained(|n| reports(n, "\n"), 50, 2);
    assert_eq!(division(&bench)["sentences"], "paragraph");
    assert_says(&bench.read("out/best/README.md"), &["(a paragraph is a record)"]);
    let expected = scored(&bench);
    assert_eq!(f1_of_records(&bench, &test), expected);
    assert_eq!(f1_of_text(&bench, &test, "\n\n", ""), expected);

    let (bench, test) = trained(|n| reports(n, "\n\n"), 50, 2);
    assert_eq!(division(&bench)["sentences"], "text");
    assert_eq!(f1_of_records(&bench, &test), scored(&bench));
}

#[test]
fn data_that_came_in_words_is_named_and_a_test_of_another_division_as_well() {
    let bench = Workbench::new();
    bench.write("recipe.toml", RECIPE);
    bench.write("corpus.txt", "the dog in rome with anna\n");
    bench.succeed("data tokenizer --input corpus.txt --vocab-size 26 --out tokenizer");
    bench.write("words.conll", "the O\ndog O\nin O\nrome B-LOC\n\n".repeat(8));
    bench.write("test.jsonl", names(1).line());
    let line = TRAIN.replace("train.jsonl", "words.conll").replace("dev.jsonl", "words.conll");
    let ran = bench.succeed(&format!("{line} --set train.epochs=1"));
    assert_says(&ran.stderr, &["the test data is text with spans, the training data given words"]);
    assert_eq!(
        division(&bench),
        json!({"words": "corpus", "sentences": "full-stop", "records_alone": false})
    );
    let said = bench.feed("predict --model out/best", "in rome").stderr;
    assert_says(&said, &["assumed, as the tagger was trained on given words", "--pretokenized"]);
    assert_eq!(bench.feed("predict --model out/best --pretokenized", "in rome").stderr, "");
}

#[test]
fn a_recipe_can_ask_for_words_of_one_character() {
    let bench = Workbench::new();
    bench.write("recipe.toml", RECIPE);
    bench.write("corpus.txt", "我在北京住\n我在东京住\n".repeat(20));
    bench.succeed("data tokenizer --input corpus.txt --vocab-size 11 --out tokenizer");
    bench.write("words.conll", "我 O\n在 O\n北京 B-LOC\n住 O\n\n我 O\n在 O\n东京 B-LOC\n住 O\n\n".repeat(8));
    let line = TRAIN.replace("train.jsonl", "words.conll").replace("dev.jsonl", "words.conll");
    let line = line.replace(" --test test.jsonl", "");
    bench.succeed_with(&format!("{line} --set train.epochs=1"), &["--set", "input.words=\"characters\""]);
    assert_eq!(division(&bench)["words"], "characters");
    let card = bench.read("out/best/README.md");
    assert_says(
        &card,
        &["text is divided like such data, every\ncharacter of a script without spaces a word."],
    );
    let predictions = bench.read("out/seed-1/predictions-dev.conll");
    let words: Vec<&str> = predictions.lines().take(5).map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(words, ["我", "在", "北", "京", "住"]);
    let ran = bench.feed("predict --model out/best --format conll", "我在北京住");
    assert_says(
        &ran.stderr,
        &["every character of a script without spaces is a word", "as in the tagger's training"],
    );
    let words: Vec<&str> = ran.stdout.lines().filter_map(|line| line.split('\t').next()).collect();
    assert_eq!(words, ["我", "在", "北", "京", "住", ""]);
    // Gold of words is divided as well where that is said.
    let eval = "eval ner --pred out/seed-1/predictions-dev.conll --gold words.conll";
    bench.succeed(&format!("{eval} --words-by characters"));
    assert_says(&bench.refuse(eval), &["the token is \"北\" there and \"北京\" in gold"]);
}
