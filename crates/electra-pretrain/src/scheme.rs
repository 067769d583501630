//! In what order the networks are trained, and by what.

use electra_model::parameters::{collect, load};
use electra_model::{Electra, Stage, TieMode};
use serde::{Deserialize, Serialize};

/// The training scheme of a joint objective (Clark et al. 2020, §3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Scheme {
    /// Both networks at every step, each by its own loss.
    Joint {},
    /// The generator alone, then the other network on samples of a generator that stays as it is.
    /// The learning rate warms up and decays in each of the two stages as a whole schedule would.
    TwoStage {
        /// Steps of the first stage; `train.steps` counts both.
        generator_steps: u64,
        /// Whether the second network starts from the weights of the first, heads apart: they must
        /// then be of one size. Without it detection sometimes never leaves the majority class.
        #[serde(default = "yes", skip_serializing_if = "Clone::clone")]
        initialise: bool,
    },
    /// Both networks at every step, the generator rewarded for fooling the discriminator instead of
    /// being right.
    Adversarial {},
}

fn yes() -> bool {
    true
}

impl Default for Scheme {
    fn default() -> Self {
        Self::Joint {}
    }
}

impl Scheme {
    /// Whether it is the paper's own.
    pub fn is_joint(&self) -> bool {
        *self == Self::Joint {}
    }

    /// The stage of the step after `step` others: which networks it trains.
    pub fn stage(&self, step: u64) -> Stage {
        match *self {
            Self::Joint {} => Stage::Joint,
            Self::Adversarial {} => Stage::Adversarial,
            Self::TwoStage { generator_steps, .. } if step < generator_steps => Stage::GeneratorAlone,
            Self::TwoStage { .. } => Stage::DiscriminatorAlone,
        }
    }

    /// Steps of the first of two stages.
    pub fn generator_steps(&self) -> Option<u64> {
        match *self {
            Self::TwoStage { generator_steps, .. } => Some(generator_steps),
            Self::Joint {} | Self::Adversarial {} => None,
        }
    }

    /// First step and number of steps of each stage of a run of `steps`.
    pub fn stages(&self, steps: u64) -> Vec<(u64, u64)> {
        match *self {
            Self::Joint {} | Self::Adversarial {} => vec![(0, steps)],
            Self::TwoStage { generator_steps, .. } => {
                vec![(0, generator_steps), (generator_steps, steps.saturating_sub(generator_steps))]
            }
        }
    }

    /// Whether the step after `step` others starts from the generator's weights.
    pub fn initialises(&self, step: u64) -> bool {
        matches!(*self, Self::TwoStage { generator_steps, initialise: true } if step == generator_steps)
    }
}

/// `model` with the discriminator's embeddings and encoder at the generator's weights. Tables that
/// are differences from the generator's stay as they are: they start at none.
pub(crate) fn from_generator(model: Electra, tie: TieMode) -> Electra {
    let mut tensors = collect(&model);
    let shared = |name: &str| {
        tie == TieMode::GradientDisentangled && ["embeddings.word", "embeddings.position"].contains(&name)
    };
    let own: Vec<String> =
        tensors.keys().filter_map(|n| n.strip_prefix("discriminator.")).map(String::from).collect();
    for name in own.iter().filter(|name| !name.starts_with("head.") && !shared(name)) {
        let to = format!("discriminator.{name}");
        if let Some(data) = tensors.get(&format!("generator.{name}")).cloned()
            && data.shape() == tensors[&to].shape()
        {
            tensors.insert(to, data);
        }
    }
    load(model, tensors).expect("tensors of the same shapes as before")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_stages_divide_the_steps() {
        let scheme = Scheme::TwoStage { generator_steps: 3, initialise: true };
        let stages: Vec<Stage> = (0..5).map(|step| scheme.stage(step)).collect();
        let (first, second) = (Stage::GeneratorAlone, Stage::DiscriminatorAlone);
        assert_eq!(stages, [first, first, first, second, second]);
        assert_eq!(scheme.stages(5), [(0, 3), (3, 2)]);
        assert_eq!((0..5).filter(|&step| scheme.initialises(step)).collect::<Vec<_>>(), [3]);
        assert!(!Scheme::TwoStage { generator_steps: 3, initialise: false }.initialises(3));
        assert_eq!(Scheme::Adversarial {}.stage(7), Stage::Adversarial);
    }

    #[test]
    fn a_scheme_reads_what_it_writes_and_refuses_what_it_does_not_know() {
        let scheme: Scheme =
            serde_json::from_str(r#"{ "kind": "two-stage", "generator_steps": 10 }"#).unwrap();
        assert_eq!(scheme, Scheme::TwoStage { generator_steps: 10, initialise: true });
        assert_eq!(serde_json::from_str::<Scheme>(&serde_json::to_string(&scheme).unwrap()).unwrap(), scheme);
        assert!(serde_json::from_str::<Scheme>(r#"{ "kind": "joint", "generator_steps": 10 }"#).is_err());
        assert!(serde_json::from_str::<Scheme>(r#"{ "kind": "two-stages" }"#).is_err());
    }
}
