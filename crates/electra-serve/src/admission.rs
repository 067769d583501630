//! Admission of requests: how many may be in work, and how much memory their bodies may have.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::measures::Measures;
use crate::problem::{Problem, ProblemKind};
use crate::settings::Limits;

/// The longest time after which a client is told to come again, in seconds.
const MAX_RETRY: u32 = 120;

/// Bytes of a unit of memory for answers.
const ANSWER_UNIT: usize = 1 << 10;

/// What is in work, and how fast it is done.
pub(crate) struct Admission {
    requests: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
    /// Units of memory for answers.
    answers: Arc<Semaphore>,
    limits: Limits,
    /// Requests whose head is there and whose texts are not with the model yet.
    arriving: AtomicUsize,
    /// Bytes of texts that are with models or wait for them.
    queued: AtomicU64,
    /// Bytes of texts and the microseconds that models took for them, of late.
    done: AtomicU64,
    busy: AtomicU64,
    measures: Measures,
}

/// A request that is on its way to the model, until this is dropped.
pub(crate) struct Arriving(Arc<Admission>);

/// Memory of a body, until this is dropped.
pub(crate) struct BodyMemory(Option<OwnedSemaphorePermit>);

/// Memory for answers, until this is dropped.
pub(crate) struct AnswerMemory {
    _permit: OwnedSemaphorePermit,
}

/// A request that was admitted, until this is dropped.
pub(crate) struct Admitted {
    _permit: OwnedSemaphorePermit,
    admission: Arc<Admission>,
}

/// Bytes of a text that is with the model or waits for it, until this is dropped.
pub(crate) struct Queued {
    bytes: u64,
    admission: Arc<Admission>,
}

impl Admission {
    pub(crate) fn new(limits: Limits, measures: Measures) -> Arc<Self> {
        Arc::new(Self {
            requests: Arc::new(Semaphore::new(limits.requests)),
            bytes: Arc::new(Semaphore::new(limits.bytes_in_memory)),
            answers: Arc::new(Semaphore::new(limits.answer_bytes.div_ceil(ANSWER_UNIT))),
            limits,
            arriving: AtomicUsize::new(0),
            queued: AtomicU64::new(0),
            done: AtomicU64::new(0),
            busy: AtomicU64::new(0),
            measures,
        })
    }

    /// Says that a request is coming, for which a batch may wait a little.
    pub(crate) fn arriving(self: &Arc<Self>) -> Arriving {
        self.arriving.fetch_add(1, Ordering::Relaxed);
        Arriving(Arc::clone(self))
    }

    /// Whether a request is on its way to the model.
    pub(crate) fn is_one_arriving(&self) -> bool {
        self.arriving.load(Ordering::Relaxed) > 0
    }

    /// Memory for `more` bytes of a body.
    ///
    /// # Errors
    /// Other bodies have it all.
    pub(crate) fn grow(&self, memory: &mut BodyMemory, more: usize) -> Result<(), Problem> {
        let more = u32::try_from(more).map_err(|_| self.full("memory for bodies"))?;
        let permit = Arc::clone(&self.bytes).try_acquire_many_owned(more);
        let permit = permit.map_err(|_| self.full("memory for bodies"))?;
        match &mut memory.0 {
            Some(held) => held.merge(permit),
            none => *none = Some(permit),
        }
        Ok(())
    }

    /// Memory for answers of so many bytes at most.
    ///
    /// # Errors
    /// Other answers have it.
    pub(crate) fn reserve(&self, bytes: usize) -> Result<AnswerMemory, Problem> {
        let all = self.limits.answer_bytes.div_ceil(ANSWER_UNIT);
        let units = u32::try_from(bytes.div_ceil(ANSWER_UNIT).min(all)).unwrap_or(u32::MAX);
        let permit = Arc::clone(&self.answers).try_acquire_many_owned(units);
        let permit = permit.map_err(|_| self.full("memory for answers"))?;
        Ok(AnswerMemory { _permit: permit })
    }

