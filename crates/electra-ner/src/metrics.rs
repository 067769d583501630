//! The scalars of a tagger's training, one row each. Whatever shows a scalar reads it from here: the log, TensorBoard,
//! the line of an epoch, the dashboard and the report.
//!
//! A new scalar is a row of [`METRICS`] and a line of code that measures it.

use electra_run::metric::Better::{Higher, Lower, Neither};
use electra_run::metric::Format::{Decimals, Percent, Scientific, Whole};
use electra_run::metric::MeasuredIn::{Evaluation, Training};
use electra_run::metric::{Metric, MetricTable};

/// All of them, in the order of logs and lines.
pub const METRICS: &[Metric] =
    &[
        Metric::new("loss", "Loss", Decimals(4), Lower, Training)
            .trained("loss {}", Decimals(4))
            .shared_panel("Training loss", "", ""),
        Metric::new("dev_precision", "Precision", Percent(2), Higher, Evaluation)
            .group(DEV)
            .evaluated("dev P {}", Percent(2))
            .shared_panel("Precision and recall", "", "precision"),
        Metric::new("dev_recall", "Recall", Percent(2), Higher, Evaluation)
            .group(DEV)
            .evaluated("R {}", Percent(2))
            .in_panel_of("dev_precision", "recall"),
        Metric::new("dev_f1", "F1", Percent(2), Higher, Evaluation)
            .group(DEV)
            .evaluated("F1 {}", Percent(2))
            .shared_panel("F1 on the development data", "", "F1"),
        Metric::new("dev_token_accuracy", "Token accuracy", Percent(2), Higher, Evaluation).group(DEV),
        Metric::new("learning_rate", "Learning rate", Scientific(2), Neither, Training)
            .trained("lr {}", Scientific(2))
            .panel("", true),
        Metric::new("grad_norm", "Gradient norm", Decimals(2), Neither, Training).panel("", true),
        Metric::new("words_per_second", "Words per second", Whole, Higher, Training)
            .group(SPEED)
            .trained("{} words/s", Whole)
            .shared_panel("Words a second", "", ""),
        Metric::new("dev_seconds", "Seconds of the evaluation", Decimals(1), Lower, Evaluation).group(DEV),
        Metric::new("rss_mb", "Resident memory", Whole, Lower, Training).group(SPEED).unit("MB"),
    ];

/// The group of TensorBoard for the development data.
const DEV: &str = "dev";
/// The group for what is about the machine.
const SPEED: &str = "speed";

/// The table of a tagger, for [`Scalars`](electra_run::metric::Scalars).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TaggerMetrics;

impl MetricTable for TaggerMetrics {
    type Values = [Option<f64>; METRICS.len()];

    fn metrics() -> &'static [Metric] {
        METRICS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_does_not_contradict_itself_and_tags_are_those_of_runs_that_exist() {
        electra_run::metric::check_table(METRICS);
        let tags: Vec<String> = METRICS.iter().map(Metric::tag).collect();
        assert_eq!(tags[..4], ["train/loss", "dev/precision", "dev/recall", "dev/f1"]);
        assert_eq!(tags[7], "speed/words_per_second");
    }
}
