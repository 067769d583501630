//! Folders that hold a model: a run, an imported model, or what transformers saved.

use std::fs;
use std::path::{Path, PathBuf};

use burn::prelude::*;
use burn::tensor::TensorData;
use electra_files::shown::shell_word;
use electra_model::hf::{self, HfError, HfNetwork};
use electra_model::init::Init;
use electra_model::networks::discriminator_tensors;
use electra_model::parameters::{self, LoadError, NamedTensors, SafetensorsError};
use electra_model::{
    Discriminator, DropoutSites, Electra, ModelConfig, Networks, Pass, Precision, on_workers,
};
use electra_run::checkpoint::{self, CheckpointError};
use electra_run::nearby::folders_with;
use electra_run::weight_files::{WeightFilesError, weight_files};
use electra_text::Tokenizer;
use electra_text::wordpiece::{OffsetUnit, TokenizerError};
use serde_json::Value;
use thiserror::Error;

use crate::snapshot::MODEL;

/// File with the sizes of the networks, as in a recipe's `[model]`.
pub const MODEL_CONFIG: &str = "model.json";

/// A folder that holds no model that can be used.
#[derive(Debug, Error)]
pub enum ModelFolderError {
    /// Nothing that tells what is in the folder.
    #[error(
        "{0} holds no model: neither {MODEL_CONFIG} (a run, or an imported model) nor config.json (transformers); \
         give the folder in which one of them lies"
    )]
    NoModel(PathBuf),
    /// Models one folder further down.
    #[error(
        "{path} holds no model itself, but there is one in {within}; give the folder of the model: {within}"
    )]
    ModelWithin {
        /// The folder.
        path: PathBuf,
        /// The first in it with a model.
        within: PathBuf,
    },
    /// What fine-tuning has left behind.
    #[error(
        "{path} holds taggers that fine-tuning wrote, such as {within}, and no pretrained model; give the model that \
         they were made from. {within} itself is a folder of transformers, and electra predict --model {word} uses it", word = word(.within)
    )]
    TaggersWithin {
        /// The folder.
        path: PathBuf,
        /// The best of them.
        within: PathBuf,
    },
    /// A fine-tuned tagger where a pretrained model was asked for.
    #[error(
        "{0} holds a tagger and no pretrained model; find entities with electra predict --model {word}, or give \
         the model that the tagger was fine-tuned from", word = word(.0)
    )]
    Tagger(PathBuf),
    /// A run that has saved nothing yet.
    #[error(
        "{0} is a run without weights: no {MODEL} and no intact checkpoint yet; wait for its first checkpoint"
    )]
    NoWeights(PathBuf),
    /// A file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is not the JSON that it should be.
    #[error("{path} is damaged: {source}; copy the folder again from where it came from")]
    Json {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// Sizes that no model can have.
    #[error("{path}: {source}; copy the folder again from where it came from, or correct the value there")]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: electra_model::ConfigError,
    },
    /// A transformers folder of another architecture.
    #[error(
        "{path}: {source}; give a folder that save_pretrained of an ELECTRA model wrote, whole and unchanged"
    )]
    Foreign {
        /// The folder.
        path: PathBuf,
        /// What is wrong.
        source: HfError,
    },
    /// No weights, or weights in a form that is not read.
    #[error(transparent)]
    WeightFiles(#[from] WeightFilesError),
    /// No safetensors file.
    #[error("{path} is damaged: {source}; copy the folder again from where it came from")]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: SafetensorsError,
    },
    /// Tensors of other sizes than the configuration says.
    #[error(
        "{path}: {source}; its weights and its configuration are not of one model: \
         copy the folder again from where it came from"
    )]
    Weights {
        /// The folder.
        path: PathBuf,
        /// What is wrong.
        source: LoadError,
    },
    /// The tokenizer cannot be read.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// A tokenizer of another vocabulary.
    #[error(
        "{path}: a tokenizer of {tokenizer} pieces for a model of {model}; \
         put the tokenizer there that the model was trained with"
    )]
    Vocabulary {
        /// The folder.
        path: PathBuf,
        /// Pieces of the tokenizer.
        tokenizer: usize,
        /// Rows of the word table.
        model: usize,
    },
    /// Checkpoints cannot be read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

