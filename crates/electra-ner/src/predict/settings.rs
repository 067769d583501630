//! Settings for reading text.

use super::passage::TextForm;

/// Settings of prediction: how text is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PredictSettings {
    /// Running text, words with spaces between them, or records of text.
    pub form: TextForm,
    /// The division into documents, for taggers that see neighbouring sentences.
    pub documents: Documents,
    /// Windows that go through the model together; no influence on the labels but by rounding.
    pub batch_size: usize,
}

/// The rule that divides the input into documents; records say it themselves. Sentences of one document are
/// context for each other if the tagger was trained so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Documents {
    /// The input is one document.
    #[default]
    Whole,
    /// A blank line ends a document.
    BlankLine,
    /// Every sentence is one: a record of text.
    Sentence,
}
