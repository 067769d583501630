//! Operands of a product: matrices inside slices.

use super::super::bf16::{bf16_to_f32, round_to_bf16};

/// The elements of an operand.
#[derive(Clone, Copy)]
pub(crate) enum Elements<'a> {
    /// 32-bit floats, for products of either precision.
    F32(&'a [f32]),
    /// bfloat16, the upper halves of 32-bit floats. For products of that precision.
    Bf16(&'a [u16]),
}

impl<'a> From<&'a [f32]> for Elements<'a> {
    fn from(x: &'a [f32]) -> Self {
        Self::F32(x)
    }
}

impl<'a> From<&'a [u16]> for Elements<'a> {
    fn from(x: &'a [u16]) -> Self {
        Self::Bf16(x)
    }
}

impl<'a> Elements<'a> {
    fn len(self) -> usize {
        match self {
            Self::F32(x) => x.len(),
            Self::Bf16(x) => x.len(),
        }
    }

    /// The elements of an operand of a product of 32-bit floats.
    pub(super) fn f32s(self) -> &'a [f32] {
        match self {
            Self::F32(x) => x,
            Self::Bf16(_) => panic!("bfloat16 in a product of 32-bit floats"),
        }
    }
}

/// A strided matrix inside a slice. One of its strides is 1.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<'a> {
    pub(super) data: Elements<'a>,
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) row_stride: usize,
    pub(super) column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// A row-major `rows x columns` matrix at the beginning of `data`, with rows `row_stride` apart.
    pub(crate) fn new(data: impl Into<Elements<'a>>, rows: usize, columns: usize, row_stride: usize) -> Self {
        let data = data.into();
        let span = span(rows, columns, row_stride, 1);
        assert!(span <= data.len(), "{rows} x {columns} matrix in {} elements", data.len());
        Self { data, rows, columns, row_stride, column_stride: 1 }
    }

    /// The transpose, by exchanging the strides.
    pub(crate) fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }

    /// The elements of the matrix, and those between its rows, rounded to bfloat16.
    pub(super) fn rounded_to_bf16(&self) -> Vec<f32> {
        let span = span(self.rows, self.columns, self.row_stride, self.column_stride);
        match self.data {
            Elements::F32(x) => x[..span].iter().map(|x| round_to_bf16(*x)).collect(),
            Elements::Bf16(x) => x[..span].iter().map(|x| bf16_to_f32(*x)).collect(),
        }
    }
}

/// The number of elements from the first to the last of a strided matrix.
pub(crate) fn span(rows: usize, columns: usize, row_stride: usize, column_stride: usize) -> usize {
    if rows == 0 || columns == 0 {
        return 0;
    }
    (rows - 1) * row_stride + (columns - 1) * column_stride + 1
}
