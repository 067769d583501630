//! Fused operations that have no gradient: the Adam update, the squared norm and categorical sampling.

use burn::backend::Flex;
use burn::tensor::{Int, Tensor, TensorData};
use burn_flex::FlexTensor;

use super::{adam, cross_entropy, storage};
use crate::{AdamStep, AdamUpdated};

fn into_flex<const D: usize>(x: Tensor<D>) -> FlexTensor {
    x.try_into_primitive::<Flex>().expect("`supports_untracked` was asked")
}

/// See [`crate::adam_update`]; tensors that [`supports_untracked`](super::supports_untracked).
pub(crate) fn adam_update<const D: usize>(
    parameter: Tensor<D>,
    gradient: Tensor<D>,
    moment_1: Tensor<D>,
    moment_2: Tensor<D>,
    step: AdamStep,
) -> AdamUpdated<D> {
    let [parameter, moment_1, moment_2] = adam::adam_update(
        into_flex(parameter),
        into_flex(gradient),
        into_flex(moment_1),
        into_flex(moment_2),
        step,
    )
    .map(Tensor::from_primitive::<Flex>);
    AdamUpdated { parameter, moment_1, moment_2 }
}

/// See [`crate::squared_norm`]; a tensor that [`supports_untracked`](super::supports_untracked).
pub(crate) fn squared_norm<const D: usize>(x: Tensor<D>) -> Tensor<1> {
    Tensor::from_primitive::<Flex>(storage::tensor(vec![adam::squared_norm(into_flex(x))], [1]))
}

/// See [`crate::sample_categorical`]; logits that [`supports`](super::supports).
pub(crate) fn sample_categorical(
    logits: Tensor<2>,
    uniforms: Tensor<1>,
    temperature: f64,
    exclude: Option<Tensor<1, Int>>,
) -> Tensor<1, Int> {
    let device = logits.device();
    let [rows, vocabulary] = logits.dims();
    let logits = into_flex(if device.is_autodiff() { logits.inner() } else { logits });
    let uniforms: Vec<f32> = crate::read(uniforms).iter().collect();
    let exclude: Option<Vec<usize>> = exclude.map(|ids| {
        let ids = FlexTensor::from_data(crate::read(ids));
        storage::indices(&ids, vocabulary, "excluded id")
    });
    let samples = cross_entropy::sample_categorical(&logits, &uniforms, temperature, exclude.as_deref());
    Tensor::from_data(TensorData::new(samples, [rows]), &device)
}
