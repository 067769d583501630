//! Held-out numbers over steps or operations, a line for each arm.

use std::fmt::Write;

use super::HUES;
use super::axes::Axes;
use crate::comparison::{ArmSummary, Comparison};
use crate::metric::Metric;

/// The drawing, with steps times `scale` from left to right; none if no arm has the metric.
pub(super) fn draw(
    comparison: &Comparison,
    metric: Metric,
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
        let hue = i % HUES;
        let places: Vec<String> = line
            .iter()
            .map(|(x, y)| {
                let (x, y) = axes.at(*x, *y);
                format!("{x:.1},{y:.1}")
            })
            .collect();
        let _ = write!(svg, "<polyline class=\"line h{hue}\" points=\"{}\"/>", places.join(" "));
        if let Some((x, y)) = line.last() {
            let (x, y) = axes.at(*x, *y);
            let _ = write!(svg, "<circle class=\"dot h{hue}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\"/>");
        }
    }
    Some(axes.draw(metric.title(), &svg))
}
