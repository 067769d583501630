//! The feed-forward half of a transformer block in bfloat16: `gelu(x W1 + b1) W2 + b2`.
//!
//! The inner activation is four times as wide as anything else in a block, and moving it costs more
//! than computing it. So it exists only as what the next product takes, in bfloat16: results of one
//! product leave the registers, go through bias and gelu in the cache and are stored rounded. The
//! values are those of [`linear_gelu`](super::linear::linear_gelu) and `linear`, bit for bit; in the
//! gradient the slope of gelu is rounded as well.

use std::sync::Arc;

use burn::backend::autodiff::{
    checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
    grads::Gradients,
    ops::{Backward, Ops, OpsKind},
};
use burn::backend::{Autodiff, Flex, tensor::FloatTensor};
use burn_flex::FlexTensor;

use super::activation::{halves_of_gelu, halves_of_gelu_and_slope};
use super::gemm::{Destination, Matrix, Product, halved, widened};
use super::linear::{add_bias, add_columns, column_sums};
use super::simd::vectorised;
use super::storage::{Shared, contiguous, dims, tensor, uninitialised, values, zeros};
use crate::Precision;

const PRECISION: Precision = Precision::Bf16;

vectorised! {
    /// `du = dh * slope`, rounded; the exact product is added to `sums`.
    fn before_gelu<const FMA: bool>(dh: &[f32], slope: &[u16], sums: &mut [f32], du: &mut [u16]) {
        for (((du, sum), dh), slope) in du.iter_mut().zip(sums).zip(dh).zip(slope) {
            let x = dh * widened(*slope);
            *sum += x;
            *du = halved(x);
        }
    }
}

/// What the backward pass needs.
#[derive(Clone, Debug)]
struct State {
    /// `[.., H]`
    x: FlexTensor,
    /// `[H, I]` and `[I, H]`
    weights: [FlexTensor; 2],
    /// `[.., I]`: the inner activation.
    inner: Arc<Vec<u16>>,
    /// `[.., I]`: the derivative of gelu.
    slope: Arc<Vec<u16>>,
}

/// The operands, contiguous.
struct Operands {
    x: FlexTensor,
    weights: [FlexTensor; 2],
    biases: [FlexTensor; 2],
}

/// Rows, inputs, inner width, outputs.
fn sizes(x: &FlexTensor, weights: &[FlexTensor; 2]) -> [usize; 4] {
    let [[inputs, inner], [of_second, outputs]] = [dims(&weights[0]), dims(&weights[1])];
    assert_eq!(inner, of_second, "the second map takes what the first gives");
    let shape = x.layout().shape();
    assert_eq!(shape[shape.num_dims() - 1], inputs, "linear map of {inputs} inputs on {shape:?}");
    [shape.num_elements() / inputs.max(1), inputs, inner, outputs]
}

fn matrix(x: &FlexTensor) -> Matrix<'_> {
    let [rows, columns] = dims(x);
    Matrix::new(values(x), rows, columns, columns)
}

impl Operands {
    fn new(x: FlexTensor, weights: [FlexTensor; 2], biases: [FlexTensor; 2]) -> Self {
        Self { x: contiguous(x), weights: weights.map(contiguous), biases: biases.map(contiguous) }
    }

    fn sizes(&self) -> [usize; 4] {
        let sizes = sizes(&self.x, &self.weights);
        let [_, _, inner, outputs] = sizes;
        assert_eq!(
            [dims(&self.biases[0]), dims(&self.biases[1])],
            [[inner], [outputs]],
            "one bias per output"
        );
        sizes
    }

    /// The inner activation, which `finish` writes: it is given the place, the sums with their bias,
    /// and room.
    fn inner(&self, finish: impl Fn(usize, &[f32], &mut [u16]) + Sync) -> Vec<u16> {
        let [rows, inputs, width, _] = self.sizes();
        let mut inner = uninitialised(rows * width);
        let shared = Shared::of(&mut inner);
        let x = Matrix::new(values(&self.x), rows, inputs, inputs);
        Product::new(x, matrix(&self.weights[0]), PRECISION).hand_over(|row, sums| {
            add_bias(sums, values(&self.biases[0]));
            // SAFETY: these rows are given to no other call.
            finish(row * width, sums, unsafe { shared.slice(row * width, sums.len()) });
        });
        inner
    }

    /// The result, of the inner activation.
    fn outer(&self, inner: &[u16]) -> FlexTensor {
        let [rows, _, width, outputs] = self.sizes();
        let mut y = uninitialised(rows * outputs);
        let inner = Matrix::new(inner, rows, width, width);
        Product::new(inner, matrix(&self.weights[1]), PRECISION)
            .write_then(&mut y, |_, column, y| add_bias(y, &values(&self.biases[1])[column..][..y.len()]));
        let mut shape = self.x.layout().shape().clone();
        let last = shape.num_dims() - 1;
        shape[last] = outputs;
        tensor(y, shape)
    }
}

