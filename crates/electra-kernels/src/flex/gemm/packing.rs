//! Packing: copies of operands in the order in which a tile reads them.
//!
//! A unit is 32 bits: two neighbours in depth rounded to bfloat16 (to the nearest, ties to even), the
//! first in the lower half. What lies beyond the matrix is packed as zero.

use std::arch::x86_64::*;

use super::bf16_kernel::Bf16Kernel;
use super::matrix::Elements;
use super::tile::{COLUMNS, DEPTH, PanelLayout, ROW_STRIDE};
use crate::allocator::LINE;

/// Makes room for `n` elements, none of which is written, from the beginning of a cache line on. It is there
/// until the buffer is used again.
pub(super) fn reserve<T>(buffer: &mut Vec<T>, n: usize) -> *mut T {
    buffer.clear();
    buffer.reserve(n + LINE / size_of::<T>());
    let first = buffer.as_mut_ptr();
    let offset = first.align_offset(LINE);
    assert!(offset <= LINE / size_of::<T>(), "a cache line begins {offset} elements behind {first:?}");
    first.wrapping_add(offset)
}

/// A pointer to packed elements that several threads share.
#[derive(Clone, Copy)]
pub(super) struct PackedPointer<T>(pub(super) *mut T);

// SAFETY: it is an address. Elements are reached in unsafe code alone, which first writes each from one
// thread and then only reads.
unsafe impl<T: Send + Sync> Send for PackedPointer<T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync> Sync for PackedPointer<T> {}

impl<T> PackedPointer<T> {
    /// The address of element `offset`.
    pub(super) fn at(&self, offset: usize) -> *mut T {
        self.0.wrapping_add(offset)
    }
}

/// A pointer to an element of an operand, of either type.
#[derive(Clone, Copy)]
pub(super) enum ElementPointer {
    F32(*const f32),
    Bf16(*const u16),
}

impl ElementPointer {
    /// The first of `elements`.
    pub(super) fn of(elements: Elements<'_>) -> Self {
        match elements {
            Elements::F32(x) => Self::F32(x.as_ptr()),
            Elements::Bf16(x) => Self::Bf16(x.as_ptr()),
        }
    }

    /// `n` elements further; may lie beyond the end.
    pub(super) fn plus(self, n: usize) -> Self {
        match self {
            Self::F32(x) => Self::F32(x.wrapping_add(n)),
            Self::Bf16(x) => Self::Bf16(x.wrapping_add(n)),
        }
    }

    /// Those of 16 elements that the mask leaves, as bfloat16.
    ///
    /// # Safety
    ///
    /// The processor has AVX-512 BF16, and the elements that the mask leaves can be read.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
    #[inline]
    unsafe fn sixteen(self, mask: __mmask16) -> __m256i {
        // SAFETY: our caller owes the elements that the mask leaves; 16 bfloat16 are 256 bits.
        unsafe {
            match self {
                Self::F32(x) => std::mem::transmute::<__m256bh, __m256i>(_mm512_cvtneps_pbh(
                    _mm512_maskz_loadu_ps(mask, x),
                )),
                Self::Bf16(x) => _mm256_maskz_loadu_epi16(mask, x.cast()),
            }
        }
    }
}

/// The part of an operand from which a panel is packed. One of the two strides is 1.
#[derive(Clone, Copy)]
pub(super) struct Source {
    pub(super) data: ElementPointer,
    /// Elements to the next in depth.
    pub(super) depth_stride: usize,
    /// Elements to the next row of `a`, or to the next column of `b`.
    pub(super) breadth_stride: usize,
    /// Elements in depth.
    pub(super) depth: usize,
    /// Rows or columns.
    pub(super) breadth: usize,
}

impl Source {
    /// The number of units that a kernel takes.
    fn units(&self, kernel: Bf16Kernel) -> usize {
        units(self.depth, kernel)
    }

    /// The address of an element; may lie beyond the end.
    fn at(&self, breadth: usize, depth: usize) -> ElementPointer {
        self.data.plus(breadth * self.breadth_stride + depth * self.depth_stride)
    }
}

