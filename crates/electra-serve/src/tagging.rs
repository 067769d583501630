//! The thread of a tagger: it alone computes with the model, and tags all texts that wait for it together.
//!
//! A panic ends the session of the texts that were under way. Which of them it was is not known, so each of them is
//! tagged anew, alone: those that make the thread panic again are answered with a fault of the service.

use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use electra_ner::{
    EntityJson, MinScores, SessionEvent, TaggedCounts, TaggedSentence, Tagger, TaggingSession,
};
use electra_text::Coverage;
use tokio::sync::oneshot;

use crate::admission::Queued;
use crate::faults;
use crate::health::{self, ModelThread};
use crate::offsets::TaggedWord;

/// Positions that go through the network in one step at most: so long a text that comes now waits for others.
const STEP_TOKENS: usize = 2048;

/// The time for which a step waits for requests whose heads have arrived.
const GATHER: Duration = Duration::from_millis(2);
/// The time between two looks at whether there are such requests. Meanwhile the thread sleeps: woken by each text it
/// would take the core from the connections that bring the next, where there is no other core.
const LOOK: Duration = Duration::from_micros(100);

/// A text to be tagged.
pub(crate) struct TagJob {
    pub text: Arc<str>,
    /// The lowest scores with which entities are kept.
    pub min_scores: Arc<MinScores>,
    /// Whether the answer has words and tags.
    pub words: bool,
    /// Counted as queued until the text is answered.
    pub _queued: Queued,
    pub reply: oneshot::Sender<TaggedText>,
}

/// A tagged text. Entities have their bytes.
#[derive(Default)]
pub(crate) struct TaggedText {
    pub entities: Vec<EntityJson<'static>>,
    /// The words of each sentence, if they were asked for.
    pub words: Vec<Vec<TaggedWord>>,
    pub counts: TaggedCounts,
    pub coverage: Coverage,
}

/// A text that is being tagged, and what was found in it so far.
struct UnderWay {
    job: TagJob,
    found: TaggedText,
}

/// The work of the thread, until nobody can send jobs any more and all are done, or the tagger is broken.
pub(crate) fn run(tagger: &Tagger, jobs: &Receiver<TagJob>, thread: &ModelThread) {
    let mut texts = Texts::new(tagger, thread);
    loop {
        match catch_unwind(AssertUnwindSafe(|| texts.turn(jobs))) {
            Ok(true) => {}
            Ok(false) => return,
            Err(_) => {
                texts.answer();
                thread.panicked();
                if !health::is_sound(|| probe(tagger)) {
                    // The texts under way and those that wait are answered with a fault of the service.
                    return thread.broken();
                }
                texts.suspect();
            }
        }
    }
}

/// Tags a text that cannot be at fault.
fn probe(tagger: &Tagger) {
    faults::at(std::iter::once("a"));
    let mut session = tagger.session();
    session.add(0, "a", Arc::new(MinScores::default()));
    while !session.is_empty() {
        session.step(STEP_TOKENS, &mut |_| ());
    }
}

/// The texts of the thread.
struct Texts<'t> {
    tagger: &'t Tagger,
    thread: &'t ModelThread,
    session: TaggingSession<'t>,
    /// The texts of the session, by their keys there.
    under_way: BTreeMap<u64, UnderWay>,
    /// Tagged texts, and who waits for them.
    tagged: Vec<(oneshot::Sender<TaggedText>, TaggedText)>,
    /// Texts of a session that panicked, to be tagged one by one.
    suspects: VecDeque<TagJob>,
    /// Whether the text of the session is such a one, beside which there is no other.
    is_trial: bool,
    next: u64,
}

impl<'t> Texts<'t> {
    fn new(tagger: &'t Tagger, thread: &'t ModelThread) -> Self {
        Self {
            tagger,
            thread,
            session: tagger.session(),
            under_way: BTreeMap::new(),
            tagged: Vec::new(),
            suspects: VecDeque::new(),
            is_trial: false,
            next: 0,
        }
    }

    /// Takes texts, and a step with them. Says whether there can be more.
    fn turn(&mut self, jobs: &Receiver<TagJob>) -> bool {
        if self.session.is_empty() {
            let suspect = self.suspects.pop_front();
            self.is_trial = suspect.is_some();
            suspect.into_iter().for_each(|job| self.add(job));
        }
        if !self.is_trial {
            if self.session.is_empty() {
                let Ok(job) = jobs.recv() else { return false };
                self.add(job);
                self.gather();
            }
            jobs.try_iter().for_each(|job| self.add(job));
        }
        self.forget_unwanted();
        if !self.session.is_empty() {
            self.step();
        }
        true
    }

