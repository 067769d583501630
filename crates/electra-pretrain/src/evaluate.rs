//! Held-out evaluation of both networks: no dropout, no gradient, the same masks and samples
//! every time.

use burn::prelude::*;
use electra_model::{Electra, Normalizer, Objective, Pass, Stage, on_workers};
use electra_ranks::{Communicator, RankError, Shares};

use crate::data::RecipeDataError;
use crate::exchange::{MessageReader, MessageWriter};
use crate::heldout::HeldoutSample;
use crate::loader::Loader;
use crate::metrics::{EvalRecord, MetricAccumulator};
use crate::per_byte::{BatchBytes, ByteSums};

/// An error of an evaluation that ranks share.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum EvaluationError {
    /// A row of the data that is damaged.
    #[error("{0}")]
    Data(
        #[from]
        #[diagnostic_source]
        RecipeDataError,
    ),
    /// Another rank has come to an error, or has ended.
    #[error("{0}")]
    Ranks(
        #[from]
        #[diagnostic_source]
        RankError,
    ),
}

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
    let alone = Communicator::alone();
    let evaluation = Evaluation { objective, stage, loader, device, sample, rows_at_once };
    evaluation.on(&alone, model).map_err(|error| match error {
        EvaluationError::Data(error) => error,
        EvaluationError::Ranks(error) => unreachable!("one process: {error}"),
    })
}

/// An evaluation: on which rows, and of what.
#[derive(Clone, Copy)]
pub struct Evaluation<'a> {
    /// The training objective.
    pub objective: &'a Objective,
    /// The stage of the scheme, which decides what is measured.
    pub stage: Stage,
    /// The data.
    pub loader: &'a Loader,
    /// A device without autodiff.
    pub device: &'a Device,
    /// The held-out rows.
    pub sample: HeldoutSample,
    /// Rows that go through the networks at once.
    pub rows_at_once: usize,
}

/// Metrics of one batch.
struct BatchMetrics {
    counted: MetricAccumulator,
    bytes: BatchBytes,
}

impl Evaluation<'_> {
    /// Evaluates `model`, each rank a share of the batches, with the same numbers on every rank. `None` if there are
    /// no held-out rows.
    ///
    /// # Errors
    /// A row of the data that is damaged, or another rank that has ended.
    pub fn on(
        &self,
        communicator: &Communicator<'_>,
        model: &Electra,
    ) -> Result<Option<EvalRecord>, EvaluationError> {
        let rows: Vec<usize> = (0..self.sample.len()).map(|place| self.sample.row(place)).collect();
        let batches: Vec<&[usize]> = rows.chunks(self.rows_at_once).collect();
        let own = Shares::new(batches.len(), communicator.size()).of(communicator.rank());
        let own = batches[own].iter().map(|rows| self.batch(model, rows)).collect::<Result<Vec<_>, _>>();
        let all = if communicator.is_shared() { gather_batches(communicator, own)? } else { own? };
        let (mut metrics, mut by_byte) = (MetricAccumulator::default(), ByteSums::default());
        for BatchMetrics { counted, bytes } in all {
            metrics.merge(counted);
            by_byte.add(bytes);
        }
        Ok((!metrics.is_empty()).then(|| {
            let found = metrics.finish(self.objective.weights_in(self.stage));
            let scalars = found.scalars.with("mlm_loss_per_byte", by_byte.per_byte());
            EvalRecord { scalars, heldout: Some(self.sample.measure()), ..found }
        }))
    }

    fn batch(&self, model: &Electra, rows: &[usize]) -> Result<BatchMetrics, RecipeDataError> {
        let batch = self.loader.heldout(rows)?;
        // Sums, not means: batches differ in their number of slots and tokens.
        let output = on_workers(Pass::Evaluation, self.device, || {
            let on_device = batch.to_device(self.device);
            self.objective.forward_in(self.stage, model, &on_device, Normalizer::SUMS, None)
        });
        let mut counted = MetricAccumulator::default();
        counted.add(&batch, &output, Normalizer::SUMS);
        let bytes = BatchBytes::of(self.loader.piece_bytes(), &batch, &output, Normalizer::SUMS);
        Ok(BatchMetrics { counted, bytes })
    }
}

/// All-gather of metrics: sends those of this rank's batches and receives those of all, in the order of the batches.
fn gather_batches(
    communicator: &Communicator<'_>,
    own: Result<Vec<BatchMetrics>, RecipeDataError>,
) -> Result<Vec<BatchMetrics>, EvaluationError> {
    let message = match &own {
        Ok(own) => {
            let mut writer = MessageWriter::default();
            writer.count(own.len() as u64);
            for BatchMetrics { counted, bytes } in own {
                writer.accumulator(counted);
                [bytes.nats, bytes.without_text].into_iter().for_each(|nats| writer.number(nats));
                writer.count(bytes.bytes as u64);
            }
            Ok(writer.into_bytes())
        }
        Err(error) => Err(error.to_string()),
    };
    let all = communicator.gather(message);
    own?;
    let mut found = Vec::new();
    for message in all? {
        let mut reader = MessageReader::new(&message);
        found.extend((0..reader.count()).map(|_| BatchMetrics {
            counted: reader.accumulator(),
            bytes: BatchBytes {
                nats: reader.number(),
                without_text: reader.number(),
                bytes: reader.count() as usize,
            },
        }));
    }
    Ok(found)
}
