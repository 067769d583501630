//! The networks whose weights are loaded, and the tensors that they offer to a new model.

use std::collections::BTreeMap;
use std::fmt;

use burn::tensor::TensorData;
use serde::{Deserialize, Serialize};

use super::growth::{Grown, RowCounts};
use crate::architecture::{Architecture, GeneratorKind, discriminator_tensors, generator_tensors};
use crate::config::{EncoderConfig, ModelConfig, TieMode};
use crate::parameters::{NamedTensors, strip_prefix};

/// One of the two networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Network {
    /// The network in the discriminator's place.
    Discriminator,
    /// The generator.
    Generator,
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Discriminator => "discriminator",
            Self::Generator => "generator",
        })
    }
}

/// A tensor of the weights.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    /// The network that it belongs to there.
    pub network: Network,
    /// Its name there.
    pub name: String,
    /// The network that its weights were given for: those of a model, which has both, are given for its
    /// discriminator.
    pub given_for: Network,
}

/// A network at rest with all that it computes with, shared parameters included.
#[derive(Clone, Debug)]
pub struct SourceNetwork {
    /// Width of the embedding tables.
    pub embedding_size: usize,
    /// Rows of the table of token types.
    pub type_vocab_size: usize,
    /// Sizes of the encoder.
    pub sizes: EncoderConfig,
    /// Its parameters, by their paths below the network.
    pub tensors: NamedTensors,
}

/// The networks that a model begins with.
#[derive(Clone, Debug)]
pub struct Sources {
    /// The network in the discriminator's place.
    pub discriminator: SourceNetwork,
    /// The generator, if there is one.
    pub generator: Option<SourceNetwork>,
    /// Both as one model has them, and how it ties them.
    joint: Option<(TieMode, GeneratorKind, NamedTensors)>,
    /// Tensors that belong to neither: those of a generator in whose place another one is loaded, and what files have
    /// beside their networks.
    pub(super) unused: Vec<Source>,
}

impl SourceNetwork {
    /// The network of a folder that holds no other: its sizes are those of the discriminator in `config`.
    pub fn alone(config: &ModelConfig, tensors: NamedTensors) -> Self {
        Self {
            embedding_size: config.embedding_size,
            type_vocab_size: config.type_vocab_size,
            sizes: config.discriminator(),
            tensors,
        }
    }

    /// Whether it predicts from two encoders.
    pub(super) fn kind(&self) -> GeneratorKind {
        match self.tensors.keys().any(|name| name.starts_with("right_to_left.")) {
            true => GeneratorKind::TwoTower,
            false => GeneratorKind::Masked,
        }
    }
}

impl Sources {
    /// Two networks that do not know of each other, or one.
    pub fn of_networks(discriminator: SourceNetwork, generator: Option<SourceNetwork>) -> Self {
        Self { discriminator, generator, joint: None, unused: Vec::new() }
    }

    /// The networks of a model, by their paths below `discriminator` and `generator`.
    pub fn of_model(config: &ModelConfig, tensors: NamedTensors) -> Self {
        let kind = Architecture::of(&tensors).generator;
        let discriminator = SourceNetwork::alone(config, discriminator_tensors(tensors.clone(), config));
        let generator = (kind != GeneratorKind::None).then(|| SourceNetwork {
            embedding_size: config.generator_embedding_size(),
            type_vocab_size: config.type_vocab_size,
            sizes: config.generator(),
            tensors: generator_tensors(tensors.clone(), config),
        });
        let joint = generator.is_some().then_some((config.generator.tie, kind, tensors));
        Self { discriminator, generator, joint, unused: Vec::new() }
    }

    /// These with another generator.
    #[must_use]
    pub fn with_generator(self, generator: SourceNetwork) -> Self {
        let unused = self.of_generator().into_iter().chain(self.unused).collect();
        Self { discriminator: self.discriminator, generator: Some(generator), joint: None, unused }
    }