    /// Has the texts under way tagged anew, each alone. One that was alone has its answer: a fault of the service.
    fn suspect(&mut self) {
        // What was interrupted is not used again.
        self.session = self.tagger.session();
        let texts = std::mem::take(&mut self.under_way);
        if texts.len() > 1 {
            self.suspects.extend(texts.into_values().map(|text| text.job));
        }
    }

    /// Waits a moment for requests that are about to come: together they are less work.
    fn gather(&self) {
        let end = Instant::now() + GATHER;
        while self.thread.admission.is_one_arriving() && Instant::now() < end {
            std::thread::sleep(LOOK);
        }
    }

    /// Answers the texts that are tagged, all at once: handed over one by one, each would wake a thread of the
    /// connections, and on a busy core give way to it.
    fn answer(&mut self) {
        let tagged = std::mem::take(&mut self.tagged);
        if !tagged.is_empty() {
            self.thread.connections.spawn(async {
                for (reply, found) in tagged {
                    // Its client may have gone meanwhile.
                    let _ = reply.send(found);
                }
            });
        }
    }

    fn add(&mut self, job: TagJob) {
        if job.reply.is_closed() {
            return;
        }
        self.next += 1;
        let (text, min_scores) = (Arc::clone(&job.text), Arc::clone(&job.min_scores));
        self.under_way.insert(self.next, UnderWay { job, found: TaggedText::default() });
        self.session.add(self.next, text, min_scores);
    }

    /// Forgets texts whose client is gone.
    fn forget_unwanted(&mut self) {
        let before = self.under_way.len();
        self.under_way.retain(|_, text| !text.job.reply.is_closed());
        let dropped = before - self.under_way.len();
        if dropped > 0 {
            self.thread.measures.dropped_texts.increment(dropped as u64);
            self.session.retain(|key| self.under_way.contains_key(&key));
        }
    }

    fn step(&mut self) {
        let start = Instant::now();
        let ModelThread { admission, measures, .. } = self.thread;
        let (under_way, tagged) = (&mut self.under_way, &mut self.tagged);
        faults::at(under_way.values().map(|text| &*text.job.text));
        let mut done = 0;
        let size = self.session.step(STEP_TOKENS, &mut |event| match event {
            SessionEvent::Sentences { key, sentences, unknown } => {
                if let Some(UnderWay { job, found }) = under_way.get_mut(&key) {
                    found.add(&sentences, &unknown, job.words);
                }
            }
            SessionEvent::End { key, coverage, .. } => {
                if let Some(UnderWay { job, mut found }) = under_way.remove(&key) {
                    found.coverage = coverage;
                    done += job.text.len() as u64;
                    measures.texts.increment(1);
                    tagged.push((job.reply, found));
                }
            }
        });
        self.answer();
        measures.tokens.increment(size.positions as u64);
        measures.batch_tokens.record(size.positions as f64);
        measures.batch_windows.record(size.windows as f64);
        measures.batch_seconds.record(start.elapsed().as_secs_f64());
        admission.worked(done, start.elapsed());
    }
}

impl TaggedText {
    fn add(&mut self, sentences: &[TaggedSentence], unknown: &[Vec<usize>], words: bool) {
        self.counts.add(sentences);
        for (tagged, unknown) in sentences.iter().zip(unknown) {
            let entities = tagged.entities.iter();
            self.entities.extend(entities.map(|entity| EntityJson::of(tagged, entity, true).into_owned()));
            if words {
                self.words.push(tagged_words(tagged, unknown));
            }
        }
    }
}

fn tagged_words(tagged: &TaggedSentence, unknown: &[usize]) -> Vec<TaggedWord> {
    let word = |(at, tag): (usize, &String)| {
        let (characters, bytes) = (tagged.sentence.chars(at..at + 1), tagged.sentence.bytes(at..at + 1));
        TaggedWord {
            word: tagged.sentence.word(at).to_owned(),
            start: characters.start,
            end: characters.end,
            tag: tag.clone(),
            unknown: unknown.binary_search(&at).is_ok(),
            bytes: [bytes.start, bytes.end],
        }
    };
    tagged.tags.iter().enumerate().map(word).collect()
}
