//! Steps of every objective, tie mode and training scheme, on a card and on the CPU: losses, norms of gradients,
//! moments and weights. With dropout, whose masks are the same, and over micro-batches.

use burn::prelude::*;
use electra_model::objective::{GeneratorDiscriminatorConfig, Objective, Proposals};
use electra_model::parameters::{NamedTensors, collect};
use electra_model::{Precision, TieMode};
use electra_pretrain::Recipe;
use electra_pretrain::scheme::Scheme;
use electra_pretrain::snapshot::Snapshot;
use electra_pretrain::step::Step;

use crate::golden::assert_alike;
use crate::steps::{moments, snapshot, step};
use crate::{devices, recipe, tiny};

const STEPS: u64 = 5;

/// Weights of the paper's losses that are of one size on these networks.
const JOINT: GeneratorDiscriminatorConfig = GeneratorDiscriminatorConfig {
    generator_weight: 1.0,
    discriminator_weight: 10.0,
    temperature: 1.0,
    disallow_correct: false,
    proposals: Proposals::Learned,
};

fn with_objective(objective: Objective) -> Recipe {
    Recipe { objective, ..recipe::recipe(0.1) }
}

/// Every objective, tie mode and scheme that a recipe may combine, one changed at a time.
fn recipes() -> Vec<(String, Recipe)> {
    let exact = GeneratorDiscriminatorConfig { disallow_correct: true, temperature: 0.7, ..JOINT };
    let objectives = [
        Objective::ReplacedTokenDetection(JOINT),
        Objective::ReplacedTokenDetection(exact),
        Objective::Electra15(JOINT),
        Objective::ReplaceMlm(JOINT),
        Objective::AllTokensMlm(JOINT),
        Objective::Mlm {},
        Objective::Electric(JOINT),
    ];
    let mut recipes: Vec<(String, Recipe)> =
        objectives.map(|objective| (format!("{objective:?}"), with_objective(objective))).into();
    for tie in [TieMode::None, TieMode::All, TieMode::GradientDisentangled] {
        let mut recipe = with_objective(Objective::ReplacedTokenDetection(JOINT));
        recipe.model = tiny::config(tie);
        recipes.push((format!("{tie:?}"), recipe));
    }
    for scheme in [Scheme::TwoStage { generator_steps: 2, initialise: false }, Scheme::Adversarial {}] {
        let mut recipe = with_objective(Objective::ReplacedTokenDetection(JOINT));
        recipe.scheme = scheme;
        recipes.push((format!("{:?}", recipe.scheme), recipe));
    }
    recipes
}

/// The steps of fixed weights, and at their end weights and both moments.
fn steps(recipe: &Recipe, device: &Device) -> (Vec<Step>, [NamedTensors; 3]) {
    let networks = recipe.architecture();
    let model = |device: &Device| tiny::electra_of(&recipe.model, networks, 1, device);
    steps_of(snapshot(model, recipe, device), recipe, device)
}

fn steps_of(mut snapshot: Snapshot, recipe: &Recipe, device: &Device) -> (Vec<Step>, [NamedTensors; 3]) {
    let taken = (1..=STEPS).map(|number| {
        let mut micro_batches = [[32, 9, 17, 4], [25, 32, 2, 6]].map(|l| tiny::batch(&l, 32, number));
        for batch in &mut micro_batches {
            // Electric draws words as noise, and asks how many of them.
            batch.probability = 0.15;
            batch.candidates = batch.ids.iter().map(|&id| f32::from(id >= tiny::FIRST_WORD as i32)).collect();
        }
        step(&mut snapshot, &micro_batches, recipe, device)
    });
    let taken = taken.collect();
    let ends = [collect(snapshot.model()), moments(&snapshot, 1), moments(&snapshot, 2)];
    (taken, ends)
}

#[test]
fn steps_with_rounded_operands_stay_near_those_in_32_bits() {
    for device in devices::devices() {
        let steps = |precision: Precision, device: &Device| {
            let mut recipe = with_objective(Objective::ReplacedTokenDetection(JOINT));
            recipe.train.precision = precision;
            // The networks know their precision.
            let mut snapshot = electra_pretrain::snapshot::new(&recipe, 1, device);
            snapshot.progress.step = 1;
            steps_of(snapshot, &recipe, device)
        };
        let (expected, [weights, ..]) = steps(Precision::F32, &Device::flex().autodiff());
        let (in_32_bits, _) = steps(Precision::F32, &device);
        let rounding: Vec<_> = Precision::ALL
            .into_iter()
            .filter(|p| *p != Precision::F32 && p.is_computed_by(&device))
            .collect();
        assert!(!rounding.is_empty(), "{device:?} has no products in 16 bits");
        for precision in rounding {
            let (found, [of_card, ..]) = steps(precision, &device);
            for (number, (found, expected)) in found.iter().zip(&expected).enumerate() {
                let off = (found.losses.total / expected.losses.total - 1.0).abs();
                assert!(off < 2e-2, "{precision:?}, step {number}: {found:?}, expected {expected:?}");
                let plain = in_32_bits[number].losses.total;
                assert!(found.losses.total != plain, "{precision:?}, step {number}: nothing was rounded");
                assert_eq!(found.loss_scale, precision.loss_scale());
            }
            eprintln!("{precision:?}");
            assert_alike(&of_card, &weights, 5e-2);
        }
    }
}

#[test]
fn cards_take_the_steps_of_every_objective_tie_mode_and_scheme() {
    for device in devices::devices() {
        for (name, recipe) in recipes() {
            let (expected, ends) = steps(&recipe, &Device::flex().autodiff());
            let (found, found_ends) = steps(&recipe, &device);
            for (number, (found, expected)) in found.iter().zip(&expected).enumerate() {
                for (what, found, expected) in [
                    ("total", Some(found.losses.total), Some(expected.losses.total)),
                    ("mlm", found.losses.mlm, expected.losses.mlm),
                    ("rtd", found.losses.rtd, expected.losses.rtd),
                    ("prediction", found.losses.prediction, expected.losses.prediction),
                    ("norm", Some(found.clip.norm), Some(expected.clip.norm)),
                ] {
                    let off = match (found, expected) {
                        (None, None) => 0.0,
                        (Some(found), Some(expected)) => (found - expected).abs() / (1.0 + expected.abs()),
                        _ => f64::INFINITY,
                    };
                    // Rounding grows with each update, in which small gradients count as much as large ones.
                    let within = 2e-5 * 4f64.powi(number as i32);
                    assert!(
                        off < within,
                        "{name}, step {number}: {what} is {found:?}, expected {expected:?}"
                    );
                }
            }
            for ((what, found), expected) in
                ["weights", "moment 1", "moment 2"].iter().zip(&found_ends).zip(&ends)
            {
                // Shown with the message of the assertion, which names the parameter.
                eprintln!("{name}: {what}");
                assert_alike(found, expected, 5e-3);
            }
        }
    }
}
