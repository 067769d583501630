//! Problems that paths may answer, for the description of the interface.

use std::collections::BTreeMap;

use utoipa::IntoResponses;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{Content, Ref, RefOr, Response, ResponseBuilder};

use crate::problem::{MEDIA_TYPE, ProblemKind};

/// Problems of every path but those of health.
pub(crate) struct AccessProblems;

/// Problems of paths that take JSON.
pub(crate) struct AskingProblems;

/// Kinds of one status each, and what the status means.
const OF_ACCESS: [(ProblemKind, &str); 2] =
    [(ProblemKind::Unauthorized, "No token"), (ProblemKind::ForeignOrigin, "Another host or origin")];

const OF_ASKING: [(ProblemKind, &str); 9] = [
    (ProblemKind::MalformedBody, "No JSON"),
    (ProblemKind::NoModel, "No model for this path"),
    (ProblemKind::BodyTimeout, "The body came too slowly"),
    (ProblemKind::TooLarge, "Too much"),
    (ProblemKind::UnsupportedMediaType, "Another media type"),
    (ProblemKind::InvalidRequest, "JSON that is no such request"),
    (ProblemKind::QueueFull, "The queue is full"),
    (ProblemKind::Internal, "A fault of the service"),
    (ProblemKind::Timeout, "Not done in time, or the service ends"),
];

impl IntoResponses for AccessProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        OF_ACCESS.into_iter().map(response).collect()
    }
}

impl IntoResponses for AskingProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        OF_ACCESS.into_iter().chain(OF_ASKING).map(response).collect()
    }
}

fn response((kind, description): (ProblemKind, &str)) -> (String, RefOr<Response>) {
    let problem = Content::builder().schema(Some(Ref::from_schema_name("Problem"))).build();
    let mut response = ResponseBuilder::new().description(description).content(MEDIA_TYPE, problem);
    if matches!(kind, ProblemKind::QueueFull | ProblemKind::Timeout) {
        let seconds = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1));
        let header =
            HeaderBuilder::new().schema(Some(seconds)).description(Some("Seconds after which to come again"));
        response = response.header("Retry-After", header.build());
    }
    (kind.status().as_str().to_owned(), response.build().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_status_of_its_own() {
        assert_eq!(AccessProblems::responses().len(), OF_ACCESS.len());
        assert_eq!(AskingProblems::responses().len(), OF_ACCESS.len() + OF_ASKING.len());
    }
}