/// A path in a command that somebody may copy.
fn word(path: &Path) -> String {
    shell_word(&path.display().to_string())
}

impl ModelFolderError {
    /// Nothing in a folder tells what it is.
    fn no_model(path: &Path) -> Self {
        let path = path.to_owned();
        match folders_with(&path, &[MODEL_CONFIG, "config.json"]).into_iter().next() {
            // The settings of a tagger.
            Some(within) if within.join("tagger.json").exists() => Self::TaggersWithin { path, within },
            Some(within) => Self::ModelWithin { path, within },
            None => Self::NoModel(path),
        }
    }
}

/// A model at rest: sizes, weights in our names, tokenizer.
pub struct ModelFolder {
    /// Where it lies.
    pub path: PathBuf,
    /// Sizes of the networks. Those of the generator mean nothing if it is not here.
    pub config: ModelConfig,
    /// `discriminator.…`, and `generator.…` unless the folder has none.
    pub tensors: NamedTensors,
    /// Its vocabulary.
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
        } else if path.join("config.json").exists() {
            Self::open_transformers(path, None)
        } else if let Err(source) = path.metadata() {
            Err(ModelFolderError::Read { path: path.into(), source })
        } else {
            Err(ModelFolderError::no_model(path))
        }
    }

    fn open_own(path: &Path) -> Result<Self, ModelFolderError> {
        let file = path.join(MODEL_CONFIG);
        let config: ModelConfig = serde_json::from_value(read_json(&file)?)
            .map_err(|source| ModelFolderError::Json { path: file.clone(), source })?;
        config.validate().map_err(|source| ModelFolderError::Config { path: file, source })?;
        let tensors = if path.join(MODEL).exists() {
            read_tensors(&path.join(MODEL))?
        } else {
            let found = checkpoint::latest_blob(&path.join("checkpoints"), MODEL)?;
            let (file, bytes) = found.ok_or_else(|| ModelFolderError::NoWeights(path.into()))?;
            parameters::from_safetensors(&bytes)
                .map_err(|source| ModelFolderError::Format { path: file, source })?
        };
        Self::assemble(path, config, tensors, path.join("tokenizer"))
    }

    /// Reads what transformers saved: a discriminator, and a generator if its folder is given.
    ///
    /// # Errors
    /// Another architecture, or what is missing.
    pub fn open_transformers(path: &Path, generator: Option<&Path>) -> Result<Self, ModelFolderError> {
        for folder in [Some(path), generator].into_iter().flatten() {
            if folder.is_dir() && !folder.join("config.json").exists() {
                return Err(ModelFolderError::no_model(folder));
            }
        }
        let json = read_json(&path.join("config.json"))?;
        let generator = match generator {
            Some(folder) => Some((folder, read_json(&folder.join("config.json"))?)),
            None => None,
        };
        let mut config = hf::import_config(&json, generator.as_ref().map(|(_, json)| json))
            .map_err(|source| foreign(path, source))?;
        let discriminator = read_foreign(path, &json, HfNetwork::Discriminator)?;
        let tensors = match generator {
            Some((folder, json)) => {
                let own = read_foreign(folder, &json, HfNetwork::Generator)?;
                hf::join(discriminator, own, &mut config).map_err(|source| foreign(folder, source))?
            }
            None => discriminator
                .into_iter()
                .map(|(name, data)| (format!("discriminator.{name}"), data))
                .collect(),
        };
        Self::assemble(path, config, tensors, path.to_path_buf())
    }

    fn assemble(
        path: &Path,
        config: ModelConfig,
        tensors: NamedTensors,
        tokenizer_folder: PathBuf,
    ) -> Result<Self, ModelFolderError> {
        let tokenizer = Tokenizer::load(&tokenizer_folder)?;
        if tokenizer.vocab_size() > config.vocab_size {
            return Err(ModelFolderError::Vocabulary {
                path: path.into(),
                tokenizer: tokenizer.vocab_size(),
                model: config.vocab_size,
            });
        }
        Ok(Self { path: path.into(), config, tensors, tokenizer, tokenizer_folder })
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
        let networks = Networks::of(&self.tensors);
        let model = Electra::init_with(&self.config, networks, 0, device, Precision::F32);
        parameters::load(model, self.tensors.clone()).map_err(|source| self.weights(source))
    }

    /// The discriminator on `device`, with the tables that it reads and the head that it has.
    ///
    /// # Errors
    /// Weights that do not fit the sizes.
    pub fn discriminator(&self, device: &Device) -> Result<Discriminator, ModelFolderError> {
        let head = Networks::of(&self.tensors).head;
        let tensors = discriminator_tensors(self.tensors.clone(), &self.config);
        let model = Discriminator::init(&Init::blank(device), &self.config, head);
        parameters::load(model, tensors).map_err(|source| self.weights(source))
    }

    fn weights(&self, source: LoadError) -> ModelFolderError {
        ModelFolderError::Weights { path: self.path.clone(), source }
    }
}

