//! The constants and the results of an Adam update.

use burn::prelude::*;

/// The hyperparameters of one Adam update.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamStep {
    /// The learning rate of this parameter at this step.
    pub learning_rate: f64,
    /// The decay of the first moment.
    pub beta_1: f64,
    /// The decay of the second moment.
    pub beta_2: f64,
    /// Added to the root of the second moment.
    pub epsilon: f64,
    /// Decoupled weight decay, multiplied by the learning rate.
    pub weight_decay: f64,
    /// Factor on the gradient (global-norm clip).
    pub gradient_scale: f64,
}

/// One parameter of an Adam update of several, each tensor flat.
#[derive(Clone, Debug)]
pub struct AdamUpdate {
    /// The values of the parameter.
    pub parameter: Tensor<1>,
    /// The gradient of the loss with respect to it.
    pub gradient: Tensor<1>,
    /// Its first moment.
    pub moment_1: Tensor<1>,
    /// Its second moment.
    pub moment_2: Tensor<1>,
    /// The hyperparameters.
    pub step: AdamStep,
}

/// A parameter and its moments after one Adam update.
#[derive(Clone, Debug)]
pub struct AdamUpdated<const D: usize> {
    /// The updated parameter.
    pub parameter: Tensor<D>,
    /// The updated first moment.
    pub moment_1: Tensor<D>,
    /// The updated second moment.
    pub moment_2: Tensor<D>,
}
