//! Exports of annotation tools, as every command that takes labelled sentences reads them, and as they are
//! converted.

use std::path::Path;

use electra_annotations::{Offsets, ReadOptions, SplitPlan, convert, exported_texts, format_names, read};

use super::columns::files_in;
use crate::case::Case;
use crate::reader::{OkRendered, Reached, Reader};

/// The formats of other tools.
pub(super) struct Exports;

const DOCCANO: &str = r#"{"id": 1, "text": "Ada met Bo in Köln 😀.", "label": [[0, 3, "PER"], [14, 18, "LOC"]]}
{"id": 2, "text": "New York", "entities": [{"id": 0, "label": "LOC", "start_offset": 0, "end_offset": 8}], "relations": [{"id": 1}]}
"#;
const LABEL_STUDIO: &str = r#"[{"id": 1, "data": {"text": "😀 Ada in Rome"}, "annotations": [{"completed_by": {"id": 1, "email": "a@b.c"}, "ground_truth": true,
  "result": [{"type": "labels", "to_name": "text", "value": {"start": 3, "end": 6, "text": "Ada", "labels": ["PER"]}}, {"type": "relation"}]},
  {"completed_by": 2, "was_cancelled": true, "result": []}]}]"#;
const LABEL_STUDIO_MIN: &str = r#"[{"id": 1, "text": "Ada in Rome", "annotator": 1, "annotation_id": 2, "lead_time": 1.5,
  "label": [{"start": 0, "end": 3, "text": "Ada", "labels": ["PER", "X"]}]}]"#;
const GLINER: &str =
    r#"[{"tokenized_text": ["In", "New York", "北", "京"], "ner": [[1, 1, "city"], [2, 3, "city"]]}]"#;
const SPACY: &str = r#"{"text": "U.S. fell.\nBo rose", "ents": [{"start": 0, "end": 4, "label": "GPE"}], "sents": [{"start": 0, "end": 11}, {"start": 11, "end": 18}],
  "tokens": [{"id": 0, "start": 0, "end": 4}, {"id": 1, "start": 5, "end": 10}, {"id": 2, "start": 11, "end": 13}, {"id": 3, "start": 14, "end": 18}], "spans": {"sc": [{}]}}"#;
const PAIRS: &str = r#"[["In Rome", {"entities": [[3, 7, "LOC"]]}]]"#;
const BRAT_TEXT: &str = "North and South\nKorea, and Köln.\n";
const BRAT: &str = "T1\tLOC 0 5;16 21\tNorth Korea\nT2\tLOC 10 15;16 21\tSouth Korea\nR1\tnear Arg1:T1 Arg2:T2\n#1\tAnnotatorNotes T1\tx\n";
const INCEPTION: &str = "#FORMAT=WebAnno TSV 3.3\n#T_SP=x.POS|value\n#T_SP=x.NamedEntity|identifier|value\n\n\n#Text=😀 New York\n\
    1-1\t0-2\t😀\t_\t_\t_\t\n1-2\t3-6\tNew\tNNP\t*[1]\tLOC[1]\t\n1-3\t7-11\tYork\tNNP\t*[1]|*[2]\tLOC[1]|a\\_b[2]\t\n1-3.1\t7-9\tYo\t_\t*\tX\t\n";
const GERMEVAL: &str = "#\thttp://example.org [2009]\n1\tDeutsche\tB-ORG\tB-LOCderiv\n2\tBank\tI-ORG\tO\n";
const CONLLU: &str = "# newdoc\n1-2\tDon't\t_\t_\t_\t_\t_\t_\t_\t_\n1\tDo\t_\t_\t_\t_\t_\t_\t_\t_\n2\tBo\t_\t_\t_\t_\t_\t_\t_\tNER=B-PER|SpaceAfter=No\n";

impl Reader for Exports {
    fn name(&self) -> &'static str {
        "exports"
    }

    fn stages(&self) -> &'static [&'static str] {
        &["read", "converted"]
    }

    fn seeds(&self) -> Vec<Case> {
        let files = [
            ("a.jsonl", DOCCANO),
            ("a.json", LABEL_STUDIO),
            ("a.json", LABEL_STUDIO_MIN),
            ("a.json", GLINER),
            ("a.json", SPACY),
            ("a.json", PAIRS),
            ("a.tsv", INCEPTION),
            ("a.tsv", GERMEVAL),
            ("a.conllu", CONLLU),
        ];
        let brat = Case::default().with("a.txt", BRAT_TEXT).with("a.ann", BRAT);
        files.map(|(name, text)| Case::default().with(name, text)).into_iter().chain([brat]).collect()
    }

    fn waits_for_pipes(&self) -> bool {
        true
    }

    fn run(&self, folder: &Path, reached: &Reached<'_>) -> Option<()> {
        let mut paths = files_in(folder)?;
        let is_annotations =
            |path: &std::path::PathBuf| path.extension().is_some_and(|ending| ending == "ann");
        if paths.iter().any(is_annotations) {
            paths = vec![folder.to_owned()];
        }
        let options = ReadOptions {
            skip_misaligned: true,
            offsets: Some(Offsets::Utf16),
            annotator: Some("1".into()),
            ..ReadOptions::default()
        };
        for path in &paths {
            std::hint::black_box(read(path, &ReadOptions::default()).ok_rendered());
            std::hint::black_box(exported_texts(path).ok_rendered());
            read(path, &options).ok_rendered()?;
        }
        reached.stage("read");
        for (to, _) in format_names().filter(|(_, can_be_written)| *can_be_written) {
            let conversion = convert(&paths, to, &options, None).ok_rendered()?;
            std::hint::black_box(serde_json::to_string(&conversion.left_out).ok_rendered()?);
            // Too little data for three parts is an error.
            let plan: Option<SplitPlan> = "8/1/1".parse().ok();
            std::hint::black_box(convert(&paths, to, &options, plan.as_ref()).ok_rendered());
        }
        reached.stage("converted");
        Some(())
    }
}
