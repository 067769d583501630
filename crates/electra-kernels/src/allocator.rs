//! Memory that begins where a cache line does.
//!
//! Allocators give addresses that are multiples of 16. A vector of AVX-512 and a row of a tile of AMX
//! are as long as a cache line, 64 bytes, and three times of four each would lie across two of
//! them: on AMX that halves the speed of a product.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::OnceLock;

/// Bytes of a cache line.
pub const LINE: usize = 64;
/// Allocations from this size on begin with a line. Smaller ones are no operands.
const FROM: usize = 1024;

/// The system's allocator, with every larger allocation at the beginning of a cache line.
///
/// For the binary that trains: `#[global_allocator] static MEMORY: CacheLines = CacheLines;`. It asks
/// for a line more than needed and begins within it, rather than for an aligned address: glibc before
/// 2.38 does not find freed memory again that it aligned itself.
pub struct CacheLines;

/// What ends the process when the system gives no more memory.
static EXHAUSTED: OnceLock<fn(usize) -> !> = OnceLock::new();

/// From now on `end` is called, with the number of bytes asked for, when the system gives no more
/// memory to [`CacheLines`]; without it the standard library aborts the process.
///
/// `end` runs on whatever thread asked, in the middle of anything, and must not need memory: what it
/// asks for is refused without another call. Only the first call of this function counts.
pub fn when_exhausted(end: fn(usize) -> !) {
    let _ = EXHAUSTED.set(end);
}

/// `memory`, unless the system has refused these `bytes` and somebody wants to know.
fn given(memory: *mut u8, bytes: usize) -> *mut u8 {
    if memory.is_null() {
        refused(bytes);
    }
    memory
}

#[cold]
fn refused(bytes: usize) {
    std::thread_local! {
        static ENDING: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
    }
    // A thread that is ending the process already is not told again.
    if let Some(end) = EXHAUSTED.get()
        && !ENDING.replace(true)
    {
        end(bytes);
    }
}

/// What the system is asked for instead, if an allocation is to begin with a line.
fn with_line(layout: Layout) -> Option<Layout> {
    let larger = layout.size() >= FROM && layout.align() <= LINE;
    larger.then(|| layout.size().checked_add(LINE)).flatten().and_then(|size| {
        // Room for the offset in front of the first line.
        Layout::from_size_align(size, align_of::<usize>().max(layout.align().min(16))).ok()
    })
}

/// The first line in `memory`, which is a line longer than asked for, with its offset in front of it.
///
/// # Safety
///
/// `memory` is null or points to more than [`LINE`] bytes, at a multiple of the size of an address.
unsafe fn begin(memory: *mut u8) -> *mut u8 {
    if memory.is_null() {
        return memory;
    }
    let offset = LINE - memory.addr() % LINE;
    let first = memory.wrapping_add(offset);
    // SAFETY: between `memory` and `first` lies at least an address, and both are multiples of its size.
    unsafe { first.cast::<usize>().sub(1).write(offset) };
    first
}

/// The offset of `first` in what the system gave.
///
/// # Safety
///
/// `first` came from [`begin`].
unsafe fn offset(first: *mut u8) -> usize {
    // SAFETY: the caller's promise.
    unsafe { first.cast::<usize>().sub(1).read() }
}

