//! Products with a transposed `a`, as the gradient of a weight: `x^T dy`. Both operands lie depth after
//! depth.
//!
//! The results are few and the depth is that of a whole batch. Each share of the results goes through
//! the depth by itself, without waiting for others: a chunk of `a` is packed for the second cache, then
//! one panel of `b` after the other for the first, which all rows of the share use.
//!
//! A result is the sum of chains of multiply-adds, one for each chunk. Chunks are those of the `gemm`
//! crate, so the bits are its as well, and who computes a product is a question of speed alone.

use std::arch::x86_64::*;
use std::cell::RefCell;
use std::ops::Range;

use super::packing::{first, reserve};
use super::product::{PARALLEL_FROM, Product, Target, each, part};
use super::results::Results;

/// Rows of results held in registers: with two vectors each 28 of 32 registers.
const ROWS: usize = 14;
/// Columns of results held in registers: two vectors.
const COLUMNS: usize = 32;
/// Depths multiplied from one look at the loop's end to the next.
const UNROLLED: usize = 2;
/// The deepest chunk of the `gemm` crate.
const CHUNK: usize = 512;
/// Packed rows of `a` at each depth: those of a tile, from the beginning of a cache line.
const ROW_STRIDE: usize = 16;
/// Rows whose chunks are packed together: 1.1 MiB, half of a second cache.
const ROWS_TOGETHER: usize = 504;
/// Depths that are fetched ahead of their packing.
const FETCHED: usize = 16;
/// Fewer rows, columns or depths are left to the `gemm` crate, which treats some of them apart.
const LEAST: usize = 16;

thread_local! {
    /// Packed chunks of `a` and `b` of the share that runs on this thread.
    static OWN: RefCell<[Vec<f32>; 2]> = const { RefCell::new([Vec::new(), Vec::new()]) };
}

/// Whether [`product`] is made for this one. The processor must have AVX-512 as well.
pub(super) fn is_supported(product: &Product<'_>) -> bool {
    let by_depth = product.a.row_stride == 1 && product.b.column_stride == 1;
    by_depth && product.sizes().into_iter().min() >= Some(LEAST)
}

/// The depth of the `gemm` crate's chunks, of which the last may be shorter: `kernel_params` of
/// `gemm-common` 0.19 on a processor whose first cache has 32 to 48 KiB.
pub(super) fn chunk([rows, columns, depth]: [usize; 3]) -> usize {
    if rows <= 64 && columns <= 64 { CHUNK } else { depth.div_ceil(depth.div_ceil(CHUNK)) }
}

/// Parts of the rows and of the columns, `threads` in all, for which the least is packed.
fn split([rows, columns, _]: [usize; 3], threads: usize) -> [usize; 2] {
    let pairs = (1..=threads).filter(|n| threads.is_multiple_of(*n)).map(|n| [n, threads / n]);
    let packed = |[of_rows, of_columns]: &[usize; 2]| rows.div_ceil(*of_rows) + columns.div_ceil(*of_columns);
    pairs.min_by_key(packed).expect("one is a divisor")
}

/// `out (+)= scale * a b`, then the epilogue.
///
/// # Safety
///
/// That of `Product::run_on`: the processor has AVX-512, and `product` [is_supported](is_supported).
pub(super) unsafe fn product(product: &Product<'_>, target: Target<'_>) {
    let sizes @ [rows, columns, depth] = product.sizes();
    let threads = if rows * columns * depth < PARALLEL_FROM { 1 } else { target.threads };
    let [of_rows, of_columns] = split(sizes, threads);
    let chunk = chunk(sizes);
    each(threads, threads, |i| {
        let share = Share {
            product,
            target,
            rows: part(rows, 1, i / of_columns, of_rows),
            columns: part(columns, COLUMNS, i % of_columns, of_columns),
            chunk,
        };
        OWN.with_borrow_mut(|[a, b]| {
            // SAFETY: our caller owes AVX-512 and the results, of which these belong to this share.
            unsafe { share.compute(a, b) }
        });
        for row in share.rows {
            // SAFETY: these results are complete, and belong to this share.
            unsafe { target.finish_row(row, share.columns.start, share.columns.len()) };
        }
    });
}

