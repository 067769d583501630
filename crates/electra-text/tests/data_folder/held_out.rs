//! Which documents are held out, and that training has none of them.

use electra_text::build::{BuildError, BuildOutcome, HeldOut, Part, build, build_part, merge};
use electra_text::dataset::DataSet;
use electra_text::manifest::Manifest;
use electra_text::shard::Split;
use electra_text::wordpiece::{Settings, Tokenizer};

use super::{body, body_of_rows, built, contents};
use crate::support::{corpus_text, request, tokenizer, write};

#[test]
fn separate_held_out_files_are_held_out_whole_and_nothing_else_is() {
    let folder = tempfile::tempdir().unwrap();
    let train = write(folder.path(), "a.txt", corpus_text(40, 1));
    let eval = write(folder.path(), "b.txt", corpus_text(15, 2));
    let mut request = request(vec![train.clone()], folder.path().join("data"));
    request.heldout = HeldOut::Files(vec![eval]);
    let manifest = built(&request);
    assert_eq!((manifest.train.documents, manifest.heldout.documents), (40, 15));
    assert_eq!(manifest.inputs.iter().map(|input| input.split).collect::<Vec<_>>(), Split::ALL);

    request.heldout = HeldOut::Files(vec![train]);
    assert!(matches!(build(&request, |_| {}), Err(BuildError::HeldOutOverlap { .. })));
}

#[test]
fn the_same_documents_are_held_out_in_any_order_and_division_into_files() {
    let folder = tempfile::tempdir().unwrap();
    let text = corpus_text(80, 6);
    let documents: Vec<&str> = text.split("\n\n").filter(|document| !document.is_empty()).collect();
    let held_out = |name: &str, files: Vec<String>| {
        let inputs = files
            .iter()
            .enumerate()
            .map(|(n, text)| write(folder.path(), &format!("{name}/{n}.txt"), text))
            .collect();
        let request = request(inputs, folder.path().join(format!("data-{name}")));
        let mut ids = body_of_rows(&request);
        ids.sort_unstable();
        ids
    };
    let forward = held_out("forward", vec![documents.join("\n\n")]);
    let backward: Vec<&str> = documents.iter().rev().copied().collect();
    assert!(!forward.is_empty());
    assert_eq!(held_out("backward", vec![backward.join("\n\n")]), forward);
    assert_eq!(held_out("divided", documents.chunks(7).map(|chunk| chunk.join("\n\n")).collect()), forward);
}

#[test]
fn documents_that_are_held_out_too_are_left_out_of_training_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let own = corpus_text(40, 21);
    let shared = corpus_text(20, 22);
    // The same words with other white space between them are the same document.
    let respaced = shared.replace(' ', "  ");
    let inputs = vec![
        write(folder.path(), "a.txt", &own),
        write(folder.path(), "b.txt", &respaced),
        write(folder.path(), "c.txt", "the fox\n\nthe dogs, fox\n\nthe fox\n"),
    ];
    let heldout = write(folder.path(), "eval.txt", format!("{shared}\n\nthe fox\n"));
    let mut whole = request(inputs.clone(), folder.path().join("whole"));
    whole.heldout = HeldOut::Files(vec![heldout.clone()]);
    let manifest = built(&whole);
    assert_eq!((manifest.left_out, manifest.train.documents, manifest.heldout.documents), (22, 41, 21));
    let data = DataSet::open(&whole.out).unwrap();

    let mut apart = request(
        vec![inputs[0].clone(), write(folder.path(), "d.txt", "the dogs, fox\n")],
        folder.path().join("apart"),
    );
    apart.heldout = whole.heldout.clone();
    assert_eq!(built(&apart).left_out, 0);
    assert_eq!(body(&data, Split::Train), body(&DataSet::open(&apart.out).unwrap(), Split::Train));
    assert_eq!(body(&data, Split::HeldOut), body(&DataSet::open(&apart.out).unwrap(), Split::HeldOut));

    let mut parts = Vec::new();
    for number in 1..=3 {
        let mut part = whole.clone();
        part.out = folder.path().join(format!("part-{number}"));
        build_part(&part, Part { number, of: 3 }, |_| {}).unwrap();
        parts.push(part.out);
    }
    let merged = folder.path().join("merged");
    assert_eq!(merge(&parts, &merged, false, |_, _| {}).unwrap().manifest().left_out, 22);
    assert_eq!(contents(&merged), contents(&whole.out));

    let mut nothing = request(vec![inputs[1].clone()], folder.path().join("nothing"));
    nothing.heldout = HeldOut::Files(vec![heldout]);
    let error = build(&nothing, |_| {}).unwrap_err();
    assert!(matches!(error, BuildError::AllLeftOut { documents: 20 }), "{error}");
}

