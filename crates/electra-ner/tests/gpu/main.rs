//! Fine-tuning and prediction on graphics cards, against the CPU's. wgpu needs a Vulkan device (Mesa's software one
//! is enough), CUDA NVIDIA's driver.
#![cfg(any(feature = "wgpu", feature = "cuda"))]

#[path = "../../../electra-pretrain/tests/gpu/devices.rs"]
mod devices;
#[allow(dead_code, reason = "shared with the tests that need other parts of it")]
#[path = "../../../electra-model/tests/networks/golden.rs"]
mod golden;
#[allow(dead_code, reason = "shared with the tests that need other parts of it")]
#[path = "../finetuning/small.rs"]
mod small;
mod steps;
#[allow(dead_code, reason = "shared with the tests that need other parts of it")]
#[path = "../predicting/small.rs"]
mod texts;

use burn::prelude::*;
use electra_ner::{Context, Decoding, Precision, Predictor};

#[test]
fn cards_take_the_steps_of_both_heads_also_in_parts() {
    for device in devices::devices() {
        for decoding in ["argmax", "crf"] {
            for micro_batch_size in [steps::WHOLE, 2, 1] {
                let name = format!("{decoding}, {micro_batch_size} windows at once");
                let (expected, of_cpu) = steps::taken(decoding, micro_batch_size, &Device::flex().autodiff());
                let (found, of_card) = steps::taken(decoding, micro_batch_size, &device);
                for (number, (found, expected)) in found.iter().zip(&expected).enumerate() {
                    // Rounding grows with each update, in which small gradients count as much as large ones.
                    let within = 2e-5 * 4f64.powi(number as i32);
                    for (what, found, expected) in
                        [("loss", found.loss, expected.loss), ("norm", found.clip.norm, expected.clip.norm)]
                    {
                        let off = (found - expected).abs() / (1.0 + expected.abs());
                        assert!(off < within, "{name}, step {number}: {what} {found}, expected {expected}");
                    }
                }
                eprintln!("{name}");
                golden::assert_alike(&of_card, &of_cpu, 5e-3);
            }
        }
    }
}

#[test]
fn cards_find_the_entities_that_the_cpu_finds() {
    let text = texts::story(40);
    for device in devices::devices().into_iter().map(Device::inner) {
        for decoding in [Decoding::Argmax, Decoding::Viterbi, Decoding::Crf] {
            let folder = texts::folder(Context::Document, decoding);
            let [expected, found] = [Device::flex(), device.clone()].map(|device| {
                let predictor = Predictor::new(&folder, &device, Precision::F32).unwrap();
                texts::tagged(&predictor, &text, &texts::SETTINGS)
            });
            assert_eq!(texts::tags(&found), texts::tags(&expected), "{decoding:?}");
            let entities = |sentences: &[electra_ner::TaggedSentence]| {
                sentences.iter().flat_map(|sentence| sentence.entities.clone()).collect::<Vec<_>>()
            };
            let (found, expected) = (entities(&found), entities(&expected));
            assert!(expected.len() > 20, "{} entities", expected.len());
            for (found, expected) in found.iter().zip(&expected) {
                let off = (found.score - expected.score).abs();
                assert!(off < 1e-4, "{decoding:?}: {found:?}, expected {expected:?}");
            }
        }
    }
}
