//! Asking a model: texts to its thread, answers back.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use electra_ner::MinScores;
use electra_pretrain::{Detection, Guess};
use tokio::sync::oneshot;

use crate::admission::{Admission, Admitted, AnswerMemory, BodyMemory};
use crate::detecting::{DetectJob, Question};
use crate::offsets::{self, OffsetUnit};
use crate::problem::{Problem, ProblemKind, TOO_LARGE};
use crate::served::{ServedDetector, ServedTagger};
use crate::settings::Limits;
use crate::state::Service;
use crate::tagging::{TagJob, TaggedText};

/// Bytes that an answer may have for each byte of its text where every token is in it, as a value and as JSON: a token of
/// one letter and the space behind it become some 75 bytes of JSON.
const OF_TOKENS: usize = 64;
/// And where entities alone are in it, which texts are not full of.
const OF_ENTITIES: usize = 16;

/// Texts of a request that are with the model at the same time; the others wait for their turn.
const TOGETHER: usize = 64;

/// How texts are to be tagged.
#[derive(Clone)]
pub(crate) struct TagSettings {
    pub min_scores: Arc<MinScores>,
    pub words: bool,
    pub offsets: OffsetUnit,
}

/// The texts of a request, tagged one after the other as the answers are taken. If this is dropped, what is not done is
/// not done any more.
pub(crate) struct TagTexts {
    tagger: Arc<ServedTagger>,
    settings: TagSettings,
    waiting: std::vec::IntoIter<String>,
    under_way: VecDeque<Asked>,
    admission: Arc<Admission>,
    text_time: Duration,
    answers: AnswerMemory,
    _admitted: Admitted,
    _memory: BodyMemory,
}

struct Asked {
    /// The text, for places in a unit that is counted in it.
    text: Arc<str>,
    answer: oneshot::Receiver<TaggedText>,
}

impl TagTexts {
    /// Admits the texts, whose answers are sent one after the other, or all of them `at_once`.
    ///
    /// # Errors
    /// Too many texts, a text that is too long, a queue that is full, or a service that ends.
    pub(crate) fn new(
        service: &Service,
        tagger: Arc<ServedTagger>,
        settings: TagSettings,
        texts: Vec<String>,
        memory: BodyMemory,
        at_once: bool,
    ) -> Result<Self, Problem> {
        check_texts(&service.settings.limits, &texts)?;
        if service.is_ending() {
            return Err(Problem::ending());
        }
        // Of many texts so many answers are there at a time, unless `at_once`.
        let mut lengths: Vec<usize> = texts.iter().map(String::len).collect();
        if !at_once {
            lengths.sort_unstable_by(|a, b| b.cmp(a));
            lengths.truncate(TOGETHER);
        }
        let of_byte = if settings.words { OF_TOKENS } else { OF_ENTITIES };
        let answers = service.admission.reserve(of_byte * lengths.iter().sum::<usize>())?;
        let mut asked = Self {
            tagger,
            settings,
            waiting: texts.into_iter(),
            under_way: VecDeque::new(),
            admission: Arc::clone(&service.admission),
            text_time: service.settings.limits.text_time,
            answers,
            _admitted: service.admission.admit()?,
            _memory: memory,
        };
        asked.ask();
        Ok(asked)
    }

    /// The memory of the answers, which is theirs until they are sent.
    pub(crate) fn into_memory(self) -> AnswerMemory {
        self.answers
    }

    /// Gives texts to the model.
    fn ask(&mut self) {
        while self.under_way.len() < TOGETHER {
            let Some(text) = self.waiting.next() else { return };
            let text = Arc::<str>::from(text);
            let (reply, answer) = oneshot::channel();
            let job = TagJob {
                _queued: self.admission.queue(text.len()),
                text: Arc::clone(&text),
                min_scores: Arc::clone(&self.settings.min_scores),
                words: self.settings.words,
                reply,
            };
            // If the thread is gone the answer says so.
            let _ = self.tagger.jobs.send(job);
            self.under_way.push_back(Asked { text, answer });
        }
    }

    /// The next text, in the order of the request; none behind the last.
    ///
    /// # Errors
    /// A text that took too long, or a fault of the service.
    pub(crate) async fn next(&mut self) -> Option<Result<TaggedText, Problem>> {
        self.ask();
        let Asked { text, answer } = self.under_way.pop_front()?;
        Some(in_time(self.text_time, answer).await.map(|mut tagged| {
            offsets::of_entities(&mut tagged.entities, self.settings.offsets, &text);
            offsets::of_words(&mut tagged.words, self.settings.offsets, &text);
            tagged
        }))
    }
}

/// Asks a detector which tokens of a text look replaced.
///
/// # Errors
/// As [`TagTexts::new`] and [`TagTexts::next`].
pub(crate) async fn detect(
    service: &Service,
    detector: &ServedDetector,
    text: String,
    memory: BodyMemory,
) -> Result<(Vec<Detection>, AnswerMemory), Problem> {
    let answer = service.admission.reserve(OF_TOKENS * text.len())?;
    let found = ask_detector(service, detector, text, memory, Question::Replaced).await?;
    Ok((found, answer))
}

/// Asks the generator of a detector what stands in the place of some characters.
///
/// # Errors
/// As [`detect`].
pub(crate) async fn guess(
    service: &Service,
    detector: &ServedDetector,
    text: String,
    gap: Range<usize>,
    memory: BodyMemory,
) -> Result<Vec<Guess>, Problem> {
    ask_detector(service, detector, text, memory, |reply| Question::Gap(gap, reply)).await
}

async fn ask_detector<T>(
    service: &Service,
    detector: &ServedDetector,
    text: String,
    _memory: BodyMemory,
    question: impl FnOnce(oneshot::Sender<T>) -> Question,
) -> Result<T, Problem> {
    check_texts(&service.settings.limits, std::slice::from_ref(&text))?;
    if service.is_ending() {
        return Err(Problem::ending());
    }
    let _admitted = service.admission.admit()?;
    let (reply, answer) = oneshot::channel();
    let queued = service.admission.queue(text.len());
    // If the thread is gone the answer says so.
    let _ = detector.jobs.send(DetectJob { queued, text, question: question(reply) });
    in_time(service.settings.limits.text_time, answer).await
}

async fn in_time<T>(time: Duration, answer: oneshot::Receiver<T>) -> Result<T, Problem> {
    match tokio::time::timeout(time, answer).await {
        Ok(Ok(found)) => Ok(found),
        Ok(Err(_)) => Err(Problem::internal()),
        Err(_) => Err(Problem::new(
            ProblemKind::Timeout,
            format!("the text was not done after {} s", time.as_secs()),
            "send it in parts, or later",
        )
        .retry_after(10)),
    }
}

fn check_texts(limits: &Limits, texts: &[String]) -> Result<(), Problem> {
    let (found, most) = (texts.len(), limits.texts);
    if found > most {
        let detail = format!("the request has {found} texts, at most {most} are taken");
        return Err(Problem::new(ProblemKind::TooLarge, detail, TOO_LARGE));
    }
    let most = limits.characters;
    for (index, text) in texts.iter().enumerate() {
        // Most texts have fewer bytes than characters are allowed.
        if text.len() > most && text.chars().count() > most {
            return Err(Problem::new(
                ProblemKind::TooLarge,
                format!("text {index} has more than {most} characters"),
                "divide the text, or have the limit raised where the service is started",
            ));
        }
    }
    Ok(())
}
