//! Activations that only products read, in the precision of their operands.
//!
//! A product of bfloat16 rounds what it multiplies. Rounding when a value is stored gives the same
//! product and moves half as much memory. Everything else that reads or writes an activation does so in
//! 32 bits.

use std::fmt::Debug;

use super::gemm::{Elements, Matrix, Product};
use super::simd::vectorised;
use super::storage::{Number, Shared};
use crate::Precision;

/// A bfloat16 as a 32-bit float.
#[inline(always)]
pub fn widened(x: u16) -> f32 {
    f32::from_bits(u32::from(x) << 16)
}

/// The nearest bfloat16, ties to even; NaN stays NaN.
#[inline(always)]
pub fn halved(x: f32) -> u16 {
    (round_to_bf16(x).to_bits() >> 16) as u16
}

/// The same as a 32-bit float.
#[inline(always)]
pub fn round_to_bf16(x: f32) -> f32 {
    let bits = x.to_bits();
    let rounded = bits.wrapping_add(0x7fff + (bits >> 16 & 1)) & 0xffff_0000;
    // A quiet NaN is one in its upper half alone.
    f32::from_bits(if x.is_nan() { bits | 0x0040_0000 } else { rounded })
}

vectorised! {
    fn halve<const FMA: bool>(from: &[f32], to: &mut [u16]) {
        for (to, from) in to.iter_mut().zip(from) {
            *to = halved(*from);
        }
    }
}

/// An element of such an activation: `f32`, or `u16` for bfloat16.
pub trait Element: Number + Debug + Send + Sync + 'static {
    /// Of the products that read it.
    const PRECISION: Precision;

    /// The nearest of this type.
    fn of(x: f32) -> Self;

    /// As a 32-bit float.
    fn single(self) -> f32;

    /// Several of them as the elements of an operand.
    fn elements(x: &[Self]) -> Elements<'_>;

    /// Room for results of this type where as many 32-bit floats lie, if it is the same.
    fn in_place_of(singles: Shared<f32>) -> Option<Shared<Self>>;

    /// The nearest of several.
    fn store(from: &[f32], to: &mut [Self]);

    /// Writes a product to a contiguous `out`, in parallel. While results are in the cache `finish` changes
    /// them: row, first column, and results of that row from there on.
    fn write(product: &Product<'_>, out: &mut [Self], finish: impl Fn(usize, usize, &mut [f32]) + Sync);

    /// Writes a product to a contiguous `out`, in parallel. While rows are in the cache `finish` changes
    /// them: the first row, and at most [`Product::rows_together`] from a multiple of it on.
    fn write_together(product: &Product<'_>, out: &mut [Self], finish: impl Fn(usize, &mut [f32]) + Sync);

    /// Writes a product to rows that are `row_stride` apart, on this thread. `room` holds the results
    /// for a while, if it must.
    ///
    /// # Safety
    ///
    /// That of [`Product::write_at`].
    unsafe fn write_at(product: &Product<'_>, out: Shared<Self>, row_stride: usize, room: &mut Vec<f32>);
}

impl Element for f32 {
    const PRECISION: Precision = Precision::F32;

    #[inline(always)]
    fn of(x: f32) -> Self {
        x
    }

    #[inline(always)]
    fn single(self) -> f32 {
        self
    }

    fn elements(x: &[Self]) -> Elements<'_> {
        Elements::Single(x)
    }

    fn in_place_of(singles: Shared<f32>) -> Option<Shared<Self>> {
        Some(singles)
    }

    fn store(from: &[f32], to: &mut [Self]) {
        to.copy_from_slice(from);
    }

    fn write(product: &Product<'_>, out: &mut [Self], finish: impl Fn(usize, usize, &mut [f32]) + Sync) {
        product.write_then(out, finish);
    }

    fn write_together(product: &Product<'_>, out: &mut [Self], finish: impl Fn(usize, &mut [f32]) + Sync) {
        product.write_together_then(out, finish);
    }

    unsafe fn write_at(product: &Product<'_>, out: Shared<Self>, row_stride: usize, _: &mut Vec<f32>) {
        // SAFETY: the caller's promise.
        unsafe { product.write_at(out, row_stride) }
    }
}

impl Element for u16 {
    const PRECISION: Precision = Precision::Bf16;

    #[inline(always)]
    fn of(x: f32) -> Self {
        halved(x)
    }

    #[inline(always)]
    fn single(self) -> f32 {
        widened(self)
    }

    fn elements(x: &[Self]) -> Elements<'_> {
        Elements::Half(x)
    }

    fn in_place_of(_: Shared<f32>) -> Option<Shared<Self>> {
        None
    }

    fn store(from: &[f32], to: &mut [Self]) {
        halve(from, to);
    }

    fn write(product: &Product<'_>, out: &mut [Self], finish: impl Fn(usize, usize, &mut [f32]) + Sync) {
        let [_, columns, _] = product.sizes();
        Self::write_together(product, out, |first, rows| {
            let rows = rows.chunks_exact_mut(columns).enumerate();
            rows.for_each(|(i, results)| finish(first + i, 0, results));
        });
    }

    fn write_together(product: &Product<'_>, out: &mut [Self], finish: impl Fn(usize, &mut [f32]) + Sync) {
        let [_, columns, _] = product.sizes();
        let out = Shared::of(out);
        product.hand_over(|first, rows| {
            finish(first, rows);
            // SAFETY: each row is handed over once.
            halve(rows, unsafe { out.slice(first * columns, rows.len()) });
        });
    }

    unsafe fn write_at(product: &Product<'_>, out: Shared<Self>, row_stride: usize, room: &mut Vec<f32>) {
        let [rows, columns, _] = product.sizes();
        room.resize(rows * columns, 0.0);
        // SAFETY: `room` is this thread's own.
        unsafe { product.write_at(Shared::of(room), columns) };
        for (row, results) in room.chunks_exact(columns.max(1)).enumerate() {
            // SAFETY: the caller's promise.
            halve(results, unsafe { out.slice(row * row_stride, columns) });
        }
    }
}

/// Row-major `rows x columns` at the beginning of `x`, with rows `row_stride` apart.
pub fn matrix<T: Element>(x: &[T], rows: usize, columns: usize, row_stride: usize) -> Matrix<'_> {
    Matrix::new(T::elements(x), rows, columns, row_stride)
}
