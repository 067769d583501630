//! Foreign names: the layout in which transformers saves ELECTRA.
//!
//! Two differences from ours: names, and dense weights, which PyTorch keeps as
//! `[outputs, inputs]`. A transformers folder holds one network; its generator carries a copy of
//! the shared tables, and its output matrix is tied and therefore not stored.

mod class;
mod error;
mod network;
mod sizes;
mod stored;

use std::collections::BTreeMap;

use burn::tensor::{DType, TensorData};
use serde_json::Value;

use crate::architecture::{Architecture, HeadKind, discriminator_tensors, generator_tensors};
use crate::config::{ModelConfig, TieMode};
use crate::electra::Electra;
use crate::parameters::{NamedTensors, collect};

pub use class::{architecture, class_of};
pub use error::HfError;
pub use network::HfNetwork;
pub use sizes::{HfDropout, classifier_config, config_json, import_config};
pub use stored::Stored;
use stored::transpose;

/// The content of a transformers folder beside the tokenizer.
#[derive(Clone, Debug)]
pub struct HfModel {
    /// Content of `config.json`.
    pub config: Value,
    /// Content of `model.safetensors`, transformers' names and layout.
    pub tensors: NamedTensors,
}

/// Our module names beside those of transformers, within one network.
const NAMES: &[(&str, &str)] = &[
    ("embeddings.word", "electra.embeddings.word_embeddings.weight"),
    ("embeddings.position", "electra.embeddings.position_embeddings.weight"),
    ("embeddings.token_type", "electra.embeddings.token_type_embeddings.weight"),
    ("embeddings.norm", "electra.embeddings.LayerNorm"),
    ("project", "electra.embeddings_project"),
    ("attention.query", "attention.self.query"),
    ("attention.key", "attention.self.key"),
    ("attention.value", "attention.self.value"),
    ("attention.output", "attention.output.dense"),
    ("attention.norm", "attention.output.LayerNorm"),
    ("feed_forward.intermediate", "intermediate.dense"),
    ("feed_forward.output", "output.dense"),
    ("feed_forward.norm", "output.LayerNorm"),
];
const DISCRIMINATOR_HEAD: &[(&str, &str)] = &[
    ("head.dense", "discriminator_predictions.dense"),
    ("head.output", "discriminator_predictions.dense_prediction"),
];
const GENERATOR_HEAD: &[(&str, &str)] = &[
    ("head.dense", "generator_predictions.dense"),
    ("head.norm", "generator_predictions.LayerNorm"),
    ("head.output_bias", "generator_lm_head.bias"),
];
const TAGGER_HEAD: &[(&str, &str)] = &[("classifier", "classifier")];

/// The prefix of the names of the encoder's tensors, except where it was saved alone (`ElectraModel`).
const ENCODER: &str = "electra.";

/// transformers' name of our parameter, given its path below the network.
pub fn hf_name(path: &str, network: HfNetwork) -> Option<String> {
    if let Some((_, foreign)) = modules(network).find(|(ours, _)| *ours == path) {
        return Some(foreign.to_string());
    }
    let (module, leaf) = path.rsplit_once('.')?;
    let leaf = match leaf {
        "gamma" => "weight",
        "beta" => "bias",
        "weight" | "bias" => leaf,
        _ => return None,
    };
    let (prefix, module) = match module.strip_prefix("encoder.layers.") {
        Some(rest) => {
            let (layer, module) = rest.split_once('.')?;
            (format!("electra.encoder.layer.{layer}."), module)
        }
        None => (String::new(), module),
    };
    let (_, foreign) = modules(network).find(|(ours, _)| *ours == module)?;
    Some(format!("{prefix}{foreign}.{leaf}"))
}

/// Our path below the network for a name of transformers, also in the spelling of checkpoints
/// converted from TensorFlow (`gamma`, `beta`).
pub fn our_name(name: &str, network: HfNetwork) -> Option<String> {
    if let Some((ours, _)) = modules(network).find(|(_, foreign)| *foreign == name) {
        return Some(ours.to_string());
    }
    let (module, leaf) = name.rsplit_once('.')?;
    let (prefix, module) = match module.strip_prefix("electra.encoder.layer.") {
        Some(rest) => {
            let (layer, module) = rest.split_once('.')?;
            (format!("encoder.layers.{layer}."), module)
        }
        None => (String::new(), module),
    };
    let (ours, _) = modules(network).find(|(_, foreign)| *foreign == module)?;
    let norm = ours.ends_with("norm");
    let leaf = match leaf {
        "weight" | "gamma" if norm => "gamma",
        "bias" | "beta" if norm => "beta",
        "weight" | "bias" => leaf,
        _ => return None,
    };
    Some(format!("{prefix}{ours}.{leaf}"))
}

