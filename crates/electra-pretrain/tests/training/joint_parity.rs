//! The joint step and the optimizer agree with PyTorch and with the reference's update rule.

use burn::optim::GradientsParams;
use burn::prelude::*;
use electra_model::hf::{self, HfNetwork, hf_name};
use electra_model::parameters::{collect, load};
use electra_model::{
    BatchData, Electra, GeneratorDiscriminatorConfig, JointOutput, ModelConfig, Normalizer, Objective,
    Proposals,
};
use electra_optim::{Adam, AdamConfig, Decay, OptimizerState, Schedule, clip_by_global_norm};
use serde_json::Value;

use crate::devices::devices;
use crate::golden::{Golden, TOLERANCE, json};
use crate::gradients::gradients;

const OBJECTIVE: Objective = Objective::ReplacedTokenDetection(GeneratorDiscriminatorConfig {
    generator_weight: 1.0,
    discriminator_weight: 50.0,
    temperature: 1.0,
    disallow_correct: false,
    proposals: Proposals::Learned,
});

fn golden() -> Golden {
    Golden::read("joint.safetensors")
}

/// The sizes of the golden networks.
fn config() -> ModelConfig {
    let table = json("joint_config.json");
    hf::import_config(&table["discriminator"], Some(&table["generator"])).unwrap()
}

/// The golden networks before the first step.
fn electra(golden: &Golden, device: &Device) -> Electra {
    let mut tensors = hf::import(golden.weights("w/discriminator."), HfNetwork::Discriminator)
        .unwrap()
        .into_iter()
        .map(|(path, data)| (format!("discriminator.{path}"), data))
        .collect::<Vec<_>>();
    let generator = hf::import(golden.weights("w/generator."), HfNetwork::Generator).unwrap();
    tensors.extend(generator.into_iter().map(|(path, data)| (format!("generator.{path}"), data)));
    load(Electra::init(&config(), 0, device), tensors.into_iter().collect()).unwrap()
}

/// The golden name of our path.
fn foreign(path: &str) -> String {
    let (network, rest) = path.split_once('.').unwrap();
    let kind = match network {
        "generator" => HfNetwork::Generator,
        _ => HfNetwork::Discriminator,
    };
    format!("{network}.{}", hf_name(rest, kind).unwrap())
}

/// One golden forward pass.
fn forward(golden: &Golden, number: usize, model: &Electra, device: &Device) -> JointOutput {
    let ints = |name: &str| -> Vec<i32> {
        golden.doubles(&format!("in/{number}/{name}")).into_iter().map(|v| v as i32).collect()
    };
    let floats = |name: &str| -> Vec<f32> { ints(name).into_iter().map(|v| v as f32).collect() };
    let batch = BatchData {
        examples: 3,
        sequence_length: 12,
        slots: 4,
        ids: ints("original_ids"),
        masked_ids: ints("input_ids"),
        token_type_ids: ints("token_type_ids"),
        attention_mask: floats("attention_mask"),
        positions: ints("masked_positions"),
        targets: ints("masked_ids"),
        weights: floats("masked_weights"),
        uniforms: vec![0.0; 12],
        ..BatchData::default()
    };
    let samples = Tensor::<1, Int>::from_data(TensorData::new(ints("sampled_ids"), [12]), device);
    let on_device = batch.to_device(device);
    let output = OBJECTIVE.forward_with_samples(model, &on_device, Normalizer::over([&batch]), samples);

    let corrupted: Vec<i32> =
        output.corrupted.as_ref().unwrap().ids.clone().into_data().iter::<i32>().collect();
    assert_eq!(corrupted, ints("disc_input_ids"), "step {number}");
    let labels: Vec<i32> =
        output.corrupted.as_ref().unwrap().labels.clone().into_data().iter::<i32>().collect();
    assert_eq!(labels, ints("disc_labels"), "step {number}");
    output
}

