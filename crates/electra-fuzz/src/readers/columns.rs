//! Labelled sentences: columns and JSON lines, as `check ner` and `finetune ner` read them.

use std::path::Path;

use electra_annotations::{
    Aligner, CheckOptions, CheckedSplit, LabelScheme, LabelSet, Measure, ReadOptions, SplitRole, check, read,
    read_as_written,
};
use electra_ner::{Context, WindowSettings, plan};

use super::material::{COLUMNS, tokenizer};
use crate::case::Case;
use crate::mutate::{gzip, zstd};
use crate::reader::{OkRendered, Reached, Reader};

const STAGES: &[&str] = &["read", "checked", "aligned", "labelled"];

/// A token and its tag a line.
pub(super) struct Columns;
/// JSON lines with spans or with tags.
pub(super) struct Spans;

const SPACES: &str =
    "# a comment\n1 Ada NNP B-PER\n2 met VBD O\n3 Rome NNP S-LOC\n\n1 New NNP B-LOC\n2 York NNP E-LOC\n\n";
const SPANS: &str = r#"{"text": "Ada met Bo in Rome.", "spans": [{"start": 0, "end": 3, "label": "PER"}, {"start": 14, "end": 18, "label": "LOC"}], "answer": "accept"}
{"text": "東京 — the café", "spans": [], "meta": {"id": 7}}
{"text": "New York", "spans": [{"start": 0, "end": 8, "label": "LOC"}]}
"#;
const TAGS: &str = r#"{"tokens": ["Ada", "met", "Bo"], "ner_tags": ["B-PER", "O", "B-PER"], "id": "0"}
{"tokens": ["in", "Rome"], "ner_tags": ["O", "B-LOC"]}
"#;

impl Reader for Columns {
    fn name(&self) -> &'static str {
        "columns"
    }

    fn stages(&self) -> &'static [&'static str] {
        STAGES
    }

    fn seeds(&self) -> Vec<Case> {
        vec![
            Case::default().with("train.conll", COLUMNS),
            Case::default().with("train.txt", SPACES).with("dev.txt", SPACES),
            Case::default().with("train.conll.gz", gzip(COLUMNS.as_bytes())),
            Case::default().with("train.conll.zst", zstd(COLUMNS.as_bytes())),
        ]
    }

    fn waits_for_pipes(&self) -> bool {
        true
    }

    fn run(&self, folder: &Path, reached: &Reached<'_>) -> Option<()> {
        run(folder, reached)
    }
}

impl Reader for Spans {
    fn name(&self) -> &'static str {
        "spans"
    }

    fn stages(&self) -> &'static [&'static str] {
        STAGES
    }

    fn seeds(&self) -> Vec<Case> {
        vec![
            Case::default().with("train.jsonl", SPANS),
            Case::default().with("train.jsonl", TAGS).with("dev.jsonl", TAGS),
            Case::default().with("train.jsonl.gz", gzip(SPANS.as_bytes())),
        ]
    }

    fn waits_for_pipes(&self) -> bool {
        true
    }

    fn run(&self, folder: &Path, reached: &Reached<'_>) -> Option<()> {
        run(folder, reached)
    }
}

/// The files of the input folder, in the order of their names.
pub(super) fn files_in(folder: &Path) -> Option<Vec<std::path::PathBuf>> {
    let entries = std::fs::read_dir(folder).ok()?.collect::<Result<Vec<_>, _>>().ok()?;
    let mut paths: Vec<_> = entries.into_iter().map(|entry| entry.path()).collect();
    paths.sort();
    Some(paths)
}

fn run(folder: &Path, reached: &Reached<'_>) -> Option<()> {
    let paths = files_in(folder)?;
    let skipping = ReadOptions { skip_misaligned: true, ..ReadOptions::default() };
    let mut splits = Vec::new();
    for (path, role) in paths.iter().zip([SplitRole::Dev, SplitRole::Train, SplitRole::Test]) {
        std::hint::black_box(read(path, &skipping).ok_rendered());
        std::hint::black_box(read_as_written(path, &ReadOptions::default()).ok_rendered());
        let data = read(path, &ReadOptions::default()).ok_rendered()?;
        splits.push(CheckedSplit { name: path.display().to_string(), role, data });
    }
    reached.stage("read");
    let tokenizer = tokenizer();
    for measure in [Measure::Words, Measure::Pieces(&tokenizer)] {
        let report = check(&splits, &CheckOptions { window: 16, measure, longest: 3 });
        std::hint::black_box(serde_json::to_string(&report).ok_rendered()?);
    }
    reached.stage("checked");
    let mut aligner = Aligner::new(&tokenizer);
    for split in &splits {
        let sentences = &split.data.sentences;
        let aligned: Vec<_> = sentences
            .iter()
            .map(|sentence| aligner.align(&sentence.tokens().collect::<Vec<_>>(), sentence.document))
            .collect();
        for context in [Context::Sentence, Context::Document] {
            std::hint::black_box(plan(&aligned, tokenizer.special(), &WindowSettings::new(16, context)));
        }
    }
    reached.stage("aligned");
    for split in &splits {
        let sentences = &split.data.sentences;
        for scheme in [LabelScheme::Iob2, LabelScheme::Iobes] {
            let labels = LabelSet::of(sentences, scheme);
            std::hint::black_box((labels.counts(sentences), labels.id2label()));
            for sentence in sentences.iter() {
                assert_eq!(
                    labels.encode(&sentence.tags().iter().collect::<Vec<_>>()).len(),
                    sentence.len(),
                    "a label for each token"
                );
            }
        }
    }
    reached.stage("labelled");
    Some(())
}
