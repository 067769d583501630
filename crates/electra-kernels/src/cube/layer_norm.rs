//! Layer normalisation, of a tensor or of a residual connection: `y = layer_norm(x + mask * (branch + bias))`.
//!
//! With `z` the sum, `mean` and `rstd` of each of its rows and `n = (z - mean) * rstd`: `y = n * gamma + beta`.
//! A row is shared by [`LANES`] units. The backward pass draws the mask again; sums over rows are added up in
//! parts and then over the parts, in a fixed order.

use burn::backend::TensorMetadata;
use burn::tensor::DType;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::columns::PendingSums;
use super::launch::{cubes, dims, element_type, empty, empty_of, rows_and_width};
use super::mask::{Mask, factor, mask_arg, row_elements};
use super::reduce::over_row;
use super::tracked::Operation;
use crate::Dropout;
use crate::dropout::DropoutMask;

/// Units that share a row.
const LANES: u32 = 32;
/// Rows of a cube.
const ROWS: u32 = 8;

#[cube(launch_unchecked)]
fn forward_kernel<F: Float>(
    x: &Tensor<F>,
    branch: &Tensor<F>,
    bias: &Tensor<F>,
    gamma: &Tensor<F>,
    beta: &Tensor<F>,
    y: &mut Tensor<F>,
    z: &mut Tensor<F>,
    statistics: &mut Tensor<f32>,
    mask: &Mask,
    rows: u32,
    width: u32,
    eps: f32,
    #[comptime] has_branch: bool,
    #[comptime] has_bias: bool,
    #[comptime] has_mask: bool,
    #[define(F)] _element: ElemType,
) {
    let mut scratch = Shared::<[f32]>::new_slice(256usize);
    let own = CUBE_POS as u32 * 8u32 + UNIT_POS_Y;
    let is_row = own < rows;
    let row = select(is_row, own, 0u32);
    let first = row * width;
    let mut sum = f32::new(0.0);
    let mut column = UNIT_POS_X;
    while column < width {
        let at = (first + column) as usize;
        let mut value = f32::cast_from(x[at]);
        if has_branch {
            let mut added = f32::cast_from(branch[at]);
            if has_bias {
                added += f32::cast_from(bias[column as usize]);
            }
            if has_mask {
                added *= factor(mask, first + column);
            }
            value += added;
        }
        if is_row && has_branch {
            z[at] = F::cast_from(value);
        }
        sum += value;
        column += 32u32;
    }
    let n = f32::cast_from(width);
    let mean = over_row(sum, &mut scratch, true) / n;
    let mut squares = f32::new(0.0);
    let mut column = UNIT_POS_X;
    while column < width {
        let at = (first + column) as usize;
        let mut value = f32::cast_from(x[at]);
        if has_branch {
            value = f32::cast_from(z[at]);
        }
        squares += (value - mean) * (value - mean);
        column += 32u32;
    }
    let variance = over_row(squares, &mut scratch, true) / n;
    let rstd = 1.0f32 / f32::sqrt(variance + eps);
    if is_row {
        let mut column = UNIT_POS_X;
        while column < width {
            let at = (first + column) as usize;
            let mut value = f32::cast_from(x[at]);
            if has_branch {
                value = f32::cast_from(z[at]);
            }
            let scale = f32::cast_from(gamma[column as usize]);
            let shift = f32::cast_from(beta[column as usize]);
            y[at] = F::cast_from((value - mean) * rstd * scale + shift);
            column += 32u32;
        }
        if UNIT_POS_X == 0u32 {
            statistics[(row * 2u32) as usize] = mean;
            statistics[(row * 2u32 + 1u32) as usize] = rstd;
        }
    }
}

