//! Every objective and scheme through the step function: it learns, micro-batches add up, devices
//! agree, and a resumed run has the bits of an unbroken one.

use burn::module::Module;
use burn::prelude::*;
use electra_model::parameters::collect;
use electra_model::{BatchData, GeneratorKind};
use electra_pretrain::Recipe;
use electra_pretrain::evaluate::evaluate;
use electra_pretrain::heldout::HeldoutSample;
use electra_pretrain::metrics::{EvalRecord, MetricAccumulator};
use electra_pretrain::micro_batches::with_micro_batches_of_cpu;
use electra_pretrain::recipe::check;
use electra_pretrain::snapshot::{self, Snapshot};
use electra_pretrain::step::{Losses, optimizer_step};
use electra_run::recipe::load_str;
use electra_run::record::HeldoutRows;
use serde_json::{Value, json};

use crate::devices::devices;
use crate::golden::assert_alike;
use crate::loading::{data, loader_of};
use crate::resuming::save;
use crate::steps::{moments, step};
use crate::tiny;

/// The recipe of the other tests with these keys changed.
pub fn recipe_with(dropout: f64, changes: &[(&str, Value)]) -> Recipe {
    let mut recipe = serde_json::to_value(crate::recipe::recipe(dropout)).unwrap();
    for (pointer, value) in changes {
        let (table, key) = pointer.rsplit_once('/').unwrap();
        recipe.pointer_mut(table).unwrap()[key] = value.clone();
    }
    serde_json::from_value(recipe).unwrap()
}

fn kind(kind: &str) -> (&'static str, Value) {
    let joint = json!({
        "kind": kind,
        "generator_weight": 1.0,
        "discriminator_weight": if kind.contains("mlm") { 1.0 } else { 50.0 },
        "temperature": 1.0,
        "disallow_correct": false,
    });
    ("/objective", if kind == "mlm" { json!({ "kind": "mlm" }) } else { joint })
}

/// Equal sizes and tables for two-stage training.
fn as_large(tie: &str) -> (&'static str, Value) {
    let sizes =
        json!({ "tie": tie, "width": 1.0, "depth": 1.0, "num_attention_heads": 4, "intermediate_size": 48 });
    ("/model/generator", sizes)
}

/// Name and recipe of everything that is not the paper's own.
pub fn variants(dropout: f64) -> Vec<(&'static str, Recipe)> {
    let with = |changes: &[_]| recipe_with(dropout, changes);
    let two_stage = || ("/scheme", json!({ "kind": "two-stage", "generator_steps": 3 }));
    let two_stage_as_it_is =
        ("/scheme", json!({ "kind": "two-stage", "generator_steps": 3, "initialise": false }));
    let uniform = ("/objective/proposals", json!("uniform"));
    let unigram = ("/objective/proposals", json!("unigram"));
    let fractions = json!({ "tie": "none", "width": 0.5, "depth": 0.67, "num_attention_heads": 2 });
    let (hot, never_right) =
        (("/objective/temperature", json!(1.5)), ("/objective/disallow_correct", json!(true)));
    let weighed = ("/objective/generator_weight", json!(0.5));
    let masking = |kind: &str, more: Value| {
        let mut masking = json!({ "kind": kind, "probability": 0.15 });
        masking.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        with(&[("/masking", masking)])
    };
    vec![
        ("electra-15", with(&[kind("electra-15")])),
        ("mlm", with(&[kind("mlm")])),
        ("replace-mlm", with(&[kind("replace-mlm")])),
        ("all-tokens-mlm", with(&[kind("all-tokens-mlm")])),
        ("uniform", with(&[uniform])),
        ("unigram", with(&[kind("replace-mlm"), unigram])),
        ("electric", with(&[kind("electric")])),
        ("electric untied", with(&[kind("electric"), ("/model/generator/tie", json!("none"))])),
        ("disentangled", with(&[("/model/generator/tie", json!("gradient-disentangled"))])),
        ("two-stage", with(&[("/model/embedding_size", json!(24)), as_large("none"), two_stage()])),
        ("two-stage on one table", with(&[as_large("gradient-disentangled"), two_stage()])),
        ("two-stage as it is", with(&[("/model/generator/tie", json!("none")), two_stage_as_it_is])),
        ("adversarial", with(&[("/scheme", json!({ "kind": "adversarial" }))])),
        ("one encoder", with(&[("/model/generator", json!({ "tie": "all" }))])),
        ("untied fractions", with(&[("/model/generator", fractions)])),
        ("hot, never right and weighed", with(&[hot, never_right, weighed])),
        ("masks of the reference", masking("google", json!({ "mask_token_share": 0.85 }))),
        ("spans", masking("span", json!({ "end_probability": 0.2, "max_length": 10 }))),
        ("whole words", masking("whole-word", json!({}))),
    ]
    .into_iter()
    .chain(crate::courses::variants(dropout))
    .collect()
}

