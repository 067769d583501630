//! The pool that shares the operations of a thread: that of the process, or one that was installed.

use std::cell::RefCell;
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;

use super::pool::Pool;

/// A pool of threads that share the tasks of one operation.
///
/// An operation has the tasks `0..n`, of which each thread has a share: the same part of the rows from one
/// operation to the next, so that they are in its cache. The thread that begins the operation and every
/// worker that is free take the next few of their own share, then of those of others, until none is
/// left; what a thread that is not scheduled has not taken, the others do.
///
/// It cannot hang: **no task ever waits.** An operation that finds the pool taken, because it begins
/// inside a task or on another thread at the same time, does its tasks where it is. The one thread
/// that waits is the one that began the operation, for tasks that others have taken, and those run to
/// their end.
pub struct Workers {
    pool: Arc<Pool>,
    threads: Vec<JoinHandle<()>>,
}

impl Workers {
    /// A pool in which `threads` threads work: the one that begins an operation and `threads - 1` more.
    ///
    /// # Errors
    /// If the system refuses a thread.
    pub fn new(threads: usize) -> std::io::Result<Self> {
        let mut workers = Self { pool: Arc::new(Pool::new(threads.max(1))), threads: Vec::new() };
        for i in 1..threads {
            let pool = Arc::clone(&workers.pool);
            let thread = std::thread::Builder::new().name(format!("worker-{i}"));
            workers.threads.push(thread.spawn(move || with_pool(&pool, || pool.work(i)))?);
        }
        Ok(workers)
    }

    /// Runs `f`, whose operations are shared by this pool.
    pub fn install<T>(&self, f: impl FnOnce() -> T) -> T {
        with_pool(&self.pool, f)
    }

    pub(super) fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.pool.end();
        for thread in self.threads.drain(..) {
            // A worker catches what tasks panic with; nothing else in it panics.
            let _ = thread.join();
        }
    }
}

/// The pool of the process, made at its first operation.
static WORKERS: OnceLock<Workers> = OnceLock::new();

thread_local! {
    /// The pool of this thread, where that is another one.
    static INSTALLED: RefCell<Option<Arc<Pool>>> = const { RefCell::new(None) };
}

/// Makes the pool of the process, of `threads` threads.
///
/// # Errors
/// If it exists, or the system refuses a thread.
pub(super) fn use_workers(threads: usize) -> std::io::Result<()> {
    let exists = || std::io::Error::other("the pool of worker threads exists already");
    if WORKERS.get().is_some() {
        return Err(exists());
    }
    WORKERS.set(Workers::new(threads)?).map_err(|_| exists())
}

/// Calls `f` with the pool that shares this thread's operations.
pub(super) fn current<T>(f: impl FnOnce(&Pool) -> T) -> T {
    if let Some(pool) = INSTALLED.with_borrow(Clone::clone) {
        return f(&pool);
    }
    f(WORKERS
        .get_or_init(|| {
            let threads = std::thread::available_parallelism().map_or(1, usize::from);
            Workers::new(threads)
                .or_else(|_| Workers::new(1))
                .expect("a pool of this thread alone needs no other")
        })
        .pool())
}

pub(super) fn with_pool<T>(pool: &Arc<Pool>, f: impl FnOnce() -> T) -> T {
    struct Before(Option<Arc<Pool>>);
    impl Drop for Before {
        fn drop(&mut self) {
            INSTALLED.set(self.0.take());
        }
    }
    // Put back also if `f` panics.
    let _before = Before(INSTALLED.replace(Some(Arc::clone(pool))));
    f()
}

/// The number of threads that share the operations of this thread.
pub(crate) fn threads() -> usize {
    current(Pool::threads)
}

/// Runs `f` while the threads of the pool stay awake.
pub(super) fn keep_awake<T>(f: impl FnOnce() -> T) -> T {
    current(|pool| pool.pass(f))
}