#[cube(launch_unchecked)]
fn backward_kernel<F: Float, O: Float>(
    dy: &Tensor<F>,
    z: &Tensor<F>,
    statistics: &Tensor<f32>,
    gamma: &Tensor<F>,
    dz: &mut Tensor<F>,
    dbranch: &mut Tensor<O>,
    mask: &Mask,
    rows: u32,
    width: u32,
    #[comptime] is_apart: bool,
    #[comptime] has_mask: bool,
    #[define(F)] _element: ElemType,
    #[define(O)] _rounded: ElemType,
) {
    let mut scratch = Shared::<[f32]>::new_slice(256usize);
    let own = CUBE_POS as u32 * 8u32 + UNIT_POS_Y;
    let is_row = own < rows;
    let row = select(is_row, own, 0u32);
    let first = row * width;
    let mean = statistics[(row * 2u32) as usize];
    let rstd = statistics[(row * 2u32 + 1u32) as usize];
    let mut sum = f32::new(0.0);
    let mut product = f32::new(0.0);
    let mut column = UNIT_POS_X;
    while column < width {
        let at = (first + column) as usize;
        let scaled = f32::cast_from(dy[at]) * f32::cast_from(gamma[column as usize]);
        sum += scaled;
        product += scaled * ((f32::cast_from(z[at]) - mean) * rstd);
        column += 32u32;
    }
    let n = f32::cast_from(width);
    let mean_1 = over_row(sum, &mut scratch, true) / n;
    let mean_2 = over_row(product, &mut scratch, true) / n;
    if is_row {
        let mut column = UNIT_POS_X;
        while column < width {
            let at = (first + column) as usize;
            let scaled = f32::cast_from(dy[at]) * f32::cast_from(gamma[column as usize]);
            let normal = (f32::cast_from(z[at]) - mean) * rstd;
            let gradient = (scaled - mean_1 - normal * mean_2) * rstd;
            dz[at] = F::cast_from(gradient);
            if is_apart {
                let mut of_branch = gradient;
                if has_mask {
                    of_branch *= factor(mask, first + column);
                }
                dbranch[at] = O::cast_from(of_branch);
            }
            column += 32u32;
        }
    }
}

/// The sums over parts of the rows of what the gradients of gamma and beta, and of the bias, consist of:
/// `[parts, 3, width]`, or `[parts, 2, width]` without a bias.
#[cube(launch_unchecked)]
fn parameter_kernel<F: Float, O: Float>(
    dy: &Tensor<F>,
    z: &Tensor<F>,
    statistics: &Tensor<f32>,
    dbranch: &Tensor<O>,
    sums: &mut Tensor<F>,
    rows: u32,
    width: u32,
    #[comptime] part_rows: u32,
    #[comptime] has_bias: bool,
    #[define(F)] _element: ElemType,
    #[define(O)] _rounded: ElemType,
) {
    let mut gammas = Shared::<[f32]>::new_slice(256usize);
    let mut betas = Shared::<[f32]>::new_slice(256usize);
    let mut biases = Shared::<[f32]>::new_slice(256usize);
    let column = CUBE_POS_X * 32u32 + UNIT_POS_X;
    let first = CUBE_POS_Y * part_rows;
    let end = u32::min(first + part_rows, rows);
    let mut gamma = f32::new(0.0);
    let mut beta = f32::new(0.0);
    let mut bias = f32::new(0.0);
    if column < width {
        let mut row = first + UNIT_POS_Y;
        while row < end {
            let at = (row * width + column) as usize;
            let gradient = f32::cast_from(dy[at]);
            let mean = statistics[(row * 2u32) as usize];
            let rstd = statistics[(row * 2u32 + 1u32) as usize];
            gamma += gradient * ((f32::cast_from(z[at]) - mean) * rstd);
            beta += gradient;
            if has_bias {
                bias += f32::cast_from(dbranch[at]);
            }
            row += 8u32;
        }
    }
    let own = (UNIT_POS_Y * 32u32 + UNIT_POS_X) as usize;
    gammas[own] = gamma;
    betas[own] = beta;
    biases[own] = bias;
    sync_cube();
    if UNIT_POS_Y == 0u32 && column < width {
        let mut gamma = f32::new(0.0);
        let mut beta = f32::new(0.0);
        let mut bias = f32::new(0.0);
        for lane in 0u32..8u32 {
            let at = (lane * 32u32 + UNIT_POS_X) as usize;
            gamma += gammas[at];
            beta += betas[at];
            bias += biases[at];
        }
        if has_bias {
            let to = CUBE_POS_Y * width * 3u32 + column;
            sums[to as usize] = F::cast_from(gamma);
            sums[(to + width) as usize] = F::cast_from(beta);
            sums[(to + width * 2u32) as usize] = F::cast_from(bias);
        } else {
            let to = CUBE_POS_Y * width * 2u32 + column;
            sums[to as usize] = F::cast_from(gamma);
            sums[(to + width) as usize] = F::cast_from(beta);
        }
    }
}

