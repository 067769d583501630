//! A position table of sines and cosines, and a first block that reads it.

use crate::adjacent::Adjacent;
use crate::neighbours::{Neighbours, Side};

/// Which waves, and how they are read: [`PositionStart`](crate::PositionStart) for one of the networks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Waves {
    Neighbours(Neighbours),
    Adjacent(Adjacent),
}

impl Waves {
    /// `[positions, E]`.
    pub(crate) fn table(&self, range: f64) -> Vec<f32> {
        match self {
            Self::Neighbours(waves) => waves.table(range),
            Self::Adjacent(waves) => waves.table(range),
        }
    }

    /// `[H, H]`, of queries or keys of the first block.
    pub(crate) fn attention(&self, side: Side, hidden_size: usize, heads: usize) -> Vec<f32> {
        match self {
            Self::Neighbours(waves) => waves.attention(side, hidden_size, heads),
            Self::Adjacent(waves) => waves.attention(side, hidden_size, heads),
        }
    }

    /// `[inputs, outputs]`, from tables to encoder.
    pub(crate) fn projection(&self, shape: [usize; 2]) -> Vec<f32> {
        match self {
            Self::Neighbours(_) => Neighbours::projection(shape),
            Self::Adjacent(waves) => waves.projection(shape),
        }
    }

    /// These waves for an encoder that reads from right to left, where that makes a difference.
    pub(crate) fn mirrored(self) -> Self {
        match self {
            Self::Neighbours(waves) => Self::Neighbours(waves),
            Self::Adjacent(waves) => Self::Adjacent(waves.mirrored()),
        }
    }
}
