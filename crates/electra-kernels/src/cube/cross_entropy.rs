//! Cross entropy over the vocabulary, binary cross entropy, and categorical sampling: a cube for each row.

use burn::backend::TensorMetadata;
use burn::backend::ops::FloatTensorOps;
use burn_cubecl::CubeBackend;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::columns::sum;
use super::launch::{UNITS, cubes, dims, element_type, elements, empty, empty_of, per_element};
use super::reduce::over_cube;
use super::tracked::Operation;

/// `log(sum(exp(row)))` and the loss at weight one of each row: `[rows, 2]`.
#[cube(launch_unchecked)]
fn loss_kernel<F: Float, I: Int>(
    logits: &Tensor<F>,
    targets: &Tensor<I>,
    weights: &Tensor<F>,
    rows_out: &mut Tensor<f32>,
    losses: &mut Tensor<F>,
    rows: u32,
    vocabulary: u32,
    #[define(F, I)] _elements: [ElemType; 2],
) {
    let mut scratch = Shared::<[f32]>::new_slice(256usize);
    let own = CUBE_POS as u32;
    let row = select(own < rows, own, 0u32);
    let first = row * vocabulary;
    let mut largest = f32::new(-3.0e38);
    let mut at = UNIT_POS;
    while at < vocabulary {
        largest = f32::max(largest, f32::cast_from(logits[(first + at) as usize]));
        at += 256u32;
    }
    let largest = over_cube(largest, &mut scratch, false);
    let mut sum = f32::new(0.0);
    let mut at = UNIT_POS;
    while at < vocabulary {
        sum += f32::exp(f32::cast_from(logits[(first + at) as usize]) - largest);
        at += 256u32;
    }
    let log_sum_exp = f32::ln(over_cube(sum, &mut scratch, true)) + largest;
    if UNIT_POS == 0u32 && own < rows {
        // A target that is no id of the vocabulary would be read from another row.
        let target = u32::min(u32::cast_from(targets[row as usize]), vocabulary - 1u32);
        let loss = log_sum_exp - f32::cast_from(logits[(first + target) as usize]);
        rows_out[(row * 2u32) as usize] = log_sum_exp;
        rows_out[(row * 2u32 + 1u32) as usize] = loss;
        let weight = f32::cast_from(weights[row as usize]);
        // A row without weight takes no part, whatever its logits.
        losses[row as usize] = F::cast_from(select(weight == 0.0f32, 0.0f32, weight * loss));
    }
}

/// The gradient of the logits: `dloss * weight * (softmax - one_hot(target))`.
#[cube(launch_unchecked)]
fn logits_gradient_kernel<F: Float, I: Int>(
    logits: &Tensor<F>,
    targets: &Tensor<I>,
    weights: &Tensor<F>,
    rows_in: &Tensor<f32>,
    dloss: &Tensor<F>,
    dlogits: &mut Tensor<F>,
    n: u32,
    vocabulary: u32,
    #[define(F, I)] _elements: [ElemType; 2],
) {
    let at = ABSOLUTE_POS as u32;
    if at < n {
        let row = at / vocabulary;
        let column = at % vocabulary;
        let weight = f32::cast_from(weights[row as usize]);
        let factor = f32::cast_from(dloss[0usize]) * weight;
        let log_sum_exp = rows_in[(row * 2u32) as usize];
        let mut gradient = f32::exp(f32::cast_from(logits[at as usize]) - log_sum_exp) * factor;
        if column == u32::cast_from(targets[row as usize]) {
            gradient -= factor;
        }
        dlogits[at as usize] = F::cast_from(select(weight == 0.0f32, 0.0f32, gradient));
    }
}

/// The operation [`crate::weighted_cross_entropy`], of logits and weights.
#[derive(Clone, Debug)]
pub(crate) struct CrossEntropy {
    pub(crate) targets: CubeTensor,
}

/// The saved tensors of a cross entropy, for its backward pass.
#[derive(Clone, Debug)]
pub(crate) struct CrossEntropyState {
    logits: CubeTensor,
    targets: CubeTensor,
    weights: CubeTensor,
    /// `log(sum(exp(row)))` and the loss at weight one of each row.
    rows: CubeTensor,
}

impl Operation<2> for CrossEntropy {
    type State = CrossEntropyState;

    fn forward(&self, [logits, weights]: [CubeTensor; 2]) -> (CubeTensor, CrossEntropyState) {
        let [rows, vocabulary] = dims(&logits);
        assert_eq!(dims(&self.targets), [rows], "one target per row");
        assert_eq!(dims(&weights), [rows], "one weight per row");
        assert!(
            rows * vocabulary < u32::MAX as usize,
            "{rows} rows of {vocabulary} logits are too many to count"
        );
        let (logits, weights) = (into_contiguous(logits), into_contiguous(weights));
        let targets = into_contiguous(self.targets.clone());
        let of_rows = empty(&logits, [rows, 2]);
        let losses = empty_of(&logits, [rows], logits.dtype);
        if rows > 0 {
            assert!(vocabulary > 0, "a cross entropy over an empty vocabulary");
            let dim = CubeDim::new_1d(UNITS);
            // SAFETY: cubes beyond the rows write nothing, and read the first row; targets are brought below
            // the size of the vocabulary.
            unsafe {
                loss_kernel::launch_unchecked(
                    &logits.client.clone(),
                    cubes(&logits, rows, dim),
                    dim,
                    logits.clone().into_tensor_arg(),
                    targets.clone().into_tensor_arg(),
                    weights.clone().into_tensor_arg(),
                    of_rows.clone().into_tensor_arg(),
                    losses.clone().into_tensor_arg(),
                    rows as u32,
                    vocabulary as u32,
                    [element_type(&logits), element_type(&targets)],
                );
            }
        }
        (sum(&losses), CrossEntropyState { logits, targets, weights, rows: of_rows })
    }