/// Rows with a sample for every slot, whoever asks for it.
fn batch(lengths: &[usize], seed: u64) -> BatchData {
    let mut batch = tiny::batch(lengths, 32, seed);
    let mut noise = tiny::Noise(seed + 99);
    batch.probability = 0.15;
    batch.candidates = batch.ids.iter().map(|&id| f32::from(id >= 5)).collect();
    batch.proposals = batch.targets.iter().map(|_| (5 + noise.below(91)) as i32).collect();
    batch
}

fn train(snapshot: &mut Snapshot, end: u64, recipe: &Recipe, device: &Device) {
    while snapshot.step() < end {
        step(snapshot, &[batch(&[32, 9, 20, 4], snapshot.step())], recipe, device);
    }
}

/// Asserts that each part of the losses is within `within` of itself: of the weighted sum a part of weight
/// 1 is a tenth, and may be off by ten times as much unseen.
pub fn assert_parts(name: &str, found: &Losses, expected: &Losses, within: f64) {
    let of = |losses: &Losses| [Some(losses.total), losses.mlm, losses.rtd, losses.prediction];
    for ((part, found), expected) in
        ["total", "mlm", "rtd", "prediction"].iter().zip(of(found)).zip(of(expected))
    {
        assert_eq!(found.is_some(), expected.is_some(), "{part} of {name}");
        let (Some(found), Some(expected)) = (found, expected) else { continue };
        let error = if expected == 0.0 { found.abs() } else { (found / expected - 1.0).abs() };
        assert!(error < within, "{part} of {name} is {found}, expected {expected}: {error:e}");
    }
}

#[test]
fn every_variant_is_a_recipe_that_is_accepted_and_written_as_it_was_read() {
    for (name, recipe) in variants(0.1) {
        let text = toml_of(&recipe);
        let resolved =
            load_str::<Recipe>("variant.toml", &text, &[]).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(resolved.value, recipe, "{name}");
        check(&resolved).unwrap_or_else(|e| panic!("{name}: {e}"));
    }
}

/// The recipe as a file.
fn toml_of(recipe: &Recipe) -> String {
    fn write(out: &mut String, prefix: &str, table: &Value) {
        let (tables, values): (Vec<_>, Vec<_>) =
            table.as_object().unwrap().iter().partition(|(_, v)| v.is_object());
        values.iter().for_each(|(key, value)| *out += &format!("{key} = {value}\n"));
        for (key, value) in tables {
            let path = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
            *out += &format!("[{path}]\n");
            write(out, &path, value);
        }
    }
    let mut out = "recipe_version = 1\n".to_string();
    write(&mut out, "", &serde_json::to_value(recipe).unwrap());
    out
}

