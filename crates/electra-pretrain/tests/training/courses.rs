//! What changes over the course of a run, and what is trained otherwise than by Adam, through the step function.

use std::collections::BTreeMap;

use burn::prelude::*;
use electra_model::parameters::{NamedTensors, collect};
use electra_pretrain::Recipe;
use electra_pretrain::snapshot::{self, Snapshot};
use electra_run::checkpoint::CheckpointStore;
use electra_train::SnapshotError;
use serde_json::{Value, json};

use crate::loading::{data, loader_of};
use crate::objectives::recipe_with;
use crate::resuming::save;
use crate::steps::step;
use crate::tiny;

fn generator_warmup(steps: u64) -> (&'static str, Value) {
    ("/scheme", json!({ "kind": "generator-warmup", "generator_steps": steps }))
}

fn average(decay: f64, start_step: u64) -> (&'static str, Value) {
    ("/average", json!({ "decay": decay, "start_step": start_step }))
}

fn muon() -> (&'static str, Value) {
    let settings = json!({
        "rate_factor": 2.0, "adjust_rate": "match-rms-adamw", "momentum": 0.9, "nesterov": true, "weight_decay": 0.1,
    });
    ("/optimizer/muon", settings)
}

/// Name and recipe of everything that [`variants`](crate::objectives::variants) are to have of it.
pub fn variants(dropout: f64) -> Vec<(&'static str, Recipe)> {
    let with = |changes: &[_]| recipe_with(dropout, changes);
    let rates = json!({ "kind": "piecewise", "probabilities": [0.3, 0.15, 0.05], "ends": [0.015, 0.5] });
    let decay = json!({ "kind": "warmup-stable-decay", "share": 0.99, "form": "1-sqrt" });
    vec![
        ("generator warmup", with(&[generator_warmup(3)])),
        ("mask rates", with(&[("/mask_rate", rates)])),
        ("warmup-stable-decay", with(&[("/schedule/decay", decay)])),
        ("a rate of the generator", with(&[("/schedule/generator_factor", json!(1.5))])),
        ("average", with(&[average(0.9, 2)])),
        ("muon", with(&[muon()])),
    ]
}

fn train(snapshot: &mut Snapshot, end: u64, recipe: &Recipe, device: &Device) {
    while snapshot.step() < end {
        step(snapshot, &[tiny::batch(&[32, 9, 20, 4], 32, snapshot.step())], recipe, device);
    }
}

fn begun(recipe: &Recipe, steps: u64, device: &Device) -> Snapshot {
    let mut snapshot = snapshot::new(recipe, 1, device);
    train(&mut snapshot, steps, recipe, device);
    snapshot
}

fn changed(before: &NamedTensors, after: &NamedTensors) -> BTreeMap<String, bool> {
    before.iter().map(|(path, data)| (path.clone(), *data != after[path])).collect()
}

#[test]
fn until_the_generator_has_warmed_up_the_discriminators_own_weights_and_moments_stay() {
    let device = Device::flex().autodiff();
    let recipe = recipe_with(0.1, &[generator_warmup(3)]);
    let before = collect(snapshot::new(&recipe, 1, &device).model());
    let mut snapshot = begun(&recipe, 3, &device);
    for (path, changed) in changed(&before, &collect(snapshot.model())) {
        let is_shared = path.starts_with("discriminator.embeddings.");
        assert_eq!(changed, is_shared || path.starts_with("generator."), "{path}");
        let updates = snapshot.optimizer().moments[&path].updates;
        assert_eq!(updates, if changed { 3 } else { 0 }, "{path}");
    }
    // The generator's steps are those of the first stage of two.
    let mut two_stage = recipe.clone();
    two_stage.scheme =
        recipe_with(0.1, &[("/scheme", json!({ "kind": "two-stage", "generator_steps": 3 }))]).scheme;
    two_stage.schedule.decay = electra_optim::Decay::Constant {};
    let mut constant = recipe.clone();
    constant.schedule.decay = electra_optim::Decay::Constant {};
    assert!(begun(&constant, 3, &device).to_blobs() == begun(&two_stage, 3, &device).to_blobs());

    let at_seam = collect(snapshot.model());
    train(&mut snapshot, 4, &recipe, &device);
    assert!(changed(&at_seam, &collect(snapshot.model())).values().all(|changed| *changed));
}

#[test]
fn the_generators_own_parameters_have_a_rate_of_their_own() {
    let device = Device::flex().autodiff();
    let after = |factor: f64| {
        let recipe = recipe_with(0.0, &[("/schedule/generator_factor", json!(factor))]);
        collect(begun(&recipe, 1, &device).model())
    };
    let before = collect(snapshot::new(&recipe_with(0.0, &[]), 1, &device).model());
    let (none, one, half) = (after(0.0), after(1.0), after(0.5));
    for (path, data) in &before {
        if !path.starts_with("generator.") {
            assert!(none[path] == one[path] && half[path] == one[path], "{path}");
            continue;
        }
        assert_eq!(none[path], *data, "{path}");
        let numbers = |of: &NamedTensors| of[path].iter::<f64>().collect::<Vec<_>>();
        for ((before, one), half) in numbers(&before).into_iter().zip(numbers(&one)).zip(numbers(&half)) {
            assert!((2.0 * (half - before) - (one - before)).abs() < 1e-6, "{path}");
        }
    }
}

