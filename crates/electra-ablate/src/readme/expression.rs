//! What a placeholder may ask for.
//!
//! ```text
//! ARM QUANTITY PART            of an arm's seeds:       width=0.5 rtd-auc mean
//! ARM - ARM QUANTITY PART      differences by seed:     width=0.5 - width=1.0 rtd-auc
//! ARM / ARM QUANTITY PART      ratios by seed:          two-stage / joint flops mean
//! ARM seeds                    how many seeds finished
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
//! each seed), `interval`, `above X` and `below X` (`3 of 6`); of differences also `p`, `pairs` and `ahead`
//! (pairs in which the first arm is better, `6 of 6`). Left out it is `mean` of an arm, and mean with
//! interval of differences. A last word such as `:+.2` says how the number is written.

use super::format::Format;
use super::quantity::{QUANTITIES, Quantity};
use crate::metric::Catalogue;
use crate::record::ResultError;

/// What is asked, of which experiment, and how it is written.
#[derive(Clone, Debug, PartialEq)]
pub struct Expression {
    /// The folder of another experiment.
    pub within: Option<String>,
    /// What is asked.
    pub what: What,
    /// How it is written.
    pub format: Format,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// Finished seeds of an arm.
    Seeds { arm: String },
    /// Fine-tuning runs of an arm that found nothing.
    FoundNothing { arm: String },
    /// Of an arm, or of two by seed.
    Values { arm: String, against: Option<(Operator, String)>, quantity: Quantity, part: Part },
    /// How two quantities go together.
    Correlation(Correlation),
    /// Of a file, less another one.
    Field { field: Field, less: Option<Field> },
}

/// What is done with the numbers of two arms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `-`
    Difference,
    /// `/`
    Ratio,
}

/// What is told of several numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Part {
    Mean,
    Sd,
    Spread,
    Min,
    Max,
    Seed(u64),
    Each,
    Interval,
    MeanAndInterval,
    P,
    Pairs,
    Ahead,
    Above(f64),
    Below(f64),
}

/// How two quantities go together.
#[derive(Clone, Debug, PartialEq)]
pub struct Correlation {
    /// Whether of ranks.
    pub of_ranks: bool,
    /// The two.
    pub quantities: [Quantity; 2],
    /// What a point is.
    pub over: Over,
    /// The arms; all where empty.
    pub arms: Vec<String>,
    /// Only runs of which this holds.
    pub only: Option<(Quantity, Part)>,
    /// Whether the number of points is asked in place of the coefficient.
    pub count: bool,
}

/// What a point of a correlation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// A run.
    Runs,
    /// The mean of an arm.
    Arms,
    /// A run less that of the base arm with its seed.
    Differences,
}

/// A value in a JSON file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// The file, relative to the folder of the experiment.
    pub file: String,
    /// Where in it.
    pub path: String,
}

/// Why an expression has no value.
#[derive(Debug, thiserror::Error)]
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
    /// A folder that is none of an experiment.
    #[error("there is no experiment {0}")]
    NoExperiment(String),
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
    #[error("{found} numbers have no {what}")]
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
    #[error(transparent)]
    Results(#[from] ResultError),
}

const PART: &str = "mean, sd, spread, min, max, seed N, each, interval, above X, below X, p, pairs or ahead";
const FORMAT: &str = "a format such as :.2, :+.3, :.1%, :, or :p";

impl Expression {
    /// From a text; `metrics` are the numbers that may be asked for.
    ///
    /// # Errors
    /// With the word that cannot be read.
    pub fn parse(text: &str, metrics: &Catalogue) -> Result<Self, ExpressionError> {
        let mut words = Words(text.split_whitespace().collect(), metrics);
        let format = match words.0.last().and_then(|word| word.strip_prefix(':')) {
            Some(format) => Format::parse(format).ok_or_else(|| expected(&format!(":{format}"), FORMAT))?,
            None => Format::default(),
        };
        if words.0.last().is_some_and(|word| word.starts_with(':')) {
            words.0.pop();
        }
        words.0.reverse();
        let within = words.taken("in").then(|| words.next("the folder of an experiment")).transpose()?;
        if let Some(folder) = within.filter(|folder| !crate::arms::is_name(folder)) {
            return Err(expected(folder, "the name of a folder beside this one"));
        }
        let what = what(&mut words)?;
        match words.0.last() {
            Some(word) => Err(expected(word, "the end, or a format such as :.2")),
            None => Ok(Self { within: within.map(str::to_owned), what, format }),
        }
    }
}

