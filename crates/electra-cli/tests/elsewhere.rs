//! Folders of others: what their links name stays as it is, and no name of theirs is a command.

mod workbench;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use electra_ner::Decoding;
use workbench::{RECIPE, Ran, Workbench, assert_says, corpus, labelled};

const PRETRAIN: &str = "pretrain recipe.toml --run run --no-plan --threads 1";

/// A bench with a finished run in `run`, and a file that nobody names.
fn bench_with_run() -> Workbench {
    let bench = Workbench::new();
    bench.write("corpus.txt", corpus(40, 1));
    bench.write("victim", "mine");
    bench.succeed("data tokenizer --input corpus.txt --vocab-size 100 --out tokenizer");
    bench.succeed(
        "data build --input corpus.txt --tokenizer tokenizer --seq-len 32 --heldout-fraction 0.1 --out data",
    );
    let recipe = RECIPE.replace("vocab_size = 256", "vocab_size = 100").replace("steps = 60", "steps = 5");
    bench.write("recipe.toml", recipe);
    bench.succeed(PRETRAIN);
    bench
}

/// Puts a link to `victim` at `name`, in the place of what stands there.
fn lead(bench: &Workbench, name: &str, victim: &str) {
    let path = bench.path(name);
    if path.is_dir() {
        fs::remove_dir_all(&path).unwrap();
    } else {
        let _ = fs::remove_file(&path);
    }
    symlink(bench.path(victim), path).unwrap();
}

#[test]
fn the_links_of_a_run_folder_are_not_followed() {
    let bench = bench_with_run();
    bench.copy("run", "whole");
    // Names under which earlier versions wrote.
    for name in ["report.html", "model.safetensors", "model.json", "metrics.jsonl", "recipe.toml", "run.json"]
    {
        lead(&bench, &format!("run/{name}.tmp"), "victim");
    }
    lead(&bench, "run/report.html", "victim");
    lead(&bench, "run/checkpoints/best.json.tmp", "victim");
    lead(&bench, "run/tokenizer/vocab.txt.tmp", "victim");
    bench.succeed("report run");
    assert_eq!(bench.read("victim"), "mine");
    assert!(bench.read("run/report.html").contains("<svg"));
    lead(&bench, "run/model.safetensors", "victim");
    fs::remove_file(bench.path("run/metrics.jsonl")).unwrap();
    bench.run(PRETRAIN);
    assert_eq!(bench.read("victim"), "mine");

    // What is added to, and what is written below a folder: nothing goes there, and a sentence says why.
    fs::create_dir(bench.path("away")).unwrap();
    for (name, victim) in [
        ("lock", "victim"),
        ("metrics.jsonl", "victim"),
        ("checkpoints", "away"),
        ("tokenizer", "away"),
        ("tensorboard", "away"),
    ] {
        fs::remove_dir_all(bench.path("run")).unwrap();
        bench.copy("whole", "run");
        lead(&bench, &format!("run/{name}"), victim);
        if ["metrics.jsonl", "tensorboard"].contains(&name) {
            // Where there is something left to do.
            fs::remove_file(bench.path("run/model.safetensors")).unwrap();
            fs::remove_dir_all(bench.path("run/checkpoints")).unwrap();
        }
        // Without events for TensorBoard a run goes on.
        let (error, help) = match name {
            "tensorboard" => (bench.succeed(PRETRAIN).stderr, "metrics.jsonl is complete"),
            _ => (bench.refuse(PRETRAIN), "help: "),
        };
        assert_says(&error, &[&format!("run/{name}"), "a symbolic link", help]);
        assert_eq!(bench.read("victim"), "mine", "{name}");
        assert!(bench.names("away").is_empty(), "{name}");
    }
    // A second name is as good as a link.
    fs::remove_dir_all(bench.path("run")).unwrap();
    bench.copy("whole", "run");
    fs::remove_file(bench.path("run/lock")).unwrap();
    fs::hard_link(bench.path("victim"), bench.path("run/lock")).unwrap();
    assert_says(&bench.refuse(PRETRAIN), &["run/lock", "hard link", "help: "]);
    assert_eq!(bench.read("victim"), "mine");
}

#[test]
fn a_run_copies_the_files_of_its_tokenizer_and_nothing_else_that_lies_there() {
    let bench = bench_with_run();
    fs::remove_dir_all(bench.path("run")).unwrap();
    symlink(bench.path("victim"), bench.path("data/tokenizer/secret")).unwrap();
    let large = fs::File::create(bench.path("data/tokenizer/large")).unwrap();
    large.set_len(1 << 40).unwrap();
    bench.succeed(PRETRAIN);
    let expected = ["special_tokens_map.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt"];
    assert_eq!(bench.names("run/tokenizer"), expected);
}

