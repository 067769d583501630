//! What is learned: the objectives of Clark et al. 2020 and those that they are compared with.
//!
//! ```text
//! masked text ──► generator ──► corrupted text ──► discriminator or predictor
//! ```

mod adversarial;
mod all_tokens_mlm;
mod electric;
mod masked_lm;
mod output;
mod proposals;
mod replace_mlm;
mod replaced_token_detection;

use burn::prelude::*;
use serde::{Deserialize, Serialize};

use crate::architecture::{Architecture, GeneratorKind, HeadKind};
use crate::batch::{Batch, Normalizer};
use crate::dropout::{DropoutSites, Network};
use crate::electra::Electra;

pub use output::{JointOutput, Prediction};
pub use proposals::Proposals;

/// What is trained, as a recipe states it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Objective {
    /// The discriminator tells at every token whether it was replaced: Clark et al. 2020,
    /// equation 1 of §2.
    ReplacedTokenDetection(GeneratorDiscriminatorConfig),
    /// The same with the discriminator's loss at the masked positions alone ("ELECTRA 15%", §3.5). It is
    /// their mean: at equal `discriminator_weight` a judged position weighs `1 / masking.probability` times
    /// what it weighs in the mean over all tokens.
    #[serde(rename = "electra-15")]
    Electra15(GeneratorDiscriminatorConfig),
    /// A network of the discriminator's size predicts the original at the masked positions, which
    /// hold samples of the generator instead of \[MASK\] ("Replace MLM", §3.5).
    ReplaceMlm(GeneratorDiscriminatorConfig),
    /// The same at every token, with a gate that copies the input ("All-Tokens MLM", §3.5).
    AllTokensMlm(GeneratorDiscriminatorConfig),
    /// Masked language modelling by a network of the discriminator's size, without a generator:
    /// BERT (Devlin et al. 2019, §3.1). What `[model.generator]` says of sizes has no effect.
    Mlm {},
    /// The discriminator learns an energy of every token by noise-contrastive estimation against a
    /// cloze model of two towers ("Electric", Clark et al. 2020, EMNLP).
    Electric(GeneratorDiscriminatorConfig),
}

/// Weights and sampling of an objective with a generator and a discriminator, which reads what the
/// generator samples.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GeneratorDiscriminatorConfig {
    /// Factor on the generator's loss.
    pub generator_weight: f64,
    /// Factor λ on the loss of the network that reads its samples.
    pub discriminator_weight: f64,
    /// Divides the generator's logits before sampling.
    pub temperature: f64,
    /// Never sample the original token.
    pub disallow_correct: bool,
    /// Distribution that the replacements are drawn from. Absent: the generator of `[model.generator]`; otherwise what
    /// that table says of sizes has no effect.
    #[serde(default, skip_serializing_if = "Proposals::is_learned")]
    pub proposals: Proposals,
}

/// Which networks a pass trains, and how the generator is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    /// All at once, each by its own loss (Clark et al. 2020, §2).
    #[default]
    Joint,
    /// The generator, by masked language modelling: the first stage of two (§3.2, "Training
    /// Algorithms").
    GeneratorAlone,
    /// The other network, on samples of a generator that stays as it is: the second stage.
    DiscriminatorAlone,
    /// All at once, the generator by how often it fools the discriminator (§3.2, appendix F).
    Adversarial,
}

/// Dropout rates of a training step and the seed of that step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepDropout {
    /// On hidden states.
    pub hidden: f64,
    /// On attention probabilities.
    pub attention: f64,
    /// Function of run and step.
    pub seed: u64,
    /// Which row of the step's batch the forward pass begins with; see [`Dropout`](electra_kernels::Dropout).
    pub first_row: u64,
}

/// One forward pass: what goes in.
struct Pass<'a> {
    model: &'a Electra,
    batch: &'a Batch,
    normalizer: Normalizer,
    dropout: Option<StepDropout>,
    stage: Stage,
    /// `[B * N]`, in place of drawn ones.
    samples: Option<Tensor<1, Int>>,
}

