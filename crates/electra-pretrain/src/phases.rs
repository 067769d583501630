//! Phases: the parts of a run, one after another, that may differ in data, length of rows, batch, masking and learning
//! rate (NVIDIA's BERT and others train on short rows first and on long ones at the end).
//!
//! A recipe becomes the list of its phases here: [`Recipe::phases`], one for a recipe that names none. Whoever plans,
//! trains or reports goes through that list; [`RunData`] is the data of the run, phase by phase.
//! `docs/decisions/0020-phases.md` says what goes on across a seam and what begins anew.

mod reading;

use serde::{Deserialize, Serialize};

use crate::mask::Masking;
use crate::recipe::{PhaseConfig, PhaseMasking, Recipe};

pub use reading::{PhaseReading, RunData, unseen_ids_of_run};

/// A phase of a run, with everything that it has of the recipe.
#[derive(Clone, Debug, PartialEq)]
pub struct Phase {
    /// Its number, from 1.
    pub number: usize,
    /// The number of phases.
    pub of: usize,
    /// The first step of the run that belongs to it.
    pub first_step: u64,
    /// Its steps.
    pub steps: u64,
    /// The recipe of its steps: data, batch and masking are those of the phase, all else is the run's. Steps have the
    /// numbers of the run, and `train.steps` are those of the run.
    pub recipe: Recipe,
}

/// The settings of a step that a phase may have of its own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepSettings {
    /// Rows of an optimizer step.
    pub batch_size: usize,
    /// Tokens of a row.
    pub sequence_length: usize,
    /// Which positions are masked, but for a rate that changes over the run.
    pub masking: Masking,
}

/// The position of a run in the data of its phases, as a checkpoint records it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataPosition {
    /// The phase of the next step, from 1.
    pub phase: usize,
    /// Steps done of that phase.
    pub steps: u64,
    /// Rows that it has read.
    pub rows: u64,
}

impl Phase {
    /// The step after its last.
    pub fn end_step(&self) -> u64 {
        self.first_step.saturating_add(self.steps)
    }

    /// How many of its steps are done when the run has done `step`.
    pub fn steps_done(&self, step: u64) -> u64 {
        step.saturating_sub(self.first_step).min(self.steps)
    }

    /// Rows that it reads in its first `steps` steps.
    pub fn rows(&self, steps: u64) -> u64 {
        steps.saturating_mul(self.recipe.train.batch_size as u64)
    }
}

impl Recipe {
    /// The phases of the run, in order, of which a recipe without `[[phases]]` has one.
    pub fn phases(&self) -> Vec<Phase> {
        if self.phases.is_empty() {
            return vec![Phase {
                number: 1,
                of: 1,
                first_step: 0,
                steps: self.train.steps,
                recipe: self.clone(),
            }];
        }
        // With nothing left out, so that a phase in the place of the recipe changes no other.
        let mut of_run = self.clone();
        of_run.phases = self.phases.iter().map(|phase| self.complete(phase)).collect();
        let mut first_step = 0u64;
        let of_config = |(index, phase): (usize, &PhaseConfig)| {
            let begins = first_step;
            first_step = first_step.saturating_add(phase.steps);
            let (number, of) = (index + 1, of_run.phases.len());
            Phase { number, of, first_step: begins, steps: phase.steps, recipe: of_run.in_phase(phase) }
        };
        of_run.phases.iter().enumerate().map(of_config).collect()
    }

    /// Number of the phase of the step after `step` others, from 0; of the last step and later, the last phase.
    pub fn phase_index_at(&self, step: u64) -> usize {
        let mut end = 0u64;
        let ends = self.phases.iter().map(|phase| {
            end = end.saturating_add(phase.steps);
            end
        });
        ends.take_while(|&end| end <= step).count().min(self.phases.len().saturating_sub(1))
    }

    /// The settings of the step after `step` others that its phase decides.
    pub fn settings_at(&self, step: u64) -> StepSettings {
        let phase = self.phases.get(self.phase_index_at(step));
        let of_phase = phase.and_then(|phase| phase.masking);
        StepSettings {
            batch_size: phase.and_then(|phase| phase.batch_size).unwrap_or(self.train.batch_size),
            sequence_length: phase
                .and_then(|phase| phase.data.sequence_length)
                .unwrap_or(self.data.sequence_length),
            masking: of_phase.map_or(self.masking, |masking| masking.over(self.masking)),
        }
    }

    /// Where the run stands in the data of its phases when `step` steps are done; none without phases.
    pub fn data_position(&self, step: u64) -> Option<DataPosition> {
        let index = self.phase_index_at(step);
        let phase = self.phases.get(index)?;
        let before = self.phases[..index].iter().fold(0u64, |sum, phase| sum.saturating_add(phase.steps));
        let steps = step.saturating_sub(before).min(phase.steps);
        let batch = phase.batch_size.unwrap_or(self.train.batch_size) as u64;
        Some(DataPosition { phase: index + 1, steps, rows: steps.saturating_mul(batch) })
    }

    /// The phase with what it has of this recipe written out.
    fn complete(&self, phase: &PhaseConfig) -> PhaseConfig {
        let mut complete = phase.clone();
        let data = phase.data.over(&self.data);
        complete.batch_size = phase.batch_size.or(Some(self.train.batch_size));
        complete.micro_batch_size = phase.micro_batch_size.or(self.train.micro_batch_size);
        complete.data.sequence_length = Some(data.sequence_length);
        (complete.data.path, complete.data.sources) = (data.path, data.sources);
        let masking = phase.masking.map_or(self.masking, |masking| masking.over(self.masking));
        complete.masking = Some(PhaseMasking::Whole(masking));
        complete
    }

    /// This recipe with what a complete phase says in its place.
    fn in_phase(&self, phase: &PhaseConfig) -> Self {
        let mut recipe = self.clone();
        recipe.data = phase.data.over(&self.data);
        if let Some(rows) = phase.batch_size {
            recipe.train.batch_size = rows;
        }
        recipe.train.micro_batch_size = phase.micro_batch_size;
        if let Some(masking) = phase.masking {
            recipe.masking = masking.over(self.masking);
        }
        recipe
    }
}
