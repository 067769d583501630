//! Training a WordPiece vocabulary that is the same every time.
//!
//! The merges are those of the `tokenizers` crate. Left to itself its trainer is not
//! deterministic: it numbers the continuing characters (`##a`) in the order of a hash map, and
//! the numbers break ties between equally frequent pairs. Here it gets the characters as
//! "special" pieces in a fixed order, and counts words only, which we count ourselves; a clean
//! tokenizer is then built from the pieces it found.

mod error;
mod extend;
mod merge;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use ahash::AHashSet;

pub use error::{TooLong, TrainError};
pub use extend::{ExtensionSettings, extend};

use super::settings::{MAX_WORD_CHARS, Settings};
use super::text_encoder::{library_words, runs};
use super::tokenizer::Tokenizer;
use crate::corpus::{self, CorpusError, DocumentReader, ReadOptions, ReadProgress, Skipped};
use crate::coverage::{AccentCounter, Coverage};
use crate::map_in_order::map_in_order;
use crate::vocab::{MAX_VOCAB_SIZE, Vocabulary};
use merge::{RunCounts, merge};

/// Text given to a thread at a time.
const CHUNK_BYTES: usize = 1 << 20;

/// The settings of the training of a vocabulary.
#[derive(Clone, Debug, PartialEq)]
pub struct VocabularySettings {
    /// Number of pieces, special tokens counted.
    pub vocab_size: usize,
    /// Keep upper case and accents.
    pub cased: bool,
    /// Keep accents where upper case is dropped.
    pub keep_accents: bool,
    /// Words of more characters become `[UNK]`, and nothing is learned from them.
    pub max_word_chars: usize,
    /// A pair of pieces seen less often makes no new piece.
    pub min_frequency: u64,
    /// Share of all characters of the text that the alphabet must cover, besides all of ASCII;
    /// words with one of the rare characters left out are `[UNK]`.
    pub character_coverage: f64,
}

impl VocabularySettings {
    /// Settings that suit most corpora: pairs seen twice, all but one character in 10,000, words of
    /// up to 100 characters, accents dropped with upper case.
    pub fn new(vocab_size: usize, cased: bool) -> Self {
        VocabularySettings {
            vocab_size,
            cased,
            keep_accents: false,
            max_word_chars: Settings::new(cased).max_word_chars,
            min_frequency: 2,
            character_coverage: 0.9999,
        }
    }

    fn check(&self) -> Result<(), TrainError> {
        let VocabularySettings { vocab_size, min_frequency, character_coverage, max_word_chars, .. } = *self;
        let setting = |name, found: String, expected: &dyn std::fmt::Display| {
            Err(TrainError::Setting { name, found, expected: expected.to_string() })
        };
        if !(0.0..=1.0).contains(&character_coverage) {
            return setting("character coverage", character_coverage.to_string(), &"a number from 0 to 1");
        }
        if vocab_size > MAX_VOCAB_SIZE {
            return setting("vocabulary size", vocab_size.to_string(), &format!("at most {MAX_VOCAB_SIZE}"));
        }
        if min_frequency == 0 {
            return setting("minimum frequency", "0".into(), &"at least 1");
        }
        if !(1..=MAX_WORD_CHARS).contains(&max_word_chars) {
            let expected = format!("a number from 1 to {MAX_WORD_CHARS}");
            return setting("maximum word length", max_word_chars.to_string(), &expected);
        }
        Ok(())
    }

    /// The settings of the normaliser.
    fn normalisation(&self) -> Settings {
        Settings {
            strip_accents: !(self.cased || self.keep_accents),
            max_word_chars: self.max_word_chars,
            ..Settings::new(self.cased)
        }
    }
}

/// The progress of the training of a vocabulary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrainProgress {
    /// Words are being counted.
    Counting {
        /// Bytes read so far, as they lie on disk.
        bytes: u64,
        /// Bytes there are.
        total: u64,
        /// Documents read so far.
        documents: u64,
    },
    /// Pieces are being merged.
    Merging {
        /// Distinct words.
        words: u64,
        /// Characters in the alphabet.
        characters: u64,
    },
}

