//! Exports of annotation tools as input of `electra predict`: the texts in them.

use electra_annotations::{exported_texts, is_named_json};

use super::Predict;
use super::input::first_line_is_record;
use crate::failure::Failure;

/// Endings of files that may be exports, beside those of JSON.
const ENDINGS: [&str; 2] = ["ann", "tsv"];

impl Predict {
    /// The texts of an export as JSON lines; none of what is read as it is.
    ///
    /// # Errors
    /// An export that cannot be read for sure.
    pub(super) fn find_export(&self) -> Result<Option<Vec<u8>>, Failure> {
        let path = &self.input;
        let ending = path.extension().unwrap_or_default();
        let may_be = is_named_json(path) || ENDINGS.iter().any(|name| ending == *name) || path.is_dir();
        if self.pretokenized || self.json_lines || self.is_standard_input() || !may_be {
            return Ok(None);
        }
        // Lines of records may be of any length together, and are read one by one.
        if !path.is_dir() && first_line_is_record(path)? {
            return Ok(None);
        }
        let Some(export) = exported_texts(path)? else { return Ok(None) };
        eprintln!(
            "note: {} is read as {}: {} texts; `line` of what is found counts them",
            path.display(),
            export.form,
            export.texts
        );
        Ok(Some(export.lines))
    }
}
