//! The training objective, as a recipe states it.

use serde::{Deserialize, Serialize};

use crate::architecture::{Architecture, GeneratorKind, HeadKind};

/// The training objective, as a recipe states it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Objective {
    /// The discriminator tells at every token whether it was replaced: Clark et al. 2020,
    /// equation 1 of §2.
    ReplacedTokenDetection(GeneratorDiscriminatorConfig),
    /// Replaced token detection with the discriminator's loss at the masked positions alone ("ELECTRA 15%",
    /// §3.5). It is their mean: at equal `discriminator_weight` a judged position weighs
    /// `1 / masking.probability` times what it weighs in the mean over all tokens.
    #[serde(rename = "electra-15")]
    Electra15(GeneratorDiscriminatorConfig),
    /// A network of the discriminator's size predicts the original at the masked positions, which
    /// hold samples of the generator instead of \[MASK\] ("Replace MLM", §3.5).
    ReplaceMlm(GeneratorDiscriminatorConfig),
    /// Prediction of the original at every token, with a gate that copies the input ("All-Tokens MLM", §3.5).
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
    /// The dropout rate of hidden states.
    pub hidden: f64,
    /// The dropout rate of attention probabilities.
    pub attention: f64,
    /// Function of run and step.
    pub seed: u64,
    /// Which row of the step's batch the forward pass begins with; see [`Dropout`](electra_kernels::Dropout).
    pub first_row: u64,
}

/// The source of the replacements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Proposals {
    /// A generator that learns (Clark et al. 2020, §2).
    #[default]
    Learned,
    /// Chance: every id of the data's vocabulary alike, special ones too (`uniform_generator` of
    /// google-research/electra), and none that the model has beyond it. There is no generator and
    /// nothing of it in a checkpoint.
    Uniform,
    /// Chance: each id of the data's vocabulary as often as it occurs in the training text, special
    /// ones never ("unigram" in figure 3 of Clark et al. 2020). There is no generator and nothing of
    /// it in a checkpoint.
    Unigram,
}

impl Proposals {
    /// Whether a network makes them.
    pub fn is_learned(&self) -> bool {
        *self == Self::Learned
    }
}

impl Objective {
    /// The name of the objective in a recipe.
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

    /// The settings of generator and discriminator, or `None` if there is but one network.
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

    /// The settings of generator and discriminator, to be changed.
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

    /// Loss of a discriminator that has learned nothing, without its factor: a coin for what is detected, a
    /// guess among `vocab_size` tokens for what is predicted. Masking chooses tokens with `probability`.
    pub fn untrained_loss(&self, vocab_size: usize, probability: f64) -> f64 {
        let (guess, coin) = ((vocab_size as f64).ln(), 2f64.ln());
        match self {
            Self::ReplacedTokenDetection(_) | Self::Electra15(_) => coin,
            Self::ReplaceMlm(_) => guess,
            // Copied or not by a coin, and what was replaced is guessed.
            Self::AllTokensMlm(_) => coin + probability * guess,
            Self::Mlm {} => 0.0,
            // Energies of zero: noise is told by its likelihood under a generator that guesses.
            Self::Electric(_) => {
                let p = probability;
                let z = -guess + (p / (1.0 - p)).ln();
                p * (-z).exp().ln_1p() + (1.0 - p) * z.exp().ln_1p()
            }
        }
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

    /// The weights of the losses in a stage: 0 on what it does not train. What an adversarial generator
    /// minimises has no meaning on held-out text and does not count.
    pub fn weights_in(&self, stage: Stage) -> [f64; 2] {
        let [generator, discriminator] = self.weights();
        match stage {
            Stage::Joint => [generator, discriminator],
            Stage::GeneratorAlone => [generator, 0.0],
            Stage::DiscriminatorAlone | Stage::Adversarial => [0.0, discriminator],
        }
    }
}
