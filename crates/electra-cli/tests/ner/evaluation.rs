//! `electra eval ner`, from files to numbers.

use crate::workbench::{Workbench, assert_says, keys};

const GOLD: &str = "Ann\tB-PER\nmet\tO\nBo\tB-PER\n\nin\tO\nNew\tB-LOC\nYork\tI-LOC\n\t\nUN\tB-ORG\nmet\tO\n";

/// Finds Ann, and York without New; takes the UN for a person; misses Bo.
const TAGS: &str = "Ann B-PER\nmet O\nBo O\n\nin O\nNew O\nYork B-LOC\n\nUN B-PER\nmet O\n";

fn bench() -> Workbench {
    let bench = Workbench::new();
    bench.write("gold.conll", GOLD);
    bench.write("tags.conll", TAGS);
    let perfect = "Ann B-PER B-PER\nmet O O\nBo B-PER B-PER\n\nin O O\nNew B-LOC B-LOC\nYork I-LOC I-LOC\n\nUN B-ORG B-ORG\nmet O O\n";
    bench.write("perfect.conll", perfect);
    bench
}

#[test]
fn the_table_names_mode_scheme_and_tokens() {
    let bench = bench();
    bench.write("train.conll", "Ann B-PER\nUN B-ORG\n");
    let ran =
        bench.succeed("eval ner --gold gold.conll --pred tags.conll --train train.conll --resamples 100");
    assert_says(
        &ran.stdout,
        &[
            "mode default (as conlleval), scheme any",
            "tokens scored 8/8 in 3 sentences, token accuracy 50.00 %",
            "ORG              -    0.00    0.00        1         0        0",
            "PER          50.00   50.00   50.00        2         2        1",
            "micro        33.33   25.00   28.57        4         3        1",
            "macro        16.67   16.67   16.67\n",
            "weighted     25.00   25.00   25.00\n",
            "mode strict, scheme IOB2: precision 33.33, recall 25.00, F1 28.57 (1 of 4 found, 3 predicted)",
            "micro F1 28.57, 95 % interval",
            "(100 resamples of the 3 sentences, seed 0)",
            "recall of entities seen in training 50.00 (1 of 2), of others 0.00 (0 of 2)",
            "  boundary                1\n",
            "  missed                  1\n",
            "  spurious                0\n",
        ],
    );
}

#[test]
fn json_holds_the_same_numbers() {
    let bench = bench();
    let report = bench.succeed("eval ner --gold gold.conll --pred tags.conll --json --resamples 100").json();
    assert_eq!(keys(&report), ["against", "difference", "gold", "pred"]);
    let pred = &report["pred"];
    assert_eq!(
        keys(pred),
        [
            "analysed",
            "confusion",
            "default",
            "errors",
            "f1_interval",
            "f1_mean",
            "f1_sd",
            "files",
            "left_out",
            "partial_credit",
            "runs",
            "seen",
            "strict"
        ]
    );
    let close = |value: &serde_json::Value, expected: f64| (value.as_f64().unwrap() - expected).abs() < 1e-12;
    assert!(close(&pred["default"]["micro"]["f1"], 2.0 / 7.0) && close(&pred["f1_mean"], 2.0 / 7.0));
    assert_eq!((&pred["default"]["mode"], &pred["strict"]["scheme"]), (&"default".into(), &"IOB2".into()));
    assert_eq!(pred["default"]["tokens_scored"], 8);
    assert_eq!(
        pred["errors"],
        serde_json::json!(
            { "correct": 1, "type": 1, "boundary": 1, "type_and_boundary": 0, "missed": 1, "spurious": 0 }
        )
    );
    // One is right, one has another type, one other bounds.
    let credit = &pred["partial_credit"];
    let correct = ["strict", "exact", "partial", "type"].map(|schema| credit[schema]["correct"].as_u64());
    assert_eq!(correct, [Some(1), Some(2), Some(2), Some(2)]);
    assert_eq!(credit["partial"]["partial"], 1);
    assert!(close(&credit["strict"]["f1"], 2.0 / 7.0) && close(&credit["exact"]["recall"], 0.5));
    let confusion = serde_json::json!({
        "labels": ["LOC", "ORG", "PER", "O"],
        "counts": [[1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 1, 1], [0, 0, 0, 0]],
    });
    assert_eq!(pred["confusion"], confusion);
    assert_eq!(pred["seen"], serde_json::Value::Null);
    let again = bench.succeed("eval ner --gold gold.conll --pred tags.conll --json --resamples 100").json();
    assert_eq!(again, report);
}

