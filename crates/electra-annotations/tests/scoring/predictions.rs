//! Files of predictions: written, read back, and refused with the line that is wrong.

use std::fs;
use std::path::{Path, PathBuf};

use electra_annotations::{
    Gold, LeftOut, Offsets, PredictionForm, Predictions, PredictionsError, ReadOptions, Scheme, Sentence,
    Sentences, TagSequences, format_names, read_as_written,
};
use electra_files::shown::with_help;
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

fn gold<'a>(path: &'a Path, sentences: &'a Sentences) -> Option<Gold<'a>> {
    Some(Gold::in_iob2(path, sentences, &[]))
}

/// Writes predictions for these sentences.
fn write(path: &Path, sentences: &Sentences, predicted: &TagSequences) -> Result<(), PredictionsError> {
    Predictions::of(gold(path, sentences).unwrap(), predicted.clone()).write(path)
}

/// Tags of sentences, packed.
fn tags(sentences: impl IntoIterator<Item = Vec<String>>) -> TagSequences {
    sentences.into_iter().collect()
}

/// The message without the folder.
fn message(error: &PredictionsError, bench: &Bench) -> String {
    with_help(error).replace(&format!("{}/", bench.0.path().display()), "")
}

#[test]
fn what_is_written_is_three_columns_and_reads_back() {
    let bench = Bench::new();
    let path = bench.0.path().join("predictions.conll");
    let sentences =
        Sentences::from(vec![sentence("Ann|met|#", "B-PER|O|O", 0, 1), sentence("Rome", "B-LOC", 0, 5)]);
    let predicted = tags([words("B-PER|I-PER|O"), words("O")]);
    write(&path, &sentences, &predicted).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text, "Ann B-PER B-PER\nmet O I-PER\n# O O\n\nRome B-LOC O\n\n");
    for gold in [gold(&path, &sentences), None] {
        let read = Predictions::read(&path, gold).unwrap();
        assert_eq!((read.sentences, read.predicted), (sentences.clone(), predicted.clone()));
    }
}

#[test]
fn documents_and_gold_that_no_tags_say_are_written_and_read_back() {
    let bench = Bench::new();
    let path = bench.0.path().join("predictions.conll");
    let sentences = Sentences::from(vec![
        sentence("Ann|met", "B-PER|O", 0, 3),
        sentence("Rome", "B-LOC", 0, 6),
        sentence("-LEFT-OUT-", "O", 1, 10),
    ]);
    let left_out = |sentence, kind: &str| LeftOut { sentence, kind: kind.to_owned() };
    let left_out = [left_out(1, "work of art"), left_out(1, "LOC"), left_out(2, "PER")];
    let predicted = tags([words("B-PER|O"), words("O"), words("O")]);
    let gold = Gold::in_iob2(&path, &sentences, &left_out);
    Predictions::of(gold, predicted.clone()).write(&path).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    let expected = "-DOCSTART- O O\n\nAnn B-PER B-PER\nmet O O\n\nRome B-LOC O\n\n\
        -LEFT-OUT- B-work_of_art O\n-LEFT-OUT- B-LOC O\n\n-DOCSTART- O O\n\n_LEFT_OUT_ O O\n\n\
        -LEFT-OUT- B-PER O\n\n";
    assert_eq!(text, expected);
    let read = Predictions::read(&path, None).unwrap();
    let documents: Vec<usize> = read.sentences.iter().map(|sentence| sentence.document).collect();
    assert_eq!((documents, &read.predicted), (vec![0, 0, 1], &predicted));
    let written = |left_out: &LeftOut| LeftOut { kind: left_out.kind.replace(' ', "_"), ..left_out.clone() };
    assert_eq!(read.left_out, left_out.iter().map(written).collect::<Vec<_>>());
    // With gold, everything is as there.
    let read = Predictions::read(&path, Some(gold)).unwrap();
    assert_eq!((&read.sentences, &read.left_out[..]), (&sentences, &left_out[..]));
}

