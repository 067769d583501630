//! The choice of an algorithm for a product, and the ways to run it.

use std::mem::MaybeUninit;

use super::super::buffer::{SharedSlice, uninit, written};
#[cfg(target_arch = "x86_64")]
use super::super::simd::{Level, level};
#[cfg(target_arch = "x86_64")]
use super::bf16_kernel::Bf16Kernel;
use super::matrix::{Elements, Matrix, span};
use super::portable;
use super::product::{Epilogue, Product, Target};
#[cfg(target_arch = "x86_64")]
use super::{blocked, few_rows, transposed_a, unpacked_a};
use crate::Precision;
use crate::workers::{self, chunks_mut};

/// Rows that one task finishes where the product does not finish whole rows.
const ROWS: usize = 32;
/// Rows of a group where no kernel of ours says how many.
const GROUP_ROWS: usize = 32;

/// The algorithm that computes a product.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Algorithm {
    /// Our own kernels, of bfloat16.
    #[cfg(target_arch = "x86_64")]
    Blocked(Bf16Kernel),
    /// Our own kernel for few rows, on AVX-512.
    #[cfg(target_arch = "x86_64")]
    FewRows,
    /// Our own kernel for a transposed `a`, on AVX-512.
    #[cfg(target_arch = "x86_64")]
    TransposedA,
    /// Our own kernel for rows of `a` as they lie, on AVX-512.
    #[cfg(target_arch = "x86_64")]
    UnpackedA,
    /// The `gemm` crate.
    Portable,
}

