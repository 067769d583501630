//! A number of each arm against a size of it, with error bars over seeds.

use electra_run::plot::{self, Axes};

use super::hue::hue;
use crate::comparison::{ArmSummary, Comparison};
use crate::metric::Metric;

/// The drawing; none if no arm has the metric.
pub(super) fn draw(
    comparison: &Comparison,
    metric: Metric,
    title: &str,
    size: impl Fn(&ArmSummary) -> f64,
) -> Option<String> {
    let points: Vec<(String, f64, f64, f64)> = comparison
        .arms
        .iter()
        .enumerate()
        .filter_map(|(i, arm)| {
            let sample = arm.metrics.get(&metric)?;
            Some((hue(i), size(arm), sample.mean, sample.margin().unwrap_or(0.0)))
        })
        .collect();
    let ends = points.iter().flat_map(|(_, x, y, margin)| [(*x, y - margin), (*x, y + margin)]);
    let axes = Axes::around(&ends.collect::<Vec<_>>(), false)?;
    let mut svg = String::new();
    for (hue, x, y, margin) in points {
        if margin > 0.0 {
            svg += &plot::segment(&format!("bar {hue}"), axes.at(x, y - margin), axes.at(x, y + margin));
        }
        let hollow = if margin > 0.0 { "" } else { " hollow" };
        svg += &axes.dot(&format!("{hue}{hollow}"), (x, y), 4.0);
    }
    Some(axes.draw(title, &svg))
}
