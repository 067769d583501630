//! Context is learned: a language in which nothing but context tells one word from another.
//!
//! Word counts say nothing here, so a model that learns frequencies and stops there, as models do
//! whose word table has collapsed (`docs/decisions/0006`), stays at the logarithm of the number of
//! words and at an area under the curve of one half.

use burn::module::Module;
use burn::prelude::*;
use electra_model::batch::Slot;
use electra_model::{BatchData, Normalizer, PositionStart};
use electra_pretrain::metrics::MetricAccumulator;
use electra_pretrain::snapshot;

use crate::recipe::recipe;
use crate::steps::step;
use crate::tiny::{CLS, FIRST_WORD, MASK, Noise, PAD, SEP};

/// Words of the language, all equally frequent; each is always followed by the same other one.
const WORDS: usize = 24;
const ROW: usize = 16;
const ROWS: usize = 16;
const SLOTS: usize = 2;

/// Sentences that begin anywhere.
fn batch(noise: &mut Noise) -> BatchData {
    let mut batch = BatchData { examples: ROWS, sequence_length: ROW, slots: SLOTS, ..BatchData::default() };
    for _ in 0..ROWS {
        let start = noise.below(WORDS);
        // 7 and 24 have no common divisor: the chain passes through all words.
        let words = (0..ROW - 2).map(|i| FIRST_WORD + ((start + 7 * i) % WORDS) as u32);
        let ids: Vec<u32> = std::iter::once(CLS).chain(words).chain([SEP]).collect();
        let first = 1 + noise.below(ROW - 2);
        let second = 1 + (first + 2 + noise.below(ROW - 6)) % (ROW - 2);
        let slots = [first, second].map(|position| Slot { position, shows_mask: true });
        batch.push(&ids, |_| 0, PAD, MASK, &slots);
    }
    batch.uniforms = (0..ROWS * SLOTS).map(|_| noise.unit() as f32).collect();
    batch
}

#[test]
fn both_networks_learn_a_language_that_only_context_tells() {
    let mut recipe = recipe(0.0);
    recipe.model.kernel_gain = Some(1.4);
    recipe.model.generator.hidden_size = Some(24);
    recipe.model.generator.intermediate_size = Some(48);
    recipe.model.position_start = PositionStart::Neighbours;
    recipe.optimizer.bias_correction = true;
    recipe.schedule.learning_rate = 2e-3;
    recipe.schedule.warmup_steps = 100;
    recipe.train.steps = 1500;
    let device = Device::flex().autodiff();
    let mut noise = Noise(1);
    let mut snapshot = snapshot::new(&recipe, 1, &device);
    let (mut best_auc, mut mlm) = (0.0f64, f64::INFINITY);
    for number in 1..=recipe.train.steps {
        step(&mut snapshot, &[batch(&mut noise)], &recipe, &device);
        // At first the generator proposes words that the language does not have.
        if number % 100 == 0 && number >= 400 {
            let unseen = batch(&mut noise);
            let output = recipe.objective.forward(
                &snapshot.model().valid(),
                &unseen.to_device(&device.clone().inner()),
                Normalizer::over([&unseen]),
                None,
            );
            let logits = output.discriminator_logits.unwrap().into_data();
            let labels = output.corrupted.unwrap().labels.into_data();
            let judged = logits.iter::<f32>().zip(labels.iter::<f32>().map(|label| label > 0.5)).collect();
            let tally = MetricAccumulator { judged: Some(judged), ..MetricAccumulator::default() };
            mlm = output.mlm.unwrap().into_scalar::<f64>();
            // Where the generator knows the language, nothing is left to find.
            best_auc = best_auc.max(tally.finish([1.0, 50.0]).get("rtd_auc").unwrap());
        }
    }
    let chance = (WORDS as f64).ln();
    assert!(mlm < 0.7 * chance, "MLM loss {mlm}, by frequencies alone {chance}");
    assert!(best_auc > 0.9, "area under the curve {best_auc}");
}
