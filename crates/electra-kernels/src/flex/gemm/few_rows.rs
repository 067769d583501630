//! Products of a few rows, as when one sentence is tagged: no operand is packed whole.
//!
//! Packing pays when many rows use what was packed. With 32 rows every element of `b` takes part in
//! 32 multiplications, about what it costs to fetch it from the last cache. So a small piece of `b`
//! is copied to where it disturbs nothing (rows of weights lie kilobytes apart, and compete for the
//! same places of the first cache), all rows of `a` use it, and the next follows.

use std::arch::x86_64::*;
use std::cell::RefCell;
use std::ops::Range;

use super::matrix::Matrix;
use super::packing::first;
use super::product::{PARALLEL_FROM, Product, Target};
use crate::workers;

/// More rows than these are better off packed.
const MAX_ROWS: usize = 48;
/// Rows of results held in registers: with two vectors each 24 of 32 registers.
const ROWS: usize = 12;
/// Columns of results held in registers: two vectors.
const COLUMNS: usize = 32;
/// Depth of a piece: 16 KiB of `b`, and as much of 32 rows of `a`, share the first cache.
const DEPTH: usize = 128;

thread_local! {
    /// The piece that this thread works on.
    static OWN: RefCell<Piece> = const { RefCell::new(Piece { a: [0.0; MAX_ROWS * DEPTH], b: [0.0; DEPTH * COLUMNS] }) };
}

/// Whether [`product`] is made for this one. The processor must have AVX-512 as well.
pub(super) fn is_supported(product: &Product<'_>) -> bool {
    let by_row = product.a.column_stride == 1 && product.b.column_stride == 1;
    by_row && product.a.rows <= MAX_ROWS && product.scale == 1.0
}

/// `out (+)= a b`, then the epilogue.
///
/// # Safety
///
/// That of `Product::run_on`: the processor has AVX-512, and `product` [is_supported](is_supported).
pub(super) unsafe fn product(product: &Product<'_>, target: Target<'_>) {
    let [rows, columns, depth] = product.sizes();
    let strips = columns.div_ceil(COLUMNS);
    let share = |strips: Range<usize>| {
        let columns = strips.start * COLUMNS..columns.min(strips.end * COLUMNS);
        OWN.with_borrow_mut(|piece| {
            // At least one block, of nothing, for a product without depth.
            for block in 0..depth.div_ceil(DEPTH).max(1) {
                let depth = block * DEPTH..depth.min((block + 1) * DEPTH);
                // SAFETY: our caller owes AVX-512; these are columns of the matrix, of at most MAX_ROWS as
                // it suits.
                unsafe { copy(&product.a, depth.clone(), &mut piece.a) };
                for column in columns.clone().step_by(COLUMNS) {
                    let b = |row: usize, column: usize| {
                        product.b.data.f32s().as_ptr().wrapping_add(row * product.b.row_stride + column)
                    };
                    let source = Source {
                        first: b(depth.start, column),
                        row_stride: product.b.row_stride,
                        // The next piece: to the right, or at the left end further down.
                        next: match column + COLUMNS < columns.end {
                            true => b(depth.start, column + COLUMNS),
                            false => b(depth.end, columns.start),
                        },
                    };
                    let results = Results {
                        first: target.out.at(column, 0),
                        row_stride: target.row_stride,
                        rows,
                        columns: COLUMNS.min(columns.end - column),
                        add: target.add || block > 0,
                    };
                    // SAFETY: our caller owes AVX-512 and the results, of which these columns belong to this
                    // share; blocks after the first add to what the one before has written.
                    unsafe { piece.multiply(depth.len(), &source, &results) };
                }
            }
        });
        for row in 0..rows {
            // SAFETY: all blocks of these results are done, and they belong to this share.
            unsafe { target.finish_row(row, columns.start, columns.len()) };
        }
    };
    if target.threads == 1 || rows * columns * depth < PARALLEL_FROM {
        return share(0..strips);
    }
    let width = strips.div_ceil(target.threads);
    workers::each(strips.div_ceil(width), |i| share(i * width..strips.min((i + 1) * width)));
}

/// Copies some columns of a matrix to rows of [`DEPTH`], the last vector of each filled up with zeros.
///
/// # Safety
///
/// The processor has AVX-512, and `columns` are at most [`DEPTH`] of the matrix.
#[target_feature(enable = "avx512f")]
unsafe fn copy(from: &Matrix<'_>, columns: Range<usize>, to: &mut [f32]) {
    let mut source = from.data.f32s().as_ptr().wrapping_add(columns.start);
    for to in to.chunks_exact_mut(DEPTH).take(from.rows) {
        for (vector, to) in to.chunks_exact_mut(16).take(columns.len().div_ceil(16)).enumerate() {
            let mask = first(columns.len() - 16 * vector);
            // SAFETY: the mask leaves elements of the matrix; there is room for 16.
            unsafe {
                let x = _mm512_maskz_loadu_ps(mask, source.wrapping_add(16 * vector));
                _mm512_storeu_ps(to.as_mut_ptr(), x);
            }
        }
        source = source.wrapping_add(from.row_stride);
    }
}

