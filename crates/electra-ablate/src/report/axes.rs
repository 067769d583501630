//! The frame of a drawing: a linear map from values to places, grid lines and labels.

use std::fmt::Write;
use std::ops::Range;

use electra_files::shown::in_page;

/// Width of a drawing.
pub(super) const WIDTH: f64 = 560.0;
/// Height of a drawing with two axes.
pub(super) const HEIGHT: f64 = 270.0;
const LEFT: f64 = 58.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 30.0;

/// Two axes.
pub(super) struct Axes {
    x: Range<f64>,
    y: Range<f64>,
}

impl Axes {
    /// Around all points; none if there is none.
    pub(super) fn around(points: &[(f64, f64)], x_from_zero: bool) -> Option<Self> {
        let range = |values: &mut dyn Iterator<Item = f64>| -> Option<Range<f64>> {
            let (low, high) = values
                .filter(|value| value.is_finite())
                .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
            (low <= high).then_some(low..high)
        };
        let x = range(&mut points.iter().map(|point| point.0))?;
        let y = range(&mut points.iter().map(|point| point.1))?;
        let x = if x_from_zero { 0.0..x.end.max(f64::MIN_POSITIVE) } else { with_air(x) };
        Some(Self { x, y: with_air(y) })
    }

    /// Place of a value.
    pub(super) fn at(&self, x: f64, y: f64) -> (f64, f64) {
        let part = |value: f64, range: &Range<f64>| (value - range.start) / (range.end - range.start);
        (
            LEFT + part(x, &self.x) * (WIDTH - LEFT - RIGHT),
            HEIGHT - BOTTOM - part(y, &self.y) * (HEIGHT - TOP - BOTTOM),
        )
    }

    /// A drawing with grid and labels around `inside`.
    pub(super) fn draw(&self, title: &str, inside: &str) -> String {
        let mut svg = open(title, HEIGHT);
        for tick in ticks(&self.y) {
            let (_, y) = self.at(self.x.start, tick);
            let end = WIDTH - RIGHT;
            let _ =
                write!(svg, "<line class=\"grid\" x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{end}\" y2=\"{y:.1}\"/>");
            let label = number(tick, &self.y);
            let _ = write!(
                svg,
                "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>",
                LEFT - 8.0,
                y + 4.0
            );
        }
        for tick in ticks(&self.x) {
            let (x, _) = self.at(tick, self.y.start);
            let y = HEIGHT - BOTTOM;
            let _ = write!(
                svg,
                "<line class=\"grid\" x1=\"{x:.1}\" y1=\"{y}\" x2=\"{x:.1}\" y2=\"{}\"/>",
                y + 4.0
            );
            let label = large(tick, &self.x);
            let _ = write!(
                svg,
                "<text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{label}</text>",
                HEIGHT - 10.0
            );
        }
        svg + inside + "</svg>"
    }
}

/// The head of a drawing.
pub(super) fn open(title: &str, height: f64) -> String {
    format!(
        "<svg class=\"plot\" role=\"img\" aria-label=\"{}\" viewBox=\"0 0 {WIDTH} {height}\">",
        in_page(title)
    )
}

/// A range with room at both ends, also where it is a point.
pub(super) fn with_air(range: Range<f64>) -> Range<f64> {
    let (width, size) = (range.end - range.start, range.start.abs().max(range.end.abs()));
    let air = if width > 0.0 { 0.07 * width } else { 0.1 * size };
    // Ticks that are closer than neighbouring numbers would be without end.
    let air = air.max(1e-6 * size).max(1e-10);
    range.start - air..range.end + air
}

/// Round numbers within a range, three to eight of them; none where it is too long to be divided.
pub(super) fn ticks(range: &Range<f64>) -> Vec<f64> {
    let step = tick(range);
    if !step.is_normal() {
        return Vec::new();
    }
    let first = (range.start / step).ceil() as i64;
    let last = (range.end / step + 1e-9).floor() as i64;
    (first..=last).map(|i| i as f64 * step).collect()
}

