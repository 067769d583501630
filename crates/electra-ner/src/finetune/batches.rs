//! Which windows make a step: those of the sentences that [`LengthBatches`] puts together.

use std::ops::Range;

use electra_train::LengthBatches;

use crate::head::LabelledRows;
use crate::predict::WindowedSentences;
use crate::window::{Windows, index32};
use electra_model::WindowBatchData;

/// The batches of every epoch of a run.
#[derive(Clone, Debug)]
pub struct EpochBatches {
    /// The ends of the units of windows that belong to one step: one window, or all that share a sentence.
    unit_ends: Vec<u32>,
    units: LengthBatches,
}

/// The label of every word of some sentences, packed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Targets(Vec<u32>);

/// Stands for a word without a label.
const NO_LABEL: u32 = u32::MAX;

impl Targets {
    /// The label of a word, by its number among the words of all sentences.
    ///
    /// # Panics
    /// If there are not so many.
    #[must_use]
    pub fn get(&self, word: usize) -> Option<usize> {
        Some(self.0[word]).filter(|&label| label != NO_LABEL).map(|label| label as usize)
    }
}

/// From the labels of each sentence.
impl FromIterator<Vec<Option<usize>>> for Targets {
    fn from_iter<I: IntoIterator<Item = Vec<Option<usize>>>>(sentences: I) -> Self {
        let mut targets = Vec::new();
        for labels in sentences {
            targets.extend(labels.into_iter().map(|label| label.map_or(NO_LABEL, index32)));
        }
        targets.shrink_to_fit();
        Self(targets)
    }
}

/// Micro-batch: windows that go through the network together, with their labels.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainBatch {
    /// Windows, padded to the longest of the step.
    pub data: WindowBatchData,
    /// Windows of the step before these: dropout is a function of a window's place in the step.
    pub first_window: u64,
    /// Words of the step before those of these windows.
    pub first_word: u64,
    /// The label of each word.
    pub targets: Vec<Option<usize>>,
    /// The labelled rows of the words, sentence by sentence.
    pub sentences: Vec<LabelledRows>,
    /// Which of all sentences they are. One that is longer than a micro-batch comes again in the next.
    pub numbers: Vec<usize>,
}

impl EpochBatches {
    /// Batches of `batch_size` units of these windows.
    ///
    /// # Panics
    /// If there are no windows or the batch has no room.
    pub fn new(windows: &Windows, batch_size: usize, seed: u64) -> Self {
        assert!(
            !windows.is_empty() && batch_size > 0,
            "{} windows in batches of {batch_size}",
            windows.len()
        );
        // Pieces of the longest window of each unit.
        let [mut unit_ends, mut lengths] = [(); 2].map(|()| Vec::with_capacity(windows.len()));
        let mut before = None;
        for window in 0..windows.len() {
            let [first, last] = windows.outer_sentences(window);
            let (end, length) = (index32(window + 1), index32(windows.length(window)));
            match (unit_ends.last_mut(), lengths.last_mut()) {
                (Some(of_unit), Some(longest)) if before == Some(first) => {
                    (*of_unit, *longest) = (end, length.max(*longest));
                }
                _ => {
                    unit_ends.push(end);
                    lengths.push(length);
                }
            }
            before = Some(last);
        }
        unit_ends.shrink_to_fit();
        lengths.shrink_to_fit();
        Self { unit_ends, units: LengthBatches::new(lengths, batch_size, seed) }
    }

    /// Steps of an epoch.
    pub fn steps(&self) -> u64 {
        self.units.steps()
    }

    /// The windows of a unit.
    fn unit(&self, unit: u32) -> Range<usize> {
        let start = unit.checked_sub(1).map_or(0, |before| self.unit_ends[before as usize]);
        start as usize..self.unit_ends[unit as usize] as usize
    }

    /// The batches of epoch `epoch`, counted from 0: each with the windows that go through the
    /// network at once, at most `micro_batch_size`. The windows of a sentence go together where they
    /// are no more than that, and one behind the other where they are.
    pub fn of_epoch(&self, epoch: u64, micro_batch_size: usize) -> Vec<Vec<Vec<usize>>> {
        let batches = self.units.of_epoch(epoch);
        batches.iter().map(|units| self.micro_batches(units, micro_batch_size)).collect()
    }

    fn micro_batches(&self, units: &[u32], size: usize) -> Vec<Vec<usize>> {
        let mut batches: Vec<Vec<usize>> = Vec::new();
        for &unit in units {
            let windows: Vec<usize> = self.unit(unit).collect();
            match batches.last_mut().filter(|batch| batch.len() + windows.len() <= size) {
                Some(batch) => batch.extend(windows),
                // What a pass needs of memory does not grow with the longest record.
                None => batches.extend(windows.chunks(size).map(<[usize]>::to_vec)),
            }
        }
        batches
    }
}

impl TrainBatch {
    /// The micro-batches of a step, whose windows are `parts`; `labels` has the labels of all words.
    ///
    /// All have the length of the longest, so that the step in parts is the step as a whole, dropout included.
    pub fn of_step(windowed: &WindowedSentences, parts: &[Vec<usize>], labels: &Targets) -> Vec<Self> {
        let length = windowed.batch_length(parts.iter().flatten().copied());
        let (mut first_window, mut first_word) = (0, 0);
        let part = |windows: &Vec<usize>| {
            let part = Self::new(windowed, windows, length, labels, [first_window, first_word]);
            first_window += part.data.windows as u64;
            first_word += part.data.words() as u64;
            part
        };
        parts.iter().map(part).collect()
    }

