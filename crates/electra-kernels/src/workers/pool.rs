//! A pool of threads that share the tasks of one operation.

use std::any::Any;
use std::cell::UnsafeCell;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Looks at an atomic before a thread that waits gives up its core: about 20 microseconds.
const SPIN_LIMIT: u32 = 300;
/// The time for which a worker without tasks stays awake during a pass, letting other threads of the system
/// go first.
const AWAKE_FOR: Duration = Duration::from_millis(2);
/// The time for which the thread that began an operation waits for the others before it sleeps.
const SLEEP_AFTER: Duration = Duration::from_micros(200);
/// A thread takes this part of its own tasks at a time.
const POP_FRACTION: u32 = 4;

/// The body of an operation: a function that each thread calls with its share of the tasks.
type OperationBody<'a> = dyn Fn(&mut Tasks<'_>) + Sync + 'a;

#[derive(Clone, Copy)]
struct Operation {
    /// The body of the operation, in the frame that waits in [`Pool::run`].
    body: *const OperationBody<'static>,
    tasks: usize,
}

/// An atomic alone on its cache lines (processors fetch them in pairs).
#[repr(align(128))]
struct CachePadded<T>(T);

/// The tasks of a thread's share that nobody has taken, `next` and `end` in one word: taken from the front
/// by the thread, from the back by others.
struct TaskRange(AtomicU64);

impl TaskRange {
    fn word(Range { start, end }: Range<u32>) -> u64 {
        u64::from(start) << 32 | u64::from(end)
    }

    fn set(&self, tasks: Range<u32>) {
        self.0.store(Self::word(tasks), Ordering::Release);
    }

    /// Takes what `part` says of what is left, if anything is.
    fn take(&self, part: impl Fn(Range<u32>) -> [Range<u32>; 2]) -> Option<Range<usize>> {
        let mut word = self.0.load(Ordering::Acquire);
        loop {
            let left = (word >> 32) as u32..word as u32;
            if left.is_empty() {
                return None;
            }
            let [taken, rest] = part(left);
            let rest = Self::word(rest);
            match self.0.compare_exchange_weak(word, rest, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Some(taken.start as usize..taken.end as usize),
                Err(now) => word = now,
            }
        }
    }

    fn pop(&self) -> Option<Range<usize>> {
        self.take(|left| {
            let middle = left.start + (left.len() as u32).div_ceil(POP_FRACTION);
            [left.start..middle, middle..left.end]
        })
    }

    fn steal(&self) -> Option<Range<usize>> {
        self.take(|left| {
            let middle = left.end - (left.len() as u32).div_ceil(2);
            [middle..left.end, left.start..middle]
        })
    }
}

/// The state that the threads of a pool share.
pub(crate) struct Pool {
    threads: usize,
    /// Whether an operation has the workers.
    is_busy: AtomicBool,
    /// The operation that has them; none before the first.
    operation: UnsafeCell<Option<Operation>>,
    /// The tasks of the operation that nobody has taken; the first share is that of the thread that began it.
    ranges: Box<[CachePadded<TaskRange>]>,
    /// Operations so far.
    begun: CachePadded<AtomicUsize>,
    /// The number of tasks of the operation that are over.
    finished: CachePadded<AtomicUsize>,
    /// The payload of a panic in one of the operation's tasks.
    panic: Mutex<Option<Box<dyn Any + Send>>>,
    /// Passes under way, during which workers stay awake.
    passes: AtomicUsize,
    asleep: AtomicUsize,
    /// Whether the thread that began the operation sleeps.
    is_awaited: AtomicBool,
    is_over: AtomicBool,
    sleep_lock: Mutex<()>,
    has_work: Condvar,
    has_finished: Condvar,
}

// SAFETY: `operation` is written by the thread alone that set `is_busy`, while no task is left to take, and
// read by threads that have taken a task of it, which it outlives (`Pool::run`). Its body is `Sync`.
unsafe impl Send for Pool {}
// SAFETY: as above.
unsafe impl Sync for Pool {}

