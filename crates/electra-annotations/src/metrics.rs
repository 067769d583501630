//! Span metrics, equal to those of seqeval 1.2.2.
//!
//! A [`Comparison`] holds the gold and the predicted spans of every sentence. Everything else is
//! computed from it:
//!
//! | question | answer |
//! |---|---|
//! | how good | [`Scores`] |
//! | how sure | [`f1_interval`], [`paired_bootstrap`] |
//! | what went wrong | [`Comparison::matches`], [`ErrorClasses`], [`Confusion`] |
//! | how good, with credit for what is nearly right | [`PartialCredit`] |
//! | are scores probabilities | [`Reliability`], [`PrecisionRecall`] |
//! | for which entities and sentences | [`Slices`] |
//! | was it learned by heart | [`SeenEntities`], [`SeenRecall`] |
//! | all of it | [`Evaluation`] |
//!
//! A ratio whose denominator is 0 is 0, as in seqeval with `zero_division=0`, and is shown as `-`: it
//! is no number. Unlike seqeval, nothing is computed, not even accuracy, if the tags of gold and prediction differ in number.

mod bootstrap;
mod calibration;
mod confusion;
mod errors;
mod evaluation;
mod one_scheme;
mod partial_credit;
mod precision_recall;
mod scores;
mod seen;
mod slices;
mod spans;
mod table;

use std::ops::{Add, AddAssign};

use serde::Serialize;

use crate::{LeftOut, Span};

pub use bootstrap::{Bootstrap, Difference, Interval, Unit, Units, f1_interval, paired_bootstrap};
pub use calibration::{Reliability, ReliabilityBin, ScoredEntity};
pub use confusion::Confusion;
pub use errors::{ErrorClass, ErrorClasses, Match};
pub use evaluation::{Evaluation, EvaluationError, EvaluationSettings, evaluate};
pub use partial_credit::{Credit, Credits, PartialCredit};
pub use precision_recall::{PrecisionRecall, ThresholdCounts};
pub use scores::{Average, Scores, TypeScores};
pub use seen::{Recall, SeenEntities, SeenRecall};
pub use slices::{Slice, SliceBy, Slices};
pub use spans::{Mode, NotInScheme, StrictScheme, spans};
pub use table::percent_of;

/// Numbers of entities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
pub struct Counts {
    /// Entities to find.
    pub gold: u64,
    /// Entities found.
    pub predicted: u64,
    /// Entities found with the right bounds and type.
    pub correct: u64,
}

impl Counts {
    /// Share of the predicted entities that are correct; 0 if none is predicted.
    #[must_use]
    pub fn precision(self) -> f64 {
        ratio(self.correct, self.predicted)
    }

    /// Share of the gold entities that were found; 0 if there are none.
    #[must_use]
    pub fn recall(self) -> f64 {
        ratio(self.correct, self.gold)
    }

    /// Harmonic mean of precision and recall; 0 if nothing is correct.
    #[must_use]
    pub fn f1(self) -> f64 {
        ratio(2 * self.correct, self.gold + self.predicted)
    }
}

impl Add for Counts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            gold: self.gold + other.gold,
            predicted: self.predicted + other.predicted,
            correct: self.correct + other.correct,
        }
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl std::iter::Sum for Counts {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::default(), Add::add)
    }
}

/// The spans of one sentence, each list sorted by start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentenceSpans {
    /// The gold entities, which are to be found.
    pub gold: Vec<Span>,
    /// The predicted entities.
    pub predicted: Vec<Span>,
    /// Types of gold entities that no tags say: they are missed.
    pub left_out: Vec<String>,
}

impl SentenceSpans {
    /// The counts of gold, predicted and correct entities.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let correct = self.gold.iter().filter(|&span| self.has_predicted(span)).count();
        Counts {
            gold: (self.gold.len() + self.left_out.len()) as u64,
            predicted: self.predicted.len() as u64,
            correct: correct as u64,
        }
    }

    /// Whether a gold span was found with the right bounds and type.
    #[must_use]
    pub(crate) fn has_predicted(&self, span: &Span) -> bool {
        self.predicted.binary_search(span).is_ok()
    }
}

/// Gold and predicted spans of every sentence, of one run or several on the same sentences.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    mode: Mode,
    runs: usize,
    /// All sentences of the first run, then those of the second, and so on.
    sentences: Vec<SentenceSpans>,
    tokens: u64,
    tokens_scored: u64,
    tokens_correct: u64,
}

impl Comparison {
    /// Compares predicted with gold tags, sentence by sentence.
    ///
    /// # Errors
    /// If the numbers of sentences or tags differ, there is no tag at all, or, in strict mode, a
    /// tag does not belong to the scheme.
    pub fn new<G, P>(gold: &[G], predicted: &[P], mode: Mode) -> Result<Self, MetricsError>
    where
        G: AsRef<[String]>,
        P: AsRef<[String]>,
    {
        Self::of(gold.iter().map(AsRef::as_ref), predicted.iter().map(AsRef::as_ref), mode)
    }