fn what(words: &mut Words<'_>) -> Result<What, ExpressionError> {
    let first = words.next("an arm, correlation, rank-correlation, or a file")?;
    if matches!(first, "correlation" | "rank-correlation") {
        return correlation(words, first == "rank-correlation").map(What::Correlation);
    }
    if first.ends_with(".json") {
        let field = field(first, words)?;
        let less = words.taken("-").then(|| words.next("a file").and_then(|file| self::field(file, words)));
        return Ok(What::Field { field, less: less.transpose()? });
    }
    let arm = first.to_owned();
    if words.taken("seeds") {
        return Ok(What::Seeds { arm });
    }
    if words.taken("found-nothing") {
        return Ok(What::FoundNothing { arm });
    }
    let operator = match words.0.last() {
        Some(&"-") => Some(Operator::Difference),
        Some(&"/") => Some(Operator::Ratio),
        _ => None,
    };
    let against = operator.map(|operator| {
        words.0.pop();
        words.next("an arm").map(|arm| (operator, arm.to_owned()))
    });
    let against = against.transpose()?;
    let quantity = quantity(words)?;
    let part = match (words.0.is_empty(), &against) {
        (true, None) => Part::Mean,
        (true, Some(_)) => Part::MeanAndInterval,
        (false, _) => part(words)?,
    };
    if against.is_none() && matches!(part, Part::P | Part::Pairs | Part::Ahead) {
        return Err(expected("p, pairs or ahead", "something that a single arm has"));
    }
    Ok(What::Values { arm, against, quantity, part })
}

fn correlation(words: &mut Words<'_>, of_ranks: bool) -> Result<Correlation, ExpressionError> {
    let quantities = [quantity(words)?, quantity(words)?];
    let mut found =
        Correlation { of_ranks, quantities, over: Over::Runs, arms: vec![], only: None, count: false };
    while let Some(word) = words.0.pop() {
        match word {
            "over" => {
                found.over = match words.next("runs, arms or differences")? {
                    "runs" => Over::Runs,
                    "arms" => Over::Arms,
                    "differences" => Over::Differences,
                    other => return Err(expected(other, "runs, arms or differences")),
                }
            }
            "of" => found.arms = words.next("arms")?.split(',').map(str::to_owned).collect(),
            "where" => {
                let of = quantity(words)?;
                match part(words)? {
                    part @ (Part::Above(_) | Part::Below(_)) => found.only = Some((of, part)),
                    _ => return Err(expected("where", "above X or below X behind its quantity")),
                }
            }
            "count" => found.count = true,
            other => return Err(expected(other, "over, of, where, count or the end")),
        }
    }
    Ok(found)
}

fn field(file: &str, words: &mut Words<'_>) -> Result<Field, ExpressionError> {
    let is_below = file.split('/').all(|part| !matches!(part, "" | "." | ".."));
    if !is_below || !file.ends_with(".json") || file.contains('\\') {
        return Err(expected(file, "a JSON file below the folder of the experiment"));
    }
    Ok(Field { file: file.to_owned(), path: words.next("a path in the file")?.to_owned() })
}

fn quantity(words: &mut Words<'_>) -> Result<Quantity, ExpressionError> {
    let word = words.next(QUANTITIES)?;
    Quantity::parse(word, words.1).ok_or_else(|| expected(word, QUANTITIES))
}

