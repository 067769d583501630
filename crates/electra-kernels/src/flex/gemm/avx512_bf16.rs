//! The micro-kernel of bfloat16 on AVX-512 BF16: a tile of results held in registers while the depth runs by.
//!
//! 24 vectors of 12 x 32 results leave 8 of the 32 registers for the row of `b` and
//! the element of `a`; on each unit 14 loads feed 24 multiply-adds.

use std::arch::x86_64::*;

use super::tile::{COLUMNS, PanelLayout, ROW_STRIDE, Tile};

/// Rows of a tile.
pub(super) const ROWS: usize = 12;

/// Computes a tile.
///
/// # Safety
///
/// The processor has AVX-512 BF16, and the tile is as [`Tile`] says, of at most [`ROWS`].
#[target_feature(enable = "avx512f,avx512bf16")]
pub(super) unsafe fn tile(t: &Tile) {
    macro_rules! of_rows {
        ($rows:literal) => {
            match t.layout {
                // SAFETY: the tile has so many rows, which lie so; our caller owes the rest.
                PanelLayout::ByRow => unsafe { rows::<$rows, ROW_STRIDE, 1>(t) },
                // SAFETY: as above.
                PanelLayout::ByDepth => unsafe { rows::<$rows, 1, ROWS>(t) },
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

/// Computes a tile of `R` rows, of a panel with `A_ROW` units from row to row and `A_DEPTH` in depth.
///
/// # Safety
///
/// That of [`tile`], for a tile of `R` rows and a panel of `a` that lies so.
#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn rows<const R: usize, const A_ROW: usize, const A_DEPTH: usize>(t: &Tile) {
    let mut sums = [[_mm512_setzero_ps(); 2]; R];
    let (mut a, mut b) = (t.a, t.b);
    for _ in 0..t.depth {
        // SAFETY: `b` holds COLUMNS units at each of `depth`, and `b` stands at one of them.
        let b_row =
            unsafe { [pairs(_mm512_loadu_epi32(b.cast())), pairs(_mm512_loadu_epi32(b.add(16).cast()))] };
        for (i, row) in sums.iter_mut().enumerate() {
            // SAFETY: `a` holds a unit of each of R rows at each of `depth`, and `a` stands at one of them.
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
                // SAFETY: the mask leaves results of the tile, which are written if they are added to.
                sum = _mm512_add_ps(sum, unsafe { _mm512_maskz_loadu_ps(mask, c) });
            }
            // SAFETY: the mask leaves results of the tile.
            unsafe { _mm512_mask_storeu_ps(c, mask, sum) };
        }
    }
}

/// Reinterprets 16 units as 32 bfloat16.
///
/// # Safety
///
/// The processor has AVX-512.
#[target_feature(enable = "avx512f")]
fn pairs(x: __m512i) -> __m512bh {
    // SAFETY: 512 bits are 32 bfloat16.
    unsafe { std::mem::transmute(x) }
}
