//! Parts of a data folder, built apart and joined.

use electra_text::build::{BuildRequest, HeldOut, Part, build_part, merge};
use electra_text::pack::PackMode;
use electra_text::shard::Split;

use super::{built, contents};
use crate::support::{corpus_text, request, write};

#[test]
fn merged_parts_are_byte_identical_to_one_build() {
    let folder = tempfile::tempdir().unwrap();
    let inputs: Vec<_> =
        (0..3).map(|n| write(folder.path(), &format!("{n}.txt"), corpus_text(70, 10 + n))).collect();
    let separate = write(folder.path(), "eval.txt", corpus_text(30, 20));
    for (mode, heldout) in [
        (PackMode::Carry, HeldOut::Fraction { fraction: 0.1, salt: 3 }),
        (PackMode::Google, HeldOut::Fraction { fraction: 1e-6, salt: 0 }),
        (PackMode::Carry, HeldOut::Files(vec![separate])),
        (PackMode::Carry, HeldOut::Fraction { fraction: 0.0, salt: 0 }),
    ] {
        let work = tempfile::tempdir().unwrap();
        let mut whole = request(inputs.clone(), work.path().join("whole"));
        whole.pack.mode = mode;
        whole.heldout = heldout.clone();
        built(&whole);
        for of in [1, 4, 7] {
            let mut folders = Vec::new();
            for number in 1..=of {
                let mut part = whole.clone();
                part.out = work.path().join(format!("part-{number}-{of}"));
                build_part(&part, Part { number, of }, |_| {}).unwrap();
                folders.push(part.out);
            }
            // The order in which parts are named does not matter.
            folders.reverse();
            let merged = work.path().join(format!("merged-{of}"));
            merge(&folders, &merged, false, |_, _| {}).unwrap();
            assert_eq!(contents(&merged), contents(&whole.out), "{mode:?} {heldout:?} in {of} parts");
        }
    }
}

#[test]
fn a_part_tokenises_only_its_own_blocks() {
    let folder = tempfile::tempdir().unwrap();
    let input = write(folder.path(), "a.txt", corpus_text(100, 4));
    let whole = built(&request(vec![input.clone()], folder.path().join("whole")));
    let mut tokens = 0;
    for number in 1..=4 {
        let request = request(vec![input.clone()], folder.path().join(format!("part-{number}")));
        let mut last = 0;
        let part = build_part(&request, Part { number, of: 4 }, |progress| last = progress.tokens).unwrap();
        let own = Split::ALL.map(|split| part.manifest().counts(split).text_tokens);
        assert_eq!(last, own[0] + own[1]);
        assert!(last < whole.train.text_tokens / 2, "part {number} has {last} tokens");
        tokens += last;
    }
    assert_eq!(tokens, whole.train.text_tokens + whole.heldout.text_tokens);
}

#[test]
fn parts_that_do_not_belong_together_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let input = write(folder.path(), "a.txt", corpus_text(50, 5));
    let part = |name: &str, number, of, change: &dyn Fn(&mut BuildRequest)| {
        let mut request = request(vec![input.clone()], folder.path().join(name));
        change(&mut request);
        build_part(&request, Part { number, of }, |_| {}).unwrap();
        request.out
    };
    let same = |_: &mut BuildRequest| {};
    let first = part("1", 1, 3, &same);
    let second = part("2", 2, 3, &same);
    let again = part("2b", 2, 3, &same);
    let other_settings = part("3", 3, 3, &|request| request.pack.seq_len = 64);
    let other_division = part("4", 3, 4, &same);
    let other_corpus = part("5", 3, 3, &|request| {
        request.inputs = vec![write(folder.path(), "b.txt", corpus_text(50, 6))];
    });
    let out = folder.path().join("merged");
    let error = |parts: &[&std::path::PathBuf]| {
        let parts: Vec<_> = parts.iter().map(|&part| part.clone()).collect();
        merge(&parts, &out, false, |_, _| {}).unwrap_err().to_string()
    };
    assert!(error(&[&first, &second]).starts_with("parts 3 of 3 are missing"));
    assert!(error(&[&first, &second, &again]).starts_with("part 2 of 3 is given twice"));
    assert!(error(&[&first, &second, &other_settings]).contains("the settings"));
    assert!(error(&[&first, &second, &other_division]).contains("the number of parts"));
    assert!(error(&[&first, &second, &other_corpus]).contains("the files of the corpus"));
    assert!(error(&[&folder.path().join("nothing")]).contains("no part.json"));
    assert!(!out.exists());
}

#[test]
fn damaged_parts_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let input = write(folder.path(), "a.txt", corpus_text(50, 5));
    let request = request(vec![input], folder.path().join("part"));
    build_part(&request, Part { number: 1, of: 1 }, |_| {}).unwrap();
    let rows = request.out.join("train.rows");
    let intact = std::fs::read(&rows).unwrap();
    let merged = |content: &[u8]| {
        std::fs::write(&rows, content).unwrap();
        let out = folder.path().join("merged");
        let result = merge(std::slice::from_ref(&request.out), &out, false, |_, _| {});
        assert_eq!(out.exists(), result.is_ok());
        result.map(drop).map_err(|error| error.to_string())
    };
    let mut flipped = intact.clone();
    flipped[101] ^= 4;
    assert!(merged(&flipped).unwrap_err().contains("its blake3 is"));
    assert!(merged(&intact[..intact.len() - 1]).unwrap_err().contains("cut short"));
    // A build of the same part sees the damage and is not content with what is there.
    assert!(build_part(&request, Part { number: 1, of: 1 }, |_| {}).is_err());
    merged(&intact).unwrap();
}
