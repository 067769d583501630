//! Scores of `electra finetune ner`: one result has one number, wherever it stands.

use crate::workbench::{Workbench, assert_says, json, labelled};
use serde_json::Value;

/// A network from scratch that learns which words are names in a second. Its seed is not that of intervals.
const SMALL: &str = "--model scratch:recipe.toml --threads 1 --set input.window=32 --set train.epochs=6 \
    --set schedule.learning_rate=5e-3 --set guard.epochs=8 --set seed=3";

/// Sentences in documents of five.
fn in_documents(numbers: std::ops::Range<usize>) -> String {
    let text = labelled(numbers);
    let sentences: Vec<&str> = text.split("\n\n").filter(|sentence| !sentence.trim().is_empty()).collect();
    let document = |sentences: &[&str]| format!("-DOCSTART-\tO\n\n{}\n\n", sentences.join("\n\n"));
    sentences.chunks(5).map(document).collect()
}

fn bench() -> Workbench {
    let bench = Workbench::with_data();
    bench.write("train.conll", labelled(0..100));
    bench.write("dev.conll", labelled(100..130));
    bench.write("test.conll", in_documents(130..170));
    bench
}

#[test]
fn one_result_has_one_interval_wherever_it_stands() {
    let bench = bench();
    let line =
        format!("finetune ner {SMALL} --train train.conll --dev dev.conll --test test.conll --out out");
    let ran = bench.succeed(&line);
    let scores = json(&bench.read("out/seed-3/scores.json"));
    let interval = &scores["details"]["test"]["f1_interval"];
    assert_eq!(
        (&interval["unit"], &interval["units"], &interval["seed"]),
        (&"document".into(), &8.into(), &0.into())
    );
    assert!(interval["low"].as_f64() < interval["high"].as_f64(), "the test needs an interval: {interval}");
    let bounds = ["low", "high"].map(|bound| format!("{:.2}", 100.0 * interval[bound].as_f64().unwrap()));
    let said = format!("{} to {} (10000 resamples of the 8 documents, seed 0)", bounds[0], bounds[1]);
    assert_says(&ran.stdout, &[&said]);
    for file in ["README.md", "report.html"] {
        assert_says(&bench.read(&format!("out/seed-3/{file}")), &[&said]);
    }
    let summary = json(&bench.read("out/summary.json"));
    assert_eq!(summary["pooled_test"]["f1_interval"], *interval);
    let predictions = "eval ner --pred out/best/predictions-test.conll";
    for line in [predictions.to_owned(), format!("{predictions} --gold test.conll")] {
        assert_says(&bench.succeed(&line).stdout, &[&said]);
        assert_eq!(bench.succeed(&format!("{line} --json")).json()["pred"]["f1_interval"], *interval);
    }
    // Without boundaries it is by sentence, and says so.
    let dev = &scores["details"]["dev"]["f1_interval"];
    assert_eq!((&dev["unit"], &dev["units"]), (&"sentence".into(), &30.into()));

    // A gold file in another scheme is the same gold, and what was not scored now is not printed as new.
    let bilou = in_bilou(&bench.read("test.conll"));
    assert!(bilou.contains("U-"), "{bilou}");
    bench.write("bilou.conll", bilou);
    let converted = bench.succeed(&format!("{predictions} --gold bilou.conll --json")).json();
    let test = &scores["details"]["test"];
    for mode in ["default", "strict"] {
        assert_eq!(converted["pred"][mode], test[mode], "{mode}");
    }
    assert_eq!(converted["pred"]["f1_interval"], *interval);

    let ran = bench.succeed(&line.replace(" --test test.conll", ""));
    assert_says(
        &ran.stderr,
        &["finished already; the scores on test data of an earlier call stay in scores.json"],
    );
    assert!(!ran.stdout.contains("micro F1"), "{}", ran.stdout);
    assert_eq!(json(&bench.read("out/summary.json")), summary, "scores of an earlier call are lost");
    assert_eq!(json(&bench.read("out/seed-3/scores.json"))["test"], scores["test"]);
}

/// Tags of IOB2 in BILOU.
fn in_bilou(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let tag = |at: usize| lines.get(at).and_then(|line| line.split_once('\t')).map_or("O", |(_, tag)| tag);
    let convert = |(at, line): (usize, &&str)| {
        let Some((token, tag_here)) = line.split_once('\t') else { return format!("{line}\n") };
        let ends = !tag(at + 1).starts_with("I-");
        let letter = match (&tag_here[..1], ends) {
            ("B", true) => "U",
            ("I", true) => "L",
            (letter, _) => letter,
        };
        format!("{token}\t{letter}{}\n", &tag_here[1..])
    };
    lines.iter().enumerate().map(convert).collect()
}

