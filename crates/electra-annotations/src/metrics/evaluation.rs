//! The evaluation of predictions: scores, error classes and intervals.

use serde::Serialize;

use super::one_scheme::{Common, OneScheme};
use super::{
    Bootstrap, Comparison, Confusion, ErrorClasses, Interval, MetricsError, Mode, PartialCredit, Scores,
    SeenEntities, SeenRecall, StrictScheme, Units, f1_interval,
};
use crate::predictions::Predictions;

/// Settings of an evaluation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EvaluationSettings {
    /// Whether interval, recall of seen entities, errors and confusion are about the entities of
    /// strict mode; otherwise about those of default mode.
    pub strict: bool,
    /// Scheme of strict mode, to which all tags must belong; if it is not given, that of gold and
    /// prediction, or IOB2 if they differ.
    pub scheme: Option<StrictScheme>,
    /// The settings of the bootstrap.
    pub bootstrap: Bootstrap,
}

/// Evaluation of predictions: scores, their uncertainty, and what went wrong. With several runs, everything is over all of
/// them together.
#[derive(Clone, Debug, Serialize)]
pub struct Evaluation {
    /// Number of runs.
    pub runs: usize,
    /// Scores by the rules of conlleval.
    pub default: Scores,
    /// Scores by the rules of the scheme alone; none if a tag does not belong to it.
    pub strict: Option<Scores>,
    /// The reason why there are no strict scores.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strict_refused: Option<String>,
    /// The mode of everything below: `default` or `strict`.
    pub analysed: &'static str,
    /// Gold entities that no tags say, over all runs; they count as missed everywhere above and below.
    pub left_out: u64,
    /// The bootstrap interval of micro F1, over documents or sentences; from 0 to 0 without a gold entity.
    pub f1_interval: Interval,
    /// Recall of entities that the training data has or lacks; none without training data.
    pub seen: Option<SeenRecall>,
    /// Scores with credit for what is nearly right, as MUC and SemEval 2013 have them.
    pub partial_credit: PartialCredit,
    /// Every entity in one class.
    pub errors: ErrorClasses,
    /// Which types are taken for which.
    pub confusion: Confusion,
    /// The comparison that all scores were computed from.
    #[serde(skip)]
    pub comparison: Comparison,
}

impl Evaluation {
    /// The scores of the mode that was analysed.
    #[must_use]
    pub fn scores(&self) -> &Scores {
        match (self.comparison.mode(), &self.strict) {
            (Mode::Strict(_), Some(strict)) => strict,
            _ => &self.default,
        }
    }
}

/// A run whose tags cannot be compared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
#[error("{source}")]
pub struct EvaluationError {
    /// The index of the run, from 0.
    pub run: usize,
    /// The error about the sentences or tags of that run.
    #[diagnostic_source]
    pub source: MetricsError,
}

/// Evaluates one or more runs on the same sentences; `train` tells which entities were seen.
///
/// # Errors
/// If a run does not have one tag for each gold token or holds no token, and in strict mode if a
/// tag does not belong to the scheme.
///
/// # Panics
/// If there is no run or no resample, or the runs differ in their number of sentences.
pub fn evaluate(
    runs: &[Predictions],
    train: Option<&SeenEntities>,
    settings: EvaluationSettings,
) -> Result<Evaluation, EvaluationError> {
    let common = Common::of(runs);
    let compare = |mode| {
        let compared = runs.iter().enumerate().map(|(run, predictions)| {
            let one_scheme = match (mode, settings.scheme) {
                (Mode::Default, _) => common.for_default(predictions),
                (Mode::Strict(_), Some(_)) => OneScheme::as_written(predictions),
                (Mode::Strict(_), None) => common.for_strict(predictions),
            };
            Comparison::of(one_scheme.gold(), one_scheme.predicted(), mode)
                .map(|comparison| comparison.with_left_out(&predictions.left_out))
                .map_err(|source| EvaluationError { run, source })
        });
        compared.collect::<Result<Vec<_>, _>>().map(Comparison::pooled)
    };
    let scheme = settings.scheme.unwrap_or(common.strict());
    let default = compare(Mode::Default)?;
    let default_scores = Scores::of(&default);
    let (strict, strict_refused) = match compare(Mode::Strict(scheme)) {
        Ok(strict) => (Some(strict), None),
        Err(error) if settings.strict => return Err(error),
        Err(error) => (None, Some(error.to_string())),
    };
    let strict_scores = strict.as_ref().map(Scores::of);
    let comparison = strict.filter(|_| settings.strict).unwrap_or(default);
    let sentences = &runs[0].sentences;
    Ok(Evaluation {
        runs: runs.len(),
        default: default_scores,
        strict: strict_scores,
        strict_refused,
        analysed: comparison.mode().name(),
        left_out: comparison.left_out(),
        f1_interval: f1_interval(&comparison.sentence_counts(), &Units::of(sentences), settings.bootstrap),
        seen: train.map(|seen| SeenRecall::of(&comparison, sentences, seen)),
        partial_credit: PartialCredit::of(&comparison),
        errors: ErrorClasses::of(&comparison),
        confusion: Confusion::of(&comparison),
        comparison,
    })
}
