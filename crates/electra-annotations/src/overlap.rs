//! Sentences that the files of a data set share, as fine-tuning says it beside its scores.

use std::fmt;

use serde::Serialize;

use crate::check::copies::{Leak, Named, leaks};
use crate::splits::Splits;

/// Sentences of one split that another has as well, token by token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Overlap {
    /// The split that has them first: `train` or `dev`.
    pub with: &'static str,
    /// The split that has them again: `dev` or `test`.
    pub split: &'static str,
    /// The number of sentences of the second split that occur in the first.
    pub sentences: usize,
    /// Sentences of the second.
    pub of: usize,
    /// The number of them that have an entity.
    pub with_entities: usize,
    /// The number of them that have other tags in the first split.
    pub contradictions: usize,
}

impl Overlap {
    /// The overlaps of every two of these splits that share a sentence; of the training data the part that is
    /// trained on.
    #[must_use]
    pub fn all(splits: &Splits, most: Option<usize>) -> Vec<Self> {
        let given = [
            ("train", Some(&splits.train), most.unwrap_or(usize::MAX)),
            ("dev", Some(&splits.dev), usize::MAX),
            ("test", splits.test.as_ref(), usize::MAX),
        ];
        let named = given.iter().filter_map(|&(name, split, most)| {
            let sentences = &split?.sentences;
            Some(Named { name, sentences, most })
        });
        let named: Vec<Named<'static, '_>> = named.collect();
        let of = |leak: Leak| {
            let find =
                |name: &str| named.iter().find(|named| named.name == name).expect("a name that was given");
            let (with, split) = (find(&leak.from), find(&leak.to));
            Self {
                with: with.name,
                split: split.name,
                sentences: leak.sentences,
                of: split.len(),
                with_entities: leak.with_entities,
                contradictions: leak.contradictions,
            }
        };
        leaks(&named, false).into_iter().map(of).collect()
    }

    /// Whether the first split has every sentence of the second.
    #[must_use]
    pub(crate) fn is_whole(&self) -> bool {
        self.sentences == self.of
    }
}

/// A sentence without a full stop.
impl fmt::Display for Overlap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { with, split, sentences, of, with_entities, contradictions } = self;
        let of_with =
            format!("{with} ({with_entities} with entities, {contradictions} with other tags there)");
        let known = match *with {
            "train" => "were learned and not found",
            _ => "chose the epoch as well",
        };
        if self.is_whole() {
            return write!(
                f,
                "all {of} sentences of {split} are also in {of_with}: what its score counts {known}"
            );
        }
        let share = 100.0 * *sentences as f64 / *of as f64;
        write!(
            f,
            "{sentences} of {of} sentences of {split} ({share:.1} %) are also in {of_with}, and {known}"
        )
    }
}

/// Warnings about a data set without which its scores are misread, a sentence each.
#[must_use]
pub fn overlap_warnings(splits: &Splits, overlaps: &[Overlap]) -> Vec<String> {
    let empty = splits.test.as_ref().filter(|test| test.facts.entities == 0).map(|test| {
        let file = &test.facts.file;
        format!("test, {file}, has no entity: its F1 is 0 whatever is found, and no score of a tagger")
    });
    overlaps.iter().map(ToString::to_string).chain(empty).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::splits::Split;
    use crate::{Sentence, Sentences};

    fn split(name: &str, sentences: &[(&str, &str)]) -> Split {
        let strings = |text: &str| text.split(' ').map(str::to_owned).collect();
        let sentence = |(words, tags): &(&str, &str)| Sentence {
            tokens: strings(words),
            tags: strings(tags),
            document: 0,
            line: 1,
        };
        Split::new(Path::new(name), sentences.iter().map(sentence).collect::<Sentences>())
    }

    #[test]
    fn sentences_that_two_splits_share_are_counted_and_said() {
        let rome = ("In Rome", "O B-LOC");
        let splits = Splits {
            train: split("train", &[("Ada left", "B-PER O"), rome, ("Bee", "B-PER")]),
            dev: split("dev", &[("In Rome", "O O"), ("Bern", "B-LOC"), ("the sea", "O O")]),
            test: Some(split("test", &[("Bern", "B-LOC"), ("the sea", "O O")])),
        };
        let said: Vec<String> = Overlap::all(&splits, None).iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "1 of 3 sentences of dev (33.3 %) are also in train (0 with entities, 1 with other tags there), \
                 and were learned and not found",
                "all 2 sentences of test are also in dev (1 with entities, 0 with other tags there): what its score \
                 counts chose the epoch as well",
            ]
        );
        // What is not trained on is not known.
        let [only] = <[Overlap; 1]>::try_from(Overlap::all(&splits, Some(1))).unwrap();
        assert_eq!((only.with, only.split), ("dev", "test"));
        assert!(only.is_whole());

        let without = Splits { test: Some(split("test.conll", &[("the sea", "O O")])), ..splits };
        assert_eq!(
            overlap_warnings(&without, &[]),
            ["test, test.conll, has no entity: its F1 is 0 whatever is found, and no score of a tagger"]
        );
    }
}
