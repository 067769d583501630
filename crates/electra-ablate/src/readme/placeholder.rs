//! Numbers in prose that come from results: `<!-- = width=0.5 rtd-auc mean -->0.726<!-- / -->`.
//!
//! The expression stands in a comment, which no reader of the rendered text sees; the value behind it, up
//! to the next comment `<!-- / -->` of the line, is written by a program and can be checked by it.

use super::expression::ExpressionError;

/// Begins a placeholder.
pub const BEGIN: &str = "<!-- = ";
/// Ends the expression.
const SPLIT: &str = " -->";
/// Ends the value.
pub const END: &str = "<!-- / -->";

/// A number that is not what its expression says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaleValue {
    /// The line number of the placeholder, from 1.
    pub line: usize,
    /// The expression as the text has it.
    pub expression: String,
    /// The text that was found.
    pub found: String,
    /// The text that the results give.
    pub expected: String,
}

/// An error of filling the placeholders of a text.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum PlaceholderError {
    /// An expression has no value.
    #[error("line {line}: `{expression}`: {source}")]
    #[diagnostic(forward(source))]
    Expression {
        /// The line number of the placeholder, from 1.
        line: usize,
        /// The expression as the text has it.
        expression: String,
        /// The error in the expression.
        source: Box<ExpressionError>,
    },
    /// A placeholder has no end.
    #[error("line {line}: `{BEGIN}{rest}` needs `{SPLIT}`, a value and `{END}` on the same line")]
    Open {
        /// The line number of the placeholder, from 1.
        line: usize,
        /// The text found in its place, shortened.
        rest: String,
    },
    /// An end without a placeholder.
    #[error("line {line}: `{END}` closes nothing")]
    Stray {
        /// The line number of the placeholder, from 1.
        line: usize,
    },
}

/// The text with the values of its placeholders, and those that were others before.
///
/// # Errors
/// At the first placeholder that is none, or whose expression has no value.
pub fn fill(
    text: &str,
    mut value: impl FnMut(&str) -> Result<String, ExpressionError>,
) -> Result<(String, Vec<StaleValue>), PlaceholderError> {
    let (mut filled, mut stale) = (String::with_capacity(text.len()), Vec::new());
    for (line, content) in (1..).zip(text.split_inclusive('\n')) {
        let mut rest = content;
        while let Some((before, behind)) = rest.split_once(BEGIN) {
            let placeholder = behind
                .split_once(SPLIT)
                .filter(|(expression, _)| !expression.contains("<!--"))
                .and_then(|(expression, behind)| Some((expression, behind.split_once(END)?)))
                .filter(|(_, (found, _))| !found.contains(BEGIN));
            let Some((expression, (found, after))) = placeholder else {
                let rest = behind.trim_end().chars().take(60).collect();
                return Err(PlaceholderError::Open { line, rest });
            };
            if before.contains(END) {
                return Err(PlaceholderError::Stray { line });
            }
            let expression = expression.trim();
            let expected = value(expression).map_err(|source| PlaceholderError::Expression {
                line,
                expression: expression.to_owned(),
                source: Box::new(source),
            })?;
            filled += &format!("{before}{BEGIN}{expression}{SPLIT}{expected}{END}");
            if found != expected {
                let (expression, found) = (expression.to_owned(), found.to_owned());
                stale.push(StaleValue { line, expression, found, expected });
            }
            rest = after;
        }
        if rest.contains(END) {
            return Err(PlaceholderError::Stray { line });
        }
        filled += rest;
    }
    Ok((filled, stale))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upper(text: &str) -> Result<(String, Vec<StaleValue>), PlaceholderError> {
        fill(text, |expression| Ok(expression.to_uppercase()))
    }

    #[test]
    fn values_are_filled_and_those_that_were_others_are_told_with_their_line() {
        let text = "# a\nof <!-- = x -->1<!-- / -->, <!-- = y z -->Y Z<!-- / -->.\n<!-- other -->\n\
                    <!-- = x -->X<!-- / -->";
        let (filled, stale) = upper(text).unwrap();
        assert_eq!(filled, text.replace(">1<", ">X<"));
        let [StaleValue { line: 2, expression, found, expected }] = &stale[..] else { panic!("{stale:?}") };
        assert_eq!([expression, found, expected], ["x", "1", "X"]);
        assert!(upper(&filled).unwrap().1.is_empty());
    }

    #[test]
    fn text_without_placeholders_stays_as_it_is() {
        for text in ["", "a", "a\r\nb\n\n", "<!-- results -->\n<!-- end -->"] {
            assert_eq!(upper(text).unwrap(), (text.to_owned(), vec![]));
        }
    }

    #[test]
    fn what_is_no_placeholder_is_refused_with_its_line() {
        for (text, expected) in [
            ("a\n<!-- = x -->1\n<!-- / -->", "line 2: `<!-- = x -->1` needs"),
            ("<!-- = x -->1 <!-- = y -->2<!-- / -->", "line 1: `<!-- = x -->1 <!-- = y"),
            ("<!-- = x 1<!-- / -->", "line 1: `<!-- = x 1<!--"),
            ("a\n\n1<!-- / -->", "line 3: `<!-- / -->` closes nothing"),
            ("<!-- / --><!-- = x -->1<!-- / -->", "line 1: `<!-- / -->` closes nothing"),
        ] {
            let error = upper(text).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error} does not begin with {expected}");
        }
    }
}
