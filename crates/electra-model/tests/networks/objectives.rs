//! Tests of each objective's loss against its formula, and of the parameters that it trains.

#[path = "adversarial.rs"]
mod adversarial;
#[path = "electric.rs"]
mod electric;

use burn::prelude::*;
use electra_model::architecture::{discriminator_tensors, encoder_tensors};
use electra_model::flops::ParameterCount;
use electra_model::hf::{self, HfDropout, HfNetwork};
use electra_model::parameters::{collect, load};
use electra_model::{
    Architecture, BatchData, DropoutSites, Electra, GeneratorDiscriminatorConfig, JointOutput, Normalizer,
    Objective, Precision, Proposals, Stage, TieMode,
};

use crate::devices::devices;
use crate::golden::largest;
use crate::gradients::gradients;
use crate::tiny;

/// The paper's weights, at temperature 1.
pub const JOINT: GeneratorDiscriminatorConfig = GeneratorDiscriminatorConfig {
    generator_weight: 1.0,
    discriminator_weight: 50.0,
    temperature: 1.0,
    disallow_correct: false,
    proposals: Proposals::Learned,
};
const CHANCE: GeneratorDiscriminatorConfig =
    GeneratorDiscriminatorConfig { proposals: Proposals::Unigram, ..JOINT };

fn objectives() -> Vec<Objective> {
    vec![
        Objective::ReplacedTokenDetection(JOINT),
        Objective::ReplacedTokenDetection(CHANCE),
        Objective::Electra15(JOINT),
        Objective::ReplaceMlm(JOINT),
        Objective::ReplaceMlm(CHANCE),
        Objective::AllTokensMlm(JOINT),
        Objective::Mlm {},
        Objective::Electric(JOINT),
    ]
}

/// Rows with padding, and what a generator of chance would draw for them.
fn batch() -> BatchData {
    let mut batch = tiny::batch(&[12, 7, 9], 12, 5);
    batch.proposals = (0..batch.targets.len()).map(|slot| 5 + slot as i32 * 7).collect();
    batch.candidates = batch.ids.iter().map(|&id| f32::from(id >= 5)).collect();
    batch.probability = 0.15;
    // Some samples are right.
    (batch.proposals[0], batch.proposals[3]) = (batch.targets[0], batch.targets[3]);
    batch
}

fn forward(objective: &Objective, model: &Electra, batch: &BatchData, device: &Device) -> JointOutput {
    objective.forward(model, &batch.to_device(device), Normalizer::over([batch]), None)
}

fn doubles<const D: usize>(x: &Tensor<D>) -> Vec<f64> {
    x.clone().into_data().iter::<f64>().collect()
}

/// `-log softmax(logits)[target]`.
fn cross_entropy(logits: &[f64], target: usize) -> f64 {
    let most = largest(logits);
    logits.iter().map(|l| (l - most).exp()).sum::<f64>().ln() + most - logits[target]
}

fn assert_near(name: &str, found: f64, expected: f64) {
    assert!((found - expected).abs() <= 2e-5 * expected.abs(), "{name} is {found}, expected {expected}");
}

#[test]
fn electra_15_is_the_mean_of_the_detectors_loss_over_the_chosen_positions() {
    for device in devices() {
        let objective = Objective::Electra15(JOINT);
        let model = tiny::electra(&tiny::config(TieMode::Embeddings), 1, &device);
        let mut batch = batch();
        // Two slots of one position, as masking with replacement draws them: it counts once.
        (batch.positions[1], batch.targets[1]) = (batch.positions[0], batch.targets[0]);
        let output = forward(&objective, &model, &batch, &device);
        let (logits, labels) = (
            doubles(output.discriminator_logits.as_ref().unwrap()),
            doubles(&output.corrupted.as_ref().unwrap().labels),
        );
        let mut chosen: Vec<usize> = (0..batch.targets.len())
            .filter(|&slot| batch.weights[slot] > 0.0)
            .map(|slot| slot / batch.slots * 12 + batch.positions[slot] as usize)
            .collect();
        chosen.sort_unstable();
        chosen.dedup();
        let losses = chosen.iter().map(|&i| {
            let signed = logits[i] * (1.0 - 2.0 * labels[i]);
            signed.max(0.0) + (-signed.abs()).exp().ln_1p()
        });
        let expected = losses.sum::<f64>() / chosen.len() as f64;
        assert_near("loss", output.rtd.as_ref().unwrap().clone().into_scalar(), expected);
        let total = doubles(output.mlm.as_ref().unwrap())[0] + 50.0 * expected;
        assert_near("total", output.total.into_scalar(), total);
        let judged = doubles(&output.judged.unwrap());
        assert_eq!((0..36).filter(|&i| judged[i] > 0.0).collect::<Vec<_>>(), chosen);
    }
}

