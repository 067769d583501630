//! Multi-head attention, one (sequence, head) at a time, on strided views of `[B, S, H]`.
//!
//! `P = softmax(Q K^T / sqrt(D) + bias)`, `O = (mask * P) V`. Only `P` is stored; the mask of the
//! dropout is drawn again in the backward pass. No operand is permuted: a head is `D` columns of
//! the rows of its sequence.

use burn::backend::autodiff::{
    checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
    grads::Gradients,
    ops::{Backward, Ops, OpsKind},
};
use burn::backend::{Autodiff, Flex, tensor::FloatTensor};
use burn_flex::FlexTensor;
use rayon::prelude::*;

use super::activation::multiply;
use super::gemm::{Matrix, Product, span};
use super::linear::add_columns;
use super::mask::Mask;
use super::simd::{dot, exp, fma, max, sum, vectorised};
use super::storage::{Shared, contiguous, dims, tensor, uninitialised, values, zeros};
use crate::{Dropout, Precision};

vectorised! {
    /// Turns scores into probabilities: `softmax(scale * score + bias)` of each row.
    fn softmax_rows<const FMA: bool>(rows: &mut [f32], bias: &[f32], scale: f32) {
        for row in rows.chunks_exact_mut(bias.len()) {
            for (x, bias) in row.iter_mut().zip(bias) {
                *x = fma::<FMA>(*x, scale, *bias);
            }
            let largest = max(row);
            for x in row.iter_mut() {
                *x = exp::<FMA>(*x - largest);
            }
            let normaliser = 1.0 / sum(row);
            for x in row.iter_mut() {
                *x *= normaliser;
            }
        }
    }

    /// Turns `dP` into the gradient of the scores: `P * (dP - sum(dP * P))` of each row.
    fn softmax_backward<const FMA: bool>(dp: &mut [f32], p: &[f32], columns: usize) {
        for (dp, p) in dp.chunks_exact_mut(columns).zip(p.chunks_exact(columns)) {
            let mean = dot::<FMA>(dp, p);
            for (dp, p) in dp.iter_mut().zip(p) {
                *dp = p * (*dp - mean);
            }
        }
    }
}

/// Sizes of an attention.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    batch: usize,
    sequence: usize,
    hidden: usize,
    heads: usize,
    /// Width of a head.
    width: usize,
}

impl Sizes {
    fn of(q: &FlexTensor, heads: usize) -> Self {
        let [batch, sequence, hidden] = dims(q);
        assert!(
            heads > 0 && hidden.is_multiple_of(heads),
            "{heads} heads do not divide a hidden size of {hidden}"
        );
        Self { batch, sequence, hidden, heads, width: hidden / heads }
    }

    fn scale(self) -> f32 {
        1.0 / (self.width as f32).sqrt()
    }

    /// Scores of one head of one sequence.
    fn square(self) -> usize {
        self.sequence * self.sequence
    }

    /// First element of head `task` in a `[B, S, H]` buffer.
    fn offset(self, task: usize) -> usize {
        task / self.heads * self.sequence * self.hidden + task % self.heads * self.width
    }

    /// Elements from the first to the last of a head.
    fn span(self) -> usize {
        span(self.sequence, self.width, self.hidden, 1)
    }

    /// Head `task` of a `[B, S, H]` buffer as an `S x D` matrix.
    fn head(self, x: &[f32], task: usize) -> Matrix<'_> {
        Matrix::new(&x[self.offset(task)..], self.sequence, self.width, self.hidden)
    }

    fn scores(self, x: &[f32]) -> Matrix<'_> {
        Matrix::new(x, self.sequence, self.sequence, self.sequence)
    }
}

/// The operands, contiguous.
#[derive(Clone, Debug)]
struct Operands {
    q: FlexTensor,
    k: FlexTensor,
    v: FlexTensor,
    sizes: Sizes,
    mask: Option<Mask>,
    precision: Precision,
}

