//! Passes over a batch, counted: whether a program that works through batches still moves.

use std::sync::atomic::{AtomicU64, Ordering};

/// The kind of a pass over a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// Forward, backward and update of one training step.
    Training,
    /// Forward over a batch of held-out or labelled data.
    Evaluation,
    /// Forward over a batch of text that a tagger tags.
    Prediction,
    /// Forward over a text whose replaced tokens are looked for.
    Detection,
}

impl Pass {
    /// All kinds of passes.
    pub const ALL: [Self; 4] = [Self::Training, Self::Evaluation, Self::Prediction, Self::Detection];
}

/// Counts of the passes of one kind that this process has begun and ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Passes {
    /// The number of passes that have begun.
    pub begun: u64,
    /// The number of passes that have ended, by a panic too.
    pub ended: u64,
}

static BEGUN: [AtomicU64; Pass::ALL.len()] = [const { AtomicU64::new(0) }; Pass::ALL.len()];
static ENDED: [AtomicU64; Pass::ALL.len()] = [const { AtomicU64::new(0) }; Pass::ALL.len()];

/// The counts of the passes of one kind so far.
pub fn passes(pass: Pass) -> Passes {
    // Ended first: it is never more than begun.
    let ended = ENDED[pass as usize].load(Ordering::Acquire);
    Passes { begun: BEGUN[pass as usize].load(Ordering::Acquire), ended }
}

/// The number of loops under way in which pass follows upon pass.
static LOOPS: AtomicU64 = AtomicU64::new(0);

/// A guard for the time of a loop in which pass follows upon pass, which ends when it is dropped.
#[derive(Debug)]
pub struct LoopGuard(());

impl LoopGuard {
    /// Begins such a loop.
    #[must_use = "the loop is over when this is dropped"]
    pub fn begin() -> Self {
        LOOPS.fetch_add(1, Ordering::AcqRel);
        Self(())
    }
}

impl Drop for LoopGuard {
    fn drop(&mut self) {
        LOOPS.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Whether a loop is under way in which pass follows upon pass.
pub fn is_in_loop() -> bool {
    LOOPS.load(Ordering::Acquire) > 0
}

/// Runs `f` as a pass.
pub(crate) fn run_pass<T>(pass: Pass, f: impl FnOnce() -> T) -> T {
    struct Ends(Pass);
    impl Drop for Ends {
        fn drop(&mut self) {
            ENDED[self.0 as usize].fetch_add(1, Ordering::AcqRel);
        }
    }
    BEGUN[pass as usize].fetch_add(1, Ordering::AcqRel);
    let _ends = Ends(pass);
    f()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_is_under_way_until_it_returns_or_panics() {
        // Detection, as no other test of this crate uses it.
        let under_way = || {
            let Passes { begun, ended } = passes(Pass::Detection);
            begun - ended
        };
        assert_eq!((under_way(), run_pass(Pass::Detection, under_way), under_way()), (0, 1, 0));
        let caught = std::panic::catch_unwind(|| run_pass(Pass::Detection, || panic!("as planned")));
        assert!(caught.is_err());
        assert_eq!((under_way(), passes(Pass::Detection).ended), (0, 2));
    }
}
