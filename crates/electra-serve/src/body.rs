//! Bodies of requests: JSON of a bounded size, in a bounded time.

use axum::body::Body;
use axum::http::{HeaderMap, Request, header};
use http_body_util::BodyExt;
use serde::de::DeserializeOwned;

use crate::admission::BodyMemory;
use crate::api::fields::Object;
use crate::problem::{Problem, ProblemKind, TOO_LARGE};
use crate::state::Service;

/// Reads a body as JSON of this type, and gives back the memory that its bytes are counted in.
///
/// # Errors
/// Another media type, too many bytes, too slow a sender, what is no JSON, or JSON of another type.
pub(crate) async fn read<T: DeserializeOwned>(
    service: &Service,
    request: Request<Body>,
) -> Result<(T, BodyMemory), Problem> {
    let (head, body) = request.into_parts();
    check_media_type(&head.headers)?;
    let time = service.settings.limits.body_time;
    let read = tokio::time::timeout(time, bytes(service, &head.headers, body)).await;
    let (bytes, memory) = read.map_err(|_| {
        Problem::new(
            ProblemKind::BodyTimeout,
            format!("the body was not here after {} s", time.as_secs()),
            "send it faster, or in several requests",
        )
    })??;
    parse(&bytes).map(|value| (value, memory))
}

fn check_media_type(headers: &HeaderMap) -> Result<(), Problem> {
    let of = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let media_type = of(header::CONTENT_TYPE).unwrap_or("none");
    let (essence, parameters) = media_type.split_once(';').unwrap_or((media_type, ""));
    let charset = parameters.split(';').filter_map(|parameter| parameter.trim().split_once('='));
    let mut charset = charset.filter(|(name, _)| name.eq_ignore_ascii_case("charset"));
    let is_utf8 = charset.all(|(_, value)| value.trim_matches('"').eq_ignore_ascii_case("utf-8"));
    if !essence.trim().eq_ignore_ascii_case("application/json") || !is_utf8 {
        return Err(Problem::new(
            ProblemKind::UnsupportedMediaType,
            format!("the body is {media_type}, expected application/json in UTF-8"),
            "send JSON, and the header Content-Type: application/json",
        ));
    }
    match of(header::CONTENT_ENCODING) {
        None | Some("identity") => Ok(()),
        Some(encoding) => Err(Problem::new(
            ProblemKind::UnsupportedMediaType,
            format!("the body is compressed ({encoding})"),
            "send it as it is",
        )),
    }
}

async fn bytes(
    service: &Service,
    headers: &HeaderMap,
    mut body: Body,
) -> Result<(Vec<u8>, BodyMemory), Problem> {
    let limit = service.settings.limits.body_bytes;
    let too_large = |found: &str| {
        Problem::new(
            ProblemKind::TooLarge,
            format!("the body has {found} bytes, at most {limit} are taken"),
            TOO_LARGE,
        )
    };
    // A body that says that it is too large is not read at all.
    let told =
        headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if let Some(told) = told.filter(|&told| told > limit as u64) {
        return Err(too_large(&told.to_string()));
    }
    let (mut bytes, mut memory) = (Vec::new(), BodyMemory::none());
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| {
            Problem::new(ProblemKind::MalformedBody, "the body was cut short", "send all of it")
        })?;
        let Ok(data) = frame.into_data() else { continue };
        if bytes.len() + data.len() > limit {
            return Err(too_large("more"));
        }
        service.admission.grow(&mut memory, data.len())?;
        bytes.extend_from_slice(&data);
    }
    Ok((bytes, memory))
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        Problem::new(
            ProblemKind::MalformedBody,
            format!("the body is not UTF-8 at byte {}", error.valid_up_to()),
            "send UTF-8",
        )
    })?;
    let mut json = serde_json::Deserializer::from_str(text);
    let Object(value) = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let pointer = pointer(error.path());
        of_json(error.inner()).at(pointer)
    })?;
    json.end().map_err(|error| of_json(&error))?;
    Ok(value)
}

fn of_json(error: &serde_json::Error) -> Problem {
    if error.is_data() {
        let remedy = "send what /openapi.json has for this path";
        return Problem::new(ProblemKind::InvalidRequest, error.to_string(), remedy);
    }
    let remedy = "send one JSON object, its texts in whole characters (no half of a \\ud83d\\ude00), and nothing behind it";
    Problem::new(ProblemKind::MalformedBody, format!("the body is no JSON: {error}"), remedy)
}

/// A JSON pointer (RFC 6901).
fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let segment = |segment: &Segment| match segment {
        Segment::Seq { index } => format!("/{index}"),
        Segment::Map { key } => format!("/{}", key.replace('~', "~0").replace('/', "~1")),
        Segment::Enum { .. } | Segment::Unknown => String::new(),
    };
    path.iter().map(segment).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn what_is_no_json_is_told_apart_from_json_that_is_no_request() {
        type Numbers = BTreeMap<String, Vec<f64>>;
        let problem = |bytes: &[u8]| parse::<Numbers>(bytes).unwrap_err();
        assert!(parse::<Numbers>(b" {\"a\": [1]}\n").is_ok());
        for malformed in ["", "{", "{} {}", "{\"a\": [1]", "\u{feff}{}"] {
            assert_eq!(problem(malformed.as_bytes()).kind, ProblemKind::MalformedBody, "{malformed:?}");
        }
        let deep = "[".repeat(100_000);
        assert_eq!(problem(format!("{{\"a\": {deep}").as_bytes()).status / 100, 4);
        let wrong = problem(b"{\"a/b\": [1, \"x\"]}");
        assert_eq!((wrong.status, wrong.pointer.as_deref()), (422, Some("/a~1b/1")));
        assert!(problem(b"{\"a\xff\": []}").detail.contains("byte 3"));
    }
}
