//! Residual connection and layer normalisation: `y = layer_norm(x + mask * branch)`, the end of each half of
//! a post-LN block.
//!
//! Where the branch is a product, its rows are finished while they are in the cache. The backward pass
//! draws the mask again, and writes its results over the incoming gradient and the stored sum.

use std::mem::MaybeUninit;
use std::sync::Arc;

use burn::backend::autodiff::{
    checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
    grads::Gradients,
    ops::{Backward, Ops, OpsKind},
};
use burn::backend::{Autodiff, Flex, tensor::FloatTensor};
use burn_flex::FlexTensor;

use super::buffer::{SharedSlice, assume_init, uninit, write_parts, written};
use super::element::{Element, matrix};
use super::gemm::{Matrix, Product};
use super::layer_norm::{Norm, ROWS, RowStatistics, row_backward};
use super::linear::{add_bias, add_columns, sum_of_partials};
use super::mask::each_factor;
use super::simd::{fma, vectorised};
use super::storage::{contiguous, dims, exclusive, row_elements, tensor, values, values_mut, zeros};
use crate::Dropout;
use crate::dropout::DropoutMask;
use crate::workers::{chunks, chunks_mut, map_parts};

vectorised! {
    /// Turns `branch` into `x + branch * factors`.
    fn add_masked<const FMA: bool>(branch: &mut [f32], factors: &[f32], x: &[f32]) {
        for ((branch, factor), x) in branch.iter_mut().zip(factors).zip(x) {
            *branch = fma::<FMA>(*branch, *factor, *x);
        }
    }

    /// `y = x * factors`, added to `sums`, for the elements that correspond.
    fn write_masked<const FMA: bool, T: Element>(
        x: &[f32],
        factors: &[f32],
        y: &mut [MaybeUninit<T>],
        sums: &mut [f32],
    ) {
        for (((y, x), factor), sum) in y.iter_mut().zip(x).zip(factors).zip(sums) {
            let product = x * factor;
            *sum += product;
            y.write(T::from_f32(product));
        }
    }
}

/// A function that finishes a row of a branch, given its number.
type FinishRow<'a> = &'a (dyn Fn(usize, &mut [f32]) + Sync);

/// Residual connection and layer normalisation.
pub(crate) struct Residual {
    x: FlexTensor,
    norm: Norm,
    mask: Option<DropoutMask>,
}

/// The state that the backward pass needs.
#[derive(Clone, Debug)]
pub(crate) struct ResidualState {
    /// `x + mask * branch`, `[.., H]`.
    sum: Arc<Vec<f32>>,
    statistics: Vec<RowStatistics>,
    norm: Norm,
    mask: Option<DropoutMask>,
}

impl Residual {
    /// The connection past a branch of a contiguous `x [.., H]`.
    pub(crate) fn new(x: FlexTensor, norm: Norm, dropout: Dropout) -> Self {
        let mask = DropoutMask::of(dropout, row_elements(&x));
        Self { x, norm, mask }
    }

    /// Turns a row of the branch into that of the sum.
    fn add(&self, row: usize, branch: &mut [f32]) {
        let start = row * branch.len();
        each_factor(self.mask, start, branch.len(), |part, factors| {
            add_masked(&mut branch[part.clone()], factors, &values(&self.x)[start..][part]);
        });
    }

    /// The result, where `write` writes the branch to a buffer and then calls a function once with the
    /// number of each row, and the row.
    fn finish<W>(&self, write: W) -> FlexTensor
    where
        W: for<'o> FnOnce(&'o mut [MaybeUninit<f32>], FinishRow<'_>) -> &'o mut [f32],
    {
        let y = written(values(&self.x).len(), |y| {
            write(y, &|row, branch| {
                self.add(row, branch);
                self.norm.apply(branch);
            })
        });
        tensor(y, self.x.layout().shape().clone())
    }

    /// The result of [`Self::finish`], and the state that the backward pass needs.
    fn finish_tracked<W>(self, write: W) -> (FlexTensor, ResidualState)
    where
        W: for<'o> FnOnce(&'o mut [MaybeUninit<f32>], FinishRow<'_>) -> &'o mut [f32],
    {
        let (n, width) = (values(&self.x).len(), self.norm.width());
        let mut y = uninit(n);
        let mut statistics = vec![RowStatistics::default(); n / width.max(1)];
        let (of_y, of_statistics) = (SharedSlice::of_uninit(&mut y), SharedSlice::of(&mut statistics));
        let sum = written(n, |sum| {
            write(sum, &|row, branch| {
                self.add(row, branch);
                // SAFETY: each row comes once, and has its own place in both.
                let (y, statistics) =
                    unsafe { (of_y.uninit_slice(row * width, width), of_statistics.slice(row, 1)) };
                statistics[0] = self.norm.apply(y.write_copy_of_slice(branch));
            })
        });
        // SAFETY: `write` has called once with each row, as both that there are below do.
        let y = tensor(unsafe { assume_init(y) }, self.x.layout().shape().clone());
        (y, ResidualState { sum: Arc::new(sum), statistics, norm: self.norm, mask: self.mask })
    }

