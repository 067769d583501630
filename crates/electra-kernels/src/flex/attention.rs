//! Multi-head attention, one (sequence, head) at a time, on strided views of one buffer that holds
//! queries, keys and values.
//!
//! `P = softmax(Q K^T / sqrt(D) + bias)`, `O = (mask * P) V`. Only `P` is stored; the mask of the
//! dropout is drawn again in the backward pass. No operand is permuted: a head is `D` columns of
//! the rows of its sequence.

use super::activation::multiply;
use super::element::{Element, matrix};
use super::gemm::{Matrix, Product, span};
use super::linear::add_columns;
use super::mask::Mask;
use super::simd::{dot, exp, fma, max, sum, vectorised};
use super::storage::{Shared, uninitialised, zeros};
use crate::Dropout;
use crate::workers::{each_with, map_with};

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

/// How queries, keys and values lie in one buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// One after the other, `[3, B, S, H]`.
    Apart,
    /// Side by side, `[B, S, 3, H]`.
    Beside,
}

/// Queries, keys and values: parts of that buffer.
pub const PARTS: usize = 3;
const QUERY: usize = 0;
const KEY: usize = 1;
const VALUE: usize = 2;

/// An attention: its sizes, and what it drops.
#[derive(Clone, Copy, Debug)]
pub struct Attention {
    batch: usize,
    sequence: usize,
    hidden: usize,
    heads: usize,
    /// Width of a head.
    width: usize,
    mask: Option<Mask>,
    layout: Layout,
}

impl Attention {
    /// On hidden states of `[B, S, H]`.
    pub fn new([batch, sequence, hidden]: [usize; 3], heads: usize, drop: Dropout, layout: Layout) -> Self {
        assert!(
            heads > 0 && hidden.is_multiple_of(heads),
            "{heads} heads do not divide a hidden size of {hidden}"
        );
        let mask = Mask::of(drop, heads * sequence * sequence);
        Self { batch, sequence, hidden, heads, width: hidden / heads, mask, layout }
    }

    fn scale(self) -> f32 {
        1.0 / (self.width as f32).sqrt()
    }

    /// Heads of all sequences.
    fn tasks(self) -> usize {
        self.batch * self.heads
    }

    /// Scores of one head of one sequence.
    fn square(self) -> usize {
        self.sequence * self.sequence
    }

    /// Scores of all heads: `B A S S`.
    pub fn scores_of_all(self) -> usize {
        self.tasks() * self.square()
    }

    /// First element of head `task` in a `[B, S, H]` buffer.
    fn offset(self, task: usize) -> usize {
        task / self.heads * self.sequence * self.hidden + task % self.heads * self.width
    }

    /// First element of head `task` in one part, and elements from row to row.
    fn place(self, part: usize, task: usize) -> (usize, usize) {
        let Self { batch, sequence, hidden, heads, .. } = self;
        match self.layout {
            Layout::Apart => (part * batch * sequence * hidden + self.offset(task), hidden),
            Layout::Beside => {
                let row = PARTS * hidden;
                (task / heads * sequence * row + part * hidden + task % heads * self.width, row)
            }
        }
    }

