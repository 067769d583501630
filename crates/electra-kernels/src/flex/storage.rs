//! Flex tensors as slices: reading them, making them, taking their memory over.

use burn::tensor::{Bytes, DType, Shape};
use burn_flex::{FlexTensor, Layout};

use super::buffer::{write_parts, written};
use crate::workers::chunks;

/// Elements that one task copies.
const COPY_CHUNK: usize = 1 << 16;

/// A buffer of `len` zeros.
pub(crate) fn zeros(len: usize) -> Vec<f32> {
    vec![0.0; len]
}

/// A contiguous tensor that owns `buffer`.
pub(crate) fn tensor(buffer: Vec<f32>, shape: impl Into<Shape>) -> FlexTensor {
    let shape = shape.into();
    assert_eq!(buffer.len(), shape.num_elements(), "buffer of {} for {shape:?}", buffer.len());
    FlexTensor::new(Bytes::from_elems(buffer), Layout::contiguous(shape), DType::F32)
}

/// The sizes of all dimensions.
pub(crate) fn dims<const D: usize>(x: &FlexTensor) -> [usize; D] {
    let shape = x.layout().shape();
    assert_eq!(shape.num_dims(), D, "expected {D} dimensions, found {shape:?}");
    std::array::from_fn(|i| shape[i])
}

/// Elements of a row, rows being the first dimension; 0 where there are no rows.
pub(crate) fn row_elements(x: &FlexTensor) -> usize {
    let shape = x.layout().shape();
    shape.num_elements() / shape[0].max(1)
}

/// A contiguous tensor with the elements of `x`; copies only what is strided.
pub(crate) fn contiguous(x: FlexTensor) -> FlexTensor {
    if x.layout().is_contiguous() { x } else { x.to_contiguous() }
}

/// The elements of a contiguous tensor.
pub(crate) fn values(x: &FlexTensor) -> &[f32] {
    let (start, end) = x.layout().contiguous_offsets().expect("`contiguous` was called on this tensor");
    &x.storage::<f32>()[start..end]
}

/// A contiguous tensor without other owners: `x` itself where possible, else a copy.
pub(crate) fn exclusive(x: FlexTensor) -> FlexTensor {
    let whole = x.layout().start_offset() == 0
        && x.layout().is_contiguous()
        && x.bytes().len() == x.layout().num_elements() * size_of::<f32>();
    if whole && x.is_unique() {
        return x;
    }
    let shape = x.layout().shape().clone();
    let x = contiguous(x);
    let parts = chunks(values(&x), COPY_CHUNK);
    let copy = written(shape.num_elements(), |copy| {
        write_parts(copy, COPY_CHUNK, parts, |_, copy, x| copy.write_copy_of_slice(x))
    });
    tensor(copy, shape)
}

/// The elements of a tensor that [`exclusive`] returned.
pub(crate) fn values_mut(x: &mut FlexTensor) -> &mut [f32] {
    x.try_storage_mut::<f32>().expect("`exclusive` was called on this tensor")
}

/// The integers of `x` as indices below `bound`; `what` names them where one is not.
pub(crate) fn indices(x: &FlexTensor, bound: usize, what: &str) -> Vec<usize> {
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
