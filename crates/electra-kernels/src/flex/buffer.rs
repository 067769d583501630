//! New buffers, which are written before they are read, and slices that several threads write.

use std::marker::PhantomData;
use std::mem::MaybeUninit;

use crate::memory::enlarge_pages;
use crate::workers::{Parts, chunks_mut, each_part};

/// Bytes from which a buffer is worth a look at the heap's pages.
const LARGE: usize = 1 << 20;

/// Memory for `len` elements, none of which is written.
///
/// Every large buffer of this crate that is not zero is made here.
pub(crate) fn uninit<T: Copy>(len: usize) -> Vec<MaybeUninit<T>> {
    let mut buffer: Vec<MaybeUninit<T>> = Vec::with_capacity(len);
    // SAFETY: the capacity is `len`, and a `MaybeUninit` holds anything.
    unsafe { buffer.set_len(len) };
    if len * size_of::<T>() >= LARGE {
        enlarge_pages();
    }
    buffer
}

/// The buffer whose elements are written.
///
/// # Safety
///
/// Each element of `buffer` is written.
pub(crate) unsafe fn assume_init<T: Copy>(buffer: Vec<MaybeUninit<T>>) -> Vec<T> {
    let (pointer, len, capacity) = buffer.into_raw_parts();
    // SAFETY: the parts of a vector of elements of the same size and alignment, which the caller has written.
    unsafe { Vec::from_raw_parts(pointer.cast(), len, capacity) }
}

/// A new buffer of `len` elements, all written by `write`: it returns as written what it is given.
pub(crate) fn written<T: Copy>(len: usize, write: impl FnOnce(&mut [MaybeUninit<T>]) -> &mut [T]) -> Vec<T> {
    let mut buffer = uninit(len);
    let place = buffer.as_ptr().cast::<T>();
    let elements = write(&mut buffer);
    let is_whole = elements.len() == len && (len == 0 || elements.as_ptr() == place);
    assert!(is_whole, "{} elements written of a buffer of {len}", elements.len());
    // SAFETY: `elements` are as many written elements at the place of the buffer, borrowed from it.
    unsafe { assume_init(buffer) }
}

/// Writes the chunks of `out`, of `size` elements but for the last, shared by the threads. `write` is given
/// the number of a chunk, its place and the part of `parts` of that number, and returns the place as written.
pub(crate) fn write_parts<T: Copy + Send, P: Parts>(
    out: &mut [MaybeUninit<T>],
    size: usize,
    parts: P,
    write: impl Fn(usize, &mut [MaybeUninit<T>], P::Part) -> &mut [T] + Sync,
) -> &mut [T] {
    let places = out.len().div_ceil(size.max(1));
    assert!(parts.count() >= places, "{} parts for {places} chunks of a buffer", parts.count());
    each_part((chunks_mut(&mut *out, size), parts), |i, (place, part)| {
        let (first, len) = (place.as_ptr().cast::<T>(), place.len());
        let elements = write(i, place, part);
        assert!(elements.len() == len && elements.as_ptr() == first, "chunk {i} of a buffer is written");
    });
    // SAFETY: every chunk came back as written, from its own place.
    unsafe { out.assume_init_mut() }
}

/// Writes the chunks of `out`, of `size` elements but for the last, shared by the threads. `write` is given
/// the number of a chunk and its place, and returns the place as written.
pub(crate) fn write_chunks<T: Copy + Send>(
    out: &mut [MaybeUninit<T>],
    size: usize,
    write: impl Fn(usize, &mut [MaybeUninit<T>]) -> &mut [T] + Sync,
) -> &mut [T] {
    write_parts(out, size, (), |i, place, ()| write(i, place))
}

/// Writes zero to every element.
pub(crate) fn write_zeros(out: &mut [MaybeUninit<f32>]) -> &mut [f32] {
    out.fill(MaybeUninit::new(0.0));
    // SAFETY: every element was written.
    unsafe { out.assume_init_mut() }
}

/// A slice of which several threads write disjoint elements.
pub(crate) struct SharedSlice<'a, T = f32> {
    first: *mut T,
    len: usize,
    slice: PhantomData<&'a mut [MaybeUninit<T>]>,
}

impl<T> Clone for SharedSlice<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for SharedSlice<'_, T> {}

// SAFETY: it is an address and a length. Elements are reached in unsafe code alone, whose callers owe that no
// other thread uses the same ones.
unsafe impl<T: Send> Send for SharedSlice<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for SharedSlice<'_, T> {}

impl<'a, T> SharedSlice<'a, T> {
    /// A shared slice of initialised elements.
    pub(crate) fn of(slice: &'a mut [T]) -> Self {
        Self { first: slice.as_mut_ptr(), len: slice.len(), slice: PhantomData }
    }

