//! Linear layers: `y = x W + b`, with or without gelu, and logits tied to an embedding table.

use burn::backend::TensorMetadata;
use burn::tensor::{DType, Shape};
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::columns::PendingSums;
use super::gelu::{gelu, gelu_backward};
use super::launch::{dims, element_type, elements, per_element, reshaped, rows_and_width};
use super::product::{operand, operand_type, product, product_over_rows, transposed};
use super::tracked::Operation;
use crate::Precision;

#[cube(launch_unchecked)]
fn bias_kernel<F: Float>(
    y: &mut Tensor<F>,
    bias: &Tensor<F>,
    n: u32,
    width: u32,
    #[define(F)] _element: ElemType,
) {
    let at = ABSOLUTE_POS;
    if at < n as usize {
        y[at] += bias[(at as u32 % width) as usize];
    }
}

/// Adds `bias [width]` to each row of a buffer that nobody else holds.
fn add_bias(y: CubeTensor, bias: &CubeTensor) -> CubeTensor {
    let (n, [_, width]) = (elements(&y), rows_and_width(&y));
    if n > 0 {
        let (count, dim) = per_element(&y, n);
        // SAFETY: units beyond the `n` elements do nothing; the bias has `width` of them.
        unsafe {
            bias_kernel::launch_unchecked(
                &y.client.clone(),
                count,
                dim,
                y.clone().into_tensor_arg(),
                bias.clone().into_tensor_arg(),
                n as u32,
                width as u32,
                element_type(&y),
            );
        }
    }
    y
}

#[cube(launch_unchecked)]
fn add_kernel<F: Float>(y: &mut Tensor<F>, x: &Tensor<F>, n: u32, #[define(F)] _element: ElemType) {
    let at = ABSOLUTE_POS;
    if at < n as usize {
        y[at] += x[at];
    }
}

/// Adds `x` to a buffer of as many elements that nobody else holds.
pub(crate) fn added(y: CubeTensor, x: &CubeTensor) -> CubeTensor {
    let n = elements(&y);
    assert_eq!(n, elements(x), "as many elements");
    if n > 0 {
        let (count, dim) = per_element(&y, n);
        // SAFETY: units beyond the `n` elements of both buffers do nothing.
        unsafe {
            add_kernel::launch_unchecked(
                &y.client.clone(),
                count,
                dim,
                y.clone().into_tensor_arg(),
                x.clone().into_tensor_arg(),
                n as u32,
                element_type(&y),
            );
        }
    }
    y
}

/// The saved tensors of a linear layer, for its backward pass: the operands of its product.
#[derive(Clone, Debug)]
pub(crate) struct LinearState {
    /// `[rows, I]`.
    x: CubeTensor,
    weight: CubeTensor,
    /// The shape of the layer's input.
    shape: Shape,
    precision: Precision,
}

impl LinearState {
    pub(crate) fn new(x: CubeTensor, weight: CubeTensor, precision: Precision) -> Self {
        let (shape, [rows, width]) = (x.shape(), rows_and_width(&x));
        let [inputs, _] = dims(&weight);
        assert_eq!(width, inputs, "linear map of {inputs} inputs on {shape:?}");
        let x = operand(reshaped(into_contiguous(x), [rows, width]), precision);
        Self { x, weight: operand(into_contiguous(weight), precision), shape, precision }
    }

    /// `x W`, `[rows, O]`.
    pub(crate) fn product(&self) -> CubeTensor {
        product(self.x.clone(), self.weight.clone(), self.precision)
    }

    /// The shape of the layer's output.
    pub(crate) fn output_shape(&self) -> Shape {
        let mut shape = self.shape.clone();
        let rank = shape.num_dims();
        shape[rank - 1] = dims::<2>(&self.weight)[1];
        shape
    }

    /// The gradient of `x`, in its shape, given that of the product in the type of operands.
    pub(crate) fn of_input(&self, dy: CubeTensor) -> CubeTensor {
        let dx = product(dy, transposed(self.weight.clone()), self.precision);
        reshaped(dx, self.shape.clone())
    }

    /// The gradient of the weight, one of the `sums`, given that of the product in the type of operands.
    pub(crate) fn of_weight(&self, dy: CubeTensor, sums: &mut PendingSums) -> CubeTensor {
        product_over_rows(self.x.clone(), dy, self.precision, sums)
    }

    /// The gradients of `x`, the weight and the bias that are wanted.
    fn backward(&self, dy: CubeTensor, [x, weight, bias]: [bool; 3]) -> [Option<CubeTensor>; 3] {
        let [rows, outputs] = dims(&dy);
        let rounded = operand(dy.clone(), self.precision);
        PendingSums::together(|sums| {
            [
                x.then(|| self.of_input(rounded.clone())),
                weight.then(|| self.of_weight(rounded.clone(), sums)),
                bias.then(|| sums.of_columns(&dy, rows, outputs)),
            ]
        })
    }
}