impl Operands {
    fn new([q, k, v]: [FlexTensor; 3], heads: usize, drop: Dropout, precision: Precision) -> Self {
        let sizes = Sizes::of(&q, heads);
        for other in [&k, &v] {
            assert_eq!(q.layout().shape(), other.layout().shape(), "queries, keys and values");
        }
        let (q, k, v) = (contiguous(q), contiguous(k), contiguous(v));
        Self { q, k, v, sizes, mask: Mask::of(drop, heads * sizes.square()), precision }
    }

    /// `a b` in the precision of this attention.
    fn product<'a>(&self, a: Matrix<'a>, b: Matrix<'a>) -> Product<'a> {
        Product::new(a, b, self.precision)
    }

    /// `mask * p` of head `task` in `masked`, or `p` itself without dropout.
    fn masked<'a>(&self, p: &'a [f32], masked: &'a mut [f32], task: usize) -> &'a [f32] {
        let Some(mask) = self.mask else { return p };
        mask.factors(task * p.len(), masked);
        multiply(masked, p);
        masked
    }

    /// Room for one head's masked probabilities.
    fn scratch(&self) -> Vec<f32> {
        uninitialised(if self.mask.is_some() { self.sizes.square() } else { 0 })
    }
}

/// `O [B, S, H]` and `P [B, A, S, S]`.
fn forward(operands: &Operands, key_bias: FlexTensor) -> (FlexTensor, FlexTensor) {
    let sizes = operands.sizes;
    let Sizes { batch, sequence, hidden, heads, .. } = sizes;
    let key_bias = contiguous(key_bias);
    assert_eq!(dims(&key_bias), [batch, sequence], "one bias per key");
    let (q, k, v) = (values(&operands.q), values(&operands.k), values(&operands.v));
    let mut out = uninitialised(batch * sequence * hidden);
    let mut probabilities = uninitialised(batch * heads * sizes.square());
    let shared = Shared::of(&mut out);
    let tasks = probabilities.par_chunks_mut(sizes.square().max(1)).enumerate();
    tasks.for_each_init(
        || operands.scratch(),
        |scratch, (task, p)| {
            let transposed_keys = sizes.head(k, task).transposed();
            // SAFETY: `p` is this task's own S x S scores.
            unsafe {
                operands.product(sizes.head(q, task), transposed_keys).write_at(Shared::of(p), sequence)
            };
            let bias = &values(&key_bias)[task / heads * sequence..][..sequence];
            softmax_rows(p, bias, sizes.scale());
            let masked = sizes.scores(operands.masked(p, scratch, task));
            let out = shared.part(sizes.offset(task), sizes.span());
            // SAFETY: each task writes the columns of its head in the rows of its sequence.
            unsafe { operands.product(masked, sizes.head(v, task)).write_at(out, hidden) };
        },
    );
    let shape = operands.q.layout().shape().clone();
    (tensor(out, shape), tensor(probabilities, [batch, heads, sequence, sequence]))
}

/// `attention(q, k, v)`.
pub fn attention(
    qkv: [FlexTensor; 3],
    key_bias: FlexTensor,
    heads: usize,
    drop: Dropout,
    precision: Precision,
) -> FlexTensor {
    forward(&Operands::new(qkv, heads, drop, precision), key_bias).0
}

#[derive(Clone, Debug)]
struct State {
    operands: Operands,
    probabilities: FlexTensor,
}

struct Gradient {
    q: FlexTensor,
    k: FlexTensor,
    v: FlexTensor,
    key_bias: Option<FlexTensor>,
}

