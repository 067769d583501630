//! The records that a run writes at its intervals: metrics, TensorBoard, lines for whoever watches.

use burn::module::{Module, ModuleVisitor, Param};
use burn::prelude::*;
use electra_kernels::{device_memory, read};
use electra_model::{Electra, Stage};
use electra_run::process;
use electra_train::Divergence;

use super::compare_ranks::OfRanks;
use super::error::TrainError;
use super::run::{PhaseOfRun, Run};
use super::untrained::untrained_loss;
use crate::evaluate::Evaluation;
use crate::interval::Interval;
use crate::metrics::table::MeasuredIn;
use crate::metrics::{MetricAccumulator, Scalars, TrainRecord, majority_class};
use crate::monitor::Event;

impl Run<'_> {
    /// `accumulator` is that of the last step; `of_ranks` is known where several train together.
    pub(super) fn log_interval(
        &mut self,
        interval: &Interval,
        accumulator: MetricAccumulator,
        of_ranks: Option<OfRanks>,
    ) -> Result<(), TrainError> {
        let (r, step) = (self.recipe, self.snapshot.step());
        let seconds = interval.seconds();
        let steps_per_second = interval.steps as f64 / seconds;
        let mean = |sum: f64| sum / interval.steps as f64;
        let weights = r.objective.weights_in(r.scheme.stage(step - 1));
        let counted =
            if accumulator.is_empty() { Scalars::default() } else { accumulator.finish(weights).scalars };
        let peak_flops = self.estimate.peak_flops;
        let peak_fraction = peak_flops
            .map(|peak| r.step_flops(step - 1) * steps_per_second / (peak * self.communicator.size() as f64));
        // Only where they say what no other line does.
        let factor = r.schedule.generator_factor;
        let generator_rate = (factor != 1.0).then_some(interval.learning_rate * factor);
        let mask_probability = (!r.mask_rate.is_constant()).then(|| r.masking_at(step - 1).probability());
        let scalars = Scalars::default()
            .with("loss", mean(interval.loss))
            .with("mlm_loss", interval.mlm.get())
            .with("rtd_loss", interval.rtd.get())
            .with("prediction_loss", interval.prediction.get())
            .with("learning_rate", interval.learning_rate)
            .with("generator_learning_rate", generator_rate)
            .with("mask_probability", mask_probability)
            .with("phase", r.data_position(step - 1).map(|position| position.phase as f64))
            .with("grad_norm", mean(interval.grad_norm))
            .with("tokens_per_second", interval.tokens as f64 / seconds)
            // The key stands in every line, with null where the peak was not measured.
            .with("peak_fraction", peak_fraction.unwrap_or(f64::NAN))
            .with("rss_mb", process::rss().map_or(f64::NAN, |bytes| bytes as f64 / 1e6))
            .with("device_memory_mb", device_memory(self.device).map(|bytes| bytes as f64 / 1e6))
            .with("data_wait_fraction", interval.waited_fraction())
            .with("communication_fraction", of_ranks.map(|ranks| ranks.communication_fraction))
            .with("slowest_rank", of_ranks.map(|ranks| ranks.slowest as f64))
            .and(&counted, |metric| metric.when == MeasuredIn::LastStep);
        let record = TrainRecord { scalars, epoch: self.loader().epochs(step), tokens: r.tokens_read(step) };
        self.recorder.line("train", step, &record)?;
        self.recorder.scalars(step, &record.tagged(), self.monitor)?;
        let seconds_left = (r.train.steps - step) as f64 / steps_per_second;
        self.monitor.on(Event::Trained { step, record: &record, seconds_left });
        let stage = r.scheme.stage(step.saturating_sub(1));
        let loss = mean(interval.loss);
        let first = match self.first_loss {
            Some((of, first)) if of == stage => first,
            _ => self.first_loss.insert((stage, loss)).1,
        };
        let is_late = r.has_warmed_up(step) && step > r.log.every_steps;
        // Some starts cost up to twice what guessing does, and a run that leaves one slowly has not
        // risen.
        let untrained = untrained_loss(r, step).map(|untrained| first.clamp(untrained, 2.0 * untrained));
        if let Some(untrained) = untrained.filter(|u| is_late && loss > 1.2 * u) {
            return Err(Divergence::Risen { step, loss, untrained }.into());
        }
        Ok(())
    }

    pub(super) fn log_histograms(&self) {
        let mut watched = Watched { path: vec![], values: vec![] };
        self.snapshot.model().visit(&mut watched);
        for (path, values) in watched.values {
            self.recorder.histogram(self.snapshot.step(), &format!("weights/{path}"), values);
        }
    }

    /// Evaluates the average of the weights, writes down what it comes to, and says so beside the weights' own.
    pub(super) fn evaluate_average(&mut self, averaged: &Electra) -> Result<(), TrainError> {
        let (r, step) = (self.recipe, self.snapshot.step());
        let device = self.device.clone().inner();
        let stage = r.scheme.stage(step.saturating_sub(1));
        let found = self.evaluation(stage, &device).on(self.communicator, averaged)?;
        let Some(record) = found else { return Ok(()) };
        self.recorder.line("average", step, &record)?;
        let of_average = record.get("loss").unwrap_or(f64::NAN);
        // A run that has only to write its average again has not evaluated its weights.
        let of_weights = self.metric().map(|loss| format!(", of the weights themselves {loss:.3}"));
        let of_weights = of_weights.unwrap_or_default();
        self.note(&format!("held-out loss of the averaged weights {of_average:.3}{of_weights}"))
    }

    /// An evaluation on the held-out rows of the last phase, whatever phase it is: numbers of all steps are of one
    /// measure.
    fn evaluation<'b>(&'b self, stage: Stage, device: &'b Device) -> Evaluation<'b> {
        let PhaseOfRun { phase, loader } = &self.phases[self.phases.len() - 1];
        let (objective, rows_at_once) = (&self.recipe.objective, phase.recipe.micro_batch_size());
        Evaluation { objective, stage, loader, device, sample: self.heldout, rows_at_once }
    }

    pub(super) fn evaluate(&mut self) -> Result<(), TrainError> {
        let (r, step) = (self.recipe, self.snapshot.step());
        let model = self.snapshot.model().valid();
        let device = self.device.clone().inner();
        let stage = r.scheme.stage(step.saturating_sub(1));
        let found = self.evaluation(stage, &device).on(self.communicator, &model)?;
        let Some(mut record) = found else {
            return self.note("there are no held-out examples: nothing was evaluated");
        };
        // Before the warmup is over nothing else is to be expected.
        let has_warmed_up = r.has_warmed_up(step);
        record.collapsed = record.collapsed.map(|collapsed| collapsed && has_warmed_up);
        // A generator alone cannot be the best model of a run that trains another after it.
        self.heldout_loss =
            record.get("loss").filter(|_| stage != Stage::GeneratorAlone).map(|loss| (step, loss));
        self.recorder.line("eval", step, &record)?;
        self.recorder.scalars(step, &record.tagged(), self.monitor)?;
        self.monitor.on(Event::Evaluated { step, record: &record });
        if record.collapsed == Some(true) && step >= r.train.steps / 2 {
            let found = majority_class(record.get("rtd_recall"), record.get("rtd_loss_over_entropy"));
            self.note(&format!(
                "the discriminator {found}: more steps (train.steps), as a short run has not begun to learn, a \
                 smaller generator or a lower masking.probability may help"
            ))?;
        }
        Ok(())
    }
}

/// The weights that TensorBoard shows as histograms: tables, heads and the first block of each network.
struct Watched {
    path: Vec<String>,
    values: Vec<(String, Vec<f32>)>,
}

impl ModuleVisitor for Watched {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_string());
    }
    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let path = self.path.join(".");
        let is_selected =
            ["embeddings.word", "embeddings.position", "project.weight"].iter().any(|s| path.ends_with(s))
                || ["head.", "masked_lm.", "copy."].iter().any(|s| path.contains(s))
                || path.contains("layers.0.") && path.ends_with(".weight");
        if is_selected {
            self.values.push((path, read(param.val()).iter::<f32>().collect()));
        }
    }
}
