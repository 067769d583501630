//! Where fine-tuning begins: the encoder of a run, of an imported model or of transformers.

use std::path::{Path, PathBuf};

use burn::prelude::*;
use electra_files::regular;
use electra_model::architecture::encoder_tensors;
use electra_model::hf::{self, HfNetwork};
use electra_model::parameters::{self, Headers, NamedTensors};
use electra_model::{Architecture, ModelConfig, Precision, shapes};
use electra_run::checkpoint;
use electra_run::run_folder::{check_hash, final_weights_hash};
use electra_run::weight_files::{self, weight_files};
use electra_text::Tokenizer;
use electra_train::layout::{HF_CONFIG, MODEL_CONFIG, WEIGHTS};
use serde_json::Value;

use crate::folder_error::FolderError;
use crate::tagger::{Tagger, TaggerShape};
use crate::tagger_folder::SETTINGS;
use electra_annotations::LabelSet;

/// A pretrained encoder at rest.
#[derive(Clone, Debug)]
pub struct Pretrained {
    /// Where it lies.
    pub path: PathBuf,
    /// Sizes; those of the generator mean nothing here.
    pub config: ModelConfig,
    /// Embeddings, projection and encoder, in our names below the discriminator.
    pub encoder: NamedTensors,
    /// Its vocabulary.
    pub tokenizer: Tokenizer,
    /// What stood on top of the encoder and is not a part of this, where it had learned something
    /// else than pretraining's own objective.
    pub left_behind: Option<LeftBehind>,
}

/// The head of a fine-tuned network, of which fine-tuning takes the encoder alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftBehind {
    /// transformers' name of the network's class.
    pub class: &'static str,
    /// The entity types that a tagger told apart.
    pub kinds: Vec<String>,
}

impl LeftBehind {
    fn of(headers: &Headers, config: &Value) -> Option<Self> {
        let class = hf::class_of(headers)?;
        let labels = config.get("id2label").and_then(|table| LabelSet::from_id2label(table).ok());
        let kinds = labels.iter().flat_map(LabelSet::kinds).map(str::to_owned).collect();
        let is_fine_tuned = !["ElectraForPreTraining", "ElectraModel", "ElectraForMaskedLM"].contains(&class);
        is_fine_tuned.then_some(Self { class, kinds })
    }
}

impl std::fmt::Display for LeftBehind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let is_tagger = self.class == HfNetwork::Tagger.architecture();
        let what = if is_tagger { "a tagger" } else { "a fine-tuned network" };
        write!(f, "the model is {what} ({}): its classifier", self.class)?;
        if is_tagger && !self.kinds.is_empty() {
            write!(f, " of {}", self.kinds.join(", "))?;
        }
        f.write_str(" is left behind, and a new one is trained on its encoder")
    }
}

impl Pretrained {
    /// Reads a run folder (its final weights, or its last checkpoint), an imported model, or a
    /// folder of transformers: `ElectraForPreTraining`, `ElectraModel` or
    /// `ElectraForTokenClassification`, whose classifier is left behind.
    ///
    /// # Errors
    /// What is missing or does not fit.
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        if path.join(MODEL_CONFIG).exists() {
            return Self::open_run(path);
        }
        if let Err(source) = path.metadata() {
            return Err(FolderError::Read { path: path.into(), source });
        }
        if !path.join(HF_CONFIG).exists() {
            return Err(FolderError::no_model(path, &[MODEL_CONFIG, HF_CONFIG]));
        }
        let json = read_json(&path.join(HF_CONFIG))?;
        let config = read_sizes(path, &json)?;
        let foreign = ForeignWeights::find(path, &json, HfNetwork::Discriminator)?;
        let left_behind = LeftBehind::of(&foreign.headers, &json);
        let headers = hf::import_encoder(foreign.headers.clone()).map_err(FolderError::foreign(path))?;
        shapes::check(&headers, &shapes::of_encoder(&config)).map_err(FolderError::weights(path))?;
        let encoder = hf::import_encoder(foreign.read()?).map_err(FolderError::foreign(path))?;
        let tokenizer = read_tokenizer(path, &config, path.join(SETTINGS).exists())?;
        Ok(Self { path: path.into(), config, encoder, tokenizer, left_behind })
    }

    fn open_run(path: &Path) -> Result<Self, FolderError> {
        let file = path.join(MODEL_CONFIG);
        let config: ModelConfig =
            serde_json::from_value(read_json(&file)?).map_err(FolderError::json(&file))?;
        config.validate().map_err(|source| FolderError::Config { path: file, source })?;
        let fits = |headers: &Headers| {
            let expected = shapes::of_electra(&config, Architecture::of(headers));
            shapes::check(headers, &expected).map_err(FolderError::weights(path))
        };
        let file = path.join(WEIGHTS);
        let tensors = if file.exists() {
            fits(&read_headers(&file)?)?;
            let bytes = read_weights(&file)?;
            if let Some(saved) = final_weights_hash(path) {
                check_hash(&file, &bytes, &saved)?;
            }
            parse_tensors(&file, &bytes)?
        } else {
            let found = checkpoint::latest_blob(&path.join("checkpoints"), WEIGHTS)?;
            let (file, bytes) = found.ok_or_else(|| FolderError::NoWeights(path.into()))?;
            fits(&parse_headers(&file, &bytes, bytes.len() as u64)?)?;
            parse_tensors(&file, &bytes)?
        };
        let encoder = encoder_tensors(tensors, &config);
        let tokenizer = read_tokenizer(&path.join("tokenizer"), &config, true)?;
        Ok(Self { path: path.into(), config, encoder, tokenizer, left_behind: None })
    }

    /// Refuses a window that the position table cannot hold.
    ///
    /// # Errors
    /// The window, and what is possible.
    pub fn check_window(&self, window: usize) -> Result<(), FolderError> {
        check_window(&self.path, &self.config, window)
    }

    /// A tagger on this encoder; see [`Tagger::from_encoder`].
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
        let shape = TaggerShape { config: &self.config, labels, crf };
        Tagger::from_encoder(self.encoder.clone(), shape, seed, device, precision)
            .map_err(FolderError::weights(&self.path))
    }
}

