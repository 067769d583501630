//! Data folders built from a corpus: what is in them, and that it is the same however they were
//! built.

mod counts;
mod forms;
mod held_out;
mod parts;
mod replacing;
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::path::Path;

use electra_text::build::{BuildOutcome, BuildRequest, HeldOut, build};
use electra_text::corpus::{DocumentReader, ReadOptions};
use electra_text::dataset::DataSet;
use electra_text::inspect::statistics;
use electra_text::manifest::Manifest;
use electra_text::pack::PackMode;
use electra_text::shard::Split;
use electra_text::verify::verify;
use support::{corpus_text, request, tokenizer, write};

/// The files of a folder and their contents.
fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            let inner = contents(&path).into_iter().map(|(file, bytes)| (format!("{name}/{file}"), bytes));
            files.extend(inner);
        } else {
            files.insert(name, std::fs::read(&path).unwrap());
        }
    }
    files
}

fn built(request: &BuildRequest) -> Manifest {
    match build(request, |_| {}).unwrap() {
        BuildOutcome::Now(manifest) => manifest,
        BuildOutcome::Before(_) => panic!("{} was there before", request.out.display()),
    }
}

/// Ids of a split without special tokens, in order.
fn body(data: &DataSet, split: Split) -> Vec<u32> {
    let special = data.manifest().tokenizer.special;
    let is_text = |id: &u32| *id == special.unk || !special.contains(*id);
    data.split(split).iter().flat_map(|example| example.ids.iter()).filter(is_text).collect()
}

#[test]
fn every_token_of_the_corpus_is_in_a_row_of_its_split() {
    let folder = tempfile::tempdir().unwrap();
    let input = write(folder.path(), "a.txt", corpus_text(120, 1));
    let request = request(vec![input.clone()], folder.path().join("data"));
    let manifest = built(&request);
    let data = DataSet::open(&request.out).unwrap();

    let tokenizer = tokenizer();
    let mut encoder = tokenizer.text_encoder();
    let mut corpus = Vec::new();
    for document in DocumentReader::new(vec![input], ReadOptions::default()) {
        document.unwrap().paragraphs().for_each(|paragraph| encoder.encode_into(paragraph, &mut corpus));
    }
    let [train, heldout] = [body(&data, Split::Train), body(&data, Split::HeldOut)];
    assert_eq!(manifest.train.text_tokens, train.len() as u64);
    assert_eq!(manifest.heldout.text_tokens, heldout.len() as u64);
    assert_eq!(manifest.train.documents + manifest.heldout.documents, 120);
    assert!((4..25).contains(&manifest.heldout.documents), "{}", manifest.heldout.documents);
    // Which side a document is on is decided elsewhere; together they are the corpus.
    let mut together = [train, heldout].concat();
    together.sort_unstable();
    corpus.sort_unstable();
    assert_eq!(together, corpus);
}

#[test]
fn examples_are_read_by_number_through_all_shards_and_blocks() {
    let folder = tempfile::tempdir().unwrap();
    let input = write(folder.path(), "a.txt", corpus_text(60, 2));
    let request = request(vec![input], folder.path().join("data"));
    let manifest = built(&request);
    let data = DataSet::open(&request.out).unwrap();
    let train = data.split(Split::Train);
    assert_eq!(train.len() as u64, manifest.train.examples);
    let special = data.manifest().tokenizer.special;
    for index in (0..train.len()).rev() {
        let example = train.get(index);
        assert_eq!(example.ids.at(0), special.cls);
        assert_eq!(example.ids.at(example.ids.len() - 1), special.sep);
        assert!(example.ids.len() <= 32);
        if example.segment_b_start > 0 {
            assert_eq!(example.ids.at(example.segment_b_start - 1), special.sep);
            assert_eq!(example.token_type(example.segment_b_start - 1), 0);
            assert_eq!(example.token_type(example.segment_b_start), 1);
        } else {
            assert_eq!(example.token_type(example.ids.len() - 1), 0);
        }
    }
    let tokens: usize = train.iter().map(|example| example.ids.len()).sum();
    assert_eq!(tokens as u64, manifest.train.tokens);
}

#[test]
fn the_number_of_threads_does_not_change_a_byte() {
    let folder = tempfile::tempdir().unwrap();
    let input = write(folder.path(), "a.txt", corpus_text(150, 3));
    for mode in [PackMode::Carry, PackMode::Google] {
        let build_with = |threads: usize| {
            let out = folder.path().join(format!("{mode:?}-{threads}"));
            let mut request = request(vec![input.clone()], out);
            request.threads = threads;
            request.pack.mode = mode;
            built(&request);
            contents(&request.out)
        };
        let expected = build_with(1);
        for threads in [2, 5] {
            assert_eq!(build_with(threads), expected, "{mode:?} with {threads} threads");
        }
    }
}

fn body_of_rows(request: &BuildRequest) -> Vec<u32> {
    built(request);
    body(&DataSet::open(&request.out).unwrap(), Split::HeldOut)
}

#[test]
fn google_mode_loses_tokens_and_carry_mode_none() {
    let folder = tempfile::tempdir().unwrap();
    let input = write(folder.path(), "a.txt", corpus_text(100, 11));
    let kept = |mode| {
        let mut request = request(vec![input.clone()], folder.path().join(format!("{mode:?}")));
        request.pack.mode = mode;
        built(&request);
        let data = DataSet::open(&request.out).unwrap();
        statistics(&data, &tokenizer(), Split::Train, 3)
    };
    let [carry, google] = [kept(PackMode::Carry), kept(PackMode::Google)];
    assert_eq!(carry.kept_rate, 1.0);
    assert!((0.3..0.95).contains(&google.kept_rate), "{}", google.kept_rate);
    assert!(carry.fill_rate > 0.95, "{}", carry.fill_rate);
    assert!(google.pair_rate > 0.3, "{}", google.pair_rate);
}

#[test]
fn large_vocabularies_have_ids_of_four_bytes() {
    use electra_text::vocab::Vocabulary;
    use electra_text::wordpiece::{Settings, Tokenizer};
    let folder = tempfile::tempdir().unwrap();
    let mut pieces: Vec<String> = tokenizer().vocabulary().pieces().to_vec();
    pieces.extend((0..70_000).map(|n| format!("filler{n}")));
    pieces.push("zebra".into());
    let large = Tokenizer::new(Vocabulary::new(pieces, Path::new("large")).unwrap(), Settings::UNCASED);
    let input = write(folder.path(), "a.txt", "the zebra\n\nfox\n");
    let mut request = request(vec![input], folder.path().join("data"));
    request.heldout = HeldOut::Fraction { fraction: 0.0, salt: 0 };
    request.tokenizer = large.clone();
    built(&request);
    verify(&request.out, |_, _| {}).unwrap();
    let data = DataSet::open(&request.out).unwrap();
    let ids = data.split(Split::Train).get(0).ids;
    assert_eq!(ids.to_vec()[2], large.vocabulary().id("zebra").unwrap());
    assert_eq!(ids.to_vec()[2], 70_000 + 611);
}
