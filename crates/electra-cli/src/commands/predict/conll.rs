//! A word and its tag a line, a blank line behind each sentence: with given lines or records behind
//! each of them, so that the n-th of the output is the n-th of the input.

use std::io::{self, Write};

use electra_files::shown::on_terminal;
use electra_ner::predict::{TaggedSentence, Tail};

use super::Writer;

#[derive(Default)]
pub(super) struct Columns {
    /// Whether commands to a terminal in the text would be obeyed.
    pub is_on_terminal: bool,
}

impl Writer for Columns {
    fn sentence(&mut self, out: &mut dyn Write, tagged: &TaggedSentence) -> io::Result<()> {
        blank(out, tagged.empty_before)?;
        for (word, tag) in tagged.sentence.tokens().zip(&tagged.tags) {
            match self.is_on_terminal {
                true => writeln!(out, "{}\t{}", on_terminal(word), on_terminal(tag))?,
                false => writeln!(out, "{word}\t{tag}")?,
            }
        }
        blank(out, u64::from(!tagged.goes_on))
    }

    fn end(&mut self, out: &mut dyn Write, tail: &Tail) -> io::Result<()> {
        blank(out, tail.empty)
    }
}

fn blank(out: &mut dyn Write, lines: u64) -> io::Result<()> {
    (0..lines).try_for_each(|_| writeln!(out))
}

#[cfg(test)]
mod tests {
    use super::super::example::{example, written};
    use super::*;

    #[test]
    fn every_word_has_a_line_and_every_sentence_a_blank_one() {
        let (sentences, tail) = example();
        assert_eq!(
            written(&mut Columns::default(), &sentences, &tail),
            "<Zoë\tB-PER\n😀\tI-PER\n&\tO\nR&D\tB-ORG\n\n東\tB-LOC\n京\tI-LOC\n。\tO\n\n"
        );
    }

    #[test]
    fn lines_without_a_word_have_their_blank_line_and_those_that_go_on_have_one_at_their_end() {
        let (mut sentences, _) = example();
        (sentences[0].empty_before, sentences[0].goes_on, sentences[1].empty_before) = (2, true, 1);
        let tail = Tail { text: String::new(), empty: 1 };
        assert_eq!(
            written(&mut Columns::default(), &sentences, &tail),
            "\n\n<Zoë\tB-PER\n😀\tI-PER\n&\tO\nR&D\tB-ORG\n\n東\tB-LOC\n京\tI-LOC\n。\tO\n\n\n"
        );
    }
}
