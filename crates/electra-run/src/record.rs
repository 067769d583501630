//! What a run writes down while it trains: a log of metrics and TensorBoard's event files; how durations
//! and counts are written.

mod hparams;
mod log;
mod tensorboard;
mod written;

pub use hparams::hparams;
pub use log::{HeldoutMeasure, HeldoutRows, LogError, MetricsLog, Plan, Record, RunRecord, read_metrics};
pub use tensorboard::{HParam, TensorBoard};
pub use written::{Seconds, duration, rounded, thousands};
