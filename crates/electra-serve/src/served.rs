//! Models that are served: each with its thread, and what is told of it.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};

use electra_files::regular;
use electra_ner::{Calibration, DeviceName, OpenError, Precision, TaggerBuilder, TaggerFolder};
use electra_pretrain::{Detector, DetectorError, MaskFiller};
use electra_run::run_folder::RunProgress;
use electra_train::model_folder::ModelFolder;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::runtime::Handle;
use utoipa::ToSchema;

use crate::admission::Admission;
use crate::detecting::{self, DetectJob, Networks};
use crate::faults;
use crate::health::{Health, ModelThread};
use crate::measures::Measures;
use crate::tagging::{self, TagJob};

/// Files of a tagger's folder that tell where it comes from.
const SCORES: &str = "scores.json";
const CARD: &str = "README.md";
/// Bytes of a model card at most; a longer one is not shown.
const MAX_CARD: u64 = 256 << 10;
/// Hexadecimal digits of a version.
const VERSION: usize = 16;

/// A folder to be served under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelSource {
    /// The name by which requests ask for it.
    pub name: String,
    /// The folder of the model.
    pub path: PathBuf,
}

/// The device that models are served on, and the precision of taggers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServedCompute {
    /// The device of all models.
    pub device: DeviceName,
    /// The precision of the taggers' matrix products; detectors have 32-bit floats.
    pub precision: Precision,
}

/// A model that cannot be served.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum ModelError {
    /// The folder holds no usable tagger.
    #[error("{0}")]
    Tagger(
        #[from]
        #[diagnostic_source]
        OpenError,
    ),
    /// The folder holds no usable detector.
    #[error("{0}")]
    Detector(
        #[from]
        #[diagnostic_source]
        DetectorError,
    ),
    /// The weights cannot be read.
    #[error("cannot read {path}: {source}")]
    Weights {
        /// The folder.
        path: PathBuf,
        /// Underlying error.
        source: io::Error,
    },
    /// A fault of the program while the folder was opened.
    #[error("{path} cannot be served by a fault of the program")]
    #[diagnostic(help("the place of the fault was said before; tell it to the authors"))]
    Panicked {
        /// The folder.
        path: PathBuf,
    },
    /// The system gives no thread.
    #[error("cannot start the thread of a model: {0}")]
    #[diagnostic(help("raise the limit of threads (`ulimit -u` shows it), or serve fewer models"))]
    Thread(#[source] io::Error),
}

/// What a service tells of a model.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct ModelInfo {
    /// The name by which requests ask for it.
    #[schema(example = "names")]
    pub name: String,
    /// Whether requests that name no model get it.
    pub is_default: bool,
    /// The first digits of the BLAKE3 of its weights.
    #[schema(example = "1f40fc92da241694")]
    pub version: String,
    /// The entity types of a tagger.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub types: Option<Vec<String>>,
    /// Whether a detector has a generator that fills gaps (`/v1/guess`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fills_gaps: Option<bool>,
    /// How a tagger chooses labels, what it sees with a word, the length of its windows in pieces, and how its
    /// training data was divided into words and sentences.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub settings: Option<Value>,
    /// Whether scores are calibrated, on which data, the temperature, and how many entities the tagger found there
    /// and found correctly.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub calibration: Option<Value>,
    /// Precision, recall and F1 on the data that the tagger was chosen by (`dev`) and tested on (`test`).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub scores: Option<Value>,
    /// Steps of the pretraining that it descends from.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub pretraining: Option<Value>,
    /// The model card, in Markdown: training data, test scores, lineage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub card: Option<String>,
}

/// A tagger that is served.
pub(crate) struct ServedTagger {
    pub info: ModelInfo,
    pub types: Vec<String>,
    pub calibration: Option<Calibration>,
    pub jobs: Sender<TagJob>,
}

/// A detector that is served.
pub(crate) struct ServedDetector {
    pub info: ModelInfo,
    /// Whether it has a generator that fills gaps.
    pub fills_gaps: bool,
    pub jobs: Sender<DetectJob>,
}

/// What all models share.
#[derive(Clone)]
pub(crate) struct Surroundings {
    pub compute: ServedCompute,
    pub admission: Arc<Admission>,
    pub measures: Measures,
    pub health: Arc<Health>,
}

impl Surroundings {
    fn thread(&self, name: &str) -> ModelThread {
        let Self { admission, measures, health, .. } = self.clone();
        ModelThread { name: name.to_owned(), admission, measures, health, connections: Handle::current() }
    }
}

/// Opens a folder. Its content may make the program fail; what is served then is served on.
fn opened<T>(source: &ModelSource, open: impl FnOnce() -> Result<T, ModelError>) -> Result<T, ModelError> {
    let open = || {
        faults::opening();
        open()
    };
    let panicked = |_| Err(ModelError::Panicked { path: source.path.clone() });
    catch_unwind(AssertUnwindSafe(open)).unwrap_or_else(panicked)
}

