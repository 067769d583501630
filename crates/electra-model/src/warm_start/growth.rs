//! Tables with other rows than those that they are loaded from.

use std::collections::BTreeMap;

use burn::tensor::TensorData;
use serde::{Deserialize, Serialize};

use crate::parameters::NamedTensors;

/// The rows of the tables of a new model.
#[derive(Clone, Debug, PartialEq)]
pub struct Growth {
    /// The start of each row of the word table, and of output biases over the vocabulary.
    pub words: Vec<RowStart>,
    /// The start of positions beyond those of the weights.
    pub positions: PositionGrowth,
}

/// The start of one row of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowStart {
    /// A row of the old table.
    Copied(usize),
    /// The mean of rows of the old table.
    Mean(Vec<u32>),
    /// The row that the old table has for unknown words: nothing else of it is known there.
    Unknown(u32),
    /// As the recipe has it.
    Fresh,
}

/// The start of the rows of a position table beyond those that were learned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PositionGrowth {
    /// The learned rows stay where they are, and each row beyond starts as the nearest of them, which is the last.
    #[default]
    Nearest,
    /// The learned rows are stretched over all positions, and rows between two of them are interpolated linearly:
    /// of all rows but the first and the last the start is another than the row that was learned there.
    Interpolate,
}

impl PositionGrowth {
    /// Whether it is the one that is meant where none is given.
    pub fn is_nearest(&self) -> bool {
        *self == Self::Nearest
    }
}

/// The number of rows of a table by their start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RowCounts {
    /// Rows of the weights, unchanged.
    pub loaded: usize,
    /// Rows that start from other rows of the weights.
    pub grown: usize,
    /// Rows that start as that of unknown words.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unknown: usize,
    /// Rows that start as the recipe has it.
    pub started: usize,
    /// Rows of the weights that are not used.
    pub cut: usize,
}

