//! What this process and its machine are and use, as far as the system tells.

use std::fs;
use std::io;
use std::path::Path;

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

/// Memory that new work may take without swapping, in bytes.
#[must_use]
pub fn available_memory() -> Option<u64> {
    kilobytes(&fs::read_to_string("/proc/meminfo").ok()?, "MemAvailable:")
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
        assert!(available_memory().unwrap() <= total_memory().unwrap());
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
