//! Probabilities of labels by cross-validation: each sentence is judged by a tagger that has not learned from it.
//!
//! ```text
//! OUT/fold-1/ fold-2/ ...   a run of fine-tuning each; those that are finished are not trained again
//! ```

use std::path::Path;

use electra_annotations::{Folds, LabelSet, Sentences, Split, Splits, TooFewSentences};
use electra_kernels::Precision;
use electra_run::interrupt::Interrupt;
use electra_run::recipe::Resolved;
use electra_train::encoder_init::EncoderInit;
use electra_train::{EpochMonitor, RunEnd};
use thiserror::Error;

use crate::finetune::{Environment, FinetuneError, finetune};
use crate::folder_error::FolderError;
use crate::predict::{PredictorError, SentenceTagger};
use crate::recipe::Recipe;
use crate::tagger_folder::TaggerFolder;

/// One in so many units of what a fold learns from is held back, to choose the epoch by.
const DEV_SHARE: usize = 10;

/// Probabilities of every label at every word, each by the tagger of another fold.
#[derive(Clone, Debug)]
pub struct OutOfFold {
    /// The labels of all sentences.
    pub labels: LabelSet,
    /// Label of each word `[W]`, by number. None where the tagger of its fold has not met it: nothing can be said
    /// of such a word.
    pub given: Vec<Option<usize>>,
    /// Probability of each label at each word, `[W, L]`; 0 for labels that the tagger of the fold has not met.
    pub probabilities: Vec<f64>,
    /// The number of words with labels that the tagger of their fold has not met.
    pub unlearned: usize,
    /// The division into folds.
    pub folds: Folds,
}

/// A fold that was not trained or could not judge.
#[derive(Debug, Error, miette::Diagnostic)]
pub enum FoldError {
    /// Fewer sentences than folds.
    #[error("{0}")]
    Few(
        #[from]
        #[diagnostic_source]
        TooFewSentences,
    ),
    /// Fine-tuning a fold's tagger stopped.
    #[error("fold {fold}: {source}")]
    Finetune {
        /// Number of the fold, from 1.
        fold: usize,
        /// The error that stopped it.
        #[diagnostic_source]
        source: FinetuneError,
    },
    /// The tagger of a fold cannot be read back.
    #[error("{0}")]
    Folder(
        #[from]
        #[diagnostic_source]
        FolderError,
    ),
    /// The tagger of a fold cannot judge.
    #[error("{0}")]
    Predictor(
        #[from]
        #[diagnostic_source]
        PredictorError,
    ),
}

/// Divides `sentences` into folds, fine-tunes `start` for each fold on the others in a run below `out`, and asks
/// it for the labels of those held out; none if somebody interrupts, and the same call goes on. One in ten
/// documents (or sentences) of what a fold learns from chooses its epoch. `data` names the sentences in messages.
///
/// # Errors
/// Whatever keeps a fold from its end.
#[allow(clippy::too_many_arguments)]
pub fn out_of_fold(
    recipe: &Resolved<Recipe>,
    start: &EncoderInit,
    (data, sentences): (&Path, &Sentences),
    count: usize,
    out: &Path,
    environment: &Environment,
    interrupt: &Interrupt,
    monitor: &mut dyn EpochMonitor,
) -> Result<Option<OutOfFold>, FoldError> {
    let seed = recipe.value.seed;
    let folds = Folds::of(sentences, count, seed)?;
    let labels = LabelSet::of(sentences, recipe.value.labels.scheme);
    let subset = |numbers: &[usize]| -> Sentences { numbers.iter().map(|&n| sentences.get(n)).collect() };
    let of_words = WordNumbers::of(sentences);
    let mut given: Vec<Option<usize>> =
        sentences.tags().iter().flat_map(|tags| labels.encode(&tags.to_vec())).collect();
    let mut probabilities = vec![0.0; given.len() * labels.len()];
    let mut unlearned = 0;
    for fold in 0..count {
        let number = fold + 1;
        monitor.note(0, &format!("fold {number} of {count}"));
        let others = subset(&folds.others(fold));
        let parts = Folds::of(&others, DEV_SHARE.min(others.len()), seed)
            .or_else(|few| Folds::of(&others, few.sentences, seed))?;
        let part = |name: &str, numbers: &[usize]| {
            let sentences: Sentences = numbers.iter().map(|&n| others.get(n)).collect();
            Split::new(&data.with_file_name(format!("fold-{number}-{name}")), sentences)
        };
        let splits = Splits {
            train: part("train", &parts.others(0)),
            dev: part("dev", &parts.held_out(0)),
            test: None,
        };
        let run = out.join(format!("fold-{number}"));
        let ended = finetune(recipe, start, &splits, run.clone(), environment, interrupt, monitor);
        match ended.map_err(|source| FoldError::Finetune { fold: number, source })? {
            RunEnd::Finished(_) => {}
            RunEnd::Interrupted => return Ok(None),
        }
        let tagger = SentenceTagger::new(&TaggerFolder::open(&run)?, &environment.device, Precision::F32)?;
        let held_out = folds.held_out(fold);
        let judged = tagger.probabilities(&subset(&held_out));
        let known: Vec<Option<usize>> = tagger.labels().names().iter().map(|name| labels.id(name)).collect();
        let words = held_out.iter().flat_map(|&sentence| of_words.of_sentence(sentence));
        for (word, row) in words.zip(judged.chunks(known.len())) {
            for (&label, &probability) in known.iter().zip(row) {
                // A label of the tagger's scheme that no sentence has, such as an I- of names of one word.
                let Some(label) = label else { continue };
                probabilities[word * labels.len() + label] = probability;
            }
            if given[word].is_some_and(|label| !known.contains(&Some(label))) {
                (given[word], unlearned) = (None, unlearned + 1);
            }
        }
    }
    Ok(Some(OutOfFold { labels, given, probabilities, unlearned, folds }))
}

/// Numbers of the words of each sentence, over all sentences.
struct WordNumbers {
    ends: Vec<usize>,
}

impl WordNumbers {
    fn of(sentences: &Sentences) -> Self {
        let mut end = 0;
        let end_of = |length: usize| {
            end += length;
            end
        };
        Self { ends: sentences.iter().map(|sentence| sentence.len()).map(end_of).collect() }
    }

    fn of_sentence(&self, sentence: usize) -> std::ops::Range<usize> {
        sentence.checked_sub(1).map_or(0, |before| self.ends[before])..self.ends[sentence]
    }
}