impl Objective {
    /// Its name in a recipe.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::ReplacedTokenDetection(_) => "replaced-token-detection",
            Self::Electra15(_) => "electra-15",
            Self::ReplaceMlm(_) => "replace-mlm",
            Self::AllTokensMlm(_) => "all-tokens-mlm",
            Self::Mlm {} => "mlm",
            Self::Electric(_) => "electric",
        }
    }

    /// Its two networks, or None if there is but one.
    pub fn joint(&self) -> Option<&GeneratorDiscriminatorConfig> {
        match self {
            Self::ReplacedTokenDetection(joint)
            | Self::Electra15(joint)
            | Self::ReplaceMlm(joint)
            | Self::AllTokensMlm(joint)
            | Self::Electric(joint) => Some(joint),
            Self::Mlm {} => None,
        }
    }

    /// The same, to be changed.
    pub fn joint_mut(&mut self) -> Option<&mut GeneratorDiscriminatorConfig> {
        match self {
            Self::ReplacedTokenDetection(joint)
            | Self::Electra15(joint)
            | Self::ReplaceMlm(joint)
            | Self::AllTokensMlm(joint)
            | Self::Electric(joint) => Some(joint),
            Self::Mlm {} => None,
        }
    }

    /// The networks and heads that it trains.
    pub fn architecture(&self) -> Architecture {
        let head = match self {
            Self::ReplacedTokenDetection(_) | Self::Electra15(_) | Self::Electric(_) => {
                HeadKind::ReplacedToken
            }
            Self::ReplaceMlm(_) | Self::Mlm {} => HeadKind::MaskedLm,
            Self::AllTokensMlm(_) => HeadKind::CopyingLm,
        };
        let generator = match self.joint() {
            Some(_) if matches!(self, Self::Electric(_)) => GeneratorKind::TwoTower,
            Some(joint) if joint.proposals.is_learned() => GeneratorKind::Masked,
            _ => GeneratorKind::None,
        };
        Architecture { generator, head, baseline: false }
    }

    /// Factors on masked language modelling and on what the discriminator learns, where all is
    /// trained at once.
    pub fn weights(&self) -> [f64; 2] {
        match self.joint() {
            Some(joint) if joint.proposals.is_learned() => {
                [joint.generator_weight, joint.discriminator_weight]
            }
            Some(joint) => [0.0, joint.discriminator_weight],
            None => [1.0, 0.0],
        }
    }

    /// The same factors in a stage: 0 on what it does not train. What an adversarial generator
    /// minimises has no meaning on held-out text and does not count.
    pub fn weights_in(&self, stage: Stage) -> [f64; 2] {
        let [generator, discriminator] = self.weights();
        match stage {
            Stage::Joint => [generator, discriminator],
            Stage::GeneratorAlone => [generator, 0.0],
            Stage::DiscriminatorAlone | Stage::Adversarial => [0.0, discriminator],
        }
    }

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

    /// The same with given samples `[B * N]` in place of drawn ones.
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
        use replaced_token_detection::Judged;
        if let (Some(joint), Stage::GeneratorAlone) = (self.joint(), pass.stage) {
            return pass.generator_alone(joint);
        }
        match self {
            Self::ReplacedTokenDetection(joint) => {
                replaced_token_detection::forward(pass, joint, Judged::RealTokens)
            }
            Self::Electra15(joint) => replaced_token_detection::forward(pass, joint, Judged::ChosenPositions),
            Self::ReplaceMlm(joint) => replace_mlm::forward(pass, joint),
            Self::AllTokensMlm(joint) => all_tokens_mlm::forward(pass, joint),
            Self::Mlm {} => masked_lm::forward(pass),
            Self::Electric(joint) => electric::forward(pass, joint),
        }
    }
}

impl Pass<'_> {
    fn sites(&self, network: Network) -> DropoutSites {
        match self.dropout {
            Some(d) => DropoutSites::new(d.hidden, d.attention, d.seed, network).from_row(d.first_row),
            None => DropoutSites::off(),
        }
    }

    /// Last hidden state `[B, S, H]` of the discriminator on `ids [B, S]`.
    fn read(&self, ids: Tensor<2, Int>) -> Tensor<3> {
        let (token_type_ids, attention_mask) =
            (self.batch.token_type_ids.clone(), self.batch.attention_mask.clone());
        self.model.discriminator_hidden(
            ids,
            token_type_ids,
            attention_mask,
            &self.sites(Network::Discriminator),
        )
    }
}
