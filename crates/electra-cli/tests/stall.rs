//! A run whose threads stand still says so, by the one thread that looks at it from beside.

mod workbench;

use std::fs;
use std::io::{BufRead, BufReader};
use std::ptr::null_mut;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use workbench::{Workbench, assert_says};

/// Half a minute without a step is told of; the rest is for a busy machine.
const PATIENCE: Duration = Duration::from_secs(75);

/// Stops every thread of a child but the watchdog, as a deadlock would, for as long as the calling thread
/// lives.
fn stop_all_but_the_watchdog(child: u32) {
    let mut stopped = 0;
    for task in fs::read_dir(format!("/proc/{child}/task")).expect("the child runs") {
        let task = task.unwrap();
        if fs::read_to_string(task.path().join("comm")).unwrap().trim() == "watchdog" {
            continue;
        }
        let thread: libc::pid_t = task.file_name().into_string().unwrap().parse().unwrap();
        for request in [libc::PTRACE_SEIZE, libc::PTRACE_INTERRUPT] {
            let none = null_mut::<libc::c_void>;
            // SAFETY: these requests read and write no memory of this process.
            let answer = unsafe { libc::ptrace(request, thread, none(), none()) };
            assert_eq!(answer, 0, "thread {thread}: {}", std::io::Error::last_os_error());
        }
        stopped += 1;
    }
    assert!(stopped > 1, "{stopped} threads");
}

#[test]
fn a_run_that_stands_still_says_at_which_step_and_for_how_long() {
    let bench = Workbench::with_data();
    // Wherever it is stopped, it is within a step: no evaluation and no checkpoint comes.
    let line = "pretrain recipe.toml --no-plan --display quiet --set train.steps=1000000 \
                --set evaluate.every_steps=1000000 --set checkpoint.every_steps=1000000 \
                --set train.batch_size=64 --run run --threads 2";
    let mut child = bench.start(line);
    bench.wait_for_step(&mut child, "run", 20);
    let stderr = BufReader::new(child.stderr.take().expect("a pipe"));
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        // Both ends when the child does.
        stderr.lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
    });
    let (release, released) = mpsc::channel::<()>();
    let pid = child.id();
    let start = Instant::now();
    let stopping = thread::spawn(move || {
        stop_all_but_the_watchdog(pid);
        // Until the sender is dropped.
        let _ = released.recv();
    });
    let told = lines.recv_timeout(PATIENCE);
    let waited = start.elapsed();
    child.kill().expect("the child can be ended");
    drop(release);
    stopping.join().expect("threads of a child can be stopped");
    child.wait().expect("the child has ended");
    let told = told.expect("it says that nothing moves");
    assert!(waited > Duration::from_secs(25), "after {waited:?}: {told}");
    assert_says(&told, &["nothing moves: training step ", "for 30 s", "usual are "]);
}
