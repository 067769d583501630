//! An entity as JSON, with the keys of transformers' pipeline.

use std::borrow::Cow;

use serde::Serialize;

use super::entity::TaggedEntity;
use super::tagged::TaggedSentence;

/// JSON object of an entity: what `electra predict --format json` writes and a service answers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EntityJson<'a> {
    /// The line of the record in which `start` and `end` are places.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// The entity type.
    pub entity_group: Cow<'a, str>,
    /// The probability of the entity, to six digits.
    pub score: f64,
    /// The text from `start` to `end`, as it was written.
    pub word: Cow<'a, str>,
    /// First Unicode character of the entity.
    pub start: u64,
    /// One past its last character.
    pub end: u64,
    /// First byte, where bytes are asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub byte_start: Option<u64>,
    /// One past the last byte.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub byte_end: Option<u64>,
}

impl<'a> EntityJson<'a> {
    /// The object of an entity of a sentence, with its places in bytes if they are asked for.
    #[must_use]
    pub fn of(tagged: &'a TaggedSentence, entity: &'a TaggedEntity, byte_offsets: bool) -> Self {
        let words = || entity.words.clone();
        let chars = tagged.sentence.chars(words());
        let bytes = byte_offsets.then(|| tagged.sentence.bytes(words()));
        Self {
            line: tagged.record.map(|record| record.line),
            entity_group: Cow::Borrowed(&entity.kind),
            // The model computes in single precision.
            score: (entity.score * 1e6).round() / 1e6,
            word: Cow::Borrowed(tagged.sentence.slice(words())),
            start: chars.start,
            end: chars.end,
            byte_start: bytes.as_ref().map(|bytes| bytes.start),
            byte_end: bytes.as_ref().map(|bytes| bytes.end),
        }
    }

    /// The same object, with strings of its own.
    #[must_use]
    pub fn into_owned(self) -> EntityJson<'static> {
        EntityJson {
            entity_group: Cow::Owned(self.entity_group.into_owned()),
            word: Cow::Owned(self.word.into_owned()),
            line: self.line,
            score: self.score,
            start: self.start,
            end: self.end,
            byte_start: self.byte_start,
            byte_end: self.byte_end,
        }
    }
}
