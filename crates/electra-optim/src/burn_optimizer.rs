//! The same rule behind burn's optimizer trait, for training loops that are burn's.

use burn::module::ParamGroup;
use burn::optim::{AdamWState, AdaptiveMomentumState, ModuleOptimizer, Optimizer};
use burn::prelude::*;
use electra_kernels::adam_update;

use crate::adam::AdamConfig;

/// [`Adam`](crate::Adam) for burn's [`ModuleOptimizer`], which keeps the state itself, keyed by
/// parameter id.
///
/// A bare one decays every parameter, because burn shows an optimizer no path:
/// [`into_module_optimizer`](Self::into_module_optimizer) adds the group without decay. It does
/// not clip: scale the gradients before, or give burn's learner none that need it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ElectraAdam {
    /// Its constants.
    pub config: AdamConfig,
}

impl ElectraAdam {
    /// An optimizer of a whole module, with weight decay where [`decays`](crate::decays) has it.
    pub fn into_module_optimizer(self) -> ModuleOptimizer {
        let undecayed = Self { config: AdamConfig { weight_decay: 0.0, ..self.config } };
        let names = r"LayerNorm|layer_norm|bias|(^|\.)(gamma|beta)$";
        let group = ParamGroup::from_regex(names).expect("a constant pattern");
        ModuleOptimizer::from(self).with_group(group, undecayed, None)
    }
}

impl Optimizer for ElectraAdam {
    type State<const D: usize> = AdamWState<D>;

    fn step<const D: usize>(
        &self,
        learning_rate: f64,
        parameter: Tensor<D>,
        gradient: Tensor<D>,
        state: Option<AdamWState<D>>,
    ) -> (Tensor<D>, Option<AdamWState<D>>) {
        let momentum = state
            .map(|state| state.momentum)
            .unwrap_or_else(|| AdaptiveMomentumState::new(0, parameter.zeros_like(), parameter.zeros_like()));
        let updates = momentum.time + 1;
        let step = self.config.update(learning_rate, self.config.weight_decay, updates as u64, 1.0);
        let updated = adam_update(parameter, gradient, momentum.moment_1, momentum.moment_2, step);
        let momentum = AdaptiveMomentumState::new(updates, updated.moment_1, updated.moment_2);
        (updated.parameter, Some(AdamWState::new(momentum)))
    }

    fn to_device<const D: usize>(mut state: AdamWState<D>, device: &Device) -> AdamWState<D> {
        state.momentum = state.momentum.to_device(device);
        state
    }
}
