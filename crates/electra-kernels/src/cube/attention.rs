//! Multi-head scaled dot-product attention on `[rows, 3H]` products for queries, keys and values side by side.
//!
//! Heads are split apart, `[B, A, S, D]`, while the biases of the projections are added, and put together again
//! afterwards; what lies between is products of batches. The mask of the probabilities is drawn again in the
//! backward pass.

use burn::backend::ops::FloatTensorOps;
use burn::tensor::Shape;
use burn_cubecl::CubeBackend;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::launch::{cubes, element_type, elements, empty, empty_of, per_element, reshaped};
use super::mask::{Mask, factor, mask_arg};
use super::product::{operand, operand_type, product, transposed};
use super::reduce::over_row;
use crate::dropout::DropoutMask;
use crate::{Dropout, Precision};

/// Units that share a row of scores.
const LANES: u32 = 32;
/// Rows of a cube.
const ROWS: u32 = 8;

/// The sizes of an attention, and what it drops.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attention {
    batch: usize,
    sequence: usize,
    hidden: usize,
    heads: usize,
    mask: Option<DropoutMask>,
    precision: Precision,
}

/// Splits parts of `[B * S, parts * H]` into `[B, A, S, D]` each, and adds a bias to each.
#[cube(launch_unchecked)]
fn split_kernel<F: Float, O: Float>(
    x: &Tensor<F>,
    bias_0: &Tensor<F>,
    bias_1: &Tensor<F>,
    bias_2: &Tensor<F>,
    y_0: &mut Tensor<O>,
    y_1: &mut Tensor<O>,
    y_2: &mut Tensor<O>,
    n: u32,
    sequence: u32,
    heads: u32,
    width: u32,
    #[comptime] is_projection: bool,
    #[define(F)] _element: ElemType,
    #[define(O)] _rounded: ElemType,
) {
    // The place in each of the results.
    let at = ABSOLUTE_POS as u32;
    if at < n {
        let column = at % width;
        let row = at / width % sequence;
        let head = at / (width * sequence) % heads;
        let batch = at / (width * sequence * heads);
        let hidden = heads * width;
        let of_head = head * width + column;
        if is_projection {
            let from = (batch * sequence + row) * hidden * 3u32 + of_head;
            y_0[at as usize] = O::cast_from(x[from as usize] + bias_0[of_head as usize]);
            y_1[at as usize] = O::cast_from(x[(from + hidden) as usize] + bias_1[of_head as usize]);
            y_2[at as usize] = O::cast_from(x[(from + hidden * 2u32) as usize] + bias_2[of_head as usize]);
        } else {
            let from = (batch * sequence + row) * hidden + of_head;
            y_0[at as usize] = O::cast_from(x[from as usize]);
        }
    }
}

/// Puts heads `[B, A, S, D]` together: one part to `[B * S, H]`, or three side by side to `[B * S, 3H]`.
#[cube(launch_unchecked)]
fn merge_kernel<F: Float, O: Float>(
    x_0: &Tensor<F>,
    x_1: &Tensor<F>,
    x_2: &Tensor<F>,
    y: &mut Tensor<O>,
    n: u32,
    sequence: u32,
    heads: u32,
    width: u32,
    #[comptime] parts: u32,
    #[define(F)] _element: ElemType,
    #[define(O)] _rounded: ElemType,
) {
    // The place in each of the operands.
    let at = ABSOLUTE_POS as u32;
    if at < n {
        let column = at % width;
        let row = at / width % sequence;
        let head = at / (width * sequence) % heads;
        let batch = at / (width * sequence * heads);
        let hidden = heads * width;
        let to = (batch * sequence + row) * hidden * parts + head * width + column;
        y[to as usize] = O::cast_from(x_0[at as usize]);
        if parts == 3u32 {
            y[(to + hidden) as usize] = O::cast_from(x_1[at as usize]);
            y[(to + hidden * 2u32) as usize] = O::cast_from(x_2[at as usize]);
        }
    }
}

