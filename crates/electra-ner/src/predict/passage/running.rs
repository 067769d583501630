//! Running text, divided into sentences.

use std::cell::RefCell;
use std::io::Read;
use std::rc::Rc;

use electra_annotations::{RawSentences, SentenceSettings, TextError};

use super::form::{Passage, Tail};
use super::replay_buffer::{Recorder, ReplayBuffer};

/// Reads sentences and keeps what lies between them.
pub(super) struct RunningText<R: Read> {
    sentences: RawSentences<Recorder<R>>,
    replay: Rc<RefCell<ReplayBuffer>>,
}

impl<R: Read> RunningText<R> {
    pub(super) fn new(input: R, settings: SentenceSettings) -> Self {
        let replay = Rc::new(RefCell::new(ReplayBuffer::default()));
        let recorder = Recorder::new(input, Rc::clone(&replay));
        Self { sentences: RawSentences::new(recorder, settings), replay }
    }

    /// The next sentence, or what lies behind the last one, or what is wrong.
    pub(super) fn next_passage(&mut self) -> Result<Passage, Result<Tail, TextError>> {
        match self.sentences.next() {
            Some(Ok(sentence)) => {
                let mut replay = self.replay.borrow_mut();
                let before = replay.take_until(sentence.byte);
                replay.skip(sentence.text.len());
                Ok(Passage { before, empty_before: 0, sentence, record: None, goes_on: false })
            }
            Some(Err(error)) => Err(Err(error)),
            None => Err(Ok(Tail { text: self.replay.borrow_mut().take_rest(), ..Tail::default() })),
        }
    }
}