pub(crate) fn check_window(path: &Path, config: &ModelConfig, window: usize) -> Result<(), FolderError> {
    let positions = config.max_position_embeddings;
    if window <= positions {
        return Ok(());
    }
    Err(FolderError::Window { path: path.into(), window, positions })
}

/// Sizes in the content of a `config.json`.
pub(crate) fn read_sizes(folder: &Path, config: &Value) -> Result<ModelConfig, FolderError> {
    let sizes = hf::import_config(config, None).map_err(FolderError::foreign(folder))?;
    sizes.validate().map_err(|source| FolderError::Config { path: folder.join(HF_CONFIG), source })?;
    Ok(sizes)
}

/// The tokenizer of a model of these sizes. In a folder that was written here (`is_own`) no file may
/// say otherwise than the others; any other folder is read as transformers reads it.
pub(crate) fn read_tokenizer(
    folder: &Path,
    config: &ModelConfig,
    is_own: bool,
) -> Result<Tokenizer, FolderError> {
    let tokenizer = if is_own { Tokenizer::load_saved(folder)? } else { Tokenizer::load(folder)? };
    if tokenizer.vocab_size() > config.vocab_size {
        return Err(FolderError::Vocabulary {
            path: folder.into(),
            tokenizer: tokenizer.vocab_size(),
            model: config.vocab_size,
        });
    }
    Ok(tokenizer)
}

pub(crate) fn read_json(path: &Path) -> Result<Value, FolderError> {
    let bytes = regular::read(path).map_err(FolderError::read(path))?;
    serde_json::from_slice(&bytes).map_err(FolderError::json(path))
}

/// The weights of a transformers folder, in its names, from however many files they are in: what is
/// known of them before they are read.
pub(crate) struct ForeignWeights {
    files: Vec<PathBuf>,
    /// Names and shapes of all tensors.
    pub(crate) headers: Headers,
}

impl ForeignWeights {
    /// `config` is the content of the folder's `config.json`, and `network` what it is taken for if that
    /// does not say.
    pub(crate) fn find(folder: &Path, config: &Value, network: HfNetwork) -> Result<Self, FolderError> {
        let class = hf::architecture(config).unwrap_or(network.architecture());
        let files = weight_files(folder, class)?;
        let mut headers = Headers::new();
        for file in &files {
            headers.extend(read_headers(file)?);
        }
        Ok(Self { files, headers })
    }

    /// All of them.
    pub(crate) fn read(&self) -> Result<NamedTensors, FolderError> {
        let mut tensors = NamedTensors::new();
        for file in &self.files {
            tensors.extend(read_tensors(file)?);
        }
        Ok(tensors)
    }
}

pub(crate) fn read_tensors(path: &Path) -> Result<NamedTensors, FolderError> {
    parse_tensors(path, &read_weights(path)?)
}

/// Names and shapes of the tensors in a file, none of which is read.
pub(crate) fn read_headers(path: &Path) -> Result<Headers, FolderError> {
    let beginning = weight_files::beginning(path).map_err(FolderError::read(path))?;
    parse_headers(path, &beginning.bytes, beginning.file_bytes)
}

fn read_weights(path: &Path) -> Result<Vec<u8>, FolderError> {
    weight_files::read(path).map_err(FolderError::read(path))
}

fn parse_headers(path: &Path, beginning: &[u8], file_bytes: u64) -> Result<Headers, FolderError> {
    parameters::headers(beginning, file_bytes)
        .map_err(|source| FolderError::Safetensors { path: path.into(), source })
}

fn parse_tensors(path: &Path, bytes: &[u8]) -> Result<NamedTensors, FolderError> {
    parameters::from_safetensors(bytes)
        .map_err(|source| FolderError::Safetensors { path: path.into(), source })
}
