//! Fused operations that have no gradient: the Adam update, the squared norm and categorical sampling.

use burn::tensor::{Int, Tensor};
use burn_cubecl::CubeBackend;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;

use super::{adam, clip, norms, sampling};
use crate::{AdamStep, AdamUpdate, AdamUpdated};

fn into_cube<const D: usize>(x: Tensor<D>) -> CubeTensor {
    x.try_into_primitive::<CubeBackend>().expect("`supports_untracked` was asked")
}

/// See [`crate::adam_update`]; tensors that [`supports_untracked`](super::supports_untracked).
pub(crate) fn adam_update<const D: usize>(
    parameter: Tensor<D>,
    gradient: Tensor<D>,
    moment_1: Tensor<D>,
    moment_2: Tensor<D>,
    step: AdamStep,
) -> AdamUpdated<D> {
    let update = adam::Update {
        parameter: into_cube(parameter),
        gradient: into_cube(gradient),
        moment_1: into_cube(moment_1),
        moment_2: into_cube(moment_2),
        step,
    };
    let [updated] =
        <[_; 1]>::try_from(adam::adam_updates(vec![update], None)).expect("one update for one parameter");
    let [parameter, moment_1, moment_2] = updated.map(Tensor::from_primitive::<CubeBackend>);
    AdamUpdated { parameter, moment_1, moment_2 }
}

/// See [`crate::adam_updates`]; tensors that [`supports_untracked`](super::supports_untracked).
pub(crate) fn adam_updates(updates: Vec<AdamUpdate>, clip: Option<Tensor<1>>) -> Vec<AdamUpdated<1>> {
    let updates = updates.into_iter().map(|AdamUpdate { parameter, gradient, moment_1, moment_2, step }| {
        let [parameter, gradient] = [into_cube(parameter), into_cube(gradient)];
        adam::Update {
            parameter,
            gradient,
            moment_1: into_cube(moment_1),
            moment_2: into_cube(moment_2),
            step,
        }
    });
    adam::adam_updates(updates.collect(), clip.map(into_cube))
        .into_iter()
        .map(|updated| {
            let [parameter, moment_1, moment_2] = updated.map(Tensor::from_primitive::<CubeBackend>);
            AdamUpdated { parameter, moment_1, moment_2 }
        })
        .collect()
}

/// See [`crate::squared_norms`]; tensors that [`supports_untracked`](super::supports_untracked).
pub(crate) fn squared_norms(tensors: Vec<Tensor<1>>) -> Tensor<1> {
    let tensors = tensors.into_iter().map(|x| into_contiguous(into_cube(x))).collect();
    Tensor::from_primitive::<CubeBackend>(norms::squared_norms(tensors))
}

/// See [`crate::clip_on_device`]; tensors that [`supports_untracked`](super::supports_untracked).
pub(crate) fn clip_on_device(
    losses: Tensor<1>,
    squares: Tensor<1>,
    max_norm: f64,
    loss_scale: f64,
) -> Tensor<1> {
    let [losses, squares] = [losses, squares].map(|x| into_contiguous(into_cube(x)));
    Tensor::from_primitive::<CubeBackend>(clip::clip(losses, squares, max_norm, loss_scale))
}

/// See [`crate::squared_norm`]; a tensor that [`supports_untracked`](super::supports_untracked).
pub(crate) fn squared_norm<const D: usize>(x: Tensor<D>) -> Tensor<1> {
    Tensor::from_primitive::<CubeBackend>(norms::squared_norms(vec![into_contiguous(into_cube(x))]))
}

/// See [`crate::sample_categorical`]; logits that [`supports`](super::supports).
pub(crate) fn sample_categorical(
    logits: Tensor<2>,
    uniforms: Tensor<1>,
    temperature: f64,
    exclude: Option<Tensor<1, Int>>,
) -> Tensor<1, Int> {
    let device = logits.device();
    let [logits, uniforms] = [into_cube(untracked(logits)), into_cube(untracked(uniforms))];
    let exclude = exclude.map(|ids| {
        let ids = if device.is_autodiff() { ids.inner() } else { ids };
        ids.try_into_primitive::<CubeBackend>().expect("ids on the device of the logits")
    });
    let id_type = exclude.as_ref().map_or(burn::tensor::DType::I32, |ids| ids.dtype);
    let samples = sampling::sample_categorical(logits, uniforms, temperature, exclude, id_type);
    let samples = Tensor::<1, Int>::from_primitive::<CubeBackend>(samples);
    if device.is_autodiff() { Tensor::from_inner(samples) } else { samples }
}

/// The tensor without its autodiff graph.
fn untracked<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    if x.device().is_autodiff() { x.inner() } else { x }
}
