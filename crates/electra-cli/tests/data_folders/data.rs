//! `electra data` on text that is not what its defaults expect, end to end: what is said, what is
//! counted, and which options help.

use crate::workbench::{Workbench, assert_says};
use serde_json::{Value, json};

/// Unspaced reads, a fifth of them longer than a hundred letters but with most of the letters.
fn reads() -> String {
    let mut state = 1u64;
    let mut letter = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ['a', 'c', 'g', 't'][(state >> 33) as usize % 4]
    };
    let mut read =
        |n: usize| -> String { (0..if n.is_multiple_of(5) { 160 } else { 4 }).map(|_| letter()).collect() };
    (0..500).map(|n| read(n) + "\n").collect()
}

#[test]
fn long_words_are_told_by_their_characters_and_an_option_learns_them() {
    let bench = Workbench::new();
    bench.write("reads.txt", reads());
    let train = "data tokenizer --input reads.txt --documents line --vocab-size 40";
    let ran = bench.succeed(&format!("{train} --out short"));
    assert_says(
        &ran.stdout,
        &["unknown 20.0 % of the words and 90.9 % of the characters", "longer than 100 characters"],
    );
    assert_says(
        &ran.stderr,
        &["warning: 20.0 % of the words and 90.9 % of the characters of the text", "--max-word-length"],
    );
    let build = "data build --input reads.txt --documents line --seq-len 32 --heldout-fraction 0.1";
    let ran = bench.succeed(&format!("{build} --tokenizer short --out data"));
    assert_says(&ran.stdout, &["unknown: ", "% of the characters"]);
    assert_says(&ran.stderr, &["of the training text are unknown"]);
    let inspected = bench.succeed("data inspect data --json").json();
    let share = inspected["statistics"][0]["unknown_character_rate"].as_f64().unwrap();
    assert!((0.89..0.93).contains(&share), "{share}");
    assert!(inspected["warnings"].to_string().contains("of the training text are unknown"), "{inspected}");
    assert_says(&bench.succeed("data inspect data").stdout, &["  unknown: ", "% of the characters"]);

    let ran = bench.succeed(&format!("{train} --max-word-length 160 --out long --json"));
    assert!(!ran.stderr.contains("warning"), "{}", ran.stderr);
    let trained = ran.json();
    assert_eq!((&trained["unknown_character_rate"], &trained["warnings"]), (&json!(0.0), &json!([])));
    let model: Value = serde_json::from_str(&bench.read("long/tokenizer.json")).unwrap();
    assert_eq!(model["model"]["max_input_chars_per_word"], 160);
    let ran = bench.succeed(&format!("{build} --tokenizer long --out long-data --json"));
    assert_eq!(ran.json()["manifest"]["train"]["coverage"]["unknown_words"], 0);

    bench.write("all-long.txt", "acgt".repeat(50));
    let error = bench.refuse("data tokenizer --input all-long.txt --vocab-size 40 --out none");
    assert_says(&error, &["nothing can be learned", "help: raise --max-word-length", "200 characters"]);
}