impl Product<'_> {
    /// The results in a new buffer, row-major; in parallel where it is worth it.
    pub(crate) fn to_vec(self) -> Vec<f32> {
        written(self.results(), |out| self.write(out))
    }

    /// The results in a new buffer, row-major, after `epilogue`; in parallel where it is worth it.
    pub(crate) fn to_vec_then(self, epilogue: impl Fn(usize, usize, &mut [f32]) + Sync) -> Vec<f32> {
        written(self.results(), |out| self.write_then(out, epilogue))
    }

    /// The number of results.
    fn results(&self) -> usize {
        let [rows, columns, _] = self.sizes();
        rows * columns
    }

    /// Writes a contiguous row-major `out`, in parallel where it is worth it.
    pub(crate) fn write<'o>(&self, out: &'o mut [MaybeUninit<f32>]) -> &'o mut [f32] {
        self.write_with(out, None)
    }

    /// Writes a contiguous row-major `out`, in parallel where it is worth it, then calls `epilogue`.
    pub(crate) fn write_then<'o>(
        &self,
        out: &'o mut [MaybeUninit<f32>],
        epilogue: impl Fn(usize, usize, &mut [f32]) + Sync,
    ) -> &'o mut [f32] {
        self.write_with(out, Some(&epilogue))
    }

    /// Writes a contiguous row-major `out`, in parallel where it is worth it, then calls `take` with
    /// the number of each row and its results, if possible while they are in the cache.
    pub(crate) fn write_rows_then<'o>(
        &self,
        out: &'o mut [MaybeUninit<f32>],
        take: impl Fn(usize, &mut [f32]) + Sync,
    ) -> &'o mut [f32] {
        let [_, columns, _] = self.sizes();
        if self.completes_rows() {
            return self.write_then(out, |row, _, results| take(row, results));
        }
        let out = self.write(out);
        workers::each_part(chunks_mut(out, ROWS * columns), |i, rows| {
            rows.chunks_mut(columns.max(1)).enumerate().for_each(|(j, row)| take(i * ROWS + j, row));
        });
        out
    }

    /// Whether the epilogue is called on whole rows.
    fn completes_rows(&self) -> bool {
        match self.best() {
            #[cfg(target_arch = "x86_64")]
            Algorithm::Blocked(_) => blocked::completes_rows(self),
            #[cfg(target_arch = "x86_64")]
            Algorithm::UnpackedA => unpacked_a::completes_rows(self, workers::threads()),
            Algorithm::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Algorithm::FewRows | Algorithm::TransposedA => false,
        }
    }

    /// Writes a contiguous row-major `out`, then calls `take` as [`Self::for_each_row_group`] does.
    pub(crate) fn write_row_groups_then<'o>(
        &self,
        out: &'o mut [MaybeUninit<f32>],
        take: impl Fn(usize, &mut [f32]) + Sync,
    ) -> &'o mut [f32] {
        let [_, columns, _] = self.sizes();
        let group = Self::rows_of_group(self.precision);
        let out = self.write(out);
        workers::each_part(chunks_mut(out, group * columns), |i, results| take(i * group, results));
        out
    }

    /// The number of rows that [`Self::for_each_row_group`] passes on together. A function of the processor
    /// alone.
    pub(crate) fn rows_of_group(precision: Precision) -> usize {
        match precision {
            #[cfg(target_arch = "x86_64")]
            Precision::Bf16 => Bf16Kernel::best().map_or(GROUP_ROWS, Bf16Kernel::rows),
            _ => GROUP_ROWS,
        }
    }

    /// Calls `take` with the number of the first row and complete rows of results, at most
    /// [`Self::rows_of_group`] from a multiple of it on, one behind the other, in parallel. Each row comes
    /// once. Many rows of a product of bfloat16 are passed on as they leave the registers, others from a
    /// buffer.
    pub(crate) fn for_each_row_group(&self, take: impl Fn(usize, &mut [f32]) + Sync) {
        if self.results() == 0 {
            return;
        }
        #[cfg(target_arch = "x86_64")]
        if let Algorithm::Blocked(kernel) = self.best() {
            // SAFETY: `best` names kernels that this processor has.
            if unsafe { blocked::for_each_row_group(kernel, self, &take, workers::threads()) } {
                return;
            }
        }
        self.write_row_groups_then(&mut uninit(self.results()), take);
    }

    /// Adds the results to a contiguous row-major `out`, in parallel where it is worth it.
    pub(crate) fn add_to(&self, out: &mut [f32]) {
        let [rows, columns, _] = self.sizes();
        assert_eq!(out.len(), self.results(), "destination of {rows} x {columns}");
        let out = SharedSlice::of(out);
        let target =
            Target { out, row_stride: columns, add: true, epilogue: None, threads: workers::threads() };
        // SAFETY: `out` holds as many written elements as there are results, and is borrowed exclusively.
        unsafe { self.run_on(self.best(), target) }
    }

    /// Writes a contiguous row-major `out` on this thread.
    pub(crate) fn write_on_this_thread<'o>(&self, out: &'o mut [MaybeUninit<f32>]) -> &'o mut [f32] {
        let [rows, columns, _] = self.sizes();
        assert_eq!(out.len(), self.results(), "destination of {rows} x {columns}");
        // SAFETY: `out` holds as many elements as there are results, and is borrowed exclusively.
        unsafe { self.write_strided(SharedSlice::of_uninit(out), columns) };
        // SAFETY: each of its elements is a result, and was written.
        unsafe { out.assume_init_mut() }
    }

    /// Writes rows that are `row_stride` apart, on this thread.
    ///
    /// # Safety
    ///
    /// Nobody else reads or writes the results during the call: the first `columns` elements of each
    /// `row_stride` of `out`.
    pub(crate) unsafe fn write_strided(&self, out: SharedSlice<'_>, row_stride: usize) {
        let target = Target { out, row_stride, add: false, epilogue: None, threads: 1 };
        // SAFETY: nothing is added, so that no result need be written before; that nobody else uses them is
        // what our caller owes.
        unsafe { self.run_on(self.best(), target) }
    }

    fn write_with<'o>(
        &self,
        out: &'o mut [MaybeUninit<f32>],
        epilogue: Option<Epilogue<'_>>,
    ) -> &'o mut [f32] {
        let [rows, columns, _] = self.sizes();
        assert_eq!(out.len(), self.results(), "destination of {rows} x {columns}");
        let of_out = SharedSlice::of_uninit(&mut *out);
        let threads = workers::threads();
        let target = Target { out: of_out, row_stride: columns, add: false, epilogue, threads };
        // SAFETY: `out` holds as many elements as there are results, and is borrowed exclusively; nothing is
        // added.
        unsafe { self.run_on(self.best(), target) };
        // SAFETY: each of its elements is a result, and was written.
        unsafe { out.assume_init_mut() }
    }

    /// The best algorithm on this processor.
    pub(super) fn best(&self) -> Algorithm {
        match self.precision {
            #[cfg(target_arch = "x86_64")]
            Precision::Bf16 => Bf16Kernel::best().map_or(Algorithm::Portable, Algorithm::Blocked),
            #[cfg(target_arch = "x86_64")]
            Precision::F32 if level() == Level::Avx512 && few_rows::is_supported(self) => Algorithm::FewRows,
            #[cfg(target_arch = "x86_64")]
            Precision::F32 if level() == Level::Avx512 && transposed_a::is_supported(self) => {
                Algorithm::TransposedA
            }
            #[cfg(target_arch = "x86_64")]
            Precision::F32 if level() == Level::Avx512 && unpacked_a::is_supported(self) => {
                Algorithm::UnpackedA
            }
            _ => Algorithm::Portable,
        }
    }

    /// Computes the product by `algorithm`: `out (+)= scale * a b`, then the epilogue. Afterwards every
    /// result is written.
    ///
    /// # Safety
    ///
    /// The processor has the instructions of `algorithm`, and the algorithm suits this product. Nobody else
    /// reads or writes the results during the call: the first `columns` elements of each `row_stride` of
    /// `target.out`. They are written already if `target.add`.
    pub(super) unsafe fn run_on(&self, algorithm: Algorithm, target: Target<'_>) {
        let [rows, columns, _] = self.sizes();
        if rows == 0 || columns == 0 {
            return;
        }
        // The results lie inside `out`.
        target.out.at(0, span(rows, columns, target.row_stride, 1));
        if self.precision == Precision::Bf16 && algorithm == Algorithm::Portable {
            let (a, b) = (self.a.rounded_to_bf16(), self.b.rounded_to_bf16());
            let product = Product {
                a: Matrix { data: Elements::F32(&a), ..self.a },
                b: Matrix { data: Elements::F32(&b), ..self.b },
                precision: Precision::F32,
                ..*self
            };
            // SAFETY: a product of the same sizes; our caller owes the rest.
            return unsafe { product.run_on(algorithm, target) };
        }
        match algorithm {
            #[cfg(target_arch = "x86_64")]
            Algorithm::Blocked(kernel) => {
                // SAFETY: our caller owes the kernel's instructions and the results.
                unsafe { blocked::product(kernel, self, target) }
            }
            #[cfg(target_arch = "x86_64")]
            Algorithm::FewRows => {
                // SAFETY: our caller owes AVX-512, a product that suits, and the results.
                unsafe { few_rows::product(self, target) }
            }
            #[cfg(target_arch = "x86_64")]
            Algorithm::TransposedA => {
                // SAFETY: our caller owes AVX-512, a product that suits, and the results.
                unsafe { transposed_a::product(self, target) }
            }
            #[cfg(target_arch = "x86_64")]
            Algorithm::UnpackedA => {
                // SAFETY: our caller owes AVX-512, a product that suits, and the results.
                unsafe { unpacked_a::product(self, target) }
            }
            Algorithm::Portable => {
                // SAFETY: our caller owes the results; operands of bfloat16 were converted above.
                unsafe { portable::product(self, target) }
            }
        }
    }
}
