//! Annotations of a file that are no gold spans: predictions, answers, relations, and those passed over.

use serde::Serialize;

/// The answers of annotators about records that they did not accept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Answers {
    /// Found to be wrong, and passed over.
    pub rejected: usize,
    /// Passed over by the annotator as well.
    pub ignored: usize,
    /// Neither accepted nor one of these: read as gold, as records without an answer are.
    pub unknown: usize,
}

impl Answers {
    /// The records that are passed over.
    pub fn passed_over(self) -> usize {
        self.rejected + self.ignored
    }
}

/// Counts of the annotations of a file that are no gold spans, and of those that were passed over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PassedOver {
    /// Annotations of texts by other annotators than the one that was read.
    pub other_annotators: usize,
    /// Texts that nobody has annotated.
    pub unannotated: usize,
    /// Annotations that are no entities: relations, events, attributes, choices.
    pub other_annotations: usize,
    /// Spans that have no type.
    pub untyped: usize,
    /// Spans that say what another span of the text says.
    pub repeated: usize,
}

/// The counts that a reader of texts gives beside the texts.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Beside {
    pub answers: Answers,
    pub passed_over: PassedOver,
    /// Lines of comments.
    pub comments: usize,
}
