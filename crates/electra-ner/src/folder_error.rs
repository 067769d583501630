//! What can be wrong with the folder of a model or a tagger.

use std::io;
use std::path::{Path, PathBuf};

use electra_files::shown::shell_word;
use electra_files::staged::StagedError;
use electra_model::ConfigError;
use electra_model::hf::HfError;
use electra_model::parameters::{LoadError, SafetensorsError};
use electra_run::checkpoint::CheckpointError;
use electra_run::nearby::folders_with;
use electra_run::run_folder::DamagedWeights;
use electra_run::weight_files::WeightFilesError;
use electra_text::wordpiece::TokenizerError;
use electra_train::layout::{HF_CONFIG, MODEL_CONFIG, WEIGHTS};
use thiserror::Error;

use crate::tagger_folder::CRF_SCORES;
use electra_annotations::LabelError;

/// A folder from which no tagger can be had.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FolderError {
    /// Nothing that tells what is in the folder.
    #[error(
        "{0} holds no model: neither {MODEL_CONFIG} (a run, or an imported model) nor {HF_CONFIG} (transformers); \
         give the folder in which one of them lies"
    )]
    NoModel(PathBuf),
    /// Models one folder further down.
    #[error(
        "{path} holds no model itself, but there is one in {}; give the folder of the model: {}",
        names(.within), .within[0].display()
    )]
    ModelsWithin {
        /// The folder.
        path: PathBuf,
        /// Those in it with a model, at least one; the one that is meant first.
        within: Vec<PathBuf>,
    },
    /// A run that has saved nothing yet.
    #[error(
        "{0} is a run without weights: no {WEIGHTS} and no intact checkpoint; wait for its first checkpoint"
    )]
    NoWeights(PathBuf),
    /// A pretrained model where a tagger was asked for.
    #[error(
        "{0} holds a pretrained model and no tagger; \
         fine-tune it first, with electra finetune ner --model {word}", word = word(.0)
    )]
    NoTagger(PathBuf),
    /// A model of transformers without labels.
    #[error(
        "{0} names no labels (id2label in {HF_CONFIG}), so it is no tagger; \
         fine-tune it first, with electra finetune ner --model {word}", word = word(.0)
    )]
    NoLabels(PathBuf),
    /// Labels that cannot be read.
    #[error("{path}: {source}; copy the folder again from where it came from, or correct id2label there")]
    Labels {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: LabelError,
    },
    /// A file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("cannot write {path}: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is not the JSON that it should be.
    #[error("{path} is damaged: {source}; copy the folder again from where it came from")]
    Json {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// Settings of a later program.
    #[error("{path} has format {found}, this program reads {supported}; use the program that wrote it")]
    Format {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The latest that is known.
        supported: u32,
    },
    /// Sizes that no model can have.
    #[error("{path}: {source}; copy the folder again from where it came from, or correct the value there")]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: ConfigError,
    },
    /// A dropout rate that cannot be meant.
    #[error("{path}: `{key}` is {found}, expected a number of at least 0 and below 1; correct it there")]
    Dropout {
        /// The file.
        path: PathBuf,
        /// The key.
        key: &'static str,
        /// Its value.
        found: String,
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
    Safetensors {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: SafetensorsError,
    },
    /// Tensors of other sizes than the configuration and the labels say.
    #[error(
        "{path}: {source}; its weights and its configuration are not of one model: copy the folder again from where it came from"
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
        /// The folder of the tokenizer.
        path: PathBuf,
        /// Pieces of the tokenizer.
        tokenizer: usize,
        /// Rows of the word table.
        model: usize,
    },
    /// A network from scratch that is too small for its tokenizer.
    #[error(
        "{recipe} has model.vocab_size = {model}, and the tokenizer has {tokenizer} pieces; nothing is \
         trained yet: set model.vocab_size to {tokenizer} or more there, or name another --tokenizer"
    )]
    ScratchVocabulary {
        /// The pretraining recipe, or the run of one.
        recipe: PathBuf,
        /// Pieces of the tokenizer.
        tokenizer: usize,
        /// Rows of the word table.
        model: usize,
    },
    /// A window longer than the position table of the model to start from.
    #[error(
        "{path} reads sequences of at most {positions} pieces, but input.window is {window}; \
         set it to {positions} or less (--set input.window={positions}), or pretrain with a longer \
         max_position_embeddings"
    )]
    Window {
        /// The folder.
        path: PathBuf,
        /// The window that was asked for.
        window: usize,
        /// Rows of the position table.
        positions: usize,
    },
    /// A tagger whose own window is longer than its position table.
    #[error(
        "{path}: the window is {window}, but the model in this folder reads sequences of at most {positions} \
         pieces; copy the folder again"
    )]
    TaggerWindow {
        /// The file of the settings.
        path: PathBuf,
        /// The window that it says.
        window: usize,
        /// Rows of the position table.
        positions: usize,
    },
    /// Decoding by a CRF without its scores.
    #[error(
        "{0}: the tagger decodes by a CRF, but {CRF_SCORES} is missing, which transformers does not save; copy \
         it from the folder that fine-tuning wrote, or decode without it: electra predict --decoding argmax"
    )]
    NoCrf(PathBuf),
    /// Settings that contradict the labels.
    #[error(
        "{path}: the scheme is {found}, but the labels in {HF_CONFIG} are {expected}; copy the folder again"
    )]
    Scheme {
        /// The file of the settings.
        path: PathBuf,
        /// What the settings say.
        found: String,
        /// What the labels are.
        expected: String,
    },
    /// Checkpoints cannot be read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

/// The first folders of a list.
fn names(folders: &[PathBuf]) -> String {
    let first: Vec<String> = folders.iter().take(3).map(|path| path.display().to_string()).collect();
    let more = folders.len() - first.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", first.join(", "))
}

impl FolderError {
    /// Nothing in a folder tells what it is; one of these `files` would.
    pub(crate) fn no_model(path: &Path, files: &[&str]) -> Self {
        match folders_with(path, files) {
            within if within.is_empty() => Self::NoModel(path.into()),
            within => Self::ModelsWithin { path: path.into(), within },
        }
    }

    pub(crate) fn read(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Read { path, source }
    }

    pub(crate) fn json(path: &Path) -> impl FnOnce(serde_json::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Json { path, source }
    }

    pub(crate) fn foreign(path: &Path) -> impl Fn(HfError) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Foreign { path: path.clone(), source }
    }

    pub(crate) fn weights(path: &Path) -> impl Fn(LoadError) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Weights { path: path.clone(), source }
    }
}
/// A path in a command that somebody may copy.
fn word(path: &Path) -> String {
    shell_word(&path.display().to_string())
}

impl From<StagedError> for FolderError {
    fn from(error: StagedError) -> Self {
        let (path, source) = error.into_parts();
        Self::Write { path, source }
    }
}
