//! The division of text by `electra predict`: as the tagger was trained, unless the user says otherwise.

use clap::ValueEnum;
use electra_annotations::{
    Division, LineBreaks, MAX_SENTENCE_BYTES, MAX_SENTENCE_WORDS, SentenceDivision, SentenceSettings,
    WordDivision,
};
use electra_run::record::thousands;

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum WordsBy {
    /// As corpora have them: mid-1990s, U.S. and #rome are one word each
    Corpus,
    /// Letters and digits that stand together, and every mark by itself
    Marks,
    /// As marks, and every character of a script without spaces by itself
    Characters,
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum SentencesBy {
    /// A sentence, to its full stop or a blank line
    FullStop,
    /// A line
    Line,
    /// A paragraph, the text between blank lines
    Paragraph,
    /// The whole input
    Text,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Breaks {
    /// A space: text that was wrapped
    Space,
    /// The end of a sentence: messages, headlines
    Sentence,
}

/// The division of a text, and why it is that.
pub(super) struct TextDivision {
    division: Division,
    line_breaks: LineBreaks,
    /// The division stored in the tagger's folder.
    stored: Option<Division>,
}

impl TextDivision {
    /// The division of the tagger, changed by what the user says.
    pub fn of(
        stored: Option<Division>,
        words: Option<WordsBy>,
        sentences: Option<SentencesBy>,
        line_breaks: Option<Breaks>,
    ) -> Self {
        let mut division = stored.unwrap_or(Division::CORPUS);
        if let Some(words) = words {
            division.words = match words {
                WordsBy::Corpus => WordDivision::Corpus,
                WordsBy::Marks => WordDivision::Marks,
                WordsBy::Characters => WordDivision::Characters,
            };
        }
        if let Some(sentences) = sentences {
            division.sentences = match sentences {
                SentencesBy::FullStop => SentenceDivision::FullStop,
                SentencesBy::Line => SentenceDivision::Line,
                SentencesBy::Paragraph => SentenceDivision::Paragraph,
                SentencesBy::Text => SentenceDivision::Text,
            };
        } else if line_breaks == Some(Breaks::Space) && division.sentences == SentenceDivision::Line {
            division.sentences = SentenceDivision::Paragraph;
        }
        let line_breaks = match line_breaks {
            None | Some(Breaks::Space) => LineBreaks::Space,
            Some(Breaks::Sentence) => LineBreaks::Sentence,
        };
        Self { division, line_breaks, stored }
    }

    /// The division as settings for the reader of text.
    pub fn settings(&self) -> SentenceSettings {
        SentenceSettings::of(self.division, self.line_breaks)
    }

    /// Whether records of text had no neighbours in training, as those of this text shall have none.
    pub fn records_alone(&self) -> bool {
        self.division.is_of_records() && self.stored.is_none_or(|stored| stored.records_alone)
    }

    /// The largest length of a sentence, in words.
    pub fn limit(&self) -> String {
        let bytes = format!("{} bytes", thousands(MAX_SENTENCE_BYTES as u64));
        if self.division.is_of_records() {
            bytes
        } else {
            format!("{} words or {bytes}", thousands(MAX_SENTENCE_WORDS as u64))
        }
    }

    /// The division in a sentence, with what of it is an assumption and what else there is.
    pub fn description(&self, has_records: bool) -> String {
        let words = match self.division.words {
            WordDivision::Corpus => "words are those of a corpus",
            WordDivision::Marks => "every mark is a word",
            WordDivision::Characters => "every mark and every character of a script without spaces is a word",
        };
        let by_line = self.line_breaks == LineBreaks::Sentence;
        let sentences = match self.division.sentences {
            SentenceDivision::FullStop if by_line => "sentences end at full stops and line ends",
            SentenceDivision::FullStop => "sentences end at full stops and blank lines",
            _ if by_line => "a line is read whole",
            _ if has_records => "a record is read whole",
            SentenceDivision::Line => "a line is read whole",
            SentenceDivision::Paragraph => "what stands between blank lines is read whole",
            SentenceDivision::Text => "the input is read whole",
        };
        let how = format!("{words}, {sentences}");
        let same = |stored: Division| {
            (stored.words, stored.sentences) == (self.division.words, self.division.sentences)
                && !(by_line && stored.sentences != SentenceDivision::Line)
        };
        match self.stored {
            Some(stored) if !same(stored) => format!("{how}: not as in the tagger's training"),
            Some(stored) if stored.is_of_records() || stored.words == WordDivision::Characters => {
                format!("{how}, as in the tagger's training")
            }
            Some(_) => {
                format!(
                    "{how}; assumed, as the tagger was trained on given words (--pretokenized reads such)"
                )
            }
            None => format!(
                "{how}; assumed, as the tagger does not say how its training data was divided (--words, \
                 --sentences)"
            ),
        }
    }
}
