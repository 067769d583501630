//! A run as a process of this same program.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Instant;

use electra_files::disk::{self, DiskFile};
use rustix::process::{Pid, Signal, kill_process};

use super::driver_process::DRIVER;
use super::stage::Stage;

/// A process that does a stage of a run.
pub(super) struct Running {
    /// Number of the run in the plan.
    pub(super) index: usize,
    pub(super) stage: Stage,
    pub(super) since: Instant,
    child: Child,
    log: PathBuf,
    /// The position in the log at which this process begins to write.
    log_start: u64,
}

impl Running {
    /// Starts the program with `arguments`; what it says goes to the end of `log`.
    ///
    /// # Errors
    /// If the log cannot be opened or the process not started.
    pub(super) fn start(index: usize, stage: Stage, arguments: &[String], log: &Path) -> io::Result<Self> {
        disk::create_own_folder(disk::parent(log))?;
        let file = DiskFile::append(log)?.into_file();
        let log_start = file.metadata()?.len();
        let mut command = Command::new(program()?);
        command.arg0("electra").args(arguments).env(DRIVER, std::process::id().to_string());
        // Not in the group of the terminal, whose Ctrl-C it would get beside ours: two end a run at once.
        command.process_group(0);
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let child = command.spawn()?;
        Ok(Self { index, stage, since: Instant::now(), child, log: log.to_owned(), log_start })
    }

    /// The exit status of the process, if it has ended.
    ///
    /// # Errors
    /// If the system does not say.
    pub(super) fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    /// Asks it to save and to end.
    pub(super) fn stop(&self) {
        // One that has ended meanwhile is still ours to wait for, so the number is nobody else's.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
    }

    /// The end of what it said.
    pub(super) fn last_error(&self) -> String {
        let read = || -> io::Result<String> {
            let mut file = File::open(&self.log)?;
            file.seek(SeekFrom::Start(self.log_start))?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        };
        last_error(&read().unwrap_or_default())
    }
}

/// The program as it runs now, also if another one has been built in its place since.
fn program() -> io::Result<PathBuf> {
    let own = Path::new("/proc/self/exe");
    if own.exists() { Ok(own.to_owned()) } else { std::env::current_exe() }
}

/// The text from the last error on, or the last lines.
fn last_error(text: &str) -> String {
    const MAX_LINES: usize = 8;
    let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    let is_error = |line: &&str| line.trim_start().starts_with(['×', 'x']) || line.contains("panicked at");
    let from = lines.iter().rposition(is_error).unwrap_or(lines.len().saturating_sub(MAX_LINES));
    lines[from..]
        .iter()
        .take(MAX_LINES)
        .map(|line| format!("{line}\n"))
        .collect::<String>()
        .trim_end()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_words_are_the_error() {
        let text =
            "step 1\n\n  × it broke\n  help: mend it\n\nstep 2\n  × it broke again\n  help: throw it away\n";
        assert_eq!(last_error(text), "  × it broke again\n  help: throw it away");
        assert_eq!(last_error("one\ntwo\n"), "one\ntwo");
        assert_eq!(last_error(""), "");
    }
}
