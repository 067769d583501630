//! Drawings with two axes as SVG: a linear map from values to places, grid lines, labels and marks.
//!
//! A drawing has classes and no colours: those are of the page around it ([`crate::report`]), so that one
//! drawing serves a light page, a dark one and paper. [`standalone`] gives it colours of its own, for where there
//! is no such page.

use std::fmt::Write;
use std::ops::Range;

use electra_files::shown::in_page;

use crate::record::thousands;

/// Width of a drawing, in the units of its text. On a phone of 380 pixels a unit is a little less than
/// one, so that labels of [`TEXT`] can be read there.
pub const WIDTH: f64 = 420.0;
/// Height of a drawing with two axes.
pub const HEIGHT: f64 = 210.0;
/// Size of the text.
pub const TEXT: f64 = 13.0;

const LEFT: f64 = 58.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 28.0;

/// The style sheet of the drawings in a page.
pub const STYLE: &str = include_str!("report/plot.css");
/// The colours of pages and drawings, light, dark and on paper.
pub const PALETTE: &str = include_str!("report/palette.css");

/// The two axes of a drawing, with their ranges in units of the data.
#[derive(Clone, Debug, PartialEq)]
pub struct Axes {
    x: Range<f64>,
    y: Range<f64>,
}

impl Axes {
    /// Axes over these ranges, which must have a length.
    #[must_use]
    pub fn new(x: Range<f64>, y: Range<f64>) -> Self {
        assert!(x.end > x.start && y.end > y.start, "axes without a length: {x:?}, {y:?}");
        Self { x, y }
    }

    /// Around all points; none if there is none.
    #[must_use]
    pub fn around(points: &[(f64, f64)], x_from_zero: bool) -> Option<Self> {
        let range = |values: &mut dyn Iterator<Item = f64>| -> Option<Range<f64>> {
            let (low, high) = values
                .filter(|value| value.is_finite())
                .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
            (low <= high).then_some(low..high)
        };
        let x = range(&mut points.iter().map(|point| point.0))?;
        let y = range(&mut points.iter().map(|point| point.1))?;
        let x = if x_from_zero { 0.0..x.end.max(f64::MIN_POSITIVE) } else { padded(x) };
        Some(Self { x, y: padded(y) })
    }

    /// Place of a value. What is outside stands at the edge, where it does not run over the labels.
    #[must_use]
    pub fn at(&self, x: f64, y: f64) -> (f64, f64) {
        let part = |value: f64, range: &Range<f64>| {
            let value = value.clamp(range.start, range.end);
            (value - range.start) / (range.end - range.start)
        };
        (
            LEFT + part(x, &self.x) * (WIDTH - LEFT - RIGHT),
            HEIGHT - BOTTOM - part(y, &self.y) * (HEIGHT - TOP - BOTTOM),
        )
    }

    /// A drawing with grid and labels around `inside`.
    #[must_use]
    pub fn draw(&self, title: &str, inside: &str) -> String {
        let mut svg = svg_head(title, HEIGHT);
        for (tick, label) in ticks(&self.y).into_iter().zip(TickLabels::of(&self.y).labels()) {
            let (_, y) = self.at(self.x.start, tick);
            svg += &segment("grid", (LEFT, y), (WIDTH - RIGHT, y));
            svg += &text("", (LEFT - 8.0, y + 4.0), "end", &label);
        }
        for tick in ticks(&self.x) {
            let (x, _) = self.at(tick, self.y.start);
            let y = HEIGHT - BOTTOM;
            svg += &segment("grid", (x, y), (x, y + 4.0));
            svg += &text("", (x, HEIGHT - 9.0), "middle", &large(tick, &self.x));
        }
        svg + inside + "</svg>"
    }

    /// A line through values, in pieces where a value is not finite.
    #[must_use]
    pub fn line(&self, class: &str, values: &[(f64, f64)]) -> String {
        let mut svg = String::new();
        for piece in values.split(|(_, y)| !y.is_finite()).filter(|piece| !piece.is_empty()) {
            let places: Vec<String> = piece
                .iter()
                .map(|&(x, y)| {
                    let (x, y) = self.at(x, y);
                    format!("{x:.1},{y:.1}")
                })
                .collect();
            let _ = write!(svg, "<polyline class=\"line {class}\" points=\"{}\"/>", places.join(" "));
        }
        svg
    }

    /// A dot at a value.
    #[must_use]
    pub fn dot(&self, class: &str, (x, y): (f64, f64), radius: f64) -> String {
        dot(class, self.at(x, y), radius)
    }

    /// A line across at a level, with a word or two; nothing where the level is outside.
    #[must_use]
    pub fn horizontal_line(&self, value: f64, label: &str) -> String {
        if !self.y.contains(&value) {
            return String::new();
        }
        let (from, y) = self.at(self.x.start, value);
        let to = WIDTH - RIGHT;
        let line = segment("limit", (from, y), (to, y));
        // Below the line where there is no room above.
        let y = if y - TEXT < TOP { y + TEXT } else { y - 4.0 };
        line + &text("limit", (to, y), "end", label)
    }