/// The mask of the first `n` of 16 lanes.
pub(super) fn first(n: usize) -> __mmask16 {
    if n >= 16 { 0xffff } else { (1 << n) - 1 }
}

/// Transposes 16 x 16 units.
///
/// # Safety
///
/// The processor has AVX-512.
#[target_feature(enable = "avx512f")]
pub(super) fn transpose(mut x: [__m512i; 16]) -> [__m512i; 16] {
    // Within 4 x 4 blocks of each 128-bit lane, ...
    for i in (0..16).step_by(2) {
        let (a, b) = (x[i], x[i + 1]);
        x[i] = _mm512_unpacklo_epi32(a, b);
        x[i + 1] = _mm512_unpackhi_epi32(a, b);
    }
    let mut y = x;
    for i in (0..16).step_by(4) {
        y[i] = _mm512_unpacklo_epi64(x[i], x[i + 2]);
        y[i + 1] = _mm512_unpackhi_epi64(x[i], x[i + 2]);
        y[i + 2] = _mm512_unpacklo_epi64(x[i + 1], x[i + 3]);
        y[i + 3] = _mm512_unpackhi_epi64(x[i + 1], x[i + 3]);
    }
    // ... then the 4 x 4 lanes.
    for i in 0..4 {
        let (a, b, c, d) = (y[i], y[i + 4], y[i + 8], y[i + 12]);
        let low = _mm512_shuffle_i32x4::<0b01_00_01_00>(a, b);
        let high = _mm512_shuffle_i32x4::<0b11_10_11_10>(a, b);
        let low_2 = _mm512_shuffle_i32x4::<0b01_00_01_00>(c, d);
        let high_2 = _mm512_shuffle_i32x4::<0b11_10_11_10>(c, d);
        x[i] = _mm512_shuffle_i32x4::<0b10_00_10_00>(low, low_2);
        x[i + 4] = _mm512_shuffle_i32x4::<0b11_01_11_01>(low, low_2);
        x[i + 8] = _mm512_shuffle_i32x4::<0b10_00_10_00>(high, high_2);
        x[i + 12] = _mm512_shuffle_i32x4::<0b11_01_11_01>(high, high_2);
    }
    x
}

/// Neighbours in depth in one unit.
pub(super) const PAIR: usize = 2;

/// The number of units that a kernel takes for a depth.
pub(super) fn units(depth: usize, kernel: Bf16Kernel) -> usize {
    depth.div_ceil(PAIR).next_multiple_of(kernel.step())
}

/// Packs at most the rows of a tile of `a`, at most [`DEPTH`] units deep, into
/// [`Bf16Kernel::panel`] units.
///
/// # Safety
///
/// The processor has what [`has_bf16`](super::super::simd::has_bf16) asks for. The source's elements can be
/// read, and nobody else uses the panel, which has room for [`Bf16Kernel::panel`] units.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
pub(super) unsafe fn pack_a(source: &Source, kernel: Bf16Kernel, panel: *mut u32) {
    let units = source.units(kernel);
    debug_assert!(source.breadth <= kernel.rows() && units <= DEPTH);
    if source.depth_stride == 1 {
        for row in 0..source.breadth {
            for unit in (0..units).step_by(16) {
                let depth = unit * PAIR;
                // SAFETY: masked beyond the source; whole vectors fit into ROW_STRIDE, and the rows into the
                // panel.
                unsafe {
                    let x = along(source.at(row, depth), source.depth.saturating_sub(depth));
                    _mm512_storeu_epi32(panel.add(row * ROW_STRIDE + unit).cast(), x);
                }
            }
        }
        return;
    }
    match kernel.layout(false) {
        PanelLayout::ByDepth => {
            for unit in 0..units {
                // SAFETY: what is stored beyond the rows is overwritten by the next unit, and the
                // panel is longer than the last.
                unsafe {
                    let x = source.across(unit, 0);
                    _mm512_storeu_epi32(panel.add(unit * kernel.rows()).cast(), x);
                }
            }
        }
        PanelLayout::ByRow => {
            for (row, unit) in
                (0..source.breadth).step_by(16).flat_map(|r| (0..units).step_by(16).map(move |u| (r, u)))
            {
                let mut x = [_mm512_setzero_si512(); 16];
                for (i, x) in x.iter_mut().enumerate() {
                    // SAFETY: masked beyond the source.
                    *x = unsafe { source.across(unit + i, row) };
                }
                for (i, x) in transpose(x).iter().enumerate() {
                    // SAFETY: a panel has a multiple of 16 rows, each with room for whole vectors.
                    unsafe { _mm512_storeu_epi32(panel.add((row + i) * ROW_STRIDE + unit).cast(), *x) };
                }
            }
        }
    }
}

