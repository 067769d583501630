//! The process in which inputs are read, one after the other, in bounded memory.

use std::fs::File;
use std::io::{self, Write};
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::case::Case;
use crate::generate::Plan;
use crate::reader::{Reached, Reader};
use crate::sandbox::Sandbox;
use crate::status::Status;
use crate::verdict::{Fault, Observed, Verdict};

/// Memory that a reader may take beyond what the process has before the first input.
pub const MAX_MEMORY: u64 = 1 << 30;

/// The work of a worker.
#[derive(Clone, Debug)]
pub struct Work {
    /// Folder of the worker's own.
    pub folder: PathBuf,
    /// The inputs to read.
    pub inputs: Inputs,
    /// When to stop, whatever is left.
    pub seconds: Option<u64>,
}

/// Which inputs a worker reads.
#[derive(Clone, Debug)]
pub enum Inputs {
    /// Those of these numbers.
    Generated {
        /// Seed of the run.
        seed: u64,
        /// The number of the first input.
        from: u64,
        /// Behind the last.
        to: u64,
    },
    /// Cases that were saved.
    Saved(Vec<PathBuf>),
}

/// Name of the counters in a worker's folder.
pub const STATUS: &str = "status";
/// Name of the list of faults in a worker's folder, one JSON object a line.
pub const FAULTS: &str = "faults.jsonl";
const SANDBOX: &str = "sandbox";

/// Reads inputs until there are no more, and writes down what went wrong.
///
/// # Errors
/// If the worker's own files cannot be written.
pub fn work(reader: &dyn Reader, work: &Work) -> io::Result<()> {
    let status = Status::open(&work.folder.join(STATUS))?;
    let mut faults = File::options().append(true).create(true).open(work.folder.join(FAULTS))?;
    // One thread, so that what is read is the same on every machine.
    electra_kernels::use_threads(1)?;
    panic::set_hook(Box::new(note_panic));
    let sandbox = Sandbox::new(&work.folder.join(SANDBOX))?;
    let (bases, from, to) = match &work.inputs {
        Inputs::Generated { from, to, .. } => (reader.seeds(), *from, *to),
        Inputs::Saved(paths) => (Vec::new(), 0, paths.len() as u64),
    };
    // What is kept for ever is made now, not at the expense of the first input.
    if let Some(first) = bases.first() {
        sandbox.put(first)?;
        let _ = panic::catch_unwind(AssertUnwindSafe(|| {
            reader.run(&sandbox.input(), &Reached::new(reader.stages(), status.reached()))
        }));
        let _ = take_panic();
    }
    limit_memory()?;
    let end = work.seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    for index in from..to {
        if end.is_some_and(|end| Instant::now() >= end) {
            break;
        }
        let case = match &work.inputs {
            Inputs::Generated { seed, .. } => {
                Plan::new(reader, *seed, index, bases.len()).build(reader, &bases, &[])
            }
            Inputs::Saved(paths) => saved(&paths[index as usize])?,
        };
        for verdict in read(reader, &sandbox, &case, index, &status)? {
            let line = serde_json::to_string(&Observed { index, verdict })?;
            faults.write_all(format!("{line}\n").as_bytes())?;
        }
    }
    Ok(())
}

/// A case that was saved.
///
/// # Errors
/// If it cannot be read or is none.
pub fn saved(path: &Path) -> io::Result<Case> {
    let bytes = std::fs::read(path)?;
    Case::decode(&bytes).ok_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidData, format!("{} is no saved case", path.display()))
    })
}

