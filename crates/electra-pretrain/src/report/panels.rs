//! The curves of the page.

use serde::Serialize;

use electra_run::curve::{Curve, CurveRole, Limit, Seam, Series};
use electra_run::metric::{PanelLine, PanelPlan, panels};
use electra_run::record::{Record, thousands};

use super::history::{History, phase_name};
use super::published;
use crate::metrics::PLATEAU;
use crate::metrics::table::METRICS;

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

/// All panels; the plateau is drawn if the loss `is_of_all_tokens`, see [`super::health::verdict`].
pub(super) fn all(history: &History, is_of_all_tokens: bool) -> Vec<Panel> {
    let drawn = panels(METRICS).map(|plan| (plan.if_measured, draw(&plan, history, is_of_all_tokens)));
    drawn.filter(|(if_measured, panel)| !if_measured || panel.svg.is_some()).map(|(_, panel)| panel).collect()
}

/// Whether any panel has a published curve in it.
pub(super) fn shows_published(history: &History) -> bool {
    panels(METRICS).any(|plan| !published_curve(&plan, history).is_empty())
}

fn draw(plan: &PanelPlan, history: &History, is_of_all_tokens: bool) -> Panel {
    let mut series = Vec::new();
    let mut legend = Vec::new();
    let mut last = String::new();
    for &PanelLine { role, key, name } in &plan.lines {
        let is_training = matches!(role, CurveRole::Training | CurveRole::Alone);
        let points = History::points(if is_training { &history.train } else { &history.eval }, key);
        if role != CurveRole::Second
            && let Some(&(_, value)) = points.iter().rfind(|point| point.1.is_finite())
        {
            last = readable(value);
        }
        let points = thin(points);
        if points.iter().any(|point| point.1.is_finite()) {
            legend.push((role.class(), name));
            series.push(Series { role, points });
        }
    }
    let published = published_curve(plan, history);
    if !series.is_empty() && !published.is_empty() {
        legend.push((CurveRole::Published.class(), "published"));
        series.insert(0, Series { role: CurveRole::Published, points: published });
    }
    let curve = Curve {
        title: format!("{} by step", plan.title),
        series,
        limits: plan
            .limit
            .filter(|&(value, _)| is_of_all_tokens || value != PLATEAU)
            .iter()
            .map(|&(value, label)| Limit { value, label: label.to_owned() })
            .collect(),
        seams: seams(history),
        last_step: history.last_step() as f64,
        scale: plan.scale,
    };
    Panel { title: plan.title, note: plan.note, legend, last, svg: curve.svg() }
}

/// Where phases after the first begin.
fn seams(history: &History) -> Vec<Seam> {
    let after_first = history.phases.iter().filter(|begun| begun.step > 0);
    let seam = |begun: &Record| Seam { step: begun.step as f64, label: phase_name(begun) };
    after_first.map(seam).collect()
}

/// The published curve of the panel's only held-out metric, at the steps of this run that have
/// read as many tokens, cut off where the run ends.
fn published_curve(plan: &PanelPlan, history: &History) -> Vec<(f64, f64)> {
    let key = plan.metric.key;
    if !plan.metric.is_evaluated() || plan.lines.iter().any(|line| line.role == CurveRole::Second) {
        return Vec::new();
    }
    let Some((per_step, end)) = history.tokens_per_step().zip(history.tokens()) else {
        return Vec::new();
    };
    let mut points = published::points(key);
    points.retain(|&(tokens, _)| tokens <= end);
    if let Some(value) = published::at(key, end) {
        points.push((end, value));
    }
    points.into_iter().map(|(tokens, value)| (tokens / per_step, value)).collect()
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