#[test]
fn every_variant_learns() {
    let device = Device::flex().autodiff();
    let uniform = [kind("electra-15"), ("/objective/proposals", json!("uniform"))];
    let uniform = ("electra-15 on uniform samples", recipe_with(0.0, &uniform));
    for (name, mut recipe) in variants(0.0).into_iter().chain([uniform]) {
        if name.starts_with("two-stage") {
            recipe.scheme = recipe_with(0.0, &[("/scheme", json!({
                "kind": "two-stage", "generator_steps": 60, "initialise": name != "two-stage as it is",
            }))])
            .scheme;
        }
        let rows = batch(&[32, 28, 32, 20], 1);
        let mut snapshot = snapshot::new(&recipe, 1, &device);
        let mut losses = vec![];
        for _ in 0..140 {
            losses.push(step(&mut snapshot, std::slice::from_ref(&rows), &recipe, &device).losses);
        }
        // On average over the last steps: the least of all would pass a run that comes apart.
        let falls = |what: &str, of: fn(&Losses) -> Option<f64>| {
            let found: Vec<f64> = losses.iter().filter_map(of).collect();
            let Some(first) = found.first() else { return };
            let last = found[found.len() - 20..].iter().sum::<f64>() / 20.0;
            assert!(last < 0.3 * first, "{what} of {name} went from {first} to {last} on average");
        };
        assert!(losses.iter().all(|losses| losses.total.is_finite()), "{name}");
        // An adversarial generator is not asked to be right.
        if name != "adversarial" {
            falls("mlm", |losses| losses.mlm);
        }
        // A generator that knows its rows by heart leaves two or three fakes among the dozen positions that
        // are judged, and their loss goes up and down.
        if name != "electra-15" {
            falls("rtd", |losses| losses.rtd);
        }
        falls("prediction", |losses| losses.prediction);
    }
}

#[test]
fn micro_batches_of_every_variant_add_up() {
    let [flex, composed] = devices();
    for (name, recipe) in variants(0.0) {
        for device in [&flex, &composed] {
            let whole = batch(&[32, 4, 30, 31, 3, 5, 28, 2], 11);
            let run = |micro_batches: &[BatchData]| {
                let mut snapshot = snapshot::new(&recipe, 1, device);
                // Of two stages the second, which the generator takes part in too.
                snapshot.progress.step = 3;
                let step = step(&mut snapshot, micro_batches, &recipe, device);
                (step, moments(&snapshot, 1))
            };
            let (expected, of_whole) = run(std::slice::from_ref(&whole));
            let parts: Vec<BatchData> = (0..4).map(|m| tiny::rows(&whole, 2 * m, 2)).collect();
            let (found, of_parts) = run(&parts);
            assert_parts(name, &found.losses, &expected.losses, 1e-5);
            assert_alike(&of_parts, &of_whole, 1e-4);
        }
    }
}

#[test]
fn both_cpu_devices_take_the_same_steps_of_every_variant() {
    let [flex, composed] = devices();
    for (name, recipe) in variants(0.0) {
        let run = |device: &Device| {
            let mut snapshot = snapshot::new(&recipe, 1, device);
            (0..4)
                .map(|n| step(&mut snapshot, &[batch(&[32, 9, 17, 4], n)], &recipe, device).losses)
                .collect::<Vec<_>>()
        };
        for (found, expected) in run(&composed).iter().zip(run(&flex)) {
            assert_parts(name, found, &expected, 1e-5);
        }
    }
}

#[test]
fn resumed_runs_of_every_variant_end_with_the_bits_of_straight_ones() {
    let device = Device::flex().autodiff();
    for (name, recipe) in variants(0.1) {
        let mut straight = snapshot::new(&recipe, 1, &device);
        train(&mut straight, 5, &recipe, &device);
        let folder = tempfile::tempdir().unwrap();
        // 3: between the two stages of those that have two.
        for saved_at in [2, 3, 4] {
            let store = electra_run::checkpoint::CheckpointStore::open(folder.path(), 1).unwrap();
            let mut begun = snapshot::new(&recipe, 1, &device);
            train(&mut begun, saved_at, &recipe, &device);
            let mut resumed = snapshot::load(&save(&begun, &store), &recipe, &device).unwrap();
            train(&mut resumed, 5, &recipe, &device);
            for ((file, found), (_, expected)) in resumed.to_blobs().iter().zip(straight.to_blobs()) {
                assert!(*found == expected, "{file} of {name} differs after a resume at step {saved_at}");
            }
        }
    }
}

