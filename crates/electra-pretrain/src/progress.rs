//! Lines on the progress of a run, for pipes and logs.

use electra_run::metric::phrases;
use electra_run::record::{duration, thousands};

use crate::metrics::{EvalRecord, TrainRecord};

/// The line that tells how training stands at `step` of `total_steps`.
///
/// ```text
/// step  1,200/10,000  loss 14.32 (mlm 5.91 + rtd 0.168)  lr 4.80e-4  norm 0.93  12,345 tok/s  41% of peak  RSS 812 MB  ETA 1 h 03 min
/// ```
///
/// A loss that the objective does not have is left out.
#[must_use]
pub fn line(step: u64, total_steps: u64, record: &TrainRecord, seconds_left: f64) -> String {
    let total = thousands(total_steps);
    format!(
        "step {:>width$}/{total}  {}  ETA {}",
        thousands(step),
        phrases(record.scalars.iter(), |metric| metric.in_training, " + "),
        duration(seconds_left),
        width = total.len(),
    )
}

/// The line on a held-out evaluation.
#[must_use]
pub fn evaluation(step: u64, record: &EvalRecord) -> String {
    let collapsed = if record.collapsed == Some(true) { "  majority class" } else { "" };
    let measured = phrases(record.scalars.iter(), |metric| metric.in_evaluation, ", ");
    format!("held out at {}: {measured}{collapsed}", thousands(step))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Scalars;

    #[test]
    fn a_line_tells_everything_in_fixed_places() {
        let scalars = Scalars::default()
            .with("loss", 14.318)
            .with("mlm_loss", 5.912)
            .with("rtd_loss", 0.1681)
            .with("learning_rate", 4.8e-4)
            .with("grad_norm", 0.934)
            .with("tokens_per_second", 12_344.6)
            .with("peak_fraction", 0.412)
            .with("rss_mb", 1_812.4);
        let record = TrainRecord { scalars, ..TrainRecord::default() };
        assert_eq!(
            line(1_200, 10_000, &record, 3_780.0),
            "step  1,200/10,000  loss 14.32 (mlm 5.91 + rtd 0.168)  lr 4.80e-4  norm 0.93  12,345 tok/s  \
             41% of peak  RSS 1,812 MB  ETA 1 h 03 min"
        );
        let predicted = scalars.with("rtd_loss", None).with("prediction_loss", 4.004);
        let predicted = TrainRecord { scalars: predicted, ..record };
        assert!(line(1, 10, &predicted, 1.0).contains("loss 14.32 (mlm 5.91 + prediction 4.00)  lr"));
        for unmeasured in [None, Some(f64::NAN)] {
            let scalars = scalars.with("peak_fraction", unmeasured);
            assert!(!line(1, 10, &TrainRecord { scalars, ..record }, 1.0).contains("peak"));
        }
    }

    #[test]
    fn a_loss_that_is_not_a_number_is_shown_as_such() {
        let scalars = Scalars::default().with("loss", f64::NAN);
        let record = TrainRecord { scalars, ..TrainRecord::default() };
        assert!(line(1, 2, &record, f64::NAN).contains("loss NaN"));
        assert!(line(1, 2, &record, f64::NAN).ends_with("ETA ?"));
    }

    #[test]
    fn an_evaluation_says_what_the_objective_measures_and_nothing_else() {
        let scalars = Scalars::default()
            .with("loss", 16.0)
            .with("mlm_loss", 5.512)
            .with("mlm_accuracy", 0.201)
            .with("mlm_loss_per_byte", 1.5)
            .with("sampled_accuracy", 0.102);
        let detector = scalars
            .with("rtd_loss", 0.2103)
            .with("rtd_accuracy", 0.9)
            .with("rtd_auc", 0.814)
            .with("rtd_precision", 0.71)
            .with("rtd_recall", 0.32)
            .with("fake_rate", 0.133)
            .with("rtd_loss_over_entropy", 0.607);
        let of = |scalars, collapsed| {
            evaluation(1_200, &EvalRecord { scalars, collapsed, ..EvalRecord::default() })
        };
        assert_eq!(
            of(detector, Some(true)),
            "held out at 1,200: mlm 5.512 (accuracy 0.201, sampled 0.102)  rtd 0.2103 (AUC 0.814, precision \
             0.71, recall 0.32)  fake rate 0.133  rtd/H(q) 0.607  majority class"
        );
        let alone = Scalars::default().with("sampled_accuracy", 0.1).with("prediction_loss", 4.0);
        assert_eq!(of(alone, None), "held out at 1,200: sampled 0.100  prediction 4.000");
    }
}