#[test]
fn entities_that_no_tags_say_count_as_missed_and_are_said() {
    let bench = bench();
    // Every record has an entity more, within a word.
    let record = |(at, sentence): (usize, &str)| {
        let pairs: Vec<(&str, &str)> = sentence.lines().filter_map(|line| line.split_once('\t')).collect();
        let mut spans = vec![r#"{"start":0,"end":1,"label":"SYL"}"#.to_owned()];
        let mut start = 0;
        for (token, tag) in &pairs {
            let end = start + token.chars().count();
            if let Some(kind) = tag.strip_prefix("B-").or(tag.strip_prefix("I-")) {
                spans.push(format!(r#"{{"start":{start},"end":{end},"label":"{kind}"}}"#));
            }
            start = end + 1;
        }
        let text: Vec<&str> = pairs.iter().map(|(token, _)| *token).collect();
        let answer = if at == 0 { "reject" } else { "accept" };
        format!(r#"{{"text":"{}","spans":[{}],"answer":"{answer}"}}"#, text.join(" "), spans.join(",")) + "\n"
    };
    let records = |text: String| -> String {
        text.split("\n\n").filter(|sentence| !sentence.trim().is_empty()).enumerate().map(record).collect()
    };
    bench.write("dev.jsonl", records(labelled(100..130)));
    bench.write("test.jsonl", records(labelled(130..160)));
    let line =
        format!("finetune ner {SMALL} --train train.conll --dev dev.jsonl --test test.jsonl --out out");
    assert_says(&bench.refuse(&line), &["--skip-misaligned"]);
    let ran = bench.succeed(&format!("{line} --skip-misaligned"));
    let notes = ["development", "test"]
        .map(|name| format!("entities of the {name} data are not made of whole words"));
    assert_says(&ran.stderr, &[&notes[0], &notes[1], "count as missed", "1 rejected and 0 ignored records"]);
    let scores = json(&bench.read("out/seed-3/scores.json"));
    for name in ["dev", "test"] {
        let details = &scores["details"][name];
        assert_eq!((&details["left_out"], &details["data"]["left_out"]), (&29.into(), &29.into()), "{name}");
        let missed = &details["default"]["types"]["SYL"];
        assert_eq!((&missed["support"], &missed["recall"]), (&29.into(), &0.0.into()), "{name}");
        assert_eq!(scores[name]["support"], details["default"]["micro"]["support"]);
        let [f1, precision] = ["f1", "precision"].map(|key| scores[name][key].as_f64().unwrap());
        assert!(precision > 0.5 && f1 < precision, "{name}: {}", scores[name]);
    }
    // The epoch was chosen by the same number.
    let log = bench.read("out/seed-3/metrics.jsonl");
    let epochs = log.lines().map(json).filter(|line| line["kind"] == "epoch");
    let best = epochs.filter_map(|line| line["dev_f1"].as_f64()).fold(0.0, f64::max);
    assert_eq!(scores["dev"]["f1"], best);
    let said =
        "29 of the gold entities are not made of whole words, which no tags can say: they count as missed";
    assert_says(&bench.read("out/seed-3/report.html"), &[said]);
    assert_says(
        &bench.read("out/best/README.md"),
        &["29 of these entities are not made of whole words", "| SYL | - | 0.00 | 0.00 | 29 |"],
    );
    assert_says(&ran.stdout, &["29 gold entities are not made of whole words"]);
    // The file of predictions says so as well, to this program and to others.
    for gold in ["", " --gold test.jsonl --skip-misaligned"] {
        let report =
            bench.succeed(&format!("eval ner --pred out/best/predictions-test.conll{gold} --json")).json();
        assert_eq!(report["pred"]["default"], scores["details"]["test"]["default"], "{gold:?}");
    }
    let predictions = bench.read("out/best/predictions-test.conll");
    assert_eq!(predictions.matches("-LEFT-OUT- B-SYL O\n").count(), 29);
    assert_says(&bench.succeed(&format!("{line} --skip-misaligned")).stderr, &["finished already"]);
}

#[test]
fn a_test_set_without_entities_has_no_score() {
    let bench = bench();
    bench.write("test.conll", "the\tO\nsea\tO\n\nin\tO\nthe\tO\n");
    let line =
        format!("finetune ner {SMALL} --train train.conll --dev dev.conll --test test.conll --out out");
    let ran = bench.succeed(&line);
    assert_says(&ran.stdout, &["micro F1 -: there is no gold entity to find"]);
    let row = ran.stdout.lines().find(|line| line.trim_start().starts_with("3 ")).unwrap();
    assert!(row.trim_end().ends_with(" -"), "{row}");
    let seen = &json(&bench.read("out/seed-3/scores.json"))["details"]["test"]["seen"];
    assert_eq!([&seen["seen"]["recall"], &seen["unseen"]["recall"]], [&Value::Null; 2]);
    assert_says(
        &bench.read("out/best/README.md"),
        &["There is no entity to find.", "| **micro** |", "| - | - | 0 |"],
    );
    assert_says(&bench.read("out/seed-3/report.html"), &["There is no entity to find."]);
}

#[test]
fn predictions_of_another_tool_are_described_apart_from_the_gold_file() {
    let bench = Workbench::new();
    bench.write("gold.conll", "\u{1f600} O\nAnn B-PER\n");
    bench.write("theirs.jsonl", "{\"text\": \"\u{1f600} Ann\", \"label\": [[3, 6, \"PER\"]]}\n");
    let line = "eval ner --gold gold.conll --pred theirs.jsonl";
    // What is said of the gold file is none of theirs.
    assert_says(&bench.refuse(&format!("{line} --offsets utf-16")), &["depends on what its offsets count"]);
    let scored = bench.succeed(&format!("{line} --pred-from doccano --pred-offsets utf-16 --json")).json();
    assert_eq!(scored["pred"]["f1_mean"], 1.0);
    assert_says(&bench.refuse("eval ner --pred theirs.jsonl --offsets utf-16"), &["--pred-offsets"]);
}