#[test]
fn masked_lm_objectives_are_the_mean_cross_entropy_of_the_originals() {
    for device in devices() {
        for objective in [Objective::Mlm {}, Objective::ReplaceMlm(JOINT), Objective::ReplaceMlm(CHANCE)] {
            let networks = objective.architecture();
            let model = tiny::electra_of(&tiny::config(TieMode::Embeddings), networks, 1, &device);
            let batch = batch();
            let output = forward(&objective, &model, &batch, &device);
            let (loss, logits) = match &output.prediction {
                Some(prediction) => (prediction.loss.clone(), prediction.logits.clone()),
                None => (output.mlm.clone().unwrap(), output.generator_logits.clone().unwrap()),
            };
            let logits = doubles(&logits);
            let used: Vec<usize> = (0..batch.targets.len()).filter(|&s| batch.weights[s] > 0.0).collect();
            let of_slot =
                |&s: &usize| cross_entropy(&logits[s * 96..(s + 1) * 96], batch.targets[s] as usize);
            let expected = used.iter().map(of_slot).sum::<f64>() / used.len() as f64;
            assert_near("loss", loss.into_scalar(), expected);

            // What it reads: [MASK], or the samples.
            let (ids, token_type_ids, attention_mask) = {
                let batch = batch.to_device(&device);
                let ids = output.corrupted.as_ref().map_or(batch.masked_ids, |c| c.ids.clone());
                (ids, batch.token_type_ids, batch.attention_mask)
            };
            let hidden =
                model.discriminator_hidden(ids, token_type_ids, attention_mask, &DropoutSites::off());
            let rows = electra_kernels::gather_positions(hidden, batch.to_device(&device).positions);
            let expected = doubles(&model.predict(rows));
            assert!(logits.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-4));
        }
    }
}

#[test]
fn all_tokens_mlm_copies_or_predicts_every_real_token() {
    for device in devices() {
        let objective = Objective::AllTokensMlm(JOINT);
        let model = tiny::electra_of(&tiny::config(TieMode::None), objective.architecture(), 1, &device);
        let batch = batch();
        let output = forward(&objective, &model, &batch, &device);
        let prediction = output.prediction.unwrap();
        let logits = doubles(&prediction.logits);
        let (gate, input) = prediction.copy.clone().unwrap();
        let (gate, input) = (doubles(&gate), input.into_data().iter::<i64>().collect::<Vec<_>>());
        let choice: Vec<i64> = prediction.first_choice().into_data().iter::<i64>().collect();
        let (mut sum, mut count) = (0.0, 0);
        for i in (0..36).filter(|&i| batch.attention_mask[i] > 0.0) {
            let d = 1.0 / (1.0 + (-gate[i]).exp());
            let p = |id: usize| {
                let q = (-cross_entropy(&logits[i * 96..(i + 1) * 96], id)).exp();
                (1.0 - d) * q + if input[i] as usize == id { d } else { 0.0 }
            };
            sum -= p(batch.ids[i] as usize).ln();
            count += 1;
            let best = (0..96).max_by(|&a, &b| p(a).total_cmp(&p(b))).unwrap();
            assert_eq!(choice[i], best as i64, "position {i}");
        }
        assert_near("loss", prediction.loss.into_scalar(), sum / f64::from(count));
    }
}

