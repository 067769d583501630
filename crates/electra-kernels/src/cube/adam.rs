//! The Adam update of several parameters together.

use burn::backend::TensorMetadata;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::launch::{UNITS, cubes, element_type, elements};
use crate::AdamStep;

/// The hyperparameters of a step, as a kernel reads them.
#[derive(CubeLaunch, CubeType, Clone, Copy)]
struct Constants {
    learning_rate: f32,
    beta_1: f32,
    rest_1: f32,
    beta_2: f32,
    rest_2: f32,
    epsilon: f32,
    weight_decay: f32,
    gradient_scale: f32,
}

/// The update of several parameters; the operations and their order are those of the composed version.
///
/// Each parameter has cubes of its own, from the number in `first_cubes` on. With `has_clip`, `clip[0]` is one more
/// factor on the gradients, and nothing is updated where that is negative.
#[cube(launch_unchecked)]
fn update_kernel<F: Float>(
    parameters: &mut Sequence<OwnedTensor<F>>,
    gradients: &Sequence<OwnedTensor<F>>,
    moments_1: &mut Sequence<OwnedTensor<F>>,
    moments_2: &mut Sequence<OwnedTensor<F>>,
    constants: &Sequence<Constants>,
    first_cubes: &Sequence<u32>,
    sizes: &Sequence<u32>,
    clip: &Tensor<f32>,
    #[comptime] has_clip: bool,
    #[define(F)] _element: ElemType,
) {
    let cube = CUBE_POS as u32;
    let mut factor = f32::new(1.0);
    if has_clip {
        factor = clip[0usize];
    }
    #[unroll]
    for i in 0..parameters.len() {
        let first = *first_cubes.index(i);
        if cube >= first {
            let place = (cube - first) * CUBE_DIM_X + UNIT_POS;
            if place < *sizes.index(i) && factor >= 0.0f32 {
                let at = place as usize;
                let c = constants.index(i);
                let g = f32::cast_from(gradients.index(i)[at]) * (c.gradient_scale * factor);
                let p = f32::cast_from(parameters.index(i)[at]);
                let m = f32::cast_from(moments_1.index(i)[at]) * c.beta_1 + g * c.rest_1;
                let v = f32::cast_from(moments_2.index(i)[at]) * c.beta_2 + g * g * c.rest_2;
                let update = m / (f32::sqrt(v) + c.epsilon) + p * c.weight_decay;
                parameters.index_mut(i)[at] = F::cast_from(p - update * c.learning_rate);
                moments_1.index_mut(i)[at] = F::cast_from(m);
                moments_2.index_mut(i)[at] = F::cast_from(v);
            }
        }
    }
}

/// A contiguous buffer that nobody else holds: the tensor's own if that is so, else a copy.
fn exclusive(x: CubeTensor) -> CubeTensor {
    let x = into_contiguous(x);
    if x.can_mut() { x } else { x.copy() }
}

/// One parameter of an update: itself, its gradient and its moments.
pub(crate) struct Update {
    pub(crate) parameter: CubeTensor,
    pub(crate) gradient: CubeTensor,
    pub(crate) moment_1: CubeTensor,
    pub(crate) moment_2: CubeTensor,
    pub(crate) step: AdamStep,
}

/// Parameters that one kernel updates: four buffers each, the clip and one of scalars, of the 31 that Metal can bind.
const PARAMETERS: usize = 7;

/// The updated parameters and moments; in the memory of the old ones where nobody else holds them. `clip` is what
/// [`clip`](super::clip::clip) gives.
pub(crate) fn adam_updates(updates: Vec<Update>, clip: Option<CubeTensor>) -> Vec<[CubeTensor; 3]> {
    let mut updates: Vec<Update> = updates
        .into_iter()
        .map(|Update { parameter, gradient, moment_1, moment_2, step }| {
            for other in [&gradient, &moment_1, &moment_2] {
                let (found, expected) = (other.shape(), parameter.shape());
                assert_eq!(found, expected, "gradient and moments have the shape of the parameter");
            }
            let [parameter, moment_1, moment_2] = [parameter, moment_1, moment_2].map(exclusive);
            Update { parameter, gradient: into_contiguous(gradient), moment_1, moment_2, step }
        })
        .collect();
    let occupied: Vec<&mut Update> =
        updates.iter_mut().filter(|update| elements(&update.parameter) > 0).collect();
    occupied.chunks(PARAMETERS).for_each(|updates| update_together(updates, clip.as_ref()));
    updates.into_iter().map(|update| [update.parameter, update.moment_1, update.moment_2]).collect()
}

fn update_together(updates: &[&mut Update], clip: Option<&CubeTensor>) {
    let first = &updates[0].parameter;
    // Without a clip nothing is read of it: any buffer that is only read stands in.
    let read = clip.unwrap_or(&updates[0].gradient).clone();
    let dim = CubeDim::new_1d(UNITS);
    let mut cubes_before = 0;
    let mut first_cubes = SequenceArg::new();
    let mut sizes = SequenceArg::new();
    let mut constants = SequenceArg::new();
    let [mut parameters, mut gradients, mut moments_1, mut moments_2] = [(); 4].map(|()| SequenceArg::new());
    for Update { parameter, gradient, moment_1, moment_2, step } in updates.iter().map(|update| &**update) {
        let size = elements(parameter);
        first_cubes.push(cubes_before as u32);
        sizes.push(size as u32);
        cubes_before += size.div_ceil(UNITS as usize);
        parameters.push(parameter.clone().into_tensor_arg());
        gradients.push(gradient.clone().into_tensor_arg());
        moments_1.push(moment_1.clone().into_tensor_arg());
        moments_2.push(moment_2.clone().into_tensor_arg());
        constants.push(ConstantsLaunch::new(
            step.learning_rate as f32,
            step.beta_1 as f32,
            (1.0 - step.beta_1) as f32,
            step.beta_2 as f32,
            (1.0 - step.beta_2) as f32,
            step.epsilon as f32,
            step.weight_decay as f32,
            step.gradient_scale as f32,
        ));
    }
    // SAFETY: units beyond the elements of a parameter do nothing, and its other three buffers have as many.
    unsafe {
        update_kernel::launch_unchecked(
            &first.client.clone(),
            cubes(first, cubes_before, dim),
            dim,
            parameters,
            gradients,
            moments_1,
            moments_2,
            constants,
            first_cubes,
            sizes,
            read.into_tensor_arg(),
            clip.is_some(),
            element_type(first),
        );
    }
}
