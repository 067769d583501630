//! Laws of the scores of any tags.

use electra_annotations::{
    Comparison, Confusion, Counts, ErrorClass, ErrorClasses, LeftOut, MetricsError, Mode, Scores,
    SeenEntities, SeenRecall, Sentence, Sentences, Span, StrictScheme, spans,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

type Tags = Vec<Vec<String>>;

const MODES: [Mode; 2] = [Mode::Default, Mode::Strict(StrictScheme::Iobes)];

fn tag() -> impl Strategy<Value = String> {
    let letter = select(vec!["B", "I", "I", "E", "S"]);
    prop_oneof![
        2 => Just("O".to_owned()),
        3 => (letter, select(vec!["", "-A", "-B", "-C-D"])).prop_map(|(letter, kind)| format!("{letter}{kind}")),
    ]
}

/// Gold and predicted tags of up to six sentences; half of the predicted tags are right.
fn pairs() -> impl Strategy<Value = (Tags, Tags)> {
    let token = (tag(), tag(), any::<bool>());
    let token = token.prop_map(|(gold, other, right)| (gold.clone(), if right { gold } else { other }));
    vec(vec(token, 1..12), 1..6)
        .prop_map(|sentences| sentences.into_iter().map(|tokens| tokens.into_iter().unzip()).unzip())
}

fn compare(gold: &Tags, predicted: &Tags, mode: Mode) -> Comparison {
    Comparison::new(gold, predicted, mode).unwrap()
}

fn in_lines(text: &str) -> Tags {
    text.lines().map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
}

/// Entities by trying every pair of bounds.
fn slow_spans(tags: &[String]) -> Vec<Span> {
    let part = |at: usize| -> (&str, &str) { tags[at].split_once('-').unwrap_or((&tags[at], "_")) };
    let outside = |at: usize| tags[at] == "O";
    let begins = |at: usize| {
        let (letter, kind) = part(at);
        !outside(at)
            && (at == 0
                || outside(at - 1)
                || kind != part(at - 1).1
                || letter == "B"
                || letter == "S"
                || part(at - 1).0 == "E"
                || part(at - 1).0 == "S")
    };
    let mut spans = Vec::new();
    for start in 0..tags.len() {
        for end in start + 1..=tags.len() {
            let whole = begins(start)
                && (start + 1..end).all(|at| !outside(at) && !begins(at))
                && (end == tags.len() || outside(end) || begins(end));
            if whole {
                spans.push(Span { start, end, kind: part(start).1.to_owned() });
            }
        }
    }
    spans
}

proptest! {
    #[test]
    fn default_mode_agrees_with_a_slow_definition((gold, _) in pairs()) {
        for tags in &gold {
            prop_assert_eq!(spans(tags, Mode::Default).unwrap(), slow_spans(tags));
        }
    }

    #[test]
    fn spans_are_sorted_and_disjoint((gold, _) in pairs()) {
        for (tags, mode) in gold.iter().flat_map(|tags| MODES.map(|mode| (tags, mode))) {
            let spans = spans(tags, mode).unwrap();
            prop_assert!(spans.iter().all(|span| span.start < span.end && span.end <= tags.len()));
            prop_assert!(spans.windows(2).all(|two| two[0].end <= two[1].start), "{:?}", spans);
        }
    }

    #[test]
    fn whatever_strict_mode_finds_default_mode_finds_too((gold, _) in pairs()) {
        for tags in &gold {
            let lenient = spans(tags, Mode::Default).unwrap();
            let strict = spans(tags, MODES[1]).unwrap();
            prop_assert!(strict.iter().all(|span| lenient.contains(span)), "{:?} {:?}", strict, lenient);
        }
    }

    #[test]
    fn ratios_lie_between_0_and_1((gold, predicted) in pairs()) {
        for mode in MODES {
            let scores = Scores::of(&compare(&gold, &predicted, mode));
            let averages = [scores.macro_average.unwrap_or_default(), scores.weighted];
            let mut ratios = vec![scores.token_accuracy];
            ratios.extend(averages.iter().flat_map(|average| [average.precision, average.recall, average.f1]));
            for scores in scores.types.values().chain([&scores.micro]) {
                let (low, high) = (scores.precision.min(scores.recall), scores.precision.max(scores.recall));
                prop_assert!(scores.f1 >= low - 1e-12 && scores.f1 <= high + 1e-12);
                ratios.extend([scores.precision, scores.recall, scores.f1]);
            }
            prop_assert!(ratios.iter().all(|ratio| (0.0..=1.0).contains(ratio)), "{:?}", ratios);
        }
    }

    #[test]
    fn a_perfect_prediction_scores_1_where_there_are_entities((gold, _) in pairs()) {
        for mode in MODES {
            let scores = Scores::of(&compare(&gold, &gold, mode));
            let expected = f64::from(u8::from(scores.micro.gold > 0));
            prop_assert_eq!(scores.micro.f1, expected);
            prop_assert!((scores.weighted.f1 - expected).abs() < 1e-12);
            prop_assert_eq!(scores.macro_average.is_some(), scores.micro.gold > 0);
            prop_assert_eq!(scores.token_accuracy, 1.0);
        }
    }

    #[test]
    fn exchanging_gold_and_prediction_exchanges_precision_and_recall((gold, predicted) in pairs()) {
        for mode in MODES {
            let there = Scores::of(&compare(&gold, &predicted, mode));
            let back = Scores::of(&compare(&predicted, &gold, mode));
            for (kind, scores) in &there.types {
                let other = &back.types[kind];
                prop_assert_eq!(
                    (scores.precision, scores.recall, scores.f1),
                    (other.recall, other.precision, other.f1)
                );
            }
            prop_assert_eq!(there.micro.precision, back.micro.recall);
        }
    }

    #[test]
    fn the_order_of_sentences_does_not_matter((gold, predicted) in pairs(), turn in 0usize..6) {
        let turned = |tags: &Tags| {
            let mut tags = tags.clone();
            tags.rotate_left(turn % gold.len());
            tags
        };
        let plain = compare(&gold, &predicted, Mode::Default);
        let moved = compare(&turned(&gold), &turned(&predicted), Mode::Default);
        prop_assert_eq!(Scores::of(&plain), Scores::of(&moved));
        prop_assert_eq!(ErrorClasses::of(&plain), ErrorClasses::of(&moved));
        prop_assert_eq!(Confusion::of(&plain), Confusion::of(&moved));
    }

    #[test]
    fn every_entity_is_in_one_error_class((gold, predicted) in pairs()) {
        for mode in MODES {
            let comparison = compare(&gold, &predicted, mode);
            let Counts { gold, predicted, correct } = comparison.counts();
            let e = ErrorClasses::of(&comparison);
            let paired = e.correct + e.wrong_type + e.boundary + e.type_and_boundary;
            prop_assert_eq!((gold, predicted, correct), (paired + e.missed, paired + e.spurious, e.correct));

            // Each of them once, and overlapping pairs only.
            let mut seen: Vec<(usize, bool, &Span)> = Vec::new();
            for found in comparison.matches() {
                seen.extend(found.gold.map(|span| (found.sentence, true, span)));
                seen.extend(found.predicted.map(|span| (found.sentence, false, span)));
                if let (Some(g), Some(p)) = (found.gold, found.predicted) {
                    prop_assert!(g.start < p.end && p.start < g.end);
                }
            }
            prop_assert_eq!(seen.len() as u64, gold + predicted);
            seen.sort_unstable();
            seen.dedup();
            prop_assert_eq!(seen.len() as u64, gold + predicted);
        }
    }

    #[test]
    fn sums_of_the_confusion_are_the_numbers_of_entities((gold, predicted) in pairs()) {
        let comparison = compare(&gold, &predicted, Mode::Default);
        let scores = Scores::of(&comparison);
        let confusion = Confusion::of(&comparison);
        let outside = confusion.labels.len() - 1;
        prop_assert_eq!(confusion.labels[outside].as_str(), "O");
        prop_assert_eq!(confusion.counts[outside][outside], 0);
        for (index, label) in confusion.labels[..outside].iter().enumerate() {
            let row: u64 = confusion.counts[index].iter().sum();
            let column: u64 = confusion.counts.iter().map(|row| row[index]).sum();
            prop_assert_eq!((row, column), (scores.types[label].gold, scores.types[label].predicted));
        }
        let errors = ErrorClasses::of(&comparison);
        let missed: u64 = confusion.counts.iter().map(|row| row[outside]).sum();
        let spurious: u64 = confusion.counts[outside].iter().sum();
        prop_assert_eq!((missed, spurious), (errors.missed, errors.spurious));
    }
}

#[test]
fn each_error_class_by_hand() {
    use ErrorClass::*;
    for (gold, predicted, expected) in [
        ("B-A I-A O", "B-A I-A O", vec![Correct]),
        ("B-A I-A O", "B-B I-B O", vec![Type]),
        ("B-A I-A O", "B-A O O", vec![Boundary]),
        ("B-A I-A O", "O B-B I-B", vec![TypeAndBoundary]),
        ("B-A I-A O", "O O B-A", vec![Missed, Spurious]),
        // Split in two: the longer half is its partner.
        ("B-A I-A I-A", "B-A B-A I-A", vec![Spurious, Boundary]),
        // Joined: of halves of one length the left one is the partner.
        ("B-A B-A", "B-A I-A", vec![Boundary, Missed]),
        // The right type goes before more common tokens.
        ("B-A I-A I-A B-B", "O B-B I-B I-B", vec![Missed, Boundary]),
    ] {
        let comparison = compare(&in_lines(gold), &in_lines(predicted), Mode::Default);
        let mut found: Vec<ErrorClass> = comparison.matches().map(|m| m.class).collect();
        let mut expected = expected;
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected, "{gold} / {predicted}");
    }
}

