//! A number of each arm against a size of it, with error bars over seeds.

use std::fmt::Write;

use super::HUES;
use super::axes::Axes;
use crate::comparison::{ArmSummary, Comparison};
use crate::metric::Metric;

/// The drawing; none if no arm has the metric.
pub(super) fn draw(
    comparison: &Comparison,
    metric: Metric,
    size: impl Fn(&ArmSummary) -> f64,
) -> Option<String> {
    let points: Vec<(usize, f64, f64, f64)> = comparison
        .arms
        .iter()
        .enumerate()
        .filter_map(|(i, arm)| {
            let sample = arm.metrics.get(&metric)?;
            Some((i % HUES, size(arm), sample.mean, sample.margin().unwrap_or(0.0)))
        })
        .collect();
    let ends = points.iter().flat_map(|(_, x, y, margin)| [(*x, y - margin), (*x, y + margin)]);
    let axes = Axes::around(&ends.collect::<Vec<_>>(), false)?;
    let mut svg = String::new();
    for (hue, x, y, margin) in points {
        let ((x, low), (_, high)) = (axes.at(x, y - margin), axes.at(x, y + margin));
        let (_, y) = axes.at(0.0, y);
        if margin > 0.0 {
            let _ = write!(
                svg,
                "<line class=\"bar h{hue}\" x1=\"{x:.1}\" y1=\"{low:.1}\" x2=\"{x:.1}\" y2=\"{high:.1}\"/>"
            );
        }
        let hollow = if margin > 0.0 { "" } else { " hollow" };
        let _ = write!(svg, "<circle class=\"dot h{hue}{hollow}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"5\"/>");
    }
    Some(axes.draw(metric.title(), &svg))
}
