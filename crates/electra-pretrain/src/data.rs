//! The data that a recipe names, held against the recipe.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use electra_model::Proposals;
use electra_run::record::thousands;
use electra_text::{DataError, DataSet, Split};
use thiserror::Error;

pub use crate::batch_plan::batch_plan;
use crate::frequency::token_counts;
use crate::mixture::Mixture;
use crate::recipe::Recipe;
use crate::tokenizer_difference::Difference;

/// An error of a recipe that cannot train on the data that it names.
#[derive(Debug, Error, miette::Diagnostic)]
pub enum RecipeDataError {
    /// The data folder cannot be used.
    #[error("{0}")]
    Data(
        #[from]
        #[diagnostic_source]
        DataError,
    ),
    /// The data does not fit the recipe.
    #[error("{message}")]
    #[diagnostic(help("{help} (recipe key: {key})"))]
    Mismatch {
        /// Dotted key of the recipe.
        key: &'static str,
        /// The description of what was found and what was expected.
        message: String,
        /// The advice: what to do about the error.
        help: String,
    },
    /// The data of one of several phases.
    #[error("phase {number}: {source}")]
    Phase {
        /// Number of the phase, from 1.
        number: usize,
        /// What is wrong with its data.
        source: Box<RecipeDataError>,
        /// What to do about that.
        #[help]
        advice: Option<String>,
    },
}

impl RecipeDataError {
    pub(crate) fn of_phase(number: usize, error: Self) -> Self {
        let advice = advice(&error);
        Self::Phase { number, source: Box::new(error), advice }
    }
}

/// The advice of an error, or of what it comes from.
fn advice(error: &dyn miette::Diagnostic) -> Option<String> {
    let own = error.help().map(|help| help.to_string());
    own.or_else(|| error.diagnostic_source().and_then(advice))
}

/// Data folders that were opened, by their paths: phases may read the same.
#[derive(Debug, Default)]
pub(crate) struct OpenedFolders(HashMap<PathBuf, Arc<DataSet>>);

impl OpenedFolders {
    fn open(&mut self, folder: &Path) -> Result<Arc<DataSet>, DataError> {
        if let Some(opened) = self.0.get(folder) {
            return Ok(Arc::clone(opened));
        }
        let opened = Arc::new(DataSet::open(folder)?);
        self.0.insert(folder.to_owned(), Arc::clone(&opened));
        Ok(opened)
    }
}

/// Opens the data of a recipe without phases, or of one phase, and holds it against the recipe, and the folders of a
/// mixture against each other. That of all phases is [`RunData`](crate::phases::RunData).
///
/// # Errors
/// Data that is damaged, or was built with other settings.
pub fn open_data(recipe: &Recipe) -> Result<Mixture, RecipeDataError> {
    open_data_of(recipe, &mut OpenedFolders::default())
}

/// As [`open_data`], with folders that were opened before.
pub(crate) fn open_data_of(recipe: &Recipe, opened: &mut OpenedFolders) -> Result<Mixture, RecipeDataError> {
    let mut sources = Vec::new();
    for (folder, weight) in recipe.data.folders() {
        sources.push((opened.open(folder)?, weight));
    }
    for (other, _) in &sources[1..] {
        check_agreement(&sources[0].0, other)?;
    }
    let mismatch =
        |key, message, help: &str| Err(RecipeDataError::Mismatch { key, message, help: help.into() });
    let shape = sources[0].0.manifest().row_shape();
    let folder = sources[0].0.folder().display();
    if shape.seq_len != recipe.data.sequence_length {
        return mismatch(
            "data.sequence_length",
            format!(
                "{folder} has rows of {} tokens, the recipe {}",
                shape.seq_len, recipe.data.sequence_length
            ),
            "build the data again with rows of that length, or change the recipe",
        );
    }
    if shape.vocab_size > recipe.model.vocab_size {
        return mismatch(
            "model.vocab_size",
            format!(
                "{folder} was built with a vocabulary of {}, the recipe has {}",
                shape.vocab_size, recipe.model.vocab_size
            ),
            "set model.vocab_size to the vocabulary of the data",
        );
    }
    let data = Mixture::new(sources);
    for source in data.sources() {
        check_batch(source.split(Split::Train).len(), 1, source.folder())?;
    }
    check_batch(data.rows(Split::Train), recipe.train.batch_size, data.first().folder())?;
    Ok(data)
}

