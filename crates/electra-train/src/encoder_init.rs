//! Initial encoder of a network that is fine-tuned: pretrained, or random as the control.

use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::prelude::*;
use electra_files::regular;
use electra_model::init::Init;
use electra_model::{ModelConfig, Precision, fine_tuned};
use electra_run::run_folder::RunProgress;
use electra_text::Tokenizer;
use serde::Serialize;
use thiserror::Error;

use crate::ancestors::{Ancestor, ancestors, model_name};
use crate::model_folder::{ModelFolderError, PretrainedEncoder};

/// Initial encoder of a network that is fine-tuned.
#[derive(Clone, Debug)]
pub enum EncoderInit {
    /// A pretrained one.
    Pretrained(Box<PretrainedEncoder>),
    /// The random weights with which pretraining of this recipe would begin: the control.
    Scratch {
        /// The pretraining recipe.
        recipe: PathBuf,
        /// The sizes and the initialisation of the networks.
        config: Box<ModelConfig>,
        /// The vocabulary.
        tokenizer: Box<Tokenizer>,
    },
}

/// An encoder that fine-tuning cannot begin with.
#[derive(Debug, Error, miette::Diagnostic)]
pub enum InitError {
    /// The folder of the model cannot be used.
    #[error("{0}")]
    Folder(
        #[from]
        #[diagnostic_source]
        ModelFolderError,
    ),
    /// A network from scratch that is too small for its tokenizer.
    #[error("{recipe} has model.vocab_size = {model}, and the tokenizer has {tokenizer} pieces")]
    #[diagnostic(help(
        "nothing is trained yet: set model.vocab_size to {tokenizer} or more there, or name another tokenizer"
    ))]
    ScratchVocabulary {
        /// The pretraining recipe, or the run of one.
        recipe: PathBuf,
        /// Pieces of the tokenizer.
        tokenizer: usize,
        /// Rows of the word table.
        model: usize,
    },
    /// Sequences longer than the position table.
    #[error("{path} reads sequences of at most {positions} pieces, but input.window is {length}")]
    #[diagnostic(help("set it to {positions} or less, or pretrain with a longer max_position_embeddings"))]
    Length {
        /// The path of the folder.
        path: PathBuf,
        /// The length that was asked for.
        length: usize,
        /// Rows of the position table.
        positions: usize,
    },
}

/// Lineage of a fine-tuned network: the model that it descends from, by hashes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Lineage {
    /// Folder of the pretrained model, name and commit of one of the Hub, or `scratch:` and the recipe.
    pub model: String,
    /// BLAKE3 of the encoder's weights, or of the sizes of a network from scratch.
    pub model_hash: String,
    /// Hash of vocabulary and settings of the tokenizer.
    pub tokenizer_hash: String,
    /// Hash of the pretraining recipe, where the model is a run.
    pub pretraining_recipe_hash: Option<String>,
    /// Hash of the pretraining data, where the model is a run.
    pub pretraining_data_hash: Option<String>,
    /// Steps of the pretraining, done and planned, where the model tells of them.
    #[serde(flatten)]
    pub progress: Option<RunProgress>,
    /// Whether some of them were not done.
    pub pretraining_is_unfinished: bool,
    /// The weights that the pretraining began with, where it did not begin with nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ancestors: Vec<Ancestor>,
}

impl Lineage {
    /// The warning that the pretraining was not finished; `None` if it was.
    pub fn warning(&self) -> Option<String> {
        warning(&self.model, self.progress?)
    }
}

/// The warning that the pretraining of a model was not finished; `None` if it was.
fn warning(model: &str, progress: RunProgress) -> Option<String> {
    progress
        .is_unfinished()
        .then(|| format!("the pretraining of {model} was not finished: {progress} planned"))
}

impl EncoderInit {
    /// Random weights.
    ///
    /// # Errors
    /// A tokenizer with more pieces than the network has rows.
    pub fn scratch(recipe: &Path, config: ModelConfig, tokenizer: Tokenizer) -> Result<Self, InitError> {
        if tokenizer.vocab_size() > config.vocab_size {
            return Err(InitError::ScratchVocabulary {
                recipe: recipe.into(),
                tokenizer: tokenizer.vocab_size(),
                model: config.vocab_size,
            });
        }
        Ok(Self::Scratch { recipe: recipe.into(), config: config.into(), tokenizer: tokenizer.into() })
    }

