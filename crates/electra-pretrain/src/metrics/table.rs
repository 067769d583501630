//! The scalars of a pretraining run, one row each. Whatever shows a scalar reads it from here: the log,
//! TensorBoard, the lines of progress, the dashboard, the report and the comparison of experiments.
//!
//! A new scalar is a row of [`METRICS`] and a line of code that measures it.

use super::{COLLAPSE_RATIO, LOW_AUC, PLATEAU};

/// A scalar of a pretraining run.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Its key in `metrics.jsonl`.
    pub key: &'static str,
    /// Its name in the report and on the dashboard.
    pub title: &'static str,
    /// Its unit; empty for a share and for what has none.
    pub unit: &'static str,
    /// How its values are written.
    pub format: Format,
    /// Which values are the better ones.
    pub better: Better,
    /// When it is measured.
    pub when: When,
    /// The group of TensorBoard that it has in training; that of evaluations is `eval`.
    pub group: &'static str,
    /// What the line of a training interval says of it.
    pub in_training: Option<Phrase>,
    /// What the line of an evaluation says of it.
    pub in_evaluation: Option<Phrase>,
    /// Where the report draws it.
    pub panel: Option<Panel>,
    /// How experiments compare it.
    pub experiment: Option<InExperiments>,
}

/// Which values of a metric are the better ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// The lower ones.
    Lower,
    /// The higher ones.
    Higher,
    /// It is no measure of quality.
    Neither,
}

/// When a metric is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Over the steps of each training interval.
    Training,
    /// In evaluations on held-out rows.
    Evaluation,
    /// In both.
    Always,
    /// In evaluations, and in the last step of each training interval, with its dropout.
    LastStep,
}

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// With so many decimals.
    Decimals(usize),
    /// In scientific notation with so many decimals.
    Scientific(usize),
    /// Rounded, with commas between thousands.
    Whole,
    /// A share in percent, rounded.
    Percent,
}

/// What a line of progress says of a metric.
#[derive(Clone, Copy, Debug)]
pub struct Phrase {
    /// The words, with `{}` in the place of the value.
    pub words: &'static str,
    /// How the value is written there.
    pub format: Format,
    /// The key of the metric behind which it stands in brackets.
    pub detail_of: Option<&'static str>,
}

/// Where the report draws a metric.
#[derive(Clone, Copy, Debug)]
pub enum Panel {
    /// In a panel of its own.
    Own {
        /// The heading; none where it is the metric's title.
        title: Option<&'static str>,
        /// What is said below the heading.
        note: &'static str,
        /// The name of its held-out curve, where others are drawn beside it.
        name: &'static str,
        /// Whether the vertical axis begins at 0.
        from_zero: bool,
        /// A level that divides good from bad, with a word or two.
        limit: Option<(f64, &'static str)>,
        /// Whether there is no panel in runs that have not measured it.
        if_measured: bool,
    },
    /// As a second curve in the panel of another metric.
    In {
        /// The key of that metric.
        key: &'static str,
        /// The name of the curve.
        name: &'static str,
    },
}

/// How experiments compare a metric.
#[derive(Clone, Copy, Debug)]
pub struct InExperiments {
    /// Its name in tables.
    pub title: &'static str,
    /// Its place in tables, from 0.
    pub rank: usize,
    /// Decimals in tables.
    pub digits: usize,
    /// Whether it is a cost of each token, so that it depends on what the vocabulary calls a token.
    pub is_by_token: bool,
    /// What its value depends on beside the model.
    pub task: Task,
}

/// What the value of a metric depends on beside the model that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// The masked positions.
    Masked,
    /// The masked positions, counted in bytes of text.
    MaskedText,
    /// The tokens that the generator beside it has replaced.
    Replaced,
    /// All of that, and the weights of the losses.
    Sum,
}

impl Task {
    /// How experiments call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Masked => "masked",
            Self::MaskedText => "masked-text",
            Self::Replaced => "replaced",
            Self::Sum => "sum",
        }
    }
}

/// The metrics that experiments compare, in the order of their tables.
pub fn compared() -> impl Iterator<Item = (&'static Metric, InExperiments)> {
    let mut found: Vec<_> = METRICS.iter().filter_map(|metric| Some((metric, metric.experiment?))).collect();
    found.sort_by_key(|(_, experiment)| experiment.rank);
    found.into_iter()
}

impl Format {
    /// A value as it is written.
    #[must_use]
    pub fn write(self, value: f64) -> String {
        match self {
            Self::Decimals(digits) => format!("{value:.digits$}"),
            Self::Scientific(digits) => format!("{value:.digits$e}"),
            Self::Whole => electra_run::record::thousands(value.round() as u64),
            Self::Percent => format!("{:.0}", 100.0 * value),
        }
    }
}

