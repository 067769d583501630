//! Gradient clipping by the global norm.

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::prelude::*;
use electra_kernels::{clip_on_device, read, squared_norms};

use crate::path::{ModulePath, track_path};
use crate::state::flattened;

/// The global norm of the gradients, and the factor that clips them to a limit.
///
/// The factor goes into the update (see [`Adam::step`](crate::Adam::step)), so no gradient is
/// rewritten.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Clip {
    /// L2 norm over all gradients together, before clipping.
    pub norm: f64,
    /// `max_norm / max(norm, max_norm)`: at most 1.
    pub scale: f64,
}

/// Gradients that are not finite: some hold an infinity or a NaN, or are too long for their square to be
/// represented. The step must not be taken.
#[derive(Clone, Debug, PartialEq, thiserror::Error, miette::Diagnostic)]
#[error(
    "the gradient is not finite in {} parameters, first in {}", paths.len(), paths[0]
)]
pub struct NonFiniteGradients {
    /// Paths of the parameters whose gradient has no finite norm, in the order of the module;
    /// never empty.
    pub paths: Vec<String>,
}

/// Computes the global norm of all gradients of `module` and the factor that clips it, as
/// `tf.clip_by_global_norm` does.
///
/// Every gradient's squares are summed where it lives, in the order of the module; the sums are
/// read back at once and added up in double precision.
pub fn clip_by_global_norm<M: Module>(
    module: &M,
    gradients: &GradientsParams,
    max_norm: f64,
) -> Result<Clip, NonFiniteGradients> {
    assert!(max_norm > 0.0, "gradients clipped to a norm of {max_norm}");
    let Some(norms) = SquaredNorms::of(module, gradients) else {
        return Ok(Clip { norm: 0.0, scale: 1.0 });
    };
    let sums = norms.read()?;
    let norm = sums.iter().sum::<f64>().sqrt();
    Ok(Clip { norm, scale: max_norm / norm.max(max_norm) })
}

/// The clip of gradients that stays on their card, so that nobody waits for the norm before the update is asked
/// for.
#[derive(Debug)]
pub struct ClipOnDevice {
    /// The factor on the gradients, negative where the update must not be taken, the norm, and the losses: `[2 + n]`.
    pub numbers: Tensor<1>,
    norms: SquaredNorms,
}

impl ClipOnDevice {
    /// The clip of the gradients of `loss_scale` times a loss, so that the loss's own have the norm `max_norm` at
    /// most; the update must not be taken either where one of the `losses [n]` is not finite. Nothing if the
    /// gradients are on a CPU, or there are none.
    pub fn of<M: Module>(
        module: &M,
        gradients: &GradientsParams,
        losses: &Tensor<1>,
        max_norm: f64,
        loss_scale: f64,
    ) -> Option<Self> {
        assert!(max_norm > 0.0, "gradients clipped to a norm of {max_norm}");
        let norms = SquaredNorms::of(module, gradients)?;
        let numbers = clip_on_device(losses, &norms.squares, max_norm, loss_scale)?;
        Some(Self { numbers, norms })
    }

    /// The parameters whose gradient is not finite, for an update that was not taken.
    ///
    /// # Errors
    /// If there are any.
    pub fn check(self) -> Result<(), NonFiniteGradients> {
        self.norms.read().map(|_| ())
    }
}

/// The squared norms of the gradients in the order of the module, where they were computed: `[n]`.
#[derive(Debug)]
struct SquaredNorms {
    squares: Tensor<1>,
    paths: Vec<String>,
}

impl SquaredNorms {
    /// Of a module's gradients, if there are any.
    fn of<M: Module>(module: &M, gradients: &GradientsParams) -> Option<Self> {
        let mut collected =
            FlatGradients { gradients, path: ModulePath::default(), paths: Vec::new(), flat: Vec::new() };
        module.visit(&mut collected);
        let FlatGradients { paths, flat, .. } = collected;
        (!flat.is_empty()).then(|| Self { squares: squared_norms(flat), paths })
    }

    /// Reads them, if all are finite.
    fn read(self) -> Result<Vec<f64>, NonFiniteGradients> {
        let sums = read(self.squares).convert::<f64>();
        let sums: Vec<f64> = sums.iter::<f64>().collect();
        let broken = |(path, sum): (String, &f64)| (!sum.is_finite()).then_some(path);
        let broken: Vec<String> = self.paths.into_iter().zip(&sums).filter_map(broken).collect();
        if broken.is_empty() { Ok(sums) } else { Err(NonFiniteGradients { paths: broken }) }
    }
}

/// The gradients in the order of the module, each flat.
struct FlatGradients<'a> {
    gradients: &'a GradientsParams,
    path: ModulePath,
    paths: Vec<String>,
    flat: Vec<Tensor<1>>,
}

impl ModuleVisitor for FlatGradients<'_> {
    track_path!();

    fn visit_float<const D: usize>(&mut self, parameter: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.get::<D>(parameter.id) {
            self.flat.push(flattened(gradient.inner()));
            self.paths.push(self.path.dotted());
        }
    }
}
