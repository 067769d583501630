//! Locks and signals between real processes: a test starts this test program again as its child.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use electra_run::interrupt::Interrupt;
use electra_run::lock::Lock;
use rustix::process::{Pid, Signal, kill_process};

/// Tells a child which part to play.
const ROLE: &str = "ELECTRA_RUN_TEST_CHILD";

/// Starts the test `name` of this program with `argument` in its environment.
fn start(name: &str, argument: &str) -> (Child, BufReader<ChildStdout>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(ROLE, argument)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    (child, output)
}

/// Reads until the child has said `word`.
fn hear(output: &mut BufReader<ChildStdout>, word: &str) {
    let mut said = String::new();
    while !said.contains(word) {
        assert_ne!(output.read_line(&mut said).unwrap(), 0, "the child ended and said only {said:?}");
    }
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

#[test]
fn a_killed_process_frees_its_lock() {
    if let Ok(path) = std::env::var(ROLE) {
        let _lock = Lock::acquire(Path::new(&path)).unwrap();
        println!("locked");
        let _ = std::io::stdin().read(&mut [0]);
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lock");
    let (mut child, mut output) = start("a_killed_process_frees_its_lock", path.to_str().unwrap());
    hear(&mut output, "locked");
    let error = Lock::acquire(&path).unwrap_err().to_string();
    assert!(error.contains(&format!("process {} on ", child.id())), "{error}");
    signal(&child, Signal::KILL);
    child.wait().unwrap();
    Lock::acquire(&path).unwrap();
}

#[test]
fn the_first_signal_asks_and_the_second_ends() {
    if std::env::var(ROLE).is_ok() {
        let interrupt = Interrupt::listen().unwrap();
        println!("listening");
        while !interrupt.is_requested() {
            std::thread::yield_now();
        }
        println!("asked by {}", interrupt.reason().unwrap());
        // The second signal ends this process here; a missing one lets it end with success.
        let _ = std::io::stdin().read(&mut [0]);
        return;
    }
    for (first, name, second) in [
        (Signal::TERM, "SIGTERM", Signal::INT),
        (Signal::INT, "SIGINT", Signal::TERM),
        (Signal::INT, "SIGINT", Signal::INT),
    ] {
        let (mut child, mut output) = start("the_first_signal_asks_and_the_second_ends", "");
        hear(&mut output, "listening");
        signal(&child, first);
        hear(&mut output, &format!("asked by {name}"));
        assert_eq!(child.try_wait().unwrap(), None, "the first signal ended the process");
        signal(&child, second);
        assert_eq!(child.wait().unwrap().signal(), Some(second.as_raw()));
    }
}
