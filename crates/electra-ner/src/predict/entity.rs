//! Labels of words to entities.

use std::ops::Range;

use crate::head::Decision;
use electra_annotations::{LabelSet, TagRole};

/// A run of words that is an entity.
#[derive(Clone, Debug, PartialEq)]
pub struct TaggedEntity {
    /// The words of the entity in the sentence, at least one.
    pub words: Range<usize>,
    /// The entity type, such as `PER`.
    pub kind: String,
    /// Mean over its words of the probability of the label that each was given: of all labels of
    /// the word with `argmax`, of all allowed sequences with `viterbi` and `crf`.
    pub score: f64,
}

/// The entities of a sentence. They begin where `conlleval` has them begin: at `B`, `S` and `U`,
/// behind `E`, `L`, `S` and `U`, and where the type changes. A label without a prefix is a type of its own, and
/// neighbours with the same one are one entity.
pub(super) fn entities(labels: &LabelSet, decisions: &[Decision]) -> Vec<TaggedEntity> {
    let mut entities: Vec<TaggedEntity> = Vec::new();
    // Whether the word before can be continued by one of the same type.
    let mut is_open = false;
    for (word, decision) in decisions.iter().enumerate() {
        let Some(kind) = labels.kind(decision.label) else {
            is_open = false;
            continue;
        };
        let role = labels.role(decision.label);
        match entities.last_mut() {
            Some(last)
                if is_open && last.kind == kind && !matches!(role, TagRole::Begin | TagRole::Single) =>
            {
                last.words.end = word + 1;
                last.score += decision.probability;
            }
            _ => entities.push(TaggedEntity {
                words: word..word + 1,
                kind: kind.to_owned(),
                score: decision.probability,
            }),
        }
        is_open = matches!(role, TagRole::Begin | TagRole::Inside);
    }
    for entity in &mut entities {
        entity.score /= entity.words.len() as f64;
    }
    entities
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Entities of words with these labels, written `first..end TYPE`.
    fn found(names: &[&str], tags: &str) -> Vec<String> {
        let labels = LabelSet::from_names(names.iter().map(ToString::to_string).collect()).unwrap();
        let decision = |tag| Decision { label: labels.id(tag).unwrap(), probability: 0.5 };
        let decisions: Vec<Decision> = tags.split(' ').map(decision).collect();
        entities(&labels, &decisions).iter().map(|e| format!("{:?} {}", e.words, e.kind)).collect()
    }

    #[test]
    fn entities_begin_and_end_where_conlleval_has_them() {
        let iob2 = ["O", "B-A", "I-A", "B-B", "I-B"];
        assert_eq!(found(&iob2, "B-A I-A O B-A B-A"), ["0..2 A", "3..4 A", "4..5 A"]);
        assert_eq!(found(&iob2, "O I-A I-A I-B B-B"), ["1..3 A", "3..4 B", "4..5 B"]);
        let iobes = ["O", "B-A", "I-A", "E-A", "S-A"];
        assert_eq!(found(&iobes, "B-A I-A E-A I-A S-A"), ["0..3 A", "3..4 A", "4..5 A"]);
        assert_eq!(found(&iobes, "S-A E-A E-A O I-A"), ["0..1 A", "1..2 A", "2..3 A", "4..5 A"]);
        let bilou = ["O", "B-A", "I-A", "L-A", "U-A", "U-B"];
        assert_eq!(found(&bilou, "U-B O U-A B-A L-A"), ["0..1 B", "2..3 A", "3..5 A"]);
        assert_eq!(found(&bilou, "B-A I-A L-A I-A U-A"), ["0..3 A", "3..4 A", "4..5 A"]);
        let bmes = ["O", "B-A", "M-A", "E-A", "S-A"];
        assert_eq!(found(&bmes, "B-A M-A E-A M-A S-A"), ["0..3 A", "3..4 A", "4..5 A"]);
        let iob1 = ["O", "I-A", "B-A", "I-B"];
        assert_eq!(found(&iob1, "I-A I-A B-A I-A I-B O I-B"), ["0..2 A", "2..4 A", "4..5 B", "6..7 B"]);
    }

    #[test]
    fn a_label_of_no_scheme_is_a_type() {
        let labels = ["O", "PER", "B_X", "LABEL-3"];
        let expected = ["0..2 PER", "3..4 B_X", "4..5 LABEL-3", "5..6 PER"];
        assert_eq!(found(&labels, "PER PER O B_X LABEL-3 PER"), expected);
    }

    #[test]
    fn the_score_is_the_mean_of_the_words() {
        let labels = LabelSet::from_names(["O", "B-A", "I-A"].map(String::from).to_vec()).unwrap();
        let decisions = [(1, 0.9), (2, 0.5), (0, 0.1), (1, 0.25)]
            .map(|(label, probability)| Decision { label, probability });
        let scores: Vec<f64> = entities(&labels, &decisions).iter().map(|entity| entity.score).collect();
        assert!((scores[0] - 0.7).abs() < 1e-12 && scores[1] == 0.25, "{scores:?}");
    }
}
