//! The memory of a card over a long run: what steps need is taken with the first ones and not more later.
//!
//! A test process of its own: memory is that of the whole process.
#![cfg(any(feature = "wgpu", feature = "cuda"))]

use electra_kernels::device_memory;
use electra_run::process::rss;

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

/// Steps after which all that a step needs has been there.
const SETTLED: usize = 100;
const STEPS: usize = 2000;
/// Bytes by which the process may grow meanwhile: a leak of a kilobyte a step would be twice as much.
const MAX_GROWTH: u64 = 1_000_000;

#[test]
fn a_card_takes_no_more_memory_after_the_first_of_two_thousand_steps() {
    for device in devices::devices() {
        let mut recipe = recipe::recipe(0.1);
        recipe.model.num_hidden_layers = 1;
        recipe.model.generator.num_hidden_layers = Some(1);
        let mut snapshot =
            steps::snapshot(|device| tiny::electra(&recipe.model, 1, device), &recipe, &device);
        let mut settled = None;
        for done in 1..=STEPS {
            // Rows of other lengths in each step, as data has them.
            let batch = tiny::batch(&[32, 1 + done % 32, 9, 4], 32, 1);
            steps::step(&mut snapshot, std::slice::from_ref(&batch), &recipe, &device);
            if done == SETTLED {
                settled = Some((device_memory(&device), rss()));
            }
        }
        let (card, host) = settled.expect("there are more steps");
        let (card_now, host_now) = (device_memory(&device), rss());
        eprintln!("{device:?}: card {card:?} to {card_now:?}, host {host:?} to {host_now:?}");
        assert!(card.is_some_and(|bytes| bytes > 0));
        assert!(card_now <= card, "the card's memory has grown from {card:?} to {card_now:?} bytes");
        if let (Some(before), Some(now)) = (host, host_now) {
            assert!(now <= before + MAX_GROWTH, "the process has grown from {before} to {now} bytes");
        }
    }
}
