//! Products of 32-bit floats that read the rows of `a` where they lie, as `x W` and `dy W^T`.
//!
//! Panels of `b` are packed, once for all or by the task that uses them, and 6 rows of `a` at a time go along
//! them. The processor foresees those rows, so they need no packing. Chunks of the depth and so the
//! bits are those of the `gemm` crate, see [`transposed_a`](super::transposed_a).

use std::arch::x86_64::*;
use std::cell::RefCell;
use std::ops::Range;

use super::packing::{PackedPointer, first, reserve, transpose};
use super::product::{PARALLEL_FROM, Product, Target, each};
use super::results::Results;
use super::transposed_a::chunk;

/// Rows of results held in registers.
const ROWS: usize = 6;
/// Columns of results held in registers: four vectors, with six rows 24 of 32 registers.
const COLUMNS: usize = 64;
/// Depths multiplied from one look at the loop's end to the next.
const UNROLLED: usize = 4;
/// Panels of `b` that 6 rows meet before the next 6: a megabyte, half of a second cache.
const GROUP: usize = 8;
/// Rows of a task: not so few that it is over before `b` has come from memory.
const MIN_ROWS: usize = 48;
/// Tasks for each thread, so that who is done first takes over from others.
const TASKS: usize = 4;
/// Fewer rows, columns or depths are left to the `gemm` crate, ...
const LEAST: usize = 16;
/// ... and as few results, which it sums up in another order.
const FEW_RESULTS: usize = 256;

thread_local! {
    /// Packed panels of the task that runs on this thread.
    static OWN: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

/// Whether [`product`] is made for this one. The processor must have AVX-512 as well.
pub(super) fn is_supported(product: &Product<'_>) -> bool {
    let sizes @ [rows, columns, _] = product.sizes();
    let is_large = sizes.into_iter().all(|n| n >= LEAST) && rows * columns > FEW_RESULTS;
    product.a.column_stride == 1 && is_large
}

/// Whether the epilogue is called on whole rows.
pub(super) fn completes_rows(product: &Product<'_>, threads: usize) -> bool {
    let [rows, columns, _] = product.sizes();
    columns <= rows && threads_for(product, threads) > 1
}

/// `threads`, or one where handing work to others costs more than it saves.
fn threads_for(product: &Product<'_>, threads: usize) -> usize {
    if product.sizes().into_iter().product::<usize>() < PARALLEL_FROM { 1 } else { threads }
}

/// `out (+)= scale * a b`, then the epilogue.
///
/// # Safety
///
/// That of `Product::run_on`: the processor has AVX-512, and `product` [is_supported](is_supported).
pub(super) unsafe fn product(product: &Product<'_>, target: Target<'_>) {
    let threads = threads_for(product, target.threads);
    let work = Work { product, target: Target { threads, ..target }, chunk: chunk(product.sizes()) };
    // SAFETY: our caller owes AVX-512 and the results.
    unsafe { if completes_rows(product, threads) { work.by_rows() } else { work.by_columns() } }
}

/// A product, and the depth of its chunks.
struct Work<'a> {
    product: &'a Product<'a>,
    target: Target<'a>,
    chunk: usize,
}