#[test]
fn links_beside_an_output_are_not_followed() {
    let bench = Workbench::new();
    bench.write("corpus.txt", corpus(40, 1));
    bench.write("victim", "mine");
    let tokenizer = "data tokenizer --input corpus.txt --vocab-size 100 --out tokenizer";
    lead(&bench, ".tokenizer.building", "victim");
    bench.succeed(tokenizer);
    let build =
        "data build --input corpus.txt --tokenizer tokenizer --seq-len 32 --heldout-fraction 0.1 --out data";
    lead(&bench, ".data.building", "victim");
    lead(&bench, ".data.lock", "victim");
    assert_says(&bench.refuse(build), &[".data.lock", "a symbolic link", "help: "]);
    fs::remove_file(bench.path(".data.lock")).unwrap();
    bench.succeed(build);
    assert_eq!(bench.read("victim"), "mine");
    assert!(!bench.path(".data.building").is_symlink());
}

/// A tagger in `tagger` and a text in `in.txt`.
fn bench_with_tagger() -> Workbench {
    let (bench, _) = Workbench::with_tagger(100, 8, Decoding::Argmax);
    bench.write("in.txt", "Ada met Bo in Rome.\n");
    bench
}

#[test]
fn predictions_do_not_take_the_place_of_their_input_by_any_name() {
    let bench = bench_with_tagger();
    let text = bench.read("in.txt");
    fs::hard_link(bench.path("in.txt"), bench.path("second.txt")).unwrap();
    symlink("in.txt", bench.path("link.txt")).unwrap();
    for out in ["in.txt", "second.txt", "link.txt", "./in.txt", "tagger/../in.txt"] {
        let error = bench.refuse(&format!("predict --model tagger in.txt --out {out}"));
        assert_says(&error, &[&format!("--out {out} is the input itself"), "would be lost"]);
    }
    let shell = |line: &str| {
        let mut command = std::process::Command::new("bash");
        let program = bench.command("").get_program().to_owned();
        command.args(["-c", line, "bash"]).arg(program).current_dir(bench.path("."));
        Ran::of(&command.output().unwrap())
    };
    let ran = shell("\"$1\" predict --model tagger /proc/self/fd/3 --out second.txt 3<in.txt");
    assert_says(&ran.stderr, &["is the input itself"]);
    let ran = shell("\"$1\" predict --model tagger --out second.txt <in.txt");
    assert_says(&ran.stderr, &["is the input itself"]);
    for line in
        ["in.txt >> in.txt", "in.txt >> second.txt", "< in.txt >> in.txt", "/dev/stdin 0<in.txt 1<>in.txt"]
    {
        let ran = shell(&format!("\"$1\" predict --model tagger {line}"));
        assert_eq!(ran.code, Some(1), "{line}\n{}", ran.stderr);
        assert_says(&ran.stderr, &["standard output is the input itself", "would be lost"]);
    }
    assert_eq!(bench.read("in.txt"), text);

    // What is no file, or is open already, is written where it is.
    let expected = bench.succeed("predict --model tagger in.txt").stdout;
    for line in [
        "\"$1\" predict --model tagger in.txt --out /dev/stdout",
        "\"$1\" predict --model tagger in.txt --out /dev/stdout > open.txt && cat open.txt",
        "\"$1\" predict --model tagger in.txt --out /dev/fd/3 3>&1",
        "mkfifo pipe && (cat pipe & \"$1\" predict --model tagger in.txt --out pipe; wait)",
        "\"$1\" predict --model tagger in.txt --out /dev/null; cat found.txt 2>/dev/null; \"$1\" predict --model tagger in.txt",
    ] {
        let ran = shell(line);
        assert_eq!((ran.code, &ran.stdout), (Some(0), &expected), "{line}\n{}", ran.stderr);
    }
    // The user's own link stays, and what it names is written.
    bench.write("found.txt", "old");
    symlink("found.txt", bench.path("to-found.txt")).unwrap();
    bench.succeed("predict --model tagger in.txt --out to-found.txt");
    assert!(bench.path("to-found.txt").is_symlink());
    assert_eq!(bench.read("found.txt"), expected);
    let names = bench.names(".");
    assert!(!names.iter().any(|name| name.ends_with(".tmp")), "{names:?}");
}

/// Writes an experiment of two arms into `exp`.
fn with_experiment(bench: &Workbench) {
    fs::create_dir(bench.path("exp")).unwrap();
    bench.write(
        "exp/experiment.toml",
        "recipe_version = 1\nquestion = \"?\"\nprediction = \"?\"\nbase = \"../recipe.toml\"\nbase_arm = \"a\"\n\
         budget = \"steps\"\nmetric = \"rtd-auc\"\nseeds = \"1\"\n[[arm]]\nname = \"a\"\n[[arm]]\nname = \"b\"\n\
         set = { \"model.generator.width\" = 1.0 }\n",
    );
}

