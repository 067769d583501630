//! The annotators whom a file names, and the one whose work is asked for.

use std::collections::BTreeSet;
use std::path::Path;

use super::error::ReadError;

/// The annotators of a file, as they are met in it.
pub(super) struct Annotators<'a> {
    wanted: Option<&'a str>,
    names: BTreeSet<String>,
    is_found: bool,
}

impl<'a> Annotators<'a> {
    /// None yet, of whom `wanted` is asked for.
    pub(super) fn of(wanted: Option<&'a str>) -> Self {
        Self { wanted, names: BTreeSet::new(), is_found: false }
    }

    /// Whether one of several names that an annotator goes by is that of the one who is asked for; none if nobody
    /// is.
    pub(super) fn is_wanted<'n>(&mut self, names: impl Iterator<Item = &'n str> + Clone) -> Option<bool> {
        let wanted = self.wanted?;
        let is_wanted = names.clone().any(|name| name == wanted);
        self.is_found |= is_wanted;
        if !self.is_found {
            self.names.extend(names.map(str::to_owned));
        }
        Some(is_wanted)
    }

    /// Refuses a file whose annotators are all others than the one who is asked for.
    pub(super) fn check(self, path: &Path) -> Result<(), ReadError> {
        match self.wanted {
            Some(wanted) if !self.is_found && !self.names.is_empty() => Err(ReadError::UnknownAnnotator {
                path: path.to_owned(),
                wanted: wanted.to_owned(),
                annotators: self.names.into_iter().collect(),
            }),
            _ => Ok(()),
        }
    }
}