// SAFETY: memory is the system's; where it begins later, there is a line more of it, and what is given
// back is what came from the system.
unsafe impl GlobalAlloc for CacheLines {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise; a line more.
        unsafe {
            match with_line(layout) {
                Some(larger) => begin(given(System.alloc(larger), layout.size())),
                None => given(System.alloc(layout), layout.size()),
            }
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        unsafe {
            match with_line(layout) {
                Some(larger) => begin(given(System.alloc_zeroed(larger), layout.size())),
                None => given(System.alloc_zeroed(layout), layout.size()),
            }
        }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the layout decides as it did when this was allocated.
        unsafe {
            match with_line(layout) {
                Some(larger) => System.dealloc(pointer.sub(offset(pointer)), larger),
                None => System.dealloc(pointer, layout),
            }
        }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller's promise, that of `size` included.
        let new = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        match (with_line(layout), with_line(new)) {
            // SAFETY: neither is touched.
            (None, None) => unsafe { given(System.realloc(pointer, layout, size), size) },
            (Some(old), Some(larger)) => {
                // SAFETY: as for `dealloc`; what was in front and the content were kept, up to the smaller size.
                unsafe {
                    let before = offset(pointer);
                    let memory = given(System.realloc(pointer.sub(before), old, larger.size()), size);
                    begin_moved(memory, before, layout.size().min(size))
                }
            }
            _ => {
                // SAFETY: two allocations, of which both hold what is copied.
                unsafe {
                    let moved = self.alloc(new);
                    if !moved.is_null() {
                        moved.copy_from_nonoverlapping(pointer, layout.size().min(size));
                        self.dealloc(pointer, layout);
                    }
                    moved
                }
            }
        }
    }
}

/// The first line of `memory` whose content of `size` bytes is `before` bytes from its beginning, and is
/// moved to that line.
///
/// # Safety
///
/// As for [`begin`]; `before` is at most [`LINE`], and `size` a line less than what `memory` has.
unsafe fn begin_moved(memory: *mut u8, before: usize, size: usize) -> *mut u8 {
    if memory.is_null() {
        return memory;
    }
    let first = memory.wrapping_add(LINE - memory.addr() % LINE);
    // SAFETY: both lie in `memory`; the content moves before the offset is written in front of it.
    unsafe {
        first.copy_from(memory.add(before), size);
        begin(memory)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_allocations_begin_with_a_line_and_keep_their_content_as_they_grow_and_shrink() {
        // Small to large and back, by steps that move the whole, and in between.
        let sizes = [16, 1000, 1024, 1500, 70_000, 5_000_000, 4_999_999, 60_000, 1024, 1023, 100, 3000];
        let mut held = Vec::new();
        for round in 0..20 {
            let align = [1, 4, 16, 32, 64][round % 5];
            let layout = |size| Layout::from_size_align(size, align).unwrap();
            let mut size = sizes[0];
            // SAFETY: sizes are positive, each pointer is used with the size it has and freed once.
            unsafe {
                let mut pointer = CacheLines.alloc(layout(size));
                for (i, next) in sizes.into_iter().enumerate() {
                    for at in 0..size {
                        pointer.add(at).write((at * 7 + i + round) as u8);
                    }
                    pointer = CacheLines.realloc(pointer, layout(size), next);
                    assert!(next < FROM || pointer.addr() % LINE == 0, "{next} bytes at {pointer:?}");
                    for at in 0..size.min(next) {
                        assert_eq!(pointer.add(at).read(), (at * 7 + i + round) as u8, "{size} to {next}");
                    }
                    size = next;
                }
                held.push((pointer, layout(size)));
                // So that the next round begins elsewhere.
                let gap = layout(40 + 16 * round);
                held.push((CacheLines.alloc(gap), gap));
            }
        }
        for (pointer, layout) in held {
            // SAFETY: as above.
            unsafe { CacheLines.dealloc(pointer, layout) };
        }
    }

    #[test]
    fn zeroed_memory_is_zero_and_larger_alignment_is_left_to_the_system() {
        // SAFETY: freed once, with the layout it was asked for with.
        unsafe {
            for size in [8, 1024, 100_000] {
                let layout = |size| Layout::from_size_align(size, 4).unwrap();
                let pointer = CacheLines.alloc_zeroed(layout(size));
                assert!((0..size).all(|at| pointer.add(at).read() == 0));
                pointer.write_bytes(1, size);
                CacheLines.dealloc(pointer, layout(size));
            }
            let page = Layout::from_size_align(8192, 4096).unwrap();
            let pointer = CacheLines.alloc(page);
            assert_eq!(pointer.addr() % 4096, 0);
            CacheLines.dealloc(pointer, page);
        }
    }
}