#[test]
fn an_objective_trains_every_parameter_of_its_networks_and_builds_no_other() {
    for device in devices() {
        for objective in objectives() {
            for tie in [TieMode::Embeddings, TieMode::None, TieMode::All, TieMode::GradientDisentangled] {
                if tie == TieMode::All && matches!(objective, Objective::Electric(_)) {
                    continue;
                }
                let config = tiny::config(tie);
                let model = tiny::electra_of(&config, objective.architecture(), 1, &device);
                let output = forward(&objective, &model, &batch(), &device);
                let found = gradients(&model, &output.total.backward());
                let all = collect(&model);
                let untrained: Vec<_> = all.keys().filter(|path| !found.contains_key(*path)).collect();
                assert!(untrained.is_empty(), "{} {tie:?} leaves {untrained:?}", objective.kind());
                let count = all.values().map(|data| data.shape().iter().product::<usize>()).sum::<usize>();
                assert_eq!(ParameterCount::of(&config, objective.architecture()).total(), count);
                assert_eq!(Architecture::of(&all), objective.architecture());
                let detects =
                    objective.kind().contains("token-detection") || objective.kind() == "electra-15";
                assert_eq!(objective.architecture().detects(), detects);
            }
        }
    }
}

#[test]
fn chance_needs_no_generator_and_its_samples_are_those_of_the_batch() {
    let device = Device::flex();
    let objective = Objective::ReplacedTokenDetection(CHANCE);
    let model = tiny::electra_of(&tiny::config(TieMode::Embeddings), objective.architecture(), 1, &device);
    assert!(collect(&model).keys().all(|path| path.starts_with("discriminator.")));
    let batch = batch();
    let output = forward(&objective, &model, &batch, &device);
    let samples: Vec<i32> = output.corrupted.unwrap().samples.into_data().iter::<i32>().collect();
    assert_eq!(samples, batch.proposals);
    assert!(output.mlm.is_none() && output.generator_logits.is_none());
    assert_near("total", output.total.into_scalar(), 50.0 * doubles(&output.rtd.unwrap())[0]);
}

/// Largest gradient of each of the two word tables and position tables under a weighting of losses.
fn table_gradients(model: &Electra, weights: [f64; 2], device: &Device) -> [f64; 4] {
    let objective = Objective::ReplacedTokenDetection(GeneratorDiscriminatorConfig {
        generator_weight: weights[0],
        discriminator_weight: weights[1],
        ..JOINT
    });
    let found = gradients(model, &forward(&objective, model, &batch(), device).total.backward());
    [
        "generator.embeddings.word",
        "generator.embeddings.position",
        "discriminator.embeddings.word",
        "discriminator.embeddings.position",
    ]
    .map(|path| found.get(path).map_or(0.0, |data| largest(&data.iter::<f64>().collect::<Vec<_>>())))
}

#[test]
fn disentangled_tables_are_trained_by_the_loss_of_their_own_network_alone() {
    for device in devices() {
        let model = tiny::electra(&tiny::config(TieMode::GradientDisentangled), 1, &device);
        let [g_word, g_position, d_word, d_position] = table_gradients(&model, [1.0, 0.0], &device);
        assert!(g_word > 1e-3 && g_position > 1e-3, "{g_word} {g_position}");
        assert_eq!([d_word, d_position], [0.0; 2]);
        let [g_word, g_position, d_word, d_position] = table_gradients(&model, [0.0, 50.0], &device);
        assert_eq!([g_word, g_position], [0.0; 2]);
        assert!(d_word > 1e-3 && d_position > 1e-3, "{d_word} {d_position}");
    }
}

