//! Cross entropy over the vocabulary, binary cross entropy, and categorical sampling.

use burn::backend::autodiff::{
    checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
    grads::Gradients,
    ops::{Backward, Ops, OpsKind},
};
use burn::backend::{
    Autodiff, Flex,
    tensor::{FloatTensor, IntTensor},
};
use burn_flex::FlexTensor;

use super::simd::{LANES, exp, fold, max, vectorised};
use super::storage::{contiguous, dims, exclusive, indices, tensor, values, values_mut};
use crate::workers::{chunks, chunks_mut, each_part, map_parts};

vectorised! {
    /// `log(sum(exp(row)))`.
    fn log_sum_exp<const FMA: bool>(row: &[f32]) -> f32 {
        let largest = max(row);
        let mut lanes = [0.0; LANES];
        let chunks = row.chunks_exact(LANES);
        for (lane, x) in lanes.iter_mut().zip(chunks.remainder()) {
            *lane = exp::<FMA>(x - largest);
        }
        for x in chunks {
            for (lane, x) in lanes.iter_mut().zip(x) {
                *lane += exp::<FMA>(x - largest);
            }
        }
        fold(lanes).ln() + largest
    }

    /// Turns logits into `factor * softmax`.
    fn scaled_softmax<const FMA: bool>(row: &mut [f32], log_sum_exp: f32, factor: f32) {
        for x in row {
            *x = exp::<FMA>(*x - log_sum_exp) * factor;
        }
    }
}

/// The state that the backward pass of the cross entropy needs.
#[derive(Clone, Debug)]
struct State {
    logits: FlexTensor,
    targets: Vec<usize>,
    weights: FlexTensor,
    log_sum_exp: Vec<f32>,
}

impl State {
    /// A row without weight takes part neither here nor in [`State::backward`].
    fn new(logits: FlexTensor, targets: FlexTensor, weights: FlexTensor) -> Self {
        let [rows, vocabulary] = dims(&logits);
        let targets = indices(&targets, vocabulary, "target");
        let (logits, weights) = (contiguous(logits), contiguous(weights));
        assert_eq!([targets.len()], [rows], "one target per row");
        assert_eq!(dims(&weights), [rows], "one weight per row");
        let rows = (chunks(values(&logits), vocabulary), chunks(values(&weights), 1));
        let log_sum_exp = map_parts(rows, |_, (row, w)| if w[0] == 0.0 { 0.0 } else { log_sum_exp(row) });
        Self { logits, targets, weights, log_sum_exp }
    }

    fn rows(&self) -> impl Iterator<Item = (&[f32], usize)> {
        let [_, vocabulary] = dims(&self.logits);
        values(&self.logits).chunks(vocabulary.max(1)).zip(self.targets.iter().copied())
    }

    fn loss(&self) -> FlexTensor {
        let rows = self.rows().zip(values(&self.weights)).zip(&self.log_sum_exp);
        let terms =
            rows.filter(|((_, weight), _)| **weight != 0.0).map(|(((row, target), weight), log_sum_exp)| {
                f64::from(*weight) * (f64::from(*log_sum_exp) - f64::from(row[target]))
            });
        tensor(vec![terms.sum::<f64>() as f32], [1])
    }

    /// The loss of each row at weight one.
    fn weight_gradient(&self, dloss: f32) -> FlexTensor {
        let losses = self.rows().map(|(row, target)| dloss * (log_sum_exp(row) - row[target]));
        tensor(losses.collect(), dims::<1>(&self.weights))
    }

    /// The gradient of the logits, in their memory if nobody else holds it.
    fn backward(self, dloss: f32) -> FlexTensor {
        let [_, vocabulary] = dims(&self.logits);
        let mut gradient = exclusive(self.logits);
        let weights = values(&self.weights);
        each_part(chunks_mut(values_mut(&mut gradient), vocabulary), |i, row| {
            let factor = dloss * weights[i];
            if weights[i] == 0.0 {
                row.fill(0.0);
            } else {
                scaled_softmax(row, self.log_sum_exp[i], factor);
                row[self.targets[i]] -= factor;
            }
        });
        gradient
    }
}

/// `weighted_cross_entropy(logits, targets, weights)`.
pub(crate) fn weighted_cross_entropy(
    logits: FlexTensor,
    targets: FlexTensor,
    weights: FlexTensor,
) -> FlexTensor {
    State::new(logits, targets, weights).loss()
}

#[derive(Debug)]
struct CrossEntropy;

