//! Sums over the rows of matrices and over all elements, in a fixed order.
//!
//! Rows are cut into parts; a cube adds up those of one part, and another pass the parts. Neither depends on
//! which cube comes first, so that sums are the same bits on every run.

use burn::tensor::DType;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::launch::{UNITS, cubes, element_type, elements, empty, reshaped};
use super::reduce::over_cube;

/// Columns of a cube.
const COLUMNS: u32 = 32;
/// Units that share a column.
const LANES: u32 = 8;
/// Rows of a part.
const ROWS: usize = 128;

/// The sums of the parts' rows, `[parts, width]`.
#[cube(launch_unchecked)]
fn sums_of_parts<F: Float>(
    x: &Tensor<F>,
    sums: &mut Tensor<f32>,
    rows: u32,
    width: u32,
    parts: u32,
    #[comptime] part_rows: u32,
    #[define(F)] _element: ElemType,
) {
    let mut lanes = Shared::<[f32]>::new_slice(256usize);
    let cube = CUBE_POS as u32;
    let blocks = width.div_ceil(32u32);
    let part = cube / blocks;
    let column = cube % blocks * 32u32 + UNIT_POS_X;
    let first = part * part_rows;
    let end = u32::min(first + part_rows, rows);
    let mut sum = f32::new(0.0);
    if column < width {
        let mut row = first + UNIT_POS_Y;
        while row < end {
            sum += f32::cast_from(x[(row * width + column) as usize]);
            row += 8u32;
        }
    }
    lanes[(UNIT_POS_Y * 32u32 + UNIT_POS_X) as usize] = sum;
    sync_cube();
    if UNIT_POS_Y == 0u32 && column < width && part < parts {
        let mut total = f32::new(0.0);
        for lane in 0u32..8u32 {
            total += lanes[(lane * 32u32 + UNIT_POS_X) as usize];
        }
        sums[(part * width + column) as usize] = total;
    }
}

/// One of the matrices whose columns a kernel adds up: `number` matrices of `width` columns side by side, again and
/// again in a row of `columns`. Its sums are in the buffers from `first_sum` on, by cubes from `first_cube` on.
#[derive(CubeLaunch, CubeType, Clone, Copy)]
struct Layout {
    rows: u32,
    columns: u32,
    width: u32,
    number: u32,
    first_cube: u32,
    first_sum: u32,
}

/// The sums of the columns of several matrices of at most [`ROWS`] rows.
#[cube(launch_unchecked)]
fn sums_together(
    xs: &Sequence<OwnedTensor<f32>>,
    layouts: &Sequence<Layout>,
    sums: &mut Sequence<OwnedTensor<f32>>,
) {
    let mut lanes = Shared::<[f32]>::new_slice(256usize);
    let cube = CUBE_POS as u32;
    let mut sum = f32::new(0.0);
    // A cube behind those of a matrix is beyond its columns.
    #[unroll]
    for i in 0..xs.len() {
        let layout = layouts.index(i);
        if cube >= layout.first_cube {
            let column = (cube - layout.first_cube) * 32u32 + UNIT_POS_X;
            if column < layout.columns {
                let mut row = UNIT_POS_Y;
                while row < layout.rows {
                    sum += xs.index(i)[(row * layout.columns + column) as usize];
                    row += 8u32;
                }
            }
        }
    }
    lanes[(UNIT_POS_Y * 32u32 + UNIT_POS_X) as usize] = sum;
    sync_cube();
    if UNIT_POS_Y == 0u32 {
        let mut total = f32::new(0.0);
        for lane in 0u32..8u32 {
            total += lanes[(lane * 32u32 + UNIT_POS_X) as usize];
        }
        #[unroll]
        for i in 0..xs.len() {
            let layout = layouts.index(i);
            if cube >= layout.first_cube {
                let column = (cube - layout.first_cube) * 32u32 + UNIT_POS_X;
                if column < layout.columns {
                    let repeat = layout.width * layout.number;
                    let within = column % repeat;
                    let to = (column / repeat * layout.width + within % layout.width) as usize;
                    let own = layout.first_sum + within / layout.width;
                    #[unroll]
                    for j in 0..sums.len() {
                        if own == j as u32 {
                            sums.index_mut(j)[to] = total;
                        }
                    }
                }
            }
        }
    }
}

/// Adds up the rows of parts until at most [`ROWS`] rows are left: those rows, in 32 bits, and their number.
fn in_parts(x: &CubeTensor, rows: usize, width: usize) -> (CubeTensor, usize) {
    assert_eq!(elements(x), rows * width, "{rows} rows of {width} columns");
    assert!(rows * width < u32::MAX as usize, "elements are counted in 32 bits");
    let (mut x, mut rows) = (x.clone(), rows);
    while rows > ROWS || x.dtype != DType::F32 {
        let parts = rows.div_ceil(ROWS);
        let sums = empty(&x, [parts * width]);
        let dim = CubeDim::new_2d(COLUMNS, LANES);
        // SAFETY: units beyond the rows, columns and parts of both buffers do nothing.
        unsafe {
            sums_of_parts::launch_unchecked(
                &x.client.clone(),
                cubes(&x, width.div_ceil(COLUMNS as usize) * parts, dim),
                dim,
                x.clone().into_tensor_arg(),
                sums.clone().into_tensor_arg(),
                rows as u32,
                width as u32,
                parts as u32,
                ROWS as u32,
                element_type(&x),
            );
        }
        (x, rows) = (sums, parts);
    }
    (x, rows)
}

/// Sums of columns that are added up together: those of an operation's gradients take one kernel.
#[derive(Default)]
pub(crate) struct PendingSums(Vec<Pending>);