fn backward(state: State, dout: FlexTensor, wants_key_bias: bool) -> Gradient {
    let State { operands, probabilities } = state;
    let sizes = operands.sizes;
    let Sizes { batch, sequence, hidden, heads, .. } = sizes;
    let dout = contiguous(dout);
    let (q, k, v) = (values(&operands.q), values(&operands.k), values(&operands.v));
    let [mut dq, mut dk, mut dv] = [(); 3].map(|()| uninitialised(batch * sequence * hidden));
    let [dq_shared, dk_shared, dv_shared] = [&mut dq, &mut dk, &mut dv].map(|x| Shared::of(x));
    let tasks = values(&probabilities).par_chunks(sizes.square().max(1)).enumerate();
    let bias_sums: Vec<Vec<f32>> = tasks
        .map_init(
            || (operands.scratch(), uninitialised(sizes.square())),
            |(scratch, ds), (task, p)| {
                let dout = sizes.head(values(&dout), task);
                let [dq, dk, dv] =
                    [dq_shared, dk_shared, dv_shared].map(|x| x.part(sizes.offset(task), sizes.span()));
                let masked = sizes.scores(operands.masked(p, scratch, task)).transposed();
                // SAFETY: each task writes the columns of its head in the rows of its sequence.
                unsafe { operands.product(masked, dout).write_at(dv, hidden) };
                let values_of_head = sizes.head(v, task).transposed();
                // SAFETY: `ds` is this thread's own S x S buffer.
                unsafe { operands.product(dout, values_of_head).write_at(Shared::of(ds), sequence) };
                if let Some(mask) = operands.mask {
                    mask.factors(task * p.len(), scratch);
                    multiply(ds, scratch);
                }
                softmax_backward(ds, p, sequence);
                let mut bias_sums = zeros(if wants_key_bias { sequence } else { 0 });
                if wants_key_bias {
                    add_columns(&mut bias_sums, ds);
                }
                let (ds, scale) = (sizes.scores(ds), sizes.scale());
                // SAFETY: as for `dv`.
                unsafe { operands.product(ds, sizes.head(k, task)).times(scale).write_at(dq, hidden) };
                // SAFETY: as for `dv`.
                unsafe {
                    operands.product(ds.transposed(), sizes.head(q, task)).times(scale).write_at(dk, hidden)
                };
                bias_sums
            },
        )
        .collect();
    let key_bias = wants_key_bias.then(|| {
        let mut sums = zeros(batch * sequence);
        for (task, head) in bias_sums.iter().enumerate() {
            add_columns(&mut sums[task / heads * sequence..][..sequence], head);
        }
        tensor(sums, [batch, sequence])
    });
    let shape = operands.q.layout().shape().clone();
    let [q, k, v] = [dq, dk, dv].map(|x| tensor(x, shape.clone()));
    Gradient { q, k, v, key_bias }
}

#[derive(Debug)]
struct Attention;

impl Backward<Flex, 4> for Attention {
    type State = State;

    fn backward(self, ops: Ops<State, 4>, grads: &mut Gradients, _: &mut Checkpointer) {
        let [q, k, v, key_bias] = ops.parents;
        let dout = grads.consume::<Flex>(&ops.node);
        let gradient = backward(ops.state, dout, key_bias.is_some());
        for (node, value) in [(q, gradient.q), (k, gradient.k), (v, gradient.v)] {
            if let Some(node) = node {
                grads.register::<Flex>(node.id, value);
            }
        }
        if let (Some(node), Some(value)) = (key_bias, gradient.key_bias) {
            grads.register::<Flex>(node.id, value);
        }
    }
}

/// `attention(q, k, v)` with its gradient.
pub fn tracked_attention<C: CheckpointStrategy>(
    [q, k, v]: [FloatTensor<Autodiff<Flex, C>>; 3],
    key_bias: FloatTensor<Autodiff<Flex, C>>,
    heads: usize,
    drop: Dropout,
    precision: Precision,
) -> FloatTensor<Autodiff<Flex, C>> {
    let guards = [q.node(), k.node(), v.node(), key_bias.node()];
    let operands = Operands::new([q, k, v].map(|x| x.into_primitive()), heads, drop, precision);
    let (out, probabilities) = forward(&operands, key_bias.into_primitive());
    match Attention.prepare::<C>(guards).compute_bound().stateful() {
        OpsKind::Tracked(prep) => prep.finish(State { operands, probabilities }, out),
        OpsKind::UnTracked(prep) => prep.finish(out),
    }
}
