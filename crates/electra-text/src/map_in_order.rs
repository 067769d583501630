//! Work spread over threads, results taken in the order of the work.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;

use crossbeam_channel::bounded;

/// The most threads that are started.
pub const MAX_THREADS: usize = 4096;

/// Threads to use when the user names no number: all that the machine has.
pub fn available_threads() -> usize {
    thread::available_parallelism().map_or(1, |threads| threads.get())
}

/// Applies a worker to every item on `threads` threads and hands the results to `sink` in the
/// order of the items; the first error, in that order, ends everything.
///
/// At most `threads + 2` items are under way at any time, however slow one of them is: memory
/// does not grow with the number of items. `items` runs on a thread of its own, `sink` on the
/// caller's.
pub fn map_in_order<T, R, E, W>(
    threads: usize,
    items: impl Iterator<Item = Result<T, E>> + Send,
    make_worker: impl Fn() -> W + Sync,
    mut sink: impl FnMut(R) -> Result<(), E>,
) -> Result<(), E>
where
    T: Send,
    R: Send,
    E: Send,
    W: FnMut(T) -> R,
{
    let threads = threads.clamp(1, MAX_THREADS);
    let under_way = threads + 2;
    let (permit_sender, permits) = bounded::<()>(under_way);
    let (work_sender, work) = bounded::<(usize, T)>(under_way);
    // Results and the reader's error; a panic of a worker travels here too, or the others would
    // wait for it forever.
    let (result_sender, results) = bounded::<(usize, thread::Result<Result<R, E>>)>(under_way + 1);
    for _ in 0..under_way {
        permit_sender.send(()).expect("the receiver is alive");
    }
    thread::scope(|scope| {
        for started in 0..threads {
            let (work, result_sender, make_worker) = (work.clone(), result_sender.clone(), &make_worker);
            let spawned = thread::Builder::new().spawn_scoped(scope, move || {
                let mut worker = make_worker();
                for (index, item) in work {
                    let result = catch_unwind(AssertUnwindSafe(|| worker(item)));
                    if result_sender.send((index, result.map(Ok))).is_err() {
                        break;
                    }
                }
            });
            match spawned {
                Ok(_) => {}
                // No more threads are to be had: the others will do, the result is the same.
                Err(_) if started > 0 => break,
                Err(error) => panic!("not a single thread can be started: {error}"),
            }
        }
        drop(work);
        scope.spawn(move || {
            for (index, item) in items.enumerate() {
                if permits.recv().is_err() {
                    break;
                }
                let sent = match item {
                    Ok(item) => work_sender.send((index, item)).is_ok(),
                    Err(error) => {
                        let _ = result_sender.send((index, Ok(Err(error))));
                        false
                    }
                };
                if !sent {
                    break;
                }
            }
        });
        let mut early = BTreeMap::new();
        let mut next = 0;
        // The senders and receivers that this loop holds are dropped on the way out, which lets
        // the other threads end.
        let (results, permit_sender) = (results, permit_sender);
        for (index, result) in &results {
            early.insert(index, result);
            while let Some(result) = early.remove(&next) {
                match result {
                    Ok(result) => sink(result?)?,
                    Err(panic) => resume_unwind(panic),
                }
                next += 1;
                // Full or closed when the reader has ended: nobody needs the permit.
                let _ = permit_sender.try_send(());
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_items_for_any_number_of_threads() {
        for threads in [1, 2, 7] {
            let mut seen = Vec::new();
            let items = (0..200u64).map(Ok::<_, ()>);
            // Early items are the slowest.
            let slow = |item: u64| (0..(200 - item) * 500).fold(item, |sum, _| std::hint::black_box(sum));
            map_in_order(
                threads,
                items,
                || slow,
                |result| {
                    seen.push(result);
                    Ok(())
                },
            )
            .unwrap();
            assert_eq!(seen, (0..200).collect::<Vec<_>>());
        }
    }

    #[test]
    fn no_more_than_the_allowed_number_of_items_is_under_way() {
        let (taken, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let mut most = 0;
        let items = (0..100).map(|item| {
            taken.fetch_add(1, Ordering::SeqCst);
            Ok::<_, ()>(item)
        });
        map_in_order(
            3,
            items,
            || |item: usize| item,
            |_| {
                most = most.max(taken.load(Ordering::SeqCst) - done.fetch_add(1, Ordering::SeqCst));
                Ok(())
            },
        )
        .unwrap();
        // Five under way and one that the source has produced but may not hand on yet.
        assert!(most <= 3 + 2 + 1, "{most}");
    }

    #[test]
    fn the_first_error_in_order_ends_the_work() {
        let items = (0..).map(|item| if item == 5 { Err("read") } else { Ok(item) });
        let mut seen = 0;
        let result = map_in_order(
            2,
            items,
            || |item: i32| item,
            |_| {
                seen += 1;
                Ok(())
            },
        );
        assert_eq!((result, seen), (Err("read"), 5));

        let result = map_in_order(
            2,
            (0..).map(Ok),
            || |item: i32| item,
            |item| match item {
                3 => Err("write"),
                _ => Ok(()),
            },
        );
        assert_eq!(result, Err("write"));
    }

    #[test]
    #[should_panic(expected = "item 4")]
    fn a_panic_of_a_worker_reaches_the_caller() {
        let work = |item: i32| assert!(item != 4, "item {item}");
        let _ = map_in_order(2, (0..1000).map(Ok::<_, ()>), || work, |()| Ok(()));
    }
}