/// A matrix of at most [`ROWS`] rows, and the buffers for the sums of its columns.
struct Pending {
    x: CubeTensor,
    rows: usize,
    columns: usize,
    width: usize,
    sums: Vec<CubeTensor>,
}

impl PendingSums {
    /// Runs `compute`, then adds up all sums that it has asked for, by one kernel. Their buffers hold nothing before.
    pub(crate) fn together<R>(compute: impl FnOnce(&mut Self) -> R) -> R {
        let mut pending = Self::default();
        let result = compute(&mut pending);
        pending.add_up();
        result
    }

    /// The sums of the columns of a contiguous `x`, read as `[rows, width]`: `[width]`, in 32 bits.
    pub(crate) fn of_columns(&mut self, x: &CubeTensor, rows: usize, width: usize) -> CubeTensor {
        let [sums] = self.apart(x, rows, width, [width]);
        sums
    }

    /// The sums of the columns of a contiguous `x` of `rows` rows, which are `N` matrices of `width` columns side by
    /// side, apart from each other: each as large as `shape`, in 32 bits.
    pub(crate) fn apart<const N: usize, const D: usize>(
        &mut self,
        x: &CubeTensor,
        rows: usize,
        width: usize,
        shape: [usize; D],
    ) -> [CubeTensor; N] {
        let columns = N * shape.iter().product::<usize>();
        if rows == 0 || columns == 0 {
            return [(); N].map(|()| reshaped(zeros(x, columns / N), shape));
        }
        let (x, rows) = in_parts(x, rows, columns);
        if N == 1 && rows == 1 {
            return [(); N].map(|()| reshaped(x.clone(), shape));
        }
        let sums = [(); N].map(|()| empty(&x, shape));
        self.0.push(Pending { x, rows, columns, width, sums: sums.to_vec() });
        sums
    }

    fn add_up(self) {
        let Some(Pending { x, .. }) = self.0.first() else { return };
        let (client, like) = (x.client.clone(), x.clone());
        let (mut xs, mut layouts, mut sums) = (SequenceArg::new(), SequenceArg::new(), SequenceArg::new());
        let (mut first_cube, mut first_sum) = (0, 0);
        for Pending { x, rows, columns, width, sums: of_x } in self.0 {
            layouts.push(LayoutLaunch::new(
                rows as u32,
                columns as u32,
                width as u32,
                of_x.len() as u32,
                first_cube as u32,
                first_sum as u32,
            ));
            first_cube += columns.div_ceil(COLUMNS as usize);
            first_sum += of_x.len();
            xs.push(x.into_tensor_arg());
            of_x.into_iter().for_each(|x| sums.push(x.into_tensor_arg()));
        }
        let dim = CubeDim::new_2d(COLUMNS, LANES);
        // SAFETY: units beyond the columns of a matrix do nothing; each writes one element of one buffer.
        unsafe {
            sums_together::launch_unchecked(&client, cubes(&like, first_cube, dim), dim, xs, layouts, sums);
        }
    }
}

/// The sums of the columns of a contiguous `x`, read as `[rows, width]`: `[width]`, in 32 bits.
pub(crate) fn column_sums(x: &CubeTensor, rows: usize, width: usize) -> CubeTensor {
    PendingSums::together(|sums| sums.of_columns(x, rows, width))
}

/// A vector of `n` zeros of 32 bits on the device of `like`.
pub(crate) fn zeros(like: &CubeTensor, n: usize) -> CubeTensor {
    burn_cubecl::ops::numeric::zeros_client(like.client.clone(), like.device.clone(), [n].into(), DType::F32)
}

/// Elements that a unit adds up before they are added to those of other units.
const RUN: usize = 16;

/// The sums of `x` over parts of the elements, `[parts]`.
#[cube(launch_unchecked)]
fn sum_kernel<F: Float>(
    x: &Tensor<F>,
    sums: &mut Tensor<f32>,
    n: u32,
    #[comptime] run: u32,
    #[define(F)] _element: ElemType,
) {
    let mut scratch = Shared::<[f32]>::new_slice(256usize);
    let first = CUBE_POS as u32 * 256u32 * run;
    let mut sum = f32::new(0.0);
    for step in 0u32..run {
        let at = first + step * 256u32 + UNIT_POS;
        if at < n {
            sum += f32::cast_from(x[at as usize]);
        }
    }
    let sum = over_cube(sum, &mut scratch, true);
    if UNIT_POS == 0u32 && first < n {
        sums[CUBE_POS] = sum;
    }
}

/// The sum of the elements of a contiguous `x`, `[1]`, in 32 bits and a fixed order: a tree over all but the
/// [`RUN`] elements of a unit.
pub(crate) fn sum(x: &CubeTensor) -> CubeTensor {
    let (mut x, mut n) = (x.clone(), elements(x));
    assert!(n < u32::MAX as usize, "elements are counted in 32 bits");
    if n == 0 {
        return zeros(&x, 1);
    }
    loop {
        let parts = n.div_ceil(UNITS as usize * RUN);
        let sums = empty(&x, [parts]);
        let dim = CubeDim::new_1d(UNITS);
        // SAFETY: units beyond the `n` elements, and cubes beyond the parts, read and write nothing.
        unsafe {
            sum_kernel::launch_unchecked(
                &x.client.clone(),
                cubes(&x, parts, dim),
                dim,
                x.clone().into_tensor_arg(),
                sums.clone().into_tensor_arg(),
                n as u32,
                RUN as u32,
                element_type(&x),
            );
        }
        if parts == 1 {
            return sums;
        }
        (x, n) = (sums, parts);
    }
}
