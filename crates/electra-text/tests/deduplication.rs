//! Near duplicates: what is found, and data built without them.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use electra_files::shown::with_help;
use electra_text::build::{
    BuildError, BuildOutcome, BuildRequest, Deduplicate, HeldOut, Part, build, build_part, merge,
};
use electra_text::near_duplicates::{NearDuplicates, Signature, TooManyDocuments};
use electra_text::{DataSet, Manifest, Split};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

#[path = "support/mod.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod support;

fn random_words(rng: &mut ChaCha8Rng, count: usize) -> Vec<String> {
    (0..count).map(|_| format!("w{}", rng.random_range(0..50_000))).collect()
}

/// The similarity itself.
fn jaccard(a: &[String], b: &[String]) -> f64 {
    let [a, b] = [a, b].map(|words| words.windows(5).map(<[String]>::to_vec).collect::<HashSet<_>>());
    a.intersection(&b).count() as f64 / a.union(&b).count() as f64
}

/// `words` with so many of them replaced, evenly spread.
fn changed(words: &[String], count: usize) -> Vec<String> {
    let mut changed = words.to_vec();
    for number in 0..count {
        changed[number * words.len() / count] = format!("new{number}");
    }
    changed
}

#[test]
fn the_estimate_is_that_of_the_jaccard_similarity() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let (mut sum, mut squares, mut number) = (0.0, 0.0, 0.0);
    for round in 0..60 {
        let a = random_words(&mut rng, 400);
        let b = changed(&a, 1 + round % 20);
        let estimate = Signature::of(&a.join(" ")).similarity(&Signature::of(&b.join(" ")));
        let off = estimate - jaccard(&a, &b);
        (sum, squares, number) = (sum + off, squares + off * off, number + 1.0);
    }
    let (mean, deviation) = (sum / number, f64::sqrt(squares / number));
    assert!(mean.abs() < 0.02 && deviation < 0.05, "off by {mean:.4} on average, deviation {deviation:.4}");
}

#[test]
fn planted_duplicates_are_found_and_others_are_not() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let mut seen = NearDuplicates::new(0.8, 1 << 30);
    let documents: Vec<Vec<String>> = (0..2_000).map(|_| random_words(&mut rng, 200)).collect();
    let mut repeats = |words: &[String]| seen.repeats(&Signature::of(&words.join(" "))).unwrap();
    let wrong = documents.iter().filter(|words| repeats(words)).count();
    assert_eq!(wrong, 0, "documents that have nothing in common");
    // Similarities of 0.94, 0.89, 0.85 and 0.62.
    for (count, least, most) in [(2, 1_999, 2_000), (3, 1_980, 2_000), (4, 1_750, 2_000), (10, 0, 2)] {
        let found = documents.iter().filter(|words| repeats(&changed(words, count))).count();
        let similarity = jaccard(&documents[0], &changed(&documents[0], count));
        assert!((least..=most).contains(&found), "{found} of 2,000 at a similarity of {similarity:.2}");
    }
}

#[test]
fn case_and_marks_make_no_other_document_and_short_texts_are_told_apart() {
    let of = Signature::of;
    let text = "It is a truth universally acknowledged, that a single man must be in want.";
    assert_eq!(of(text), of("it is  a truth universally acknowledged that a single man must be in want"));
    assert!(of("one two").similarity(&of("one three")) < 0.2);
    assert!(of("!!!").similarity(&of("???")) < 0.2);
    assert_eq!(of("one two"), of("One, two!"));
    // Every character of a script without spaces is a word.
    let long: String = ('\u{4e00}'..).take(300).collect();
    let other = long.replacen('\u{4e64}', "\u{9000}", 1);
    let similarity = of(&long).similarity(&of(&other));
    assert!((0.85..1.0).contains(&similarity), "{similarity}");
}

#[test]
fn signatures_never_change_and_memory_is_bounded() {
    let signature = format!("{:?}", Signature::of("the quick brown fox jumps over the lazy dog"));
    assert!(signature.starts_with("Signature([233, 147, 221, 141, 36, 58, 216, 155, "), "{signature}");
    assert!(signature.ends_with(", 202, 219, 40, 161, 182, 191])"), "{signature}");
    let mut seen = NearDuplicates::new(0.8, 10 * NearDuplicates::BYTES_PER_DOCUMENT);
    let texts: Vec<String> = (0..11).map(|number| format!("text number {number}")).collect();
    for text in &texts[..10] {
        assert_eq!(seen.repeats(&Signature::of(text)), Ok(false));
    }
    assert_eq!(seen.repeats(&Signature::of(&texts[3])), Ok(true));
    assert_eq!(seen.repeats(&Signature::of(&texts[10])), Err(TooManyDocuments));
}

/// A corpus of documents of 60 random words of the vocabulary, some of which come again: exactly, with other marks and
/// case, with a word changed, and with half of the words changed.
struct Planted {
    folder: tempfile::TempDir,
    input: PathBuf,
    documents: usize,
    repeated: usize,
}

