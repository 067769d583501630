//! Sizes of a network in a `config.json` of transformers, there and back.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::error::HfError;
use super::network::HfNetwork;
use crate::config::{
    EncoderConfig, GeneratorConfig, LAYER_NORM_EPS, ModelConfig, OutputBias, PositionStart, TieMode,
};

/// Dropout rates that the exported configuration states for fine-tuning.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HfDropout {
    /// `hidden_dropout_prob`
    pub hidden: f64,
    /// `attention_probs_dropout_prob`
    pub attention: f64,
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

/// Content of `config.json` for a discriminator's encoder with a classifier of these labels: dropout of the encoder
/// and, as the last number, before the classifier.
pub fn classifier_config(
    config: &ModelConfig,
    network: HfNetwork,
    (dropout, classifier): (HfDropout, f64),
    labels: &[String],
    pad: u32,
) -> Value {
    let (sizes, embedding_size) = (config.discriminator(), config.embedding_size);
    let mut json = config_json(config, &sizes, embedding_size, dropout, network.architecture());
    let numbered = || labels.iter().enumerate();
    let by_number = numbered().map(|(number, label)| (number.to_string(), label.as_str().into()));
    let by_name: BTreeMap<&String, usize> = numbered().map(|(number, label)| (label, number)).collect();
    json["classifier_dropout"] = classifier.into();
    json["id2label"] = Value::Object(by_number.collect());
    json["label2id"] =
        Value::Object(by_name.into_iter().map(|(name, at)| (name.clone(), at.into())).collect());
    json["pad_token_id"] = pad.into();
    json
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
        let found = table.get(key).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
        found.ok_or_else(|| HfError::Setting {
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
    // Other values change the numbers without changing a tensor's name or shape.
    expect("position_embedding_type", &json!("absolute"))?;
    expect("is_decoder", &json!(false))?;
    let hidden_size = size(table, "hidden_size")?;
    let mut generator_config = GeneratorConfig {
        tie: TieMode::Embeddings,
        width: None,
        hidden_size: None,
        depth: None,
        num_hidden_layers: None,
        num_attention_heads: None,
        intermediate_size: None,
        position_distances: None,
        output_bias: OutputBias::Zeros,
        residual_start: None,
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
        position_distances: None,
        generator: generator_config,
    })
}

fn same(found: &Value, expected: &Value) -> bool {
    match (found.as_f64(), expected.as_f64()) {
        (Some(a), Some(b)) => a == b,
        _ => found == expected,
    }
}
