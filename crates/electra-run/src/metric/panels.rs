//! Panels of a report, as the rows of a table ask for them.

use super::{Metric, Panel};
use crate::curve::{CurveRole, Scale};

/// Plan of a panel: which curves are drawn in it, and how.
#[derive(Clone, Debug)]
pub struct PanelPlan {
    /// The metric that it is of.
    pub metric: &'static Metric,
    /// The heading of the panel.
    pub title: &'static str,
    /// The explanation below the heading.
    pub note: &'static str,
    /// The curves of the panel.
    pub lines: Vec<PanelLine>,
    /// A level that divides good from bad, with a word or two.
    pub limit: Option<(f64, &'static str)>,
    /// The vertical axis.
    pub scale: Scale,
    /// Whether there is no panel in runs that have not measured it.
    pub if_measured: bool,
}

/// Curve of a panel: those of [`CurveRole::Training`] and [`CurveRole::Alone`] are of training, the others of evaluations.
#[derive(Clone, Copy, Debug)]
pub struct PanelLine {
    /// The role of the curve.
    pub role: CurveRole,
    /// The key of its metric.
    pub key: &'static str,
    /// The name of the curve in the legend.
    pub name: &'static str,
}

/// The panels of a table, in its order.
pub fn panels(table: &'static [Metric]) -> impl Iterator<Item = PanelPlan> {
    table.iter().filter_map(move |metric| PanelPlan::of(table, metric))
}

impl PanelPlan {
    /// The panel of a metric, with the curves that are drawn beside its own; none if it has none.
    fn of(table: &'static [Metric], metric: &'static Metric) -> Option<Self> {
        let Panel::Own { title, note, name, from_zero, limit, if_measured } = metric.panel? else {
            return None;
        };
        let mut lines = Vec::new();
        if metric.is_trained() {
            let role = if metric.is_evaluated() { CurveRole::Training } else { CurveRole::Alone };
            lines.push(PanelLine { role, key: metric.key, name: "training" });
        }
        if metric.is_evaluated() {
            lines.push(PanelLine { role: CurveRole::HeldOut, key: metric.key, name });
        }
        lines.extend(table.iter().filter_map(|other| match other.panel? {
            Panel::In { key, name } if key == metric.key => {
                Some(PanelLine { role: CurveRole::Second, key: other.key, name })
            }
            _ => None,
        }));
        Some(Self {
            metric,
            title: title.unwrap_or(metric.title),
            note: if note.is_empty() { metric.unit } else { note },
            lines,
            limit,
            scale: if from_zero { Scale::FromZero } else { Scale::Values },
            if_measured,
        })
    }
}

/// Refuses a table that contradicts itself, for the test of each table.
///
/// # Panics
/// On a key or title that stands twice, a phrase without a place for its value, or a row that refers to one which
/// is not there.
pub fn check_table(table: &'static [Metric]) {
    let position = |key: &str| {
        let position = table.iter().position(|metric| metric.key == key);
        position.unwrap_or_else(|| panic!("`{key}` has no row"))
    };
    for (at, metric) in table.iter().enumerate() {
        let key = metric.key;
        assert_eq!(position(key), at, "{key} stands twice");
        let titles = table.iter().filter(|other| other.title == metric.title).count();
        assert_eq!(titles, 1, "{} stands twice", metric.title);
        for phrase in [metric.in_training, metric.in_evaluation].into_iter().flatten() {
            assert_eq!(phrase.words.matches("{}").count(), 1, "{}", phrase.words);
            // What stands in brackets is written behind its head, which comes first.
            assert!(phrase.detail_of.is_none_or(|head| position(head) < at), "{key}");
        }
        if let Some(Panel::In { key: other, .. }) = metric.panel {
            assert!(matches!(table[position(other)].panel, Some(Panel::Own { .. })), "{key}");
        }
        assert!(metric.in_training.is_none() || metric.is_trained(), "{key}");
        assert!(metric.in_evaluation.is_none() || metric.is_evaluated(), "{key}");
    }
}
