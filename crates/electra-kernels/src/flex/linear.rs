//! Linear layers (affine maps), alone and with a gelu behind them.
//!
//! `y = x W + b`; `dW = x^T dy`, `dx = dy W^T`, `db` the column sums of `dy`. Transposes are
//! strides, never copies.

use burn::backend::autodiff::{
    NodeId,
    checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
    grads::Gradients,
    ops::{Backward, Ops, OpsKind},
};
use burn::backend::{Autodiff, Flex, tensor::FloatTensor};
use burn::tensor::Shape;
use burn_flex::FlexTensor;

use super::activation::{gelu_and_slope, gelu_in_place, multiply};
use super::buffer::{SharedSlice, assume_init, uninit};
use super::element::Element;
use super::gemm::{Matrix, Product};
use super::simd::vectorised;
use super::storage::{contiguous, dims, exclusive, tensor, values, values_mut, zeros};
use crate::Precision;
use crate::workers::{chunks, chunks_mut, map_parts};

/// Rows of one parallel task in the passes over an activation.
const ROWS: usize = 32;

vectorised! {
    /// Adds the bias to each row.
    pub(crate) fn add_bias<const FMA: bool>(rows: &mut [f32], bias: &[f32]) {
        for row in rows.chunks_exact_mut(bias.len()) {
            for (y, b) in row.iter_mut().zip(bias) {
                *y += b;
            }
        }
    }

    /// Adds the rows to `sums`.
    pub(crate) fn add_columns<const FMA: bool, T: Element>(sums: &mut [f32], rows: &[T]) {
        for row in rows.chunks_exact(sums.len()) {
            for (sum, x) in sums.iter_mut().zip(row) {
                *sum += x.to_f32();
            }
        }
    }
}

/// The sum of partial sums, in the order of their chunks.
pub(crate) fn sum_of_partials(partials: Vec<Vec<f32>>, width: usize) -> Vec<f32> {
    let mut partials = partials.into_iter();
    let mut total = partials.next().unwrap_or_else(|| zeros(width));
    partials.for_each(|partial| add_columns(&mut total, partial.as_slice()));
    total
}

/// The column sums of `x [.., width]`.
pub(crate) fn column_sums<T: Element>(x: &[T], width: usize) -> Vec<f32> {
    let partials = map_parts(chunks(x, ROWS * width), |_, rows| {
        let mut sums = zeros(width);
        add_columns(&mut sums, rows);
        sums
    });
    sum_of_partials(partials, width)
}

/// A linear layer: weight and bias, contiguous.
#[derive(Clone, Debug)]
pub(crate) struct LinearLayer {
    weight: FlexTensor,
    bias: FlexTensor,
}

impl LinearLayer {
    /// The layer with a weight `[inputs, outputs]` and a bias `[outputs]`.
    pub(crate) fn new(weight: FlexTensor, bias: FlexTensor) -> Self {
        let ([_, outputs], biases) = (dims(&weight), dims(&bias));
        assert_eq!(biases, [outputs], "one bias per output");
        Self { weight: contiguous(weight), bias: contiguous(bias) }
    }

    /// The numbers of inputs and outputs.
    pub(crate) fn sizes(&self) -> [usize; 2] {
        dims(&self.weight)
    }

    /// The weight as a matrix `[inputs, outputs]`.
    pub(crate) fn weight(&self) -> Matrix<'_> {
        let [inputs, outputs] = self.sizes();
        Matrix::new(values(&self.weight), inputs, outputs, outputs)
    }

    /// The elements of the weight, row by row.
    pub(crate) fn weight_elements(&self) -> &[f32] {
        values(&self.weight)
    }

    /// The elements of the bias.
    pub(crate) fn bias(&self) -> &[f32] {
        values(&self.bias)
    }
}

/// The operands of `x W`, contiguous.
#[derive(Clone, Debug)]
struct Operands {
    x: FlexTensor,
    weight: FlexTensor,
    precision: Precision,
}

