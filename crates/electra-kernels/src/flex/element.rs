//! Activations that only products read, in the precision of their operands.
//!
//! A product of bfloat16 rounds what it multiplies. Rounding when a value is stored gives the same
//! product and moves half as much memory. Everything else that reads or writes an activation does so in
//! 32 bits.

use std::fmt::Debug;
use std::mem::MaybeUninit;

use super::bf16::{bf16_to_f32, f32_to_bf16, slice_to_bf16};
use super::buffer::SharedSlice;
use super::gemm::{Elements, Matrix, Product};
use crate::Precision;

/// An element type of such an activation: `f32`, or `u16` for bfloat16.
pub(crate) trait Element: Copy + Debug + Send + Sync + 'static {
    /// The precision of the products that read it.
    const PRECISION: Precision;

    /// The nearest element of this type.
    fn from_f32(x: f32) -> Self;

    /// The element as a 32-bit float: exact.
    fn to_f32(self) -> f32;

    /// Elements as those of an operand.
    fn elements(x: &[Self]) -> Elements<'_>;

    /// The memory of as many 32-bit floats for elements of this type, if it is the same.
    fn in_place_of(floats: SharedSlice<'_, f32>) -> Option<SharedSlice<'_, Self>>;

    /// Writes the nearest element of each float.
    fn convert<'a>(from: &[f32], to: &'a mut [MaybeUninit<Self>]) -> &'a mut [Self];

    /// Writes a product to a contiguous `out`, in parallel. While results are in the cache `epilogue` changes
    /// them: row, first column, and results of that row from there on.
    fn write<'o>(
        product: &Product<'_>,
        out: &'o mut [MaybeUninit<Self>],
        epilogue: impl Fn(usize, usize, &mut [f32]) + Sync,
    ) -> &'o mut [Self];

    /// Writes a product to a contiguous `out`, in parallel. While rows are in the cache `epilogue` changes
    /// them: the first row, and at most [`Product::rows_of_group`] from a multiple of it on.
    fn write_row_groups<'o>(
        product: &Product<'_>,
        out: &'o mut [MaybeUninit<Self>],
        epilogue: impl Fn(usize, &mut [f32]) + Sync,
    ) -> &'o mut [Self];

    /// Writes a product to rows that are `row_stride` apart, on this thread. `results` holds them in 32 bits
    /// for a while, if it must.
    ///
    /// # Safety
    ///
    /// That of [`Product::write_strided`].
    unsafe fn write_strided(
        product: &Product<'_>,
        out: SharedSlice<'_, Self>,
        row_stride: usize,
        results: &mut Vec<f32>,
    );
}

impl Element for f32 {
    const PRECISION: Precision = Precision::F32;

    #[inline(always)]
    fn from_f32(x: f32) -> Self {
        x
    }

    #[inline(always)]
    fn to_f32(self) -> f32 {
        self
    }

    fn elements(x: &[Self]) -> Elements<'_> {
        Elements::F32(x)
    }

    fn in_place_of(floats: SharedSlice<'_, f32>) -> Option<SharedSlice<'_, Self>> {
        Some(floats)
    }

    fn convert<'a>(from: &[f32], to: &'a mut [MaybeUninit<Self>]) -> &'a mut [Self] {
        to.write_copy_of_slice(from)
    }

    fn write<'o>(
        product: &Product<'_>,
        out: &'o mut [MaybeUninit<Self>],
        epilogue: impl Fn(usize, usize, &mut [f32]) + Sync,
    ) -> &'o mut [Self] {
        product.write_then(out, epilogue)
    }

    fn write_row_groups<'o>(
        product: &Product<'_>,
        out: &'o mut [MaybeUninit<Self>],
        epilogue: impl Fn(usize, &mut [f32]) + Sync,
    ) -> &'o mut [Self] {
        product.write_row_groups_then(out, epilogue)
    }

    unsafe fn write_strided(
        product: &Product<'_>,
        out: SharedSlice<'_, Self>,
        row_stride: usize,
        _: &mut Vec<f32>,
    ) {
        // SAFETY: our caller owes the same.
        unsafe { product.write_strided(out, row_stride) }
    }
}

impl Element for u16 {
    const PRECISION: Precision = Precision::Bf16;

    #[inline(always)]
    fn from_f32(x: f32) -> Self {
        f32_to_bf16(x)
    }

    #[inline(always)]
    fn to_f32(self) -> f32 {
        bf16_to_f32(self)
    }

    fn elements(x: &[Self]) -> Elements<'_> {
        Elements::Bf16(x)
    }

    fn in_place_of(_: SharedSlice<'_, f32>) -> Option<SharedSlice<'_, Self>> {
        None
    }

    fn convert<'a>(from: &[f32], to: &'a mut [MaybeUninit<Self>]) -> &'a mut [Self] {
        slice_to_bf16(from, to)
    }

    fn write<'o>(
        product: &Product<'_>,
        out: &'o mut [MaybeUninit<Self>],
        epilogue: impl Fn(usize, usize, &mut [f32]) + Sync,
    ) -> &'o mut [Self] {
        let [_, columns, _] = product.sizes();
        Self::write_row_groups(product, out, |first, rows| {
            let rows = rows.chunks_exact_mut(columns).enumerate();
            rows.for_each(|(i, results)| epilogue(first + i, 0, results));
        })
    }

    fn write_row_groups<'o>(
        product: &Product<'_>,
        out: &'o mut [MaybeUninit<Self>],
        epilogue: impl Fn(usize, &mut [f32]) + Sync,
    ) -> &'o mut [Self] {
        let [rows, columns, _] = product.sizes();
        assert_eq!(out.len(), rows * columns, "destination of {rows} x {columns}");
        let shared = SharedSlice::of_uninit(&mut *out);
        product.for_each_row_group(|first, rows| {
            epilogue(first, rows);
            // SAFETY: each row comes once, and has its own place.
            slice_to_bf16(rows, unsafe { shared.uninit_slice(first * columns, rows.len()) });
        });
        // SAFETY: each row came, and was written.
        unsafe { out.assume_init_mut() }
    }

    unsafe fn write_strided(
        product: &Product<'_>,
        out: SharedSlice<'_, Self>,
        row_stride: usize,
        results: &mut Vec<f32>,
    ) {
        let [rows, columns, _] = product.sizes();
        results.resize(rows * columns, 0.0);
        // SAFETY: `results` is borrowed exclusively.
        unsafe { product.write_strided(SharedSlice::of(results), columns) };
        for (row, results) in results.chunks_exact(columns.max(1)).enumerate() {
            // SAFETY: results of the product, which our caller owes that nobody else uses.
            slice_to_bf16(results, unsafe { out.uninit_slice(row * row_stride, columns) });
        }
    }
}

/// A row-major `rows x columns` matrix at the beginning of `x`, with rows `row_stride` apart.
pub(crate) fn matrix<T: Element>(x: &[T], rows: usize, columns: usize, row_stride: usize) -> Matrix<'_> {
    Matrix::new(T::elements(x), rows, columns, row_stride)
}
