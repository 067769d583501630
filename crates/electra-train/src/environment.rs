//! Environment of a run: where and with what it takes place.

use burn::prelude::*;
use electra_run::code::CodeVersions;
use electra_run::recipe::Resolved;
use electra_run::run_folder::RunIdentity;
use serde::Serialize;

use crate::encoder_init::Lineage;

/// The environment of a run: device, precision and threads; none of it decides the weights' meaning.
#[derive(Clone, Debug)]
pub struct Environment {
    /// The device, without autodiff.
    pub device: Device,
    /// The name of the device on the command line.
    pub device_name: String,
    /// The number of CPU threads.
    pub threads: usize,
    /// Name and version of the program.
    pub program_version: String,
}

impl Environment {
    /// Identity of a fine-tuning run here: that of its recipe but for `free_keys`, of the data with these hashes,
    /// of the model with this lineage, and of the code.
    #[must_use]
    pub fn identity<T: Serialize>(
        &self,
        recipe: &Resolved<T>,
        free_keys: &'static [&'static str],
        data: &[&str],
        lineage: &Lineage,
        code: CodeVersions,
    ) -> RunIdentity {
        RunIdentity {
            recipe_text: recipe.text.clone(),
            recipe_hash: recipe.hash_without(free_keys),
            free_keys,
            data_hash: blake3::hash(data.join(" ").as_bytes()).to_hex().to_string(),
            source_hashes: vec![],
            tokenizer_hash: lineage.tokenizer_hash.clone(),
            model_hash: Some(lineage.model_hash.clone()),
            code,
            program_version: self.program_version.clone(),
            device: self.device_name.clone(),
            threads: self.threads,
        }
    }
}
