//! Adversarial training of the generator, against its formula (Clark et al. 2020, appendix F).

use burn::prelude::*;
use burn::tensor::activation;
use electra_model::batch::Batch;
use electra_model::flops::ParameterCount;
use electra_model::parameters::collect;
use electra_model::{
    Architecture, BatchData, DropoutSites, Electra, GeneratorDiscriminatorConfig, JointOutput, Normalizer,
    Objective, Stage, TieMode,
};

use super::{JOINT, assert_near, batch, cross_entropy, doubles};
use crate::devices::devices;
use crate::golden::assert_alike;
use crate::gradients::gradients;
use crate::tiny;

/// Networks in adversarial training, and one pass of theirs at temperature 2.
struct Adversarial {
    networks: Architecture,
    model: Electra,
    data: BatchData,
    output: JointOutput,
}

/// The reward of the generator at one used slot.
struct Reward {
    slot: usize,
    /// The token that was sampled there.
    sample: usize,
    /// The discriminator's probability of the truth.
    right: f64,
    /// The generator's prediction of it.
    predicted: f64,
}

impl Reward {
    /// Reward minus baseline.
    fn advantage(&self) -> f64 {
        -self.right.ln() + self.predicted.ln()
    }
}

impl Adversarial {
    const TEMPERATURE: f64 = 2.0;

    fn of(weights: [f64; 2], device: &Device) -> Self {
        let objective = Objective::ReplacedTokenDetection(GeneratorDiscriminatorConfig {
            generator_weight: weights[0],
            discriminator_weight: weights[1],
            temperature: Self::TEMPERATURE,
            ..JOINT
        });
        let networks = Architecture { baseline: true, ..Architecture::ELECTRA };
        let model = tiny::electra_of(&tiny::config(TieMode::None), networks, 1, device);
        let data = batch();
        let (on_device, normalizer) = (data.to_device(device), Normalizer::over([&data]));
        let output = objective.forward_in(Stage::Adversarial, &model, &on_device, normalizer, None);
        Self { networks, model, data, output }
    }

    /// The generator's hidden states `[B * N, H_g]`.
    fn rows(&self, device: &Device) -> Tensor<2> {
        let Batch { masked_ids, token_type_ids, attention_mask, positions, .. } = self.data.to_device(device);
        self.model.generator_rows(masked_ids, token_type_ids, attention_mask, positions, &DropoutSites::off())
    }

    /// The logits `[B * N, 1]` of the rewards that it predicts from them.
    fn baseline(&self, rows: Tensor<2>) -> Tensor<2> {
        self.model.learned_generator().baseline.as_ref().unwrap().forward(rows)
    }

    fn rewards(&self, device: &Device) -> Vec<Reward> {
        let baseline = doubles(&self.baseline(self.rows(device)));
        let detected = doubles(self.output.discriminator_logits.as_ref().unwrap());
        let corrupted = self.output.corrupted.as_ref().unwrap();
        let (labels, samples) = (doubles(&corrupted.labels), corrupted.samples.clone().into_data());
        let samples: Vec<usize> = samples.iter::<i64>().map(|id| id as usize).collect();
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        let used = (0..samples.len()).filter(|&slot| self.data.weights[slot] > 0.0);
        used.map(|slot| {
            let at = slot / self.data.slots * 12 + self.data.positions[slot] as usize;
            Reward {
                slot,
                sample: samples[slot],
                right: sigmoid(detected[at] * (2.0 * labels[at] - 1.0)),
                predicted: sigmoid(baseline[slot]),
            }
        })
        .collect()
    }
}

#[test]
fn an_adversarial_generator_follows_reward_over_baseline() {
    for device in devices() {
        let pass = Adversarial::of([1.0, 50.0], &device);
        let logits = doubles(pass.output.generator_logits.as_ref().unwrap());
        let mut expected = 0.0;
        for reward in pass.rewards(&device) {
            let row = &logits[reward.slot * 96..(reward.slot + 1) * 96];
            let tempered: Vec<f64> = row.iter().map(|l| l / Adversarial::TEMPERATURE).collect();
            let (right, b) = (reward.right, reward.predicted);
            expected += reward.advantage() * cross_entropy(&tempered, reward.sample);
            expected += -right * b.ln() - (1.0 - right) * (1.0 - b).ln();
        }
        expected /= f64::from(pass.data.weights.iter().sum::<f32>());
        expected += 50.0 * doubles(pass.output.rtd.as_ref().unwrap())[0];
        assert_near("total", pass.output.total.clone().into_scalar(), expected);

        // Nothing of the generator learns from masked language modelling, all of it from rewards.
        let found = gradients(&pass.model, &pass.output.total.backward());
        let all = collect(&pass.model);
        assert!(found.keys().eq(all.keys()), "{:?}", found.keys());
        assert_eq!(Architecture::of(&all), pass.networks);
        let built = all.values().map(|data| data.shape().iter().product::<usize>()).sum::<usize>();
        assert_eq!(ParameterCount::of(&tiny::config(TieMode::None), pass.networks).total(), built);
    }
}

#[test]
fn advantages_and_the_states_that_a_baseline_reads_are_constants_to_an_adversarial_generator() {
    for device in devices() {
        let pass = Adversarial::of([0.5, 0.0], &device);
        let mut found = gradients(&pass.model, &pass.output.total.clone().backward());
        found.retain(|path, _| path.starts_with("generator."));

        // The same losses from numbers that come from no graph.
        let slots = pass.data.targets.len();
        let (mut advantages, mut right, mut used) = (vec![0f32; slots], vec![0f32; slots], vec![0f32; slots]);
        for reward in pass.rewards(&device) {
            advantages[reward.slot] = reward.advantage() as f32;
            (right[reward.slot], used[reward.slot]) = (reward.right as f32, 1.0);
        }
        let chosen = used.iter().sum::<f32>();
        let [advantages, right, used] = [advantages, right, used]
            .map(|values| Tensor::<1>::from_data(TensorData::new(values, [slots]), &device));
        let rows = pass.rows(&device);
        let states = Tensor::<2>::from_data(rows.clone().into_data(), &device);
        let samples = pass.output.corrupted.as_ref().unwrap().samples.clone().reshape([slots, 1]);
        let log_q = activation::log_softmax(pass.model.propose(rows) / Adversarial::TEMPERATURE, 1)
            .gather(1, samples)
            .reshape([slots]);
        let predicted = activation::sigmoid(pass.baseline(states)).reshape([slots]);
        let guess = right.clone() * predicted.clone().log() + (-right + 1.0) * (-predicted + 1.0).log();
        let losses = (log_q * advantages + guess * used).sum() * (-0.5 / chosen);
        assert_alike(&found, &gradients(&pass.model, &losses.backward()), 1e-5);
    }
}

#[test]
fn a_discriminator_learns_nothing_from_the_rewards_that_it_gives() {
    for device in devices() {
        let pass = Adversarial::of([1.0, 0.0], &device);
        let found = gradients(&pass.model, &pass.output.total.backward());
        let (judge, taught): (Vec<_>, Vec<_>) =
            found.iter().partition(|(path, _)| path.starts_with("discriminator."));
        assert!(taught.iter().all(|(_, data)| data.iter::<f64>().any(|g| g != 0.0)));
        for (path, data) in judge {
            assert!(data.iter::<f64>().all(|g| g == 0.0), "{path}");
        }
    }
}