    fn backward(
        &self,
        state: CrossEntropyState,
        dloss: CubeTensor,
        [of_logits, of_weights]: [bool; 2],
    ) -> [Option<CubeTensor>; 2] {
        let CrossEntropyState { logits, targets, weights, rows: of_rows } = state;
        let [rows, vocabulary] = dims(&logits);
        let dloss = into_contiguous(dloss);
        let dweights = of_weights.then(|| {
            let ranges = [burn::tensor::Slice::from(0..rows), burn::tensor::Slice::from(1..2)];
            let losses = CubeBackend::float_slice(of_rows.clone(), &ranges);
            let losses = CubeBackend::float_reshape(losses, [rows].into());
            CubeBackend::float_mul(losses, dloss.clone())
        });
        let dlogits = of_logits.then(|| {
            let (dlogits, n) = (empty_of(&logits, logits.shape(), logits.dtype), rows * vocabulary);
            if n > 0 {
                let (count, dim) = per_element(&logits, n);
                // SAFETY: units beyond the `n` elements do nothing.
                unsafe {
                    logits_gradient_kernel::launch_unchecked(
                        &logits.client.clone(),
                        count,
                        dim,
                        logits.clone().into_tensor_arg(),
                        targets.clone().into_tensor_arg(),
                        weights.into_tensor_arg(),
                        of_rows.clone().into_tensor_arg(),
                        dloss.clone().into_tensor_arg(),
                        dlogits.clone().into_tensor_arg(),
                        n as u32,
                        vocabulary as u32,
                        [element_type(&logits), element_type(&targets)],
                    );
                }
            }
            dlogits
        });
        [dlogits, dweights]
    }
}

/// `log(1 + e^x)` without overflow.
#[cube]
fn softplus(x: f32) -> f32 {
    f32::max(x, 0.0f32) + f32::log1p(f32::exp(-f32::abs(x)))
}

/// The binary cross entropy of each element at its weight; or the gradient of its logit, label or weight, times
/// the number in `by`.
#[cube(launch_unchecked)]
fn binary_kernel<F: Float>(
    logits: &Tensor<F>,
    labels: &Tensor<F>,
    weights: &Tensor<F>,
    by: &Tensor<F>,
    y: &mut Tensor<F>,
    n: u32,
    #[comptime] kind: u32,
    #[define(F)] _element: ElemType,
) {
    let at = ABSOLUTE_POS;
    if at < n as usize {
        let logit = f32::cast_from(logits[at]);
        let label = f32::cast_from(labels[at]);
        let weight = f32::cast_from(weights[at]);
        if kind == 0u32 {
            y[at] = F::cast_from((softplus(logit) - logit * label) * weight);
        } else if kind == 1u32 {
            let e = f32::exp(-f32::abs(logit));
            let probability = select(logit < 0.0f32, e / (1.0f32 + e), 1.0f32 / (1.0f32 + e));
            y[at] = F::cast_from(f32::cast_from(by[0usize]) * weight * (probability - label));
        } else if kind == 2u32 {
            y[at] = F::cast_from(-f32::cast_from(by[0usize]) * weight * logit);
        } else {
            y[at] = F::cast_from(f32::cast_from(by[0usize]) * (softplus(logit) - logit * label));
        }
    }
}

/// Results of [`binary_kernel`].
const LOSS: u32 = 0;
const OF_LOGITS: u32 = 1;
const OF_LABELS: u32 = 2;
const OF_WEIGHTS: u32 = 3;

fn binary([logits, labels, weights]: &[CubeTensor; 3], by: &CubeTensor, kind: u32) -> CubeTensor {
    let (n, y) = (elements(logits), empty_of(logits, logits.shape(), logits.dtype));
    if n > 0 {
        let (count, dim) = per_element(logits, n);
        // SAFETY: units beyond the `n` elements of all buffers do nothing.
        unsafe {
            binary_kernel::launch_unchecked(
                &logits.client.clone(),
                count,
                dim,
                logits.clone().into_tensor_arg(),
                labels.clone().into_tensor_arg(),
                weights.clone().into_tensor_arg(),
                by.clone().into_tensor_arg(),
                y.clone().into_tensor_arg(),
                n as u32,
                kind,
                element_type(logits),
            );
        }
    }
    y
}

/// The operation [`crate::weighted_binary_cross_entropy`], of logits, labels and weights.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BinaryCrossEntropy;

impl Operation<3> for BinaryCrossEntropy {
    type State = [CubeTensor; 3];

    fn forward(&self, tensors: [CubeTensor; 3]) -> (CubeTensor, Self::State) {
        let [logits, labels, weights] = &tensors;
        for other in [labels, weights] {
            assert_eq!(other.shape(), logits.shape(), "labels and weights have the shape of the logits");
        }
        let tensors = tensors.map(into_contiguous);
        let losses = binary(&tensors, &tensors[0], LOSS);
        (sum(&losses), tensors)
    }

    fn backward(
        &self,
        tensors: Self::State,
        dloss: CubeTensor,
        [logits, labels, weights]: [bool; 3],
    ) -> [Option<CubeTensor>; 3] {
        let dloss = into_contiguous(dloss);
        [(logits, OF_LOGITS), (labels, OF_LABELS), (weights, OF_WEIGHTS)]
            .map(|(wanted, kind)| wanted.then(|| binary(&tensors, &dloss, kind)))
    }
}