#[test]
fn two_systems_are_compared_over_all_their_runs() {
    let bench = bench();
    let line = "eval ner --gold gold.conll --pred perfect.conll --pred tags.conll --against tags.conll --resamples 500";
    let ran = bench.succeed(line);
    // 5 of 8 gold entities in two runs, 7 predicted: F1 is 10 / 15.
    assert_says(
        &ran.stdout,
        &[
            "perfect.conll  micro F1 100.00\ntags.conll  micro F1 28.57\nmean 64.29, standard deviation 50.51\n",
            "2 runs together",
            "tokens scored 16/16 in 6 sentences",
            "micro F1 66.67 against 28.57: difference +38.10, 95 % interval",
            "paired bootstrap: p = ",
        ],
    );
    let report = bench.succeed(&format!("{line} --seed 3 --json")).json();
    let difference = &report["difference"];
    assert_eq!(keys(difference), ["against_f1", "difference", "f1", "interval", "p_value", "wins"]);
    assert_eq!(difference["interval"]["seed"], 3);
    assert_eq!(report["against"]["files"][0]["path"], "tags.conll");

    let same =
        bench.succeed("eval ner --pred perfect.conll --against perfect.conll --resamples 50 --json").json();
    assert_eq!(
        (&same["difference"]["difference"], &same["difference"]["p_value"]),
        (&0.0.into(), &1.0.into())
    );
}

#[test]
fn strict_mode_changes_what_is_analysed() {
    let bench = bench();
    // An entity that does not begin as it should is none.
    bench.write("sloppy.conll", TAGS.replace("York B-LOC", "York I-LOC"));
    let line = "eval ner --gold gold.conll --pred sloppy.conll --resamples 50";
    let of_strict =
        "mode strict, scheme IOB2: precision 50.00, recall 25.00, F1 33.33 (1 of 4 found, 2 predicted)";
    assert_says(&bench.succeed(line).stdout, &[of_strict]);
    let ran = bench.succeed(&format!("{line} --strict"));
    assert_says(
        &ran.stdout,
        &[
            "mode strict, scheme IOB2\ntokens scored 8/8",
            "mode default (as conlleval), scheme any: precision 33.33",
            "  spurious                0\n",
            "  missed                  2\n",
        ],
    );
    // Nothing of this gold is IOBES: every entity lacks its end.
    let ran = bench.succeed("eval ner --pred perfect.conll --strict --scheme iobes --resamples 50");
    assert_says(&ran.stdout, &["mode strict, scheme IOBES\n", "no type occurs"]);
}

#[test]
fn a_scheme_that_was_asked_for_is_kept_to() {
    let bench = bench();
    bench.write("mixed.conll", TAGS.replace("UN B-PER", "UN S-PER"));
    let line = "eval ner --gold gold.conll --pred mixed.conll --resamples 50 --scheme iob2";
    let reason = "mode strict: no scores, sentence 3, token 1: the tag \"S-PER\" does not belong to IOB2";
    assert_says(&bench.succeed(line).stdout, &[reason]);
    assert_says(
        &bench.refuse(&format!("{line} --strict")),
        &["line 9 of mixed.conll: the tag \"S-PER\" does not belong to IOB2", "help:", "leave --scheme out"],
    );
    bench.write("comments.conll", format!("# of yesterday\n{}", GOLD.replace("UN\tB-", "UN\tS-")));
    let line = line.replace("gold.conll", "comments.conll").replace("mixed", "tags");
    let error = bench.refuse(&format!("{line} --strict"));
    assert_says(&error, &["line 10 of comments.conll: the tag \"S-ORG\""]);
}

