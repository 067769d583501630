//! The trait of a reader: valid inputs, damage that gets past the first check, and the reading.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::case::Case;
use crate::mutate;
pub use crate::rng::Rng;

/// Something of the project that reads files.
pub trait Reader: Sync {
    /// The name of the reader on the command line and in tables.
    fn name(&self) -> &'static str;

    /// The stages that an input can reach, in order; there is at least one stage.
    fn stages(&self) -> &'static [&'static str];

    /// Valid inputs, made by the project's own writers.
    fn seeds(&self) -> Vec<Case>;

    /// Damages an input once.
    fn mutate(&self, case: &mut Case, rng: &mut Rng) {
        mutate::mutate(case, rng);
    }

    /// Names that reading writes to, or that its writers take for their own: links may stand there.
    fn writes(&self) -> &'static [&'static str] {
        &[]
    }

    /// Whether a file may be a pipe, for whose writer it is right to wait; no input has one then.
    fn waits_for_pipes(&self) -> bool {
        false
    }

    /// Makes hashes, checksums and lengths of a damaged input agree again, so that reading does not
    /// end at the first of them.
    fn seal(&self, _case: &mut Case, _rng: &mut Rng) {}

    /// Reads the input in `folder` as far as the commands do.
    fn run(&self, folder: &Path, reached: &Reached<'_>) -> Option<()>;

    /// The number of inputs that are read in a short run.
    fn quick(&self) -> u64 {
        1500
    }
}

/// The stages that an input has reached.
pub struct Reached<'a> {
    stages: &'static [&'static str],
    count: &'a AtomicU64,
}

impl<'a> Reached<'a> {
    /// Nothing reached yet; `count` is told the number of stages that are.
    pub fn new(stages: &'static [&'static str], count: &'a AtomicU64) -> Self {
        count.store(0, Ordering::Relaxed);
        Self { stages, count }
    }

    /// The input has come as far as this stage.
    ///
    /// # Panics
    /// If the reader has no such stage.
    pub fn stage(&self, name: &str) {
        let at = self.stages.iter().position(|stage| *stage == name);
        let at = at.unwrap_or_else(|| panic!("there is no stage {name} in {:?}", self.stages));
        self.count.fetch_max(at as u64 + 1, Ordering::Relaxed);
    }
}

/// An error that is rendered as a user would see it, and then dropped.
pub trait OkRendered {
    /// The result of a reading.
    type Good;
    /// The value, if there is one.
    fn ok_rendered(self) -> Option<Self::Good>;
}

impl<T, E: std::fmt::Display + std::fmt::Debug> OkRendered for Result<T, E> {
    type Good = T;

    fn ok_rendered(self) -> Option<T> {
        match self {
            Ok(value) => Some(value),
            Err(error) => {
                std::hint::black_box(format!("{error}"));
                None
            }
        }
    }
}
