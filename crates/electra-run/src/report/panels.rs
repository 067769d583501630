//! The curves of the page.

use serde::Serialize;

use crate::curve::{Curve, Limit, Role, Scale, Series};
use crate::record::thousands;

use super::health::{HIGH_RATIO, LOW_AUC, PLATEAU};
use super::history::History;
use super::published;

/// One curve with what stands around it.
#[derive(Debug, Serialize)]
pub(super) struct Panel {
    title: &'static str,
    note: &'static str,
    /// The lines that it has: class and name.
    legend: Vec<(&'static str, &'static str)>,
    /// The last value of the first line in front.
    last: String,
    /// None if there is nothing to draw yet.
    svg: Option<String>,
}

/// What to draw in a panel.
struct Sketch {
    title: &'static str,
    note: &'static str,
    /// Fields of the log with their names and roles; those of [`Role::Training`] and
    /// [`Role::Alone`] stand in "train" lines, the others in "eval" lines.
    fields: &'static [(Role, &'static str, &'static str)],
    limit: Option<(f64, &'static str)>,
    scale: Scale,
}

const BOTH: [&str; 2] = ["training", "held-out"];

const SKETCHES: [Sketch; 12] = [
    Sketch {
        title: "Total loss",
        note: "generator + weight × discriminator",
        fields: &[(Role::Training, "loss", BOTH[0]), (Role::HeldOut, "loss", BOTH[1])],
        limit: Some((PLATEAU, "plateau")),
        scale: Scale::Values,
    },
    Sketch {
        title: "Generator loss",
        note: "masked tokens, cross entropy",
        fields: &[(Role::Training, "mlm_loss", BOTH[0]), (Role::HeldOut, "mlm_loss", BOTH[1])],
        limit: None,
        scale: Scale::Values,
    },
    Sketch {
        title: "Discriminator loss",
        note: "binary cross entropy",
        fields: &[(Role::Training, "rtd_loss", BOTH[0]), (Role::HeldOut, "rtd_loss", BOTH[1])],
        limit: None,
        scale: Scale::Values,
    },
    Sketch {
        title: "Discriminator loss / H(q)",
        note: "1 is a constant answer",
        fields: &[(Role::HeldOut, "rtd_loss_over_entropy", BOTH[1])],
        limit: Some((HIGH_RATIO, "collapsed")),
        scale: Scale::Values,
    },
    Sketch {
        title: "Discriminator AUC",
        note: "0.5 is chance",
        fields: &[(Role::HeldOut, "rtd_auc", BOTH[1])],
        limit: Some((LOW_AUC, "healthy above")),
        scale: Scale::Values,
    },
    Sketch {
        title: "Precision and recall",
        note: "of replaced tokens",
        fields: &[(Role::HeldOut, "rtd_precision", "precision"), (Role::Second, "rtd_recall", "recall")],
        limit: None,
        scale: Scale::FromZero,
    },
    Sketch {
        title: "Generator accuracy",
        note: "at masked positions",
        fields: &[
            (Role::Training, "mlm_accuracy", "best guess in training"),
            (Role::HeldOut, "mlm_accuracy", "best guess"),
            (Role::Second, "sampled_accuracy", "sample"),
        ],
        limit: None,
        scale: Scale::FromZero,
    },
    Sketch {
        title: "Fake rate q",
        note: "replaced tokens among all",
        fields: &[(Role::Training, "fake_rate", BOTH[0]), (Role::HeldOut, "fake_rate", BOTH[1])],
        limit: None,
        scale: Scale::Values,
    },
    Sketch {
        title: "Learning rate",
        note: "",
        fields: &[(Role::Alone, "learning_rate", BOTH[0])],
        limit: None,
        scale: Scale::FromZero,
    },
    Sketch {
        title: "Gradient norm",
        note: "before clipping",
        fields: &[(Role::Alone, "grad_norm", BOTH[0])],
        limit: None,
        scale: Scale::FromZero,
    },
    Sketch {
        title: "Tokens per second",
        note: "",
        fields: &[(Role::Alone, "tokens_per_second", BOTH[0])],
        limit: None,
        scale: Scale::FromZero,
    },
    Sketch {
        title: "Resident memory",
        note: "MB",
        fields: &[(Role::Alone, "rss_mb", BOTH[0])],
        limit: None,
        scale: Scale::FromZero,
    },
];

/// All panels; the plateau is drawn if the loss `is_of_all_tokens`, see [`super::health::verdict`].
pub(super) fn all(history: &History, is_of_all_tokens: bool) -> Vec<Panel> {
    SKETCHES.iter().map(|sketch| sketch.draw(history, is_of_all_tokens)).collect()
}

/// Whether any panel has a published curve in it.
pub(super) fn shows_published(history: &History) -> bool {
    SKETCHES.iter().any(|sketch| !sketch.published(history).is_empty())
}

impl Sketch {
    fn draw(&self, history: &History, is_of_all_tokens: bool) -> Panel {
        let mut series = Vec::new();
        let mut legend = Vec::new();
        let mut last = String::new();
        for &(role, field, name) in self.fields {
            let is_training = matches!(role, Role::Training | Role::Alone);
            let points = History::points(if is_training { &history.train } else { &history.eval }, field);
            if role != Role::Second
                && let Some(&(_, value)) = points.iter().rfind(|point| point.1.is_finite())
            {
                last = readable(value);
            }
            let points = thin(points);
            if points.iter().any(|point| point.1.is_finite()) {
                legend.push((class(role), name));
                series.push(Series { role, points });
            }
        }
        let published = self.published(history);
        if !series.is_empty() && !published.is_empty() {
            legend.push((class(Role::Published), "published"));
            series.insert(0, Series { role: Role::Published, points: published });
        }
        let curve = Curve {
            title: format!("{} by step", self.title),
            series,
            limits: self
                .limit
                .filter(|&(value, _)| is_of_all_tokens || value != PLATEAU)
                .iter()
                .map(|&(value, label)| Limit { value, label: label.to_owned() })
                .collect(),
            last_step: history.last_step() as f64,
            scale: self.scale,
        };
        Panel { title: self.title, note: self.note, legend, last, svg: curve.svg() }
    }

