//! Numbers over steps as an SVG drawing that takes its colours from the page around it.
//!
//! plotters draws with one fixed colour per role; afterwards each becomes a CSS variable
//! (`--axis`, `--grid`, `--training`, `--alone`, `--held-out`, `--second`, `--published`, `--limit`), so that
//! one drawing serves a light page, a dark one and paper.

use std::ops::Range;

use electra_files::shown::in_page;
use plotters::coord::ranged1d::{BoldPoints, Ranged};
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::{
    ChartBuilder, Circle, EmptyElement, IntoDrawingArea, IntoFont, LineSeries, RGBColor, SVGBackend,
    TRANSPARENT, Text,
};
use plotters::style::Color as _;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// What a line stands for, which decides how it looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Noisy values of training, in the background.
    Training,
    /// Noisy values of training with nothing in front of them.
    Alone,
    /// Values of held-out data.
    HeldOut,
    /// A second kind of values beside those of [`Role::HeldOut`].
    Second,
    /// Somebody else's published values, dashed.
    Published,
}

/// One line of a drawing.
#[derive(Clone, Debug)]
pub struct Series {
    /// What it stands for.
    pub role: Role,
    /// Steps in ascending order with their values. A value that is not finite leaves a gap.
    pub points: Vec<(f64, f64)>,
}

/// A level that divides good from bad.
#[derive(Clone, Debug)]
pub struct Limit {
    /// The level.
    pub value: f64,
    /// A word or two beside it.
    pub label: String,
}

/// How the numbers of the vertical axis are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// As decimal numbers; the axis covers the values.
    Values,
    /// As decimal numbers or in scientific notation; the axis begins at 0.
    FromZero,
}

/// A drawing.
#[derive(Clone, Debug)]
pub struct Curve {
    /// For readers who cannot see it.
    pub title: String,
    /// The lines, the first at the back.
    pub series: Vec<Series>,
    /// Horizontal lines across.
    pub limits: Vec<Limit>,
    /// The last step of the horizontal axis.
    pub last_step: f64,
    /// The vertical axis.
    pub scale: Scale,
}

impl Curve {
    /// The drawing as an `<svg>` element, or nothing if no line has a finite value.
    #[must_use]
    pub fn svg(&self) -> Option<String> {
        let [x, y] = [0.0..self.last_step.max(1.0), self.vertical()?];
        let mut svg = String::new();
        self.draw(&mut svg, x, y).expect("drawing into memory");
        for color in COLORS {
            svg = svg.replace(&format!("\"{}\"", color.hex()), &color.css());
        }
        let start = svg.find("viewBox").expect("plotters states the size of the drawing");
        let title = in_page(&self.title);
        Some(format!("<svg class=\"curve\" role=\"img\" aria-label=\"{title}\" {}", &svg[start..]))
    }

    /// The range of the vertical axis: every line and limit, with air around. None if this run has
    /// no value in it.
    fn vertical(&self) -> Option<Range<f64>> {
        let own = self.series.iter().filter(|series| series.role != Role::Published);
        let mut values: Vec<f64> = own
            .flat_map(|series| &series.points)
            .map(|point| point.1)
            .filter(|value| value.abs() <= LARGEST)
            .collect();
        values.sort_by(f64::total_cmp);
        let (&low, &high) = (values.first()?, values.last()?);
        // A few spikes must not flatten the rest.
        let usual = values[(values.len() - 1) * 98 / 100];
        let median = values[values.len() / 2];
        let high = if high - median > 6.0 * (usual - low) && values.len() > 50 {
            usual + (usual - low)
        } else {
            high
        };
        let published = self.series.iter().filter(|series| series.role == Role::Published);
        let levels = published
            .flat_map(|series| series.points.iter().map(|point| point.1))
            .chain(self.limits.iter().map(|limit| limit.value));
        let low = levels.clone().fold(low, f64::min);
        let high = levels.fold(high, f64::max);
        let size = low.abs().max(high.abs());
        let air = match (high > low, size == 0.0) {
            (true, _) => 0.06 * (high - low),
            // What is nothing but 0 is no small number.
            (false, true) => 1.0,
            (false, false) => 0.1 * size,
        };
        // Ticks that are closer than neighbouring numbers would be without end.
        let air = air.max(1e-6 * size).max(1e-10);
        Some(match self.scale {
            Scale::Values => low - air..high + air,
            Scale::FromZero if high > 0.0 => 0.0..high + air,
            // Of nothing above zero there is nothing to show, and an axis has to have a length.
            Scale::FromZero => 0.0..1.0,
        })
    }

    fn draw(
        &self,
        svg: &mut String,
        x: Range<f64>,
        y: Range<f64>,
    ) -> Result<(), Box<dyn std::error::Error + '_>> {
        let area = SVGBackend::with_string(svg, (WIDTH, HEIGHT)).into_drawing_area();
        let mut chart = ChartBuilder::on(&area)
            .margin_top(14)
            .margin_right(22)
            .x_label_area_size(44)
            .y_label_area_size(104)
            .build_cartesian_2d(x.clone(), y.clone())?;
        let text = |color: Color| ("sans-serif", 26).into_font().color(&color.rgb());
        let numbers = Numbers::of(&y);
        chart
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(Color::Grid.rgb().stroke_width(2))
            .axis_style(Color::Grid.rgb().stroke_width(2))
            .set_all_tick_mark_size(0)
            .x_labels(6)
            .y_labels(Y_LABELS)
            .x_label_formatter(&|step| steps(*step))
            // plotters puts the label against the axis; this space is not collapsed.
            .y_label_formatter(&|value| format!("{}\u{2002}", numbers.label(*value)))
            .label_style(text(Color::Axis))
            .draw()?;

