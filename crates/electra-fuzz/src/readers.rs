//! The readers of the project, each with its valid inputs, its seals and its stages.

mod checkpoint;
mod columns;
mod corpus;
mod data;
mod experiment;
mod exports;
mod faulty;
mod finetune_recipe;
mod finetuned;
mod material;
mod model;
mod part;
mod passages;
mod predictions;
mod pytorch;
mod readme;
mod recipe;
mod results;
mod run;
mod tagger;
mod tagger_checkpoint;
mod tokenizer;

use crate::reader::Reader;

/// Every reader, in the order of tables.
pub const ALL: &[&dyn Reader] = &[
    &recipe::PretrainingRecipe,
    &finetune_recipe::FinetuningRecipe,
    &experiment::Experiments,
    &data::DataFolder,
    &data::Shards,
    &part::Parts,
    &checkpoint::Checkpoints,
    &tagger_checkpoint::TaggerCheckpoints,
    &model::TransformersFolder,
    &model::ModelRun,
    &pytorch::PytorchWeights,
    &tagger::Taggers,
    &finetuned::Finetuned,
    &tokenizer::Tokenizers,
    &columns::Columns,
    &columns::Spans,
    &exports::Exports,
    &corpus::Corpora,
    &passages::Texts,
    &results::Results,
    &readme::Readmes,
    &run::RunFolders,
    &predictions::PredictionFiles,
];

/// The reader of that name; also the one that is faulty on purpose, which is in no list.
#[must_use]
pub fn find(name: &str) -> Option<&'static dyn Reader> {
    let all = ALL.iter().copied().chain([&faulty::Faulty as &dyn Reader]);
    all.into_iter().find(|reader| reader.name() == name)
}

/// The names of all readers.
#[must_use]
pub fn names() -> Vec<&'static str> {
    ALL.iter().map(|reader| reader.name()).collect()
}
