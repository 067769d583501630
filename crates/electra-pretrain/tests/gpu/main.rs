//! The networks and the joint step on graphics cards: the tests of the CPU's devices and its golden values,
//! on every card whose backend this is compiled with. wgpu needs a Vulkan device (Mesa's software one is
//! enough), CUDA NVIDIA's driver.
#![cfg(any(feature = "wgpu", feature = "cuda"))]

use burn::prelude::*;

#[path = "../../../electra-model/tests/networks/corruption.rs"]
mod corruption;
mod devices;
mod every_step;
#[path = "../../../electra-model/tests/networks/golden.rs"]
mod golden;
#[path = "../../../electra-model/tests/networks/gradients.rs"]
mod gradients;
#[path = "../training/joint_parity.rs"]
mod joint_parity;
#[path = "../../../electra-model/tests/networks/objectives.rs"]
mod objectives;
#[path = "../../../electra-model/tests/networks/parity.rs"]
mod parity;
mod processes;
#[path = "../training/recipe.rs"]
mod recipe;
#[path = "../../../electra-model/tests/networks/rows.rs"]
mod rows;
#[path = "../training/steps.rs"]
mod steps;
#[path = "../../../electra-model/tests/networks/tiny.rs"]
mod tiny;
#[path = "../../../electra-model/tests/networks/tying.rs"]
mod tying;
mod updates;

#[test]
fn cards_take_the_same_steps_as_flex() {
    for device in devices::devices() {
        steps::assert_steps_as_on_flex(&device);
    }
}

#[test]
fn cards_draw_every_id_from_the_middle_of_its_interval() {
    for device in devices::devices() {
        // Around the blocks in which the distribution is searched.
        for v in [5, 64, 100, 128] {
            let row: Vec<f64> = (0..v).map(|i| f64::from(i * 7 % 5) - 2.0).collect();
            let total: f64 = row.iter().map(|x| x.exp()).sum();
            let mut before = 0.0;
            let middles = row.iter().map(|x| {
                let share = x.exp() / total;
                before += share;
                (before - 0.5 * share) as f32
            });
            let middles = Tensor::<1>::from_floats(middles.collect::<Vec<_>>().as_slice(), &device);
            let logits: Vec<f32> = row.iter().map(|&x| x as f32).collect();
            let logits =
                Tensor::<1>::from_floats(logits.as_slice(), &device).unsqueeze().repeat_dim(0, v as usize);
            let found = electra_kernels::sample_categorical(logits, middles, 1.0, None);
            let found: Vec<i64> = found.into_data().iter().collect();
            assert_eq!(found, (0..i64::from(v)).collect::<Vec<_>>(), "{device:?}, {v} ids");
        }
    }
}

#[test]
fn a_card_repeats_its_steps_bit_for_bit() {
    for device in devices::devices() {
        let recipe = recipe::recipe(0.1);
        let run = || {
            let mut snapshot =
                steps::snapshot(|device| tiny::electra(&recipe.model, 1, device), &recipe, &device);
            let batch = tiny::batch(&[32, 9, 17, 4], 32, 1);
            let losses =
                [(); 3].map(|()| steps::step(&mut snapshot, std::slice::from_ref(&batch), &recipe, &device));
            (losses.map(|step| step.losses.total.to_bits()), steps::moments(&snapshot, 2))
        };
        assert_eq!(run(), run(), "{device:?}");
    }
}
