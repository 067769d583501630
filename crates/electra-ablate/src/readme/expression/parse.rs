//! The parser of expressions, word by word.

use super::{Condition, Correlation, Expression, ExpressionError, Field, Operator, Over, Query, Statistic};
use crate::metric::Catalogue;
use crate::readme::format::Format;
use crate::readme::quantity::{QUANTITIES, Quantity};

const STATISTIC: &str = "mean, sd, spread, min, max, seed N, each, interval, interval-90, above X, below X, p, p-holm, \
                    p-equivalence, verdict, pairs or ahead";
const FORMAT: &str = "a format such as :.2, :+.3, :.1%, :, or :p";

impl Expression {
    /// From a text; `metrics` are the numbers that may be asked for.
    ///
    /// # Errors
    /// With the word that cannot be read.
    pub(crate) fn parse(text: &str, metrics: &Catalogue) -> Result<Self, ExpressionError> {
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
        let query = query(&mut words)?;
        match words.0.last() {
            Some(word) => Err(expected(word, "the end, or a format such as :.2")),
            None => Ok(Self { within: within.map(str::to_owned), query, format }),
        }
    }
}

fn query(words: &mut Words<'_>) -> Result<Query, ExpressionError> {
    let first = words.next("an arm, correlation, rank-correlation, or a file")?;
    if matches!(first, "correlation" | "rank-correlation") {
        return correlation(words, first == "rank-correlation").map(Query::Correlation);
    }
    if first.ends_with(".json") {
        let field = field(first, words)?;
        let less = words.taken("-").then(|| words.next("a file").and_then(|file| self::field(file, words)));
        return Ok(Query::Field { field, less: less.transpose()? });
    }
    let arm = first.to_owned();
    if words.taken("seeds") {
        return Ok(Query::Seeds { arm });
    }
    if words.taken("finished") {
        return Ok(Query::Finished { arm });
    }
    if words.taken("failed") {
        return Ok(Query::Failed { arm });
    }
    if words.taken("found-nothing") {
        return Ok(Query::FoundNothing { arm });
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
    let is_left_out = matches!(words.0.last(), None | Some(&"where"));
    let statistic = match (is_left_out, &against) {
        (true, None) => Statistic::Mean,
        (true, Some(_)) => Statistic::MeanAndInterval,
        (false, _) => statistic(words)?,
    };
    let only = words.taken("where").then(|| condition(words)).transpose()?;
    let needs_two = matches!(statistic, Statistic::P | Statistic::Pairs | Statistic::Ahead)
        || statistic.test_statistic().is_some();
    if against.is_none() && needs_two {
        return Err(expected("a part of a difference", "something that a single arm has"));
    }
    if only.is_some() && statistic.test_statistic().is_some() {
        return Err(expected("where", "the end: a test is of all runs"));
    }
    Ok(Query::Values { arm, against, quantity, statistic, only })
}

fn correlation(words: &mut Words<'_>, of_ranks: bool) -> Result<Correlation, ExpressionError> {
    let quantities = [quantity(words)?, quantity(words)?];
    let mut found =
        Correlation { of_ranks, quantities, over: Over::Runs, arms: None, only: None, count: false };
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
            "of" => found.arms = Some(words.next("arms")?.to_owned()),
            "where" => found.only = Some(condition(words)?),
            "count" => found.count = true,
            other => return Err(expected(other, "over, of, where, count or the end")),
        }
    }
    Ok(found)
}

fn condition(words: &mut Words<'_>) -> Result<Condition, ExpressionError> {
    let quantity = quantity(words)?;
    match statistic(words)? {
        Statistic::Above(bound) => Ok(Condition { quantity, is_above: true, bound }),
        Statistic::Below(bound) => Ok(Condition { quantity, is_above: false, bound }),
        _ => Err(expected("where", "above X or below X behind its quantity")),
    }
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

fn statistic(words: &mut Words<'_>) -> Result<Statistic, ExpressionError> {
    let word = words.next(STATISTIC)?;
    let mut number = || -> Result<f64, ExpressionError> {
        let word = words.next("a number")?;
        word.parse().map_err(|_| expected(word, "a number"))
    };
    Ok(match word {
        "mean" => Statistic::Mean,
        "sd" => Statistic::Sd,
        "spread" => Statistic::Spread,
        "min" => Statistic::Min,
        "max" => Statistic::Max,
        "each" => Statistic::Each,
        "interval" => Statistic::Interval,
        "interval-90" => Statistic::Interval90,
        "p" => Statistic::P,
        "p-holm" => Statistic::PHolm,
        "p-equivalence" => Statistic::PEquivalence,
        "verdict" => Statistic::Verdict,
        "pairs" => Statistic::Pairs,
        "ahead" => Statistic::Ahead,
        "above" => Statistic::Above(number()?),
        "below" => Statistic::Below(number()?),
        "seed" => {
            let word = words.next("a seed")?;
            Statistic::Seed(word.parse().map_err(|_| expected(word, "a seed"))?)
        }
        _ => return Err(expected(word, STATISTIC)),
    })
}

/// Words that are still to be read, the next one last, and the numbers that they may name.
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
