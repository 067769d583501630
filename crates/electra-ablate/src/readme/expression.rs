//! The expressions that a placeholder may hold.
//!
//! ```text
//! ARM QUANTITY PART            of an arm's seeds:       width=0.5 rtd-auc mean
//!     [where QUANTITY above|below NUMBER]      of those runs alone
//! ARM - ARM QUANTITY PART      differences by seed:     width=0.5 - width=1.0 rtd-auc
//! ARM / ARM QUANTITY PART      ratios by seed:          two-stage / joint flops mean
//! ARM seeds                    how many seeds finished: 6, and 5 of 6 where one failed
//! ARM finished                 the same of those that are planned: 5 of 12
//! ARM failed                   seeds that came to no numbers: 1 of 12
//! ARM found-nothing            fine-tuning runs that found nothing: 6 of 18
//! correlation QUANTITY QUANTITY      Pearson's, over runs; rank-correlation is Spearman's
//!     [over runs|arms|differences]   runs, means of arms, or differences from the base arm
//!     [of ARM,ARM] [where QUANTITY above|below NUMBER] [count]
//! FILE.json PATH               a number of a file       results/tiny.json evaluations[-1].rtd_auc
//! FILE.json PATH - FILE.json PATH
//! in FOLDER ...                any of these, of another experiment
//! ```
//!
//! A quantity is a metric (`rtd-auc`, `probe-f1`), at the end or as `rtd-auc@1250` at a step of the curve, a
//! held-out number (`heldout.fake_rate`), `steps`, `tokens`, `flops`, `minutes`, `parameters` or
//! `generator`. A part is `mean`, `sd`, `spread` (`0.726 ± 0.006`), `min`, `max`, `seed N`, `each` (one for
//! each seed), `interval` of 95 % and `interval-90`, `above X` and `below X` (`3 of 6`); of differences also
//! `p`, `pairs` and `ahead` (pairs in which the first arm is better, `6 of 6`), and where they are a test of
//! the experiment `p-holm`, `p-equivalence` and `verdict`. Left out it is `mean` of an arm, and mean with
//! interval of differences. A last word such as `:+.2` says how the number is written.
//!
//! What is told of an arm of which seeds failed says of how many it is: `0.726 (5 of 6 seeds, 1 failed)`.

mod error;
mod parse;

use super::format::Format;
use super::quantity::Quantity;

pub use error::ExpressionError;
pub(crate) use error::UntestedReason;

/// An expression: its value, the experiment that it is about, and the format of the number.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Expression {
    /// The folder of another experiment.
    pub within: Option<String>,
    /// The value that is asked for.
    pub query: Query,
    pub format: Format,
}

/// The value that an expression asks for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Query {
    /// Finished seeds of an arm.
    Seeds { arm: String },
    /// Finished seeds of those that are planned.
    Finished { arm: String },
    /// Failed seeds of those that are planned.
    Failed { arm: String },
    /// Fine-tuning runs of an arm that found nothing.
    FoundNothing { arm: String },
    /// A number of an arm, or of two arms compared by seed.
    Values {
        arm: String,
        against: Option<(Operator, String)>,
        quantity: Quantity,
        statistic: Statistic,
        only: Option<Condition>,
    },
    /// A correlation of two quantities.
    Correlation(Correlation),
    /// A number in a file, less one in another file.
    Field { field: Field, less: Option<Field> },
}

/// The operator between the numbers of two arms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    /// The difference, `-`.
    Difference,
    /// The ratio, `/`.
    Ratio,
}

/// The statistic of several numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Statistic {
    Mean,
    Sd,
    Spread,
    Min,
    Max,
    Seed(u64),
    Each,
    Interval,
    Interval90,
    MeanAndInterval,
    P,
    PHolm,
    PEquivalence,
    Verdict,
    Pairs,
    Ahead,
    Above(f64),
    Below(f64),
}

/// The part of a difference's test within its family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TestStatistic {
    /// The probability after Holm's correction.
    PHolm,
    /// The greater probability of the two one-sided tests.
    PEquivalence,
    /// Equivalent, different or not told apart.
    Verdict,
}

impl Statistic {
    /// The part of a test that this stands for; `None` if it is a statistic of the numbers.
    pub(super) fn test_statistic(self) -> Option<TestStatistic> {
        match self {
            Self::PHolm => Some(TestStatistic::PHolm),
            Self::PEquivalence => Some(TestStatistic::PEquivalence),
            Self::Verdict => Some(TestStatistic::Verdict),
            _ => None,
        }
    }

    /// Whether it is the number of a single seed, which needs no other.
    pub(super) fn is_of_one_seed(self) -> bool {
        matches!(self, Self::Seed(_))
    }
}

/// A correlation of two quantities.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Correlation {
    /// Whether of ranks.
    pub of_ranks: bool,
    /// The two quantities.
    pub quantities: [Quantity; 2],
    /// The unit that is one point of the correlation.
    pub over: Over,
    /// The arms with commas between them, which their names may have as well; all where it is absent.
    pub arms: Option<String>,
    /// The condition on the runs that are counted.
    pub only: Option<Condition>,
    /// Whether the number of points is asked in place of the coefficient.
    pub count: bool,
}

/// A condition on the runs that are counted.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Condition {
    /// The quantity that is compared.
    pub quantity: Quantity,
    /// Whether it is above the bound, or below it.
    pub is_above: bool,
    /// The bound of the comparison.
    pub bound: f64,
}

/// The unit that is one point of a correlation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    /// One point for each run.
    Runs,
    /// The mean of an arm.
    Arms,
    /// A run less that of the base arm with its seed.
    Differences,
}

/// A value in a JSON file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Field {
    /// The file, relative to the folder of the experiment.
    pub file: String,
    /// The keys and indices that lead to the number, joined by dots.
    pub path: String,
}

#[cfg(test)]
mod tests;
