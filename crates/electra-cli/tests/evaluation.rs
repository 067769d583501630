//! `electra eval ner`, from files to numbers.

mod workbench;

use workbench::{Workbench, assert_says, keys};

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
            "PER          50.00   50.00   50.00        2         2        1",
            "micro        33.33   25.00   28.57        4         3        1",
            "macro        16.67   16.67   16.67\n",
            "weighted     25.00   25.00   25.00\n",
            "mode strict, scheme IOB2: precision 33.33, recall 25.00, F1 28.57 (1 of 4 found, 3 predicted)",
            "micro F1 28.57, 95 % interval",
            "(100 resamples of the sentences, seed 0)",
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
    assert_eq!(keys(&report), ["against", "difference", "pred"]);
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
    bench.write("iob1.conll", GOLD.replace("B-", "I-"));
    let line = "eval ner --gold iob1.conll --pred tags.conll --resamples 50";
    assert_says(&bench.succeed(line).stdout, &["mode strict, scheme IOB2: precision 0.00", "0 of 0 found"]);
    let ran = bench.succeed(&format!("{line} --strict"));
    assert_says(
        &ran.stdout,
        &[
            "mode strict, scheme IOB2\ntokens scored 8/8",
            "mode default (as conlleval), scheme any: precision 33.33",
            "  spurious                3\n",
        ],
    );
    // Nothing of this gold is IOBES: every entity lacks its end.
    let ran = bench.succeed("eval ner --pred perfect.conll --strict --scheme iobes --resamples 50");
    assert_says(&ran.stdout, &["mode strict, scheme IOBES\n", "no type occurs"]);
}

#[test]
fn tags_of_two_schemes_have_no_strict_score() {
    let bench = bench();
    bench.write("mixed.conll", TAGS.replace("UN B-PER", "UN S-PER"));
    let line = "eval ner --gold gold.conll --pred mixed.conll --resamples 50";
    let reason = "mode strict: no scores, sentence 3, token 1: the tag \"S-PER\" does not belong to IOB2";
    assert_says(&bench.succeed(line).stdout, &[reason]);
    assert_says(
        &bench.refuse(&format!("{line} --strict")),
        &["line 9 of mixed.conll: the tag \"S-PER\" does not belong to IOB2", "help:", "one scheme"],
    );
}

#[test]
fn files_that_do_not_fit_are_refused_with_their_lines() {
    let bench = bench();
    assert_says(&bench.refuse("eval ner --pred tags.conll"), &["tags.conll has two columns", "`--gold`"]);
    bench.write("short.conll", "Ann B-PER\nmet O\nBo O\n");
    assert_says(
        &bench.refuse("eval ner --gold gold.conll --pred short.conll"),
        &["short.conll has 1 sentences, gold.conll has 3", "every gold sentence needs a prediction"],
    );
    bench.write(
        "other.conll",
        "Ann B-LOC O\nmet O O\nBo B-PER O\n\nin O O\nNew B-LOC O\nYork I-LOC O\n\nUN B-ORG O\nmet O O\n",
    );
    for line in [
        "eval ner --gold gold.conll --pred other.conll",
        "eval ner --pred perfect.conll --against other.conll",
    ] {
        let error = bench.refuse(line);
        assert_says(&error, &["line 1 of other.conll does not fit line 1 of", "\"B-LOC\" there", "help:"]);
    }
    assert_says(&bench.refuse("eval ner --pred gone.conll"), &["cannot read gone.conll", "No such file"]);
    assert_eq!(bench.run("eval ner --pred tags.conll --scheme iob1").code, Some(2));
    assert_eq!(bench.run("eval ner --gold gold.conll").code, Some(2));
}