    /// These, with tensors of their files that no network needs.
    #[must_use]
    pub fn with_unused(mut self, unused: impl IntoIterator<Item = Source>) -> Self {
        self.unused.extend(unused);
        self
    }

    /// The tensors that the generator does not share with the discriminator's own model.
    pub(super) fn of_generator(&self) -> Vec<Source> {
        let names: Vec<String> = match (&self.joint, &self.generator) {
            (Some((.., tensors)), _) => strip_prefix(tensors.clone(), "generator").into_keys().collect(),
            (None, Some(generator)) => generator.tensors.keys().cloned().collect(),
            (None, None) => Vec::new(),
        };
        let given_for = self.generator_given_for();
        names.into_iter().map(|name| Source { network: Network::Generator, name, given_for }).collect()
    }

    /// The network that the weights of the generator were given for.
    pub(super) fn generator_given_for(&self) -> Network {
        if self.joint.is_some() { Network::Discriminator } else { Network::Generator }
    }

    /// The way of sharing that these weights fit, all tables being as wide as they are.
    pub fn fitting_tie(&self) -> TieMode {
        let Some(generator) = &self.generator else { return TieMode::Embeddings };
        if let Some((tie, ..)) = self.joint {
            return tie;
        }
        let is_table = |name: &&String| name.starts_with("embeddings.");
        let is_shared = |name: &String| self.discriminator.tensors.get(name) == generator.tensors.get(name);
        if generator.tensors.keys().filter(is_table).all(is_shared) {
            TieMode::Embeddings
        } else if generator.embedding_size == generator.sizes.hidden_size {
            TieMode::None
        } else {
            TieMode::GradientDisentangled
        }
    }

    /// The generator, if a model of `architecture` has a place for it.
    pub(super) fn generator_for(&self, architecture: Architecture) -> Option<&SourceNetwork> {
        self.generator.as_ref().filter(|_| architecture.generator != GeneratorKind::None)
    }

    /// Both networks as their model has them, if the new one shares the same.
    pub(super) fn joint_for(
        &self,
        config: &ModelConfig,
        architecture: Architecture,
    ) -> Option<&NamedTensors> {
        let (tie, kind, tensors) = self.joint.as_ref()?;
        (*tie == config.generator.tie && *kind == architecture.generator).then_some(tensors)
    }
}

/// A tensor for a parameter of the new model.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) data: TensorData,
    pub(super) rows: Option<RowCounts>,
    pub(super) source: Source,
}

/// Tensors by the names that parameters of the new model would have.
#[derive(Clone, Debug, Default)]
pub(super) struct Candidates {
    pub(super) tensors: BTreeMap<String, Candidate>,
    /// Tensors that are equal to shared ones.
    pub(super) left_out: Vec<Source>,
}

impl Candidates {
    /// Those of a model that shares what the new one shares.
    pub(super) fn joint(grown: BTreeMap<String, Grown>, joint: &NamedTensors) -> Self {
        debug_assert!(grown.keys().eq(joint.keys()));
        let candidate = |(name, grown): (String, Grown)| {
            let (network, below) = match name.strip_prefix("generator.") {
                Some(below) => (Network::Generator, below),
                None => (Network::Discriminator, name.strip_prefix("discriminator.").unwrap_or(&name)),
            };
            let source = Source { network, name: below.to_owned(), given_for: Network::Discriminator };
            let Grown { data, rows } = grown;
            (name, Candidate { data, rows, source })
        };
        Self { tensors: grown.into_iter().map(candidate).collect(), left_out: Vec::new() }
    }

    /// Offers a tensor of the weights under its name in the new model.
    pub(super) fn offer(&mut self, as_name: String, source: Source, grown: Grown) {
        let Grown { data, rows } = grown;
        let before = self.tensors.insert(as_name, Candidate { data, rows, source });
        assert!(before.is_none(), "two tensors for one parameter: {before:?}");
    }
}
