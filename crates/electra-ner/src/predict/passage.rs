//! The input as sentences and what lies between them: together they are the whole input again.

mod lines;
mod records;
mod tape;

use std::cell::RefCell;
use std::io::{BufReader, Read};
use std::rc::Rc;

use electra_annotations::{RawSentence, RawSentences, SentenceSettings, TextError};

use lines::Lines;
use records::Records;
use tape::{Recorder, Tape};

/// More white space between two sentences is cut to its last bytes.
pub const MAX_GAP_BYTES: usize = 1 << 16;

/// How words stand in the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextForm {
    /// Running text, to be divided into sentences and words.
    Running(SentenceSettings),
    /// A sentence a line, its words with spaces or tabs between them. Other white space, such as
    /// one that does not break, may be part of a word. A line of more than
    /// [`MAX_SENTENCE_BYTES`](electra_annotations::MAX_SENTENCE_BYTES) goes on as another sentence.
    Tokenised,
    /// A JSON object a line, whose `text` is running text to be divided so. Where a line, a paragraph
    /// or the text is a sentence, so is every record, whole and of any length. `document`, a string
    /// or a number, joins neighbouring records into documents. Other fields may hold anything.
    Records {
        /// How the text is divided.
        division: SentenceSettings,
        /// Whether surrogates without their other half become U+FFFD, instead of being refused.
        lossy: bool,
    },
}

/// A sentence with what lies before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passage {
    /// White space, and what else is in no word, since the sentence before; see [`MAX_GAP_BYTES`].
    pub before: String,
    /// Lines of [`TextForm::Tokenised`], or records, that hold no word since the sentence before.
    pub empty_before: u64,
    /// The sentence. Its places are those in the input, or in the text of its record.
    pub sentence: RawSentence,
    /// The record that it stands in.
    pub record: Option<RecordPlace>,
    /// Whether the next sentence is the rest of the same line of [`TextForm::Tokenised`].
    pub goes_on: bool,
}

/// Where a record stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordPlace {
    /// Its line in the input, counted from 1.
    pub line: u64,
    /// The number of its document, counted from 0.
    pub document: usize,
}

/// What lies behind the last sentence of an input.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tail {
    /// White space, and what else is in no word; see [`MAX_GAP_BYTES`].
    pub text: String,
    /// As [`Passage::empty_before`].
    pub empty: u64,
    /// Halves of characters that were replaced in all the texts of records.
    pub replaced: u64,
}

/// The passages of a stream, in bounded memory.
pub struct Passages<R: Read> {
    source: Source<R>,
    failure: Option<TextError>,
    /// What lies behind the last sentence, once it is known.
    tail: Tail,
}

enum Source<R: Read> {
    Running { sentences: RawSentences<Recorder<R>>, tape: Rc<RefCell<Tape>> },
    Tokenised(Lines<BufReader<R>>),
    Records(Records<BufReader<R>>),
}

impl<R: Read> Passages<R> {
    /// Reads `input` in this form.
    pub fn new(input: R, form: TextForm) -> Self {
        let source = match form {
            TextForm::Running(settings) => {
                let tape = Rc::new(RefCell::new(Tape::default()));
                let recorder = Recorder::new(input, Rc::clone(&tape));
                Source::Running { sentences: RawSentences::new(recorder, settings), tape }
            }
            TextForm::Tokenised => Source::Tokenised(Lines::new(BufReader::new(input))),
            TextForm::Records { division, lossy } => {
                Source::Records(Records::new(BufReader::new(input), division, lossy))
            }
        };
        Self { source, failure: None, tail: Tail::default() }
    }

    /// What lies behind the last sentence; to be asked when there are no more passages.
    ///
    /// # Errors
    /// Why the text could not be read to its end.
    pub fn finish(self) -> Result<Tail, TextError> {
        self.failure.map_or(Ok(self.tail), Err)
    }
}

impl<R: Read> Iterator for Passages<R> {
    type Item = Passage;

    fn next(&mut self) -> Option<Passage> {
        let next = match &mut self.source {
            Source::Running { sentences, tape } => match sentences.next() {
                Some(Ok(sentence)) => {
                    let mut tape = tape.borrow_mut();
                    let before = tape.take_until(sentence.byte);
                    tape.skip(sentence.text.len());
                    Ok(Passage { before, empty_before: 0, sentence, record: None, goes_on: false })
                }
                Some(Err(error)) => Err(Some(error)),
                None => {
                    self.tail.text += &tape.borrow_mut().take_rest();
                    Err(None)
                }
            },
            Source::Tokenised(lines) => {
                lines.next_passage().map_err(|end| end.map(|tail| self.tail = tail).err())
            }
            Source::Records(records) => {
                records.next_passage().map_err(|end| end.map(|tail| self.tail = tail).err())
            }
        };
        match next {
            Ok(passage) => Some(passage),
            Err(failure) => {
                self.failure = self.failure.take().or(failure);
                None
            }
        }
    }
}

/// Cuts a gap to its last [`MAX_GAP_BYTES`], at a character.
fn bounded(mut gap: String) -> String {
    if gap.len() <= MAX_GAP_BYTES {
        return gap;
    }
    gap.split_off(gap.ceil_char_boundary(gap.len() - MAX_GAP_BYTES))
}

#[cfg(test)]
mod tests;