impl Operands {
    fn new(x: FlexTensor, weight: FlexTensor, precision: Precision) -> Self {
        Self { x: contiguous(x), weight: contiguous(weight), precision }
    }

    /// `[rows, inputs, outputs]`.
    fn sizes(&self) -> [usize; 3] {
        let [inputs, outputs] = dims(&self.weight);
        [self.x.layout().num_elements() / inputs.max(1), inputs, outputs]
    }

    fn matrices(&self) -> (Matrix<'_>, Matrix<'_>) {
        let [rows, inputs, outputs] = self.sizes();
        (
            Matrix::new(values(&self.x), rows, inputs, inputs),
            Matrix::new(values(&self.weight), inputs, outputs, outputs),
        )
    }

    fn output_shape(&self) -> Shape {
        let mut shape = self.x.layout().shape().clone();
        let last = shape.num_dims() - 1;
        let [_, inputs, outputs] = self.sizes();
        assert_eq!(shape[last], inputs, "linear map of {inputs} inputs on {shape:?}");
        shape[last] = outputs;
        shape
    }

    /// `finish(x W + b)` in a new buffer. `finish` is given pieces of rows and the place of each
    /// in the buffer; each place comes once.
    fn affine(&self, bias: FlexTensor, finish: impl Fn(usize, &mut [f32]) + Sync) -> Vec<f32> {
        let [rows, _, outputs] = self.sizes();
        let bias = contiguous(bias);
        assert_eq!(dims(&bias), [outputs], "one bias per output");
        let bias = values(&bias);
        let (x, weight) = self.matrices();
        let y = Product::new(x, weight, self.precision).to_vec_then(|row, column, y| {
            add_bias(y, &bias[column..][..y.len()]);
            finish(row * outputs + column, y);
        });
        assert_eq!(y.len(), rows * outputs, "results of {rows} rows");
        y
    }

    /// Registers `dW` and `dx` for the gradient `dy` of `x W`.
    fn backward(
        &self,
        dy: &FlexTensor,
        x_node: Option<NodeId>,
        weight_node: Option<NodeId>,
        grads: &mut Gradients,
    ) {
        let [rows, inputs, outputs] = self.sizes();
        let (x, weight) = self.matrices();
        let dy = Matrix::new(values(dy), rows, outputs, outputs);
        if let Some(node) = weight_node {
            let dw = Product::new(x.transposed(), dy, self.precision).to_vec();
            grads.register::<Flex>(node, tensor(dw, [inputs, outputs]));
        }
        if let Some(node) = x_node {
            let dx = Product::new(dy, weight.transposed(), self.precision).to_vec();
            grads.register::<Flex>(node, tensor(dx, self.x.layout().shape().clone()));
        }
    }
}

fn forward(operands: &Operands, bias: FlexTensor) -> FlexTensor {
    let shape = operands.output_shape();
    tensor(operands.affine(bias, |_, _| {}), shape)
}

/// The linear layer `x W + b`.
pub(crate) fn linear(
    x: FlexTensor,
    weight: FlexTensor,
    bias: FlexTensor,
    precision: Precision,
) -> FlexTensor {
    forward(&Operands::new(x, weight, precision), bias)
}

#[derive(Debug)]
struct Linear;

impl Backward<Flex, 3> for Linear {
    type State = Operands;

    fn backward(self, ops: Ops<Operands, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let [x, weight, bias] = ops.parents;
        let dy = contiguous(grads.consume::<Flex>(&ops.node));
        let [_, _, outputs] = ops.state.sizes();
        if let Some(node) = bias {
            let db = column_sums(values(&dy), outputs);
            grads.register::<Flex>(node.id, tensor(db, [outputs]));
        }
        ops.state.backward(&dy, x.map(|n| n.id), weight.map(|n| n.id), grads);
    }
}

