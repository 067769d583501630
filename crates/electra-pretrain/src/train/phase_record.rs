//! The line of a log that says that a phase begins.

use electra_run::record::thousands;
use serde::Serialize;

use crate::phases::Phase;

/// What is said of a phase at its first step: the fields of a line "phase" of `metrics.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct PhaseRecord {
    /// Number of the phase, from 1.
    phase: usize,
    /// The number of phases.
    of: usize,
    /// Its steps.
    steps: u64,
    /// Tokens of a row.
    sequence_length: usize,
    /// Rows of a step.
    batch_size: usize,
    /// Rows that go through the networks at once.
    micro_batch_size: usize,
    /// Tokens that it reads, padding counted.
    tokens: u64,
    /// Share of masked tokens, where it does not change over the run.
    masking_probability: f64,
    /// The peak of its own course of the learning rate; absent where it has none of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    learning_rate: Option<f64>,
    /// The data folders.
    data: Vec<String>,
}

impl PhaseRecord {
    pub(super) fn of(phase: &Phase) -> Self {
        let r = &phase.recipe;
        let of_recipe = &r.phases[phase.number - 1];
        let folders = r.data.folders().into_iter().filter(|(_, weight)| *weight > 0.0);
        Self {
            phase: phase.number,
            of: phase.of,
            steps: phase.steps,
            sequence_length: r.data.sequence_length,
            batch_size: r.train.batch_size,
            micro_batch_size: r.micro_batch_size(),
            tokens: r.tokens_read(phase.end_step()) - r.tokens_read(phase.first_step),
            masking_probability: r.masking_at(phase.first_step).probability(),
            learning_rate: of_recipe.schedule.map(|schedule| schedule.learning_rate),
            data: folders.map(|(folder, _)| folder.display().to_string()).collect(),
        }
    }

    /// The phase in a sentence.
    pub(super) fn sentence(&self) -> String {
        let Self { phase, of, batch_size, sequence_length, masking_probability, data, .. } = self;
        let (steps, data) = (thousands(self.steps), data.join(" + "));
        let rate =
            self.learning_rate.map(|rate| format!(", peak learning rate {rate:e}")).unwrap_or_default();
        format!(
            "phase {phase} of {of}: {steps} steps of {batch_size} x {sequence_length} tokens of {data}, masking \
             {masking_probability}{rate}"
        )
    }
}
