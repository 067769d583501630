//! What a recipe says of a single step: functions of its number in the run.

use std::collections::BTreeSet;

use electra_model::flops::ForwardFlops;
use electra_optim::Schedule;

use super::Recipe;
use crate::mask::Masking;
use crate::phases::Phase;

/// A course of the learning rate: warmup and decay.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Course {
    /// The first step of the run that belongs to it.
    pub first_step: u64,
    /// The course as a function of its own steps.
    pub schedule: Schedule,
    /// The phase that it is of, from 0, where a phase has a course of its own.
    pub phase: Option<usize>,
}

impl Recipe {
    /// The courses of the learning rate, in order: one for the run, unless its scheme is "two-stage" or its phases
    /// have courses of their own. Neighbouring phases without one share one course of the recipe's schedule.
    pub fn courses(&self) -> Vec<Course> {
        let of_recipe = |(first_step, total_steps)| {
            let super::ScheduleConfig { learning_rate, warmup_steps, decay, .. } = self.schedule;
            let schedule = Schedule { peak: learning_rate, warmup_steps, total_steps, decay };
            Course { first_step, schedule, phase: None }
        };
        if self.phases.iter().all(|phase| phase.schedule.is_none()) {
            return self.scheme.courses(self.train.steps).into_iter().map(of_recipe).collect();
        }
        let mut courses: Vec<Course> = Vec::new();
        let mut first_step = 0u64;
        for (number, phase) in self.phases.iter().enumerate() {
            match (&phase.schedule, courses.last_mut().filter(|last| last.phase.is_none())) {
                (Some(own), _) => {
                    let schedule = Schedule {
                        peak: own.learning_rate,
                        warmup_steps: own.warmup_steps.unwrap_or(self.schedule.warmup_steps),
                        total_steps: phase.steps,
                        decay: own.decay.unwrap_or(self.schedule.decay),
                    };
                    courses.push(Course { first_step, schedule, phase: Some(number) });
                }
                (None, Some(last)) => {
                    last.schedule.total_steps = last.schedule.total_steps.saturating_add(phase.steps);
                }
                (None, None) => courses.push(of_recipe((first_step, phase.steps))),
            }
            first_step = first_step.saturating_add(phase.steps);
        }
        courses
    }

    fn course_at(&self, step: u64) -> Course {
        let courses = self.courses();
        courses.into_iter().rfind(|course| course.first_step <= step).expect("a course begins at 0")
    }

    /// Learning rate of the step after `step` others.
    pub fn learning_rate(&self, step: u64) -> f64 {
        let course = self.course_at(step);
        course.schedule.at(step - course.first_step)
    }

    /// The masking of the step after `step` others.
    pub fn masking_at(&self, step: u64) -> Masking {
        self.mask_rate.masking(self.settings_at(step).masking, step, self.train.steps)
    }

    /// Whether the stage that `step` steps are done in, and its course of the learning rate, has had as many steps as a
    /// warmup.
    pub fn has_warmed_up(&self, step: u64) -> bool {
        let stages = self.scheme.stages(self.train.steps);
        let first = stages.into_iter().map(|stage| stage.0).rfind(|&first| first < step).unwrap_or(0);
        let course = self.course_at(step.saturating_sub(1));
        // The course of a run without phases begins with it or with a stage.
        step - first.max(course.first_step) > course.schedule.warmup_steps
    }

    /// Floating-point operations of the step after `step` others.
    pub fn step_flops(&self, step: u64) -> f64 {
        let settings = self.settings_at(step);
        let length = settings.sequence_length;
        let slots = self.masking_at(step).slots(length);
        let flops = ForwardFlops::of(&self.model, self.architecture(), settings.batch_size, length, slots);
        flops.training_step(self.scheme.stage(step))
    }

    /// First step and number of steps of each part of the run in which all steps are of one kind: of one phase, they
    /// train the same networks on as many masked slots.
    pub fn parts(&self) -> Vec<(u64, u64)> {
        let total = self.train.steps;
        let of_stages = self.scheme.stages(total).into_iter().map(|(first, _)| first);
        let of_phases = self.phases().into_iter().map(|phase| phase.first_step);
        let firsts: BTreeSet<u64> = of_stages.chain(self.mask_rate.firsts(total)).chain(of_phases).collect();
        let ends = firsts.iter().skip(1).copied().chain([total]);
        firsts.iter().zip(ends).map(|(&first, end)| (first, end.saturating_sub(first))).collect()
    }

    /// Floating-point operations of all steps.
    pub fn run_flops(&self) -> f64 {
        self.parts().into_iter().map(|(first, steps)| self.step_flops(first) * steps as f64).sum()
    }

    /// Tokens that `step` steps read, padding counted.
    pub fn tokens_read(&self, step: u64) -> u64 {
        let of_phase = |phase: Phase| {
            let of_step = (phase.recipe.train.batch_size * phase.recipe.data.sequence_length) as u64;
            phase.steps_done(step).saturating_mul(of_step)
        };
        self.phases().into_iter().map(of_phase).fold(0, u64::saturating_add)
    }
}
