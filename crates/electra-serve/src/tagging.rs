//! The thread of a tagger: it alone computes with the model, and tags all texts that wait for it together.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use electra_ner::{
    EntityJson, MinScores, SessionEvent, TaggedCounts, TaggedSentence, Tagger, TaggingSession,
};
use electra_text::Coverage;
use tokio::sync::oneshot;

use crate::admission::{Admission, Queued};
use crate::measures::Measures;
use crate::offsets::TaggedWord;

/// Positions that go through the network in one step at most: so long a text that comes now waits for others.
const STEP_TOKENS: usize = 2048;

/// The time for which a step waits for requests whose heads have arrived.
const GATHER: Duration = Duration::from_millis(2);
/// The time between two looks at whether there are such requests.
const LOOK: Duration = Duration::from_micros(200);

/// A text to be tagged.
pub(crate) struct TagJob {
    pub text: String,
    /// The lowest scores with which entities are kept.
    pub min_scores: Arc<MinScores>,
    /// Whether the answer has words and tags.
    pub words: bool,
    pub queued: Queued,
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

/// A text that is being tagged.
struct UnderWay {
    found: TaggedText,
    words: bool,
    bytes: u64,
    _queued: Queued,
    reply: oneshot::Sender<TaggedText>,
}

/// The work of the thread, until nobody can send jobs any more and all are done.
pub(crate) fn run(tagger: &Tagger, jobs: &Receiver<TagJob>, admission: &Admission, measures: &Measures) {
    // Texts that were under way when it panicked are answered with a fault of the service; those that come later are
    // tagged.
    while catch_unwind(AssertUnwindSafe(|| work(tagger, jobs, admission, measures))).is_err() {}
}

fn work(tagger: &Tagger, jobs: &Receiver<TagJob>, admission: &Admission, measures: &Measures) {
    let mut texts = Texts { session: tagger.session(), under_way: HashMap::new(), next: 0 };
    loop {
        if texts.session.is_empty() {
            let Ok(job) = jobs.recv() else { return };
            texts.add(job);
            gather(&mut texts, jobs, admission);
        }
        jobs.try_iter().for_each(|job| texts.add(job));
        texts.forget_unwanted(measures);
        if !texts.session.is_empty() {
            texts.step(admission, measures);
        }
    }
}

/// Waits a moment for requests that are about to come: together they are less work.
fn gather(texts: &mut Texts<'_>, jobs: &Receiver<TagJob>, admission: &Admission) {
    let end = Instant::now() + GATHER;
    while admission.is_one_arriving() && Instant::now() < end {
        match jobs.recv_timeout(LOOK) {
            Ok(job) => texts.add(job),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// The texts of the thread.
struct Texts<'t> {
    session: TaggingSession<'t>,
    under_way: HashMap<u64, UnderWay>,
    next: u64,
}

impl Texts<'_> {
    fn add(&mut self, TagJob { text, min_scores, words, queued, reply }: TagJob) {
        if reply.is_closed() {
            return;
        }
        self.next += 1;
        let bytes = text.len() as u64;
        let found = TaggedText::default();
        self.under_way.insert(self.next, UnderWay { found, words, bytes, _queued: queued, reply });
        self.session.add(self.next, text, min_scores);
    }

    /// Forgets texts whose client is gone.
    fn forget_unwanted(&mut self, measures: &Measures) {
        let before = self.under_way.len();
        self.under_way.retain(|_, text| !text.reply.is_closed());
        let dropped = before - self.under_way.len();
        if dropped > 0 {
            measures.dropped_texts.increment(dropped as u64);
            self.session.retain(|key| self.under_way.contains_key(&key));
        }
    }

    fn step(&mut self, admission: &Admission, measures: &Measures) {
        let start = Instant::now();
        let under_way = &mut self.under_way;
        let mut done = 0;
        let size = self.session.step(STEP_TOKENS, &mut |event| match event {
            SessionEvent::Sentences { key, sentences, unknown } => {
                if let Some(text) = under_way.get_mut(&key) {
                    text.found.add(&sentences, &unknown, text.words);
                }
            }
            SessionEvent::End { key, coverage, .. } => {
                if let Some(UnderWay { mut found, bytes, reply, .. }) = under_way.remove(&key) {
                    found.coverage = coverage;
                    done += bytes;
                    measures.texts.increment(1);
                    // Its client may have gone meanwhile.
                    let _ = reply.send(found);
                }
            }
        });
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
