//! Named entity recognition with a pretrained ELECTRA discriminator: fine-tuning, and tagging of text.
//!
//! A tagger is a folder that `electra finetune` or transformers wrote:
//!
//! ```
//! # mod small_tagger { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/small_tagger/mod.rs")); }
//! # let temporary = tempfile::tempdir()?;
//! # let folder = small_tagger::write(temporary.path())?;
//! use electra_ner::Tagger;
//!
//! let tagger = Tagger::open(folder)?;
//! for entity in tagger.tag("Angela Merkel visited Paris.")? {
//!     println!("{} {} {:.2}", entity.label, entity.text, entity.score);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | to | use |
//! |---|---|
//! | tag a text | [`Tagger`], [`TaggerBuilder`] |
//! | tag many texts at once, such as the requests of a service | [`TaggingSession`] |
//! | tag a stream of any length, in bounded memory | [`Predictor`] |
//! | tag sentences whose words are given | [`SentenceTagger`] |
//! | fine-tune, with one seed or several | [`Recipe`], [`finetune()`], [`finetune_seeds`] |
//! | judge labels by cross-validation | [`out_of_fold`] |
//! | read and write the folder of a tagger | [`TaggerFolder`] |
//! | work on the network itself | [`TokenClassifier`], [`Head`] |
//! | read annotated files, and score | the crate `electra-annotations` |
//!
//! | feature | backend |
//! |---|---|
//! | `flex` (default) | burn's maintained CPU backend, with the fused kernels |
//! | `ndarray` | its older CPU backend |
//! | `wgpu` | any GPU with Vulkan, Metal or WebGPU |
//! | `cuda` | NVIDIA GPUs |
//!
//! # What it never does
//!
//! It pretrains nothing, prints nothing, and opens no connection: no model is downloaded.

// Files are written by electra-files alone.
#![cfg_attr(not(test), warn(clippy::disallowed_methods))]
#![warn(unreachable_pub)]

mod bench;
mod calibration;
mod collapse_guard;
mod finetune;
mod folder_error;
mod folds;
mod head;
mod initial_tagger;
mod metrics;
mod model_card;
mod predict;
mod recipe;
mod report;
mod seeds;
mod tagger;
mod tagger_folder;
mod token_classifier;
mod window;

pub use electra_kernels::{DeviceError, DeviceName, Precision};
pub use electra_train::finetuning::ClassifierDropout;
pub use electra_train::layerwise_lr::{Freeze, LayerDecay};
pub use electra_train::{
    EpochEvent as Event, EpochMonitor as Monitor, EpochRecord, SilentMonitor, Stopped, stopped_by,
};

pub use bench::{BenchTask, TaggerBench, TaggerTimings, bench_tagger};
pub use calibration::{
    Calibration, CalibrationData, FittedTemperature, LeftOutEntities, MinScores, SplitCalibration,
    TypeThreshold,
};
pub use collapse_guard::remedy;
pub use electra_model::{WindowBatch, WindowBatchData};
pub use finetune::{
    Environment, EpochBatches, FINE_TUNING_VERSION, FinetuneError, Outcome, PREDICTIONS_DEV,
    PREDICTIONS_TEST, RunEnd, SCORES, Snapshot, Step, Steps, Targets, TrainBatch, check as check_finetuning,
    finetune, forecast as forecast_finetuning, load_snapshot, start_snapshot, tagger_of,
};
pub use folder_error::FolderError;
pub use folds::{FoldError, OutOfFold, out_of_fold};
pub use head::{
    Crf, Decision, DecodedSpan, Decoder, Decoding, FORBIDDEN, Head, HeadType, LabelledRows, LogLikelihood,
    WordLoss, WordLossKind,
};
pub use initial_tagger::{initial_tagger, least_memory, unused_head_note};
pub use metrics::{METRICS, TaggerMetrics};
pub use predict::{
    Documents, EntityJson, Lossy, Passages, PredictError, PredictSettings, PredictionSummary, Predictor,
    PredictorError, RecordPlace, SentenceTagger, SessionEvent, StepSize, TaggedCounts, TaggedEntity,
    TaggedSentence, TaggingSession, Tail, TextForm, WindowedSentences,
};
pub use recipe::{DEFAULT as DEFAULT_RECIPE, FREE_KEYS, RatesConfig, Recipe};
pub use report::{is_finetuning, render as render_report};
pub use seeds::{
    BEST, SUMMARY, SeedError, StoppedSeed, Summary as SeedSummary, finetune_seeds, seeds_folder,
};
pub use tagger::{Entity, OpenError, Tagger, TaggerBuilder};
pub use tagger_folder::{TaggerFolder, TaggerSettings};
pub use token_classifier::{TaggerShape, TokenClassifier};
pub use window::{
    Batch, BatchSettings, Context, MIN_WINDOW, ScoredWord, Window, WindowError, WindowSettings, batches, plan,
};