    /// The published curve of the panel's only held-out field, at the steps of this run that have
    /// read as many tokens, cut off where the run ends.
    fn published(&self, history: &History) -> Vec<(f64, f64)> {
        let mut held_out =
            self.fields.iter().filter(|(role, ..)| matches!(role, Role::HeldOut | Role::Second));
        let (Some(&(_, field, _)), None) = (held_out.next(), held_out.next()) else { return Vec::new() };
        let Some((per_step, end)) = history.tokens_per_step().zip(history.tokens()) else {
            return Vec::new();
        };
        let mut points = published::points(field);
        points.retain(|&(tokens, _)| tokens <= end);
        if let Some(value) = published::at(field, end) {
            points.push((end, value));
        }
        points.into_iter().map(|(tokens, value)| (tokens / per_step, value)).collect()
    }
}

/// The page's name for a line of that role.
fn class(role: Role) -> &'static str {
    match role {
        Role::Training | Role::Alone => "training",
        Role::HeldOut => "held-out",
        Role::Second => "second",
        Role::Published => "published",
    }
}

/// Three or four digits that tell what a value is.
fn readable(value: f64) -> String {
    match value.abs() {
        1_000.0.. => thousands(value.abs().round() as u64),
        10.0.. => format!("{value:.1}"),
        1.0.. => format!("{value:.2}"),
        0.01.. => format!("{value:.3}"),
        0.0 => "0".to_owned(),
        _ => format!("{value:.1e}"),
    }
}

/// Means of neighbouring points where there are more than can be seen. A value that is not finite
/// stays visible as a gap.
fn thin(points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    const SEEN: usize = 500;
    let group = points.len().div_ceil(SEEN).max(1);
    let mean = |points: &[(f64, f64)]| {
        let n = points.len() as f64;
        (
            points.iter().map(|point| point.0).sum::<f64>() / n,
            points.iter().map(|point| point.1).sum::<f64>() / n,
        )
    };
    points.chunks(group).map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_shown_with_the_digits_that_matter() {
        let cases = [
            (12_345.6, "12,346"),
            (15.744, "15.7"),
            (3.494, "3.49"),
            (0.2449, "0.245"),
            (4.8e-4, "4.8e-4"),
            (0.0, "0"),
        ];
        for (value, text) in cases {
            assert_eq!(readable(value), text);
        }
    }

    #[test]
    fn long_curves_are_thinned_to_means() {
        let points: Vec<(f64, f64)> = (0..1_000).map(|i| (f64::from(i), f64::from(i % 2))).collect();
        let thinned = thin(points);
        assert_eq!(thinned.len(), 500);
        assert_eq!(thinned[1], (2.5, 0.5));
        assert_eq!(thin(vec![(1.0, 2.0)]), [(1.0, 2.0)]);
    }
}
