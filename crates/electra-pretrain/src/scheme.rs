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
    /// The generator alone for the first steps, by masked language modelling, and then both networks at every step.
    /// What the discriminator does not share with the generator stays as it began until then, with moments of zero:
    /// with shared embeddings, all but the tables and their layer norm. The learning rate has one course over all
    /// steps.
    GeneratorWarmup {
        /// Steps of the generator alone.
        generator_steps: u64,
    },
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
            Self::TwoStage { generator_steps, .. } | Self::GeneratorWarmup { generator_steps }
                if step < generator_steps =>
            {
                Stage::GeneratorAlone
            }
            Self::GeneratorWarmup { .. } => Stage::Joint,
            Self::TwoStage { .. } => Stage::DiscriminatorAlone,
        }
    }

    /// The scheme all of whose steps are those of a stage, but for the number 0.
    pub(crate) fn of_stage(stage: Stage) -> Self {
        match stage {
            Stage::Joint => Self::Joint {},
            Stage::Adversarial => Self::Adversarial {},
            Stage::GeneratorAlone => Self::TwoStage { generator_steps: u64::MAX, initialise: false },
            Stage::DiscriminatorAlone => Self::TwoStage { generator_steps: 0, initialise: false },
        }
    }

    /// Steps of the generator alone, if there are such.
    pub fn generator_steps(&self) -> Option<u64> {
        match *self {
            Self::TwoStage { generator_steps, .. } | Self::GeneratorWarmup { generator_steps } => {
                Some(generator_steps)
            }
            Self::Joint {} | Self::Adversarial {} => None,
        }
    }

    /// First step and number of steps of each stage of a run of `steps`.
    pub fn stages(&self, steps: u64) -> Vec<(u64, u64)> {
        match self.generator_steps() {
            None => vec![(0, steps)],
            Some(alone) => vec![(0, alone), (alone, steps.saturating_sub(alone))],
        }
    }

    /// First step and number of steps of each course of the learning rate in a run of `steps`.
    pub fn courses(&self, steps: u64) -> Vec<(u64, u64)> {
        match self {
            Self::TwoStage { .. } => self.stages(steps),
            Self::Joint {} | Self::Adversarial {} | Self::GeneratorWarmup { .. } => vec![(0, steps)],
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
    fn a_generator_that_warms_up_is_alone_first_and_the_rate_has_one_course() {
        let scheme = Scheme::GeneratorWarmup { generator_steps: 2 };
        let stages: Vec<Stage> = (0..4).map(|step| scheme.stage(step)).collect();
        assert_eq!(stages, [Stage::GeneratorAlone, Stage::GeneratorAlone, Stage::Joint, Stage::Joint]);
        assert_eq!((scheme.stages(5), scheme.courses(5)), (vec![(0, 2), (2, 3)], vec![(0, 5)]));
        assert!((0..5).all(|step| !scheme.initialises(step)));
        assert_eq!(Scheme::TwoStage { generator_steps: 2, initialise: true }.courses(5), [(0, 2), (2, 3)]);
        for stage in [Stage::Joint, Stage::Adversarial, Stage::GeneratorAlone, Stage::DiscriminatorAlone] {
            assert_eq!(Scheme::of_stage(stage).stage(1), stage);
        }
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
