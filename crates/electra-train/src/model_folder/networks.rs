//! Networks that pretraining may begin with: those of a run or an imported model, or one that transformers saved.

use std::path::{Path, PathBuf};

use electra_model::hf::{self, HfNetwork};
use electra_model::parameters::{NamedTensors, to_safetensors};
use electra_model::shapes::{self, Shapes};
use electra_model::{HeadKind, ModelConfig};
use electra_run::run_folder::weights_hash;
use electra_text::Tokenizer;
use serde::{Deserialize, Serialize};

use super::ModelFolderError;
use super::read::{ForeignWeights, of_class, read_json, read_own, read_sizes, read_tokenizer};
use crate::ancestors::{Ancestor, model_name};
use crate::layout::{HF_CONFIG, MODEL_CONFIG, TOKENIZER};

/// The networks in a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NetworkKind {
    /// A run of pretraining, or an imported model: a discriminator, and perhaps a generator.
    Model,
    /// `ElectraForPreTraining`.
    Discriminator,
    /// `ElectraModel`: tables and encoder without a head.
    Encoder,
    /// `ElectraForMaskedLM`.
    MaskedLm,
}

impl NetworkKind {
    /// The kind in words.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Model => "a run or an imported model",
            Self::Discriminator => "a discriminator (ElectraForPreTraining)",
            Self::Encoder => "an encoder without a head (ElectraModel)",
            Self::MaskedLm => "a masked language model (ElectraForMaskedLM)",
        }
    }
}

/// The networks of a folder at rest.
#[derive(Clone, Debug)]
pub struct PretrainedNetworks {
    /// The path of the folder.
    pub path: PathBuf,
    /// The networks that it holds.
    pub kind: NetworkKind,
    /// Sizes; those of the generator mean nothing but in a [`Model`](NetworkKind::Model) that has one.
    pub config: ModelConfig,
    /// Weights in our names: of a [`Model`](NetworkKind::Model) below `discriminator` and `generator`.
    pub tensors: NamedTensors,
    /// The tokenizer of the folder.
    pub tokenizer: Tokenizer,
    /// Tensors of the file that say nothing of the network, by their names there.
    pub redundant: Vec<String>,
}

impl PretrainedNetworks {
    /// Reads a run folder (its final weights, or its last checkpoint), an imported model, or what transformers
    /// saved as `ElectraForPreTraining`, `ElectraModel` or `ElectraForMaskedLM`.
    ///
    /// # Errors
    /// A tagger, another network, or what is missing, damaged or does not fit.
    pub fn open(path: &Path) -> Result<Self, ModelFolderError> {
        if path.join(MODEL_CONFIG).exists() {
            let (config, tensors) = read_own(path)?;
            let tokenizer = read_tokenizer(&path.join(TOKENIZER), &config, true)?;
            let (path, kind, redundant) = (path.into(), NetworkKind::Model, Vec::new());
            return Ok(Self { path, kind, config, tensors, tokenizer, redundant });
        }
        if let Err(source) = path.metadata() {
            return Err(ModelFolderError::Read { path: path.into(), source });
        }
        if !path.join(HF_CONFIG).exists() {
            return Err(ModelFolderError::no_pretrained(path));
        }
        let json = read_json(&path.join(HF_CONFIG))?;
        let config = read_sizes(path, &json, None)?;
        let weights = ForeignWeights::find(path, &json, HfNetwork::Discriminator)?;
        let (kind, expected) = match hf::class_of(&weights.headers) {
            Some("ElectraModel") => (NetworkKind::Encoder, shapes::of_encoder(&config)),
            Some("ElectraForMaskedLM") => (NetworkKind::MaskedLm, shapes::of_masked_lm(&config)),
            _ => (NetworkKind::Discriminator, shapes::of_discriminator(&config, HeadKind::ReplacedToken)),
        };
        let tensors = read_weights(path, kind, &weights, &expected)?;
        let tokenizer = read_tokenizer(path, &config, false)?;
        let redundant = weights.headers.keys().filter(|name| hf::is_redundant(name)).cloned().collect();
        Ok(Self { path: path.into(), kind, config, tensors, tokenizer, redundant })
    }

    /// BLAKE3 of the weights as a file of ours has them: of a finished run that of its `model.safetensors`.
    pub fn weights_hash(&self) -> String {
        weights_hash(&to_safetensors(&self.tensors, None))
    }

    /// What is said of them as the ancestor of other weights.
    pub fn as_ancestor(&self) -> Ancestor {
        Ancestor { model: model_name(&self.path), weights_hash: self.weights_hash() }
    }

    /// Whether a generator is among them.
    pub fn has_generator(&self) -> bool {
        match self.kind {
            NetworkKind::Model => self.tensors.keys().any(|name| name.starts_with("generator.")),
            NetworkKind::MaskedLm => true,
            NetworkKind::Discriminator | NetworkKind::Encoder => false,
        }
    }
}

/// Headers first: shapes are compared before memory is taken.
fn read_weights(
    path: &Path,
    kind: NetworkKind,
    weights: &ForeignWeights,
    expected: &Shapes,
) -> Result<NamedTensors, ModelFolderError> {
    let foreign = of_class(path);
    let misfit = ModelFolderError::weights(path);
    let network = match kind {
        NetworkKind::Encoder => {
            let headers = hf::import_encoder(weights.headers.clone()).map_err(&foreign)?;
            shapes::check(&headers, expected).map_err(misfit)?;
            return hf::import_encoder(weights.read()?).map_err(&foreign);
        }
        NetworkKind::MaskedLm => HfNetwork::Generator,
        NetworkKind::Model | NetworkKind::Discriminator => HfNetwork::Discriminator,
    };
    let headers = hf::import(weights.headers.clone(), network).map_err(&foreign)?;
    shapes::check(&headers, expected).map_err(misfit)?;
    hf::import(weights.read()?, network).map_err(&foreign)
}