#[test]
fn the_links_among_the_runs_of_an_experiment_are_not_followed() {
    let bench = bench_with_run();
    with_experiment(&bench);
    fs::create_dir(bench.path("away")).unwrap();
    fs::create_dir(bench.path("o")).unwrap();
    let command = "ablate exp/experiment.toml --out o --threads 1 --seeds 1";
    for name in ["runs", "logs"] {
        lead(&bench, &format!("o/{name}"), "away");
        let ran = bench.run(command);
        assert_eq!(ran.code, Some(1), "{}", ran.stderr);
        assert_says(&ran.stderr, &["a symbolic link", "2 of 2 runs failed"]);
        assert!(bench.names("away").is_empty(), "{name}");
        fs::remove_file(bench.path(&format!("o/{name}"))).unwrap();
    }
    lead(&bench, "exp/results", "away");
    let ran = bench.run(command);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert_says(&ran.stderr, &["exp/results", "a symbolic link"]);
    assert!(bench.names("away").is_empty());

    // The runs of seeds.
    bench.write("train.conll", labelled(0..20));
    bench.write("dev.conll", labelled(100..105));
    lead(&bench, "o/seed-1", "away");
    fs::remove_dir_all(bench.path("o/runs")).unwrap();
    fs::remove_dir_all(bench.path("o/logs")).unwrap();
    let _ = fs::remove_file(bench.path("o/lock"));
    let error = bench.refuse("finetune ner --train train.conll --dev dev.conll --model run --out o --threads 1 --set input.window=32");
    assert_says(&error, &["o/seed-1", "a symbolic link", "--out"]);
    assert!(bench.names("away").is_empty());
}

#[test]
fn names_and_texts_of_others_are_no_commands() {
    let bench = Workbench::new();
    bench.write("corpus.txt", corpus(40, 1));
    // To a terminal: in the name of a file, in what a file says, in a line of a recipe that is shown.
    let sent =
        |said: &str| said.chars().filter(|c| c.is_control() && !matches!(c, '\n' | '\t')).collect::<String>();
    let odd = "a\x1b[2J\u{9b}31m\rb";
    let tokenizer = "data tokenizer --input corpus.txt --vocab-size 100 --out";
    let ran = bench.run_with(tokenizer, &[odd]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(sent(&ran.stdout), "", "{:?}", ran.stdout);
    assert_says(
        &ran.stdout,
        &[r"a\u{1b}[2J\u{9b}31m\rb: 100 pieces", r"--tokenizer $'a\033[2J\302\23331m\015b' --out"],
    );
    let ran = bench.run_with(tokenizer, &[odd]);
    assert_eq!((ran.code, sent(&ran.stderr).as_str()), (Some(1), ""), "{:?}", ran.stderr);
    assert_says(&ran.stderr, &[r"a\u{1b}[2J\u{9b}31m\rb holds a tokenizer already"]);
    bench.write("odd.toml", format!("seed = 1 # {odd}\nname = \x1b[2J\n"));
    let error = bench.refuse("pretrain odd.toml --run run");
    assert_eq!(sent(&error), "", "{error:?}");
    bench.write("odd.jsonl", "{\"text\": \"a\"}\n{\"\\u001b[2J\u{9b}\": 1}\n");
    let error = bench.refuse("data tokenizer --input odd.jsonl --vocab-size 100 --out t");
    assert_eq!(sent(&error), "", "{error:?}");

    let ran = bench.run_with("data inspect --shard", &[odd]);
    assert_eq!((ran.code, sent(&ran.stderr).as_str()), (Some(2), ""), "{:?}", ran.stderr);

    // To a shell: a name with the end of a line is refused, another one is one word.
    bench.write("recipe.toml", RECIPE.replace("vocab_size = 256", "vocab_size = 100"));
    bench.succeed(&format!("{tokenizer} tokenizer"));
    bench.succeed(
        "data build --input corpus.txt --tokenizer tokenizer --seq-len 32 --heldout-fraction 0.1 --out data",
    );
    with_experiment(&bench);
    let emit = "ablate exp/experiment.toml --emit slurm --threads 1 --out";
    for name in ["a\ntouch stolen\n", "a\rb", "\x1b[2J"] {
        let ran = bench.run_with(emit, &[name]);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""), "{}", ran.stderr);
        assert_says(&ran.stderr, &["control character", "help: "]);
    }
    let ran = bench.run_with(emit, &["it's $(touch stolen)"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    bench.write("array.sh", &ran.stdout);
    let mut bash = std::process::Command::new("bash");
    bash.arg("array.sh").current_dir(bench.path(".")).env("SLURM_ARRAY_TASK_ID", "99");
    bash.output().unwrap();
    assert!(!Path::new(&bench.path("stolen")).exists());
}
