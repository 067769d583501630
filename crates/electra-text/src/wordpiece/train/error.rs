//! The errors of training a vocabulary.

use crate::corpus::CorpusError;
use crate::coverage::MAX_UNKNOWN_SHARE;

/// An error of training a vocabulary.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum TrainError {
    /// The corpus could not be read.
    #[error("{0}")]
    Corpus(
        #[from]
        #[diagnostic_source]
        CorpusError,
    ),
    /// The alphabet alone needs more pieces.
    #[error(
        "a vocabulary of {vocab_size} pieces is too small: {special} special tokens and {alphabet} pieces of one character (with and without ##) need {minimum}"
    )]
    #[diagnostic(help("ask for more, or cover a smaller share of the characters"))]
    TooSmall {
        /// Pieces asked for.
        vocab_size: usize,
        /// Special tokens.
        special: usize,
        /// Pieces of one character, alone and continuing.
        alphabet: usize,
        /// The smallest vocabulary that works.
        minimum: usize,
    },
    /// The corpus has too few different words.
    #[error(
        "the corpus supports a vocabulary of at most {supported} pieces (pairs seen at least {min_frequency} times), \
         {vocab_size} were asked for{}", .too_long.of_corpus()
    )]
    #[diagnostic(help("{}", when_too_large(*.supported, .too_long)))]
    TooLarge {
        /// Pieces asked for.
        vocab_size: usize,
        /// Pieces that the corpus gives.
        supported: usize,
        /// A pair seen less often makes no new piece.
        min_frequency: u64,
        /// The words and texts that were left out because they are too long.
        too_long: TooLong,
    },
    /// An extension that would add nothing.
    #[error("a vocabulary of {had} pieces cannot be extended to {vocab_size}")]
    #[diagnostic(help("ask for more than {had}: the old pieces are counted"))]
    NotLarger {
        /// Pieces asked for.
        vocab_size: usize,
        /// Pieces of the old vocabulary.
        had: usize,
    },
    /// An extension without room for the characters of the text.
    #[error(
        "from {had} to {vocab_size} pieces there is room for {}, and the text has {lacking} pieces of one character \
         (with and without ##) that the vocabulary lacks", .vocab_size - .had
    )]
    #[diagnostic(help("ask for {} or more, or cover a smaller share of the characters", .had + .lacking))]
    NoRoomForCharacters {
        /// Pieces asked for.
        vocab_size: usize,
        /// Pieces of the old vocabulary.
        had: usize,
        /// Pieces of one character that it lacks.
        lacking: usize,
    },
    /// An extension by more pieces than the text has.
    #[error(
        "the text has {found} pieces that the vocabulary of {had} lacks (pairs seen at least {min_frequency} times), \
         and {} were asked for{}", .vocab_size - .had, .too_long.of_corpus()
    )]
    #[diagnostic(help("ask for {} pieces or fewer, or give more text", .had + .found))]
    TooFewNew {
        /// Pieces asked for.
        vocab_size: usize,
        /// Pieces of the old vocabulary.
        had: usize,
        /// New pieces that the text gives.
        found: usize,
        /// A pair seen less often makes no new piece.
        min_frequency: u64,
        /// The words and texts that were left out because they are too long.
        too_long: TooLong,
    },
    /// Every word is too long, or there is none.
    #[error("{}", no_words(.too_long))]
    #[diagnostic(help("{}", if .too_long.words == 0 { "give text, or keep accents" } else { "accept longer words, or divide words by spaces" }))]
    NoWords {
        /// The words and texts that were left out because they are too long.
        too_long: TooLong,
    },
    /// A setting outside its range.
    #[error("{name} is {found}, expected {expected}")]
    #[diagnostic(help("give a value within that"))]
    Setting {
        /// The name of the setting.
        name: &'static str,
        /// The value that was given.
        found: String,
        /// The values that are possible.
        expected: String,
    },
}

/// Words that nothing is learned from because they have too many characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TooLong {
    /// The number of words that are too long, repetitions counted.
    pub words: u64,
    /// The number of their characters.
    pub characters: u64,
    /// Characters of all words.
    pub of_characters: u64,
    /// Characters of the longest.
    pub longest: usize,
    /// The most characters that a word may have.
    pub limit: usize,
}

impl TooLong {
    /// Share of all characters.
    pub fn share(&self) -> f64 {
        if self.of_characters == 0 { 0.0 } else { self.characters as f64 / self.of_characters as f64 }
    }

    /// Whether the share is large enough to be the reason of a small vocabulary.
    pub fn exceeds_limit(&self) -> bool {
        self.share() > MAX_UNKNOWN_SHARE
    }

    /// The share of the corpus that is too long, in words; empty if it is small.
    fn of_corpus(&self) -> String {
        if !self.exceeds_limit() {
            return String::new();
        }
        format!(
            ": {:.1} % of its characters stand in words longer than {}, from which nothing is learned",
            100.0 * self.share(),
            self.limit
        )
    }
}

fn when_too_large(supported: usize, too_long: &TooLong) -> String {
    if too_long.exceeds_limit() {
        return format!("accept longer words, divide long words, or ask for {supported} or fewer");
    }
    format!("ask for {supported} or fewer, or give more text")
}

fn no_words(too_long: &TooLong) -> String {
    if too_long.words == 0 {
        return "the corpus has no word: it holds nothing but characters that are taken off before words are \
                looked up"
            .to_owned();
    }
    format!(
        "nothing can be learned from the corpus: all of its {} words are longer than {} characters",
        too_long.words, too_long.limit
    )
}
