//! A sentence by itself, and its entities. Those of a file are packed: [`Sentences`](crate::Sentences).

/// A tokenised sentence with one tag a token, in the IOB2 scheme once a reader has converted it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sentence {
    /// The words; never empty strings.
    pub tokens: Vec<String>,
    /// `O`, `B-TYPE` or `I-TYPE`, one for each token.
    pub tags: Vec<String>,
    /// Which document of the file it belongs to, counted from 0. Neighbouring sentences of one
    /// document may serve each other as context.
    pub document: usize,
    /// Line of its first token in the file, counted from 1.
    pub line: usize,
}

/// A gold entity that no tags say, because its bounds are not those of words: nothing can find it, and
/// scores count it as missed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeftOut {
    /// The sentence it stands in, from 0.
    pub sentence: usize,
    /// The entity type, such as `PER`.
    pub kind: String,
}

/// An entity: tokens `start..end` of a sentence.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The index of the first token.
    pub start: usize,
    /// One past the last token.
    pub end: usize,
    /// The entity type: the part behind the first `-` of its tags; `_` for a bare prefix.
    pub kind: String,
}
