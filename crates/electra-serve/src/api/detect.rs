//! `POST /v1/detect`: which tokens of a text look replaced.

use axum::extract::{Request, State};
use axum::response::Response;
use electra_pretrain::Detection;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::answer::json_in;
use super::problems::AskingProblems;
use crate::asking;
use crate::body;
use crate::problem::Problem;
use crate::state::Service;

/// A text whose replaced tokens are asked for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DetectRequest {
    /// A text of any length, which is read in windows.
    #[schema(example = "The committee approved the ocean budget.")]
    text: String,
}

/// A token and how likely the discriminator thinks that it was replaced.
// The schema of `Detection`, which knows nothing of services; a test compares their keys.
#[derive(ToSchema)]
#[schema(as = Detection)]
#[allow(dead_code, reason = "for the description of the interface")]
pub(crate) struct DetectionSchema {
    /// The word piece.
    #[schema(example = "ocean")]
    token: String,
    /// First character of the token.
    #[schema(example = 27)]
    start: u64,
    /// One past its last character.
    #[schema(example = 32)]
    end: u64,
    /// The probability that it was replaced.
    #[schema(minimum = 0, maximum = 1)]
    probability: f64,
}

/// The tokens of a text.
#[derive(Serialize, ToSchema)]
pub(crate) struct DetectAnswer {
    #[schema(value_type = Vec<DetectionSchema>)]
    tokens: Vec<Detection>,
}

/// Find the tokens of a text that look replaced.
#[utoipa::path(
    post,
    path = "/v1/detect",
    request_body = DetectRequest,
    responses(
        (status = 200, description = "Every token", body = DetectAnswer),
        AskingProblems,
    )
)]
pub(crate) async fn detect(State(service): State<Service>, request: Request) -> Result<Response, Problem> {
    let detector = service.models.detector()?;
    let (DetectRequest { text }, memory) = body::read(&service, request).await?;
    let (tokens, memory) = asking::detect(&service, &detector, text, memory).await?;
    json_in(memory, &DetectAnswer { tokens })
}

#[cfg(test)]
mod tests {
    use utoipa::PartialSchema;

    use super::*;

    #[test]
    fn the_schema_of_a_token_has_its_keys() {
        let token = Detection { token: "a".into(), start: 0, end: 1, probability: 0.5 };
        let keys = |value: serde_json::Value| {
            let mut keys: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
            keys.sort();
            keys
        };
        let schema = serde_json::to_value(DetectionSchema::schema()).unwrap();
        assert_eq!(keys(serde_json::to_value(token).unwrap()), keys(schema["properties"].clone()));
    }
}
