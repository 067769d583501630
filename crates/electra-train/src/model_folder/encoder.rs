//! Pretrained encoder, from which fine-tuning begins.

use std::path::{Path, PathBuf};

use electra_model::architecture::encoder_tensors;
use electra_model::hf::{self, HfNetwork};
use electra_model::parameters::{Headers, NamedTensors};
use electra_model::{ModelConfig, shapes};
use electra_text::Tokenizer;
use serde_json::Value;

use super::ModelFolderError;
use super::read::{ForeignWeights, read_json, read_own, read_sizes, read_tokenizer};
use crate::layout::{HF_CONFIG, MODEL_CONFIG, TAGGER_SETTINGS, TOKENIZER};

/// A pretrained encoder at rest.
#[derive(Clone, Debug)]
pub struct PretrainedEncoder {
    /// The path of the model's folder.
    pub path: PathBuf,
    /// Sizes; those of the generator mean nothing here.
    pub config: ModelConfig,
    /// Embeddings, projection and encoder, in our names below the discriminator.
    pub encoder: NamedTensors,
    /// The tokenizer of the model.
    pub tokenizer: Tokenizer,
    /// The head of the folder's network, where it had learned something else than pretraining's own objective: it
    /// is left behind.
    pub left_behind: Option<ForeignHead>,
}

/// The head of a fine-tuned network, of which only the encoder is used.
#[derive(Clone, Debug, PartialEq)]
pub struct ForeignHead {
    /// transformers' name of the network's class.
    pub class: &'static str,
    /// Table of its labels (`id2label`), if it has one.
    pub labels: Option<Value>,
}

impl ForeignHead {
    fn of(headers: &Headers, config: &Value) -> Option<Self> {
        let class = hf::class_of(headers)?;
        let is_fine_tuned = !["ElectraForPreTraining", "ElectraModel", "ElectraForMaskedLM"].contains(&class);
        is_fine_tuned.then(|| Self { class, labels: config.get("id2label").cloned() })
    }
}

impl PretrainedEncoder {
    /// Reads a run folder (its final weights, or its last checkpoint), an imported model, or a folder of
    /// transformers: `ElectraForPreTraining`, `ElectraModel` or `ElectraForTokenClassification`, whose classifier
    /// is left behind.
    ///
    /// # Errors
    /// What is missing or does not fit.
    pub fn open(path: &Path) -> Result<Self, ModelFolderError> {
        if path.join(MODEL_CONFIG).exists() {
            let (config, tensors) = read_own(path)?;
            let encoder = encoder_tensors(tensors, &config);
            let tokenizer = read_tokenizer(&path.join(TOKENIZER), &config, true)?;
            return Ok(Self { path: path.into(), config, encoder, tokenizer, left_behind: None });
        }
        if let Err(source) = path.metadata() {
            return Err(ModelFolderError::Read { path: path.into(), source });
        }
        if !path.join(HF_CONFIG).exists() {
            return Err(ModelFolderError::no_model(path, &[MODEL_CONFIG, HF_CONFIG]));
        }
        let json = read_json(&path.join(HF_CONFIG))?;
        let config = read_sizes(path, &json, None)?;
        let weights = ForeignWeights::find(path, &json, HfNetwork::Discriminator)?;
        let left_behind = ForeignHead::of(&weights.headers, &json);
        let foreign = ModelFolderError::foreign(path);
        let headers = hf::import_encoder(weights.headers.clone()).map_err(&foreign)?;
        shapes::check(&headers, &shapes::of_encoder(&config)).map_err(ModelFolderError::weights(path))?;
        let encoder = hf::import_encoder(weights.read()?).map_err(&foreign)?;
        let tokenizer = read_tokenizer(path, &config, path.join(TAGGER_SETTINGS).exists())?;
        Ok(Self { path: path.into(), config, encoder, tokenizer, left_behind })
    }
}
