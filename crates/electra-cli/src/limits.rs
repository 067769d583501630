//! What is said where the system gives no more memory or threads, as under `ulimit -v`.

use std::io::{self, Write};
use std::panic;
use std::process;

/// From now on the process ends with a sentence and the exit code of an error.
pub fn end_with_a_sentence() {
    electra_kernels::when_exhausted(end_without_memory);
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |panicked| {
        // The standard library panics where it cannot start a thread, on whatever thread wanted it.
        match panicked.payload_as_str() {
            Some(said) if said.contains("failed to spawn thread") => end_without_threads(),
            _ => usual(panicked),
        }
    }));
}

/// Needs no memory itself: what is written is put together on the stack of the standard library.
fn end_without_memory(bytes: usize) -> ! {
    let mut error = io::stderr().lock();
    let _ = writeln!(error, "  x no memory is left: the system refused {bytes} bytes more");
    let _ = writeln!(
        error,
        "  help: lower the batch size (train.micro_batch_size, --batch-size) or use fewer --threads, \
         or raise the limit (`ulimit -v` shows it)"
    );
    process::exit(1)
}

fn end_without_threads() -> ! {
    let mut error = io::stderr().lock();
    let _ = writeln!(error, "  x the system gives no more threads or no memory for them");
    let _ = writeln!(
        error,
        "  help: use fewer --threads, or raise the limit (`ulimit -u` and `ulimit -v` show it)"
    );
    process::exit(1)
}
