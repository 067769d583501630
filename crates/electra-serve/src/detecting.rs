//! The thread of a detector: it alone computes with the model, a window of each text in turn.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::Receiver;
use std::time::Instant;

use electra_pretrain::{Detection, DetectionWindows, Detector};
use tokio::sync::oneshot;

use crate::admission::{Admission, Queued};
use crate::measures::Measures;

/// A text whose replaced tokens are looked for.
pub(crate) struct DetectJob {
    pub text: String,
    pub queued: Queued,
    pub reply: oneshot::Sender<Vec<Detection>>,
}

struct UnderWay<'d> {
    windows: DetectionWindows<'d>,
    found: Vec<Detection>,
    bytes: u64,
    _queued: Queued,
    reply: oneshot::Sender<Vec<Detection>>,
}

/// The work of the thread, until nobody can send jobs any more and all are done.
pub(crate) fn run(
    detector: &Detector,
    jobs: &Receiver<DetectJob>,
    admission: &Admission,
    measures: &Measures,
) {
    // As that of a tagger.
    while catch_unwind(AssertUnwindSafe(|| work(detector, jobs, admission, measures))).is_err() {}
}

fn work(detector: &Detector, jobs: &Receiver<DetectJob>, admission: &Admission, measures: &Measures) {
    let begin = |DetectJob { text, queued, reply }: DetectJob| UnderWay {
        windows: detector.windows(&text),
        found: Vec::new(),
        bytes: text.len() as u64,
        _queued: queued,
        reply,
    };
    let mut texts: VecDeque<UnderWay<'_>> = VecDeque::new();
    loop {
        if texts.is_empty() {
            let Ok(job) = jobs.recv() else { return };
            texts.push_back(begin(job));
        }
        texts.extend(jobs.try_iter().map(begin));
        let Some(mut text) = texts.pop_front() else { continue };
        if text.reply.is_closed() {
            measures.dropped_texts.increment(1);
            continue;
        }
        let start = Instant::now();
        match text.windows.next() {
            Some(found) => {
                measures.tokens.increment(found.len() as u64);
                text.found.extend(found);
                texts.push_back(text);
                admission.worked(0, start.elapsed());
            }
            None => {
                measures.texts.increment(1);
                admission.worked(text.bytes, start.elapsed());
                // Its client may have gone meanwhile.
                let _ = text.reply.send(text.found);
            }
        }
    }
}
