//! Foreign names: the layout in which transformers saves ELECTRA.
//!
//! Two differences from ours: names, and dense weights, which PyTorch keeps as
//! `[outputs, inputs]`. A transformers folder holds one network; its generator carries a copy of
//! the shared tables, and its output matrix is tied and therefore not stored.

use burn::tensor::TensorData;
use serde_json::{Map, Value, json};
use thiserror::Error;

use crate::config::{
    EncoderConfig, GeneratorConfig, LAYER_NORM_EPS, ModelConfig, OutputBias, PositionStart, TieMode,
};
use crate::electra::Electra;
use crate::parameters::{NamedTensors, collect};

/// Which network a transformers folder holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HfNetwork {
    /// `ElectraForPreTraining`
    Discriminator,
    /// `ElectraForMaskedLM`
    Generator,
}

/// What goes into a transformers folder beside the tokenizer.
#[derive(Clone, Debug)]
pub struct HfModel {
    /// Content of `config.json`.
    pub config: Value,
    /// Content of `model.safetensors`, transformers' names and layout.
    pub tensors: NamedTensors,
}

/// Dropout rates that the exported configuration states for fine-tuning.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HfDropout {
    /// `hidden_dropout_prob`
    pub hidden: f64,
    /// `attention_probs_dropout_prob`
    pub attention: f64,
}

/// A transformers folder that is not an ELECTRA network as we know it.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum HfError {
    /// A setting that our networks do not have.
    #[error("config.json: `{key}` is {found}, expected {expected}")]
    Setting {
        /// Key of `config.json`.
        key: &'static str,
        /// Its value.
        found: String,
        /// What can be read.
        expected: String,
    },
    /// A tensor with a name that no ELECTRA network has.
    #[error("model.safetensors: unexpected tensor `{0}`")]
    UnexpectedTensor(String),
    /// A tensor of the wrong rank for its name.
    #[error("model.safetensors: tensor `{name}` has shape {shape:?}, expected a matrix")]
    Shape {
        /// Name of the tensor.
        name: String,
        /// Shape found.
        shape: Vec<usize>,
    },
    /// A generator that does not write with the table it reads with.
    #[error(
        "model.safetensors: `generator_lm_head.weight` differs from the word embeddings, expected a \
         generator whose output matrix is its word table"
    )]
    UntiedOutput,
    /// A generator with tables of its own that our networks cannot have.
    #[error(
        "the generator has tables of its own, {found} wide, expected its width {expected}, or the \
         discriminator's tables"
    )]
    OwnTables {
        /// Width of the generator's word table.
        found: usize,
        /// Width of its encoder.
        expected: usize,
    },
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
    };
    NAMES.iter().chain(head)
}

/// Whether the parameter is a dense weight, which PyTorch keeps transposed.
fn is_dense_weight(our_path: &str) -> bool {
    our_path.ends_with(".weight")
}

/// One network of `model` as transformers would save it.
pub fn export(model: &Electra, config: &ModelConfig, dropout: HfDropout, network: HfNetwork) -> HfModel {
    let mut tensors = NamedTensors::new();
    let mut put = |path: &str, data: TensorData| {
        let name = hf_name(path, network).unwrap_or_else(|| panic!("no foreign name for {path}"));
        tensors.insert(name, if is_dense_weight(path) { transpose(&data) } else { data });
    };
    let discriminator = collect(&model.discriminator);
    let (sizes, embedding_size, architecture) = match network {
        HfNetwork::Discriminator => {
            discriminator.into_iter().for_each(|(path, data)| put(&path, data));
            (config.discriminator(), config.embedding_size, "ElectraForPreTraining")
        }
        HfNetwork::Generator => {
            // What the generator lacks it shares: tables always, the encoder when all is tied.
            let borrowed = |path: &str| match config.generator.tie {
                TieMode::Embeddings => path.starts_with("embeddings."),
                TieMode::All => !path.starts_with("head."),
                TieMode::None => false,
            };
            discriminator
                .into_iter()
                .filter(|(path, _)| borrowed(path))
                .for_each(|(path, data)| put(&path, data));
            collect(&model.generator).into_iter().for_each(|(path, data)| put(&path, data));
            (config.generator(), config.generator_embedding_size(), "ElectraForMaskedLM")
        }
    };
    HfModel { config: config_json(config, &sizes, embedding_size, dropout, architecture), tensors }
}

/// Content of `config.json` for one network.
pub fn config_json(
    config: &ModelConfig,
    sizes: &EncoderConfig,
    embedding_size: usize,
    dropout: HfDropout,
    architecture: &str,
) -> Value {
    json!({
        "architectures": [architecture],
        "attention_probs_dropout_prob": dropout.attention,
        "classifier_dropout": null,
        "dtype": "float32",
        "embedding_size": embedding_size,
        "hidden_act": "gelu",
        "hidden_dropout_prob": dropout.hidden,
        "hidden_size": sizes.hidden_size,
        "initializer_range": config.initializer_range,
        "intermediate_size": sizes.intermediate_size,
        "layer_norm_eps": LAYER_NORM_EPS,
        "max_position_embeddings": config.max_position_embeddings,
        "model_type": "electra",
        "num_attention_heads": sizes.num_attention_heads,
        "num_hidden_layers": sizes.num_hidden_layers,
        "pad_token_id": 0,
        "summary_activation": "gelu",
        "summary_last_dropout": 0.1,
        "summary_type": "first",
        "summary_use_proj": true,
        "tie_word_embeddings": true,
        "type_vocab_size": config.type_vocab_size,
        "vocab_size": config.vocab_size,
    })
}

