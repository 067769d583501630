//! The forecast of an experiment's needs, before it begins.

use std::collections::{HashMap, HashSet};
use std::process::ExitCode;
use std::time::Instant;

use electra_ablate::plan::{Job, PlannedArm};
use electra_ablate::quantities::{self, UnnamedDifference};
use electra_ablate::run::last_step;
use electra_ablate::table::{Table, UNNAMED_DIFFERENCES, operations, with_noun};
use electra_ner::forecast_finetuning;
use electra_pretrain::Recipe;
use electra_pretrain::corruption::CorruptionPlan;
use electra_pretrain::data::open_data;
use electra_pretrain::plan::{DataSize, forecast};
use electra_run::record::{duration, thousands};
use electra_text::Tokenizer;
use electra_train::encoder_init::EncoderInit;

use super::probe::ProbePlan;
use super::setup::Setup;
use super::stage::Stage;
use crate::commands::pretrain::check_memory;
use crate::commands::quantities::TABLE;
use crate::device::use_threads;
use crate::failure::{self, Failure};

/// Training steps that are timed.
const TIMED_STEPS: usize = 3;

/// The time that a run of an arm takes.
#[derive(Clone, Copy)]
struct Cost {
    /// Seconds of a step of pretraining, evaluation counted.
    step: f64,
    /// Seconds until a process takes its first step.
    start: f64,
    /// Seconds to judge the held-out rows once.
    judging: f64,
    /// Fine-tuning; none if it cannot be foretold, as the data of pretraining is not there.
    probe: Option<ProbeCost>,
}

/// The stages of a run that are still to be done.
#[derive(Clone, Copy, Default)]
struct Open {
    /// Steps of pretraining, if it is not done.
    steps: Option<u64>,
    /// Seeds of fine-tuning, if it is not done.
    probe_seeds: Option<u64>,
    /// Judgements on common text, each by a process of its own.
    figures: usize,
}

impl Cost {
    /// Seconds for what is left.
    fn of(&self, open: Open) -> f64 {
        let pretraining = open.steps.map_or(0.0, |steps| self.start + self.step * steps as f64);
        let seed = self.probe.map_or(0.0, |probe| probe.seed);
        let probing = open.probe_seeds.map_or(0.0, |seeds| self.start + seed * seeds as f64);
        pretraining + probing + (self.start + self.judging) * open.figures as f64
    }
}

/// The time that fine-tuning takes.
#[derive(Clone, Copy)]
struct ProbeCost {
    /// Seconds of one seed.
    seed: f64,
    /// Seeds of each pretrained model.
    seeds: u64,
    /// Whether it may be over earlier.
    has_patience: bool,
}

