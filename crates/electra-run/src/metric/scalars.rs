//! Values of the metrics of a table, as log and lines have them.

use std::fmt;
use std::marker::PhantomData;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::{Format, Metric, Phrase};

/// Table of the metrics of a task.
pub trait MetricTable {
    /// A value for each row: `[Option<f64>; METRICS.len()]`.
    type Values: Clone + Copy + Default + PartialEq + AsRef<[Option<f64>]> + AsMut<[Option<f64>]>;

    /// The rows, in the order of logs, lines and tables.
    fn metrics() -> &'static [Metric];

    /// The index of the metric with this key in the table.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    fn position(key: &str) -> usize {
        let position = Self::metrics().iter().position(|metric| metric.key == key);
        assert!(position.is_some(), "`{key}` is no metric of this table");
        position.unwrap_or_default()
    }
}

/// Values of the rows of a table; none where one was not measured.
#[derive(Clone, Copy, PartialEq)]
pub struct Scalars<T: MetricTable>(T::Values, PhantomData<T>);

impl<T: MetricTable> Default for Scalars<T> {
    fn default() -> Self {
        Self(T::Values::default(), PhantomData)
    }
}

impl<T: MetricTable> Scalars<T> {
    /// The value of a key; none where it was not measured.
    ///
    /// # Panics
    /// If it is no key of the table.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<f64> {
        self.0.as_ref()[T::position(key)]
    }

    /// These scalars with another value of a key.
    ///
    /// # Panics
    /// If it is no key of the table.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Option<f64>>) -> Self {
        self.0.as_mut()[T::position(key)] = value.into();
        self
    }

    /// The measured metrics with their values, in the order of the table.
    pub fn iter(&self) -> impl Iterator<Item = (&'static Metric, f64)> {
        let values = T::metrics().iter().zip(self.0.as_ref());
        values.filter_map(|(metric, value)| Some((metric, (*value)?)))
    }

    /// These scalars, and those of `other` whose metrics fit.
    #[must_use]
    pub fn and(mut self, other: &Self, fits: impl Fn(&Metric) -> bool) -> Self {
        for (metric, value) in other.iter().filter(|(metric, _)| fits(metric)) {
            self.0.as_mut()[T::position(metric.key)] = Some(value);
        }
        self
    }
}

impl<T: MetricTable> fmt::Debug for Scalars<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().map(|(metric, value)| (metric.key, value))).finish()
    }
}

impl<T: MetricTable> Serialize for Scalars<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (metric, value) in self.iter() {
            map.serialize_entry(metric.key, &value)?;
        }
        map.end()
    }
}

/// The measured metrics in words: `name value (details)`; metrics without a phrase are left out.
pub fn phrases(
    scalars: impl Iterator<Item = (&'static Metric, f64)>,
    of: impl Fn(&Metric) -> Option<Phrase>,
    between: &str,
) -> String {
    // Each head with its value and its details.
    let mut groups: Vec<(&str, Option<String>, Vec<String>)> = Vec::new();
    for (metric, value) in scalars {
        let Some(phrase) = of(metric) else { continue };
        // What could not be measured; a loss or a norm that is no number says that training fails.
        if !phrase.format.can_write(value) {
            continue;
        }
        let text = phrase.words.replace("{}", &phrase.format.write(value));
        let head = phrase.detail_of.unwrap_or(metric.key);
        let at = groups.iter().position(|group| group.0 == head).unwrap_or_else(|| {
            groups.push((head, None, Vec::new()));
            groups.len() - 1
        });
        match phrase.detail_of {
            None => groups[at].1 = Some(text),
            Some(_) => groups[at].2.push(text),
        }
    }
    let written = groups.into_iter().map(|(_, head, details)| {
        let details = details.join(between);
        match (head, details.is_empty()) {
            (Some(head), true) => head,
            (Some(head), false) => format!("{head} ({details})"),
            (None, _) => details,
        }
    });
    written.collect::<Vec<_>>().join("  ")
}

impl Format {
    /// Whether a value can be written so: a count or a share that is no number was not measured.
    #[must_use]
    pub fn can_write(self, value: f64) -> bool {
        value.is_finite() || !matches!(self, Self::Whole | Self::Percent(_))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Better, MeasuredIn};
    use super::*;

    const METRICS: &[Metric] = &[
        Metric::new("loss", "Loss", Format::Decimals(2), Better::Lower, MeasuredIn::Training),
        Metric::new("dev_f1", "F1", Format::Percent(1), Better::Higher, MeasuredIn::Evaluation).group("dev"),
    ];

    #[derive(Clone, Copy)]
    struct Table;

    impl MetricTable for Table {
        type Values = [Option<f64>; METRICS.len()];

        fn metrics() -> &'static [Metric] {
            METRICS
        }
    }

    #[test]
    fn a_log_has_what_was_measured_under_keys_and_tensorboard_under_tags() {
        let scalars = Scalars::<Table>::default().with("dev_f1", 0.5);
        assert_eq!(serde_json::to_string(&scalars).unwrap(), r#"{"dev_f1":0.5}"#);
        assert_eq!((scalars.get("loss"), scalars.get("dev_f1")), (None, Some(0.5)));
        assert_eq!(METRICS.iter().map(Metric::tag).collect::<Vec<_>>(), ["train/loss", "dev/f1"]);
        assert_eq!(METRICS[1].format.write(0.125), "12.5");
        let all = Scalars::default().with("loss", 1.0).and(&scalars, |metric| metric.key == "dev_f1");
        assert_eq!(format!("{all:?}"), r#"{"loss": 1.0, "dev_f1": 0.5}"#);
    }

    #[test]
    #[should_panic(expected = "`dev_fi` is no metric")]
    fn a_key_that_is_misspelt_is_a_mistake_of_the_program() {
        let _ = Scalars::<Table>::default().get("dev_fi");
    }
}
