//! Settings of the system's allocator: freed memory that is kept, and large pages.

#[cfg(all(target_os = "linux", target_env = "gnu"))]
use std::sync::atomic::{AtomicUsize, Ordering};

/// End of the heap up to which large pages were asked for; 0 until memory is kept.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
static LARGE_UP_TO: AtomicUsize = AtomicUsize::new(0);

/// Bytes by which the heap grows at a time.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const GROWTH: usize = 64 << 20;

/// Tells the system's allocator to keep freed memory for the next training step.
///
/// A step allocates and frees the same activations as the one before. By default glibc returns
/// buffers of that size to the kernel, which zeroes fresh pages on their next use: about an
/// eighth of the time of a step. Call it once, before the first tensor is made; it returns
/// whether the allocator has such a setting (glibc does).
///
/// From then on the heap also grows in large pages where the kernel has them to give (Linux's
/// transparent ones, "madvise" or "always"): rows of activations lie kilobytes apart, and reading
/// down a column of them in pages of 4 KiB is a search for each. Worth a twelfth of a step.
pub fn keep_freed_memory() -> bool {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        // SAFETY: `mallopt` sets tunables of the allocator, under its own lock, and touches no memory of
        // ours.
        let kept = unsafe {
            libc::mallopt(libc::M_MMAP_MAX, 0) == 1
                && libc::mallopt(libc::M_TRIM_THRESHOLD, i32::MAX) == 1
                && libc::mallopt(libc::M_TOP_PAD, GROWTH as libc::c_int) == 1
                // Arenas of other threads shrink by rules of their own: a single one for all.
                && libc::mallopt(libc::M_ARENA_MAX, 1) == 1
        };
        if kept {
            LARGE_UP_TO.store(end_of_heap(), Ordering::Relaxed);
            // The heap grows to hold this, and by `M_TOP_PAD` more, for the weights that come first.
            // Under a limit on memory there may be less, which is no reason to end yet.
            // SAFETY: what was given, if anything, is given back and not used between.
            unsafe { libc::free(std::hint::black_box(libc::malloc(GROWTH))) };
            enlarge_pages();
        }
        kept
    }
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    false
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn end_of_heap() -> usize {
    // SAFETY: a growth of nothing only reads where the heap ends.
    unsafe { libc::sbrk(0) }.addr()
}

/// Asks for large pages in what the heap has grown by since the last call. To be called between the
/// allocation of a large buffer and its first use; costs a comparison if the heap has not grown.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(crate) fn enlarge_pages() {
    const PAGE: usize = 4096;
    let known = LARGE_UP_TO.load(Ordering::Relaxed);
    let end = end_of_heap();
    let claimed = || LARGE_UP_TO.compare_exchange(known, end, Ordering::Relaxed, Ordering::Relaxed);
    if known == 0 || end <= known || claimed().is_err() {
        return;
    }
    let start = known.next_multiple_of(PAGE);
    if start < end {
        let start = std::ptr::without_provenance_mut(start);
        // SAFETY: advice about pages of the heap, which changes nothing of what they hold. Where it
        // is refused they stay as they are.
        unsafe { libc::madvise(start, end - start.addr(), libc::MADV_HUGEPAGE) };
    }
}

/// No large pages to ask for.
#[cfg(all(feature = "flex", not(all(target_os = "linux", target_env = "gnu"))))]
pub(crate) fn enlarge_pages() {}