    /// Admits a request to the queue.
    ///
    /// # Errors
    /// A queue that is full.
    pub(crate) fn admit(self: &Arc<Self>) -> Result<Admitted, Problem> {
        let permit = Arc::clone(&self.requests).try_acquire_owned();
        let permit = permit.map_err(|_| self.full("requests"))?;
        self.measures.queued_requests.increment(1.0);
        Ok(Admitted { _permit: permit, admission: Arc::clone(self) })
    }

    /// Counts a text that goes to the model.
    pub(crate) fn queue(self: &Arc<Self>, bytes: usize) -> Queued {
        let bytes = bytes as u64;
        self.queued.fetch_add(bytes, Ordering::Relaxed);
        self.measures.queued_bytes.increment(bytes as f64);
        Queued { bytes, admission: Arc::clone(self) }
    }

    /// Notes how long the model took for some bytes of text.
    pub(crate) fn worked(&self, bytes: u64, time: Duration) {
        let busy = self.busy.fetch_add(time.as_micros() as u64, Ordering::Relaxed);
        self.done.fetch_add(bytes, Ordering::Relaxed);
        // The last minute of work counts more than what was before.
        if busy > 60_000_000 {
            self.busy.store(busy / 2, Ordering::Relaxed);
            self.done.store(self.done.load(Ordering::Relaxed) / 2, Ordering::Relaxed);
        }
    }

    fn full(&self, what: &str) -> Problem {
        let seconds = self.seconds_of_work();
        let Limits { requests, bytes_in_memory, .. } = self.limits;
        Problem::new(
            ProblemKind::QueueFull,
            format!(
                "no {what} left: at most {requests} requests and {bytes_in_memory} bytes are taken at a time"
            ),
            format!("send the request again in {seconds} s, or send fewer at a time"),
        )
        .retry_after(seconds)
    }

    /// Seconds until what is queued is done, as far as is known.
    fn seconds_of_work(&self) -> u32 {
        let [queued, done, busy] =
            [&self.queued, &self.done, &self.busy].map(|number| number.load(Ordering::Relaxed) as f64);
        if done == 0.0 {
            return 1;
        }
        ((queued * busy / done / 1e6).ceil() as u32).clamp(1, MAX_RETRY)
    }
}

impl BodyMemory {
    pub(crate) fn none() -> Self {
        Self(None)
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        self.0.arriving.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.admission.measures.queued_requests.decrement(1.0);
    }
}

impl Drop for Queued {
    fn drop(&mut self) {
        self.admission.queued.fetch_sub(self.bytes, Ordering::Relaxed);
        self.admission.measures.queued_bytes.decrement(self.bytes as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_says_when_to_come_again() {
        let limits = Limits { requests: 1, bytes_in_memory: 100, ..Limits::default() };
        let admission = Admission::new(limits, Measures::new());
        let first = admission.admit().unwrap();
        let refused = admission.admit().err().unwrap();
        assert_eq!((refused.status, refused.retry_after), (429, Some(1)));
        let queued = admission.queue(5_000);
        admission.worked(1_000, Duration::from_secs(2));
        assert_eq!(admission.admit().err().unwrap().retry_after, Some(10));
        drop((first, queued));
        assert!(admission.admit().is_ok());

        let mut memory = BodyMemory::none();
        admission.grow(&mut memory, 60).unwrap();
        assert!(admission.grow(&mut BodyMemory::none(), 60).is_err());
        drop(memory);
        admission.grow(&mut BodyMemory::none(), 100).unwrap();
    }

    #[test]
    fn answers_share_their_memory_and_one_that_may_need_more_than_all_is_taken_alone() {
        let limits = Limits { answer_bytes: 10 << 10, ..Limits::default() };
        let admission = Admission::new(limits, Measures::new());
        let small = admission.reserve(6 << 10).unwrap();
        assert_eq!(admission.reserve(6 << 10).err().unwrap().status, 429);
        assert_eq!(admission.reserve(1 << 30).err().unwrap().status, 429);
        let other = admission.reserve(4 << 10).unwrap();
        drop((small, other));
        let large = admission.reserve(1 << 30).unwrap();
        assert!(admission.reserve(1).is_err());
        drop(large);
        assert!(admission.reserve(1).is_ok());
    }
}
