//! A word and its tag a line, a blank line behind each sentence: with given lines or records behind
//! each of them, so that the n-th of the output is the n-th of the input.

use std::borrow::Cow;
use std::io::{self, Write};

use electra_files::shown::on_terminal;
use electra_ner::{TaggedSentence, Tail};

use super::writer::Writer;

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
                false => writeln!(out, "{}\t{}", in_column(word), in_column(tag))?,
            }
        }
        blank(out, u64::from(!tagged.goes_on))
    }

    fn end(&mut self, out: &mut dyn Write, tail: &Tail) -> io::Result<()> {
        blank(out, tail.empty)
    }
}

/// A word or tag in which no reader finds the end of a line or column: Unicode has more of them than this
/// writer, and Python's `splitlines` ends a line at each.
fn in_column(text: &str) -> Cow<'_, str> {
    let ends = |c: char| matches!(c, '\t'..='\r' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}');
    if text.contains(ends) { Cow::Owned(text.replace(ends, "_")) } else { Cow::Borrowed(text) }
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
    fn no_word_ends_the_line_of_any_reader() {
        let (mut sentences, tail) = example();
        let word = sentences[0].sentence.words[0].bytes.clone();
        // Of as many bytes as the word.
        sentences[0].sentence.text.replace_range(word, "a\u{2028}b");
        assert!(written(&mut Columns::default(), &sentences, &tail).starts_with("a_b\tB-PER\n😀"));
        assert_eq!(in_column("in\u{85}Bob\u{2029}\u{1c}x\u{a0}y"), "in_Bob__x\u{a0}y");
    }

    #[test]
    fn lines_without_a_word_have_their_blank_line_and_those_that_go_on_have_one_at_their_end() {
        let (mut sentences, _) = example();
        (sentences[0].empty_before, sentences[0].goes_on, sentences[1].empty_before) = (2, true, 1);
        let tail = Tail { empty: 1, ..Tail::default() };
        assert_eq!(
            written(&mut Columns::default(), &sentences, &tail),
            "\n\n<Zoë\tB-PER\n😀\tI-PER\n&\tO\nR&D\tB-ORG\n\n東\tB-LOC\n京\tI-LOC\n。\tO\n\n\n"
        );
    }
}
