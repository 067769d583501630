//! The forest plot: each arm's difference from the base arm with its interval.

use std::fmt::Write;

use electra_files::shown::in_page;

use super::HUES;
use super::axes::{WIDTH, number, open, ticks, with_air};
use crate::comparison::Comparison;

const LEFT: f64 = 178.0;
const RIGHT: f64 = 70.0;
const ROW: f64 = 27.0;
const TOP: f64 = 14.0;

/// The drawing; none without differences.
pub(super) fn draw(comparison: &Comparison) -> Option<String> {
    let rows: Vec<_> = comparison
        .arms
        .iter()
        .enumerate()
        .filter_map(|(i, arm)| Some((i % HUES, arm, arm.paired?)))
        .collect();
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
    let range = with_air(ends(f64::min).min(least)..ends(f64::max).max(most));
    let x = |value: f64| LEFT + (value - range.start) / (range.end - range.start) * (WIDTH - LEFT - RIGHT);
    let bottom = TOP + ROW * rows.len() as f64;
    let title = format!("{}: difference from {}", comparison.metric.title(), comparison.base_arm);
    let mut svg = open(&title, bottom + 26.0);
    if margin.is_some() {
        let (from, to, height) = (x(least), x(most), bottom - TOP);
        let _ = write!(
            svg,
            "<rect class=\"margin\" x=\"{from:.1}\" y=\"{TOP}\" width=\"{:.1}\" height=\"{height}\"/>",
            to - from
        );
    }
    for tick in ticks(&range) {
        let (at, label) = (x(tick), number(tick, &range));
        let _ =
            write!(svg, "<line class=\"grid\" x1=\"{at:.1}\" y1=\"{TOP}\" x2=\"{at:.1}\" y2=\"{bottom}\"/>");
        let _ =
            write!(svg, "<text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{label}</text>", bottom + 18.0);
    }
    let zero = x(0.0);
    let _ =
        write!(svg, "<line class=\"zero\" x1=\"{zero:.1}\" y1=\"{TOP}\" x2=\"{zero:.1}\" y2=\"{bottom}\"/>");
    for (row, (hue, arm, paired)) in rows.iter().enumerate() {
        let y = TOP + ROW * (row as f64 + 0.5);
        let name = shortened(&arm.name);
        let name = in_page(&name);
        let _ = write!(
            svg,
            "<text class=\"name\" x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{name}</text>",
            LEFT - 14.0,
            y + 4.0
        );
        if let Some([low, high]) = paired.interval {
            let (low, high) = (x(low), x(high));
            let _ = write!(
                svg,
                "<line class=\"bar h{hue}\" x1=\"{low:.1}\" y1=\"{y:.1}\" x2=\"{high:.1}\" y2=\"{y:.1}\"/>"
            );
        }
        let _ = write!(
            svg,
            "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            WIDTH - 8.0,
            y + 4.0,
            pairs(paired.difference.n)
        );
        let at = x(paired.difference.mean);
        // Without an interval the point is hollow: it stands for one pair.
        let hollow = if paired.interval.is_none() { " hollow" } else { "" };
        let _ = write!(svg, "<circle class=\"dot h{hue}{hollow}\" cx=\"{at:.1}\" cy=\"{y:.1}\" r=\"5\"/>");
    }
    Some(svg + "</svg>")
}

fn pairs(n: usize) -> String {
    if n == 1 { "1 pair".to_owned() } else { format!("{n} pairs") }
}

/// As much of a name as fits.
fn shortened(name: &str) -> String {
    const MOST: usize = 25;
    if name.chars().count() <= MOST {
        return name.to_owned();
    }
    name.chars().take(MOST - 1).chain(['…']).collect()
}
