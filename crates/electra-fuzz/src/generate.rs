//! Which input has which number: a function of the reader, the seed of the run and the number.

use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use crate::case::Case;
use crate::mutate;
use crate::reader::{Reader, Rng};

/// The most times that an input is damaged.
pub const MAX_MUTATIONS: u32 = 5;
/// Share of mutations that put a link where reading would write.
const PLANTED: f64 = 0.05;

/// A generator for one purpose of one input.
fn stream(seed: u64, reader: &str, index: u64, purpose: u32) -> Rng {
    let mut hasher = blake3::Hasher::new_derive_key("electra-fuzz input 1");
    hasher.update(&seed.to_le_bytes()).update(&index.to_le_bytes()).update(&purpose.to_le_bytes());
    hasher.update(reader.as_bytes());
    let mut state = [0; 32];
    hasher.finalize_xof().fill(&mut state);
    Rng::from_seed(state)
}

/// The plan of an input: how the input with a number comes about.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    seed: u64,
    index: u64,
    /// Number of the valid input.
    pub base: usize,
    /// The number of mutations.
    pub mutations: u32,
}

impl Plan {
    /// The plan of input `index` among those of so many valid inputs. The first inputs are these
    /// themselves, undamaged.
    #[must_use]
    pub fn new(reader: &dyn Reader, seed: u64, index: u64, bases: usize) -> Self {
        if index < bases as u64 {
            return Self { seed, index, base: index as usize, mutations: 0 };
        }
        let mut rng = stream(seed, reader.name(), index, u32::MAX);
        let base = rng.random_range(0..bases);
        // Half of all inputs are damaged once: most faults need no more.
        let mut mutations = 1;
        while mutations < MAX_MUTATIONS && rng.random_bool(0.5) {
            mutations += 1;
        }
        Self { seed, index, base, mutations }
    }

    /// The input. `left_out` are mutations that do not happen; each has random numbers of its own,
    /// so that the others stay what they are wherever they can.
    #[must_use]
    pub fn build(&self, reader: &dyn Reader, bases: &[Case], left_out: &[u32]) -> Case {
        let mut case = bases[self.base].clone();
        for mutation in (0..self.mutations).filter(|mutation| !left_out.contains(mutation)) {
            let mut rng = stream(self.seed, reader.name(), self.index, mutation);
            match reader.writes().choose(&mut rng) {
                Some(name) if rng.random_bool(PLANTED) => mutate::add_link(&mut case, name, &mut rng),
                _ => reader.mutate(&mut case, &mut rng),
            }
        }
        if reader.waits_for_pipes() {
            case.remove_pipes();
        }
        if self.mutations > 0 {
            reader.seal(&mut case, &mut stream(self.seed, reader.name(), self.index, u32::MAX - 1));
        }
        case
    }
}