fn modules(network: HfNetwork) -> impl Iterator<Item = &'static (&'static str, &'static str)> {
    let head = match network {
        HfNetwork::Discriminator => DISCRIMINATOR_HEAD,
        HfNetwork::Generator => GENERATOR_HEAD,
        HfNetwork::Tagger => TAGGER_HEAD,
    };
    NAMES.iter().chain(head)
}

/// Whether the parameter is a dense weight, which PyTorch keeps transposed.
fn is_dense_weight(our_path: &str) -> bool {
    our_path.ends_with(".weight")
}

/// A network of pretraining in transformers' names and layout. What it shares is written into it.
///
/// A discriminator that learned to predict tokens instead of detecting replaced ones becomes an
/// `ElectraForMaskedLM` of its size, without the gate of All-Tokens MLM, for which transformers has
/// no place; neither has it one for a generator's prediction of its reward.
///
/// # Panics
/// If `network` is the tagger, which no [`Electra`] has.
pub fn export(model: &Electra, config: &ModelConfig, dropout: HfDropout, network: HfNetwork) -> HfModel {
    let tensors = collect(model);
    let predicts = Architecture::of(&tensors).head != HeadKind::ReplacedToken;
    let discriminator = discriminator_tensors(tensors.clone(), config);
    let (sizes, embedding_size, layout, mut ours) = match network {
        HfNetwork::Discriminator if predicts => {
            let renamed = |(path, data): (String, TensorData)| match path.strip_prefix("masked_lm.") {
                Some(rest) => (format!("head.{rest}"), data),
                None => (path, data),
            };
            let ours = discriminator.into_iter().map(renamed).collect();
            (config.discriminator(), config.embedding_size, HfNetwork::Generator, ours)
        }
        HfNetwork::Discriminator => {
            (config.discriminator(), config.embedding_size, HfNetwork::Discriminator, discriminator)
        }
        HfNetwork::Generator => {
            let ours = generator_tensors(tensors, config);
            let (sizes, embedding_size) = (config.generator(), config.generator_embedding_size());
            (sizes, embedding_size, HfNetwork::Generator, ours)
        }
        HfNetwork::Tagger => panic!("pretraining has no tagger to export"),
    };
    ours.retain(|path, _| !path.starts_with("copy.") && !path.starts_with("baseline."));
    HfModel {
        config: config_json(config, &sizes, embedding_size, dropout, layout.architecture()),
        tensors: export_tensors(ours, layout),
    }
}

/// transformers' names and layout for the parameters of one network.
///
/// # Panics
/// On a parameter that the network does not have.
pub fn export_tensors(ours: NamedTensors, network: HfNetwork) -> NamedTensors {
    let foreign = |(path, data): (String, TensorData)| {
        let name = hf_name(&path, network).unwrap_or_else(|| panic!("no foreign name for {path}"));
        (name, if is_dense_weight(&path) { transpose(&data) } else { data })
    };
    ours.into_iter().map(foreign).collect()
}

/// Our names and layout for the tensors of a transformers folder, or for their headers.
///
/// # Errors
/// The tensors of another class, a tensor whose name belongs to no ELECTRA network of this kind, or
/// a generator whose output matrix is not its word table.
pub fn import<T: Stored>(
    tensors: BTreeMap<String, T>,
    network: HfNetwork,
) -> Result<BTreeMap<String, T>, HfError> {
    match class_of(&tensors) {
        Some(found) if found != network.architecture() => Err(HfError::Class { found, expected: network }),
        _ => rename(tensors, network),
    }
}

/// Whether a tensor of this name says nothing that others do not say: a tied copy of the word table, and a constant
/// that old versions stored.
pub fn is_redundant(name: &str) -> bool {
    name == "generator_lm_head.weight" || name.ends_with("position_ids")
}