/// The place of a piece of `b`.
struct Source {
    first: *const f32,
    /// Elements from row to row.
    row_stride: usize,
    /// The first element of the next piece.
    next: *const f32,
}

/// The place of the results.
struct Results {
    first: *mut f32,
    /// Elements from row to row.
    row_stride: usize,
    rows: usize,
    /// At most [`COLUMNS`].
    columns: usize,
    /// Whether the old content counts.
    add: bool,
}

/// Copies of `a`, in rows of [`DEPTH`], and of `b`, in rows of [`COLUMNS`]. Vectors of them lie in one
/// cache line each.
#[repr(align(64))]
struct Piece {
    a: [f32; MAX_ROWS * DEPTH],
    b: [f32; DEPTH * COLUMNS],
}

impl Piece {
    /// Multiplies the first `depth` columns of `a` with as many rows of `b`.
    ///
    /// # Safety
    ///
    /// The processor has AVX-512. `a` holds as many rows as there are of results; `b` are so many rows of a
    /// matrix, with as many columns as the results; nobody else uses the results, which are written already
    /// if they are added to.
    #[target_feature(enable = "avx512f")]
    unsafe fn multiply(&mut self, depth: usize, b: &Source, to: &Results) {
        // Equal heights, so that no tile is so low that it waits for its own additions.
        let height = to.rows.div_ceil(to.rows.div_ceil(ROWS));
        for row in (0..to.rows).step_by(height) {
            macro_rules! of_rows {
                ($($rows:literal)*) => {
                    match (height.min(to.rows - row), row) {
                        // SAFETY: rows of the results, of so many; our caller owes the rest.
                        $(($rows, 0) => unsafe { self.tile::<$rows, true>(0, depth, b, to) },)*
                        // SAFETY: as above; the first tile has copied `b`.
                        $(($rows, row) => unsafe { self.tile::<$rows, false>(row, depth, b, to) },)*
                        (height, _) => unreachable!("{height} rows in a tile of {ROWS}"),
                    }
                };
            }
            of_rows!(1 2 3 4 5 6 7 8 9 10 11 12);
        }
    }

    /// Computes `R` rows from `row` on. The `FIRST` tile reads `b` where it lies, copies it on the way and
    /// fetches the piece after it.
    ///
    /// # Safety
    ///
    /// That of [`Self::multiply`], for these rows of the results.
    #[target_feature(enable = "avx512f")]
    unsafe fn tile<const R: usize, const FIRST: bool>(
        &mut self,
        row: usize,
        depth: usize,
        source: &Source,
        to: &Results,
    ) {
        let masks = [first(to.columns), first(to.columns.saturating_sub(16))];
        let c = |i: usize, half: usize| to.first.wrapping_add((row + i) * to.row_stride + 16 * half);
        let mut sums = [[_mm512_setzero_ps(); 2]; R];
        if to.add {
            for (i, row) in sums.iter_mut().enumerate() {
                for (half, (sum, mask)) in row.iter_mut().zip(masks).enumerate() {
                    // SAFETY: the mask leaves results, which are written if they are added to.
                    *sum = unsafe { _mm512_maskz_loadu_ps(mask, c(i, half)) };
                }
            }
        }
        let a = self.a[row * DEPTH..][..R * DEPTH].as_ptr();
        for (depth, copy) in self.b.chunks_exact_mut(COLUMNS).take(depth).enumerate() {
            // Both of one pointer: a second borrow of the whole row would end that of the first half.
            let copy = copy.as_mut_ptr();
            let halves = [copy, copy.wrapping_add(16)];
            let b = if FIRST {
                let [b, next] =
                    [source.first, source.next].map(|x| x.wrapping_add(depth * source.row_stride));
                // Beyond the end of the matrix too: to fetch what is not there is no error.
                _mm_prefetch::<_MM_HINT_T0>(next.cast());
                _mm_prefetch::<_MM_HINT_T0>(next.wrapping_add(16).cast());
                // SAFETY: the masks leave elements of the matrix; the halves of a row of COLUMNS have room
                // for 16.
                [0, 1].map(|half| unsafe {
                    let b = _mm512_maskz_loadu_ps(masks[half], b.wrapping_add(16 * half));
                    _mm512_storeu_ps(halves[half], b);
                    b
                })
            } else {
                // SAFETY: the halves of a row of COLUMNS have 16 floats each.
                halves.map(|half| unsafe { _mm512_loadu_ps(half) })
            };
            for (i, row) in sums.iter_mut().enumerate() {
                // SAFETY: an element of the R rows, of which `depth` columns were copied.
                let a = _mm512_set1_ps(unsafe { *a.add(i * DEPTH + depth) });
                for (sum, b) in row.iter_mut().zip(b) {
                    *sum = _mm512_fmadd_ps(a, b, *sum);
                }
            }
        }
        for (i, row) in sums.into_iter().enumerate() {
            for (half, (sum, mask)) in row.into_iter().zip(masks).enumerate() {
                // SAFETY: the mask leaves the results.
                unsafe { _mm512_mask_storeu_ps(c(i, half), mask, sum) };
            }
        }
    }
}