fn planted() -> Planted {
    let folder = tempfile::tempdir().unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let originals: Vec<Vec<String>> = (0..300).map(|_| random_words(&mut rng, 120)).collect();
    let mut documents: Vec<String> = originals.iter().map(|words| words.join(" ")).collect();
    let mut repeated = 0;
    for (number, words) in originals.iter().enumerate() {
        match number % 5 {
            0 => documents.push(words.join(" ")),
            1 => documents.push(words.join(", ").to_uppercase()),
            2 => documents.push(changed(words, 1).join(" ")),
            3 => documents.push(changed(words, 60).join(" ")),
            _ => continue,
        }
        repeated += usize::from(number % 5 != 3);
    }
    let input = folder.path().join("corpus.txt");
    fs::write(&input, documents.join("\n\n")).unwrap();
    Planted { folder, input, documents: documents.len(), repeated }
}

impl Planted {
    fn request(&self, out: &str) -> BuildRequest {
        let deduplicate = Some(Deduplicate { threshold: 0.8, memory_bytes: 1 << 30 });
        BuildRequest {
            deduplicate,
            ..support::request(vec![self.input.clone()], self.folder.path().join(out))
        }
    }
}

fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .map(|path| (path.strip_prefix(folder).unwrap().to_owned(), fs::read(&path).unwrap()))
        .collect();
    found.sort();
    found
}

#[test]
fn data_without_near_duplicates_does_not_depend_on_threads_or_parts() {
    let planted = planted();
    let request = planted.request("whole");
    build(&request, |_| {}).unwrap();
    let manifest = Manifest::read(&request.out).unwrap();
    assert_eq!(manifest.duplicates.documents, planted.repeated as u64);
    assert!(manifest.duplicates.text_bytes > 300 * planted.repeated as u64);
    let documents = manifest.train.documents + manifest.heldout.documents;
    assert_eq!(documents, (planted.documents - planted.repeated) as u64);
    DataSet::open(&request.out).unwrap().verify_shards(|_| {}).unwrap();
    for threads in [1, 5] {
        let other = BuildRequest { threads, ..planted.request(&format!("threads-{threads}")) };
        build(&other, |_| {}).unwrap();
        assert!(files(&request.out) == files(&other.out), "{threads} threads give other data");
    }
    let parts: Vec<PathBuf> = (1..=3)
        .map(|number| {
            let request = planted.request(&format!("part-{number}"));
            build_part(&request, format!("{number}/3").parse::<Part>().unwrap(), |_| {}).unwrap();
            request.out
        })
        .collect();
    let merged = planted.folder.path().join("merged");
    merge(&parts, &merged, false, |_, _| {}).unwrap();
    assert!(files(&request.out) == files(&merged), "parts give other data");
    assert!(matches!(build(&request, |_| {}).unwrap(), BuildOutcome::Before(_)));
    // Another threshold is another folder.
    let deduplicate = Some(Deduplicate { threshold: 1.0, memory_bytes: 1 << 30 });
    let other = BuildRequest { deduplicate, force: true, ..planted.request("whole") };
    build(&other, |_| {}).unwrap();
    let manifest = Manifest::read(&request.out).unwrap();
    // Those that differ in marks and case alone, and some with a similarity of 0.98, whose minima may all be equal.
    assert!((120..=135).contains(&manifest.duplicates.documents), "{:?}", manifest.duplicates);
}

#[test]
fn of_held_out_files_nothing_is_left_out_and_one_document_of_a_small_corpus_stays_held_out() {
    let planted = planted();
    let heldout = planted.folder.path().join("held.txt");
    let text = fs::read_to_string(&planted.input).unwrap();
    let first: Vec<&str> = text.split("\n\n").take(5).collect();
    // The first with another word at its end, and one document twice.
    fs::write(&heldout, format!("{} more\n\n{}\n\n{}", first[0], first[4], first[4])).unwrap();
    let request = BuildRequest { heldout: HeldOut::Files(vec![heldout]), ..planted.request("held") };
    build(&request, |_| {}).unwrap();
    let manifest = Manifest::read(&request.out).unwrap();
    assert_eq!((manifest.heldout.documents, manifest.left_out), (3, 1));
    // The first itself and the copy that was planted; all others as before.
    assert_eq!(manifest.duplicates.documents, planted.repeated as u64 + 1);

    let tiny =
        BuildRequest { heldout: HeldOut::Fraction { fraction: 1e-9, salt: 0 }, ..planted.request("tiny") };
    build(&tiny, |_| {}).unwrap();
    assert_eq!(DataSet::open(&tiny.out).unwrap().manifest().heldout.documents, 1);
    assert!(!DataSet::open(&tiny.out).unwrap().split(Split::HeldOut).is_empty());
}

#[test]
fn thresholds_and_memory_that_will_not_do_are_refused() {
    let planted = planted();
    let refused = |threshold, memory_bytes| {
        let deduplicate = Some(Deduplicate { threshold, memory_bytes });
        build(&BuildRequest { deduplicate, ..planted.request("refused") }, |_| {}).unwrap_err()
    };
    for threshold in [0.5, 1.1, f64::NAN, -1.0] {
        let error = refused(threshold, 1 << 30);
        assert!(matches!(error, BuildError::Threshold { .. }), "{error}");
        assert!(with_help(&error).ends_with("give a similarity from 0.7 to 1"), "{error}");
    }
    let error = refused(0.8, 100 * NearDuplicates::BYTES_PER_DOCUMENT);
    assert!(error.to_string().starts_with("more than 100 documents cannot be compared"), "{error}");
    assert!(!planted.folder.path().join("refused").exists());
}
