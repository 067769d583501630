//! Tests of limits of the system around a command: memory, names of files, terminals.

#![cfg(unix)]

mod workbench;

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::process::{Command, Stdio};

use workbench::{Ran, Workbench, assert_says, labelled};

/// A name that no text can hold.
fn odd_name() -> &'static OsStr {
    OsStr::from_bytes(b"caf\xE9")
}

/// Runs a command with the words of `line` as arguments, the odd name in place of each `@`.
fn run_odd(bench: &Workbench, line: &str) -> Ran {
    let mut command = bench.command("");
    for word in line.split(' ') {
        let mut argument = OsString::new();
        for (number, part) in word.split('@').enumerate() {
            if number > 0 {
                argument.push(odd_name());
            }
            argument.push(part);
        }
        command.arg(argument);
    }
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ran { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
}

/// No name in the folder, or below it, has a character that stands for bytes that were lost.
fn assert_no_lossy_name(folder: &std::path::Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name();
        assert!(name.to_str().is_none_or(|name| !name.contains('\u{fffd}')), "{name:?}");
        if entry.path().is_dir() {
            assert_no_lossy_name(&entry.path());
        }
    }
}

#[test]
fn names_that_are_not_utf_8_work_or_are_named() {
    let bench = Workbench::with_data();
    let odd = |rest: &str| {
        let mut name = odd_name().to_owned();
        name.push(rest);
        bench.path("").join(name)
    };
    fs::copy(bench.path("corpus.txt"), odd(".txt")).unwrap();
    fs::copy(bench.path("recipe.toml"), odd(".toml")).unwrap();
    bench.write("a.conll", labelled(0..20));
    fs::copy(bench.path("a.conll"), odd(".conll")).unwrap();
    let works = |line: &str| {
        let ran = run_odd(&bench, line);
        assert_eq!(ran.code, Some(0), "{line}\n{}", ran.stderr);
    };
    works("data tokenizer --input @.txt --vocab-size 200 --out @-words");
    works("data build --input @.txt --tokenizer @-words --seq-len 32 --heldout-fraction 0.1 --out @-data");
    works("data verify @-data");
    works("pretrain @.toml --no-plan --set train.steps=3 --set schedule.warmup_steps=1 --run @-run");
    works("detect --model @-run text");
    works("report @-run");
    works("export hf @-run --out @-exported");
    works("check ner --train @.conll");
    let finetune = "--train @.conll --dev a.conll --set train.epochs=1 --set input.window=32 --model @-run";
    works(&format!("finetune ner {finetune} --out out"));
    fs::rename(bench.path("out/best"), odd("-best")).unwrap();
    works("predict --model @-best @.txt --out @.tags");
    assert!(odd(".tags").is_file());
    let named = |line: &str, code: i32| {
        let ran = run_odd(&bench, line);
        assert_eq!(ran.code, Some(code), "{line}\n{}", ran.stderr);
        assert_says(&ran.stderr, &["\\xE9", "not UTF-8"]);
        assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
    };
    named(&format!("finetune ner {finetune} --out @-out"), 1);
    named("data build --input a.txt --tokenizer tokenizer --out @-data --json", 1);
    named("pretrain recipe.toml --set name=@", 2);
    named("pretrain recipe.toml --set @", 2);
    named("finetune ner --model scratch:@ --train a.conll --dev a.conll", 2);
    assert_no_lossy_name(&bench.path(""));
}

/// `electra` with the words of `line`, and so many kilobytes of address space.
fn run_within(bench: &Workbench, line: &str, kilobytes: u64) -> Ran {
    let electra = bench.command(line);
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("ulimit -v {kilobytes}; exec \"$0\" \"$@\"")]);
    shell.arg(electra.get_program()).args(electra.get_args());
    shell.current_dir(bench.path("")).env("NO_COLOR", "1");
    Ran::of(&shell.output().unwrap())
}

#[test]
fn a_limit_on_memory_ends_in_a_sentence() {
    let bench = Workbench::new();
    // Held in memory as words and tags: more than any of the limits.
    bench.write("large.conll", labelled(0..200).repeat(6000));
    let mut refused = 0;
    for megabytes in [250, 260, 270] {
        let ran = run_within(&bench, "check ner --train large.conll", megabytes * 1_000);
        assert_eq!(ran.code, Some(1), "{megabytes} MB: {}", ran.stderr);
        assert!(ran.stderr.contains("help: "), "{megabytes} MB: {}", ran.stderr);
        assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
        refused += usize::from(ran.stderr.contains("no memory is left: the system refused"));
    }
    assert!(refused > 0, "another sentence each time");
    // What needs little has enough.
    let ran = run_within(&bench, "--version", 300_000);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
}

#[test]
fn a_quiet_run_says_nothing_but_its_results() {
    let bench = Workbench::with_data();
    let ran = bench.succeed("pretrain recipe.toml --set train.steps=5 --display quiet --run run");
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", ""));
    let ran = bench.succeed("pretrain recipe.toml --set train.steps=5 --display quiet --run run");
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", ""));
    bench.write("a.conll", labelled(0..20));
    let ran = bench.succeed(
        "finetune ner --model run --train a.conll --dev a.conll --set train.epochs=1 --out out --display quiet",
    );
    assert_says(&ran.stdout, &["best: seed 1"]);
    assert_eq!(ran.stderr, "");
    // An error is said all the same.
    let error = bench.refuse("pretrain gone.toml --display quiet");
    assert_says(&error, &["gone.toml"]);
}

/// The output of `electra` with the words of `line` on a terminal of this kind; `None` where the machine
/// cannot pretend to be one.
fn on_terminal(bench: &Workbench, line: &str, term: &str, no_color: bool) -> Option<String> {
    let electra = bench.command(line);
    let program = electra.get_program().to_str().unwrap();
    let mut script = Command::new("script");
    script.args(["-qec", &format!("'{program}' {line}"), "/dev/null"]);
    script
        .current_dir(bench.path(""))
        .env("TERM", term)
        .env("CI", "true")
        .env_remove("NO_COLOR")
        .stdin(Stdio::null());
    if no_color {
        script.env("NO_COLOR", "1");
    }
    let output = script.output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn a_terminal_that_knows_no_escapes_gets_none_and_no_colours_where_nobody_wants_them() {
    let bench = Workbench::with_data();
    bench.succeed(
        "pretrain recipe.toml --no-plan --set train.steps=3 --set schedule.warmup_steps=1 --run run",
    );
    for (line, is_coloured) in [
        ("predict --model gone corpus.txt", true),
        ("pretrain recipe.toml --set train.steps=many", true),
        ("detect --model run text", true),
        // A bar that is not drawn before the work is done leaves nothing.
        ("data tokenizer --input corpus.txt --vocab-size 200 --force --out tokenizer", false),
        ("data build --help", true),
    ] {
        let Some(on_dumb) = on_terminal(&bench, line, "dumb", false) else { return };
        assert!(!on_dumb.contains('\x1b') && !on_dumb.is_empty(), "{line}: {on_dumb:?}");
        let plain = on_terminal(&bench, line, "xterm-256color", true).unwrap();
        // A bar moves the cursor, which is no colour.
        assert!(!plain.contains("\x1b[3") && !plain.contains("\x1b[4"), "{line}: {plain:?}");
        let coloured = on_terminal(&bench, line, "xterm-256color", false).unwrap();
        assert!(!is_coloured || coloured.contains('\x1b'), "{line}: {coloured:?}");
    }
}
