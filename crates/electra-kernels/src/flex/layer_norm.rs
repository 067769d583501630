//! Layer normalisation.
//!
//! With `mean` and `rstd` of each row of `x`, and `n = (x - mean) * rstd`: `y = n * gamma + beta`. The
//! backward pass writes its result over the incoming gradient where nobody else holds it.

use burn::backend::autodiff::{
    checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
    grads::Gradients,
    ops::{Backward, Ops, OpsKind},
};
use burn::backend::{Autodiff, Flex, tensor::FloatTensor};
use burn_flex::FlexTensor;

use super::buffer::{write_parts, written};
use super::linear::sum_of_partials;
use super::simd::{LANES, fma, fold, sum, vectorised};
use super::storage::{contiguous, dims, exclusive, tensor, values, values_mut, zeros};
use crate::workers::{chunks, chunks_mut, map_parts};

/// Rows of one parallel task; also the unit of the partial sums of `dgamma` and `dbeta`.
pub(crate) const ROWS: usize = 32;

/// Mean and reciprocal standard deviation of a row.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RowStatistics {
    mean: f32,
    rstd: f32,
}

vectorised! {
    /// Turns a row `z` into `normalised(z) * gamma + beta`.
    fn normalise<const FMA: bool>(z: &mut [f32], gamma: &[f32], beta: &[f32], eps: f32) -> RowStatistics {
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
        for ((z, gamma), beta) in z.iter_mut().zip(gamma).zip(beta) {
            *z = fma::<FMA>((*z - mean) * rstd, *gamma, *beta);
        }
        RowStatistics { mean, rstd }
    }

    /// Turns `dy` of one row into `dz` and adds to the sums for `dgamma` and `dbeta`.
    pub(crate) fn row_backward<const FMA: bool>(
        z: &[f32],
        statistics: RowStatistics,
        gamma: &[f32],
        dy: &mut [f32],
        dgamma: &mut [f32],
        dbeta: &mut [f32],
    ) {
        let RowStatistics { mean, rstd } = statistics;
        let width = z.len();
        let (mut lanes_1, mut lanes_2) = ([0.0; LANES], [0.0; LANES]);
        let whole = width / LANES * LANES;
        for at in (0..whole).step_by(LANES) {
            let part = at..at + LANES;
            accumulate::<FMA>(
                &z[part.clone()], statistics, &gamma[part.clone()], &dy[part.clone()],
                &mut dgamma[part.clone()], &mut dbeta[part], &mut lanes_1, &mut lanes_2,
            );
        }
        accumulate::<FMA>(
            &z[whole..], statistics, &gamma[whole..], &dy[whole..],
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
}

/// The sums of [`row_backward`] over at most [`LANES`] columns.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn accumulate<const FMA: bool>(
    z: &[f32],
    statistics: RowStatistics,
    gamma: &[f32],
    dy: &[f32],
    dgamma: &mut [f32],
    dbeta: &mut [f32],
    lanes_1: &mut [f32; LANES],
    lanes_2: &mut [f32; LANES],
) {
    for i in 0..z.len() {
        let normal = (z[i] - statistics.mean) * statistics.rstd;
        let scaled = dy[i] * gamma[i];
        lanes_1[i] += scaled;
        lanes_2[i] = fma::<FMA>(scaled, normal, lanes_2[i]);
        dgamma[i] = fma::<FMA>(dy[i], normal, dgamma[i]);
        dbeta[i] += dy[i];
    }
}

/// The parameters of a layer normalisation: scale and shift, contiguous, and what is added to a variance.
#[derive(Clone, Debug)]
pub(crate) struct Norm {
    gamma: FlexTensor,
    beta: FlexTensor,
    eps: f32,
}

impl Norm {
    /// The normalisation of rows as wide as those of `x`.
    pub(crate) fn new(x: &FlexTensor, gamma: FlexTensor, beta: FlexTensor, eps: f64) -> Self {
        let ([width], shape) = (dims(&gamma), x.layout().shape());
        assert_eq!(shape[shape.num_dims() - 1], width, "layer norm of width {width} on {shape:?}");
        assert_eq!(dims(&beta), [width], "as many shifts as scales");
        Self { gamma: contiguous(gamma), beta: contiguous(beta), eps: eps as f32 }
    }

    /// The number of elements of a row.
    pub(crate) fn width(&self) -> usize {
        values(&self.gamma).len()
    }

    /// The elements of the scale.
    pub(crate) fn gamma(&self) -> &[f32] {
        values(&self.gamma)
    }

    /// Normalises one row in place.
    pub(crate) fn apply(&self, row: &mut [f32]) -> RowStatistics {
        normalise(row, self.gamma(), values(&self.beta), self.eps)
    }
}

fn forward(x: &FlexTensor, norm: &Norm) -> (FlexTensor, Vec<RowStatistics>) {
    let (elements, width) = (values(x), norm.width());
    let mut statistics = vec![RowStatistics::default(); elements.len() / width.max(1)];
    let size = ROWS * width;
    let rows = (chunks(elements, size), chunks_mut(&mut statistics, ROWS));
    let y = written(elements.len(), |y| {
        write_parts(y, size, rows, |_, y, (x, statistics)| {
            let y = y.write_copy_of_slice(x);
            for (y, statistics) in y.chunks_exact_mut(width).zip(statistics) {
                *statistics = norm.apply(y);
            }
            y
        })
    });
    (tensor(y, x.layout().shape().clone()), statistics)
}

/// `layer_norm(x)`.
pub(crate) fn layer_norm(x: FlexTensor, gamma: FlexTensor, beta: FlexTensor, eps: f64) -> FlexTensor {
    let norm = Norm::new(&x, gamma, beta, eps);
    forward(&contiguous(x), &norm).0
}

#[derive(Clone, Debug)]
struct State {
    x: FlexTensor,
    norm: Norm,
    statistics: Vec<RowStatistics>,
}

#[derive(Debug)]
struct LayerNorm;

impl Backward<Flex, 3> for LayerNorm {
    type State = State;

    fn backward(self, ops: Ops<State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let [x, gamma, beta] = ops.parents;
        let mut dx = exclusive(grads.consume::<Flex>(&ops.node));
        let State { x: input, norm, statistics } = ops.state;
        let width = norm.width();
        let size = ROWS * width;
        let rows =
            (chunks_mut(values_mut(&mut dx), size), chunks(values(&input), size), chunks(&statistics, ROWS));
        let partials = map_parts(rows, |_, (dx, x, statistics)| {
            let (mut dgamma, mut dbeta) = (zeros(width), zeros(width));
            for ((dx, x), statistics) in dx.chunks_exact_mut(width).zip(x.chunks_exact(width)).zip(statistics)
            {
                row_backward(x, *statistics, norm.gamma(), dx, &mut dgamma, &mut dbeta);
            }
            (dgamma, dbeta)
        });
        let partials: (Vec<_>, Vec<_>) = partials.into_iter().unzip();
        if let Some(node) = x {
            grads.register::<Flex>(node.id, dx);
        }
        for (node, partials) in [(gamma, partials.0), (beta, partials.1)] {
            if let Some(node) = node {
                grads.register::<Flex>(node.id, tensor(sum_of_partials(partials, width), [width]));
            }
        }
    }
}

/// `layer_norm(x)` with its gradient.
pub(crate) fn tracked_layer_norm<C: CheckpointStrategy>(
    x: FloatTensor<Autodiff<Flex, C>>,
    gamma: FloatTensor<Autodiff<Flex, C>>,
    beta: FloatTensor<Autodiff<Flex, C>>,
    eps: f64,
) -> FloatTensor<Autodiff<Flex, C>> {
    let guards = [x.node(), gamma.node(), beta.node()];
    let x = x.into_primitive();
    let norm = Norm::new(&x, gamma.into_primitive(), beta.into_primitive(), eps);
    let x = contiguous(x);
    let (y, statistics) = forward(&x, &norm);
    match LayerNorm.prepare::<C>(guards).compute_bound().stateful() {
        OpsKind::Tracked(prep) => prep.finish(State { x, norm, statistics }, y),
        OpsKind::UnTracked(prep) => prep.finish(y),
    }
}
