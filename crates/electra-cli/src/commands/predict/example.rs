//! Two tagged sentences for the tests of all formats.

use std::ops::Range;

use electra_annotations::{LabelScheme, LabelSet, RawSentence, words};
use electra_ner::{TaggedEntity, TaggedSentence, Tail};

use super::writer::Writer;

pub fn labels() -> LabelSet {
    LabelSet::new(["PER", "ORG", "LOC"], LabelScheme::Iob2)
}

/// The output of a writer for sentences and the input behind them.
pub fn written(writer: &mut dyn Writer, sentences: &[TaggedSentence], tail: &Tail) -> String {
    let mut out = Vec::new();
    writer.begin(&mut out).unwrap();
    for sentence in sentences {
        writer.sentence(&mut out, sentence).unwrap();
    }
    writer.end(&mut out, tail).unwrap();
    String::from_utf8(out).unwrap()
}

/// The input `\t<Zoë\n😀 & R&D\r\n東京。 \u{200b}\n` with an entity of each type.
pub fn example() -> (Vec<TaggedSentence>, Tail) {
    let entity = |words: Range<usize>, kind: &str, score| TaggedEntity { words, kind: kind.into(), score };
    let first = TaggedSentence {
        before: "\t".into(),
        empty_before: 0,
        record: None,
        goes_on: false,
        sentence: RawSentence {
            text: "<Zoë\n😀 & R&D".into(),
            // `<` is a word of its own in running text; words may also come with spaces between them.
            words: words("xZoë\n😀 & R&D").collect(),
            byte: 1,
            char: 1,
            starts_paragraph: true,
            is_cut: false,
        },
        tags: ["B-PER", "I-PER", "O", "B-ORG"].map(str::to_owned).to_vec(),
        entities: vec![entity(0..2, "PER", 0.75), entity(3..4, "ORG", 1.0 / 3.0)],
        left_out: vec![],
    };
    let second = TaggedSentence {
        before: "\r\n".into(),
        empty_before: 0,
        record: None,
        goes_on: false,
        sentence: RawSentence {
            text: "東京。".into(),
            words: words("東京。").collect(),
            byte: 19,
            char: 15,
            starts_paragraph: false,
            is_cut: false,
        },
        tags: ["B-LOC", "I-LOC", "O"].map(str::to_owned).to_vec(),
        entities: vec![entity(0..2, "LOC", 1.0)],
        left_out: vec!["PER".into(); 2],
    };
    (vec![first, second], Tail { text: " \u{200b}\n".into(), ..Tail::default() })
}
