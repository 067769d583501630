//! Extension of a vocabulary by pieces of another text: old ids stay, new pieces stand behind them.
//!
//! A vocabulary of as many pieces as the extended one is to have is trained on the new text, with the normaliser
//! of the old one. Its pieces that the old vocabulary lacks are added in the trainer's own order, which is that
//! of [`super::train`]: characters by code point, continuing characters, and then merges, the most frequent pair
//! first. Of `N` trained pieces at most as many as the old vocabulary has are in it, so that there are enough,
//! unless the text supports fewer than `N`.

use std::path::{Path, PathBuf};

use tokenizers::tokenizer::Model;

use super::error::TrainError;
use super::merge::{characters, pieces};
use super::{
    Corpus, Normalized, RunCounts, TrainProgress, Trained, VocabularySettings, alphabet, read_words,
};
use crate::corpus::ReadOptions;
use crate::coverage::Coverage;
use crate::vocab::Vocabulary;
use crate::wordpiece::tokenizer::Tokenizer;

/// The settings of the extension of a vocabulary; those of the normaliser are the old tokenizer's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ExtensionSettings {
    /// Number of pieces, old and new.
    pub vocab_size: usize,
    /// A pair of pieces seen less often makes no new piece.
    pub min_frequency: u64,
    /// Share of all characters of the text that the alphabet must cover, besides all of ASCII.
    pub character_coverage: f64,
}

/// Adds pieces of `files` to the vocabulary of `old`, with `threads` threads. The result depends on the old
/// tokenizer, the text and the settings alone.
///
/// # Errors
/// Settings out of range, text that cannot be read, or that has too few pieces which the vocabulary lacks.
pub fn extend(
    old: &Tokenizer,
    files: &[PathBuf],
    options: &ReadOptions,
    settings: &ExtensionSettings,
    threads: usize,
    mut progress: impl FnMut(TrainProgress),
) -> Result<Trained, TrainError> {
    let ExtensionSettings { vocab_size, min_frequency, character_coverage } = *settings;
    let of_training = VocabularySettings::new(vocab_size, old.is_cased());
    VocabularySettings { min_frequency, character_coverage, ..of_training }.check()?;
    let had = old.vocab_size();
    if vocab_size <= had {
        return Err(TrainError::NotLarger { vocab_size, had });
    }
    let corpus = read_words(files, options, old.settings(), threads, &mut progress)?;
    let Corpus { documents, replaced, skipped, normalized } = corpus;
    let Normalized { words: counted, mut coverage, too_long } = normalized;
    let (words, distinct_words) = (counted.values().sum(), counted.len() as u64);
    let alphabet = alphabet(&counted, character_coverage);
    let number_of_characters = alphabet.len() as u64;
    progress(TrainProgress::Merging { words: distinct_words, characters: number_of_characters });

    let mut merged = counted.clone();
    let characters = characters(&mut merged, alphabet);
    let is_new = |piece: &&String| old.vocabulary().id(piece).is_none();
    let (room, lacking) = (vocab_size - had, characters.iter().filter(is_new).count());
    if lacking > room {
        return Err(TrainError::NoRoomForCharacters { vocab_size, had, lacking });
    }
    let trained = pieces(merged, characters, vocab_size, min_frequency, threads);
    let new: Vec<String> = trained.iter().filter(is_new).take(room).cloned().collect();
    if new.len() < room {
        return Err(TrainError::TooFewNew { vocab_size, had, found: new.len(), min_frequency, too_long });
    }
    let tokenizer = extended(old, new);
    count_words(&counted, &tokenizer, &mut coverage);
    Ok(Trained {
        tokenizer,
        documents,
        words,
        distinct_words,
        characters: number_of_characters,
        coverage,
        too_long,
        replaced,
        skipped,
    })
}

/// The tokenizer with `new` pieces behind those that it has, tokens that were added to it among them.
fn extended(old: &Tokenizer, new: Vec<String>) -> Tokenizer {
    let vocabulary = old.vocabulary();
    let behind = (vocabulary.pieces().len() as u32..vocabulary.len() as u32).map(|id| vocabulary.piece(id));
    let behind = behind.map(|piece| piece.expect("an added token has an id of its own").to_owned());
    let all: Vec<String> = vocabulary.pieces().iter().cloned().chain(behind).chain(new).collect();
    let wider =
        Vocabulary::new(all, Path::new("the extended vocabulary")).expect("no new piece is an old one");
    let added = old.added_tokens().into_iter().map(|(_, token)| token).collect();
    let tokenizer = Tokenizer::with_added(wider, old.settings(), added)
        .expect("tokens that could be added before are pieces now");
    for id in 0..vocabulary.len() as u32 {
        assert_eq!(tokenizer.vocabulary().piece(id), vocabulary.piece(id), "the piece of id {id}");
    }
    tokenizer
}

/// Adds the words: those that `tokenizer` has no pieces for are unknown.
fn count_words(words: &RunCounts, tokenizer: &Tokenizer, coverage: &mut Coverage) {
    let unknown = tokenizer.special().unk;
    for (word, &count) in words {
        let pieces = tokenizer.library.get_model().tokenize(word).expect("[UNK] is in the vocabulary");
        let is_unknown = matches!(&pieces[..], [piece] if piece.id == unknown);
        let mut of_word = Coverage::default();
        of_word.add_word(word.chars().count() as u64, is_unknown);
        coverage.add_times(&of_word, count);
    }
}