/// Rows of one part in [`parameter_kernel`].
const PART_ROWS: usize = 128;

/// The branch of a residual connection: a tensor that is added to `x` before it is normalised.
pub(crate) struct Branch {
    /// As large as `x`.
    pub(crate) value: CubeTensor,
    /// Added to each row of it, `[width]`: that of the linear layer whose product it is.
    pub(crate) bias: Option<CubeTensor>,
    pub(crate) dropout: Dropout,
}

/// The saved tensors of a normalisation, for its backward pass.
#[derive(Clone, Debug)]
pub(crate) struct NormState {
    z: CubeTensor,
    /// Mean and reciprocal standard deviation of each row.
    statistics: CubeTensor,
    gamma: CubeTensor,
    mask: Option<DropoutMask>,
    has_bias: bool,
}

/// The gradients of a normalisation.
pub(crate) struct NormGradients {
    /// The gradient of `x`.
    pub(crate) x: CubeTensor,
    /// The gradient of the branch, in the type that was asked for; without a mask that of `x`.
    pub(crate) branch: CubeTensor,
    pub(crate) gamma: CubeTensor,
    pub(crate) beta: CubeTensor,
    /// The gradient of the branch's bias, if it has one.
    pub(crate) bias: Option<CubeTensor>,
}

/// `layer_norm(x)`, or `layer_norm(x + mask * (branch + bias))`.
pub(crate) fn norm(
    x: CubeTensor,
    branch: Option<Branch>,
    gamma: CubeTensor,
    beta: CubeTensor,
    eps: f64,
) -> (CubeTensor, NormState) {
    let x = into_contiguous(x);
    let [rows, width] = rows_and_width(&x);
    assert_eq!(dims(&gamma), [width], "layer norm of width {width} on {:?}", x.shape());
    assert_eq!(dims(&beta), [width], "as many shifts as scales");
    let (gamma, beta) = (into_contiguous(gamma), into_contiguous(beta));
    let mask = branch.as_ref().and_then(|branch| DropoutMask::of(branch.dropout, row_elements(&x)));
    let has_branch = branch.is_some();
    let (value, bias) = branch.map_or((None, None), |Branch { value, bias, .. }| {
        assert_eq!(value.shape(), x.shape(), "a branch has the shape of what it is added to");
        (Some(into_contiguous(value)), bias.map(into_contiguous))
    });
    let y = empty_of(&x, x.shape(), x.dtype);
    let z = if has_branch { empty_of(&x, x.shape(), x.dtype) } else { x.clone() };
    let statistics = empty(&x, [rows, 2]);
    let has_bias = bias.is_some();
    if rows * width > 0 {
        assert!(rows * width < u32::MAX as usize / 2, "elements are counted in 32 bits");
        let dim = CubeDim::new_2d(LANES, ROWS);
        // Without a branch `z` is `x`, which the kernel only reads: a small buffer stands in for it.
        let written = if has_branch { z.clone() } else { empty_of(&x, [1], x.dtype) };
        // SAFETY: units beyond the rows write nothing, and read the first row.
        unsafe {
            forward_kernel::launch_unchecked(
                &x.client.clone(),
                cubes(&x, rows.div_ceil(ROWS as usize), dim),
                dim,
                x.clone().into_tensor_arg(),
                value.unwrap_or_else(|| gamma.clone()).into_tensor_arg(),
                bias.unwrap_or_else(|| gamma.clone()).into_tensor_arg(),
                gamma.clone().into_tensor_arg(),
                beta.into_tensor_arg(),
                y.clone().into_tensor_arg(),
                written.into_tensor_arg(),
                statistics.clone().into_tensor_arg(),
                mask_arg(mask),
                rows as u32,
                width as u32,
                eps as f32,
                has_branch,
                has_bias,
                mask.is_some(),
                element_type(&x),
            );
        }
    }
    (y, NormState { z, statistics, gamma, mask, has_bias })
}

