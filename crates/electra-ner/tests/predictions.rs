//! Files of predictions: written, read back, and refused with the line that is wrong.

use std::fs;
use std::path::{Path, PathBuf};

use electra_ner::Sentence;
use electra_ner::predictions::{self, Gold, Predictions, PredictionsError};
use proptest::prelude::*;
use tempfile::TempDir;

struct Bench(TempDir);

impl Bench {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }
}

fn words(text: &str) -> Vec<String> {
    text.split('|').map(str::to_owned).collect()
}

fn sentence(tokens: &str, tags: &str, document: usize, line: usize) -> Sentence {
    Sentence { tokens: words(tokens), tags: words(tags), document, line }
}

fn gold<'a>(path: &'a Path, sentences: &'a [Sentence]) -> Option<Gold<'a>> {
    Some(Gold { path, sentences })
}

/// The message without the folder.
fn message(error: &PredictionsError, bench: &Bench) -> String {
    error.to_string().replace(&format!("{}/", bench.0.path().display()), "")
}

#[test]
fn what_is_written_is_three_columns_and_reads_back() {
    let bench = Bench::new();
    let path = bench.0.path().join("predictions.conll");
    let sentences = [sentence("Ann|met|#", "B-PER|O|O", 0, 1), sentence("Rome", "B-LOC", 0, 5)];
    let predicted = vec![words("B-PER|I-PER|O"), words("O")];
    predictions::write(&path, &sentences, &predicted).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text, "Ann B-PER B-PER\nmet O I-PER\n# O O\n\nRome B-LOC O\n\n");
    let read = predictions::read(&path, gold(&path, &sentences)).unwrap();
    assert_eq!(read, Predictions { sentences: sentences.to_vec(), predicted });
}

#[test]
fn no_token_can_break_a_line_or_end_a_sentence() {
    let bench = Bench::new();
    let path = bench.0.path().join("predictions.conll");
    let tokens = "two words|\t|a\u{a0}b|\u{3000}|line\nbreak|-X-|-DOCSTART-|\u{feff}|\u{85}|é";
    let sentences = [sentence(tokens, "B-work of art|O|O|O|O|O|O|O|O|O", 0, 1)];
    let predicted = vec![words("B-work of art|O|O|O|O|O|O|O|O|O")];
    predictions::write(&path, &sentences, &predicted).unwrap();
    let read = predictions::read(&path, gold(&path, &sentences)).unwrap();
    let safe = "two_words|_|a_b|_|line_break|_X_|_DOCSTART_|_|_|é";
    assert_eq!(read.sentences, [sentence(safe, "B-work_of_art|O|O|O|O|O|O|O|O|O", 0, 1)]);
}

