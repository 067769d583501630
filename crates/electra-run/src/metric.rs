//! Scalars of a run as data: what each is called, how it is written and where it is shown.
//!
//! A task has one table of them ([`MetricTable`]). Its log, TensorBoard, lines of progress, dashboard and report
//! read it, so that a new scalar is a row and a line of code that measures it.

mod panels;
mod scalars;

pub use panels::{PanelLine, PanelPlan, check_table, panels};
pub use scalars::{MetricTable, Scalars, phrases};

/// A scalar of a run.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// The key of the metric in `metrics.jsonl`.
    pub key: &'static str,
    /// The name of the metric in the report and on the dashboard.
    pub title: &'static str,
    /// The unit of the values; empty for a share and for other values without a unit.
    pub unit: &'static str,
    /// The number format of the values.
    pub format: Format,
    /// Which values are the better ones.
    pub better: Better,
    /// The phase in which the metric is measured: training, evaluation or both.
    pub when: MeasuredIn,
    /// The group of TensorBoard that it is in.
    pub group: &'static str,
    /// The phrase for this metric in the progress line of a training interval, if it is shown there.
    pub in_training: Option<Phrase>,
    /// The phrase for this metric in the progress line of an evaluation, if it is shown there.
    pub in_evaluation: Option<Phrase>,
    /// The panel of the report in which the metric is drawn, if any.
    pub panel: Option<Panel>,
}

/// Which values of a metric are the better ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// The lower ones.
    Lower,
    /// The higher ones.
    Higher,
    /// Neither direction is better: the metric is no measure of quality.
    Neither,
}

/// When a metric is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MeasuredIn {
    /// Over the steps of each training interval.
    Training,
    /// In evaluations on held-out data.
    Evaluation,
    /// In training intervals and in evaluations.
    Always,
    /// In evaluations, and in the last step of each training interval, with its dropout.
    LastStep,
}

/// The number format of a metric's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// With so many decimals.
    Decimals(usize),
    /// In scientific notation with so many decimals.
    Scientific(usize),
    /// Rounded, with commas between thousands.
    Whole,
    /// A share in percent with so many decimals.
    Percent(usize),
}

/// The phrase for a metric in a line of progress.
#[derive(Clone, Copy, Debug)]
pub struct Phrase {
    /// The words, with `{}` in the place of the value.
    pub words: &'static str,
    /// The number format of the value in this phrase.
    pub format: Format,
    /// The key of the metric behind which it stands in brackets.
    pub detail_of: Option<&'static str>,
}

/// The panel of the report in which a metric is drawn.
#[derive(Clone, Copy, Debug)]
pub enum Panel {
    /// In a panel of its own.
    Own {
        /// The heading; none where it is the metric's title.
        title: Option<&'static str>,
        /// The explanation below the heading.
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

impl Format {
    /// A value as it is written.
    #[must_use]
    pub fn write(self, value: f64) -> String {
        match self {
            Self::Decimals(digits) => format!("{value:.digits$}"),
            Self::Scientific(digits) => format!("{value:.digits$e}"),
            Self::Whole => crate::record::thousands(value.round() as u64),
            Self::Percent(digits) => format!("{:.digits$}", 100.0 * value),
        }
    }
}

impl Metric {
    /// Whether its higher values are the better ones.
    #[must_use]
    pub fn is_higher_better(&self) -> bool {
        self.better == Better::Higher
    }

    /// Whether evaluations measure it.
    #[must_use]
    pub fn is_evaluated(&self) -> bool {
        self.when != MeasuredIn::Training
    }

    /// The tag of the metric in TensorBoard: group and key, where the key does not repeat the group.
    #[must_use]
    pub fn tag(&self) -> String {
        let within = self.key.strip_prefix(self.group).and_then(|rest| rest.strip_prefix('_'));
        format!("{}/{}", self.group, within.unwrap_or(self.key))
    }

    /// Whether lines of training have it.
    #[must_use]
    pub fn is_trained(&self) -> bool {
        self.when != MeasuredIn::Evaluation
    }

    /// A metric that is shown nowhere yet.
    #[must_use]
    pub const fn new(
        key: &'static str,
        title: &'static str,
        format: Format,
        better: Better,
        when: MeasuredIn,
    ) -> Self {
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
        }
    }

    /// Sets the unit that stands behind values, such as `s`.
    #[must_use]
    pub const fn unit(mut self, unit: &'static str) -> Self {
        self.unit = unit;
        self
    }

    /// Sets the group in TensorBoard, which is `train` otherwise.
    #[must_use]
    pub const fn group(mut self, group: &'static str) -> Self {
        self.group = group;
        self
    }

    /// Sets the phrase for lines of training, in which `{}` stands for the value.
    #[must_use]
    pub const fn trained(mut self, words: &'static str, format: Format) -> Self {
        self.in_training = Some(Phrase { words, format, detail_of: None });
        self
    }

    /// Sets the phrase for lines of training, shown in brackets behind the loss.
    #[must_use]
    pub const fn part_of_loss(mut self, words: &'static str, format: Format) -> Self {
        self.in_training = Some(Phrase { words, format, detail_of: Some("loss") });
        self
    }

    /// Sets the phrase for lines of evaluations.
    #[must_use]
    pub const fn evaluated(mut self, words: &'static str, format: Format) -> Self {
        self.in_evaluation = Some(Phrase { words, format, detail_of: None });
        self
    }

    /// Sets the phrase for lines of evaluations, shown in brackets behind the metric `of`.
    #[must_use]
    pub const fn detail(mut self, of: &'static str, words: &'static str, format: Format) -> Self {
        self.in_evaluation = Some(Phrase { words, format, detail_of: Some(of) });
        self
    }

    /// Gives the metric a panel of its own in the report.
    #[must_use]
    pub const fn panel(mut self, note: &'static str, from_zero: bool) -> Self {
        let (title, name, limit) = (None, "held-out", None);
        self.panel = Some(Panel::Own { title, note, name, from_zero, limit, if_measured: false });
        self
    }

    /// Gives the metric a panel of its own in the reports of runs that have measured it.
    #[must_use]
    pub const fn panel_if_measured(mut self, note: &'static str, from_zero: bool) -> Self {
        let (title, name, limit) = (None, "held-out", None);
        self.panel = Some(Panel::Own { title, note, name, from_zero, limit, if_measured: true });
        self
    }

    /// Gives the metric a panel of its own with a horizontal line at `value`.
    #[must_use]
    pub const fn limited(mut self, note: &'static str, value: f64, word: &'static str) -> Self {
        let (title, name, limit) = (None, "held-out", Some((value, word)));
        self.panel = Some(Panel::Own { title, note, name, from_zero: false, limit, if_measured: false });
        self
    }

    /// Gives the metric a panel in which other metrics may be drawn too.
    #[must_use]
    pub const fn shared_panel(mut self, title: &'static str, note: &'static str, name: &'static str) -> Self {
        let title = Some(title);
        self.panel = Some(Panel::Own { title, note, name, from_zero: true, limit: None, if_measured: false });
        self
    }

    /// Draws the metric as a curve in the panel of another metric.
    #[must_use]
    pub const fn in_panel_of(mut self, key: &'static str, name: &'static str) -> Self {
        self.panel = Some(Panel::In { key, name });
        self
    }
}
