//! Readers that go away, as `head` does: every command ends quietly, and a training run saves first.

mod workbench;

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use workbench::{Ran, Workbench, assert_says};

/// The exit status that a shell shows for a program ended by SIGPIPE.
const CLOSED_PIPE: Option<i32> = Some(141);

/// A pipe that nobody reads from.
fn closed() -> Stdio {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    writer.into()
}

/// Runs a command with its standard output into a closed pipe.
fn into_closed_pipe(bench: &Workbench, line: &str) -> Output {
    bench.command(line).stdout(closed()).stderr(Stdio::piped()).output().expect("the binary runs")
}

#[test]
fn commands_that_print_end_quietly_when_nobody_reads() {
    let bench = Workbench::with_data();
    bench.write("train.conll", "Ada\tB-PER\nspoke\tO\n");
    bench.write("predictions.conll", "Ada B-PER B-PER\nspoke O O\n");
    bench.succeed(
        "pretrain recipe.toml --no-plan --set train.steps=3 --set schedule.warmup_steps=1 --run run",
    );
    for line in [
        "completions bash",
        "data inspect data",
        "data inspect data --json",
        "data verify data",
        "data build --input corpus.txt --tokenizer tokenizer --seq-len 32 --heldout-fraction 0.1 --out data",
        "plan recipe.toml --json --timed-steps 1",
        "bench step recipe.toml --json --steps 1",
        "detect --json --model run bagu",
        "detect --model run bagu",
        "report run",
        "export hf run --out exported",
        "doctor --json",
        "check ner train.conll",
        "check ner train.conll --json",
        "eval ner --pred predictions.conll --resamples 50",
        "eval ner --pred predictions.conll --against predictions.conll --resamples 50",
    ] {
        let ran = Ran::of(&into_closed_pipe(&bench, line));
        assert_eq!(ran.code, CLOSED_PIPE, "electra {line}\n{}", ran.stderr);
        assert_eq!(ran.stderr, "", "electra {line}");
    }
    // clap prints help by itself.
    let ran = Ran::of(&into_closed_pipe(&bench, "--help"));
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
}

#[test]
fn errors_that_nobody_reads_are_no_panics() {
    let bench = Workbench::new();
    let status = bench.command("pretrain gone.toml").stderr(closed()).status().unwrap();
    assert_eq!(status.code(), CLOSED_PIPE);
}

#[test]
fn a_run_whose_lines_nobody_reads_saves_and_goes_on_with_the_same_command() {
    let bench = Workbench::with_data();
    let command = "pretrain recipe.toml --run run --no-plan --set train.steps=100000 --set log.every_steps=1";
    let mut child = bench.start(command);
    // As `2>&1 | head -3` does it.
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let first: Vec<String> = lines.by_ref().take(3).map(Result::unwrap).collect();
    assert_says(&first[0], &["training 100,000 steps"]);
    drop(lines);
    let mut out = String::new();
    child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    assert_eq!((child.wait().unwrap().code(), out.as_str()), (Some(75), ""));
    let end = bench.metrics("run").pop().unwrap();
    assert_eq!(end["kind"], "end");
    let stopped = end["step"].as_u64().unwrap();
    assert!((1..100_000).contains(&stopped));
    assert!(bench.path(&format!("run/checkpoints/step-{stopped:010}/manifest.json")).exists());

    let mut child = bench.start(command);
    bench.wait_for_step(&mut child, "run", stopped + 1);
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_disk_without_room_for_the_output_is_told_of() {
    if !Path::new("/dev/full").exists() {
        return;
    }
    let bench = Workbench::new();
    bench.write("train.conll", "Ada\tB-PER\nspoke\tO\n");
    bench.write("predictions.conll", "Ada B-PER B-PER\nspoke O O\n");
    for line in
        ["completions bash", "check ner train.conll", "eval ner --pred predictions.conll --resamples 50"]
    {
        let full = std::fs::File::create("/dev/full").unwrap();
        let mut command: Command = bench.command(line);
        let ran = Ran::of(&command.stdout(full).stderr(Stdio::piped()).output().unwrap());
        assert_eq!(ran.code, Some(1), "electra {line}\n{}", ran.stderr);
        assert_says(&ran.stderr, &["cannot write to standard output", "No space left"]);
        assert!(!ran.stderr.contains("panicked"), "electra {line}\n{}", ran.stderr);
    }
}

/// Macros of the standard library that panic where nobody reads.
const PRINTING: [&str; 5] = ["print", "println", "eprint", "eprintln", "dbg"];

/// Rust files below a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = |path: PathBuf| if path.is_dir() { sources(&path) } else { vec![path] };
    let mut files: Vec<PathBuf> = entries.flat_map(files).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "rs"));
    files
}

#[test]
fn no_command_prints_by_a_macro_of_the_standard_library() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let output = std::fs::read_to_string(folder.join("output.rs")).unwrap();
    let is_ours = |name: &str| output.contains(&format!("macro_rules! {name} {{"));
    let files = sources(&folder);
    assert!(files.len() > 30, "{files:?}");
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        for name in PRINTING {
            let call = format!("{name}!");
            let mut calls = text.match_indices(&call).filter(|(at, _)| {
                let before = text[..*at].chars().next_back().unwrap_or(' ');
                !before.is_alphanumeric() && !matches!(before, '_' | '`')
            });
            let other = calls.find(|(at, _)| !is_ours(name) || text[..*at].ends_with("::"));
            assert!(other.is_none(), "{} calls {call}, which panics on a closed pipe", path.display());
        }
    }
}
