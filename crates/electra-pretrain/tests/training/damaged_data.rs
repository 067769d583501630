//! Data that was damaged and is read without being checked beforehand.

use std::path::Path;
use std::sync::Arc;

use burn::prelude::*;
use electra_model::{Objective, OutputBias, Proposals};
use electra_pretrain::data::batch_plan;
use electra_pretrain::loader::{BatchPlan, Loader, Prefetch};
use electra_pretrain::mask::Masking;
use electra_pretrain::snapshot;
use electra_text::manifest::Manifest;
use electra_text::shard::HEADER_BYTES;
use electra_text::{DataSet, Split};

use crate::loading::data;
use crate::recipe::recipe;

/// The data folder with an id that no vocabulary has in a row of its first shard.
fn damage(folder: &Path, row: usize) -> Arc<DataSet> {
    let path = folder.join("data/train-00000.ids");
    let mut bytes = std::fs::read(&path).unwrap();
    let at = HEADER_BYTES + row * (4 + 2 * 32) + 6;
    bytes[at..at + 2].fill(0xff);
    std::fs::write(&path, bytes).unwrap();
    Arc::new(DataSet::open(folder.join("data")).unwrap())
}

#[test]
fn a_damaged_row_is_an_error_of_the_step_that_reads_it() {
    let folder = tempfile::tempdir().unwrap();
    let rows = data(folder.path()).split(Split::Train).len();
    let data = damage(folder.path(), 5);
    let mut recipe = recipe(0.0);
    recipe.masking = Masking::WholeWord { probability: 0.15 };
    recipe.model.generator.output_bias = OutputBias::LogFrequency;
    for proposals in [Proposals::Learned, Proposals::Uniform, Proposals::Unigram] {
        let Objective::ReplacedTokenDetection(joint) = &mut recipe.objective else {
            panic!("another objective")
        };
        (joint.proposals, joint.disallow_correct) = (proposals, true);
        let plan = BatchPlan { batch_size: 1, micro_batch_size: 1, ..batch_plan(&recipe) };
        let loader = Loader::new(data.clone(), plan).unwrap();
        let damaged: Vec<String> = (0..rows as u64)
            .filter_map(|step| loader.at(step).err())
            .map(|error| error.to_string())
            .collect();
        let [error] = &damaged[..] else { panic!("{damaged:?}") };
        assert!(
            error.starts_with("row 5 of ") && error.contains("id 65535 with a vocabulary of 96"),
            "{error}"
        );
        let ahead = Prefetch::start(loader, 0, rows as u64);
        let found = (0..rows).map(|_| ahead.next_step()).find_map(Result::err).expect("row 5 is read");
        assert_eq!(found.to_string(), *error);
    }
    // What is counted of the rows beforehand passes over it.
    snapshot::start(&recipe, &data.clone().into(), &Device::flex());
}

#[test]
fn a_folder_without_training_rows_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    data(folder.path());
    let path = folder.path().join("data");
    let mut manifest = Manifest::read(&path).unwrap();
    manifest.shards.remove(0);
    (manifest.train.examples, manifest.train.tokens) = (0, 0);
    std::fs::write(path.join("manifest.json"), manifest.sealed().to_json()).unwrap();
    let data = Arc::new(DataSet::open(&path).unwrap());
    let error = Loader::new(data, batch_plan(&recipe(0.0))).err().expect("there is nothing to read");
    assert!(error.to_string().contains("from 0 training examples"), "{error}");
}
