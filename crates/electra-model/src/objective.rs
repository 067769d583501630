//! Training objectives: those of Clark et al. 2020 and those that they are compared with.
//!
//! ```text
//! masked text ──► generator ──► corrupted text ──► discriminator or predictor
//! ```

mod adversarial;
mod all_tokens_mlm;
mod config;
mod electric;
mod masked_lm;
mod output;
mod pass;
mod proposals;
mod replace_mlm;
mod replaced_token_detection;

use burn::prelude::*;

use crate::batch::{Batch, Normalizer};
use crate::electra::Electra;
use pass::Pass;
use replaced_token_detection::LossPositions;

pub use config::{GeneratorDiscriminatorConfig, Objective, Proposals, Stage, StepDropout};
pub use output::{JointOutput, Prediction};

impl Objective {
    /// One forward pass of all networks. `dropout: None` evaluates.
    pub fn forward(
        &self,
        model: &Electra,
        batch: &Batch,
        normalizer: Normalizer,
        dropout: Option<StepDropout>,
    ) -> JointOutput {
        self.forward_in(Stage::Joint, model, batch, normalizer, dropout)
    }

    /// One forward pass of the networks that `stage` needs.
    ///
    /// Panics in a stage other than [`Stage::Joint`] if no generator learns.
    pub fn forward_in(
        &self,
        stage: Stage,
        model: &Electra,
        batch: &Batch,
        normalizer: Normalizer,
        dropout: Option<StepDropout>,
    ) -> JointOutput {
        self.run(&Pass { model, batch, normalizer, dropout, stage, samples: None })
    }

    /// The forward pass with given samples `[B * N]` in place of drawn ones.
    pub fn forward_with_samples(
        &self,
        model: &Electra,
        batch: &Batch,
        normalizer: Normalizer,
        samples: Tensor<1, Int>,
    ) -> JointOutput {
        self.forward_in_with_samples(Stage::Joint, model, batch, normalizer, samples)
    }

    /// [`forward_in`](Self::forward_in) without dropout and with given samples `[B * N]`.
    pub fn forward_in_with_samples(
        &self,
        stage: Stage,
        model: &Electra,
        batch: &Batch,
        normalizer: Normalizer,
        samples: Tensor<1, Int>,
    ) -> JointOutput {
        self.run(&Pass { model, batch, normalizer, dropout: None, stage, samples: Some(samples) })
    }

    fn run(&self, pass: &Pass) -> JointOutput {
        if let (Some(joint), Stage::GeneratorAlone) = (self.joint(), pass.stage) {
            return pass.generator_alone(joint);
        }
        match self {
            Self::ReplacedTokenDetection(joint) => {
                replaced_token_detection::forward(pass, joint, LossPositions::RealTokens)
            }
            Self::Electra15(joint) => {
                replaced_token_detection::forward(pass, joint, LossPositions::ChosenPositions)
            }
            Self::ReplaceMlm(joint) => replace_mlm::forward(pass, joint),
            Self::AllTokensMlm(joint) => all_tokens_mlm::forward(pass, joint),
            Self::Mlm {} => masked_lm::forward(pass),
            Self::Electric(joint) => electric::forward(pass, joint),
        }
    }
}