#[test]
fn types_that_would_become_one_are_not_written() {
    let bench = Bench::new();
    let path = bench.0.path().join("predictions.conll");
    let sentences = [sentence("a|b", "B-x y|B-x_y", 0, 1)];
    let error = predictions::write(&path, &sentences, &[words("O|O")]).unwrap_err();
    assert!(
        message(&error, &bench).contains(r#"the tags "B-x y" and "B-x_y" would look the same"#),
        "{error}"
    );
    assert!(!path.exists());
}

#[test]
fn gold_files_are_read_as_they_come() {
    let bench = Bench::new();
    let text = "\u{feff}-DOCSTART- -X- -X- O\r\n\r\nNew York\tNNP\tI-LOC\r\n\t\r\nEU\tNNP\tB-ORG\r\n.\t.\tO\n\n\n-DOCSTART-\tO\nEnd\tNN\tO";
    let path = bench.file("gold.conll", text);
    let expected =
        [sentence("New York", "I-LOC", 0, 3), sentence("EU|.", "B-ORG|O", 0, 5), sentence("End", "O", 1, 10)];
    assert_eq!(predictions::read_tagged(&path).unwrap(), expected);
}

#[test]
fn two_columns_need_gold_and_get_its_tags() {
    let bench = Bench::new();
    let path = bench.file("tags.conll", "Ann B-PER\nmet O\n\nRome O\n");
    let gold_path = bench.file("gold.conll", "Ann\tS-PER\nmet\tO\n\nRome\tS-LOC\n");
    let sentences = predictions::read_tagged(&gold_path).unwrap();
    let read = predictions::read(&path, gold(&gold_path, &sentences)).unwrap();
    assert_eq!(read, Predictions { sentences, predicted: vec![words("B-PER|O"), words("O")] });
    let error = predictions::read(&path, None).unwrap_err();
    assert!(message(&error, &bench).starts_with("tags.conll has two columns"), "{error}");
    assert!(error.to_string().contains("`--gold`"));
}

#[test]
fn gold_of_another_scheme_agrees_if_the_entities_do() {
    let bench = Bench::new();
    let sentences = [sentence("Ann|Lee|met|Bo", "I-PER|I-PER|O|I-PER", 0, 1)];
    let good = bench.file("good.conll", "Ann B-PER O\nLee I-PER O\nmet O O\nBo B-PER O\n");
    let read = predictions::read(&good, gold(Path::new("gold.conll"), &sentences)).unwrap();
    assert_eq!(read.sentences[0].tags, words("B-PER|I-PER|O|B-PER"));
    let bad = bench.file("bad.conll", "\nAnn B-PER O\nLee I-PER O\nmet O O\nBo B-LOC O\n");
    let error = predictions::read(&bad, gold(Path::new("gold.conll"), &sentences)).unwrap_err();
    let found = message(&error, &bench);
    assert!(found.starts_with("line 5 of bad.conll does not fit line 4 of gold.conll"), "{found}");
    assert!(found.contains(r#""B-LOC" there and "I-PER" in gold"#), "{found}");
}

#[test]
fn each_refusal_names_file_and_line() {
    let bench = Bench::new();
    let read = |content: &[u8]| {
        let path = bench.file("file.conll", content);
        message(&predictions::read(&path, None).unwrap_err(), &bench)
    };
    for (content, expected) in [
        (&b""[..], "file.conll is empty"),
        (b"\n \t\n-DOCSTART- O\n", "file.conll is empty"),
        (b"a O O\n\nb\n", r#"line 3 of file.conll has only "b""#),
        (b"a O O\nb O\n", "line 2 of file.conll has 2 columns, expected 3 as in line 1"),
        (b"a O O\nb \xff O\n", "line 2 of file.conll is not UTF-8"),
    ] {
        assert!(read(content).starts_with(expected), "{}", read(content));
    }
    let error = predictions::read(&bench.0.path().join("gone"), None).unwrap_err();
    assert_eq!(message(&error, &bench), "cannot read gone");
}

#[test]
fn predictions_of_another_text_are_refused_where_they_part() {
    let bench = Bench::new();
    let sentences = [sentence("Ann|met", "O|O", 0, 1), sentence("Rome|fell", "O|O", 0, 4)];
    let read = |content: &str| {
        let path = bench.file("file.conll", content);
        message(&predictions::read(&path, gold(Path::new("gold"), &sentences)).unwrap_err(), &bench)
    };
    for (content, expected) in [
        (
            "Ann O\nmet O\n\nRome O\nFell O\n",
            "line 5 of file.conll does not fit line 5 of gold: the token is \"Fell\"",
        ),
        (
            "Ann O\n\nRome O\nfell O\n",
            "line 1 of file.conll does not fit line 1 of gold: the sentence has 1 tokens",
        ),
        ("Ann O\nmet O\n", "file.conll has 1 sentences, gold has 2"),
        ("Ann O\nmet O\n\nRome O\nfell O\n\nx O\n", "file.conll has 3 sentences, gold has 2"),
    ] {
        assert!(read(content).starts_with(expected), "{}", read(content));
    }
}

proptest! {
    #[test]
    fn any_text_survives_as_tokens_in_their_places(
        tokens in prop::collection::vec("[^|]{1,6}|[ \t#\\-]{1,3}", 1..20),
    ) {
        let bench = Bench::new();
        let path = bench.0.path().join("predictions.conll");
        let tags = vec!["B-X".to_owned(); tokens.len()];
        let sentences = [Sentence { tokens, tags: tags.clone(), document: 0, line: 1 }];
        predictions::write(&path, &sentences, std::slice::from_ref(&tags)).unwrap();
        let read = predictions::read(&path, gold(&path, &sentences)).unwrap();
        prop_assert_eq!(&read.sentences[0].tags, &tags);
        prop_assert_eq!(read.predicted, [tags]);
        let text = fs::read_to_string(&path).unwrap();
        // Nothing that any program could take for a further column or line.
        prop_assert!(text.lines().all(|line| line.is_empty() || line.split_whitespace().count() == 3));
    }
}
