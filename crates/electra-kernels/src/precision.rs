//! Matrix products in 16 bits, everything else in 32.
//!
//! Weights, moments, norms, sums of softmax and losses stay 32-bit floats; operands of matrix products
//! are rounded on the way in and results widened on the way out, forward and backward. The fused
//! path multiplies bfloat16 and adds up in 32 bits: on CPUs with the processor's own instructions where it
//! has them (AVX-512 BF16) and on rounded 32-bit floats elsewhere, on cards with tensor cores where they have
//! them. There activations that only products read, probabilities of attention among them, are kept in 16 bits.

use burn::prelude::*;
use burn::tensor::FloatDType;
use serde::{Deserialize, Serialize};

use crate::tensor_cores::has_tf32;

/// The precision of matrix products: the type of their operands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32-bit floats (single precision).
    #[default]
    F32,
    /// 32-bit floats of which tensor cores of NVIDIA's cards read 10 bits of the mantissa (TF32).
    Tf32,
    /// 16-bit IEEE floats; the loss is scaled so that small gradients survive.
    F16,
    /// bfloat16: the exponent of a 32-bit float and 8 bits of its mantissa.
    Bf16,
}

impl Precision {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::F32, Self::Tf32, Self::Bf16, Self::F16];

    /// Whether a device computes matrix products in this precision.
    pub fn is_computed_by(self, device: &Device) -> bool {
        match self {
            Self::F32 => true,
            Self::Tf32 => has_tf32(device),
            Self::F16 => device.supports_dtype(FloatDType::F16),
            Self::Bf16 => device.supports_dtype(FloatDType::BF16),
        }
    }

    /// The 16-bit type of the operands, if they have one.
    pub fn half_dtype(self) -> Option<FloatDType> {
        match self {
            Self::F32 | Self::Tf32 => None,
            Self::F16 => Some(FloatDType::F16),
            Self::Bf16 => Some(FloatDType::BF16),
        }
    }

    /// Its name, as recipes write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Tf32 => "tf32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
        }
    }

    /// The loss scale: a factor on the loss before differentiation, to be taken out of the gradients again.
    /// The smallest 16-bit IEEE float is 6e-8: gradients of single weights lie below it. The largest is
    /// 65504: whoever takes a step has to lower the factor where gradients overflow.
    pub fn loss_scale(self) -> f64 {
        if self == Self::F16 { 1024.0 } else { 1.0 }
    }

    /// The matrix product `a @ b` in this precision, 32-bit floats in and out.
    pub fn matmul<const D: usize>(self, a: Tensor<D>, b: Tensor<D>) -> Tensor<D> {
        match self.half_dtype() {
            None => a.matmul(b),
            Some(dtype) => a.cast(dtype).matmul(b.cast(dtype)).cast(FloatDType::F32),
        }
    }
}
