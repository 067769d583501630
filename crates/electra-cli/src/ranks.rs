//! The processes that a launcher has started together with this one.

use std::process::ExitCode;

use electra_pretrain::TrainError;
#[cfg(feature = "mpi")]
use electra_ranks::launcher::{SECONDS_TO_END, seconds_to_end};
use electra_ranks::launcher::{announced, announced_here, announced_rank};
use electra_ranks::{Communicator, OneProcess, RankError, Ranks};
#[cfg(feature = "mpi")]
use electra_ranks::{MpiError, MpiRanks};
use electra_run::interrupt::Interrupt;

use crate::failure::Failure;
use crate::output;

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The number of processes on this machine that share its cores.
pub fn processes_here() -> usize {
    if announced(variable).is_some() { announced_here(variable) } else { 1 }
}

/// The ranks of this process: those that a launcher has started with it, or it alone. Of several the first one alone
/// prints.
///
/// # Errors
/// If it was started with others, and was built for one process, or MPI does not know of the others.
pub fn join(interrupt: &Interrupt) -> Result<Box<dyn Ranks>, Failure> {
    match announced(variable) {
        Some(announced) => joined(announced, interrupt),
        None => Ok(Box::new(OneProcess)),
    }
}

#[cfg(feature = "mpi")]
fn joined(announced: (&'static str, usize), interrupt: &Interrupt) -> Result<Box<dyn Ranks>, Failure> {
    silence_others();
    let asked = interrupt.clone();
    let end = interrupt.clone();
    let joined = MpiRanks::join(announced, move || asked.is_requested(), move || end.request());
    let ranks = joined.map_err(|error| {
        let is_apart = matches!(error, MpiError::Apart { .. });
        let failure = Failure::from(error);
        let help = "under Slurm start with srun --mpi=pmix, otherwise with the mpirun of the MPI that this program was \
                    built with";
        if is_apart { failure.with_help(help) } else { failure }
    })?;
    if let Some(seconds) = seconds_to_end(variable) {
        eprintln!(
            "note: mpirun ends ranks by force {seconds} s after Ctrl-C, whatever they have still to save; with {SECONDS_TO_END}=120 in \
             its environment it waits"
        );
    }
    Ok(Box::new(ranks))
}

#[cfg(not(feature = "mpi"))]
fn joined((name, size): (&'static str, usize), _: &Interrupt) -> Result<Box<dyn Ranks>, Failure> {
    silence_others();
    Err(Failure::new(
        format!(
            "{name} says that {size} processes were started together, and this program was built for one: each would train alone"
        ),
        "build it with `cargo build --release --features mpi`, or start one process; docs/distributed.md says what that needs",
    ))
}

/// Refuses a command that several processes cannot share.
///
/// # Errors
/// If a launcher has started several.
pub fn refuse_several(what: &str) -> Result<(), Failure> {
    let Some((name, size)) = announced(variable) else { return Ok(()) };
    silence_others();
    let message = format!("{name} says that {size} processes were started together, and {what} runs in one");
    Err(Failure::new(
        message,
        "start it once: several processes share electra pretrain and electra bench step",
    ))
}

/// What one of several processes says is said; the others would say the same.
fn silence_others() {
    if announced_rank(variable) > 0 {
        output::silence(true);
    }
}

/// What this rank has come to, if every rank has come to something: otherwise its own failure, or that of the first
/// rank that has one.
///
/// # Errors
/// The failure.
pub fn agreed<T>(communicator: &Communicator<'_>, own: Result<T, Failure>) -> Result<T, Failure> {
    let told = communicator.gather(match &own {
        Ok(_) => Ok(Vec::new()),
        Err(failure) => Err(failure.in_one_line()),
    });
    let own = own?;
    told?;
    Ok(own)
}

/// The exit code of this rank. What went wrong on all is said by the code of the first, as its words are: mpirun would
/// end those by force who end after another one with an error, and take its time for it.
pub fn code_of(
    communicator: &Communicator<'_>,
    ended: Result<ExitCode, Failure>,
) -> Result<ExitCode, Failure> {
    match ended {
        Err(failure) if communicator.is_first() || failure.is_of_lost_rank() => Err(failure),
        Ok(code) if communicator.is_first() => Ok(code),
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// Lets the second rank speak where the first has ended.
pub fn speak_for_first(communicator: &Communicator<'_>, error: &TrainError) {
    if let TrainError::Ranks(RankError::Ended { rank: 0, .. }) = error
        && communicator.rank() == 1
    {
        output::silence(false);
    }
}
