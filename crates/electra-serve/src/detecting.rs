//! The thread of a detector: it alone computes with the model, a window of each text in turn.

use std::collections::VecDeque;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::Receiver;
use std::time::Instant;

use electra_pretrain::{Detection, DetectionWindows, Detector, Guess, MaskFiller};
use tokio::sync::oneshot;

use crate::admission::Queued;
use crate::faults;
use crate::health::{self, ModelThread};
use crate::measures::Measures;

/// Guesses for a gap at most.
const GUESSES: usize = 8;

/// A question about a text.
pub(crate) struct DetectJob {
    pub text: String,
    pub queued: Queued,
    pub question: Question,
}

/// What is asked about a text, and who waits for the answer.
pub(crate) enum Question {
    /// Which tokens look replaced.
    Replaced(oneshot::Sender<Vec<Detection>>),
    /// What the generator puts in the place of these characters.
    Gap(Range<usize>, oneshot::Sender<Vec<Guess>>),
}

/// The networks of a run.
pub(crate) struct Networks {
    pub detector: Detector,
    /// The generator, if there is one that fills gaps.
    pub filler: Option<MaskFiller>,
}

struct UnderWay<'d> {
    windows: DetectionWindows<'d>,
    found: Vec<Detection>,
    bytes: u64,
    _queued: Queued,
    reply: oneshot::Sender<Vec<Detection>>,
}

/// The work of the thread, until nobody can send jobs any more and all are done, or the networks are broken.
pub(crate) fn run(networks: &Networks, jobs: &Receiver<DetectJob>, thread: &ModelThread) {
    let mut texts = VecDeque::new();
    loop {
        // The text whose turn it is is lost where it makes the thread panic, and is answered with a fault of the
        // service; the others are in the queue.
        match catch_unwind(AssertUnwindSafe(|| turn(networks, jobs, &mut texts, thread))) {
            Ok(true) => {}
            Ok(false) => return,
            Err(_) => {
                thread.panicked();
                if !health::is_sound(|| probe(networks)) {
                    return thread.broken();
                }
            }
        }
    }
}

/// Reads a text that cannot be at fault.
fn probe(networks: &Networks) {
    faults::at(std::iter::once("a"));
    networks.detector.windows("a").for_each(drop);
    if let Some(filler) = &networks.filler {
        drop(filler.guesses("a", 0..1, 1));
    }
}

/// Takes the texts that are there, and reads a window of one. Says whether there can be more.
fn turn<'n>(
    networks: &'n Networks,
    jobs: &Receiver<DetectJob>,
    texts: &mut VecDeque<UnderWay<'n>>,
    thread: &ModelThread,
) -> bool {
    let ModelThread { admission, measures, .. } = thread;
    if texts.is_empty() {
        let Ok(job) = jobs.recv() else { return false };
        texts.extend(begin(networks, job, measures));
    }
    texts.extend(jobs.try_iter().filter_map(|job| begin(networks, job, measures)));
    let Some(mut text) = texts.pop_front() else { return true };
    if text.reply.is_closed() {
        measures.dropped_texts.increment(1);
        return true;
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
    true
}

/// Answers what one pass answers; a text to be read in windows is given back.
fn begin<'n>(networks: &'n Networks, job: DetectJob, measures: &Measures) -> Option<UnderWay<'n>> {
    let DetectJob { text, queued, question } = job;
    faults::at(std::iter::once(&*text));
    match question {
        Question::Replaced(reply) => Some(UnderWay {
            windows: networks.detector.windows(&text),
            found: Vec::new(),
            bytes: text.len() as u64,
            _queued: queued,
            reply,
        }),
        Question::Gap(gap, reply) => {
            let filler = networks.filler.as_ref().filter(|_| !reply.is_closed());
            if let Some(filler) = filler {
                measures.texts.increment(1);
                // Its client may have gone meanwhile.
                let _ = reply.send(filler.guesses(&text, gap, GUESSES));
            }
            None
        }
    }
}