fn rename<T: Stored>(
    tensors: BTreeMap<String, T>,
    network: HfNetwork,
) -> Result<BTreeMap<String, T>, HfError> {
    let table = tensors.get("electra.embeddings.word_embeddings.weight");
    if tensors.get("generator_lm_head.weight").is_some_and(|output| Some(output) != table) {
        return Err(HfError::UntiedOutput);
    }
    let mut ours = BTreeMap::new();
    for (name, tensor) in tensors {
        if is_redundant(&name) {
            continue;
        }
        let path = our_name(&name, network).ok_or_else(|| HfError::UnexpectedTensor(name.clone()))?;
        if tensor.dtype() != DType::F32 {
            return Err(HfError::Type { name, found: format!("{:?}", tensor.dtype()) });
        }
        let tensor = if is_dense_weight(&path) {
            let [rows, columns] = tensor.shape()[..] else {
                return Err(HfError::Shape { name, shape: tensor.shape() });
            };
            tensor.transposed(rows, columns)
        } else {
            tensor
        };
        if ours.insert(path.clone(), tensor).is_some() {
            return Err(HfError::Twice(path));
        }
    }
    Ok(ours)
}

/// Our names and layout for the encoder of a transformers folder, embeddings included, whatever
/// stands on top of it: `ElectraModel` alone, or any `ElectraFor…` but the generator.
///
/// # Errors
/// A generator, or a tensor whose name no encoder of ELECTRA has.
pub fn import_encoder<T: Stored>(tensors: BTreeMap<String, T>) -> Result<BTreeMap<String, T>, HfError> {
    if let Some(name) = tensors.keys().find(|name| name.starts_with("generator_")) {
        return Err(HfError::Generator(name.clone()));
    }
    let is_below_head = tensors.keys().any(|name| name.starts_with(ENCODER));
    let encoder = tensors.into_iter().filter(|(name, _)| !is_below_head || name.starts_with(ENCODER));
    let named =
        |(name, tensor)| if is_below_head { (name, tensor) } else { (format!("{ENCODER}{name}"), tensor) };
    rename(encoder.map(named).collect(), HfNetwork::Tagger)
}

/// Both imported networks as one model of sizes `config`, which learns whether they share their
/// tables: they do if all tables of the two folders are equal.
///
/// # Errors
/// Tables of the generator's own that are not as wide as its encoder.
pub fn join(
    discriminator: NamedTensors,
    generator: NamedTensors,
    config: &mut ModelConfig,
) -> Result<NamedTensors, HfError> {
    let is_table = |path: &str| path.starts_with("embeddings.");
    let is_shared =
        |(path, data): (&String, &TensorData)| !is_table(path) || discriminator.get(path) == Some(data);
    let shared = generator.iter().all(is_shared);
    config.generator.tie = if shared { TieMode::Embeddings } else { TieMode::None };
    if !shared {
        let found = generator.get("embeddings.word").and_then(|data| data.shape().last().copied());
        let (found, expected) = (found.unwrap_or(0), config.generator().hidden_size);
        if found != expected {
            return Err(HfError::OwnTables { found, expected });
        }
    }
    let own = generator.into_iter().filter(|(path, _)| !(shared && is_table(path)));
    let own = own.map(|(path, data)| (format!("generator.{path}"), data));
    let kept = discriminator.into_iter().map(|(path, data)| (format!("discriminator.{path}"), data));
    Ok(kept.chain(own).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_there_and_back() {
        for network in [HfNetwork::Discriminator, HfNetwork::Generator, HfNetwork::Tagger] {
            for path in [
                "embeddings.word",
                "embeddings.norm.gamma",
                "project.weight",
                "encoder.layers.11.attention.query.weight",
                "encoder.layers.3.attention.output.bias",
                "encoder.layers.3.attention.norm.beta",
                "encoder.layers.0.feed_forward.intermediate.weight",
                "encoder.layers.0.feed_forward.norm.gamma",
            ] {
                let name = hf_name(path, network).unwrap();
                assert_eq!(our_name(&name, network).as_deref(), Some(path), "{name}");
            }
        }
        for (network, path) in [
            (HfNetwork::Discriminator, "head.dense.weight"),
            (HfNetwork::Generator, "head.norm.gamma"),
            (HfNetwork::Tagger, "classifier.bias"),
        ] {
            let name = hf_name(path, network).unwrap();
            assert_eq!(our_name(&name, network).as_deref(), Some(path), "{name}");
        }
        let tf = "electra.encoder.layer.0.output.LayerNorm.gamma";
        assert_eq!(our_name(tf, HfNetwork::Generator).unwrap(), "encoder.layers.0.feed_forward.norm.gamma");
        assert_eq!(our_name("classifier.weight", HfNetwork::Generator), None);
    }

    #[test]
    fn transposing_twice_changes_nothing() {
        let data = TensorData::new(vec![1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0], [2, 3]);
        let t = transpose(&data);
        assert_eq!(t.as_slice::<f32>().unwrap(), &[1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
        assert_eq!(transpose(&t), data);
    }
}
