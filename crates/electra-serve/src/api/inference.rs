//! `POST /`: the shape of Hugging Face's inference API for token classification.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use electra_ner::{EntityJson, MinScores};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::answer::{EntitySchema, json_in};
use super::fields::{Texts, named_if_any, object_if_any, texts};
use super::problems::AskingProblems;
use crate::asking::{TagSettings, TagTexts};
use crate::body;
use crate::offsets::OffsetUnit;
use crate::problem::{Problem, ProblemKind};
use crate::state::Service;

/// A request of Hugging Face's inference API for token classification.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct InferenceRequest {
    inputs: Inputs,
    #[serde(default, deserialize_with = "object_if_any")]
    parameters: Option<InferenceParameters>,
}

/// A text or many.
// Serialised for the description of the interface alone.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(example = "Angela Merkel visited Paris.")]
pub(crate) enum Inputs {
    One(String),
    Many(Vec<String>),
}

/// Parameters of token classification.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct InferenceParameters {
    /// Words are never split here and have one label each, so all strategies but `none` are the same.
    #[serde(default, deserialize_with = "named_if_any")]
    aggregation_strategy: Option<AggregationStrategy>,
    /// Entity types that are left out.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    ignore_labels: Option<Texts>,
}

/// Ways to join the pieces of words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AggregationStrategy {
    Simple,
    First,
    Average,
    Max,
}

impl<'de> Deserialize<'de> for Inputs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany;
        impl<'de> serde::de::Visitor<'de> for OneOrMany {
            type Value = Inputs;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a text or a list of texts")
            }

            fn visit_str<E>(self, text: &str) -> Result<Inputs, E> {
                Ok(Inputs::One(text.to_owned()))
            }

            fn visit_string<E>(self, text: String) -> Result<Inputs, E> {
                Ok(Inputs::One(text))
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, list: A) -> Result<Inputs, A::Error> {
                texts(list).map(Inputs::Many)
            }
        }
        deserializer.deserialize_any(OneOrMany)
    }
}

/// An entity of one text, or the entities of each of many.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "for the description of the interface")]
pub(crate) enum InferenceAnswer {
    One(EntitySchema),
    Many(Vec<EntitySchema>),
}

/// Find entities, in the shape of Hugging Face's inference API for token classification.
///
/// `InferenceClient(model="http://127.0.0.1:8080").token_classification(text)` of `huggingface_hub` sends this. `word` is
/// the text as it was written, and `start` and `end` are characters.
#[utoipa::path(
    post,
    path = "/",
    request_body = InferenceRequest,
    responses(
        (status = 200, description = "The entities", body = Vec<InferenceAnswer>),
        AskingProblems,
    )
)]
pub(crate) async fn inference(State(service): State<Service>, request: Request) -> Result<Response, Problem> {
    let arriving = service.admission.arriving();
    let (asked, memory) = body::read::<InferenceRequest>(&service, request).await?;
    let InferenceParameters { aggregation_strategy, ignore_labels } = asked.parameters.unwrap_or_default();
    // Every strategy that is read gives this answer.
    let _ = aggregation_strategy;
    // A set: there may be as many as a body has room for.
    let ignored: BTreeSet<String> =
        ignore_labels.map(|Texts(labels)| labels.into_iter().collect()).unwrap_or_default();
    let tagger = service.models.tagger(None)?;
    if let Some(unknown) = ignored.iter().find(|label| *label != "O" && !tagger.types.contains(label)) {
        return Err(Problem::new(
            ProblemKind::InvalidRequest,
            format!("the tagger does not know the type {unknown:?}"),
            format!("its types are {}", tagger.types.join(", ")),
        )
        .at("/parameters/ignore_labels"));
    }
    let min_scores = Arc::new(MinScores::default());
    let settings = TagSettings { min_scores, words: false, offsets: OffsetUnit::Characters };
    let (inputs, is_one) = match asked.inputs {
        Inputs::One(text) => (vec![text], true),
        Inputs::Many(texts) => (texts, false),
    };
    let mut texts = TagTexts::new(&service, tagger, settings, inputs, memory, true)?;
    drop(arriving);
    let mut answers: Vec<Vec<EntityJson<'static>>> = Vec::new();
    while let Some(tagged) = texts.next().await {
        let mut entities = tagged?.entities;
        entities.retain(|entity| !ignored.contains(&*entity.entity_group));
        answers.push(entities);
    }
    let memory = texts.into_memory();
    if is_one { json_in(memory, &answers.pop().unwrap_or_default()) } else { json_in(memory, &answers) }
}