#[test]
fn the_second_stage_starts_from_the_generator_and_leaves_it_alone() {
    let device = Device::flex().autodiff();
    for (name, mut recipe) in variants(0.1).into_iter().filter(|(name, _)| name.starts_with("two-stage")) {
        // A step that changes nothing shows what it started from.
        let mut snapshot = snapshot::new(&recipe, 1, &device);
        train(&mut snapshot, 3, &recipe, &device);
        let before = collect(snapshot.model());
        recipe.schedule.learning_rate = 1e-30;
        train(&mut snapshot, 4, &recipe, &device);
        let after = collect(snapshot.model());
        let key = "encoder.layers.1.attention.query.weight";
        let (own, shared) = (format!("discriminator.{key}"), format!("generator.{key}"));
        assert_eq!(after[&own] == after[&shared], name != "two-stage as it is", "{name}");
        assert_ne!(before[&own], before[&shared], "{name}");
        recipe.schedule.learning_rate = 2e-3;
        train(&mut snapshot, 5, &recipe, &device);
        for (path, data) in collect(snapshot.model()) {
            assert!(!path.starts_with("generator.") || data == before[&path], "{path} of {name} changed");
        }
        assert_ne!(collect(snapshot.model())[&own], after[&own], "{name}");
    }
}

#[test]
fn every_variant_is_evaluated_and_says_nothing_of_what_it_lacks() {
    let folder = tempfile::tempdir().unwrap();
    let data = data(folder.path());
    let device = Device::flex().autodiff();
    for (name, recipe) in variants(0.0) {
        let loader = loader_of(&recipe, &data);
        let snapshot = snapshot::start(&recipe, &data.clone().into(), &device);
        let model = snapshot.model().valid();
        let sample = HeldoutSample::new(HeldoutRows::Spread, loader.heldout_len(), 64);
        let of = |rows, stage| {
            evaluate(&model, &recipe.objective, stage, &loader, &Device::flex(), sample, rows)
                .unwrap()
                .unwrap()
        };
        let stage = recipe.scheme.stage(0);
        let found = of(64, stage);
        let parts = |record: &EvalRecord| Losses {
            total: record.get("loss").unwrap(),
            mlm: record.get("mlm_loss"),
            rtd: record.get("rtd_loss"),
            prediction: record.get("prediction_loss"),
        };
        assert_parts(name, &parts(&of(3, stage)), &parts(&found), 1e-5);
        let alone = stage == electra_model::Stage::GeneratorAlone;
        let detects =
            name != "mlm" && !name.contains("tokens") && recipe.objective.kind() != "replace-mlm" && !alone;
        assert_eq!(found.get("rtd_loss").is_some(), detects, "{name}: {found:?}");
        assert_eq!(found.get("rtd_auc").is_some(), detects, "{name}");
        let learns = name == "mlm" || recipe.architecture().generator != GeneratorKind::None;
        assert_eq!(found.get("mlm_loss").is_some(), learns, "{name}");
        let samples = name != "mlm" && !alone;
        assert_eq!(
            (found.get("sampled_accuracy").is_some(), found.get("fake_rate").is_some()),
            (samples, samples),
            "{name}"
        );
        let predicts = recipe.objective.kind().contains("-mlm");
        assert_eq!(found.get("prediction_accuracy").is_some(), predicts, "{name}");
        // The same numbers during training.
        let mut trained = snapshot::new(&recipe, 1, &device);
        let mut tally = MetricAccumulator::default();
        let batches = loader.at(0).unwrap();
        optimizer_step(&mut trained, &batches, &recipe, &device, Some(&mut tally)).unwrap();
        let right = tally.finish(recipe.objective.weights());
        assert_eq!(
            (right.get("rtd_loss").is_some(), right.get("mlm_loss").is_some()),
            (detects, learns),
            "{name}"
        );
    }
}

