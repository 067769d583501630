//! Launches of kernels: buffers, numbers and sizes of cubes, types of elements.

use burn::backend::TensorMetadata;
use burn::tensor::{DType, Shape};
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::tensor::CubeTensor;
use cubecl::ir::{ElemType, FloatKind, IntKind};
use cubecl::prelude::*;

/// Units of a cube in kernels over elements, and units that share a row in kernels over long rows.
pub(crate) const UNITS: u32 = 256;

/// The sizes of a tensor.
pub(crate) fn dims<const D: usize>(x: &CubeTensor) -> [usize; D] {
    x.shape().dims()
}

/// The number of elements.
pub(crate) fn elements(x: &CubeTensor) -> usize {
    x.shape().num_elements()
}

/// Rows and columns, the last dimension being that of the columns.
pub(crate) fn rows_and_width(x: &CubeTensor) -> [usize; 2] {
    let shape = x.shape();
    let width = shape[shape.num_dims() - 1];
    [shape.num_elements() / width.max(1), width]
}

/// A contiguous buffer of 32-bit floats on the device of `like`, of which nothing is written yet.
pub(crate) fn empty(like: &CubeTensor, shape: impl Into<Shape>) -> CubeTensor {
    empty_of(like, shape, DType::F32)
}

/// A contiguous buffer of any type of element on the device of `like`, of which nothing is written yet.
pub(crate) fn empty_of(like: &CubeTensor, shape: impl Into<Shape>, dtype: DType) -> CubeTensor {
    empty_device_contiguous_dtype(like.client.clone(), like.device.clone(), shape.into(), dtype)
}

/// A view of the elements of a contiguous tensor under another shape.
pub(crate) fn reshaped(x: CubeTensor, shape: impl Into<Shape>) -> CubeTensor {
    let shape = shape.into();
    assert!(x.is_contiguous(), "only a contiguous buffer is read under another shape");
    assert_eq!(elements(&x), shape.num_elements(), "as many elements as before");
    CubeTensor::new_contiguous(x.client, x.device, shape, x.handle, x.dtype)
}

/// The type of a tensor's elements, as kernels are compiled for it.
pub(crate) fn element_type(x: &CubeTensor) -> ElemType {
    match x.dtype {
        DType::F32 => ElemType::Float(FloatKind::F32),
        DType::F16 => ElemType::Float(FloatKind::F16),
        DType::BF16 => ElemType::Float(FloatKind::BF16),
        DType::I32 => ElemType::Int(IntKind::I32),
        DType::I64 => ElemType::Int(IntKind::I64),
        other => panic!("kernels for cards take floats of 16 and 32 bits and integers, not {other:?}"),
    }
}

/// Cubes of [`UNITS`] units for one unit an element.
pub(crate) fn per_element(x: &CubeTensor, elements: usize) -> (CubeCount, CubeDim) {
    let dim = CubeDim::new_1d(UNITS);
    // Places are counted in 32 bits.
    assert!(elements < u32::MAX as usize / 2, "{elements} elements are too many for one kernel");
    (cubecl::calculate_cube_count_elemwise(&x.client, elements, dim), dim)
}

/// The count of a launch of `number` cubes of `dim`, in a shape that the device takes. A cube's number is `CUBE_POS`;
/// there may be more of them than were asked for.
pub(crate) fn cubes(x: &CubeTensor, number: usize, dim: CubeDim) -> CubeCount {
    cubecl::calculate_cube_count_elemwise(&x.client, number * dim.num_elems() as usize, dim)
}
