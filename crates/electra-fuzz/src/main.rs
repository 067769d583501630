//! `electra-fuzz`: damages files and looks what their readers do.

use std::error::Error;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use electra_fuzz::coverage::scratch;
use electra_fuzz::driver::{self, Options, Tally};
use electra_fuzz::reader::Reader;
use electra_fuzz::worker::{self, Inputs, Work};
use electra_fuzz::{readers, regressions, table};
use electra_kernels::CacheLineAllocator;

// As in the binary whose readers these are.
#[global_allocator]
static MEMORY: CacheLineAllocator = CacheLineAllocator;

/// Damage valid files, with hashes and lengths sealed again, and look what their readers do
#[derive(Parser)]
#[command(after_help = "Examples:
  electra-fuzz run --inputs 1000000
  electra-fuzz run shard checkpoint --seconds 600 --seed 2
  electra-fuzz run --inputs 1000000 --out target/damage     (the same command goes on)
  electra-fuzz replay shard crates/electra-fuzz/regressions/shard/0123456789abcdef.case
  electra-fuzz seeds shard --out corpus/shard

Every input is read in a worker process of 1 GB. Panics, aborts, allocations beyond it, inputs that take too
long and writes outside the input's folder are faults; each is confirmed in a process of its own, made
smaller, and saved in crates/electra-fuzz/regressions, which every run reads again first. The exit code is 1
if there was a fault.")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run readers on damaged inputs and print a table
    Run(RunArguments),
    /// Read one saved case here, unprotected: the panic has its backtrace
    Replay {
        /// Name of the reader
        reader: String,
        /// File of the case
        case: PathBuf,
        /// Keep the files of the case in this folder
        #[arg(long, value_name = "DIR")]
        keep: Option<PathBuf>,
    },
    /// Write the valid inputs of a reader as cases
    Seeds {
        /// Name of the reader
        reader: String,
        /// Folder for them
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// List the readers and their stages
    List,
    /// Read inputs in this process; for `run`
    #[command(hide = true)]
    Work(WorkArguments),
}

#[derive(Args)]
struct RunArguments {
    /// Readers [default: all]
    readers: Vec<String>,
    /// Inputs for each reader [default: those of a short run]
    #[arg(long, value_name = "N")]
    inputs: Option<u64>,
    /// Stop each reader after so many seconds
    #[arg(long, value_name = "N")]
    seconds: Option<u64>,
    /// Seed that decides which inputs there are
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// Readers at the same time
    #[arg(long, default_value_t = 2, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: u16,
    /// Seconds that an input may take
    #[arg(long, default_value_t = 5, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    patience: u64,
    /// Keep what each reader came to in this folder, and go on from what is there
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Folder of saved faults [default: crates/electra-fuzz/regressions]
    #[arg(long, value_name = "DIR")]
    regressions: Option<PathBuf>,
    /// Save no new faults
    #[arg(long)]
    dry: bool,
    /// Print everything as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct WorkArguments {
    reader: String,
    #[arg(long)]
    folder: PathBuf,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[arg(long, default_value_t = 0)]
    from: u64,
    #[arg(long, default_value_t = 0)]
    to: u64,
    #[arg(long)]
    seconds: Option<u64>,
    #[arg(long)]
    case: Vec<PathBuf>,
}

fn main() -> ExitCode {
    match act(Arguments::parse().command) {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::from(2)
        }
    }
}

