//! Frequencies of the word pieces in the training data.

use electra_text::Split;

use crate::mixture::Mixture;

/// Rows that are counted at most: 2^18 rows of 128 tokens are 34 million tokens, enough that the
/// logarithm of a frequency above one in a million is known to a few hundredths.
const MAX_ROWS: usize = 1 << 18;

/// Natural logarithm of the share of each of `vocab_size` ids among the tokens of the training
/// split that can be predicted, each counted once more than it occurs (Laplace).
pub(crate) fn log_frequencies(data: &Mixture, vocab_size: usize) -> Vec<f32> {
    let counts: Vec<u64> = token_counts(data, vocab_size).iter().map(|count| count + 1).collect();
    let total = counts.iter().sum::<u64>() as f64;
    counts.iter().map(|&n| (n as f64 / total).ln() as f32).collect()
}

/// The number of times that each of `vocab_size` ids occurs in the training split.
///
/// Special tokens are never predicted and count as unseen. Of more than 2^18 rows evenly spread
/// ones are counted, of each source of a mixture as many as its weight says. A function of the data and
/// the weights alone.
pub(crate) fn token_counts(data: &Mixture, vocab_size: usize) -> Vec<u64> {
    let special = data.first().manifest().tokenizer.special;
    let mut counts = vec![0u64; vocab_size];
    for row in data.spread(data.rows(Split::Train).min(MAX_ROWS)) {
        for id in row.ids.iter() {
            // A row with another id is damaged: it is refused once it is to be trained on.
            if let Some(count) = counts.get_mut(id as usize).filter(|_| !special.contains(id)) {
                *count += 1;
            }
        }
    }
    counts
}