#[test]
fn the_table_of_the_specification() {
    let f1 = |gold: &str, predicted: &str, mode| {
        compare(&in_lines(gold), &in_lines(predicted), mode).counts().f1()
    };
    for (gold, predicted, default, strict) in [
        ("B-PER I-PER", "I-PER I-PER", 1.0, 0.0),
        ("B-PER I-PER", "B-PER I-LOC", 0.0, 0.0),
        ("B-LOC B-PER", "B-LOC I-PER", 1.0, 2.0 / 3.0),
        ("I-PER O I-LOC", "I-PER O I-LOC", 1.0, 0.0),
        ("O O", "O O", 0.0, 0.0),
    ] {
        assert_eq!(f1(gold, predicted, Mode::Default), default, "{gold} / {predicted}");
        assert_eq!(f1(gold, predicted, Mode::Strict(StrictScheme::Iob2)), strict, "{gold} / {predicted}");
    }
    let counts = |mode| compare(&in_lines("O O"), &in_lines("O I-PER"), mode).counts().predicted;
    assert_eq!([counts(Mode::Default), counts(Mode::Strict(StrictScheme::Iob2))], [1, 0]);
}

#[test]
fn gold_that_is_not_predicted_is_an_error_and_never_left_out() {
    let gold = in_lines("B-PER I-PER O\nO B-LOC");
    let check = |predicted: &str| Comparison::new(&gold, &in_lines(predicted), Mode::Default).unwrap_err();
    assert_eq!(check("B-PER I-PER O"), MetricsError::Sentences { gold: 2, predicted: 1 });
    assert_eq!(check("B-PER I-PER O\nO"), MetricsError::Tags { sentence: 1, gold: 2, predicted: 1 });
    let error =
        Comparison::new(&gold, &in_lines("O O O\nO E-LOC"), Mode::Strict(StrictScheme::Iob2)).unwrap_err();
    assert_eq!(error.to_string(), "sentence 2, token 2: the tag \"E-LOC\" does not belong to IOB2");
}

