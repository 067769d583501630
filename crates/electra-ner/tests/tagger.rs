//! The tagger as a Rust program uses it, and the example that does.

#[path = "../examples/tag_text.rs"]
#[allow(dead_code)]
mod tag_text;

use std::io::Cursor;

use electra_annotations::{Division, LineBreaks, SentenceSettings};
use electra_ner::{
    DeviceName, Documents, OpenError, Precision, PredictSettings, Predictor, Tagger, TaggerFolder, TextForm,
};
use tag_text::{EXAMPLE, small_tagger, tag};

#[test]
fn the_example_finds_entities_where_they_stand() {
    let found = tag(None, EXAMPLE).unwrap();
    assert!(found.len() >= 2, "{found:?} would prove little");
    for entity in &found {
        assert_eq!(&EXAMPLE[entity.start..entity.end], entity.text);
        assert!(["LOC", "PER"].contains(&entity.label.as_str()), "{entity:?}");
        assert!(entity.score > 0.0 && entity.score <= 1.0, "{entity:?}");
    }
    assert!(found.windows(2).all(|pair| pair[0].end <= pair[1].start), "{found:?}");
}

#[test]
fn a_tagger_gives_the_bits_of_the_predictor_below_it() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = small_tagger::write(temporary.path()).unwrap();
    let tagger = TaggerFolder::open(&folder).unwrap();
    let predictor = Predictor::new(&tagger, &DeviceName::Flex.open().unwrap(), Precision::F32).unwrap();
    let form = TextForm::Running(SentenceSettings::of(Division::CORPUS, LineBreaks::Space));
    let settings = PredictSettings { form, documents: Documents::Whole, batch_size: 32 };
    let text = format!("Ünïcode first.\n\n{EXAMPLE} {EXAMPLE}");
    let mut expected = Vec::new();
    let summary = predictor.run(Cursor::new(text.clone()), &settings, |sentences| {
        for sentence in sentences {
            for entity in &sentence.entities {
                let bytes = sentence.sentence.bytes(entity.words.clone());
                expected.push((entity.kind.clone(), entity.score.to_bits(), bytes.start as usize));
            }
        }
        Ok(())
    });
    assert_eq!(summary.unwrap().entities, expected.len() as u64);
    let tagger = Tagger::open(&folder).unwrap();
    let found = tagger.tag(&text).unwrap();
    let found: Vec<_> = found.into_iter().map(|e| (e.label, e.score.to_bits(), e.start)).collect();
    assert_eq!(found, expected);
    assert_eq!(tagger.labels(), ["LOC", "PER"]);
    assert_eq!(tagger.tag(" \n").unwrap(), []);
}

#[test]
fn what_cannot_be_opened_is_said_by_its_kind() {
    let empty = tempfile::tempdir().unwrap();
    assert!(matches!(Tagger::open(empty.path()), Err(OpenError::Tagger(_))));
    let absent = Tagger::builder().device(DeviceName::Cuda(0)).open(empty.path());
    match absent.map(drop) {
        Err(OpenError::Device(error)) => assert!(error.to_string().contains("cuda:0"), "{error}"),
        // A machine that has the device and a build that has its backend.
        other => assert!(DeviceName::Cuda(0).is_compiled_in(), "{other:?}"),
    }
}
