//! Tests of determinism: the same steps give the same bits.

use burn::prelude::*;
use electra_model::TieMode;
use electra_pretrain::Recipe;
use electra_pretrain::snapshot;

use crate::recipe::recipe;
use crate::steps::step;
use crate::tiny;

/// Weights and moments after three steps with dropout, of networks wide enough to be worth
/// several threads.
fn trained(change: impl FnOnce(&mut Recipe)) -> Vec<u8> {
    let mut recipe = recipe(0.1);
    let mut model = tiny::config(TieMode::Embeddings);
    (model.hidden_size, model.intermediate_size, model.embedding_size) = (96, 384, 64);
    (model.generator.hidden_size, model.generator.intermediate_size) = (Some(48), Some(192));
    recipe.model = model;
    change(&mut recipe);
    let device = Device::flex().autodiff();
    let mut snapshot = snapshot::new(&recipe, 1, &device);
    for number in 0..3 {
        let micro_batches = [1, 2].map(|half| tiny::batch(&[32, 20, 32, 7, 32, 31], 32, 10 * number + half));
        step(&mut snapshot, &micro_batches, &recipe, &device);
    }
    snapshot.to_blobs().into_iter().flat_map(|(_, bytes)| bytes).collect()
}

fn on_threads(threads: usize) -> Vec<u8> {
    electra_kernels::Workers::new(threads).unwrap().install(|| trained(|_| {}))
}

#[test]
fn steps_with_dropout_have_the_same_bits_every_time_and_on_one_or_two_threads() {
    let first = trained(|_| {});
    assert!(first == trained(|_| {}), "a second run differs");
    let one = on_threads(1);
    assert!(one == on_threads(1), "a second run on one thread differs");
    let two = on_threads(2);
    assert!(two == on_threads(2), "a second run on two threads differs");
    assert!(one == two, "two threads differ from one");
}

#[test]
fn another_seed_drops_other_units_and_so_does_another_step() {
    let first = trained(|_| {});
    assert!(first != trained(|recipe| recipe.seed = 8));
    assert!(first != trained(|recipe| recipe.train.dropout = 0.0));

    let recipe = recipe(0.1);
    let device = Device::flex().autodiff();
    let batch = [tiny::batch(&[32, 20], 32, 1)];
    let loss_at = |number| {
        let mut snapshot = snapshot::new(&recipe, 1, &device);
        snapshot.progress.step = number;
        step(&mut snapshot, &batch, &recipe, &device).losses.total
    };
    assert_eq!(loss_at(4), loss_at(4));
    assert_ne!(loss_at(4), loss_at(5));
}
