//! Folds of cross-validation: every sentence is held out once.

use std::collections::HashMap;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use thiserror::Error;

use crate::Sentences;
use crate::metrics::Unit;

/// A division of sentences into folds of about equal numbers of tokens, none of which shares a document with
/// another. Where there are fewer documents than folds, sentences are divided one by one, and those with equal
/// tokens stand in one fold: held out beside a copy of itself, a sentence would be remembered and not judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folds {
    /// The unit that is never divided.
    pub unit: Unit,
    count: usize,
    /// The fold of each sentence, from 0.
    of_sentence: Vec<usize>,
}

/// Fewer units than folds.
#[derive(Clone, Debug, PartialEq, Eq, Error, miette::Diagnostic)]
#[error("{sentences} different sentences cannot be divided into {folds} folds")]
#[diagnostic(help("take fewer folds, or more sentences"))]
pub struct TooFewSentences {
    /// Different sentences.
    pub sentences: usize,
    /// The folds that were asked for.
    pub folds: usize,
}

impl Folds {
    /// Divides `sentences` into `count` folds; the same seed divides them in the same way.
    ///
    /// # Errors
    /// Fewer different sentences than folds.
    ///
    /// # Panics
    /// If `count` is 0.
    pub fn of(sentences: &Sentences, count: usize, seed: u64) -> Result<Self, TooFewSentences> {
        assert!(count > 0, "no folds");
        let documents = by_document(sentences);
        let (unit, mut groups) = match documents.len() {
            enough if enough >= count => (Unit::Document, documents),
            _ => (Unit::Sentence, by_text(sentences)),
        };
        if groups.len() < count {
            return Err(TooFewSentences { sentences: groups.len(), folds: count });
        }
        groups.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        let tokens = |group: &[usize]| -> usize { group.iter().map(|&n| sentences.get(n).len()).sum() };
        // The largest first, each to the fold that has least: no fold is left empty.
        groups.sort_by_key(|group| std::cmp::Reverse(tokens(group)));
        let (mut of_sentence, mut sizes) = (vec![0; sentences.len()], vec![0; count]);
        for group in groups {
            let least = (0..count).min_by_key(|&fold| sizes[fold]).expect("at least one fold");
            // A unit of empty sentences counts as well, else all of them would go to one fold.
            sizes[least] += tokens(&group).max(1);
            group.into_iter().for_each(|sentence| of_sentence[sentence] = least);
        }
        Ok(Self { unit, count, of_sentence })
    }

    /// The number of folds.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// Numbers of the sentences of a fold, in their order.
    #[must_use]
    pub fn held_out(&self, fold: usize) -> Vec<usize> {
        self.numbers(|of| of == fold)
    }

    /// Numbers of the sentences of all other folds, in their order.
    #[must_use]
    pub fn others(&self, fold: usize) -> Vec<usize> {
        self.numbers(|of| of != fold)
    }

    fn numbers(&self, is_asked: impl Fn(usize) -> bool) -> Vec<usize> {
        let numbered = self.of_sentence.iter().enumerate();
        numbered.filter(|&(_, &fold)| is_asked(fold)).map(|(sentence, _)| sentence).collect()
    }
}

/// Numbers of the sentences of each document.
fn by_document(sentences: &Sentences) -> Vec<Vec<usize>> {
    grouped(sentences.iter().map(|sentence| sentence.document))
}

/// Numbers of the sentences with equal tokens.
fn by_text(sentences: &Sentences) -> Vec<Vec<usize>> {
    grouped(sentences.iter().map(|sentence| sentence.tokens().collect::<Vec<_>>()))
}

/// Numbers of the equal keys, in the order in which keys are met.
fn grouped<K: std::hash::Hash + Eq>(keys: impl Iterator<Item = K>) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut known: HashMap<K, usize> = HashMap::new();
    for (sentence, key) in keys.enumerate() {
        let group = *known.entry(key).or_insert(groups.len());
        if group == groups.len() {
            groups.push(Vec::new());
        }
        groups[group].push(sentence);
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sentence;

    /// A sentence for each word, with its document.
    fn sentences(words: &[(&str, usize)]) -> Sentences {
        let sentence = |&(word, document): &(&str, usize)| Sentence {
            tokens: vec![word.into()],
            tags: vec!["O".into()],
            document,
            line: 1,
        };
        words.iter().map(sentence).collect()
    }

    #[test]
    fn every_sentence_is_held_out_once_and_documents_stay_whole() {
        let words: Vec<(String, usize)> = (0..60).map(|n| (format!("w{n}"), n / 4)).collect();
        let words: Vec<(&str, usize)> = words.iter().map(|(word, document)| (&**word, *document)).collect();
        let all = sentences(&words);
        let folds = Folds::of(&all, 5, 7).unwrap();
        assert_eq!((folds.unit, folds.count()), (Unit::Document, 5));
        let mut held_out = Vec::new();
        for fold in 0..5 {
            let own = folds.held_out(fold);
            assert_eq!(own.len(), 12, "15 documents of 4 sentences in 5 folds");
            let documents = |numbers: &[usize]| numbers.iter().map(|n| n / 4).collect::<Vec<_>>();
            let others = documents(&folds.others(fold));
            assert!(documents(&own).iter().all(|document| !others.contains(document)));
            held_out.extend(own);
        }
        held_out.sort_unstable();
        assert_eq!(held_out, (0..60).collect::<Vec<_>>());
        assert_eq!(Folds::of(&all, 5, 7), Ok(folds.clone()));
        assert_ne!(Folds::of(&all, 5, 8), Ok(folds));
    }

    #[test]
    fn without_documents_equal_sentences_stand_in_one_fold() {
        let all = sentences(&[("a", 0), ("b", 0), ("a", 0), ("c", 0), ("d", 0), ("a", 0)]);
        for seed in 0..20 {
            let folds = Folds::of(&all, 2, seed).unwrap();
            assert_eq!(folds.unit, Unit::Sentence);
            let with_a = folds.held_out((0..2).find(|&fold| folds.held_out(fold).contains(&0)).unwrap());
            assert!([0, 2, 5].iter().all(|copy| with_a.contains(copy)), "{with_a:?}");
            assert!((0..2).all(|fold| !folds.held_out(fold).is_empty()));
        }
        let few = Folds::of(&all, 5, 0).unwrap_err();
        assert_eq!(few, TooFewSentences { sentences: 4, folds: 5 });
    }
}
