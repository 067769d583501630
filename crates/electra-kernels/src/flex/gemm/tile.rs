//! The innermost loop of a product: a tile of results held in registers while the depth runs by.
//!
//! Operands arrive packed in units of 32 bits, two neighbours in depth as bfloat16. Here is the loop
//! of AVX-512 BF16: 24 vectors of 12 x 32 results leave 8 of the 32 registers for the row of `b` and
//! the element of `a`; on each unit 14 loads feed 24 multiply-adds. That of AMX is in [`amx`].

use std::arch::x86_64::*;

use super::super::simd::has_bf16;
use super::amx;

/// Rows of a tile of vectors.
const ROWS: usize = 12;
/// Columns of a tile: two vectors, or two registers of AMX.
pub const COLUMNS: usize = 32;
/// Units of depth of a packed panel. 32 columns of it are 32 KiB, which stay in the first cache.
pub const DEPTH: usize = 256;
/// Units between rows of a panel of `a` that lies row by row; the excess over [`DEPTH`] lets a
/// vector overrun, and keeps rows out of each other's cache sets.
pub const ROW_STRIDE: usize = DEPTH + 16;

/// Instructions that multiply bfloat16.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// AVX-512 BF16.
    Vectors,
    /// AMX BF16.
    Amx,
}

impl Kernel {
    /// The fastest that this processor has.
    pub fn best() -> Option<Self> {
        match (has_bf16(), amx::has_amx()) {
            (true, true) => Some(Self::Amx),
            (true, false) => Some(Self::Vectors),
            (false, _) => None,
        }
    }

    /// Rows of a tile.
    pub const fn rows(self) -> usize {
        match self {
            Self::Vectors => ROWS,
            Self::Amx => amx::ROWS,
        }
    }

    /// Packed operands are this many units deep, or a multiple.
    pub const fn step(self) -> usize {
        match self {
            Self::Vectors => 1,
            Self::Amx => amx::STEP,
        }
    }

    /// Units of a packed panel of `a`, whichever way it lies.
    pub const fn panel(self) -> usize {
        self.rows() * ROW_STRIDE
    }

    /// How a panel of `a` lies whose matrix has rows that are contiguous, or else columns.
    pub fn layout(self, contiguous_rows: bool) -> Layout {
        if contiguous_rows || self == Self::Amx { Layout::ByRow } else { Layout::ByDepth }
    }
}

/// How a panel of `a` lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Row by row, [`ROW_STRIDE`] apart.
    ByRow,
    /// By depth, 12 rows at each.
    ByDepth,
}

/// One tile: `c (+)= scale * a b`.
#[derive(Clone, Copy)]
pub struct Tile {
    /// A panel of `a`.
    pub a: *const u32,
    pub layout: Layout,
    /// A panel of `b`: [`COLUMNS`] units at each of `depth`.
    pub b: *const u32,
    pub depth: usize,
    /// The first result, and elements from row to row.
    pub c: *mut f32,
    pub row_stride: usize,
    /// At most those of the kernel and [`COLUMNS`]; at least one.
    pub rows: usize,
    pub columns: usize,
    pub scale: f32,
    /// Whether the old content of `c` counts.
    pub add: bool,
}

/// Computes a tile with vectors.
///
/// # Safety
///
/// The processor has AVX-512 BF16; the panels hold what [`Tile`] says; `rows` times `columns` results
/// are valid, and nobody else uses them.
#[target_feature(enable = "avx512f,avx512bf16")]
pub unsafe fn tile(t: &Tile) {
    macro_rules! of_rows {
        ($rows:literal) => {
            match t.layout {
                // SAFETY: the caller's promise.
                Layout::ByRow => unsafe { of::<$rows, ROW_STRIDE, 1>(t) },
                // SAFETY: the caller's promise.
                Layout::ByDepth => unsafe { of::<$rows, 1, ROWS>(t) },
            }
        };
    }
    match t.rows {
        1 => of_rows!(1),
        2 => of_rows!(2),
        3 => of_rows!(3),
        4 => of_rows!(4),
        5 => of_rows!(5),
        6 => of_rows!(6),
        7 => of_rows!(7),
        8 => of_rows!(8),
        9 => of_rows!(9),
        10 => of_rows!(10),
        11 => of_rows!(11),
        12 => of_rows!(12),
        rows => unreachable!("{rows} rows in a tile of {ROWS}"),
    }
}

/// A tile of `R` rows, of a panel with `A_ROW` units from row to row and `A_DEPTH` in depth.
#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn of<const R: usize, const A_ROW: usize, const A_DEPTH: usize>(t: &Tile) {
    let mut sums = [[_mm512_setzero_ps(); 2]; R];
    let (mut a, mut b) = (t.a, t.b);
    for _ in 0..t.depth {
        // SAFETY: `b` holds COLUMNS units at this depth.
        let b_row =
            unsafe { [pairs(_mm512_loadu_epi32(b.cast())), pairs(_mm512_loadu_epi32(b.add(16).cast()))] };
        for (i, row) in sums.iter_mut().enumerate() {
            // SAFETY: `a` holds a unit of R rows at this depth.
            let a = pairs(_mm512_set1_epi32(unsafe { *a.add(i * A_ROW) } as i32));
            for (sum, b) in row.iter_mut().zip(b_row) {
                *sum = _mm512_dpbf16_ps(*sum, a, b);
            }
        }
        a = a.wrapping_add(A_DEPTH);
        b = b.wrapping_add(COLUMNS);
    }
    let scale = _mm512_set1_ps(t.scale);
    let columns = (1u64 << t.columns) - 1;
    let masks = [columns as __mmask16, (columns >> 16) as __mmask16];
    for (i, row) in sums.into_iter().enumerate() {
        let c = t.c.wrapping_add(i * t.row_stride);
        for (half, (sum, mask)) in row.into_iter().zip(masks).enumerate() {
            let c = c.wrapping_add(16 * half);
            let mut sum = _mm512_mul_ps(sum, scale);
            if t.add {
                // SAFETY: the mask leaves the tile's own results.
                sum = _mm512_add_ps(sum, unsafe { _mm512_maskz_loadu_ps(mask, c) });
            }
            // SAFETY: as above.
            unsafe { _mm512_mask_storeu_ps(c, mask, sum) };
        }
    }
}

/// 16 units as what they are.
#[target_feature(enable = "avx512f")]
fn pairs(x: __m512i) -> __m512bh {
    // SAFETY: 512 bits are 32 bfloat16.
    unsafe { std::mem::transmute(x) }
}
