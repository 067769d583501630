//! Labels judged by cross-validation: a tagger for each fold, fine-tuned on the others.

use std::path::PathBuf;

use clap::Args;
use electra_annotations::{CheckedSplit, Sentences, Unit};
use electra_ner::{FoldError, METRICS, OutOfFold, Recipe, TaggerFolder, least_memory, out_of_fold};
use electra_run::interrupt::Interrupt;
use electra_train::encoder_init::EncoderInit;
use serde::Serialize;

use super::suspects::JudgedWords;
use crate::commands::finetune::{environment, load_ner_recipe};
use crate::commands::pretrain::RecipeOptions;
use crate::device::use_threads;
use crate::failure::{self, Failure};
use crate::limits;
use crate::watch;

/// Options of cross-validation.
#[derive(Args)]
pub(super) struct FoldOptions {
    /// Judge each label by a tagger that has not seen it: divide all files into N folds, and fine-tune --model for
    /// each fold on the others
    #[arg(long, value_name = "N", requires = "model", conflicts_with = "tokenizer", value_parser = clap::value_parser!(u16).range(2..=100))]
    folds: Option<u16>,
    /// Recipe by which the folds are fine-tuned [default: the built-in one]
    #[arg(long, value_name = "RECIPE.toml", requires = "folds")]
    recipe: Option<PathBuf>,
    /// Folder for the folds' taggers; the same command again goes on where it stands [default: runs/folds]
    #[arg(long, value_name = "DIR", requires = "folds")]
    out: Option<PathBuf>,
    /// Display of the folds' progress
    #[arg(long, value_enum, default_value_t = watch::Display::Auto)]
    display: watch::Display,
    #[command(flatten)]
    pub(super) with: RecipeOptions,
}

/// The cross-validation behind the suspected labels.
#[derive(Clone, Debug, Serialize)]
pub(super) struct CrossValidation {
    /// Number of folds.
    folds: usize,
    /// The unit that no two folds share.
    unit: Unit,
    /// Words that were not judged: their label is of a type that the tagger of their fold has not met.
    unlearned_words: usize,
}

impl CrossValidation {
    /// Two sentences about where the judgement comes from.
    pub(super) fn caveat(&self) -> String {
        let Self { folds, unit, unlearned_words } = self;
        let mut caveat = format!(
            "Each sentence was judged by the tagger of one of {folds} folds, which has not learned from its {}.\n",
            match unit {
                Unit::Document => "document",
                Unit::Sentence => "text",
            }
        );
        if *unlearned_words > 0 {
            caveat += &format!(
                "{unlearned_words} words were not judged: the tagger of their fold has met no other of their type.\n"
            );
        }
        caveat
    }
}

impl FoldOptions {
    /// Whether labels are to be judged by cross-validation.
    pub(super) fn are_given(&self) -> bool {
        self.folds.is_some()
    }

    /// The display of the folds' progress.
    pub(super) fn display(&self) -> watch::Display {
        self.display
    }

    /// Refuses what has no meaning without folds.
    ///
    /// # Errors
    /// Changes of a recipe that nothing is trained by.
    pub(super) fn check(&self) -> Result<(), Failure> {
        match self.folds.is_none() && !self.with.overrides.is_empty() {
            true => Err(Failure::new(
                "--set changes the recipe of --folds, and nothing is trained here",
                "leave it out, or add --folds N",
            )),
            false => Ok(()),
        }
    }

    /// Labels of the words of `splits` with their probabilities by cross-validation; none if somebody interrupts.
    ///
    /// # Errors
    /// Whatever keeps a fold from its end.
    pub(super) fn judge<'a>(
        &self,
        start: &EncoderInit,
        splits: &'a [CheckedSplit],
    ) -> Result<Option<(JudgedWords<'a>, CrossValidation)>, Failure> {
        let folds = usize::from(self.folds.expect("asked for"));
        if start.folder().is_some_and(|folder| TaggerFolder::open(folder).is_ok()) {
            return Err(Failure::new(
                format!(
                    "{} is a tagger: it may have learned the labels that are to be judged",
                    start.path().display()
                ),
                "name the pretrained model with --model, or leave --folds out to ask this tagger",
            ));
        }
        let threads = use_threads(self.with.threads)?;
        let mut overrides = self.with.overrides.clone();
        let mut recipe = load_ner_recipe(self.recipe.as_deref(), &overrides)?;
        let positions = start.config().max_position_embeddings;
        let interrupt = Interrupt::listen().map_err(Failure::of_system)?;
        let mut monitor = watch::epoch_monitor(self.display, &interrupt, METRICS)?;
        if let Some(window) = Recipe::shorter_window(self.recipe.as_deref(), &recipe, positions) {
            overrides.push(format!("input.window={window}"));
            recipe = load_ner_recipe(self.recipe.as_deref(), &overrides)?;
            monitor.note(0, &format!("input.window is {window}: the model reads no more"));
        }
        let needed = least_memory(start, recipe.value.rates.freeze);
        limits::memory(&format!("fine-tuning {}", start.path().display()), needed, self.with.device)?;
        let environment = environment(self.with.device, recipe.value.train.precision, threads)?;
        let out = self.out.clone().unwrap_or_else(|| PathBuf::from("runs/folds"));
        let sentences = pooled(splits);
        let data = (splits[0].data.path.as_path(), &sentences);
        let judged = out_of_fold(&recipe, start, data, folds, &out, &environment, &interrupt, &mut *monitor);
        drop(monitor);
        let judged = judged.map_err(|error| match error {
            FoldError::Finetune { fold, source } => failure::finetuning_fold(fold, source, &recipe.value),
            error => error.into(),
        })?;
        let Some(OutOfFold { labels, given, probabilities, unlearned, folds }) = judged else {
            return Ok(None);
        };
        let judgement =
            CrossValidation { folds: folds.count(), unit: folds.unit, unlearned_words: unlearned };
        Ok(Some((JudgedWords { splits, names: labels.names().to_vec(), given, probabilities }, judgement)))
    }
}

/// The sentences of all files, one behind the other, as documents of one set.
fn pooled(splits: &[CheckedSplit]) -> Sentences {
    let mut before = 0;
    splits
        .iter()
        .flat_map(|split| {
            let sentences = &split.data.sentences;
            let first = before;
            before += sentences.iter().last().map_or(0, |last| last.document + 1);
            sentences.iter().map(move |mut sentence| {
                sentence.document += first;
                sentence
            })
        })
        .collect()
}
