//! The input as sentences and what lies between them: together they are the whole input again.

mod form;
mod lines;
mod records;
mod replay_buffer;
mod running;

use std::io::{BufReader, Read};

use electra_annotations::TextError;

pub(crate) use form::Passage;
pub use form::{RecordPlace, Tail, TextForm};

use lines::Lines;
use records::Records;
use running::RunningText;

/// The passages of a stream, in bounded memory.
pub struct Passages<R: Read> {
    source: Source<R>,
    failure: Option<TextError>,
    /// The text behind the last sentence, once it is known.
    tail: Tail,
}

enum Source<R: Read> {
    Running(RunningText<R>),
    Tokenised(Lines<BufReader<R>>),
    Records(Records<BufReader<R>>),
}

impl<R: Read> Passages<R> {
    /// Reads `input` in this form.
    pub fn new(input: R, form: TextForm) -> Self {
        let source = match form {
            TextForm::Running(settings) => Source::Running(RunningText::new(input, settings)),
            TextForm::Tokenised => Source::Tokenised(Lines::new(BufReader::new(input))),
            TextForm::Records { division, lossy } => {
                Source::Records(Records::new(BufReader::new(input), division, lossy))
            }
        };
        Self { source, failure: None, tail: Tail::default() }
    }

    /// The text behind the last sentence; to be asked for when there are no more passages.
    ///
    /// # Errors
    /// Why the text could not be read to its end.
    pub fn finish(mut self) -> Result<Tail, TextError> {
        self.take_tail()
    }

    pub(super) fn take_tail(&mut self) -> Result<Tail, TextError> {
        self.failure.take().map_or_else(|| Ok(std::mem::take(&mut self.tail)), Err)
    }
}

impl<R: Read> Iterator for Passages<R> {
    type Item = Passage;

    fn next(&mut self) -> Option<Passage> {
        let next = match &mut self.source {
            Source::Running(text) => text.next_passage(),
            Source::Tokenised(lines) => lines.next_passage(),
            Source::Records(records) => records.next_passage(),
        };
        match next {
            Ok(passage) => Some(passage),
            Err(Ok(tail)) => {
                self.tail = tail;
                None
            }
            Err(Err(failure)) => {
                self.failure = self.failure.take().or(Some(failure));
                None
            }
        }
    }
}

#[cfg(test)]
mod tests;