    /// A shared slice of uninitialised elements.
    pub(crate) fn of_uninit(slice: &'a mut [MaybeUninit<T>]) -> Self {
        Self { first: slice.as_mut_ptr().cast(), len: slice.len(), slice: PhantomData }
    }

    /// The `n` elements from `offset` on.
    pub(crate) fn part(self, offset: usize, n: usize) -> Self {
        Self { first: self.at(offset, n), len: n, slice: PhantomData }
    }

    /// The address of element `offset`, at least `n` elements before the end.
    pub(crate) fn at(self, offset: usize, n: usize) -> *mut T {
        let is_inside = offset <= self.len && n <= self.len - offset;
        assert!(is_inside, "{n} elements at {offset} of {}", self.len);
        self.first.wrapping_add(offset)
    }

    /// `n` elements from `offset` on.
    ///
    /// # Safety
    ///
    /// These elements are written, and nobody else uses them as long as the result is used.
    pub(crate) unsafe fn slice(self, offset: usize, n: usize) -> &'a mut [T] {
        // SAFETY: `at` has checked that they lie inside the slice, which is borrowed for 'a; that they are
        // written and used by nobody else is what the caller owes.
        unsafe { std::slice::from_raw_parts_mut(self.at(offset, n), n) }
    }

    /// `n` elements from `offset` on, which need not be written.
    ///
    /// # Safety
    ///
    /// Nobody else uses these elements as long as the result is used. If they were written before, they are
    /// written again or left as they are.
    pub(crate) unsafe fn uninit_slice(self, offset: usize, n: usize) -> &'a mut [MaybeUninit<T>] {
        // SAFETY: `at` has checked that they lie inside the slice, which is borrowed for 'a; that nobody else
        // uses them is what the caller owes.
        unsafe { std::slice::from_raw_parts_mut(self.at(offset, n).cast(), n) }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;
    use crate::workers::chunks;

    #[test]
    fn a_buffer_is_what_was_written_to_it() {
        assert_eq!(written(3, |place| place.write_copy_of_slice(&[1, 2, 3])), [1, 2, 3]);
        assert_eq!(written(2, write_zeros), [0.0; 2]);
        assert!(written(0, |_| &mut [] as &mut [f32]).is_empty());
        // Large enough for a look at the heap's pages.
        let large = vec![7u16; LARGE];
        assert!(written(LARGE, |place| place.write_copy_of_slice(&large)) == large);
    }

    #[test]
    fn a_buffer_that_is_written_in_part_is_refused() {
        fn first_two(place: &mut [MaybeUninit<i32>]) -> &mut [i32] {
            place[..2].write_copy_of_slice(&[1, 2])
        }
        assert!(catch_unwind(|| written(3, first_two)).is_err());
        let elsewhere = catch_unwind(|| written(3, |_| Box::leak(Box::new([1, 2, 3]))));
        assert!(elsewhere.is_err(), "elements of another place");
    }

    #[test]
    fn chunks_of_a_buffer_are_written_each_from_its_part() {
        let from: Vec<u32> = (0..10).collect();
        let double = |i: usize, place: &mut [MaybeUninit<u32>], from: &[u32]| {
            for (place, from) in place.iter_mut().zip(from) {
                place.write(100 * i as u32 + from);
            }
        };
        let found = written(10, |out| {
            write_parts(out, 4, chunks(&from, 4), |i, place, from| {
                assert_eq!(place.len(), from.len());
                double(i, place, from);
                // SAFETY: `double` has written each, as there are as many of both.
                unsafe { place.assume_init_mut() }
            })
        });
        assert_eq!(found, [0, 1, 2, 3, 104, 105, 106, 107, 208, 209]);
        // A chunk that would be left out, and one that is not written.
        let refused = [
            catch_unwind(|| {
                written(10, |out| {
                    write_parts(out, 4, chunks(&[0u8; 8], 4), |_, p, x| p.write_copy_of_slice(x))
                })
            }),
            catch_unwind(|| {
                written(10, |out| {
                    write_parts(out, 4, chunks(&[0u8; 12], 4), |_, p, _| p[..1].write_copy_of_slice(&[1]))
                })
            }),
        ];
        assert!(refused.iter().all(Result::is_err));
    }

    #[test]
    fn a_shared_slice_gives_nothing_beyond_its_end() {
        let mut elements = [1, 2, 3, 4];
        let shared = SharedSlice::of(&mut elements);
        // SAFETY: nobody else uses them.
        assert_eq!(unsafe { shared.part(1, 3).slice(1, 2) }, [3, 4]);
        for (offset, n) in [(5, 0), (4, 1), (0, 5), (usize::MAX, 2), (1, usize::MAX)] {
            assert!(catch_unwind(AssertUnwindSafe(|| shared.at(offset, n))).is_err(), "{n} at {offset}");
        }
    }
}