impl ServedTagger {
    /// Opens the folder and starts the thread, which ends when nobody has this any more and its jobs are done.
    pub(crate) fn open(
        source: &ModelSource,
        is_default: bool,
        surroundings: &Surroundings,
    ) -> Result<Self, ModelError> {
        opened(source, || Self::of_folder(source, is_default, surroundings))
    }

    fn of_folder(
        source: &ModelSource,
        is_default: bool,
        surroundings: &Surroundings,
    ) -> Result<Self, ModelError> {
        let folder = TaggerFolder::open(&source.path).map_err(OpenError::from)?;
        let tagger = TaggerBuilder::default()
            .device(surroundings.compute.device)
            .precision(surroundings.compute.precision)
            .open_folder(&folder)?;
        let types: Vec<String> = folder.labels.kinds().into_iter().map(str::to_owned).collect();
        let settings = folder.settings;
        let calibration = folder.calibration().cloned();
        let info = ModelInfo {
            name: source.name.clone(),
            is_default,
            version: version(&source.path)?,
            types: Some(types.clone()),
            fills_gaps: None,
            settings: Some(json!({
                "decoding": settings.decoding,
                "context": settings.context,
                "window": settings.window,
                "division": settings.division,
                "is_assumed": folder.is_assumed,
                "precision": surroundings.compute.precision,
            })),
            calibration: Some(match &calibration {
                Some(found) => {
                    let (entities, correct) = found.found_entities();
                    json!({
                        "is_calibrated": true,
                        "temperature": found.fit.temperature,
                        "data": found.data,
                        "found_entities": entities,
                        "correct_entities": correct,
                    })
                }
                None => json!({"is_calibrated": false, "temperature": 1.0}),
            }),
            scores: scores(&source.path),
            pretraining: folder.pretraining.and_then(|progress| serde_json::to_value(progress).ok()),
            card: card(&source.path),
        };
        drop(folder);
        let (jobs, receiver) = channel();
        let work = move |thread: &ModelThread| tagging::run(&tagger, &receiver, thread);
        surroundings.thread(&source.name).spawn("tagger", work).map_err(ModelError::Thread)?;
        Ok(Self { info, types, calibration, jobs })
    }
}

impl ServedDetector {
    /// As [`ServedTagger::open`].
    pub(crate) fn open(source: &ModelSource, surroundings: &Surroundings) -> Result<Self, ModelError> {
        opened(source, || Self::of_folder(source, surroundings))
    }

    fn of_folder(source: &ModelSource, surroundings: &Surroundings) -> Result<Self, ModelError> {
        let folder = ModelFolder::open(&source.path).map_err(DetectorError::from)?;
        let device = surroundings.compute.device.open().map_err(DetectorError::from)?;
        let filler = MaskFiller::of(&folder, device.clone()).map_err(DetectorError::from)?;
        let detector = Detector::new(&folder, device)?;
        drop(folder);
        let networks = Networks { detector, filler };
        let fills_gaps = networks.filler.is_some();
        let progress = RunProgress::read(&source.path);
        let info = ModelInfo {
            name: source.name.clone(),
            is_default: true,
            version: version(&source.path)?,
            types: None,
            fills_gaps: Some(fills_gaps),
            settings: None,
            calibration: None,
            scores: None,
            pretraining: progress.and_then(|progress| serde_json::to_value(progress).ok()),
            card: card(&source.path),
        };
        let (jobs, receiver) = channel();
        let work = move |thread: &ModelThread| detecting::run(&networks, &receiver, thread);
        surroundings.thread(&source.name).spawn("detector", work).map_err(ModelError::Thread)?;
        Ok(Self { info, fills_gaps, jobs })
    }
}

/// The first digits of the BLAKE3 of the weights in a folder, file by file in the order of their names.
fn version(folder: &Path) -> Result<String, ModelError> {
    let hash = || -> io::Result<String> {
        let mut files = Vec::new();
        for entry in folder.read_dir()? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "safetensors") {
                files.push(path);
            }
        }
        files.sort();
        let mut hasher = blake3::Hasher::new();
        for file in &files {
            hasher.update_reader(regular::open(file)?)?;
        }
        Ok(hasher.finalize().to_hex()[..VERSION].to_owned())
    };
    hash().map_err(|source| ModelError::Weights { path: folder.to_owned(), source })
}

/// The scores that fine-tuning wrote beside a tagger: a folder of transformers has none, and a file that is no
/// such thing is not shown.
fn scores(folder: &Path) -> Option<Value> {
    let bytes = regular::read(&folder.join(SCORES)).ok()?;
    let Value::Object(mut all) = serde_json::from_slice(&bytes).ok()? else { return None };
    let mut scores = serde_json::Map::new();
    for split in ["dev", "test"] {
        if let Some(found) = all.remove(split).filter(Value::is_object) {
            scores.insert(split.to_owned(), found);
        }
    }
    (!scores.is_empty()).then_some(Value::Object(scores))
}

fn card(folder: &Path) -> Option<String> {
    String::from_utf8(regular::read_at_most(&folder.join(CARD), MAX_CARD).ok()?).ok()
}
