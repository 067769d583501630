//! Merging of characters into pieces: the training of byte-pair encoding, as the library has it.

use std::collections::BTreeSet;

use ahash::{AHashMap, AHashSet};
use compact_str::CompactString;
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::tokenizer::AddedToken;

use super::error::{TooLong, TrainError};
use crate::map_in_order::MAX_THREADS;
use crate::vocab::{CONTINUATION, SPECIAL_TOKENS};

/// The library counts pairs in 32 bits with a sign; corpora with more are scaled down.
const MAX_PAIRS: u64 = i32::MAX as u64;

/// Words, or runs of characters, with their counts.
pub(super) type RunCounts = AHashMap<CompactString, u64>;

/// The pieces: special tokens, characters, continuing characters, merges in their order.
pub(super) fn merge(
    mut words: RunCounts,
    alphabet: AHashSet<char>,
    (wanted, min_frequency): (usize, u64),
    too_long: TooLong,
    threads: usize,
) -> Result<Vec<String>, TrainError> {
    let characters = characters(&mut words, alphabet);
    let special = SPECIAL_TOKENS.len();
    let minimum = special + characters.len();
    if wanted < minimum {
        return Err(TrainError::TooSmall {
            vocab_size: wanted,
            special,
            alphabet: characters.len(),
            minimum,
        });
    }
    let pieces = pieces(words, characters, wanted, min_frequency, threads);
    if pieces.len() < wanted {
        return Err(TrainError::TooLarge {
            vocab_size: wanted,
            supported: pieces.len(),
            min_frequency,
            too_long,
        });
    }
    Ok(pieces)
}

/// The pieces of one character, those that begin a word first. Words with others, which can only become
/// `[UNK]`, are taken out of `words`.
pub(super) fn characters(words: &mut RunCounts, alphabet: AHashSet<char>) -> Vec<String> {
    words.retain(|word, _| word.chars().all(|c| alphabet.contains(&c)));
    let mut first: Vec<char> = alphabet.into_iter().collect();
    first.sort_unstable();
    let continuing: BTreeSet<char> = words.keys().flat_map(|word| word.chars().skip(1)).collect();
    let continuing = continuing.iter().map(|c| format!("{CONTINUATION}{c}"));
    first.iter().map(|c| c.to_string()).chain(continuing).collect()
}

/// Special tokens, `characters` and what is merged of them, `wanted` in all or as many as the words support.
pub(super) fn pieces(
    mut words: RunCounts,
    characters: Vec<String>,
    wanted: usize,
    min_frequency: u64,
    threads: usize,
) -> Vec<String> {
    scale_down(&mut words, MAX_PAIRS);
    let fixed: Vec<AddedToken> = SPECIAL_TOKENS
        .into_iter()
        .map(str::to_owned)
        .chain(characters)
        .map(|piece| AddedToken::from(piece, true))
        .collect();
    let trainer = BpeTrainer::builder()
        .vocab_size(wanted)
        .min_frequency(min_frequency)
        .special_tokens(fixed)
        .continuing_subword_prefix(CONTINUATION.into())
        .show_progress(false)
        .build();
    let mut model = BPE::default();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.clamp(1, MAX_THREADS)).build();
    let mut train = || trainer.do_train(&words, &mut model);
    let trained = match pool {
        Ok(pool) => pool.install(train),
        // No threads to be had: the caller's will do, the result is the same.
        Err(_) => train(),
    };
    trained.expect("the trainer has no way to fail");

    let mut pieces: Vec<(u32, String)> =
        model.get_vocab().into_iter().map(|(piece, id)| (id, piece)).collect();
    pieces.sort_unstable();
    pieces.into_iter().map(|(_, piece)| piece).collect()
}

/// Divides the counts, if need be, so that no pair of pieces is seen more than `limit` times.
/// Half of the limit is for the counts, the rest for what rounding them up adds.
fn scale_down(words: &mut RunCounts, limit: u64) {
    let pairs: u64 = words.iter().map(|(word, count)| count * (word.chars().count() as u64 - 1)).sum();
    if pairs > limit {
        let divisor = pairs.div_ceil(limit / 2);
        words.values_mut().for_each(|count| *count = count.div_ceil(divisor));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_beyond_32_bits_are_scaled_down_and_rare_words_stay() {
        let counts = |words: &[(&str, u64)]| -> RunCounts {
            words.iter().map(|&(word, count)| (word.into(), count)).collect()
        };
        let mut words = counts(&[("the", 4_000_000_000), ("zebra", 3)]);
        scale_down(&mut words, MAX_PAIRS);
        // 8,000,000,012 pairs, half the limit is 1,073,741,823: divided by 8.
        assert_eq!(words, counts(&[("the", 500_000_000), ("zebra", 1)]));
        let mut small = counts(&[("the", 3)]);
        scale_down(&mut small, 6);
        assert_eq!(small, counts(&[("the", 3)]));
    }
}
