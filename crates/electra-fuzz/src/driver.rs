//! The run of a reader: workers that are watched, faults that are confirmed, made small and saved.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::case::Case;
use crate::generate::Plan;
use crate::reader::Reader;
use crate::regressions;
use crate::status::{MAX_STAGES, Status};
use crate::verdict::{Fault, Observed, Verdict};
use crate::worker::{FAULTS, STATUS, last_stage};

/// Ends of workers after which a reader is given up: it will not get better.
const MAX_ENDS: u64 = 40;
/// Inputs of a worker: it is then begun anew, with fresh memory. Readers that build
/// networks gather some 70 kB an input, probably what burn notes of tensors that could be trained until a
/// backward pass, which no reader takes: ten thousand inputs would not have room in a gigabyte.
const SLICE: u64 = 5_000;
/// The time between two looks at a worker.
const LOOK: Duration = Duration::from_millis(10);
/// Folder of workers that read one input.
const ALONE: &str = "alone";

/// The options of a run of readers.
#[derive(Clone, Debug)]
pub struct Options {
    /// The program whose `work` command is a worker.
    pub program: PathBuf,
    /// Folder for what workers need; fast, and emptied.
    pub scratch: PathBuf,
    /// Folder of saved faults, by reader.
    pub regressions: PathBuf,
    /// Decides which inputs there are.
    pub seed: u64,
    /// The number of inputs; that of a short run if nothing is said.
    pub inputs: Option<u64>,
    /// Stop after so many seconds.
    pub seconds: Option<u64>,
    /// The longest time that an input may take.
    pub patience: Duration,
    /// Whether new faults are saved.
    pub saves: bool,
}

/// The results of a reader.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    /// The name of the reader.
    pub reader: String,
    /// Seed of the run.
    pub seed: u64,
    /// Inputs that were read, saved ones counted.
    pub inputs: u64,
    /// The first input that was not.
    pub next: u64,
    /// Saved faults that were tried again.
    pub replayed: u64,
    /// The number of inputs that reached each stage.
    pub stages: Vec<(String, u64)>,
    /// The number of inputs with each fault.
    pub faults: BTreeMap<String, u64>,
    /// Each fault once.
    pub findings: Vec<Finding>,
    /// Seconds that it took.
    pub seconds: f64,
    /// The faults that did not come again when the input was read alone: they are of several inputs, or of
    /// the machine.
    pub unconfirmed: Vec<Observed>,
    /// Whether it was given up after too many ends of workers.
    pub given_up: bool,
}

/// A fault and the smallest input that shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The verdict on the input.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// Number of the first input that showed it; none for a saved one.
    pub index: Option<u64>,
    /// The saved case.
    pub case: PathBuf,
}

/// Runs a reader: first what was saved of earlier faults, then the inputs from `tally.next` on. `keep`
/// is told now and then how far it is.
///
/// # Errors
/// If workers cannot be started, or their files not be written; those of `keep`.
pub fn run(
    reader: &dyn Reader,
    options: &Options,
    tally: &mut Tally,
    mut keep: impl FnMut(&Tally) -> io::Result<()>,
) -> io::Result<()> {
    let start = Instant::now();
    let before = tally.seconds;
    tally.reader = reader.name().to_owned();
    tally.seed = options.seed;
    if tally.stages.is_empty() {
        tally.stages = reader.stages().iter().map(|stage| ((*stage).to_owned(), 0)).collect();
    }
    let folder = options.scratch.join(reader.name());
    fs::create_dir_all(&folder)?;
    let run = Run { reader, options, folder: &folder, bases: reader.seeds(), start };
    if tally.inputs == 0 {
        run.replay(tally)?;
    }
    let to = match (options.inputs, options.seconds) {
        (Some(inputs), _) => inputs,
        (None, Some(_)) => u64::MAX,
        (None, None) => reader.quick(),
    };
    let mut ends = 0;
    while tally.next < to && !run.is_over() && !tally.given_up {
        ends += run.generate(tally, to.min(tally.next.saturating_add(SLICE)))?;
        tally.given_up = ends >= MAX_ENDS;
        tally.seconds = before + start.elapsed().as_secs_f64();
        keep(tally)?;
    }
    tally.seconds = before + start.elapsed().as_secs_f64();
    fs::remove_dir_all(&folder)
}

