//! Products of a few rows, as when one sentence is tagged: no operand is packed whole.
//!
//! Packing pays when many rows use what was packed. With 32 rows every element of `b` takes part in
//! 32 multiplications, about what it costs to fetch it from the last cache. So a small piece of `b`
//! is copied to where it disturbs nothing (rows of weights lie kilobytes apart, and compete for the
//! same places of the first cache), all rows of `a` use it, and the next follows.

use std::arch::x86_64::*;
use std::cell::RefCell;
use std::ops::Range;

use rayon::prelude::*;

use super::super::storage::Shared;
use super::{Finish, Matrix, Product};

/// More rows than these are better off packed.
const MOST_ROWS: usize = 48;
/// Rows of results held in registers: with two vectors each 24 of 32 registers.
const ROWS: usize = 12;
/// Columns of results held in registers: two vectors.
const COLUMNS: usize = 32;
/// Depth of a piece: 16 KiB of `b`, and as much of 32 rows of `a`, share the first cache.
const DEPTH: usize = 128;
/// Multiplications below which handing work to other threads costs more than it saves.
const WORTH_THREADS: usize = 1 << 19;

thread_local! {
    /// The piece that this thread works on.
    static OWN: RefCell<Piece> = const { RefCell::new(Piece { a: [0.0; MOST_ROWS * DEPTH], b: [0.0; DEPTH * COLUMNS] }) };
}

/// Whether [`product`] is made for this one. The processor must have AVX-512 as well.
pub fn suits(product: &Product<'_>) -> bool {
    let by_row = product.a.column_stride == 1 && product.b.column_stride == 1;
    by_row && product.a.rows <= MOST_ROWS && product.scale == 1.0
}

/// `out (+)= a b` with rows of `out` that are `row_stride` apart, then `finish`.
///
/// # Safety
///
/// The processor has AVX-512, and `product` [suits](suits); `out` is valid and unshared for the results.
pub unsafe fn product(
    product: &Product<'_>,
    out: Shared,
    row_stride: usize,
    add: bool,
    finish: Option<Finish<'_>>,
    threads: usize,
) {
    let [rows, columns, depth] = product.sizes();
    let strips = columns.div_ceil(COLUMNS);
    let share = |strips: Range<usize>| {
        let columns = strips.start * COLUMNS..columns.min(strips.end * COLUMNS);
        OWN.with_borrow_mut(|piece| {
            // At least one block, of nothing, for a product without depth.
            for block in 0..depth.div_ceil(DEPTH).max(1) {
                let depth = block * DEPTH..depth.min((block + 1) * DEPTH);
                // SAFETY: the processor has AVX-512; these are columns of the matrix.
                unsafe { copy::<DEPTH>(&product.a, 0..rows, depth.clone(), &mut piece.a) };
                for column in columns.clone().step_by(COLUMNS) {
                    let piece_columns = column..columns.end.min(column + COLUMNS);
                    // SAFETY: as above.
                    unsafe { copy::<COLUMNS>(&product.b, depth.clone(), piece_columns, &mut piece.b) };
                    // The next piece: to the right, or at the left end further down.
                    let [next_row, next_column] = match column + COLUMNS < columns.end {
                        true => [depth.start, column + COLUMNS],
                        false => [depth.end, columns.start],
                    };
                    let next =
                        product.b.data.as_ptr().wrapping_add(next_row * product.b.row_stride + next_column);
                    let results = Results {
                        first: out.at(column, 0),
                        row_stride,
                        rows,
                        columns: COLUMNS.min(columns.end - column),
                        add: add || block > 0,
                    };
                    // SAFETY: the caller's promise; these columns are this share's own.
                    unsafe { piece.multiply(depth.len(), &results, (next, product.b.row_stride)) };
                }
            }
        });
        let Some(finish) = finish else { return };
        for row in 0..rows {
            let results = out.at(row * row_stride + columns.start, columns.len());
            // SAFETY: results of this share alone.
            finish(row, columns.start, unsafe { std::slice::from_raw_parts_mut(results, columns.len()) });
        }
    };
    if threads == 1 || rows * columns * depth < WORTH_THREADS {
        return share(0..strips);
    }
    let width = strips.div_ceil(2 * threads);
    (0..strips.div_ceil(width)).into_par_iter().for_each(|i| share(i * width..strips.min((i + 1) * width)));
}

