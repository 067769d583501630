//! Frequencies of the word pieces in the training data.

use electra_text::{DataSet, Split};

use crate::heldout::evenly;

/// Rows that are counted at most: 2^18 rows of 128 tokens are 34 million tokens, enough that the
/// logarithm of a frequency above one in a million is known to a few hundredths.
const MAX_ROWS: usize = 1 << 18;

/// Natural logarithm of the share of each of `vocab_size` ids among the tokens of the training
/// split that can be predicted, each counted once more than it occurs (Laplace).
pub(crate) fn log_frequencies(data: &DataSet, vocab_size: usize) -> Vec<f32> {
    let counts: Vec<u64> = token_counts(data, vocab_size).iter().map(|count| count + 1).collect();
    let total = counts.iter().sum::<u64>() as f64;
    counts.iter().map(|&n| (n as f64 / total).ln() as f32).collect()
}

/// The number of times that each of `vocab_size` ids occurs in the training split.
///
/// Special tokens are never predicted and count as unseen. Of more than 2^18 rows evenly spread
/// ones are counted. A function of the data alone.
pub(crate) fn token_counts(data: &DataSet, vocab_size: usize) -> Vec<u64> {
    let (rows, special) = (data.split(Split::Train), data.manifest().tokenizer.special);
    let counted = rows.len().min(MAX_ROWS);
    let mut counts = vec![0u64; vocab_size];
    for i in 0..counted {
        for id in rows.get(evenly(i, counted, rows.len())).ids.iter() {
            // A row with another id is damaged: it is refused once it is to be trained on.
            if let Some(count) = counts.get_mut(id as usize).filter(|_| !special.contains(id)) {
                *count += 1;
            }
        }
    }
    counts
}
