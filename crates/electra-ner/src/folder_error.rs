//! The errors of reading the folder of a model or a tagger.

use std::io;
use std::path::{Path, PathBuf};

use electra_files::staged::StagedError;
use electra_text::wordpiece::TokenizerError;
use electra_train::encoder_init::InitError;
use electra_train::layout::HF_CONFIG;
use electra_train::model_folder::ModelFolderError;
use thiserror::Error;

use electra_annotations::LabelError;

/// A folder from which no tagger can be had.
#[derive(Debug, Error, miette::Diagnostic)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum FolderError {
    /// The folder of a model cannot be used.
    #[error("{0}")]
    Model(
        #[from]
        #[diagnostic_source]
        ModelFolderError,
    ),
    /// Fine-tuning cannot begin with this encoder.
    #[error("{0}")]
    Init(
        #[from]
        #[diagnostic_source]
        InitError,
    ),
    /// A pretrained model where a tagger was asked for.
    #[error("{0} holds a pretrained model and no tagger")]
    #[diagnostic(help("fine-tune it first"))]
    NoTagger(PathBuf),
    /// A model of transformers without labels.
    #[error("{0} names no labels (id2label in {HF_CONFIG}), so it is no tagger")]
    #[diagnostic(help("fine-tune it first"))]
    NoLabels(PathBuf),
    /// Labels that cannot be read.
    #[error("{path}: {source}")]
    #[diagnostic(help("copy the folder again from where it came from, or correct id2label there"))]
    Labels {
        path: PathBuf,
        /// Underlying error.
        #[diagnostic_source]
        source: LabelError,
    },
    /// A file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        path: PathBuf,
        /// Underlying error.
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("cannot write {path}: {source}")]
    Write {
        path: PathBuf,
        /// Underlying error.
        source: io::Error,
    },
    /// A file is not the JSON that it should be.
    #[error("{path} is damaged: {source}")]
    #[diagnostic(help("copy the folder again from where it came from"))]
    Json {
        path: PathBuf,
        /// Underlying error.
        source: serde_json::Error,
    },
    /// Settings of a later program.
    #[error("{path} has format {found}, this program reads {supported}")]
    #[diagnostic(help("use the program that wrote it"))]
    Format {
        path: PathBuf,
        /// The form that the file turned out to have.
        found: u32,
        /// The latest that is known.
        supported: u32,
    },
    /// A dropout rate that cannot be meant.
    #[error("{path}: `{key}` is {found}, expected a number of at least 0 and below 1")]
    #[diagnostic(help("correct it there"))]
    Dropout {
        path: PathBuf,
        /// Key of the recipe that it is about.
        key: &'static str,
        /// The value that was found.
        found: String,
    },
    /// A tagger whose own window is longer than its position table.
    #[error(
        "{path}: the window is {window}, but the model in this folder reads sequences of at most {positions} pieces"
    )]
    #[diagnostic(help("copy the folder again"))]
    TaggerWindow {
        /// The file of the settings.
        path: PathBuf,
        /// The window that it says.
        window: usize,
        /// Rows of the position table.
        positions: usize,
    },
    /// Decoding by a head without its own file.
    #[error("{path}: the tagger decodes by {head}, but {file} is missing, which transformers does not save")]
    #[diagnostic(help("copy it from the folder that fine-tuning wrote, or decode without it, by argmax"))]
    NoHead {
        path: PathBuf,
        /// The head that it decodes by.
        head: &'static str,
        /// The file that is missing.
        file: &'static str,
    },
    /// A calibration with numbers that cannot be.
    #[error("{path} is damaged: {what}")]
    #[diagnostic(help("copy the folder again, or remove the file: scores are not calibrated then"))]
    Calibration {
        path: PathBuf,
        /// A description of what is wrong.
        what: String,
    },
    /// Settings that contradict the labels.
    #[error("{path}: the scheme is {found}, but the labels in {HF_CONFIG} are {expected}")]
    #[diagnostic(help("copy the folder again"))]
    Scheme {
        /// The file of the settings.
        path: PathBuf,
        /// The value in the settings.
        found: String,
        /// The value that fits the labels.
        expected: String,
    },
}

impl FolderError {
    pub(crate) fn read(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Read { path, source }
    }

    pub(crate) fn json(path: &Path) -> impl FnOnce(serde_json::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Json { path, source }
    }
}

impl From<TokenizerError> for FolderError {
    fn from(error: TokenizerError) -> Self {
        Self::Model(error.into())
    }
}

impl From<StagedError> for FolderError {
    fn from(error: StagedError) -> Self {
        let (path, source) = error.into_parts();
        Self::Write { path, source }
    }
}
