//! The sum of the gradients of micro-batches, in the order that a run keeps to.

use burn::optim::GradientsParams;
use electra_model::Electra;
use electra_optim::{add_gradients, flat_length, of_flat, to_flat};
use electra_ranks::{Addend, Communicator, RankError, Shares, TreeSum};

use crate::recipe::GradientSum;

/// The gradients of a network as what is added up along a tree.
pub(crate) struct Gradients<'a> {
    model: &'a Electra,
}

impl Addend for Gradients<'_> {
    type Value = GradientsParams;

    fn add(&self, left: GradientsParams, right: GradientsParams) -> GradientsParams {
        add_gradients(self.model, left, right)
    }

    fn to_floats(&self, gradients: &GradientsParams) -> Vec<f32> {
        to_flat(self.model, gradients)
    }

    fn of_floats(&self, floats: Vec<f32>) -> GradientsParams {
        of_flat(self.model, &floats)
    }

    fn length(&self) -> usize {
        flat_length(self.model)
    }
}

/// A sum of gradients under way.
pub(crate) enum GradientSums<'a> {
    /// Along a tree, of which this rank has its share.
    Tree(TreeSum<'a, Gradients<'a>>),
    /// One after the other, in one process.
    Fold { model: &'a Electra, sum: Option<GradientsParams> },
}

impl<'a> GradientSums<'a> {
    /// # Panics
    /// If several ranks are to add up one after the other.
    pub(crate) fn new(
        order: GradientSum,
        communicator: &'a Communicator<'a>,
        shares: Shares,
        model: &'a Electra,
    ) -> Self {
        match order {
            GradientSum::Tree => Self::Tree(TreeSum::new(communicator, shares, Gradients { model })),
            GradientSum::Fold => {
                assert!(!communicator.is_shared(), "a fold over micro-batches of several ranks");
                Self::Fold { model, sum: None }
            }
        }
    }

    /// Adds the gradients of the next micro-batch of this rank.
    pub(crate) fn push(&mut self, gradients: GradientsParams) {
        match self {
            Self::Tree(sum) => sum.push(gradients),
            Self::Fold { model, sum } => {
                *sum = Some(match sum.take() {
                    Some(sum) => add_gradients(*model, sum, gradients),
                    None => gradients,
                });
            }
        }
    }

    /// The sum over all micro-batches of all ranks.
    ///
    /// # Errors
    /// If another rank has ended.
    pub(crate) fn finish(self) -> Result<GradientsParams, RankError> {
        match self {
            Self::Tree(sum) => sum.finish(),
            Self::Fold { sum, .. } => Ok(sum.unwrap_or_default()),
        }
    }
}
