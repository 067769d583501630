//! A run that was saved and loaded ends with the bits of one that was not.

use burn::prelude::*;
use electra_pretrain::snapshot::{self, Snapshot};
use electra_run::checkpoint::{Checkpoint, CheckpointStore};
use electra_train::SnapshotError;

use crate::recipe::recipe;
use crate::steps::step;
use crate::tiny;

const STEPS: u64 = 6;

/// Steps with dropout until `end`, each with a batch of its own.
fn train(snapshot: &mut Snapshot, end: u64, device: &Device) {
    let recipe = recipe(0.1);
    while snapshot.step() < end {
        let batch = tiny::batch(&[32, 9, 20, 4], 32, snapshot.step());
        step(snapshot, &[batch], &recipe, device);
    }
}

pub fn save(snapshot: &Snapshot, store: &CheckpointStore) -> Checkpoint {
    let blobs = snapshot.to_blobs();
    let blobs: Vec<(&str, &[u8])> = blobs.iter().map(|(name, bytes)| (*name, bytes.as_slice())).collect();
    store.save(snapshot.step(), &blobs, None).unwrap();
    store.latest_valid().unwrap().checkpoint.unwrap()
}

#[test]
fn a_resumed_run_ends_with_the_bits_of_a_straight_one() {
    let device = Device::flex().autodiff();
    let recipe = recipe(0.1);
    let mut straight = snapshot::new(&recipe, 1, &device);
    train(&mut straight, STEPS, &device);

    let folder = tempfile::tempdir().unwrap();
    let store = CheckpointStore::open(folder.path(), 1).unwrap();
    for saved_at in [0, 1, 4] {
        let mut begun = snapshot::new(&recipe, 1, &device);
        train(&mut begun, saved_at, &device);
        let checkpoint = save(&begun, &store);
        drop(begun);
        let mut resumed = snapshot::load(&checkpoint, &recipe, &device).unwrap();
        assert_eq!(resumed.step(), saved_at);
        train(&mut resumed, STEPS, &device);
        for ((file, found), (_, expected)) in resumed.to_blobs().iter().zip(straight.to_blobs()) {
            assert!(*found == expected, "{file} differs after a resume at step {saved_at}");
        }
    }
}

#[test]
fn a_checkpoint_of_another_model_is_refused() {
    let device = Device::flex().autodiff();
    let recipe = recipe(0.1);
    let folder = tempfile::tempdir().unwrap();
    let store = CheckpointStore::open(folder.path(), 1).unwrap();
    let checkpoint = save(&snapshot::new(&recipe, 1, &device), &store);

    let refused = |change: fn(&mut electra_model::ModelConfig)| {
        let mut other = recipe.clone();
        change(&mut other.model);
        match snapshot::load(&checkpoint, &other, &device) {
            Err(SnapshotError::Weights(error)) => error.to_string(),
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("a checkpoint of another model was loaded"),
        }
    };
    let error = refused(|config| config.intermediate_size = 40);
    assert!(error.contains("discriminator.encoder.layers.0.feed_forward.intermediate"), "{error}");
    assert!(error.contains("48") && error.contains("40"), "{error}");
    let error = refused(|config| config.num_hidden_layers = 4);
    assert!(error.contains("missing") && error.contains("discriminator.encoder.layers.3"), "{error}");
    let error = refused(|config| config.num_hidden_layers = 2);
    assert!(error.contains("unexpected") && error.contains("discriminator.encoder.layers.2"), "{error}");
}
