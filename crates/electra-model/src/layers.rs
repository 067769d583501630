//! The two layers everything is made of: dense and layer norm.

use burn::module::{Module, Param};
use burn::prelude::*;
use electra_kernels::{self as kernels, LayerNormParams, LinearParams};

use crate::config::LAYER_NORM_EPS;
use crate::init::{Init, Kernel};
use electra_kernels::Precision;

/// Affine map; `weight [inputs, outputs]`, `bias [outputs]`.
#[derive(Module, Debug)]
pub struct Dense {
    /// `[inputs, outputs]`, the transpose of PyTorch's.
    pub weight: Param<Tensor<2>>,
    /// `[outputs]`, zero at the start.
    pub bias: Param<Tensor<1>>,
    /// The precision of the matrix product.
    #[module(skip)]
    pub precision: Precision,
}

impl Dense {
    /// A new dense layer.
    pub fn init(init: &Init, kernel: Kernel, inputs: usize, outputs: usize) -> Self {
        Self {
            weight: init.kernel("weight", kernel, [inputs, outputs]),
            bias: init.constant(0.0, outputs),
            precision: init.precision(),
        }
    }

    /// The weight and the bias.
    pub fn affine(&self) -> LinearParams {
        LinearParams { weight: self.weight.val(), bias: self.bias.val() }
    }

    /// `[.., inputs]` to `[.., outputs]`.
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        kernels::linear(x, self.weight.val(), self.bias.val(), self.precision)
    }

    /// The layer's output after the activation function gelu.
    pub fn forward_gelu<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        kernels::linear_gelu(x, self.weight.val(), self.bias.val(), self.precision)
    }
}

/// Layer normalisation over the last dimension, epsilon 1e-12.
#[derive(Module, Debug)]
pub struct LayerNorm {
    /// Scale `[H]`, one at the start.
    pub gamma: Param<Tensor<1>>,
    /// Shift `[H]`, zero at the start.
    pub beta: Param<Tensor<1>>,
}

impl LayerNorm {
    /// A new layer norm with a scale of 1.
    pub fn init(init: &Init, width: usize) -> Self {
        Self { gamma: init.constant(1.0, width), beta: init.constant(0.0, width) }
    }

    /// A new layer norm with another scale.
    pub fn with_gain(init: &Init, gain: f64, width: usize) -> Self {
        Self { gamma: init.constant(gain, width), ..Self::init(init, width) }
    }

    /// Normalises `x [.., H]`.
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        kernels::layer_norm(x, self.gamma.val(), self.beta.val(), LAYER_NORM_EPS)
    }

    /// The scale and the shift, with the constant below the root.
    pub fn norm(&self) -> LayerNormParams {
        LayerNormParams { gamma: self.gamma.val(), beta: self.beta.val(), eps: LAYER_NORM_EPS }
    }
}
