//! Counts of the kernels that a card is asked to run.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use cubecl::logging::{LaunchObservation, LaunchObserver};

/// The kernels that were launched while something was computed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Launches {
    /// The launches of each kernel, by its name without the path of its module.
    pub kernels: BTreeMap<String, usize>,
}

impl Launches {
    /// The number of launches of all kernels together.
    pub fn total(&self) -> usize {
        self.kernels.values().sum()
    }
}

#[derive(Default)]
struct Counts(Mutex<BTreeMap<&'static str, usize>>);

impl LaunchObserver for Counts {
    fn launched(&self, kernel: &'static str) {
        let mut counts = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *counts.entry(kernel).or_default() += 1;
    }
}

/// The launches of `compute` on all cards, counted where they are issued: exactly, without waiting for a card.
///
/// One count at a time in a process: what other threads launch meanwhile is counted as well.
pub fn count_launches<R>(compute: impl FnOnce() -> R) -> (R, Launches) {
    let counts = Arc::new(Counts::default());
    let observation = LaunchObservation::new(counts.clone());
    let result = compute();
    drop(observation);
    let counts = counts.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut launches = Launches::default();
    for (kernel, count) in counts.iter() {
        *launches.kernels.entry(short(kernel)).or_default() += count;
    }
    (result, launches)
}

/// The name of a kernel's type without the paths of modules.
fn short(name: &str) -> String {
    let mut shortened = String::with_capacity(name.len());
    let mut word = String::new();
    for c in name.chars() {
        match c {
            ':' => word.clear(),
            c if c.is_alphanumeric() || c == '_' => word.push(c),
            c => {
                shortened.push_str(&word);
                word.clear();
                shortened.push(c);
            }
        }
    }
    shortened + &word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_their_paths() {
        assert_eq!(short("a::b::Kernel<c::F32, d>"), "Kernel<F32, d>");
        assert_eq!(short("plain"), "plain");
    }
}