fn part(words: &mut Words<'_>) -> Result<Part, ExpressionError> {
    let word = words.next(PART)?;
    let mut number = || -> Result<f64, ExpressionError> {
        let word = words.next("a number")?;
        word.parse().map_err(|_| expected(word, "a number"))
    };
    Ok(match word {
        "mean" => Part::Mean,
        "sd" => Part::Sd,
        "spread" => Part::Spread,
        "min" => Part::Min,
        "max" => Part::Max,
        "each" => Part::Each,
        "interval" => Part::Interval,
        "p" => Part::P,
        "pairs" => Part::Pairs,
        "ahead" => Part::Ahead,
        "above" => Part::Above(number()?),
        "below" => Part::Below(number()?),
        "seed" => {
            let word = words.next("a seed")?;
            Part::Seed(word.parse().map_err(|_| expected(word, "a seed"))?)
        }
        _ => return Err(expected(word, PART)),
    })
}

/// Words that are still to be read, the next one last.
struct Words<'a>(Vec<&'a str>, &'a Catalogue);

impl<'a> Words<'a> {
    fn next(&mut self, expected: &str) -> Result<&'a str, ExpressionError> {
        self.0.pop().ok_or_else(|| ExpressionError::Ends { expected: expected.to_owned() })
    }

    fn taken(&mut self, word: &str) -> bool {
        self.0.pop_if(|next| *next == word).is_some()
    }
}

fn expected(word: &str, expected: &str) -> ExpressionError {
    ExpressionError::Word { word: word.to_owned(), expected: expected.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::tests::{catalogue, metric};

    fn parsed(text: &str) -> Expression {
        Expression::parse(text, catalogue()).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn an_arm_and_two_arms_are_asked_for_a_part() {
        let auc = || Quantity::Metric(metric("rtd-auc"), None);
        let of = |text: &str| match parsed(text).what {
            What::Values { arm, against, quantity, part } => (arm, against, quantity, part),
            other => panic!("{other:?}"),
        };
        let against = || Some((Operator::Difference, "b".to_owned()));
        assert_eq!(of("a rtd-auc"), ("a".into(), None, auc(), Part::Mean));
        assert_eq!(of("a - b rtd-auc"), ("a".into(), against(), auc(), Part::MeanAndInterval));
        assert_eq!(of("a - b rtd-auc ahead").3, Part::Ahead);
        assert_eq!(of("a rtd-auc above 0.6").3, Part::Above(0.6));
        assert_eq!(of("a rtd-auc seed 3").3, Part::Seed(3));
        assert_eq!(of("a / b flops mean").1, Some((Operator::Ratio, "b".to_owned())));
        assert_eq!(of("a mlm-loss@250").2, Quantity::Metric(metric("mlm-loss"), Some(250)));
        assert_eq!(parsed("in 001-x a seeds :,").within.as_deref(), Some("001-x"));
    }

    #[test]
    fn what_cannot_be_read_is_told_with_the_word_and_what_was_expected() {
        for (text, part) in [
            ("", "it ends where an arm"),
            ("a", "it ends where a quantity"),
            ("a auc", "`auc` stands where a quantity (rtd-auc"),
            ("a rtd-auc median", "`median` stands where mean, sd"),
            ("a rtd-auc mean mean", "`mean` stands where the end"),
            ("a rtd-auc :.x", "`:.x` stands where a format such as"),
            ("a rtd-auc p", "something that a single arm has"),
            ("a rtd-auc@x", "`rtd-auc@x` stands where a quantity"),
            ("a - b", "it ends where a quantity"),
            ("a rtd-auc seed x", "`x` stands where a seed"),
            ("in ../x a seeds", "`../x` stands where the name of a folder"),
            ("../x.json a", "a JSON file below"),
            ("/x.json a", "a JSON file below"),
            ("x.json", "it ends where a path"),
            ("correlation rtd-auc", "it ends where a quantity"),
            ("correlation rtd-auc loss over seeds", "`seeds` stands where runs, arms or differences"),
            ("correlation rtd-auc loss where loss mean", "above X or below X"),
            ("correlation rtd-auc loss x", "`x` stands where over, of, where, count"),
        ] {
            let error = Expression::parse(text, catalogue()).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