/// Results that one thread computes.
struct Share<'a> {
    product: &'a Product<'a>,
    target: Target<'a>,
    rows: Range<usize>,
    columns: Range<usize>,
    /// The depth of a chunk, of which the last may be shorter.
    chunk: usize,
}

/// Some rows of a share in tiles of equal height, so that none is so low that it waits for its own
/// additions.
struct Tiles {
    rows: Range<usize>,
    height: usize,
}

impl Tiles {
    fn of(rows: Range<usize>) -> Self {
        let n = rows.len().div_ceil(ROWS).max(1);
        Self { height: rows.len().div_ceil(n).max(1), rows }
    }

    /// First row and height of each.
    fn each(&self) -> impl Iterator<Item = (usize, usize)> {
        let Self { rows, height } = self;
        rows.clone().step_by(*height).map(|row| (row, (*height).min(rows.end - row)))
    }
}

impl Share<'_> {
    /// Computes the results of the share, with room for packed chunks.
    ///
    /// # Safety
    ///
    /// The processor has AVX-512, and nobody else uses these results, which are written already if the target
    /// adds.
    #[target_feature(enable = "avx512f")]
    unsafe fn compute(&self, a: &mut Vec<f32>, b: &mut Vec<f32>) {
        let depth = self.product.a.columns;
        // One line more than they need, so that panels do not compete for the same places of a cache.
        let panel = (self.chunk + 1) * ROW_STRIDE;
        for first_row in self.rows.clone().step_by(ROWS_TOGETHER) {
            let tiles = Tiles::of(first_row..self.rows.end.min(first_row + ROWS_TOGETHER));
            let a = reserve(a, tiles.each().count() * panel);
            let b = reserve(b, self.chunk * COLUMNS);
            for start in (0..depth).step_by(self.chunk) {
                let depth = start..depth.min(start + self.chunk);
                // SAFETY: there is room for the tiles' panels, and for one of `b`; our caller owes AVX-512
                // and the results. Chunks after the first add to what the one before has written.
                unsafe {
                    self.pack_a(&tiles, depth.clone(), a, panel);
                    for column in self.columns.clone().step_by(COLUMNS) {
                        let columns = column..self.columns.end.min(column + COLUMNS);
                        self.pack_b(columns.clone(), depth.clone(), b);
                        for (i, (row, height)) in tiles.each().enumerate() {
                            self.tile(row, height, columns.clone(), depth.clone(), a.add(i * panel), b);
                        }
                    }
                }
            }
        }
    }

    /// Packs the rows of each tile, those of one depth behind those of the one before.
    ///
    /// # Safety
    ///
    /// The processor has AVX-512, and `to` room for [`ROW_STRIDE`] elements at each of `depth` in each tile's
    /// panel.
    #[target_feature(enable = "avx512f")]
    unsafe fn pack_a(&self, tiles: &Tiles, depth: Range<usize>, to: *mut f32, panel: usize) {
        let a = &self.product.a;
        let elements = a.data.f32s().as_ptr();
        let masks: Vec<_> = tiles.each().map(|(row, height)| (row, first(height))).collect();
        // Depth after depth, whole: the processor foresees no jumps.
        for (i, depth) in depth.enumerate() {
            let from = elements.wrapping_add(depth * a.column_stride);
            let to = to.wrapping_add(i * ROW_STRIDE);
            for (tile, (row, mask)) in masks.iter().enumerate() {
                let from = from.wrapping_add(*row);
                // Beyond the end of the matrix too: to fetch what is not there is no error.
                _mm_prefetch::<_MM_HINT_T1>(from.wrapping_add(FETCHED * a.column_stride).cast());
                // SAFETY: the mask leaves elements of the matrix; a panel has room for 16 at each depth.
                unsafe {
                    _mm512_storeu_ps(to.wrapping_add(tile * panel), _mm512_maskz_loadu_ps(*mask, from));
                }
            }
        }
    }

    /// Packs a panel of at most [`COLUMNS`], filled up with zeros.
    ///
    /// # Safety
    ///
    /// The processor has AVX-512, and `to` room for [`COLUMNS`] elements at each of `depth`.
    #[target_feature(enable = "avx512f")]
    unsafe fn pack_b(&self, columns: Range<usize>, depth: Range<usize>, to: *mut f32) {
        let b = &self.product.b;
        let masks = [first(columns.len()), first(columns.len().saturating_sub(16))];
        let mut from = b.data.f32s().as_ptr().wrapping_add(depth.start * b.row_stride + columns.start);
        let mut to = to;
        for _ in depth {
            for (half, mask) in masks.into_iter().enumerate() {
                _mm_prefetch::<_MM_HINT_T1>(from.wrapping_add(FETCHED * b.row_stride + 16 * half).cast());
                // SAFETY: the mask leaves elements of the matrix; there is room for 32 at each depth.
                unsafe {
                    let x = _mm512_maskz_loadu_ps(mask, from.wrapping_add(16 * half));
                    _mm512_storeu_ps(to.wrapping_add(16 * half), x);
                }
            }
            from = from.wrapping_add(b.row_stride);
            to = to.wrapping_add(COLUMNS);
        }
    }

    /// Computes one chain for each result of a tile, of packed panels.
    ///
    /// # Safety
    ///
    /// The processor has AVX-512. `a` holds [`ROW_STRIDE`] and `b` [`COLUMNS`] elements at each of `depth`,
    /// and nobody else uses the results of these rows and columns, which are written already if they are
    /// added to.
    #[target_feature(enable = "avx512f")]
    unsafe fn tile(
        &self,
        row: usize,
        height: usize,
        columns: Range<usize>,
        depth: Range<usize>,
        a: *const f32,
        b: *const f32,
    ) {
        let tile = Tile {
            a,
            b,
            depth: depth.len(),
            results: Results {
                c: self.target.out.at(row * self.target.row_stride + columns.start, columns.len()),
                row_stride: self.target.row_stride,
                columns: columns.len(),
                scale: self.product.scale,
                add: self.target.add || depth.start > 0,
            },
        };
        macro_rules! of_rows {
            ($($rows:literal)*) => {
                match height {
                    // SAFETY: a tile of so many rows, whose panels and results our caller owes.
                    $($rows => unsafe { tile.compute::<$rows>() },)*
                    height => unreachable!("{height} rows in a tile of {ROWS}"),
                }
            };
        }
        of_rows!(1 2 3 4 5 6 7 8 9 10 11 12 13 14);
    }
}

