//! Matrices of equal size side by side in one, and taken apart again: one kernel for all of them.

use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::launch::{dims, element_type, elements, empty_of, per_element};

#[cube(launch_unchecked)]
fn join_kernel<F: Float>(
    parts: &Sequence<OwnedTensor<F>>,
    whole: &mut Tensor<F>,
    n: u32,
    width: u32,
    #[comptime] number: u32,
    #[define(F)] _element: ElemType,
) {
    let at = ABSOLUTE_POS as u32;
    if at < n {
        let column = at % (width * number);
        let from = (at / (width * number) * width + column % width) as usize;
        let part = column / width;
        #[unroll]
        for i in 0..parts.len() {
            if part == i as u32 {
                whole[at as usize] = parts.index(i)[from];
            }
        }
    }
}

#[cube(launch_unchecked)]
fn part_kernel<F: Float>(
    whole: &Tensor<F>,
    parts: &mut Sequence<OwnedTensor<F>>,
    n: u32,
    width: u32,
    #[comptime] number: u32,
    #[define(F)] _element: ElemType,
) {
    let at = ABSOLUTE_POS as u32;
    if at < n {
        let column = at % (width * number);
        let to = (at / (width * number) * width + column % width) as usize;
        let part = column / width;
        #[unroll]
        for i in 0..parts.len() {
            if part == i as u32 {
                parts.index_mut(i)[to] = whole[at as usize];
            }
        }
    }
}

/// `N` contiguous matrices `[rows, width]` as one, `[rows, N * width]`.
pub(crate) fn joined<const N: usize>(parts: &[CubeTensor; N]) -> CubeTensor {
    let [rows, width] = dims(&parts[0]);
    for part in parts {
        assert_eq!(dims(part), [rows, width], "matrices of one size");
    }
    let whole = empty_of(&parts[0], [rows, N * width], parts[0].dtype);
    let n = elements(&whole);
    if n > 0 {
        let (count, dim) = per_element(&whole, n);
        let mut args = SequenceArg::new();
        parts.iter().for_each(|part| args.push(part.clone().into_tensor_arg()));
        // SAFETY: units beyond the `n` elements do nothing; each reads the one element that it writes.
        unsafe {
            join_kernel::launch_unchecked(
                &whole.client.clone(),
                count,
                dim,
                args,
                whole.clone().into_tensor_arg(),
                n as u32,
                width as u32,
                N as u32,
                element_type(&whole),
            );
        }
    }
    whole
}

/// The `N` matrices `[rows, width]` that stand side by side in a contiguous `whole` of `rows * N * width` elements,
/// each as large as `shape`.
pub(crate) fn apart<const N: usize, const D: usize>(
    whole: &CubeTensor,
    width: usize,
    shape: [usize; D],
) -> [CubeTensor; N] {
    let n = elements(whole);
    assert_eq!(n, N * shape.iter().product::<usize>(), "{N} matrices of {shape:?}");
    let parts = [(); N].map(|()| empty_of(whole, shape, whole.dtype));
    if n > 0 {
        let (count, dim) = per_element(whole, n);
        let mut args = SequenceArg::new();
        parts.iter().for_each(|part| args.push(part.clone().into_tensor_arg()));
        // SAFETY: units beyond the `n` elements do nothing; each writes one element of one part.
        unsafe {
            part_kernel::launch_unchecked(
                &whole.client.clone(),
                count,
                dim,
                whole.clone().into_tensor_arg(),
                args,
                n as u32,
                width as u32,
                N as u32,
                element_type(whole),
            );
        }
    }
    parts
}
