//! Numbers over steps as an SVG drawing.

use std::ops::Range;

use crate::plot::Axes;

/// The role of a curve in a drawing, which decides its colour and stroke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CurveRole {
    /// Noisy values of training, in the background.
    Training,
    /// Noisy values of training with nothing in front of them.
    Alone,
    /// Values of held-out data.
    HeldOut,
    /// A second kind of values beside those of [`CurveRole::HeldOut`].
    Second,
    /// Published values of other authors, dashed.
    Published,
}

/// One line of a drawing.
#[derive(Clone, Debug)]
pub struct Series {
    /// The role of the curve.
    pub role: CurveRole,
    /// Steps in ascending order with their values. A value that is not finite leaves a gap.
    pub points: Vec<(f64, f64)>,
}

/// A level that divides good from bad.
#[derive(Clone, Debug)]
pub struct Limit {
    /// The value on the vertical axis at which the line is drawn.
    pub value: f64,
    /// A word or two beside it.
    pub label: String,
}

/// A step at which something else begins, such as a phase of a run.
#[derive(Clone, Debug)]
pub struct Seam {
    /// The step at which the line is drawn.
    pub step: f64,
    /// A word or two beside it.
    pub label: String,
}

/// The number format of the vertical axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// As decimal numbers; the axis covers the values.
    Values,
    /// As decimal numbers or in scientific notation; the axis begins at 0.
    FromZero,
}

/// A line chart of one or more series.
#[derive(Clone, Debug)]
pub struct Curve {
    /// The text for readers who cannot see the drawing.
    pub title: String,
    /// The lines, the first at the back.
    pub series: Vec<Series>,
    /// Horizontal lines across.
    pub limits: Vec<Limit>,
    /// Vertical lines.
    pub seams: Vec<Seam>,
    /// The last step of the horizontal axis.
    pub last_step: f64,
    /// The vertical axis.
    pub scale: Scale,
}

impl Curve {
    /// The drawing as an `<svg>` element, or nothing if no line has a finite value.
    #[must_use]
    pub fn svg(&self) -> Option<String> {
        let axes = Axes::new(0.0..self.last_step.max(1.0), self.vertical()?);
        let mut svg = String::new();
        for Series { role, points } in &self.series {
            svg += &axes.line(role.class(), points);
            let dots = points.iter().filter(|point| point.1.is_finite());
            let is_dotted = matches!(role, CurveRole::HeldOut | CurveRole::Second);
            if dots.clone().count() <= if is_dotted { MAX_DOTS } else { 1 } {
                svg.extend(dots.map(|&point| axes.dot(role.class(), point, 2.5)));
            }
        }
        for limit in &self.limits {
            svg += &axes.horizontal_line(limit.value, &limit.label);
        }
        for seam in &self.seams {
            svg += &axes.vertical_line(seam.step, &seam.label);
        }
        Some(axes.draw(&self.title, &svg))
    }

    /// The range of the vertical axis: every line and limit, with air around. None if this run has
    /// no value in it.
    fn vertical(&self) -> Option<Range<f64>> {
        let own = self.series.iter().filter(|series| series.role != CurveRole::Published);
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
        let published = self.series.iter().filter(|series| series.role == CurveRole::Published);
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
}

impl CurveRole {
    /// The class of the page's style sheet.
    #[must_use]
    pub fn class(self) -> &'static str {
        match self {
            Self::Training => "training",
            Self::Alone => "alone",
            Self::HeldOut => "held-out",
            Self::Second => "second",
            Self::Published => "published",
        }
    }
}

/// Values of held-out data that have a dot each; where there are more, the line says enough.
const MAX_DOTS: usize = 40;
/// The largest absolute value that is drawn: what is larger is no measurement, and its axis could not be
/// divided.
const LARGEST: f64 = 1e30;

#[cfg(test)]
mod tests;