#[test]
fn batches_have_the_slots_of_their_steps_rate_and_held_out_rows_always_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let data = data(folder.path());
    let rates = json!({ "kind": "piecewise", "probabilities": [0.3, 0.1], "ends": [0.02] });
    let recipe = recipe_with(0.0, &[("/mask_rate", rates)]);
    let plain = recipe_with(0.0, &[]);
    let (loader, of_plain) = (loader_of(&recipe, &data), loader_of(&plain, &data));
    // 4 of 200 steps; rows of 32 tokens: int(.305 * 32) and int(.105 * 32).
    let slots: Vec<usize> = (0..6).map(|step| loader.at(step).unwrap()[0].slots).collect();
    assert_eq!(slots, [9, 9, 9, 9, 3, 3]);
    let at_rate = |probability: f64| {
        loader_of(&recipe_with(0.0, &[("/masking/probability", json!(probability))]), &data)
    };
    let (often, seldom) = (at_rate(0.3), at_rate(0.1));
    // A step is that of a run that has its rate throughout, whatever was read before.
    for step in [5, 0, 3, 4] {
        let expected = if step < 4 { &often } else { &seldom };
        assert!(loader.at(step).unwrap() == expected.at(step).unwrap(), "step {step}");
    }
    let rows: Vec<usize> = (0..loader.heldout_len().min(5)).collect();
    assert!(loader.heldout(&rows).unwrap() == of_plain.heldout(&rows).unwrap());
}

#[test]
fn an_average_is_that_of_the_weights_after_each_step_from_its_first_on() {
    let device = Device::flex().autodiff();
    let recipe = recipe_with(0.1, &[average(0.75, 2)]);
    let mut snapshot = begun(&recipe, 1, &device);
    assert!(snapshot.averaged().is_none() && snapshot.to_blobs().len() == 3);
    let mut expected: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for end in 2..6 {
        train(&mut snapshot, end, &recipe, &device);
        for (path, data) in collect(snapshot.model()) {
            let weights = data.iter::<f64>();
            match expected.get_mut(&path) {
                None => drop(expected.insert(path, weights.collect())),
                Some(average) => average.iter_mut().zip(weights).for_each(|(a, w)| *a = 0.75 * *a + 0.25 * w),
            }
        }
        for (path, data) in collect(&snapshot.averaged().unwrap()) {
            let close = data
                .iter::<f64>()
                .zip(&expected[&path])
                .all(|(found, expected)| (found - expected).abs() < 1e-6);
            assert!(close, "{path} after {end} steps");
        }
    }
    // The weights themselves are those of a run without.
    let plain = recipe_with(0.1, &[]);
    assert!(collect(begun(&plain, 5, &device).model()) == collect(snapshot.model()));
}

#[test]
fn a_checkpoint_without_the_average_that_a_run_has_by_then_is_refused() {
    let device = Device::flex().autodiff();
    let folder = tempfile::tempdir().unwrap();
    let store = CheckpointStore::open(folder.path(), 1).unwrap();
    let late = recipe_with(0.1, &[average(0.75, 4)]);
    let checkpoint = save(&begun(&late, 3, &device), &store);
    assert!(snapshot::load(&checkpoint, &late, &device).is_ok());
    let early = recipe_with(0.1, &[average(0.75, 3)]);
    match snapshot::load(&checkpoint, &early, &device) {
        Err(error @ SnapshotError::Checkpoint(_)) => {
            assert!(error.to_string().contains("average.safetensors"), "{error}");
        }
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("a checkpoint without an average was loaded"),
    }
}

#[test]
fn muon_updates_the_matrices_of_both_encoders_and_has_the_same_bits_on_one_and_two_threads() {
    let run = || {
        let device = Device::flex().autodiff();
        let recipe = recipe_with(0.1, &[muon()]);
        begun(&recipe, 3, &device).to_blobs()
    };
    let on = |threads| electra_kernels::Workers::new(threads).unwrap().install(run);
    let straight = run();
    assert!(on(1) == straight && on(2) == straight, "threads change the bits");
    let device = Device::flex().autodiff();
    let snapshot = begun(&recipe_with(0.1, &[muon()]), 1, &device);
    // Six matrices in each of three layers of the discriminator and two of the generator.
    let matrices: Vec<&String> = snapshot.optimizer().momenta.keys().collect();
    assert_eq!(matrices.len(), 6 * (3 + 2), "{matrices:?}");
    assert!(matrices.iter().all(|path| path.contains(".encoder.layers.") && path.ends_with(".weight")));
    assert!(matrices.iter().all(|path| !snapshot.optimizer().moments.contains_key(*path)));
}
