//! The parser of expressions, word by word.

use super::{Condition, Correlation, Expression, ExpressionError, Field, Operator, Over, Part, What};
use crate::metric::Catalogue;
use crate::readme::format::Format;
use crate::readme::quantity::{QUANTITIES, Quantity};

const PART: &str = "mean, sd, spread, min, max, seed N, each, interval, interval-90, above X, below X, p, p-holm, \
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
    if words.taken("finished") {
        return Ok(What::Finished { arm });
    }
    if words.taken("failed") {
        return Ok(What::Failed { arm });
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
    let is_left_out = matches!(words.0.last(), None | Some(&"where"));
    let part = match (is_left_out, &against) {
        (true, None) => Part::Mean,
        (true, Some(_)) => Part::MeanAndInterval,
        (false, _) => part(words)?,
    };
    let only = words.taken("where").then(|| condition(words)).transpose()?;
    let needs_two = matches!(part, Part::P | Part::Pairs | Part::Ahead) || part.of_test().is_some();
    if against.is_none() && needs_two {
        return Err(expected("a part of a difference", "something that a single arm has"));
    }
    if only.is_some() && part.of_test().is_some() {
        return Err(expected("where", "the end: a test is of all runs"));
    }
    Ok(What::Values { arm, against, quantity, part, only })
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
    match part(words)? {
        Part::Above(bound) => Ok(Condition { quantity, is_above: true, bound }),
        Part::Below(bound) => Ok(Condition { quantity, is_above: false, bound }),
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
        "interval-90" => Part::Interval90,
        "p" => Part::P,
        "p-holm" => Part::PHolm,
        "p-equivalence" => Part::PEquivalence,
        "verdict" => Part::Verdict,
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
