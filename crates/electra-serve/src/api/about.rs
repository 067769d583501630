//! Paths about the service itself: whether it works, its models, its measures, its interface.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::json;
use super::problems::AccessProblems;
use crate::problem::Problem;
use crate::served::ModelInfo;
use crate::state::Service;

/// The media type of Prometheus's text format.
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Whether the service takes requests.
#[derive(Serialize, ToSchema)]
pub(crate) struct Readiness {
    /// Whether requests are taken.
    is_ready: bool,
    /// The version of each model that is served.
    models: BTreeMap<String, String>,
    /// Models whose last reload failed, with the reason: what was served before is served on.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    failed_reloads: BTreeMap<String, String>,
    /// Faults of the program in the threads of models, by model: what they were doing was answered with 500.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    panics: BTreeMap<String, u64>,
    /// A model that fails at every text, for which the service ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    broken: Option<String>,
}

/// The models of the service.
#[derive(Serialize, ToSchema)]
pub(crate) struct ModelList {
    models: Vec<ModelInfo>,
}

/// Say that the process lives.
#[utoipa::path(
    get,
    path = "/healthz",
    responses((status = 200, description = "It lives", body = String, content_type = "text/plain"))
)]
pub(crate) async fn healthz() -> &'static str {
    "ok\n"
}

/// Say whether requests are taken, and by which models.
#[utoipa::path(
    get,
    path = "/readyz",
    responses(
        (status = 200, description = "Requests are taken", body = Readiness),
        (status = 503, description = "The service ends", body = Readiness),
    )
)]
pub(crate) async fn readyz(State(service): State<Service>) -> Result<Response, Problem> {
    let is_ready = !service.is_ending();
    let models = service.models.infos().into_iter().map(|model| (model.name, model.version)).collect();
    let failed_reloads = service.models.failed_reloads();
    let (panics, broken) = (service.health.panics(), service.health.broken());
    let mut response = json(&Readiness { is_ready, models, failed_reloads, panics, broken })?;
    if !is_ready {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    Ok(response)
}

/// List the models: types, settings, scores on test data, calibration, lineage.
#[utoipa::path(
    get,
    path = "/v1/models",
    responses(
        (status = 200, description = "The models", body = ModelList),
        AccessProblems,
    )
)]
pub(crate) async fn models(State(service): State<Service>) -> Result<Response, Problem> {
    json(&ModelList { models: service.models.infos() })
}

/// Show the measures of the service, in the text format of Prometheus.
#[utoipa::path(
    get,
    path = "/metrics",
    responses(
        (status = 200, description = "The measures", body = String, content_type = "text/plain"),
        AccessProblems,
    )
)]
pub(crate) async fn metrics(State(service): State<Service>) -> Response {
    ([(header::CONTENT_TYPE, PROMETHEUS)], service.measures.render()).into_response()
}
