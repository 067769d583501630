//! The device that a user names, and what to do when it is not there.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
pub use electra_kernels::{DeviceName, Precision};

use crate::failure::Failure;
use crate::failure::of_device::remedy_without;
use crate::ranks::processes_here;

/// The devices that this program was built for, for the help of `--device`.
pub const HELP: &str = match (cfg!(feature = "ndarray"), cfg!(feature = "wgpu"), cfg!(feature = "cuda")) {
    (false, false, false) => "flex, the CPU",
    (true, false, false) => "flex or ndarray",
    (false, true, false) => "flex or wgpu",
    (false, false, true) => "flex or cuda:N",
    (true, true, false) => "flex, ndarray or wgpu",
    (true, false, true) => "flex, ndarray or cuda:N",
    (false, true, true) => "flex, wgpu or cuda:N",
    (true, true, true) => "flex, ndarray, wgpu or cuda:N",
};

/// The help of `--precision` of a tagger.
pub const PRECISION_HELP: &str = "Precision of the tagger's matrix products: f32, or bf16, f16 or tf32, which are faster \
    where the device has instructions for them (of CPUs, bf16 on AVX-512 BF16 and AMX) and round scores";

/// Reads the name of a precision, as recipes write it.
pub fn precision() -> impl TypedValueParser<Value = Precision> {
    let named = |name: String| Precision::ALL.into_iter().find(|precision| precision.name() == name);
    let names = PossibleValuesParser::new(Precision::ALL.map(Precision::name));
    names.map(move |name| named(name).expect("one of the names"))
}

/// The sentence on what the machine lacks for the backend of a device, if anything, with the remedy.
pub fn missing(device: DeviceName) -> Option<String> {
    device.missing_library().map(|library| remedy_without(device, library))
}

/// The folder in which compiled kernels for GPUs are kept: `kernels` in `ELECTRA_CACHE`, else in the user's own folder
/// of caches. None where nobody has one.
pub fn kernel_cache() -> Option<PathBuf> {
    let of = |name: &str| std::env::var_os(name).filter(|path| !path.is_empty()).map(PathBuf::from);
    let caches = of("XDG_CACHE_HOME").or_else(|| Some(of("HOME")?.join(".cache")));
    let own = of("ELECTRA_CACHE").or_else(|| Some(caches?.join("electra")))?;
    Some(own.join("kernels"))
}

/// The most threads that anybody could mean.
pub const MAX_THREADS: usize = 4096;

/// Sets the number of CPU threads that every operation shares.
///
/// # Errors
/// If the pool exists already or cannot be made.
pub fn use_threads(threads: Option<usize>) -> Result<usize, Failure> {
    let threads = match threads {
        Some(threads) if !(1..=MAX_THREADS).contains(&threads) => {
            let help =
                format!("give at least 1 and at most {MAX_THREADS}; more than there are cores are slower");
            return Err(Failure::new(format!("--threads {threads}"), help));
        }
        Some(threads) => threads,
        None => threads_of_process(),
    };
    electra_kernels::use_threads(threads).map_err(Failure::of_system)?;
    Ok(threads)
}

/// The threads of this process where nobody says how many: a share of the cores where a launcher has started several
/// processes here, unless it has given this one cores of its own.
fn threads_of_process() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    if has_own_cores() { cores } else { (cores / processes_here()).max(1) }
}

/// Whether this process may not run on every core of the machine, as far as Linux says so.
fn has_own_cores() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mine = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    let online = std::fs::read_to_string("/sys/devices/system/cpu/online").ok();
    match (mine, online) {
        (Some(mine), Some(online)) => numbers_in(mine) < numbers_in(&online),
        _ => false,
    }
}

/// The number of processors in a list such as "0-3,8".
fn numbers_in(list: &str) -> usize {
    let of_range = |range: &str| -> Option<usize> {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let [first, last] = [first, last].map(|number| number.trim().parse::<usize>().ok());
        last?.checked_sub(first?)?.checked_add(1)
    };
    list.trim().split(',').filter_map(of_range).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cores_are_counted_in_lists() {
        assert_eq!(["0", "0-3", "0-1,8,10-11\n", "", "3-0,7"].map(numbers_in), [1, 4, 5, 0, 1]);
    }
}
