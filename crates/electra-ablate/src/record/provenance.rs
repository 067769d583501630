//! Which run it is that a result, or the file of a failed run, is of.

use electra_run::code::CodeVersions;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::quantities::Quantities;
use crate::run::{Parameters, RunDescription, TokenizerIdentity};

/// Provenance of a run, finished or failed: its experiment, arm, seed, recipe, data and code.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// Name of the experiment.
    pub experiment: String,
    /// Name of the arm.
    pub arm: String,
    /// Seed of pretraining.
    pub seed: u64,
    /// Hash of recipe, data and versions of code.
    pub hash: String,
    /// The changes that the arm makes to the base recipe.
    pub differences: Map<String, Value>,
    /// Hash of the recipe without its seed. Older results do not say, nor what follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipe: Option<String>,
    /// Hash of the data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// The vocabulary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokenizer: Option<TokenizerIdentity>,
    /// Versions of the code that ran; those that are absent are 1.
    #[serde(default, skip_serializing_if = "CodeVersions::is_first")]
    pub code: CodeVersions,
    /// Quantities derived from the recipe, such as head width.
    #[serde(default, skip_serializing_if = "Quantities::is_empty")]
    pub quantities: Quantities,
    /// Optimizer steps that it takes.
    pub steps: u64,
    /// Tokens that it reads, padding counted.
    pub tokens: u64,
    /// Floating-point operations of training.
    pub flops: f64,
    /// The numbers of parameters.
    pub parameters: Parameters,
    /// Name and version of the program.
    pub program: String,
}

impl Provenance {
    /// The provenance of a run that its folder describes.
    #[must_use]
    pub fn new(origin: RunOrigin, run: RunDescription) -> Self {
        Self {
            experiment: origin.experiment,
            arm: origin.arm,
            seed: run.seed,
            hash: origin.hash,
            differences: origin.differences,
            recipe: origin.recipe,
            data: run.data,
            tokenizer: run.tokenizer,
            code: run.code,
            quantities: origin.quantities,
            steps: run.steps,
            tokens: run.tokens,
            flops: run.flops,
            parameters: run.parameters,
            program: run.program,
        }
    }
}

/// Experiment and arm that a run belongs to, with the hashes that say so.
#[derive(Clone, Debug)]
pub struct RunOrigin {
    /// Name of the experiment.
    pub experiment: String,
    /// Name of the arm.
    pub arm: String,
    /// The changes that the arm makes to the base recipe.
    pub differences: Map<String, Value>,
    /// Hash of recipe, data and versions of code.
    pub hash: String,
    /// Hash of the recipe without its seed.
    pub recipe: Option<String>,
    /// Quantities derived from the recipe, such as head width.
    pub quantities: Quantities,
}

/// The first digits of a hash.
#[must_use]
pub fn short(hash: &str) -> String {
    hash.get(..12).unwrap_or(hash).to_owned()
}
