//! Where a chain of operations begins.

/// Runs `f` on one of the threads that share the work of operations, and waits for its result.
///
/// An operation that begins elsewhere hands its work over, sleeps, and is woken by whoever finishes
/// it: two changes of thread for each of the thousand parallel passes of a training step. One that
/// begins on a worker starts on its share at once. Bits do not depend on it.
pub fn on_workers<T: Send>(f: impl FnOnce() -> T + Send) -> T {
    #[cfg(feature = "flex")]
    {
        rayon::scope(|_| f())
    }
    #[cfg(not(feature = "flex"))]
    f()
}
