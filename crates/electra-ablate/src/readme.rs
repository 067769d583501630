//! The table between two markers of an experiment's README, which a program keeps up to date.

/// Begins the part that is generated.
pub const BEGIN: &str = "<!-- results: written by `electra compare --write`, not by hand -->";
/// Ends it.
pub const END: &str = "<!-- end of results -->";

/// Why a README has no place for results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MarkerError {
    /// Neither marker.
    #[error("it has no line `{BEGIN}`")]
    None,
    /// The second one is missing, or stands before the first.
    #[error("it has no line `{END}` behind `{BEGIN}`")]
    NoEnd,
}

/// The README with `table` between its markers.
///
/// # Errors
/// If the markers are not there.
pub fn with_table(readme: &str, table: &str) -> Result<String, MarkerError> {
    let (before, rest) = readme.split_once(BEGIN).ok_or(MarkerError::None)?;
    let (_, after) = rest.split_once(END).ok_or(MarkerError::NoEnd)?;
    Ok(format!("{before}{BEGIN}\n\n{}\n\n{END}{after}", table.trim_end()))
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
        assert_eq!(with_table("# a", ""), Err(MarkerError::None));
        assert_eq!(with_table(&format!("{END}{BEGIN}"), ""), Err(MarkerError::NoEnd));
    }
}