impl Metric {
    /// The row of a key.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn of(key: &str) -> &'static Self {
        &METRICS[position(key)]
    }

    /// Whether its higher values are the better ones.
    #[must_use]
    pub fn is_higher_better(&self) -> bool {
        self.better == Higher
    }

    /// Whether evaluations measure it.
    #[must_use]
    pub fn is_evaluated(&self) -> bool {
        self.when != Training
    }

    /// Whether lines of training have it.
    #[must_use]
    pub fn is_trained(&self) -> bool {
        self.when != Evaluation
    }

    const fn new(key: &'static str, title: &'static str, format: Format, better: Better, when: When) -> Self {
        Self {
            key,
            title,
            unit: "",
            format,
            better,
            when,
            group: "train",
            in_training: None,
            in_evaluation: None,
            panel: None,
            experiment: None,
        }
    }

    const fn unit(mut self, unit: &'static str) -> Self {
        self.unit = unit;
        self
    }

    const fn group(mut self, group: &'static str) -> Self {
        self.group = group;
        self
    }

    const fn trained(mut self, words: &'static str, format: Format) -> Self {
        self.in_training = Some(Phrase { words, format, detail_of: None });
        self
    }

    const fn part_of_loss(mut self, words: &'static str, format: Format) -> Self {
        self.in_training = Some(Phrase { words, format, detail_of: Some("loss") });
        self
    }

    const fn evaluated(mut self, words: &'static str, format: Format) -> Self {
        self.in_evaluation = Some(Phrase { words, format, detail_of: None });
        self
    }

    const fn detail(mut self, of: &'static str, words: &'static str, format: Format) -> Self {
        self.in_evaluation = Some(Phrase { words, format, detail_of: Some(of) });
        self
    }

    const fn panel(mut self, note: &'static str, from_zero: bool) -> Self {
        let (title, name, limit) = (None, "held-out", None);
        self.panel = Some(Panel::Own { title, note, name, from_zero, limit, if_measured: false });
        self
    }

    const fn panel_if_measured(mut self, note: &'static str, from_zero: bool) -> Self {
        let (title, name, limit) = (None, "held-out", None);
        self.panel = Some(Panel::Own { title, note, name, from_zero, limit, if_measured: true });
        self
    }

    const fn limited(mut self, note: &'static str, value: f64, word: &'static str) -> Self {
        let (title, name, limit) = (None, "held-out", Some((value, word)));
        self.panel = Some(Panel::Own { title, note, name, from_zero: false, limit, if_measured: false });
        self
    }

    const fn shared_panel(mut self, title: &'static str, note: &'static str, name: &'static str) -> Self {
        let title = Some(title);
        self.panel = Some(Panel::Own { title, note, name, from_zero: true, limit: None, if_measured: false });
        self
    }

    const fn in_panel_of(mut self, key: &'static str, name: &'static str) -> Self {
        self.panel = Some(Panel::In { key, name });
        self
    }

    const fn compared(mut self, rank: usize, title: &'static str, digits: usize, task: Task) -> Self {
        let is_by_token = !matches!(task, Task::MaskedText);
        self.experiment = Some(InExperiments { title, rank, digits, is_by_token, task });
        self
    }

    /// Of a share or a ratio, which no vocabulary changes.
    const fn not_by_token(mut self) -> Self {
        if let Some(experiment) = &mut self.experiment {
            experiment.is_by_token = false;
        }
        self
    }
}

use Better::{Higher, Lower, Neither};
use Format::{Decimals, Percent, Scientific, Whole};
use When::{Always, Evaluation, LastStep, Training};

/// All of them, in the order of logs, lines and tables.
pub const METRICS: [Metric; 20] = [
    Metric::new("loss", "Total loss", Decimals(3), Lower, Always)
        .unit("nats")
        .trained("loss {}", Decimals(2))
        .limited("generator + weight × discriminator", PLATEAU, "plateau")
        .compared(6, "total loss", 3, Task::Sum),
    Metric::new("mlm_loss", "Generator loss", Decimals(3), Lower, Always)
        .unit("nats")
        .part_of_loss("mlm {}", Decimals(2))
        .evaluated("mlm {}", Decimals(3))
        .panel("masked tokens, cross entropy", false)
        .compared(4, "MLM loss", 3, Task::Masked),
    Metric::new("mlm_accuracy", "Generator accuracy", Decimals(3), Higher, LastStep)
        .detail("mlm_loss", "accuracy {}", Decimals(3))
        .shared_panel("Generator accuracy", "at masked positions", "best guess"),
    Metric::new("mlm_loss_per_byte", "Generator loss a byte", Decimals(4), Lower, Evaluation)
        .unit("nats a byte")
        .compared(5, "MLM loss a byte", 4, Task::MaskedText),
    Metric::new("sampled_accuracy", "Accuracy of its samples", Decimals(3), Higher, LastStep)
        .detail("mlm_loss", "sampled {}", Decimals(3))
        .in_panel_of("mlm_accuracy", "sample"),
    Metric::new("rtd_loss", "Discriminator loss", Decimals(4), Lower, Always)
        .unit("nats")
        .part_of_loss("rtd {}", Decimals(3))
        .evaluated("rtd {}", Decimals(4))
        .panel("binary cross entropy", false)
        .compared(1, "RTD loss", 4, Task::Replaced),
    Metric::new("rtd_auc", "Discriminator AUC", Decimals(3), Higher, Evaluation)
        .detail("rtd_loss", "AUC {}", Decimals(3))
        .limited("0.5 is chance", LOW_AUC, "healthy above")
        .compared(0, "AUC", 3, Task::Replaced)
        .not_by_token(),
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
        .compared(3, "prediction loss", 3, Task::Replaced),
    Metric::new("prediction_accuracy", "Prediction accuracy", Decimals(3), Higher, LastStep)
        .detail("prediction_loss", "accuracy {}", Decimals(3))
        .panel_if_measured("original tokens from corrupted text", true),
    Metric::new("fake_rate", "Fake rate q", Decimals(4), Neither, LastStep)
        .evaluated("fake rate {}", Decimals(3))
        .panel("replaced tokens among all", false),
    Metric::new("rtd_loss_over_entropy", "Discriminator loss / H(q)", Decimals(3), Lower, Evaluation)
        .evaluated("rtd/H(q) {}", Decimals(3))
        .limited("1 is a constant answer", COLLAPSE_RATIO, "collapsed")
        .compared(2, "rtd/H(q)", 3, Task::Replaced)
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