struct Run<'a> {
    reader: &'a dyn Reader,
    options: &'a Options,
    folder: &'a Path,
    bases: Vec<Case>,
    start: Instant,
}

/// The end of a worker.
enum End {
    Done,
    /// Ended by its own doing, on the input that it was at.
    Died(Fault, String),
}

impl Run<'_> {
    /// Reads saved faults again, each alone.
    fn replay(&self, tally: &mut Tally) -> io::Result<()> {
        for path in regressions::of(&self.options.regressions, self.reader.name())? {
            tally.replayed += 1;
            tally.inputs += 1;
            let verdicts = self.judge(&path, self.options.patience)?;
            for verdict in verdicts {
                tally.count(verdict.fault);
                tally.findings.push(Finding { verdict, index: None, case: path.clone() });
            }
        }
        Ok(())
    }

    /// Reads the inputs from `tally.next` to `to`, or to the end of a worker; gives the number of ends.
    fn generate(&self, tally: &mut Tally, to: u64) -> io::Result<u64> {
        let worker = self.start(self.folder, &self.inputs(tally.next, to))?;
        let (status, end) = watch(self.folder, worker, self.options.patience)?;
        tally.add(&status);
        for Observed { index, verdict } in observed(self.folder)? {
            self.find(tally, verdict, index)?;
        }
        let End::Died(fault, message) = end else {
            tally.next = status.current().map_or(tally.next, |current| current + 1);
            return Ok(0);
        };
        // A worker that dies before its first input will do so again.
        let Some(index) = status.current().filter(|index| *index >= tally.next) else {
            return Err(io::Error::other(format!("the worker of {} ended: {message}", self.reader.name())));
        };
        tally.next = index + 1;
        tally.inputs += 1;
        let verdict = Verdict { fault, place: last_stage(self.reader, &status), message };
        // What is known is not looked at again: a hang takes its time.
        if tally.findings.iter().any(|finding| finding.verdict.is_same(&verdict)) {
            tally.count(fault);
            return Ok(1);
        }
        let case = self.save(&self.built(index, &[]))?;
        // Alone, and with more patience: the machine may have been busy, or memory in pieces.
        match self.judge(&case, self.options.patience * 3)?.into_iter().next() {
            Some(verdict) => self.find(tally, verdict, index)?,
            None => tally.unconfirmed.push(Observed { index, verdict }),
        }
        Ok(1)
    }

    fn is_over(&self) -> bool {
        self.options.seconds.is_some_and(|seconds| self.start.elapsed() >= Duration::from_secs(seconds))
    }

    fn plan(&self, index: u64) -> Plan {
        Plan::new(self.reader, self.options.seed, index, self.bases.len())
    }

    fn built(&self, index: u64, left_out: &[u32]) -> Case {
        self.plan(index).build(self.reader, &self.bases, left_out)
    }

    /// Counts a fault; one that is new is looked at alone, made small and saved.
    fn find(&self, tally: &mut Tally, verdict: Verdict, index: u64) -> io::Result<()> {
        if tally.unconfirmed.iter().any(|observed| observed.verdict.is_same(&verdict)) {
            return Ok(());
        }
        if tally.findings.iter().any(|finding| finding.verdict.is_same(&verdict)) {
            tally.count(verdict.fault);
            return Ok(());
        }
        if !self.shows(&verdict, &self.built(index, &[]))? {
            tally.unconfirmed.push(Observed { index, verdict });
            return Ok(());
        }
        tally.count(verdict.fault);
        let case = self.shrink(&verdict, index)?;
        let path = if self.options.saves {
            regressions::save(&self.options.regressions, self.reader.name(), &case)?
        } else {
            PathBuf::new()
        };
        tally.findings.push(Finding { verdict, index: Some(index), case: path });
        Ok(())
    }

    /// The input with as few mutations as show the fault.
    fn shrink(&self, verdict: &Verdict, index: u64) -> io::Result<Case> {
        let mut left_out = Vec::new();
        for mutation in 0..self.plan(index).mutations {
            let without = [&left_out[..], &[mutation]].concat();
            if self.shows(verdict, &self.built(index, &without))? {
                left_out = without;
            }
        }
        Ok(self.built(index, &left_out))
    }

    /// Tells whether a case has this fault in a worker of its own.
    fn shows(&self, verdict: &Verdict, case: &Case) -> io::Result<bool> {
        let path = self.save(case)?;
        Ok(self.judge(&path, self.options.patience)?.iter().any(|other| other.is_same(verdict)))
    }

    fn save(&self, case: &Case) -> io::Result<PathBuf> {
        fs::create_dir_all(self.folder.join(ALONE))?;
        let path = self.folder.join(ALONE).join("input.case");
        fs::write(&path, case.encode())?;
        Ok(path)
    }

    /// The verdicts on a saved case in a worker of its own.
    fn judge(&self, path: &Path, patience: Duration) -> io::Result<Vec<Verdict>> {
        let folder = self.folder.join(ALONE);
        fs::create_dir_all(&folder)?;
        let worker = self.start(&folder, &["--case".to_owned(), path.display().to_string()])?;
        let (status, end) = watch(&folder, worker, patience)?;
        let mut verdicts: Vec<Verdict> =
            observed(&folder)?.into_iter().map(|observed| observed.verdict).collect();
        if let End::Died(fault, message) = end {
            verdicts.push(Verdict { fault, place: last_stage(self.reader, &status), message });
        }
        Ok(verdicts)
    }

    fn inputs(&self, from: u64, to: u64) -> Vec<String> {
        let mut arguments = Vec::new();
        let mut add = |name: &str, value: u64| arguments.extend([name.to_owned(), value.to_string()]);
        add("--seed", self.options.seed);
        add("--from", from);
        add("--to", to);
        if let Some(seconds) = self.options.seconds {
            add("--seconds", seconds.saturating_sub(self.start.elapsed().as_secs()));
        }
        arguments
    }

    fn start(&self, folder: &Path, arguments: &[String]) -> io::Result<Child> {
        Status::create(&folder.join(STATUS))?;
        File::create(folder.join(FAULTS))?;
        let errors = File::create(folder.join("stderr"))?;
        Command::new(&self.options.program)
            .args(["work", self.reader.name(), "--folder"])
            .arg(folder)
            .args(arguments)
            // Arenas of other threads reserve address space that nobody uses.
            .env("MALLOC_ARENA_MAX", "1")
            .env_remove("RUST_BACKTRACE")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(errors)
            .spawn()
    }
}