    /// A line upwards at a step, with a word or two beside its upper end; nothing where the step is outside.
    #[must_use]
    pub fn vertical_line(&self, step: f64, label: &str) -> String {
        if !self.x.contains(&step) {
            return String::new();
        }
        let (x, bottom) = self.at(step, self.y.start);
        // Drawn as the line of zero is, which every page and picture has a style for.
        let line = segment("zero seam", (x, bottom), (x, TOP));
        // On the side where there is room.
        let (x, anchor) = if x > WIDTH * 0.75 { (x - 4.0, "end") } else { (x + 4.0, "start") };
        line + &text("seam", (x, TOP + TEXT - 2.0), anchor, label)
    }
}

/// The head of a drawing.
#[must_use]
pub fn svg_head(title: &str, height: f64) -> String {
    format!(
        "<svg class=\"plot\" role=\"img\" aria-label=\"{}\" viewBox=\"0 0 {WIDTH} {height}\">",
        in_page(title)
    )
}

/// A straight line between two places.
#[must_use]
pub fn segment(class: &str, from: (f64, f64), to: (f64, f64)) -> String {
    format!(
        "<line class=\"{class}\" x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\"/>",
        from.0, from.1, to.0, to.1
    )
}

/// A dot at a place.
#[must_use]
pub fn dot(class: &str, at: (f64, f64), radius: f64) -> String {
    format!("<circle class=\"dot {class}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"{radius}\"/>", at.0, at.1)
}

/// A text whose `anchor` (start, middle or end) is at a place.
#[must_use]
pub fn text(class: &str, at: (f64, f64), anchor: &str, words: &str) -> String {
    let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
    format!(
        "<text{class} x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}</text>",
        at.0,
        at.1,
        in_page(words)
    )
}

/// A drawing as a file of its own, with colours for light and dark.
#[must_use]
pub fn standalone(svg: &str) -> String {
    let (head, rest) = svg.split_once('>').unwrap_or((svg, ""));
    format!(
        "{head} xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\">\n<style>\n{PALETTE}{STYLE}svg {{ background: \
         var(--paper); }}\n</style>\n{rest}\n",
        1.5 * WIDTH
    )
}

/// A range with room at both ends, also where it is a point.
#[must_use]
pub fn padded(range: Range<f64>) -> Range<f64> {
    let (width, size) = (range.end - range.start, range.start.abs().max(range.end.abs()));
    let air = if width > 0.0 { 0.07 * width } else { 0.1 * size };
    // Ticks that are closer than neighbouring numbers would be without end.
    let air = air.max(1e-6 * size).max(1e-10);
    range.start - air..range.end + air
}

/// Round numbers within a range, two to six of them; none where it is too long to be divided.
#[must_use]
pub fn ticks(range: &Range<f64>) -> Vec<f64> {
    let step = tick(range);
    if !step.is_normal() {
        return Vec::new();
    }
    let first = (range.start / step).ceil() as i64;
    let last = (range.end / step + 1e-9).floor() as i64;
    (first..=last).map(|i| i as f64 * step).collect()
}

fn tick(range: &Range<f64>) -> f64 {
    let rough = (range.end - range.start) / 5.0;
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().find(|step| step * power >= rough * 0.999);
    step.unwrap_or(10.0) * power
}

/// The number format of an axis: as many digits as the ticks need, so that a label reads as the value at
/// which its tick stands, and no two labels read the same.
#[derive(Debug)]
pub struct TickLabels {
    ticks: Vec<f64>,
    is_scientific: bool,
    digits: usize,
}

impl TickLabels {
    /// The number format for an axis over this range.
    #[must_use]
    pub fn of(range: &Range<f64>) -> Self {
        let ticks = ticks(range);
        let gap = tick(range);
        // Rates; differences stay decimal on both sides of zero.
        let is_scientific = range.start >= 0.0 && range.end < 0.01;
        let is_read_back = |digits: &usize| {
            ticks.iter().all(|&tick| {
                let written = match is_scientific {
                    true => format!("{tick:.digits$e}"),
                    false => format!("{tick:.digits$}"),
                };
                written.parse::<f64>().is_ok_and(|read| (read - tick).abs() <= 1e-3 * gap)
            })
        };
        let digits = (0..12).find(is_read_back).unwrap_or(12);
        Self { ticks, is_scientific, digits }
    }

    /// The numbers of [`ticks`].
    #[must_use]
    pub fn labels(&self) -> Vec<String> {
        self.ticks.iter().map(|&tick| self.label(tick)).collect()
    }

    fn label(&self, value: f64) -> String {
        let digits = self.digits;
        match self.is_scientific {
            true if value == 0.0 => "0".to_owned(),
            true => format!("{value:.digits$e}"),
            false => decimal(value, digits),
        }
    }
}

