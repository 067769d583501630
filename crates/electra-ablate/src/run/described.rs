//! Description of a run, finished or failed, as its folder has it.

use electra_run::code::CodeVersions;
use serde::{Deserialize, Serialize};

/// Description of a run, finished or failed.
#[derive(Clone, Debug, PartialEq)]
pub struct RunDescription {
    /// Name of its recipe.
    pub name: String,
    /// The seed of the run.
    pub seed: u64,
    /// The recipe, as it is in the folder.
    pub recipe: toml::Table,
    /// Optimizer steps.
    pub steps: u64,
    /// Tokens read, padding counted.
    pub tokens: u64,
    /// Floating-point operations of training.
    pub flops: f64,
    /// The numbers of parameters.
    pub parameters: Parameters,
    /// Hash of the data; none where the folder does not say.
    pub data: Option<String>,
    /// The vocabulary; none where the folder does not say.
    pub tokenizer: Option<TokenizerIdentity>,
    /// Hash of the weights that it began with; none where it began with nothing learned.
    pub initial_weights: Option<String>,
    /// Versions of the code that ran.
    pub code: CodeVersions,
    /// Name and version of the program.
    pub program: String,
}

/// The identity of a vocabulary.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenizerIdentity {
    /// Hash of its pieces and settings.
    pub hash: String,
    /// Word pieces that the networks know.
    pub vocab_size: u64,
}

/// Unique parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parameters {
    /// The parameters of the discriminator.
    pub discriminator: u64,
    /// The parameters that the generator adds.
    pub generator: u64,
    /// The parameters of both networks.
    pub total: u64,
}