fn tick(range: &Range<f64>) -> f64 {
    let rough = (range.end - range.start) / 7.0;
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().find(|step| step * power >= rough * 0.999);
    step.unwrap_or(10.0) * power
}

/// A number with as many decimals as tell its neighbours apart.
pub(super) fn number(value: f64, range: &Range<f64>) -> String {
    let decimals = (-tick(range).log10()).ceil().clamp(0.0, 12.0) as usize;
    let text = format!("{value:.decimals$}");
    if text.trim_start_matches(['-', '0', '.']).is_empty() {
        text.trim_start_matches('-').to_owned()
    } else {
        text
    }
}

/// A number of steps, parameters or operations: thousands and millions, or a power of ten. With as many
/// digits as tell its neighbours apart.
fn large(value: f64, range: &Range<f64>) -> String {
    let digits = |unit: f64| (-(tick(range) / unit).log10()).ceil().clamp(0.0, 12.0) as usize;
    let short = |unit: f64| {
        let digits = digits(unit).max(2);
        let text = format!("{:.digits$}", value / unit);
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    match range.end {
        _ if value == 0.0 => "0".to_owned(),
        1e9.. => {
            let digits = digits(10f64.powf(value.abs().log10().floor())).max(1);
            format!("{value:.digits$e}").replace(".0e", "e")
        }
        1e6.. => format!("{}M", short(1e6)),
        1e3.. => format!("{}k", short(1e3)),
        _ => short(1.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_inside() {
        assert_eq!(ticks(&(0.0..10.0)), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        assert_eq!(ticks(&(-0.5..0.5)).len(), 5);
        for (low, high) in [(0.123, 0.125), (-7.0, 1e6), (0.7, 0.9)] {
            let ticks = ticks(&(low..high));
            assert!((3..=8).contains(&ticks.len()), "{ticks:?}");
            assert!(ticks.iter().all(|tick| *tick >= low && *tick <= high), "{ticks:?}");
        }
    }

    #[test]
    fn ranges_that_cannot_be_divided_have_few_ticks_or_none() {
        for (low, high) in [(0.0, 5e-324), (1e17, 1e17 + 16.0), (0.5, 0.5 + f64::EPSILON), (-1e308, 1e308)] {
            let ticks = ticks(&with_air(low..high));
            assert!(ticks.len() <= 9, "{low} to {high}: {ticks:?}");
        }
        assert!(ticks(&(1.0..1.0)).is_empty() && ticks(&(0.0..f64::INFINITY)).is_empty());
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!(number(0.75, &(0.7..0.9)), "0.75");
        assert_eq!(number(-0.0, &(-0.1..0.1)), "0.00");
        assert_eq!(large(1.5e6, &(0.0..2e6)), "1.5M");
        assert_eq!(large(2e12, &(0.0..8e12)), "2e12");
        assert_eq!(large(0.0, &(0.0..8e12)), "0");
    }

    #[test]
    fn different_places_have_different_numbers() {
        for range in [0.0..2e6, 13.5e6..13.502e6, 1.0e9..1.3e9, 7.00e12..7.01e12, 0.0..0.004, 1e-9..3e-9] {
            for label in [number, large] {
                let mut labels: Vec<String> =
                    ticks(&range).into_iter().map(|tick| label(tick, &range)).collect();
                let all = labels.len();
                labels.dedup();
                assert_eq!(labels.len(), all, "{range:?}: {labels:?}");
            }
        }
    }

    #[test]
    fn the_lowest_value_is_at_the_bottom_and_one_point_can_be_drawn() {
        let axes = Axes::around(&[(0.0, 1.0), (10.0, 2.0)], true).unwrap();
        assert!(axes.at(0.0, 1.0).1 > axes.at(0.0, 2.0).1 && axes.at(10.0, 1.0).0 > axes.at(0.0, 1.0).0);
        assert!(Axes::around(&[(5.0, 5.0)], false).unwrap().draw("one", "").contains("</svg>"));
        assert!(Axes::around(&[], true).is_none());
        assert!(Axes::around(&[(1.0, f64::NAN)], true).is_none());
    }
}
