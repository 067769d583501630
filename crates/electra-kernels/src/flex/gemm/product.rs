//! A product, and where its results go.

use std::ops::Range;

use super::super::buffer::SharedSlice;
use super::matrix::{Elements, Matrix};
use crate::Precision;
use crate::workers;

/// Multiplications below which handing work to other threads costs more than it saves.
pub(super) const PARALLEL_FROM: usize = 1 << 19;

/// The matrix product `scale * a b`.
#[derive(Clone, Copy)]
pub(crate) struct Product<'a> {
    pub(super) a: Matrix<'a>,
    pub(super) b: Matrix<'a>,
    pub(super) scale: f32,
    pub(super) precision: Precision,
}

impl<'a> Product<'a> {
    /// `a b` with operands in `precision`.
    pub(crate) fn new(a: Matrix<'a>, b: Matrix<'a>, precision: Precision) -> Self {
        assert_eq!(a.columns, b.rows, "product of {} columns with {} rows", a.columns, b.rows);
        assert_ne!(precision, Precision::F16, "no product of 16-bit IEEE floats here");
        let are_f32 = [a, b].iter().all(|x| matches!(x.data, Elements::F32(_)));
        assert!(
            are_f32 || precision == Precision::Bf16,
            "an operand in bfloat16, a product in {precision:?}"
        );
        Self { a, b, scale: 1.0, precision }
    }

    /// The product with each result multiplied by `scale`.
    pub(crate) fn scaled(self, scale: f32) -> Self {
        Self { scale, ..self }
    }

    /// Rows, columns and depth (`m`, `n` and `k` of BLAS).
    pub(crate) fn sizes(&self) -> [usize; 3] {
        [self.a.rows, self.b.columns, self.a.columns]
    }
}

/// A function applied to results while they are in the cache (the epilogue of a fused product): row, first
/// column, and complete results of that row from there on. Called once for each result.
pub(crate) type Epilogue<'a> = &'a (dyn Fn(usize, usize, &mut [f32]) + Sync);

/// The destination of the results of a product.
#[derive(Clone, Copy)]
pub(super) struct Target<'a> {
    /// The results, from the first to the last row. They need not be written unless `add` says so.
    pub(super) out: SharedSlice<'a, f32>,
    /// Elements of `out` from row to row.
    pub(super) row_stride: usize,
    /// Whether results are added to the old content of `out`.
    pub(super) add: bool,
    pub(super) epilogue: Option<Epilogue<'a>>,
    /// Threads among which work is divided. Those that take part may be fewer.
    pub(super) threads: usize,
}

impl Target<'_> {
    /// Calls the epilogue on `columns` results of `row` from `column` on.
    ///
    /// # Safety
    ///
    /// These results are complete, and nobody else uses them during the call.
    pub(super) unsafe fn finish_row(&self, row: usize, column: usize, columns: usize) {
        let Some(epilogue) = self.epilogue else { return };
        // SAFETY: results that are complete are written; that nobody else uses them is what the caller owes.
        epilogue(row, column, unsafe { self.out.slice(row * self.row_stride + column, columns) });
    }
}

/// Part `i` of `n` of `0..length`, each beginning at a multiple of `unit`.
pub(super) fn part(length: usize, unit: usize, i: usize, n: usize) -> Range<usize> {
    let units = length.div_ceil(unit);
    let at = |i: usize| length.min(units * i / n * unit);
    at(i)..at(i + 1)
}

/// Calls `task` on each of `0..n`, shared by the threads if there are several.
pub(super) fn each(n: usize, threads: usize, task: impl Fn(usize) + Sync) {
    if threads > 1 { workers::each(n, task) } else { (0..n).for_each(task) }
}