/// `c (+)= scale * a b` of packed panels.
struct Tile {
    /// [`ROW_STRIDE`] elements at each of `depth`.
    a: *const f32,
    /// [`COLUMNS`] elements at each of `depth`.
    b: *const f32,
    depth: usize,
    /// At most [`COLUMNS`] columns.
    results: Results,
}

impl Tile {
    /// Computes a tile of `R` rows.
    ///
    /// # Safety
    ///
    /// The processor has AVX-512. The panels hold what the fields say, with `R` rows of `a`, and nobody else
    /// uses the `R` rows of `columns` results, which are written already if they are added to.
    #[target_feature(enable = "avx512f")]
    unsafe fn compute<const R: usize>(&self) {
        self.results.prefetch::<R, 2>();
        let mut sums = [[_mm512_setzero_ps(); 2]; R];
        let (mut a, mut b) = (self.a, self.b);
        macro_rules! multiply {
            () => {
                // SAFETY: `b` holds COLUMNS elements at each of `depth`, and stands at one of them.
                let halves = unsafe { [_mm512_loadu_ps(b), _mm512_loadu_ps(b.add(16))] };
                for (row, sums) in sums.iter_mut().enumerate() {
                    // SAFETY: `a` holds at least R elements at each of `depth`, and stands at one of them.
                    let a = _mm512_set1_ps(unsafe { *a.add(row) });
                    for (sum, b) in sums.iter_mut().zip(halves) {
                        *sum = _mm512_fmadd_ps(a, b, *sum);
                    }
                }
                a = a.wrapping_add(ROW_STRIDE);
                b = b.wrapping_add(COLUMNS);
            };
        }
        for _ in 0..self.depth / UNROLLED {
            for _ in 0..UNROLLED {
                multiply!();
            }
        }
        for _ in 0..self.depth % UNROLLED {
            multiply!();
        }
        // SAFETY: these are the sums of the tile, whose results our caller owes.
        unsafe { self.results.write(sums) };
    }
}