/// `p = softmax(scale * score + bias)` of each row, and `masked = mask * p`.
#[cube(launch_unchecked)]
fn softmax_kernel<F: Float, O: Float>(
    scores: &Tensor<F>,
    key_bias: &Tensor<F>,
    p: &mut Tensor<O>,
    masked: &mut Tensor<O>,
    mask: &Mask,
    rows: u32,
    sequence: u32,
    heads: u32,
    scale: f32,
    #[comptime] has_mask: bool,
    #[define(F)] _element: ElemType,
    #[define(O)] _rounded: ElemType,
) {
    let mut scratch = Shared::<[f32]>::new_slice(256usize);
    let own = CUBE_POS as u32 * 8u32 + UNIT_POS_Y;
    let is_row = own < rows;
    let row = select(is_row, own, 0u32);
    let first = row * sequence;
    let of_keys = row / (sequence * heads) * sequence;
    let mut largest = f32::new(-3.0e38);
    let mut column = UNIT_POS_X;
    while column < sequence {
        let score = f32::cast_from(scores[(first + column) as usize]) * scale
            + f32::cast_from(key_bias[(of_keys + column) as usize]);
        largest = f32::max(largest, score);
        column += 32u32;
    }
    let largest = over_row(largest, &mut scratch, false);
    let mut sum = f32::new(0.0);
    let mut column = UNIT_POS_X;
    while column < sequence {
        let score = f32::cast_from(scores[(first + column) as usize]) * scale
            + f32::cast_from(key_bias[(of_keys + column) as usize]);
        sum += f32::exp(score - largest);
        column += 32u32;
    }
    let normaliser = 1.0f32 / over_row(sum, &mut scratch, true);
    if is_row {
        let mut column = UNIT_POS_X;
        while column < sequence {
            let at = (first + column) as usize;
            let score =
                f32::cast_from(scores[at]) * scale + f32::cast_from(key_bias[(of_keys + column) as usize]);
            let probability = f32::exp(score - largest) * normaliser;
            p[at] = O::cast_from(probability);
            if has_mask {
                masked[at] = O::cast_from(probability * factor(mask, first + column));
            }
            column += 32u32;
        }
    }
}

/// The gradient of the products `Q K^T`: `scale * p * (dp - sum(dp * p))` with `dp = mask * dmasked`.
#[cube(launch_unchecked)]
fn softmax_backward_kernel<F: Float, O: Float>(
    dmasked: &Tensor<F>,
    p: &Tensor<O>,
    dscores: &mut Tensor<O>,
    mask: &Mask,
    rows: u32,
    sequence: u32,
    scale: f32,
    #[comptime] has_mask: bool,
    #[define(F)] _element: ElemType,
    #[define(O)] _rounded: ElemType,
) {
    let mut scratch = Shared::<[f32]>::new_slice(256usize);
    let own = CUBE_POS as u32 * 8u32 + UNIT_POS_Y;
    let is_row = own < rows;
    let row = select(is_row, own, 0u32);
    let first = row * sequence;
    let mut sum = f32::new(0.0);
    let mut column = UNIT_POS_X;
    while column < sequence {
        let at = (first + column) as usize;
        let mut dp = f32::cast_from(dmasked[at]);
        if has_mask {
            dp *= factor(mask, first + column);
        }
        sum += dp * f32::cast_from(p[at]);
        column += 32u32;
    }
    let mean = over_row(sum, &mut scratch, true);
    if is_row {
        let mut column = UNIT_POS_X;
        while column < sequence {
            let at = (first + column) as usize;
            let mut dp = f32::cast_from(dmasked[at]);
            if has_mask {
                dp *= factor(mask, first + column);
            }
            dscores[at] = O::cast_from(scale * f32::cast_from(p[at]) * (dp - mean));
            column += 32u32;
        }
    }
}

/// The saved tensors of an attention, for its backward pass: operands of its products.
#[derive(Clone, Debug)]
pub(crate) struct AttentionState {
    query: CubeTensor,
    key: CubeTensor,
    value: CubeTensor,
    /// The probabilities, and the same after dropout.
    p: CubeTensor,
    masked: CubeTensor,
}