/// A trained tokenizer and what it was trained on.
#[derive(Debug)]
pub struct Trained {
    /// The trained tokenizer.
    pub tokenizer: Tokenizer,
    /// Documents read.
    pub documents: u64,
    /// Words that were learned from, repetitions counted.
    pub words: u64,
    /// Distinct words among them.
    pub distinct_words: u64,
    /// Characters of the alphabet.
    pub characters: u64,
    /// The coverage of the corpus by the vocabulary and the normaliser.
    pub coverage: Coverage,
    /// The words and texts that were left out because they are too long.
    pub too_long: TooLong,
    /// Sequences of bytes that were not UTF-8, and halves of characters, that were replaced.
    pub replaced: u64,
    /// Records that were passed over.
    pub skipped: Skipped,
}

/// Trains a vocabulary on `files` with `threads` threads. The result depends on the text and the
/// settings alone.
pub fn train(
    files: &[PathBuf],
    options: &ReadOptions,
    settings: &VocabularySettings,
    threads: usize,
    mut progress: impl FnMut(TrainProgress),
) -> Result<Trained, TrainError> {
    settings.check()?;
    let normalisation = settings.normalisation();
    let corpus = read_words(files, options, normalisation, threads, &mut progress)?;
    let Corpus { documents, replaced, skipped, normalized } = corpus;
    let Normalized { words: word_counts, mut coverage, too_long } = normalized;
    let words: u64 = word_counts.values().sum();
    let distinct_words = word_counts.len() as u64;
    let alphabet = alphabet(&word_counts, settings.character_coverage);
    let characters = alphabet.len() as u64;
    count_words(&word_counts, &alphabet, &mut coverage);
    progress(TrainProgress::Merging { words: distinct_words, characters });
    let wanted = (settings.vocab_size, settings.min_frequency);
    let pieces = merge(word_counts, alphabet, wanted, too_long, threads)?;
    let vocabulary = Vocabulary::new(pieces, "the trained vocabulary".as_ref())
        .expect("the trainer gives every piece once, special tokens first");
    debug_assert_eq!(vocabulary.len(), settings.vocab_size);
    let tokenizer = Tokenizer::new(vocabulary, normalisation);
    Ok(Trained {
        tokenizer,
        documents,
        words,
        distinct_words,
        characters,
        coverage,
        too_long,
        replaced,
        skipped,
    })
}

/// What was read of a corpus.
struct Corpus {
    documents: u64,
    replaced: u64,
    skipped: Skipped,
    normalized: Normalized,
}

/// Reads a corpus and counts its words as a normaliser of these settings leaves them.
fn read_words(
    files: &[PathBuf],
    options: &ReadOptions,
    settings: Settings,
    threads: usize,
    progress: &mut impl FnMut(TrainProgress),
) -> Result<Corpus, TrainError> {
    let reading = Arc::<ReadProgress>::default();
    let (runs, documents) = count_runs(files, options, threads, &reading, progress)?;
    if documents == 0 {
        return Err(CorpusError::Empty {
            files: files.len(),
            first: files.first().cloned().unwrap_or_default(),
        }
        .into());
    }
    let normalized = normalized_words(runs, settings);
    if normalized.words.is_empty() {
        return Err(TrainError::NoWords { too_long: normalized.too_long });
    }
    Ok(Corpus { documents, replaced: reading.replaced(), skipped: reading.skipped(), normalized })
}

