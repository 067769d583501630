//! `POST /v1/guess`: what a generator would put in place of a word.

use axum::extract::{Request, State};
use axum::response::Response;
use electra_pretrain::Guess;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::answer::json;
use super::fields::place;
use super::problems::AskingProblems;
use crate::asking;
use crate::body;
use crate::problem::{Problem, ProblemKind};
use crate::state::Service;

/// A text with a gap.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GuessRequest {
    /// The text, of which the part around the gap is read.
    #[schema(example = "The committee approved the ocean budget.")]
    text: String,
    /// First character of the gap: what stands there is not seen.
    #[serde(deserialize_with = "place")]
    #[schema(example = 27)]
    start: usize,
    /// One past its last character.
    #[serde(deserialize_with = "place")]
    #[schema(example = 32)]
    end: usize,
}

/// A word piece that the generator puts in a gap.
// The schema of `Guess`, which knows nothing of services; a test compares their keys.
#[derive(ToSchema)]
#[schema(as = Guess)]
#[allow(dead_code, reason = "for the description of the interface")]
pub(crate) struct GuessSchema {
    #[schema(example = "annual")]
    token: String,
    /// Its probability among all pieces of the vocabulary.
    #[schema(minimum = 0, maximum = 1)]
    probability: f64,
}

/// The likeliest pieces that begin a word.
#[derive(Serialize, ToSchema)]
pub(crate) struct GuessAnswer {
    #[schema(value_type = Vec<GuessSchema>)]
    guesses: Vec<Guess>,
}

/// Guess what stands in a gap of a text, by the generator of the detector's run.
#[utoipa::path(
    post,
    path = "/v1/guess",
    request_body = GuessRequest,
    responses(
        (status = 200, description = "The likeliest words", body = GuessAnswer),
        AskingProblems,
    )
)]
pub(crate) async fn guess(State(service): State<Service>, request: Request) -> Result<Response, Problem> {
    let detector = service.models.detector()?;
    if !detector.fills_gaps {
        return Err(Problem::new(
            ProblemKind::NoModel,
            "the detector of this service has no generator that fills gaps",
            "ask a service whose detector is a run of pretraining, which has one",
        ));
    }
    let (GuessRequest { text, start, end }, memory) = body::read(&service, request).await?;
    let length = text.chars().count();
    if start > end || end > length {
        return Err(Problem::new(
            ProblemKind::InvalidRequest,
            format!("the gap is from {start} to {end}, and the text has {length} characters"),
            "send a start that is at most end, and an end that is at most the length",
        )
        .at("/end"));
    }
    let guesses = asking::guess(&service, &detector, text, start..end, memory).await?;
    json(&GuessAnswer { guesses })
}
