//! The forest plot: each arm's difference from the base arm with its interval.

use electra_run::plot::{self, TickLabels, WIDTH, padded, svg_head, ticks};

use super::hue::hue;
use crate::comparison::Comparison;
use crate::table::with_noun;

const LEFT: f64 = 12.0;
const RIGHT: f64 = 12.0;
/// An arm has its name above its interval, so that both have the width of a phone.
const ROW: f64 = 38.0;
const TOP: f64 = 6.0;

/// The drawing; none without differences.
pub(super) fn draw(comparison: &Comparison) -> Option<String> {
    let rows: Vec<_> =
        comparison.arms.iter().enumerate().filter_map(|(i, arm)| Some((hue(i), arm, arm.paired?))).collect();
    if rows.is_empty() {
        return None;
    }
    let ends = |of: fn(f64, f64) -> f64| {
        rows.iter().fold(0.0, |end, (_, _, paired)| {
            let [low, high] = paired.interval.unwrap_or([paired.difference.mean; 2]);
            of(end, of(low, high))
        })
    };
    let margin = comparison.margin.filter(|margin| margin.is_finite());
    let [least, most] = margin.map_or([0.0; 2], |margin| [-margin, margin]);
    let range = padded(ends(f64::min).min(least)..ends(f64::max).max(most));
    let x = |value: f64| LEFT + (value - range.start) / (range.end - range.start) * (WIDTH - LEFT - RIGHT);
    let bottom = TOP + ROW * rows.len() as f64;
    let title = format!("{}: difference from {}", comparison.metric.title(), comparison.base_arm);
    let mut svg = svg_head(&title, bottom + 26.0);
    if margin.is_some() {
        let (from, to, height) = (x(least), x(most), bottom - TOP);
        svg += &format!(
            "<rect class=\"margin\" x=\"{from:.1}\" y=\"{TOP}\" width=\"{:.1}\" height=\"{height}\"/>",
            to - from
        );
    }
    for (tick, label) in ticks(&range).into_iter().zip(TickLabels::of(&range).labels()) {
        svg += &plot::segment("grid", (x(tick), TOP), (x(tick), bottom));
        svg += &plot::text("", (x(tick), bottom + 18.0), "middle", &label);
    }
    svg += &plot::segment("zero", (x(0.0), TOP), (x(0.0), bottom));
    for (row, (hue, arm, paired)) in rows.iter().enumerate() {
        let top = TOP + ROW * row as f64;
        svg += &plot::text("name", (LEFT, top + 14.0), "start", &shortened(&arm.name));
        svg += &plot::text("", (WIDTH - RIGHT, top + 14.0), "end", &with_noun(paired.difference.n, "pair"));
        let y = top + 27.0;
        if let Some([low, high]) = paired.interval {
            svg += &plot::segment(&format!("bar {hue}"), (x(low), y), (x(high), y));
        }
        // Without an interval the point is hollow: it stands for one pair.
        let hollow = if paired.interval.is_none() { " hollow" } else { "" };
        svg += &plot::dot(&format!("{hue}{hollow}"), (x(paired.difference.mean), y), 4.5);
    }
    Some(svg + "</svg>")
}

/// As much of a name as fits.
fn shortened(name: &str) -> String {
    const MAX_CHARS: usize = 44;
    if name.chars().count() <= MAX_CHARS {
        return name.to_owned();
    }
    name.chars().take(MAX_CHARS - 1).chain(['…']).collect()
}
