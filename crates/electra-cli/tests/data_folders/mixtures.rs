//! Corpora from many kinds of files and runs on several folders, as a user has them.

use crate::workbench::{RECIPE, Workbench, assert_says, json};

const BUILD: &str = "data build --tokenizer tokenizer --seq-len 32 --heldout-fraction 0.1";

#[test]
fn a_run_on_two_folders_is_planned_logged_resumed_and_reported() {
    let bench = Workbench::with_data();
    bench.write("domain.txt", crate::workbench::corpus(30, 2));
    bench.succeed(&format!("{BUILD} --input domain.txt --out domain"));
    let sources = |paths: [&str; 2]| {
        let source = |path: &str| format!("[[data.sources]]\npath = \"{path}\"\nweight = 1\n");
        RECIPE.replace("path = \"data\"\n", "") + &paths.map(source).concat()
    };
    bench.write("mixture.toml", sources(["data", "domain"]));
    let planned = bench.succeed("plan mixture.toml --timed-steps 1").stdout;
    assert_says(
        &planned,
        &["source         data: 50.00 % of the rows, its ", "source         domain: 50.00 %"],
    );
    let trained = bench.succeed("pretrain mixture.toml --run run --no-plan --set train.steps=10");
    assert_says(&trained.stderr, &["source data: 50.00 % of the rows", " times in 10 steps"]);
    assert_says(&bench.read("run/report.html"), &["<h2>Sources</h2>", "50.00 %"]);
    let log = bench.read("run/metrics.jsonl");
    assert!(log.lines().filter(|line| json(line)["kind"] == "data").count() >= 2, "{log}");
    // Where the folders lie is no matter, what is in them is.
    std::fs::rename(bench.path("domain"), bench.path("elsewhere")).unwrap();
    bench.write("mixture.toml", sources(["data", "elsewhere"]));
    let ran = bench.succeed("pretrain mixture.toml --run run --no-plan --set train.steps=10");
    assert_says(&ran.stderr, &["all 10 steps are done already"]);
    bench.write("other.txt", crate::workbench::corpus(30, 3));
    bench.succeed(&format!("{BUILD} --input other.txt --out other"));
    bench.write("mixture.toml", sources(["data", "other"]));
    let error = bench.refuse("pretrain mixture.toml --run run --no-plan --set train.steps=10");
    assert_says(&error, &["run holds a run with other data", "another source 2 (hash "]);
    bench.succeed("data build --tokenizer tokenizer --seq-len 16 --input other.txt --out short");
    bench.write("mixture.toml", sources(["data", "short"]));
    let planned = bench.succeed("plan mixture.toml --timed-steps 1").stdout;
    assert_says(&planned, &["unknown: short has rows of 16 tokens, data of 32"]);
    let error = bench.refuse("pretrain mixture.toml --run second --no-plan");
    assert_says(&error, &["short has rows of 16 tokens, data of 32", "help: build one of them again"]);
    bench.write("mixture.toml", sources(["data", "data"]).replacen("\nweight = 1", "\nweight = -1", 1));
    let error = bench.refuse("pretrain mixture.toml --run second --no-plan");
    assert_says(&error, &["`data.sources.0.weight` is -1", "mixture.toml:", "help: expected 0"]);
}

#[test]
fn standard_input_and_files_without_an_ending_need_a_kind() {
    let bench = Workbench::with_data();
    let text = bench.read("corpus.txt");
    let error = bench.refuse(&format!("{BUILD} --input - --out piped"));
    assert_says(&error, &["cannot tell what - holds", "help: say what standard input holds with `--kind`"]);
    let ran = bench.feed(&format!("{BUILD} --input - --kind text --out piped --json"), &text).json();
    let manifest = json(&bench.read("data/manifest.json"));
    assert_eq!(ran["manifest"]["data_hash"], manifest["data_hash"]);
    assert_eq!(ran["manifest"]["inputs"][0]["file"], "standard-input");
    let again = bench.feed(&format!("{BUILD} --input - --kind text --out piped --json"), &text).json();
    assert_eq!(again["built_before"], true);
    bench.write("part-00000", &text);
    let error = bench.refuse(&format!("{BUILD} --input part-00000 --out named"));
    assert_says(&error, &["cannot tell what part-00000 holds", "--kind"]);
    let ran = bench.succeed(&format!("{BUILD} --input part-00000 --kind text --out named --json")).json();
    assert_eq!(ran["manifest"]["data_hash"], manifest["data_hash"]);
}

#[test]
fn duplicates_are_left_out_where_that_is_asked_for_and_said() {
    let bench = Workbench::with_data();
    bench.write("twice.txt", bench.read("corpus.txt").repeat(2));
    let unique = bench.succeed(&format!("{BUILD} --input twice.txt --deduplicate --out unique"));
    assert_says(&unique.stdout, &["left out 120 documents, ", "with a similarity of at least 0.8"]);
    assert_says(&bench.succeed("data inspect unique").stdout, &["left out 120 documents"]);
    let manifest = json(&bench.read("unique/manifest.json"));
    assert_eq!(manifest["settings"]["deduplicate"]["threshold"], 0.8);
    assert_eq!(manifest["duplicates"]["documents"], 120);
    // Without it nothing is said of duplicates, and a manifest has the keys that it had.
    let plain = json(&bench.read("data/manifest.json"));
    assert!(plain.get("duplicates").is_none(), "{plain}");
    let settings = ["block_bytes", "documents", "heldout", "lossy", "pack", "text_field"];
    assert_eq!(crate::workbench::keys(&plain["settings"]), settings);
    let error = bench.refuse(&format!("{BUILD} --input twice.txt --deduplicate 0.3 --out refused"));
    assert_says(&error, &["a threshold of 0.3 for near duplicates", "help: give --deduplicate a similarity"]);
}
