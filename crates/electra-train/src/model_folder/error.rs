//! Errors of folders with a model.

use std::io;
use std::path::{Path, PathBuf};

use electra_model::ConfigError;
use electra_model::hf::HfError;
use electra_model::parameters::{LoadError, SafetensorsError};
use electra_run::checkpoint::CheckpointError;
use electra_run::nearby::folders_with;
use electra_run::run_folder::DamagedWeights;
use electra_run::weight_files::{WeightFilesError, tensorflow_checkpoint};
use electra_text::wordpiece::TokenizerError;
use miette::Diagnostic;
use thiserror::Error;

use crate::layout::{HF_CONFIG, MODEL_CONFIG, TAGGER_SETTINGS, WEIGHTS};
use crate::pytorch::PytorchError;

/// A folder that holds no model that can be used.
#[derive(Debug, Error, Diagnostic)]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum ModelFolderError {
    /// Nothing that tells what is in the folder.
    #[error(
        "{0} holds no model: neither {MODEL_CONFIG} (a run, or an imported model) nor {HF_CONFIG} (transformers)"
    )]
    #[diagnostic(help("give the folder in which one of them lies"))]
    NoModel(PathBuf),
    /// Models one folder further down.
    #[error("{path} holds no model itself, but there is one in {}", names(.within))]
    #[diagnostic(help("give the folder of the model: {}", .within[0].display()))]
    ModelsWithin {
        path: PathBuf,
        /// The folders in it with a model, at least one; the one that is meant first.
        within: Vec<PathBuf>,
    },
    /// A folder that fine-tuning has written.
    #[error("{path} holds taggers that fine-tuning wrote, such as {within}, and no pretrained model")]
    #[diagnostic(help("give the model that they were made from; {within} itself finds entities", within = .within.display()))]
    TaggersWithin {
        path: PathBuf,
        /// The best of them.
        within: PathBuf,
    },
    /// A fine-tuned tagger where a pretrained model was asked for.
    #[error("{0} holds a tagger and no pretrained model")]
    #[diagnostic(help("find entities with it, or give the model that the tagger was fine-tuned from"))]
    Tagger(PathBuf),
    /// A run that has saved nothing yet.
    #[error("{0} is a run without weights: no {WEIGHTS} and no intact checkpoint yet")]
    #[diagnostic(help("wait for its first checkpoint"))]
    NoWeights(PathBuf),
    /// A file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read { path: PathBuf, source: io::Error },
    /// A file is not the JSON that it should be.
    #[error("{path} is damaged: {source}")]
    #[diagnostic(help("copy the folder again from where it came from"))]
    Json { path: PathBuf, source: serde_json::Error },
    /// Sizes that no model can have.
    #[error("{path}: {source}")]
    #[diagnostic(help("copy the folder again from where it came from, or correct the value there"))]
    Config {
        path: PathBuf,
        #[diagnostic_source]
        source: ConfigError,
    },
    /// A transformers folder of another architecture.
    #[error("{path}: {source}")]
    #[diagnostic(help("{}", help_or(.source, "give a folder that save_pretrained of an ELECTRA model wrote, whole and unchanged")))]
    Foreign {
        path: PathBuf,
        #[diagnostic_source]
        source: HfError,
    },
    /// No weights, or weights in a form that is not read.
    #[error("{0}")]
    WeightFiles(
        #[from]
        #[diagnostic_source]
        WeightFilesError,
    ),
    /// Shards that both hold a tensor.
    #[error("{} and {second} both hold the tensor {tensor:?}", .first.display(), second = .second.display())]
    #[diagnostic(help(
        "which of the two is meant cannot be known: copy the folder again from where it came from"
    ))]
    TensorTwice {
        /// The name of the tensor.
        tensor: String,
        /// The shard that was read first.
        first: PathBuf,
        second: PathBuf,
    },
    /// No safetensors file.
    #[error("{path} is damaged: {source}")]
    #[diagnostic(help("{}", help_or(.source, "copy the folder again from where it came from")))]
    Safetensors {
        path: PathBuf,
        #[diagnostic_source]
        source: SafetensorsError,
    },
    /// What git has in place of a large file.
    #[error("{0} is a pointer of Git LFS and not the file that it stands for")]
    #[diagnostic(help("fetch the file itself: give `git lfs pull` in that folder"))]
    LfsPointer(PathBuf),
    /// No file of PyTorch, or one that is refused.
    #[error("{path}: {source}")]
    #[diagnostic(help("{}", help_or(.source, "copy the folder again from where it came from")))]
    Pytorch {
        path: PathBuf,
        #[diagnostic_source]
        source: PytorchError,
    },
    /// Tensors of other sizes than the configuration says.
    #[error("{path}: {source}")]
    #[diagnostic(help(
        "its weights and its configuration are not of one model: copy the folder again from where it came from"
    ))]
    Weights {
        path: PathBuf,
        #[diagnostic_source]
        source: LoadError,
    },
    /// Weights that are not those that the run has saved.
    #[error("{0}")]
    #[diagnostic(help("give the command of the run again, which writes it anew from the last checkpoint"))]
    Damaged(
        #[from]
        #[diagnostic_source]
        DamagedWeights,
    ),
    /// The tokenizer cannot be read.
    #[error("{0}")]
    Tokenizer(
        #[from]
        #[diagnostic_source]
        TokenizerError,
    ),
    /// A tokenizer of another vocabulary.
    #[error("{path}: a tokenizer of {tokenizer} pieces for a model of {model}")]
    #[diagnostic(help("put the tokenizer there that the model was trained with"))]
    Vocabulary {
        path: PathBuf,
        /// Pieces of the tokenizer.
        tokenizer: usize,
        /// Rows of the word table.
        model: usize,
    },
    /// Checkpoints cannot be read.
    #[error("{0}")]
    Checkpoint(
        #[from]
        #[diagnostic_source]
        CheckpointError,
    ),
}

