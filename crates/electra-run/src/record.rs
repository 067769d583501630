//! What a run writes down while it trains: a log of metrics, TensorBoard's event files and lines
//! for a terminal or a pipe.

mod metrics;
mod progress;
mod tensorboard;

pub use metrics::{
    EvalRecord, HeldoutMeasure, HeldoutRows, LogError, MetricsLog, Plan, Record, RunRecord, TrainRecord,
    read_metrics,
};
pub use progress::{Seconds, duration, line, thousands};
pub use tensorboard::{HParam, TensorBoard};
