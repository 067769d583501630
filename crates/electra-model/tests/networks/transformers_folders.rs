//! Folders of transformers: what came in goes out again, and what went out comes in again.

use burn::prelude::*;
use electra_model::hf::{self, HfDropout, HfError, HfModel, HfNetwork};
use electra_model::parameters::{NamedTensors, collect, from_safetensors, load, to_safetensors};
use electra_model::{BatchData, DropoutSites, Electra, ModelConfig, TieMode};
use miette::Diagnostic;
use serde_json::Value;

use crate::golden::{fixture, json};
use crate::tiny;

const NO_DROPOUT: HfDropout = HfDropout { hidden: 0.0, attention: 0.0 };

/// A folder that transformers saved.
fn saved(folder: &str) -> HfModel {
    let bytes = std::fs::read(fixture(folder).join("model.safetensors")).unwrap();
    HfModel { config: json(&format!("{folder}/config.json")), tensors: from_safetensors(&bytes).unwrap() }
}

/// An exported network after its way through the files.
fn written_and_read(model: &HfModel) -> HfModel {
    let bytes = to_safetensors(&model.tensors, Some(("format", "pt")));
    HfModel {
        config: serde_json::from_str(&model.config.to_string()).unwrap(),
        tensors: from_safetensors(&bytes).unwrap(),
    }
}

/// Networks with the imported weights of one network, and initial weights elsewhere. The tables
/// of a generator go where its tables are, into the discriminator.
fn import(model: &HfModel, config: &ModelConfig, network: HfNetwork, device: &Device) -> Electra {
    let start = Electra::init(config, 3, device);
    let mut tensors = collect(&start);
    for (path, data) in hf::import(model.tensors.clone(), network).unwrap() {
        let owner = match network {
            HfNetwork::Generator if !path.starts_with("embeddings.") => "generator",
            _ => "discriminator",
        };
        let path = format!("{owner}.{path}");
        assert!(tensors.insert(path.clone(), data).is_some(), "the networks have no {path}");
    }
    load(start, tensors).unwrap()
}

fn assert_same_tensors(found: &NamedTensors, expected: &NamedTensors) {
    assert!(found.keys().eq(expected.keys()), "{:?} and {:?}", found.keys(), expected.keys());
    for (name, data) in found {
        assert_eq!(data.shape(), expected[name].shape(), "{name}");
        assert_eq!(data.as_bytes(), expected[name].as_bytes(), "{name}");
    }
}

#[test]
fn folders_of_transformers_come_out_as_they_went_in() {
    let discriminator = saved("hf_tiny_discriminator");
    let generator = saved("hf_tiny_generator");
    let config = hf::import_config(&discriminator.config, Some(&generator.config)).unwrap();
    for (folder, network) in [(discriminator, HfNetwork::Discriminator), (generator, HfNetwork::Generator)] {
        let model = import(&folder, &config, network, &Device::flex());
        let exported = written_and_read(&hf::export(&model, &config, NO_DROPOUT, network));
        assert_same_tensors(&exported.tensors, &folder.tensors);
        for (key, value) in exported.config.as_object().unwrap() {
            assert_eq!(folder.config.get(key), Some(value), "{key}");
        }
    }
}

/// Logits of the discriminator on the original ids.
fn discriminator_logits(model: &Electra, batch: &BatchData, device: &Device) -> Vec<f32> {
    let batch = batch.to_device(device);
    let off = DropoutSites::off();
    let logits = model.discriminator.forward(batch.ids, batch.token_type_ids, batch.attention_mask, &off);
    logits.into_data().try_to_vec().unwrap()
}

/// Logits of the generator at the masked positions.
fn generator_logits(model: &Electra, batch: &BatchData, device: &Device) -> Vec<f32> {
    let batch = batch.to_device(device);
    let off = DropoutSites::off();
    let logits = model.generator_logits(
        batch.masked_ids,
        batch.token_type_ids,
        batch.attention_mask,
        batch.positions,
        &off,
    );
    logits.into_data().try_to_vec().unwrap()
}

#[test]
fn exported_networks_come_back_with_the_same_logits_however_they_were_tied() {
    let device = Device::flex();
    let batch = tiny::batch(&[12, 7], 12, 5);
    for tie in [TieMode::Embeddings, TieMode::None, TieMode::All] {
        let config = tiny::config(tie);
        let model = tiny::electra(&config, 1, &device);
        let exported = |network| written_and_read(&hf::export(&model, &config, NO_DROPOUT, network));

        let folder = exported(HfNetwork::Discriminator);
        let alone = hf::import_config(&folder.config, None).unwrap();
        let back = import(&folder, &alone, HfNetwork::Discriminator, &device);
        let expected = discriminator_logits(&model, &batch, &device);
        assert_eq!(discriminator_logits(&back, &batch, &device), expected, "{tie:?}");

        // A generator's folder is whole: its sizes and tables stand for both networks here.
        let folder = exported(HfNetwork::Generator);
        let alone = hf::import_config(&folder.config, Some(&folder.config)).unwrap();
        let back = import(&folder, &alone, HfNetwork::Generator, &device);
        let expected = generator_logits(&model, &batch, &device);
        assert_eq!(generator_logits(&back, &batch, &device), expected, "{tie:?}");
    }
}

