//! Where a chain of operations begins.

#[cfg(feature = "flex")]
use std::sync::atomic::{AtomicBool, Ordering};

use burn::tensor::Device;

/// Runs `f`, whose operations are on `device`, and waits for its result: on Flex, on one of the threads
/// that share their work, with the others kept awake meanwhile; on every other device, here.
///
/// An operation that begins elsewhere hands its work over, sleeps, and is woken by whoever finishes
/// it; and a worker without work goes to sleep within microseconds, about the time from one
/// operation to the next. With the thousand parallel passes of a training step, or the hundred of
/// a short sentence, that is thousands of changes of thread. Bits do not depend on it.
pub fn on_workers<T: Send>(device: &Device, f: impl FnOnce() -> T + Send) -> T {
    #[cfg(feature = "flex")]
    if crate::flex::is_flex(device) {
        let is_over = AtomicBool::new(false);
        return rayon::scope(|scope| {
            let here = rayon::current_thread_index();
            let is_over = &is_over;
            scope.spawn_broadcast(move |_, thread| {
                if Some(thread.index()) != here {
                    look_for_work_until(is_over);
                }
            });
            // Also if `f` panics: nobody may look for work forever.
            let _over = SetWhenDropped(is_over);
            f()
        });
    }
    #[cfg(not(feature = "flex"))]
    let _ = device;
    f()
}

#[cfg(feature = "flex")]
struct SetWhenDropped<'a>(&'a AtomicBool);

#[cfg(feature = "flex")]
impl Drop for SetWhenDropped<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Does what work there is; without any for long, lets other threads of the system go first.
#[cfg(feature = "flex")]
fn look_for_work_until(is_over: &AtomicBool) {
    /// Looks, of which each takes a tenth of a microsecond.
    const SOON: usize = 500;
    let mut in_vain = 0;
    while !is_over.load(Ordering::Acquire) {
        match rayon::yield_now() {
            Some(rayon::Yield::Executed) => in_vain = 0,
            _ if in_vain < SOON => {
                in_vain += 1;
                std::hint::spin_loop();
            }
            _ => std::thread::yield_now(),
        }
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use std::panic::catch_unwind;

    use super::*;

    fn on<T: Send>(threads: usize, f: impl FnOnce() -> T + Send) -> T {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(f)
    }

    #[test]
    fn it_begins_on_a_worker_and_returns_its_result() {
        for threads in [1, 2, 5] {
            let begun = on(threads, || on_workers(&Device::flex(), rayon::current_thread_index));
            assert!(begun.is_some_and(|index| index < threads));
        }
    }

    #[test]
    fn one_inside_another_and_work_for_all_inside_both_come_to_an_end() {
        use rayon::prelude::*;
        let device = Device::flex();
        let sum = || (0..1000u32).into_par_iter().with_max_len(1).map(u64::from).sum::<u64>();
        assert_eq!(on(3, || on_workers(&device, || sum() + on_workers(&device, sum))), 2 * 499_500);
    }

    #[test]
    fn a_panic_ends_the_search_for_work() {
        let caught = on(2, || catch_unwind(|| on_workers(&Device::flex(), || panic!("as planned"))));
        assert!(caught.is_err());
    }

    #[cfg(feature = "ndarray")]
    #[test]
    #[allow(deprecated)] // NdArray is the only second CPU backend.
    fn on_another_device_it_begins_where_it_is_called() {
        let here = std::thread::current().id();
        assert_eq!(on_workers(&Device::ndarray(), || std::thread::current().id()), here);
        assert_ne!(on_workers(&Device::flex().autodiff(), || std::thread::current().id()), here);
    }
}