    /// The result for the branch `product + bias`.
    pub(crate) fn of_product(&self, product: &Product<'_>, bias: &[f32]) -> FlexTensor {
        self.finish(|out, finish| product.write_rows_then(out, |row, y| add_bias_then(row, y, bias, finish)))
    }

    /// The result for the branch `product + bias`, and the state that the backward pass needs.
    pub(crate) fn of_tracked_product(
        self,
        product: &Product<'_>,
        bias: &[f32],
    ) -> (FlexTensor, ResidualState) {
        self.finish_tracked(|out, finish| {
            product.write_rows_then(out, |row, y| add_bias_then(row, y, bias, finish))
        })
    }
}

fn add_bias_then(row: usize, y: &mut [f32], bias: &[f32], finish: FinishRow<'_>) {
    add_bias(y, bias);
    finish(row, y);
}

/// The gradient of a branch, and the memory that it is in.
enum BranchGradient<T> {
    /// The gradient of `x`, as nothing is dropped.
    SameAsX,
    /// In 32 bits, in the memory of the sum.
    InPlaceOfSum(Vec<f32>),
    Separate(Vec<T>),
}

/// Gradients of a residual connection and its layer normalisation.
pub(crate) struct ResidualGradient<T> {
    /// The gradient of `x` through the sum alone, without other owners.
    x: FlexTensor,
    branch: BranchGradient<T>,
    /// Column sums of that of the branch, which are the gradient of its bias.
    pub(crate) bias: FlexTensor,
    /// The gradient of the norm's scale.
    pub(crate) gamma: FlexTensor,
    /// The gradient of the norm's shift.
    pub(crate) beta: FlexTensor,
}

impl<T: Element> ResidualGradient<T> {
    /// The gradient of the branch, `[rows, H]`.
    pub(crate) fn branch(&self) -> Matrix<'_> {
        let (x, [width]) = (values(&self.x), dims(&self.gamma));
        let rows = x.len() / width.max(1);
        match &self.branch {
            BranchGradient::SameAsX => Matrix::new(x, rows, width, width),
            BranchGradient::InPlaceOfSum(branch) => Matrix::new(branch.as_slice(), rows, width, width),
            BranchGradient::Separate(branch) => matrix(branch, rows, width, width),
        }
    }

    /// The gradient of `x` through the sum alone.
    pub(crate) fn into_x(self) -> FlexTensor {
        self.x
    }
}

impl ResidualState {
    /// The gradients for that of the result; that of the branch in the precision of `T`.
    pub(crate) fn backward<T: Element>(self, dy: FlexTensor) -> ResidualGradient<T> {
        let Self { sum, statistics, norm, mask } = self;
        let width = norm.width();
        let mut dx = exclusive(dy);
        let mut sum = Arc::try_unwrap(sum).unwrap_or_else(|sum| sum.to_vec());
        let of_sum = SharedSlice::of(&mut sum);
        let mut separate: Option<Vec<MaybeUninit<T>>> = None;
        let of_branch = match T::in_place_of(of_sum) {
            Some(in_place) => mask.map(|_| in_place),
            None => Some(SharedSlice::of_uninit(separate.insert(uninit(values(&dx).len())))),
        };
        let rows = (chunks_mut(values_mut(&mut dx), ROWS * width), chunks(&statistics, ROWS));
        let partials = map_parts(rows, |chunk, (dx, statistics)| {
            let [mut dgamma, mut dbeta, mut dbias] = [(); 3].map(|()| zeros(width));
            for (i, (dx, statistics)) in dx.chunks_exact_mut(width).zip(statistics).enumerate() {
                let start = (chunk * ROWS + i) * width;
                {
                    // SAFETY: each row of the sum belongs to one task, which uses it nowhere else as long as
                    // this block lasts.
                    let sum = unsafe { of_sum.slice(start, width) };
                    row_backward(sum, *statistics, norm.gamma(), dx, &mut dgamma, &mut dbeta);
                }
                let Some(of_branch) = of_branch else {
                    add_columns(&mut dbias, dx);
                    continue;
                };
                // SAFETY: each row of the branch belongs to one task. Where it is that of the sum, the sum
                // was read for the last time.
                let branch = unsafe { of_branch.uninit_slice(start, width) };
                each_factor(mask, start, width, |part, factors| {
                    let dx = &dx[part.clone()];
                    write_masked(dx, factors, &mut branch[part.clone()], &mut dbias[part]);
                });
            }
            [dgamma, dbeta, dbias]
        });
        let branch = match (of_branch.is_some(), separate) {
            (false, _) => BranchGradient::SameAsX,
            (true, None) => BranchGradient::InPlaceOfSum(sum),
            // SAFETY: `dx` has as many elements, and for each of its rows all factors came with as many
            // elements of the branch.
            (true, Some(branch)) => BranchGradient::Separate(unsafe { assume_init(branch) }),
        };
        let [mut gamma, mut beta, mut bias] = [(); 3].map(|()| Vec::with_capacity(partials.len()));
        for [dgamma, dbeta, dbias] in partials {
            gamma.push(dgamma);
            beta.push(dbeta);
            bias.push(dbias);
        }
        let [gamma, beta, bias] =
            [gamma, beta, bias].map(|partials| tensor(sum_of_partials(partials, width), [width]));
        ResidualGradient { x: dx, branch, bias, gamma, beta }
    }
}

