//! All paths, and what a request passes before it comes to one.

use axum::Router;
use axum::http::{HeaderValue, Method, Uri, header};
use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse;
use axum::routing::get;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::CorsLayer;
use utoipa::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{Info, SecurityRequirement};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::{about, detect, guess, inference, tag};
use crate::guard;
use crate::page;
use crate::problem::{Problem, ProblemKind};
use crate::settings::Access;
use crate::state::Service;

#[derive(OpenApi)]
#[openapi(components(schemas(Problem)))]
struct Interface;

/// The paths of the service.
pub(crate) fn router(service: Service) -> Router {
    let (paths, mut interface) = OpenApiRouter::with_openapi(Interface::openapi())
        .routes(routes!(tag::tag))
        .routes(routes!(detect::detect))
        .routes(routes!(guess::guess))
        .routes(routes!(inference::inference))
        .routes(routes!(about::models))
        .routes(routes!(about::healthz))
        .routes(routes!(about::readyz))
        .routes(routes!(about::metrics))
        .split_for_parts();
    interface.info = Info::new("electra serve", env!("CARGO_PKG_VERSION"));
    interface.info.description =
        Some("Named entities in text of any length, and tokens that look replaced.".to_owned());
    if matches!(service.settings.access, Access::Token(_)) {
        let components = interface.components.get_or_insert_default();
        let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        components.security_schemes.insert("token".to_owned(), bearer.into());
        interface.security = Some(vec![SecurityRequirement::new::<_, [&str; 0], &str>("token", [])]);
    }
    let interface = serde_json::to_string(&interface).expect("a description of the interface is plain data");
    let json = [(header::CONTENT_TYPE, "application/json")];
    let describe = get(move || std::future::ready((json, interface.clone()).into_response()));

    let mut router = paths
        .route("/openapi.json", describe)
        .merge(page::router())
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(service.clone(), guard::check_token));
    if !service.settings.origins.is_empty() {
        router = router.layer(cors(&service));
    }
    router
        .layer(from_fn_with_state(service.clone(), guard::check_origin))
        .layer(CatchPanicLayer::custom(|_| Problem::internal().into_response()))
        .layer(from_fn_with_state(service.clone(), guard::measure))
        .with_state(service)
}

/// What browsers are told of pages that may ask.
fn cors(service: &Service) -> CorsLayer {
    let origins = service.settings.origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok());
    CorsLayer::new()
        .allow_origin(origins.collect::<Vec<_>>())
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE])
}

async fn not_found(uri: Uri) -> Problem {
    let detail = format!("there is no {}", uri.path());
    Problem::new(ProblemKind::NotFound, detail, "ask for a path that /openapi.json has")
}

async fn method_not_allowed(method: Method, uri: Uri) -> Problem {
    let detail = format!("{} does not know the method {method}", uri.path());
    Problem::new(ProblemKind::MethodNotAllowed, detail, "ask with a method that /openapi.json has")
}