impl Backward<Flex, 2> for CrossEntropy {
    type State = State;

    fn backward(self, ops: Ops<State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let [logits, weights] = ops.parents;
        let dloss = values(&contiguous(grads.consume::<Flex>(&ops.node)))[0];
        if let Some(node) = weights {
            grads.register::<Flex>(node.id, ops.state.weight_gradient(dloss));
        }
        if let Some(node) = logits {
            grads.register::<Flex>(node.id, ops.state.backward(dloss));
        }
    }
}

/// `weighted_cross_entropy(logits, targets, weights)` with its gradient.
pub(crate) fn tracked_weighted_cross_entropy<C: CheckpointStrategy>(
    logits: FloatTensor<Autodiff<Flex, C>>,
    targets: IntTensor<Flex>,
    weights: FloatTensor<Autodiff<Flex, C>>,
) -> FloatTensor<Autodiff<Flex, C>> {
    let guards = [logits.node(), weights.node()];
    let state = State::new(logits.into_primitive(), targets, weights.into_primitive());
    let loss = state.loss();
    match CrossEntropy.prepare::<C>(guards).compute_bound().stateful() {
        OpsKind::Tracked(prep) => prep.finish(state, loss),
        OpsKind::UnTracked(prep) => prep.finish(loss),
    }
}

/// Logits, labels and weights of the binary cross entropy, contiguous and of one shape.
///
/// There is one element per token, so plain double-precision loops are fast enough.
#[derive(Clone, Debug)]
struct BinaryOperands([FlexTensor; 3]);

impl BinaryOperands {
    fn new(tensors: [FlexTensor; 3]) -> Self {
        let [logits, labels, weights] = &tensors;
        for other in [labels, weights] {
            let (found, expected) = (other.layout().shape(), logits.layout().shape());
            assert_eq!(found, expected, "labels and weights have the shape of the logits");
        }
        Self(tensors.map(contiguous))
    }

    /// Applies `f` to the logit, label and weight of each element.
    fn map(&self, f: impl Fn(f64, f64, f64) -> f64) -> impl Iterator<Item = f64> {
        let [x, y, w] = self.0.each_ref().map(|t| values(t).iter().map(|v| f64::from(*v)));
        x.zip(y).zip(w).map(move |((x, y), w)| f(x, y, w))
    }

    fn gradient(&self, f: impl Fn(f64, f64, f64) -> f64) -> FlexTensor {
        let values = self.map(f).map(|g| g as f32).collect();
        tensor(values, self.0[0].layout().shape().clone())
    }

    fn loss(&self) -> FlexTensor {
        tensor(vec![self.map(|x, y, w| w * binary_loss(x, y)).sum::<f64>() as f32], [1])
    }
}

/// `log(1 + e^x) - x y` without overflow.
fn binary_loss(x: f64, y: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p() - x * y
}

/// `weighted_binary_cross_entropy(logits, labels, weights)`.
pub(crate) fn weighted_binary_cross_entropy(tensors: [FlexTensor; 3]) -> FlexTensor {
    BinaryOperands::new(tensors).loss()
}

#[derive(Debug)]
struct BinaryCrossEntropy;

impl Backward<Flex, 3> for BinaryCrossEntropy {
    type State = BinaryOperands;

    fn backward(self, ops: Ops<BinaryOperands, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let [logits, labels, weights] = ops.parents;
        let g = f64::from(values(&contiguous(grads.consume::<Flex>(&ops.node)))[0]);
        let state = ops.state;
        if let Some(node) = logits {
            let dx = state.gradient(|x, y, w| g * w * (1.0 / (1.0 + (-x).exp()) - y));
            grads.register::<Flex>(node.id, dx);
        }
        if let Some(node) = labels {
            grads.register::<Flex>(node.id, state.gradient(|x, _, w| -g * w * x));
        }
        if let Some(node) = weights {
            grads.register::<Flex>(node.id, state.gradient(|x, y, _| g * binary_loss(x, y)));
        }
    }
}

/// `weighted_binary_cross_entropy(logits, labels, weights)` with its gradient.
pub(crate) fn tracked_weighted_binary_cross_entropy<C: CheckpointStrategy>(
    tensors: [FloatTensor<Autodiff<Flex, C>>; 3],
) -> FloatTensor<Autodiff<Flex, C>> {
    let guards = tensors.each_ref().map(|t| t.node());
    let state = BinaryOperands::new(tensors.map(|t| t.into_primitive()));
    let loss = state.loss();
    match BinaryCrossEntropy.prepare::<C>(guards).compute_bound().stateful() {
        OpsKind::Tracked(prep) => prep.finish(state, loss),
        OpsKind::UnTracked(prep) => prep.finish(loss),
    }
}

