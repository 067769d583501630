//! Texts to be tagged, as `predict` divides them into sentences and words.

use std::path::Path;

use electra_annotations::{LineBreaks, SentenceDivision, SentenceSettings, WordDivision};
use electra_ner::{Passages, TextForm};
use electra_text::corpus::open_content;

use super::columns::files_in;
use super::material::{SENTENCE, TEXT};
use crate::case::Case;
use crate::mutate::gzip;
use crate::reader::{OkRendered, Reached, Reader};

/// Running text, words with spaces between them, and records.
pub(super) struct Texts;

const RECORDS: &str = r#"{"text": "Ada met Bo. They left.", "document": "a"}
{"text": "", "document": 2}
{"document": 2, "text": "caf\u00e9 \ud83d\ude00", "more": [1, 2, {"a": null}]}
"#;

impl Reader for Texts {
    fn name(&self) -> &'static str {
        "text-to-tag"
    }

    fn stages(&self) -> &'static [&'static str] {
        &["opened", "divided", "records"]
    }

    fn seeds(&self) -> Vec<Case> {
        let odd = format!(
            "{SENTENCE}\r\n\u{feff}x@y.org, 3.14 \u{1f1e9}\u{1f1ea}! e\u{301} U.S.A. Dr. No?\n\n\n{TEXT}"
        );
        vec![
            Case::default().with("a.txt", TEXT),
            Case::default().with("a.txt", odd),
            Case::default().with("a.txt.gz", gzip(TEXT.as_bytes())),
            Case::default().with("a.jsonl", RECORDS),
        ]
    }

    fn waits_for_pipes(&self) -> bool {
        true
    }

    fn run(&self, folder: &Path, reached: &Reached<'_>) -> Option<()> {
        for path in files_in(folder)? {
            drop(open_content(&path).ok_rendered()?);
            reached.stage("opened");
            for form in forms() {
                let is_records = matches!(form, TextForm::Records { .. });
                let mut passages = Passages::new(open_content(&path).ok_rendered()?, form);
                for passage in &mut passages {
                    let sentence = passage.sentence;
                    assert!(!sentence.words.is_empty(), "a sentence without words");
                    assert!(sentence.tokens().all(|word| !word.is_empty()), "a word without letters");
                }
                let is_whole = passages.finish().ok_rendered().is_some();
                if is_whole {
                    reached.stage(if is_records { "records" } else { "divided" });
                }
            }
        }
        Some(())
    }
}

fn forms() -> Vec<TextForm> {
    let settings =
        |words, sentences, line_breaks| SentenceSettings { words, sentences, max_words: 50, line_breaks };
    let corpus = settings(WordDivision::Corpus, SentenceDivision::FullStop, LineBreaks::Space);
    let lines = settings(WordDivision::Corpus, SentenceDivision::Line, LineBreaks::Sentence);
    let records = [false, true].map(|lossy| TextForm::Records { division: corpus, lossy });
    [TextForm::Running(corpus), TextForm::Running(lines), TextForm::Tokenised]
        .into_iter()
        .chain(records)
        .collect()
}