#[test]
fn runs_are_pooled_by_sentence() {
    let gold = in_lines("B-A O\nB-A B-A");
    let runs = ["B-A O\nO O", "O B-A\nB-A B-A"];
    let pool = Comparison::pooled(
        runs.map(|run| compare(&gold, &in_lines(run), Mode::Default)).into_iter().collect(),
    );
    let counts = |gold, predicted, correct| Counts { gold, predicted, correct };
    assert_eq!(pool.sentence_counts(), [counts(2, 2, 1), counts(4, 2, 2)]);
    assert_eq!(pool.run_counts(), [counts(3, 1, 1), counts(3, 3, 2)]);
    let scores = Scores::of(&pool);
    assert_eq!((scores.tokens_scored, scores.tokens, scores.sentences), (8, 8, 4));
    assert_eq!((scores.micro.correct, scores.micro.predicted, scores.micro.gold), (3, 4, 6));
}

#[test]
fn an_entity_is_seen_if_form_and_type_are() {
    let sentence = |tokens: &str, tags: &str| Sentence {
        tokens: tokens.split(' ').map(str::to_owned).collect(),
        tags: tags.split(' ').map(str::to_owned).collect(),
        document: 0,
        line: 1,
    };
    let train = Sentences::from(vec![sentence("New York met Paris", "B-LOC I-LOC O B-PER")]);
    let test = [
        sentence("New York , Paris , York", "B-LOC I-LOC O B-LOC O B-LOC"),
        sentence("new york or Paris", "B-LOC I-LOC O B-PER"),
    ];
    let predicted = in_lines("B-LOC I-LOC O B-LOC O O\nO O O B-PER");
    let gold: Tags = test.iter().map(|sentence| sentence.tags.clone()).collect();
    let test = Sentences::from(test.to_vec());
    let once = compare(&gold, &predicted, Mode::Default);
    let pool = Comparison::pooled(vec![once.clone(), once.clone()]);
    let seen = SeenEntities::of(train.iter());
    for (comparison, runs) in [(once, 1), (pool, 2)] {
        // Seen: New York, Paris as PER. Unseen: Paris as LOC, York, new york.
        let recall = SeenRecall::of(&comparison, &test, &seen);
        assert_eq!(
            (recall.seen.gold, recall.seen.correct, recall.seen.recall),
            (2 * runs, 2 * runs, Some(1.0))
        );
        assert_eq!((recall.unseen.gold, recall.unseen.correct), (3 * runs, runs));
        assert!((recall.unseen.recall.unwrap() - 1.0 / 3.0).abs() < 1e-12);
    }
    // Where there is nothing to find there is no recall: neither 0 nor 1.
    let nowhere = compare(&in_lines("O"), &in_lines("B-LOC"), Mode::Default);
    let recall = SeenRecall::of(&nowhere, &test.first(1), &seen);
    assert_eq!([recall.seen.recall, recall.unseen.recall], [None, None]);
    assert_eq!(serde_json::to_value(recall.seen).unwrap()["recall"], serde_json::Value::Null);
    assert_eq!(recall.seen.to_string(), "- (0 of 0)");
}