/// Logits whose exponentials are summed before the sum is compared with a threshold.
const BLOCK: usize = 512;

/// Subtracted from the scaled logit of an excluded id: the exponential is zero at any temperature.
const EXCLUDED: f32 = 1e30;

vectorised! {
    /// `exp(x / temperature - largest)` of a block, and their sum.
    fn weights_of_block<const FMA: bool>(
        logits: &[f32],
        inverse_temperature: f32,
        largest: f32,
        weights: &mut [f32],
    ) -> f32 {
        for (weight, x) in weights.iter_mut().zip(logits) {
            *weight = exp::<FMA>(x * inverse_temperature - largest);
        }
        super::simd::sum(weights)
    }

    fn largest_of<const FMA: bool>(row: &[f32]) -> f32 {
        max(row)
    }
}

/// One row's sampler: the distribution function at the ends of blocks.
struct RowSampler<'a> {
    logits: &'a [f32],
    inverse_temperature: f32,
    exclude: Option<usize>,
    largest: f32,
}

impl<'a> RowSampler<'a> {
    fn new(logits: &'a [f32], inverse_temperature: f32, exclude: Option<usize>) -> Self {
        let largest = match exclude {
            Some(id) => {
                let others = largest_of(&logits[..id]).max(largest_of(&logits[id + 1..]));
                (others * inverse_temperature).max(logits[id] * inverse_temperature - EXCLUDED)
            }
            None => largest_of(logits) * inverse_temperature,
        };
        Self { logits, inverse_temperature, exclude, largest }
    }

    /// Unnormalised probabilities of block `block`, and their sum.
    fn block<'w>(&self, block: usize, weights: &'w mut [f32]) -> (&'w [f32], f64) {
        let start = block * BLOCK;
        let logits = &self.logits[start..self.logits.len().min(start + BLOCK)];
        let weights = &mut weights[..logits.len()];
        let total = weights_of_block(logits, self.inverse_temperature, self.largest, weights);
        match self.exclude.and_then(|id| id.checked_sub(start)).filter(|i| *i < weights.len()) {
            Some(i) => {
                let scaled = logits[i] * self.inverse_temperature - EXCLUDED - self.largest;
                weights[i] = scaled.exp();
                let total = weights.iter().map(|w| f64::from(*w)).sum();
                (weights, total)
            }
            None => (weights, f64::from(total)),
        }
    }

    /// The number of ids whose distribution function is at most `uniform`.
    fn sample(&self, uniform: f32) -> i64 {
        let mut weights = [0.0; BLOCK];
        let blocks = self.logits.len().div_ceil(BLOCK);
        let sums: Vec<f64> = (0..blocks).map(|i| self.block(i, &mut weights).1).collect();
        let threshold = sums.iter().sum::<f64>() * f64::from(uniform);
        // Where rounding leaves nothing above the threshold, it is the last that has a probability.
        let (mut cumulative, mut last) = (0.0, self.logits.len() - 1);
        for (i, sum) in sums.into_iter().enumerate() {
            if cumulative + sum <= threshold {
                cumulative += sum;
                continue;
            }
            for (j, weight) in self.block(i, &mut weights).0.iter().enumerate() {
                cumulative += f64::from(*weight);
                if cumulative > threshold {
                    return (i * BLOCK + j) as i64;
                }
                if *weight > 0.0 {
                    last = i * BLOCK + j;
                }
            }
        }
        last as i64
    }
}

/// `sample_categorical(logits, uniforms, temperature, exclude)`.
pub(crate) fn sample_categorical(
    logits: &FlexTensor,
    uniforms: &[f32],
    temperature: f64,
    exclude: Option<&[usize]>,
) -> Vec<i64> {
    let [rows, vocabulary] = dims(logits);
    assert_eq!(uniforms.len(), rows, "one uniform number per row");
    assert!(vocabulary > 0, "sampling from an empty vocabulary");
    let logits = contiguous(logits.clone());
    let inverse_temperature = (1.0 / temperature) as f32;
    map_parts(chunks(values(&logits), vocabulary), |i, row| {
        let exclude = exclude.map(|ids| ids[i]);
        RowSampler::new(row, inverse_temperature, exclude).sample(uniforms[i])
    })
}