/// `gelu(x W1 + b1) W2 + b2`.
pub fn feed_forward(x: FlexTensor, weights: [FlexTensor; 2], biases: [FlexTensor; 2]) -> FlexTensor {
    let operands = Operands::new(x, weights, biases);
    let inner = operands.inner(|_, sums, inner| halves_of_gelu(sums, inner));
    operands.outer(&inner)
}

#[derive(Debug)]
struct FeedForward;

impl Backward<Flex, 5> for FeedForward {
    type State = State;

    fn backward(self, ops: Ops<State, 5>, grads: &mut Gradients, _: &mut Checkpointer) {
        let [x, weight_1, bias_1, weight_2, bias_2] = ops.parents.map(|node| node.map(|node| node.id));
        let dy = contiguous(grads.consume::<Flex>(&ops.node));
        let state = ops.state;
        let [rows, inputs, width, outputs] = sizes(&state.x, &state.weights);
        if let Some(node) = bias_2 {
            grads.register::<Flex>(node, tensor(column_sums(values(&dy), outputs), [outputs]));
        }
        let dy = Matrix::new(values(&dy), rows, outputs, outputs);
        if let Some(node) = weight_2 {
            let inner = Matrix::new(state.inner.as_slice(), rows, width, width);
            let mut dw = uninitialised(width * outputs);
            Product::new(inner.transposed(), dy, PRECISION).write(&mut dw, Destination::Overwrite);
            grads.register::<Flex>(node, tensor(dw, [width, outputs]));
        }
        drop(state.inner);

        // The gradient of the sums inside gelu, and its column sums by the rows that come together.
        let mut du = uninitialised(rows * width);
        let together = Product::rows_together(PRECISION);
        let mut partials = zeros(rows.div_ceil(together) * width);
        let (of_du, of_partials) = (Shared::of(&mut du), Shared::of(&mut partials));
        Product::new(dy, matrix(&state.weights[1]).transposed(), PRECISION).hand_over(|row, dh| {
            // SAFETY: these rows are given to no other call.
            let sums = unsafe { of_partials.slice(row / together * width, width) };
            for (i, dh) in dh.chunks_exact(width).enumerate() {
                let at = (row + i) * width;
                // SAFETY: as above.
                before_gelu(dh, &state.slope[at..][..width], sums, unsafe { of_du.slice(at, width) });
            }
        });
        drop(state.slope);
        if let Some(node) = bias_1 {
            let mut db = zeros(width);
            if width > 0 {
                add_columns(&mut db, &partials);
            }
            grads.register::<Flex>(node, tensor(db, [width]));
        }
        let du = Matrix::new(du.as_slice(), rows, width, width);
        if let Some(node) = weight_1 {
            let x = Matrix::new(values(&state.x), rows, inputs, inputs);
            let mut dw = uninitialised(inputs * width);
            Product::new(x.transposed(), du, PRECISION).write(&mut dw, Destination::Overwrite);
            grads.register::<Flex>(node, tensor(dw, [inputs, width]));
        }
        if let Some(node) = x {
            let mut dx = uninitialised(rows * inputs);
            Product::new(du, matrix(&state.weights[0]).transposed(), PRECISION)
                .write(&mut dx, Destination::Overwrite);
            grads.register::<Flex>(node, tensor(dx, state.x.layout().shape().clone()));
        }
    }
}

/// `gelu(x W1 + b1) W2 + b2` with its gradient.
pub fn tracked_feed_forward<C: CheckpointStrategy>(
    x: FloatTensor<Autodiff<Flex, C>>,
    [weight_1, weight_2]: [FloatTensor<Autodiff<Flex, C>>; 2],
    [bias_1, bias_2]: [FloatTensor<Autodiff<Flex, C>>; 2],
) -> FloatTensor<Autodiff<Flex, C>> {
    let guards = [x.node(), weight_1.node(), bias_1.node(), weight_2.node(), bias_2.node()];
    let weights = [weight_1.into_primitive(), weight_2.into_primitive()];
    let biases = [bias_1.into_primitive(), bias_2.into_primitive()];
    let x = x.into_primitive();
    match FeedForward.prepare::<C>(guards).compute_bound().stateful() {
        OpsKind::Tracked(prep) => {
            let operands = Operands::new(x, weights, biases);
            let [rows, _, width, _] = operands.sizes();
            let mut slope = uninitialised(rows * width);
            let shared = Shared::of(&mut slope);
            let inner = operands.inner(|at, sums, inner| {
                // SAFETY: the same place is given to no other call.
                halves_of_gelu_and_slope(sums, inner, unsafe { shared.slice(at, sums.len()) });
            });
            let y = operands.outer(&inner);
            let Operands { x, weights, .. } = operands;
            prep.finish(State { x, weights, inner: Arc::new(inner), slope: Arc::new(slope) }, y)
        }
        OpsKind::UnTracked(prep) => prep.finish(feed_forward(x, weights, biases)),
    }
}
