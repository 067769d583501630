//! Matrix products on strided operands.
//!
//! On AVX-512 they are our own: of bfloat16 ([`blocked`], on AMX too), of few rows ([`few_rows`]), of
//! many ([`direct`]), and gradients of weights ([`deep`]). Else they are those of the `gemm` crate. Bits
//! do not depend on the number of threads.

#[cfg(target_arch = "x86_64")]
mod amx;
#[cfg(target_arch = "x86_64")]
mod blocked;
#[cfg(all(test, target_os = "linux", target_env = "gnu"))]
mod bounds;
#[cfg(target_arch = "x86_64")]
mod deep;
#[cfg(target_arch = "x86_64")]
mod direct;
#[cfg(target_arch = "x86_64")]
mod few_rows;
#[cfg(target_arch = "x86_64")]
mod packing;
#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod tile;

use std::ops::Range;

use gemm::Parallelism;

#[cfg(target_arch = "x86_64")]
use self::tile::Kernel;
use super::element::{round_to_bf16, widened};
#[cfg(target_arch = "x86_64")]
use super::simd::{Level, level};
use super::storage::{Shared, uninitialised};
use crate::Precision;
use crate::workers::{self, chunks_mut};

/// The fewest rows that one task finishes.
const ROWS: usize = 32;
/// Multiplications below which handing work to other threads costs more than it saves.
const WORTH_THREADS: usize = 1 << 19;
/// Rows that are handed over together where no kernel of ours says how many.
const ROWS_TOGETHER: usize = 32;

/// The elements of an operand.
#[derive(Clone, Copy)]
pub enum Elements<'a> {
    /// 32-bit floats.
    Single(&'a [f32]),
    /// bfloat16, the upper halves of 32-bit floats. For products of that precision.
    Half(&'a [u16]),
}

impl<'a> From<&'a [f32]> for Elements<'a> {
    fn from(x: &'a [f32]) -> Self {
        Self::Single(x)
    }
}

impl<'a> From<&'a [u16]> for Elements<'a> {
    fn from(x: &'a [u16]) -> Self {
        Self::Half(x)
    }
}

impl<'a> Elements<'a> {
    fn len(self) -> usize {
        match self {
            Self::Single(x) => x.len(),
            Self::Half(x) => x.len(),
        }
    }

    /// The elements of an operand of a 32-bit product.
    fn single(self) -> &'a [f32] {
        match self {
            Self::Single(x) => x,
            Self::Half(_) => panic!("bfloat16 in a product of 32-bit floats"),
        }
    }
}

/// A matrix inside a slice. One of its strides is 1.
#[derive(Clone, Copy)]
pub struct Matrix<'a> {
    data: Elements<'a>,
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// Row-major `rows x columns` at the beginning of `data`, with rows `row_stride` apart.
    pub fn new(data: impl Into<Elements<'a>>, rows: usize, columns: usize, row_stride: usize) -> Self {
        let data = data.into();
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
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Destination {
    /// It is overwritten, and may be uninitialised.
    Overwrite,
    /// The product is added to it.
    Add,
}

/// Where the results of a product go.
#[derive(Clone, Copy)]
struct Target<'a> {
    out: Shared,
    /// Elements of `out` from row to row.
    row_stride: usize,
    /// Whether the old content of `out` counts.
    add: bool,
    finish: Option<Finish<'a>>,
    threads: usize,
}

impl Target<'_> {
    /// Calls `finish` on `columns` results of `row` from `column` on.
    ///
    /// # Safety
    ///
    /// They are complete, and nobody else uses them.
    unsafe fn finish_row(&self, row: usize, column: usize, columns: usize) {
        let Some(finish) = self.finish else { return };
        // SAFETY: the caller's promise.
        finish(row, column, unsafe { self.out.slice(row * self.row_stride + column, columns) });
    }
}

/// What becomes of results while they are in the cache: row, first column, and complete results of
/// that row from there on. Called once for each result.
pub type Finish<'a> = &'a (dyn Fn(usize, usize, &mut [f32]) + Sync);

