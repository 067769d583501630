//! JSON lines, one for each entity, with the keys of transformers' pipeline.

use std::io::{self, Write};

use electra_files::shown;
use electra_ner::{EntityJson, TaggedSentence};

use super::writer::Writer;

pub(super) struct Lines {
    pub byte_offsets: bool,
}

impl Writer for Lines {
    fn sentence(&mut self, out: &mut dyn Write, tagged: &TaggedSentence) -> io::Result<()> {
        for entity in &tagged.entities {
            let line = EntityJson::of(tagged, entity, self.byte_offsets);
            writeln!(out, "{}", shown::json(&serde_json::to_string(&line)?))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use electra_ner::RecordPlace;

    use super::super::example::{example, written};
    use super::*;

    #[test]
    fn offsets_are_of_the_whole_input_in_characters_and_if_wanted_in_bytes() {
        let (sentences, tail) = example();
        assert_eq!(
            written(&mut Lines { byte_offsets: false }, &sentences, &tail),
            concat!(
                r#"{"entity_group":"PER","score":0.75,"word":"<Zoë\n😀","start":1,"end":7}"#,
                "\n",
                r#"{"entity_group":"ORG","score":0.333333,"word":"R&D","start":10,"end":13}"#,
                "\n",
                r#"{"entity_group":"LOC","score":1.0,"word":"東京","start":15,"end":17}"#,
                "\n"
            )
        );
        let bytes = written(&mut Lines { byte_offsets: true }, &sentences, &tail);
        let expected = r#""start":15,"end":17,"byte_start":19,"byte_end":25}"#;
        assert!(bytes.lines().nth(2).unwrap().ends_with(expected), "{bytes}");
    }

    #[test]
    fn what_json_leaves_as_it_is_and_a_terminal_obeys_is_written_in_the_notation_of_json() {
        let (mut sentences, tail) = example();
        sentences.truncate(1);
        // As many bytes as the two letters that stand there.
        sentences[0].sentence.text =
            sentences[0].sentence.text.replace("Zo", "\x1b\x7f").replace('ë', "\u{9b}");
        let lines = written(&mut Lines { byte_offsets: false }, &sentences, &tail);
        assert!(lines.contains(r#""word":"<\u001b\u007f\u009b"#), "{lines}");
        assert!(!lines.chars().any(|c| c.is_control() && c != '\n'), "{lines:?}");
    }

    #[test]
    fn an_entity_of_a_record_has_its_line_in_front() {
        let (mut sentences, tail) = example();
        sentences[1].record = Some(RecordPlace { line: 7, document: 2 });
        let lines = written(&mut Lines { byte_offsets: false }, &sentences, &tail);
        let starts: Vec<&str> = lines.lines().map(|line| &line[..9]).collect();
        assert_eq!(starts, ["{\"entity_", "{\"entity_", "{\"line\":7"]);
    }
}
