//! Checks of a manifest against itself and against the tokenizer beside it.
//!
//! A hash tells damage from what was written, and nothing of who wrote it: whoever changes a file
//! can seal it again. So every value that decides what is read is compared with what it describes.

use std::fmt::Debug;

use super::{DataSettings, HeldOutRule, Manifest, SplitCounts, TokenizerRecord};
use crate::corpus::Skipped;
use crate::near_duplicates::{Deduplication, DuplicateCounts, MIN_THRESHOLD};
use crate::pack::{MAX_SEQ_LEN, MIN_SEQ_LEN};
use crate::shard::{ShardRecord, Split, shard_file_name};
use crate::vocab::{MAX_VOCAB_SIZE, SPECIAL_TOKENS};
use crate::wordpiece::Tokenizer;

/// The largest count that is believed: a few of them stay far within 64 bits when they are added.
const MAX_COUNT: u64 = 1 << 53;

impl Manifest {
    /// Checks the values that can be judged from the manifest alone.
    pub(crate) fn check(&self) -> Result<(), String> {
        self.settings.check()?;
        self.tokenizer.check()?;
        expect("rows_per_shard", self.rows_per_shard, self.row_shape().rows_per_shard())?;
        if !self.shards.is_sorted_by_key(|record| record.split) {
            return Err("its shards do not stand with those of their split".into());
        }
        for split in Split::ALL {
            self.check_split(split, &self.shards(split).collect::<Vec<_>>())?;
        }
        let bytes = self.inputs.iter().try_fold(0u64, |sum, input| sum.checked_add(input.bytes));
        check_corpus_counts(bytes, self.replaced, &self.skipped, self.left_out)?;
        let DuplicateCounts { documents, text_bytes } = self.duplicates;
        if documents.max(text_bytes) > MAX_COUNT {
            return Err(format!("its duplicates are {documents} documents of {text_bytes} bytes"));
        }
        match self.settings.deduplicate {
            None if documents > 0 => Err(format!("it left out {documents} duplicates and compared nothing")),
            _ => Ok(()),
        }
    }

    fn check_split(&self, split: Split, shards: &[&ShardRecord]) -> Result<(), String> {
        let (shape, full) = (self.row_shape(), self.rows_per_shard);
        // A shard has at most as many rows as go into 64 MiB: no sum can be too large.
        let (mut examples, mut tokens) = (0, 0);
        for (record, index) in shards.iter().zip(0u32..) {
            let ShardRecord { file, .. } = record;
            let expected = shard_file_name(split, index);
            if *file != expected {
                return Err(format!("a shard is called {file:?}, expected {expected:?}"));
            }
            let is_last = index as usize + 1 == shards.len();
            if !(record.examples == full || is_last && (1..full).contains(&record.examples)) {
                return Err(format!("{file} holds {} rows where shards hold {full}", record.examples));
            }
            shape
                .check_tokens(record.tokens, record.examples)
                .map_err(|what| format!("{file} has {what}"))?;
            let bytes = shape.shard_bytes(record.examples).unwrap_or(u64::MAX);
            expect(&format!("the size of {file}"), record.bytes, bytes)?;
            examples += record.examples;
            tokens += record.tokens;
        }
        let (name, counts) = (split.name(), self.counts(split));
        expect(&format!("{name}.examples"), counts.examples, examples)?;
        expect(&format!("{name}.tokens"), counts.tokens, tokens)?;
        counts.check(MAX_COUNT).map_err(|what| format!("{name}: {what}"))?;
        match counts.documents == 0 && examples > 0 {
            true => Err(format!("{name} has {examples} examples of no document")),
            false => Ok(()),
        }
    }
}

impl DataSettings {
    /// Settings that nobody can ask for.
    pub(crate) fn check(&self) -> Result<(), String> {
        let seq_len = self.pack.seq_len;
        if !(MIN_SEQ_LEN..=MAX_SEQ_LEN).contains(&seq_len) {
            return Err(format!("its seq_len is {seq_len}, expected {MIN_SEQ_LEN} to {MAX_SEQ_LEN}"));
        }
        if let Some(Deduplication { threshold }) = self.deduplicate
            && !(MIN_THRESHOLD..=1.0).contains(&threshold)
        {
            return Err(format!("its threshold is {threshold}, expected {MIN_THRESHOLD} to 1"));
        }
        match self.heldout {
            HeldOutRule::Hash { fraction, .. } if !(0.0..1.0).contains(&fraction) => {
                Err(format!("its held-out fraction is {fraction}, expected at least 0 and below 1"))
            }
            _ => Ok(()),
        }
    }
}

