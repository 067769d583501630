//! The kernels that an optimizer step asks a card to run: a number that does not depend on the batch, and so many
//! for each layer. What is launched has to be waited for by nobody, but each launch costs the host its time.
//!
//! A test process of its own: launches are counted for the whole process.
#![cfg(any(feature = "wgpu", feature = "cuda"))]

use burn::prelude::*;
use electra_kernels::{Launches, count_launches, host_reads};

#[path = "gpu/devices.rs"]
mod devices;
#[path = "../../electra-model/tests/networks/golden.rs"]
#[expect(dead_code)]
mod golden;
#[path = "training/recipe.rs"]
mod recipe;
#[path = "training/steps.rs"]
#[expect(dead_code)]
mod steps;
#[path = "../../electra-model/tests/networks/tiny.rs"]
#[expect(dead_code)]
mod tiny;

/// Launches of one step, and tensors that it reads from the device, of networks of `depth` layers each on `rows` sequences.
fn launches(depth: usize, rows: usize, device: &Device) -> (Launches, u64) {
    let mut recipe = recipe::recipe(0.1);
    recipe.model.num_hidden_layers = depth;
    recipe.model.generator.num_hidden_layers = Some(depth);
    let mut snapshot = steps::snapshot(|device| tiny::electra(&recipe.model, 1, device), &recipe, device);
    let batch = tiny::batch(&vec![20; rows], 32, 1);
    let mut step = || steps::step(&mut snapshot, std::slice::from_ref(&batch), &recipe, device);
    // What is computed once in a process, such as tables, belongs to no step.
    step();
    let before = host_reads();
    let (_, launches) = count_launches(&mut step);
    (launches, host_reads() - before)
}

#[test]
fn a_step_launches_a_few_kernels_and_so_many_a_layer_for_any_batch() {
    for device in devices::devices() {
        let [(one, reads), (two, of_two), (larger, _)] =
            [(1, 64), (2, 64), (2, 128)].map(|(depth, rows)| launches(depth, rows, &device));
        for (kernel, count) in &two.kernels {
            eprintln!("{count:>4} ({:>4} of one layer) {kernel}", one.kernels.get(kernel).unwrap_or(&0));
        }
        // Two networks grow by a layer each.
        let of_layer = (two.total() - one.total()) / 2;
        let fixed = one.total() - 2 * of_layer;
        eprintln!("{fixed} launches and {of_layer} a layer");
        assert_eq!(larger.total(), two.total(), "the batch decides nothing");
        // Losses, norm and clip together, after the update.
        assert_eq!([reads, of_two], [1, 1], "reads a step");
        assert!(of_layer <= 41, "{of_layer} launches a layer");
        assert!(fixed <= 125, "{fixed} launches beside the layers");
    }
}