impl RowCounts {
    /// Whether the table is another one than that of the weights.
    fn differs(&self) -> bool {
        self.grown + self.unknown + self.started + self.cut > 0
    }
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// A tensor with the rows of the new model.
#[derive(Clone, Debug)]
pub(super) struct Grown {
    pub(super) data: TensorData,
    /// The start of its rows, if they are not those of the weights.
    pub(super) rows: Option<RowCounts>,
}

/// The tensors with tables of the new model's rows; `fresh` has its start by the same names.
pub(super) fn grow(
    tensors: &NamedTensors,
    fresh: &NamedTensors,
    growth: &Growth,
    positions: usize,
) -> BTreeMap<String, Grown> {
    let of = |(name, data): (&String, &TensorData)| {
        let grown = if name.ends_with("embeddings.word") || name.ends_with("output_bias") {
            words(data, fresh.get(name), &growth.words)
        } else if name.ends_with("embeddings.position") {
            stretched(data, positions, growth.positions)
        } else {
            Grown { data: data.clone(), rows: None }
        };
        (name.clone(), grown)
    };
    tensors.iter().map(of).collect()
}

/// Rows and columns of a table; a vector is a table of one column.
fn sizes(data: &TensorData) -> [usize; 2] {
    match data.shape().to_vec()[..] {
        [rows] => [rows, 1],
        [rows, columns] => [rows, columns],
        _ => panic!("a table of shape {:?}", data.shape()),
    }
}

fn of_rows(data: &TensorData, rows: usize, values: Vec<f32>) -> TensorData {
    let mut shape = data.shape().to_vec();
    shape[0] = rows;
    TensorData::new(values, shape)
}

fn words(data: &TensorData, fresh: Option<&TensorData>, starts: &[RowStart]) -> Grown {
    let [rows, columns] = sizes(data);
    let values = data.as_slice::<f32>().expect("weights are 32-bit floats");
    // A head that the new model does not have keeps its rows: it is not loaded.
    let Some(fresh) = fresh else { return Grown { data: data.clone(), rows: None } };
    let fresh_values = fresh.as_slice::<f32>().expect("weights are 32-bit floats");
    assert_eq!(sizes(fresh), [starts.len(), columns], "the start of a table of other sizes");
    let mut counts = RowCounts::default();
    let mut grown = Vec::with_capacity(starts.len() * columns);
    let mut used = vec![false; rows];
    for (row, start) in starts.iter().enumerate() {
        match start {
            RowStart::Copied(from) => {
                (counts.loaded, used[*from]) = (counts.loaded + 1, true);
                grown.extend_from_slice(&values[from * columns..][..columns]);
            }
            RowStart::Mean(of) => {
                assert!(!of.is_empty(), "row {row} is the mean of no row");
                counts.grown += 1;
                let mean = |column: usize| {
                    let of_column = |&id: &u32| f64::from(values[id as usize * columns + column]);
                    (of.iter().map(of_column).sum::<f64>() / of.len() as f64) as f32
                };
                grown.extend((0..columns).map(mean));
            }
            RowStart::Unknown(from) => {
                counts.unknown += 1;
                grown.extend_from_slice(&values[*from as usize * columns..][..columns]);
            }
            RowStart::Fresh => {
                counts.started += 1;
                grown.extend_from_slice(&fresh_values[row * columns..][..columns]);
            }
        }
    }
    counts.cut = used.iter().filter(|used| !**used).count();
    let rows = counts.differs().then_some(counts);
    Grown { data: of_rows(data, starts.len(), grown), rows }
}

fn stretched(data: &TensorData, positions: usize, growth: PositionGrowth) -> Grown {
    let [rows, columns] = sizes(data);
    let values = data.as_slice::<f32>().expect("weights are 32-bit floats");
    let learned = |row: usize| &values[row * columns..][..columns];
    if positions <= rows {
        let counts = RowCounts { loaded: positions, cut: rows - positions, ..RowCounts::default() };
        let data = of_rows(data, positions, values[..positions * columns].to_vec());
        return Grown { data, rows: counts.differs().then_some(counts) };
    }
    let mut grown = Vec::with_capacity(positions * columns);
    let mut counts = RowCounts::default();
    // The first of the learned rows that none before is.
    let mut next = 0;
    for position in 0..positions {
        // Whole and rest of position * (rows - 1) / (positions - 1), exactly.
        let (whole, rest) = match growth {
            PositionGrowth::Nearest => (position.min(rows - 1), 0),
            PositionGrowth::Interpolate => {
                (position * (rows - 1) / (positions - 1), position * (rows - 1) % (positions - 1))
            }
        };
        // Each learned row is one that was loaded, wherever it stands now; the others are grown from them.
        if rest == 0 && whole >= next {
            (counts.loaded, next) = (counts.loaded + 1, whole + 1);
        } else {
            counts.grown += 1;
        }
        if rest == 0 {
            grown.extend_from_slice(learned(whole));
        } else {
            let share = rest as f64 / (positions - 1) as f64;
            let between =
                |(&a, &b): (&f32, &f32)| ((1.0 - share) * f64::from(a) + share * f64::from(b)) as f32;
            grown.extend(learned(whole).iter().zip(learned(whole + 1)).map(between));
        }
    }
    Grown { data: of_rows(data, positions, grown), rows: Some(counts) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: usize, values: &[f32]) -> TensorData {
        TensorData::new(values.to_vec(), [rows, values.len() / rows])
    }

    fn numbers(grown: &Grown) -> Vec<f32> {
        grown.data.try_to_vec().unwrap()
    }

    #[test]
    fn a_new_row_is_the_mean_of_those_that_its_piece_was_divided_into() {
        let old = table(3, &[1.0, 2.0, 3.0, 6.0, 100.0, 100.0]);
        let fresh = table(4, &[-1.0; 8]);
        let starts = [RowStart::Copied(0), RowStart::Copied(1), RowStart::Mean(vec![0, 1]), RowStart::Fresh];
        let grown = words(&old, Some(&fresh), &starts);
        assert_eq!(numbers(&grown), [1.0, 2.0, 3.0, 6.0, 2.0, 4.0, -1.0, -1.0]);
        let counts = RowCounts { loaded: 2, grown: 1, started: 1, cut: 1, ..RowCounts::default() };
        assert_eq!(grown.rows, Some(counts));
        // A bias is a table of one column, and a piece that occurs twice counts twice.
        let bias = TensorData::from([3.0f32, 0.0]);
        let fresh = TensorData::from([0.0f32; 3]);
        let starts = [RowStart::Copied(0), RowStart::Copied(1), RowStart::Mean(vec![0, 0, 1])];
        let grown = words(&bias, Some(&fresh), &starts);
        assert_eq!((numbers(&grown), grown.data.shape().to_vec()), (vec![3.0, 0.0, 2.0], vec![3]));
        // A row of which nothing is known is no mean of others.
        let starts = [RowStart::Copied(0), RowStart::Copied(1), RowStart::Unknown(0)];
        let grown = words(&bias, Some(&fresh), &starts);
        assert_eq!(numbers(&grown), [3.0, 0.0, 3.0]);
        assert_eq!(grown.rows, Some(RowCounts { loaded: 2, unknown: 1, ..RowCounts::default() }));
    }

    #[test]
    fn positions_grow_from_the_nearest_row_or_by_interpolation() {
        let old = table(3, &[0.0, 2.0, 8.0]);
        let grown = stretched(&old, 5, PositionGrowth::Nearest);
        assert_eq!(numbers(&grown), [0.0, 2.0, 8.0, 8.0, 8.0]);
        assert_eq!(grown.rows, Some(RowCounts { loaded: 3, grown: 2, ..RowCounts::default() }));
        let grown = stretched(&old, 5, PositionGrowth::Interpolate);
        assert_eq!(numbers(&grown), [0.0, 1.0, 2.0, 5.0, 8.0]);
        // All three are there, between them two that were not.
        assert_eq!(grown.rows, Some(RowCounts { loaded: 3, grown: 2, ..RowCounts::default() }));
        // Of learned rows that would stand between two positions none is left but the first and the last.
        let grown = stretched(&old, 4, PositionGrowth::Interpolate);
        assert_eq!(grown.rows, Some(RowCounts { loaded: 2, grown: 2, ..RowCounts::default() }));
        let one = stretched(&table(1, &[7.0]), 3, PositionGrowth::Interpolate);
        assert_eq!(numbers(&one), [7.0, 7.0, 7.0]);
        assert_eq!(one.rows, Some(RowCounts { loaded: 1, grown: 2, ..RowCounts::default() }));
    }

    #[test]
    fn of_fewer_positions_the_first_are_taken() {
        let old = table(3, &[0.0, 2.0, 8.0]);
        for growth in [PositionGrowth::Nearest, PositionGrowth::Interpolate] {
            let grown = stretched(&old, 2, growth);
            assert_eq!(numbers(&grown), [0.0, 2.0]);
            assert_eq!(grown.rows, Some(RowCounts { loaded: 2, cut: 1, ..RowCounts::default() }));
            assert_eq!(stretched(&old, 3, growth).rows, None);
        }
    }
}
