//! The log of a training run: metrics as JSON lines, TensorBoard's event files, and the format of durations
//! and counts.

mod hparams;
mod log;
mod tensorboard;
mod written;

pub use hparams::hparams;
pub use log::{HeldoutMeasure, HeldoutRows, LogError, MetricsLog, Plan, Record, RunRecord, read_metrics};
pub use tensorboard::{HParam, TensorBoard};
pub use written::{Seconds, duration, rounded, thousands};
