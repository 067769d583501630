//! The forecast of the time of fine-tuning.

use std::time::Instant;

use burn::module::Module;
use burn::prelude::*;
use electra_run::seed::{Purpose, derive};

use super::batches::TrainBatch;
use super::error::FinetuneError;
use super::snapshot;
use super::step::Steps;
use super::task::Task;
use crate::head::WordLoss;
use crate::initial_tagger::initial_tagger;
use crate::recipe::Recipe;
use electra_annotations::Splits;
use electra_train::encoder_init::EncoderInit;

/// Steps that are timed, after one that is not.
const STEPS: usize = 4;

/// Seconds that one seed takes on `device`, which is without autodiff: every epoch with its evaluation,
/// and the scores at the end. Foretold from what a place of a window costs in some steps of the first
/// epoch, and from one evaluation; stopping early is not foreseen.
///
/// # Errors
/// If recipe, model and data do not go together, or the steps go out of bounds.
pub fn forecast(
    recipe: &Recipe,
    start: &EncoderInit,
    splits: &Splits,
    device: &Device,
) -> Result<f64, FinetuneError> {
    let task = Task::new(recipe, start, splits)?;
    let of_training = device.clone().autodiff();
    let steps = Steps {
        recipe,
        loss: WordLoss::new(recipe.loss.word.clone(), task.weights.clone()),
        rates: task.rates,
        schedule: recipe.schedule.over(task.total_steps()),
        device: &of_training,
    };
    let seed = derive(recipe.seed, Purpose::Init, 0);
    let tagger =
        initial_tagger(task.start, &task.labels, task.head(), seed, &of_training, recipe.train.precision)?;
    let mut snapshot = snapshot::start(tagger, &task.rates);
    let batches = task.batches.of_epoch(0, recipe.micro_batch_size());
    let length = |window: &usize| task.windowed.windows.length(*window);
    // Places in the windows of a step, padding included.
    let places = |parts: &Vec<Vec<usize>>| -> f64 {
        parts.iter().map(|part| (part.len() * part.iter().map(length).max().unwrap_or(0)) as f64).sum()
    };
    let (mut seconds, mut timed) = (0.0, 0.0);
    for i in 0..=STEPS {
        // From all over the epoch: windows differ in length.
        let batch = &batches[i * batches.len() / (STEPS + 1)];
        let clock = Instant::now();
        let parts = TrainBatch::of_step(&task.windowed, batch, &task.targets);
        steps.take(&mut snapshot, &parts)?;
        let _ = device.sync();
        if i > 0 {
            seconds += clock.elapsed().as_secs_f64();
            timed += places(batch);
        }
    }
    let epoch = seconds / timed * batches.iter().map(places).sum::<f64>();
    let tagger = snapshot.model().valid();
    // Once for kernels that are compiled as they are met, once for the clock.
    task.tags(&tagger, &task.dev, device, &mut |_| {});
    let clock = Instant::now();
    task.tags(&tagger, &task.dev, device, &mut |_| {});
    let evaluation = clock.elapsed().as_secs_f64();
    let test = splits.test.as_ref().map_or(0.0, |test| test.facts.tokens as f64);
    let at_the_end = 1.0 + test / splits.dev.facts.tokens.max(1) as f64;
    Ok((epoch + evaluation) * recipe.train.epochs as f64 + evaluation * at_the_end)
}
