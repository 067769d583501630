//! Folders that hold a model: a run, an imported model, or what transformers saved.

mod detection;

use std::path::{Path, PathBuf};

use burn::prelude::*;
use electra_files::regular;
use electra_files::shown::shell_word;
use electra_model::architecture::discriminator_tensors;
use electra_model::hf::{self, HfError, HfNetwork};
use electra_model::init::Init;
use electra_model::parameters::{self, Headers, LoadError, NamedTensors, SafetensorsError};
use electra_model::shapes::{self, Shapes};
use electra_model::{Architecture, Discriminator, Electra, HeadKind, ModelConfig, Precision};
use electra_run::checkpoint::{self, CheckpointError};
use electra_run::nearby::folders_with;
use electra_run::run_folder::{DamagedWeights, check_hash, final_weights_hash};
use electra_run::weight_files::{self, WeightFilesError, weight_files};
use electra_text::Tokenizer;
use electra_text::wordpiece::TokenizerError;
use electra_train::layout::{HF_CONFIG, MODEL_CONFIG, WEIGHTS};
use serde_json::Value;
use thiserror::Error;

pub use detection::{Detection, detect};

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
        "{0} is a run without weights: no {WEIGHTS} and no intact checkpoint yet; wait for its first checkpoint"
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
    /// Weights that are not those that the run has saved.
    #[error("{0}; give the command of the run again, which writes it anew from the last checkpoint")]
    Damaged(#[from] DamagedWeights),
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
        match folders_with(&path, &[MODEL_CONFIG, HF_CONFIG]).into_iter().next() {
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
        } else if path.join(HF_CONFIG).exists() {
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
        let file = path.join(WEIGHTS);
        let tensors = if file.exists() {
            check_own(path, &config, &read_headers(&file)?)?;
            let bytes = read_weights(&file)?;
            if let Some(saved) = final_weights_hash(path) {
                check_hash(&file, &bytes, &saved)?;
            }
            from_safetensors(&file, &bytes)?
        } else {
            let found = checkpoint::latest_blob(&path.join("checkpoints"), WEIGHTS)?;
            let (file, bytes) = found.ok_or_else(|| ModelFolderError::NoWeights(path.into()))?;
            let headers = parameters::headers(&bytes, bytes.len() as u64);
            let headers =
                headers.map_err(|source| ModelFolderError::Format { path: file.clone(), source })?;
            check_own(path, &config, &headers)?;
            from_safetensors(&file, &bytes)?
        };
        let tokenizer_folder = path.join("tokenizer");
        let tokenizer = Tokenizer::load_saved(&tokenizer_folder)?;
        Self::assemble(path, config, tensors, tokenizer, tokenizer_folder)
    }

    /// Reads what transformers saved: a discriminator, and a generator if its folder is given.
    ///
    /// # Errors
    /// Another architecture, or what is missing.
    pub fn open_transformers(path: &Path, generator: Option<&Path>) -> Result<Self, ModelFolderError> {
        for folder in [Some(path), generator].into_iter().flatten() {
            if folder.is_dir() && !folder.join(HF_CONFIG).exists() {
                return Err(ModelFolderError::no_model(folder));
            }
        }
        let json = read_json(&path.join(HF_CONFIG))?;
        let generator = match generator {
            Some(folder) => Some((folder, read_json(&folder.join(HF_CONFIG))?)),
            None => None,
        };
        let mut config = hf::import_config(&json, generator.as_ref().map(|(_, json)| json))
            .map_err(|source| foreign(path, source))?;
        let invalid = |folder: &Path| {
            let path = folder.join(HF_CONFIG);
            move |source| ModelFolderError::Config { path, source }
        };
        config.validate().map_err(invalid(path))?;
        let expected = shapes::of_discriminator(&config, HeadKind::ReplacedToken);
        let discriminator = read_foreign(path, &json, HfNetwork::Discriminator, &expected)?;
        let tensors = match generator {
            Some((folder, json)) => {
                // The sizes of the generator alone, as if it were all that there is.
                let alone = hf::import_config(&json, None).map_err(|source| foreign(folder, source))?;
                alone.validate().map_err(invalid(folder))?;
                let own = read_foreign(folder, &json, HfNetwork::Generator, &shapes::of_masked_lm(&alone))?;
                let joined = hf::join(discriminator, own, &mut config);
                let joined = joined.map_err(|source| foreign(folder, source))?;
                check_own(folder, &config, &parameters::headers_of(&joined))?;
                joined
            }
            None => discriminator
                .into_iter()
                .map(|(name, data)| (format!("discriminator.{name}"), data))
                .collect(),
        };
        Self::assemble(path, config, tensors, Tokenizer::load(path)?, path.to_path_buf())
    }

    fn assemble(
        path: &Path,
        config: ModelConfig,
        tensors: NamedTensors,
        tokenizer: Tokenizer,
        tokenizer_folder: PathBuf,
    ) -> Result<Self, ModelFolderError> {
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

fn read_json(path: &Path) -> Result<Value, ModelFolderError> {
    let bytes = regular::read(path).map_err(failed(path))?;
    serde_json::from_slice(&bytes).map_err(|source| ModelFolderError::Json { path: path.into(), source })
}

fn failed(path: &Path) -> impl Fn(std::io::Error) -> ModelFolderError {
    move |source| ModelFolderError::Read { path: path.into(), source }
}

/// Names and shapes of the tensors in a file, none of which is read.
fn read_headers(path: &Path) -> Result<Headers, ModelFolderError> {
    let beginning = weight_files::beginning(path).map_err(failed(path))?;
    parameters::headers(&beginning.bytes, beginning.file_bytes)
        .map_err(|source| ModelFolderError::Format { path: path.into(), source })
}

fn read_weights(path: &Path) -> Result<Vec<u8>, ModelFolderError> {
    weight_files::read(path).map_err(failed(path))
}

fn from_safetensors(path: &Path, bytes: &[u8]) -> Result<NamedTensors, ModelFolderError> {
    parameters::from_safetensors(bytes)
        .map_err(|source| ModelFolderError::Format { path: path.into(), source })
}

/// Refuses weights in our names that are not of these sizes.
fn check_own(folder: &Path, config: &ModelConfig, headers: &Headers) -> Result<(), ModelFolderError> {
    let expected = shapes::of_electra(config, Architecture::of(headers));
    shapes::check(headers, &expected)
        .map_err(|source| ModelFolderError::Weights { path: folder.into(), source })
}

fn foreign(path: &Path, source: HfError) -> ModelFolderError {
    match source {
        HfError::Class { found, .. } if found == HfNetwork::Tagger.architecture() => {
            ModelFolderError::Tagger(path.into())
        }
        _ => ModelFolderError::Foreign { path: path.into(), source },
    }
}

/// One network of a transformers folder, in our names, whose parameters have to be those `expected`.
fn read_foreign(
    folder: &Path,
    config: &Value,
    network: HfNetwork,
    expected: &Shapes,
) -> Result<NamedTensors, ModelFolderError> {
    let class = hf::architecture(config).unwrap_or(network.architecture());
    let files = weight_files(folder, class)?;
    let mut headers = Headers::new();
    for file in &files {
        headers.extend(read_headers(file)?);
    }
    let headers = hf::import(headers, network).map_err(|source| foreign(folder, source))?;
    shapes::check(&headers, expected)
        .map_err(|source| ModelFolderError::Weights { path: folder.into(), source })?;
    let mut tensors = NamedTensors::new();
    for file in &files {
        tensors.extend(from_safetensors(file, &read_weights(file)?)?);
    }
    hf::import(tensors, network).map_err(|source| foreign(folder, source))
}