/// Refuses a folder whose rows or word pieces are not those of another.
fn check_agreement(first: &DataSet, other: &DataSet) -> Result<(), RecipeDataError> {
    let fail = |message: String, help: &str| {
        Err(RecipeDataError::Mismatch { key: "data.sources", message, help: help.into() })
    };
    let [a, b] = [first, other].map(|data| data.folder().display());
    let [first_rows, other_rows] = [first, other].map(|data| data.manifest().row_shape().seq_len);
    if first_rows != other_rows {
        return fail(
            format!("{b} has rows of {other_rows} tokens, {a} of {first_rows}"),
            "build one of them again: rows of a mixture are of one length",
        );
    }
    match tokenizer_difference(first, other) {
        Some(difference) => fail(difference, "build one of them again: a mixture has one tokenizer"),
        None => Ok(()),
    }
}

/// Refuses the data of a phase whose word pieces are not those of the first one.
pub(crate) fn check_tokenizers(first: &DataSet, other: &DataSet) -> Result<(), RecipeDataError> {
    match tokenizer_difference(first, other) {
        Some(message) => Err(RecipeDataError::Mismatch {
            key: "phases.data",
            message,
            help: "build one of them again: all phases of a run have one tokenizer".into(),
        }),
        None => Ok(()),
    }
}

/// The first difference between the tokenizers of two folders, if they are not the same.
fn tokenizer_difference(first: &DataSet, other: &DataSet) -> Option<String> {
    if first.manifest().tokenizer.hash == other.manifest().tokenizer.hash {
        return None;
    }
    let [a, b] = [first, other].map(|data| data.folder().display());
    let [one, two] = [first, other].map(DataSet::tokenizer);
    Some(match Difference::of(one, two) {
        Difference::Setting { name, first, other } => format!("{name} is {other} in {b} and {first} in {a}"),
        Difference::Piece { id, first, other } => format!("piece {id} is {other} in {b} and {first} in {a}"),
        Difference::Length { first, other } => {
            format!("{b} has a vocabulary of {other} pieces, {a} of {first}")
        }
        Difference::None => {
            let [first, other] = [first, other].map(|data| &data.manifest().tokenizer.hash);
            format!("{b} has the tokenizer {other}, {a} {first}")
        }
    })
}

/// Refuses training data without a row, or with fewer than a batch has.
pub(crate) fn check_batch(examples: usize, batch_size: usize, folder: &Path) -> Result<(), RecipeDataError> {
    if examples >= batch_size.max(1) {
        return Ok(());
    }
    Err(RecipeDataError::Mismatch {
        key: "train.batch_size",
        message: format!(
            "a batch of {batch_size} rows from {examples} training examples in {}",
            folder.display()
        ),
        help: "lower train.batch_size, or build the data from more text".into(),
    })
}

/// Warnings about ids that the training text never has: rows of the tables that belong to no piece, and
/// pieces that uniform proposals draw although they occur in no text.
pub fn unseen_ids(recipe: &Recipe, data: &Mixture) -> Vec<String> {
    [unused_rows(recipe, data), unseen_proposals(recipe, data)].into_iter().flatten().collect()
}

fn unused_rows(recipe: &Recipe, data: &Mixture) -> Option<String> {
    let (model, known) = (recipe.model.vocab_size, data.first().manifest().tokenizer.vocab_size);
    (model > known).then(|| {
        format!(
            "model.vocab_size is {} and the vocabulary of the data has {} pieces: {} rows of the tables are of no \
             piece, occur in no text and are never proposed as replacements; set model.vocab_size = {known} unless \
             they are meant",
            thousands(model as u64),
            thousands(known as u64),
            thousands((model - known) as u64),
        )
    })
}

/// A discriminator needs no context to detect a replacement that no original can be.
fn unseen_proposals(recipe: &Recipe, data: &Mixture) -> Option<String> {
    recipe.objective.joint().filter(|joint| joint.proposals == Proposals::Uniform)?;
    let known = recipe.model.vocab_size.min(data.first().manifest().tokenizer.vocab_size);
    let unseen = token_counts(data, known).iter().filter(|&&count| count == 0).count();
    (unseen > known / UNSEEN_TOLD).then(|| {
        format!(
            "proposals = \"uniform\" draws from all {} pieces of the vocabulary, of which {} never occur in the training \
             text: such replacements are detected without their context; use proposals = \"unigram\", or a vocabulary \
             trained on this text",
            thousands(known as u64),
            thousands(unseen as u64),
        )
    })
}

/// Unseen pieces are told of where they are more than one in this many: special pieces and rare characters
/// are some in every vocabulary.
const UNSEEN_TOLD: usize = 20;
