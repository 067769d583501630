//! The step learns.

use burn::module::Module;
use burn::prelude::*;
use electra_model::Normalizer;
use electra_model::objective::JointOutput;
use electra_pretrain::metrics::MetricAccumulator;
use electra_pretrain::snapshot::{self, Snapshot};

use crate::recipe::recipe;
use crate::steps::step;
use crate::tiny::{self, Noise};

#[test]
fn a_tiny_model_learns_eight_rows_by_heart_and_finds_replacements_that_it_has_not_seen() {
    let mut recipe = recipe(0.0);
    // Or a generator that knows the rows by heart leaves nothing to find.
    recipe.objective.joint_mut().unwrap().disallow_correct = true;
    let device = Device::flex().autodiff();
    let rows = tiny::batch(&[32, 28, 32, 20, 30, 32, 25, 32], 32, 1);
    let with_samples_of = |seed| {
        let mut noise = Noise(seed);
        let mut batch = rows.clone();
        batch.uniforms.fill_with(|| noise.unit() as f32);
        batch
    };
    let unseen = with_samples_of(1_000_000);
    let forward = |snapshot: &Snapshot| -> JointOutput {
        let batch = unseen.to_device(&device.clone().inner());
        recipe.objective.forward(&snapshot.model().valid(), &batch, Normalizer::over([&unseen]), None)
    };

    let mut snapshot = snapshot::new(&recipe, 1, &device);
    let untrained = forward(&snapshot).total.into_scalar::<f64>();
    let chance = 96f64.ln() + 50.0 * 2f64.ln();
    assert!((untrained / chance - 1.0).abs() < 0.02, "{untrained} before the first step, {chance} by chance");
    for number in 0..150 {
        step(&mut snapshot, &[with_samples_of(number)], &recipe, &device);
    }

    let output = forward(&snapshot);
    let trained = output.total.into_scalar::<f64>();
    let logits = output.discriminator_logits.unwrap().into_data();
    let labels = output.corrupted.unwrap().labels.into_data();
    let judged = logits.iter::<f32>().zip(labels.iter::<f32>()).zip(&unseen.attention_mask);
    let judged = judged
        .filter(|(_, attention_mask)| **attention_mask > 0.0)
        .map(|((logit, label), _)| (logit, label > 0.5));
    let tally = MetricAccumulator { judged: Some(judged.collect()), ..MetricAccumulator::default() };
    let auc = tally.finish([1.0, 50.0]).get("rtd_auc").unwrap();
    assert!(trained < 0.5 * untrained, "{trained} after 150 steps, {untrained} before");
    assert!(auc > 0.9, "area under the curve {auc}");
}
