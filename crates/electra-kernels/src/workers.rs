//! A thread pool for the operations of this crate on Flex, and for passes made of many of them.

use burn::tensor::Device;

use crate::passes::{Pass, run_pass};

#[cfg(feature = "flex")]
mod current;
#[cfg(feature = "flex")]
mod parts;
#[cfg(feature = "flex")]
mod pool;
#[cfg(feature = "flex")]
mod tasks;
#[cfg(all(test, feature = "flex"))]
mod tests;

#[cfg(feature = "flex")]
pub use self::current::Workers;
#[cfg(feature = "flex")]
pub(crate) use self::current::threads;
#[cfg(feature = "flex")]
pub(crate) use self::parts::{Parts, chunks, chunks_mut};
#[cfg(feature = "flex")]
pub(crate) use self::tasks::{each, each_part, each_with, map_parts, map_with};

/// Runs `f`, a pass over a batch whose operations are on `device`, and counts it ([`crate::passes`]). On
/// Flex the threads that share its operations stay awake meanwhile.
///
/// A worker without tasks goes to sleep within microseconds, about the time from one operation to the
/// next, and waking it takes longer than many an operation. With the thousand parallel operations of a
/// training step, or the hundred of a short sentence, that is thousands of changes of thread. Bits do
/// not depend on it.
pub fn on_workers<T>(pass: Pass, device: &Device, f: impl FnOnce() -> T) -> T {
    run_pass(pass, || {
        #[cfg(feature = "flex")]
        if crate::flex::is_flex(device) {
            return current::keep_awake(f);
        }
        #[cfg(not(feature = "flex"))]
        let _ = device;
        f()
    })
}

/// Sets the number of threads that share the operations of this process: our own on the pool of this crate,
/// and burn's on tensors of a quarter of a million elements and more on rayon's, whose jobs never wait for
/// ours.
///
/// # Errors
/// If one of the pools exists, or the system refuses a thread.
pub fn use_threads(threads: usize) -> std::io::Result<()> {
    #[cfg(feature = "flex")]
    current::use_workers(threads)?;
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global().map_err(std::io::Error::other)
}