    fn new(
        windowed: &WindowedSentences,
        windows: &[usize],
        length: usize,
        labels: &Targets,
        [first_window, first_word]: [u64; 2],
    ) -> Self {
        let (data, words) = windowed.batch_of_length(windows, length);
        let mut sentences: Vec<LabelledRows> = Vec::new();
        let mut numbers: Vec<usize> = Vec::new();
        for (row, word) in words.iter().enumerate() {
            if numbers.last() != Some(&word.sentence) {
                sentences.push(LabelledRows::default());
                numbers.push(word.sentence);
            }
            let open = sentences.last_mut().expect("a sentence was begun");
            open.rows.push(row);
            open.labels.push(labels.get(word.number).expect("the labels are those of the training data"));
        }
        let targets = words.iter().map(|word| labels.get(word.number)).collect();
        Self { data, first_window, first_word, targets, sentences, numbers }
    }

    /// Whether the last sentence goes on in `next`.
    pub fn is_continued_by(&self, next: &Self) -> bool {
        self.numbers.last().is_some_and(|last| next.numbers.first() == Some(last))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use electra_text::SpecialIds;

    use super::*;
    use crate::window::{ScoredWord, Window};

    /// A window of `length` pieces in which a word of each of `sentences` is scored.
    fn window(length: usize, sentences: &[usize]) -> Window {
        let scored = sentences.iter().enumerate().map(|(at, &sentence)| ScoredWord {
            piece: at + 1,
            sentence,
            word: 0,
        });
        Window { ids: vec![1; length], scored: scored.collect(), context_before: 0, context_after: 0 }
    }

    fn packed(given: impl IntoIterator<Item = Window>) -> Windows {
        let special = SpecialIds { pad: 0, unk: 1, cls: 1, sep: 1, mask: 4 };
        let mut windows = Windows::with_capacity(special, 0, 0);
        given.into_iter().for_each(|window| windows.push(&window));
        windows
    }

    fn windows(lengths: impl IntoIterator<Item = usize>) -> Windows {
        packed(lengths.into_iter().enumerate().map(|(at, length)| window(length, &[at])))
    }

    #[test]
    fn every_epoch_has_every_window_once_in_another_order() {
        let batches = EpochBatches::new(&windows((0..50).map(|n| 8 + n % 13)), 8, 3);
        assert_eq!(batches.steps(), 7);
        let mut orders = BTreeSet::new();
        for epoch in 0..4 {
            let epoch = batches.of_epoch(epoch, 8);
            assert_eq!(epoch.len() as u64, batches.steps());
            let mut seen: Vec<usize> = epoch.iter().flatten().flatten().copied().collect();
            orders.insert(seen.clone());
            seen.sort_unstable();
            assert_eq!(seen, (0..50).collect::<Vec<_>>());
        }
        assert_eq!(orders.len(), 4);
        assert_eq!(batches.of_epoch(2, 8), batches.of_epoch(2, 8));
    }

    #[test]
    fn windows_of_like_length_go_together() {
        let lengths: Vec<usize> = (0..128).map(|n| 8 + (n * 37) % 96).collect();
        let batches = EpochBatches::new(&windows(lengths.clone()), 8, 3);
        let padded = |epoch: &[Vec<Vec<usize>>]| -> usize {
            let rows = |batch: &Vec<usize>| batch.len() * batch.iter().map(|&w| lengths[w]).max().unwrap();
            epoch.iter().flatten().map(rows).sum()
        };
        let real: usize = lengths.iter().sum();
        let found = padded(&batches.of_epoch(0, 8));
        assert!(found < real + real / 10, "{found} positions for {real} pieces");
    }

    #[test]
    fn windows_that_share_a_sentence_are_in_one_step_and_in_one_pass_where_they_fit() {
        // Sentence 1 is scored in three windows.
        let windows =
            [window(9, &[0]), window(16, &[1, 1]), window(16, &[1]), window(12, &[1, 2]), window(8, &[3])];
        let batches = EpochBatches::new(&packed(windows), 2, 1);
        assert_eq!(batches.steps(), 2);
        for epoch in 0..5 {
            let passes: Vec<Vec<usize>> = batches.of_epoch(epoch, 3).concat();
            assert!(passes.contains(&vec![1, 2, 3]), "{passes:?}");
            assert_eq!(passes.len(), 3);
        }
    }

    #[test]
    fn no_pass_has_more_windows_than_a_micro_batch_however_long_a_record_is() {
        let long = (0..11).map(|_| window(16, &[0]));
        let windows = packed(long.chain([window(9, &[1]), window(8, &[2])]));
        let batches = EpochBatches::new(&windows, 3, 1);
        assert_eq!(batches.steps(), 1);
        for size in [1, 2, 4, 20] {
            let [step] = <[_; 1]>::try_from(batches.of_epoch(0, size)).unwrap();
            assert!(step.iter().all(|part| part.len() <= size), "{size}: {step:?}");
            assert_eq!(step.concat(), (0..13).collect::<Vec<_>>(), "{size}: in their order");
        }
        // What is left of the last pass is filled.
        assert_eq!(batches.of_epoch(0, 4)[0].iter().map(Vec::len).collect::<Vec<_>>(), [4, 4, 4, 1]);
    }

    #[test]
    fn micro_batches_are_the_batch_in_parts() {
        let batches = EpochBatches::new(&windows((0..20).map(|n| 8 + n)), 6, 1);
        for (whole, parts) in batches.of_epoch(1, 6).iter().zip(batches.of_epoch(1, 4)) {
            assert_eq!(whole.concat(), parts.concat());
            assert!(parts.iter().all(|part| part.len() <= 4));
        }
    }
}
