//! What is known of a scalar: how it is called, written, shown and compared.

use electra_model::{Architecture, GeneratorKind, HeadKind, Objective};

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
    /// Which output it is of.
    pub output: Output,
    /// What its value depends on beside the model.
    pub task: Task,
    /// The greatest difference that two runs can have, where there is one.
    pub greatest_difference: Option<f64>,
    /// What it is called where it is held against fine-tuning; none where it is not.
    pub beside_finetuning: Option<&'static str>,
}

/// Which output of a run a metric is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// What is said at masked positions.
    Masked,
    /// Which tokens are taken for replaced ones.
    Detection,
    /// The original tokens that are read from corrupted text.
    Prediction,
    /// All that is trained together.
    Together,
}

impl Output {
    /// Whether a run of this objective has it, with these networks.
    #[must_use]
    pub fn is_of(self, objective: &Objective, networks: Architecture) -> bool {
        let is_mlm = matches!(objective, Objective::Mlm {});
        match self {
            Self::Masked => is_mlm || networks.generator != GeneratorKind::None,
            Self::Detection => networks.head == HeadKind::ReplacedToken,
            Self::Prediction => !is_mlm && networks.head != HeadKind::ReplacedToken,
            // A single loss is not added up.
            Self::Together => !is_mlm,
        }
    }
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
    /// Whether its higher values are the better ones.
    #[must_use]
    pub fn is_higher_better(&self) -> bool {
        self.better == Better::Higher
    }

    /// Whether evaluations measure it.
    #[must_use]
    pub fn is_evaluated(&self) -> bool {
        self.when != When::Training
    }

    /// Whether lines of training have it.
    #[must_use]
    pub fn is_trained(&self) -> bool {
        self.when != When::Evaluation
    }

    pub(super) const fn new(
        key: &'static str,
        title: &'static str,
        format: Format,
        better: Better,
        when: When,
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
            experiment: None,
        }
    }

    pub(super) const fn unit(mut self, unit: &'static str) -> Self {
        self.unit = unit;
        self
    }

    pub(super) const fn group(mut self, group: &'static str) -> Self {
        self.group = group;
        self
    }

    pub(super) const fn trained(mut self, words: &'static str, format: Format) -> Self {
        self.in_training = Some(Phrase { words, format, detail_of: None });
        self
    }

    pub(super) const fn part_of_loss(mut self, words: &'static str, format: Format) -> Self {
        self.in_training = Some(Phrase { words, format, detail_of: Some("loss") });
        self
    }

    pub(super) const fn evaluated(mut self, words: &'static str, format: Format) -> Self {
        self.in_evaluation = Some(Phrase { words, format, detail_of: None });
        self
    }

    pub(super) const fn detail(mut self, of: &'static str, words: &'static str, format: Format) -> Self {
        self.in_evaluation = Some(Phrase { words, format, detail_of: Some(of) });
        self
    }

    pub(super) const fn panel(mut self, note: &'static str, from_zero: bool) -> Self {
        let (title, name, limit) = (None, "held-out", None);
        self.panel = Some(Panel::Own { title, note, name, from_zero, limit, if_measured: false });
        self
    }

    pub(super) const fn panel_if_measured(mut self, note: &'static str, from_zero: bool) -> Self {
        let (title, name, limit) = (None, "held-out", None);
        self.panel = Some(Panel::Own { title, note, name, from_zero, limit, if_measured: true });
        self
    }

    pub(super) const fn limited(mut self, note: &'static str, value: f64, word: &'static str) -> Self {
        let (title, name, limit) = (None, "held-out", Some((value, word)));
        self.panel = Some(Panel::Own { title, note, name, from_zero: false, limit, if_measured: false });
        self
    }

    pub(super) const fn shared_panel(
        mut self,
        title: &'static str,
        note: &'static str,
        name: &'static str,
    ) -> Self {
        let title = Some(title);
        self.panel = Some(Panel::Own { title, note, name, from_zero: true, limit: None, if_measured: false });
        self
    }

    pub(super) const fn in_panel_of(mut self, key: &'static str, name: &'static str) -> Self {
        self.panel = Some(Panel::In { key, name });
        self
    }

    pub(super) const fn compared(
        mut self,
        rank: usize,
        title: &'static str,
        digits: usize,
        output: Output,
        task: Task,
    ) -> Self {
        let is_by_token = !matches!(task, Task::MaskedText);
        self.experiment = Some(InExperiments {
            title,
            rank,
            digits,
            is_by_token,
            output,
            task,
            greatest_difference: None,
            beside_finetuning: None,
        });
        self
    }

    /// Of a share or a ratio, which no vocabulary changes.
    pub(super) const fn not_by_token(mut self) -> Self {
        if let Some(experiment) = &mut self.experiment {
            experiment.is_by_token = false;
        }
        self
    }

    /// Of what is never below 0 or above 1.
    pub(super) const fn at_most_1(mut self) -> Self {
        if let Some(experiment) = &mut self.experiment {
            experiment.greatest_difference = Some(1.0);
        }
        self
    }

    /// Of a measure that may stand for the success of fine-tuning: experiments hold the two against each other.
    pub(super) const fn beside_finetuning(mut self, name: &'static str) -> Self {
        if let Some(experiment) = &mut self.experiment {
            experiment.beside_finetuning = Some(name);
        }
        self
    }
}
