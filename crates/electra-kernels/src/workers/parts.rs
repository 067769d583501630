//! Slices divided into parts, one for each task of an operation.

use std::marker::PhantomData;

/// A collection divided into parts, on which threads work at the same time.
pub(crate) trait Parts: Sync {
    /// The type of a part.
    type Part;

    /// The number of parts.
    fn count(&self) -> usize;

    /// Returns part `i`.
    ///
    /// # Safety
    ///
    /// `i < self.count()`, and each part is asked for at most once.
    unsafe fn part(&self, i: usize) -> Self::Part;
}

/// The chunks of a slice, of which the last may be shorter.
pub(crate) struct Chunks<'a, T> {
    slice: &'a [T],
    size: usize,
}

/// Chunks of a slice that are written, of which the last may be shorter.
pub(crate) struct ChunksMut<'a, T> {
    data: *mut T,
    len: usize,
    size: usize,
    slice: PhantomData<&'a mut [T]>,
}

// SAFETY: it stands for a slice borrowed exclusively, of which callers of `part` owe that each element goes
// to one thread, as elements that can be sent may.
unsafe impl<T: Send> Send for ChunksMut<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for ChunksMut<'_, T> {}

/// Chunks of `size` elements, at least one.
pub(crate) fn chunks<T>(slice: &[T], size: usize) -> Chunks<'_, T> {
    Chunks { slice, size: size.max(1) }
}

/// Chunks of `size` elements, at least one, to be written.
pub(crate) fn chunks_mut<T>(slice: &mut [T], size: usize) -> ChunksMut<'_, T> {
    ChunksMut { data: slice.as_mut_ptr(), len: slice.len(), size: size.max(1), slice: PhantomData }
}

impl<'a, T: Sync> Parts for Chunks<'a, T> {
    type Part = &'a [T];

    fn count(&self) -> usize {
        self.slice.len().div_ceil(self.size)
    }

    unsafe fn part(&self, i: usize) -> &'a [T] {
        let start = i * self.size;
        &self.slice[start..self.slice.len().min(start + self.size)]
    }
}

impl<'a, T: Send> Parts for ChunksMut<'a, T> {
    type Part = &'a mut [T];

    fn count(&self) -> usize {
        self.len.div_ceil(self.size)
    }

    unsafe fn part(&self, i: usize) -> &'a mut [T] {
        let start = i * self.size;
        assert!(start < self.len, "part {i} of {}", self.count());
        // SAFETY: inside the slice, which is borrowed exclusively for 'a; our caller owes that it asks for
        // each part once, so that no two parts overlap.
        unsafe { std::slice::from_raw_parts_mut(self.data.add(start), self.size.min(self.len - start)) }
    }
}

/// As many parts of nothing as anybody asks for.
impl Parts for () {
    type Part = ();

    fn count(&self) -> usize {
        usize::MAX
    }

    unsafe fn part(&self, _: usize) {}
}

/// Parts of several things that belong together. They are as many as the fewest.
macro_rules! together {
    ($($name:ident)+) => {
        impl<$($name: Parts),+> Parts for ($($name,)+) {
            type Part = ($($name::Part,)+);

            fn count(&self) -> usize {
                #[allow(non_snake_case)]
                let ($($name,)+) = self;
                [$($name.count()),+].into_iter().min().unwrap_or(0)
            }

            unsafe fn part(&self, i: usize) -> Self::Part {
                #[allow(non_snake_case)]
                let ($($name,)+) = self;
                // SAFETY: `i` is below the least count, and our caller owes that it asks for each part once.
                unsafe { ($($name.part(i),)+) }
            }
        }
    };
}
together!(A B);
together!(A B C);
together!(A B C D);