        let inside = |&(step, value): &(f64, f64)| {
            // Lines end at the edge instead of running over the labels.
            (step.clamp(x.start, x.end), value.clamp(y.start, y.end))
        };
        for series in &self.series {
            let (color, width, dots) = match series.role {
                Role::Training => (Color::Training, 3, false),
                Role::Alone => (Color::Alone, 3, false),
                Role::HeldOut => (Color::HeldOut, 5, true),
                Role::Second => (Color::Second, 5, true),
                Role::Published => (Color::Published, 4, false),
            };
            let finite = |point: &(f64, f64)| point.1.is_finite();
            for piece in series.points.split(|point| !finite(point)).filter(|piece| !piece.is_empty()) {
                chart.draw_series(LineSeries::new(
                    piece.iter().map(inside),
                    color.rgb().stroke_width(width),
                ))?;
            }
            let points = series.points.iter().filter(|point| finite(point));
            if points.clone().count() <= if dots { 40 } else { 1 } {
                chart.draw_series(points.map(|point| Circle::new(inside(point), 7, color.rgb().filled())))?;
            }
        }
        for limit in self.limits.iter().filter(|limit| y.contains(&limit.value)) {
            let ends = [(x.start, limit.value), (x.end, limit.value)];
            chart.draw_series(LineSeries::new(ends, Color::Limit.rgb().stroke_width(3)))?;
            let style = text(Color::Limit).pos(Pos::new(HPos::Right, VPos::Bottom));
            let label =
                EmptyElement::at((x.end, limit.value)) + Text::new(limit.label.clone(), (0, -7), style);
            chart.draw_series([label])?;
        }
        area.present()?;
        Ok(())
    }
}

/// What is larger is no measurement, and its axis could not be divided.
const LARGEST: f64 = 1e30;
/// Numbers along the vertical axis at most.
const Y_LABELS: usize = 5;
/// Twice the size at which it is looked at, because plotters rounds to whole units.
const WIDTH: u32 = 1120;
const HEIGHT: u32 = 500;

/// The colours of a drawing, as plotters sees them and as the page does.
#[derive(Clone, Copy)]
enum Color {
    Axis = 1,
    Grid,
    Training,
    Alone,
    HeldOut,
    Second,
    Published,
    Limit,
}

const COLORS: [Color; 8] = [
    Color::Axis,
    Color::Grid,
    Color::Training,
    Color::Alone,
    Color::HeldOut,
    Color::Second,
    Color::Published,
    Color::Limit,
];

impl Color {
    /// No drawing of ours uses these otherwise.
    fn rgb(self) -> RGBColor {
        RGBColor(254, 1, self as u8)
    }

    fn hex(self) -> String {
        format!("#FE01{:02X}", self as u8)
    }

    fn css(self) -> String {
        let (name, extra) = match self {
            Self::Axis => ("axis", ""),
            Self::Grid => ("grid", ""),
            Self::Training => ("training", ""),
            Self::Alone => ("alone", ""),
            Self::HeldOut => ("held-out", ""),
            Self::Second => ("second", ""),
            Self::Published => ("published", " stroke-dasharray=\"16 11\""),
            Self::Limit => ("limit", " stroke-dasharray=\"3 9\""),
        };
        format!("\"var(--{name})\"{extra}")
    }
}

/// How the numbers along the vertical axis are written: with as many digits as they have, so that what is
/// read is where the line stands, and no two read the same.
struct Numbers {
    scientific: bool,
    digits: usize,
}

impl Numbers {
    fn of(range: &Range<f64>) -> Self {
        let ticks = RangedCoordf64::from(range.clone()).key_points(BoldPoints(Y_LABELS));
        let gap = ticks.windows(2).map(|two| two[1] - two[0]).fold(range.end - range.start, f64::min);
        let scientific = range.end.abs() < 0.01;
        let is_read_back = |digits: &usize| {
            ticks.iter().all(|&tick| {
                let written = match scientific {
                    true => format!("{tick:.digits$e}"),
                    false => format!("{tick:.digits$}"),
                };
                written.parse::<f64>().is_ok_and(|read| (read - tick).abs() <= 1e-3 * gap)
            })
        };
        Self { scientific, digits: (0..12).find(is_read_back).unwrap_or(12) }
    }

    fn label(&self, value: f64) -> String {
        match self.scientific {
            true => scientific(value, self.digits),
            false => decimal(value, self.digits),
        }
    }
}

fn decimal(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let (sign, digits) = whole.split_at(usize::from(whole.starts_with('-')));
    match digits.parse() {
        Ok(digits) => format!("{sign}{}{rest}", crate::record::thousands(digits)),
        Err(_) => text,
    }
}

fn scientific(value: f64, digits: usize) -> String {
    if value == 0.0 { "0".to_owned() } else { format!("{value:.digits$e}") }
}

/// A number of steps in thousands and millions.
fn steps(step: f64) -> String {
    match step {
        // It would stand too close to the lowest number of the other axis.
        0.0 => String::new(),
        1e6.. => format!("{}M", short(step / 1e6)),
        1e3.. => format!("{}k", short(step / 1e3)),
        _ => short(step),
    }
}

fn short(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests;