/// `scale * a b`.
#[derive(Clone, Copy)]
pub struct Product<'a> {
    a: Matrix<'a>,
    b: Matrix<'a>,
    scale: f32,
    precision: Precision,
}

/// Who computes a product.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Path {
    /// Our own kernels, of bfloat16.
    #[cfg(target_arch = "x86_64")]
    Blocked(Kernel),
    /// Our own kernel for few rows on AVX-512.
    #[cfg(target_arch = "x86_64")]
    FewRows,
    /// Our own kernel for operands that lie depth after depth, on AVX-512.
    #[cfg(target_arch = "x86_64")]
    Deep,
    /// Our own kernel for rows of `a` as they lie, on AVX-512.
    #[cfg(target_arch = "x86_64")]
    Direct,
    /// The `gemm` crate.
    Portable,
}

impl<'a> Product<'a> {
    /// `a b` with operands in `precision`.
    pub fn new(a: Matrix<'a>, b: Matrix<'a>, precision: Precision) -> Self {
        assert_eq!(a.columns, b.rows, "product of {} columns with {} rows", a.columns, b.rows);
        assert_ne!(precision, Precision::F16, "no product of 16-bit IEEE floats here");
        let are_single = [a, b].iter().all(|x| matches!(x.data, Elements::Single(_)));
        assert!(
            are_single || precision == Precision::Bf16,
            "an operand in bfloat16, a product in {precision:?}"
        );
        Self { a, b, scale: 1.0, precision }
    }

    /// Each result times `scale`.
    pub fn times(self, scale: f32) -> Self {
        Self { scale, ..self }
    }

    /// Rows, columns, depth.
    pub fn sizes(&self) -> [usize; 3] {
        [self.a.rows, self.b.columns, self.a.columns]
    }

    /// Writes a contiguous row-major `out`, in parallel where it is worth it.
    pub fn write(&self, out: &mut [f32], destination: Destination) {
        self.run(out, destination, None);
    }

    /// Overwrites a contiguous row-major `out`, in parallel where it is worth it, then `finish`.
    pub fn write_then(&self, out: &mut [f32], finish: impl Fn(usize, usize, &mut [f32]) + Sync) {
        self.run(out, Destination::Overwrite, Some(&finish));
    }

    /// Overwrites a contiguous row-major `out`, in parallel where it is worth it, then calls `take` with
    /// the number of each row and its results, if possible while they are in the cache.
    pub fn write_rows_then(&self, out: &mut [f32], take: impl Fn(usize, &mut [f32]) + Sync) {
        let [_, columns, _] = self.sizes();
        if self.completes_rows() {
            return self.write_then(out, |row, _, results| take(row, results));
        }
        self.write(out, Destination::Overwrite);
        workers::each_part(chunks_mut(out, ROWS * columns), |i, rows| {
            rows.chunks_mut(columns.max(1)).enumerate().for_each(|(j, row)| take(i * ROWS + j, row));
        });
    }

    /// Whether results are finished whole rows at a time.
    fn completes_rows(&self) -> bool {
        match self.best() {
            #[cfg(target_arch = "x86_64")]
            Path::Blocked(_) => blocked::completes_rows(self),
            #[cfg(target_arch = "x86_64")]
            Path::Direct => direct::completes_rows(self, workers::threads()),
            Path::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Path::FewRows | Path::Deep => false,
        }
    }

    /// Overwrites a contiguous row-major `out`, then calls `take` as [`Self::hand_over`] does.
    pub fn write_together_then(&self, out: &mut [f32], take: impl Fn(usize, &mut [f32]) + Sync) {
        let [_, columns, _] = self.sizes();
        let together = Self::rows_together(self.precision);
        self.write(out, Destination::Overwrite);
        workers::each_part(chunks_mut(out, together * columns), |i, results| take(i * together, results));
    }

