//! The elementary operations, composed.

use burn::prelude::*;
use burn::tensor::{DType, Distribution, IndexingUpdateOp, activation};

use crate::{AdamStep, AdamUpdated, Dropout, Precision, sum};

/// Layer normalisation over the last dimension with biased variance.
pub fn layer_norm<const D: usize>(x: Tensor<D>, gamma: Tensor<1>, beta: Tensor<1>, eps: f64) -> Tensor<D> {
    let mean = x.clone().mean_dim(D - 1);
    let centred = x - mean;
    let variance = centred.clone().square().mean_dim(D - 1);
    centred / (variance + eps).sqrt() * gamma.unsqueeze() + beta.unsqueeze()
}

/// Residual connection and layer normalisation, the end of each half of a post-LN block:
/// `layer_norm(x + dropout(branch))`.
pub fn residual_layer_norm<const D: usize>(
    x: Tensor<D>,
    branch: Tensor<D>,
    dropout: Dropout,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    eps: f64,
) -> Tensor<D> {
    layer_norm(x + self::dropout(branch, dropout), gamma, beta, eps)
}

/// Inverted dropout: zeroes elements with probability `rate` and scales the others by `1 / (1 - rate)`.
pub fn dropout<const D: usize>(x: Tensor<D>, dropout: Dropout) -> Tensor<D> {
    if dropout.is_off() {
        return x;
    }
    let keep = 1.0 - dropout.rate;
    x.device().seed(dropout.seed_of_first_row());
    let mask = x.random_like(Distribution::Bernoulli(keep));
    x * mask * (1.0 / keep)
}

/// Linear layer on the last dimension: `x [.., I]`, `weight [I, O]`, `bias [O]` to `[.., O]`.
pub fn linear<const D: usize>(
    x: Tensor<D>,
    weight: Tensor<2>,
    bias: Tensor<1>,
    precision: Precision,
) -> Tensor<D> {
    let mut dims = x.dims();
    let [inputs, outputs] = weight.dims();
    assert_eq!(dims[D - 1], inputs, "linear map of {inputs} inputs on {dims:?}");
    let rows = dims[..D - 1].iter().product::<usize>();
    let y = precision.matmul(x.reshape([rows, inputs]), weight);
    dims[D - 1] = outputs;
    y.reshape(dims) + bias.unsqueeze()
}

/// Gaussian error linear unit, exact: `x * Phi(x)` (the erf form).
pub fn gelu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    // Not burn's `activation::gelu`: on NdArray its gradient is that of the tanh approximation,
    // off by up to 5e-4.
    let twice_phi = (x.clone() * std::f64::consts::FRAC_1_SQRT_2).erf() + 1.0;
    x * twice_phi * 0.5
}

/// Linear layer and gelu, the first half of a feed-forward block: `gelu(linear(x))`.
pub fn linear_gelu<const D: usize>(
    x: Tensor<D>,
    weight: Tensor<2>,
    bias: Tensor<1>,
    precision: Precision,
) -> Tensor<D> {
    gelu(linear(x, weight, bias, precision))
}

/// Sum of word, position and token-type embeddings: `ids, token_type_ids [B, S]` to `[B, S, E]`.
pub fn embed(
    word: Tensor<2>,
    position: Tensor<2>,
    token_type: Tensor<2>,
    ids: Tensor<2, Int>,
    token_type_ids: Tensor<2, Int>,
) -> Tensor<3> {
    let [b, s] = ids.dims();
    let e = word.dims()[1];
    // Not a second lookup, whose gradient takes CubeCL as long for two rows as for a vocabulary; nor a
    // product with ones and zeros, which on tensor cores rounds. An id of no kind adds nothing.
    let [types, _] = token_type.dims();
    let x = (0..types).fold(burn::tensor::module::embedding(word, ids), |x, kind| {
        let is_of_kind = token_type_ids.clone().equal_elem(kind as i64).float().cast(token_type.dtype());
        x + is_of_kind.reshape([b, s, 1]) * token_type.clone().narrow(0, kind, 1).reshape([1, 1, e])
    });
    x + position.narrow(0, 0, s).reshape([1, s, e])
}

