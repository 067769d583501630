//! The name of a format.

use std::fmt;

/// The name of a format of the table of formats, such as `conll` or `doccano`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FormatName(pub(super) &'static str);

impl FormatName {
    /// The name itself.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for FormatName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}