const BILOU: &str = "Kiel U-LOC\nRom U-LOC\nAnna B-PER\nBee L-PER\nTom U-PER\n";
const BILOU_IN_IOB2: &str = "Kiel B-LOC\nRom B-LOC\nAnna B-PER\nBee I-PER\nTom B-PER\n";

/// F1 in default and strict mode, and token accuracy, in percent.
fn scores(bench: &Workbench, line: &str) -> [f64; 3] {
    let report = bench.succeed(&format!("{line} --json --resamples 20")).json();
    let value = |value: &serde_json::Value| (1e4 * value.as_f64().unwrap()).round() / 100.0;
    let [default, strict] = [&report["pred"]["default"], &report["pred"]["strict"]];
    [value(&default["micro"]["f1"]), value(&strict["micro"]["f1"]), value(&default["token_accuracy"])]
}

#[test]
fn every_scheme_is_read_as_the_readers_convert_it() {
    let bench = Workbench::new();
    let bmes = BILOU.replace("U-", "S-").replace("Bee L-", "Bee M-").replace("Tom S-", "Tom E-");
    let bmes_in_iob2 = BILOU_IN_IOB2.replace("Tom B-", "Tom I-");
    let iob1 = BILOU_IN_IOB2.replace("Kiel B-", "Kiel I-").replace("Anna B-", "Anna I-");
    for (name, gold, in_iob2) in
        [("BILOU", BILOU, BILOU_IN_IOB2), ("BMES", &bmes, &bmes_in_iob2), ("IOB1", &iob1, BILOU_IN_IOB2)]
    {
        bench.write("gold.conll", gold);
        bench.write("pred.conll", in_iob2);
        let line = "eval ner --gold gold.conll --pred pred.conll";
        // What is perfect is perfect in every mode, whatever the scheme.
        assert_eq!(scores(&bench, line), [100.0; 3], "{name}");
        assert_eq!(scores(&bench, &line.replace("pred.conll", "gold.conll")), [100.0; 3], "{name} alone");
        let said = format!("tags of pred.conll are IOB2, those of gold.conll {name}: both are read alike");
        assert_says(&bench.succeed(line).stdout, &[&said]);
        // The other way round.
        let line = "eval ner --gold pred.conll --pred gold.conll";
        assert_eq!(scores(&bench, line)[..2], [100.0; 2], "{name} as prediction");
    }
    // Kiel and Rom as one, and all of the persons as one: nothing of it is right.
    bench.write("gold.conll", BILOU);
    bench.write("pred.conll", "Kiel B-LOC\nRom L-LOC\nAnna B-PER\nBee I-PER\nTom L-PER\n");
    assert_eq!(scores(&bench, "eval ner --gold gold.conll --pred pred.conll")[..2], [0.0; 2]);
}

#[test]
fn gold_and_training_data_are_read_as_check_reads_them() {
    let bench = bench();
    let line = |gold: &str| format!("eval ner --gold {gold} --pred tags.conll --train {gold} --resamples 50");
    let expected = bench.succeed(&format!("{} --json", line("gold.conll"))).json()["pred"]["default"].clone();
    let numbered = "# newdoc\n# text = Ann met Bo\n1\tAnn\tB-PER\n2\tmet\tO\n3\tBo\tB-PER\n\n1\tin\tO\n2\tNew\tB-LOC\n3\tYork\tI-LOC\n\n1\tUN\tB-ORG\n2\tmet\tO\n";
    bench.write("numbered.conllu", numbered);
    let records = concat!(
        r#"{"text":"Ann met Bo","spans":[{"start":0,"end":3,"label":"PER"},{"start":8,"end":10,"label":"PER"}]}"#,
        "\n",
        r#"{"text":"in New York","spans":[{"start":3,"end":11,"label":"LOC"}]}"#,
        "\n",
        r#"{"text":"UN met","spans":[{"start":0,"end":2,"label":"ORG"}]}"#,
    );
    bench.write("gold.jsonl", records);
    for gold in ["numbered.conllu", "gold.jsonl"] {
        let report = bench.succeed(&format!("{} --json", line(gold))).json();
        assert_eq!(report["pred"]["default"], expected, "{gold}");
    }
    // Each record is a document of its own.
    assert_says(&bench.succeed(&line("gold.jsonl")).stdout, &["50 resamples of the 3 documents, seed 0"]);
    bench.write("wrong.conll", GOLD.replace("B-ORG", "ORG-B"));
    for place in ["--gold wrong.conll --pred tags.conll", "--gold gold.conll --pred wrong.conll"] {
        let error = bench.refuse(&format!("eval ner {place}"));
        assert_says(
            &error,
            &["line 9 of wrong.conll has the tag \"ORG-B\"", "expected O or a letter", "help:"],
        );
    }
    let error = bench.refuse("eval ner --pred perfect.conll --encoding cp1252");
    assert_says(&error, &["describe --gold and --train"]);
}

