//! Operations as tasks: numbers or parts of slices, shared by the threads of a pool.

use std::mem::MaybeUninit;

use super::current::current;
use super::parts::{Parts, chunks_mut};

/// Calls `task` with each of `0..n`, shared by the threads.
pub(crate) fn each(n: usize, task: impl Fn(usize) + Sync) {
    current(|pool| pool.run(n, &|tasks| tasks.for_each(&task)));
}

/// Calls `task` with each of `0..n`, shared by the threads, each of which makes a state of its own first.
pub(crate) fn each_with<S>(n: usize, state: impl Fn() -> S + Sync, task: impl Fn(&mut S, usize) + Sync) {
    current(|pool| {
        pool.run(n, &|tasks| {
            let mut state = state();
            tasks.for_each(|i| task(&mut state, i));
        });
    });
}

/// The results of `task` for each of `0..n`, in their order, shared by the threads, each of which makes
/// a state of its own first.
pub(crate) fn map_with<S, T: Send>(
    n: usize,
    state: impl Fn() -> S + Sync,
    task: impl Fn(&mut S, usize) -> T + Sync,
) -> Vec<T> {
    let mut results = Vec::with_capacity(n);
    let places = chunks_mut(&mut results.spare_capacity_mut()[..n], 1);
    each_with(n, state, |state, i| {
        // SAFETY: there are as many places as tasks, and each task is done once.
        let place: &mut [MaybeUninit<T>] = unsafe { places.part(i) };
        place[0].write(task(state, i));
    });
    // SAFETY: every task has written its result: had one panicked, `each_with` had done so as well.
    unsafe { results.set_len(n) };
    results
}

/// Calls `task` with the number of each part and the part, shared by the threads.
pub(crate) fn each_part<P: Parts>(parts: P, task: impl Fn(usize, P::Part) + Sync) {
    // SAFETY: there are as many tasks as parts, and each is done once.
    each(parts.count(), |i| task(i, unsafe { parts.part(i) }));
}

/// The results of `task` for each part, in their order, shared by the threads.
pub(crate) fn map_parts<P: Parts, T: Send>(parts: P, task: impl Fn(usize, P::Part) -> T + Sync) -> Vec<T> {
    // SAFETY: there are as many tasks as parts, and each is done once.
    map_with(parts.count(), || (), |(), i| task(i, unsafe { parts.part(i) }))
}
