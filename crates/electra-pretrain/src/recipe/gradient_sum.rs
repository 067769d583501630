//! The order in which the gradients of micro-batches are added up.

use serde::{Deserialize, Serialize};

/// `train.gradient_sum` of a recipe. It decides the last bits of the weights where a step has more than two
/// micro-batches; with two both are one sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GradientSum {
    /// Along a binary tree over the micro-batches, whose bits do not depend on how many processes compute them.
    Tree,
    /// One after the other: what one process can do alone.
    Fold,
}

impl GradientSum {
    /// Both orders.
    pub const ALL: [Self; 2] = [Self::Tree, Self::Fold];

    /// The name of the order in a recipe.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Tree => "tree",
            Self::Fold => "fold",
        }
    }
}
