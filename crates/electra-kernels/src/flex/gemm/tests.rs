//! Every algorithm against double precision, and against the others.

use std::io::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};

use rand_xoshiro::SplitMix64;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

use super::super::bf16::{bf16_to_f32, f32_to_bf16, round_to_bf16};
use super::super::buffer::{SharedSlice, written};
use super::super::element::Element;
#[cfg(target_arch = "x86_64")]
use super::super::simd::{Level, has_bf16, level};
#[cfg(target_arch = "x86_64")]
use super::amx;
#[cfg(target_arch = "x86_64")]
use super::bf16_kernel::Bf16Kernel;
use super::portable::parts;
use super::product::{PARALLEL_FROM, Target};
use super::run::Algorithm;
use super::{Elements, Matrix, Product};
use crate::Precision;

/// Rows, columns and depth: of a tile, just below and above, of several passes and blocks, of
/// more rows than are few, and of nothing.
pub(crate) const SIZES: [[usize; 3]; 16] = [
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

pub(crate) fn noise(n: usize, seed: u64) -> Vec<f32> {
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
            with(matrix(&a, rows, depth, gap, a_transposed), matrix(&b, depth, columns, gap, b_transposed));
        }
    }
}

fn at(x: Matrix<'_>, row: usize, column: usize) -> f32 {
    let at = row * x.row_stride + column * x.column_stride;
    match x.data {
        Elements::F32(x) => x[at],
        Elements::Bf16(x) => bf16_to_f32(x[at]),
    }
}

/// A result in double precision, of operands that `round` was applied to, and the sum of the
/// magnitudes of its terms.
fn exact(p: &Product<'_>, row: usize, column: usize, round: fn(f32) -> f32) -> (f64, f64) {
    let terms =
        (0..p.a.columns).map(|d| f64::from(round(at(p.a, row, d))) * f64::from(round(at(p.b, d, column))));
    let (sum, size) = terms.fold((0.0, 0.0), |(sum, size), x| (sum + x, size + x.abs()));
    (sum * f64::from(p.scale), size * f64::from(p.scale.abs()))
}