    /// Sizes; those of the generator mean nothing here.
    pub fn config(&self) -> &ModelConfig {
        match self {
            Self::Pretrained(pretrained) => &pretrained.config,
            Self::Scratch { config, .. } => config,
        }
    }

    /// The vocabulary.
    pub fn tokenizer(&self) -> &Tokenizer {
        match self {
            Self::Pretrained(pretrained) => &pretrained.tokenizer,
            Self::Scratch { tokenizer, .. } => tokenizer,
        }
    }

    /// The folder of the weights; `None` if the start is random.
    pub fn folder(&self) -> Option<&Path> {
        match self {
            Self::Pretrained(pretrained) => Some(&pretrained.path),
            Self::Scratch { .. } => None,
        }
    }

    /// The progress of its pretraining, if its folder tells.
    pub fn progress(&self) -> Option<RunProgress> {
        self.folder().and_then(RunProgress::read)
    }

    /// The warning that its pretraining was not finished; `None` if it was.
    pub fn warning(&self) -> Option<String> {
        warning(&self.path().display().to_string(), self.progress()?)
    }

    /// The path by which the start is named: the folder of the model, or the recipe.
    pub fn path(&self) -> &Path {
        match self {
            Self::Pretrained(pretrained) => &pretrained.path,
            Self::Scratch { recipe, .. } => recipe,
        }
    }

    /// A network with this encoder, which `build` makes as in [`fine_tuned`], before the first step.
    ///
    /// # Errors
    /// Weights that do not fit the sizes.
    pub fn network<M: Module>(
        &self,
        seed: u64,
        device: &Device,
        precision: Precision,
        build: impl FnOnce(&Init, &Init) -> M,
    ) -> Result<M, ModelFolderError> {
        match self {
            Self::Pretrained(pretrained) => {
                let (encoder, config) = (pretrained.encoder.clone(), &pretrained.config);
                let network =
                    fine_tuned::with_pretrained_encoder(encoder, config, seed, device, precision, build);
                network.map_err(ModelFolderError::weights(&pretrained.path))
            }
            Self::Scratch { config, .. } => {
                Ok(fine_tuned::with_random_init(config, seed, device, precision, build))
            }
        }
    }

    /// Lineage of a network that begins here.
    pub fn lineage(&self) -> Lineage {
        let tokenizer_hash = self.tokenizer().hash().to_hex().to_string();
        let progress = self.progress();
        let pretraining_is_unfinished = progress.is_some_and(RunProgress::is_unfinished);
        match self {
            Self::Pretrained(pretrained) => {
                let bytes = electra_model::parameters::to_safetensors(&pretrained.encoder, None);
                let run = regular::read(&pretrained.path.join("run.json")).ok();
                let run: Option<serde_json::Value> =
                    run.and_then(|bytes| serde_json::from_slice(&bytes).ok());
                let of_run = |key: &str| Some(run.as_ref()?.get(key)?.as_str()?.to_owned());
                Lineage {
                    model: model_name(&pretrained.path),
                    model_hash: blake3::hash(&bytes).to_hex().to_string(),
                    tokenizer_hash,
                    pretraining_recipe_hash: of_run("recipe_hash"),
                    pretraining_data_hash: of_run("data_hash"),
                    progress,
                    pretraining_is_unfinished,
                    ancestors: ancestors(&pretrained.path),
                }
            }
            Self::Scratch { recipe, config, .. } => {
                let sizes = serde_json::to_vec(config).expect("sizes are JSON");
                Lineage {
                    model: format!("scratch:{}", recipe.display()),
                    model_hash: blake3::hash(&sizes).to_hex().to_string(),
                    tokenizer_hash,
                    pretraining_recipe_hash: None,
                    pretraining_data_hash: None,
                    progress,
                    pretraining_is_unfinished,
                    ancestors: Vec::new(),
                }
            }
        }
    }

    /// Refuses sequences that the position table cannot hold.
    ///
    /// # Errors
    /// The length, and what is possible.
    pub fn check_length(&self, length: usize) -> Result<(), InitError> {
        check_length(self.path(), self.config(), length)
    }
}

/// Refuses sequences of `length` that the position table of a model of these sizes cannot hold.
///
/// # Errors
/// The length, and what is possible.
pub fn check_length(path: &Path, config: &ModelConfig, length: usize) -> Result<(), InitError> {
    let positions = config.max_position_embeddings;
    if length <= positions {
        return Ok(());
    }
    Err(InitError::Length { path: path.into(), length, positions })
}
