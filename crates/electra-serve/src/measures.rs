//! Measures of the service: what `/metrics` shows.

use std::sync::Arc;
use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Label, Level, Metadata, Recorder};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

/// Measures of one service. They are in no global place: a process may have several services.
#[derive(Clone)]
pub(crate) struct Measures {
    recorder: Arc<PrometheusRecorder>,
    handle: PrometheusHandle,
    pub connections: Gauge,
    pub accept_errors: Counter,
    pub queued_requests: Gauge,
    pub queued_bytes: Gauge,
    pub texts: Counter,
    pub dropped_texts: Counter,
    pub tokens: Counter,
    pub batch_tokens: Histogram,
    pub batch_windows: Histogram,
    pub batch_seconds: Histogram,
}

const METADATA: Metadata<'static> = Metadata::new("electra_serve", Level::INFO, None);

/// Bounds of a request's time, in seconds.
const SECONDS: [f64; 14] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0];
/// Bounds of a batch's size.
const SIZES: [f64; 12] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 4096.0];

/// Names of all measures, with what they mean.
const DESCRIPTIONS: [(&str, &str); 16] = [
    ("electra_requests_total", "Answers by path and status"),
    ("electra_errors_total", "Answers that are problems, by kind"),
    ("electra_request_seconds", "Time from the head of a request to the head of its answer"),
    ("electra_connections", "Open connections"),
    ("electra_accept_errors_total", "Connections that the system could not open"),
    ("electra_queued_requests", "Requests that are in work or wait for it"),
    ("electra_queued_bytes", "Bytes of the texts of these requests"),
    ("electra_texts_total", "Texts that were answered"),
    ("electra_dropped_texts_total", "Texts whose client was gone before the answer"),
    ("electra_tokens_total", "Positions that went through a network, padding left out"),
    ("electra_batch_tokens", "Positions of a batch, padding left out"),
    ("electra_batch_windows", "Windows of a batch"),
    ("electra_batch_seconds", "Time of a batch"),
    ("electra_model_info", "Models that are served, with the hash of their weights"),
    ("electra_reloads_total", "Reloads of models, by outcome"),
    ("electra_panics_total", "Faults of the program in the threads of models, by model"),
];

/// What became of the reload of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReloadOutcome {
    Done,
    Failed,
}

impl ReloadOutcome {
    const ALL: [Self; 2] = [Self::Done, Self::Failed];
}

impl Measures {
    pub(crate) fn new() -> Self {
        let matcher = |name: &str| Matcher::Full(name.to_owned());
        let mut builder = PrometheusBuilder::new();
        for (name, bounds) in [
            ("electra_request_seconds", &SECONDS[..]),
            ("electra_batch_seconds", &SECONDS[..]),
            ("electra_batch_tokens", &SIZES[..]),
            ("electra_batch_windows", &SIZES[..]),
        ] {
            builder = builder.set_buckets_for_metric(matcher(name), bounds).expect("there are bounds");
        }
        let recorder = builder.build_recorder();
        for (name, meaning) in DESCRIPTIONS {
            // The kind is that of the first value; descriptions are alike for all.
            recorder.describe_counter(KeyName::from_const_str(name), None, meaning.into());
        }
        let counter = |name: &'static str| recorder.register_counter(&Key::from_static_name(name), &METADATA);
        let gauge = |name: &'static str| recorder.register_gauge(&Key::from_static_name(name), &METADATA);
        let histogram =
            |name: &'static str| recorder.register_histogram(&Key::from_static_name(name), &METADATA);
        let measures = Self {
            connections: gauge("electra_connections"),
            accept_errors: counter("electra_accept_errors_total"),
            queued_requests: gauge("electra_queued_requests"),
            queued_bytes: gauge("electra_queued_bytes"),
            texts: counter("electra_texts_total"),
            dropped_texts: counter("electra_dropped_texts_total"),
            tokens: counter("electra_tokens_total"),
            batch_tokens: histogram("electra_batch_tokens"),
            batch_windows: histogram("electra_batch_windows"),
            batch_seconds: histogram("electra_batch_seconds"),
            handle: recorder.handle(),
            recorder: Arc::new(recorder),
        };
        // There from the beginning: a rise from nothing is not seen by those who watch for one.
        for outcome in ReloadOutcome::ALL {
            measures.reloads(outcome).increment(0);
        }
        measures
    }

    /// Counts an answer.
    pub(crate) fn answered(
        &self,
        path: &'static str,
        status: u16,
        problem: Option<&'static str>,
        time: Duration,
    ) {
        let labels = vec![Label::new("path", path), Label::new("status", status.to_string())];
        self.counter("electra_requests_total", labels).increment(1);
        if let Some(kind) = problem {
            self.counter("electra_errors_total", vec![Label::new("kind", kind)]).increment(1);
        }
        let key = Key::from_parts("electra_request_seconds", vec![Label::new("path", path)]);
        self.recorder.register_histogram(&key, &METADATA).record(time.as_secs_f64());
    }

    /// Counts a reload of a model.
    pub(crate) fn reloaded(&self, outcome: ReloadOutcome) {
        self.reloads(outcome).increment(1);
    }

    fn reloads(&self, outcome: ReloadOutcome) -> Counter {
        let name = match outcome {
            ReloadOutcome::Done => "done",
            ReloadOutcome::Failed => "failed",
        };
        self.counter("electra_reloads_total", vec![Label::new("outcome", name)])
    }

    /// Counts a panic in the thread of a model.
    pub(crate) fn panicked(&self, name: &str) {
        self.counter("electra_panics_total", vec![Label::new("model", name.to_owned())]).increment(1);
    }

    /// Says which version of a model is served, or no longer.
    pub(crate) fn model(&self, name: &str, version: &str, is_served: bool) {
        let labels = vec![Label::new("model", name.to_owned()), Label::new("version", version.to_owned())];
        let key = Key::from_parts("electra_model_info", labels);
        self.recorder.register_gauge(&key, &METADATA).set(if is_served { 1.0 } else { 0.0 });
    }

    fn counter(&self, name: &'static str, labels: Vec<Label>) -> Counter {
        self.recorder.register_counter(&Key::from_parts(name, labels), &METADATA)
    }

    /// All measures in the text format of Prometheus.
    pub(crate) fn render(&self) -> String {
        self.handle.render()
    }

    /// Sorts what was recorded into its bounds; without it the record would grow.
    pub(crate) fn run_upkeep(&self) {
        self.handle.run_upkeep();
    }
}
