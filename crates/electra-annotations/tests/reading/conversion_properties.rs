//! Laws of conversion, on made-up texts and spans: what a format can say comes back from it, and what comes back
//! is what was not listed as left out.

use std::collections::BTreeSet;
use std::path::Path;

use electra_annotations::{FormatName, Offsets, ReadOptions, convert, format_names};
use proptest::prelude::*;
use serde_json::{Value, json};

fn options() -> ReadOptions {
    ReadOptions { skip_misaligned: true, offsets: Some(Offsets::CodePoints), ..ReadOptions::default() }
}

fn format(name: &str) -> FormatName {
    format_names().map(|(format, _)| format).find(|format| format.to_string() == name).unwrap()
}

/// A text with the bounds and types of its spans.
type Spans = (String, BTreeSet<(usize, usize, String)>);

/// The texts of a file with their spans.
fn spans(folder: &Path, name: &str) -> Vec<Spans> {
    let converted = convert(&[folder.join(name)], format("spans"), &options(), None).unwrap();
    let lines = std::str::from_utf8(&converted.parts[0].files[0].1).unwrap().lines();
    let records = lines.map(|line| serde_json::from_str::<Value>(line).unwrap());
    let span = |span: &Value| {
        let bound = |name: &str| span[name].as_u64().unwrap() as usize;
        (bound("start"), bound("end"), span["label"].as_str().unwrap().to_owned())
    };
    records
        .map(|record| {
            let text = record["text"].as_str().unwrap().to_owned();
            (text, record["spans"].as_array().unwrap().iter().map(span).collect())
        })
        .collect()
}

/// Texts of letters, marks, spaces, ends of lines, ideographs, emoji and accents, with a word in each.
fn text() -> impl Strategy<Value = String> {
    proptest::collection::vec(
        prop_oneof![
            4 => "[a-zA-Z0-9]{1,4}",
            2 => Just(" ".to_owned()),
            1 => prop_oneof![Just(".".to_owned()), Just("\\n".to_owned()), Just("\n".to_owned()), Just("\t#".to_owned())],
            1 => prop_oneof![Just("北京".to_owned()), Just("トヨ".to_owned()), Just("e\u{301}".to_owned())],
            1 => prop_oneof![Just("\u{1f469}\u{200d}\u{1f467}".to_owned()), Just("\u{200b}".to_owned())],
        ],
        1..12,
    )
    .prop_map(|parts| format!("{}x", parts.concat()))
}

fn record() -> impl Strategy<Value = Value> {
    (text(), proptest::collection::vec((0usize..30, 0usize..12, "[A-C]"), 0..5)).prop_map(|(text, spans)| {
        // Formats differ in whether one span may be there twice.
        let spans: BTreeSet<(usize, usize, String)> = spans.into_iter().collect();
        let spans: Vec<Value> = spans
            .into_iter()
            .map(|(start, length, label)| json!({ "start": start, "end": start + length, "label": label }))
            .collect();
        json!({ "text": text, "spans": spans })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn what_is_not_listed_comes_back(records in proptest::collection::vec(record(), 1..4)) {
        let folder = tempfile::tempdir().unwrap();
        let lines: String = records.iter().map(|record| format!("{record}\n")).collect();
        std::fs::write(folder.path().join("a.jsonl"), lines).unwrap();
        let given: usize = spans(folder.path(), "a.jsonl").iter().map(|(_, spans)| spans.len()).sum();
        for (to, _) in format_names().filter(|(_, can_be_written)| *can_be_written) {
            let converted = convert(&[folder.path().join("a.jsonl")], to, &options(), None).unwrap();
            let kept: usize = converted.parts[0].types.values().sum();
            let name = to.to_string();
            for (file, bytes) in &converted.parts[0].files {
                let path = if converted.is_folder { folder.path().join(&name).join(file) } else { folder.path().join(&name) };
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, bytes).unwrap();
            }
            let back = spans(folder.path(), &name);
            let found: usize = back.iter().map(|(_, spans)| spans.len()).sum();
            // The same said twice is said once.
            prop_assert!(found <= kept && kept <= 5 * records.len(), "{name}: {found} of {kept}");
            let texts_stay = ["spans", "prodigy", "doccano", "label-studio"].contains(&name.as_str());
            if texts_stay {
                prop_assert_eq!(&back, &spans(folder.path(), "a.jsonl"), "{}", name);
                prop_assert_eq!(found, given);
            }
            // Written once more it is the same, whatever the format could not say at first.
            let again = convert(&[folder.path().join(&name)], to, &options(), None).unwrap();
            prop_assert_eq!(again.left_out.len(), 0, "{}: {:?}", name, again.left_out);
            prop_assert_eq!(again.parts[0].types.values().sum::<usize>(), found, "{}", name);
        }
    }
}
