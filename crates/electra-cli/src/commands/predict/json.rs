//! JSON lines, one for each entity, with the keys of transformers' pipeline.

use std::io::{self, Write};

use electra_files::shown;
use electra_ner::TaggedSentence;
use serde::Serialize;

use super::writer::Writer;

pub(super) struct Lines {
    pub byte_offsets: bool,
}

#[derive(Serialize)]
struct Line<'a> {
    /// The line of the record in which `start` and `end` are places.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    entity_group: &'a str,
    score: f64,
    word: &'a str,
    start: u64,
    end: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    byte_start: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    byte_end: Option<u64>,
}

impl Writer for Lines {
    fn sentence(&mut self, out: &mut dyn Write, tagged: &TaggedSentence) -> io::Result<()> {
        for entity in &tagged.entities {
            let words = || entity.words.clone();
            let chars = tagged.sentence.chars(words());
            let bytes = self.byte_offsets.then(|| tagged.sentence.bytes(words()));
            let line = Line {
                line: tagged.record.map(|record| record.line),
                entity_group: &entity.kind,
                // The model computes in single precision.
                score: (entity.score * 1e6).round() / 1e6,
                word: tagged.sentence.slice(words()),
                start: chars.start,
                end: chars.end,
                byte_start: bytes.as_ref().map(|bytes| bytes.start),
                byte_end: bytes.as_ref().map(|bytes| bytes.end),
            };
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
