//! Layer normalisation, alone and of a residual sum with dropout inside.
//!
//! With `z = x + mask * branch`, `mean` and `rstd` of each row of `z`, and
//! `n = (z - mean) * rstd`: `y = n * gamma + beta`. The backward pass reads `x` and `branch`
//! again instead of a stored `z`, draws the mask again, and writes its results over the
//! incoming gradient and the branch where nobody else holds them.

use burn::backend::autodiff::{
    checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
    grads::Gradients,
    ops::{Backward, Ops, OpsKind},
};
use burn::backend::{Autodiff, Flex, tensor::FloatTensor};
use burn_flex::FlexTensor;
use rayon::prelude::*;

use super::linear::sum_of_partials;
use super::mask::Mask;
use super::simd::{LANES, fma, fold, sum, vectorised};
use super::storage::{contiguous, exclusive, row_elements, tensor, uninitialised, values, values_mut, zeros};
use crate::Dropout;

/// Rows of one parallel task; also the unit of the partial sums of `dgamma` and `dbeta`.
const ROWS: usize = 32;

/// Mean and reciprocal standard deviation of a row.
#[derive(Clone, Copy, Debug, Default)]
struct Moments {
    mean: f32,
    rstd: f32,
}

vectorised! {
    /// `z = x + factors * branch`.
    fn residual<const FMA: bool>(z: &mut [f32], x: &[f32], branch: &[f32], factors: &[f32]) {
        for (((z, x), branch), factor) in z.iter_mut().zip(x).zip(branch).zip(factors) {
            *z = fma::<FMA>(*branch, *factor, *x);
        }
    }

    /// `y = normalised(z) * gamma + beta` for one row.
    fn normalise<const FMA: bool>(
        z: &[f32],
        gamma: &[f32],
        beta: &[f32],
        eps: f32,
        y: &mut [f32],
    ) -> Moments {
        let n = z.len() as f32;
        let mean = sum(z) / n;
        let mut lanes = [0.0; LANES];
        let chunks = z.chunks_exact(LANES);
        for (lane, z) in lanes.iter_mut().zip(chunks.remainder()) {
            *lane = (z - mean) * (z - mean);
        }
        for z in chunks {
            for (lane, z) in lanes.iter_mut().zip(z) {
                *lane = fma::<FMA>(z - mean, z - mean, *lane);
            }
        }
        let rstd = 1.0 / (fold(lanes) / n + eps).sqrt();
        for (((y, z), gamma), beta) in y.iter_mut().zip(z).zip(gamma).zip(beta) {
            *y = fma::<FMA>((z - mean) * rstd, *gamma, *beta);
        }
        Moments { mean, rstd }
    }

    /// Turns `dy` of one row into `dz` and adds to the sums for `dgamma` and `dbeta`.
    fn row_backward<const FMA: bool>(
        z: &[f32],
        moments: Moments,
        gamma: &[f32],
        dy: &mut [f32],
        dgamma: &mut [f32],
        dbeta: &mut [f32],
    ) {
        let Moments { mean, rstd } = moments;
        let width = z.len();
        let (mut lanes_1, mut lanes_2) = ([0.0; LANES], [0.0; LANES]);
        let whole = width / LANES * LANES;
        for at in (0..whole).step_by(LANES) {
            let part = at..at + LANES;
            accumulate::<FMA>(
                &z[part.clone()], moments, &gamma[part.clone()], &dy[part.clone()],
                &mut dgamma[part.clone()], &mut dbeta[part], &mut lanes_1, &mut lanes_2,
            );
        }
        accumulate::<FMA>(
            &z[whole..], moments, &gamma[whole..], &dy[whole..],
            &mut dgamma[whole..], &mut dbeta[whole..], &mut lanes_1, &mut lanes_2,
        );
        let mean_1 = fold(lanes_1) / width as f32;
        let mean_2 = fold(lanes_2) / width as f32;
        for ((dy, z), gamma) in dy.iter_mut().zip(z).zip(gamma) {
            let normal = (z - mean) * rstd;
            let scaled = fma::<FMA>(*dy, *gamma, -mean_1);
            *dy = fma::<FMA>(-normal, mean_2, scaled) * rstd;
        }
    }

    /// `y = x * factors`.
    fn product<const FMA: bool>(y: &mut [f32], x: &[f32], factors: &[f32]) {
        for ((y, x), factor) in y.iter_mut().zip(x).zip(factors) {
            *y = x * factor;
        }
    }
}