    /// [`new`](Self::new) for tags that come sentence by sentence.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn of<G, P, S, T>(
        gold: impl ExactSizeIterator<Item = G>,
        predicted: impl ExactSizeIterator<Item = P>,
        mode: Mode,
    ) -> Result<Self, MetricsError>
    where
        G: AsRef<[S]>,
        P: AsRef<[T]>,
        S: AsRef<str>,
        T: AsRef<str>,
    {
        if gold.len() != predicted.len() {
            return Err(MetricsError::Sentences { gold: gold.len(), predicted: predicted.len() });
        }
        let mut comparison = Self {
            mode,
            runs: 1,
            sentences: Vec::with_capacity(gold.len()),
            tokens: 0,
            tokens_scored: 0,
            tokens_correct: 0,
        };
        for (sentence, (gold, predicted)) in gold.zip(predicted).enumerate() {
            let (gold, predicted) = (gold.as_ref(), predicted.as_ref());
            if gold.len() != predicted.len() {
                let (gold, predicted) = (gold.len(), predicted.len());
                return Err(MetricsError::Tags { sentence, gold, predicted });
            }
            let not_in_scheme =
                |of_gold| move |source| MetricsError::NotInScheme { sentence, of_gold, source };
            comparison.sentences.push(SentenceSpans {
                gold: spans(gold, mode).map_err(not_in_scheme(true))?,
                predicted: spans(predicted, mode).map_err(not_in_scheme(false))?,
                left_out: Vec::new(),
            });
            comparison.tokens += gold.len() as u64;
            comparison.tokens_scored += predicted.len() as u64;
            comparison.tokens_correct +=
                gold.iter().zip(predicted).filter(|(g, p)| g.as_ref() == p.as_ref()).count() as u64;
        }
        if comparison.tokens == 0 {
            return Err(MetricsError::Empty);
        }
        Ok(comparison)
    }

    /// Adds gold entities that no tags say, so that they count as missed.
    ///
    /// # Panics
    /// If one of them stands in a sentence that was not compared.
    #[must_use]
    pub fn with_left_out(mut self, left_out: &[LeftOut]) -> Self {
        for LeftOut { sentence, kind } in left_out {
            self.sentences[*sentence].left_out.push(kind.clone());
        }
        self
    }

    /// Number of gold entities that no tags say, over all runs.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        self.sentences.iter().map(|sentence| sentence.left_out.len() as u64).sum()
    }

    /// Puts runs on the same sentences together, for example one for each seed.
    ///
    /// # Panics
    /// If there is no run, or they differ in mode or number of sentences.
    #[must_use]
    pub fn pooled(runs: Vec<Self>) -> Self {
        let mut runs = runs.into_iter();
        let mut pool = runs.next().expect("at least one run to pool");
        for run in runs {
            assert_eq!(run.mode, pool.mode, "runs of different modes cannot be pooled");
            let (found, expected) = (run.distinct_sentences(), pool.distinct_sentences());
            assert_eq!(found, expected, "runs on different sentences cannot be pooled");
            pool.runs += run.runs;
            pool.sentences.extend(run.sentences);
            pool.tokens += run.tokens;
            pool.tokens_scored += run.tokens_scored;
            pool.tokens_correct += run.tokens_correct;
        }
        pool
    }

    /// The mode: the rule by which tags counted as an entity.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Number of runs that were pooled; 1 for a plain comparison.
    #[must_use]
    pub fn runs(&self) -> usize {
        self.runs
    }

    /// The spans of all sentences of the first run, then of the second, and so on.
    #[must_use]
    pub fn sentences(&self) -> &[SentenceSpans] {
        &self.sentences
    }

    /// Number of sentences of one run.
    #[must_use]
    pub(crate) fn distinct_sentences(&self) -> usize {
        self.sentences.len() / self.runs
    }

    /// Counts over everything.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.sentences.iter().map(SentenceSpans::counts).sum()
    }

    /// Counts of each run.
    #[must_use]
    pub fn run_counts(&self) -> Vec<Counts> {
        let runs = self.sentences.chunks(self.distinct_sentences());
        runs.map(|run| run.iter().map(SentenceSpans::counts).sum()).collect()
    }

    /// Counts of each sentence, summed over the runs.
    #[must_use]
    pub fn sentence_counts(&self) -> Vec<Counts> {
        let mut counts = vec![Counts::default(); self.distinct_sentences()];
        for run in self.sentences.chunks(self.distinct_sentences()) {
            for (sum, sentence) in counts.iter_mut().zip(run) {
                *sum += sentence.counts();
            }
        }
        counts
    }
}

/// The reason why tags cannot be compared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum MetricsError {
    /// The numbers of sentences differ.
    #[error("{predicted} predicted sentences for {gold} gold sentences")]
    #[diagnostic(help("every gold sentence needs a prediction"))]
    Sentences {
        /// Gold sentences.
        gold: usize,
        /// Predicted sentences.
        predicted: usize,
    },
    /// The numbers of tags in a sentence differ.
    #[error("sentence {} has {gold} gold tags and {predicted} predicted ones", sentence + 1)]
    #[diagnostic(help("every gold token needs a prediction"))]
    Tags {
        /// The sentence, from 0.
        sentence: usize,
        /// Number of gold tags.
        gold: usize,
        /// Predicted tags.
        predicted: usize,
    },
    /// There is no tag at all.
    #[error("there is no token to score")]
    Empty,
    /// A tag that the scheme of strict mode does not have.
    #[error("sentence {}, token {}: {source}", sentence + 1, source.token + 1)]
    NotInScheme {
        /// The sentence, from 0.
        sentence: usize,
        /// Whether it is a gold tag.
        of_gold: bool,
        /// The tag and its scheme, with the place in the sentence.
        #[diagnostic_source]
        source: NotInScheme,
    },
}

fn ratio(numerator: u64, denominator: u64) -> f64 {
    if denominator == 0 { 0.0 } else { numerator as f64 / denominator as f64 }
}
