//! Gradient accumulation over micro-batches.

use burn::module::Module;
use burn::optim::{GradientsAccumulator, GradientsParams};

/// Accumulates gradients: `sum + gradients`, parameter by parameter in the order of the module.
///
/// A plain sum: the losses of the micro-batches must already be divided by the weight of the whole
/// step, because ELECTRA's losses are means over tokens and micro-batches differ in their number.
/// A parameter that has a gradient on one side only keeps it. Start from
/// [`GradientsParams::new`].
pub fn add_gradients<M: Module>(
    module: &M,
    sum: GradientsParams,
    gradients: GradientsParams,
) -> GradientsParams {
    let mut accumulator = GradientsAccumulator::new();
    accumulator.accumulate(module, sum);
    accumulator.accumulate(module, gradients);
    accumulator.grads()
}
