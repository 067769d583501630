//! Both networks agree with transformers: hidden states, logits, losses and gradients.

use burn::prelude::*;
use electra_kernels::{weighted_binary_cross_entropy, weighted_cross_entropy};
use electra_model::encoder::key_bias;
use electra_model::hf::{self, HfNetwork, hf_name};
use electra_model::parameters::{NamedTensors, collect, load};
use electra_model::{DropoutSites, Electra, ModelConfig};

use crate::devices::devices;
use crate::golden::{Golden, TOLERANCE, json};
use crate::gradients::gradients;

/// Sizes of both golden networks.
fn config() -> ModelConfig {
    let meta = json("meta.json");
    let generator = &meta["masked_lm"]["config"];
    hf::import_config(&meta["pretraining"]["config"], Some(generator)).unwrap()
}

/// Both networks with golden weights in place of all those that `weights` names.
fn electra(weights: NamedTensors, device: &Device) -> Electra {
    let start = Electra::init(&config(), 1, device);
    let mut tensors = collect(&start);
    for (path, data) in weights {
        let replaced = tensors.insert(path.clone(), data);
        assert!(replaced.is_some(), "the networks have no {path}");
    }
    load(start, tensors).unwrap()
}

/// The inputs that both golden files have.
struct Inputs {
    ids: Tensor<2, Int>,
    token_type_ids: Tensor<2, Int>,
    attention_mask: Tensor<2>,
    labels: Vec<f64>,
    device: Device,
}

impl Inputs {
    fn of(golden: &Golden, device: &Device) -> Self {
        let data = |name: &str| {
            let values: Vec<i64> = golden.doubles(name).into_iter().map(|v| v as i64).collect();
            TensorData::new(values, golden.shape(name))
        };
        let ids = |name| Tensor::<2, Int>::from_data(data(name), device);
        Self {
            ids: ids("in/input_ids"),
            token_type_ids: ids("in/token_type_ids"),
            attention_mask: ids("in/attention_mask").float(),
            labels: golden.doubles("in/labels"),
            device: device.clone(),
        }
    }

    fn floats<const D: usize>(&self, values: Vec<f64>, shape: [usize; D]) -> Tensor<D> {
        let values: Vec<f32> = values.into_iter().map(|v| v as f32).collect();
        Tensor::from_data(TensorData::new(values, shape), &self.device)
    }
}

#[test]
fn the_discriminator_agrees_with_transformers() {
    let golden = Golden::read("pretraining.safetensors");
    for device in devices() {
        let inputs = Inputs::of(&golden, &device);
        let weights = hf::import(golden.weights("w/"), HfNetwork::Discriminator).unwrap();
        let weights = weights.into_iter().map(|(path, data)| (format!("discriminator.{path}"), data));
        let model = electra(weights.collect(), &device).discriminator;
        let off = DropoutSites::off();

        let embedded = model.embeddings.forward(inputs.ids.clone(), inputs.token_type_ids.clone(), &off);
        golden.assert_close("f64/embeddings", embedded.clone());
        let start = model.project.as_ref().unwrap().forward(embedded);
        let states = model.encoder.hidden_states(start, &key_bias(inputs.attention_mask.clone()), &off);
        assert_eq!(states.len(), 4);
        for (i, state) in states.into_iter().enumerate() {
            golden.assert_close(&format!("f64/hidden.{i}"), state);
        }

        let logits = model.forward(
            inputs.ids.clone(),
            inputs.token_type_ids.clone(),
            inputs.attention_mask.clone(),
            &off,
        );
        golden.assert_close("f64/logits", logits.clone());
        let labels = inputs.floats(inputs.labels.clone(), logits.dims());
        let sum = weighted_binary_cross_entropy(logits, labels, inputs.attention_mask.clone());
        let loss = sum / inputs.attention_mask.sum().into_scalar::<f64>();
        golden.assert_close("f64/loss", loss.clone());

        let found = gradients(&model, &loss.backward());
        let foreign = |path: &str| hf_name(path, HfNetwork::Discriminator).unwrap();
        golden.assert_all_close("f64/grad/", &found, foreign, |_| TOLERANCE);
    }
}

#[test]
fn the_generator_agrees_with_transformers() {
    let golden = Golden::read("masked_lm.safetensors");
    for device in devices() {
        let inputs = Inputs::of(&golden, &device);
        let weights = hf::import(golden.weights("w/"), HfNetwork::Generator).unwrap();
        // The tables that a generator of transformers has are the discriminator's here.
        let owner = |path: &str| if path.starts_with("embeddings.") { "discriminator" } else { "generator" };
        let weights = weights.into_iter().map(|(path, data)| (format!("{}.{path}", owner(&path)), data));
        let model = electra(weights.collect(), &device);
        let (generator, tables) = (model.learned_generator(), model.generator_embeddings());
        let off = DropoutSites::off();

        let embedded = tables.forward(inputs.ids.clone(), inputs.token_type_ids.clone(), &off);
        golden.assert_close("f64/embeddings", embedded.clone());
        let start = generator.project.as_ref().unwrap().forward(embedded);
        let encoder = generator.encoder.as_ref().unwrap();
        let states = encoder.hidden_states(start, &key_bias(inputs.attention_mask.clone()), &off);
        assert_eq!(states.len(), 3);
        for (i, state) in states.into_iter().enumerate() {
            golden.assert_close(&format!("f64/hidden.{i}"), state);
        }

        // At all positions, as transformers does it; a position without label has no weight.
        let [b, s] = inputs.ids.dims();
        let hidden = model.generator_hidden(
            inputs.ids.clone(),
            inputs.token_type_ids.clone(),
            inputs.attention_mask,
            &off,
        );
        let [_, _, h] = hidden.dims();
        let logits = generator.head.forward(hidden.reshape([b * s, h]), tables);
        golden.assert_close("f64/logits", logits.clone().reshape([b as i64, s as i64, -1]));
        let weights: Vec<f64> = inputs.labels.iter().map(|&l| f64::from(l >= 0.0)).collect();
        let count = weights.iter().sum::<f64>();
        let targets: Vec<i64> = inputs.labels.iter().map(|&l| l.max(0.0) as i64).collect();
        let targets = Tensor::<1, Int>::from_data(TensorData::new(targets, [b * s]), &device);
        let weights = Tensor::<1>::from_data(TensorData::new(weights, [b * s]).convert::<f32>(), &device);
        let loss = weighted_cross_entropy(logits, targets, weights) / count;
        golden.assert_close("f64/loss", loss.clone());

        // The word table is used twice, for the lookup and for the output.
        let all = loss.backward();
        let mut found = gradients(&model.discriminator, &all);
        assert!(found.keys().all(|path| path.starts_with("embeddings.")), "{:?}", found.keys());
        found.extend(gradients(generator, &all));
        let foreign = |path: &str| hf_name(path, HfNetwork::Generator).unwrap();
        golden.assert_all_close("f64/grad/", &found, foreign, |_| TOLERANCE);
    }
}