#[test]
fn types_are_called_as_in_the_gold_file_whatever_stands_for_them() {
    let bench = Bench::new();
    let path = bench.0.path().join("predictions.conll");
    let sentences = Sentences::from(vec![sentence("Mona|Lisa", "B-work of art|I-work of art", 0, 1)]);
    let predicted = tags([words("B-work of art|I-work of art")]);
    write(&path, &sentences, &predicted).unwrap();
    assert_eq!(Predictions::read(&path, gold(&path, &sentences)).unwrap().predicted, predicted);
}

#[test]
fn no_token_can_break_a_line_or_end_a_sentence() {
    let bench = Bench::new();
    let path = bench.0.path().join("predictions.conll");
    let tokens = "two words|\t|a\u{a0}b|\u{3000}|line\nbreak|-X-|-DOCSTART-|\u{feff}|\u{85}|é";
    let sentences = Sentences::from(vec![sentence(tokens, "B-work of art|O|O|O|O|O|O|O|O|O", 0, 1)]);
    let predicted = tags([words("B-work of art|O|O|O|O|O|O|O|O|O")]);
    write(&path, &sentences, &predicted).unwrap();
    assert_eq!(Predictions::read(&path, gold(&path, &sentences)).unwrap().sentences, sentences);
    let read = Predictions::read(&path, None).unwrap();
    let safe = "two_words|_|a_b|_|line_break|_X_|_DOCSTART_|_|_|é";
    assert_eq!(read.sentences, vec![sentence(safe, "B-work_of_art|O|O|O|O|O|O|O|O|O", 0, 1)].into());
}

#[test]
fn types_that_would_become_one_are_not_written() {
    let bench = Bench::new();
    let path = bench.0.path().join("predictions.conll");
    let sentences = Sentences::from(vec![sentence("a|b", "B-x y|B-x_y", 0, 1)]);
    let error = write(&path, &sentences, &tags([words("O|O")])).unwrap_err();
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
    let file = read_as_written(&path, &ReadOptions::default()).unwrap();
    assert_eq!((file.sentences, file.scheme), (expected.to_vec().into(), Scheme::Iob2));
}

#[test]
fn two_columns_need_gold_and_get_its_tags() {
    let bench = Bench::new();
    let path = bench.file("tags.conll", "Ann B-PER\nmet O\n\nRome O\n");
    let gold_path = bench.file("gold.conll", "Ann\tS-PER\nmet\tO\n\nRome\tS-LOC\n");
    let file = read_as_written(&gold_path, &ReadOptions::default()).unwrap();
    let read = Predictions::read(&path, Some(Gold::as_written(&file))).unwrap();
    assert_eq!((read.sentences, read.predicted), (file.sentences, tags([words("B-PER|O"), words("O")])));
    assert_eq!((read.gold_scheme, read.predicted_scheme), (Scheme::Iobes, Scheme::Iob2));
    let error = Predictions::read(&path, None).unwrap_err();
    assert!(message(&error, &bench).starts_with("tags.conll has predicted tags alone"), "{error}");
}

