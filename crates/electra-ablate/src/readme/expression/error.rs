//! Why an expression has no value.

use crate::record::ResultError;

/// Why an expression has no value.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum ExpressionError {
    /// A word that means nothing there.
    #[error("`{word}` stands where {expected} was expected")]
    Word {
        /// The word.
        word: String,
        /// What could stand there.
        expected: String,
    },
    /// A word is missing.
    #[error("it ends where {expected} was expected")]
    Ends {
        /// What could stand there.
        expected: String,
    },
    /// An arm without results.
    #[error("there is no result of arm `{arm}`; there are results of {known}")]
    NoArm {
        /// The arm.
        arm: String,
        /// The arms that have results.
        known: String,
    },
    /// An arm all of whose runs failed.
    #[error("{}", all_failed(.arm, *.failed))]
    AllFailed {
        /// The arm.
        arm: String,
        /// How many runs.
        failed: usize,
    },
    /// Two arms that are no test of the experiment.
    #[error("{reason}")]
    NoTest {
        /// Why.
        reason: NoTest,
    },
    /// A folder that is none of an experiment.
    #[error("there is no experiment {0}")]
    NoExperiment(String),
    /// An experiment whose results are not as its file and recipe have them.
    #[error("{folder} does not stand: {reason}")]
    Experiment {
        /// Its folder.
        folder: String,
        /// Why.
        reason: String,
    },
    /// Numbers that no run has.
    #[error("no run of {arms} has this number")]
    NotMeasured {
        /// The arms.
        arms: String,
    },
    /// A seed that is not there.
    #[error("there is no seed {seed}; there are {known}")]
    NoSeed {
        /// The seed.
        seed: u64,
        /// Those that are there.
        known: String,
    },
    /// A ratio to 0.
    #[error("with seed {seed} it is divided by 0")]
    NoNumber {
        /// The seed.
        seed: u64,
    },
    /// Too few numbers, or too many.
    #[error("{} no {what}", have(*.found))]
    NoneOf {
        /// How many there are.
        found: usize,
        /// What was asked.
        what: &'static str,
    },
    /// Nothing at a path of a file, or no number.
    #[error("{file} has no number at `{path}`")]
    NoValue {
        /// The file.
        file: String,
        /// Where.
        path: String,
    },
    /// A file that cannot be read.
    #[error("cannot read {file}: {reason}")]
    File {
        /// The file.
        file: String,
        /// Why.
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

/// Why a difference is no test of an experiment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
pub enum NoTest {
    /// Of one arm, or of a ratio.
    #[error("a verdict is of the difference of two arms: ARM - ARM")]
    NoDifference,
    /// A folder that holds no experiment.
    #[error("there is no experiment.toml that would state a test")]
    NoExperiment,
    /// A number that the verdict is not about.
    #[error("the tests of the experiment are of {metric}")]
    OtherMetric {
        /// What it is about.
        metric: String,
    },
    /// Two arms that are not held against each other.
    #[error("`{arm}` and `{against}` are no test of the experiment: add them to its contrasts")]
    NotStated {
        /// An arm.
        arm: String,
        /// The other.
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
