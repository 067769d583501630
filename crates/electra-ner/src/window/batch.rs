//! Windows of like length together, so that little padding is computed.

use super::Window;

/// Settings of batches of windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchSettings {
    /// Windows in a batch at most.
    pub size: usize,
    /// Batches whose windows are sorted by length together. One keeps the given order; the more,
    /// the less padding and the less random the batches.
    pub pool: usize,
    /// Rows are padded to a multiple of this, so that few shapes occur; 1 pads to the longest.
    pub multiple_of: usize,
    /// Rows are never padded beyond this: the window length, which the position table bounds.
    pub max_length: usize,
}

/// Rows that go through the model together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Indices of its windows.
    pub windows: Vec<usize>,
    /// Length that every row is padded to.
    pub length: usize,
    /// Positions that are padding, over all rows.
    pub padding: usize,
}

impl Batch {
    /// The ids of all rows, one after another, each padded to [`Batch::length`]. Where padding
    /// starts follows from the windows' lengths alone: `[PAD]` may be written out in a text.
    pub fn padded_ids(&self, windows: &[Window], pad: u32) -> Vec<u32> {
        let mut ids = Vec::with_capacity(self.windows.len() * self.length);
        for (row, &window) in self.windows.iter().enumerate() {
            ids.extend_from_slice(&windows[window].ids);
            ids.resize((row + 1) * self.length, pad);
        }
        ids
    }
}

/// Gathers the windows named by `order`, each as often as it is named, longest first within a pool
/// and in the given order where lengths are equal. For training, `order` is a permutation, and the
/// batches want to be shuffled after; for prediction a single pool pads least.
///
/// # Panics
///
/// If a setting is 0, or a window is longer than the longest row.
pub fn batches(windows: &[Window], order: &[usize], settings: &BatchSettings) -> Vec<Batch> {
    batches_of_lengths(|window| windows[window].ids.len(), order, settings)
}

/// [`batches`] of windows of which `length` gives the length.
pub(crate) fn batches_of_lengths(
    length: impl Fn(usize) -> usize,
    order: &[usize],
    settings: &BatchSettings,
) -> Vec<Batch> {
    let BatchSettings { size, pool, multiple_of, max_length } = *settings;
    assert!(size > 0 && pool > 0 && multiple_of > 0, "{settings:?}");
    let length = |window: &usize| length(*window);
    let mut batches = Vec::with_capacity(order.len().div_ceil(size));
    for pool in order.chunks(size.saturating_mul(pool)) {
        let mut pool = pool.to_vec();
        pool.sort_by_key(|window| std::cmp::Reverse(length(window)));
        for windows in pool.chunks(size) {
            let longest = length(&windows[0]);
            assert!(longest <= max_length, "a window of {longest} pieces in rows of {max_length} at most");
            let padded = longest.next_multiple_of(multiple_of).min(max_length);
            batches.push(Batch {
                windows: windows.to_vec(),
                length: padded,
                padding: windows.iter().map(|window| padded - length(window)).sum(),
            });
        }
    }
    batches
}
