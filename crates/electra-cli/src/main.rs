//! `electra`: pretrains ELECTRA from scratch and uses what it learned.

// Files are written by electra-files alone.
#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

// First: its macros stand for those of the standard library in all that follows.
#[macro_use]
mod output;

mod commands;
mod device;
mod failure;
mod gemm_peak;
mod hub;
mod limits;
mod ranks;
mod watch;
mod watchdog;

use std::process::ExitCode;

use electra_kernels::CacheLineAllocator;

#[global_allocator]
static MEMORY: CacheLineAllocator = CacheLineAllocator;

fn main() -> ExitCode {
    // Activations come and go with every step; returned to the system, they would cost page faults.
    electra_kernels::keep_freed_memory();
    electra_kernels::keep_kernels_in(device::kernel_cache());
    limits::exit_where_resources_run_out();
    failure::set_error_style();
    let arguments = match commands::parse() {
        Ok(arguments) => arguments,
        Err(error) => return failure::usage(error),
    };
    let end = commands::end_with_driver()
        .and_then(|()| watchdog::start().map_err(failure::Failure::of_system))
        .and_then(|()| commands::run(arguments.command));
    match end {
        Ok(code) => code,
        Err(failure) => failure.report(),
    }
}
