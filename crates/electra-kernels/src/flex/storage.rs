//! Buffers of Flex tensors: reading them, making them, taking them over.

use burn::tensor::{Bytes, DType, Shape};
use burn_flex::{FlexTensor, Layout};

use crate::memory::enlarge_pages;
use crate::workers::{chunks, chunks_mut, each_part};

/// Bytes from which a buffer is worth a look at the heap's pages.
const LARGE: usize = 1 << 20;

/// Elements that one task copies.
const COPY_CHUNK: usize = 1 << 16;

/// A number, or several, of which every bit pattern is one.
///
/// # Safety
///
/// That.
pub unsafe trait Number: Copy {}

// SAFETY: every bit pattern is a float.
unsafe impl Number for f32 {}
// SAFETY: every bit pattern is an integer; bfloat16 are kept in them.
unsafe impl Number for u16 {}

/// A buffer of `len` numbers with arbitrary content, to be written whole before it is read.
///
/// Every large buffer of this crate that is not zero is made here.
pub fn uninitialised<T: Number>(len: usize) -> Vec<T> {
    let mut buffer = Vec::with_capacity(len);
    // SAFETY: the capacity is `len`, every bit pattern is a number, and the callers write each
    // element before any is read.
    #[allow(clippy::uninit_vec)]
    unsafe {
        buffer.set_len(len)
    };
    if len * size_of::<T>() >= LARGE {
        enlarge_pages();
    }
    buffer
}

/// A buffer of `len` zeros.
pub fn zeros(len: usize) -> Vec<f32> {
    vec![0.0; len]
}

/// A contiguous tensor that owns `buffer`.
pub fn tensor(buffer: Vec<f32>, shape: impl Into<Shape>) -> FlexTensor {
    let shape = shape.into();
    assert_eq!(buffer.len(), shape.num_elements(), "buffer of {} for {shape:?}", buffer.len());
    FlexTensor::new(Bytes::from_elems(buffer), Layout::contiguous(shape), DType::F32)
}

/// The sizes of all dimensions.
pub fn dims<const D: usize>(x: &FlexTensor) -> [usize; D] {
    let shape = x.layout().shape();
    assert_eq!(shape.num_dims(), D, "expected {D} dimensions, found {shape:?}");
    std::array::from_fn(|i| shape[i])
}

/// Elements of a row, rows being the first dimension; 0 where there are no rows.
pub fn row_elements(x: &FlexTensor) -> usize {
    let shape = x.layout().shape();
    shape.num_elements() / shape[0].max(1)
}

/// The same elements in row-major order; copies only what is strided.
pub fn contiguous(x: FlexTensor) -> FlexTensor {
    if x.layout().is_contiguous() { x } else { x.to_contiguous() }
}

/// The elements of a contiguous tensor.
pub fn values(x: &FlexTensor) -> &[f32] {
    let (start, end) = x.layout().contiguous_offsets().expect("`contiguous` was called on this tensor");
    &x.storage::<f32>()[start..end]
}

/// A contiguous tensor without other owners: `x` itself where possible, else a copy.
pub fn exclusive(x: FlexTensor) -> FlexTensor {
    let whole = x.layout().start_offset() == 0
        && x.layout().is_contiguous()
        && x.bytes().len() == x.layout().num_elements() * size_of::<f32>();
    if whole && x.is_unique() {
        return x;
    }
    let shape = x.layout().shape().clone();
    let x = contiguous(x);
    let mut copy = uninitialised(shape.num_elements());
    let parts = (chunks_mut(&mut copy, COPY_CHUNK), chunks(values(&x), COPY_CHUNK));
    each_part(parts, |_, (copy, x)| copy.copy_from_slice(x));
    tensor(copy, shape)
}

/// The elements of a tensor that [`exclusive`] returned.
pub fn values_mut(x: &mut FlexTensor) -> &mut [f32] {
    x.try_storage_mut::<f32>().expect("`exclusive` was called on this tensor")
}

/// The integers of `x` as indices below `bound`; `what` names them where one is not.
pub fn indices(x: &FlexTensor, bound: usize, what: &str) -> Vec<usize> {
    let check = |i: i64| {
        let index = usize::try_from(i).ok().filter(|i| *i < bound);
        index.unwrap_or_else(|| panic!("{what} {i} is not in 0..{bound}"))
    };
    let x = contiguous(x.clone());
    let (start, end) = x.layout().contiguous_offsets().expect("made contiguous above");
    match x.dtype() {
        DType::I64 => x.storage::<i64>()[start..end].iter().map(|&i| check(i)).collect(),
        DType::I32 => x.storage::<i32>()[start..end].iter().map(|&i| check(i.into())).collect(),
        _ => x.clone().into_data().iter::<i64>().map(check).collect(),
    }
}

/// A pointer through which several threads write disjoint elements of one buffer.
pub struct Shared<T = f32>(*mut T, usize);

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Shared<T> {}

// SAFETY: a pointer is an address; who dereferences it upholds disjointness.
unsafe impl<T: Number + Send> Send for Shared<T> {}
// SAFETY: as above.
unsafe impl<T: Number + Send> Sync for Shared<T> {}

impl<T> Shared<T> {
    /// Of a buffer that outlives all uses.
    pub fn of(buffer: &mut [T]) -> Self {
        Self(buffer.as_mut_ptr(), buffer.len())
    }

    /// The `span` elements from `offset` on.
    pub fn part(self, offset: usize, span: usize) -> Self {
        Self(self.at(offset, span), span)
    }

    /// Address of element `offset`, at least `span` elements before the end.
    pub fn at(self, offset: usize, span: usize) -> *mut T {
        assert!(offset + span <= self.1, "{span} elements at {offset} of {}", self.1);
        self.0.wrapping_add(offset)
    }

    /// `n` elements from `offset` on.
    ///
    /// # Safety
    ///
    /// The buffer lives for `'a`, and meanwhile nobody else uses these elements.
    pub unsafe fn slice<'a>(self, offset: usize, n: usize) -> &'a mut [T] {
        // SAFETY: `at` checks the bounds; the rest is the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.at(offset, n), n) }
    }
}
