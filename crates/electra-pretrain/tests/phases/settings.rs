//! From a recipe to its phases: what each has, how the learning rate runs, and what is equal to no phases at all.

use electra_pretrain::mask::Masking;
use electra_pretrain::recipe::{FREE_KEYS, MicroBatchSize, Recipe, check};
use electra_run::recipe::{Resolved, load_str};

use crate::{POSITIONS, SHORT_THEN_LONG, bench};

const SMALL: &str = include_str!("../../configs/small.toml");

fn small(phases: &str, overrides: &[&str]) -> Resolved<Recipe> {
    let text = SMALL.replace("steps = 1000000\n", "") + phases;
    let overrides: Vec<String> = overrides.iter().map(ToString::to_string).collect();
    load_str("small.toml", &text, &overrides).unwrap()
}

#[test]
fn recipes_without_phases_keep_their_text_their_hash_and_one_phase_that_is_the_recipe() {
    for (name, text) in [
        ("tiny", include_str!("../../configs/tiny.toml")),
        ("mini", include_str!("../../configs/mini.toml")),
        ("small", SMALL),
        ("base", include_str!("../../configs/base.toml")),
        ("large", include_str!("../../configs/large.toml")),
        ("debug", include_str!("../../configs/debug.toml")),
    ] {
        let plain = load_str::<Recipe>(name, text, &[]).unwrap();
        assert!(!plain.text.contains("phases"), "{name}: {}", plain.text);
        let empty = load_str::<Recipe>(name, text, &["phases=[]".to_owned()]).unwrap();
        assert_eq!((&empty.text, &empty.hash), (&plain.text, &plain.hash), "{name}");
        let [phase] = &plain.value.phases()[..] else { panic!("{name} has one phase") };
        assert_eq!((phase.first_step, phase.steps), (0, plain.value.train.steps));
        assert_eq!(phase.recipe, plain.value);
        assert_eq!(plain.value.data_position(5), None);
        let rows = (plain.value.train.batch_size * plain.value.data.sequence_length) as u64;
        assert_eq!(plain.value.tokens_read(7), 7 * rows);
    }
    // The hash that a run of this recipe had before there were phases.
    let debug = load_str::<Recipe>(
        "debug.toml",
        include_str!("../../configs/debug.toml"),
        &["data.path=d64".to_owned()],
    )
    .unwrap();
    assert_eq!(debug.hash_without(FREE_KEYS), DEBUG_HASH);
    assert_eq!(debug.hash, DEBUG_TEXT_HASH);
}

/// `recipe_hash` in `run.json`, and in the first line of the log, of a run of `debug.toml`.
const DEBUG_HASH: &str = "81e125dd3ab8cde549131b8612acc0fc883bf9504aeb4484db09d8fdc5e4628c";
const DEBUG_TEXT_HASH: &str = "0f3f3cc583d3faa2ae21f5dea80275e669ff12e698733f2e0534c10c72083b97";

#[test]
fn a_phase_has_what_it_names_and_the_rest_of_the_recipe() {
    let bench = bench();
    let recipe = bench.phased(SHORT_THEN_LONG, &[POSITIONS]);
    check(&recipe).unwrap();
    let r = &recipe.value;
    assert_eq!(r.train.steps, 9);
    assert!(recipe.text.contains("steps = 9\n"), "{}", recipe.text);
    let [short, long] = &r.phases()[..] else { panic!("two phases") };
    assert_eq!((short.first_step, short.steps, long.first_step, long.steps), (0, 4, 4, 5));
    assert_eq!((short.recipe.data.sequence_length, long.recipe.data.sequence_length), (16, 32));
    assert_eq!((short.recipe.train.batch_size, long.recipe.train.batch_size), (8, 6));
    assert_eq!(long.recipe.train.micro_batch_size, Some(MicroBatchSize::Rows(2)));
    assert_eq!(short.recipe.data.path, bench.path("data"));
    assert_eq!(long.recipe.data.path, bench.path("long"));
    // The share alone, of the recipe's kind.
    assert_eq!(long.recipe.masking, Masking::WithoutReplacement { probability: 0.3 });
    assert_eq!(r.masking_at(3), Masking::WithoutReplacement { probability: 0.15 });
    assert_eq!(r.masking_at(4), long.recipe.masking);
    assert_eq!([0, 1, 4, 5, 9].map(|step| r.tokens_read(step)), [0, 128, 512, 704, 1472]);
    assert_eq!(r.parts(), [(0, 4), (4, 5)]);
    assert!((r.run_flops() - 4.0 * r.step_flops(0) - 5.0 * r.step_flops(4)).abs() < 1.0);
    // What is written out is read again as the same.
    let again = load_str::<Recipe>("again", &recipe.text, &[]).unwrap();
    assert_eq!((&again.value, &again.hash), (&recipe.value, &recipe.hash));
    // Where the data of a phase lies is free, what it is, is not.
    let hash = |phases: &str| bench.phased(phases, &[POSITIONS]).hash_without(FREE_KEYS);
    assert_eq!(hash(SHORT_THEN_LONG), hash(&SHORT_THEN_LONG.replace("DIR/long", "DIR/elsewhere")));
    assert_ne!(hash(SHORT_THEN_LONG), hash(&SHORT_THEN_LONG.replace("= 32", "= 24")));
}

