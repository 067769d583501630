//! Where fine-tuning starts: a pretrained encoder, or the same network with nothing learned.

use std::path::{Path, PathBuf};

use burn::prelude::*;
use electra_files::regular;
use electra_model::{ModelConfig, Precision, shapes};
use electra_run::run_folder::RunProgress;
use electra_text::Tokenizer;
use serde::Serialize;

use crate::folder_error::FolderError;
use crate::layerwise_lr::Freeze;
use crate::pretrained::{self, LeftBehind, Pretrained};
use crate::tagger::{Tagger, TaggerShape};
use electra_annotations::LabelSet;

/// The network before the first step.
#[derive(Clone, Debug)]
pub enum Start {
    /// With a pretrained encoder.
    Pretrained(Box<Pretrained>),
    /// With the weights that pretraining of this recipe would begin with: the control.
    Scratch {
        /// The pretraining recipe.
        recipe: PathBuf,
        /// Its sizes and initialisation.
        config: Box<ModelConfig>,
        /// The vocabulary.
        tokenizer: Box<Tokenizer>,
    },
}

/// What a tagger descends from, by hashes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Lineage {
    /// Folder of the pretrained model, or `scratch:` and the recipe.
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
}

impl Lineage {
    /// That the pretraining was not finished, if it was not.
    pub fn warning(&self) -> Option<String> {
        warning(&self.model, self.progress?)
    }
}

/// That the pretraining of a model was not finished, if it was not.
fn warning(model: &str, progress: RunProgress) -> Option<String> {
    progress
        .is_unfinished()
        .then(|| format!("the pretraining of {model} was not finished: {progress} planned"))
}

impl Start {
    /// A network from scratch.
    ///
    /// # Errors
    /// A tokenizer with more pieces than the network has rows.
    pub fn scratch(recipe: &Path, config: ModelConfig, tokenizer: Tokenizer) -> Result<Self, FolderError> {
        if tokenizer.vocab_size() > config.vocab_size {
            return Err(FolderError::ScratchVocabulary {
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

    /// Where the weights lie, if any were learned.
    pub fn folder(&self) -> Option<&Path> {
        match self {
            Self::Pretrained(pretrained) => Some(&pretrained.path),
            Self::Scratch { .. } => None,
        }
    }

    /// How far its pretraining has come, if its folder tells.
    pub fn progress(&self) -> Option<RunProgress> {
        self.folder().and_then(RunProgress::read)
    }

    /// That its pretraining was not finished, if it was not.
    pub fn warning(&self) -> Option<String> {
        warning(&self.path().display().to_string(), self.progress()?)
    }

    /// What its folder holds and fine-tuning does not go on with.
    pub fn left_behind(&self) -> Option<&LeftBehind> {
        match self {
            Self::Pretrained(pretrained) => pretrained.left_behind.as_ref(),
            Self::Scratch { .. } => None,
        }
    }

    /// What it is called by: the folder of the model, or the recipe.
    pub fn path(&self) -> &Path {
        match self {
            Self::Pretrained(pretrained) => &pretrained.path,
            Self::Scratch { recipe, .. } => recipe,
        }
    }

    /// What a tagger that starts here descends from.
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
                    model: pretrained.path.display().to_string(),
                    model_hash: blake3::hash(&bytes).to_hex().to_string(),
                    tokenizer_hash,
                    pretraining_recipe_hash: of_run("recipe_hash"),
                    pretraining_data_hash: of_run("data_hash"),
                    progress,
                    pretraining_is_unfinished,
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
                }
            }
        }
    }

    /// Bytes without which a CPU cannot fine-tune it: weights, and where all of them learn their
    /// gradients and both moments.
    pub fn least_memory(&self, freeze: Freeze) -> u64 {
        let copies = if freeze == (Freeze::Nothing {}) { 4 } else { 1 };
        shapes::elements(&shapes::of_encoder(self.config())).saturating_mul(4 * copies)
    }

    /// Refuses a window that the position table cannot hold.
    ///
    /// # Errors
    /// The window, and what is possible.
    pub fn check_window(&self, window: usize) -> Result<(), FolderError> {
        pretrained::check_window(self.path(), self.config(), window)
    }

    /// The tagger before the first step.
    ///
    /// # Errors
    /// Weights that do not fit the sizes.
    pub fn tagger(
        &self,
        labels: &LabelSet,
        crf: bool,
        seed: u64,
        device: &Device,
        precision: Precision,
    ) -> Result<Tagger, FolderError> {
        match self {
            Self::Pretrained(pretrained) => pretrained.tagger(labels, crf, seed, device, precision),
            Self::Scratch { config, .. } => {
                Ok(Tagger::init(TaggerShape { config, labels, crf }, seed, device, precision))
            }
        }
    }
}
