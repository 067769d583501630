//! Checkpoints of pretraining, as a run that goes on reads and replaces them.

use std::path::Path;

use burn::prelude::Device;
use electra_pretrain::snapshot;
use electra_run::checkpoint::CheckpointStore;
use rand::RngExt;
use serde_json::Value;

use super::material::recipe;
use crate::case::Case;
use crate::mutate;
use crate::reader::{OkRendered, Reached, Reader, Rng};

/// Folder of the checkpoints below the input.
pub(super) const CHECKPOINTS: &str = "checkpoints";
const MANIFEST: &str = "manifest.json";

/// Two checkpoints of a small run.
pub(super) struct Checkpoints;

impl Reader for Checkpoints {
    fn name(&self) -> &'static str {
        "checkpoint"
    }

    fn stages(&self) -> &'static [&'static str] {
        &["found", "loaded", "resumable", "saved"]
    }

    fn seeds(&self) -> Vec<Case> {
        let recipe = &recipe().value;
        let snapshot = snapshot::new(recipe, 1, &Device::flex().autodiff());
        let blobs = |step: u64| {
            let mut blobs = snapshot.to_blobs();
            blobs[2].1 = format!("{{\"step\":{step}}}").into_bytes();
            blobs
        };
        vec![saved_at(&[1, 2], blobs)]
    }

    fn mutate(&self, case: &mut Case, rng: &mut Rng) {
        damage(case, rng);
    }

    fn writes(&self) -> &'static [&'static str] {
        &[
            "checkpoints/best.json",
            "checkpoints/best.json.tmp",
            "checkpoints",
            "checkpoints/saving-0000000003",
            "checkpoints/step-0000000003",
            "checkpoints/step-0000000001",
        ]
    }

    fn seal(&self, case: &mut Case, rng: &mut Rng) {
        seal(case, rng);
    }

    fn run(&self, folder: &Path, reached: &Reached<'_>) -> Option<()> {
        let recipe = &recipe().value;
        let device = Device::flex().autodiff();
        let store = CheckpointStore::open(folder.join(CHECKPOINTS), 2).ok_rendered()?;
        let found = store.latest_valid().ok_rendered()?;
        let checkpoint = found.checkpoint?;
        std::hint::black_box((checkpoint.names().count(), checkpoint.metric, store.steps().ok_rendered()));
        reached.stage("found");
        let snapshot = snapshot::load(&checkpoint, recipe, &device).ok_rendered()?;
        reached.stage("loaded");
        // A run whose checkpoint lies beyond its end, or is not of the step that it says, does not go on.
        if checkpoint.step >= recipe.train.steps || snapshot.step() != checkpoint.step {
            return None;
        }
        reached.stage("resumable");
        let blobs = snapshot.to_blobs();
        let blobs: Vec<_> = blobs.iter().map(|(name, bytes)| (*name, bytes.as_slice())).collect();
        store.save(snapshot.step() + 1, &blobs, Some(0.5)).ok_rendered()?;
        reached.stage("saved");
        Some(())
    }

    fn quick(&self) -> u64 {
        400
    }
}

/// Checkpoints of these steps.
pub(super) fn saved_at(steps: &[u64], blobs: impl Fn(u64) -> Vec<(&'static str, Vec<u8>)>) -> Case {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = CheckpointStore::open(folder.path().join(CHECKPOINTS), 2).expect("a folder can be made");
    for &step in steps {
        let blobs = blobs(step);
        let blobs: Vec<_> = blobs.iter().map(|(name, bytes)| (*name, bytes.as_slice())).collect();
        store.save(step, &blobs, Some(1.0)).expect("there is room");
    }
    Case::of_folder(folder.path()).expect("what was saved can be read")
}

/// Damages one of the checkpoints; the last one, most of the time.
pub(super) fn damage(case: &mut Case, rng: &mut Rng) {
    let names: Vec<String> = case.files().map(str::to_owned).collect();
    let last = names.iter().filter(|name| name.contains("/step-")).max().cloned();
    let folder = last.and_then(|name| Some(name.rsplit_once('/')?.0.to_owned()));
    let of_last: Vec<&String> =
        names.iter().filter(|name| folder.as_ref().is_some_and(|folder| name.starts_with(folder))).collect();
    match rng.random_bool(0.8) && !of_last.is_empty() {
        true => mutate::damage(case, of_last[rng.random_range(0..of_last.len())], rng),
        false => mutate::mutate(case, rng),
    }
}

/// Manifests say what their files are.
pub(super) fn seal(case: &mut Case, rng: &mut Rng) {
    if rng.random_bool(0.1) {
        return;
    }
    let manifests: Vec<String> =
        case.files().filter(|name| name.ends_with(MANIFEST)).map(str::to_owned).collect();
    for file in manifests {
        let folder = file.strip_suffix(MANIFEST).unwrap_or_default();
        let manifest = case.file(&file).and_then(|bytes| serde_json::from_slice::<Value>(bytes).ok());
        let Some(mut manifest) = manifest else { continue };
        let Some(blobs) = manifest.get_mut("blobs").and_then(Value::as_array_mut) else { continue };
        for blob in blobs.iter_mut().filter(|blob| blob.is_object()) {
            let name = blob["name"].as_str().unwrap_or_default();
            let Some(bytes) = case.file(&format!("{folder}{name}")) else { continue };
            let (length, hash) = (bytes.len(), blake3::hash(bytes).to_hex().to_string());
            blob["bytes"] = length.into();
            blob["blake3"] = hash.into();
        }
        case.set(&file, serde_json::to_vec(&manifest).unwrap_or_default());
    }
}
