//! What is counted of a data folder, and what of it is a warning.

use electra_text::build::{BuildOutcome, HeldOut, Part, build, build_part};
use electra_text::corpus::{DocumentsBy, Skipped};
use electra_text::coverage::Coverage;
use electra_text::dataset::DataSet;
use electra_text::inspect::{example_text, statistics};
use electra_text::shard::Split;
use electra_text::warning::TextWarning;

use super::built;
use crate::support::{corpus_text, request, tokenizer, write};

#[test]
fn statistics_count_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    // 14 + 3 tokens in two documents; rows hold 8, so 6 + 6 + 2 and the second document joins.
    let input = write(
        folder.path(),
        "a.txt",
        "the the the fox the the the\nthe the the fox the the 😀\n\nfox the fox\n",
    );
    let mut request = request(vec![input], folder.path().join("data"));
    request.pack.seq_len = 8;
    request.heldout = HeldOut::Fraction { fraction: 0.0, salt: 0 };
    built(&request);
    let data = DataSet::open(&request.out).unwrap();
    let tokenizer = tokenizer();
    let found = statistics(&data, &tokenizer, Split::Train, 2);
    assert_eq!((found.counts.documents, found.counts.text_tokens, found.counts.unknown), (2, 17, 1));
    assert_eq!((found.counts.examples, found.counts.tokens), (3, 8 + 8 + 8));
    assert_eq!((found.fill_rate, found.unknown_rate, found.kept_rate), (1.0, 1.0 / 17.0, 1.0));
    assert_eq!(found.pair_rate, 1.0 / 3.0);
    assert_eq!(found.lengths.iter().map(|bin| bin.examples).collect::<Vec<_>>(), [0, 0, 0, 0, 0, 0, 0, 3]);
    let frequent: Vec<_> =
        found.frequent_pieces.iter().map(|piece| (piece.piece.as_str(), piece.count)).collect();
    assert_eq!(frequent, [("the", 12), ("fox", 4)]);
    assert_eq!(found.distinct_pieces, 3);
    let example = data.split(Split::Train).get(2);
    assert_eq!(example_text(example, &tokenizer, &[]), "[CLS] the [UNK] [SEP] fox the fox [SEP]");
    assert_eq!(example_text(example, &tokenizer, &[1, 5]), "[CLS] [MASK] [UNK] [SEP] fox [MASK] fox [SEP]");
    let empty = statistics(&data, &tokenizer, Split::HeldOut, 2);
    assert_eq!((empty.fill_rate, empty.distinct_pieces), (0.0, 0));
}

#[test]
fn few_documents_and_a_share_far_from_the_one_asked_for_are_concerns() {
    let folder = tempfile::tempdir().unwrap();
    let warnings = |name: &str, text: String, by, fraction| {
        let input = write(folder.path(), &format!("{name}.txt"), text);
        let mut request = request(vec![input], folder.path().join(name));
        request.heldout = HeldOut::Fraction { fraction, salt: 0 };
        request.read.documents = by;
        built(&request).warnings()
    };
    // One document a line, read as divided by blank lines: all of it is one document.
    let word = |n: usize| ["the", "quick", "brown", "fox"][n % 4];
    let line = |n: usize| [0, 1, 2, 3, 4, 5].map(|digit| word(n >> (2 * digit))).join(" ") + "\n";
    let lines: String = (0..3000).map(line).collect();
    let found = warnings("lines", lines.clone(), DocumentsBy::BlankLine, 0.0);
    let [
        TextWarning::FewDocuments { documents: 1, text_bytes, split: None, by: Some(DocumentsBy::BlankLine) },
    ] = found[..]
    else {
        panic!("{found:?}")
    };
    assert_eq!(text_bytes, lines.trim().len() as u64);
    assert_eq!(warnings("divided", lines.clone(), DocumentsBy::Line, 0.01), []);
    // Twenty short documents in a file that is held out make the one of training no shorter.
    let heldout = write(folder.path(), "eval.jsonl", "{\"text\": \"the quick fox\"}\n".repeat(20));
    let mut beside = request(vec![write(folder.path(), "beside.txt", &lines)], folder.path().join("beside"));
    beside.heldout = HeldOut::Files(vec![heldout]);
    let by = Some(DocumentsBy::BlankLine);
    let expected = TextWarning::FewDocuments { documents: 1, text_bytes, split: Some(Split::Train), by };
    assert_eq!(built(&beside).warnings(), [expected]);
    // Nor is a held-out file divided by what divides the others.
    beside.inputs = vec![write(folder.path(), "a.jsonl", "{\"text\": \"the quick fox\"}\n".repeat(20))];
    beside.heldout = HeldOut::Files(vec![folder.path().join("beside.txt")]);
    beside.out = folder.path().join("beside-held-out");
    let expected = TextWarning::FewDocuments { documents: 1, text_bytes, split: Some(Split::HeldOut), by };
    assert_eq!(built(&beside).warnings(), [expected]);
    // A book among sixteen short texts: whichever is held out, the share is not a hundredth.
    let mut texts: Vec<String> = (1..=16).map(|n| "fox ".repeat(n)).collect();
    texts.push("the quick brown fox\n".repeat(60_000));
    let found = warnings("book", texts.join("\n\n"), DocumentsBy::BlankLine, 0.01);
    let [
        TextWarning::FewDocuments { .. },
        TextWarning::HeldOutShare { asked: 0.01, found, held_out: 1, documents: 17 },
    ] = found[..]
    else {
        panic!("{found:?}")
    };
    assert!(!(0.005..=0.02).contains(&found), "{found}");
}

