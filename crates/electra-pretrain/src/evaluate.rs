//! Held-out evaluation of both networks: no dropout, no gradient, the same masks and samples
//! every time.

use burn::prelude::*;
use electra_model::{BatchData, Electra, JointOutput, Normalizer, Objective};
use electra_run::record::EvalRecord;

use crate::loader::Loader;
use crate::metrics::Tally;

/// Evaluates `model`, which must be on a device without autodiff, on at most `max_examples`
/// held-out rows, `rows_at_once` at a time. `None` if there are no held-out rows.
pub fn evaluate(
    model: &Electra,
    objective: &Objective,
    loader: &Loader,
    device: &Device,
    max_examples: usize,
    rows_at_once: usize,
) -> Option<EvalRecord> {
    let rows = loader.heldout_len().min(max_examples);
    if rows == 0 {
        return None;
    }
    let mut tally = Tally::default();
    let mut start = 0;
    while start < rows {
        let batch = loader.heldout(start, rows_at_once.min(rows - start));
        start += batch.examples;
        // Sums, not means: batches differ in their number of slots and tokens.
        let sums = Normalizer { mlm: 1.0, rtd: 1.0 };
        let output = objective.forward(model, &batch.to_device(device), sums, None);
        add(&mut tally, &batch, output);
    }
    let Objective::ReplacedTokenDetection { generator_weight, discriminator_weight, .. } = *objective;
    (tally.slots > 0).then(|| tally.finish([generator_weight, discriminator_weight]))
}

fn add(tally: &mut Tally, batch: &BatchData, output: JointOutput) {
    let ids = |t: Tensor<1, Int>| -> Vec<i64> { t.into_data().iter::<i64>().collect() };
    let floats = |t: Tensor<2>| -> Vec<f32> { t.into_data().iter::<f32>().collect() };
    let slots = batch.targets.len();
    let first_choice = ids(output.generator_logits.argmax(1).reshape([slots]));
    let samples = ids(output.corrupted.samples);
    tally.mlm_nats += output.mlm.into_scalar::<f64>();
    for (slot, &weight) in batch.weights.iter().enumerate() {
        if weight > 0.0 {
            let target = i64::from(batch.targets[slot]);
            tally.slots += 1;
            tally.mlm_right += u64::from(first_choice[slot] == target);
            tally.sampled_right += u64::from(samples[slot] == target);
        }
    }
    let logits = floats(output.discriminator_logits);
    let labels = floats(output.corrupted.labels);
    let judged = batch.real.iter().zip(logits).zip(labels);
    tally
        .judged
        .extend(judged.filter(|((real, _), _)| **real > 0.0).map(|((_, logit), label)| (logit, label > 0.5)));
}
