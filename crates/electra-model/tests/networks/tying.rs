//! A shared parameter gets the gradients of all its uses.

use burn::module::Module;
use burn::prelude::*;
use electra_kernels::{gather_positions, weighted_binary_cross_entropy, weighted_cross_entropy};
use electra_model::corrupt::corrupt_with;
use electra_model::embeddings::Embeddings;
use electra_model::parameters::{NamedTensors, collect, load};
use electra_model::{
    DropoutSites, Electra, Generator, GeneratorDiscriminatorConfig, ModelConfig, Normalizer, Objective,
    Proposals, TieMode,
};

use crate::devices::devices;
use crate::golden::assert_alike;
use crate::gradients::gradients;
use crate::tiny;

const OBJECTIVE: Objective = Objective::ReplacedTokenDetection(GeneratorDiscriminatorConfig {
    generator_weight: 1.0,
    discriminator_weight: 50.0,
    temperature: 1.0,
    disallow_correct: false,
    proposals: Proposals::Learned,
});

/// A copy that shares nothing with the original, not even the node in the graph of gradients.
fn copy<M: Module>(module: &M) -> M {
    load(module.clone(), collect(module)).unwrap()
}

/// The networks with a parameter for each use: the generator has copies of all that it shares, and a third
/// copy of the tables is for its output.
fn untied(model: &Electra, tie: TieMode) -> (Electra, Embeddings) {
    let discriminator = copy(&model.discriminator);
    let shares_encoder = tie == TieMode::All;
    let generator = Generator {
        embeddings: Some(copy(&discriminator.embeddings)),
        project: if shares_encoder {
            copy(&discriminator.project)
        } else {
            copy(&model.learned_generator().project)
        },
        encoder: Some(match &model.learned_generator().encoder {
            Some(encoder) => copy(encoder),
            None => copy(&discriminator.encoder),
        }),
        head: copy(&model.learned_generator().head),
        right_to_left: None,
        baseline: None,
    };
    let output = copy(&discriminator.embeddings);
    (Electra::new(discriminator, Some(generator)), output)
}

fn plus(a: &TensorData, b: &TensorData) -> TensorData {
    let sum: Vec<f32> = a.iter::<f32>().zip(b.iter::<f32>()).map(|(a, b)| a + b).collect();
    TensorData::new(sum, a.shape().to_vec())
}

/// Gradients of the tied networks, and the sums of the gradients of the uses of each parameter.
fn tied_and_summed(config: &ModelConfig, device: &Device) -> (NamedTensors, NamedTensors) {
    let model = tiny::electra(config, 1, device);
    let data = tiny::batch(&[12, 7, 9], 12, 5);
    let (batch, normalizer, off) = (data.to_device(device), Normalizer::over([&data]), DropoutSites::off());
    let drawn: Vec<i32> = (20..29).collect();
    let drawn = Tensor::<1, Int>::from_data(TensorData::new(drawn, [9]), device);

    let output = OBJECTIVE.forward_with_samples(&model, &batch, normalizer, drawn.clone());
    let tied = gradients(&model, &output.total.backward());

    let (untied, table) = untied(&model, config.generator.tie);
    let (token_type_ids, attention_mask) = (batch.token_type_ids.clone(), batch.attention_mask.clone());
    let hidden = untied.generator_hidden(
        batch.masked_ids.clone(),
        token_type_ids.clone(),
        attention_mask.clone(),
        &off,
    );
    let logits =
        untied.learned_generator().head.forward(gather_positions(hidden, batch.positions.clone()), &table);
    let mlm = weighted_cross_entropy(logits, batch.targets.clone(), batch.weights.clone()) / normalizer.mlm;
    let corrupted = corrupt_with(drawn, &batch);
    let logits = untied.discriminator.forward(corrupted.ids, token_type_ids, attention_mask.clone(), &off);
    let rtd = weighted_binary_cross_entropy(logits, corrupted.labels, attention_mask) / normalizer.rtd;
    let all = (mlm + rtd * 50.0).backward();

    let mut summed = NamedTensors::new();
    let mut add = |path: String, data: TensorData| match summed.get_mut(&path) {
        Some(sum) => *sum = plus(sum, &data),
        None => drop(summed.insert(path, data)),
    };
    for (path, data) in gradients(&untied, &all) {
        // Where the tied networks keep what the generator's copy stands for.
        let shared = path.replace("generator.", "discriminator.");
        add(if tied.contains_key(&path) { path } else { shared }, data);
    }
    let of_output = gradients(&table, &all);
    assert!(of_output.keys().eq(["word"]), "{:?}", of_output.keys());
    add("discriminator.embeddings.word".into(), of_output["word"].clone());
    (tied, summed)
}

#[test]
fn shared_tables_get_the_gradients_of_their_three_uses() {
    for device in devices() {
        let (tied, summed) = tied_and_summed(&tiny::config(TieMode::Embeddings), &device);
        assert!(tied.contains_key("generator.encoder.layers.0.attention.query.weight"));
        assert!(!tied.contains_key("generator.embeddings.word"));
        assert_alike(&tied, &summed, 1e-5);
    }
}

#[test]
fn a_shared_encoder_gets_the_gradients_of_both_networks() {
    for device in devices() {
        let (tied, summed) = tied_and_summed(&tiny::config(TieMode::All), &device);
        assert!(tied.keys().all(|p| p.starts_with("discriminator.") || p.starts_with("generator.head.")));
        assert_alike(&tied, &summed, 1e-5);
    }
}

#[test]
fn untied_networks_share_no_parameter() {
    let device = Device::flex().autodiff();
    let model = tiny::electra(&tiny::config(TieMode::None), 1, &device);
    let data = tiny::batch(&[12, 7, 9], 12, 5);
    let batch = data.to_device(&device);
    let off = DropoutSites::off();
    let logits = model.generator_logits(
        batch.masked_ids,
        batch.token_type_ids,
        batch.attention_mask,
        batch.positions,
        &off,
    );
    let found = gradients(&model, &logits.sum().backward());
    assert!(found.keys().all(|path| path.starts_with("generator.")), "{:?}", found.keys());
    assert!(found.contains_key("generator.embeddings.word"));
}