#[test]
fn accents_that_are_dropped_are_told_and_can_be_kept() {
    let bench = Workbench::new();
    bench.write("text.txt", "який це йод, née à la carte 한국\n\nще їх є тут\n\n".repeat(40));
    let ran = bench.succeed("data tokenizer --input text.txt --vocab-size 60 --out dropped");
    assert_says(
        &ran.stderr,
        &[
            "warning: ",
            "of the characters lose their accents",
            "Hangul that falls into jamo",
            "--keep-accents",
        ],
    );
    let build = "data build --input text.txt --seq-len 16 --heldout-fraction 0";
    let ran = bench.succeed(&format!("{build} --tokenizer dropped --out dropped-data"));
    assert_says(&ran.stderr, &["lose their accents"]);
    assert_says(&ran.stdout, &["accents: "]);

    let ran = bench.succeed("data tokenizer --input text.txt --vocab-size 60 --keep-accents --out kept");
    assert_eq!(ran.stderr.matches("warning").count(), 0, "{}", ran.stderr);
    let ran = bench.succeed(&format!("{build} --tokenizer kept --out kept-data"));
    assert!(!ran.stderr.contains("accents"), "{}", ran.stderr);
    assert_says(&bench.succeed("data inspect kept-data").stdout, &["60 pieces, uncased with accents"]);
    let config: Value = serde_json::from_str(&bench.read("kept/tokenizer_config.json")).unwrap();
    assert_eq!((&config["do_lower_case"], &config["strip_accents"]), (&json!(true), &json!(false)));
    let normalizer: Value = serde_json::from_str(&bench.read("kept/tokenizer.json")).unwrap();
    assert_eq!(normalizer["normalizer"]["strip_accents"], false);

    // A bare vocabulary does not tell; files that tell otherwise are not overruled.
    let ran = bench.succeed(&format!("{build} --tokenizer kept/vocab.txt --keep-accents --out bare --json"));
    let hash = |folder: &str| {
        bench.succeed(&format!("data inspect {folder} --json")).json()["manifest"]["tokenizer"]["hash"]
            .clone()
    };
    assert_eq!(ran.json()["manifest"]["tokenizer"]["hash"], hash("kept-data"));
    let error = bench.refuse(&format!("{build} --tokenizer dropped --keep-accents --out no"));
    assert_says(&error, &["dropped drops accents", "help: leave --keep-accents out"]);
}

#[test]
fn lines_can_be_documents_and_a_corpus_that_looks_so_is_told() {
    let bench = Workbench::with_data();
    let corpus = bench.read("corpus.txt");
    let lines: Vec<&str> = corpus.lines().filter(|line| !line.is_empty()).collect();
    let line = |n: usize| lines[n % lines.len()];
    let text: String = (0..2500).map(|n| format!("{} {}\n", line(n), line(n * 7 + n / 300))).collect();
    bench.write("lines.txt", &text);
    let build = "data build --input lines.txt --tokenizer tokenizer --seq-len 32";
    let ran = bench.succeed(&format!("{build} --heldout-fraction 0 --out blank"));
    assert_says(&ran.stderr, &["warning: only 1 document in", "use --documents line"]);
    // Documents of another file make these no shorter.
    bench.write("eval.txt", lines[..20].join("\n\n"));
    let ran = bench.succeed(&format!("{build} --heldout eval.txt --out beside"));
    assert_says(&ran.stderr, &["warning: only 1 document in", "of training text", "use --documents line"]);
    let ran = bench.succeed(&format!("{build} --documents line --heldout-fraction 0.05 --out line"));
    assert!(!ran.stderr.contains("warning"), "{}", ran.stderr);
    assert_says(&bench.read("line/manifest.json"), &["\"documents\": \"line\""]);

    let words = "bagu ".repeat(20_000);
    bench.write("uneven.txt", format!("{words}\n\n{}", lines[..16].join("\n\n")));
    let ran = bench.succeed("data build --input uneven.txt --tokenizer tokenizer --seq-len 32 --out uneven");
    assert_says(&ran.stderr, &["of the text is held out where 1.0 % was asked for: 1 of 17 documents"]);
}

