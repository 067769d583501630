//! Resource use of this process and hardware of its machine, as far as the operating system tells.

use std::fs;
use std::io;
use std::path::Path;

use crate::checkpoint::size;

/// Resident memory of this process now, in bytes.
#[must_use]
pub fn rss() -> Option<u64> {
    kilobytes(&fs::read_to_string("/proc/self/status").ok()?, "VmRSS:")
}

/// The most resident memory that this process ever had, in bytes.
#[must_use]
pub fn peak_rss() -> Option<u64> {
    kilobytes(&fs::read_to_string("/proc/self/status").ok()?, "VmHWM:")
}

/// Memory of the machine, in bytes.
#[must_use]
pub fn total_memory() -> Option<u64> {
    kilobytes(&fs::read_to_string("/proc/meminfo").ok()?, "MemTotal:")
}

/// The most memory that this process may ever have, in bytes: that of the machine, or less where a
/// control group or `ulimit -v` says so.
#[must_use]
pub fn memory_limit() -> Option<u64> {
    let of_addresses = rustix::process::getrlimit(rustix::process::Resource::As).current;
    [total_memory(), of_addresses, control_group_limit()].into_iter().flatten().min()
}

/// Work that needs more memory than there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
#[error("needs {} of {} of memory", size(*.needed), size(*.limit))]
pub struct NotEnoughMemory {
    /// Bytes without which it cannot be done.
    pub needed: u64,
    /// Bytes that this process may have.
    pub limit: u64,
}

/// Refuses work that needs more than [`memory_limit`], before it dies of it half way.
///
/// # Errors
/// What it needs, and what there is.
pub fn check_memory(needed: u64) -> Result<(), NotEnoughMemory> {
    match memory_limit() {
        Some(limit) if needed > limit => Err(NotEnoughMemory { needed, limit }),
        _ => Ok(()),
    }
}

/// The least limit of the control groups around this process (version 2), in bytes.
fn control_group_limit() -> Option<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let own = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let limit = |folder: &Path| {
        fs::read_to_string(Path::new("/sys/fs/cgroup").join(folder).join("memory.max"))
            .ok()?
            .trim()
            .parse()
            .ok()
    };
    Path::new(own).ancestors().filter_map(limit).min()
}

/// CPUs that this process may use.
#[must_use]
pub fn cpu_count() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The processor's name.
#[must_use]
pub fn cpu_model() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// The machine's name.
#[must_use]
pub fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// The operating system's name and release.
#[must_use]
pub fn system() -> String {
    let name = rustix::system::uname();
    format!("{} {}", name.sysname().to_string_lossy(), name.release().to_string_lossy())
}

/// Makes this process receive SIGTERM when `parent`, the process that started it, ends, however it
/// ends. Gives back whether the parent is still there: one that ended before cannot be waited for.
///
/// # Errors
/// If the system refuses.
#[cfg(target_os = "linux")]
pub fn end_with_parent(parent: u32) -> io::Result<bool> {
    use rustix::process::{Signal, getppid, set_parent_process_death_signal};
    set_parent_process_death_signal(Some(Signal::TERM))?;
    Ok(getppid().is_some_and(|pid| u32::try_from(pid.as_raw_nonzero().get()) == Ok(parent)))
}

/// Bytes that this user may still write below `folder`.
///
/// # Errors
/// If there is no such folder.
pub fn free_disk(folder: &Path) -> io::Result<u64> {
    let disk = rustix::fs::statvfs(folder)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// The number of "NAME:   1234 kB", in bytes.
fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(value.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_from_proc() {
        let text = "VmPeak:\t  10 kB\nVmRSS:\t    1234 kB\nVmData: x kB\n";
        assert_eq!(kilobytes(text, "VmRSS:"), Some(1_263_616));
        assert_eq!(kilobytes(text, "VmData:"), None);
        assert_eq!(kilobytes(text, "VmHWM:"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn memory_that_is_touched_is_resident() {
        let before = rss().unwrap();
        let memory = std::hint::black_box(vec![1u8; 64 << 20]);
        let after = rss().unwrap();
        assert!(after >= before + (48 << 20), "{before} then {after} bytes with {} more", memory.len());
        assert!(peak_rss().unwrap() >= after);
        assert!(total_memory().unwrap() > after);
        assert!(electra_files::memory::available().unwrap() <= total_memory().unwrap());
    }

    #[test]
    fn work_that_needs_more_memory_than_there_is_is_refused_with_both_numbers() {
        assert_eq!(check_memory(1 << 20), Ok(()));
        let error = check_memory(1 << 60).unwrap_err();
        assert_eq!((error.needed, Some(error.limit)), (1 << 60, memory_limit()));
        assert!(error.to_string().starts_with("needs 1152921504.6 GB of "), "{error}");
        assert!(memory_limit() <= total_memory());
    }

    #[test]
    fn a_machine_has_a_cpu_and_a_disk() {
        assert!(cpu_count() >= 1);
        let folder = tempfile::tempdir().unwrap();
        assert!(free_disk(folder.path()).unwrap() > 0);
        assert!(free_disk(&folder.path().join("absent")).is_err());
        assert!(!system().is_empty());
    }
}
