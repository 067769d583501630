//! Kills and full disks at a file operation that a test chooses.
//!
//! Without the feature `faults` every operation goes on, and nothing is compiled but that.
//!
//! ```text
//! ELECTRA_FAULT=kill:7              the process dies at its operation 7, within it if it is a write
//! ELECTRA_FAULT=full:7              from operation 7 on the disk takes nothing more
//! ELECTRA_FAULT=once:7              operation 7 finds no room, and those after it do
//! ELECTRA_FILE_OPERATIONS=PATH      a line for each operation is added to PATH
//! ```

/// The kind of an operation, by its effect on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    /// Needs room: a file, a folder, bytes.
    Takes,
    /// Needs none: a name changes or goes.
    Moves,
}

/// The fate of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "faults"), allow(dead_code, reason = "nothing fails without the feature"))]
pub(crate) enum Outcome {
    /// The operation takes place.
    Succeeds,
    /// The process dies within it.
    Dies,
    /// The disk has no room for the operation.
    IsFull,
}

/// The fate of the next operation.
#[cfg(not(feature = "faults"))]
#[inline]
pub(crate) fn next_outcome(_: Operation, _name: &str, _path: &std::path::Path) -> Outcome {
    Outcome::Succeeds
}

#[cfg(feature = "faults")]
pub(crate) use chosen::next_outcome;

/// Ends the process as a kill does: nothing is unwound or removed.
pub(crate) fn die() -> ! {
    // `abort` would leave a core file where the system writes them.
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    std::process::abort()
}

#[cfg(feature = "faults")]
mod chosen {
    use std::io::Write;
    use std::path::Path;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::{Operation, Outcome};

    #[derive(Clone, Copy, Debug)]
    enum Fault {
        None,
        Kill(u64),
        Full(u64),
        Once(u64),
    }

    static DONE: AtomicU64 = AtomicU64::new(0);
    static FAULT: OnceLock<Fault> = OnceLock::new();

    fn from_environment() -> Fault {
        let Ok(text) = std::env::var("ELECTRA_FAULT") else { return Fault::None };
        let number = |text: &str| text.parse().ok();
        let kill = text.strip_prefix("kill:").and_then(number).map(Fault::Kill);
        let full = || text.strip_prefix("full:").and_then(number).map(Fault::Full);
        let once = || text.strip_prefix("once:").and_then(number).map(Fault::Once);
        let fault = kill.or_else(full).or_else(once);
        fault.unwrap_or_else(|| panic!("ELECTRA_FAULT is {text:?}, expected kill:N, full:N or once:N"))
    }

    pub(crate) fn next_outcome(operation: Operation, name: &str, path: &Path) -> Outcome {
        let number = DONE.fetch_add(1, Ordering::SeqCst) + 1;
        if let Some(list) = std::env::var_os("ELECTRA_FILE_OPERATIONS") {
            let line = format!("{number} {name} {}\n", path.display());
            let file = std::fs::OpenOptions::new().create(true).append(true).open(&list);
            file.and_then(|mut file| file.write_all(line.as_bytes())).expect("the list can be written");
        }
        match *FAULT.get_or_init(from_environment) {
            Fault::Kill(at) if number == at => Outcome::Dies,
            Fault::Once(at) if number == at && operation == Operation::Takes => Outcome::IsFull,
            Fault::Full(from) if number >= from && operation == Operation::Takes => Outcome::IsFull,
            _ => Outcome::Succeeds,
        }
    }
}
