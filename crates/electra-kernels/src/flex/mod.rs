//! Fused operations of the Flex backend on 32-bit floats, each with its own backward pass.
//!
//! Results are the same bits on every run and for every number of threads: work is cut into
//! chunks of fixed size, and partial sums are added in the order of the chunks.
//!
//! Routing is by the tensor: what lives on another backend, or is not `f32`, takes the composed
//! path of [`crate::composed`], whose gradient burn derives.

mod activation;
mod attention;
mod gemm;
mod layer_norm;
mod linear;
mod mask;
mod simd;
mod storage;

use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, DispatchDevice, Flex, backend_extension};
use burn::tensor::{DType, Tensor};

use crate::Dropout;

/// Whether the fused operations can take `x`: 32-bit floats on Flex, tracked or not.
pub fn takes<const D: usize>(x: &Tensor<D>) -> bool {
    let device = x.device();
    let on_flex = match device.as_dispatch() {
        DispatchDevice::Flex(_) => true,
        DispatchDevice::Autodiff(inner) => matches!(**inner, DispatchDevice::Flex(_)),
        #[allow(unreachable_patterns)]
        _ => false,
    };
    on_flex && x.dtype() == DType::F32
}

/// The fused operations, dispatched on whether the tensors are tracked.
#[backend_extension(Flex, Autodiff)]
pub trait Fused: Backend {
    /// See [`crate::layer_norm`].
    fn fused_layer_norm(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        eps: f64,
    ) -> FloatTensor<Self>;

    /// See [`crate::residual_layer_norm`].
    fn fused_residual_layer_norm(
        x: FloatTensor<Self>,
        branch: FloatTensor<Self>,
        drop: Dropout,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        eps: f64,
    ) -> FloatTensor<Self>;

    /// See [`crate::dropout`].
    fn fused_dropout(x: FloatTensor<Self>, drop: Dropout) -> FloatTensor<Self>;

    /// See [`crate::linear`].
    fn fused_linear(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self>;

    /// See [`crate::gelu`].
    fn fused_gelu(x: FloatTensor<Self>) -> FloatTensor<Self>;

    /// See [`crate::linear_gelu`].
    fn fused_linear_gelu(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self>;

    /// See [`crate::attention`].
    fn fused_attention(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
        key_bias: FloatTensor<Self>,
        heads: usize,
        drop: Dropout,
    ) -> FloatTensor<Self>;
}

impl Fused for Flex {
    fn fused_layer_norm(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        eps: f64,
    ) -> FloatTensor<Self> {
        layer_norm::layer_norm(x, None, gamma, beta, eps)
    }

    fn fused_residual_layer_norm(
        x: FloatTensor<Self>,
        branch: FloatTensor<Self>,
        drop: Dropout,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        eps: f64,
    ) -> FloatTensor<Self> {
        layer_norm::layer_norm(x, Some((branch, drop)), gamma, beta, eps)
    }

    fn fused_dropout(x: FloatTensor<Self>, drop: Dropout) -> FloatTensor<Self> {
        activation::dropout(x, drop)
    }

    fn fused_linear(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        linear::linear(x, weight, bias)
    }

    fn fused_gelu(x: FloatTensor<Self>) -> FloatTensor<Self> {
        activation::gelu(&x)
    }

    fn fused_linear_gelu(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        linear::linear_gelu(x, weight, bias)
    }

    fn fused_attention(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
        key_bias: FloatTensor<Self>,
        heads: usize,
        drop: Dropout,
    ) -> FloatTensor<Self> {
        attention::attention([q, k, v], key_bias, heads, drop)
    }
}

impl<C: CheckpointStrategy> Fused for Autodiff<Flex, C> {
    fn fused_layer_norm(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        eps: f64,
    ) -> FloatTensor<Self> {
        layer_norm::tracked_layer_norm::<C>(x, gamma, beta, eps)
    }

    fn fused_residual_layer_norm(
        x: FloatTensor<Self>,
        branch: FloatTensor<Self>,
        drop: Dropout,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        eps: f64,
    ) -> FloatTensor<Self> {
        layer_norm::tracked_residual_layer_norm::<C>(x, branch, drop, gamma, beta, eps)
    }

    fn fused_dropout(x: FloatTensor<Self>, drop: Dropout) -> FloatTensor<Self> {
        activation::tracked_dropout::<C>(x, drop)
    }

    fn fused_linear(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        linear::tracked_linear::<C>(x, weight, bias)
    }

    fn fused_gelu(x: FloatTensor<Self>) -> FloatTensor<Self> {
        activation::tracked_gelu::<C>(x)
    }

    fn fused_linear_gelu(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        linear::tracked_linear_gelu::<C>(x, weight, bias)
    }

    fn fused_attention(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
        key_bias: FloatTensor<Self>,
        heads: usize,
        drop: Dropout,
    ) -> FloatTensor<Self> {
        attention::tracked_attention::<C>([q, k, v], key_bias, heads, drop)
    }
}
