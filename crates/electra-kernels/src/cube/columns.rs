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

/// The sums of the columns of at most [`ROWS`] rows, in several buffers: columns are matrices of `width` columns
/// side by side, row after row.
#[cube(launch_unchecked)]
fn sums_apart(
    x: &Tensor<f32>,
    sums: &mut Sequence<OwnedTensor<f32>>,
    rows: u32,
    columns: u32,
    width: u32,
    #[comptime] number: u32,
) {
    let mut lanes = Shared::<[f32]>::new_slice(256usize);
    let column = CUBE_POS as u32 * 32u32 + UNIT_POS_X;
    let mut sum = f32::new(0.0);
    if column < columns {
        let mut row = UNIT_POS_Y;
        while row < rows {
            sum += x[(row * columns + column) as usize];
            row += 8u32;
        }
    }
    lanes[(UNIT_POS_Y * 32u32 + UNIT_POS_X) as usize] = sum;
    sync_cube();
    if UNIT_POS_Y == 0u32 && column < columns {
        let mut total = f32::new(0.0);
        for lane in 0u32..8u32 {
            total += lanes[(lane * 32u32 + UNIT_POS_X) as usize];
        }
        let within = column % (width * number);
        let to = (column / (width * number) * width + within % width) as usize;
        let part = within / width;
        #[unroll]
        for i in 0..sums.len() {
            if part == i as u32 {
                sums.index_mut(i)[to] = total;
            }
        }
    }
}

/// Adds up the rows of parts until at most `most` rows are left: those rows, in 32 bits, and their number.
fn until(x: &CubeTensor, rows: usize, width: usize, most: usize) -> (CubeTensor, usize) {
    assert_eq!(elements(x), rows * width, "{rows} rows of {width} columns");
    assert!(rows * width < u32::MAX as usize, "elements are counted in 32 bits");
    let (mut x, mut rows) = (x.clone(), rows);
    while rows > most || x.dtype != DType::F32 {
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

/// The sums of the columns of a contiguous `x`, read as `[rows, width]`: `[width]`, in 32 bits.
pub(crate) fn column_sums(x: &CubeTensor, rows: usize, width: usize) -> CubeTensor {
    if rows == 0 || width == 0 {
        return zeros(x, width);
    }
    let (sums, _) = until(x, rows, width, 1);
    reshaped(sums, [width])
}

/// The sums of the columns of a contiguous `x` of `rows` rows, which are `N` matrices of `width` columns side by
/// side, apart from each other: each as large as `shape`.
pub(crate) fn column_sums_apart<const N: usize, const D: usize>(
    x: &CubeTensor,
    rows: usize,
    width: usize,
    shape: [usize; D],
) -> [CubeTensor; N] {
    let columns = N * shape.iter().product::<usize>();
    if rows == 0 || columns == 0 {
        return [(); N].map(|()| reshaped(zeros(x, columns / N), shape));
    }
    let (x, rows) = until(x, rows, columns, ROWS);
    let sums = [(); N].map(|()| empty(&x, shape));
    let mut args = SequenceArg::new();
    sums.iter().for_each(|sums| args.push(sums.clone().into_tensor_arg()));
    let dim = CubeDim::new_2d(COLUMNS, LANES);
    // SAFETY: units beyond the columns do nothing; each writes one element of one buffer.
    unsafe {
        sums_apart::launch_unchecked(
            &x.client.clone(),
            cubes(&sums[0], columns.div_ceil(COLUMNS as usize), dim),
            dim,
            x.into_tensor_arg(),
            args,
            rows as u32,
            columns as u32,
            width as u32,
            N as u32,
        );
    }
    sums
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
