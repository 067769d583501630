//! Names of the files that training writes and reads: each stands here once.
//!
//! ```text
//! RUN/model.json           sizes of the networks (pretraining)
//!     init.json            where its first weights came from (pretraining that began with some)
//!     config.json          sizes as transformers writes them (taggers, published models)
//!     model.safetensors    weights
//!     average/             a model of its own: the average of the weights, if the run keeps one (pretraining)
//!     checkpoints/STEP/{model.safetensors, optimizer.safetensors, average.safetensors, state.json}
//! ```
//!
//! Names of what every run folder has (`recipe.toml`, `run.json`, `metrics.jsonl`) are in
//! [`electra_run::run_folder`].

/// Weights, in a checkpoint as well as at the end of a run.
pub const WEIGHTS: &str = "model.safetensors";
/// Moments of the optimizer, in a checkpoint.
pub const OPTIMIZER: &str = "optimizer.safetensors";
/// The moving average of the weights, in a checkpoint of a run that keeps one.
pub const AVERAGE: &str = "average.safetensors";
/// The folder of a finished run that has the average of its weights as a model.
pub const AVERAGE_FOLDER: &str = "average";
/// Progress of the run, in a checkpoint.
pub const STATE: &str = "state.json";
/// Sizes of generator and discriminator, as in a recipe's `[model]`: the mark of a pretraining run and of an
/// imported model.
pub const MODEL_CONFIG: &str = "model.json";
/// Sizes of one network as transformers writes them: the mark of a transformers folder and of a tagger.
pub const HF_CONFIG: &str = "config.json";
/// Settings of a tagger that transformers has no place for: the mark of a tagger.
pub const TAGGER_SETTINGS: &str = "tagger.json";
/// Temperature and thresholds of a tagger's scores.
pub const CALIBRATION: &str = "calibration.json";
/// The weights that a pretraining began with, tensor by tensor; beside imported weights their ancestors alone.
pub const INIT: &str = "init.json";
/// Folder of the tokenizer's files in a run.
pub const TOKENIZER: &str = "tokenizer";
