//! The reasons why an expression has no value.

use crate::record::ResultError;

/// The reason why an expression has no value.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum ExpressionError {
    /// A word that means nothing there.
    #[error("`{word}` stands where {expected} was expected")]
    Word {
        /// The word that is not known.
        word: String,
        /// The words that are possible there.
        expected: String,
    },
    /// A word is missing.
    #[error("it ends where {expected} was expected")]
    Ends {
        /// The words that are possible there.
        expected: String,
    },
    /// An arm without results.
    #[error("there is no result of arm `{arm}`; there are results of {known}")]
    NoArm {
        arm: String,
        /// The arms that have results.
        known: String,
    },
    /// An arm all of whose runs failed.
    #[error("{}", all_failed(.arm, *.failed))]
    AllFailed {
        arm: String,
        /// The number of failed runs.
        failed: usize,
    },
    /// A difference that the experiment does not test.
    #[error("{reason}")]
    #[diagnostic(forward(reason))]
    Untested {
        /// The reason why it is not tested.
        reason: UntestedReason,
    },
    /// A folder that is none of an experiment.
    #[error("there is no experiment {0}")]
    NoExperiment(String),
    /// An experiment whose results are not as its file and recipe have them.
    #[error("{folder} does not stand: {reason}")]
    Experiment {
        /// The folder of the experiment.
        folder: String,
        /// The reason why it cannot be read.
        reason: String,
        /// The advice of the error behind the reason.
        #[help]
        help: Option<String>,
    },
    /// Numbers that no run has.
    #[error("no run of {arms} has this number")]
    NotMeasured {
        /// The names of the arms.
        arms: String,
    },
    /// A seed that is not there.
    #[error("there is no seed {seed}; there are {known}")]
    NoSeed {
        /// The seed that is missing.
        seed: u64,
        /// The seeds that are there.
        known: String,
    },
    /// The ratio has a denominator of 0.
    #[error("with seed {seed} it is divided by 0")]
    NoNumber {
        /// The seed with that denominator.
        seed: u64,
    },
    /// Too few numbers, or too many.
    #[error("{} no {what}", have(*.found))]
    NoneOf {
        /// The count of numbers found.
        found: usize,
        /// The name of what was asked for.
        what: &'static str,
    },
    /// The path of a file has no value, or one that is no number.
    #[error("{file} has no number at `{path}`")]
    NoValue {
        file: String,
        /// The path within the file.
        path: String,
    },
    /// A file that cannot be read.
    #[error("cannot read {file}: {reason}")]
    File {
        file: String,
        /// The reason why it cannot be read.
        reason: String,
    },
    /// Results that cannot be used.
    #[error("{0}")]
    Results(
        #[from]
        #[diagnostic_source]
        ResultError,
    ),
}

/// The reason why an experiment has no statistical test of a difference.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
pub enum UntestedReason {
    /// The expression is of one arm, or is a ratio.
    #[error("a verdict is of the difference of two arms: ARM - ARM")]
    NoDifference,
    /// A folder that holds no experiment.
    #[error("there is no experiment.toml that would state a test")]
    NoExperiment,
    /// A number that the verdict is not about.
    #[error("the tests of the experiment are of {metric}")]
    OtherMetric {
        /// The metric that the experiment is about.
        metric: String,
    },
    /// Two arms that are not held against each other.
    #[error("`{arm}` and `{against}` are no test of the experiment")]
    #[diagnostic(help("add them to its contrasts"))]
    NotStated {
        /// The first of the two arms.
        arm: String,
        /// The second of the two arms.
        against: String,
    },
    /// A verdict without a margin.
    #[error("the experiment states no margin")]
    NoMargin,
    /// Too few results.
    #[error("there are not enough pairs for a test yet")]
    NoPairs,
}

fn have(found: usize) -> String {
    if found == 1 { "1 number has".to_owned() } else { format!("{found} numbers have") }
}

fn all_failed(arm: &str, failed: usize) -> String {
    match failed {
        1 => format!("the one run of `{arm}` failed: it has no numbers"),
        _ => format!("all {failed} runs of `{arm}` failed: it has no numbers"),
    }
}
