//! The size of the data that a run reads.

use electra_text::Split;

use crate::mixture::Mixture;
use crate::phases::RunData;

/// The size of the data that a run reads.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DataSize {
    /// Rows of the training data.
    pub examples: usize,
    /// Rows of the held-out data.
    pub heldout: usize,
    /// Part of the training rows that is tokens; the rest is padding.
    pub fill: f64,
}

impl DataSize {
    /// The size of the data of a recipe.
    pub fn of(data: &Mixture) -> Self {
        Self { examples: data.rows(Split::Train), heldout: data.rows(Split::HeldOut), fill: data.fill() }
    }

    /// The size of the data of each phase of a run.
    pub fn of_run(data: &RunData) -> Vec<Self> {
        data.phases().iter().map(|phase| Self::of(&phase.data)).collect()
    }
}
