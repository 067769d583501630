//! What the process does with freed memory.

/// Tells the system's allocator to keep freed memory for the next training step.
///
/// A step allocates and frees the same activations as the one before. By default glibc returns
/// buffers of that size to the kernel, which zeroes fresh pages on their next use: about an
/// eighth of the time of a step. Call it once, before the first tensor is made; it returns
/// whether the allocator has such a setting (glibc does).
pub fn keep_freed_memory() -> bool {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        // SAFETY: `mallopt` only sets tunables of the allocator, under its own lock.
        unsafe {
            libc::mallopt(libc::M_MMAP_MAX, 0) == 1
                && libc::mallopt(libc::M_TRIM_THRESHOLD, i32::MAX) == 1
                && libc::mallopt(libc::M_TOP_PAD, 64 << 20) == 1
                // Arenas of other threads shrink by rules of their own: a single one for all.
                && libc::mallopt(libc::M_ARENA_MAX, 1) == 1
        }
    }
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    false
}