/// Our names and layout for the tensors of a transformers folder.
///
/// # Errors
/// A tensor whose name belongs to no ELECTRA network of this kind, or a generator whose output
/// matrix is not its word table.
pub fn import(tensors: NamedTensors, network: HfNetwork) -> Result<NamedTensors, HfError> {
    let table = tensors.get("electra.embeddings.word_embeddings.weight");
    if tensors.get("generator_lm_head.weight").is_some_and(|output| Some(output) != table) {
        return Err(HfError::UntiedOutput);
    }
    let mut ours = NamedTensors::new();
    for (name, data) in tensors {
        // A tied copy of the word table, and a constant that old versions stored.
        if name == "generator_lm_head.weight" || name.ends_with("position_ids") {
            continue;
        }
        let path = our_name(&name, network).ok_or_else(|| HfError::UnexpectedTensor(name.clone()))?;
        let data = if is_dense_weight(&path) {
            if data.shape().len() != 2 {
                return Err(HfError::Shape { name, shape: data.shape().to_vec() });
            }
            transpose(&data)
        } else {
            data
        };
        ours.insert(path, data);
    }
    Ok(ours)
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

/// Sizes from a `config.json`, for a model whose generator is `generator` (or, when no generator
/// is at hand, as large as a quarter of the network).
///
/// # Errors
/// A missing key, or a setting that our networks do not have.
pub fn import_config(config: &Value, generator: Option<&Value>) -> Result<ModelConfig, HfError> {
    let empty = Map::new();
    let table = config.as_object().unwrap_or(&empty);
    let size = |table: &Map<String, Value>, key: &'static str| {
        table.get(key).and_then(Value::as_u64).map(|n| n as usize).ok_or_else(|| HfError::Setting {
            key,
            found: table.get(key).map_or("missing".into(), Value::to_string),
            expected: "a positive integer".into(),
        })
    };
    let expect = |key: &'static str, expected: &Value| match table.get(key) {
        Some(found) if !same(found, expected) => {
            Err(HfError::Setting { key, found: found.to_string(), expected: expected.to_string() })
        }
        _ => Ok(()),
    };
    expect("model_type", &json!("electra"))?;
    expect("hidden_act", &json!("gelu"))?;
    expect("layer_norm_eps", &json!(LAYER_NORM_EPS))?;
    let hidden_size = size(table, "hidden_size")?;
    let mut generator_config = GeneratorConfig {
        tie: TieMode::Embeddings,
        width: None,
        hidden_size: None,
        depth: None,
        num_hidden_layers: None,
        num_attention_heads: None,
        intermediate_size: None,
        output_bias: OutputBias::Zeros,
    };
    match generator.and_then(Value::as_object) {
        Some(g) => {
            generator_config.hidden_size = Some(size(g, "hidden_size")?);
            generator_config.num_hidden_layers = Some(size(g, "num_hidden_layers")?);
            generator_config.num_attention_heads = Some(size(g, "num_attention_heads")?);
            generator_config.intermediate_size = Some(size(g, "intermediate_size")?);
        }
        None => {
            generator_config.hidden_size = Some((hidden_size / 4).max(1));
            generator_config.depth = Some(1.0);
            generator_config.num_attention_heads = Some(1);
        }
    }
    Ok(ModelConfig {
        vocab_size: size(table, "vocab_size")?,
        embedding_size: size(table, "embedding_size")?,
        max_position_embeddings: size(table, "max_position_embeddings")?,
        type_vocab_size: size(table, "type_vocab_size")?,
        hidden_size,
        num_hidden_layers: size(table, "num_hidden_layers")?,
        num_attention_heads: size(table, "num_attention_heads")?,
        intermediate_size: size(table, "intermediate_size")?,
        initializer_range: table.get("initializer_range").and_then(Value::as_f64).unwrap_or(0.02),
        kernel_gain: None,
        position_start: PositionStart::Random,
        generator: generator_config,
    })
}

fn same(found: &Value, expected: &Value) -> bool {
    match (found.as_f64(), expected.as_f64()) {
        (Some(a), Some(b)) => a == b,
        _ => found == expected,
    }
}

fn transpose(data: &TensorData) -> TensorData {
    let (rows, columns) = (data.shape()[0], data.shape()[1]);
    let values = data.as_slice::<f32>().expect("parameters are collected as 32-bit floats");
    let mut out = vec![0.0; values.len()];
    for r in 0..rows {
        for c in 0..columns {
            out[c * rows + r] = values[r * columns + c];
        }
    }
    TensorData::new(out, [columns, rows])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_there_and_back() {
        for network in [HfNetwork::Discriminator, HfNetwork::Generator] {
            for path in [
                "embeddings.word",
                "embeddings.norm.gamma",
                "project.weight",
                "encoder.layers.11.attention.query.weight",
                "encoder.layers.3.attention.output.bias",
                "encoder.layers.3.attention.norm.beta",
                "encoder.layers.0.feed_forward.intermediate.weight",
                "encoder.layers.0.feed_forward.norm.gamma",
                "head.dense.weight",
            ] {
                let name = hf_name(path, network).unwrap();
                assert_eq!(our_name(&name, network).as_deref(), Some(path), "{name}");
            }
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
