//! The average of a finished run's weights, as a model folder of its own.

use std::path::Path;

use electra_files::regular;
use electra_files::staged::{self, NewFolder, StagedError};
use electra_model::Electra;
use electra_model::parameters::{collect, to_safetensors};
use electra_text::wordpiece::SAVED_FILES;
use electra_train::layout::{AVERAGE_FOLDER, INIT, MODEL_CONFIG, TOKENIZER, WEIGHTS};
use electra_train::{RunError, ancestors, ancestors_file};

/// Writes `average/` in a run folder: sizes, tokenizer and lineage of the run, and the averaged weights.
///
/// # Errors
/// If it cannot be written.
pub(super) fn write_average(averaged: &Electra, run: &Path) -> Result<(), RunError> {
    write(averaged, run).map_err(|error| {
        let (path, source) = error.into_parts();
        RunError::Write { path, source }
    })
}

fn write(averaged: &Electra, run: &Path) -> Result<(), StagedError> {
    let folder = run.join(AVERAGE_FOLDER);
    staged::recover(&folder)?;
    let new = NewFolder::begin(&folder)?;
    let tokenizer = Path::new(TOKENIZER);
    let of_tokenizer = SAVED_FILES.iter().map(|name| tokenizer.join(name));
    for name in of_tokenizer.chain([MODEL_CONFIG.into()]) {
        let from = run.join(&name);
        // Not every tokenizer has all of its files.
        if from.is_file() {
            let bytes = regular::read(&from).map_err(|source| StagedError::Io { path: from, source })?;
            new.write(name, &bytes)?;
        }
    }
    let ancestors = ancestors(run);
    if !ancestors.is_empty() {
        new.write(INIT, ancestors_file(&ancestors).as_bytes())?;
    }
    new.write(WEIGHTS, &to_safetensors(&collect(averaged), None))?;
    new.commit()
}
