//! The writer of predictions, which every format implements: sentences, and the text around them.

use std::io::{self, Write};

use electra_ner::{TaggedSentence, Tail};

/// Writes sentences in some format.
pub(super) trait Writer: Send {
    /// Writes the text in front of the first sentence.
    fn begin(&mut self, _out: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }

    /// A sentence, and what lies between it and the one before.
    fn sentence(&mut self, out: &mut dyn Write, tagged: &TaggedSentence) -> io::Result<()>;

    /// Writes the text behind the last sentence, where the input has `tail`.
    fn end(&mut self, _out: &mut dyn Write, _tail: &Tail) -> io::Result<()> {
        Ok(())
    }
}