/// One token of a text and how likely the discriminator thinks that it was replaced.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Detection {
    /// The word piece.
    pub token: String,
    /// First character of the token in the text, counted in Unicode characters.
    pub start: usize,
    /// One past the last.
    pub end: usize,
    /// Probability that it was replaced.
    pub probability: f64,
}

/// Runs the discriminator over `text` of any length, in windows as long as its position table.
///
/// Panics if it learned no detection.
pub fn detect(model: &Discriminator, tokenizer: &Tokenizer, text: &str, device: &Device) -> Vec<Detection> {
    let encoding = tokenizer.encode(text, OffsetUnit::Chars, None);
    let pieces: Vec<usize> = (0..encoding.len()).filter(|&i| !encoding.is_special[i]).collect();
    let special = tokenizer.special();
    let window = model.embeddings.position.dims()[0] - 2;
    let mut detections = Vec::with_capacity(pieces.len());
    for chunk in pieces.chunks(window) {
        let inner = chunk.iter().map(|&i| encoding.ids[i]);
        let ids: Vec<i32> =
            [special.cls].into_iter().chain(inner).chain([special.sep]).map(|id| id as i32).collect();
        let s = ids.len();
        let ids = Tensor::<2, Int>::from_data(TensorData::new(ids, [1, s]), device);
        let real = Tensor::ones([1, s], device);
        let logits: Vec<f32> = on_workers(Pass::Detection, device, || {
            let logits = model.forward(ids.clone(), ids.zeros_like(), real, &DropoutSites::off());
            logits.into_data().iter::<f32>().collect()
        });
        for (&i, &logit) in chunk.iter().zip(&logits[1..]) {
            let (start, end) = encoding.offsets[i];
            let token = tokenizer.vocabulary().piece(encoding.ids[i]).unwrap_or("[UNK]").to_string();
            detections.push(Detection {
                token,
                start,
                end,
                probability: 1.0 / (1.0 + (-f64::from(logit)).exp()),
            });
        }
    }
    detections
}

fn read(path: &Path) -> Result<Vec<u8>, ModelFolderError> {
    fs::read(path).map_err(|source| ModelFolderError::Read { path: path.into(), source })
}

fn read_json(path: &Path) -> Result<Value, ModelFolderError> {
    serde_json::from_slice(&read(path)?)
        .map_err(|source| ModelFolderError::Json { path: path.into(), source })
}

fn foreign(path: &Path, source: HfError) -> ModelFolderError {
    match source {
        HfError::Class { found, .. } if found == HfNetwork::Tagger.architecture() => {
            ModelFolderError::Tagger(path.into())
        }
        _ => ModelFolderError::Foreign { path: path.into(), source },
    }
}

/// One network of a transformers folder, in our names.
fn read_foreign(folder: &Path, config: &Value, network: HfNetwork) -> Result<NamedTensors, ModelFolderError> {
    let class = hf::architecture(config).unwrap_or(network.architecture());
    let mut tensors = NamedTensors::new();
    for file in weight_files(folder, class)? {
        tensors.extend(read_tensors(&file)?);
    }
    hf::import(tensors, network).map_err(|source| foreign(folder, source))
}

fn read_tensors(path: &Path) -> Result<NamedTensors, ModelFolderError> {
    parameters::from_safetensors(&read(path)?)
        .map_err(|source| ModelFolderError::Format { path: path.into(), source })
}