#[test]
fn what_has_no_support_has_no_number_in_a_table() {
    let table = Scores::of(&compare(&in_lines("B-A O"), &in_lines("O B-B"), Mode::Default)).to_string();
    let row = |name: &str| -> Vec<&str> {
        table.lines().find(|line| line.starts_with(name)).unwrap().split_whitespace().collect()
    };
    assert_eq!(row("A"), ["A", "-", "0.00", "0.00", "1", "0", "0"]);
    assert_eq!(row("B"), ["B", "0.00", "-", "-", "0", "1", "0"]);
    assert_eq!(row("micro"), ["micro", "0.00", "0.00", "0.00", "1", "1", "0"]);
    let table = Scores::of(&compare(&in_lines("O O"), &in_lines("O O"), Mode::Default)).to_string();
    assert!(table.contains("micro            -       -       -        0"), "{table}");
    assert!(table.contains("weighted no gold entity"), "{table}");
    // No mean of what is no number either; JSON has seqeval's zeros, and the counts that say so.
    let scores = Scores::of(&compare(&in_lines("O O"), &in_lines("B-A O"), Mode::Default));
    let table = scores.to_string();
    assert!(table.contains("macro    no gold entity") && !table.contains("macro       0.00"), "{table}");
    let json = serde_json::to_value(&scores).unwrap();
    assert_eq!(json["micro"]["f1"], 0.0);
    assert_eq!((&json["micro"]["support"], &json["macro"]["f1"]), (&0.into(), &0.0.into()));
}

