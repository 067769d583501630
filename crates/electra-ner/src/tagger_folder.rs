//! A tagger on disk: a folder of transformers, with a file beside it for what transformers lacks.
//!
//! ```text
//! DIR/config.json          sizes, labels, dropout   ElectraForTokenClassification
//!     model.safetensors    weights, in the names of transformers
//!     vocab.txt ...        the tokenizer
//!     tagger.json          decoding, context, window, scheme, division of text
//!     calibration.json     temperature and thresholds of the scores, if they were fitted
//!     crf.safetensors      scores of sequences, if decoding needs them
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use burn::prelude::*;
use electra_files::disk;
use electra_model::hf::{self, HfDropout, HfNetwork};
use electra_model::parameters::{self, NamedTensors, collect};
use electra_model::{ModelConfig, Precision, shapes};
use electra_run::run_folder::RunProgress;
use electra_text::Tokenizer;
use electra_train::finetuning::ClassifierDropout;
use electra_train::layout::{CALIBRATION, HF_CONFIG, MODEL_CONFIG, TAGGER_SETTINGS};
use electra_train::model_folder::{
    ForeignWeights, ModelFolderError, read_headers, read_json, read_sizes, read_tensors, read_tokenizer,
    write_network,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::calibration::Calibration;
use crate::folder_error::FolderError;
use crate::head::{Decoder, Decoding, HeadType};
use crate::token_classifier::{TaggerShape, TokenClassifier};
use electra_annotations::{Division, LabelScheme, LabelSet, Scheme};

pub(crate) use crate::window::Context;

/// Key of `config.json` with a copy of [`TAGGER_SETTINGS`] where they are not what transformers does: it
/// keeps the keys that it does not know when it saves a model again, and our files it does not.
const SETTINGS_KEY: &str = "electra_tagger";

/// The format of [`TAGGER_SETTINGS`] written here and the newest that can be read. In the first nothing was
/// said of the division of text.
const FORMAT: u32 = 2;

/// Settings of prediction that a tagger was trained for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaggerSettings {
    /// The decoding: the way in which labels are chosen.
    pub decoding: Decoding,
    /// The context with which a word is shown.
    pub context: Context,
    /// Longest sequence of pieces, `[CLS]` and `[SEP]` among them.
    pub window: usize,
    /// The division of the text of its training; `None` where the folder does not say.
    pub division: Option<Division>,
}

