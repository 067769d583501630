//! Adam behind burn's optimizer trait, for training loops that are burn's.

use burn::module::ParamGroup;
use burn::optim::{AdamWState, AdaptiveMomentumState, ModuleOptimizer, Optimizer};
use burn::prelude::*;
use electra_kernels::adam_update;

use crate::adam::AdamConfig;

/// [`Adam`](crate::Adam) for burn's [`ModuleOptimizer`], which keeps the state itself, keyed by
/// parameter id.
///
/// Alone it decays every parameter, because burn shows an optimizer no path;
/// [`into_module_optimizer`](Self::into_module_optimizer) adds the group without decay. It does
/// not clip by the global norm, which no optimizer of a single parameter can see.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ElectraAdam {
    /// The hyperparameters.
    pub config: AdamConfig,
}

impl ElectraAdam {
    /// An optimizer of a whole module, with weight decay where [`has_weight_decay`](crate::has_weight_decay)
    /// has it.
    pub fn into_module_optimizer(self) -> ModuleOptimizer {
        let undecayed = Self { config: AdamConfig { weight_decay: 0.0, ..self.config } };
        ModuleOptimizer::from(self).with_group(undecayed_parameters(), undecayed, None)
    }
}

/// [`has_weight_decay`](crate::has_weight_decay) said no, as a group of burn's.
fn undecayed_parameters() -> ParamGroup {
    ParamGroup::from_regex(r"LayerNorm|layer_norm|bias|(^|\.)(gamma|beta)$").expect("a constant pattern")
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::groups::has_weight_decay;
    use burn::module::ParamId;
    use serde_json::Value;

    #[test]
    fn burns_group_holds_the_parameters_that_do_not_decay() {
        let fixture: Value =
            serde_json::from_str(include_str!("../tests/fixtures/weight_decay.json")).unwrap();
        let of_transformers = ["decayed", "excluded"].into_iter().flat_map(|key| {
            let names = fixture[key].as_array().unwrap();
            names.iter().map(|name| name.as_str().unwrap()).collect::<Vec<_>>()
        });
        let ours = ["gamma", "head.norm.beta", "head.output_bias", "project.weight", "beta.weight", "word"];
        let group = undecayed_parameters();
        for path in of_transformers.chain(ours) {
            assert_eq!(group.matches(&ParamId::new(), Some(path)), !has_weight_decay(path), "{path}");
        }
    }
}