/// Counts the runs of the corpus (see [`super::TextEncoder`]) before they are normalised.
fn count_runs(
    files: &[PathBuf],
    options: &ReadOptions,
    threads: usize,
    reading: &Arc<ReadProgress>,
    progress: &mut impl FnMut(TrainProgress),
) -> Result<(RunCounts, u64), CorpusError> {
    let total = corpus::total_bytes(files)?;
    let mut documents =
        DocumentReader::new(files.to_vec(), options.clone()).with_progress(reading.clone()).fuse();
    let chunks = std::iter::from_fn(move || {
        let (mut texts, mut bytes) = (Vec::new(), 0);
        while bytes < CHUNK_BYTES {
            match documents.next() {
                Some(Ok(document)) => {
                    bytes += document.text().len();
                    texts.push(document);
                }
                Some(Err(error)) => return Some(Err(error)),
                None => break,
            }
        }
        (!texts.is_empty()).then_some(Ok(texts))
    });
    let count = |texts: Vec<corpus::Document>| {
        let mut counts = RunCounts::new();
        for run in texts.iter().flat_map(|text| runs(text.text())) {
            match counts.get_mut(run) {
                Some(count) => *count += 1,
                None => drop(counts.insert(run.into(), 1)),
            }
        }
        (counts, texts.len() as u64)
    };
    let (mut sum, mut documents) = (RunCounts::new(), 0);
    map_in_order(
        threads,
        chunks,
        || count,
        |(counts, texts)| {
            for (run, count) in counts {
                *sum.entry(run).or_default() += count;
            }
            documents += texts;
            progress(TrainProgress::Counting { bytes: reading.bytes(), total, documents });
            Ok(())
        },
    )?;
    Ok((sum, documents))
}

/// The words of a corpus, and what of it they are.
struct Normalized {
    /// The words that are not too long, with their counts.
    words: RunCounts,
    /// The coverage of the text as written, words that are too long included.
    coverage: Coverage,
    too_long: TooLong,
}

fn normalized_words(runs: RunCounts, settings: Settings) -> Normalized {
    let normalizer = settings.normalizer();
    let mut accents = AccentCounter::new(settings.strip_accents);
    let mut words = RunCounts::with_capacity(runs.len());
    let mut coverage = Coverage::default();
    let mut too_long = TooLong { limit: settings.max_word_chars, ..TooLong::default() };
    for (run, count) in runs {
        let mut of_run = Coverage::default();
        accents.add(&run, &mut of_run);
        for word in library_words(&normalizer, &run) {
            let characters = word.chars().count();
            too_long.of_characters += characters as u64 * count;
            if characters <= settings.max_word_chars {
                *words.entry(word.into()).or_default() += count;
            } else {
                of_run.add_word(characters as u64, true);
                too_long.words += count;
                too_long.characters += characters as u64 * count;
                too_long.longest = too_long.longest.max(characters);
            }
        }
        coverage.add_times(&of_run, count);
    }
    Normalized { words, coverage, too_long }
}

/// Adds the words: those with a character outside the alphabet are unknown, and no others, since
/// every character of the alphabet is a piece wherever it stands in such a word.
fn count_words(words: &RunCounts, alphabet: &AHashSet<char>, coverage: &mut Coverage) {
    for (word, &count) in words {
        let mut of_word = Coverage::default();
        let is_unknown = word.chars().any(|c| !alphabet.contains(&c));
        of_word.add_word(word.chars().count() as u64, is_unknown);
        coverage.add_times(&of_word, count);
    }
}

/// The most frequent characters that together make up `coverage` of the text, of equally
/// frequent ones the lower code point first; and every ASCII character of the text, because
/// these are few and a sentence may well end with a rare `!`.
fn alphabet(words: &RunCounts, coverage: f64) -> AHashSet<char> {
    let mut counts = BTreeMap::<char, u64>::new();
    for (word, count) in words {
        for c in word.chars() {
            *counts.entry(c).or_default() += count;
        }
    }
    let total: u64 = counts.values().sum();
    let mut by_count: Vec<(char, u64)> = counts.into_iter().collect();
    by_count.sort_by_key(|&(c, count)| (std::cmp::Reverse(count), c));
    let wanted = total as f64 * coverage;
    let mut covered = 0;
    by_count
        .into_iter()
        .filter(|(c, count)| {
            let needed = (covered as f64) < wanted;
            covered += count;
            needed || c.is_ascii()
        })
        .map(|(c, _)| c)
        .collect()
}

#[cfg(test)]
mod tests;