    fn run(&self, out: &mut [f32], destination: Destination, finish: Option<Finish<'_>>) {
        let [rows, columns, _] = self.sizes();
        assert_eq!(out.len(), rows * columns, "destination of {rows} x {columns}");
        let add = destination == Destination::Add;
        let threads = workers::threads();
        let target = Target { out: Shared::of(out), row_stride: columns, add, finish, threads };
        // SAFETY: `out` holds rows x columns elements and is borrowed exclusively.
        unsafe { self.at(self.best(), target) }
    }

    /// Rows that [`Self::hand_over`] passes on together. A function of the processor alone.
    pub fn rows_together(precision: Precision) -> usize {
        match precision {
            #[cfg(target_arch = "x86_64")]
            Precision::Bf16 => Kernel::best().map_or(ROWS_TOGETHER, Kernel::rows),
            _ => ROWS_TOGETHER,
        }
    }

    /// Calls `take` with the number of the first row and complete rows of results, at most
    /// [`Self::rows_together`] from a multiple of it on, one behind the other, in parallel. Many rows of a
    /// product of bfloat16 are handed over as they leave the registers, others from a buffer.
    pub fn hand_over(&self, take: impl Fn(usize, &mut [f32]) + Sync) {
        let [rows, columns, _] = self.sizes();
        if rows == 0 || columns == 0 {
            return;
        }
        #[cfg(target_arch = "x86_64")]
        if let Path::Blocked(kernel) = self.best() {
            // SAFETY: the processor was asked.
            if unsafe { blocked::hand_over(kernel, self, &take, workers::threads()) } {
                return;
            }
        }
        self.write_together_then(&mut uninitialised(rows * columns), take);
    }

    /// Overwrites rows that are `row_stride` apart, on this thread.
    ///
    /// # Safety
    ///
    /// `out` is the first of `span(rows, columns, row_stride, 1)` elements, and nobody else reads
    /// or writes those of the matrix during the call.
    pub unsafe fn write_at(&self, out: Shared, row_stride: usize) {
        let target = Target { out, row_stride, add: false, finish: None, threads: 1 };
        // SAFETY: the caller's promise.
        unsafe { self.at(self.best(), target) }
    }

    /// The best path of this processor.
    fn best(&self) -> Path {
        match self.precision {
            #[cfg(target_arch = "x86_64")]
            Precision::Bf16 => Kernel::best().map_or(Path::Portable, Path::Blocked),
            #[cfg(target_arch = "x86_64")]
            Precision::F32 if level() == Level::Avx512 && few_rows::suits(self) => Path::FewRows,
            #[cfg(target_arch = "x86_64")]
            Precision::F32 if level() == Level::Avx512 && deep::suits(self) => Path::Deep,
            #[cfg(target_arch = "x86_64")]
            Precision::F32 if level() == Level::Avx512 && direct::suits(self) => Path::Direct,
            _ => Path::Portable,
        }
    }

    unsafe fn at(&self, path: Path, target: Target<'_>) {
        let [rows, columns, _] = self.sizes();
        if rows == 0 || columns == 0 {
            return;
        }
        target.out.at(0, span(rows, columns, target.row_stride, 1));
        if self.precision == Precision::Bf16 && path == Path::Portable {
            let (a, b) = (rounded(self.a), rounded(self.b));
            let product = Product {
                a: Matrix { data: Elements::Single(&a), ..self.a },
                b: Matrix { data: Elements::Single(&b), ..self.b },
                precision: Precision::F32,
                ..*self
            };
            // SAFETY: the caller's promise.
            return unsafe { product.at(path, target) };
        }
        match path {
            #[cfg(target_arch = "x86_64")]
            Path::Blocked(kernel) => {
                // SAFETY: the processor was asked; the rest is the caller's promise.
                unsafe { blocked::product(kernel, self, target) }
            }
            #[cfg(target_arch = "x86_64")]
            Path::FewRows => {
                // SAFETY: the processor was asked; the rest is the caller's promise.
                unsafe { few_rows::product(self, target) }
            }
            #[cfg(target_arch = "x86_64")]
            Path::Deep => {
                // SAFETY: the processor was asked; the rest is the caller's promise.
                unsafe { deep::product(self, target) }
            }
            #[cfg(target_arch = "x86_64")]
            Path::Direct => {
                // SAFETY: the processor was asked; the rest is the caller's promise.
                unsafe { direct::product(self, target) }
            }
            Path::Portable => {
                // SAFETY: the caller's promise.
                unsafe { self.portable(target) };
                if target.finish.is_none() {
                    return;
                }
                // SAFETY: `columns` results of this row, which only this call has.
                let row = |row: usize| unsafe { target.finish_row(row, 0, columns) };
                each(rows.div_ceil(ROWS), target.threads, |i| {
                    (i * ROWS..rows.min((i + 1) * ROWS)).for_each(row);
                });
            }
        }
    }