impl Pool {
    pub(super) fn new(threads: usize) -> Self {
        Self {
            threads,
            is_busy: AtomicBool::new(false),
            operation: UnsafeCell::new(None),
            ranges: (0..threads).map(|_| CachePadded(TaskRange(AtomicU64::new(0)))).collect(),
            begun: CachePadded(AtomicUsize::new(0)),
            finished: CachePadded(AtomicUsize::new(0)),
            panic: Mutex::new(None),
            passes: AtomicUsize::new(0),
            asleep: AtomicUsize::new(0),
            is_awaited: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
            sleep_lock: Mutex::new(()),
            has_work: Condvar::new(),
            has_finished: Condvar::new(),
        }
    }

    /// The number of threads that work.
    pub(crate) fn threads(&self) -> usize {
        self.threads
    }

    /// Runs `f` as one pass: workers stay awake from one operation to the next.
    pub(crate) fn pass<T>(&self, f: impl FnOnce() -> T) -> T {
        struct Ends<'a>(&'a AtomicUsize);
        impl Drop for Ends<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::SeqCst);
            }
        }
        self.passes.fetch_add(1, Ordering::SeqCst);
        // Also if `f` panics.
        let _ends = Ends(&self.passes);
        self.wake_all();
        f()
    }

    #[cfg(test)]
    pub(crate) fn passes_under_way(&self) -> usize {
        self.passes.load(Ordering::SeqCst)
    }

    /// Calls `body` on one or more threads, whose tasks are together `0..tasks`, each once. `body` goes
    /// through all that it is given.
    pub(crate) fn run(&self, tasks: usize, body: &OperationBody<'_>) {
        // One task, one thread, or a pool that is taken: here.
        if tasks <= 1 || self.threads == 1 || self.is_busy.swap(true, Ordering::Acquire) {
            return body(&mut Tasks { pool: None, rest: 0..tasks, taken: tasks });
        }
        let body: *const OperationBody<'_> = body;
        // SAFETY: a pointer to the same type but for its lifetime. It is read only by threads that have
        // taken tasks which are not finished, and this frame waits for all of them below.
        let body =
            unsafe { std::mem::transmute::<*const OperationBody<'_>, *const OperationBody<'static>>(body) };
        // SAFETY: `is_busy` was set by this thread, and no task is left from the operation before, so
        // that nobody reads it.
        unsafe { *self.operation.get() = Some(Operation { body, tasks }) };
        self.finished.0.store(0, Ordering::Relaxed);
        let n = u32::try_from(tasks).expect("fewer than 2^32 tasks");
        let start = |i: usize| (u64::from(n) * i as u64 / self.threads as u64) as u32;
        // The tasks can be taken from here on.
        self.ranges.iter().enumerate().for_each(|(i, range)| range.0.set(start(i)..start(i + 1)));
        self.begun.0.fetch_add(1, Ordering::SeqCst);
        self.wake_all();
        if let Some(first) = self.take(0) {
            self.take_part(0, first);
        }
        self.wait_for(tasks);
        let panic = lock(&self.panic).take();
        self.is_busy.store(false, Ordering::Release);
        if let Some(panic) = panic {
            resume_unwind(panic);
        }
    }

    /// Lets the workers come to an end.
    pub(super) fn end(&self) {
        self.is_over.store(true, Ordering::SeqCst);
        self.wake_all();
    }

    /// The loop of a worker.
    pub(super) fn work(&self, thread: usize) {
        let mut backoff = Backoff::default();
        let mut seen = 0;
        while !self.is_over.load(Ordering::Acquire) {
            let begun = self.begun.0.load(Ordering::Acquire);
            if begun != seen {
                seen = begun;
                if let Some(first) = self.take(thread) {
                    self.take_part(thread, first);
                }
                backoff = Backoff::default();
            } else if !backoff.wait(if self.passes.load(Ordering::Relaxed) > 0 {
                AWAKE_FOR
            } else {
                Duration::ZERO
            }) {
                self.sleep(seen);
                backoff = Backoff::default();
            }
        }
    }

    /// The next tasks for a thread, taken.
    fn take(&self, thread: usize) -> Option<Range<usize>> {
        let (before, from) = self.ranges.split_at(thread);
        let (own, behind) = from.split_first().expect("a thread of this pool");
        own.0.pop().or_else(|| behind.iter().chain(before).find_map(|range| range.0.steal()))
    }

    /// The operation that has the workers. For a thread that has taken tasks of it which are not finished.
    fn operation(&self) -> Operation {
        // SAFETY: written before its tasks could be taken, and again only when all are finished.
        unsafe { *self.operation.get() }.expect("tasks of an operation were taken")
    }

    /// Does the tasks `first` of the operation and those that it takes after them.
    fn take_part(&self, thread: usize, first: Range<usize>) {
        let Operation { body, tasks } = self.operation();
        let mut own = Tasks { pool: Some((self, thread)), taken: first.len(), rest: first };
        // SAFETY: the frame that the body belongs to waits until the tasks of `own` are finished, which is
        // said below, when the call and all that it made are over.
        let outcome = catch_unwind(AssertUnwindSafe(|| unsafe { (*body)(&mut own) }));
        if let Err(panic) = outcome {
            *lock(&self.panic) = Some(panic);
            // What is left is not done any more, and must not stay: all other threads may have panicked as
            // well.
            while let Some(left) = self.take(thread) {
                own.taken += left.len();
            }
        }
        let finished = self.finished.0.fetch_add(own.taken, Ordering::SeqCst) + own.taken;
        if finished == tasks && self.is_awaited.load(Ordering::SeqCst) {
            let _door = lock(&self.sleep_lock);
            self.has_finished.notify_all();
        }
    }

    /// Waits until `tasks` tasks are over, all of which are taken.
    fn wait_for(&self, tasks: usize) {
        let is_finished = || self.finished.0.load(Ordering::SeqCst) == tasks;
        let mut backoff = Backoff::default();
        while !is_finished() {
            if !backoff.wait(SLEEP_AFTER) {
                let mut sleep_lock = lock(&self.sleep_lock);
                self.is_awaited.store(true, Ordering::SeqCst);
                while !is_finished() {
                    sleep_lock = self.has_finished.wait(sleep_lock).unwrap_or_else(PoisonError::into_inner);
                }
                self.is_awaited.store(false, Ordering::SeqCst);
                return;
            }
        }
    }

    /// Sleeps until somebody calls [`Self::wake_all`], unless an operation has begun after the first `seen`.
    fn sleep(&self, seen: usize) {
        let sleep_lock = lock(&self.sleep_lock);
        self.asleep.fetch_add(1, Ordering::SeqCst);
        if self.begun.0.load(Ordering::SeqCst) == seen && !self.is_over.load(Ordering::SeqCst) {
            drop(self.has_work.wait(sleep_lock).unwrap_or_else(PoisonError::into_inner));
        }
        self.asleep.fetch_sub(1, Ordering::SeqCst);
    }

    /// Wakes the workers that sleep. Whoever calls it has first said what for.
    fn wake_all(&self) {
        // A worker counts itself before it looks for work: one of both sees the other.
        if self.asleep.load(Ordering::SeqCst) > 0 {
            let _door = lock(&self.sleep_lock);
            self.has_work.notify_all();
        }
    }
}

/// The numbers of the tasks that one thread does, taken as it goes.
pub(crate) struct Tasks<'a> {
    /// The pool to take more tasks from, and the number of this thread in it; `None` if all tasks are its
    /// own.
    pool: Option<(&'a Pool, usize)>,
    rest: Range<usize>,
    taken: usize,
}

impl Iterator for Tasks<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        if self.rest.is_empty() {
            let (pool, thread) = self.pool?;
            self.rest = pool.take(thread)?;
            self.taken += self.rest.len();
        }
        self.rest.next()
    }
}

/// The patience of a thread that waits: it spins, then gives up its core, then says that it has waited
/// long enough.
#[derive(Default)]
struct Backoff {
    spins: u32,
    since: Option<Instant>,
}

impl Backoff {
    /// Waits a moment, at most until `limit` after the first spins; false when that is over.
    fn wait(&mut self, limit: Duration) -> bool {
        if self.spins < SPIN_LIMIT {
            self.spins += 1;
            std::hint::spin_loop();
            return true;
        }
        if self.since.get_or_insert_with(Instant::now).elapsed() >= limit {
            return false;
        }
        std::thread::yield_now();
        true
    }
}

/// Nothing behind these locks is left half changed by a panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