impl TaggerSettings {
    /// The settings with which transformers uses every tagger of these sizes.
    fn of_transformers(config: &ModelConfig) -> Self {
        let window = config.max_position_embeddings;
        Self { decoding: Decoding::Argmax, context: Context::Sentence, window, division: None }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SettingsFile {
    format: u32,
    decoding: Decoding,
    context: Context,
    window: usize,
    /// None where the labels follow no scheme.
    scheme: Option<LabelScheme>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    division: Option<Division>,
}

/// Folder of a tagger, read into memory.
#[derive(Clone, Debug)]
pub struct TaggerFolder {
    /// The path of the folder.
    pub path: PathBuf,
    /// Sizes; those of the generator mean nothing here.
    pub config: ModelConfig,
    /// The labels of the tagger.
    pub labels: LabelSet,
    /// Rates with which it was trained.
    pub dropout: ClassifierDropout,
    /// The settings with which the tagger is to be used.
    pub settings: TaggerSettings,
    /// All its parameters, in our names.
    pub tensors: NamedTensors,
    /// The tokenizer of the tagger.
    pub tokenizer: Tokenizer,
    /// Steps of the pretraining that it descends from, where they are known.
    pub pretraining: Option<RunProgress>,
    /// Whether the folder says nothing of its settings, which are those of transformers then.
    pub is_assumed: bool,
    /// The calibration of the scores, if there is one.
    pub calibration: Option<Calibration>,
}

impl TaggerFolder {
    /// The tagger as it is now, to be written to `path`.
    pub fn new(
        path: &Path,
        tagger: &TokenClassifier,
        shape: TaggerShape,
        dropout: ClassifierDropout,
        settings: TaggerSettings,
        tokenizer: Tokenizer,
    ) -> Self {
        Self {
            path: path.into(),
            config: shape.config.clone(),
            labels: shape.labels.clone(),
            dropout,
            settings,
            tensors: collect(tagger),
            tokenizer,
            pretraining: None,
            is_assumed: false,
            calibration: None,
        }
    }

    /// Writes the folder as [`write_network`] does; files that are not of a tagger stay.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&self) -> Result<(), FolderError> {
        let extra = self.head().extra_file();
        let of_head = extra.map_or_else(NamedTensors::new, |extra| {
            parameters::strip_prefix(self.tensors.clone(), extra.root)
        });
        let is_extra = |path: &str| extra.is_some_and(|extra| path.split('.').next() == Some(extra.root));
        let own = self.tensors.iter().filter(|(path, _)| !is_extra(path));
        let own = own.map(|(path, data)| (path.clone(), data.clone())).collect();
        let mut files = Vec::new();
        if let Some(extra) = extra {
            files.push((extra.name, parameters::to_safetensors(&of_head, None)));
        }
        files.push((TAGGER_SETTINGS, pretty(&self.settings_file()).into_bytes()));
        if let Some(calibration) = &self.calibration {
            files.push((CALIBRATION, pretty(calibration).into_bytes()));
        }
        write_network(&self.path, HfNetwork::Tagger, own, &self.tokenizer, files, &self.config_json())?;
        // Of a tagger that was there before: of another head, and of other scores.
        let of_others = HeadType::ALL.into_iter().filter_map(HeadType::extra_file);
        let of_others = of_others.filter(|other| Some(*other) != extra).map(|other| other.name);
        for old in of_others.chain(self.calibration.is_none().then_some(CALIBRATION)) {
            let old = self.path.join(old);
            disk::clear(&old).map_err(|source| FolderError::Write { path: old, source })?;
        }
        Ok(())
    }

    fn settings_file(&self) -> SettingsFile {
        let TaggerSettings { decoding, context, window, division } = self.settings;
        SettingsFile { format: FORMAT, decoding, context, window, scheme: self.labels.scheme(), division }
    }

    fn config_json(&self) -> Value {
        let ClassifierDropout { hidden, attention, classifier } = self.dropout;
        let dropout = (HfDropout { hidden, attention }, classifier);
        let (labels, pad) = (self.labels.names(), self.tokenizer.special().pad);
        let mut config = hf::classifier_config(&self.config, HfNetwork::Tagger, dropout, labels, pad);
        if self.settings != TaggerSettings::of_transformers(&self.config) {
            config[SETTINGS_KEY] =
                serde_json::to_value(self.settings_file()).expect("settings are plain data");
        }
        if let Some(pretraining) = self.pretraining {
            pretraining.add_to(&mut config);
        }
        let Value::Object(entries) = config else { unreachable!("a configuration is a table") };
        Value::Object(entries.into_iter().collect::<BTreeMap<_, _>>().into_iter().collect())
    }

    /// Reads a folder that [`write`](Self::write) or transformers wrote. Where it says nothing of its
    /// settings words are decoded one by one, a sentence at a time, in windows as long as the
    /// position table.
    ///
    /// # Errors
    /// What is missing or does not fit.
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        Self::open_with(path, None)
    }

