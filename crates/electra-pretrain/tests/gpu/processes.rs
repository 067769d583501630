//! Steps of another process: which kernel multiplies follows from device and shape, not from what was tried before.

use std::process::Command;

use burn::prelude::*;
use electra_model::Precision;
use electra_model::parameters::{collect, to_safetensors};
use electra_pretrain::snapshot;
use electra_run::run_folder::weights_hash;

use crate::steps::step;
use crate::{devices, recipe, tiny};

/// Where a process of the test below leaves its hashes.
const TO: &str = "ELECTRA_TEST_HASHES";

/// The hash of the weights after three steps.
fn hash(device: &Device, precision: Precision) -> String {
    let mut recipe = recipe::recipe(0.1);
    recipe.train.precision = precision;
    let mut snapshot = snapshot::new(&recipe, 1, device);
    for number in 1..=3 {
        step(&mut snapshot, &[tiny::batch(&[32, 9, 17, 4], 32, number)], &recipe, device);
    }
    weights_hash(&to_safetensors(&collect(snapshot.model()), None))
}

/// Of each device, in 32 bits and in what else it multiplies in.
fn hashes() -> Vec<String> {
    let mut hashes = Vec::new();
    for device in devices::devices() {
        let computed = Precision::ALL.into_iter().filter(|precision| precision.is_computed_by(&device));
        hashes.extend(computed.map(|precision| hash(&device, precision)));
    }
    hashes
}

#[test]
fn steps_in_other_precisions_have_other_bits() {
    let hashes = hashes();
    let mut different = hashes.clone();
    different.sort();
    different.dedup();
    assert_eq!(different.len(), hashes.len(), "{hashes:?}");
    if let Some(file) = std::env::var_os(TO) {
        std::fs::write(file, hashes.join("\n")).unwrap();
    }
}

#[test]
fn two_processes_take_the_same_steps_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let hashes = [1, 2].map(|number| {
        let file = folder.path().join(number.to_string());
        let process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "processes::steps_in_other_precisions_have_other_bits"])
            .env(TO, &file)
            .output()
            .unwrap();
        assert!(process.status.success(), "{}", String::from_utf8_lossy(&process.stdout));
        std::fs::read_to_string(file).unwrap()
    });
    assert_eq!(hashes[0], hashes[1]);
}
