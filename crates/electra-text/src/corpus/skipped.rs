//! Records that were passed over, by what was wrong with them.

use serde::{Deserialize, Serialize};

use super::error::CorpusError;

/// The numbers of records that were skipped because no text could be read from them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Skipped {
    /// Lines that are not a JSON object.
    pub malformed: u64,
    /// Records without the field, or with something else than a string in it; those with `null` in it
    /// are passed over whatever was asked for.
    pub without_text: u64,
    /// Records whose text is not Unicode: bytes that are not UTF-8, halves of characters.
    pub not_unicode: u64,
    /// Records too long to be held in memory.
    pub too_long: u64,
    /// Members of archives that are no files of a known kind: links, devices, files with other endings.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub members: u64,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Skipped {
    /// The number of all skipped records.
    pub fn total(&self) -> u64 {
        // Of a manifest, which may say anything, this is asked before its counts are looked at.
        [self.without_text, self.not_unicode, self.too_long, self.members]
            .into_iter()
            .fold(self.malformed, u64::saturating_add)
    }

    /// Whether nothing was passed over.
    pub fn is_empty(&self) -> bool {
        self.total() == 0
    }

    /// Adds the counts of other files.
    pub fn add(&mut self, other: &Skipped) {
        self.malformed += other.malformed;
        self.without_text += other.without_text;
        self.not_unicode += other.not_unicode;
        self.too_long += other.too_long;
        self.members += other.members;
    }

    /// One record, by what is wrong with it; none if the error is not one of a single record.
    pub(super) fn one(error: &CorpusError) -> Option<Self> {
        let mut one = Skipped::default();
        match error {
            CorpusError::BadJson { .. } => one.malformed = 1,
            CorpusError::MissingField { .. } | CorpusError::NotText { .. } => one.without_text = 1,
            CorpusError::LoneSurrogate { .. } | CorpusError::NotUtf8 { .. } => one.not_unicode = 1,
            CorpusError::LongRecord { .. } => one.too_long = 1,
            _ => return None,
        }
        Some(one)
    }
}
