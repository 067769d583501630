//! Tests of corruption: the effect of the generator's samples on the discriminator's input.

use burn::prelude::*;
use electra_kernels::sample_categorical;
use electra_model::batch::Batch;
use electra_model::corrupt::{Corrupted, Sampling, corrupt, corrupt_with};
use electra_model::{
    BatchData, Electra, GeneratorDiscriminatorConfig, JointOutput, Normalizer, Objective, TieMode,
};

use crate::devices::devices;
use crate::golden::largest;
use crate::gradients::gradients;
use crate::objectives::JOINT;
use crate::tiny;

/// Every objective of which one network reads what another draws.
const SAMPLING: [fn(GeneratorDiscriminatorConfig) -> Objective; 5] = [
    Objective::ReplacedTokenDetection,
    Objective::Electra15,
    Objective::ReplaceMlm,
    Objective::AllTokensMlm,
    Objective::Electric,
];

/// Three rows with seven chosen positions and what Electric asks of a batch.
fn batch() -> BatchData {
    let mut batch = tiny::batch(&[12, 7, 9], 12, 5);
    batch.candidates = batch.ids.iter().map(|&id| f32::from(id >= tiny::FIRST_WORD as i32)).collect();
    batch.probability = 0.15;
    batch
}

/// The used slots of a batch, and where in `[B * S]` their positions are.
fn used(batch: &BatchData) -> impl Iterator<Item = (usize, usize)> {
    let slots = (0..batch.targets.len()).filter(|&slot| batch.weights[slot] > 0.0);
    slots.map(|slot| (slot, slot / batch.slots * batch.sequence_length + batch.positions[slot] as usize))
}

fn forward(objective: &Objective, model: &Electra, batch: &BatchData, device: &Device) -> JointOutput {
    objective.forward(model, &batch.to_device(device), Normalizer::over([batch]), None)
}

/// A row of six words 10..16 with the given slots; a weight of 0 marks an unused one.
fn row(slots: &[(i32, f32)], device: &Device) -> Batch {
    let positions: Vec<i32> = slots.iter().map(|slot| slot.0).collect();
    let data = BatchData {
        examples: 1,
        sequence_length: 6,
        slots: slots.len(),
        ids: (10..16).collect(),
        masked_ids: (10..16).collect(),
        token_type_ids: vec![0; 6],
        attention_mask: vec![1.0; 6],
        targets: positions.iter().map(|position| 10 + position).collect(),
        positions,
        weights: slots.iter().map(|slot| slot.1).collect(),
        uniforms: vec![0.0; slots.len()],
        ..BatchData::default()
    };
    data.to_device(device)
}

fn samples<const N: usize>(ids: [i32; N], device: &Device) -> Tensor<1, Int> {
    Tensor::from_data(ids, device)
}

fn ids_and_labels(corrupted: Corrupted) -> (Vec<i64>, Vec<f64>) {
    (corrupted.ids.into_data().iter::<i64>().collect(), corrupted.labels.into_data().iter::<f64>().collect())
}

