//! Problems: the errors of the service as JSON, after RFC 9457, with a field for what to do.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// The media type of a problem.
pub(crate) const MEDIA_TYPE: &str = "application/problem+json";

/// The remedy for requests that are too large.
pub(crate) const TOO_LARGE: &str =
    "send several requests, or have the limit raised where the service is started";

/// Characters of a detail at most: it may quote what was sent.
const MAX_DETAIL: usize = 400;

/// The kind of a problem, by which a program decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ProblemKind {
    /// A body that is no JSON, or not in UTF-8.
    MalformedBody,
    /// JSON that is no request of this kind: a field that is unknown, missing or of the wrong type.
    InvalidRequest,
    /// The name of a model that is not served.
    UnknownModel,
    /// Nothing to serve: the service was started without such a model.
    NoModel,
    /// No token, or the wrong one.
    Unauthorized,
    /// A request that came by a name or from a page that the service does not answer to.
    ForeignOrigin,
    /// No such path.
    NotFound,
    /// A path that does not know the method.
    MethodNotAllowed,
    /// A body that did not come in time.
    BodyTimeout,
    /// More bytes, texts or characters than the service takes.
    TooLarge,
    /// A body of another media type.
    UnsupportedMediaType,
    /// A queue that is full.
    QueueFull,
    /// Work that was not done in time.
    Timeout,
    /// A service that is ending.
    Ending,
    /// A fault of the service.
    Internal,
}

/// A problem detail of RFC 9457.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// Always `about:blank`: the title is that of the status, and `kind` says more.
    #[serde(rename = "type")]
    pub type_: ProblemType,
    /// The status in words.
    #[schema(example = "Unprocessable Entity")]
    pub title: &'static str,
    /// The status of the answer.
    #[schema(example = 422)]
    pub status: u16,
    pub kind: ProblemKind,
    /// What is wrong with this request.
    #[schema(example = "unknown field `txt`, expected one of `text`, `texts`")]
    pub detail: String,
    /// What to do about it.
    #[schema(example = "leave the field out, or write it as /openapi.json has it")]
    pub remedy: String,
    /// The place in the request's JSON, as a JSON pointer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    #[serde(skip)]
    #[schema(ignore)]
    pub retry_after: Option<u32>,
}

/// The type of every problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) enum ProblemType {
    #[serde(rename = "about:blank")]
    AboutBlank,
}

impl ProblemKind {
    /// The status of answers with this problem.
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::MalformedBody => StatusCode::BAD_REQUEST,
            Self::InvalidRequest | Self::UnknownModel => StatusCode::UNPROCESSABLE_ENTITY,
            Self::NoModel | Self::NotFound => StatusCode::NOT_FOUND,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::ForeignOrigin => StatusCode::FORBIDDEN,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::QueueFull => StatusCode::TOO_MANY_REQUESTS,
            Self::Timeout | Self::Ending => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The name of the kind, as JSON has it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::MalformedBody => "malformed-body",
            Self::InvalidRequest => "invalid-request",
            Self::UnknownModel => "unknown-model",
            Self::NoModel => "no-model",
            Self::Unauthorized => "unauthorized",
            Self::ForeignOrigin => "foreign-origin",
            Self::NotFound => "not-found",
            Self::MethodNotAllowed => "method-not-allowed",
            Self::BodyTimeout => "body-timeout",
            Self::TooLarge => "too-large",
            Self::UnsupportedMediaType => "unsupported-media-type",
            Self::QueueFull => "queue-full",
            Self::Timeout => "timeout",
            Self::Ending => "ending",
            Self::Internal => "internal",
        }
    }
}

impl Problem {
    pub(crate) fn new(kind: ProblemKind, detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        let status = kind.status();
        Self {
            type_: ProblemType::AboutBlank,
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            kind,
            detail: shortened(detail.into()),
            remedy: remedy.into(),
            pointer: None,
            retry_after: None,
        }
    }

    /// This problem at a place of the request's JSON.
    pub(crate) fn at(mut self, pointer: impl Into<String>) -> Self {
        self.pointer = Some(shortened(pointer.into()));
        self
    }

    /// This problem, which is over in so many seconds.
    pub(crate) fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// The answer of a service that ends before the work is done.
    pub(crate) fn ending() -> Self {
        Self::new(ProblemKind::Ending, "the service is ending", "send the request again in a moment")
            .retry_after(1)
    }

    /// The answer where the model's thread gave none.
    pub(crate) fn internal() -> Self {
        Self::new(
            ProblemKind::Internal,
            "the service failed at this request",
            "tell whoever runs the service",
        )
    }
}

fn shortened(text: String) -> String {
    match text.char_indices().nth(MAX_DETAIL) {
        Some((end, _)) => format!("{} ...", &text[..end]),
        None => text,
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (self.kind.status(), [(header::CONTENT_TYPE, MEDIA_TYPE)], body).into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.kind == ProblemKind::Unauthorized {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        // For the counts of errors.
        response.extensions_mut().insert(self.kind);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_kind_is_that_of_its_json() {
        for kind in [ProblemKind::MalformedBody, ProblemKind::QueueFull, ProblemKind::UnsupportedMediaType] {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
    }

    #[test]
    fn a_detail_that_quotes_a_long_text_is_cut_at_a_character() {
        let problem = Problem::new(ProblemKind::Internal, "ü".repeat(500), "");
        assert_eq!(problem.detail.chars().count(), MAX_DETAIL + 4);
    }
}