#[test]
fn a_disentangled_discriminator_starts_on_the_generators_tables_and_reads_the_sum() {
    let device = Device::flex();
    let config = tiny::config(TieMode::GradientDisentangled);
    let start = collect(&Electra::init(&config, 3, &device));
    for table in ["word", "position"] {
        let own = &start[&format!("discriminator.embeddings.{table}")];
        assert!(own.iter::<f64>().all(|x| x == 0.0));
        let read = &discriminator_tensors(start.clone(), &config)[&format!("embeddings.{table}")];
        assert_eq!(*read, start[&format!("generator.embeddings.{table}")]);
    }

    // An untied model whose tables are the sums says the same.
    let model = tiny::electra(&config, 1, &device);
    let mut tensors = collect(&model);
    let sums = discriminator_tensors(tensors.clone(), &config);
    for table in ["embeddings.word", "embeddings.position"] {
        tensors.insert(format!("discriminator.{table}"), sums[table].clone());
    }
    let summed = load(Electra::init(&config, 0, &device), tensors.clone()).unwrap();
    let batch = batch().to_device(&device);
    let off = DropoutSites::off();
    let alone = summed.discriminator.hidden(
        batch.ids.clone(),
        batch.token_type_ids.clone(),
        batch.attention_mask.clone(),
        &off,
    );
    let read = model.discriminator_hidden(batch.ids, batch.token_type_ids, batch.attention_mask, &off);
    assert_eq!(doubles(&alone), doubles(&read));

    let exported =
        hf::export(&model, &config, HfDropout { hidden: 0.1, attention: 0.1 }, HfNetwork::Discriminator);
    assert_eq!(exported.tensors["electra.embeddings.word_embeddings.weight"], sums["embeddings.word"]);
    assert_eq!(
        exported.tensors["electra.embeddings.position_embeddings.weight"],
        sums["embeddings.position"]
    );
    let encoder = encoder_tensors(collect(&model), &config);
    assert_eq!(encoder["embeddings.word"], sums["embeddings.word"]);
    assert!(encoder.keys().all(|path| !path.starts_with("head.")));
}

#[test]
fn a_network_that_predicts_is_exported_as_a_masked_language_model_of_its_size() {
    let device = Device::flex();
    for objective in [Objective::Mlm {}, Objective::AllTokensMlm(JOINT)] {
        let config = tiny::config(TieMode::Embeddings);
        let model = tiny::electra_of(&config, objective.architecture(), 1, &device);
        let dropout = HfDropout { hidden: 0.1, attention: 0.1 };
        let exported = hf::export(&model, &config, dropout, HfNetwork::Discriminator);
        assert_eq!(exported.config["architectures"][0], "ElectraForMaskedLM");
        assert_eq!(exported.config["hidden_size"], 24);
        assert!(exported.tensors.contains_key("generator_predictions.dense.weight"));
        assert_eq!(exported.tensors["generator_lm_head.bias"].shape().to_vec(), [96]);
        let encoder = encoder_tensors(collect(&model), &config);
        assert!(encoder.keys().all(|path| !path.contains("masked_lm") && !path.contains("copy")));
    }
}

#[test]
fn a_stage_trains_its_own_network_alone() {
    for device in devices() {
        let objective = Objective::ReplacedTokenDetection(JOINT);
        let model = tiny::electra(&tiny::config(TieMode::None), 1, &device);
        let data = batch();
        let of = |stage| {
            let normalizer = Normalizer::over([&data]);
            let output = objective.forward_in(stage, &model, &data.to_device(&device), normalizer, None);
            let total = output.total.clone().into_scalar::<f64>();
            let found = gradients(&model, &output.total.clone().backward());
            let has = |part: &str| {
                found
                    .iter()
                    .any(|(path, data)| path.starts_with(part) && data.iter::<f64>().any(|g| g != 0.0))
            };
            (output, total, has("generator."), has("discriminator."))
        };
        let (joint, total, ..) = of(Stage::Joint);
        let (mlm, rtd) = (doubles(&joint.mlm.unwrap())[0], doubles(&joint.rtd.unwrap())[0]);
        let (first, of_first, generator, discriminator) = of(Stage::GeneratorAlone);
        assert_eq!((generator, discriminator, first.rtd.is_none()), (true, false, true));
        assert_near("generator's loss", of_first, mlm);
        let (second, of_second, generator, discriminator) = of(Stage::DiscriminatorAlone);
        assert_eq!((generator, discriminator, second.mlm.is_some()), (false, true, true));
        assert_near("discriminator's loss", of_second, 50.0 * rtd);
        assert_near("both", of_first + of_second, total);
    }
}

#[test]
fn weights_of_a_model_do_not_depend_on_what_else_is_built() {
    let device = Device::flex();
    let config = tiny::config(TieMode::Embeddings);
    let whole = collect(&Electra::init(&config, 3, &device));
    for objective in objectives() {
        let part = Electra::init_with(&config, objective.architecture(), 3, &device, Precision::F32);
        for (path, data) in collect(&part) {
            // Two towers have a wider head.
            let other = whole.get(&path).filter(|other| other.shape() == data.shape());
            assert!(other.is_none_or(|other| *other == data), "{path}");
        }
    }
}