#[test]
fn a_corrected_gold_file_wins_over_an_old_gold_column() {
    let bench = bench();
    let corrected = GOLD.replace("UN\tB-ORG\nmet\tO", "UN\tO\nmet\tB-ORG");
    bench.write("corrected.conll", corrected);
    let line = "eval ner --gold corrected.conll --pred perfect.conll";
    let ran = bench.succeed(&format!("{line} --resamples 50"));
    let said = "2 of the 8 gold tags in perfect.conll are others than in corrected.conll, which counts";
    assert_says(&ran.stdout, &[said, "ORG           0.00    0.00    0.00        1         1        0"]);
    let report = bench.succeed(&format!("{line} --json --resamples 50")).json();
    assert_eq!(report["pred"]["files"][0]["other_gold"], 2);
    assert!(!bench.succeed("eval ner --gold gold.conll --pred perfect.conll").stdout.contains("are others"));
}

#[test]
fn gold_that_is_skipped_counts_as_missed() {
    let bench = Workbench::new();
    let records = concat!(
        r#"{"text":"in Rome now","spans":[{"start":3,"end":7,"label":"LOC"},{"start":3,"end":5,"label":"LOC"}]}"#,
        "\n",
        r#"{"text":"Romes","spans":[{"start":0,"end":4,"label":"PER"}]}"#,
    );
    bench.write("gold.jsonl", records);
    bench.write("tags.conll", "in O\nRome B-LOC\nnow O\n\nRomes O\n");
    let line = "eval ner --gold gold.jsonl --pred tags.conll --resamples 50";
    assert_says(&bench.refuse(line), &["--skip-misaligned"]);
    let ran = bench.succeed(&format!("{line} --skip-misaligned"));
    assert_says(
        &ran.stdout,
        &[
            "LOC         100.00   50.00   66.67        2         1        1",
            "micro       100.00   33.33   50.00        3         1        1",
            "2 gold entities are not made of whole words, which no tags can say: they count as missed",
            "  missed                  2\n",
        ],
    );
}

#[test]
fn files_that_do_not_fit_are_refused_with_their_lines() {
    let bench = bench();
    assert_says(
        &bench.refuse("eval ner --pred tags.conll"),
        &["tags.conll has predicted tags alone", "`--gold`"],
    );
    bench.write("short.conll", "Ann B-PER\nmet O\nBo O\n");
    assert_says(
        &bench.refuse("eval ner --gold gold.conll --pred short.conll"),
        &["short.conll has 1 sentences, gold.conll has 3", "every gold sentence needs a prediction"],
    );
    bench.write(
        "other.conll",
        "Ann B-LOC O\nmet O O\nBo B-PER O\n\nin O O\nNew B-LOC O\nYork I-LOC O\n\nUN B-ORG O\nmet O O\n",
    );
    let error = bench.refuse("eval ner --pred perfect.conll --against other.conll");
    let place = "line 1 of other.conll does not fit line 1 of perfect.conll";
    assert_says(&error, &[place, "\"B-LOC\" there", "help:", "`--gold`"]);
    assert_says(&bench.refuse("eval ner --pred gone.conll"), &["cannot read gone.conll", "No such file"]);
    assert_eq!(bench.run("eval ner --pred tags.conll --scheme iob1").code, Some(2));
    assert_eq!(bench.run("eval ner --gold gold.conll").code, Some(2));
}
