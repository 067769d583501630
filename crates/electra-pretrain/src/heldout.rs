//! Which held-out rows an evaluation reads.
//!
//! Rows stand in the order of the files that were held out, so the first of them are those of one
//! file, and are not read alone: what is read is spread evenly over all rows. A run that was begun
//! with the first rows, as older programs read them, goes on with those: its numbers are of one
//! measure.

use electra_run::record::{HeldoutMeasure, HeldoutRows, Record};

/// Rows of the held-out data: a function of how many there are and how many are wanted at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldoutSample {
    rows: HeldoutRows,
    count: usize,
    of: usize,
}

impl HeldoutSample {
    /// At most `most` of `of` rows; all of them where there are no more, whatever `rows` says.
    pub fn new(rows: HeldoutRows, of: usize, most: usize) -> Self {
        let rows = if most >= of { HeldoutRows::All } else { rows };
        HeldoutSample { rows, count: of.min(most), of }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The row that is read as the one numbered `place`, from 0.
    pub fn row(&self, place: usize) -> usize {
        match self.rows {
            HeldoutRows::All | HeldoutRows::First => place,
            HeldoutRows::Spread => evenly(place, self.count, self.of),
        }
    }

    /// The description of this sample in records.
    pub fn measure(&self) -> HeldoutMeasure {
        HeldoutMeasure { rows: self.rows, examples: self.count as u64 }
    }
}

/// Which rows a run goes on with whose log is this: the first ones if an evaluation has read them,
/// which those do that do not say what they read.
pub fn rows_of_run(log: &[Record]) -> HeldoutRows {
    let is_of_first = |record: &Record| {
        record.kind == "eval" && record.heldout_measure().is_none_or(|m| m.rows == HeldoutRows::First)
    };
    if log.iter().any(is_of_first) { HeldoutRows::First } else { HeldoutRows::Spread }
}

/// The one numbered `place` of `count` numbers that are spread evenly over `0..of`.
pub(crate) fn evenly(place: usize, count: usize, of: usize) -> usize {
    (place as u128 * of as u128 / count as u128) as usize
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rows(rows: HeldoutRows, of: usize, most: usize) -> Vec<usize> {
        let sample = HeldoutSample::new(rows, of, most);
        (0..sample.len()).map(|place| sample.row(place)).collect()
    }

    #[test]
    fn rows_are_spread_over_all_of_the_data_and_none_is_read_twice() {
        assert_eq!(rows(HeldoutRows::Spread, 10, 4), [0, 2, 5, 7]);
        assert_eq!(rows(HeldoutRows::First, 10, 4), [0, 1, 2, 3]);
        // 500 of 1,881: as many of each tenth of the data, give or take one.
        let spread = rows(HeldoutRows::Spread, 1881, 500);
        for tenth in 0..10 {
            let own = spread.iter().filter(|&&row| row * 10 / 1881 == tenth).count();
            assert!((49..=51).contains(&own), "{own} rows of tenth {tenth}");
        }
        assert!(spread.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(*spread.last().unwrap() < 1881);
    }

    #[test]
    fn all_rows_are_one_measure_however_they_are_chosen() {
        for (of, most) in [(5, 5), (5, 9), (0, 3), (0, 0)] {
            for choice in [HeldoutRows::Spread, HeldoutRows::First] {
                assert_eq!(rows(choice, of, most), (0..of).collect::<Vec<_>>());
                let measure = HeldoutSample::new(choice, of, most).measure();
                assert_eq!(measure, HeldoutMeasure { rows: HeldoutRows::All, examples: of as u64 });
            }
        }
    }

    #[test]
    fn a_run_keeps_to_the_rows_that_it_has_read() {
        let record = |kind: &str, heldout: serde_json::Value| {
            let mut fields = serde_json::Map::new();
            if !heldout.is_null() {
                fields.insert("heldout".into(), heldout);
            }
            Record { kind: kind.into(), step: 5, time: 0.0, fields }
        };
        let none = serde_json::Value::Null;
        assert_eq!(rows_of_run(&[]), HeldoutRows::Spread);
        assert_eq!(
            rows_of_run(&[record("start", none.clone()), record("train", none.clone())]),
            HeldoutRows::Spread
        );
        assert_eq!(rows_of_run(&[record("eval", none)]), HeldoutRows::First);
        for (named, expected) in
            [("first", HeldoutRows::First), ("spread", HeldoutRows::Spread), ("all", HeldoutRows::Spread)]
        {
            let eval = record("eval", json!({ "rows": named, "examples": 8 }));
            assert_eq!(rows_of_run(&[eval]), expected, "{named}");
        }
    }
}
