//! `POST /v1/tag`: entities of one text or of many.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::Deserialize;
use utoipa::ToSchema;

use super::answer::{TagAnswer, TextProblem, json_in, to_json};
use super::fields::{Share, Texts, given, named};
use super::min_score::{MinScore, min_scores, schema};
use super::problems::AskingProblems;
use crate::asking::{TagSettings, TagTexts};
use crate::body;
use crate::offsets::OffsetUnit;
use crate::problem::{Problem, ProblemKind};
use crate::state::Service;

/// The media type of many answers.
pub(crate) const NDJSON: &str = "application/x-ndjson";

/// Texts whose entities are asked for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TagRequest {
    /// A text of any length; either this or `texts`.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, nullable = false, example = "Angela Merkel visited Paris.")]
    text: Option<String>,
    /// Many texts; the answer has a line for each.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Vec<String>>, nullable = false)]
    texts: Option<Texts>,
    /// The name of a tagger, if not the first.
    model: Option<String>,
    /// The lowest score of entities that are answered.
    #[schema(schema_with = schema, required = false)]
    min_score: Option<MinScore>,
    /// For each type the lowest score from which on so much of it is correct, by the development data of the tagger's
    /// training.
    #[schema(value_type = Option<f64>, minimum = 0, maximum = 1)]
    precision_target: Option<Share>,
    /// Unit of `start` and `end`.
    #[serde(default, deserialize_with = "named")]
    offsets: OffsetUnit,
    /// Whether the answer has all words with their tags.
    #[serde(default)]
    tokens: bool,
}

/// Find the entities of a text, or of many.
///
/// A text is read whole, whatever its length. The answer to `texts` is a stream of JSON lines in their order, each sent
/// when it is there; a text that fails has a `problem`, and is the last.
#[utoipa::path(
    post,
    path = "/v1/tag",
    request_body = TagRequest,
    responses(
        (status = 200, description = "The entities", content(
            (TagAnswer = "application/json"),
            (TagAnswer = "application/x-ndjson"),
        )),
        AskingProblems,
    )
)]
pub(crate) async fn tag(State(service): State<Service>, request: Request) -> Result<Response, Problem> {
    let arriving = service.admission.arriving();
    let (asked, memory) = body::read::<TagRequest>(&service, request).await?;
    let TagRequest { text, texts, model, min_score, precision_target, offsets, tokens } = asked;
    let tagger = service.models.tagger(model.as_deref())?;
    let (min_scores, thresholds) = min_scores(&tagger, min_score, precision_target)?;
    let settings = TagSettings { min_scores: Arc::new(min_scores), words: tokens, offsets };
    let (texts, is_one) = match (text, texts) {
        (Some(text), None) => (vec![text], true),
        (None, Some(Texts(texts))) => (texts, false),
        (found, _) => {
            let detail = if found.is_some() { "both text and texts" } else { "neither text nor texts" };
            return Err(Problem::new(
                ProblemKind::InvalidRequest,
                format!("the request has {detail}"),
                "send {\"text\": \"...\"} for one text, or {\"texts\": [\"...\"]} for many",
            ));
        }
    };
    let mut texts = TagTexts::new(&service, tagger, settings, texts, memory, is_one)?;
    drop(arriving);
    if is_one {
        let tagged = texts.next().await.unwrap_or_else(|| Err(Problem::internal()))?;
        return json_in(texts.into_memory(), &TagAnswer::of(None, tagged, tokens, thresholds));
    }
    let lines = stream::unfold(Some((texts, 0)), move |state| {
        let thresholds = thresholds.clone();
        async move {
            let (mut texts, index) = state?;
            let line = texts.next().await?;
            let answer = |tagged| TagAnswer::of(Some(index), tagged, tokens, thresholds.clone());
            let line = line.and_then(|tagged| to_json(&answer(tagged)));
            let (line, state) = match line {
                Ok(line) => (line, Some((texts, index + 1))),
                Err(problem) => (to_json(&TextProblem { index, problem }).unwrap_or_default(), None),
            };
            Some((Ok::<_, std::convert::Infallible>(Bytes::from(line + "\n")), state))
        }
    });
    Ok(([(header::CONTENT_TYPE, NDJSON)], Body::from_stream(lines)).into_response())
}
