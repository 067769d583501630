//! A test that the memory of training does not grow with the longest record. Alone in its process, whose
//! memory is measured.

#[path = "finetuning/small.rs"]
#[allow(dead_code)]
mod small;

use std::path::Path;

use electra_annotations::{Sentence, Split, Splits};
use electra_run::process::peak_rss;

const MEGABYTE: u64 = 1 << 20;

#[test]
fn a_record_of_six_thousand_words_takes_no_more_memory_than_its_sentences() {
    let sentences: Vec<Sentence> = small::sentences().into_iter().cycle().take(1000).collect();
    let join = |part: fn(&Sentence) -> &Vec<String>| sentences.iter().flat_map(part).cloned().collect();
    let record = Sentence { tokens: join(|s| &s.tokens), tags: join(|s| &s.tags), document: 0, line: 1 };
    assert!(record.tokens.len() > 6000, "{}", record.tokens.len());
    let dev = Split::new(Path::new("dev.conll"), small::sentences());
    for decoding in ["argmax", "crf"] {
        let peak = |train: &[Sentence]| {
            let train = Split::new(Path::new("train.conll"), train.to_vec());
            let splits = Splits { train, dev: dev.clone(), test: None };
            let decoding = format!("labels.decoding=\"{decoding}\"");
            let changes = ["train.epochs=1", "train.batch_size=4", "guard.epochs=9", &decoding];
            let folder = tempfile::tempdir().unwrap();
            small::finish(&small::recipe(&changes), &splits, folder.path()).unwrap();
            peak_rss().expect("this system tells the peak")
        };
        let of_sentences = peak(&sentences);
        let of_record = peak(std::slice::from_ref(&record));
        let more = (of_record - of_sentences) / MEGABYTE;
        assert!(more < 16, "{decoding}: {more} MB more");
    }
}
