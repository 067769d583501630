//! Units in which places of a text are told.

use electra_ner::EntityJson;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Unit of `start` and `end`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum OffsetUnit {
    /// Unicode characters, as Python counts.
    #[default]
    Characters,
    /// Bytes of UTF-8, as Rust and Go count.
    Bytes,
    /// Units of UTF-16, as JavaScript, Java and C# count.
    #[serde(rename = "utf-16")]
    Utf16,
}

/// A word of a text with its tag.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct TaggedWord {
    /// The word as it was written.
    #[schema(example = "Merkel")]
    pub word: String,
    pub start: u64,
    pub end: u64,
    /// The tag in IOB2, or the label itself where labels follow no scheme.
    #[schema(example = "I-PER")]
    pub tag: String,
    /// Whether the model sees nothing but `[UNK]` of it.
    pub unknown: bool,
    #[serde(skip)]
    #[schema(ignore)]
    pub bytes: [u64; 2],
}

/// Counts units of UTF-16 in a text, from places that only grow.
struct Utf16<'t> {
    text: &'t str,
    byte: usize,
    units: u64,
}

impl Utf16<'_> {
    fn at(&mut self, byte: u64) -> u64 {
        let byte = byte as usize;
        self.units += self.text[self.byte..byte].chars().map(|c| c.len_utf16() as u64).sum::<u64>();
        self.byte = byte;
        self.units
    }
}

/// Gives entities, which have their bytes, places in this unit alone. `text` is needed for UTF-16.
pub(crate) fn of_entities(entities: &mut [EntityJson<'static>], unit: OffsetUnit, text: &str) {
    let mut units = Utf16 { text, byte: 0, units: 0 };
    for entity in entities {
        if let (Some(start), Some(end)) = (entity.byte_start.take(), entity.byte_end.take()) {
            [entity.start, entity.end] = convert([entity.start, entity.end], [start, end], unit, &mut units);
        }
    }
}

/// Gives words places in this unit. `text` is needed for UTF-16.
pub(crate) fn of_words(sentences: &mut [Vec<TaggedWord>], unit: OffsetUnit, text: &str) {
    let mut units = Utf16 { text, byte: 0, units: 0 };
    for word in sentences.iter_mut().flatten() {
        [word.start, word.end] = convert([word.start, word.end], word.bytes, unit, &mut units);
    }
}

fn convert(characters: [u64; 2], bytes: [u64; 2], unit: OffsetUnit, units: &mut Utf16<'_>) -> [u64; 2] {
    match unit {
        OffsetUnit::Characters => characters,
        OffsetUnit::Bytes => bytes,
        OffsetUnit::Utf16 => bytes.map(|byte| units.at(byte)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_in_the_unit_that_was_asked_for_and_in_no_other() {
        let text = "😀 Zoë 👩\u{200d}👧 東京";
        let entity = |word: &'static str| {
            let byte = text.find(word).unwrap();
            let start = text[..byte].chars().count() as u64;
            EntityJson {
                line: None,
                entity_group: "X".into(),
                score: 1.0,
                word: word.into(),
                start,
                end: start + word.chars().count() as u64,
                byte_start: Some(byte as u64),
                byte_end: Some((byte + word.len()) as u64),
            }
        };
        let of = |unit| {
            let mut entities = ["Zoë", "東京"].map(entity);
            of_entities(&mut entities, unit, text);
            assert!(entities.iter().all(|e| e.byte_start.is_none() && e.byte_end.is_none()));
            entities.map(|e| [e.start, e.end])
        };
        assert_eq!(of(OffsetUnit::Characters), [[2, 5], [10, 12]]);
        assert_eq!(of(OffsetUnit::Bytes), [[5, 9], [22, 28]]);
        assert_eq!(of(OffsetUnit::Utf16), [[3, 6], [13, 15]]);
    }
}