fn checked_bias(bias: CubeTensor, weight: &CubeTensor) -> CubeTensor {
    assert_eq!(dims(&bias), [dims::<2>(weight)[1]], "one bias per output");
    into_contiguous(bias)
}

/// The operation [`crate::linear`], of `x`, weight and bias.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Linear(pub(crate) Precision);

impl Operation<3> for Linear {
    type State = LinearState;

    fn forward(&self, [x, weight, bias]: [CubeTensor; 3]) -> (CubeTensor, LinearState) {
        let state = LinearState::new(x, weight, self.0);
        let bias = checked_bias(bias, &state.weight);
        let y = add_bias(state.product(), &bias);
        (reshaped(y, state.output_shape()), state)
    }

    fn backward(&self, state: LinearState, dy: CubeTensor, wanted: [bool; 3]) -> [Option<CubeTensor>; 3] {
        let dy = into_contiguous(dy);
        let [rows, outputs] = rows_and_width(&dy);
        state.backward(reshaped(dy, [rows, outputs]), wanted)
    }
}

/// The operation [`crate::linear_gelu`], of `x`, weight and bias.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LinearGelu(pub(crate) Precision);

/// The saved tensors of a linear layer with gelu, for its backward pass.
#[derive(Clone, Debug)]
pub(crate) struct LinearGeluState {
    pub(crate) linear: LinearState,
    /// `x W`, `[rows, O]`.
    product: CubeTensor,
    bias: CubeTensor,
}

impl LinearGeluState {
    /// `gelu(x W + b)` in a type, `[rows, O]`, and what the backward pass needs.
    pub(crate) fn forward(
        x: CubeTensor,
        weight: CubeTensor,
        bias: CubeTensor,
        precision: Precision,
        dtype: DType,
    ) -> (CubeTensor, Self) {
        let linear = LinearState::new(x, weight, precision);
        let bias = checked_bias(bias, &linear.weight);
        let product = linear.product();
        (gelu(&product, Some(&bias), dtype), Self { linear, product, bias })
    }

    /// The gradient of `x W + b` in the type of operands, `[rows, O]`.
    pub(crate) fn of_product(&self, dy: CubeTensor) -> CubeTensor {
        gelu_backward(&self.product, Some(&self.bias), dy, operand_type(self.linear.precision))
    }
}

impl Operation<3> for LinearGelu {
    type State = LinearGeluState;

    fn forward(&self, [x, weight, bias]: [CubeTensor; 3]) -> (CubeTensor, LinearGeluState) {
        let (y, state) = LinearGeluState::forward(x, weight, bias, self.0, DType::F32);
        (reshaped(y, state.linear.output_shape()), state)
    }

    fn backward(&self, state: LinearGeluState, dy: CubeTensor, wanted: [bool; 3]) -> [Option<CubeTensor>; 3] {
        let dproduct = state.of_product(dy);
        state.linear.backward(dproduct, wanted)
    }
}

/// The operation [`crate::tied_logits`], of `h [M, E]`, the table `[V, E]` and the bias `[V]`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TiedLogits(pub(crate) Precision);

impl Operation<3> for TiedLogits {
    /// `h` and the table, as operands.
    type State = [CubeTensor; 2];

    fn forward(&self, [h, table, bias]: [CubeTensor; 3]) -> (CubeTensor, Self::State) {
        let ([_, e], [v, width]) = (dims(&h), dims(&table));
        assert_eq!(e, width, "hidden states of width {e} for a table of width {width}");
        assert_eq!(dims(&bias), [v], "one bias per entry of the vocabulary");
        let [h, table] = [h, table].map(|x| operand(into_contiguous(x), self.0));
        let logits = product(h.clone(), transposed(table.clone()), self.0);
        (add_bias(logits, &into_contiguous(bias)), [h, table])
    }

    fn backward(
        &self,
        [h, table]: Self::State,
        dy: CubeTensor,
        [of_h, of_table, of_bias]: [bool; 3],
    ) -> [Option<CubeTensor>; 3] {
        let dy = into_contiguous(dy);
        let [rows, vocabulary] = dims(&dy);
        let rounded = operand(dy.clone(), self.0);
        PendingSums::together(|sums| {
            [
                of_h.then(|| product(rounded.clone(), table, self.0)),
                of_table.then(|| product_over_rows(rounded, h, self.0, sums)),
                of_bias.then(|| sums.of_columns(&dy, rows, vocabulary)),
            ]
        })
    }
}
