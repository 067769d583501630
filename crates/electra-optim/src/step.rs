//! One step of an optimizer: the update of all parameters of a module.

use std::collections::VecDeque;

use burn::module::{Module, ModuleMapper, Param};
use burn::optim::GradientsParams;
use burn::prelude::*;
use burn::tensor::GradientCheckpointingStrategy;
use electra_kernels::{AdamUpdate, AdamUpdated, adam_updates};

use crate::adam::AdamConfig;
use crate::groups::{has_weight_decay, is_encoder_matrix};
use crate::muon::{MatrixUpdate, MuonConfig};
use crate::path::{ModulePath, track_path};
use crate::state::{Moments, OptimizerState, flattened};

/// The Adam optimizer with decoupled weight decay.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam {
    /// The hyperparameters.
    pub config: AdamConfig,
}

/// Muon for the [matrices of encoder layers](crate::is_encoder_matrix), and Adam for tables, projections, heads,
/// biases and layer norms (Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks",
/// <https://kellerjordan.github.io/posts/muon>).
///
/// The rule is that of `torch.optim.Muon`, with products of 32-bit floats where PyTorch has bfloat16:
///
/// ```text
/// m ← μ m + (1 - μ) g
/// u = (1 - μ) g + μ m      with Nesterov's momentum, otherwise m
/// w ← (1 - rate * decay) w - rate * ratio * orthogonal(u)
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Muon {
    /// The hyperparameters of the matrices.
    pub config: MuonConfig,
    /// Those of all other parameters.
    pub adam: AdamConfig,
}

impl Adam {
    /// Applies one update to `module`.
    ///
    /// `learning_rate` gives the rate of the parameter at a path. `gradient_scale` multiplies every
    /// gradient: 1, or the [`Clip::scale`](crate::Clip) of the global norm. A parameter without
    /// gradient keeps its value and its moments. Parameters keep their id and whether they require
    /// a gradient, and are leaves of a new graph.
    pub fn step<M: Module>(
        &self,
        state: &mut OptimizerState,
        module: M,
        gradients: GradientsParams,
        learning_rate: impl Fn(&str) -> f64,
        gradient_scale: f64,
    ) -> M {
        assert!(gradient_scale.is_finite(), "gradients scaled by {gradient_scale}");
        self.update(None).apply(state, module, gradients, learning_rate, gradient_scale)
    }

    /// Applies one update to `module` on its card; the first of the [numbers](crate::ClipOnDevice) of a clip there
    /// is a factor on every gradient. Where that factor is negative, parameters and averages stay as they are, and
    /// [`OptimizerState::forget_update`] takes the update out of their counts.
    pub fn step_on_device<M: Module>(
        &self,
        state: &mut OptimizerState,
        module: M,
        gradients: GradientsParams,
        learning_rate: impl Fn(&str) -> f64,
        clip: Tensor<1>,
    ) -> M {
        self.update(Some(clip)).apply(state, module, gradients, learning_rate, 1.0)
    }

    fn update(&self, clip: Option<Tensor<1>>) -> Update {
        Update { adam: self.config, muon: None, clip }
    }
}

impl Muon {
    /// Applies one update to `module`, as [`Adam::step`](Adam::step) does.
    pub fn step<M: Module>(
        &self,
        state: &mut OptimizerState,
        module: M,
        gradients: GradientsParams,
        learning_rate: impl Fn(&str) -> f64,
        gradient_scale: f64,
    ) -> M {
        assert!(gradient_scale.is_finite(), "gradients scaled by {gradient_scale}");
        self.update(None).apply(state, module, gradients, learning_rate, gradient_scale)
    }

    /// Applies one update to `module` on its card, as [`Adam::step_on_device`](Adam::step_on_device) does.
    /// Matrices are updated one after another by single operations.
    pub fn step_on_device<M: Module>(
        &self,
        state: &mut OptimizerState,
        module: M,
        gradients: GradientsParams,
        learning_rate: impl Fn(&str) -> f64,
        clip: Tensor<1>,
    ) -> M {
        self.update(Some(clip)).apply(state, module, gradients, learning_rate, 1.0)
    }

    fn update(&self, clip: Option<Tensor<1>>) -> Update {
        Update { adam: self.adam, muon: Some(self.config), clip }
    }
}

/// One update of all parameters of a module: of the matrices by Muon, if there is such, of all others by Adam.
struct Update {
    adam: AdamConfig,
    muon: Option<MuonConfig>,
    /// What [`ClipOnDevice`](crate::ClipOnDevice) has, for gradients on a card.
    clip: Option<Tensor<1>>,
}

impl Update {
    fn apply<M: Module>(
        self,
        state: &mut OptimizerState,
        module: M,
        gradients: GradientsParams,
        learning_rate: impl Fn(&str) -> f64,
        gradient_scale: f64,
    ) -> M {
        state.updated.clear();
        let mut taken = Take {
            update: &self,
            state,
            gradients,
            learning_rate,
            gradient_scale,
            path: ModulePath::default(),
            updates: Vec::new(),
            parameters: VecDeque::new(),
        };
        let module = module.map(&mut taken);
        let Take { updates, parameters, .. } = taken;
        let updated = adam_updates(updates, self.clip);
        let parameters = parameters.into_iter().zip(updated).collect();
        module.map(&mut PutBack { state, path: ModulePath::default(), parameters })
    }
}

