//! F1 by what entities and sentences are like.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use super::seen::surface;
use super::{Comparison, Counts, SeenEntities, TypeScores};
use crate::{SentenceView, Sentences, Span};

/// Property by which entities are divided into slices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SliceBy {
    /// Tokens of the sentence.
    Length,
    /// Whether the training data has the words with this type.
    Seen,
    /// The entity type.
    Type,
    /// Capital and small letters of the words.
    Case,
    /// The document that a gold entity is in.
    Document,
}

impl SliceBy {
    /// Every property.
    pub const ALL: [Self; 5] = [Self::Length, Self::Seen, Self::Type, Self::Case, Self::Document];

    /// The name of the property.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Length => "length",
            Self::Seen => "seen",
            Self::Type => "type",
            Self::Case => "case",
            Self::Document => "document",
        }
    }
}

impl fmt::Display for SliceBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for SliceBy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names = Self::ALL.map(Self::name).join(", ");
        let found = Self::ALL.into_iter().find(|by| by.name() == text);
        found.ok_or_else(|| format!("expected one of {names}, found {text:?}"))
    }
}

/// Scores of the slices of one property.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Slices {
    /// The property by which entities are divided into slices.
    pub by: SliceBy,
    /// The slices, in the order of their values.
    pub slices: Vec<Slice>,
}

/// Scores of the entities that are alike in one property, over all runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Slice {
    /// The value of the property.
    pub value: String,
    /// The scores of these entities.
    #[serde(flatten)]
    pub scores: TypeScores,
}

/// Bounds of the bins of length, in tokens.
const LENGTHS: [usize; 4] = [10, 20, 40, 80];

/// The slice of gold entities that do not consist of whole words: of them only the type is known.
const UNKNOWN: &str = "not of whole words";

impl Slices {
    /// Divides the gold and the predicted entities of a comparison by one property; `sentences` are those that were
    /// compared. A correct entity is in one slice as gold and as predicted.
    ///
    /// # Panics
    /// If these are other sentences, or the property is [`SliceBy::Seen`] and `seen` is not given.
    #[must_use]
    pub fn of(
        by: SliceBy,
        comparison: &Comparison,
        sentences: &Sentences,
        seen: Option<&SeenEntities>,
    ) -> Self {
        assert_eq!(sentences.len(), comparison.distinct_sentences(), "other sentences than were compared");
        let mut counts: BTreeMap<(usize, String), Counts> = BTreeMap::new();
        for (spans, sentence) in comparison.sentences().iter().zip(sentences.iter().cycle()) {
            let value = |span: &Span| value(by, sentence, span, seen);
            for span in &spans.gold {
                let slice = counts.entry(value(span)).or_default();
                slice.gold += 1;
                slice.correct += u64::from(spans.has_predicted(span));
            }
            for span in &spans.predicted {
                counts.entry(value(span)).or_default().predicted += 1;
            }
            for kind in &spans.left_out {
                counts.entry(value_of_left_out(by, sentence, kind)).or_default().gold += 1;
            }
        }
        let slice = |((_, value), counts): ((usize, String), Counts)| Slice { value, scores: counts.into() };
        Self { by, slices: counts.into_iter().map(slice).collect() }
    }
}

/// The value of a property, behind its place among the values.
fn value(
    by: SliceBy,
    sentence: SentenceView<'_>,
    span: &Span,
    seen: Option<&SeenEntities>,
) -> (usize, String) {
    match by {
        SliceBy::Length => length(sentence),
        SliceBy::Type => (0, span.kind.clone()),
        SliceBy::Document => document(sentence),
        SliceBy::Case => case(&surface(sentence, span)),
        SliceBy::Seen => {
            let seen = seen.expect("training data to tell what was seen");
            match (seen.contains(sentence, span), seen.has_form(sentence, span)) {
                (true, _) => (0, "seen".to_owned()),
                (false, true) => (1, "seen with another type".to_owned()),
                (false, false) => (2, "unseen".to_owned()),
            }
        }
    }
}

fn value_of_left_out(by: SliceBy, sentence: SentenceView<'_>, kind: &str) -> (usize, String) {
    match by {
        SliceBy::Length => length(sentence),
        SliceBy::Type => (0, kind.to_owned()),
        SliceBy::Document => document(sentence),
        SliceBy::Case | SliceBy::Seen => (usize::MAX, UNKNOWN.to_owned()),
    }
}

fn length(sentence: SentenceView<'_>) -> (usize, String) {
    let bin = LENGTHS.partition_point(|&most| most < sentence.len());
    let least = bin.checked_sub(1).map_or(1, |before| LENGTHS[before] + 1);
    (
        bin,
        LENGTHS
            .get(bin)
            .map_or(format!("over {} tokens", least - 1), |most| format!("{least} to {most} tokens")),
    )
}

fn document(sentence: SentenceView<'_>) -> (usize, String) {
    (sentence.document, format!("document {}", sentence.document + 1))
}