/// The sums of [`row_backward`] over at most [`LANES`] columns.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn accumulate<const FMA: bool>(
    z: &[f32],
    moments: Moments,
    gamma: &[f32],
    dy: &[f32],
    dgamma: &mut [f32],
    dbeta: &mut [f32],
    lanes_1: &mut [f32; LANES],
    lanes_2: &mut [f32; LANES],
) {
    for i in 0..z.len() {
        let normal = (z[i] - moments.mean) * moments.rstd;
        let scaled = dy[i] * gamma[i];
        lanes_1[i] += scaled;
        lanes_2[i] = fma::<FMA>(scaled, normal, lanes_2[i]);
        dgamma[i] = fma::<FMA>(dy[i], normal, dgamma[i]);
        dbeta[i] += dy[i];
    }
}

/// The sum that is normalised.
#[derive(Clone, Debug)]
struct Sum {
    x: FlexTensor,
    branch: Option<FlexTensor>,
    mask: Option<Mask>,
}

impl Sum {
    fn new(x: FlexTensor, branch: Option<(FlexTensor, Dropout)>) -> Self {
        let mask = branch.as_ref().and_then(|(_, drop)| Mask::of(*drop, row_elements(&x)));
        if let Some((branch, _)) = &branch {
            let (x, branch) = (x.layout().shape(), branch.layout().shape());
            assert_eq!(x, branch, "a residual branch has the shape of its trunk");
        }
        Self { x: contiguous(x), branch: branch.map(|(branch, _)| contiguous(branch)), mask }
    }
}

/// Room for one row of the sum and one of its dropout factors.
struct Scratch {
    z: Vec<f32>,
    factors: Vec<f32>,
}

impl Scratch {
    fn new(width: usize) -> Self {
        Self { z: uninitialised(width), factors: vec![1.0; width] }
    }

    /// Row `row` of the sum, and of the factors.
    fn row<'a>(
        &'a mut self,
        row: usize,
        x: &'a [f32],
        branch: Option<&[f32]>,
        mask: Option<Mask>,
    ) -> (&'a [f32], &'a [f32]) {
        if let Some(mask) = mask {
            mask.factors(row * x.len(), &mut self.factors);
        }
        let Some(branch) = branch else { return (x, &self.factors) };
        residual(&mut self.z, x, branch, &self.factors);
        (&self.z, &self.factors)
    }
}

fn row_of(values: &[f32], row: usize, width: usize) -> &[f32] {
    &values[row * width..(row + 1) * width]
}

fn forward(sum: &Sum, gamma: &FlexTensor, beta: FlexTensor, eps: f64) -> (FlexTensor, Vec<Moments>) {
    let beta = contiguous(beta);
    let (gamma, beta) = (values(gamma), values(&beta));
    let (x, branch) = (values(&sum.x), sum.branch.as_ref().map(values));
    let width = gamma.len();
    let shape = sum.x.layout().shape().clone();
    assert_eq!(shape[shape.num_dims() - 1], width, "layer norm of width {width} on {shape:?}");
    let mut y = uninitialised(x.len());
    let mut moments = vec![Moments::default(); x.len() / width.max(1)];
    let chunks = y.par_chunks_mut(ROWS * width.max(1)).zip(moments.par_chunks_mut(ROWS));
    chunks.enumerate().for_each_init(
        || Scratch::new(width),
        |scratch, (chunk, (y, moments))| {
            for (i, (y, moments)) in y.chunks_exact_mut(width).zip(moments).enumerate() {
                let row = chunk * ROWS + i;
                let branch = branch.map(|branch| row_of(branch, row, width));
                let (z, _) = scratch.row(row, row_of(x, row, width), branch, sum.mask);
                *moments = normalise(z, gamma, beta, eps as f32, y);
            }
        },
    );
    (tensor(y, shape), moments)
}

/// `layer_norm(x)`, or `layer_norm(x + dropout(branch))`.
pub fn layer_norm(
    x: FlexTensor,
    branch: Option<(FlexTensor, Dropout)>,
    gamma: FlexTensor,
    beta: FlexTensor,
    eps: f64,
) -> FlexTensor {
    forward(&Sum::new(x, branch), &contiguous(gamma), beta, eps).0
}

#[derive(Clone, Debug)]
struct State {
    sum: Sum,
    gamma: FlexTensor,
    moments: Vec<Moments>,
}

struct Gradient {
    x: FlexTensor,
    branch: Option<FlexTensor>,
    gamma: Vec<f32>,
    beta: Vec<f32>,
}

