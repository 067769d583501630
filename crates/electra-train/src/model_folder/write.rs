//! Writing of the folder of a network that was fine-tuned, as transformers reads it.

use std::path::Path;

use electra_files::staged::{self, StagedError};
use electra_model::hf::{self, HfNetwork};
use electra_model::parameters::{NamedTensors, to_safetensors};
use electra_text::Tokenizer;
use serde_json::Value;

use crate::layout::{HF_CONFIG, WEIGHTS};

/// Writes a network with its tokenizer and what transformers lacks (`extra`, files by name) into the folder at `path`,
/// which is created if need be; other files stay. Nothing has its name before all is on the disk, and `config.json`,
/// without which it is no model, comes last, so that a folder that was cut short is not taken for a whole one.
///
/// # Errors
/// A file that cannot be written.
///
/// # Panics
/// On a parameter that the network does not have.
pub fn write_network(
    path: &Path,
    network: HfNetwork,
    parameters: NamedTensors,
    tokenizer: &Tokenizer,
    extra: Vec<(&'static str, Vec<u8>)>,
    config: &Value,
) -> Result<(), StagedError> {
    let positions = config["max_position_embeddings"].as_u64().unwrap_or_default() as usize;
    let weights = hf::export_tensors(parameters, network);
    let config = serde_json::to_string_pretty(config).expect("a configuration is JSON") + "\n";
    let of_tokenizer = tokenizer.files(positions).into_iter().map(|(name, text)| (name, text.into_bytes()));
    let mut files: Vec<(&str, Vec<u8>)> = of_tokenizer.collect();
    files.push((WEIGHTS, to_safetensors(&weights, Some(("format", "pt")))));
    files.extend(extra);
    files.push((HF_CONFIG, config.into_bytes()));
    let files: Vec<(&str, &[u8])> = files.iter().map(|(name, bytes)| (*name, bytes.as_slice())).collect();
    staged::write_files(path, &files)
}
