//! Held-out evaluation of both networks: no dropout, no gradient, the same masks and samples
//! every time.

use burn::prelude::*;
use electra_model::{Electra, Normalizer, Objective, Pass, Stage, on_workers};

use crate::data::RecipeDataError;
use crate::heldout::HeldoutSample;
use crate::loader::Loader;
use crate::metrics::{EvalRecord, MetricAccumulator};
use crate::per_byte::ByteSums;

/// Evaluates `model`, which must be on a device without autodiff, on the held-out rows of `sample`,
/// `rows_at_once` at a time, with what `stage` trains. `None` if there are no held-out rows.
///
/// # Errors
/// A row of the data that is damaged.
pub fn evaluate(
    model: &Electra,
    objective: &Objective,
    stage: Stage,
    loader: &Loader,
    device: &Device,
    sample: HeldoutSample,
    rows_at_once: usize,
) -> Result<Option<EvalRecord>, RecipeDataError> {
    let rows: Vec<usize> = (0..sample.len()).map(|place| sample.row(place)).collect();
    let (mut tally, mut by_byte) = (MetricAccumulator::default(), ByteSums::default());
    for rows in rows.chunks(rows_at_once) {
        let batch = loader.heldout(rows)?;
        // Sums, not means: batches differ in their number of slots and tokens.
        let output = on_workers(Pass::Evaluation, device, || {
            objective.forward_in(stage, model, &batch.to_device(device), Normalizer::SUMS, None)
        });
        tally.add(&batch, &output, Normalizer::SUMS);
        by_byte.add(loader.piece_bytes(), &batch, &output, Normalizer::SUMS);
    }
    Ok((!tally.is_empty()).then(|| {
        let found = tally.finish(objective.weights_in(stage));
        let scalars = found.scalars.with("mlm_loss_per_byte", by_byte.per_byte());
        EvalRecord { scalars, heldout: Some(sample.measure()), ..found }
    }))
}