#[test]
fn gold_that_no_tags_say_is_missed_in_every_number() {
    let left_out = |sentence, kind: &str| LeftOut { sentence, kind: kind.to_owned() };
    let gold = in_lines("B-A O\nO O");
    let comparison = compare(&gold, &in_lines("B-A O\nO B-C"), Mode::Default);
    let comparison = comparison.with_left_out(&[left_out(0, "A"), left_out(1, "B"), left_out(1, "B")]);
    assert_eq!(comparison.counts(), Counts { gold: 4, predicted: 2, correct: 1 });
    let of_sentence = |gold, predicted, correct| Counts { gold, predicted, correct };
    assert_eq!(comparison.sentence_counts(), [of_sentence(2, 1, 1), of_sentence(2, 1, 0)]);
    let scores = Scores::of(&comparison);
    assert_eq!((scores.micro.gold, scores.types["A"].recall, scores.types["B"].gold), (4, 0.5, 2));
    let errors = ErrorClasses::of(&comparison);
    assert_eq!((errors.correct, errors.missed, errors.spurious), (1, 3, 1));
    let confusion = Confusion::of(&comparison);
    assert_eq!(confusion.labels, ["A", "B", "C", "O"]);
    assert_eq!(confusion.counts, [[1, 0, 0, 1], [0, 0, 0, 2], [0, 0, 0, 0], [0, 0, 1, 0]]);
    // They are no tokens: accuracy stays what it is.
    assert_eq!((scores.tokens, scores.token_accuracy), (4, 0.75));
    let pool = Comparison::pooled(vec![comparison.clone(), comparison]);
    assert_eq!((pool.left_out(), pool.counts().gold), (6, 8));
}

#[test]
fn json_keeps_its_field_names() {
    let gold = in_lines("B-A I-A O B-B");
    let scores = Scores::of(&compare(&gold, &in_lines("B-A I-A O O"), Mode::Strict(StrictScheme::Iob2)));
    let found: serde_json::Value = serde_json::to_value(&scores).unwrap();
    let a = serde_json::json!(
        { "precision": 1.0, "recall": 1.0, "f1": 1.0, "support": 1, "predicted": 1, "correct": 1 }
    );
    let b = serde_json::json!(
        { "precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 1, "predicted": 0, "correct": 0 }
    );
    let micro = serde_json::json!(
        { "precision": 1.0, "recall": 0.5, "f1": 2.0 / 3.0, "support": 2, "predicted": 1, "correct": 1 }
    );
    let half = serde_json::json!({ "precision": 0.5, "recall": 0.5, "f1": 0.5 });
    let expected = serde_json::json!({
        "mode": "strict", "scheme": "IOB2", "sentences": 1, "tokens": 4, "tokens_scored": 4,
        "token_accuracy": 0.75, "micro": micro, "macro": half, "weighted": half,
        "types": { "A": a, "B": b },
    });
    assert_eq!(found, expected);
}
