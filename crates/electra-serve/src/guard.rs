//! What every request passes: by which name and from which page it comes, its token; and what every answer has.

use std::time::Instant;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Version, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::page;
use crate::problem::{Problem, ProblemKind};
use crate::settings::Access;
use crate::state::Service;

/// The policy of pages: they load what the service itself has, and nothing is done by markup.
const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'";

/// Headers of every answer.
const HEADERS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
];

/// Paths that need no token beside those of the page, which has no secrets and asks for it: what a balancer asks.
const OPEN_PATHS: [&str; 2] = ["/healthz", "/readyz"];

/// Paths that are counted by name, beside those of the page.
const KNOWN_PATHS: [&str; 8] =
    ["/v1/tag", "/v1/detect", "/v1/guess", "/v1/models", "/healthz", "/readyz", "/metrics", "/openapi.json"];

/// The path of a file of the page.
fn of_page(path: &str) -> Option<&'static str> {
    page::FILES.iter().map(|(known, ..)| *known).find(|known| *known == path)
}

/// Counts the answer and adds the headers of every answer.
pub(crate) async fn measure(State(service): State<Service>, request: Request<Body>, next: Next) -> Response {
    let start = Instant::now();
    let path = request.uri().path();
    let known = KNOWN_PATHS.into_iter().find(|known| *known == path);
    let path = known.or_else(|| of_page(path)).unwrap_or("other");
    let mut response = next.run(request).await;
    let kind = response.extensions().get::<ProblemKind>().map(|kind| kind.name());
    service.measures.answered(path, response.status().as_u16(), kind, start.elapsed());
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Refuses requests by names and from pages that are not this service's own. A page elsewhere can have its own name
/// lead to this address (DNS rebinding), but it cannot send another `Host` than its name.
pub(crate) async fn check_origin(
    State(service): State<Service>,
    request: Request<Body>,
    next: Next,
) -> Response {
    match foreign(&service, &request) {
        None => next.run(request).await,
        Some(problem) => problem.into_response(),
    }
}

fn foreign(service: &Service, request: &Request<Body>) -> Option<Problem> {
    let refused = |detail: String, remedy: &str| Problem::new(ProblemKind::ForeignOrigin, detail, remedy);
    let settings = &service.settings;
    let mut hosts = request.headers().get_all(header::HOST).iter().map(|host| host.to_str().unwrap_or("?"));
    let host = hosts.next();
    let of_target = request.uri().host();
    if hosts.next().is_some() {
        return Some(refused("the request has several Host headers".to_owned(), "send one"));
    }
    for name in host.into_iter().chain(of_target) {
        if !is_own_host(name, &settings.hosts) {
            let remedy = "ask by an address, or have the name allowed where the service is started";
            return Some(refused(format!("the service does not answer by the name {name}"), remedy));
        }
    }
    if host.is_none() && request.version() >= Version::HTTP_11 {
        return Some(refused("the request has no Host".to_owned(), "send one, as HTTP/1.1 asks for it"));
    }
    for origin in request.headers().get_all(header::ORIGIN) {
        let origin = origin.to_str().unwrap_or("?");
        let is_same = |host: &str| {
            ["http://", "https://"].iter().any(|scheme| origin.strip_prefix(scheme) == Some(host))
        };
        if !host.is_some_and(is_same) && !settings.origins.iter().any(|allowed| allowed == origin) {
            let remedy = "have the origin of the page allowed where the service is started";
            return Some(refused(format!("the service does not answer pages of {origin}"), remedy));
        }
    }
    None
}

/// Whether `host`, perhaps with a port, is an address, `localhost` or one of the names. Who has an address in the bar
/// of a browser was not led here by a name.
fn is_own_host(host: &str, names: &[String]) -> bool {
    let (name, port) = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) => {
            return is_port(port) && address.parse::<std::net::Ipv6Addr>().is_ok();
        }
        None => host.split_at(host.find(':').unwrap_or(host.len())),
    };
    let is_own = name.parse::<std::net::Ipv4Addr>().is_ok()
        || name.eq_ignore_ascii_case("localhost")
        || names.iter().any(|known| name.eq_ignore_ascii_case(known));
    is_own && is_port(port)
}

/// Whether this is nothing, or a colon and a port.
fn is_port(text: &str) -> bool {
    text.is_empty() || text.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok())
}

/// Refuses requests without the token, where there is one.
pub(crate) async fn check_token(
    State(service): State<Service>,
    request: Request<Body>,
    next: Next,
) -> Response {
    let path = request.uri().path();
    let is_read = request.method() == Method::GET || request.method() == Method::HEAD;
    let is_open = is_read && (OPEN_PATHS.contains(&path) || of_page(path).is_some());
    let is_let_in = match &service.settings.access {
        Access::Open => true,
        Access::Token(token) => is_open || bearer(request.headers()).is_some_and(|found| token.is(found)),
    };
    if is_let_in {
        return next.run(request).await;
    }
    let detail = match request.headers().contains_key(header::AUTHORIZATION) {
        true => "the token is not that of the service",
        false => "the request has no token",
    };
    let remedy = "send the header Authorization: Bearer TOKEN";
    Problem::new(ProblemKind::Unauthorized, detail, remedy).into_response()
}

fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(header::AUTHORIZATION)?.as_bytes();
    let (scheme, token) = value.split_at_checked("bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_own_hosts_and_names_of_others_are_not() {
        let names = ["names.example".to_owned()];
        for own in [
            "127.0.0.1",
            "127.0.0.1:8080",
            "localhost:80",
            "LOCALHOST",
            "[::1]",
            "[::1]:8080",
            "10.0.0.7:1",
            "names.example",
            "Names.Example:443",
        ] {
            assert!(is_own_host(own, &names), "{own}");
        }
        for other in [
            "evil.example",
            "evil.example:8080",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "",
            "?",
            "[::1]evil",
            "[::1]:evil",
            "127.0.0.1:evil",
            "localhost:80:80",
            "localhost:",
            "[evil]",
            "names.example.evil",
        ] {
            assert!(!is_own_host(other, &names), "{other}");
        }
    }

    #[test]
    fn a_token_is_that_of_a_bearer() {
        let of = |value: &'static str| {
            let headers = HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_static(value))]);
            bearer(&headers).map(|token| token.to_vec())
        };
        assert_eq!(of("Bearer abc"), Some(b"abc".to_vec()));
        assert_eq!(of("bearer  abc "), Some(b"abc".to_vec()));
        assert_eq!((of("Basic abc"), of("Bearer"), of("abc")), (None, None, None));
    }
}