/// Prints arms, parameters, operations, steps and predicted times.
///
/// # Errors
/// If a recipe or the device cannot be used.
pub(super) fn print(setup: &Setup, jobs: usize) -> Result<ExitCode, Failure> {
    use_threads(Some(setup.threads))?;
    let plan = &setup.plan;
    let results = setup.check_results()?;
    setup.check_probes(&results)?;
    let failed = setup.failed_results()?;
    let costs = costs(setup)?;
    let has_probe = !setup.probes.is_empty();
    let mut head = vec!["arm", "discriminator", "generator", "FLOP a run", "steps", "time a run"];
    head.extend(has_probe.then_some("fine-tuning"));
    head.push("finished");
    let row = |(number, arm): (usize, &PlannedArm)| {
        let own = plan.jobs.iter().filter(|job| job.arm == number);
        let finished = own.filter(|job| setup.numbers_of(job, &results).is_some()).count();
        let [discriminator, generator] = arm.facts.parameters.map(|n| thousands(n as u64));
        let mut row = vec![
            arm.name.clone(),
            discriminator,
            generator,
            match arm.off_budget {
                Some(_) => operations(arm.flops(), arm.off_budget),
                None => format!("{:.3e}", arm.flops()),
            },
            thousands(arm.facts.steps),
            duration(costs[number].start + costs[number].step * arm.facts.steps as f64),
        ];
        row.extend(has_probe.then(|| match costs[number].probe {
            Some(probe) => duration(costs[number].start + probe.seed * probe.seeds as f64),
            None => "?".to_owned(),
        }));
        let failed = failed.iter().filter(|run| run.arm == arm.name).count();
        let and_failed = if failed > 0 { format!(", {failed} failed") } else { String::new() };
        row.push(format!("{finished}/{}{and_failed}", plan.seeds.list().len()));
        row
    };
    let table = Table {
        head: head.into_iter().map(str::to_owned).collect(),
        rows: plan.arms.iter().enumerate().map(row).collect(),
    };
    println!("{}", table.text());
    tell_what_differs(setup);
    // Arms that differ in the probe alone share what is pretrained.
    let (mut seen, mut to_pretrain, mut to_probe) = (HashSet::new(), 0, 0);
    let mut left = Vec::new();
    for job in plan.jobs.iter().filter(|job| !setup.is_answered(job, &results)) {
        let next = setup.next(job).unwrap_or_else(|failure| {
            eprintln!("{}: {}", setup.name_of(job), failure.in_one_line());
            None
        });
        let mut open = Open { figures: setup.figures_left(job), ..Open::default() };
        if next == Some(Stage::Pretrain) && seen.insert(&job.hash) {
            to_pretrain += 1;
            let steps = plan.arm_of(job).facts.steps;
            open.steps = Some(steps.saturating_sub(last_step(&setup.run_of(job))));
        }
        if next.is_some() && has_probe {
            to_probe += 1;
            open.probe_seeds = Some(setup.probe_seeds_left(job));
        }
        left.push(costs[job.arm].of(open));
    }
    let of_probe = if has_probe { format!(", {to_probe} to fine-tune") } else { String::new() };
    let is_to_judge = |job: &&Job| setup.figures_left(job) > 0 && !setup.is_answered(job, &results);
    let to_judge = match plan.jobs.iter().filter(is_to_judge).count() {
        0 => String::new(),
        count => format!(", {count} to judge on common text"),
    };
    println!(
        "{} ({}, {} {}), {to_pretrain} to pretrain{of_probe}{to_judge}: {} one after the other, {} with --jobs {jobs} \
         and --threads {} if they do not slow each other down; starts, evaluations and judging are counted",
        with_noun(plan.jobs.len(), "run"),
        with_noun(plan.arms.len(), "arm"),
        if plan.seeds.list().len() == 1 { "seed" } else { "seeds" },
        plan.seeds,
        duration(left.iter().fold(0.0, |sum, seconds| sum + seconds)),
        duration(makespan(&left, jobs)),
        setup.threads,
    );
    if plan.arms.iter().any(|arm| arm.facts.data_hash.is_none()) {
        println!("The data of some arms is not there yet: build it before the experiment begins.");
    }
    let without = setup.arms_without_metric()?;
    if !without.is_empty() {
        let metric = setup.file.metric.name();
        println!("These arms will have no {metric} and are not compared by it: {}.", without.join(", "));
    }
    if has_probe && costs.iter().any(|cost| cost.probe.is_none()) {
        println!("Fine-tuning is counted where the data of pretraining is there, as its tokenizer is.");
    }
    if costs.iter().any(|cost| cost.probe.is_some_and(|probe| probe.has_patience)) {
        println!("Fine-tuning may be over earlier: its recipe has train.patience.");
    }
    Ok(ExitCode::SUCCESS)
}

/// Says what arms differ in beside what they name, and which miss the budget.
fn tell_what_differs(setup: &Setup) {
    let plan = &setup.plan;
    let base_arm = &setup.file.experiment().base_arm;
    let Some(base) = plan.arms.iter().find(|arm| arm.name == *base_arm) else { return };
    let unnamed = |arm: &PlannedArm| {
        let named = quantities::differing_keys(&arm.differences, &base.differences);
        quantities::unnamed_differences(TABLE, named, &base.facts.quantities, &arm.facts.quantities)
    };
    let arms: Vec<(String, Vec<UnnamedDifference>)> =
        plan.arms.iter().map(|arm| (arm.name.clone(), unnamed(arm))).collect();
    let lines: Vec<String> = arms
        .iter()
        .filter_map(|(name, unnamed)| {
            let shown = |value| quantities::shown(value);
            let values: Vec<String> = unnamed
                .iter()
                .map(|u| format!("{} {} ({})", u.title, shown(u.arm.as_ref()), shown(u.base.as_ref())))
                .collect();
            (!values.is_empty()).then(|| format!("  {name}: {}", values.join(", ")))
        })
        .collect();
    if !lines.is_empty() {
        println!("{UNNAMED_DIFFERENCES} (those of {base_arm} in brackets)\n{}\n", lines.join("\n"));
    }
    let with: Vec<(String, &[UnnamedDifference])> =
        arms.iter().map(|(name, u)| (name.clone(), u.as_slice())).collect();
    for warning in quantities::warnings(base_arm, &with) {
        println!("WARNING: {warning}");
    }
    for arm in &plan.arms {
        if let Some(times) = arm.off_budget {
            println!(
                "WARNING: {} misses the budget: it spends {times:.3} times the operations of {base_arm}.",
                arm.name
            );
        }
    }
}