#[test]
fn a_joint_step_agrees_with_pytorch() {
    let golden = golden();
    for device in devices() {
        let model = electra(&golden, &device);
        let output = forward(&golden, 0, &model, &device);
        golden.assert_close("f64/gen_logits", output.generator_logits.unwrap().reshape([3, 4, 96]));
        golden.assert_close("f64/disc_logits", output.discriminator_logits.unwrap());
        golden.assert_close("f64/gen_loss", output.mlm.unwrap());
        golden.assert_close("f64/disc_loss", output.rtd.unwrap());
        golden.assert_close("f64/joint_loss", output.total.clone());
        let found = gradients(&model, &output.total.backward());
        golden.assert_all_close("f64/grad/", &found, foreign, |_| TOLERANCE);
    }
}

#[test]
fn five_steps_lead_where_the_optimizer_of_the_reference_leads() {
    let (golden, table) = (golden(), json("joint.json"));
    let number = |value: &Value| value.as_f64().unwrap();
    let o = &table["optimizer"];
    let config = AdamConfig {
        beta_1: number(&o["beta_1"]),
        beta_2: number(&o["beta_2"]),
        epsilon: number(&o["epsilon"]),
        weight_decay: number(&o["weight_decay"]),
        bias_correction: o["bias_correction"].as_bool().unwrap(),
    };
    let schedule = Schedule {
        peak: number(&o["learning_rate"]),
        warmup_steps: o["warmup_steps"].as_u64().unwrap(),
        total_steps: o["num_train_steps"].as_u64().unwrap(),
        decay: Decay::Polynomial { power: number(&o["lr_decay_power"]) },
    };
    let steps = table["steps"].as_array().unwrap();
    assert_eq!(steps.len(), 5);

    for device in devices() {
        let mut model = electra(&golden, &device);
        let mut state = OptimizerState::new(&model);
        for (i, expected) in steps.iter().enumerate() {
            let output = forward(&golden, i, &model, &device);
            let gradients = GradientsParams::from_grads(output.total.backward(), &model);
            let clip = clip_by_global_norm(&model, &gradients, number(&o["clip_norm"])).unwrap();
            let learning_rate = schedule.at(i as u64);
            for (name, found, within) in [
                ("lr", learning_rate, 1e-15),
                ("gen_loss", output.mlm.unwrap().into_scalar::<f64>(), DRIFT),
                ("disc_loss", output.rtd.unwrap().into_scalar::<f64>(), DRIFT),
                ("joint_loss", output.total.into_scalar::<f64>(), DRIFT),
                ("grad_norm", clip.norm, DRIFT),
            ] {
                let expected = number(&expected[name]);
                let error = (found - expected).abs();
                assert!(
                    error <= within * expected.abs(),
                    "{name} of step {i} is {found}, expected {expected}"
                );
            }
            model = Adam { config }.step(&mut state, model, gradients, |_| learning_rate, clip.scale);
            match i {
                1 => golden.assert_all_close("opt/2/param/", &collect(&model), foreign, drift),
                4 => golden.assert_all_close("opt/5/param/", &collect(&model), foreign, drift),
                _ => {}
            }
        }
        let named = state.to_named();
        for (ours, theirs) in [("moment_1/", "opt/5/m/"), ("moment_2/", "opt/5/v/")] {
            let below = |(name, data): &(String, TensorData)| {
                Some((name.strip_prefix(ours)?.to_owned(), data.clone()))
            };
            let found = named.iter().filter_map(below).collect();
            golden.assert_all_close(theirs, &found, foreign, drift);
        }
    }
}

/// The largest deviation after five steps, to which the error of one step may grow, as a share of the largest
/// number of a tensor.
const DRIFT: f64 = 1e-4;

/// The largest deviation of one parameter. The gradient of a key's bias is zero but for rounding, and Adam
/// divides rounding by the root of its own square, plus an epsilon of the same size.
fn drift(path: &str) -> f64 {
    if path.ends_with("key.bias") { 10.0 * DRIFT } else { DRIFT }
}