impl Work<'_> {
    fn rows(&self) -> usize {
        self.product.a.rows
    }

    /// The number of panels of `b`.
    fn panels(&self) -> usize {
        self.product.b.columns.div_ceil(COLUMNS)
    }

    /// The columns of some panels.
    fn columns(&self, panels: &Range<usize>) -> Range<usize> {
        panels.start * COLUMNS..self.product.b.columns.min(panels.end * COLUMNS)
    }

    fn chunks(&self) -> impl Iterator<Item = Range<usize>> {
        let depth = self.product.a.columns;
        (0..depth).step_by(self.chunk).map(move |start| start..depth.min(start + self.chunk))
    }

    /// A part of `n` for each task, of a multiple of `unit`.
    fn part(&self, n: usize, unit: usize) -> usize {
        let tasks = if self.target.threads > 1 { TASKS * self.target.threads } else { 1 };
        n.div_ceil(tasks).next_multiple_of(unit)
    }

    /// Computes many rows: `b` is packed by all, then each task takes rows of `a`.
    ///
    /// # Safety
    ///
    /// That of [`product`].
    unsafe fn by_rows(&self) {
        let (panels, threads) = (self.panels(), self.target.threads);
        let width = self.product.b.columns.next_multiple_of(16);
        let mut room = Vec::new();
        let packed = PackedPointer(reserve(&mut room, width * self.product.a.columns));
        let chunks: Vec<_> = self.chunks().collect();
        each(chunks.len() * panels, threads, |i| {
            let (depth, panel) = (chunks[i / panels].clone(), i % panels);
            let to = packed.at(depth.start * width + panel * COLUMNS * depth.len());
            // SAFETY: there is room for all panels, each of which is packed by one task; our caller owes
            // AVX-512.
            unsafe { self.pack(panel, depth, to) };
        });
        let height = self.part(self.rows(), ROWS).max(MIN_ROWS);
        each(self.rows().div_ceil(height), threads, |i| {
            let rows = i * height..self.rows().min((i + 1) * height);
            for depth in self.chunks() {
                let b = packed.at(depth.start * width);
                // SAFETY: `b` was packed above, and these rows belong to this task; our caller owes AVX-512
                // and the results. Chunks after the first add to what the one before has written.
                unsafe { self.multiply(rows.clone(), 0..panels, depth, b) };
            }
            // SAFETY: these rows are complete, and belong to this task.
            unsafe { self.finish(rows, 0..panels) };
        });
    }

    /// Computes many columns, or all on a single thread: each task packs some panels of `b` for itself.
    ///
    /// # Safety
    ///
    /// That of [`product`].
    unsafe fn by_columns(&self) {
        let panels = self.panels();
        let of_task = self.part(panels, 1).min(GROUP);
        each(panels.div_ceil(of_task), self.target.threads, |i| {
            let panels = i * of_task..panels.min((i + 1) * of_task);
            OWN.with_borrow_mut(|room| {
                let b = reserve(room, self.columns(&panels).len().next_multiple_of(16) * self.chunk);
                for depth in self.chunks() {
                    for panel in panels.clone() {
                        let to = b.wrapping_add((panel - panels.start) * COLUMNS * depth.len());
                        // SAFETY: there is room for the panels of a chunk; our caller owes AVX-512.
                        unsafe { self.pack(panel, depth.clone(), to) };
                    }
                    // SAFETY: `b` was packed above, and these columns belong to this task; our caller owes
                    // AVX-512 and the results. Chunks after the first add to what the one before has written.
                    unsafe { self.multiply(0..self.rows(), panels.clone(), depth, b) };
                }
            });
            // SAFETY: these columns are complete, and belong to this task.
            unsafe { self.finish(0..self.rows(), panels) };
        });
    }

    /// Calls the epilogue on the results of some rows and panels.
    ///
    /// # Safety
    ///
    /// These results are complete, and nobody else uses them during the call.
    unsafe fn finish(&self, rows: Range<usize>, panels: Range<usize>) {
        let columns = self.columns(&panels);
        for row in rows {
            // SAFETY: of these results, which our caller owes.
            unsafe { self.target.finish_row(row, columns.start, columns.len()) };
        }
    }

    /// Multiplies some rows of `a` with panels that lie one behind the other in `b`, a chunk deep.
    ///
    /// # Safety
    ///
    /// The processor has AVX-512. `b` holds these panels packed, and nobody else uses the results of these
    /// rows and panels, which are written already if they are added to.
    unsafe fn multiply(&self, rows: Range<usize>, panels: Range<usize>, depth: Range<usize>, b: *const f32) {
        let (a, stride) = (&self.product.a, self.target.row_stride);
        let elements = a.data.f32s().as_ptr().wrapping_add(depth.start);
        for group in panels.clone().step_by(GROUP) {
            for row in rows.clone().step_by(ROWS) {
                for panel in group..panels.end.min(group + GROUP) {
                    let columns = self.columns(&(panel..panel + 1));
                    let tile = Tile {
                        a: elements.wrapping_add(row * a.row_stride),
                        a_stride: a.row_stride,
                        b: b.wrapping_add((panel - panels.start) * COLUMNS * depth.len()),
                        depth: depth.len(),
                        results: Results {
                            c: self.target.out.at(row * stride + columns.start, columns.len()),
                            row_stride: stride,
                            columns: columns.len(),
                            scale: self.product.scale,
                            add: self.target.add || depth.start > 0,
                        },
                    };
                    // SAFETY: a tile of rows of the matrix, with a panel and results that our caller owes.
                    unsafe { tile.compute(ROWS.min(rows.end - row)) };
                }
            }
        }
    }

    /// Packs a panel of `b`: its columns at each depth, filled up with zeros to whole vectors.
    ///
    /// # Safety
    ///
    /// The processor has AVX-512, and `to` room for the vectors at each of `depth`, which nobody else uses.
    #[target_feature(enable = "avx512f")]
    unsafe fn pack(&self, panel: usize, depth: Range<usize>, to: *mut f32) {
        let b = &self.product.b;
        let columns = self.columns(&(panel..panel + 1));
        let width = columns.len().next_multiple_of(16);
        let element = |depth: usize, column: usize| {
            b.data.f32s().as_ptr().wrapping_add(depth * b.row_stride + column * b.column_stride)
        };
        for (vector, column) in columns.clone().step_by(16).enumerate() {
            let n = (columns.end - column).min(16);
            let to = to.wrapping_add(16 * vector);
            if b.column_stride == 1 {
                for (i, depth) in depth.clone().enumerate() {
                    // SAFETY: the mask leaves elements of the matrix; there is room for whole vectors.
                    unsafe {
                        let x = _mm512_maskz_loadu_ps(first(n), element(depth, column));
                        _mm512_storeu_ps(to.wrapping_add(i * width), x);
                    }
                }
                continue;
            }
            for start in (0..depth.len()).step_by(16) {
                let deep = (depth.len() - start).min(16);
                let mut x = [_mm512_setzero_si512(); 16];
                for (i, x) in x[..n].iter_mut().enumerate() {
                    let from = element(depth.start + start, column + i);
                    // SAFETY: the mask leaves elements of the matrix.
                    *x = unsafe { _mm512_maskz_loadu_epi32(first(deep), from.cast()) };
                }
                for (i, x) in transpose(x)[..deep].iter().enumerate() {
                    // SAFETY: there is room for whole vectors.
                    unsafe { _mm512_storeu_epi32(to.wrapping_add((start + i) * width).cast(), *x) };
                }
            }
        }
    }
}

