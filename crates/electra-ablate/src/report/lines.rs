//! Held-out numbers over steps or operations, a line for each arm.

use electra_run::plot::Axes;

use super::hue::hue;
use crate::comparison::{ArmSummary, Comparison};
use crate::metric::Metric;

/// The drawing, with steps times `scale` from left to right; none if no arm has the metric.
pub(super) fn draw(
    comparison: &Comparison,
    metric: Metric,
    title: &str,
    scale: impl Fn(&ArmSummary) -> f64,
) -> Option<String> {
    let points = |arm: &ArmSummary| -> Vec<(f64, f64)> {
        let Some(column) = metric.key().and_then(|key| arm.curve.columns.get(key)) else { return Vec::new() };
        let steps = arm.curve.step.iter().map(|step| *step as f64 * scale(arm));
        steps.zip(column).filter_map(|(x, y)| Some((x, (*y)?))).collect()
    };
    let lines: Vec<Vec<(f64, f64)>> = comparison.arms.iter().map(points).collect();
    let axes = Axes::around(&lines.concat(), true)?;
    let mut svg = String::new();
    for (i, line) in lines.iter().enumerate() {
        svg += &axes.line(&hue(i), line);
        svg.extend(line.last().map(|&last| axes.dot(&hue(i), last, 3.0)));
    }
    Some(axes.draw(title, &svg))
}