    /// Opens a folder with another way of decoding than the tagger was trained for.
    ///
    /// # Errors
    /// What is missing or does not fit.
    pub fn open_with(path: &Path, decoding: Option<Decoding>) -> Result<Self, FolderError> {
        if let Err(source) = path.metadata() {
            return Err(FolderError::Read { path: path.into(), source });
        }
        let file = path.join(HF_CONFIG);
        if !file.exists() {
            let is_run = path.join(MODEL_CONFIG).exists();
            return Err(match is_run {
                true => FolderError::NoTagger(path.into()),
                false => ModelFolderError::no_model(path, &[HF_CONFIG]).into(),
            });
        }
        let json = read_json(&file)?;
        let config = read_sizes(path, &json, None)?;
        let labels = json.get("id2label").ok_or_else(|| FolderError::NoLabels(path.into()))?;
        let mut labels = LabelSet::from_id2label(labels)
            .map_err(|source| FolderError::Labels { path: file.clone(), source })?;
        let dropout = read_dropout(&file, &json)?;
        let found = read_settings(path, &json, &config, &mut labels)?;
        let is_assumed = found.is_none();
        let mut settings = found.unwrap_or_else(|| TaggerSettings::of_transformers(&config));
        let head = head_in(path)?;
        if is_assumed {
            settings.decoding = head.decoding();
        }
        settings.decoding = decoding.unwrap_or(settings.decoding);

        let foreign = ForeignWeights::find(path, &json, HfNetwork::Tagger)?;
        let mut headers = hf::import(foreign.headers.clone(), HfNetwork::Tagger)
            .map_err(ModelFolderError::foreign(path))?;
        let extra = head.extra_file();
        if let Some(extra) = extra {
            let of_head = read_headers(&path.join(extra.name))?;
            headers
                .extend(of_head.into_iter().map(|(name, header)| (format!("{}.{name}", extra.root), header)));
        }
        let trained = HeadType::trained_for(settings.decoding);
        if let Some(missing) = trained.extra_file().filter(|_| trained != head) {
            return Err(FolderError::NoHead { path: path.into(), head: missing.of, file: missing.name });
        }
        let expected = TaggerShape { config: &config, labels: &labels, head }.parameters();
        shapes::check(&headers, &expected).map_err(ModelFolderError::weights(path))?;
        let mut tensors =
            hf::import(foreign.read()?, HfNetwork::Tagger).map_err(ModelFolderError::foreign(path))?;
        if let Some(extra) = extra {
            let of_head = read_tensors(&path.join(extra.name))?;
            tensors.extend(of_head.into_iter().map(|(name, data)| (format!("{}.{name}", extra.root), data)));
        }
        let tokenizer = read_tokenizer(path, &config, is_there(&path.join(TAGGER_SETTINGS))?)?;
        let calibration = read_calibration(path)?;
        let (path, pretraining) = (path.into(), RunProgress::read(path));
        Ok(Self {
            path,
            config,
            labels,
            dropout,
            settings,
            tensors,
            tokenizer,
            pretraining,
            is_assumed,
            calibration,
        })
    }

    /// The head, which labels the words.
    pub fn head(&self) -> HeadType {
        HeadType::of_parameters(self.tensors.keys())
    }

    /// The network on `device`.
    ///
    /// # Errors
    /// Weights that do not fit sizes and labels.
    pub fn tagger(&self, device: &Device, precision: Precision) -> Result<TokenClassifier, FolderError> {
        let shape = TaggerShape { config: &self.config, labels: &self.labels, head: self.head() };
        let tagger = TokenClassifier::from_parameters(self.tensors.clone(), shape, device, precision);
        Ok(tagger.map_err(ModelFolderError::weights(&self.path))?)
    }

    /// The decoder, which turns the logits of `tagger`, the network of this folder, into labels, with the
    /// temperature of the folder if that is of its decoding.
    pub fn decoder(&self, tagger: &TokenClassifier) -> Decoder {
        let decoder = tagger.head().decoder(self.settings.decoding, &self.labels);
        self.calibration().map_or(decoder.clone(), |found| decoder.at_temperature(found.fit.temperature))
    }

    /// The calibration of the scores that it gives as it decodes.
    #[must_use]
    pub fn calibration(&self) -> Option<&Calibration> {
        self.calibration.as_ref().filter(|found| found.decoding == self.settings.decoding)
    }

    /// Refuses a window that the position table cannot hold.
    ///
    /// # Errors
    /// The window, and what is possible.
    pub fn check_window(&self, window: usize) -> Result<(), FolderError> {
        check_window(&self.path, &self.config, window)
    }
}

