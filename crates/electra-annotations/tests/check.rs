//! Tests of the findings of a check, with numbers counted by hand.

mod support;

use std::path::Path;

use electra_annotations::{CheckOptions, CheckReport, CheckedSplit, Measure, SplitRole, check};
use electra_text::wordpiece::Settings;
use electra_text::{Tokenizer, Vocabulary};
use support::reads;

fn split(role: SplitRole, text: &str) -> CheckedSplit {
    CheckedSplit { name: format!("{role:?}").to_lowercase(), role, data: reads("a.conll", text) }
}

/// Sentences separated by `|`, each of `token/tag`.
fn conll(text: &str) -> String {
    let sentence =
        |s: &str| s.split_whitespace().map(|t| t.replace('/', "\t") + "\n").collect::<String>() + "\n";
    text.split('|').map(sentence).collect()
}

fn checked(splits: &[(SplitRole, &str)], window: usize) -> CheckReport {
    let splits: Vec<CheckedSplit> = splits.iter().map(|(role, text)| split(*role, &conll(text))).collect();
    check(&splits, &CheckOptions { window, measure: Measure::Words, longest: 1 })
}

const TRAIN: &str =
    "Anna/B-PER of/O Rome/B-LOC | Yes/O | Yes/O | EU/B-ORG | EU/B-LOC | Rome/B-LOC is/O old/O too/O";
const TEST: &str = "Yes/O | EU/B-ORG | Gott/B-DEITY ist/O tot/O | Anna/I-PER";

#[test]
fn a_file_is_counted() {
    let train = &checked(&[(SplitRole::Train, TRAIN)], 6).splits[0];
    assert_eq!((train.sentences, train.tokens, train.entities, train.documents), (6, 11, 5, 1));
    let types: Vec<(&str, usize)> = train.types.iter().map(|(kind, count)| (kind.as_str(), *count)).collect();
    assert_eq!(types, [("LOC", 3), ("ORG", 1), ("PER", 1)]);
    assert_eq!(
        (train.longest[0].line, train.longest[0].length, &*train.longest[0].text),
        (13, 4, "Rome is old too")
    );
}

#[test]
fn sentences_over_the_window_leave_room_for_two_special_pieces() {
    let lines = |window| checked(&[(SplitRole::Train, TRAIN)], window).splits[0].too_long.lines.clone();
    assert_eq!(lines(6), [0usize; 0]);
    assert_eq!(lines(5), [13]);
    assert_eq!(lines(4), [1, 13]);
}

#[test]
fn lengths_in_pieces_count_a_word_that_vanishes() {
    let pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "ro", "##me", "is"];
    let vocabulary = Vocabulary::new(pieces.map(str::to_owned).to_vec(), Path::new("vocab.txt")).unwrap();
    let tokenizer = Tokenizer::new(vocabulary, Settings::UNCASED);
    let train = split(SplitRole::Train, "Rome\tB-LOC\n\u{200b}\tO\nis\tO\n");
    let measure = Measure::Pieces(&tokenizer);
    let report = check(&[train], &CheckOptions { window: 5, measure, longest: 1 });
    // ro ##me, one for the zero-width space, is: four, and two special ones.
    assert_eq!((report.unit, report.splits[0].longest[0].length), ("pieces", 4));
    assert_eq!((report.splits[0].too_long.sentences, report.splits[0].too_long.tokens), (1, 3));
}

#[test]
fn unknown_words_and_characters_are_counted_by_split() {
    let pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "ro", "##me", "is"];
    let vocabulary = Vocabulary::new(pieces.map(str::to_owned).to_vec(), Path::new("vocab.txt")).unwrap();
    let tokenizer = Tokenizer::new(vocabulary, Settings::UNCASED);
    let train = split(SplitRole::Train, "Rome\tB-LOC\nis\tO\n");
    // Two ideographs are two words to look up, a word that vanishes is one that is unknown.
    let test = split(SplitRole::Test, "Rome\tB-LOC\n東京\tB-LOC\n\u{200b}\tO\nhuge\tO\n");
    let measure = Measure::Pieces(&tokenizer);
    let report = check(&[train, test], &CheckOptions { window: 128, measure, longest: 1 });
    let found = report.splits.iter().map(|split| {
        let c = split.coverage.unwrap();
        [c.words, c.unknown_words, c.characters, c.unknown_characters]
    });
    assert_eq!(found.collect::<Vec<_>>(), [[2, 0, 6, 0], [5, 4, 11, 7]]);
    assert_eq!(checked(&[(SplitRole::Train, TRAIN)], 128).splits[0].coverage, None);
}

#[test]
fn copies_within_and_between_files_are_found() {
    let report = checked(&[(SplitRole::Train, TRAIN), (SplitRole::Test, TEST)], 128);
    let copies = &report.splits[0].duplicates;
    assert_eq!((copies.sentences, copies.contradictions), (2, 1));
    let groups: Vec<_> = copies.groups.iter().map(|g| (g.lines, g.contradiction)).collect();
    assert_eq!(groups, [([5, 7].as_slice(), false), (&[9, 11], true)]);
    assert_eq!(report.leaks.len(), 1);
    let leak = &report.leaks[0];
    assert_eq!((&*leak.from, &*leak.to, leak.sentences, leak.share), ("train", "test", 2, 0.5));
    assert_eq!((leak.with_entities, leak.contradictions), (1, 0));
    assert_eq!(leak.lines, [[5, 1], [9, 3]]);
}

#[test]
fn types_that_the_training_data_lack_and_shares_that_drift_are_named() {
    let report = checked(&[(SplitRole::Train, TRAIN), (SplitRole::Test, TEST)], 128);
    let drift = &report.drift[0];
    assert_eq!((&*drift.split, &*drift.reference), ("test", "train"));
    assert_eq!(drift.unknown_types.iter().collect::<Vec<_>>(), [(&"DEITY".to_owned(), &1)]);
    assert_eq!(drift.missing_types, ["LOC"]);
    // LOC 3/5 -> 0, DEITY 0 -> 1/3, ORG and PER 1/5 -> 1/3: half of .6 + .333 + .133 + .133.
    assert!((drift.distance - 0.6).abs() < 1e-9, "{}", drift.distance);
    assert_eq!(drift.types[0].kind, "LOC");
    assert!((drift.density - 50.0).abs() < 1e-9, "3 entities in 6 tokens: {}", drift.density);
    // Without training data the first file stands in.
    let report = checked(&[(SplitRole::Unknown, TRAIN), (SplitRole::Unknown, TEST)], 128);
    assert_eq!(report.drift[0].reference, "unknown");
    // Several training files count together.
    let report = checked(&[(SplitRole::Train, TRAIN), (SplitRole::Train, TEST), (SplitRole::Dev, TEST)], 128);
    assert_eq!((report.drift.len(), report.drift[0].unknown_types.len()), (1, 0));
}

#[test]
fn invalid_transitions_are_passed_on() {
    let report = checked(&[(SplitRole::Test, TEST)], 128);
    let invalid = &report.splits[0].invalid_transitions;
    assert_eq!((invalid.len(), invalid.get(0).line, invalid.get(0).to), (1, 9, Some("I-PER")));
    assert_eq!(report.splits[0].changed_tags, 1);
}

#[test]
fn a_file_without_entities_has_no_shares() {
    let report = checked(&[(SplitRole::Train, "a/O"), (SplitRole::Test, "b/O")], 128);
    assert_eq!((report.drift[0].distance, report.drift[0].density), (0.0, 0.0));
}
