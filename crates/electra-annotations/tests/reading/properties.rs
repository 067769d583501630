//! Laws: schemes say the same in other words, and files give back what was written.

use crate::support::{shown, try_read};
use electra_annotations::{DataFile, ReadOptions, Scheme, detect_scheme, from_iob2, to_iob2, violations};
use proptest::prelude::*;

/// Entities of a sentence in IOB2: each of some length and type, or one token outside.
fn iob2() -> impl Strategy<Value = Vec<String>> {
    let entity = (prop::sample::select(vec!["PER", "GPE-LOC", "_", "creative-work"]), 1..5usize);
    let outside = Just(("", 1));
    prop::collection::vec(prop_oneof![outside, entity], 1..8).prop_map(|parts| {
        let tags = parts.into_iter().flat_map(|(kind, length)| {
            (0..length).map(move |at| match (kind, at) {
                ("", _) => "O".to_owned(),
                (kind, 0) => format!("B-{kind}"),
                (kind, _) => format!("I-{kind}"),
            })
        });
        tags.collect()
    })
}

/// Any tags of IOBES, in any order.
fn disorder() -> impl Strategy<Value = Vec<String>> {
    let tag = (prop::sample::select(vec!["B", "I", "E", "S"]), prop::sample::select(vec!["PER", "LOC"]));
    let tag = prop_oneof![Just("O".to_owned()), tag.prop_map(|(letter, kind)| format!("{letter}-{kind}"))];
    prop::collection::vec(tag, 0..12)
}

/// A word: no number, of which only a whole file says whether they count, and no hash at its beginning.
fn word() -> impl Strategy<Value = String> {
    "[a-zäß漢'][a-zäß漢0-9#.'\u{301}-]{0,5}"
}

proptest! {
    #[test]
    fn every_scheme_says_what_iob2_says(tags in iob2(), scheme in prop::sample::select(Scheme::ALL.to_vec())) {
        let written = from_iob2(&tags, scheme);
        prop_assert_eq!(to_iob2(&written).unwrap(), tags);
        prop_assert_eq!(violations(&written, scheme).unwrap(), []);
        for tag in &written {
            prop_assert!(tag == "O" || scheme.letters().contains(&tag[..1]), "{tag} in {scheme}");
        }
    }

    #[test]
    fn whatever_is_read_is_legal_and_changes_once(tags in disorder()) {
        let read = to_iob2(&tags).unwrap();
        prop_assert_eq!(violations(&read, Scheme::Iob2).unwrap(), []);
        prop_assert_eq!(to_iob2(&read).unwrap(), read.clone());
        for (old, new) in tags.iter().zip(&read) {
            prop_assert_eq!(old.split_once('-').map(|t| t.1), new.split_once('-').map(|t| t.1));
        }
        // What is legal and means the same is left alone.
        if violations(&tags, Scheme::Iobes).unwrap().is_empty() {
            prop_assert_eq!(from_iob2(&read, Scheme::Iobes), tags);
        }
    }

    #[test]
    fn files_give_back_what_was_written(
        sentences in prop::collection::vec(iob2(), 1..6),
        words in prop::collection::vec(word(), 1..40),
        scheme in prop::sample::select(Scheme::ALL.to_vec()),
        form in 0..6usize,
        end in prop::sample::select(vec!["\n", "\r\n"]),
    ) {
        let mut words = words.iter().cycle();
        let tokens: Vec<Vec<&String>> =
            sentences.iter().map(|tags| words.by_ref().take(tags.len()).collect()).collect();
        let mut written = String::new();
        for (tags, tokens) in sentences.iter().zip(&tokens) {
            let tags = from_iob2(tags, scheme);
            if form == 5 {
                written += &serde_json::json!({"tokens": tokens, "ner_tags": tags}).to_string();
                written += end;
                continue;
            }
            for (at, (token, tag)) in tokens.iter().zip(&tags).enumerate() {
                let number = at + 1;
                written += &match form {
                    0 => format!("{token}\t{tag}"),
                    1 => format!("{token} {tag} "),
                    2 => format!("{number}\t{token} {token}\t{tag}\t-\tann"),
                    3 => format!("{number}  {token}  NN  {tag}"),
                    _ => format!("{token}\tNN\tO\t{tag}"),
                };
                written += end;
            }
            written += [" \t", ""][form % 2];
            written += end;
        }
        let expected: Vec<String> = sentences.iter().zip(&tokens).map(|(tags, tokens)| {
            let twice = |token: &String| if form == 2 { format!("{token} {token}") } else { token.clone() };
            let shown: Vec<String> = tokens.iter().zip(tags).map(|(w, tag)| format!("{}/{tag}", twice(w))).collect();
            shown.join(" ")
        }).collect();
        // A file may be legal in several schemes; it reads the same in all of them.
        for scheme in [None, Some(scheme)] {
            let options = ReadOptions { scheme, ..ReadOptions::default() };
            let data: DataFile = try_read("file", &written, &options).unwrap();
            prop_assert_eq!(shown(&data), expected.clone());
            prop_assert!(data.invalid.is_empty(), "{:?} in {:?}", data.invalid, data.scheme);
        }
    }
}

#[test]
fn the_more_frequent_habit_tells_iob1_from_iob2() {
    let detected = |tags: &str| {
        let sentences: Vec<Vec<String>> =
            tags.split('|').map(|s| s.split_whitespace().map(str::to_owned).collect()).collect();
        detect_scheme(sentences.iter().map(Vec::as_slice)).unwrap()
    };
    for (tags, scheme) in [
        ("O O", Scheme::Iob2),
        ("I-A I-A O | I-B", Scheme::Iob1),
        ("I-A B-A I-A", Scheme::Iob1),
        ("B-A I-A | B-B", Scheme::Iob2),
        // One entity in three begins as the other scheme has it.
        ("B-A O B-A | O I-A", Scheme::Iob2),
        ("I-A O B-A | O I-A", Scheme::Iob1),
        // A tie, and a type that changes within.
        ("B-A O I-A", Scheme::Iob2),
        ("B-A I-B | B-A", Scheme::Iob2),
        ("B-A E-A", Scheme::Iobes),
        ("B-A L-A", Scheme::Bilou),
        ("B-A M-A E-A S-B", Scheme::Bmes),
    ] {
        assert_eq!(detected(tags), scheme, "{tags}");
    }
}