impl Attention {
    /// On hidden states of `[B, S, H]`.
    pub(crate) fn new(
        [batch, sequence, hidden]: [usize; 3],
        heads: usize,
        dropout: Dropout,
        precision: Precision,
    ) -> Self {
        assert!(
            heads > 0 && hidden.is_multiple_of(heads),
            "{heads} heads do not divide a hidden size of {hidden}"
        );
        let mask = DropoutMask::of(dropout, heads * sequence * sequence);
        Self { batch, sequence, hidden, heads, mask, precision }
    }

    fn width(self) -> usize {
        self.hidden / self.heads
    }

    fn scale(self) -> f32 {
        1.0 / (self.width() as f32).sqrt()
    }

    /// An operand that is not written yet.
    fn empty_operand(self, like: &CubeTensor, shape: impl Into<Shape>) -> CubeTensor {
        empty_of(like, shape, operand_type(self.precision))
    }

    fn product(self, a: CubeTensor, b: CubeTensor) -> CubeTensor {
        product(a, b, self.precision)
    }

    /// Heads of `[B * S, 3H]` and their biases, or of `[B * S, H]` alone, as operands.
    fn split(self, x: &CubeTensor, biases: Option<[CubeTensor; 3]>) -> [CubeTensor; 3] {
        let is_projection = biases.is_some();
        let of_heads = [self.batch * self.heads, self.sequence, self.width()];
        let of_others = if is_projection { of_heads } else { [1; 3] };
        let [first, second, third] =
            [of_heads, of_others, of_others].map(|shape| self.empty_operand(x, shape));
        let n = elements(&first);
        if n > 0 {
            let (count, dim) = per_element(x, n);
            let [b0, b1, b2] = biases.unwrap_or_else(|| [x.clone(), x.clone(), x.clone()]);
            // SAFETY: units beyond the `n` elements of a result do nothing; the second and third result are
            // written where they have room.
            unsafe {
                split_kernel::launch_unchecked(
                    &x.client.clone(),
                    count,
                    dim,
                    x.clone().into_tensor_arg(),
                    b0.into_tensor_arg(),
                    b1.into_tensor_arg(),
                    b2.into_tensor_arg(),
                    first.clone().into_tensor_arg(),
                    second.clone().into_tensor_arg(),
                    third.clone().into_tensor_arg(),
                    n as u32,
                    self.sequence as u32,
                    self.heads as u32,
                    self.width() as u32,
                    is_projection,
                    element_type(x),
                    element_type(&first),
                );
            }
        }
        [first, second, third]
    }

    /// Heads put together, as an operand: `[B * S, parts * H]`.
    fn merge(self, parts: &[CubeTensor]) -> CubeTensor {
        // With one part all three operands are the same, and only the first is read.
        let [first, middle, last] = [0, parts.len() / 2, parts.len() - 1].map(|part| &parts[part]);
        let y = self.empty_operand(first, [self.batch * self.sequence, parts.len() * self.hidden]);
        let n = elements(first);
        if n > 0 {
            let (count, dim) = per_element(first, n);
            // SAFETY: units beyond the `n` elements of an operand do nothing.
            unsafe {
                merge_kernel::launch_unchecked(
                    &first.client.clone(),
                    count,
                    dim,
                    first.clone().into_tensor_arg(),
                    middle.clone().into_tensor_arg(),
                    last.clone().into_tensor_arg(),
                    y.clone().into_tensor_arg(),
                    n as u32,
                    self.sequence as u32,
                    self.heads as u32,
                    self.width() as u32,
                    parts.len() as u32,
                    element_type(first),
                    element_type(&y),
                );
            }
        }
        y
    }

    /// Cubes for the rows of all scores.
    fn per_row(self, x: &CubeTensor) -> (usize, CubeCount, CubeDim) {
        let rows = self.batch * self.heads * self.sequence;
        let dim = CubeDim::new_2d(LANES, ROWS);
        (rows, cubes(x, rows.div_ceil(ROWS as usize), dim), dim)
    }

