//! The end of each half of a post-LN block: `y = layer_norm(x + mask * branch)`.
//!
//! Where the branch is a product, its rows are finished while they are in the cache. The backward pass
//! draws the mask again, and writes its results over the incoming gradient and the stored sum.

use std::ops::Range;
use std::sync::Arc;

use burn::backend::autodiff::{
    checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
    grads::Gradients,
    ops::{Backward, Ops, OpsKind},
};
use burn::backend::{Autodiff, Flex, tensor::FloatTensor};
use burn_flex::FlexTensor;

use super::element::{Element, matrix};
use super::gemm::{Matrix, Product};
use super::layer_norm::{Moments, Norm, ROWS, row_backward};
use super::linear::{add_bias, add_columns, sum_of_partials};
use super::mask::Mask;
use super::simd::{fma, vectorised};
use super::storage::{
    Shared, contiguous, dims, exclusive, row_elements, tensor, uninitialised, values, values_mut, zeros,
};
use crate::Dropout;
use crate::workers::{chunks, chunks_mut, each_part, map_parts};

/// Elements of a mask that are drawn at once.
const DRAWN: usize = 256;

vectorised! {
    /// Turns `branch` into `x + branch * factors`.
    fn add_masked<const FMA: bool>(branch: &mut [f32], factors: &[f32], x: &[f32]) {
        for ((branch, factor), x) in branch.iter_mut().zip(factors).zip(x) {
            *branch = fma::<FMA>(*branch, *factor, *x);
        }
    }

    /// `y = x * factors`, added to `sums`.
    fn masked<const FMA: bool, T: Element>(x: &[f32], factors: &[f32], y: &mut [T], sums: &mut [f32]) {
        for (((y, x), factor), sum) in y.iter_mut().zip(x).zip(factors).zip(sums) {
            let product = x * factor;
            *sum += product;
            *y = T::of(product);
        }
    }
}

/// Calls `part` with ranges of the `n` elements from `start` on, and their factors.
fn each_factor(mask: Option<Mask>, start: usize, n: usize, mut part: impl FnMut(Range<usize>, &[f32])) {
    let mut factors = [1.0; DRAWN];
    for first in (0..n).step_by(DRAWN) {
        let part_of_row = first..n.min(first + DRAWN);
        let factors = &mut factors[..part_of_row.len()];
        if let Some(mask) = mask {
            mask.factors(start + first, factors);
        }
        part(part_of_row, factors);
    }
}

/// Finishes a row of a branch, given its number.
type Finish<'a> = &'a (dyn Fn(usize, &mut [f32]) + Sync);

/// What a branch is added to, and what becomes of the sum.
pub struct Residual {
    x: FlexTensor,
    norm: Norm,
    mask: Option<Mask>,
}

/// What the backward pass needs.
#[derive(Clone, Debug)]
pub struct Kept {
    /// `x + mask * branch`, `[.., H]`.
    sum: Arc<Vec<f32>>,
    moments: Vec<Moments>,
    norm: Norm,
    mask: Option<Mask>,
}

impl Residual {
    /// With a contiguous `x [.., H]`.
    pub fn new(x: FlexTensor, norm: Norm, drop: Dropout) -> Self {
        let mask = Mask::of(drop, row_elements(&x));
        Self { x, norm, mask }
    }

    /// Turns a row of the branch into that of the sum.
    fn add(&self, row: usize, branch: &mut [f32]) {
        let start = row * branch.len();
        each_factor(self.mask, start, branch.len(), |part, factors| {
            add_masked(&mut branch[part.clone()], factors, &values(&self.x)[start..][part]);
        });
    }