/// Gathers the rows of `x [B, S, H]` at `positions [B, N]`, as `[B * N, H]`.
pub fn gather_positions(x: Tensor<3>, positions: Tensor<2, Int>) -> Tensor<2> {
    let [b, s, h] = x.dims();
    x.reshape([b * s, h]).select(0, flat_positions(positions, s))
}

/// `positions [B, N]` within sequences of `s` tokens as indices `[B * N]` into the flat batch.
fn flat_positions(positions: Tensor<2, Int>, s: usize) -> Tensor<1, Int> {
    let [b, n] = positions.dims();
    let rows = Tensor::<1, Int>::arange(0..b as i64, &positions.device()).reshape([b, 1]);
    (positions + rows * s as i64).reshape([b * n])
}

/// Logits over the vocabulary with tied embeddings, the word table as output matrix:
/// `h [M, E]`, `table [V, E]`, `bias [V]` to `[M, V]`.
pub fn tied_logits(h: Tensor<2>, table: Tensor<2>, bias: Tensor<1>, precision: Precision) -> Tensor<2> {
    precision.matmul(h, table.transpose()) + bias.unsqueeze()
}

/// Weighted cross entropy, summed over rows: `weights * -log softmax(logits)[targets]` of `logits [M, V]`, as
/// one number `[1]`.
pub fn weighted_cross_entropy(logits: Tensor<2>, targets: Tensor<1, Int>, weights: Tensor<1>) -> Tensor<1> {
    let [m, _] = logits.dims();
    let log_probability = activation::log_softmax(logits, 1).gather(1, targets.reshape([m, 1]));
    sum(log_probability.reshape([m]) * weights).neg()
}

/// Weighted binary cross entropy of logits, summed over elements: all `[B, S]`, to `[1]`.
pub fn weighted_binary_cross_entropy(logits: Tensor<2>, labels: Tensor<2>, weights: Tensor<2>) -> Tensor<1> {
    sum((softplus(logits.clone()) - logits * labels) * weights)
}

/// Softplus, `log(1 + e^x)`, without overflow.
pub fn softplus<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    activation::relu(x.clone()) + x.abs().neg().exp().log1p()
}

/// Ids whose cumulative sums are computed together in [`sample_categorical`].
const SAMPLING_BLOCK: usize = 64;