#[test]
fn a_sample_that_happens_to_be_the_original_counts_as_original() {
    for device in devices() {
        let batch = row(&[(1, 1.0), (4, 1.0)], &device);
        let (ids, labels) = ids_and_labels(corrupt_with(samples([77, 14], &device), &batch));
        assert_eq!(ids, [10, 77, 12, 13, 14, 15]);
        assert_eq!(labels, [0.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
    }
}

#[test]
fn an_unused_slot_replaces_nothing() {
    for device in devices() {
        let batch = row(&[(2, 1.0), (0, 0.0), (0, 0.0)], &device);
        let (ids, labels) = ids_and_labels(corrupt_with(samples([50, 60, 70], &device), &batch));
        assert_eq!(ids, [10, 11, 50, 13, 14, 15]);
        assert_eq!(labels, [0.0, 0.0, 1.0, 0.0, 0.0, 0.0]);
    }
}

#[test]
fn slots_of_one_position_leave_the_mean_of_their_ids_rounded_down() {
    for device in devices() {
        let batch = row(&[(3, 1.0), (5, 1.0), (3, 1.0), (5, 1.0), (5, 1.0), (1, 1.0)], &device);
        // (20 + 25) / 2 = 22.5 at 3, (30 + 30 + 31) / 3 = 30.33 at 5.
        let drawn = samples([20, 30, 25, 30, 31, 40], &device);
        let (ids, labels) = ids_and_labels(corrupt_with(drawn, &batch));
        assert_eq!(ids, [10, 40, 12, 22, 14, 30]);
        assert_eq!(labels, [0.0, 1.0, 0.0, 1.0, 0.0, 1.0]);
        // (12 + 14) / 2 is the 13 that stood there.
        let batch = row(&[(3, 1.0), (3, 1.0)], &device);
        let (ids, labels) = ids_and_labels(corrupt_with(samples([12, 14], &device), &batch));
        assert_eq!((ids[3], labels[3]), (13, 0.0));
    }
}

#[test]
fn samples_follow_the_distribution_of_the_generator() {
    for device in devices() {
        // exp of the logits is 1, 2 and 5: of the uniform numbers 1/16, 3/16 .. 15/16 they get as many.
        let logits = [1.0f32, 2.0, 5.0].map(f32::ln);
        let logits = Tensor::<2>::from_data([logits; 8], &device);
        let uniforms = Tensor::<1>::from_data([1.0f32, 3.0, 5.0, 7.0, 9.0, 11.0, 13.0, 15.0], &device) / 16.0;
        let drawn = |temperature, exclude| {
            let drawn = sample_categorical(logits.clone(), uniforms.clone(), temperature, exclude);
            drawn.into_data().iter::<i64>().collect::<Vec<_>>()
        };
        assert_eq!(drawn(1.0, None), [0, 1, 1, 2, 2, 2, 2, 2]);
        // Without the 2 the others share 1 : 2, and temperature .5 squares that to 1 : 4.
        let two = || Some(samples([2; 8], &device));
        assert_eq!(drawn(1.0, two()), [0, 0, 0, 1, 1, 1, 1, 1]);
        assert_eq!(drawn(0.5, two()), [0, 0, 1, 1, 1, 1, 1, 1]);
    }
}

#[test]
fn disallowing_correct_samples_never_yields_an_original() {
    const LARGEST: f64 = 1.0 - 1.0 / (1 << 24) as f64;
    for device in devices() {
        let mut noise = tiny::Noise(3);
        for round in 0..20 {
            let batch = row(&[(0, 1.0), (1, 1.0), (3, 1.0), (5, 1.0)], &device);
            // A vocabulary of 16 with a strong liking for the original; the last id is among them.
            let mut logits: Vec<f32> = (0..4 * 16).map(|_| noise.unit() as f32).collect();
            for (slot, target) in [10, 11, 13, 15].into_iter().enumerate() {
                logits[slot * 16 + target] = 20.0;
            }
            let uniforms = match round {
                0 => [0.0; 4],
                1 => [LARGEST; 4],
                _ => [0.0; 4].map(|_: f64| noise.unit()),
            };
            let batch = Batch { uniforms: Tensor::from_data(uniforms.map(|u| u as f32), &device), ..batch };
            let logits = Tensor::<2>::from_data(TensorData::new(logits, [4, 16]), &device);
            let sampling = |disallow_correct| Sampling { temperature: 1.0, disallow_correct };

            let (ids, labels) = ids_and_labels(corrupt(logits.clone(), &batch, sampling(true)));
            assert_eq!(labels, [1.0, 1.0, 0.0, 1.0, 0.0, 1.0], "{ids:?} from {uniforms:?}");
            assert!(ids.iter().all(|id| (0..16).contains(id)), "{ids:?}");
            if round > 1 {
                let (_, labels) = ids_and_labels(corrupt(logits, &batch, sampling(false)));
                assert_eq!(labels, [0.0; 6]);
            }
        }
    }
}

#[test]
fn a_vanishing_temperature_picks_the_most_likely_token() {
    for device in devices() {
        let batch = row(&[(0, 1.0), (1, 1.0), (2, 1.0)], &device);
        let batch = Batch { uniforms: Tensor::from_data([0.0f32, 0.5, 0.99], &device), ..batch };
        let mut logits = vec![0.5f32; 3 * 40];
        (logits[30], logits[40 + 31], logits[80 + 32]) = (0.6, 0.6, 0.6);
        let logits = Tensor::<2>::from_data(TensorData::new(logits, [3, 40]), &device);
        let at = |temperature| {
            ids_and_labels(corrupt(logits.clone(), &batch, Sampling { temperature, disallow_correct: false }))
                .0
        };
        assert_eq!(at(1e-4), [30, 31, 32, 13, 14, 15]);
        // At temperature 1 the likelier token has 2.7 % of the distribution.
        assert_eq!(at(1.0), [0, 20, 39, 13, 14, 15]);
    }
}

#[test]
fn the_temperature_of_an_objective_is_that_of_its_draws() {
    for device in devices() {
        for objective in SAMPLING {
            let data = batch();
            let networks = objective(JOINT).architecture();
            let model = tiny::electra_of(&tiny::config(TieMode::None), networks, 1, &device);
            let is_likeliest = |temperature| -> Vec<bool> {
                let output = forward(
                    &objective(GeneratorDiscriminatorConfig { temperature, ..JOINT }),
                    &model,
                    &data,
                    &device,
                );
                let (ids, _) = ids_and_labels(output.corrupted.unwrap());
                let likeliest = output.generator_logits.unwrap().argmax(1);
                let likeliest: Vec<i64> = likeliest.into_data().iter::<i64>().collect();
                used(&data).map(|(slot, place)| ids[place] == likeliest[slot]).collect()
            };
            let kind = objective(JOINT).kind();
            assert_eq!(is_likeliest(1e-4), [true; 7], "{kind}");
            assert!(is_likeliest(1.0).contains(&false), "{kind}");
        }
    }
}

#[test]
fn an_objective_that_disallows_correct_samples_replaces_every_chosen_token() {
    for device in devices() {
        let model = tiny::electra(&tiny::config(TieMode::Embeddings), 1, &device);
        let drawn = |data: &BatchData, disallow_correct| {
            let objective =
                Objective::ReplacedTokenDetection(GeneratorDiscriminatorConfig { disallow_correct, ..JOINT });
            forward(&objective, &model, data, &device).corrupted.unwrap()
        };
        // What stands under the masks is what the same numbers draw once more, as no generator reads it.
        let mut data = batch();
        data.targets = drawn(&data, false).samples.into_data().iter::<i32>().collect();
        let places: Vec<(usize, usize)> = used(&data).collect();
        for &(slot, place) in &places {
            data.ids[place] = data.targets[slot];
        }
        let is_replaced = |disallow_correct| -> Vec<f64> {
            let (_, labels) = ids_and_labels(drawn(&data, disallow_correct));
            places.iter().map(|&(_, place)| labels[place]).collect()
        };
        assert_eq!(is_replaced(false), [0.0; 7]);
        assert_eq!(is_replaced(true), [1.0; 7]);
    }
}

#[test]
fn a_loss_on_samples_does_not_reach_the_generator_that_drew_them() {
    for device in devices() {
        let data = batch();
        for objective in SAMPLING {
            let kind = objective(JOINT).kind();
            let networks = objective(JOINT).architecture();
            let model = tiny::electra_of(&tiny::config(TieMode::None), networks, 1, &device);
            let of = |generator_weight, discriminator_weight| {
                let objective = objective(GeneratorDiscriminatorConfig {
                    generator_weight,
                    discriminator_weight,
                    ..JOINT
                });
                let output = forward(&objective, &model, &data, &device);
                let found = gradients(&model, &output.total.backward());
                ["generator.", "discriminator."].map(|part| {
                    let of_part = found.iter().filter(|(path, _)| path.starts_with(part));
                    of_part.flat_map(|(_, data)| data.iter::<f64>()).collect::<Vec<_>>()
                })
            };
            let [generator, discriminator] = of(0.0, 50.0);
            assert!(generator.iter().all(|g| *g == 0.0), "{kind}: up to {}", largest(&generator));
            assert!(largest(&discriminator) > 0.1, "{kind}");
            let [generator, discriminator] = of(1.0, 0.0);
            assert!(largest(&generator) > 0.1, "{kind}");
            assert!(discriminator.iter().all(|g| *g == 0.0), "{kind}: up to {}", largest(&discriminator));
        }
    }
}