#[test]
fn documents_of_the_held_out_files_are_not_trained_on() {
    let bench = Workbench::with_data();
    let text = bench.read("corpus.txt");
    let documents: Vec<&str> = text.split("\n\n").filter(|document| !document.trim().is_empty()).collect();
    bench.write("eval.txt", documents[..20].join("\n\n"));
    let build = "data build --input corpus.txt --heldout eval.txt --tokenizer tokenizer --seq-len 32";
    let ran = bench.succeed(&format!("{build} --out leaky"));
    assert_says(
        &ran.stdout,
        &["left out 20 documents of --input that the held-out files have too", "from 100 documents"],
    );
    let manifest = bench.succeed("data inspect leaky --json").json()["manifest"].clone();
    assert_eq!((&manifest["left_out"], &manifest["train"]["documents"]), (&json!(20), &json!(100)));
    assert_says(&bench.succeed("data inspect leaky").stdout, &["left out 20 documents"]);
    // Copies that only look the same, with other ends of line; and what divides them is said to be missing.
    let copies =
        documents[..20].iter().map(|document| format!("\u{feff}{}", document.replace(' ', " \u{200b}")));
    bench.write(
        "copies.txt",
        [&documents[20..].join("\n\n"), "", &copies.collect::<Vec<_>>().join("\n\n")]
            .join("\n")
            .replace('\n', "\r"),
    );
    let ran =
        bench.succeed(&build.replace("corpus.txt", "copies.txt").replace("build ", "build --out copies "));
    assert_says(&ran.stdout, &["left out 20 documents of --input", "from 100 documents"]);
    bench.write("same.txt", documents[..20].join("\n\n\n"));
    let error =
        bench.refuse("data build --input same.txt --heldout eval.txt --tokenizer tokenizer --out none");
    assert_says(
        &error,
        &["all 20 document(s) of the input are in the held-out files", "help: give --input other documents"],
    );
}

#[test]
fn records_that_no_text_can_be_had_of_are_passed_over_and_counted() {
    let bench = Workbench::with_data();
    let text = bench.read("corpus.txt");
    let mut lines: Vec<String> = text
        .split("\n\n")
        .filter(|document| !document.trim().is_empty())
        .map(|document| json!({ "text": document }).to_string())
        .collect();
    lines[3] = lines[3].replace("{\"text\"", "{\"score\": NaN, \"odd\": \"\\ud83d\", \"text\"");
    bench.write("good.jsonl", lines.join("\n"));
    lines.insert(1, "{\"text\": \"bagu \\ud83d zufo\"}".to_owned());
    bench.write("surrogate.jsonl", lines.join("\n"));
    lines.insert(5, "{\"body\": 1}".to_owned());
    lines.insert(6, format!("\"{}\"", "x".repeat(6000)));
    bench.write("bad.jsonl", lines.join("\n"));
    let build = |file: &str, options: &str| {
        format!(
            "data build --input {file} --tokenizer tokenizer --seq-len 32 --heldout-fraction 0.1 --force --out out {options}"
        )
    };
    bench.succeed(&build("good.jsonl", ""));
    bench.write("null.jsonl", format!("{{\"text\": null}}\n{}", bench.read("good.jsonl")));
    let ran = bench.succeed(&build("null.jsonl", ""));
    assert_says(&ran.stdout, &["1 record passed over: 1 without text"]);
    let error = bench.refuse(&build("surrogate.jsonl", ""));
    assert_says(
        &error,
        &["line 2 of surrogate.jsonl", "half of a character at character 16", "help: go on with `--lossy`"],
    );
    let ran = bench.succeed(&build("surrogate.jsonl", "--lossy"));
    assert_says(&ran.stdout, &["lossy   1 sequences of bytes were not UTF-8, or halves of characters"]);
    let error = bench.refuse(&build("bad.jsonl", "--lossy"));
    assert_says(
        &error,
        &["line 6 of bad.jsonl has no field \"text\", it has \"body\"", "--skip-bad-records"],
    );
    let ran = bench.succeed(&build("bad.jsonl", "--skip-bad-records"));
    assert_says(
        &ran.stdout,
        &["skipped 3 records passed over: 1 no JSON object, 1 without text, 1 not Unicode"],
    );
    let skipped = json!({"malformed": 1, "without_text": 1, "not_unicode": 1, "too_long": 0});
    assert_eq!(bench.succeed("data inspect out --json").json()["manifest"]["skipped"], skipped);
    let ran = bench
        .succeed("data tokenizer --input bad.jsonl --vocab-size 200 --skip-bad-records --json --out words");
    assert_eq!(ran.json()["skipped"], skipped);
    // A line that is one long string is not shown whole.
    bench.write("strings.jsonl", format!("{}\n\"{}\"\n", lines[0], "x".repeat(6000)));
    let error = bench.refuse(&build("strings.jsonl", ""));
    assert!(error.len() < 600 && error.contains("line 2 of"), "{error}");
}
