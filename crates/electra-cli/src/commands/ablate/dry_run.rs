//! What an experiment will need, before it begins.

use std::collections::{HashMap, HashSet};
use std::process::ExitCode;

use electra_ablate::table::Table;
use electra_pretrain::data::open_data;
use electra_pretrain::plan::{DataSize, forecast};
use electra_run::record::{duration, thousands};

use super::job::Setup;
use crate::device::use_threads;
use crate::failure::{self, Failure};

/// Training steps that are timed.
const PROBE_STEPS: usize = 3;

/// Prints arms, parameters, operations, steps and predicted times.
///
/// # Errors
/// If a recipe or the device cannot be used.
pub(super) fn print(setup: &Setup, jobs: usize) -> Result<ExitCode, Failure> {
    use_threads(Some(setup.threads))?;
    let plan = &setup.plan;
    let results = setup.check_results()?;
    let mut seconds_per_step: HashMap<&str, f64> = HashMap::new();
    let mut seconds = Vec::new();
    for arm in &plan.arms {
        let per_step = match seconds_per_step.get(arm.facts.shape.as_str()) {
            Some(known) => *known,
            None => {
                let recipe = setup.recipes.load(&arm.overrides).map_err(failure::recipe)?.value;
                let device = setup.device.open_with(recipe.train.precision)?;
                let size = open_data(&recipe).ok().as_ref().map(DataSize::of);
                let seconds = forecast(&recipe, &device, PROBE_STEPS, size)?.plan.seconds;
                *seconds_per_step.entry(&arm.facts.shape).or_insert(seconds / recipe.train.steps as f64)
            }
        };
        seconds.push(per_step * arm.facts.steps as f64);
    }
    let head = ["arm", "discriminator", "generator", "FLOP a run", "steps", "time a run", "finished"];
    let row = |(number, arm): (usize, &electra_ablate::plan::PlannedArm)| {
        let own = plan.jobs.iter().filter(|job| job.arm == number);
        let finished = own.filter(|job| setup.is_answered(job, &results)).count();
        let [discriminator, generator] = arm.facts.parameters.map(|n| thousands(n as u64));
        vec![
            arm.name.clone(),
            discriminator,
            generator,
            format!("{:.3e}", arm.flops()),
            thousands(arm.facts.steps),
            duration(seconds[number]),
            format!("{finished}/{}", plan.seeds.list().len()),
        ]
    };
    let table = Table {
        head: head.map(str::to_owned).to_vec(),
        rows: plan.arms.iter().enumerate().map(row).collect(),
    };
    println!("{}", table.text());
    // Arms that differ in the probe alone share what is pretrained.
    let mut seen = HashSet::new();
    let left: Vec<f64> = plan
        .jobs
        .iter()
        .filter(|job| !setup.is_answered(job, &results) && seen.insert(&job.hash))
        .map(|job| seconds[job.arm])
        .collect();
    println!(
        "{} runs ({} arms, seeds {}), {} to pretrain: {} one after the other, {} with --jobs {jobs} \
         and --threads {} if they do not slow each other down",
        plan.jobs.len(),
        plan.arms.len(),
        plan.seeds,
        left.len(),
        duration(left.iter().sum()),
        duration(makespan(&left, jobs)),
        setup.threads,
    );
    if plan.arms.iter().any(|arm| arm.facts.data_hash.is_none()) {
        println!("The data of some arms is not there yet: build it before the experiment begins.");
    }
    if setup.probe_seeds() > 0 {
        println!("After each run, fine-tuning with {} seeds, which is not counted.", setup.probe_seeds());
    }
    Ok(ExitCode::SUCCESS)
}

/// When the last of them is done if each begins as soon as there is room.
fn makespan(seconds: &[f64], jobs: usize) -> f64 {
    let mut free_at = vec![0.0f64; jobs];
    for seconds in seconds {
        let first = free_at.iter_mut().min_by(|a, b| a.total_cmp(b)).expect("there is a job at least");
        *first += seconds;
    }
    free_at.into_iter().fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_begin_as_soon_as_there_is_room() {
        assert_eq!(makespan(&[3.0, 1.0, 1.0, 4.0], 1), 9.0);
        // 3 beside 1 1, then 4 behind the two.
        assert_eq!(makespan(&[3.0, 1.0, 1.0, 4.0], 2), 6.0);
        assert_eq!(makespan(&[], 3), 0.0);
    }
}