#[test]
fn a_phase_with_a_schedule_has_a_course_of_its_own_and_neighbours_without_share_one() {
    let rates = |recipe: &Resolved<Recipe>, steps: &[u64]| -> Vec<f64> {
        check(recipe).unwrap();
        steps.iter().map(|&step| (recipe.value.learning_rate(step) * 1e9).round() / 1e9).collect()
    };
    let with = ["schedule.learning_rate=1e-3", "schedule.warmup_steps=10"];
    let plain = small("", &[with[0], with[1], "train.steps=100"]);
    // One course over the sum of the steps.
    let shared = small("[[phases]]\nsteps = 90\n[[phases]]\nsteps = 10\n", &with);
    for step in 0..100 {
        assert_eq!(shared.value.learning_rate(step), plain.value.learning_rate(step), "step {step}");
        assert_eq!(shared.value.has_warmed_up(step), plain.value.has_warmed_up(step), "step {step}");
    }
    // The first two phases share the recipe's, the third has its own, the last the recipe's again.
    let mixed = small(
        "[[phases]]\nsteps = 30\n[[phases]]\nsteps = 20\n\
         [[phases]]\nsteps = 40\nschedule = { learning_rate = 2e-4, warmup_steps = 4, decay = { kind = \"constant\" } }\n\
         [[phases]]\nsteps = 20\n",
        &with,
    );
    let alone = |steps: &str| small("", &[with[0], with[1], steps]);
    let found = rates(&mixed, &[0, 10, 40, 49, 50, 52, 54, 89, 90, 100]);
    let (fifty, twenty) = (alone("train.steps=50"), alone("train.steps=20"));
    let expected = [rates(&fifty, &[0, 10, 40, 49]), vec![0.0, 1e-4, 2e-4, 2e-4], rates(&twenty, &[0, 10])];
    assert_eq!(found, expected.concat());
    assert_eq!([50, 54, 55].map(|step| mixed.value.has_warmed_up(step)), [true, false, true]);
}

#[test]
fn micro_batches_that_are_left_to_the_program_are_decided_for_each_phase() {
    use electra_pretrain::micro_batches::with_micro_batches_of_cpu;
    let phases = "[[phases]]\nsteps = 90\n[[phases]]\nsteps = 20000\n[phases.data]\nsequence_length = 512\n";
    let auto = small(phases, &[]);
    check(&auto).unwrap();
    let decided = with_micro_batches_of_cpu(auto);
    // 2,048 tokens at most.
    let rows = decided.value.phases().into_iter().map(|phase| phase.recipe.train.micro_batch_size);
    let expected = [16, 4].map(|rows| Some(MicroBatchSize::Rows(rows)));
    assert_eq!(rows.collect::<Vec<_>>(), expected);
    check(&decided).unwrap();
}

#[test]
fn memory_and_forecast_are_those_of_the_greatest_phase_and_sums_over_all() {
    use burn::prelude::Device;
    use electra_pretrain::least_memory::LeastMemory;
    use electra_pretrain::plan::forecast;
    let bench = bench();
    let recipe = bench.phased(SHORT_THEN_LONG, &[POSITIONS]).value;
    let of = |index: usize| {
        let phase = recipe.phases().swap_remove(index);
        LeastMemory::of(&Recipe { phases: vec![], ..phase.recipe })
    };
    let both = LeastMemory::of(&recipe);
    assert_eq!(both.batch, of(0).batch.max(of(1).batch));
    assert_eq!(both.parameters, of(0).parameters.max(of(1).parameters));
    assert!(of(0) != of(1));
    let plan = forecast(&recipe, &Device::flex(), 1, &[]).unwrap();
    assert_eq!(plan.plan.tokens, 1472);
    let sum = |of: fn(&electra_pretrain::plan::PhaseForecast) -> f64| plan.phases.iter().map(of).sum::<f64>();
    assert_eq!(plan.phases.len(), 2);
    assert_eq!((sum(|phase| phase.steps as f64), sum(|phase| phase.tokens as f64)), (9.0, 1472.0));
    assert!((sum(|phase| phase.flops) / plan.flops - 1.0).abs() < 1e-9);
    assert!(sum(|phase| phase.seconds) <= plan.plan.seconds);
    // After one step of five: what is left of the peak then.
    assert!((plan.phases[1].learning_rate / 4e-4 - 1.0).abs() < 1e-9, "{:?}", plan.phases[1]);
    assert!(forecast(&bench.recipe(&[]).value, &Device::flex(), 1, &[]).unwrap().phases.is_empty());
}
