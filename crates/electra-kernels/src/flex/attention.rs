//! Multi-head scaled dot-product attention, one (sequence, head) at a time, on strided views of one buffer
//! that holds queries, keys and values.
//!
//! `P = softmax(Q K^T / sqrt(D) + bias)`, `O = (mask * P) V`. Only `P` is stored; the mask of the
//! dropout is drawn again in the backward pass. No operand is permuted: a head is `D` columns of
//! the rows of its sequence.

use std::mem::MaybeUninit;

use super::activation::multiply;
use super::buffer::{SharedSlice, assume_init, uninit};
use super::element::{Element, matrix};
use super::gemm::{Matrix, Product, span};
use super::linear::add_columns;
use super::mask::each_factor;
use super::simd::{dot, exp, fma, max, sum, vectorised};
use super::storage::zeros;
use crate::Dropout;
use crate::dropout::DropoutMask;
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

    /// `out = x * y`, for the elements that correspond.
    fn write_product<const FMA: bool>(x: &[f32], y: &[f32], out: &mut [MaybeUninit<f32>]) {
        for ((out, x), y) in out.iter_mut().zip(x).zip(y) {
            out.write(x * y);
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

/// The layout of queries, keys and values in one buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// One after the other, `[3, B, S, H]`.
    Apart,
    /// Side by side, `[B, S, 3, H]`.
    Beside,
}

/// Queries, keys and values: parts of that buffer.
pub(crate) const PARTS: usize = 3;
const QUERY: usize = 0;
const KEY: usize = 1;
const VALUE: usize = 2;

/// An attention: its sizes, and what it drops.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attention {
    batch: usize,
    sequence: usize,
    hidden: usize,
    heads: usize,
    /// Width of a head.
    width: usize,
    mask: Option<DropoutMask>,
    layout: Layout,
}

impl Attention {
    /// The attention of hidden states of `[B, S, H]`.
    pub(crate) fn new(
        [batch, sequence, hidden]: [usize; 3],
        heads: usize,
        dropout: Dropout,
        layout: Layout,
    ) -> Self {
        assert!(
            heads > 0 && hidden.is_multiple_of(heads),
            "{heads} heads do not divide a hidden size of {hidden}"
        );
        let mask = DropoutMask::of(dropout, heads * sequence * sequence);
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

    /// Head `task` of one part of the buffer of queries, keys and values as an `S x D` matrix.
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
        to: SharedSlice<'_, T>,
        part: usize,
        task: usize,
        results: &mut Vec<f32>,
    ) {
        let (first, row_stride) = self.place(part, task);
        let to = to.part(first, span(self.sequence, self.width, row_stride, 1));
        // SAFETY: the rows of that head of that part, which our caller owes that nobody else uses.
        unsafe { T::write_strided(product, to, row_stride, results) }
    }

    /// `mask * p` of head `task` in `masked`, or `p` itself without dropout.
    fn masked<'a>(self, p: &'a [f32], masked: &'a mut [MaybeUninit<f32>], task: usize) -> &'a [f32] {
        if self.mask.is_none() {
            return p;
        }
        assert_eq!(p.len(), masked.len(), "room for the probabilities of a head");
        each_factor(self.mask, task * p.len(), p.len(), |part, factors| {
            write_product(&p[part.clone()], factors, &mut masked[part]);
        });
        // SAFETY: the parts are the whole of both, and each was written.
        unsafe { masked.assume_init_ref() }
    }

    fn scratch(self, squares: usize) -> Scratch {
        let of_masked = usize::from(self.mask.is_some());
        let [p, masked] = [squares, of_masked].map(|n| uninit(n * self.square()));
        Scratch { p, masked, results: Vec::new() }
    }

    /// `O [B, S, H]` of queries, keys and values and a bias for each key, `[B, S]`.
    pub(crate) fn forward<T: Element>(self, qkv: &[T], key_bias: &[f32]) -> Vec<T> {
        self.forward_to(qkv, key_bias, None)
    }

    /// `O` of [`Self::forward`], and the probabilities `P [B, A, S, S]`.
    pub(crate) fn forward_tracked<T: Element>(self, qkv: &[T], key_bias: &[f32]) -> (Vec<T>, Vec<f32>) {
        let mut probabilities = uninit(self.tasks() * self.square());
        let out = self.forward_to(qkv, key_bias, Some(SharedSlice::of_uninit(&mut probabilities)));
        // SAFETY: each head has written its square.
        (out, unsafe { assume_init(probabilities) })
    }

