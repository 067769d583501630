//! Counts of what was tagged.

use crate::calibration::LeftOutEntities;

use super::tagged::TaggedSentence;

/// Counts of tagged sentences.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaggedCounts {
    /// Number of sentences.
    pub sentences: u64,
    /// Words, each of which has been labelled.
    pub words: u64,
    /// Number of entities.
    pub entities: u64,
    /// Entities that were left out for their scores, beside these.
    pub left_out: LeftOutEntities,
    /// Sentences that were cut for their length: words where they were cut saw less of their context.
    pub cut: u64,
}

impl TaggedCounts {
    /// Counts these sentences too.
    pub fn add(&mut self, tagged: &[TaggedSentence]) {
        self.sentences += tagged.len() as u64;
        for sentence in tagged {
            self.words += sentence.tags.len() as u64;
            self.entities += sentence.entities.len() as u64;
            self.cut += u64::from(sentence.sentence.is_cut);
            for kind in &sentence.left_out {
                *self.left_out.entry(kind.clone()).or_default() += 1;
            }
        }
    }
}