#[test]
fn copies_of_held_out_documents_are_found_by_what_the_model_sees_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let texts =
        ["The quick fox", "Café in Berlin, 东京", "unaffable dogs, tokenization", "\u{201c}fox\u{201d} runs"];
    let records = |texts: &[String]| -> String {
        texts.iter().map(|text| serde_json::json!({ "text": text }).to_string() + "\n").collect()
    };
    let heldout = write(folder.path(), "eval.jsonl", records(&texts.map(str::to_owned)));
    let left_out = |name: &str, change: &dyn Fn(&str) -> String, tokenizer: &Tokenizer| {
        let mut copies = texts.map(change).to_vec();
        copies.push("brown dogs".into());
        let input = write(folder.path(), &format!("{name}.jsonl"), records(&copies));
        let mut request = request(vec![input], folder.path().join(name));
        request.heldout = HeldOut::Files(vec![heldout.clone()]);
        request.tokenizer = tokenizer.clone();
        built(&request).left_out
    };
    let uncased = tokenizer();
    let cased = Tokenizer::new(uncased.vocabulary().clone(), Settings::CASED);
    let hyphens = |text: &str| text.chars().flat_map(|c| [c, '\u{ad}']).collect::<String>();
    type Change<'a> = (&'a str, &'a dyn Fn(&str) -> String, [u64; 2]);
    let changes: [Change; 6] = [
        ("mark", &|text| format!("\u{feff}{text}"), [4, 4]),
        ("hyphens", &hyphens, [4, 4]),
        ("spaces", &|text| format!("\u{200b} {} \u{2069}", text.replace(' ', " \u{200b}\n")), [4, 4]),
        ("upper", &|text| text.to_uppercase(), [4, 0]),
        // Of one text of these is there another way to be written.
        ("decomposed", &|text| text.replace('é', "e\u{301}"), [4, 3]),
        ("other", &|text| format!("{text} fox"), [0, 0]),
    ];
    for (name, change, expected) in changes {
        let found = [("uncased", &uncased), ("cased", &cased)]
            .map(|(case, tokenizer)| left_out(&format!("{name}-{case}"), change, tokenizer));
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn data_that_was_built_before_held_out_documents_were_left_out_is_not_taken_for_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let input = write(folder.path(), "a.txt", corpus_text(30, 23));
    let mut request = request(vec![input], folder.path().join("data"));
    request.heldout = HeldOut::Files(vec![write(folder.path(), "eval.txt", corpus_text(5, 24))]);
    built(&request);
    assert!(matches!(build(&request, |_| {}).unwrap(), BuildOutcome::Before(_)));
    let path = request.out.join("manifest.json");
    let text = std::fs::read_to_string(&path).unwrap();
    let named = ",\n      \"left_out_of_training\": true";
    assert!(text.contains(named), "{text}");
    let older = text.replace(named, "");
    let manifest: Manifest = serde_json::from_str(&older).unwrap();
    std::fs::write(&path, manifest.sealed().to_json()).unwrap();
    DataSet::open(&request.out).unwrap();
    assert!(matches!(build(&request, |_| {}), Err(BuildError::OutputOccupied { .. })));
}
