//! A global allocator that aligns larger allocations to cache lines.
//!
//! Allocators give addresses that are multiples of 16. A vector of AVX-512 and a row of a tile of AMX
//! are as long as a cache line, 64 bytes, and three times of four each would lie across two of
//! them: on AMX that halves the speed of a product.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::OnceLock;

/// Bytes of a cache line.
pub(crate) const LINE: usize = 64;
/// Allocations from this size on begin with a line. Smaller ones are no operands.
const FROM: usize = 1024;

/// A global allocator: the system's, with every larger allocation aligned to a cache line.
///
/// For the binary that trains: `#[global_allocator] static MEMORY: CacheLineAllocator = CacheLineAllocator;`.
/// It asks for a line more than needed and begins within it, rather than for an aligned address: glibc before
/// 2.38 does not find freed memory again that it aligned itself.
pub struct CacheLineAllocator;

/// The function that ends the process when the system gives no more memory.
static EXHAUSTED: OnceLock<fn(usize) -> !> = OnceLock::new();

/// Sets the function that is called, with the number of bytes asked for, when the system gives no more
/// memory to [`CacheLineAllocator`]; without it the standard library aborts the process.
///
/// `end` runs on whatever thread asked, in the middle of anything, and must not need memory: what it
/// asks for is refused without another call. Only the first call of this function counts.
pub fn on_out_of_memory(end: fn(usize) -> !) {
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

/// The larger layout that the system is asked for, if an allocation is to begin with a line.
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
    // SAFETY: our caller owes that `begin` has written an offset in front of `first`.
    unsafe { first.cast::<usize>().sub(1).read() }
}

// SAFETY: memory is the system's; where it begins later, there is a line more of it, and what is given
// back is what came from the system.
unsafe impl GlobalAlloc for CacheLineAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: our caller owes a layout of at least one byte, as the trait asks for, and a larger one has
        // more. What `begin` gets is a line longer than asked for, at a multiple of the size of an address.
        unsafe {
            match with_line(layout) {
                Some(larger) => begin(given(System.alloc(larger), layout.size())),
                None => given(System.alloc(layout), layout.size()),
            }
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as for `alloc`.
        unsafe {
            match with_line(layout) {
                Some(larger) => begin(given(System.alloc_zeroed(larger), layout.size())),
                None => given(System.alloc_zeroed(layout), layout.size()),
            }
        }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: our caller owes a pointer of this allocator with the layout that it was allocated with,
        // which decides as it did then.
        unsafe {
            match with_line(layout) {
                Some(larger) => System.dealloc(pointer.sub(offset(pointer)), larger),
                None => System.dealloc(pointer, layout),
            }
        }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: our caller owes an alignment of a layout, and a size that does not overflow with it.
        let new = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        match (with_line(layout), with_line(new)) {
            // SAFETY: neither has a line in front, so that the pointer is the system's.
            (None, None) => unsafe { given(System.realloc(pointer, layout, size), size) },
            (Some(old), Some(larger)) => {
                // SAFETY: as for `dealloc`; the system keeps what was in front and the content, up to the
                // smaller size.
                unsafe {
                    let before = offset(pointer);
                    let memory = given(System.realloc(pointer.sub(before), old, larger.size()), size);
                    begin_moved(memory, before, layout.size().min(size))
                }
            }
            _ => {
                // SAFETY: two allocations, of which both hold what is copied; the old one is given back once.
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
                let mut pointer = CacheLineAllocator.alloc(layout(size));
                for (i, next) in sizes.into_iter().enumerate() {
                    for at in 0..size {
                        pointer.add(at).write((at * 7 + i + round) as u8);
                    }
                    pointer = CacheLineAllocator.realloc(pointer, layout(size), next);
                    assert!(next < FROM || pointer.addr() % LINE == 0, "{next} bytes at {pointer:?}");
                    for at in 0..size.min(next) {
                        assert_eq!(pointer.add(at).read(), (at * 7 + i + round) as u8, "{size} to {next}");
                    }
                    size = next;
                }
                held.push((pointer, layout(size)));
                // So that the next round begins elsewhere.
                let gap = layout(40 + 16 * round);
                held.push((CacheLineAllocator.alloc(gap), gap));
            }
        }
        for (pointer, layout) in held {
            // SAFETY: as above.
            unsafe { CacheLineAllocator.dealloc(pointer, layout) };
        }
    }

    #[test]
    fn zeroed_memory_is_zero_and_larger_alignment_is_left_to_the_system() {
        // SAFETY: freed once, with the layout it was asked for with.
        unsafe {
            for size in [8, 1024, 100_000] {
                let layout = |size| Layout::from_size_align(size, 4).unwrap();
                let pointer = CacheLineAllocator.alloc_zeroed(layout(size));
                assert!((0..size).all(|at| pointer.add(at).read() == 0));
                pointer.write_bytes(1, size);
                CacheLineAllocator.dealloc(pointer, layout(size));
            }
            let page = Layout::from_size_align(8192, 4096).unwrap();
            let pointer = CacheLineAllocator.alloc(page);
            assert_eq!(pointer.addr() % 4096, 0);
            CacheLineAllocator.dealloc(pointer, page);
        }
    }
}