#[test]
fn both_exported_networks_come_back_as_one_model_that_shares_what_is_equal() {
    let device = Device::flex();
    let batch = tiny::batch(&[12, 7], 12, 5);
    for (tie, expected_tie) in [
        (TieMode::Embeddings, TieMode::Embeddings),
        (TieMode::None, TieMode::None),
        // The encoders are equal, but transformers knows no model that shares them.
        (TieMode::All, TieMode::Embeddings),
    ] {
        // An untied generator of the same width as the tables has tables that only differ in value.
        for embedding_size in [16, 12] {
            let mut config = tiny::config(tie);
            config.embedding_size = embedding_size;
            let model = tiny::electra(&config, 1, &device);
            let exported = |network| written_and_read(&hf::export(&model, &config, NO_DROPOUT, network));
            let discriminator = exported(HfNetwork::Discriminator);
            let generator = exported(HfNetwork::Generator);

            let mut found = hf::import_config(&discriminator.config, Some(&generator.config)).unwrap();
            let ours = |model: HfModel, network| hf::import(model.tensors, network).unwrap();
            let tensors = hf::join(
                ours(discriminator, HfNetwork::Discriminator),
                ours(generator, HfNetwork::Generator),
                &mut found,
            );
            assert_eq!(found.generator.tie, expected_tie);
            let back = load(Electra::init(&found, 3, &device), tensors.unwrap()).unwrap();
            for logits in [discriminator_logits, generator_logits] {
                assert_eq!(logits(&back, &batch, &device), logits(&model, &batch, &device), "{tie:?}");
            }
        }
    }
}

#[test]
fn a_generator_that_our_networks_cannot_hold_is_refused() {
    let (discriminator, generator) = (saved("hf_tiny_discriminator"), saved("hf_tiny_generator"));
    // The tables of the two folders are random, each its own, and 16 wide for an encoder of 12.
    let mut config = hf::import_config(&discriminator.config, Some(&generator.config)).unwrap();
    let error = hf::join(
        hf::import(discriminator.tensors, HfNetwork::Discriminator).unwrap(),
        hf::import(generator.tensors.clone(), HfNetwork::Generator).unwrap(),
        &mut config,
    );
    assert_eq!(error, Err(HfError::OwnTables { found: 16, expected: 12 }));

    let mut tensors = generator.tensors;
    let table = tensors["electra.embeddings.word_embeddings.weight"].clone();
    tensors.insert("generator_lm_head.weight".into(), table.clone());
    assert!(hf::import(tensors.clone(), HfNetwork::Generator).is_ok());
    let other = TensorData::new(vec![0.5f32; 96 * 16], table.shape().to_vec());
    tensors.insert("generator_lm_head.weight".into(), other);
    assert_eq!(hf::import(tensors, HfNetwork::Generator), Err(HfError::UntiedOutput));
}

#[test]
fn an_exported_generator_has_the_sizes_of_the_generator() {
    let config = tiny::config(TieMode::None);
    let model = Electra::init(&config, 1, &Device::flex());
    let dropout = HfDropout { hidden: 0.1, attention: 0.2 };
    let found = hf::export(&model, &config, dropout, HfNetwork::Generator).config;
    for (key, expected) in [
        // Untied tables are as wide as the encoder.
        ("embedding_size", Value::from(12)),
        ("hidden_size", Value::from(12)),
        ("num_hidden_layers", Value::from(2)),
        ("num_attention_heads", Value::from(2)),
        ("intermediate_size", Value::from(20)),
        ("hidden_dropout_prob", Value::from(0.1)),
        ("attention_probs_dropout_prob", Value::from(0.2)),
    ] {
        assert_eq!(found[key], expected, "{key}");
    }
}

#[test]
fn a_folder_of_another_architecture_is_refused_by_its_setting() {
    let good = saved("hf_tiny_discriminator").config;
    for (key, wrong) in [
        ("model_type", Value::from("bert")),
        ("hidden_act", Value::from("relu")),
        ("layer_norm_eps", Value::from(1e-5)),
        ("position_embedding_type", Value::from("relative_key")),
        ("is_decoder", Value::from(true)),
        ("hidden_size", Value::from("wide")),
        ("vocab_size", Value::Null),
    ] {
        let mut config = good.clone();
        config[key] = wrong;
        let error = hf::import_config(&config, None).unwrap_err().to_string();
        assert!(error.contains(key), "{error}");
    }
    for (folder, network, parts) in [
        (
            "hf_tiny_generator",
            HfNetwork::Discriminator,
            ["an ElectraForMaskedLM", "an ElectraForPreTraining"],
        ),
        (
            "hf_tiny_discriminator",
            HfNetwork::Generator,
            ["an ElectraForPreTraining", "an ElectraForMaskedLM"],
        ),
        ("hf_tiny_discriminator", HfNetwork::Tagger, ["an ElectraForPreTraining", "fine-tune it first"]),
    ] {
        let error = hf::import(saved(folder).tensors, network).unwrap_err();
        let error = format!("{error}; {}", error.help().unwrap());
        assert!(parts.iter().all(|part| error.contains(part)), "{error}");
    }
    let mut tensors = saved("hf_tiny_discriminator").tensors;
    tensors.insert("classifier.weight".into(), TensorData::from([[1.0f32]]));
    let error = hf::import(tensors, HfNetwork::Discriminator).unwrap_err().to_string();
    assert!(error.contains("classifier.weight"), "{error}");
}
