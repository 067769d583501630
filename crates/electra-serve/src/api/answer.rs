//! Answers as JSON.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use electra_files::shown;
use electra_ner::EntityJson;
use serde::Serialize;
use utoipa::ToSchema;

use super::min_score::Thresholds;
use crate::admission::AnswerMemory;
use crate::offsets::TaggedWord;
use crate::problem::Problem;
use crate::tagging::TaggedText;

/// An entity of a text.
// The schema of `EntityJson`, which knows nothing of services; a test compares their keys.
#[derive(Serialize, ToSchema)]
#[schema(as = Entity)]
#[allow(dead_code, reason = "for the description of the interface")]
pub(crate) struct EntitySchema {
    /// The entity type.
    #[schema(example = "PER")]
    entity_group: String,
    /// The probability of the entity, to six digits: calibrated where `/v1/models` says so.
    #[schema(example = 0.987654, minimum = 0, maximum = 1)]
    score: f64,
    /// The text from `start` to `end`, as it was written.
    #[schema(example = "Angela Merkel")]
    word: String,
    /// First place of the entity, in the unit of `offsets`.
    #[schema(example = 0)]
    start: u64,
    /// One past its last place.
    #[schema(example = 13)]
    end: u64,
}

/// A tagged text.
#[derive(Serialize, ToSchema)]
pub(crate) struct TagAnswer {
    /// The place of the text in `texts`, from 0; not of a single `text`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<usize>,
    /// The entities in reading order.
    #[schema(value_type = Vec<EntitySchema>)]
    pub entities: Vec<EntityJson<'static>>,
    /// The words of each sentence with their tags, if they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<Vec<Vec<TaggedWord>>>,
    /// Number of sentences.
    pub sentences: u64,
    /// Number of words.
    pub words: u64,
    /// Words of which the model sees nothing but `[UNK]`.
    pub unknown_words: u64,
    /// Sentences that were cut for their length: words there saw less of what is around them.
    pub cut: u64,
    /// Entities that were left out for their scores, by type.
    pub left_out: BTreeMap<String, u64>,
    /// What `precision_target` comes to for each type, where the request has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thresholds: Option<Thresholds>,
}

/// A text of a list that could not be tagged.
#[derive(Serialize, ToSchema)]
pub(crate) struct TextProblem {
    /// The place of the text in `texts`, from 0.
    pub index: usize,
    pub problem: Problem,
}

impl TagAnswer {
    pub(crate) fn of(
        index: Option<usize>,
        tagged: TaggedText,
        with_tokens: bool,
        thresholds: Option<Thresholds>,
    ) -> Self {
        let TaggedText { entities, words, counts, coverage } = tagged;
        Self {
            index,
            entities,
            tokens: with_tokens.then_some(words),
            sentences: counts.sentences,
            words: counts.words,
            unknown_words: coverage.unknown_words,
            cut: counts.cut,
            left_out: counts.left_out,
            thresholds,
        }
    }
}

/// A value as JSON; characters that terminals obey are written in its notation, as `predict` does.
pub(crate) fn to_json(value: &impl Serialize) -> Result<String, Problem> {
    let json = serde_json::to_string(value).map_err(|_| Problem::internal())?;
    Ok(shown::json(&json).into_owned())
}

/// The bytes of an answer and the memory that was reserved for them.
struct Held {
    json: String,
    _memory: AnswerMemory,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        self.json.as_bytes()
    }
}

/// The answer with this value, which has its memory until it is sent.
pub(crate) fn json_in(memory: AnswerMemory, value: &impl Serialize) -> Result<Response, Problem> {
    let bytes = Bytes::from_owner(Held { json: to_json(value)?, _memory: memory });
    Ok(([(header::CONTENT_TYPE, "application/json")], bytes).into_response())
}

/// The answer with this value.
pub(crate) fn json(value: &impl Serialize) -> Result<Response, Problem> {
    Ok(([(header::CONTENT_TYPE, "application/json")], to_json(value)?).into_response())
}

#[cfg(test)]
mod tests {
    use utoipa::PartialSchema;

    use super::*;

    #[test]
    fn the_schema_of_an_entity_has_its_keys() {
        let entity = EntityJson {
            line: None,
            entity_group: "PER".into(),
            score: 0.5,
            word: "Bob".into(),
            start: 0,
            end: 3,
            byte_start: None,
            byte_end: None,
        };
        let keys = |value: serde_json::Value| {
            let mut keys: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
            keys.sort();
            keys
        };
        let schema = serde_json::to_value(EntitySchema::schema()).unwrap();
        assert_eq!(keys(serde_json::to_value(entity).unwrap()), keys(schema["properties"].clone()));
    }
}