/// The first `n` of 16 elements.
fn first(n: usize) -> __mmask16 {
    if n >= 16 { 0xffff } else { (1 << n) - 1 }
}

/// Copies part of a matrix to rows of `WIDTH`, the last vector of each filled up with zeros.
#[target_feature(enable = "avx512f")]
unsafe fn copy<const WIDTH: usize>(
    from: &Matrix<'_>,
    rows: Range<usize>,
    columns: Range<usize>,
    to: &mut [f32],
) {
    let mut source = from.data.as_ptr().wrapping_add(rows.start * from.row_stride + columns.start);
    let whole = columns.len() == WIDTH;
    for to in to.chunks_exact_mut(WIDTH).take(rows.len()) {
        for (vector, to) in to.chunks_exact_mut(16).take(columns.len().div_ceil(16)).enumerate() {
            // SAFETY: the mask leaves elements of the matrix; there is room for 16.
            unsafe {
                let mask = if whole { 0xffff } else { first(columns.len() - 16 * vector) };
                _mm512_storeu_ps(
                    to.as_mut_ptr(),
                    _mm512_maskz_loadu_ps(mask, source.wrapping_add(16 * vector)),
                );
            }
        }
        source = source.wrapping_add(from.row_stride);
    }
}

/// Where results go.
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

/// Copies of `a`, in rows of [`DEPTH`], and of `b`, in rows of [`COLUMNS`].
struct Piece {
    a: [f32; MOST_ROWS * DEPTH],
    b: [f32; DEPTH * COLUMNS],
}

impl Piece {
    /// Multiplies the first `depth` columns of `a` with as many rows of `b`. `next` are address and
    /// distance of the rows that will be copied next.
    #[target_feature(enable = "avx512f")]
    unsafe fn multiply(&self, depth: usize, to: &Results, next: (*const f32, usize)) {
        // Equal heights, so that no tile is so low that it waits for its own additions.
        let height = to.rows.div_ceil(to.rows.div_ceil(ROWS));
        for row in (0..to.rows).step_by(height) {
            let next = (row == 0).then_some(next);
            macro_rules! of_rows {
                ($($rows:literal)*) => {
                    match height.min(to.rows - row) {
                        // SAFETY: the caller's promise.
                        $($rows => unsafe { self.tile::<$rows>(row, depth, to, next) },)*
                        height => unreachable!("{height} rows in a tile of {ROWS}"),
                    }
                };
            }
            of_rows!(1 2 3 4 5 6 7 8 9 10 11 12);
        }
    }

    /// `R` rows from `row` on.
    #[target_feature(enable = "avx512f")]
    unsafe fn tile<const R: usize>(
        &self,
        row: usize,
        depth: usize,
        to: &Results,
        next: Option<(*const f32, usize)>,
    ) {
        let masks = [first(to.columns), first(to.columns.saturating_sub(16))];
        let c = |i: usize, half: usize| to.first.wrapping_add((row + i) * to.row_stride + 16 * half);
        let mut sums = [[_mm512_setzero_ps(); 2]; R];
        if to.add {
            for (i, row) in sums.iter_mut().enumerate() {
                for (half, (sum, mask)) in row.iter_mut().zip(masks).enumerate() {
                    // SAFETY: the mask leaves the results.
                    *sum = unsafe { _mm512_maskz_loadu_ps(mask, c(i, half)) };
                }
            }
        }
        let a = self.a[row * DEPTH..][..R * DEPTH].as_ptr();
        for (depth, b) in self.b.chunks_exact(COLUMNS).take(depth).enumerate() {
            if let Some((next, stride)) = next {
                // Beyond the end of the matrix too: to fetch what is not there is no error.
                let row = next.wrapping_add(depth * stride).cast::<i8>();
                _mm_prefetch::<_MM_HINT_T0>(row);
                _mm_prefetch::<_MM_HINT_T0>(row.wrapping_add(64));
            }
            // SAFETY: 16 floats each.
            let b = unsafe { [_mm512_loadu_ps(b.as_ptr()), _mm512_loadu_ps(b[16..].as_ptr())] };
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
