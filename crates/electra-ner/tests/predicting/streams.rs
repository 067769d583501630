//! Input that comes in pieces, never ends or fails, and sinks that fail.

use std::io::{self, Cursor, Read};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};

use electra_annotations::TextError;
use electra_ner::{Context, Lossy, PredictError, PredictSettings, TextForm};

use crate::small::{RUNNING, SETTINGS, predictor, story, tagged, tagged_stream};

/// Gives so many bytes at a time.
struct Drip(Cursor<String>, usize);

impl Read for Drip {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let length = self.1.min(target.len());
        self.0.read(&mut target[..length])
    }
}

#[test]
fn text_gives_the_same_however_it_is_divided_into_buffers() {
    let predictor = predictor(Context::Document);
    let text = story(30).replace("a", "ä").replace("The", "👩\u{200d}👧 Thé");
    for form in [RUNNING, TextForm::Tokenised] {
        let settings = PredictSettings { form, ..SETTINGS };
        let whole = tagged(&predictor, &text, &settings);
        for step in [1, 2, 7, 100] {
            let (found, summary) =
                tagged_stream(&predictor, Drip(Cursor::new(text.clone()), step), &settings);
            assert_eq!(found, whole, "{form:?}, {step} bytes at a time");
            assert_eq!(summary.unwrap().sentences as usize, whole.len());
        }
    }
}

#[test]
fn nothing_in_nothing_out() {
    let predictor = predictor(Context::Document);
    for text in ["", " \n\u{200b}\n"] {
        let (found, summary) = tagged_stream(&predictor, text.as_bytes(), &SETTINGS);
        let summary = summary.unwrap();
        assert!(found.is_empty());
        assert_eq!((summary.sentences, summary.words, summary.tail.text.as_str()), (0, 0, text));
    }
}

#[test]
fn everything_in_front_of_a_wrong_byte_is_handed_out() {
    let predictor = predictor(Context::Sentence);
    let text = [b"The abc. The de.\n\nThe f".as_slice(), b"\xff more."].concat();
    let (found, summary) = tagged_stream(&predictor, Cursor::new(text.clone()), &SETTINGS);
    assert!(found.len() >= 2, "{found:?}");
    let Err(PredictError::Text(TextError::NotUtf8 { line, byte })) = summary else { panic!("{summary:?}") };
    assert_eq!((line, byte), (3, 23));

    let replaced = Arc::new(AtomicU64::new(0));
    let lossy = Lossy::new(Cursor::new(text), Arc::clone(&replaced));
    let (found, summary) = tagged_stream(&predictor, lossy, &SETTINGS);
    assert_eq!((summary.unwrap().sentences, replaced.load(Ordering::Relaxed)), (3, 1));
    assert_eq!(found[2].sentence.text, "The f\u{fffd} more.");
}

#[test]
fn an_input_that_fails_says_so() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the disk is gone"))
        }
    }
    let input = Cursor::new("The abc.\n\nThe de.").chain(Broken);
    let (found, summary) = tagged_stream(&predictor(Context::Sentence), input, &SETTINGS);
    assert!(!found.is_empty());
    let Err(PredictError::Text(TextError::Read(error))) = summary else { panic!("{summary:?}") };
    assert_eq!(error.to_string(), "the disk is gone");
}

#[test]
fn a_sink_that_fails_does_not_wait_for_the_input() {
    /// Gives nothing until somebody lets go of it, which nobody does in time.
    struct Waiting(mpsc::Receiver<()>);
    impl Read for Waiting {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            Ok(0)
        }
    }
    let (let_go, waiting) = mpsc::channel();
    // Enough for several blocks, so that the model is told of the sink while text is there.
    let input = Cursor::new(story(6000)).chain(Waiting(waiting));
    let mut calls = 0;
    let result = predictor(Context::Sentence).run(input, &SETTINGS, |_| {
        calls += 1;
        Err(io::ErrorKind::BrokenPipe.into())
    });
    assert_eq!(calls, 1);
    let Err(PredictError::Sink(error)) = result else { panic!("{result:?}") };
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    drop(let_go);
}

#[test]
fn the_profile_knows_all_stages_and_counts_no_time_twice() {
    let predictor = predictor(Context::Sentence);
    let (_, summary) = tagged_stream(&predictor, Cursor::new(story(300)), &SETTINGS);
    let profile = summary.unwrap().profile;
    let known = profile.model + profile.waiting_for_text + profile.waiting_for_sink;
    assert!(known <= profile.total, "{profile}");
    for part in [profile.model, profile.reading, profile.decoding, profile.writing] {
        assert!(!part.is_zero(), "{profile}");
    }
}