    /// The result where `rows` writes the branch into a buffer and then calls a function with the
    /// number of each row, and the row.
    fn finish(&self, rows: impl FnOnce(&mut [f32], Finish<'_>)) -> FlexTensor {
        let mut y = uninitialised(values(&self.x).len());
        rows(&mut y, &|row, branch| {
            self.add(row, branch);
            self.norm.apply(branch);
        });
        tensor(y, self.x.layout().shape().clone())
    }

    /// The same, and what the backward pass needs.
    fn finish_tracked(self, rows: impl FnOnce(&mut [f32], Finish<'_>)) -> (FlexTensor, Kept) {
        let (n, width) = (values(&self.x).len(), self.norm.width());
        let [mut y, mut sum] = [(); 2].map(|()| uninitialised(n));
        let mut moments = vec![Moments::default(); n / width.max(1)];
        let (of_y, of_moments) = (Shared::of(&mut y), Shared::of(&mut moments));
        rows(&mut sum, &|row, branch| {
            self.add(row, branch);
            // SAFETY: each row comes once.
            let (y, moments) = unsafe { (of_y.slice(row * width, width), of_moments.slice(row, 1)) };
            y.copy_from_slice(branch);
            moments[0] = self.norm.apply(y);
        });
        let y = tensor(y, self.x.layout().shape().clone());
        (y, Kept { sum: Arc::new(sum), moments, norm: self.norm, mask: self.mask })
    }

    /// The result of the branch `product + bias`.
    pub fn of_product(&self, product: &Product<'_>, bias: &[f32]) -> FlexTensor {
        self.finish(|rows, finish| product.write_rows_then(rows, |row, y| biased(row, y, bias, finish)))
    }

    /// The same, and what the backward pass needs.
    pub fn of_tracked_product(self, product: &Product<'_>, bias: &[f32]) -> (FlexTensor, Kept) {
        self.finish_tracked(|rows, finish| {
            product.write_rows_then(rows, |row, y| biased(row, y, bias, finish))
        })
    }
}

fn biased(row: usize, y: &mut [f32], bias: &[f32], finish: Finish<'_>) {
    add_bias(y, bias);
    finish(row, y);
}

/// The gradient of a branch.
enum Branch<T> {
    /// That of the trunk, as nothing is dropped.
    Trunk,
    /// In 32 bits, where the sum was.
    Single(Vec<f32>),
    Own(Vec<T>),
}

/// Gradients of a residual sum and its norm.
pub struct Gradient<T> {
    /// Of `x` through the sum alone, without other owners.
    x: FlexTensor,
    branch: Branch<T>,
    /// Column sums of that of the branch, which are the gradient of its bias.
    pub bias: FlexTensor,
    /// Of the norm's scale.
    pub gamma: FlexTensor,
    /// Of the norm's shift.
    pub beta: FlexTensor,
}

impl<T: Element> Gradient<T> {
    /// That of the branch, `[rows, H]`.
    pub fn branch(&self) -> Matrix<'_> {
        let (x, [width]) = (values(&self.x), dims(&self.gamma));
        let rows = x.len() / width.max(1);
        match &self.branch {
            Branch::Trunk => Matrix::new(x, rows, width, width),
            Branch::Single(branch) => Matrix::new(branch.as_slice(), rows, width, width),
            Branch::Own(branch) => matrix(branch, rows, width, width),
        }
    }

    /// That of `x`, without the others.
    pub fn into_x(self) -> FlexTensor {
        self.x
    }
}

impl Kept {
    /// The gradients for that of the result; that of the branch in the precision of `T`.
    pub fn backward<T: Element>(self, dy: FlexTensor) -> Gradient<T> {
        let Self { sum, moments, norm, mask } = self;
        let width = norm.width();
        let mut dx = exclusive(dy);
        let mut sum = Arc::try_unwrap(sum).unwrap_or_else(|sum| sum.to_vec());
        let of_sum = Shared::of(&mut sum);
        let mut own = Vec::new();
        let of_branch = match T::in_place_of(of_sum) {
            Some(in_place) => mask.map(|_| in_place),
            None => {
                own = uninitialised(sum.len());
                Some(Shared::of(&mut own))
            }
        };
        let rows = (chunks_mut(values_mut(&mut dx), ROWS * width), chunks(&moments, ROWS));
        let partials = map_parts(rows, |chunk, (dx, moments)| {
            let [mut dgamma, mut dbeta, mut dbias] = [(); 3].map(|()| zeros(width));
            for (i, (dx, moments)) in dx.chunks_exact_mut(width).zip(moments).enumerate() {
                let start = (chunk * ROWS + i) * width;
                // SAFETY: each row of the sum belongs to one task, and nobody writes it during this call.
                let sum = unsafe { of_sum.slice(start, width) };
                row_backward(sum, *moments, norm.gamma(), dx, &mut dgamma, &mut dbeta);
                let Some(of_branch) = of_branch else {
                    add_columns(&mut dbias, dx);
                    continue;
                };
                // SAFETY: the row was read for the last time, and this task alone writes it.
                let branch = unsafe { of_branch.slice(start, width) };
                each_factor(mask, start, width, |part, factors| {
                    let dx = &dx[part.clone()];
                    masked(dx, factors, &mut branch[part.clone()], &mut dbias[part]);
                });
            }
            [dgamma, dbeta, dbias]
        });
        let branch = match of_branch {
            None => Branch::Trunk,
            Some(_) if own.is_empty() => Branch::Single(sum),
            Some(_) => Branch::Own(own),
        };
        let [mut gamma, mut beta, mut bias] = [(); 3].map(|()| Vec::with_capacity(partials.len()));
        for [dgamma, dbeta, dbias] in partials {
            gamma.push(dgamma);
            beta.push(dbeta);
            bias.push(dbias);
        }
        let [gamma, beta, bias] =
            [gamma, beta, bias].map(|partials| tensor(sum_of_partials(partials, width), [width]));
        Gradient { x: dx, branch, bias, gamma, beta }
    }
}

/// `layer_norm(x + dropout(branch))`.
pub fn residual_layer_norm(
    x: FlexTensor,
    branch: FlexTensor,
    drop: Dropout,
    gamma: FlexTensor,
    beta: FlexTensor,
    eps: f64,
) -> FlexTensor {
    let (residual, branch) = operands(x, branch, drop, [gamma, beta], eps);
    residual.finish(|rows, finish| copy_rows(&branch, rows, residual.norm.width(), finish))
}

fn operands(
    x: FlexTensor,
    branch: FlexTensor,
    drop: Dropout,
    [gamma, beta]: [FlexTensor; 2],
    eps: f64,
) -> (Residual, FlexTensor) {
    let shapes = [&x, &branch].map(|x| x.layout().shape());
    assert_eq!(shapes[0], shapes[1], "a residual branch has the shape of its trunk");
    let norm = Norm::new(&x, gamma, beta, eps);
    (Residual::new(contiguous(x), norm, drop), contiguous(branch))
}

/// Copies a branch that is no product, and calls `finish` on each of its rows.
fn copy_rows(branch: &FlexTensor, to: &mut [f32], width: usize, finish: Finish<'_>) {
    let size = ROWS * width;
    each_part((chunks_mut(to, size), chunks(values(branch), size)), |chunk, (to, branch)| {
        to.copy_from_slice(branch);
        to.chunks_exact_mut(width).enumerate().for_each(|(i, row)| finish(chunk * ROWS + i, row));
    });
}

#[derive(Debug)]
struct ResidualLayerNorm;

impl Backward<Flex, 4> for ResidualLayerNorm {
    type State = Kept;

