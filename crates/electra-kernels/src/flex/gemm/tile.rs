//! A tile of results of a product of bfloat16, as the micro-kernels compute it.
//!
//! Operands arrive packed in units of 32 bits, two neighbours in depth as bfloat16.

/// Columns of a tile: two vectors, or two registers of AMX.
pub(super) const COLUMNS: usize = 32;
/// Units of depth of a packed panel. 32 columns of it are 32 KiB, which stay in the first cache.
pub(super) const DEPTH: usize = 256;
/// Units between rows of a panel of `a` that lies row by row; the excess over [`DEPTH`] lets a
/// vector overrun, and keeps rows out of each other's cache sets.
pub(super) const ROW_STRIDE: usize = DEPTH + 16;

/// The order in memory of a packed panel of `a`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PanelLayout {
    /// Row by row, [`ROW_STRIDE`] apart.
    ByRow,
    /// By depth, 12 rows at each.
    ByDepth,
}

/// The operands and the destination of one tile: `c (+)= scale * a b`.
///
/// Whoever calls a micro-kernel owes that a tile is as its fields say: `a` and `b` hold `depth` units of each
/// of its rows and of all [`COLUMNS`], and the `rows` times `columns` results at `c` lie inside one buffer,
/// are used by nobody else meanwhile, and are written already if `add`.
#[derive(Clone, Copy)]
pub(super) struct Tile {
    /// A panel of `a`.
    pub(super) a: *const u32,
    pub(super) layout: PanelLayout,
    /// A panel of `b`: [`COLUMNS`] units at each of `depth`.
    pub(super) b: *const u32,
    pub(super) depth: usize,
    /// The first result.
    pub(super) c: *mut f32,
    /// Elements of `c` from row to row.
    pub(super) row_stride: usize,
    /// At most those of the kernel; at least one.
    pub(super) rows: usize,
    /// At most [`COLUMNS`]; at least one.
    pub(super) columns: usize,
    pub(super) scale: f32,
    /// Whether results are added to the old content of `c`.
    pub(super) add: bool,
}
