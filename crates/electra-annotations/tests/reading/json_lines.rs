//! JSON lines: tokens with tags, and text with spans of characters.

use crate::support::{assert_says, documents, reads, refusal, shown, try_read};
use electra_annotations::{
    Division, Format, Misalignment, ReadOptions, Scheme, SentenceDivision, WordDivision,
};

#[test]
fn tags_may_be_strings_or_numbers_with_names() {
    let strings = concat!(
        r#"{"id": 1, "tokens": ["New York", "is", "big"], "ner_tags": ["S-LOC", "O", "O"]}"#,
        "\r\n\n",
        r#"{"tokens": [], "ner_tags": []}"#,
        "\n",
        r#"{"tokens": ["Li", "Na"], "ner_tags": ["B-PER", "E-PER"]}"#
    );
    let data = reads("a.jsonl", strings);
    assert_eq!(shown(&data), ["New York/B-LOC is/O big/O", "Li/B-PER Na/I-PER"]);
    assert_eq!((data.format, data.scheme, data.changed_tags), (Format::JsonTags, Scheme::Iobes, 2));
    assert_eq!((data.sentences.get(1).line, documents(&data)), (4, vec![0, 0]));

    let numbers = r#"{"tokens": ["Rome", "is"], "tags": [1, 0]}"#;
    let labels = Some(vec!["O".into(), "B-LOC".into()]);
    let options = ReadOptions { labels, ..ReadOptions::default() };
    // The content tells, whatever the name.
    assert_eq!(shown(&try_read("a.txt", numbers, &options).unwrap()), ["Rome/B-LOC is/O"]);
}

#[test]
fn spans_count_characters_and_cover_whole_words() {
    // Bytes would be off by the umlaut, the joined emoji and the combining accent:
    // F ü r _ three for the family _ J o s e ´ _ N ú ñ e z , _ K ö l n .
    let text = concat!(
        r#"{"text": "Für \ud83d\udc69\u200d\ud83d\udc67 Jose\u0301 Núñez, Köln.", "#,
        r#""spans": [{"start": 8, "end": 19, "label": "PER"}, {"start": 21, "end": 25, "label": "LOC"}]}"#
    );
    let data = reads("a.jsonl", text);
    assert_eq!(data.format, Format::JsonSpans);
    let expected = "Für/O \u{1f469}\u{200d}\u{1f467}/O Jose\u{301}/B-PER Núñez/I-PER ,/O Köln/B-LOC ./O";
    assert_eq!(shown(&data), [expected]);
}

#[test]
fn without_spaces_spans_are_aligned_by_characters() {
    let data =
        reads("a.jsonl", r#"{"text": "我住在北京市", "spans": [{"start": 3, "end": 5, "label": "LOC"}]}"#);
    assert_eq!(shown(&data), ["我/O 住/O 在/O 北/B-LOC 京/I-LOC 市/O"]);
    assert_eq!((data.scheme, data.changed_tags), (Scheme::Iob2, 0));
}

const MISALIGNED: &str = concat!(
    r#"{"text": "In Paris, now", "spans": [{"start": 3, "end": 6, "label": "LOC"}, {"start": 10, "end": 13, "label": "TIM"}]}"#,
    "\n",
    r#"{"text": "Bank of China", "spans": [{"start": 8, "end": 13, "label": "LOC"}, {"start": 0, "end": 13, "label": "ORG"},
 {"start": 0, "end": 99, "label": "ORG"}, {"start": 0, "end": 13, "label": "ORG"}]}"#
);

#[test]
fn every_misaligned_span_is_listed() {
    let text = MISALIGNED.replace(",\n", ",");
    assert_says(
        &refusal("a.jsonl", &text, &ReadOptions::default()),
        &[
            "3 spans of",
            r#"line 1: LOC 3..6 "Par" begins or ends within a word, the nearest words are 3..8 "Paris""#,
            r#"line 2: ORG 0..99 "Bank of China" goes beyond the 13 characters of the text"#,
            r#"line 2: LOC 8..13 "China" overlaps with ORG 0..13"#,
            "; correct them, or leave them out",
        ],
    );
    let options = ReadOptions { skip_misaligned: true, ..ReadOptions::default() };
    let data = try_read("a.jsonl", &text, &options).unwrap();
    // The outer of two overlapping spans stays, and what is said twice counts once.
    assert_eq!(shown(&data), ["In/O Paris/O ,/O now/B-TIM", "Bank/B-ORG of/I-ORG China/I-ORG"]);
    let reasons: Vec<&Misalignment> = data.misaligned.iter().map(|span| &span.reason).collect();
    let overlap = Misalignment::Overlap { start: 0, end: 13, label: "ORG".into() };
    assert_eq!(reasons, [&Misalignment::WithinWord, &Misalignment::BeyondText { length: 13 }, &overlap]);
}

