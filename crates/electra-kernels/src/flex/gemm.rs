//! Matrix products on strided operands.
//!
//! Of bfloat16 on AMX or AVX-512 BF16 they are our own ([`blocked`]), of few rows on AVX-512 too
//! ([`few_rows`]), else those of the `gemm` crate. Bits do not depend on the number of threads.

#[cfg(target_arch = "x86_64")]
mod amx;
#[cfg(target_arch = "x86_64")]
mod blocked;
#[cfg(target_arch = "x86_64")]
mod few_rows;
#[cfg(target_arch = "x86_64")]
mod packing;
#[cfg(target_arch = "x86_64")]
mod tile;

use gemm::Parallelism;
use rayon::prelude::*;

#[cfg(target_arch = "x86_64")]
use self::tile::Kernel;
#[cfg(target_arch = "x86_64")]
use super::simd::{Level, level};
use super::storage::{Shared, uninitialised};
use crate::Precision;

/// The fewest rows that one task finishes.
const ROWS: usize = 32;

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
    /// The `gemm` crate.
    Portable,
}

impl<'a> Product<'a> {
    /// `a b` with operands in `precision`.
    pub fn new(a: Matrix<'a>, b: Matrix<'a>, precision: Precision) -> Self {
        assert_eq!(a.columns, b.rows, "product of {} columns with {} rows", a.columns, b.rows);
        assert_ne!(precision, Precision::F16, "no product of 16-bit IEEE floats here");
        Self { a, b, scale: 1.0, precision }
    }

    /// Each result times `scale`.
    pub fn times(self, scale: f32) -> Self {
        Self { scale, ..self }
    }

    /// Rows, columns, depth.
    fn sizes(&self) -> [usize; 3] {
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

    fn run(&self, out: &mut [f32], destination: Destination, finish: Option<Finish<'_>>) {
        let [rows, columns, _] = self.sizes();
        assert_eq!(out.len(), rows * columns, "destination of {rows} x {columns}");
        let add = destination == Destination::Add;
        let threads = rayon::current_num_threads();
        let target = Target { out: Shared::of(out), row_stride: columns, add, finish, threads };
        // SAFETY: `out` holds rows x columns elements and is borrowed exclusively.
        unsafe { self.at(self.best(), target) }
    }

    /// Rows that [`Self::hand_over`] passes on together. A function of the processor alone.
    pub fn rows_together(precision: Precision) -> usize {
        match precision {
            #[cfg(target_arch = "x86_64")]
            Precision::Bf16 => Kernel::best().map_or(ROWS, Kernel::rows),
            _ => ROWS,
        }
    }

    /// Calls `take` with the number of the first row and complete rows of results, at most
    /// [`Self::rows_together`] from a multiple of it on, one behind the other; in parallel where it is
    /// worth it. Where there are many rows the results never reach memory.
    pub fn hand_over(&self, take: impl Fn(usize, &mut [f32]) + Sync) {
        let [rows, columns, _] = self.sizes();
        let together = Self::rows_together(self.precision);
        if rows == 0 || columns == 0 {
            return;
        }
        #[cfg(target_arch = "x86_64")]
        if let Path::Blocked(kernel) = self.best() {
            // SAFETY: the processor was asked.
            if unsafe { blocked::hand_over(kernel, self, &take, rayon::current_num_threads()) } {
                return;
            }
        }
        let mut out = uninitialised(rows * columns);
        self.write(&mut out, Destination::Overwrite);
        let parts = out.par_chunks_mut(together * columns).enumerate();
        parts.for_each(|(i, results)| take(i * together, results));
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
            Path::Portable => {
                // SAFETY: the caller's promise.
                unsafe { self.portable(target) };
                if target.finish.is_none() {
                    return;
                }
                // SAFETY: `columns` results of this row, which only this call has.
                let row = |row: usize| unsafe { target.finish_row(row, 0, columns) };
                if target.threads > 1 {
                    (0..rows).into_par_iter().with_min_len(ROWS).for_each(row)
                } else {
                    (0..rows).for_each(row)
                }
            }
        }
    }

