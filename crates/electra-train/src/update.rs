//! The update of an optimizer step: from a loss to the next weights.

use burn::module::Module;
use burn::optim::GradientsParams;
use electra_model::Precision;
use electra_optim::{Adam, AdamConfig, Clip, clip_by_global_norm};

use crate::divergence::Divergence;
use crate::snapshot::{Progress, Snapshot};

/// Settings of an update that are the same in all steps of a run.
#[derive(Clone, Copy, Debug)]
pub struct OptimizerConfig {
    /// The settings of Adam.
    pub adam: AdamConfig,
    /// Largest global norm of the gradient.
    pub max_grad_norm: f64,
    /// Precision of matrix products, which decides the loss scale.
    pub precision: Precision,
}

/// Forward and backward pass of a step.
pub struct Backward<T> {
    /// Loss, not scaled.
    pub loss: f64,
    /// Losses that it is the sum of, with their names; empty where it has no parts.
    pub parts: Vec<(&'static str, f64)>,
    /// Gradients of `loss_scale * loss`.
    pub gradients: GradientsParams,
    /// The other measures of the forward pass.
    pub measured: T,
}

/// Measures of an update.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Update {
    /// Norm of the gradient and the factor that clipped it.
    pub clip: Clip,
    /// Factor on the loss with which the gradient stayed finite.
    pub loss_scale: f64,
}

/// Takes one optimizer step: `backward(model, loss_scale)` computes loss and gradients, which are clipped by
/// their global norm and applied by Adam with the learning rate `rate(path)` of each parameter.
///
/// In 16-bit IEEE floats a gradient may overflow that is finite in others: the step is then computed again with
/// half of the [loss scale](Precision::loss_scale), down to 1. Every step begins with the whole one, so nothing
/// has to be remembered from step to step. `backward` must give the same, dropout included, whenever it is asked.
///
/// # Errors
/// A loss or gradient that is not finite; the snapshot is then as it was.
pub fn apply_gradients<M: Module, P: Progress, T>(
    snapshot: &mut Snapshot<M, P>,
    config: OptimizerConfig,
    rate: impl Fn(&str) -> f64,
    mut backward: impl FnMut(&M, f64) -> Backward<T>,
) -> Result<(T, Update), Divergence> {
    let step = snapshot.step();
    let mut loss_scale = config.precision.loss_scale();
    let (computed, clip) = loop {
        let computed = backward(snapshot.model(), loss_scale);
        if !computed.loss.is_finite() {
            return Err(Divergence::Loss { step, loss: computed.loss, parts: computed.parts });
        }
        let max_norm = config.max_grad_norm * loss_scale;
        match clip_by_global_norm(snapshot.model(), &computed.gradients, max_norm) {
            Ok(clip) => {
                break (computed, Clip { norm: clip.norm / loss_scale, scale: clip.scale / loss_scale });
            }
            Err(_) if loss_scale > 1.0 => loss_scale /= 2.0,
            Err(source) => return Err(Divergence::Gradient { step, source }),
        }
    };
    let Backward { gradients, measured, .. } = computed;
    let adam = Adam { config: config.adam };
    snapshot.update(|model, state| adam.step(state, model, gradients, rate, clip.scale));
    Ok((measured, Update { clip, loss_scale }))
}
