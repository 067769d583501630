//! The update of an optimizer step: from a loss to the next weights.

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use electra_kernels::read;
use electra_model::Precision;
use electra_optim::{
    Adam, AdamConfig, Clip, ClipOnDevice, Muon, MuonConfig, NonFiniteGradients, clip_by_global_norm,
};

use crate::divergence::Divergence;
use crate::snapshot::{Progress, Snapshot};

/// Settings of an update that are the same in all steps of a run.
#[derive(Clone, Copy, Debug)]
pub struct OptimizerConfig {
    /// The settings of Adam.
    pub adam: AdamConfig,
    /// Those of Muon, where it updates the matrices of encoder layers.
    pub muon: Option<MuonConfig>,
    /// Largest global norm of the gradient.
    pub max_grad_norm: f64,
    /// Precision of matrix products, which decides the loss scale.
    pub precision: Precision,
}

/// Forward and backward pass of a step, of which nothing needs to have been read yet: a card that is read from waits
/// for all that it was asked before.
pub struct Backward<'a, T> {
    /// Losses where they were computed, each `[1]`; at least one.
    pub losses: Vec<Tensor<1>>,
    /// The loss of the step, given those losses.
    pub sum: SumOfLosses<'a, T>,
    /// Gradients of `loss_scale * loss`.
    pub gradients: GradientsParams,
}

/// The function from the numbers of a step's losses to the step's loss.
pub type SumOfLosses<'a, T> = Box<dyn FnOnce(&[f64]) -> StepLoss<T> + 'a>;

/// The loss of a step.
pub struct StepLoss<T> {
    /// Loss, not scaled.
    pub loss: f64,
    /// Losses that it is the sum of, with their names; empty where it has no parts.
    pub parts: Vec<(&'static str, f64)>,
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
/// their global norm and applied by Adam, or Muon, with the learning rate `rate(path)` of each parameter.
///
/// In 16-bit IEEE floats a gradient may overflow that is finite in others: the step is then computed again with
/// half of the [loss scale](Precision::loss_scale), down to 1. Every step begins with the whole one, so nothing
/// has to be remembered from step to step. `backward` must give the same, dropout included, whenever it is asked.
///
/// On a card the update is asked for before anything is read: norm, clip and whether all is finite stay there, an
/// update that is not finite changes nothing, and losses and norm are read together afterwards, once a step.
///
/// # Errors
/// A loss or gradient that is not finite; the snapshot is then as it was.
pub fn apply_gradients<'a, M: Module, P: Progress, T>(
    snapshot: &mut Snapshot<M, P>,
    config: OptimizerConfig,
    rate: impl Fn(&str) -> f64,
    mut backward: impl FnMut(&M, f64) -> Backward<'a, T>,
) -> Result<(T, Update), Divergence> {
    try_apply_gradients(snapshot, config, rate, |model, loss_scale| Ok(backward(model, loss_scale)))
}

/// As [`apply_gradients`], for a `backward` that may fail in other ways: gradients that other processes compute.
///
/// # Errors
/// As there, and those of `backward`; the snapshot is then as it was.
pub fn try_apply_gradients<'a, M: Module, P: Progress, T, E: From<Divergence>>(
    snapshot: &mut Snapshot<M, P>,
    config: OptimizerConfig,
    rate: impl Fn(&str) -> f64,
    mut backward: impl FnMut(&M, f64) -> Result<Backward<'a, T>, E>,
) -> Result<(T, Update), E> {
    let step = snapshot.step();
    let mut loss_scale = config.precision.loss_scale();
    loop {
        let Backward { losses, sum, gradients } = backward(snapshot.model(), loss_scale)?;
        let losses = Tensor::cat(losses, 0);
        let max_norm = config.max_grad_norm;
        let on_device = ClipOnDevice::of(snapshot.model(), &gradients, &losses, max_norm, loss_scale);
        let taken = match on_device {
            Some(clip) => on_card(snapshot, config, &rate, sum, gradients, clip),
            None => on_cpu(snapshot, config, &rate, (losses, sum), gradients, loss_scale),
        };
        match taken {
            Ok((measured, clip)) => return Ok((measured, Update { clip, loss_scale })),
            Err(NotTaken::Gradient(_)) if loss_scale > 1.0 => loss_scale /= 2.0,
            Err(NotTaken::Gradient(source)) => return Err(Divergence::Gradient { step, source }.into()),
            Err(NotTaken::Loss { loss, parts }) => return Err(Divergence::Loss { step, loss, parts }.into()),
        }
    }
}

/// Losses where they were computed, and the step's loss given their numbers.
type Losses<'a, T> = (Tensor<1>, SumOfLosses<'a, T>);

/// An update that was not taken.
enum NotTaken {
    Gradient(NonFiniteGradients),
    Loss { loss: f64, parts: Vec<(&'static str, f64)> },
}

/// The measures of a loss that is finite.
fn finite<T>(of_step: StepLoss<T>) -> Result<T, NotTaken> {
    let StepLoss { loss, parts, measured } = of_step;
    if loss.is_finite() { Ok(measured) } else { Err(NotTaken::Loss { loss, parts }) }
}

fn on_cpu<M: Module, P: Progress, T>(
    snapshot: &mut Snapshot<M, P>,
    config: OptimizerConfig,
    rate: &impl Fn(&str) -> f64,
    (losses, sum): Losses<'_, T>,
    gradients: GradientsParams,
    loss_scale: f64,
) -> Result<(T, Clip), NotTaken> {
    let losses: Vec<f64> = read(losses).iter::<f64>().collect();
    let measured = finite(sum(&losses))?;
    let max_norm = config.max_grad_norm * loss_scale;
    let clip = clip_by_global_norm(snapshot.model(), &gradients, max_norm).map_err(NotTaken::Gradient)?;
    let clip = Clip { norm: clip.norm / loss_scale, scale: clip.scale / loss_scale };
    let adam = config.adam;
    snapshot.update(|model, state| match config.muon {
        None => Adam { config: adam }.step(state, model, gradients, rate, clip.scale),
        Some(config) => Muon { config, adam }.step(state, model, gradients, rate, clip.scale),
    });
    Ok((measured, clip))
}

fn on_card<M: Module, P: Progress, T>(
    snapshot: &mut Snapshot<M, P>,
    config: OptimizerConfig,
    rate: &impl Fn(&str) -> f64,
    sum: SumOfLosses<'_, T>,
    gradients: GradientsParams,
    clip: ClipOnDevice,
) -> Result<(T, Clip), NotTaken> {
    let adam = config.adam;
    let [factor, numbers] = [clip.numbers.clone(), clip.numbers.clone()];
    snapshot.update_if(
        |model, state| match config.muon {
            None => Adam { config: adam }.step_on_device(state, model, gradients, rate, factor),
            Some(config) => Muon { config, adam }.step_on_device(state, model, gradients, rate, factor),
        },
        || {
            let numbers: Vec<f64> = read(numbers).iter::<f64>().collect();
            let [scale, norm, losses @ ..] = numbers.as_slice() else { panic!("a clip of {numbers:?}") };
            let of_step = sum(losses);
            if *scale < 0.0 {
                let _ = finite(of_step)?;
                // One of them is infinite, or their sum of squares is.
                let paths = match clip.check() {
                    Err(NonFiniteGradients { paths }) => paths,
                    Ok(()) => vec!["all parameters together".to_owned()],
                };
                return Err(NotTaken::Gradient(NonFiniteGradients { paths }));
            }
            Ok((of_step.measured, Clip { norm: *norm, scale: *scale }))
        },
    )
}