/// `c (+)= scale * a b` of at most [`ROWS`] and [`COLUMNS`], at least one of each.
struct Tile {
    /// Elements from row to row.
    a: *const f32,
    a_stride: usize,
    /// A panel: its columns at each of `depth`, filled up to whole vectors.
    b: *const f32,
    depth: usize,
    /// At most [`COLUMNS`] columns.
    results: Results,
}

impl Tile {
    /// Computes a tile of `rows` rows, at most [`ROWS`].
    ///
    /// # Safety
    ///
    /// The processor has AVX-512. The operands are as the fields say, with `rows` rows of `a`, and nobody
    /// else uses the `rows` rows of `columns` results, which are written already if they are added to.
    #[target_feature(enable = "avx512f")]
    unsafe fn compute(&self, rows: usize) {
        macro_rules! of {
            ($(($rows:literal $vectors:literal))*) => {
                match (rows, self.results.columns.div_ceil(16)) {
                    // SAFETY: so many rows and vectors; our caller owes the rest.
                    $(($rows, $vectors) => unsafe { self.compute_rows::<$rows, $vectors>() },)*
                    _ => unreachable!("{rows} rows and {} columns in a tile", self.results.columns),
                }
            };
        }
        of!(
            (1 1)(2 1)(3 1)(4 1)(5 1)(6 1)
            (1 2)(2 2)(3 2)(4 2)(5 2)(6 2)
            (1 3)(2 3)(3 3)(4 3)(5 3)(6 3)
            (1 4)(2 4)(3 4)(4 4)(5 4)(6 4)
        );
    }

    /// Computes `R` rows and `V` vectors of results.
    ///
    /// # Safety
    ///
    /// That of [`Self::compute`], for `R` rows and a panel of `V` vectors at each depth.
    #[target_feature(enable = "avx512f")]
    unsafe fn compute_rows<const R: usize, const V: usize>(&self) {
        self.results.prefetch::<R, V>();
        let mut sums = [[_mm512_setzero_ps(); V]; R];
        let (mut a, mut b) = (self.a, self.b);
        macro_rules! multiply {
            () => {
                let of_b: [_; V] = std::array::from_fn(|vector| {
                    // SAFETY: `b` holds V vectors at each of `depth`, and stands at one of them.
                    unsafe { _mm512_loadu_ps(b.add(16 * vector)) }
                });
                for (row, sums) in sums.iter_mut().enumerate() {
                    // SAFETY: each of R rows of `a` has an element at each of `depth`, and `a` stands at one
                    // of them.
                    let a = _mm512_set1_ps(unsafe { *a.add(row * self.a_stride) });
                    for (sum, b) in sums.iter_mut().zip(of_b) {
                        *sum = _mm512_fmadd_ps(a, b, *sum);
                    }
                }
                a = a.wrapping_add(1);
                b = b.wrapping_add(16 * V);
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