/// Packs columns of `b` of any depth into panels one behind the other, each with
/// [`COLUMNS`] units at each unit of depth.
///
/// # Safety
///
/// The processor has what [`has_bf16`](super::super::simd::has_bf16) asks for. The source's elements can be
/// read, and nobody else uses the panels, for which there is room.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
pub(super) unsafe fn pack_b(source: &Source, kernel: Bf16Kernel, panels: *mut u32) {
    let units = source.units(kernel);
    let all = source.breadth.next_multiple_of(COLUMNS);
    let place = |unit: usize, column: usize| {
        panels.wrapping_add((column / COLUMNS * units + unit) * COLUMNS + column % COLUMNS)
    };
    if source.breadth_stride == 1 {
        // Row after row, whole: the processor foresees no jumps.
        for unit in 0..units {
            for column in (0..all).step_by(16) {
                // SAFETY: masked beyond the source; a panel has COLUMNS units here.
                unsafe { _mm512_storeu_epi32(place(unit, column).cast(), source.across(unit, column)) };
            }
        }
        return;
    }
    for column in (0..all).step_by(16) {
        let columns = source.breadth.saturating_sub(column).min(16);
        for unit in (0..units).step_by(16) {
            let depth = unit * PAIR;
            let mut x = [_mm512_setzero_si512(); 16];
            for (i, x) in x[..columns].iter_mut().enumerate() {
                // SAFETY: masked beyond the source.
                *x = unsafe { along(source.at(column + i, depth), source.depth.saturating_sub(depth)) };
            }
            for (i, x) in transpose(x)[..(units - unit).min(16)].iter().enumerate() {
                // SAFETY: a panel has COLUMNS units at each unit of depth.
                unsafe { _mm512_storeu_epi32(place(unit + i, column).cast(), *x) };
            }
        }
    }
}

/// Packs 16 units from `n` elements that lie one behind the other in depth.
///
/// # Safety
///
/// The processor has AVX-512 BF16, and the `n` elements at `x` can be read, or as many as 32.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
#[inline]
unsafe fn along(x: ElementPointer, n: usize) -> __m512i {
    let (low, high) = (first(n), first(n.saturating_sub(16)));
    // SAFETY: the masks leave the first `n` elements, which our caller owes; 32 bfloat16 are 512 bits.
    unsafe {
        match x {
            ElementPointer::F32(x) => {
                let high = _mm512_maskz_loadu_ps(high, x.wrapping_add(16));
                let low = _mm512_maskz_loadu_ps(low, x);
                std::mem::transmute::<__m512bh, __m512i>(_mm512_cvtne2ps_pbh(high, low))
            }
            ElementPointer::Bf16(x) => {
                _mm512_maskz_loadu_epi16(u32::from(high) << 16 | u32::from(low), x.cast())
            }
        }
    }
}