/// Waits until the worker ends, or ends it when an input takes too long.
fn watch(folder: &Path, mut worker: Child, patience: Duration) -> io::Result<(Status, End)> {
    let status = Status::open(&folder.join(STATUS))?;
    let mut seen = (None, Instant::now());
    loop {
        if let Some(code) = worker.try_wait()? {
            let said = fs::read(folder.join("stderr"))?;
            let said = String::from_utf8_lossy(&said[said.len().saturating_sub(2000)..]).trim().to_owned();
            if code.success() {
                return Ok((status, End::Done));
            }
            let is_memory = said.contains("memory allocation of");
            let fault = if is_memory { Fault::Memory } else { Fault::Abort };
            let message = match code.signal() {
                Some(signal) => format!("signal {signal}: {said}"),
                None => said,
            };
            return Ok((status, End::Died(fault, message)));
        }
        let current = status.current();
        if current != seen.0 {
            seen = (current, Instant::now());
        } else if current.is_some() && seen.1.elapsed() > patience {
            worker.kill()?;
            worker.wait()?;
            let message = format!("no end after {} seconds", patience.as_secs());
            return Ok((status, End::Died(Fault::Hang, message)));
        }
        std::thread::sleep(LOOK);
    }
}

fn observed(folder: &Path) -> io::Result<Vec<Observed>> {
    let text = fs::read_to_string(folder.join(FAULTS))?;
    // A line that was torn by the worker's end is of a fault that will come again.
    Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
}

impl Tally {
    fn count(&mut self, fault: Fault) {
        *self.faults.entry(fault.title().to_owned()).or_default() += 1;
    }

    /// The number of times that a fault was seen.
    #[must_use]
    pub fn of(&self, fault: Fault) -> u64 {
        self.faults.get(fault.title()).copied().unwrap_or(0)
    }

    fn add(&mut self, status: &Status) {
        self.inputs += status.done();
        for ((_, sum), count) in self.stages.iter_mut().zip(status.stages(MAX_STAGES)) {
            *sum += count;
        }
    }
}
