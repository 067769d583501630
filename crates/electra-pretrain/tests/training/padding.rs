//! Padding in what is measured of a step.

use burn::prelude::*;
use electra_pretrain::metrics::MetricAccumulator;
use electra_pretrain::snapshot;
use electra_pretrain::step::optimizer_step;

use crate::recipe::recipe;
use crate::tiny;

/// The shares of 4 rows with 32, 9, 20 and 4 real tokens count nothing that stands behind those tokens.
#[test]
fn padding_is_in_no_share_of_tokens() {
    let device = Device::flex().autodiff();
    let recipe = recipe(0.0);
    let batch = tiny::batch(&[32, 9, 20, 4], 32, 1);
    let mut tally = MetricAccumulator::default();
    let mut snapshot = snapshot::new(&recipe, 1, &device);
    optimizer_step(&mut snapshot, std::slice::from_ref(&batch), &recipe, &device, Some(&mut tally)).unwrap();
    let corruption = tally.corruption.unwrap();
    let used = batch.weights.iter().filter(|weight| **weight > 0.0).count() as u64;
    assert_eq!((corruption.slots, corruption.tokens), (used, 65));
    // Every slot shows a sample: it is another token wherever the sample is not the original.
    assert_eq!(corruption.fakes, used - corruption.right);
    assert_eq!(tally.judged.as_ref().unwrap().len(), 65);
    let found = tally.finish([1.0, 50.0]);
    assert_eq!(found.get("fake_rate"), Some(corruption.fakes as f64 / 65.0));
}