#[test]
fn spans_that_no_tags_say_stay_entities_of_their_sentences() {
    let options = ReadOptions { skip_misaligned: true, ..ReadOptions::default() };
    let text = format!("{{\"text\": \" \", \"spans\": []}}\n{}", MISALIGNED.replace(",\n", ","));
    let data = try_read("a.jsonl", &text, &options).unwrap();
    let found: Vec<(usize, &str)> =
        data.left_out.iter().map(|left_out| (left_out.sentence, left_out.kind.as_str())).collect();
    assert_eq!(found, [(0, "LOC"), (1, "ORG"), (1, "LOC")]);
}

#[test]
fn records_that_an_annotator_did_not_accept_are_passed_over_and_counted() {
    let record = |word: &str, more: &str| {
        format!(
            "{{\"text\": \"{word}\", \"spans\": [{{\"start\": 0, \"end\": 3, \"label\": \"LOC\"}}]{more}}}\n"
        )
    };
    let text = [
        record("Ulm", r#", "answer": "reject""#),
        record("Rom", r#", "answer": "accept""#),
        // Nobody looked at its spans.
        record("x", r#", "answer": "ignore""#),
        record("Bar", r#", "answer": "reject""#),
        // No answer, and one to a question of another kind.
        record("Ely", ""),
        record("Pau", r#", "answer": "42""#),
    ];
    let data = reads("a.jsonl", text.concat());
    assert_eq!(shown(&data), ["Rom/B-LOC", "Ely/B-LOC", "Pau/B-LOC"]);
    assert_eq!((data.answers.rejected, data.answers.ignored, data.answers.unknown), (2, 1, 1));
    let cases = ["ACCEPT", "Reject", " ignore ", "accepted"];
    let text = cases.map(|answer| record("Rom", &format!(", \"answer\": \"{answer}\"")));
    let others = ["null", "true"].map(|answer| record("Bar", &format!(", \"answer\": {answer}")));
    let data = reads("a.jsonl", [text.concat(), others.concat()].concat());
    assert_eq!(shown(&data), ["Rom/B-LOC", "Rom/B-LOC", "Bar/B-LOC", "Bar/B-LOC"]);
    assert_eq!((data.answers.rejected, data.answers.ignored, data.answers.unknown), (1, 1, 2));
    let tags = concat!(
        r#"{"tokens": ["Ulm"], "tags": ["B-LOC"], "answer": "reject"}"#,
        "\n",
        r#"{"tokens": ["Rom"], "tags": ["B-LOC"]}"#
    );
    assert_eq!(shown(&reads("b.jsonl", tags)), ["Rom/B-LOC"]);
}

#[test]
fn white_space_at_the_ends_of_a_span_is_passed_over() {
    let data =
        reads("a.jsonl", r#"{"text": "In Paris now", "spans": [{"start": 2, "end": 9, "label": "LOC"}]}"#);
    assert_eq!(shown(&data), ["In/O Paris/B-LOC now/O"]);
}

#[test]
fn records_of_one_document_are_neighbours() {
    let tags = |document: &str| format!("{{\"tokens\": [\"a\"], \"ner_tags\": [\"O\"]{document}}}\n");
    let text = [r#", "document": "x""#, r#", "document": "x""#, r#", "document": 7"#, ""].map(tags).concat();
    let data = reads("a.jsonl", text);
    assert_eq!((documents(&data), data.documents, data.marks_documents), (vec![0, 0, 1, 2], 3, true));
    let texts = reads("a.jsonl", "{\"text\": \"a\", \"spans\": []}\n{\"text\": \"b\", \"spans\": []}\n");
    assert_eq!(documents(&texts), [0, 1]);
}

#[test]
fn what_is_not_seen_is_no_word_and_part_of_no_type() {
    let text = "{\"text\": \"Die Ber\\u00adli\\u00adner \\u202aFirma\\u202c\", \"spans\": [{\"start\": 4, \"end\": 14, \
                \"label\": \"\\u2066ORG\\u200b \"}, {\"start\": 15, \"end\": 22, \"label\": \"ORG\"}]}\n";
    assert_eq!(shown(&reads("a.jsonl", text)), ["Die/O Ber\u{ad}li\u{ad}ner/B-ORG Firma/B-ORG"]);
    let tags = "{\"tokens\": [\"\\u2066Rom\\u2069 \", \"\\u200b\"], \"ner_tags\": [\"B-LOC\\u200b\", \"O\"]}\n\u{feff}{\"tokens\": [\"a\"], \"tags\": [\"O \"]}";
    assert_eq!(shown(&reads("a.jsonl", tags)), ["Rom/B-LOC \u{200b}/O", "a/O"]);
    let error = refusal(
        "a.jsonl",
        "{\"text\": \"a\", \"spans\": [{\"start\": 0, \"end\": 1, \"label\": \"\u{200b}\"}]}",
        &ReadOptions::default(),
    );
    assert_says(&error, &["spans[0].label", "the name of a type"]);
}

#[test]
fn the_division_of_a_file_leaves_all_its_texts_whole() {
    let of = |texts: &[&str], document: &str| {
        let line = |text: &&str| format!("{{\"text\": \"{text}\", \"spans\": []{document}}}\n");
        let division = reads("a.jsonl", texts.iter().map(line).collect::<String>()).division;
        assert_eq!(division.words, WordDivision::Marks);
        (division.sentences, division.records_alone)
    };
    assert_eq!(of(&["One. Two.", r"Three.\n"], ""), (SentenceDivision::Line, true));
    assert_eq!(of(&["a", r"One.\r\nTwo.", "b"], ""), (SentenceDivision::Paragraph, true));
    assert_eq!(of(&[r"a\n \nb", r"a\nb"], r#", "document": 1"#), (SentenceDivision::Text, false));
    assert_eq!(reads("a.jsonl", r#"{"tokens": ["a"], "tags": ["O"]}"#).division, Division::CORPUS);
}

#[test]
fn fields_that_are_not_read_may_hold_anything() {
    let spans = concat!(
        r#"{"text": "Anna", "spans": [{"start": 0, "end": 4, "label": "PER", "score": NaN}], "score": NaN}"#,
        "\n",
        r#"{"meta": {"s": "\ud83d", "t": "\q"}, "text": "in Rom", "spans": [], "x": -Infinity}"#
    );
    // By its name and by its content.
    for name in ["a.jsonl", "a.txt"] {
        assert_eq!(shown(&reads(name, spans)), ["Anna/B-PER", "in/O Rom/O"], "{name}");
    }
    let tags = r#"{"loss": NaN, "tokens": ["Rom"], "tags": ["B-LOC"], "meta": "\ud83d"}"#;
    assert_eq!(shown(&reads("a.txt", tags)), ["Rom/B-LOC"]);
}

#[test]
fn halves_of_characters_are_refused_in_what_is_read() {
    for record in [
        r#"{"text": "a\ud83d b", "spans": []}"#,
        r#"{"text": "a", "spans": [{"start": 0, "end": 1, "label": "\ud83d"}]}"#,
        r#"{"tokens": ["\ud83d"], "tags": ["O"]}"#,
        r#"{"tokens": ["a"], "tags": ["\ud83d"]}"#,
    ] {
        let error = refusal("a.jsonl", format!("\n{record}\n"), &ReadOptions::default());
        let column = 1 + record.find('\\').unwrap();
        let expected = format!("has half of a character at character {column}, \"\\\\ud83d");
        assert_says(&error, &["line 2 of", &expected, "write the character itself"]);
    }
    // Names of documents are compared and no more.
    let text = ["\\ud83d", "\\ud83d", "\\ude00"]
        .map(|name| format!("{{\"tokens\": [\"a\"], \"tags\": [\"O\"], \"document\": \"{name}\"}}\n"));
    assert_eq!(documents(&reads("a.jsonl", text.concat())), [0, 0, 1]);
}

#[test]
fn records_end_like_the_lines_of_every_system() {
    let record = |text: &str| format!("{{\"text\": \"{text}\", \"spans\": []}}");
    let [a, b, c] = ["a", "b", "c"].map(record);
    for (text, lines) in [
        (format!("{a}\r{b}\r{c}\r"), [1, 2, 3]),
        (format!("{a}\r{b}\r\r{c}"), [1, 2, 4]),
        (format!("{a}\r\r\n\r\n{b}\r\r\n{c}"), [1, 3, 4]),
        (format!("{a}\r{b}\n\u{feff}{c}\r\n"), [1, 2, 3]),
    ] {
        let data = reads("a.jsonl", &text);
        assert_eq!(shown(&data), ["a/O", "b/O", "c/O"], "{text:?}");
        assert_eq!(
            data.sentences.iter().map(|sentence| sentence.line).collect::<Vec<_>>(),
            lines,
            "{text:?}"
        );
    }
    let wrong = [a.as_bytes(), b"\r\r", b.as_bytes(), b"\r\xff\n"].concat();
    assert_says(
        &refusal("a.jsonl", wrong, &ReadOptions::default()),
        &["is not UTF-8: line 4 has the byte 0xff"],
    );
}
