//! Matrix products on strided operands.

use gemm::Parallelism;

/// A matrix inside a slice, with any strides.
#[derive(Clone, Copy)]
pub struct Matrix<'a> {
    data: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// Row-major `rows x columns` at the beginning of `data`, with rows `row_stride` apart.
    pub fn new(data: &'a [f32], rows: usize, columns: usize, row_stride: usize) -> Self {
        let span = span(rows, columns, row_stride, 1);
        assert!(span <= data.len(), "{rows} x {columns} matrix in {} elements", data.len());
        Self { data, rows, columns, row_stride, column_stride: 1 }
    }

    /// The transpose, by exchanging the strides.
    pub fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }
}

/// Elements from the first to the last of a matrix.
pub fn span(rows: usize, columns: usize, row_stride: usize, column_stride: usize) -> usize {
    if rows == 0 || columns == 0 {
        return 0;
    }
    (rows - 1) * row_stride + (columns - 1) * column_stride + 1
}

/// What a product does with the old content of its destination.
#[derive(Clone, Copy, PartialEq)]
pub enum Destination {
    /// It is overwritten, and may be uninitialised.
    Overwrite,
    /// The product is added to it.
    Add,
}

/// `out (+)= a b` for a contiguous row-major `out`, in parallel where it is worth it.
pub fn product(out: &mut [f32], a: Matrix<'_>, b: Matrix<'_>, destination: Destination) {
    assert_eq!(out.len(), a.rows * b.columns, "destination of {} x {}", a.rows, b.columns);
    // SAFETY: `out` holds rows x columns elements and is borrowed exclusively.
    unsafe { product_at(out.as_mut_ptr(), b.columns, a, b, 1.0, destination, Parallelism::Rayon(0)) }
}

/// `out = scale * a b` for rows of `out` that are `row_stride` apart, on this thread.
///
/// # Safety
///
/// `out` points to `span(a.rows, b.columns, row_stride, 1)` elements, and nobody else reads or
/// writes those of the matrix during the call.
pub unsafe fn product_into(out: *mut f32, row_stride: usize, a: Matrix<'_>, b: Matrix<'_>, scale: f32) {
    // SAFETY: the caller's promise.
    unsafe { product_at(out, row_stride, a, b, scale, Destination::Overwrite, Parallelism::None) }
}

unsafe fn product_at(
    out: *mut f32,
    row_stride: usize,
    a: Matrix<'_>,
    b: Matrix<'_>,
    scale: f32,
    destination: Destination,
    parallelism: Parallelism,
) {
    assert_eq!(a.columns, b.rows, "product of {} columns with {} rows", a.columns, b.rows);
    if a.rows == 0 || b.columns == 0 {
        return;
    }
    // SAFETY: `Matrix` has checked that its elements lie inside its slice; `out` is the caller's
    // promise; `read_dst` is false exactly if the destination may be uninitialised.
    unsafe {
        gemm::gemm(
            a.rows,
            b.columns,
            a.columns,
            out,
            1,
            row_stride as isize,
            destination == Destination::Add,
            a.data.as_ptr(),
            a.column_stride as isize,
            a.row_stride as isize,
            b.data.as_ptr(),
            b.column_stride as isize,
            b.row_stride as isize,
            1.0,
            scale,
            false,
            false,
            false,
            parallelism,
        )
    }
}
