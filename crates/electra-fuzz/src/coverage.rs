//! The libFuzzer front end: the same readers, mutations and seals, with inputs chosen by coverage; see
//! `fuzz/`.

use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;

use rand::{RngExt, SeedableRng};

use crate::case::Case;
use crate::reader::{Reached, Reader, Rng};
use crate::readers;
use crate::sandbox::Sandbox;

/// The variable that names the reader.
pub const READER: &str = "ELECTRA_FUZZ_READER";

thread_local! {
    static SANDBOX: RefCell<Option<Sandbox>> = const { RefCell::new(None) };
}

/// The reader that the environment names.
///
/// # Panics
/// If it names none: libFuzzer has no other way to be told.
#[must_use]
pub fn reader() -> &'static dyn Reader {
    let name = std::env::var(READER).unwrap_or_default();
    readers::find(&name).unwrap_or_else(|| panic!("{READER}={name} is none of {:?}", readers::names()))
}

/// Reads an input that libFuzzer made; what is no case is read by nobody.
///
/// # Panics
/// Where the reader does, and if something was written outside the input's folder.
pub fn run(bytes: &[u8]) {
    let Some(case) = Case::decode(bytes) else { return };
    let reader = reader();
    SANDBOX.with_borrow_mut(|sandbox| {
        let root = scratch().join(format!("electra-fuzz-coverage-{}", std::process::id()));
        let sandbox = sandbox.get_or_insert_with(|| Sandbox::new(&root).expect("a sandbox can be made"));
        sandbox.put(&case).expect("an input can be written");
        let count = AtomicU64::new(0);
        reader.run(&sandbox.input(), &Reached::new(reader.stages(), &count));
        if let Some(what) = sandbox.written_outside().expect("the canary can be read") {
            panic!("written outside: {what}");
        }
    });
}

/// Damages an input of libFuzzer in place as the other engine does, and gives its new length.
pub fn mutate(data: &mut [u8], size: usize, most: usize, seed: u32) -> usize {
    let reader = reader();
    let mut rng = Rng::seed_from_u64(u64::from(seed));
    let mut case = match Case::decode(&data[..size]) {
        Some(case) => case,
        None => {
            let seeds = reader.seeds();
            seeds[rng.random_range(0..seeds.len())].clone()
        }
    };
    damage(reader, &mut case, &mut rng);
    let bytes = case.encode();
    if bytes.len() > most.min(data.len()) {
        return size;
    }
    data[..bytes.len()].copy_from_slice(&bytes);
    bytes.len()
}

/// Damages a case once and seals it again. Readers that rightly wait for whoever writes to a pipe get none.
fn damage(reader: &dyn Reader, case: &mut Case, rng: &mut Rng) {
    reader.mutate(case, rng);
    if reader.waits_for_pipes() {
        case.remove_pipes();
    }
    reader.seal(case, rng);
}

/// A folder in memory where there is one.
#[must_use]
pub fn scratch() -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    if memory.is_dir() { memory } else { std::env::temp_dir() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_that_wait_for_pipes_get_none() {
        let reader = readers::find("columns").expect("a reader");
        let pipe = Case::decode(b"pipe 0 a.txt\n\n").expect("a case");
        let mut without = pipe.clone();
        without.remove_pipes();
        assert_ne!(pipe, without);
        for seed in 0..200 {
            let mut case = pipe.clone();
            damage(reader, &mut case, &mut Rng::seed_from_u64(seed));
            let mut without = case.clone();
            without.remove_pipes();
            assert_eq!(case, without, "seed {seed}");
        }
    }
}