fn backward(state: State, dy: FlexTensor) -> Gradient {
    let State { sum: Sum { x, branch, mask }, gamma, moments } = state;
    let gamma = values(&gamma);
    let width = gamma.len();
    let size = ROWS * width.max(1);
    let mut dz = exclusive(dy);
    // The gradient of the branch differs from that of the trunk only under a mask.
    let masked = branch.is_some() && mask.is_some();
    let (branch, mut dbranch) = match branch {
        Some(branch) if masked => (None, Some(exclusive(branch))),
        branch => (branch, None),
    };
    let branch = branch.as_ref().map(values);
    let task = |scratch: &mut Scratch, chunk, dz: &mut [f32], mut dbranch: Option<&mut [f32]>| {
        let (mut dgamma, mut dbeta) = (zeros(width), zeros(width));
        for (i, dz) in dz.chunks_exact_mut(width).enumerate() {
            let row = chunk * ROWS + i;
            let branch = match &dbranch {
                Some(dbranch) => Some(row_of(dbranch, i, width)),
                None => branch.map(|branch| row_of(branch, row, width)),
            };
            let (z, factors) = scratch.row(row, row_of(values(&x), row, width), branch, mask);
            row_backward(z, moments[row], gamma, dz, &mut dgamma, &mut dbeta);
            if let Some(dbranch) = &mut dbranch {
                product(&mut dbranch[i * width..(i + 1) * width], dz, factors);
            }
        }
        (dgamma, dbeta)
    };
    let chunks = values_mut(&mut dz).par_chunks_mut(size).enumerate();
    let init = || Scratch::new(width);
    let partials: (Vec<_>, Vec<_>) = match &mut dbranch {
        Some(dbranch) => chunks
            .zip(values_mut(dbranch).par_chunks_mut(size))
            .map_init(init, |scratch, ((chunk, dz), dbranch)| task(scratch, chunk, dz, Some(dbranch)))
            .unzip(),
        None => chunks.map_init(init, |scratch, (chunk, dz)| task(scratch, chunk, dz, None)).unzip(),
    };
    Gradient {
        x: dz,
        branch: dbranch,
        gamma: sum_of_partials(partials.0, width),
        beta: sum_of_partials(partials.1, width),
    }
}

#[derive(Debug)]
struct LayerNorm;

impl Backward<Flex, 3> for LayerNorm {
    type State = State;

    fn backward(self, ops: Ops<State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let [x, gamma, beta] = ops.parents;
        let dy = grads.consume::<Flex>(&ops.node);
        let gradient = backward(ops.state, dy);
        let width = gradient.gamma.len();
        if let Some(node) = x {
            grads.register::<Flex>(node.id, gradient.x);
        }
        if let Some(node) = gamma {
            grads.register::<Flex>(node.id, tensor(gradient.gamma, [width]));
        }
        if let Some(node) = beta {
            grads.register::<Flex>(node.id, tensor(gradient.beta, [width]));
        }
    }
}

/// `layer_norm(x)` with its gradient.
pub fn tracked_layer_norm<C: CheckpointStrategy>(
    x: FloatTensor<Autodiff<Flex, C>>,
    gamma: FloatTensor<Autodiff<Flex, C>>,
    beta: FloatTensor<Autodiff<Flex, C>>,
    eps: f64,
) -> FloatTensor<Autodiff<Flex, C>> {
    let guards = [x.node(), gamma.node(), beta.node()];
    let sum = Sum::new(x.into_primitive(), None);
    let gamma = contiguous(gamma.into_primitive());
    let (y, moments) = forward(&sum, &gamma, beta.into_primitive(), eps);
    match LayerNorm.prepare::<C>(guards).compute_bound().stateful() {
        OpsKind::Tracked(prep) => prep.finish(State { sum, gamma, moments }, y),
        OpsKind::UnTracked(prep) => prep.finish(y),
    }
}

#[derive(Debug)]
struct ResidualLayerNorm;

impl Backward<Flex, 4> for ResidualLayerNorm {
    type State = State;

    fn backward(self, ops: Ops<State, 4>, grads: &mut Gradients, _: &mut Checkpointer) {
        let [x, branch, gamma, beta] = ops.parents;
        let dy = grads.consume::<Flex>(&ops.node);
        let gradient = backward(ops.state, dy);
        let width = gradient.gamma.len();
        if let Some(node) = branch {
            let dbranch = gradient.branch.unwrap_or_else(|| gradient.x.clone());
            grads.register::<Flex>(node.id, dbranch);
        }
        if let Some(node) = x {
            grads.register::<Flex>(node.id, gradient.x);
        }
        if let Some(node) = gamma {
            grads.register::<Flex>(node.id, tensor(gradient.gamma, [width]));
        }
        if let Some(node) = beta {
            grads.register::<Flex>(node.id, tensor(gradient.beta, [width]));
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
    let sum = Sum::new(x.into_primitive(), Some((branch.into_primitive(), drop)));
    let gamma = contiguous(gamma.into_primitive());
    let (y, moments) = forward(&sum, &gamma, beta.into_primitive(), eps);
    match ResidualLayerNorm.prepare::<C>(guards).compute_bound().stateful() {
        OpsKind::Tracked(prep) => prep.finish(State { sum, gamma, moments }, y),
        OpsKind::UnTracked(prep) => prep.finish(y),
    }
}