    /// Head `task` of a `[B, S, H]` buffer as an `S x D` matrix.
    fn head<T: Element>(self, x: &[T], task: usize) -> Matrix<'_> {
        matrix(&x[self.offset(task)..], self.sequence, self.width, self.hidden)
    }

    /// The same of one part of the buffer of all three.
    fn head_of<T: Element>(self, qkv: &[T], part: usize, task: usize) -> Matrix<'_> {
        let (first, row_stride) = self.place(part, task);
        matrix(&qkv[first..], self.sequence, self.width, row_stride)
    }

    fn scores(self, x: &[f32]) -> Matrix<'_> {
        Matrix::new(x, self.sequence, self.sequence, self.sequence)
    }

    /// Writes a product to head `task` of one part of the buffer of all three.
    ///
    /// # Safety
    ///
    /// Nobody else uses that head of that part during the call.
    unsafe fn write_head<T: Element>(
        self,
        product: &Product<'_>,
        to: Shared<T>,
        part: usize,
        task: usize,
        room: &mut Vec<f32>,
    ) {
        let (first, row_stride) = self.place(part, task);
        let to = to.part(first, span(self.sequence, self.width, row_stride, 1));
        // SAFETY: the caller's promise.
        unsafe { T::write_at(product, to, row_stride, room) }
    }

    /// `mask * p` of head `task` in `masked`, or `p` itself without dropout.
    fn masked<'a>(self, p: &'a [f32], masked: &'a mut [f32], task: usize) -> &'a [f32] {
        let Some(mask) = self.mask else { return p };
        mask.factors(task * p.len(), masked);
        multiply(masked, p);
        masked
    }

    fn scratch(self) -> Scratch {
        let [p, masked] = [true, self.mask.is_some()].map(|n| uninitialised(usize::from(n) * self.square()));
        Scratch { p, masked, room: Vec::new() }
    }

    /// `O [B, S, H]` of queries, keys and values and a bias for each key, `[B, S]`; `P [B, A, S, S]` goes to
    /// `probabilities`, if there is room for it.
    pub fn forward<T: Element>(self, qkv: &[T], key_bias: &[f32], probabilities: &mut [f32]) -> Vec<T> {
        let Self { batch, sequence, hidden, heads, .. } = self;
        assert_eq!(qkv.len(), PARTS * batch * sequence * hidden, "queries, keys and values");
        assert_eq!(key_bias.len(), batch * sequence, "one bias per key");
        let mut out = uninitialised(batch * sequence * hidden);
        let shared = Shared::of(&mut out);
        let kept = (!probabilities.is_empty()).then(|| Shared::of(probabilities));
        each_with(
            self.tasks(),
            || self.scratch(),
            |Scratch { p, masked, room }, task| {
                let p = match kept {
                    // SAFETY: each head has a square of its own.
                    Some(kept) => unsafe { kept.slice(task * self.square(), self.square()) },
                    None => p.as_mut_slice(),
                };
                let [q, k, v] = [QUERY, KEY, VALUE].map(|part| self.head_of(qkv, part, task));
                // SAFETY: `p` is this task's own.
                unsafe { Product::new(q, k.transposed(), T::PRECISION).write_at(Shared::of(p), sequence) };
                softmax_rows(p, &key_bias[task / heads * sequence..][..sequence], self.scale());
                let product = Product::new(self.scores(self.masked(p, masked, task)), v, T::PRECISION);
                let to = shared.part(self.offset(task), span(sequence, self.width, hidden, 1));
                // SAFETY: each task writes the columns of its head in the rows of its sequence.
                unsafe { T::write_at(&product, to, hidden, room) };
            },
        );
        out
    }

    /// The gradients of queries, keys and values for that of `O`, and if asked for that of the biases.
    pub fn backward<T: Element>(
        self,
        qkv: &[T],
        probabilities: &[f32],
        dout: &[T],
        wants_key_bias: bool,
    ) -> (Vec<T>, Option<Vec<f32>>) {
        let Self { batch, sequence, hidden, heads, .. } = self;
        let mut dqkv = uninitialised(PARTS * batch * sequence * hidden);
        let shared = Shared::of(&mut dqkv);
        let square = self.square();
        let bias_sums: Vec<Vec<f32>> = map_with(
            probabilities.len() / square.max(1),
            || self.scratch(),
            |Scratch { p: ds, masked, room }, task| {
                let p = &probabilities[task * square..][..square];
                let [q, k, v] = [QUERY, KEY, VALUE].map(|part| self.head_of(qkv, part, task));
                let dout = self.head(dout, task);
                let p_of_keys = self.scores(self.masked(p, masked, task)).transposed();
                let dv = Product::new(p_of_keys, dout, T::PRECISION);
                // SAFETY: each task writes the columns of its head in the rows of its sequence.
                unsafe { self.write_head(&dv, shared, VALUE, task, room) };
                // SAFETY: `ds` is this thread's own.
                unsafe {
                    Product::new(dout, v.transposed(), T::PRECISION).write_at(Shared::of(ds), sequence)
                };
                if let Some(mask) = self.mask {
                    mask.factors(task * p.len(), masked);
                    multiply(ds, masked);
                }
                softmax_backward(ds, p, sequence);
                let mut bias_sums = zeros(if wants_key_bias { sequence } else { 0 });
                if wants_key_bias {
                    add_columns(&mut bias_sums, ds.as_slice());
                }
                let ds = self.scores(ds);
                let dq = Product::new(ds, k, T::PRECISION).times(self.scale());
                let dk = Product::new(ds.transposed(), q, T::PRECISION).times(self.scale());
                for (part, product) in [(QUERY, dq), (KEY, dk)] {
                    // SAFETY: as for `dv`.
                    unsafe { self.write_head(&product, shared, part, task, room) };
                }
                bias_sums
            },
        );
        let key_bias = wants_key_bias.then(|| {
            let mut sums = zeros(batch * sequence);
            for (task, head) in bias_sums.iter().enumerate() {
                add_columns(&mut sums[task / heads * sequence..][..sequence], head.as_slice());
            }
            sums
        });
        (dqkv, key_bias)
    }
}

/// Room for one head at a time.
struct Scratch {
    /// Probabilities, or their gradient.
    p: Vec<f32>,
    /// The same under the mask of the dropout.
    masked: Vec<f32>,
    /// Results on their way to another precision.
    room: Vec<f32>,
}
