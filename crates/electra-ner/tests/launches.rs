//! The kernels that a fine-tuning step and a prediction ask a card to run, and the tensors that they read from it.
//!
//! A test process of its own: launches are counted for the whole process.
#![cfg(any(feature = "wgpu", feature = "cuda"))]

#[path = "../../electra-pretrain/tests/gpu/devices.rs"]
mod devices;
#[allow(dead_code, reason = "shared with the tests that need other parts of it")]
#[path = "finetuning/small.rs"]
mod small;
#[path = "gpu/steps.rs"]
mod steps;
#[allow(dead_code, reason = "shared with the tests that need other parts of it")]
#[path = "predicting/small.rs"]
mod texts;

use std::sync::{Mutex, PoisonError};

use burn::prelude::*;
use electra_kernels::{count_launches, host_reads};
use electra_ner::{Context, Decoding, Precision, Predictor};

/// Launches and reads are those of the whole process: one test at a time.
static COUNTING: Mutex<()> = Mutex::new(());

#[test]
fn a_step_of_two_layers_launches_a_few_kernels_and_is_read_once() {
    let _counting = COUNTING.lock().unwrap_or_else(PoisonError::into_inner);
    for device in devices::devices() {
        // What is computed once in a process belongs to no step.
        steps::taken("argmax", steps::WHOLE, &device);
        let before = host_reads();
        let ((taken, _), launches) = count_launches(|| steps::taken("argmax", steps::WHOLE, &device));
        // The weights are read at the end.
        let parameters = 41;
        let reads = host_reads() - before - parameters;
        let of_step = launches.total() / taken.len();
        eprintln!("{of_step} launches and {reads} reads in {} steps", taken.len());
        assert_eq!(reads, taken.len() as u64, "loss, norm and clip of a step together");
        assert!(of_step <= 140, "{of_step} launches a step: {launches:#?}");
    }
}

#[test]
fn a_batch_of_windows_is_tagged_by_a_few_kernels_and_read_once() {
    let _counting = COUNTING.lock().unwrap_or_else(PoisonError::into_inner);
    let text = texts::story(40);
    for device in devices::devices().into_iter().map(Device::inner) {
        let folder = texts::folder(Context::Sentence, Decoding::Argmax);
        let predictor = Predictor::new(&folder, &device, Precision::F32).unwrap();
        let tag = || texts::tagged(&predictor, &text, &texts::SETTINGS).len();
        tag();
        let before = host_reads();
        let (sentences, launches) = count_launches(tag);
        let reads = host_reads() - before;
        eprintln!("{} launches and {reads} reads for {sentences} sentences", launches.total());
        assert!(reads as usize <= sentences.div_ceil(8) + 2, "{reads} reads of {sentences} sentences");
        assert!(launches.total() as u64 <= 30 * reads, "{launches:#?}");
    }
}