#[test]
fn contradictions_between_scheme_and_model_are_refused_at_their_key() {
    let of = |changes: &[(&str, Value)]| {
        let text = toml_of(&recipe_with(0.0, changes));
        let resolved = load_str::<Recipe>("wrong.toml", &text, &[]).unwrap();
        check(&resolved).unwrap_err().to_string()
    };
    let two_stage = |steps: u64| ("/scheme", json!({ "kind": "two-stage", "generator_steps": steps }));
    let tie = |tie: &str| ("/model/generator/tie", json!(tie));
    let adversarial = || ("/scheme", json!({ "kind": "adversarial" }));
    for (error, part) in [
        (of(&[two_stage(3)]), "model.generator.tie"),
        (of(&[two_stage(3), tie("none")]), "two networks of one size"),
        (of(&[two_stage(200), as_large("gradient-disentangled")]), "scheme.generator_steps"),
        (of(&[two_stage(3), kind("mlm")]), "needs a generator"),
        (of(&[adversarial(), kind("replace-mlm")]), "discriminator to fool"),
        (of(&[adversarial(), ("/objective/disallow_correct", json!(true))]), "objective.disallow_correct"),
        (of(&[adversarial(), ("/objective/proposals", json!("uniform"))]), "needs a generator"),
        (of(&[adversarial(), kind("electric")]), "needs a generator"),
        (of(&[kind("electric"), ("/model/generator", json!({ "tie": "all" }))]), "two towers"),
        (of(&[kind("electric"), ("/objective/proposals", json!("uniform"))]), "objective.proposals"),
        (
            of(&[(
                "/masking",
                json!({ "kind": "span", "probability": 0.15, "end_probability": 0.0, "max_length": 10 }),
            )]),
            "masking.end_probability",
        ),
    ] {
        assert!(error.contains(part), "{error} does not speak of {part}");
    }
}

#[test]
fn a_plan_counts_what_a_variant_has_and_does() {
    for (name, recipe) in variants(0.0) {
        let forecast = electra_pretrain::plan::forecast(&recipe, &Device::flex(), 1, &[]).unwrap();
        let model = snapshot::new(&recipe, 1, &Device::flex().autodiff());
        let built: usize =
            collect(model.model()).values().map(|data| data.shape().iter().product::<usize>()).sum();
        assert_eq!(forecast.parameters.total, built, "{name}");
        let of_steps: f64 = (0..200).map(|step| recipe.step_flops(step)).sum();
        assert_eq!([forecast.flops, forecast.flops_per_step], [of_steps, of_steps / 200.0], "{name}");
        assert!(forecast.plan.seconds > 0.0, "{name}");
    }
}

#[test]
fn a_run_costs_what_its_networks_multiply_in_each_stage() {
    // 8 rows of 32 tokens, 4 of them chosen: 256 tokens and 32 slots.
    let discriminator: u64 = 2 * 256 * 16 * 24
        + 3 * (4 * 2 * 256 * 24 * 24 + 2 * 2 * 256 * 32 * 24 + 2 * 2 * 256 * 24 * 48)
        + 2 * 256 * 24 * 24
        + 2 * 256 * 24;
    let blocks = 2 * (4 * 2 * 256 * 12 * 12 + 2 * 2 * 256 * 32 * 12 + 2 * 2 * 256 * 12 * 20);
    let tied = 2 * 256 * 16 * 12 + blocks + 2 * 32 * 12 * 16 + 2 * 32 * 16 * 96;
    let untied = blocks + 2 * 32 * 12 * 12 + 2 * 32 * 12 * 96;
    let two_towers = 2 * (2 * 256 * 16 * 12 + blocks) + 2 * 256 * 24 * 16 + 2 * 256 * 16 * 96;
    let of = |name: &str| variants(0.0).into_iter().find(|(n, _)| *n == name).unwrap().1.run_flops();
    for (name, expected) in [
        ("electra-15", 200 * 3 * (discriminator + tied)),
        ("adversarial", 200 * 3 * (discriminator + tied)),
        ("uniform", 200 * 3 * discriminator),
        ("electric", 200 * 3 * (discriminator + two_towers)),
        ("two-stage as it is", 3 * 3 * untied + 197 * (3 * discriminator + untied)),
    ] {
        assert_eq!(of(name), expected as f64, "{name}");
    }
}

#[test]
fn recipes_of_the_papers_own_run_hash_as_they_did_before_there_were_others() {
    let text = include_str!("../../configs/small.toml");
    // Its micro-batches were those that a CPU decides now.
    let recipe = with_micro_batches_of_cpu(load_str::<Recipe>("small.toml", text, &[]).unwrap());
    assert!(!recipe.text.contains("proposals") && !recipe.text.contains("scheme"), "{}", recipe.text);
    let hash = recipe.hash_without(electra_pretrain::recipe::FREE_KEYS);
    assert_eq!(hash, "79e903f5a3d8d7b11270c20fd31066651da8f259fffd8008096e24d81d924e09");
}
