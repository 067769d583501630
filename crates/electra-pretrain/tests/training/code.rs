//! Tests that the results of versioned code are those for which its version was given. A test here that fails
//! without a version having been raised says which one to raise: results of before are then no longer taken
//! for those of now.

use std::io::{self, Write};

use burn::prelude::*;
use electra_model::{
    Architecture, Electra, GeneratorKind, HeadKind, PositionStart, Precision, TieMode, parameters,
};
use electra_pretrain::code;
use electra_pretrain::recipe::MicroBatchSize;
use electra_pretrain::snapshot;
use electra_run::run_folder::weights_hash;

use crate::loading::{data, loader_of};
use crate::recipe::recipe;
use crate::steps::step;
use crate::tiny;

const START_VALUES: &str = "9565f0015c98032bf02132a929708d31b96cc072c892ddd1d109bf869044831b";
const ADJACENT_AND_RESIDUAL: &str = "97af701e3bcbee2ffb15084a1f2f44b22e88d56030cddeb94336d170bd433d1b";
const ROWS: &str = "9df6dee1a952763a8dfc10bf9345324678d24a1ad470f4b42a57aafaf9716f39";
const BATCHES: &str = "ce63068c304109fd0295b72594f14529184272e6f3bc0ed12b07e942e4d115eb";
const WEIGHTS: &str = "e0e8b074c1e304ac89350fa18f144b17f54561ea45636c2e65e51a1b6ca71abb";

/// Holds what the code of `part` gives against what its version gave: `known` are versions and hashes.
#[track_caller]
fn check(part: &str, constant: &str, known: &[(u32, &str)], found: &str) {
    let version = code::versions().version(part);
    let what = known.iter().find(|(of, _)| *of == version).map(|(_, hash)| *hash);
    assert_eq!(
        what,
        Some(found),
        "{part}: this program gives other bits than version {version} did: raise {constant} and add ({}, \"{found}\") here; \
         docs/decisions/0007 says when",
        version + 1
    );
}

#[test]
fn start_values_are_those_of_their_version() {
    let device = Device::flex();
    let networks =
        Architecture { generator: GeneratorKind::Masked, head: HeadKind::ReplacedToken, baseline: false };
    let mut bytes = Vec::new();
    for (start, gain) in [(PositionStart::Random, None), (PositionStart::Neighbours, Some(1.0))] {
        let mut config = tiny::config(TieMode::Embeddings);
        (config.position_start, config.kernel_gain) = (start, gain);
        let model = Electra::init_with(&config, networks, 3, &device, Precision::F32);
        bytes.extend(parameters::to_safetensors(&parameters::collect(&model), None));
    }
    let constant = "electra_model::START_VALUES_VERSION";
    check("start-values", constant, &[(1, START_VALUES)], &weights_hash(&bytes));
    // Those that came later, apart: what was there before keeps its hash.
    let mut config = tiny::config(TieMode::Embeddings);
    config.position_start = PositionStart::Adjacent;
    config.position_distances = Some(vec![-1, 1]);
    config.generator.residual_start = Some(8.0);
    let model = Electra::init_with(&config, networks, 3, &device, Precision::F32);
    let bytes = parameters::to_safetensors(&parameters::collect(&model), None);
    check("start-values", constant, &[(1, ADJACENT_AND_RESIDUAL)], &weights_hash(&bytes));
}

#[test]
fn rows_of_a_text_are_those_of_the_readers_version() {
    let folder = tempfile::tempdir().unwrap();
    let data = data(folder.path());
    check("reader", "electra_text::READER_VERSION", &[(1, ROWS)], data.manifest().data_hash());
}

#[test]
fn batches_are_those_of_their_version() {
    let folder = tempfile::tempdir().unwrap();
    let data = data(folder.path());
    let mut recipe = recipe(0.1);
    (recipe.train.batch_size, recipe.train.micro_batch_size) = (8, Some(MicroBatchSize::Rows(4)));
    let loader = loader_of(&recipe, &data);
    let mut batches: Vec<_> = (0..3).flat_map(|step| loader.at(step).unwrap()).collect();
    batches.push(loader.heldout(&[0, 2]).unwrap());
    let told: String = batches
        .iter()
        .map(|b| format!("{:?} {:?} {:?} {:?}\n", b.ids, b.positions, b.targets, b.uniforms))
        .collect();
    check(
        "training",
        "electra_pretrain::step::TRAINING_VERSION",
        &[(1, BATCHES)],
        &weights_hash(told.as_bytes()),
    );
}

/// Kernels give other bits on processors of another generation: their sums have other lanes. What they give to
/// four digits is the same on all of them.
#[test]
fn weights_after_three_steps_are_those_of_the_kernels_version() {
    let recipe = recipe(0.1);
    let device = Device::flex().autodiff();
    let mut snapshot = snapshot::new(&recipe, 1, &device);
    let mut loss = 0.0;
    for number in 0..3 {
        let batch = tiny::batch(&[32, 20, 32, 7], 32, number);
        loss = step(&mut snapshot, &[batch], &recipe, &device).losses.total;
    }
    let constants = "electra_kernels::NUMERICS_VERSION, or electra_pretrain::step::TRAINING_VERSION where the kernels \
                     are the same,";
    check("kernels", constants, &[(1, "28.463")], &format!("{loss:.3}"));
    if has_avx512() {
        check("kernels", constants, &[(1, WEIGHTS)], &weights_hash(&snapshot.to_blobs()[0].1));
    } else {
        // Past the harness, which shows nothing of tests that pass.
        let told = "NOT RUN on this processor, which has no AVX-512: the bits of weights after three steps";
        writeln!(io::stderr(), "{told}").unwrap();
    }
}

#[cfg(target_arch = "x86_64")]
fn has_avx512() -> bool {
    use std::arch::is_x86_feature_detected as has;
    has!("avx512f") && has!("avx512bw") && has!("avx512dq") && has!("avx512vl")
}

#[cfg(not(target_arch = "x86_64"))]
fn has_avx512() -> bool {
    false
}
