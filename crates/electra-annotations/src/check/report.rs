//! The findings of a check in one file.

use std::collections::BTreeMap;

use electra_text::Coverage;
use serde::Serialize;

use super::copies::Duplicates;
use super::lengths::{LongSentence, TooLong};
use super::options::SplitRole;
use crate::read::{Answers, InvalidTransitions, MisalignedSpan, OffsetUse, PassedOver};
use crate::scheme::Scheme;
use crate::words::WordDivision;

/// Report on one file of a data set.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SplitReport {
    /// The name of the split.
    pub name: String,
    /// The role of the split.
    pub role: SplitRole,
    /// The path of the file.
    pub path: String,
    /// The format that was found, in words.
    #[serde(rename = "form")]
    pub format: String,
    /// The scheme of its tags.
    pub scheme: Scheme,
    /// Tags that are others in IOB2.
    pub changed_tags: usize,
    /// Transitions that the scheme does not allow.
    pub invalid_transitions: InvalidTransitions,
    /// Spans that were left out.
    pub misaligned_spans: Vec<MisalignedSpan>,
    /// Records that an annotator did not accept.
    pub answers: Answers,
    /// Annotations that were passed over for other reasons.
    pub passed_over: PassedOver,
    /// The unit of the offsets of its spans; none where it has no spans of characters.
    pub offsets: Option<OffsetUse>,
    /// The division into words.
    #[serde(rename = "words_by")]
    pub words: WordDivision,
    /// Number of comment lines.
    pub comments: usize,
    /// Number of documents.
    pub documents: usize,
    /// Whether the file says where documents begin.
    pub marks_documents: bool,
    /// Number of sentences.
    pub sentences: usize,
    /// Number of tokens.
    pub tokens: usize,
    /// Number of entities.
    pub entities: usize,
    /// Entities by type.
    pub types: BTreeMap<String, usize>,
    /// Sentences that do not fit the window.
    pub too_long: TooLong,
    /// The longest sentences, the longest first.
    pub longest: Vec<LongSentence>,
    /// Sentences that occur more than once.
    pub duplicates: Duplicates,
    /// Words and characters, and how many the tokenizer has no pieces for; none without a tokenizer.
    /// A word of the data may be several words here.
    pub coverage: Option<Coverage>,
}
