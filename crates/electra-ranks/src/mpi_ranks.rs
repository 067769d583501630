//! Processes that MPI has started as ranks.
//!
//! A rank waits for messages by asking whether they are over, not inside of MPI: so it notices when another process has
//! ended, whose message will never come, and a rank that waits leaves its core to those that compute.

use std::cell::Cell;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use mpi::Threading;
use mpi::environment::Universe;
use mpi::point_to_point::Status;
use mpi::request::{Request, StaticScope};
use mpi::topology::SimpleCommunicator;
use mpi::traits::{Communicator, Destination, Equivalence, Source};

use crate::launcher::OPENMPI;
use crate::ranks::{RankError, Ranks};

/// Tag of the bytes of messages.
const BYTES: i32 = 1;
/// The time for which a rank only asks again, before it sleeps in between.
const EAGER: Duration = Duration::from_millis(2);
/// The time of a sleep in between.
const NAP: Duration = Duration::from_micros(50);
/// The time from one look at the other processes to the next.
const LOOK: Duration = Duration::from_millis(250);
/// The time for which the first rank waits for the others when all is done.
const LAST: Duration = Duration::from_secs(5);
/// The time for which a rank that was told to end waits at least for another one on another machine.
const GRACE: Duration = Duration::from_secs(30);

/// A process among those that MPI has started.
pub struct MpiRanks {
    world: SimpleCommunicator,
    own: usize,
    /// Host and process of each rank.
    places: Vec<Place>,
    /// Whether this process was told to end.
    is_told: Box<dyn Fn() -> bool>,
    /// The longest that a message was waited for.
    longest: Cell<Duration>,
    /// Whether another process has ended: all of MPI then has, and nobody would wait for its end with this one.
    is_broken: Cell<bool>,
    universe: Option<Universe>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    host: String,
    process: u32,
}

/// MPI that cannot be used.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum MpiError {
    /// It was started before, or has ended.
    #[error("MPI cannot be started in this process")]
    Start,
    /// The system refuses a handler of signals.
    #[error("cannot listen for the signals of mpirun: {0}")]
    Signal(#[from] std::io::Error),
    /// Processes that do not know of each other.
    #[error("{variable} says that {announced} processes were started, and MPI knows of {found}")]
    #[diagnostic(help(
        "the launcher and MPI do not belong together: start with the mpirun of the MPI that this program was built with, \
         or with a launcher that speaks PMIx"
    ))]
    Apart {
        /// The variable of the environment.
        variable: &'static str,
        /// Its number.
        announced: usize,
        /// The number of ranks that MPI knows.
        found: usize,
    },
}