#[test]
fn words_and_characters_that_are_unknown_are_counted_apart() {
    let folder = tempfile::tempdir().unwrap();
    // 99 words of three letters that are known, and one of 300 that is too long to be looked up.
    let text = format!("{} {}\n", "fox ".repeat(99), "acgt".repeat(75));
    let mut request = request(vec![write(folder.path(), "a.txt", &text)], folder.path().join("data"));
    request.heldout = HeldOut::Fraction { fraction: 0.0, salt: 0 };
    let manifest = built(&request);
    let expected = Coverage {
        words: 100,
        unknown_words: 1,
        characters: 597,
        unknown_characters: 300,
        written: 597,
        ..Coverage::default()
    };
    assert_eq!(manifest.train.coverage, Some(expected));
    assert_eq!(manifest.warnings(), [TextWarning::Unknown { split: Some(Split::Train), coverage: expected }]);
    let data = DataSet::open(&request.out).unwrap();
    let statistics = statistics(&data, &tokenizer(), Split::Train, 0);
    assert_eq!(statistics.unknown_word_rate, Some(0.01));
    assert_eq!(statistics.unknown_character_rate, Some(300.0 / 597.0));
    // Parts and their sum count the same, and so does a text that is read again and again.
    request.out = folder.path().join("part");
    request.inputs = vec![write(folder.path(), "b.txt", format!("{text}\n").repeat(20))];
    let part = build_part(&request, Part { number: 1, of: 1 }, |_| {}).unwrap();
    let mut sum = Coverage::default();
    (0..20).for_each(|_| sum.add(&expected));
    assert_eq!(part.manifest().counts(Split::Train).coverage, Some(sum));
}

#[test]
fn accents_that_the_tokenizer_drops_are_counted_in_the_data() {
    let folder = tempfile::tempdir().unwrap();
    let input = write(folder.path(), "a.txt", "Café Café the\n\n한국 fox\n");
    let mut request = request(vec![input], folder.path().join("data"));
    request.heldout = HeldOut::Fraction { fraction: 0.0, salt: 0 };
    let found = built(&request).train.coverage.unwrap();
    assert_eq!((found.written, found.stripped, found.jamo), (16, 2, 2));
    let warnings = DataSet::open(&request.out).unwrap().manifest().warnings();
    assert!(warnings.contains(&TextWarning::Accents { coverage: found }), "{warnings:?}");
}

#[test]
fn a_folder_of_an_older_program_opens_and_counts_no_characters() {
    let folder = tempfile::tempdir().unwrap();
    let request =
        request(vec![write(folder.path(), "a.txt", corpus_text(40, 25))], folder.path().join("data"));
    let manifest = built(&request);
    assert_eq!(manifest.skipped, Skipped::default());
    let path = request.out.join("manifest.json");
    let mut value: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    for split in ["train", "heldout"] {
        value[split].as_object_mut().unwrap().remove("coverage").unwrap();
    }
    value.as_object_mut().unwrap().remove("seal").unwrap();
    value["format"] = 1.into();
    std::fs::write(&path, value.to_string()).unwrap();
    let data = DataSet::open(&request.out).unwrap();
    assert_eq!(data.manifest().data_hash(), manifest.data_hash());
    assert_eq!(statistics(&data, &tokenizer(), Split::Train, 0).unknown_character_rate, None);
    assert!(matches!(build(&request, |_| {}).unwrap(), BuildOutcome::Before(_)));
}