/// One draw per row from `softmax(logits / temperature)` by inverting its distribution function
/// at `uniforms [M]` in `[0, 1)`: `logits [M, V]` to ids `[M]`.
///
/// With `exclude [M]` that id has probability zero (the reference's `disallow_correct`).
pub fn sample_categorical(
    logits: Tensor<2>,
    uniforms: Tensor<1>,
    temperature: f64,
    exclude: Option<Tensor<1, Int>>,
) -> Tensor<1, Int> {
    let [m, v] = logits.dims();
    let mut scaled = logits * (1.0 / temperature);
    if let Some(exclude) = exclude {
        let options = (&scaled.device(), scaled.dtype());
        let penalty = Tensor::<2>::full([m, 1], -1e30, options);
        scaled = scaled.scatter(1, exclude.reshape([m, 1]), penalty, IndexingUpdateOp::Add);
    }
    let max = scaled.clone().max_dim(1);
    let weights = (scaled - max).exp();
    // In two levels, the block and then the id in it: CubeCL computes each cumulative sum from its first
    // term, which is quadratic in a whole vocabulary.
    let blocks = v.div_ceil(SAMPLING_BLOCK);
    let padded = weights.pad((0, blocks * SAMPLING_BLOCK - v, 0, 0), 0.0);
    let within = padded.reshape([m, blocks, SAMPLING_BLOCK]).cumsum(2);
    let sums = within.clone().narrow(2, SAMPLING_BLOCK - 1, 1).reshape([m, blocks]);
    let until = sums.cumsum(1);
    let threshold = until.clone().narrow(1, blocks - 1, 1) * uniforms.reshape([m, 1]);
    let passed = |cumulative: Tensor<2>, last: usize| {
        let below = cumulative.lower_equal(threshold.clone()).int().sum_dim(1);
        below.clamp_max(last as i64)
    };
    let block = passed(until.clone(), blocks - 1); // [M, 1]
    // What stands before the block, plus its sums, are the very numbers that it was chosen by, as long as
    // cumulative sums add term after term: Flex, NdArray and CubeCL do.
    // They are picked by adding zeros: a gather picks other blocks for some rows on wgpu (burn 0.22.1).
    let numbers = Tensor::<1, Int>::arange(0..blocks as i64, &until.device()).reshape([1, blocks]);
    let dtype = until.dtype();
    let is_before = numbers.clone().equal(block.clone() - 1).float().cast(dtype);
    let before = (until * is_before).sum_dim(1); // [M, 1]
    let is_chosen = numbers.equal(block.clone()).float().cast(dtype).reshape([m, blocks, 1]);
    let chosen = (within * is_chosen).sum_dim(1).reshape([m, SAMPLING_BLOCK]);
    let id = passed(before + chosen, SAMPLING_BLOCK - 1);
    (block * SAMPLING_BLOCK as i64 + id).clamp_max(v as i64 - 1).reshape([m])
}

/// Squared L2 norm: the sum of squares of all elements, `[1]`.
pub fn squared_norm<const D: usize>(x: Tensor<D>) -> Tensor<1> {
    sum(x.square())
}

/// One Adam update with decoupled weight decay and without bias correction: `m, v` moving averages;
/// `p -= lr * (m / (sqrt(v) + eps) + decay * p)` (`optimization.py` of google-research/electra).
pub fn adam_update<const D: usize>(
    parameter: Tensor<D>,
    gradient: Tensor<D>,
    moment_1: Tensor<D>,
    moment_2: Tensor<D>,
    step: AdamStep,
) -> AdamUpdated<D> {
    let gradient = gradient * step.gradient_scale;
    let moment_1 = moment_1 * step.beta_1 + gradient.clone() * (1.0 - step.beta_1);
    let moment_2 = moment_2 * step.beta_2 + gradient.square() * (1.0 - step.beta_2);
    let update =
        moment_1.clone() / (moment_2.clone().sqrt() + step.epsilon) + parameter.clone() * step.weight_decay;
    AdamUpdated { parameter: parameter - update * step.learning_rate, moment_1, moment_2 }
}

/// Scatters `samples [B * N]` into `ids [B, S]` at `positions [B, N]` where `weights > 0`.
///
/// Slots of one sequence that name the same position leave the mean of their samples there,
/// rounded down, as the scatter of the reference does (`scatter_update` in `pretrain_helpers.py`);
/// masking without replacement never produces such slots.
pub fn scatter_positions(
    ids: Tensor<2, Int>,
    positions: Tensor<2, Int>,
    samples: Tensor<1, Int>,
    weights: Tensor<1>,
) -> Tensor<2, Int> {
    let [b, n] = positions.dims();
    let used = weights.greater_elem(0.0).int().reshape([b, n]);
    let empty = ids.zeros_like();
    let add = IndexingUpdateOp::Add;
    let sums = empty.clone().scatter(1, positions.clone(), samples.reshape([b, n]) * used.clone(), add);
    let counts = empty.scatter(1, positions, used, add);
    let untouched = counts.clone().equal_elem(0);
    let means = sums / counts.clamp_min(1);
    means.mask_where(untouched, ids)
}

/// Whether the tensor holds 32-bit floats, the type of the fused paths.
pub fn is_f32<const D: usize>(x: &Tensor<D>) -> bool {
    x.dtype() == DType::F32
}