fn check_window(folder: &Path, config: &ModelConfig, window: usize) -> Result<(), FolderError> {
    let positions = config.max_position_embeddings;
    if window <= positions {
        return Ok(());
    }
    Err(FolderError::TaggerWindow { path: folder.join(TAGGER_SETTINGS), window, positions })
}

fn read_dropout(file: &Path, config: &Value) -> Result<ClassifierDropout, FolderError> {
    let rate = |key: &'static str| match config.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_f64() {
            Some(rate) if (0.0..1.0).contains(&rate) => Ok(Some(rate)),
            _ => Err(FolderError::Dropout { path: file.into(), key, found: value.to_string() }),
        },
    };
    // What transformers takes where a key is missing.
    let hidden = rate("hidden_dropout_prob")?.unwrap_or(0.1);
    let attention = rate("attention_probs_dropout_prob")?.unwrap_or(0.1);
    let classifier = rate("classifier_dropout")?.unwrap_or(hidden);
    Ok(ClassifierDropout { hidden, attention, classifier })
}

/// The settings of the folder, in our own file or in the copy that transformers keeps; among them the scheme
/// in which `labels` are read, where their names leave that open.
fn read_settings(
    folder: &Path,
    model: &Value,
    config: &ModelConfig,
    labels: &mut LabelSet,
) -> Result<Option<TaggerSettings>, FolderError> {
    let file = folder.join(TAGGER_SETTINGS);
    let is_copy = !is_there(&file)?;
    let (path, json) = match model.get(SETTINGS_KEY) {
        _ if !is_copy => {
            let json = read_json(&file)?;
            (file, json)
        }
        Some(copy) => (folder.join(HF_CONFIG), copy.clone()),
        None => return Ok(None),
    };
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    let Format { format: found } = Format::deserialize(&json).map_err(FolderError::json(&path))?;
    if found > FORMAT {
        return Err(FolderError::Format { path, found, supported: FORMAT });
    }
    let file: SettingsFile = serde_json::from_value(json).map_err(FolderError::json(&path))?;
    // Labels of one scheme may be those of another as well; of no scheme, they were not known before.
    match file.scheme.map(|scheme| (scheme, labels.clone().read_as(scheme))) {
        None => {}
        Some((_, Some(read))) => *labels = read,
        // Somebody has trained the network on with other labels: what was copied is of another tagger.
        Some(_) if is_copy => return Ok(None),
        Some((scheme, None)) => {
            let (found, expected) = (scheme_name(Some(scheme)), scheme_name(labels.scheme()));
            return Err(FolderError::Scheme { path, found, expected });
        }
    }
    check_window(folder, config, file.window)?;
    let SettingsFile { decoding, context, window, division, .. } = file;
    Ok(Some(TaggerSettings { decoding, context, window, division }))
}

/// The calibration in a folder, if there is one.
fn read_calibration(folder: &Path) -> Result<Option<Calibration>, FolderError> {
    let path = folder.join(CALIBRATION);
    if !is_there(&path)? {
        return Ok(None);
    }
    let found: Calibration = serde_json::from_value(read_json(&path)?).map_err(FolderError::json(&path))?;
    found.check().map_err(|what| FolderError::Calibration { path, what })?;
    Ok(Some(found))
}

/// Tells whether a file is there that need not be. One that cannot be looked at is not taken for none: the
/// tagger would be another.
fn is_there(path: &Path) -> Result<bool, FolderError> {
    path.try_exists().map_err(FolderError::read(path))
}

/// The head whose own file is in a folder, or the one that has none.
fn head_in(folder: &Path) -> Result<HeadType, FolderError> {
    for head in HeadType::ALL {
        if let Some(extra) = head.extra_file()
            && is_there(&folder.join(extra.name))?
        {
            return Ok(head);
        }
    }
    Ok(HeadType::Linear)
}

fn scheme_name(scheme: Option<LabelScheme>) -> String {
    scheme.map_or("of no scheme".into(), |scheme| Scheme::from(scheme).name().to_lowercase())
}

fn pretty(value: &impl Serialize) -> String {
    serde_json::to_string_pretty(value).expect("settings are plain data") + "\n"
}