fn act(command: Command) -> Result<ExitCode, Box<dyn Error>> {
    match command {
        Command::Run(arguments) => return run(arguments),
        Command::Work(arguments) => {
            let WorkArguments { reader, folder, seed, from, to, seconds, case } = arguments;
            let inputs = match case.is_empty() {
                true => Inputs::Generated { seed, from, to },
                false => Inputs::Saved(case),
            };
            worker::work(find(&reader)?, &Work { folder, inputs, seconds })?;
        }
        Command::Replay { reader, case, keep } => replay(find(&reader)?, &case, keep)?,
        Command::Seeds { reader, out } => {
            std::fs::create_dir_all(&out)?;
            for (number, seed) in find(&reader)?.seeds().iter().enumerate() {
                std::fs::write(out.join(format!("{number:03}.case")), seed.encode())?;
            }
        }
        Command::List => {
            for reader in readers::ALL {
                writeln!(io::stdout(), "{:<20} {}", reader.name(), reader.stages().join(", "))?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn find(name: &str) -> Result<&'static dyn Reader, String> {
    readers::find(name).ok_or_else(|| format!("there is no reader {name}: {}", readers::names().join(", ")))
}

fn replay(reader: &dyn Reader, case: &std::path::Path, keep: Option<PathBuf>) -> Result<(), Box<dyn Error>> {
    let case = worker::saved(case)?;
    let temporary = tempfile::tempdir()?;
    let folder = keep.unwrap_or_else(|| temporary.path().join("input"));
    std::fs::create_dir_all(&folder)?;
    case.write(&folder)?;
    let reached = std::sync::atomic::AtomicU64::new(0);
    let to_the_end =
        reader.run(&folder, &electra_fuzz::reader::Reached::new(reader.stages(), &reached)).is_some();
    let stages = reader.stages();
    let reached = &stages[..(reached.into_inner() as usize).min(stages.len())];
    writeln!(io::stdout(), "reached {}{}", reached.join(", "), if to_the_end { " and the end" } else { "" })?;
    Ok(())
}

fn run(arguments: RunArguments) -> Result<ExitCode, Box<dyn Error>> {
    let chosen: Vec<&dyn Reader> = match arguments.readers.is_empty() {
        true => readers::ALL.to_vec(),
        false => arguments.readers.iter().map(|name| find(name)).collect::<Result<_, _>>()?,
    };
    let folder = tempfile::Builder::new().prefix("electra-fuzz-").tempdir_in(scratch())?;
    let options = Options {
        program: std::env::current_exe()?,
        scratch: folder.path().to_owned(),
        regressions: arguments.regressions.unwrap_or_else(regressions::folder),
        seed: arguments.seed,
        inputs: arguments.inputs,
        seconds: arguments.seconds,
        patience: Duration::from_secs(arguments.patience),
        saves: !arguments.dry,
    };
    if let Some(out) = &arguments.out {
        std::fs::create_dir_all(out)?;
    }
    let left = Mutex::new(chosen.iter().enumerate());
    let tallies = Mutex::new(vec![Tally::default(); chosen.len()]);
    let failed = Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..arguments.jobs {
            scope.spawn(|| {
                loop {
                    let next = left.lock().ok().and_then(|mut left| left.next());
                    let Some((place, reader)) = next else { break };
                    match one(*reader, &options, arguments.out.as_deref()) {
                        Ok(tally) => {
                            let _ = write!(io::stderr(), "{}", table::table(std::slice::from_ref(&tally)));
                            if let Ok(mut tallies) = tallies.lock() {
                                tallies[place] = tally;
                            }
                        }
                        Err(error) => {
                            let _ = failed.lock().map(|mut failed| *failed = Some(error));
                            break;
                        }
                    }
                }
            });
        }
    });
    if let Ok(Some(error)) = failed.into_inner() {
        return Err(error.into());
    }
    let tallies = tallies.into_inner().unwrap_or_default();
    if arguments.json {
        writeln!(io::stdout(), "{}", serde_json::to_string_pretty(&tallies)?)?;
    } else {
        writeln!(io::stdout(), "{}{}", table::table(&tallies), table::findings(&tallies))?;
    }
    let is_sound = tallies.iter().all(|tally| tally.findings.is_empty());
    Ok(if is_sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs a reader, from where an earlier run of the same seed stopped.
fn one(reader: &dyn Reader, options: &Options, out: Option<&std::path::Path>) -> io::Result<Tally> {
    let path = out.map(|out| out.join(format!("{}.json", reader.name())));
    let earlier = path.as_ref().and_then(|path| std::fs::read(path).ok());
    let earlier = earlier.and_then(|bytes| serde_json::from_slice::<Tally>(&bytes).ok());
    let mut tally = earlier.filter(|tally| tally.seed == options.seed && !tally.given_up).unwrap_or_default();
    driver::run(reader, options, &mut tally, |tally| match &path {
        Some(path) => electra_files::durable::write(path, serde_json::to_string_pretty(tally)?.as_bytes()),
        None => Ok(()),
    })?;
    Ok(tally)
}
