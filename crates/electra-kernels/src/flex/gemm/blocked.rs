//! Cache-blocked products of bfloat16: operands packed once, tiles in registers, blocks in caches.
//!
//! Every result is one chain of multiply-adds over [`DEPTH`] units of depth after the other, so its
//! bits depend neither on how rows and columns are dealt out nor on the number of threads.

use std::cell::RefCell;
use std::ops::Range;

use super::super::buffer::SharedSlice;
use super::bf16_kernel::Bf16Kernel;
use super::matrix::span;
use super::packing::{self, ElementPointer, PAIR, PackedPointer, Source, pack_a, pack_b, reserve};
use super::product::{Product, Target, each};
use super::tile::{COLUMNS, DEPTH, Tile};
use super::{amx, avx512_bf16};

/// Rows of `a` that a task works on at a time: packed, a tenth of a megabyte.
const BLOCK_ROWS: usize = 96;
/// Panels of `b` that a task packs at a time.
const BLOCK_COLUMNS: usize = 8;
/// With more rows of `a` than this they are dealt out to tasks, else the columns of `b`.
const FEW_ROWS: usize = 384;
/// Depth of one pass, in units: bounds the memory of packed operands.
const PASS: usize = 16 * DEPTH;
/// Units of `b` that a task packs for itself: half a megabyte, half of a second cache.
const OWN_UNITS: usize = 128 * 1024;
/// Multiplications below which handing work to other threads costs more than it saves.
const PARALLEL_FROM: usize = 1 << 18;
/// Elements of `a` from which several threads pack them.
const PACKED_IN_PARALLEL_FROM: usize = 1 << 16;

thread_local! {
    /// Packed operands of the task that runs on this thread.
    static OWN: RefCell<[Vec<u32>; 2]> = const { RefCell::new([Vec::new(), Vec::new()]) };
    /// Results of the task that are handed over.
    static RESULTS: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

/// One pass over a range of the depth.
struct Pass<'a> {
    kernel: Bf16Kernel,
    product: &'a Product<'a>,
    /// Elements of depth.
    depth: Range<usize>,
    target: Target<'a>,
}

/// Whether the epilogue is called on whole rows.
pub(super) fn completes_rows(product: &Product<'_>) -> bool {
    product.a.rows > FEW_ROWS
}

/// `out (+)= scale * a b`, then the epilogue.
///
/// # Safety
///
/// That of `Product::run_on`, of which the processor has the kernel's instructions.
pub(super) unsafe fn product(kernel: Bf16Kernel, product: &Product<'_>, target: Target<'_>) {
    let [rows, columns, depth] = product.sizes();
    let threads = if rows * columns * depth < PARALLEL_FROM { 1 } else { target.threads };
    let step = PASS * PAIR;
    let passes = depth.div_ceil(step).max(1);
    for pass in 0..passes {
        let pass = Pass {
            kernel,
            product,
            depth: pass * step..depth.min((pass + 1) * step),
            target: Target {
                add: target.add || pass > 0,
                epilogue: target.epilogue.filter(|_| pass + 1 == passes),
                threads,
                ..target
            },
        };
        // SAFETY: our caller owes the kernel's instructions and the results. Passes after the first add to
        // what the one before has written.
        unsafe { if completes_rows(product) { pass.by_rows() } else { pass.by_columns() } }
    }
}

/// Calls `take` with the first row and the results of each panel of rows, which are written nowhere
/// else; or does nothing and returns false: where rows are few, and where the depth takes several passes.
///
/// # Safety
///
/// The processor has the kernel's instructions.
pub(super) unsafe fn for_each_row_group(
    kernel: Bf16Kernel,
    product: &Product<'_>,
    take: &(impl Fn(usize, &mut [f32]) + Sync),
    threads: usize,
) -> bool {
    let [_, columns, depth] = product.sizes();
    if !completes_rows(product) || depth > PASS * PAIR {
        return false;
    }
    let nowhere =
        Target { out: SharedSlice::of(&mut []), row_stride: columns, add: false, epilogue: None, threads };
    let pass = Pass { kernel, product, depth: 0..depth, target: nowhere };
    // SAFETY: our caller owes the kernel's instructions, and the results of each block are this thread's own.
    unsafe {
        pass.each_block(|rows, tiles| {
            // Taken out, as `take` may begin a product of its own.
            let mut results = RESULTS.take();
            let (first, height) = (rows.start * kernel.rows(), kernel.rows());
            let n = product.a.rows.min(rows.end * height) - first;
            results.resize(n * columns, 0.0);
            tiles(SharedSlice::of(&mut results), first);
            let parts = results.chunks_mut(height * columns).enumerate();
            parts.for_each(|(i, results)| take(first + i * height, results));
            RESULTS.set(results);
        });
    }
    true
}

