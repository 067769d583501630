//! Scores that are probabilities: calibration by fine-tuning, thresholds of `predict`, evaluation of a tagger in one
//! step, slices, the card, and suspected labels.

use crate::workbench::{Workbench, assert_says, json, labelled, mislabelled};
use serde_json::Value;

/// A workbench with a tagger in `out/best`.
fn bench(decoding: &str) -> Workbench {
    let bench = Workbench::with_data();
    bench.write("train.conll", mislabelled(0..100));
    bench.write("dev.conll", mislabelled(100..140));
    bench.write("test.conll", mislabelled(140..180));
    let words = labelled(140..180).lines().filter_map(|l| l.split('\t').next()).collect::<Vec<_>>().join(" ");
    bench.write("words.txt", words);
    let set = format!("--set labels.decoding=\"{decoding}\" --set language=\"en\"");
    bench.succeed(&format!(
        "finetune ner --train train.conll --dev dev.conll --test test.conll --model scratch:recipe.toml --out out \
         --threads 1 --set input.window=32 --set train.epochs=10 --set schedule.learning_rate=5e-3 \
         --set guard.epochs=12 --display quiet {set}"
    ));
    bench
}

fn entities(text: &str) -> Vec<Value> {
    text.lines().map(json).collect()
}

#[test]
fn scores_are_calibrated_and_low_ones_can_be_left_out() {
    let bench = bench("argmax");
    let calibration = json(&bench.read("out/best/calibration.json"));
    let fit = &calibration["fit"];
    assert!(fit["wrong_words"].as_u64() > Some(0), "{fit}");
    assert!(
        fit["temperature"].as_f64() > Some(0.1) && fit["loss_after"].as_f64() <= fit["loss_before"].as_f64()
    );
    let scores = json(&bench.read("out/best/scores.json"));
    for split in ["dev", "test"] {
        let found = &scores["details"][split]["calibration"];
        assert_eq!(found["temperature"], fit["temperature"]);
        for when in ["before", "after"] {
            assert!(found[when]["calibration_error"].as_f64().is_some_and(|error| error < 1.0), "{found}");
            assert_eq!(found[when]["bins"].as_array().unwrap().len(), 10);
        }
        assert!(!found["precision_recall"]["PER"]["points"].as_array().unwrap().is_empty());
    }
    assert_says(
        &bench.read("out/seed-1/report.html"),
        &["Scores as probabilities, test data", "Reliability on the dev data", "Precision by recall"],
    );

    // One that found nothing there has a temperature, and says nothing of its scores.
    bench.copy("out/best", "silent");
    let mut calibration: Value = serde_json::from_str(&bench.read("silent/calibration.json")).unwrap();
    calibration["types"]
        .as_object_mut()
        .unwrap()
        .values_mut()
        .for_each(|of_type| of_type["points"] = Value::Array(Vec::new()));
    bench.write("silent/calibration.json", calibration.to_string());
    let silent = bench.succeed("predict --model silent --format json words.txt");
    assert_says(&silent.stderr, &["WARNING: silent found no entity in ", "nothing is known of its scores"]);

    // The temperature changes scores and nothing else.
    let all = bench.succeed("predict --model out/best --format json words.txt");
    assert!(!all.stderr.contains("not calibrated"), "{}", all.stderr);
    bench.copy("out/best", "old");
    std::fs::remove_file(bench.path("old/calibration.json")).unwrap();
    let old = bench.succeed("predict --model old --format json words.txt");
    assert_says(&old.stderr, &["old has no calibration.json: scores are not calibrated (temperature 1)"]);
    let without_score = |line: &Value| {
        let mut line = line.clone();
        line.as_object_mut().unwrap().remove("score").map(|_| line)
    };
    let [all, old] = [all, old].map(|ran| entities(&ran.stdout));
    assert!(all.len() > 10, "{all:?} would prove little");
    assert_eq!(
        all.iter().map(without_score).collect::<Vec<_>>(),
        old.iter().map(without_score).collect::<Vec<_>>()
    );
    assert_ne!(all, old);

    // Low scores are left out, in each format, and counted.
    let score = |line: &Value| line["score"].as_f64().unwrap();
    let mut sorted: Vec<f64> = all.iter().map(score).collect();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted[sorted.len() / 2] + 1e-9;
    let kept: Vec<&Value> = all.iter().filter(|line| score(line) >= middle).collect();
    let some =
        bench.succeed(&format!("predict --model out/best --format json --min-score {middle} words.txt"));
    assert_eq!(entities(&some.stdout).iter().collect::<Vec<_>>(), kept);
    let left_out = all.len() - kept.len();
    assert_says(&some.stderr, &[&format!("{left_out} entities were left out for the score")]);
    for (format, mark) in [("conll", "\tB-"), ("html", "<mark class=\"t"), ("text", "](")] {
        let ran = bench
            .succeed(&format!("predict --model out/best --format {format} --min-score {middle} words.txt"));
        // The legend of the page has a mark for each type.
        let marks = ran.stdout.matches(mark).count() - if format == "html" { 2 } else { 0 };
        assert_eq!(marks, kept.len(), "{format}");
        let said = if format == "html" { &ran.stdout } else { &ran.stderr };
        assert_says(said, &[&format!("{left_out} entities were left out for the score")]);
    }
    let of_one = bench.succeed("predict --model out/best --format json --min-score PER=1,LOC=0 words.txt");
    assert!(entities(&of_one.stdout).iter().all(|line| line["entity_group"] == "LOC" || score(line) == 1.0));
    assert_says(
        &bench.refuse("predict --model out/best --min-score PRE=.5 words.txt"),
        &["\"PRE\"", "LOC, PER"],
    );

    // A precision that is reached, and one that is not.
    let low = bench.succeed("predict --model out/best --format json --precision-target .2 words.txt");
    assert_says(&low.stderr, &["on dev.conll, so that its precision is at least"]);
    let high = bench.succeed("predict --model out/best --format json --precision-target .9999 words.txt");
    assert_says(&high.stderr, &["PER does not reach a precision of 0.9999 on dev.conll, and is left out"]);
    assert_eq!(high.stdout, "");
    let error = bench.refuse("predict --model old --precision-target .9 words.txt");
    assert_says(&error, &["old has no calibration.json", "--min-score"]);
    let damaged = bench.read("out/best/calibration.json").replace("\"temperature\": ", "\"temperature\": -");
    bench.write("old/calibration.json", damaged);
    assert_says(
        &bench.refuse("predict --model old words.txt"),
        &["calibration.json", "temperature", "from 0.1 to 10"],
    );
}