/// A parameter that is being updated, but for its numbers.
struct Taken {
    path: String,
    shape: Shape,
    requires_gradient: bool,
    checkpointing: Option<GradientCheckpointingStrategy>,
    /// Gradients that its moments have seen, this one among them.
    updates: u64,
}

/// Takes parameters, gradients and moments out of where they live, so that the kernels find nobody else holding
/// their memory and may write in place. Tensors without elements stay in place of the parameters.
struct Take<'a, F> {
    update: &'a Update,
    state: &'a mut OptimizerState,
    gradients: GradientsParams,
    learning_rate: F,
    gradient_scale: f64,
    path: ModulePath,
    updates: Vec<AdamUpdate>,
    parameters: VecDeque<Taken>,
}

impl<F: Fn(&str) -> f64> ModuleMapper for Take<'_, F> {
    track_path!();

    fn map_float<const D: usize>(&mut self, parameter: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(gradient) = self.gradients.remove::<D>(parameter.id) else {
            return parameter;
        };
        let path = self.path.dotted();
        let (id, tensor, mapper) = parameter.consume();
        let requires_gradient = tensor.is_require_grad();
        let checkpointing = tensor.gradient_checkpointing_strategy();
        let tensor = tensor.inner();
        let learning_rate = (self.learning_rate)(&path);

        if let Some(muon) = self.update.muon.filter(|_| is_encoder_matrix(&path, D)) {
            let shape: [usize; D] = tensor.dims();
            let matrix = [shape[0], shape[1]];
            // What a run began with has moments of zero for every parameter.
            self.state.moments.remove(&path);
            let momentum = self.state.momenta.remove(&path);
            let update = MatrixUpdate {
                momentum: momentum.unwrap_or_else(|| tensor.zeros_like().reshape(matrix)),
                weight: tensor.reshape(matrix),
                gradient: gradient.inner().reshape(matrix),
                learning_rate,
                gradient_scale: self.gradient_scale,
            };
            let (weight, momentum) = update.apply(&muon, self.update.clip.as_ref());
            self.state.momenta.insert(path, momentum);
            let tensor = as_leaf(weight.reshape(shape), requires_gradient, checkpointing);
            return Param::from_mapped_value(id, tensor, mapper);
        }

        let moments = self.state.moments.remove(&path);
        let moments = moments.unwrap_or_else(|| Moments::zeros_like(&tensor));
        let updates = moments.updates + 1;
        let (moment_1, moment_2) = moments.into_tensors::<D>();

        let adam = self.update.adam;
        let weight_decay = if has_weight_decay(&path) { adam.weight_decay } else { 0.0 };
        let step = adam.update(learning_rate, weight_decay, updates, self.gradient_scale);
        let placeholder = Tensor::empty([0; D], &tensor.device());
        let shape = tensor.shape();
        self.updates.push(AdamUpdate {
            parameter: flattened(tensor),
            gradient: flattened(gradient.inner()),
            moment_1: flattened(moment_1),
            moment_2: flattened(moment_2),
            step,
        });
        self.parameters.push_back(Taken { path, shape, requires_gradient, checkpointing, updates });
        Param::from_mapped_value(id, placeholder, mapper)
    }
}

/// Puts updated parameters and moments back, in the order in which they were taken.
struct PutBack<'a> {
    state: &'a mut OptimizerState,
    path: ModulePath,
    parameters: VecDeque<(Taken, AdamUpdated<1>)>,
}

impl ModuleMapper for PutBack<'_> {
    track_path!();

    fn map_float<const D: usize>(&mut self, parameter: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let path = self.path.dotted();
        let Some((taken, updated)) = self.parameters.pop_front_if(|(taken, _)| taken.path == path) else {
            return parameter;
        };
        let Taken { shape, requires_gradient, checkpointing, updates, .. } = taken;
        let shape: [usize; D] = shape.dims();
        let moments = Moments::new(updated.moment_1.reshape(shape), updated.moment_2.reshape(shape), updates);
        self.state.updated.push(path.clone());
        self.state.moments.insert(path, moments);

        let (id, _, mapper) = parameter.consume();
        let tensor = as_leaf(updated.parameter.reshape(shape), requires_gradient, checkpointing);
        Param::from_mapped_value(id, tensor, mapper)
    }
}

/// The updated parameter as a leaf of a new graph.
fn as_leaf<const D: usize>(
    mut tensor: Tensor<D>,
    requires_gradient: bool,
    checkpointing: Option<GradientCheckpointingStrategy>,
) -> Tensor<D> {
    // Coming back with the default strategy, the parameter would meet inputs of another one in
    // the next forward pass, which burn refuses.
    if let Some(strategy) = checkpointing {
        tensor = tensor.autodiff().with_gradient_checkpointing_strategy(strategy);
    }
    tensor.set_require_grad(requires_gradient)
}