    fn backward(self, ops: Ops<Kept, 4>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = grads.consume::<Flex>(&ops.node);
        let gradient = ops.state.backward::<f32>(dy);
        let branch = match gradient.branch {
            Branch::Trunk => gradient.x.clone(),
            Branch::Single(branch) | Branch::Own(branch) => {
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
pub fn tracked_residual_layer_norm<C: CheckpointStrategy>(
    x: FloatTensor<Autodiff<Flex, C>>,
    branch: FloatTensor<Autodiff<Flex, C>>,
    drop: Dropout,
    gamma: FloatTensor<Autodiff<Flex, C>>,
    beta: FloatTensor<Autodiff<Flex, C>>,
    eps: f64,
) -> FloatTensor<Autodiff<Flex, C>> {
    let guards = [x.node(), branch.node(), gamma.node(), beta.node()];
    let norm = [gamma.into_primitive(), beta.into_primitive()];
    let (residual, branch) = operands(x.into_primitive(), branch.into_primitive(), drop, norm, eps);
    let width = residual.norm.width();
    match ResidualLayerNorm.prepare::<C>(guards).compute_bound().stateful() {
        OpsKind::Tracked(prep) => {
            let (y, kept) = residual.finish_tracked(|rows, finish| copy_rows(&branch, rows, width, finish));
            prep.finish(kept, y)
        }
        OpsKind::UnTracked(prep) => {
            prep.finish(residual.finish(|rows, finish| copy_rows(&branch, rows, width, finish)))
        }
    }
}
