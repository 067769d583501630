//! Memory that the machine has left, for whoever reads a whole file into it.

use std::fs;

/// Memory that new work may take without swapping, in bytes; none where the system does not tell.
#[must_use]
pub fn available() -> Option<u64> {
    let meminfo = fs::read_to_string("/proc/meminfo").ok()?;
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_running_machine_has_some_memory_left() {
        assert!(super::available().unwrap() > 1 << 20);
    }
}
