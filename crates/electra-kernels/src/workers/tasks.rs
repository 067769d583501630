//! Operations as tasks: numbers or parts of slices, shared by the threads of a pool.

use std::cell::RefCell;
use std::mem::MaybeUninit;
use std::sync::{Arc, OnceLock};

use super::parts::{Parts, chunks_mut};
use super::pool::{Pool, Workers};

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
fn current<T>(f: impl FnOnce(&Pool) -> T) -> T {
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

/// How many threads share the operations of this thread.
pub fn threads() -> usize {
    current(Pool::threads)
}

/// Runs `f` while the threads stay awake.
pub(super) fn awake<T>(f: impl FnOnce() -> T) -> T {
    current(|pool| pool.pass(f))
}

/// Calls `task` with each of `0..n`, shared by the threads.
pub fn each(n: usize, task: impl Fn(usize) + Sync) {
    current(|pool| pool.run(n, &|tasks| tasks.for_each(&task)));
}

/// Calls `task` with each of `0..n`, shared by the threads, each of which makes a state of its own first.
pub fn each_with<S>(n: usize, state: impl Fn() -> S + Sync, task: impl Fn(&mut S, usize) + Sync) {
    current(|pool| {
        pool.run(n, &|tasks| {
            let mut state = state();
            tasks.for_each(|i| task(&mut state, i));
        });
    });
}

/// What `task` returns for each of `0..n`, in their order, shared by the threads, each of which makes
/// a state of its own first.
pub fn map_with<S, T: Send>(
    n: usize,
    state: impl Fn() -> S + Sync,
    task: impl Fn(&mut S, usize) -> T + Sync,
) -> Vec<T> {
    let mut results = Vec::with_capacity(n);
    let places = chunks_mut(&mut results.spare_capacity_mut()[..n], 1);
    each_with(n, state, |state, i| {
        // SAFETY: each task is done once, and its place is its own.
        let place: &mut [MaybeUninit<T>] = unsafe { places.part(i) };
        place[0].write(task(state, i));
    });
    // SAFETY: every task has written its result, or had panicked, and `each_with` with it.
    unsafe { results.set_len(n) };
    results
}

/// Calls `task` with the number of each part and the part, shared by the threads.
pub fn each_part<P: Parts>(parts: P, task: impl Fn(usize, P::Part) + Sync) {
    // SAFETY: each task is done once.
    each(parts.count(), |i| task(i, unsafe { parts.part(i) }));
}

/// Calls `task` with the number of each part and the part, shared by the threads, each of which makes
/// a state of its own first.
pub fn each_part_with<P: Parts, S>(
    parts: P,
    state: impl Fn() -> S + Sync,
    task: impl Fn(&mut S, usize, P::Part) + Sync,
) {
    // SAFETY: each task is done once.
    each_with(parts.count(), state, |state, i| task(state, i, unsafe { parts.part(i) }));
}

/// What `task` returns for each part, in their order, shared by the threads.
pub fn map_parts<P: Parts, T: Send>(parts: P, task: impl Fn(usize, P::Part) -> T + Sync) -> Vec<T> {
    // SAFETY: each task is done once.
    map_with(parts.count(), || (), |(), i| task(i, unsafe { parts.part(i) }))
}