fn read(
    reader: &dyn Reader,
    sandbox: &Sandbox,
    case: &Case,
    index: u64,
    status: &Status,
) -> io::Result<Vec<Verdict>> {
    sandbox.put(case)?;
    let reached = Reached::new(reader.stages(), status.reached());
    status.start(index);
    READING.store(true, Ordering::SeqCst);
    let caught = panic::catch_unwind(AssertUnwindSafe(|| reader.run(&sandbox.input(), &reached)));
    READING.store(false, Ordering::SeqCst);
    status.finish();
    let mut verdicts = Vec::new();
    // A panic that was caught on its way is one all the same.
    if let Some(verdict) = take_panic() {
        verdicts.push(verdict);
    } else if caught.is_err() {
        let message = "a panic without its hook".to_owned();
        verdicts.push(Verdict { fault: Fault::Panic, place: "unknown".to_owned(), message });
    }
    if let Some(message) = sandbox.written_outside()? {
        let place = last_stage(reader, status);
        verdicts.push(Verdict { fault: Fault::Outside, place, message });
        sandbox.restore()?;
    }
    Ok(verdicts)
}

/// The last stage that was reached.
pub(crate) fn last_stage(reader: &dyn Reader, status: &Status) -> String {
    let reached = status.reached().load(Ordering::SeqCst) as usize;
    match reached.checked_sub(1).and_then(|at| reader.stages().get(at)) {
        Some(stage) => format!("after {stage}"),
        None => "before the first stage".to_owned(),
    }
}

/// Flag that an input is being read: a panic at another time is a fault of what makes inputs.
static READING: AtomicBool = AtomicBool::new(false);

/// The first panic since it was last asked for.
static PANIC: Mutex<Option<Verdict>> = Mutex::new(None);

fn take_panic() -> Option<Verdict> {
    PANIC.lock().unwrap_or_else(PoisonError::into_inner).take()
}

fn note_panic(panic: &PanicHookInfo<'_>) {
    if !READING.load(Ordering::SeqCst) {
        let _ = writeln!(io::stderr(), "{panic}");
    }
    let mut noted = PANIC.lock().unwrap_or_else(PoisonError::into_inner);
    if noted.is_some() {
        return;
    }
    let location = panic.location().map(|place| (shortened(place.file()), place.line()));
    let place = match &location {
        // Whose fault it is that a library panics is told by who called it.
        Some((file, line)) if file.starts_with("crates/") => format!("{file}:{line}"),
        Some((file, line)) => match caller() {
            Some(caller) => format!("{file}:{line} from {caller}"),
            None => format!("{file}:{line}"),
        },
        None => "unknown".to_owned(),
    };
    let message = panic.payload_as_str().unwrap_or("no message").chars().take(300).collect();
    *noted = Some(Verdict { fault: Fault::Panic, place, message });
}

/// A path without what differs from machine to machine.
fn shortened(path: &str) -> String {
    for root in ["/registry/src/", "/rustc/"] {
        if let Some((_, rest)) = path.split_once(root) {
            return rest.split_once('/').map_or(rest, |(_, rest)| rest).to_owned();
        }
    }
    match path.find("crates/electra-") {
        Some(at) => path[at..].to_owned(),
        None => path.to_owned(),
    }
}

/// The innermost line of the project in the backtrace.
fn caller() -> Option<String> {
    let trace = std::backtrace::Backtrace::force_capture().to_string();
    let mut lines = trace.lines().filter_map(|line| line.trim().strip_prefix("at "));
    let of_reader =
        |line: &&str| line.contains("crates/electra-") && !line.contains("crates/electra-fuzz/src/worker");
    let line = lines.find(of_reader)?;
    // File, line, column.
    let line = line.rsplit_once(':').map_or(line, |(place, _)| place);
    Some(shortened(line))
}

/// From here on, allocations beyond [`MAX_MEMORY`] fail.
fn limit_memory() -> io::Result<()> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let kilobytes = status.lines().find_map(|line| line.strip_prefix("VmSize:")?.trim().strip_suffix(" kB"));
    let has = kilobytes.and_then(|number| number.trim().parse::<u64>().ok()).unwrap_or(0) << 10;
    let most = has + MAX_MEMORY;
    let Rlimit { maximum, .. } = getrlimit(Resource::As);
    setrlimit(Resource::As, Rlimit { current: Some(most), maximum })?;
    // What is left of a process that was aborted would fill the disk.
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    Ok(())
}