/// The gradients, given that of the value; that of the branch in a type, the others in 32 bits. Those of gamma, beta
/// and bias are among what is `pending`.
pub(crate) fn norm_backward(
    state: NormState,
    dy: CubeTensor,
    of_branch: DType,
    pending: &mut PendingSums,
) -> NormGradients {
    let NormState { z, statistics, gamma, mask, has_bias } = state;
    let dy = into_contiguous(dy);
    let [rows, width] = rows_and_width(&z);
    let dz = empty_of(&dy, z.shape(), dy.dtype);
    let is_apart = mask.is_some() || of_branch != dy.dtype;
    let dbranch = if is_apart { empty_of(&dy, z.shape(), of_branch) } else { dz.clone() };
    let kinds = if has_bias { 3 } else { 2 };
    let parts = rows.div_ceil(PART_ROWS).max(1);
    let sums = empty_of(&dy, [parts, kinds, width], dy.dtype);
    if rows * width == 0 {
        let zeros = |n| super::columns::zeros(&dy, n);
        let bias = has_bias.then(|| zeros(width));
        return NormGradients { x: dz, branch: dbranch, gamma: zeros(width), beta: zeros(width), bias };
    }
    let dim = CubeDim::new_2d(LANES, ROWS);
    let written = if is_apart { dbranch.clone() } else { empty_of(&dy, [1], dy.dtype) };
    // SAFETY: units beyond the rows write nothing, and read the first row.
    unsafe {
        backward_kernel::launch_unchecked(
            &dy.client.clone(),
            cubes(&dy, rows.div_ceil(ROWS as usize), dim),
            dim,
            dy.clone().into_tensor_arg(),
            z.clone().into_tensor_arg(),
            statistics.clone().into_tensor_arg(),
            gamma.into_tensor_arg(),
            dz.clone().into_tensor_arg(),
            written.into_tensor_arg(),
            mask_arg(mask),
            rows as u32,
            width as u32,
            is_apart,
            mask.is_some(),
            element_type(&dy),
            element_type(&dbranch),
        );
    }
    // SAFETY: units beyond the rows and columns do nothing.
    unsafe {
        parameter_kernel::launch_unchecked(
            &dy.client.clone(),
            CubeCount::Static((width as u32).div_ceil(LANES), parts as u32, 1),
            dim,
            dy.clone().into_tensor_arg(),
            z.into_tensor_arg(),
            statistics.into_tensor_arg(),
            dbranch.clone().into_tensor_arg(),
            sums.clone().into_tensor_arg(),
            rows as u32,
            width as u32,
            PART_ROWS as u32,
            has_bias,
            element_type(&dy),
            element_type(&dbranch),
        );
    }
    let (gamma, beta, bias) = if has_bias {
        let [gamma, beta, bias] = pending.apart(&sums, parts, width, [width]);
        (gamma, beta, Some(bias))
    } else {
        let [gamma, beta] = pending.apart(&sums, parts, width, [width]);
        (gamma, beta, None)
    };
    NormGradients { x: dz, branch: dbranch, gamma, beta, bias }
}

/// The operation [`crate::layer_norm`], of `x`, gamma and beta.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LayerNorm {
    pub(crate) eps: f64,
}

impl Operation<3> for LayerNorm {
    type State = NormState;

    fn forward(&self, [x, gamma, beta]: [CubeTensor; 3]) -> (CubeTensor, NormState) {
        norm(x, None, gamma, beta, self.eps)
    }

    fn backward(&self, state: NormState, dy: CubeTensor, _: [bool; 3]) -> [Option<CubeTensor>; 3] {
        let NormGradients { x, gamma, beta, .. } =
            PendingSums::together(|sums| norm_backward(state, dy, DType::F32, sums));
        [Some(x), Some(gamma), Some(beta)]
    }
}

/// The operation [`crate::residual_layer_norm`], of `x`, the branch, gamma and beta.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ResidualLayerNorm {
    pub(crate) dropout: Dropout,
    pub(crate) eps: f64,
}

impl Operation<4> for ResidualLayerNorm {
    type State = NormState;

    fn forward(&self, [x, value, gamma, beta]: [CubeTensor; 4]) -> (CubeTensor, NormState) {
        let branch = Branch { value, bias: None, dropout: self.dropout };
        norm(x, Some(branch), gamma, beta, self.eps)
    }

    fn backward(&self, state: NormState, dy: CubeTensor, _: [bool; 4]) -> [Option<CubeTensor>; 4] {
        let NormGradients { x, branch, gamma, beta, .. } =
            PendingSums::together(|sums| norm_backward(state, dy, DType::F32, sums));
        [Some(x), Some(branch), Some(gamma), Some(beta)]
    }
}