/// A decimal number with commas between thousands, and no sign before zero.
fn decimal(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    let text = match text.trim_start_matches(['-', '0', '.']).is_empty() {
        true => text.trim_start_matches('-'),
        false => &text,
    };
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let (sign, digits) = whole.split_at(usize::from(whole.starts_with('-')));
    match digits.parse() {
        Ok(digits) => format!("{sign}{}{rest}", thousands(digits)),
        Err(_) => text.to_owned(),
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
        for (low, high) in [(0.123, 0.125), (-7.0, 1e6), (0.7, 0.9), (0.1, 10.19)] {
            let ticks = ticks(&(low..high));
            assert!((2..=6).contains(&ticks.len()), "{ticks:?}");
            assert!(ticks.iter().all(|tick| *tick >= low && *tick <= high), "{ticks:?}");
        }
    }

    #[test]
    fn ranges_that_cannot_be_divided_have_few_ticks_or_none() {
        for (low, high) in [(0.0, 5e-324), (1e17, 1e17 + 16.0), (0.5, 0.5 + f64::EPSILON), (-1e308, 1e308)] {
            let ticks = ticks(&padded(low..high));
            assert!(ticks.len() <= 9, "{low} to {high}: {ticks:?}");
        }
        assert!(ticks(&(1.0..1.0)).is_empty() && ticks(&(0.0..f64::INFINITY)).is_empty());
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!(TickLabels::of(&(0.7..0.9)).labels(), ["0.70", "0.75", "0.80", "0.85", "0.90"]);
        assert_eq!(TickLabels::of(&(-0.1..0.1)).label(-0.0), "0.00");
        assert_eq!(TickLabels::of(&(0.0..2e-3)).labels(), ["0", "5.0e-4", "1.0e-3", "1.5e-3", "2.0e-3"]);
        assert_eq!(TickLabels::of(&(-0.004..0.004)).label(0.002), "0.002");
        assert_eq!(decimal(12_345.6, 0), "12,346");
        assert_eq!(decimal(-0.25, 2), "-0.25");
        assert_eq!(large(1.5e6, &(0.0..2e6)), "1.5M");
        assert_eq!(large(2e12, &(0.0..8e12)), "2e12");
        assert_eq!(large(0.0, &(0.0..8e12)), "0");
    }

    #[test]
    fn different_places_have_different_numbers() {
        let ranges = [0.0..2e6, 13.5e6..13.502e6, 1.0e9..1.3e9, 7.00e12..7.01e12, 0.0..0.004, 1e-9..3e-9];
        let ends = (1..400).map(|n| f64::from(n) * 3.7e-5).chain([0.013, 0.07, 0.25, 1.0, 7.0, 1.5e4]);
        let more = ends.flat_map(|end| [0.0, 0.9 * end, 0.999 * end].map(|start| start..end));
        for range in ranges.into_iter().chain(more) {
            let ticks = ticks(&range);
            let of_x: Vec<String> = ticks.iter().map(|tick| large(*tick, &range)).collect();
            for mut labels in [TickLabels::of(&range).labels(), of_x] {
                labels.dedup();
                assert_eq!(labels.len(), ticks.len(), "{range:?}: {labels:?}");
            }
        }
    }

    #[test]
    fn the_lowest_value_is_at_the_bottom_and_one_point_can_be_drawn() {
        let axes = Axes::around(&[(0.0, 1.0), (10.0, 2.0)], true).unwrap();
        assert!(axes.at(0.0, 1.0).1 > axes.at(0.0, 2.0).1 && axes.at(10.0, 1.0).0 > axes.at(0.0, 1.0).0);
        assert_eq!(axes.at(10.0, 9.0), axes.at(11.0, 99.0), "what is outside stands at the edge");
        assert!(Axes::around(&[(5.0, 5.0)], false).unwrap().draw("one", "").contains("</svg>"));
        assert!(Axes::around(&[], true).is_none());
        assert!(Axes::around(&[(1.0, f64::NAN)], true).is_none());
    }

    #[test]
    fn labels_can_be_read_on_a_phone() {
        assert!(STYLE.contains(&format!("font-size: {TEXT}px")), "the style sheet has the size of the text");
        // 380 pixels less the margins of the page.
        let shown = TEXT * (380.0 - 2.0 * 16.0) / WIDTH;
        assert!(shown >= 10.0, "{shown} pixels");
    }

    #[test]
    fn a_drawing_of_its_own_has_every_colour_that_it_uses() {
        let axes = Axes::new(0.0..10.0, 0.0..1.0);
        let inside =
            axes.line("held-out", &[(0.0, 0.5), (9.0, 0.7)]) + &axes.horizontal_line(0.8, "good above");
        let svg = standalone(&axes.draw("a <curve>", &inside));
        assert!(
            svg.starts_with("<svg class=\"plot\"") && svg.contains("xmlns=\"http://www.w3.org/2000/svg\"")
        );
        let defined = |name: &str| svg.contains(&format!("{name}:"));
        for used in svg.split("var(").skip(1).filter_map(|rest| rest.split(')').next()) {
            assert!(defined(used), "{used} has no colour");
        }
        assert!(svg.matches("<style>").count() == 1 && svg.contains("prefers-color-scheme: dark"));
        assert!(svg.contains("aria-label=\"a &lt;curve&gt;\""));
    }
}
