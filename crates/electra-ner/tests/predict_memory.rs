//! Text of any length is tagged in bounded memory. Alone in its process, whose memory is measured.

#[path = "predicting/small.rs"]
#[allow(dead_code)]
mod small;

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use electra_ner::{Context, PredictSettings, TextForm};
use electra_run::process::rss;

const MEGABYTE: u64 = 1 << 20;

/// Text made as it is read: words too long for the vocabulary, so that there is much text and
/// little to compute; now and then a sea of white space, and words without an end.
struct Endless {
    given: u64,
    length: u64,
    total: Arc<AtomicU64>,
}

impl Read for Endless {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let length = target.len().min((self.length - self.given) as usize);
        for byte in &mut target[..length] {
            let (megabyte, at) = (self.given / MEGABYTE, self.given % 1000);
            *byte = match (megabyte % 8, at) {
                (6, _) => b"\n "[usize::from(at % 7 > 0)],
                (7, _) => b'x',
                (_, 999) => b'\n',
                (_, 998) => b'.',
                (_, at) if at % 250 == 0 => b' ',
                _ => b'a' + (at % 26) as u8,
            };
            self.given += 1;
        }
        self.total.store(self.given, Ordering::Relaxed);
        Ok(length)
    }
}

#[test]
fn forty_megabytes_take_no_more_memory_than_ten() {
    let length = 48 * MEGABYTE;
    for (context, form) in [(Context::Document, small::RUNNING), (Context::Sentence, TextForm::Tokenised)] {
        let predictor = small::predictor(context);
        let total = Arc::new(AtomicU64::new(0));
        let input = Endless { given: 0, length, total: Arc::clone(&total) };
        let (mut early, mut late, mut ahead, mut words) = (0, 0, 0, 0);
        let settings = PredictSettings { form, batch_size: 64, ..small::SETTINGS };
        let summary = predictor
            .run(input, &settings, |sentences| {
                let last = &sentences[sentences.len() - 1].sentence;
                ahead = ahead.max(total.load(Ordering::Relaxed) - last.byte);
                words += sentences.iter().map(|tagged| tagged.tags.len() as u64).sum::<u64>();
                let memory = rss().unwrap_or(0);
                let peak = if last.byte < length / 4 { &mut early } else { &mut late };
                *peak = memory.max(*peak);
                Ok(())
            })
            .unwrap();
        assert_eq!(summary.words, words);
        // 30 megabytes are words of 250 letters and full stops.
        assert!(words > 30 * MEGABYTE / 300, "{words}");
        assert!(ahead < 16 * MEGABYTE, "{form:?}: read {} MB ahead", ahead / MEGABYTE);
        assert!(late < early + 24 * MEGABYTE, "{form:?}: {early} bytes early, {late} later");
    }
}
