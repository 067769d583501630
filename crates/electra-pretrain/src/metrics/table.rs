//! The scalars of a pretraining run, one row each. Whatever shows a scalar reads it from here: the log,
//! TensorBoard, the lines of progress, the dashboard and the report. [`EXPERIMENT_METRICS`](super::experiments) says
//! how experiments compare some of them.
//!
//! A new scalar is a row of [`METRICS`] and a line of code that measures it.

use Better::{Higher, Lower, Neither};
use Format::{Decimals, Percent, Scientific, Whole};
use MeasuredIn::{Always, Evaluation, LastStep, Training};

use electra_run::metric::MetricTable;

use super::thresholds::{COLLAPSE_RATIO, LOW_AUC, PLATEAU};

pub use electra_run::metric::{Better, Format, MeasuredIn, Metric, Panel, Phrase};

/// All of them, in the order of logs, lines and tables.
pub const METRICS: &[Metric] = &[
    Metric::new("loss", "Total loss", Decimals(3), Lower, Always)
        .unit("nats")
        .trained("loss {}", Decimals(2))
        .limited("generator + weight × discriminator", PLATEAU, "plateau"),
    Metric::new("mlm_loss", "Generator loss", Decimals(3), Lower, Always)
        .unit("nats")
        .part_of_loss("mlm {}", Decimals(2))
        .evaluated("mlm {}", Decimals(3))
        .panel("masked tokens, cross entropy", false),
    Metric::new("mlm_accuracy", "Generator accuracy", Decimals(3), Higher, LastStep)
        .detail("mlm_loss", "accuracy {}", Decimals(3))
        .shared_panel("Generator accuracy", "at masked positions", "best guess"),
    Metric::new("mlm_loss_per_byte", "Generator loss a byte", Decimals(4), Lower, Evaluation)
        .unit("nats a byte"),
    Metric::new("sampled_accuracy", "Accuracy of its samples", Decimals(3), Higher, LastStep)
        .detail("mlm_loss", "sampled {}", Decimals(3))
        .in_panel_of("mlm_accuracy", "sample"),
    Metric::new("rtd_loss", "Discriminator loss", Decimals(4), Lower, Always)
        .unit("nats")
        .part_of_loss("rtd {}", Decimals(3))
        .evaluated("rtd {}", Decimals(4))
        .panel("binary cross entropy", false),
    Metric::new("rtd_auc", "Discriminator AUC", Decimals(3), Higher, Evaluation)
        .detail("rtd_loss", "AUC {}", Decimals(3))
        .limited("0.5 is chance", LOW_AUC, "healthy above"),
    Metric::new("rtd_accuracy", "Discriminator accuracy", Decimals(3), Higher, LastStep),
    Metric::new("rtd_precision", "Discriminator precision", Decimals(3), Higher, Evaluation)
        .detail("rtd_loss", "precision {}", Decimals(2))
        .shared_panel("Precision and recall", "of replaced tokens", "precision"),
    Metric::new("rtd_recall", "Discriminator recall", Decimals(3), Higher, Evaluation)
        .detail("rtd_loss", "recall {}", Decimals(2))
        .in_panel_of("rtd_precision", "recall"),
    Metric::new("prediction_loss", "Prediction loss", Decimals(3), Lower, Always)
        .unit("nats")
        .part_of_loss("prediction {}", Decimals(2))
        .evaluated("prediction {}", Decimals(3))
        .panel_if_measured("original tokens from corrupted text", false),
    Metric::new("prediction_accuracy", "Prediction accuracy", Decimals(3), Higher, LastStep)
        .detail("prediction_loss", "accuracy {}", Decimals(3))
        .panel_if_measured("original tokens from corrupted text", true),
    Metric::new("fake_rate", "Fake rate q", Decimals(4), Neither, LastStep)
        .evaluated("fake rate {}", Decimals(3))
        .panel("replaced tokens among all", false),
    Metric::new("rtd_loss_over_entropy", "Discriminator loss / H(q)", Decimals(3), Lower, Evaluation)
        .evaluated("rtd/H(q) {}", Decimals(3))
        .limited("1 is a constant answer", COLLAPSE_RATIO, "collapsed"),
    Metric::new("learning_rate", "Learning rate", Scientific(2), Neither, Training)
        .trained("lr {}", Scientific(2))
        .panel("", true),
    Metric::new(
        "generator_learning_rate",
        "Learning rate of the generator",
        Scientific(2),
        Neither,
        Training,
    )
    .panel_if_measured("of its own parameters", true),
    Metric::new("mask_probability", "Mask rate", Decimals(3), Neither, Training)
        .panel_if_measured("share of tokens to choose", true),
    Metric::new("phase", "Phase", Whole, Neither, Training).trained("phase {}", Whole),
    Metric::new("grad_norm", "Gradient norm", Decimals(2), Neither, Training)
        .trained("norm {}", Decimals(2))
        .panel("before clipping", true),
    Metric::new("tokens_per_second", "Tokens per second", Whole, Higher, Training)
        .group(SPEED)
        .trained("{} tok/s", Whole)
        .panel("", true),
    Metric::new("peak_fraction", "Peak fraction", Percent(0), Higher, Training)
        .group(SPEED)
        .unit("%")
        .trained("{}% of peak", Percent(0)),
    Metric::new("rss_mb", "Resident memory", Whole, Lower, Training)
        .group(SPEED)
        .unit("MB")
        .trained("RSS {} MB", Whole)
        .panel("", true),
    Metric::new("device_memory_mb", "Device memory", Whole, Lower, Training)
        .group(SPEED)
        .unit("MB")
        .trained("device memory {} MB", Whole)
        .panel_if_measured("taken of a card's", true),
    Metric::new("data_wait_fraction", "Waiting for data", Decimals(3), Lower, Training).group(SPEED),
    Metric::new("communication_fraction", "Share of time in messages", Decimals(3), Lower, Training)
        .group(SPEED)
        .trained("messages {}% of the time", Percent(0))
        .panel_if_measured("of all ranks, waiting for the slowest among it", true),
    Metric::new("slowest_rank", "Slowest rank", Whole, Neither, Training)
        .group(SPEED)
        .trained("slowest rank {}", Whole),
];

/// The group of TensorBoard for what is about the machine.
const SPEED: &str = "speed";

/// The row of a key.
///
/// # Panics
/// If there is none.
#[must_use]
pub fn metric(key: &str) -> &'static Metric {
    &METRICS[PretrainingMetrics::position(key)]
}

/// The table of pretraining, for [`Scalars`](electra_run::metric::Scalars).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PretrainingMetrics;

impl MetricTable for PretrainingMetrics {
    type Values = [Option<f64>; METRICS.len()];

    fn metrics() -> &'static [Metric] {
        METRICS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_titles_stand_once_and_what_rows_refer_to_is_there() {
        electra_run::metric::check_table(METRICS);
    }
}