#[test]
fn gold_of_another_scheme_agrees_if_the_entities_do() {
    let bench = Bench::new();
    let sentences = Sentences::from(vec![sentence("Ann|Lee|met|Bo", "I-PER|I-PER|O|I-PER", 0, 1)]);
    let good = bench.file("good.conll", "Ann B-PER O\nLee I-PER O\nmet O O\nBo B-PER O\n");
    let read = Predictions::read(&good, gold(Path::new("gold.conll"), &sentences)).unwrap();
    assert_eq!(read.sentences, sentences);
    let bad = bench.file("bad.conll", "\nAnn B-PER O\nLee I-PER O\nmet O O\nBo B-LOC O\n");
    let error = Predictions::read(&bad, gold(Path::new("gold.conll"), &sentences)).unwrap_err();
    let found = message(&error, &bench);
    assert!(found.starts_with("line 5 of bad.conll does not fit line 4 of gold.conll"), "{found}");
    assert!(found.contains(r#""B-LOC" there and "I-PER" in gold"#), "{found}");
}

#[test]
fn each_refusal_names_file_and_line() {
    let bench = Bench::new();
    let read = |content: &[u8]| {
        let path = bench.file("file.conll", content);
        message(&Predictions::read(&path, None).unwrap_err(), &bench)
    };
    for (content, expected) in [
        (&b""[..], "file.conll holds no sentence"),
        (b"\n \t\n-DOCSTART- O\n", "file.conll holds no sentence"),
        (b"a O O\n\nb\n", "line 3 of file.conll has 1 column, expected at least 3"),
        (b"a O O\nb O O\nc O\n", "line 3 of file.conll has 2 columns, expected at least 3"),
        (b"a O O\nb \xff O\n", "file.conll is not UTF-8: line 2"),
        // Tags of no scheme: `PER-B` would be an entity of the type ER, and a score one of the type .99.
        (b"a O O\nb B-PER PER-B\n", r#"line 2 of file.conll has the tag "PER-B""#),
        (b"a O PER\nb B-PER PER\n", r#"line 1 of file.conll has the tag "PER""#),
        (b"a B-PER B-PER 0.99\n", r#"line 1 of file.conll has the tag "0.99""#),
        (b"a PER PER\n", r#"line 1 of file.conll has the tag "PER""#),
        (b"# B-PER PER\na O O\n", r#"line 1 of file.conll has the tag "PER""#),
    ] {
        let found = read(content);
        assert!(found.starts_with("file.conll cannot be read as predictions: "), "{found}");
        assert!(found.contains("; give columns with a token first") && !found.contains("correct"), "{found}");
        assert!(found.contains(expected), "{found}");
    }
    let error = Predictions::read(&bench.0.path().join("gone"), None).unwrap_err();
    assert!(message(&error, &bench).contains("gone"), "{error}");
}

#[test]
fn every_form_that_labelled_files_have_can_be_predictions() {
    let bench = Bench::new();
    let sentences =
        Sentences::from(vec![sentence("Ann|met", "B-PER|O", 0, 1), sentence("Rome", "B-LOC", 0, 4)]);
    let expected = tags([words("B-PER|O"), words("O")]);
    for (name, content) in [
        ("comments.conll", "# text = Ann met\nAnn\tB-PER\nmet\tO\n\nRome\tO\n"),
        ("numbered.conllu", "1\tAnn\tB-PER\n2\tmet\tO\n\n1\tRome\tO\n"),
        ("chunks.conll", "Ann NNP B-NP B-PER\nmet VBD B-VP O\n\nRome NNP B-NP O\n"),
        (
            "tags.jsonl",
            "{\"tokens\":[\"Ann\",\"met\"],\"tags\":[\"B-PER\",\"O\"]}\n{\"tokens\":[\"Rome\"],\"tags\":[\"O\"]}\n",
        ),
        (
            "spans.jsonl",
            "{\"text\":\"Ann met\",\"spans\":[{\"start\":0,\"end\":3,\"label\":\"PER\"}]}\n{\"text\":\"Rome\",\"spans\":[]}\n",
        ),
    ] {
        let path = bench.file(name, content);
        let read = Predictions::read(&path, gold(Path::new("gold"), &sentences)).unwrap();
        assert_eq!((read.predicted, read.other_gold), (expected.clone(), None), "{name}");
    }
    // A column of its own.
    let path = bench.file("scored.conll", "Ann B-PER 0.99\nmet O 0.98\n\nRome O 0.6\n");
    let form = PredictionForm { column: Some(2), ..PredictionForm::default() };
    let read = Predictions::read_as(&path, gold(Path::new("gold"), &sentences), form).unwrap();
    assert_eq!(read.predicted, expected);
}

#[test]
fn predictions_of_other_tools_have_formats_offsets_and_annotators_of_their_own() {
    let bench = Bench::new();
    let sentences = Sentences::from(vec![sentence("\u{1f600}|Ann", "O|B-PER", 0, 1)]);
    let gold = gold(Path::new("gold"), &sentences);
    let doccano = format_names().map(|(name, _)| name).find(|name| name.as_str() == "doccano").unwrap();
    let read = |name: &str, content: &str, options: &ReadOptions| {
        let form = PredictionForm { column: None, options: Some(options) };
        Predictions::read_as(&bench.file(name, content), gold, form).map(|read| read.predicted)
    };
    let expected = sentences.tags().clone();
    let record = "{\"text\": \"\u{1f600} Ann\", \"label\": [[3, 6, \"PER\"]]}";
    assert!(
        read("a.jsonl", record, &ReadOptions::default()).is_err(),
        "nothing tells what its offsets count"
    );
    let options = ReadOptions { offsets: Some(Offsets::Utf16), ..ReadOptions::default() };
    assert_eq!(read("a.jsonl", record, &options).unwrap(), expected);
    // A name that says nothing, and content that two formats might have.
    let both = record.replace("\"label\"", "\"spans\": [], \"label\"");
    let options = ReadOptions { format: Some(doccano), ..options };
    assert_eq!(read("a.pred", &both, &options).unwrap(), expected);
    let of = |by: &str, spans: &str| {
        format!(
            "{{\"text\": \"\u{1f600} Ann\", \"spans\": [{spans}], \"_annotator_id\": \"{by}\", \"_input_hash\": 1}}\n"
        )
    };
    let two = of("a", "") + &of("b", "{\"start\": 2, \"end\": 5, \"label\": \"PER\"}");
    assert!(read("b.jsonl", &two, &ReadOptions::default()).is_err(), "two annotators");
    let options = ReadOptions { annotator: Some("b".into()), ..ReadOptions::default() };
    assert_eq!(read("b.jsonl", &two, &options).unwrap(), expected);
}

#[test]
fn a_gold_file_wins_over_a_gold_column_and_the_difference_is_counted() {
    let bench = Bench::new();
    let sentences = Sentences::from(vec![sentence("Ann|Lee|met|Bo", "B-PER|I-PER|O|B-PER", 0, 1)]);
    let corrected = gold(Path::new("gold.conll"), &sentences).unwrap();
    let path = bench.file("old.conll", "Ann U-PER B-PER\nLee O O\nmet O O\nBo U-PER B-PER\n");
    let read = Predictions::read_as(&path, Some(corrected), PredictionForm::default()).unwrap();
    assert_eq!((read.sentences, read.other_gold), (sentences.clone(), Some(1)));
    let found = message(&Predictions::read(&path, Some(corrected)).unwrap_err(), &bench);
    assert!(found.contains("which makes other entities"), "{found}");
}

#[test]
fn predictions_of_another_text_are_refused_where_they_part() {
    let bench = Bench::new();
    let sentences =
        Sentences::from(vec![sentence("Ann|met", "O|O", 0, 1), sentence("Rome|fell", "O|O", 0, 4)]);
    let read = |content: &str| {
        let path = bench.file("file.conll", content);
        message(&Predictions::read(&path, gold(Path::new("gold"), &sentences)).unwrap_err(), &bench)
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
        let sentences = Sentences::from(vec![Sentence { tokens, tags: tags.clone(), document: 0, line: 1 }]);
        let predicted = TagSequences::from_iter([tags.clone()]);
        write(&path, &sentences, &predicted).unwrap();
        let read = Predictions::read(&path, gold(&path, &sentences)).unwrap();
        prop_assert_eq!(&read.sentences.get(0).to_owned().tags, &tags);
        prop_assert_eq!(read.predicted, predicted);
        let alone = Predictions::read(&path, None).unwrap();
        prop_assert_eq!(alone.sentences.get(0).len(), read.sentences.get(0).len());
        let text = fs::read_to_string(&path).unwrap();
        // Nothing that any program could take for a further column or line.
        prop_assert!(text.lines().all(|line| line.is_empty() || line.split_whitespace().count() == 3));
    }
}