/// `linear(x)` with its gradient.
pub(crate) fn tracked_linear<C: CheckpointStrategy>(
    x: FloatTensor<Autodiff<Flex, C>>,
    weight: FloatTensor<Autodiff<Flex, C>>,
    bias: FloatTensor<Autodiff<Flex, C>>,
    precision: Precision,
) -> FloatTensor<Autodiff<Flex, C>> {
    let guards = [x.node(), weight.node(), bias.node()];
    let operands = Operands::new(x.into_primitive(), weight.into_primitive(), precision);
    let y = forward(&operands, bias.into_primitive());
    match Linear.prepare::<C>(guards).compute_bound().stateful() {
        OpsKind::Tracked(prep) => prep.finish(operands, y),
        OpsKind::UnTracked(prep) => prep.finish(y),
    }
}

/// The linear layer with gelu, `gelu(x W + b)`.
pub(crate) fn linear_gelu(
    x: FlexTensor,
    weight: FlexTensor,
    bias: FlexTensor,
    precision: Precision,
) -> FlexTensor {
    let operands = Operands::new(x, weight, precision);
    let shape = operands.output_shape();
    tensor(operands.affine(bias, |_, u| gelu_in_place(u)), shape)
}

/// The state that the backward pass of `gelu(x W + b)` needs.
#[derive(Clone, Debug)]
struct LinearGeluState {
    operands: Operands,
    /// The derivative of gelu at `x W + b`: one product in the backward pass instead of an
    /// exponential, in the memory that the pre-activation would take.
    slope: FlexTensor,
}

#[derive(Debug)]
struct LinearGelu;

impl Backward<Flex, 3> for LinearGelu {
    type State = LinearGeluState;

    fn backward(self, ops: Ops<LinearGeluState, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let [x, weight, bias] = ops.parents;
        let mut du = exclusive(grads.consume::<Flex>(&ops.node));
        let LinearGeluState { operands, slope } = ops.state;
        let [_, _, outputs] = operands.sizes();
        let width = ROWS * outputs.max(1);
        let rows = (chunks_mut(values_mut(&mut du), width), chunks(values(&slope), width));
        let partials = map_parts(rows, |_, (du, slope)| {
            let mut sums = zeros(outputs);
            for (du, slope) in du.chunks_exact_mut(outputs).zip(slope.chunks_exact(outputs)) {
                multiply(du, slope);
                add_columns(&mut sums, du);
            }
            sums
        });
        let db = sum_of_partials(partials, outputs);
        drop(slope);
        if let Some(node) = bias {
            grads.register::<Flex>(node.id, tensor(db, [outputs]));
        }
        operands.backward(&du, x.map(|n| n.id), weight.map(|n| n.id), grads);
    }
}

/// `gelu(linear(x))` with its gradient.
pub(crate) fn tracked_linear_gelu<C: CheckpointStrategy>(
    x: FloatTensor<Autodiff<Flex, C>>,
    weight: FloatTensor<Autodiff<Flex, C>>,
    bias: FloatTensor<Autodiff<Flex, C>>,
    precision: Precision,
) -> FloatTensor<Autodiff<Flex, C>> {
    let guards = [x.node(), weight.node(), bias.node()];
    let (x, weight, bias) = (x.into_primitive(), weight.into_primitive(), bias.into_primitive());
    match LinearGelu.prepare::<C>(guards).compute_bound().stateful() {
        OpsKind::Tracked(prep) => {
            let operands = Operands::new(x, weight, precision);
            let shape = operands.output_shape();
            let [rows, _, outputs] = operands.sizes();
            let mut y = uninit(rows * outputs);
            let shared = SharedSlice::of_uninit(&mut y);
            let slope = operands.affine(bias, |at, u| {
                // SAFETY: each place is given to one call.
                gelu_and_slope(u, unsafe { shared.uninit_slice(at, u.len()) });
            });
            // SAFETY: `affine` has called with each place of as many results, and each was written.
            let y = unsafe { assume_init(y) };
            let slope = tensor(slope, shape.clone());
            prep.finish(LinearGeluState { operands, slope }, tensor(y, shape))
        }
        OpsKind::UnTracked(prep) => prep.finish(linear_gelu(x, weight, bias, precision)),
    }
}
