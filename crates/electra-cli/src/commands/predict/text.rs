//! The input as it is, with its entities in brackets or in colours.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{self, Write};

use electra_annotations::LabelSet;
use electra_files::shown::on_terminal;
use electra_ner::{TaggedSentence, Tail};

use super::writer::Writer;

/// Backgrounds of the 256-colour table on which black can be read.
const COLOURS: [u8; 12] = [153, 217, 157, 229, 183, 216, 159, 193, 225, 187, 147, 222];

pub(super) struct Marked {
    /// The colour of each type; none without colours.
    colours: HashMap<String, u8>,
    in_colour: bool,
    /// Whether commands to a terminal in the text would be obeyed.
    is_on_terminal: bool,
}

impl Marked {
    pub fn new(labels: &LabelSet, in_colour: bool, is_on_terminal: bool) -> Self {
        let kinds = labels.kinds().into_iter().map(str::to_owned);
        Self { colours: kinds.zip(COLOURS.into_iter().cycle()).collect(), in_colour, is_on_terminal }
    }

    fn shown<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.is_on_terminal { on_terminal(text) } else { text.into() }
    }
}

impl Writer for Marked {
    fn sentence(&mut self, out: &mut dyn Write, tagged: &TaggedSentence) -> io::Result<()> {
        out.write_all(self.shown(&tagged.before).as_bytes())?;
        parts(tagged, |text, kind| match kind {
            None => out.write_all(self.shown(text).as_bytes()),
            Some(kind) if self.in_colour => {
                let (colour, text, kind) = (self.colours[kind], self.shown(text), self.shown(kind));
                write!(out, "\x1b[30;48;5;{colour}m{text}\x1b[2m {kind}\x1b[0m")
            }
            Some(kind) => write!(out, "[{}]({})", self.shown(text), self.shown(kind)),
        })
    }

    fn end(&mut self, out: &mut dyn Write, tail: &Tail) -> io::Result<()> {
        out.write_all(self.shown(&tail.text).as_bytes())
    }
}

/// The text of a sentence in pieces, with the type of those that are entities.
pub(super) fn parts(
    tagged: &TaggedSentence,
    mut part: impl FnMut(&str, Option<&str>) -> io::Result<()>,
) -> io::Result<()> {
    let (text, words) = (&tagged.sentence.text, &tagged.sentence.words);
    let mut at = 0;
    for entity in &tagged.entities {
        let (start, end) = (words[entity.words.start].bytes.start, words[entity.words.end - 1].bytes.end);
        part(&text[at..start], None)?;
        part(&text[start..end], Some(&entity.kind))?;
        at = end;
    }
    part(&text[at..], None)
}

#[cfg(test)]
mod tests {
    use super::super::example::{example, labels, written};
    use super::*;

    #[test]
    fn entities_stand_in_brackets_and_everything_else_as_it_was() {
        let (sentences, tail) = example();
        assert_eq!(
            written(&mut Marked::new(&labels(), false, false), &sentences, &tail),
            "\t[<Zoë\n😀](PER) & [R&D](ORG)\r\n[東京](LOC)。 \u{200b}\n"
        );
    }

    #[test]
    fn colours_are_of_types_and_end_with_the_entity() {
        let (sentences, tail) = example();
        let shown = written(&mut Marked::new(&labels(), true, true), &sentences, &tail);
        // LOC, ORG and PER have the first three colours.
        assert!(shown.contains("\x1b[30;48;5;153m東京\x1b[2m LOC\x1b[0m。"), "{shown:?}");
        assert!(shown.contains("\x1b[30;48;5;217mR&D\x1b[2m ORG\x1b[0m\r\n"), "{shown:?}");
    }
}