/// `layer_norm(x + dropout(branch))`.
pub(crate) fn residual_layer_norm(
    x: FlexTensor,
    branch: FlexTensor,
    dropout: Dropout,
    gamma: FlexTensor,
    beta: FlexTensor,
    eps: f64,
) -> FlexTensor {
    let (residual, branch) = operands(x, branch, dropout, [gamma, beta], eps);
    residual.finish(|out, finish| copy_rows(&branch, out, residual.norm.width(), finish))
}

fn operands(
    x: FlexTensor,
    branch: FlexTensor,
    dropout: Dropout,
    [gamma, beta]: [FlexTensor; 2],
    eps: f64,
) -> (Residual, FlexTensor) {
    let shapes = [&x, &branch].map(|x| x.layout().shape());
    assert_eq!(shapes[0], shapes[1], "a residual branch has the shape of its trunk");
    let norm = Norm::new(&x, gamma, beta, eps);
    (Residual::new(contiguous(x), norm, dropout), contiguous(branch))
}

/// Copies a branch that is no product, and calls `finish` once on each of its rows.
fn copy_rows<'o>(
    branch: &FlexTensor,
    out: &'o mut [MaybeUninit<f32>],
    width: usize,
    finish: FinishRow<'_>,
) -> &'o mut [f32] {
    let size = ROWS * width;
    write_parts(out, size, chunks(values(branch), size), |chunk, out, branch| {
        let out = out.write_copy_of_slice(branch);
        out.chunks_exact_mut(width).enumerate().for_each(|(i, row)| finish(chunk * ROWS + i, row));
        out
    })
}

#[derive(Debug)]
struct ResidualLayerNorm;

impl Backward<Flex, 4> for ResidualLayerNorm {
    type State = ResidualState;

    fn backward(self, ops: Ops<ResidualState, 4>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = grads.consume::<Flex>(&ops.node);
        let gradient = ops.state.backward::<f32>(dy);
        let branch = match gradient.branch {
            BranchGradient::SameAsX => gradient.x.clone(),
            BranchGradient::InPlaceOfSum(branch) | BranchGradient::Separate(branch) => {
                tensor(branch, gradient.x.layout().shape().clone())
            }
        };
        let [x, of_branch, gamma, beta] = ops.parents;
        // The branch first: gradients are added up in this order.
        for (node, value) in
            [(of_branch, branch), (x, gradient.x), (gamma, gradient.gamma), (beta, gradient.beta)]
        {
            if let Some(node) = node {
                grads.register::<Flex>(node.id, value);
            }
        }
    }
}

/// `layer_norm(x + dropout(branch))` with its gradient.
pub(crate) fn tracked_residual_layer_norm<C: CheckpointStrategy>(
    x: FloatTensor<Autodiff<Flex, C>>,
    branch: FloatTensor<Autodiff<Flex, C>>,
    dropout: Dropout,
    gamma: FloatTensor<Autodiff<Flex, C>>,
    beta: FloatTensor<Autodiff<Flex, C>>,
    eps: f64,
) -> FloatTensor<Autodiff<Flex, C>> {
    let guards = [x.node(), branch.node(), gamma.node(), beta.node()];
    let norm = [gamma.into_primitive(), beta.into_primitive()];
    let (residual, branch) = operands(x.into_primitive(), branch.into_primitive(), dropout, norm, eps);
    let width = residual.norm.width();
    match ResidualLayerNorm.prepare::<C>(guards).compute_bound().stateful() {
        OpsKind::Tracked(prep) => {
            let (y, kept) = residual.finish_tracked(|out, finish| copy_rows(&branch, out, width, finish));
            prep.finish(kept, y)
        }
        OpsKind::UnTracked(prep) => {
            prep.finish(residual.finish(|out, finish| copy_rows(&branch, out, width, finish)))
        }
    }
}
