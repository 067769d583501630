//! The generated parts of a README: the table between two markers, other tables that are made from files, and
//! numbers in prose.

mod document;
mod expression;
mod format;
pub mod placeholder;
mod quantity;
pub mod sources;
pub mod tables;

pub use expression::ExpressionError;

/// Begins the part that is generated.
pub const BEGIN: &str = "<!-- results: written by `electra compare --write`, not by hand -->";
/// The marker behind the results.
pub const END: &str = "<!-- end of results -->";

/// The reason why a README has no place for a table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
pub enum MarkerError {
    /// The README has neither marker.
    #[error("it has no line `{0}`")]
    None(String),
    /// The second one is missing, or stands before the first.
    #[error("it has no line `{end}` behind `{begin}`")]
    NoEnd {
        /// The first marker.
        begin: String,
        /// The marker at the end of the table.
        end: String,
    },
}

/// The README with `table` between its markers.
///
/// # Errors
/// If the markers are not there.
pub fn with_table(readme: &str, table: &str) -> Result<String, MarkerError> {
    between(readme, BEGIN, END, table)
}

/// The README with `table` between two markers.
fn between(readme: &str, begin: &str, end: &str, table: &str) -> Result<String, MarkerError> {
    let none = || MarkerError::None(begin.to_owned());
    let (before, rest) = readme.split_once(begin).ok_or_else(none)?;
    let no_end = || MarkerError::NoEnd { begin: begin.to_owned(), end: end.to_owned() };
    let (_, after) = rest.split_once(end).ok_or_else(no_end)?;
    Ok(format!("{before}{begin}\n\n{}\n\n{end}{after}", table.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_between_the_markers_changes() {
        let readme = format!("# a\n\n{BEGIN}\nold\n{END}\nVerdict.\n");
        let written = with_table(&readme, "| new |\n").unwrap();
        assert_eq!(written, format!("# a\n\n{BEGIN}\n\n| new |\n\n{END}\nVerdict.\n"));
        assert_eq!(with_table(&written, "| new |\n").unwrap(), written);
    }

    #[test]
    fn missing_markers_are_named() {
        assert_eq!(with_table("# a", ""), Err(MarkerError::None(BEGIN.to_owned())));
        let no_end = MarkerError::NoEnd { begin: BEGIN.to_owned(), end: END.to_owned() };
        assert_eq!(with_table(&format!("{END}{BEGIN}"), ""), Err(no_end));
    }
}
