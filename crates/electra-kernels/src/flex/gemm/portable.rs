//! Products by the `gemm` crate, for processors without AVX-512 and for sizes that our own kernels leave out.

use std::ops::Range;

use gemm::Parallelism;

use super::product::{PARALLEL_FROM, Product, Target, each, part};

/// The fewest rows of a task.
const ROWS: usize = 32;

/// `out (+)= scale * a b`, then the epilogue. The work is divided here and not by the crate, whose own
/// threads sleep between one product and the next.
///
/// # Safety
///
/// That of [`Product::run_on`](super::run); the operands are 32-bit floats.
pub(super) unsafe fn product(product: &Product<'_>, target: Target<'_>) {
    let sizes @ [rows, columns, depth] = product.sizes();
    let threads = if rows * columns * depth < PARALLEL_FROM { 1 } else { target.threads };
    let (of_rows, of_columns) = parts(sizes, threads);
    each(of_rows * of_columns, threads, |i| {
        let rows = part(rows, 1, i / of_columns, of_rows);
        let columns = part(columns, 1, i % of_columns, of_columns);
        // SAFETY: the parts divide the results, so that each has its own; the rest is what our caller owes.
        unsafe { part_of_product(product, target, rows, columns) }
    });
    if target.epilogue.is_none() {
        return;
    }
    each(rows.div_ceil(ROWS), target.threads, |i| {
        for row in i * ROWS..rows.min((i + 1) * ROWS) {
            // SAFETY: all results are complete, and each row belongs to one task.
            unsafe { target.finish_row(row, 0, columns) };
        }
    });
}

/// Computes some rows and columns of the product, on this thread.
///
/// # Safety
///
/// That of [`product`], for the results in `rows` and `columns`, which are of the product.
unsafe fn part_of_product(
    product: &Product<'_>,
    target: Target<'_>,
    rows: Range<usize>,
    columns: Range<usize>,
) {
    let (a, b) = (&product.a, &product.b);
    // SAFETY: `Matrix` has checked that its elements lie inside its slice, and these are rows of the one and
    // columns of the other; our caller owes the results, and `read_dst` is true only if they are written
    // already.
    unsafe {
        gemm::gemm(
            rows.len(),
            columns.len(),
            a.columns,
            target.out.at(rows.start * target.row_stride + columns.start, 0),
            1,
            target.row_stride as isize,
            target.add,
            a.data.f32s().as_ptr().wrapping_add(rows.start * a.row_stride),
            a.column_stride as isize,
            a.row_stride as isize,
            b.data.f32s().as_ptr().wrapping_add(columns.start * b.column_stride),
            b.column_stride as isize,
            b.row_stride as isize,
            1.0,
            product.scale,
            false,
            false,
            false,
            Parallelism::None,
        )
    }
}

/// The number of parts of the rows and of the columns in which the `gemm` crate gets a product, for `threads`
/// threads.
///
/// Its bits do not depend on them: the crate (0.19) divides the depth otherwise where rows and columns are at
/// most 64 each, and has kernels of their own for at most 256 results, for one row and for one column. A
/// part is on the same side of each of these borders as the whole.
pub(super) fn parts([rows, columns, _]: [usize; 3], threads: usize) -> (usize, usize) {
    const NARROW: usize = 64;
    const FEW_RESULTS: usize = 256;
    let of = |length: usize, other: usize| {
        let least = if length > NARROW && other <= NARROW { NARROW + 1 } else { ROWS };
        threads.min(length / least.max(FEW_RESULTS / other.max(1) + 1)).max(1)
    };
    if rows.min(columns) <= 1 {
        (1, 1)
    } else if rows >= columns {
        (of(rows, columns), 1)
    } else {
        (1, of(columns, rows))
    }
}
