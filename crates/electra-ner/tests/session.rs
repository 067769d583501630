//! Texts that are tagged together get the bits that they get alone.

#[path = "../examples/small_tagger/mod.rs"]
mod small_tagger;

use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::Arc;

use electra_annotations::{Division, LineBreaks, SentenceSettings};
use electra_ner::{
    Context, DeviceName, Documents, MinScores, Precision, PredictSettings, Predictor, SessionEvent,
    TaggedSentence, Tagger, TaggerFolder, TextForm,
};

const EXAMPLE: &str = "Angela Merkel visited Paris. She met nobody there, and went home to Berlin 北京 soon.";

/// Texts of every kind of length: none, a word, a sentence, several windows, several chunks.
fn texts() -> Vec<String> {
    vec![
        String::new(),
        " \n\t".to_owned(),
        "Paris".to_owned(),
        EXAMPLE.to_owned(),
        "x".repeat(3000),
        format!("{EXAMPLE} ").repeat(40),
        // More pieces than a chunk has, and one word of them longer than a sentence may be.
        format!("{EXAMPLE}\n\n").repeat(300) + &"y".repeat(70_000) + &format!(" {EXAMPLE}").repeat(20),
        "Zoë met Bob.".to_owned(),
    ]
}

fn alone(predictor: &Predictor, text: &str) -> Vec<TaggedSentence> {
    let form = TextForm::Running(SentenceSettings::of(Division::CORPUS, LineBreaks::Space));
    let settings = PredictSettings { form, documents: Documents::Whole, batch_size: 32 };
    let mut found = Vec::new();
    let sink = |sentences: &[TaggedSentence]| {
        found.extend_from_slice(sentences);
        Ok(())
    };
    predictor.run(Cursor::new(text.to_owned()), &settings, sink).unwrap();
    found
}

/// The sentences of all texts, added one after the other as steps of so many positions go on.
fn together(
    tagger: &Tagger,
    texts: &[String],
    tokens: usize,
    at_once: usize,
) -> BTreeMap<u64, Vec<TaggedSentence>> {
    let mut session = tagger.session();
    let (mut found, mut ended) = (BTreeMap::new(), 0);
    let mut waiting = texts.iter().enumerate();
    loop {
        for (key, text) in waiting.by_ref().take(at_once) {
            found.insert(key as u64, Vec::new());
            session.add(key as u64, text.clone(), Arc::new(MinScores::default()));
        }
        if session.is_empty() && waiting.len() == 0 {
            break;
        }
        let size = session.step(tokens, &mut |event| match event {
            SessionEvent::Sentences { key, sentences, unknown } => {
                assert_eq!(sentences.len(), unknown.len());
                found.get_mut(&key).unwrap().extend(sentences);
            }
            SessionEvent::End { tail, coverage, .. } => {
                assert!(tail.is_ok() && coverage.unknown_words <= coverage.words);
                ended += 1;
            }
        });
        assert!(size.windows <= 1 || size.positions <= tokens, "{size:?} in a step of {tokens}");
    }
    assert_eq!(ended, texts.len(), "every text ends once");
    found
}

fn folder(context: Context) -> (tempfile::TempDir, TaggerFolder) {
    let temporary = tempfile::tempdir().unwrap();
    let path = small_tagger::write(temporary.path()).unwrap();
    let mut folder = TaggerFolder::open(&path).unwrap();
    folder.settings.context = context;
    (temporary, folder)
}

#[test]
fn whatever_is_tagged_together_has_the_bits_of_each_alone() {
    for (context, precision) in [
        (Context::Sentence, Precision::F32),
        (Context::Document, Precision::F32),
        (Context::Document, Precision::Bf16),
        (Context::Document, Precision::F16),
    ] {
        let (_temporary, folder) = folder(context);
        let predictor = Predictor::new(&folder, &DeviceName::Flex.open().unwrap(), precision).unwrap();
        let tagger = Tagger::builder().precision(precision).open_folder(&folder).unwrap();
        let texts = texts();
        let expected: Vec<Vec<TaggedSentence>> = texts.iter().map(|text| alone(&predictor, text)).collect();
        assert!(expected.iter().flatten().flat_map(|s| &s.entities).count() > 500);
        for (tokens, at_once) in [(1, 3), (100, 1), (2048, 8), (2048, 2), (20_000, 8)] {
            let found = together(&tagger, &texts, tokens, at_once);
            for (key, sentences) in found {
                // Scores are compared as numbers that have the same bits.
                assert!(
                    sentences == expected[key as usize],
                    "text {key} in steps of {tokens}, {at_once} at once, with {context:?} in {precision:?}"
                );
            }
        }
    }
}

#[test]
fn a_text_that_nobody_wants_any_more_is_no_work() {
    let (_temporary, folder) = folder(Context::Sentence);
    let tagger = Tagger::builder().open_folder(&folder).unwrap();
    let mut session = tagger.session();
    let scores = Arc::new(MinScores::default());
    session.add(1, format!("{EXAMPLE} ").repeat(500), Arc::clone(&scores));
    session.add(2, EXAMPLE.to_owned(), scores);
    session.step(64, &mut |_| ());
    assert_eq!(session.len(), 2);
    session.retain(|key| key == 2);
    let mut ends = Vec::new();
    while !session.is_empty() {
        session.step(64, &mut |event| {
            if let SessionEvent::End { key, .. } = event {
                ends.push(key);
            }
        });
    }
    assert_eq!(ends, [2]);
}

#[test]
fn short_texts_do_not_wait_for_the_end_of_a_long_one() {
    let (_temporary, folder) = folder(Context::Sentence);
    let tagger = Tagger::builder().open_folder(&folder).unwrap();
    let mut session = tagger.session();
    let scores = Arc::new(MinScores::default());
    session.add(1, format!("{EXAMPLE} ").repeat(2000), Arc::clone(&scores));
    session.step(64, &mut |_| ());
    session.add(2, "Paris".to_owned(), scores);
    let mut ended = None;
    for step in 1..=3 {
        session.step(64, &mut |event| {
            if let SessionEvent::End { key, .. } = event {
                ended = Some((key, step));
            }
        });
    }
    assert!(matches!(ended, Some((2, 1..=2))), "{ended:?}");
}
