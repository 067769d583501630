//! What a run writes down at its intervals: metrics, TensorBoard, lines for whoever watches.

use burn::module::{Module, ModuleVisitor, Param};
use burn::prelude::*;
use electra_model::{GeneratorKind, Stage};
use electra_run::process;
use electra_run::record::HParam;

use super::{Run, TrainError, untrained_loss};
use crate::evaluate::evaluate;
use crate::interval::Interval;
use crate::metrics::table::When;
use crate::metrics::{MetricAccumulator, Scalars, TrainRecord};
use crate::monitor::Event;
use crate::recipe::Recipe;
use crate::step::{Divergence, Step};

impl Run<'_> {
    /// Says once that 16 bits are too few for the gradients.
    pub(super) fn tell_loss_scale(&mut self, step: &Step) -> Result<(), TrainError> {
        if step.loss_scale >= self.recipe.train.precision.loss_scale() || self.told_loss_scale {
            return Ok(());
        }
        self.told_loss_scale = true;
        self.note(&format!(
            "a gradient overflowed in 16 bits: the step was computed again with a loss scale of {}; if \
             training is slow from here on, use train.precision = \"bf16\" or \"f32\"",
            step.loss_scale
        ))
    }

    /// `tally` is that of the last step.
    pub(super) fn log_interval(
        &mut self,
        interval: &Interval,
        tally: MetricAccumulator,
    ) -> Result<(), TrainError> {
        let (r, step) = (self.recipe, self.snapshot.step);
        let seconds = interval.seconds();
        let steps_per_second = interval.steps as f64 / seconds;
        let mean = |sum: f64| sum / interval.steps as f64;
        let rows = (r.train.batch_size * r.data.sequence_length) as u64;
        let weights = r.objective.weights_in(r.scheme.stage(step - 1));
        let counted = match tally.is_empty() {
            true => Scalars::default(),
            false => tally.finish(weights).scalars,
        };
        let peak_flops = self.estimate.peak_flops;
        let peak_fraction = peak_flops.map(|peak| r.step_flops(step - 1) * steps_per_second / peak);
        let scalars = Scalars::default()
            .with("loss", mean(interval.loss))
            .with("mlm_loss", interval.mlm.get())
            .with("rtd_loss", interval.rtd.get())
            .with("prediction_loss", interval.prediction.get())
            .with("learning_rate", interval.learning_rate)
            .with("grad_norm", mean(interval.grad_norm))
            .with("tokens_per_second", interval.tokens as f64 / seconds)
            // The key stands in every line, with null where the peak was not measured.
            .with("peak_fraction", peak_fraction.unwrap_or(f64::NAN))
            .with("rss_mb", process::rss().map_or(f64::NAN, |bytes| bytes as f64 / 1e6))
            .with("data_wait_fraction", interval.waited_fraction())
            .and(&counted, |metric| metric.when == When::LastStep);
        let record = TrainRecord { scalars, epoch: self.loader.epochs(step), tokens: step * rows };
        self.log.line("train", step, &record)?;
        self.board.scalars(step, &record.tagged());
        if let Some(failure) = self.board.failure().map(str::to_string).filter(|_| !self.told_board_failure) {
            self.told_board_failure = true;
            self.note(&format!("TensorBoard events end here: {failure}"))?;
        }
        let seconds_left = (r.train.steps - step) as f64 / steps_per_second;
        self.monitor.on(Event::Trained { step, record: &record, seconds_left });
        let stage = r.scheme.stage(step.saturating_sub(1));
        let loss = mean(interval.loss);
        let first = match self.first_loss {
            Some((of, first)) if of == stage => first,
            _ => self.first_loss.insert((stage, loss)).1,
        };
        let is_late = r.is_warm(step) && step > r.log.every_steps;
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
            self.board.histogram(self.snapshot.step, &format!("weights/{path}"), values);
        }
    }

    pub(super) fn evaluate(&mut self) -> Result<(), TrainError> {
        let (r, step) = (self.recipe, self.snapshot.step);
        let model = self.snapshot.model().valid();
        let device = self.device.clone().inner();
        let (rows, stage) = (r.micro_batch_size(), r.scheme.stage(step.saturating_sub(1)));
        let found = evaluate(&model, &r.objective, stage, &self.loader, &device, self.heldout, rows)?;
        let Some(mut record) = found else {
            return self.note("there are no held-out examples: nothing was evaluated");
        };
        // Before the warmup is over nothing else is to be expected.
        let is_warm = r.is_warm(step);
        record.collapsed = record.collapsed.map(|collapsed| collapsed && is_warm);
        // A generator alone cannot be the best model of a run that trains another after it.
        self.heldout_loss =
            record.get("loss").filter(|_| stage != Stage::GeneratorAlone).map(|loss| (step, loss));
        self.log.line("eval", step, &record)?;
        self.board.scalars(step, &record.tagged());
        self.monitor.on(Event::Evaluated { step, record: &record });
        if record.collapsed == Some(true) && step >= r.train.steps / 2 {
            self.note(
                "the discriminator says the majority class and little else: a smaller generator, a lower \
                 masking.probability or more steps may help",
            )?;
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
            self.values.push((path, param.val().into_data().iter::<f32>().collect()));
        }
    }
}

/// What TensorBoard compares runs by.
pub(super) fn hparams(r: &Recipe) -> Vec<(String, HParam)> {
    let number = |name: &str, value: f64| (name.to_string(), HParam::Number(value));
    let mut numbers = vec![
        ("name".to_string(), HParam::Text(r.name.clone())),
        ("objective".to_string(), HParam::Text(r.objective.kind().to_string())),
        number("seed", r.seed as f64),
        number("hidden_size", r.model.hidden_size as f64),
        number("num_hidden_layers", r.model.num_hidden_layers as f64),
        number("batch_size", r.train.batch_size as f64),
        number("learning_rate", r.schedule.learning_rate),
        number("masking_probability", r.masking.probability()),
        number("dropout", r.train.dropout),
    ];
    if r.architecture().generator != GeneratorKind::None {
        let generator = r.model.generator();
        numbers.push(number("generator_hidden_size", generator.hidden_size as f64));
        numbers.push(number("generator_num_hidden_layers", generator.num_hidden_layers as f64));
    }
    numbers
}
