//! The choice between the micro-kernels of bfloat16.

use super::super::simd::has_bf16;
use super::tile::{PanelLayout, ROW_STRIDE};
use super::{amx, avx512_bf16};

/// A micro-kernel of bfloat16, named after its instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bf16Kernel {
    /// Vectors of AVX-512 BF16.
    Avx512,
    /// Tile registers of AMX BF16.
    Amx,
}

impl Bf16Kernel {
    /// The fastest that this processor has.
    pub(super) fn best() -> Option<Self> {
        match (has_bf16(), amx::has_amx()) {
            (true, true) => Some(Self::Amx),
            (true, false) => Some(Self::Avx512),
            (false, _) => None,
        }
    }

    /// Rows of a tile.
    pub(super) const fn rows(self) -> usize {
        match self {
            Self::Avx512 => avx512_bf16::ROWS,
            Self::Amx => amx::ROWS,
        }
    }

    /// The unit of depth of packed operands: they are a multiple of it deep.
    pub(super) const fn step(self) -> usize {
        match self {
            Self::Avx512 => 1,
            Self::Amx => amx::STEP,
        }
    }

    /// Units of a packed panel of `a`, whichever way it lies.
    pub(super) const fn panel(self) -> usize {
        self.rows() * ROW_STRIDE
    }

    /// The layout of a panel of `a` whose matrix has rows that are contiguous, or else columns.
    pub(super) fn layout(self, contiguous_rows: bool) -> PanelLayout {
        if contiguous_rows || self == Self::Amx { PanelLayout::ByRow } else { PanelLayout::ByDepth }
    }
}
