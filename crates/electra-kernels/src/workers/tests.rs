use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Barrier, Mutex};
use std::time::Duration;

use super::current::keep_awake;
use super::*;

fn on<T>(threads: usize, f: impl FnOnce() -> T) -> T {
    Workers::new(threads).unwrap().install(f)
}

#[test]
fn each_task_is_done_once_for_any_number_of_tasks_and_threads() {
    for threads in [1, 2, 5] {
        on(threads, || {
            for n in [0, 1, 2, 7, 100, 1000] {
                let done: Vec<_> = (0..n).map(|_| AtomicUsize::new(0)).collect();
                each(n, |i| {
                    done[i].fetch_add(1, Ordering::Relaxed);
                });
                assert!(done.iter().all(|times| times.load(Ordering::Relaxed) == 1), "{n} on {threads}");
            }
        });
    }
}

#[test]
fn tasks_are_done_on_all_threads_at_the_same_time() {
    // Each task waits for the two others, which a thread alone could not.
    let met = Barrier::new(3);
    on(3, || {
        each(3, |_| {
            met.wait();
        });
    });
}

#[test]
fn results_stand_in_the_order_of_their_tasks_and_a_state_is_that_of_one_thread() {
    let states = AtomicUsize::new(0);
    let squares = on(4, || {
        let state = || states.fetch_add(1, Ordering::Relaxed);
        map_with(500, state, |state, i| (format!("{}", i * i), *state))
    });
    assert!(squares.iter().enumerate().all(|(i, (square, _))| *square == format!("{}", i * i)));
    let made = states.load(Ordering::Relaxed);
    assert!((1..=4).contains(&made), "{made} states for 4 threads");
    assert!(squares.iter().all(|(_, state)| *state < made));
}

#[test]
fn parts_of_several_slices_belong_together() {
    let (mut sums, x) = (vec![0; 10], (0..10).collect::<Vec<_>>());
    let sizes = on(3, || {
        map_parts((chunks_mut(&mut sums, 4), chunks(&x, 4)), |i, (sums, x)| {
            sums.iter_mut().zip(x).for_each(|(sum, x)| *sum = 100 * i + x);
            sums.len()
        })
    });
    assert_eq!(sizes, [4, 4, 2]);
    assert_eq!(sums, [0, 1, 2, 3, 104, 105, 106, 107, 208, 209]);
}

#[test]
fn an_operation_inside_a_task_is_done_by_its_thread() {
    let sums =
        on(3, || map_with(4, || (), |(), i| map_with(100, || (), |(), j| i * j).into_iter().sum::<usize>()));
    assert_eq!(sums, [0, 4950, 2 * 4950, 3 * 4950]);
}

#[test]
fn passes_and_operations_of_several_threads_at_the_same_time_all_come_to_an_end() {
    let workers = Workers::new(3).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                workers.install(|| {
                    for _ in 0..200 {
                        let pass =
                            || keep_awake(|| map_with(50, || (), |(), i| i).into_iter().sum::<usize>());
                        assert_eq!(pass() + on_workers(Pass::Training, &Device::flex(), pass), 2 * 1225);
                    }
                });
            });
        }
    });
}

#[test]
fn a_panic_in_a_task_is_that_of_its_operation_and_the_pool_goes_on() {
    on(3, || {
        for guilty in [0, 57, 99] {
            let over = AtomicUsize::new(0);
            let caught = catch_unwind(AssertUnwindSafe(|| {
                each(100, |i| {
                    assert_ne!(i, guilty, "as planned");
                    over.fetch_add(1, Ordering::Relaxed);
                });
            }));
            assert!(caught.unwrap_err().downcast_ref::<String>().unwrap().contains("as planned"));
            let sum: usize = map_with(100, || (), |(), i| i).into_iter().sum();
            assert_eq!(sum, 4950);
        }
    });
}

#[test]
fn an_operation_of_which_every_task_panics_comes_to_an_end() {
    on(3, || {
        for _ in 0..20 {
            let caught = catch_unwind(|| each(100, |i| panic!("task {i}, as planned")));
            assert!(caught.unwrap_err().downcast_ref::<String>().unwrap().contains("as planned"));
        }
        let sum: usize = map_with(100, || (), |(), i| i).into_iter().sum();
        assert_eq!(sum, 4950);
    });
}

#[test]
fn a_worker_that_sleeps_is_woken_by_an_operation_and_by_the_end_of_its_pool() {
    let workers = Workers::new(2).unwrap();
    for _ in 0..3 {
        std::thread::sleep(Duration::from_millis(20));
        let names = Mutex::new(std::collections::BTreeSet::new());
        let met = Barrier::new(2);
        workers.install(|| {
            each(2, |_| {
                met.wait();
                names.lock().unwrap().insert(format!("{:?}", std::thread::current().id()));
            });
        });
        assert_eq!(names.into_inner().unwrap().len(), 2);
    }
    std::thread::sleep(Duration::from_millis(20));
    drop(workers);
}

#[test]
fn a_pass_that_panics_is_over() {
    let workers = Workers::new(2).unwrap();
    let caught = workers
        .install(|| catch_unwind(|| on_workers(Pass::Training, &Device::flex(), || panic!("as planned"))));
    assert!(caught.is_err());
    assert_eq!(workers.pool().passes_under_way(), 0);
}

#[cfg(feature = "ndarray")]
#[test]
#[allow(deprecated)] // NdArray is the only second CPU backend.
fn a_pass_on_another_device_wakes_nobody() {
    let workers = Workers::new(2).unwrap();
    workers.install(|| {
        let under_way = || workers.pool().passes_under_way();
        assert_eq!(on_workers(Pass::Training, &Device::ndarray(), under_way), 0);
        assert_eq!(on_workers(Pass::Training, &Device::flex().autodiff(), under_way), 1);
    });
}