impl MpiRanks {
    /// Joins the processes that a launcher has started, of which it has announced `announced` in `variable`; `is_told`
    /// says whether this process was told to end. `end` tells it so from a handler of signals: OpenMPI's mpirun announces
    /// an end by SIGCONT, and sends SIGTERM only when the time that it waits for ends by force has gone by.
    ///
    /// # Errors
    /// If MPI cannot be started, or knows of other processes.
    pub fn join(
        (variable, announced): (&'static str, usize),
        is_told: impl Fn() -> bool + 'static,
        end: impl Fn() + Send + Sync + 'static,
    ) -> Result<Self, MpiError> {
        if variable == OPENMPI {
            // SAFETY: `end` may do what handlers may, which is what its caller promises by giving it; it only stores.
            unsafe { signal_hook::low_level::register(signal_hook::consts::SIGCONT, end) }?;
        }
        // Messages are those of the thread that trains.
        let (universe, _) = mpi::initialize_with_threading(Threading::Funneled).ok_or(MpiError::Start)?;
        let world = universe.world();
        let found = world.size() as usize;
        if found != announced {
            return Err(MpiError::Apart { variable, announced, found });
        }
        let own = world.rank() as usize;
        let mut ranks = Self {
            world,
            own,
            places: Vec::new(),
            is_told: Box::new(is_told),
            longest: Cell::default(),
            is_broken: Cell::default(),
            universe: Some(universe),
        };
        ranks.places = ranks.all_places();
        Ok(ranks)
    }

    fn all_places(&self) -> Vec<Place> {
        let own =
            format!("{} {}", std::process::id(), mpi::environment::processor_name().unwrap_or_default());
        let all = crate::Communicator::new(self).gather(Ok(own.into_bytes())).unwrap_or_default();
        let place = |bytes: Vec<u8>| {
            let said = String::from_utf8_lossy(&bytes).into_owned();
            let (process, host) = said.split_once(' ').unwrap_or_default();
            Place { host: host.to_owned(), process: process.parse().unwrap_or(0) }
        };
        all.into_iter().map(place).collect()
    }

    /// Waits until a message from or to another rank is over.
    fn finish<D: ?Sized>(&self, request: Request<'static, D>, other: usize) -> Result<Status, RankError> {
        let (begun, mut looked) = (Instant::now(), Instant::now());
        let mut request = request;
        loop {
            request = match request.test() {
                Ok(status) => {
                    self.longest.set(self.longest.get().max(begun.elapsed()));
                    return Ok(status);
                }
                Err(request) => request,
            };
            let waited = begun.elapsed();
            if waited < EAGER {
                thread::yield_now();
                continue;
            }
            thread::sleep(NAP);
            if looked.elapsed() >= LOOK {
                looked = Instant::now();
                let is_late = waited > GRACE + 3 * self.longest.get();
                let lost = match self.check_others() {
                    Ok(()) if (self.is_told)() && self.is_elsewhere(other) && is_late => {
                        Err(self.ended(other))
                    }
                    checked => checked,
                };
                if let Err(error) = lost {
                    // MPI is not asked for anything after this, so nobody touches the message.
                    std::mem::forget(request);
                    return Err(error);
                }
            }
        }
    }

    /// Notices a rank on this machine whose process has ended.
    fn check_others(&self) -> Result<(), RankError> {
        let Some(own) = self.places.get(self.rank()) else { return Ok(()) };
        let here = self.places.iter().enumerate().filter(|(_, place)| place.host == own.host);
        match here.into_iter().find(|(_, place)| !is_alive(place.process)) {
            Some((rank, _)) => Err(self.ended(rank)),
            None => Ok(()),
        }
    }

    /// Whether a rank is on another machine, where this one cannot see whether its process runs.
    fn is_elsewhere(&self, rank: usize) -> bool {
        let host = |rank: usize| self.places.get(rank).map(|place| &place.host);
        host(rank) != host(self.rank())
    }

    /// Waits until the other processes have ended: where the first rank ends with an error and others are there, mpirun
    /// takes its time to end them.
    fn wait_for_others(&self) {
        let begun = Instant::now();
        let is_there = |place: &Place| place.process != std::process::id() && is_alive(place.process);
        let here: Vec<&Place> = self
            .places
            .iter()
            .filter(|place| Some(&place.host) == self.places.first().map(|own| &own.host))
            .collect();
        while begun.elapsed() < LAST && here.iter().any(|place| is_there(place)) {
            thread::sleep(NAP);
        }
        // Their launcher has to notice.
        thread::sleep(LOOK);
    }

    fn ended(&self, rank: usize) -> RankError {
        self.is_broken.set(true);
        let place = self.places.get(rank).map(|place| format!("process {} on {}", place.process, place.host));
        RankError::Ended { rank, place }
    }
}

/// Whether a process of this machine runs; one that nobody has asked for its end has ended all the same.
fn is_alive(process: u32) -> bool {
    let Ok(stat) = fs::read_to_string(format!("/proc/{process}/stat")) else {
        // Where there is no such folder, nothing is known.
        return !fs::exists("/proc/self/stat").unwrap_or(false);
    };
    // The name, in brackets, may hold anything.
    let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
    !matches!(state, Some('Z' | 'X'))
}

impl Drop for MpiRanks {
    fn drop(&mut self) {
        let universe = self.universe.take();
        if self.is_broken.get() || thread::panicking() {
            // To end MPI waits for all.
            std::mem::forget(universe);
            return;
        }
        drop(universe);
        if self.own == 0 {
            self.wait_for_others();
        }
    }
}

impl Ranks for MpiRanks {
    fn rank(&self) -> usize {
        self.own
    }

    fn size(&self) -> usize {
        self.world.size() as usize
    }

    fn send(&self, to: usize, message: &[u8]) -> Result<(), RankError> {
        // SAFETY: the request is over before this returns, or MPI is not asked for anything any more: a rank that has
        // ended ends the work of all (`is_broken`).
        let message: &'static [u8] = unsafe { std::slice::from_raw_parts(message.as_ptr(), message.len()) };
        let other = self.world.process_at_rank(to as i32);
        self.finish(other.immediate_send_with_tag(StaticScope, message, BYTES), to).map(|_| ())
    }

    fn receive(&self, from: usize, message: &mut [u8]) -> Result<(), RankError> {
        let expected = message.len();
        // SAFETY: as above.
        let message: &'static mut [u8] =
            unsafe { std::slice::from_raw_parts_mut(message.as_mut_ptr(), message.len()) };
        let other = self.world.process_at_rank(from as i32);
        let request = other.immediate_receive_into_with_tag(StaticScope, message, BYTES);
        let status = self.finish(request, from)?;
        let found = status.count(<u8 as Equivalence>::equivalent_datatype()) as usize;
        if found == expected { Ok(()) } else { Err(RankError::Length { rank: from, found, expected }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_has_ended_is_not_alive() {
        assert!(is_alive(std::process::id()));
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let process = child.id();
        // Nobody has asked for its end yet.
        while is_alive(process) {
            thread::sleep(NAP);
        }
        child.wait().unwrap();
        assert!(!is_alive(process));
    }
}
