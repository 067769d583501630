//! Architecture of a model apart from its sizes: the kind of generator, the head of the discriminator.
//! An objective says which it trains; the names of tensors say which a folder of weights holds.

use std::collections::BTreeMap;

use burn::tensor::TensorData;

use crate::config::{ModelConfig, TieMode};
use crate::parameters::{NamedTensors, strip_prefix};

/// The networks and heads of an [`Electra`](crate::Electra). Sizes are in [`ModelConfig`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Architecture {
    /// Kind of the generator, which proposes replacements.
    pub generator: GeneratorKind,
    /// Output layer of the discriminator.
    pub head: HeadKind,
    /// Whether the generator predicts its own reward (adversarial training).
    pub baseline: bool,
}

/// The kind of generator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GeneratorKind {
    /// No generator, or one without parameters.
    None,
    /// One encoder that reads masked text in both directions (Clark et al. 2020, §2).
    Masked,
    /// Two encoders that read unmasked text, one from each end: at each token they know all others
    /// ("Electric", Clark et al. 2020, §2).
    TwoTower,
}

/// Output layer of the discriminator: what it predicts at each position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadKind {
    /// Original or replaced, at every position.
    ReplacedToken,
    /// Which token of the vocabulary.
    MaskedLm,
    /// The token of the vocabulary, mixed with a copy of the input (All-Tokens MLM, Clark et al. 2020, §3.5).
    CopyingLm,
}

impl Architecture {
    /// Generator and discriminator of the paper.
    pub const ELECTRA: Self =
        Self { generator: GeneratorKind::Masked, head: HeadKind::ReplacedToken, baseline: false };

    /// Whether the discriminator's logits tell by themselves what was replaced: the energies of Electric
    /// do not without the likelihoods of its generator.
    pub fn detects(&self) -> bool {
        self.head == HeadKind::ReplacedToken && self.generator != GeneratorKind::TwoTower
    }

    /// The architecture whose weights are among `tensors`, by their names below `discriminator` and
    /// `generator`.
    pub fn of<T>(tensors: &BTreeMap<String, T>) -> Self {
        let has = |prefix: &str| tensors.keys().any(|name| name.starts_with(prefix));
        Self {
            generator: match (has("generator."), has("generator.right_to_left.")) {
                (false, _) => GeneratorKind::None,
                (true, false) => GeneratorKind::Masked,
                (true, true) => GeneratorKind::TwoTower,
            },
            head: if has("discriminator.copy.") {
                HeadKind::CopyingLm
            } else if has("discriminator.masked_lm.") {
                HeadKind::MaskedLm
            } else {
                HeadKind::ReplacedToken
            },
            baseline: has("generator.baseline."),
        }
    }
}

/// The tensors that are kept of a model of sizes `config`: those below `discriminator`, by their names there,
/// with the tables that the discriminator reads. Where its own are differences from the generator's
/// ([`TieMode::GradientDisentangled`]) the two are added.
pub fn discriminator_tensors(mut tensors: NamedTensors, config: &ModelConfig) -> NamedTensors {
    if config.generator.tie == TieMode::GradientDisentangled {
        for table in DISENTANGLED {
            let shared = tensors.remove(&format!("generator.{table}"));
            let own = tensors.get_mut(&format!("discriminator.{table}"));
            if let (Some(shared), Some(own)) = (shared, own) {
                let sum: Vec<f32> = shared.iter::<f32>().zip(own.iter::<f32>()).map(|(a, b)| a + b).collect();
                *own = TensorData::new(sum, own.shape().to_vec());
            }
        }
    }
    strip_prefix(tensors, "discriminator")
}

/// The tensors of the generator of a model of sizes `config`, by their names there, with those that it shares: tables
/// always, the encoder where all is tied.
pub fn generator_tensors(tensors: NamedTensors, config: &ModelConfig) -> NamedTensors {
    let borrowed = |path: &str| match config.generator.tie {
        TieMode::Embeddings => path.starts_with("embeddings."),
        TieMode::All => !HEADS.iter().any(|head| path.starts_with(head)),
        TieMode::None | TieMode::GradientDisentangled => false,
    };
    let mut shared = strip_prefix(tensors.clone(), "discriminator");
    shared.retain(|path, _| borrowed(path));
    let mut own = strip_prefix(tensors, "generator");
    own.extend(shared);
    own
}

/// The tensors of the discriminator without its heads: the start of fine-tuning.
pub fn encoder_tensors(tensors: NamedTensors, config: &ModelConfig) -> NamedTensors {
    let mut encoder = discriminator_tensors(tensors, config);
    encoder.retain(|path, _| !HEADS.iter().any(|head| path.starts_with(head)));
    encoder
}

/// Tables that are differences from the generator's where ties are gradient-disentangled.
pub(crate) const DISENTANGLED: [&str; 2] = ["embeddings.word", "embeddings.position"];

/// The prefixes of the tensors of heads on the discriminator's encoder.
pub(crate) const HEADS: [&str; 3] = ["head.", "masked_lm.", "copy."];
