//! Errors about too little memory or too few threads, as under `ulimit -v`, and limits on work and numbers
//! that no machine, or not this one, can do.

use std::io::{self, Write};
use std::panic;
use std::process;

use electra_run::process::check_memory;

use crate::device::DeviceName;
use crate::failure::Failure;

/// The most steps or repetitions that anybody times.
pub const MAX_TIMED: usize = 1_000_000;

/// Refuses a number of `option` that is not from `least` to `most`.
///
/// # Errors
/// The option, what was found and the bounds.
pub fn within(option: &str, found: usize, least: usize, most: usize) -> Result<(), Failure> {
    if (least..=most).contains(&found) {
        return Ok(());
    }
    Err(Failure::new(format!("{option} {found}"), format!("give at least {least} and at most {most}")))
}

/// Refuses what `needs` more bytes than this process may have, before it dies of it half way. Of devices
/// with a memory of their own nothing is known.
///
/// # Errors
/// What it needs, and what there is.
pub fn memory(what: &str, needed: u64, device: DeviceName) -> Result<(), Failure> {
    if !matches!(device, DeviceName::Flex | DeviceName::Ndarray) {
        return Ok(());
    }
    check_memory(needed).map_err(|error| {
        let help = "lower the batch size (train.micro_batch_size, --batch-size), the length of sequences or the \
                    sizes of the model, or use a machine with more memory";
        Failure::new(format!("{what} {error}"), help)
    })
}

/// Installs the end of the process with a sentence and the exit code of an error.
pub fn exit_where_resources_run_out() {
    electra_kernels::on_out_of_memory(end_without_memory);
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