/// The help of an error, or `general` where it has none.
fn help_or(error: &dyn Diagnostic, general: &str) -> String {
    error.help().map_or_else(|| general.to_owned(), |help| help.to_string())
}

/// The first folders of a list.
fn names(folders: &[PathBuf]) -> String {
    let first: Vec<String> = folders.iter().take(3).map(|path| path.display().to_string()).collect();
    let more = folders.len() - first.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", first.join(", "))
}

impl ModelFolderError {
    /// The error of a folder that is no model: nothing in it tells what it is; one of these `files` would.
    pub fn no_model(path: &Path, files: &[&str]) -> Self {
        if let Some(checkpoint) = tensorflow_checkpoint(path) {
            return WeightFilesError::Tensorflow { checkpoint }.into();
        }
        match folders_with(path, files) {
            within if within.is_empty() => Self::NoModel(path.into()),
            within => Self::ModelsWithin { path: path.into(), within },
        }
    }

    /// The error of [`Self::no_model`] where a pretrained model was asked for: taggers are none.
    pub(super) fn no_pretrained(path: &Path) -> Self {
        match Self::no_model(path, &[MODEL_CONFIG, HF_CONFIG]) {
            Self::ModelsWithin { path, mut within } if within[0].join(TAGGER_SETTINGS).exists() => {
                Self::TaggersWithin { path, within: within.swap_remove(0) }
            }
            error => error,
        }
    }

    pub(super) fn read(path: &Path) -> impl Fn(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Read { path: path.clone(), source }
    }

    pub(super) fn pytorch(path: &Path) -> impl Fn(PytorchError) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Pytorch { path: path.clone(), source }
    }

    pub(super) fn safetensors(path: &Path) -> impl Fn(SafetensorsError) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Safetensors { path: path.clone(), source }
    }

    /// An error of a transformers folder.
    pub fn foreign(path: &Path) -> impl Fn(HfError) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Foreign { path: path.clone(), source }
    }

    /// An error of the tensors in a folder.
    pub fn weights(path: &Path) -> impl Fn(LoadError) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Weights { path: path.clone(), source }
    }
}
