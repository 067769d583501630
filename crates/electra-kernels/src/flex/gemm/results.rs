//! A tile of results of a product of 32-bit floats, as its kernel leaves them: `c (+)= scale * sums`.

use std::arch::x86_64::*;

use super::packing::first;

/// The place of a tile's results, and the operation on its sums.
pub(super) struct Results {
    /// The first result.
    pub(super) c: *mut f32,
    /// Elements of `c` from row to row.
    pub(super) row_stride: usize,
    /// The number of columns of the tile, at least one.
    pub(super) columns: usize,
    pub(super) scale: f32,
    /// Whether the sums are added to the old content of `c`.
    pub(super) add: bool,
}

impl Results {
    fn at(&self, row: usize, vector: usize) -> *mut f32 {
        self.c.wrapping_add(row * self.row_stride + 16 * vector)
    }

    /// Fetches what will be added to.
    ///
    /// # Safety
    ///
    /// The processor has AVX-512.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) fn prefetch<const R: usize, const V: usize>(&self) {
        if !self.add {
            return;
        }
        for row in 0..R {
            for vector in 0..V {
                // To fetch what is not there is no error.
                _mm_prefetch::<_MM_HINT_T0>(self.at(row, vector).cast());
            }
        }
    }

    /// Writes the sums of `R` rows of `V` vectors, those of the vectors beyond the columns left out.
    ///
    /// # Safety
    ///
    /// The processor has AVX-512, and nobody else uses the `R` rows of `columns` results, which are written
    /// already if `add`.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) unsafe fn write<const R: usize, const V: usize>(&self, sums: [[__m512; V]; R]) {
        let scale = _mm512_set1_ps(self.scale);
        for (row, sums) in sums.into_iter().enumerate() {
            for (vector, sum) in sums.into_iter().enumerate() {
                let (c, mask) = (self.at(row, vector), first(self.columns.saturating_sub(16 * vector)));
                // SAFETY: the mask leaves results of the tile, which are written if they are added to.
                unsafe {
                    let sum = match self.add {
                        true => _mm512_fmadd_ps(scale, sum, _mm512_maskz_loadu_ps(mask, c)),
                        false => _mm512_mul_ps(scale, sum),
                    };
                    _mm512_mask_storeu_ps(c, mask, sum);
                }
            }
        }
    }
}
