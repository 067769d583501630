//! Exact gelu, `x * Phi(x)`, of a tensor or of a product and its bias.

use burn::backend::TensorMetadata;
use burn::tensor::DType;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::launch::{element_type, elements, empty_of, per_element, rows_and_width};
use super::tracked::Operation;

/// `1 / sqrt(2 pi)`.
const NORMAL_DENSITY: f32 = 0.398_942_3;

/// `exp(-x^2 / 2)`.
#[cube]
fn bell(x: f32) -> f32 {
    f32::exp(-0.5f32 * x * x)
}

/// The normal distribution function, by the fit of the CPU's kernels: `erfc(z) = e^(-z^2) t P(t)` with
/// `t = 1 / (1 + 0.42 z)`, of a relative error of 3.5e-8.
#[cube]
fn distribution(x: f32, bell: f32) -> f32 {
    let z = f32::abs(x) * 0.707_106_77f32;
    let t = 1.0f32 / (0.42f32 * z + 1.0f32);
    let p = 0.076_190_575f32 * t - 0.345_857_98f32;
    let p = p * t + 0.486_418_34f32;
    let p = p * t - 0.174_493_14f32;
    let p = p * t + 0.293_234_2f32;
    let p = p * t + 0.186_834_93f32;
    let p = p * t + 0.240_945_41f32;
    let p = p * t + 0.236_727_68f32;
    let tail = 0.5f32 * bell * t * p;
    select(x < 0.0f32, tail, 1.0f32 - tail)
}

#[cube(launch_unchecked)]
fn forward_kernel<F: Float, O: Float>(
    x: &Tensor<F>,
    bias: &Tensor<F>,
    y: &mut Tensor<O>,
    n: u32,
    width: u32,
    #[comptime] has_bias: bool,
    #[define(F)] _element: ElemType,
    #[define(O)] _rounded: ElemType,
) {
    let at = ABSOLUTE_POS;
    if at < n as usize {
        let mut value = f32::cast_from(x[at]);
        if has_bias {
            value += f32::cast_from(bias[(at as u32 % width) as usize]);
        }
        y[at] = O::cast_from(value * distribution(value, bell(value)));
    }
}

#[cube(launch_unchecked)]
fn backward_kernel<F: Float, O: Float>(
    x: &Tensor<F>,
    bias: &Tensor<F>,
    dy: &Tensor<F>,
    dx: &mut Tensor<O>,
    n: u32,
    width: u32,
    #[comptime] has_bias: bool,
    #[define(F)] _element: ElemType,
    #[define(O)] _rounded: ElemType,
) {
    let at = ABSOLUTE_POS;
    if at < n as usize {
        let mut value = f32::cast_from(x[at]);
        if has_bias {
            value += f32::cast_from(bias[(at as u32 % width) as usize]);
        }
        let bell = bell(value);
        let slope = value * NORMAL_DENSITY * bell + distribution(value, bell);
        dx[at] = O::cast_from(f32::cast_from(dy[at]) * slope);
    }
}

/// `gelu(x + bias)` of a contiguous `x [.., width]`, in a type.
pub(crate) fn gelu(x: &CubeTensor, bias: Option<&CubeTensor>, dtype: DType) -> CubeTensor {
    let (n, [_, width]) = (elements(x), rows_and_width(x));
    let y = empty_of(x, x.shape(), dtype);
    if n > 0 {
        let (count, dim) = per_element(x, n);
        // SAFETY: units beyond the `n` elements do nothing; a bias has `width` of them.
        unsafe {
            forward_kernel::launch_unchecked(
                &x.client.clone(),
                count,
                dim,
                x.clone().into_tensor_arg(),
                bias.unwrap_or(x).clone().into_tensor_arg(),
                y.clone().into_tensor_arg(),
                n as u32,
                width as u32,
                bias.is_some(),
                element_type(x),
                element_type(&y),
            );
        }
    }
    y
}

/// The gradient of `x` in [`gelu`], in a type.
pub(crate) fn gelu_backward(
    x: &CubeTensor,
    bias: Option<&CubeTensor>,
    dy: CubeTensor,
    dtype: DType,
) -> CubeTensor {
    let (n, [_, width]) = (elements(x), rows_and_width(x));
    let dy = into_contiguous(dy);
    let dx = empty_of(x, x.shape(), dtype);
    if n > 0 {
        let (count, dim) = per_element(x, n);
        // SAFETY: units beyond the `n` elements do nothing; a bias has `width` of them.
        unsafe {
            backward_kernel::launch_unchecked(
                &x.client.clone(),
                count,
                dim,
                x.clone().into_tensor_arg(),
                bias.unwrap_or(x).clone().into_tensor_arg(),
                dy.into_tensor_arg(),
                dx.clone().into_tensor_arg(),
                n as u32,
                width as u32,
                bias.is_some(),
                element_type(x),
                element_type(&dx),
            );
        }
    }
    dx
}

/// The operation [`crate::gelu`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gelu;

impl Operation<1> for Gelu {
    type State = CubeTensor;

    fn forward(&self, [x]: [CubeTensor; 1]) -> (CubeTensor, CubeTensor) {
        let x = into_contiguous(x);
        (gelu(&x, None, x.dtype), x)
    }

    fn backward(&self, x: CubeTensor, dy: CubeTensor, _: [bool; 1]) -> [Option<CubeTensor>; 1] {
        [Some(gelu_backward(&x, None, dy, x.dtype))]
    }
}
