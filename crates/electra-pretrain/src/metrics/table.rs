//! The scalars of a pretraining run, one row each. Whatever shows a scalar reads it from here: the log,
//! TensorBoard, the lines of progress, the dashboard, the report and the comparison of experiments.
//!
//! A new scalar is a row of [`METRICS`] and a line of code that measures it.

use Better::{Higher, Lower, Neither};
use Format::{Decimals, Percent, Scientific, Whole};
use When::{Always, Evaluation, LastStep, Training};

use super::thresholds::{COLLAPSE_RATIO, LOW_AUC, PLATEAU};

pub use super::metric::{Better, Format, InExperiments, Metric, Output, Panel, Phrase, Task, When};

/// All of them, in the order of logs, lines and tables.
pub const METRICS: &[Metric] = &[
    Metric::new("loss", "Total loss", Decimals(3), Lower, Always)
        .unit("nats")
        .trained("loss {}", Decimals(2))
        .limited("generator + weight × discriminator", PLATEAU, "plateau")
        .compared(6, "total loss", 3, Output::Together, Task::Sum),
    Metric::new("mlm_loss", "Generator loss", Decimals(3), Lower, Always)
        .unit("nats")
        .part_of_loss("mlm {}", Decimals(2))
        .evaluated("mlm {}", Decimals(3))
        .panel("masked tokens, cross entropy", false)
        .compared(4, "MLM loss", 3, Output::Masked, Task::Masked)
        .beside_finetuning("generator's loss"),
    Metric::new("mlm_accuracy", "Generator accuracy", Decimals(3), Higher, LastStep)
        .detail("mlm_loss", "accuracy {}", Decimals(3))
        .shared_panel("Generator accuracy", "at masked positions", "best guess"),
    Metric::new("mlm_loss_per_byte", "Generator loss a byte", Decimals(4), Lower, Evaluation)
        .unit("nats a byte")
        .compared(5, "MLM loss a byte", 4, Output::Masked, Task::MaskedText),
    Metric::new("sampled_accuracy", "Accuracy of its samples", Decimals(3), Higher, LastStep)
        .detail("mlm_loss", "sampled {}", Decimals(3))
        .in_panel_of("mlm_accuracy", "sample"),
    Metric::new("rtd_loss", "Discriminator loss", Decimals(4), Lower, Always)
        .unit("nats")
        .part_of_loss("rtd {}", Decimals(3))
        .evaluated("rtd {}", Decimals(4))
        .panel("binary cross entropy", false)
        .compared(1, "RTD loss", 4, Output::Detection, Task::Replaced),
    Metric::new("rtd_auc", "Discriminator AUC", Decimals(3), Higher, Evaluation)
        .detail("rtd_loss", "AUC {}", Decimals(3))
        .limited("0.5 is chance", LOW_AUC, "healthy above")
        .compared(0, "AUC", 3, Output::Detection, Task::Replaced)
        .not_by_token()
        .at_most_1()
        .beside_finetuning("own AUC"),
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
        .panel_if_measured("original tokens from corrupted text", false)
        .compared(3, "prediction loss", 3, Output::Prediction, Task::Replaced),
    Metric::new("prediction_accuracy", "Prediction accuracy", Decimals(3), Higher, LastStep)
        .detail("prediction_loss", "accuracy {}", Decimals(3))
        .panel_if_measured("original tokens from corrupted text", true),
    Metric::new("fake_rate", "Fake rate q", Decimals(4), Neither, LastStep)
        .evaluated("fake rate {}", Decimals(3))
        .panel("replaced tokens among all", false),
    Metric::new("rtd_loss_over_entropy", "Discriminator loss / H(q)", Decimals(3), Lower, Evaluation)
        .evaluated("rtd/H(q) {}", Decimals(3))
        .limited("1 is a constant answer", COLLAPSE_RATIO, "collapsed")
        .compared(2, "rtd/H(q)", 3, Output::Detection, Task::Replaced)
        .not_by_token(),
    Metric::new("learning_rate", "Learning rate", Scientific(2), Neither, Training)
        .trained("lr {}", Scientific(2))
        .panel("", true),
    Metric::new("grad_norm", "Gradient norm", Decimals(2), Neither, Training)
        .trained("norm {}", Decimals(2))
        .panel("before clipping", true),
    Metric::new("tokens_per_second", "Tokens per second", Whole, Higher, Training)
        .group(SPEED)
        .trained("{} tok/s", Whole)
        .panel("", true),
    Metric::new("peak_fraction", "Peak fraction", Percent, Higher, Training)
        .group(SPEED)
        .unit("%")
        .trained("{}% of peak", Percent),
    Metric::new("rss_mb", "Resident memory", Whole, Lower, Training)
        .group(SPEED)
        .unit("MB")
        .trained("RSS {} MB", Whole)
        .panel("", true),
    Metric::new("data_wait_fraction", "Waiting for data", Decimals(3), Lower, Training).group(SPEED),
];

/// The group of TensorBoard for what is about the machine.
const SPEED: &str = "speed";

impl Metric {
    /// The row of a key.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn of(key: &str) -> &'static Self {
        &METRICS[position(key)]
    }
}

/// The metrics that experiments compare, in the order of their tables.
pub fn compared() -> impl Iterator<Item = (&'static Metric, InExperiments)> {
    let mut found: Vec<_> = METRICS.iter().filter_map(|metric| Some((metric, metric.experiment?))).collect();
    found.sort_by_key(|(_, experiment)| experiment.rank);
    found.into_iter()
}

/// Where the row of a key stands.
///
/// # Panics
/// If there is none.
pub(super) fn position(key: &str) -> usize {
    let position = METRICS.iter().position(|metric| metric.key == key);
    assert!(position.is_some(), "`{key}` is no metric of pretraining");
    position.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_titles_stand_once_and_what_rows_refer_to_is_there() {
        for of in [|metric: &Metric| metric.key, |metric: &Metric| metric.title] {
            let mut names: Vec<&str> = METRICS.iter().map(of).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), METRICS.len());
        }
        for (at, metric) in METRICS.iter().enumerate() {
            let phrases = [metric.in_training, metric.in_evaluation];
            for phrase in phrases.into_iter().flatten() {
                assert_eq!(phrase.words.matches("{}").count(), 1, "{}", phrase.words);
                // What stands in brackets is written behind its head, which comes first.
                assert!(phrase.detail_of.is_none_or(|head| position(head) < at), "{}", metric.key);
            }
            if let Some(Panel::In { key, .. }) = metric.panel {
                assert!(matches!(Metric::of(key).panel, Some(Panel::Own { .. })), "{}", metric.key);
            }
            assert!(metric.in_training.is_none() || metric.is_trained(), "{}", metric.key);
            assert!(metric.in_evaluation.is_none() || metric.is_evaluated(), "{}", metric.key);
            assert!(metric.experiment.is_none() || metric.is_evaluated(), "{}", metric.key);
        }
    }

    #[test]
    fn experiments_have_each_place_of_their_tables_once() {
        let mut ranks: Vec<usize> =
            METRICS.iter().filter_map(|metric| Some(metric.experiment?.rank)).collect();
        ranks.sort_unstable();
        assert_eq!(ranks, (0..ranks.len()).collect::<Vec<_>>());
    }

    #[test]
    #[should_panic(expected = "`rtd_acu` is no metric")]
    fn a_key_that_is_misspelt_is_a_mistake_of_the_program() {
        let _ = Metric::of("rtd_acu");
    }
}