impl Pass<'_> {
    /// Packed panels that a task works on at a time.
    fn block_panels(&self) -> usize {
        BLOCK_ROWS.div_ceil(self.kernel.rows())
    }

    fn row_panels(&self) -> usize {
        self.product.a.rows.div_ceil(self.kernel.rows())
    }

    fn column_panels(&self) -> usize {
        self.product.b.columns.div_ceil(COLUMNS)
    }

    fn units(&self) -> usize {
        packing::units(self.depth.len(), self.kernel)
    }

    /// Blocks of [`DEPTH`] units; one, of nothing, for an empty depth.
    fn blocks(&self) -> usize {
        self.units().div_ceil(DEPTH).max(1)
    }

    /// Elements of depth of a block.
    fn block(&self, block: usize) -> Range<usize> {
        let length = DEPTH * PAIR;
        let start = self.depth.start + block * length;
        start..self.depth.end.min(start + length)
    }

    /// Packs panel `panel` of block `block` of `a`.
    ///
    /// # Safety
    ///
    /// The processor has the kernel's instructions, and `to` room for a panel, which nobody else uses.
    unsafe fn pack_a(&self, panel: usize, block: usize, to: *mut u32) {
        let (a, row, depth) = (&self.product.a, panel * self.kernel.rows(), self.block(block));
        let source = Source {
            data: ElementPointer::of(a.data).plus(row * a.row_stride + depth.start * a.column_stride),
            depth_stride: a.column_stride,
            breadth_stride: a.row_stride,
            depth: depth.len(),
            breadth: self.kernel.rows().min(a.rows - row),
        };
        // SAFETY: the source lies within the matrix; our caller owes the instructions and the room.
        unsafe { pack_a(&source, self.kernel, to) }
    }

    /// Packs some panels of `b`, the whole depth, one behind the other.
    ///
    /// # Safety
    ///
    /// The processor has the kernel's instructions, and `to` room for the panels, which nobody else uses.
    unsafe fn pack_b(&self, panels: Range<usize>, to: *mut u32) {
        let (b, column) = (&self.product.b, panels.start * COLUMNS);
        let source = Source {
            data: ElementPointer::of(b.data).plus(column * b.column_stride + self.depth.start * b.row_stride),
            depth_stride: b.row_stride,
            breadth_stride: b.column_stride,
            depth: self.depth.len(),
            breadth: b.columns.min(panels.end * COLUMNS) - column,
        };
        // SAFETY: the source lies within the matrix; our caller owes the instructions and the room.
        unsafe { pack_b(&source, self.kernel, to) }
    }

    /// The tiles of some panels of `a` with some of `b`, one block deep, to an `out` that begins with
    /// row `first_row`. `a` holds the panels of `rows` for this block, `b` those of `columns` for the
    /// whole depth.
    ///
    /// # Safety
    ///
    /// The processor has the kernel's instructions; `a` and `b` hold these panels packed; and nobody else
    /// uses the results, which are written already if they are added to: for a target that adds, and for
    /// every block but the first.
    unsafe fn tiles(
        &self,
        (out, first_row): (SharedSlice, usize),
        block: usize,
        rows: Range<usize>,
        a: *const u32,
        columns: Range<usize>,
        b: *const u32,
    ) {
        let (first_column, units) = (columns.start, self.units());
        let (kernel, row_stride) = (self.kernel, self.target.row_stride);
        let layout = kernel.layout(self.product.a.column_stride == 1);
        let depth = packing::units(self.block(block).len(), kernel);
        // SAFETY: our caller owes the kernel's instructions.
        let registers = (kernel == Bf16Kernel::Amx).then(|| unsafe { amx::Registers::take() });
        for column_panel in columns {
            let column = column_panel * COLUMNS;
            let width = COLUMNS.min(self.product.b.columns - column);
            let b = b.wrapping_add(((column_panel - first_column) * units + block * DEPTH) * COLUMNS);
            for row_panel in rows.clone() {
                let row = row_panel * kernel.rows();
                let n = kernel.rows().min(self.product.a.rows - row);
                let part = Tile {
                    a: a.wrapping_add((row_panel - rows.start) * kernel.panel()),
                    layout,
                    b,
                    depth,
                    c: out.at((row - first_row) * row_stride + column, span(n, width, row_stride, 1)),
                    row_stride,
                    rows: n,
                    columns: width,
                    scale: self.product.scale,
                    add: self.target.add || block > 0,
                };
                // SAFETY: a tile of the panels and the results that our caller owes, all inside `out`.
                unsafe {
                    match &registers {
                        Some(registers) => amx::tile(registers, &part),
                        None => avx512_bf16::tile(&part),
                    }
                }
            }
        }
    }

    /// Calls the epilogue on the results of some panels.
    ///
    /// # Safety
    ///
    /// These results are complete, and nobody else uses them during the call.
    unsafe fn finish(&self, rows: Range<usize>, columns: Range<usize>) {
        if self.target.epilogue.is_none() {
            return;
        }
        let first = columns.start * COLUMNS;
        let n = self.product.b.columns.min(columns.end * COLUMNS) - first;
        let height = self.kernel.rows();
        for row in rows.start * height..self.product.a.rows.min(rows.end * height) {
            // SAFETY: of these results, which our caller owes.
            unsafe { self.target.finish_row(row, first, n) };
        }
    }

    /// Computes many rows: `b` is packed by all, then each task takes rows of `a`.
    ///
    /// # Safety
    ///
    /// That of [`product`].
    unsafe fn by_rows(&self) {
        let finished = |rows: Range<usize>, tiles: &dyn Fn(SharedSlice, usize)| {
            tiles(self.target.out, 0);
            // SAFETY: `tiles` has completed the rows of this task, which no other task has.
            unsafe { self.finish(rows, 0..self.column_panels()) };
        };
        // SAFETY: our caller owes the kernel's instructions and the results, of which each block has its own
        // rows.
        unsafe { self.each_block(finished) }
    }

    /// Calls `task` with the panels of each block of rows, and a function that computes its results
    /// in an `out` that begins with the given row.
    ///
    /// # Safety
    ///
    /// The processor has the kernel's instructions. Each `out` that `task` hands to that function holds the
    /// rows of its block from the given one on; nobody else uses them, and they are written already if the
    /// target adds.
    unsafe fn each_block(&self, task: impl Fn(Range<usize>, &dyn Fn(SharedSlice, usize)) + Sync + Send) {
        let (row_panels, column_panels) = (self.row_panels(), self.column_panels());
        let (panel_units, threads) = (self.units() * COLUMNS, self.target.threads);
        let mut packed = Vec::new();
        let packed_b = PackedPointer(reserve(&mut packed, column_panels * panel_units));
        each(column_panels.div_ceil(BLOCK_COLUMNS), threads, |task| {
            let panels = task * BLOCK_COLUMNS..column_panels.min((task + 1) * BLOCK_COLUMNS);
            let to = packed_b.at(panels.start * panel_units);
            // SAFETY: there is room for all panels, of which each task packs its own; our caller owes the
            // instructions.
            unsafe { self.pack_b(panels, to) };
        });
        let panels = row_panels.div_ceil(4 * threads).clamp(1, self.block_panels());
        each(row_panels.div_ceil(panels), threads, |i| {
            let rows = i * panels..row_panels.min((i + 1) * panels);
            task(rows.clone(), &|out, first_row| {
                OWN.with_borrow_mut(|[own, _]| {
                    let a = reserve(own, panels * self.kernel.panel());
                    for block in 0..self.blocks() {
                        // SAFETY: there is room for the panels of this task, `packed_b` was packed above, and
                        // our caller owes the instructions and the rows of `out`; blocks after the first add
                        // to what the one before has written.
                        unsafe {
                            for panel in rows.clone() {
                                self.pack_a(panel, block, a.add((panel - rows.start) * self.kernel.panel()));
                            }
                            self.tiles(
                                (out, first_row),
                                block,
                                rows.clone(),
                                a,
                                0..column_panels,
                                packed_b.at(0),
                            );
                        }
                    }
                });
            });
        });
    }

    /// Computes few rows: `a` is packed whole, then each task packs columns of `b` for itself.
    ///
    /// # Safety
    ///
    /// That of [`product`].
    unsafe fn by_columns(&self) {
        let units = self.row_panels() * self.blocks() * self.kernel.panel();
        if self.target.threads == 1 {
            return OWN.with_borrow_mut(|[a, b]| {
                // SAFETY: there is room for the whole of `a`; our caller owes the instructions and the
                // results.
                unsafe {
                    let a = PackedPointer(reserve(a, units));
                    self.pack_all_of_a(a);
                    self.columns(0..self.column_panels(), a, b);
                }
            });
        }
        let mut packed = Vec::new();
        let a = PackedPointer(reserve(&mut packed, units));
        // SAFETY: there is room for the whole of `a`; our caller owes the instructions.
        unsafe { self.pack_all_of_a(a) };
        let column_panels = self.column_panels();
        let panels = column_panels.div_ceil(4 * self.target.threads);
        each(column_panels.div_ceil(panels), self.target.threads, |task| {
            let columns = task * panels..column_panels.min((task + 1) * panels);
            // SAFETY: `a` is packed, and these columns belong to this task; our caller owes the instructions
            // and the results.
            OWN.with_borrow_mut(|[_, b]| unsafe { self.columns(columns, a, b) });
        });
    }

    /// Packs `a` block after block.
    ///
    /// # Safety
    ///
    /// The processor has the kernel's instructions, and `to` room for the panels of all blocks, which nobody
    /// else uses.
    unsafe fn pack_all_of_a(&self, to: PackedPointer<u32>) {
        let (row_panels, blocks) = (self.row_panels(), self.blocks());
        let is_large = self.product.a.rows * self.depth.len() >= PACKED_IN_PARALLEL_FROM;
        each(row_panels * blocks, if is_large { self.target.threads } else { 1 }, |i| {
            // SAFETY: each task packs a panel of its own; our caller owes the instructions and the room.
            unsafe { self.pack_a(i % row_panels, i / row_panels, to.at(i * self.kernel.panel())) };
        });
    }

    /// Computes all rows of some columns, `b` packed piece by piece.
    ///
    /// # Safety
    ///
    /// The processor has the kernel's instructions; `a` is packed whole; and nobody else uses the results of
    /// these columns, which are written already if the target adds.
    unsafe fn columns(&self, columns: Range<usize>, a: PackedPointer<u32>, own: &mut Vec<u32>) {
        let (row_panels, panel_units) = (self.row_panels(), self.units() * COLUMNS);
        let at_once = (OWN_UNITS / panel_units.max(1)).max(1);
        for first in columns.clone().step_by(at_once) {
            let columns = first..columns.end.min(first + at_once);
            let b = reserve(own, columns.len() * panel_units);
            // SAFETY: there is room for the panels; our caller owes the instructions, `a` and the results.
            // Blocks after the first add to what the one before has written, and all are complete before the
            // epilogue.
            unsafe {
                self.pack_b(columns.clone(), b);
                for first_row in (0..row_panels).step_by(self.block_panels()) {
                    let rows = first_row..row_panels.min(first_row + self.block_panels());
                    for block in 0..self.blocks() {
                        let a = a.at((block * row_panels + first_row) * self.kernel.panel());
                        self.tiles((self.target.out, 0), block, rows.clone(), a, columns.clone(), b);
                    }
                    self.finish(rows, columns.clone());
                }
            }
        }
    }
}
