//! Options of the command line that help against an error.
//!
//! The libraries know of no options: their help says what is to be done, and which option does it is
//! decided here, by the variant of the error.

mod of_text;
mod of_weights;

use std::error::Error;
use std::path::Path;

use electra_files::shown::shell_word;
use electra_kernels::DeviceError;
use electra_model::hf::{HfError, HfNetwork};
use electra_ner::{FinetuneError, FolderError};
use electra_pretrain::corruption::CorruptionError;
use electra_pretrain::data::RecipeDataError;
use electra_run::lock::LockError;
use electra_run::run_folder::RunFolderError;
use electra_train::encoder_init::InitError;
use electra_train::model_folder::ModelFolderError;
use electra_train::seeds::SeedsFolderError;

use super::of_device;

/// The advice for an error in words of the command line; `folder` is the option by which the folder of the
/// run is named there. None if the error's own help says it all.
pub(super) fn help_of_options(error: &(dyn Error + 'static), folder: &str) -> Option<String> {
    if let Some(error) = error.downcast_ref::<DeviceError>() {
        return Some(of_device::message_and_help(error).1);
    }
    if let Some(LockError::Held { .. }) = error.downcast_ref() {
        return Some(format!("wait until it ends, stop it, or use another folder with {folder}"));
    }
    error
        .downcast_ref()
        .and_then(|error| of_run_folder(error, folder))
        .or_else(|| error.downcast_ref().and_then(of_seeds_folder))
        .or_else(|| error.downcast_ref().and_then(of_start))
        .or_else(|| error.downcast_ref().and_then(of_model_folder))
        .or_else(|| error.downcast_ref().and_then(of_foreign_network))
        .or_else(|| error.downcast_ref().and_then(of_tagger_folder))
        .or_else(|| error.downcast_ref().and_then(of_finetuning))
        .or_else(|| error.downcast_ref().and_then(of_corruption))
        .or_else(|| error.downcast_ref().and_then(of_data))
        .or_else(|| error.downcast_ref().and_then(of_weights::of_weights))
        .or_else(|| of_text::help(error))
}

fn of_run_folder(error: &RunFolderError, folder: &str) -> Option<String> {
    Some(match error {
        RunFolderError::Different { .. } => {
            format!("give another folder with {folder}, or go back to what this one was started with")
        }
        RunFolderError::Foreign { .. } => format!("give another one with {folder}"),
        RunFolderError::Damaged { .. } => {
            format!("restore it from a copy, or start over with another {folder}")
        }
        RunFolderError::Io { .. } => format!("choose a folder that you may write to with {folder}"),
        RunFolderError::Lock(_) => return None,
    })
}

fn of_seeds_folder(error: &SeedsFolderError) -> Option<String> {
    let help = match error {
        SeedsFolderError::File(_) => "give a folder with --out",
        SeedsFolderError::ModelInside { .. } | SeedsFolderError::Foreign { .. } => {
            "give another folder with --out"
        }
        SeedsFolderError::NoSeed { .. }
        | SeedsFolderError::ForeignBest { .. }
        | SeedsFolderError::Orphan { .. } => "move it away, or give another folder with --out",
        SeedsFolderError::Io { .. } => "give a folder that you may write to with --out",
        SeedsFolderError::Weights(_) => return None,
    };
    Some(help.to_owned())
}

fn of_start(error: &InitError) -> Option<String> {
    match error {
        InitError::ScratchVocabulary { tokenizer, .. } => Some(format!(
            "nothing is trained yet: set model.vocab_size to {tokenizer} or more there, or name another --tokenizer"
        )),
        InitError::Length { positions, .. } => Some(format!(
            "set it to {positions} or less (--set input.window={positions}), or pretrain with a longer \
             max_position_embeddings"
        )),
        InitError::Folder(_) => None,
    }
}

fn of_model_folder(error: &ModelFolderError) -> Option<String> {
    match error {
        ModelFolderError::TaggersWithin { within, .. } => Some(format!(
            "give the model that they were made from. {} itself is a folder of transformers, and electra predict \
             --model {} uses it",
            within.display(),
            word(within)
        )),
        ModelFolderError::Tagger(path) => Some(format!(
            "find entities with electra predict --model {}, or give the model that the tagger was fine-tuned from",
            word(path)
        )),
        _ => None,
    }
}

fn of_foreign_network(error: &HfError) -> Option<String> {
    match error {
        HfError::Class { found: "ElectraForPreTraining", expected: HfNetwork::Tagger } => {
            Some("fine-tune it first, with electra finetune ner --model".to_owned())
        }
        _ => None,
    }
}

fn of_tagger_folder(error: &FolderError) -> Option<String> {
    match error {
        FolderError::NoTagger(path) | FolderError::NoLabels(path) => {
            Some(format!("fine-tune it first, with electra finetune ner --model {}", word(path)))
        }
        FolderError::NoHead { .. } => Some(
            "copy it from the folder that fine-tuning wrote, or decode without it: electra predict --decoding argmax"
                .to_owned(),
        ),
        _ => None,
    }
}

fn of_finetuning(error: &FinetuneError) -> Option<String> {
    match error {
        FinetuneError::NoEntities { .. } => Some(
            "is the tag column the right one (--tag-column), or train.max_sentences too small?".to_owned(),
        ),
        FinetuneError::NothingToChooseBy { .. } => Some(
            "give labelled sentences with --dev, for example a part of the training data held back"
                .to_owned(),
        ),
        _ => None,
    }
}

fn of_corruption(error: &CorruptionError) -> Option<String> {
    match error {
        CorruptionError::NothingHeldOut(_) => {
            Some("build it again with --heldout FILE or --heldout-fraction".to_owned())
        }
        _ => None,
    }
}

fn of_data(error: &RecipeDataError) -> Option<String> {
    match error {
        RecipeDataError::Mismatch { key: key @ "data.sequence_length", .. } => {
            Some(format!("build the data again with --seq-len, or change the recipe (recipe key: {key})"))
        }
        RecipeDataError::Phase { number, source, .. } => match &**source {
            RecipeDataError::Mismatch { key: "data.sequence_length", .. } => Some(format!(
                "build the data of phase {number} with --seq-len of that length, or change the recipe (recipe key: \
                 phases.{}.data.sequence_length)",
                number - 1
            )),
            inner => of_data(inner),
        },
        _ => None,
    }
}

/// A path in a command that somebody may copy.
fn word(path: &Path) -> String {
    shell_word(&path.display().to_string())
}