/// On the best path, or on `path`.
fn check(path: Option<Algorithm>, precision: Precision, round: fn(f32) -> f32, threads: usize) {
    for (n @ [rows, columns, depth], scale) in SIZES.into_iter().flat_map(|n| [(n, 1.0), (n, 0.75)]) {
        operands(n, 7, |a, b| {
            let product = Product::new(a, b, precision).scaled(scale);
            let path = path.unwrap_or_else(|| product.best());
            for add in [false, true] {
                let stride = columns + 3;
                let before = noise(rows * stride, 9);
                let mut out = before.clone();
                let finished = AtomicUsize::new(0);
                let finish = |_: usize, _: usize, results: &mut [f32]| {
                    finished.fetch_add(results.len(), Ordering::Relaxed);
                    results.iter_mut().for_each(|y| *y += 1.0);
                };
                let out_of = SharedSlice::of(&mut out);
                let target =
                    Target { out: out_of, row_stride: stride, add, epilogue: Some(&finish), threads };
                // SAFETY: `out` holds the rows, and the processor has what its best algorithm needs.
                unsafe { product.run_on(path, target) };
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
                    let before = if add { f64::from(*before) } else { 0.0 };
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
fn products_agree_with_double_precision_by_every_algorithm() {
    for threads in [1, 3] {
        for path in [None, Some(Algorithm::Portable)] {
            check(path, Precision::F32, |x| x, threads);
            check(path, Precision::Bf16, round_to_bf16, threads);
        }
        #[cfg(target_arch = "x86_64")]
        if has_bf16() {
            check(Some(Algorithm::Blocked(Bf16Kernel::Avx512)), Precision::Bf16, round_to_bf16, threads);
        }
    }
}

/// Says what a test has not run, past the harness, which shows nothing of tests that pass.
#[cfg(target_arch = "x86_64")]
pub(crate) fn report_skipped(what: &str, needs: &str) {
    let _ = writeln!(io::stderr(), "NOT RUN on this processor, which has no {needs}: {what}");
}

/// The instructions that were detected are those that the system lists, and are printed with every run of the
/// tests: those of other processors' algorithms pass without having run.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
#[test]
fn the_algorithms_that_run_here_are_those_of_the_instructions_that_the_system_lists() {
    let listed = std::fs::read_to_string("/proc/cpuinfo").unwrap();
    let flags = listed.lines().find(|line| line.starts_with("flags")).expect("a line of flags");
    let has = |wanted: &[&str]| wanted.iter().all(|flag| flags.split_whitespace().any(|one| one == *flag));
    let avx512 = has(&["avx2", "fma", "avx512f", "avx512bw", "avx512dq", "avx512vl"]);
    assert_eq!(level() == Level::Avx512, avx512, "AVX-512: {flags}");
    assert_eq!(has_bf16(), avx512 && has(&["avx512_bf16"]), "AVX-512 BF16: {flags}");
    // The system may list tiles and refuse them to a process.
    let amx = amx::has_amx();
    assert!(!amx || has(&["amx_bf16", "amx_tile"]), "AMX: {flags}");
    for (runs, what, needs) in [
        (avx512, "products of 32 bits by our kernels", "AVX-512"),
        (has_bf16(), "products of bfloat16 by vectors", "AVX-512 BF16"),
        (amx, "products of bfloat16 by tiles", "AMX BF16"),
    ] {
        match runs {
            true => drop(writeln!(io::stderr(), "run on this processor, which has {needs}: {what}")),
            false => report_skipped(what, needs),
        }
    }
}

#[test]
fn groups_of_rows_are_those_that_would_be_written() {
    for precision in [Precision::F32, Precision::Bf16] {
        let group = Product::rows_of_group(precision);
        // And many rows of a depth of several passes.
        for n @ [rows, columns, _] in SIZES.into_iter().chain([[400, 20, 8200]]) {
            operands(n, 5, |a, b| {
                let product = Product::new(a, b, precision);
                let expected = product.to_vec();
                let mut found = vec![f32::NAN; rows * columns];
                let shared = SharedSlice::of(&mut found);
                product.for_each_row_group(|row, results| {
                    assert!(row % group == 0 && results.len() <= group * columns, "{row} of {n:?}");
                    // SAFETY: these rows come once.
                    unsafe { shared.slice(row * columns, results.len()) }.copy_from_slice(results);
                });
                assert!(found == expected, "{precision:?} {n:?}");
            });
        }
    }
}

#[test]
fn each_row_is_taken_once_and_whole() {
    for precision in [Precision::F32, Precision::Bf16] {
        for n @ [rows, columns, _] in SIZES.into_iter().chain([[400, 20, 8200], [300, 200, 40]]) {
            operands(n, 5, |a, b| {
                let product = Product::new(a, b, precision);
                let mut expected = product.to_vec();
                expected.iter_mut().enumerate().for_each(|(i, x)| *x += (i / columns) as f32);
                let found = written(rows * columns, |out| {
                    product.write_rows_then(out, |row, results| {
                        assert_eq!(results.len(), columns, "row {row} of {n:?}");
                        results.iter_mut().for_each(|x| *x += row as f32);
                    })
                });
                assert!(found == expected, "{precision:?} {n:?}");
            });
        }
    }
}

/// Every way to write a product as `T`.
fn check_elements<T: Element + PartialEq>() {
    for n @ [rows, columns, _] in SIZES {
        operands(n, 5, |a, b| {
            let product = Product::new(a, b, T::PRECISION);
            let exact = product.to_vec();
            let plus_one: Vec<T> = exact.iter().map(|x| T::from_f32(x + 1.0)).collect();
            let stride = columns + 3;
            let apart = |buffer: &[T]| -> Vec<T> {
                let rows = buffer.chunks(stride).take(rows);
                rows.flat_map(|row| row[..columns].iter().copied()).collect()
            };
            let plus = |y: &mut [f32]| y.iter_mut().for_each(|y| *y += 1.0);
            let out = written(rows * columns, |out| T::write(&product, out, |_, _, y| plus(y)));
            assert!(out == plus_one, "piece by piece {n:?}");
            let out = written(rows * columns, |out| T::write_row_groups(&product, out, |_, y| plus(y)));
            assert!(out == plus_one, "in groups of rows {n:?}");
            let mut out = vec![T::from_f32(7.0); rows * stride];
            // SAFETY: `out` holds the rows.
            unsafe { T::write_strided(&product, SharedSlice::of(&mut out), stride, &mut Vec::new()) };
            let exact: Vec<T> = exact.iter().map(|x| T::from_f32(*x)).collect();
            assert!(apart(&out) == exact, "on one thread {n:?}");
            assert!(out.chunks(stride).all(|row| row[columns..].iter().all(|x| *x == T::from_f32(7.0))));
        });
    }
}

#[test]
fn products_are_stored_as_their_nearest_elements() {
    check_elements::<f32>();
    check_elements::<u16>();
}

#[test]
fn operands_that_are_rounded_already_give_the_same_bits() {
    for n @ [_, _, depth] in SIZES {
        operands(n, 6, |a, b| {
            let of = |a, b| Product::new(a, b, Precision::Bf16).to_vec();
            let halves = |x: Matrix<'_>| x.data.f32s().iter().map(|x| f32_to_bf16(*x)).collect::<Vec<_>>();
            let [of_a, of_b] = [halves(a), halves(b)];
            let [half_a, half_b] =
                [(a, &of_a), (b, &of_b)].map(|(x, halves)| Matrix { data: Elements::Bf16(halves), ..x });
            let expected = of(a, b);
            assert!(of(half_a, half_b) == expected && of(a, half_b) == expected, "{n:?} of depth {depth}");
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
                        let (out, product) = (SharedSlice::of(&mut out), Product::new(a, b, precision));
                        let target = Target { out, row_stride: columns, add: false, epilogue: None, threads };
                        product.run_on(product.best(), target);
                    }
                    out.into_iter().map(f32::to_bits).collect::<Vec<_>>()
                };
                assert!(of(1) == of(2) && of(1) == of(7), "{n:?}");
            });
        }
    }
}

#[test]
fn parts_of_a_product_of_the_gemm_crate_have_the_bits_of_the_whole() {
    // The crate computes otherwise up to 64 rows and columns, up to 256 results, for one row and for one
    // column: sizes at each border, on both sides of it.
    let lengths = [1, 2, 4, 8, 31, 32, 63, 64, 65, 66, 127, 128, 129, 130, 200];
    let mut divided = 0;
    for rows in lengths {
        for columns in lengths {
            // Deep enough for several threads, and for several chunks of depth.
            let depth = PARALLEL_FROM / (rows * columns) + 513;
            let n = [rows, columns, depth];
            let [a, b] = [noise(rows * depth, 8), noise(depth * columns, 9)];
            let product = Product::new(
                Matrix::new(a.as_slice(), rows, depth, depth),
                Matrix::new(b.as_slice(), depth, columns, columns),
                Precision::F32,
            );
            let of = |threads: usize| {
                let mut out = vec![0.0f32; rows * columns];
                let target = Target {
                    out: SharedSlice::of(&mut out),
                    row_stride: columns,
                    add: false,
                    epilogue: None,
                    threads,
                };
                // SAFETY: `out` is whole.
                unsafe { product.run_on(Algorithm::Portable, target) };
                out.into_iter().map(f32::to_bits).collect::<Vec<_>>()
            };
            let whole = of(1);
            for threads in [2, 3, 8] {
                let (of_rows, of_columns) = parts(n, threads);
                divided += usize::from(of_rows * of_columns > 1);
                assert!(of(threads) == whole, "{n:?} in {of_rows} x {of_columns} parts");
            }
        }
    }
    assert!(divided > 100, "{divided} of these products are divided");
}

#[cfg(target_arch = "x86_64")]
#[test]
fn products_of_32_bits_have_the_bits_of_the_gemm_crate() {
    if level() < Level::Avx512 {
        return report_skipped("products_of_32_bits_have_the_bits_of_the_gemm_crate", "AVX-512");
    }
    // Just large enough; below and above the sizes whose chunks differ; of several chunks, of more
    // panels than one group and of more rows than are packed together.
    for n @ [rows, columns, _] in
        [[16, 17, 16], [64, 64, 1100], [65, 64, 1100], [80, 700, 600], [256, 100, 4101], [1100, 33, 513]]
    {
        operands(n, 4, |a, b| {
            let path = match (a.column_stride, b.column_stride) {
                (1, _) => Algorithm::UnpackedA,
                (_, 1) => Algorithm::TransposedA,
                _ => return,
            };
            for (scale, add) in [(1.0, false), (0.75, true)] {
                let product = Product::new(a, b, Precision::F32).scaled(scale);
                if product.best() != Algorithm::FewRows {
                    assert_eq!(product.best(), path);
                }
                let of = |path: Algorithm, threads: usize| {
                    let mut out = noise(rows * columns, 8);
                    // SAFETY: `out` is whole.
                    unsafe {
                        let out = SharedSlice::of(&mut out);
                        product
                            .run_on(path, Target { out, row_stride: columns, add, epilogue: None, threads });
                    }
                    out.into_iter().map(f32::to_bits).collect::<Vec<_>>()
                };
                let expected = of(Algorithm::Portable, 1);
                for threads in [1, 2, 6, 7] {
                    assert!(of(path, threads) == expected, "{path:?}: {n:?}, {threads} threads");
                }
            }
        });
    }
}

#[test]
fn what_is_not_a_number_or_infinite_reaches_its_results_and_no_others() {
    for precision in [Precision::F32, Precision::Bf16] {
        let (mut a, b) = (noise(14 * 40, 1), vec![1.0; 40 * 35]);
        a[2 * 40 + 7] = f32::NAN;
        a[13 * 40 + 39] = f32::INFINITY;
        let (a, b) = (Matrix::new(&*a, 14, 40, 40), Matrix::new(&*b, 40, 35, 35));
        let y = Product::new(a, b, precision).to_vec();
        for (row, y) in y.chunks(35).enumerate() {
            assert!(y.iter().all(|y| match row {
                2 => y.is_nan(),
                13 => *y == f32::INFINITY,
                _ => y.is_finite(),
            }));
        }
    }
}