#[test]
fn a_tagger_is_scored_in_one_step_as_in_two_and_says_where_it_fails() {
    let bench = bench("crf");
    let columns = bench.read("test.conll").replace("-DOCSTART-\tO\n\n", "");
    let lines: Vec<String> = columns
        .split("\n\n")
        .map(|sentence| sentence.lines().filter_map(|l| l.split('\t').next()).collect::<Vec<_>>().join(" "))
        .filter(|line| !line.is_empty())
        .collect();
    bench.write("lines.txt", lines.join("\n") + "\n");
    bench.succeed("predict --model out/best --pretokenized --format conll --out tags.conll lines.txt");
    let two = bench.succeed("eval ner --gold test.conll --pred tags.conll --json --resamples 50").json();
    let slices = "--train train.conll --slices length,seen,type,case,document";
    let one = format!("eval ner --model out/best --gold test.conll --resamples 50 {slices}");
    let found = bench.succeed(&format!("{one} --json")).json();
    for key in ["default", "strict", "errors", "confusion", "f1_interval", "f1_mean"] {
        assert_eq!(found["pred"][key], two["pred"][key], "{key}");
    }
    assert_eq!(found["pred"]["files"][0]["path"], "out/best");
    let by: Vec<&Value> =
        found["pred"]["slices"].as_array().unwrap().iter().map(|slices| &slices["by"]).collect();
    assert_eq!(by, ["length", "seen", "type", "case", "document"]);
    for slices in found["pred"]["slices"].as_array().unwrap() {
        let slices = slices["slices"].as_array().unwrap();
        for key in ["support", "predicted", "correct"] {
            let sum: u64 = slices.iter().map(|slice| slice[key].as_u64().unwrap()).sum();
            assert_eq!(sum, found["pred"]["default"]["micro"][key].as_u64().unwrap(), "{key} of {slices:?}");
        }
    }
    assert_says(&bench.succeed(&one).stdout, &["by length", "1 to 10 tokens", "by seen", "by case", "lower"]);
    let error = bench.refuse("eval ner --model out/best --gold test.conll --slices seen");
    assert_says(&error, &["--slices seen", "--train FILE"]);

    // The card has what the hub reads.
    assert_says(
        &bench.read("out/best/README.md"),
        &[
            "language: \"en\"",
            "# license:",
            "model-index:",
            "      split: test\n",
            "    - type: f1\n",
            "aggregation_strategy=\"first\", stride=8",
            "without the CRF",
            "expected calibration error",
        ],
    );

    // Labels that were made wrong are among those that are suspected.
    let checked = bench.succeed("check ner test.conll --model out/best --page suspects.html --json").json();
    let suspects = checked["suspects"].as_array().unwrap();
    assert!(!suspects.is_empty());
    let truth = labelled(140..180);
    let truth: Vec<&str> = truth.lines().collect();
    let gold = bench.read("test.conll");
    let gold: Vec<&str> = gold.lines().collect();
    let wrong = |stretch: &Value| {
        let line = (stretch["line"].as_u64().unwrap() + stretch["start"].as_u64().unwrap()) as usize - 1;
        truth[line] != gold[line]
    };
    let first = &suspects[..suspects.len().min(10)];
    let right = first.iter().filter(|stretch| wrong(stretch)).count();
    assert!(2 * right > first.len(), "{right} of {first:?}");
    assert!(suspects.windows(2).all(|pair| pair[0]["margin"].as_f64() <= pair[1]["margin"].as_f64()));
    assert_says(&bench.read("suspects.html"), &["<mark>", "Suspected labels by out/best", "sentence "]);
    let text = bench.succeed("check ner test.conll --model out/best").stdout;
    assert_says(&text, &["suspected labels, the most suspect first", "take one that has not"]);
}
