//! A word and its tag a line, a blank line behind each sentence.

use std::io::{self, Write};

use electra_ner::predict::TaggedSentence;

use super::Writer;

pub(super) struct Columns;

impl Writer for Columns {
    fn sentence(&mut self, out: &mut dyn Write, tagged: &TaggedSentence) -> io::Result<()> {
        for (word, tag) in tagged.sentence.tokens().zip(&tagged.tags) {
            writeln!(out, "{word}\t{tag}")?;
        }
        writeln!(out)
    }
}

#[cfg(test)]
mod tests {
    use super::super::example::{example, written};
    use super::*;

    #[test]
    fn every_word_has_a_line_and_every_sentence_a_blank_one() {
        let (sentences, tail) = example();
        assert_eq!(
            written(&mut Columns, &sentences, tail),
            "<Zoë\tB-PER\n😀\tI-PER\n&\tO\nR&D\tB-ORG\n\n東\tB-LOC\n京\tI-LOC\n。\tO\n\n"
        );
    }
}