impl TokenizerRecord {
    /// The record of a tokenizer.
    pub fn of(tokenizer: &Tokenizer) -> Self {
        TokenizerRecord {
            hash: tokenizer.hash().to_hex().to_string(),
            vocab_size: tokenizer.vocab_size(),
            cased: tokenizer.is_cased(),
            special: tokenizer.special(),
        }
    }

    /// A vocabulary of a size that none has.
    pub(crate) fn check(&self) -> Result<(), String> {
        let (least, found) = (SPECIAL_TOKENS.len(), self.vocab_size);
        match (least..=MAX_VOCAB_SIZE).contains(&found) {
            true => Ok(()),
            false => Err(format!("its vocab_size is {found}, expected {least} to {MAX_VOCAB_SIZE}")),
        }
    }

    /// Checks this record against `tokenizer`.
    pub(crate) fn check_against(&self, tokenizer: &Tokenizer) -> Result<(), String> {
        let found = TokenizerRecord::of(tokenizer);
        expect("tokenizer.hash", &self.hash, &found.hash)?;
        expect("tokenizer.vocab_size", self.vocab_size, found.vocab_size)?;
        expect("tokenizer.cased", self.cased, found.cased)?;
        let ids = self.special.all().into_iter().zip(found.special.all());
        for (token, (said, found)) in SPECIAL_TOKENS.into_iter().zip(ids) {
            expect(&format!("the id of {token}"), said, found)?;
        }
        Ok(())
    }
}

impl SplitCounts {
    /// A count above `limit`, or above that of which it is a part.
    pub(crate) fn check(&self, limit: u64) -> Result<(), String> {
        let coverage = self.coverage.unwrap_or_default();
        let all = [
            ("documents", self.documents),
            ("text_bytes", self.text_bytes),
            ("text_tokens", self.text_tokens),
            ("examples", self.examples),
            ("tokens", self.tokens),
            ("coverage.words", coverage.words),
            ("coverage.characters", coverage.characters),
            ("coverage.written", coverage.written),
        ];
        if let Some((name, count)) = all.into_iter().find(|(_, count)| *count > limit) {
            return Err(format!("its {name} is {count}, expected at most {limit}"));
        }
        let parts = [
            ("unknown", self.unknown, "text_tokens", self.text_tokens),
            ("coverage.words", coverage.words, "text_tokens", self.text_tokens),
            ("coverage.unknown_words", coverage.unknown_words, "coverage.words", coverage.words),
            (
                "coverage.unknown_characters",
                coverage.unknown_characters,
                "coverage.characters",
                coverage.characters,
            ),
            ("coverage.stripped", coverage.stripped, "coverage.written", coverage.written),
            ("coverage.jamo", coverage.jamo, "coverage.written", coverage.written),
        ];
        match parts.into_iter().find(|(_, part, _, whole)| part > whole) {
            None => Ok(()),
            Some((name, part, of, whole)) => {
                Err(format!("its {name} is {part}, more than its {of}, {whole}"))
            }
        }
    }
}

/// Counts of a corpus that cannot be; `bytes` is the sum over its files, if there is one.
pub(crate) fn check_corpus_counts(
    bytes: Option<u64>,
    replaced: u64,
    skipped: &Skipped,
    left_out: u64,
) -> Result<(), String> {
    let Skipped { malformed, without_text, not_unicode, too_long, members } = *skipped;
    let all = [
        ("sum of bytes", bytes.unwrap_or(u64::MAX)),
        ("replaced", replaced),
        ("left_out", left_out),
        ("skipped.malformed", malformed),
        ("skipped.without_text", without_text),
        ("skipped.not_unicode", not_unicode),
        ("skipped.too_long", too_long),
        ("skipped.members", members),
    ];
    match all.into_iter().find(|(_, count)| *count > MAX_COUNT) {
        None => Ok(()),
        Some((name, count)) => Err(format!("its {name} is {count}, expected at most {MAX_COUNT}")),
    }
}

fn expect<T: PartialEq + Debug>(what: &str, said: T, found: T) -> Result<(), String> {
    match said == found {
        true => Ok(()),
        false => Err(format!("it says that {what} is {said:?}, and {found:?} is right")),
    }
}
