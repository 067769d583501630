//! Folders that hold a model: a run, an imported model, or what transformers saved.

mod encoder;
mod error;
mod networks;
mod read;
mod write;

use std::path::{Path, PathBuf};

use burn::prelude::*;
use electra_model::architecture::discriminator_tensors;
use electra_model::hf::{self, HfNetwork};
use electra_model::init::Init;
use electra_model::parameters::{self, LoadError, NamedTensors};
use electra_model::shapes::{self, Shapes};
use electra_model::{Architecture, Discriminator, Electra, HeadKind, ModelConfig, Precision};
use electra_text::Tokenizer;
use serde_json::Value;

use crate::layout::{HF_CONFIG, MODEL_CONFIG, TOKENIZER};
use read::{check_own, of_class, read_own};

pub use encoder::{ForeignHead, PretrainedEncoder};
pub use error::ModelFolderError;
pub use networks::{NetworkKind, PretrainedNetworks};
pub use read::{ForeignWeights, read_headers, read_json, read_sizes, read_tensors, read_tokenizer};
pub use write::write_network;

/// A model at rest: sizes, weights in our names, tokenizer.
pub struct ModelFolder {
    /// The path of the folder.
    pub path: PathBuf,
    /// Sizes of the networks. Those of the generator mean nothing if it is not here.
    pub config: ModelConfig,
    /// `discriminator.…`, and `generator.…` unless the folder has none.
    pub tensors: NamedTensors,
    /// The tokenizer of the model.
    pub tokenizer: Tokenizer,
    /// Folder of the tokenizer's files.
    pub tokenizer_folder: PathBuf,
}

impl ModelFolder {
    /// Reads a run folder (its final weights, or its last checkpoint), an imported model, or a
    /// transformers folder with a discriminator.
    ///
    /// # Errors
    /// What is missing or does not fit.
    pub fn open(path: &Path) -> Result<Self, ModelFolderError> {
        if path.join(MODEL_CONFIG).exists() {
            Self::open_own(path)
        } else if path.join(HF_CONFIG).exists() {
            Self::open_transformers(path, None)
        } else if let Err(source) = path.metadata() {
            Err(ModelFolderError::Read { path: path.into(), source })
        } else {
            Err(ModelFolderError::no_pretrained(path))
        }
    }

    fn open_own(path: &Path) -> Result<Self, ModelFolderError> {
        let (config, tensors) = read_own(path)?;
        let tokenizer_folder = path.join(TOKENIZER);
        let tokenizer = read_tokenizer(&tokenizer_folder, &config, true)?;
        Ok(Self { path: path.into(), config, tensors, tokenizer, tokenizer_folder })
    }

    /// Reads what transformers saved: a discriminator, and a generator if its folder is given.
    ///
    /// # Errors
    /// Another architecture, or what is missing.
    pub fn open_transformers(path: &Path, generator: Option<&Path>) -> Result<Self, ModelFolderError> {
        for folder in [Some(path), generator].into_iter().flatten() {
            if folder.is_dir() && !folder.join(HF_CONFIG).exists() {
                return Err(ModelFolderError::no_pretrained(folder));
            }
        }
        let json = read_json(&path.join(HF_CONFIG))?;
        let generator = match generator {
            Some(folder) => Some((folder, read_json(&folder.join(HF_CONFIG))?)),
            None => None,
        };
        let mut config = read_sizes(path, &json, generator.as_ref().map(|(_, json)| json))?;
        let expected = shapes::of_discriminator(&config, HeadKind::ReplacedToken);
        let discriminator = read_network(path, &json, HfNetwork::Discriminator, &expected)?;
        let tensors = match generator {
            Some((folder, json)) => {
                // The sizes of the generator alone, as if it were all that there is.
                let alone = read_sizes(folder, &json, None)?;
                let own = read_network(folder, &json, HfNetwork::Generator, &shapes::of_masked_lm(&alone))?;
                let joined = hf::join(discriminator, own, &mut config).map_err(of_class(folder))?;
                check_own(folder, &config, &parameters::headers_of(&joined))?;
                joined
            }
            None => discriminator
                .into_iter()
                .map(|(name, data)| (format!("discriminator.{name}"), data))
                .collect(),
        };
        let tokenizer = read_tokenizer(path, &config, false)?;
        Ok(Self { path: path.into(), config, tensors, tokenizer, tokenizer_folder: path.to_path_buf() })
    }

    /// Whether the generator is here too.
    pub fn has_generator(&self) -> bool {
        self.tensors.keys().any(|name| name.starts_with("generator."))
    }

    /// All networks that are here, on `device`.
    ///
    /// # Errors
    /// Weights that do not fit the sizes.
    pub fn electra(&self, device: &Device) -> Result<Electra, ModelFolderError> {
        let architecture = Architecture::of(&self.tensors);
        let model = Electra::init_with(&self.config, architecture, 0, device, Precision::F32);
        parameters::load(model, self.tensors.clone()).map_err(|source| self.weights(source))
    }

    /// The discriminator on `device`, with the tables that it reads and the head that it has.
    ///
    /// # Errors
    /// Weights that do not fit the sizes.
    pub fn discriminator(&self, device: &Device) -> Result<Discriminator, ModelFolderError> {
        let head = Architecture::of(&self.tensors).head;
        let tensors = discriminator_tensors(self.tensors.clone(), &self.config);
        let model = Discriminator::init(&Init::blank(device), &self.config, head);
        parameters::load(model, tensors).map_err(|source| self.weights(source))
    }

    fn weights(&self, source: LoadError) -> ModelFolderError {
        ModelFolderError::Weights { path: self.path.clone(), source }
    }
}

/// One network of a transformers folder, in our names, whose parameters have to be those `expected`.
fn read_network(
    folder: &Path,
    config: &Value,
    network: HfNetwork,
    expected: &Shapes,
) -> Result<NamedTensors, ModelFolderError> {
    let weights = ForeignWeights::find(folder, config, network)?;
    let headers = hf::import(weights.headers.clone(), network).map_err(of_class(folder))?;
    shapes::check(&headers, expected).map_err(ModelFolderError::weights(folder))?;
    hf::import(weights.read()?, network).map_err(of_class(folder))
}