    unsafe fn portable(&self, target: Target<'_>) {
        let (a, b) = (&self.a, &self.b);
        // SAFETY: `Matrix` has checked that its elements lie inside its slice; `out` is the caller's
        // promise; `read_dst` is false exactly if the destination may be uninitialised.
        unsafe {
            gemm::gemm(
                a.rows,
                b.columns,
                a.columns,
                target.out.at(0, 0),
                1,
                target.row_stride as isize,
                target.add,
                a.data.single().as_ptr(),
                a.column_stride as isize,
                a.row_stride as isize,
                b.data.single().as_ptr(),
                b.column_stride as isize,
                b.row_stride as isize,
                1.0,
                self.scale,
                false,
                false,
                false,
                if target.threads > 1 { Parallelism::Rayon(target.threads) } else { Parallelism::None },
            )
        }
    }
}

/// The elements of a matrix rounded to bfloat16, to the nearest, ties to even.
fn rounded(x: Matrix<'_>) -> Vec<f32> {
    let span = span(x.rows, x.columns, x.row_stride, x.column_stride);
    match x.data {
        Elements::Single(x) => x[..span].iter().map(|x| round_to_bf16(*x)).collect(),
        Elements::Half(x) => x[..span].iter().map(|x| widened(*x)).collect(),
    }
}

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
fn round_to_bf16(x: f32) -> f32 {
    let bits = x.to_bits();
    let rounded = bits.wrapping_add(0x7fff + (bits >> 16 & 1)) & 0xffff_0000;
    // A quiet NaN is one in its upper half alone.
    f32::from_bits(if x.is_nan() { bits | 0x0040_0000 } else { rounded })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use rand_xoshiro::SplitMix64;
    use rand_xoshiro::rand_core::{Rng, SeedableRng};

    use super::*;

    /// Rows, columns and depth: of a tile, just below and above, of several passes and blocks, of
    /// more rows than are few, and of nothing.
    const SIZES: [[usize; 3]; 16] = [
        [1, 1, 1],
        [12, 32, 256],
        [11, 31, 255],
        [13, 33, 257],
        [5, 100, 3],
        [1, 64, 700],
        [32, 256, 256],
        [97, 65, 513],
        [130, 16, 64],
        [775, 40, 70],
        [800, 97, 300],
        [24, 70, 4101],
        [7, 9, 8300],
        [0, 5, 5],
        [5, 0, 5],
        [40, 33, 0],
    ];

    fn noise(n: usize, seed: u64) -> Vec<f32> {
        let mut rng = SplitMix64::seed_from_u64(seed);
        (0..n).map(|_| (rng.next_u32() as f32 / u32::MAX as f32 - 0.5) * 2.0).collect()
    }

    /// Each order of operands in memory: as is or transposed, with rows further apart than needed.
    fn operands(n: [usize; 3], seed: u64, mut with: impl FnMut(Matrix<'_>, Matrix<'_>)) {
        let [rows, columns, depth] = n;
        for (a_transposed, b_transposed) in [(false, false), (false, true), (true, false), (true, true)] {
            for gap in [0, 5] {
                fn matrix(data: &[f32], r: usize, c: usize, gap: usize, transposed: bool) -> Matrix<'_> {
                    match transposed {
                        false => Matrix::new(data, r, c, c + gap),
                        true => Matrix::new(data, c, r, r + gap).transposed(),
                    }
                }
                let a = noise((rows + gap) * (depth + gap), seed);
                let b = noise((columns + gap) * (depth + gap), seed + 1);
                with(
                    matrix(&a, rows, depth, gap, a_transposed),
                    matrix(&b, depth, columns, gap, b_transposed),
                );
            }
        }
    }

    fn at(x: Matrix<'_>, row: usize, column: usize) -> f32 {
        let at = row * x.row_stride + column * x.column_stride;
        match x.data {
            Elements::Single(x) => x[at],
            Elements::Half(x) => widened(x[at]),
        }
    }

    /// A result in double precision, of operands that `round` was applied to, and the sum of the
    /// magnitudes of its terms.
    fn exact(p: &Product<'_>, row: usize, column: usize, round: fn(f32) -> f32) -> (f64, f64) {
        let terms = (0..p.a.columns)
            .map(|d| f64::from(round(at(p.a, row, d))) * f64::from(round(at(p.b, d, column))));
        let (sum, size) = terms.fold((0.0, 0.0), |(sum, size), x| (sum + x, size + x.abs()));
        (sum * f64::from(p.scale), size * f64::from(p.scale.abs()))
    }

    /// On the best path, or on `path`.
    fn check(path: Option<Path>, precision: Precision, round: fn(f32) -> f32, threads: usize) {
        for (n @ [rows, columns, depth], scale) in SIZES.into_iter().flat_map(|n| [(n, 1.0), (n, 0.75)]) {
            operands(n, 7, |a, b| {
                let product = Product::new(a, b, precision).times(scale);
                let path = path.unwrap_or_else(|| product.best());
                for destination in [Destination::Overwrite, Destination::Add] {
                    let stride = columns + 3;
                    let before = noise(rows * stride, 9);
                    let mut out = before.clone();
                    let finished = AtomicUsize::new(0);
                    let finish = |_: usize, _: usize, results: &mut [f32]| {
                        finished.fetch_add(results.len(), Ordering::Relaxed);
                        results.iter_mut().for_each(|y| *y += 1.0);
                    };
                    let add = destination == Destination::Add;
                    let out_of = Shared::of(&mut out);
                    let target =
                        Target { out: out_of, row_stride: stride, add, finish: Some(&finish), threads };
                    // SAFETY: `out` holds the rows.
                    unsafe { product.at(path, target) };
                    assert_eq!(finished.into_inner(), rows * columns, "results finished of {n:?}");
                    for (i, (got, before)) in out.iter().zip(&before).enumerate() {
                        let (row, column) = (i / stride, i % stride);
                        if column >= columns {
                            assert_eq!(got, before, "{path:?}: {n:?} wrote between the rows");
                            continue;
                        }
                        // All of few results, a sample of many.
                        if rows * columns * depth > 100_000 && i % 97 > 1 {
                            continue;
                        }
                        let (expected, size) = exact(&product, row, column, round);
                        let before = if destination == Destination::Add { f64::from(*before) } else { 0.0 };
                        let error = (f64::from(*got) - expected - before - 1.0).abs();
                        assert!(
                            error < 2e-6 * (size + 2.0),
                            "{path:?}, {precision:?}, {threads} threads: {n:?} at {row}, {column}: {got}, not {}",
                            expected + before + 1.0,
                        );
                    }
                }
            });
        }
    }

    #[test]
    fn products_agree_with_double_precision_on_every_path() {
        for threads in [1, 3] {
            for path in [None, Some(Path::Portable)] {
                check(path, Precision::F32, |x| x, threads);
                check(path, Precision::Bf16, round_to_bf16, threads);
            }
            #[cfg(target_arch = "x86_64")]
            if super::super::simd::has_bf16() {
                check(Some(Path::Blocked(Kernel::Vectors)), Precision::Bf16, round_to_bf16, threads);
            }
        }
    }

    #[test]
    fn rows_that_are_handed_over_are_those_that_would_be_written() {
        for precision in [Precision::F32, Precision::Bf16] {
            let together = Product::rows_together(precision);
            for n @ [rows, columns, _] in SIZES {
                operands(n, 5, |a, b| {
                    let product = Product::new(a, b, precision);
                    let [mut expected, mut found] = [(); 2].map(|()| vec![f32::NAN; rows * columns]);
                    product.write(&mut expected, Destination::Overwrite);
                    let shared = Shared::of(&mut found);
                    product.hand_over(|row, results| {
                        assert!(row % together == 0 && results.len() <= together * columns, "{row} of {n:?}");
                        // SAFETY: these rows come once.
                        unsafe { shared.slice(row * columns, results.len()) }.copy_from_slice(results);
                    });
                    assert!(found == expected, "{precision:?} {n:?}");
                });
            }
        }
    }

    #[test]
    fn operands_that_are_rounded_already_give_the_same_bits() {
        for n @ [rows, columns, depth] in SIZES {
            operands(n, 6, |a, b| {
                let of = |a, b| {
                    let mut out = vec![0.0; rows * columns];
                    Product::new(a, b, Precision::Bf16).write(&mut out, Destination::Overwrite);
                    out
                };
                let halves = |x: Matrix<'_>| x.data.single().iter().map(|x| halved(*x)).collect::<Vec<_>>();
                let [of_a, of_b] = [halves(a), halves(b)];
                let [half_a, half_b] =
                    [(a, &of_a), (b, &of_b)].map(|(x, halves)| Matrix { data: Elements::Half(halves), ..x });
                let expected = of(a, b);
                assert!(
                    of(half_a, half_b) == expected && of(a, half_b) == expected,
                    "{n:?} of depth {depth}"
                );
            });
        }
    }

    #[test]
    fn bits_do_not_depend_on_the_number_of_threads() {
        for precision in [Precision::F32, Precision::Bf16] {
            for n @ [rows, columns, _] in [[130, 200, 600], [900, 70, 300], [32, 1024, 256], [7, 333, 999]] {
                operands(n, 3, |a, b| {
                    let of = |threads: usize| {
                        let mut out = vec![0.0f32; rows * columns];
                        // SAFETY: `out` is whole.
                        unsafe {
                            let (out, product) = (Shared::of(&mut out), Product::new(a, b, precision));
                            let target =
                                Target { out, row_stride: columns, add: false, finish: None, threads };
                            product.at(product.best(), target);
                        }
                        out.into_iter().map(f32::to_bits).collect::<Vec<_>>()
                    };
                    assert!(of(1) == of(2) && of(1) == of(7), "{n:?}");
                });
            }
        }
    }

    #[test]
    fn what_is_not_a_number_or_infinite_reaches_its_results_and_no_others() {
        for precision in [Precision::F32, Precision::Bf16] {
            let (mut a, b) = (noise(14 * 40, 1), vec![1.0; 40 * 35]);
            a[2 * 40 + 7] = f32::NAN;
            a[13 * 40 + 39] = f32::INFINITY;
            let mut y = vec![0.0; 14 * 35];
            Product::new(Matrix::new(&*a, 14, 40, 40), Matrix::new(&*b, 40, 35, 35), precision)
                .write(&mut y, Destination::Overwrite);
            for (row, y) in y.chunks(35).enumerate() {
                assert!(y.iter().all(|y| match row {
                    2 => y.is_nan(),
                    13 => *y == f32::INFINITY,
                    _ => y.is_finite(),
                }));
            }
        }
    }

    #[test]
    fn rounding_is_to_the_nearest_and_to_even_between_two() {
        for (x, expected) in [
            (0x3f80_8000, 0x3f80_0000),
            (0x3f81_8000, 0x3f82_0000),
            (0x3f80_8001, 0x3f81_0000),
            (0x3f80_7fff, 0x3f80_0000),
            (0x7f7f_ffff, 0x7f80_0000),
            (0xbf80_8001, 0xbf81_0000),
        ] {
            assert_eq!(round_to_bf16(f32::from_bits(x)).to_bits(), expected, "{x:x}");
            assert_eq!(widened(halved(f32::from_bits(x))).to_bits(), expected, "{x:x}");
        }
        // A payload in the lower half alone, which cutting it off would make infinite.
        assert!(widened(halved(f32::from_bits(0x7f80_0001))).is_nan());
        assert!(round_to_bf16(f32::NAN).is_nan());
    }
}