    /// The product by the `gemm` crate, in parts for the threads. The crate could share it as well, on
    /// threads of its own, which sleep between one product and the next.
    ///
    /// # Safety
    ///
    /// As for [`Self::at`].
    unsafe fn portable(&self, target: Target<'_>) {
        let sizes @ [rows, columns, depth] = self.sizes();
        let threads = if rows * columns * depth < WORTH_THREADS { 1 } else { target.threads };
        let (of_rows, of_columns) = parts(sizes, threads);
        each(of_rows * of_columns, threads, |i| {
            let rows = part(rows, 1, i / of_columns, of_rows);
            let columns = part(columns, 1, i % of_columns, of_columns);
            // SAFETY: each part has its own results.
            unsafe { self.portable_part(target, rows, columns) }
        });
    }

    /// Some rows and columns of the product, on this thread.
    ///
    /// # Safety
    ///
    /// As for [`Self::at`]; `rows` and `columns` are of the product.
    unsafe fn portable_part(&self, target: Target<'_>, rows: Range<usize>, columns: Range<usize>) {
        let (a, b) = (&self.a, &self.b);
        // SAFETY: `Matrix` has checked that its elements lie inside its slice; `out` is the caller's
        // promise; `read_dst` is false exactly if the destination may be uninitialised.
        unsafe {
            gemm::gemm(
                rows.len(),
                columns.len(),
                a.columns,
                target.out.at(rows.start * target.row_stride + columns.start, 0),
                1,
                target.row_stride as isize,
                target.add,
                a.data.single().as_ptr().wrapping_add(rows.start * a.row_stride),
                a.column_stride as isize,
                a.row_stride as isize,
                b.data.single().as_ptr().wrapping_add(columns.start * b.column_stride),
                b.column_stride as isize,
                b.row_stride as isize,
                1.0,
                self.scale,
                false,
                false,
                false,
                Parallelism::None,
            )
        }
    }
}

/// Into how many parts of rows and of columns the `gemm` crate gets a product, for `threads` threads.
///
/// Its bits do not depend on them: the crate (0.19) divides the depth otherwise where rows and columns are at
/// most 64 each, and has kernels of their own for at most 256 results, for one row and for one column. A
/// part is on the same side of each of these borders as the whole.
fn parts([rows, columns, _]: [usize; 3], threads: usize) -> (usize, usize) {
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

/// Part `i` of `n` of `0..length`, each beginning at a multiple of `unit`.
fn part(length: usize, unit: usize, i: usize, n: usize) -> Range<usize> {
    let units = length.div_ceil(unit);
    let at = |i: usize| length.min(units * i / n * unit);
    at(i)..at(i + 1)
}

/// Calls `task` on each of `0..n`, shared by the threads if there are several.
fn each(n: usize, threads: usize, task: impl Fn(usize) + Sync) {
    if threads > 1 { workers::each(n, task) } else { (0..n).for_each(task) }
}

/// The elements of a matrix rounded to bfloat16, to the nearest, ties to even.
fn rounded(x: Matrix<'_>) -> Vec<f32> {
    let span = span(x.rows, x.columns, x.row_stride, x.column_stride);
    match x.data {
        Elements::Single(x) => x[..span].iter().map(|x| round_to_bf16(*x)).collect(),
        Elements::Half(x) => x[..span].iter().map(|x| widened(*x)).collect(),
    }
}