    /// The context `[B * S, H]` of the products for queries, keys and values, `[B * S, 3H]`, their biases
    /// `[H]` each, and a bias for each key, `[B, S]`.
    pub(crate) fn forward(
        self,
        projected: &CubeTensor,
        biases: [CubeTensor; 3],
        key_bias: CubeTensor,
    ) -> (CubeTensor, AttentionState) {
        let [query, key, value] = self.split(projected, Some(biases));
        let scores = self.product(query.clone(), transposed(key.clone()));
        let shape = [self.batch * self.heads, self.sequence, self.sequence];
        let p = self.empty_operand(projected, shape);
        let has_mask = self.mask.is_some();
        let masked = if has_mask { self.empty_operand(projected, shape) } else { p.clone() };
        let (rows, count, dim) = self.per_row(projected);
        if rows > 0 {
            let written = if has_mask { masked.clone() } else { self.empty_operand(projected, [1]) };
            // SAFETY: units beyond the rows write nothing, and read the first row.
            unsafe {
                softmax_kernel::launch_unchecked(
                    &projected.client.clone(),
                    count,
                    dim,
                    scores.into_tensor_arg(),
                    key_bias.into_tensor_arg(),
                    p.clone().into_tensor_arg(),
                    written.into_tensor_arg(),
                    mask_arg(self.mask),
                    rows as u32,
                    self.sequence as u32,
                    self.heads as u32,
                    self.scale(),
                    has_mask,
                    element_type(projected),
                    element_type(&p),
                );
            }
        }
        let context = self.merge(&[self.product(masked.clone(), value.clone())]);
        (context, AttentionState { query, key, value, p, masked })
    }

    /// The gradient of the biased products for queries, keys and values, `[B * S, 3H]`, given that of the
    /// context; and that of the bias of the keys, `[B, S]`, if it is wanted.
    pub(crate) fn backward(
        self,
        state: AttentionState,
        dcontext: &CubeTensor,
        of_key_bias: bool,
    ) -> (CubeTensor, Option<CubeTensor>) {
        let AttentionState { query, key, value, p, masked } = state;
        let [dcontext, ..] = self.split(dcontext, None);
        let dvalue = self.product(transposed(masked), dcontext.clone());
        let dmasked = self.product(dcontext, transposed(value));
        let dscores = empty_of(&p, p.meta.shape().clone(), p.dtype);
        let of_gradient = element_type(&dmasked);
        let (rows, count, dim) = self.per_row(&p);
        if rows > 0 {
            // SAFETY: units beyond the rows write nothing, and read the first row.
            unsafe {
                softmax_backward_kernel::launch_unchecked(
                    &p.client.clone(),
                    count,
                    dim,
                    dmasked.into_tensor_arg(),
                    p.clone().into_tensor_arg(),
                    dscores.clone().into_tensor_arg(),
                    mask_arg(self.mask),
                    rows as u32,
                    self.sequence as u32,
                    self.scale(),
                    self.mask.is_some(),
                    of_gradient,
                    element_type(&p),
                );
            }
        }
        let dkey_bias = of_key_bias.then(|| self.key_bias_gradient(dscores.clone()));
        let dquery = self.product(dscores.clone(), key);
        let dkey = self.product(transposed(dscores), query);
        (self.merge(&[dquery, dkey, dvalue]), dkey_bias)
    }

    /// The sums over heads and queries of the gradients of the scores, which are those of the products divided
    /// by their scale.
    fn key_bias_gradient(self, dproducts: CubeTensor) -> CubeTensor {
        let Self { batch, sequence, heads, .. } = self;
        if batch * sequence == 0 {
            return empty(&dproducts, [batch, sequence]);
        }
        let dproducts = operand(dproducts, Precision::F32);
        let of_keys = reshaped(dproducts, [batch, heads * sequence, sequence]);
        let sums = into_contiguous(CubeBackend::float_sum_dim(of_keys, 1));
        let sums = CubeBackend::float_div_scalar(sums, self.scale().into());
        reshaped(into_contiguous(sums), [batch, sequence])
    }
}