/// The time that a run of each arm takes, in the order of the arms.
fn costs(setup: &Setup) -> Result<Vec<Cost>, Failure> {
    let mut per_shape: HashMap<&str, Pace> = HashMap::new();
    let mut per_probe: HashMap<(&str, Option<&str>, &str), Option<ProbeCost>> = HashMap::new();
    let mut costs = Vec::new();
    for (number, arm) in setup.plan.arms.iter().enumerate() {
        let recipe = setup.recipes.load(&arm.overrides).map_err(failure::recipe)?.value;
        let shape = arm.facts.shape.as_str();
        let pace = match per_shape.get(shape) {
            Some(known) => *known,
            None => {
                let pace = pace_of(setup, &recipe)
                    .map_err(|failure| failure.about(&format!("arm `{}`", arm.name)))?;
                *per_shape.entry(shape).or_insert(pace)
            }
        };
        let probe = match setup.probes.get(number) {
            None => None,
            Some(probe) => {
                let key = (shape, arm.facts.data_hash.as_deref(), probe.hash.as_str());
                match per_probe.get(&key) {
                    Some(known) => *known,
                    None => {
                        let cost = cost_of_probe(setup, probe, &recipe)
                            .map_err(|failure| failure.about(&format!("the probe of arm `{}`", arm.name)))?;
                        *per_probe.entry(key).or_insert(cost)
                    }
                }
            }
        };
        let Pace { step, start, judging } = pace;
        costs.push(Cost { step, start, judging, probe });
    }
    Ok(costs)
}

/// The training speed of recipes of one shape.
#[derive(Clone, Copy)]
struct Pace {
    step: f64,
    start: f64,
    judging: f64,
}

/// The training speed of a recipe, from a few steps on random rows.
fn pace_of(setup: &Setup, recipe: &Recipe) -> Result<Pace, Failure> {
    check_memory(recipe, setup.device)?;
    let device = setup.device.open_with(recipe.train.precision)?;
    let clock = Instant::now();
    let size = open_data(recipe).ok().as_ref().map(DataSize::of);
    let plan = forecast(recipe, &device, TIMED_STEPS, size.as_slice())?.plan;
    let whole = clock.elapsed().as_secs_f64();
    let (steps, batch) = (recipe.train.steps as f64, recipe.train.batch_size as f64);
    // Of training alone: those of the plan are tokens without padding.
    let fill = size.map_or(1.0, |size| size.fill);
    let of_training = batch * recipe.data.sequence_length as f64 * fill / plan.tokens_per_second;
    // What was not steps: data that is opened, networks that begin, kernels that are met for the first time.
    let timed = TIMED_STEPS as f64 * of_training * recipe.micro_batch_size() as f64 / batch;
    let rows = CorruptionPlan::default().max_examples;
    let rows = size.map_or(rows, |size| size.heldout.min(rows)) as f64;
    Ok(Pace {
        step: plan.seconds / steps,
        start: (whole - timed).max(0.0),
        // As evaluation is counted, at a third of training on the same rows.
        judging: rows / batch * of_training / 3.0,
    })
}

/// The time of fine-tuning the model that `recipe` pretrains; `None` if its data is not there.
fn cost_of_probe(setup: &Setup, plan: &ProbePlan, recipe: &Recipe) -> Result<Option<ProbeCost>, Failure> {
    let Ok(data) = open_data(recipe) else { return Ok(None) };
    let tokenizer = Tokenizer::load(data.first().tokenizer_folder())?;
    let start = EncoderInit::scratch(&setup.file.base(), recipe.model.clone(), tokenizer)?;
    let splits = plan.splits()?;
    let resolved = plan.recipe_for(recipe.model.max_position_embeddings)?;
    let device = setup.device.open_with(resolved.value.train.precision)?;
    let seed = forecast_finetuning(&resolved.value, &start, &splits, &device)?;
    let has_patience = resolved.value.train.patience.is_some();
    Ok(Some(ProbeCost { seed, seeds: plan.probe.seeds, has_patience }))
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
    fn starts_and_judging_take_their_time_as_well() {
        let probe = Some(ProbeCost { seed: 10.0, seeds: 3, has_patience: false });
        let cost = Cost { step: 2.0, start: 5.0, judging: 7.0, probe };
        let of = |steps, probe_seeds, figures| cost.of(Open { steps, probe_seeds, figures });
        assert_eq!(of(Some(100), None, 0), 205.0);
        assert_eq!(of(Some(100), Some(3), 2), 205.0 + 35.0 + 24.0);
        assert_eq!(of(None, Some(1), 0), 15.0);
        assert_eq!(of(None, None, 2), 24.0);
        assert_eq!(of(None, None, 0), 0.0);
    }

    #[test]
    fn runs_begin_as_soon_as_there_is_room() {
        assert_eq!(makespan(&[3.0, 1.0, 1.0, 4.0], 1), 9.0);
        // 3 beside 1 1, then 4 behind the two.
        assert_eq!(makespan(&[3.0, 1.0, 1.0, 4.0], 2), 6.0);
        assert_eq!(makespan(&[], 3), 0.0);
    }
}