/// The pattern of capital and small letters: of every word, by its letters that have both forms.
fn case(text: &str) -> (usize, String) {
    let words: Vec<Vec<char>> = text
        .split(' ')
        .map(|word| word.chars().filter(|c| c.is_uppercase() || c.is_lowercase()).collect())
        .filter(|letters: &Vec<char>| !letters.is_empty())
        .collect();
    let all = |test: &dyn Fn(&[char]) -> bool| words.iter().all(|letters| test(letters));
    let (place, name) = if words.is_empty() {
        (4, "no case")
    } else if all(&|letters| letters.iter().all(|c| c.is_lowercase())) {
        (0, "lower")
    } else if all(&|letters| letters[0].is_uppercase() && letters[1..].iter().all(|c| c.is_lowercase())) {
        (1, "Title")
    } else if all(&|letters| letters.iter().all(|c| c.is_uppercase())) {
        (2, "UPPER")
    } else {
        (3, "miXed")
    };
    (place, name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LeftOut, Mode, Sentence};

    fn sentence(words: &str, tags: &str, document: usize) -> Sentence {
        let split = |text: &str| text.split(' ').map(str::to_owned).collect();
        Sentence { tokens: split(words), tags: split(tags), document, line: 1 }
    }

    fn counts(slices: &Slices) -> Vec<(&str, u64, u64, u64)> {
        slices
            .slices
            .iter()
            .map(|s| (s.value.as_str(), s.scores.gold, s.scores.predicted, s.scores.correct))
            .collect()
    }

    #[test]
    fn every_entity_is_in_one_slice_of_each_property() {
        let sentences: Sentences = vec![
            sentence("Ada Lovelace met IBM", "B-PER I-PER O B-ORG", 0),
            sentence("In the rome of McX and 12 x x x x", "O O B-LOC O B-PER O B-LOC O O O O", 1),
        ]
        .into();
        let predicted = [
            vec!["B-PER", "I-PER", "O", "B-LOC"],
            vec!["O", "O", "B-LOC", "O", "O", "O", "B-LOC", "O", "O", "O", "O"],
        ]
        .map(|tags| tags.into_iter().map(str::to_owned).collect::<Vec<_>>());
        let gold: Vec<Vec<String>> =
            sentences.iter().map(|s| s.tags().iter().map(str::to_owned).collect()).collect();
        let left_out = [LeftOut { sentence: 1, kind: "ORG".into() }];
        let comparison = Comparison::new(&gold, &predicted, Mode::Default).unwrap().with_left_out(&left_out);
        let train: Sentences = vec![sentence("IBM Rome rome", "B-ORG B-LOC B-LOC", 0)].into();
        let seen = SeenEntities::of(train.iter());
        let of = |by| Slices::of(by, &comparison, &sentences, Some(&seen));
        assert_eq!(counts(&of(SliceBy::Length)), [("1 to 10 tokens", 2, 2, 1), ("11 to 20 tokens", 4, 2, 2)]);
        assert_eq!(counts(&of(SliceBy::Type)), [("LOC", 2, 3, 2), ("ORG", 2, 0, 0), ("PER", 2, 1, 1)]);
        assert_eq!(counts(&of(SliceBy::Document)), [("document 1", 2, 2, 1), ("document 2", 4, 2, 2)]);
        assert_eq!(
            counts(&of(SliceBy::Seen)),
            [
                ("seen", 2, 1, 1),
                ("seen with another type", 0, 1, 0),
                ("unseen", 3, 2, 2),
                ("not of whole words", 1, 0, 0)
            ]
        );
        assert_eq!(
            counts(&of(SliceBy::Case)),
            [
                ("lower", 1, 1, 1),
                ("Title", 1, 1, 1),
                ("UPPER", 1, 1, 0),
                ("miXed", 1, 0, 0),
                ("no case", 1, 1, 1),
                ("not of whole words", 1, 0, 0)
            ]
        );
        // All slices of a property together are everything.
        for by in SliceBy::ALL {
            let slices = of(by);
            let sum: u64 = slices.slices.iter().map(|slice| slice.scores.correct).sum();
            assert_eq!(sum, comparison.counts().correct, "{by}");
            assert_eq!(by.name().parse(), Ok(by));
        }
        let none = &of(SliceBy::Type).slices[1];
        assert_eq!(none.scores.percents(), ["-", "0.00", "0.00"]);
    }

    #[test]
    fn lengths_have_bins() {
        for (words, value) in
            [(1, "1 to 10 tokens"), (10, "1 to 10 tokens"), (11, "11 to 20 tokens"), (81, "over 80 tokens")]
        {
            let tokens = vec!["x"; words].join(" ");
            let tags = vec!["O"; words].join(" ");
            let sentences: Sentences = vec![sentence(&tokens, &tags, 0)].into();
            assert_eq!(length(sentences.get(0)).1, value);
        }
    }
}