impl Source {
    /// Packs unit `unit` of 16 rows or columns from `breadth` on, zero beyond the source.
    ///
    /// # Safety
    ///
    /// The processor has AVX-512 BF16, and the source's elements can be read.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
    #[inline]
    unsafe fn across(&self, unit: usize, breadth: usize) -> __m512i {
        let depth = unit * PAIR;
        let mask = first(self.breadth.saturating_sub(breadth));
        let mask_at = |depth: usize| if depth < self.depth { mask } else { 0 };
        // SAFETY: the masks leave elements of the source.
        let x = unsafe { self.at(breadth, depth).sixteen(mask_at(depth)) };
        // SAFETY: as above.
        let y = unsafe { self.at(breadth, depth + 1).sixteen(mask_at(depth + 1)) };
        _mm512_or_si512(_mm512_cvtepu16_epi32(x), _mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(y)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Element `(breadth, depth)` of a source: whole numbers that bfloat16 holds.
    fn element(breadth: usize, depth: usize) -> f32 {
        (breadth % 8 * 16 + depth % 16 + 1) as f32
    }

    fn source(by_depth: bool, breadth: usize, depth: usize) -> (Vec<f32>, usize, usize) {
        let all = (0..breadth * depth).map(|i| match by_depth {
            true => element(i % breadth, i / breadth),
            false => element(i / depth, i % depth),
        });
        (all.collect(), if by_depth { breadth } else { 1 }, if by_depth { 1 } else { depth })
    }

    /// The two floats of a unit.
    fn pair(unit: u32) -> [f32; 2] {
        [f32::from_bits(unit << 16), f32::from_bits(unit & 0xffff_0000)]
    }

    #[test]
    fn every_element_is_where_the_kernel_looks_for_it_and_the_rest_is_zero() {
        let kernels = match Bf16Kernel::best() {
            Some(Bf16Kernel::Amx) => vec![Bf16Kernel::Amx, Bf16Kernel::Avx512],
            Some(Bf16Kernel::Avx512) => vec![Bf16Kernel::Avx512],
            None => vec![],
        };
        if kernels.is_empty() {
            super::super::tests::report_skipped("packing of operands of bfloat16", "AVX-512 BF16");
        }
        for kernel in kernels {
            for (breadth, depth) in [
                (1, 1),
                (5, 3),
                (12, 16),
                (7, 37),
                (12, 256),
                (3, 255),
                (31, 20),
                (32, 64),
                (17, 40),
                (75, 19),
            ] {
                for (by_depth, half) in [(false, false), (false, true), (true, false), (true, true)] {
                    check(kernel, by_depth, half, breadth, depth);
                }
            }
        }
    }

    fn check(kernel: Bf16Kernel, by_depth: bool, half: bool, breadth: usize, depth: usize) {
        let (data, depth_stride, breadth_stride) = source(by_depth, breadth, depth);
        let at = |b: usize, d: usize| if b < breadth && d < depth { element(b, d) } else { 0.0 };
        let expected = |b: usize, unit: usize| [at(b, unit * PAIR), at(b, unit * PAIR + 1)];
        let halves: Vec<u16> = data.iter().map(|x| (x.to_bits() >> 16) as u16).collect();
        let data = ElementPointer::of(if half { Elements::Bf16(&halves) } else { Elements::F32(&data) });
        let source = Source { data, depth_stride, breadth_stride, depth, breadth };
        let units = units(depth, kernel);
        let mut b = vec![u32::MAX; units * breadth.next_multiple_of(COLUMNS)];
        // SAFETY: the kernel was detected; the panels have COLUMNS units for each in depth.
        unsafe { pack_b(&source, kernel, b.as_mut_ptr()) };
        for (i, unit) in b.iter().enumerate() {
            let (u, column) = (i / COLUMNS % units, i / COLUMNS / units * COLUMNS + i % COLUMNS);
            assert_eq!(
                pair(*unit),
                expected(column, u),
                "{kernel:?}: b {breadth} x {depth}, {column} at {u}"
            );
        }
        if breadth > kernel.rows() {
            return;
        }
        let mut a = vec![u32::MAX; kernel.panel()];
        // SAFETY: the kernel was detected; the panel is whole.
        unsafe { pack_a(&source, kernel, a.as_mut_ptr()) };
        for row in 0..breadth {
            for u in 0..units {
                let at = match kernel.layout(depth_stride == 1) {
                    PanelLayout::ByRow => row * ROW_STRIDE + u,
                    PanelLayout::ByDepth => u * kernel.rows() + row,
                };
                assert_eq!(pair(a[at]), expected(row, u), "{kernel:?}: a {breadth} x {depth}");
            }
        }
    }
}