    /// `O` of [`Self::forward`]. `probabilities`, if given, has room for those of all heads; each is written.
    fn forward_to<T: Element>(
        self,
        qkv: &[T],
        key_bias: &[f32],
        probabilities: Option<SharedSlice<'_>>,
    ) -> Vec<T> {
        let Self { batch, sequence, hidden, heads, .. } = self;
        assert_eq!(qkv.len(), PARTS * batch * sequence * hidden, "queries, keys and values");
        assert_eq!(key_bias.len(), batch * sequence, "one bias per key");
        let mut out = uninit(batch * sequence * hidden);
        let shared = SharedSlice::of_uninit(&mut out);
        each_with(
            self.tasks(),
            || self.scratch(usize::from(probabilities.is_none())),
            |Scratch { p, masked, results }, task| {
                let p = match probabilities {
                    // SAFETY: each head has a square of its own.
                    Some(all) => unsafe { all.uninit_slice(task * self.square(), self.square()) },
                    None => p.as_mut_slice(),
                };
                let [q, k, v] = [QUERY, KEY, VALUE].map(|part| self.head_of(qkv, part, task));
                let p = Product::new(q, k.transposed(), T::PRECISION).write_on_this_thread(p);
                softmax_rows(p, &key_bias[task / heads * sequence..][..sequence], self.scale());
                let product = Product::new(self.scores(self.masked(p, masked, task)), v, T::PRECISION);
                let to = shared.part(self.offset(task), span(sequence, self.width, hidden, 1));
                // SAFETY: each task writes the columns of its head in the rows of its sequence.
                unsafe { T::write_strided(&product, to, hidden, results) };
            },
        );
        // SAFETY: the columns of all heads in the rows of all sequences are the whole, and each was written.
        unsafe { assume_init(out) }
    }

    /// The gradients of queries, keys and values for that of `O`, and if asked for that of the biases.
    pub(crate) fn backward<T: Element>(
        self,
        qkv: &[T],
        probabilities: &[f32],
        dout: &[T],
        wants_key_bias: bool,
    ) -> (Vec<T>, Option<Vec<f32>>) {
        let Self { batch, sequence, hidden, heads, .. } = self;
        let square = self.square();
        assert_eq!(probabilities.len(), self.tasks() * square, "probabilities of all heads");
        let mut dqkv = uninit(PARTS * batch * sequence * hidden);
        let shared = SharedSlice::of_uninit(&mut dqkv);
        let bias_sums: Vec<Vec<f32>> = map_with(
            self.tasks(),
            || self.scratch(1),
            |Scratch { p: ds, masked, results }, task| {
                let p = &probabilities[task * square..][..square];
                let [q, k, v] = [QUERY, KEY, VALUE].map(|part| self.head_of(qkv, part, task));
                let dout = self.head(dout, task);
                let p_of_keys = self.scores(self.masked(p, masked, task)).transposed();
                let dv = Product::new(p_of_keys, dout, T::PRECISION);
                // SAFETY: each task writes the columns of its head in the rows of its sequence.
                unsafe { self.write_head(&dv, shared, VALUE, task, results) };
                let ds = Product::new(dout, v.transposed(), T::PRECISION).write_on_this_thread(ds);
                if self.mask.is_some() {
                    each_factor(self.mask, task * p.len(), p.len(), |part, factors| {
                        multiply(&mut ds[part], factors)
                    });
                }
                softmax_backward(ds, p, sequence);
                let mut bias_sums = zeros(if wants_key_bias { sequence } else { 0 });
                if wants_key_bias {
                    add_columns(&mut bias_sums, &*ds);
                }
                let ds = self.scores(ds);
                let dq = Product::new(ds, k, T::PRECISION).scaled(self.scale());
                let dk = Product::new(ds.transposed(), q, T::PRECISION).scaled(self.scale());
                for (part, product) in [(QUERY, dq), (KEY, dk)] {
                    // SAFETY: as for `dv`.
                    unsafe { self.write_head(&product, shared, part, task, results) };
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
        // SAFETY: each task has written its head of all three parts, which are the whole.
        (unsafe { assume_init(dqkv) }, key_bias)
    }
}

/// Memory of a thread for one head at a time.
struct Scratch {
    /// Probabilities, or their gradient.
    p: Vec<MaybeUninit<f32>>,
    /// Probabilities under the mask of the dropout.
    masked: Vec<MaybeUninit<f32>>,
    /// Results on their way to another precision.
    results: Vec<f32>,
}
