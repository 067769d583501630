//! Held-out evaluation of both networks: no dropout, no gradient, the same masks and samples
//! every time.

use burn::prelude::*;
use electra_model::{Electra, Normalizer, Objective, Pass, Stage, on_workers};
use electra_run::record::EvalRecord;

use crate::loader::Loader;
use crate::metrics::Tally;

/// Evaluates `model`, which must be on a device without autodiff, on at most `max_examples`
/// held-out rows, `rows_at_once` at a time, with what `stage` trains. `None` if there are no held-out rows.
pub fn evaluate(
    model: &Electra,
    objective: &Objective,
    stage: Stage,
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
        let output = on_workers(Pass::Evaluation, device, || {
            objective.forward_in(stage, model, &batch.to_device(device), Normalizer::SUMS, None)
        });
        tally.add(&batch, &output, Normalizer::SUMS);
    }
    (!tally.is_empty()).then(|| tally.finish(objective.weights_in(stage)))
}
