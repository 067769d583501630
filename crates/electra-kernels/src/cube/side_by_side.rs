//! Matrices of equal size side by side in one, by one kernel for all of them.

use burn::tensor::DType;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::launch::{dims, element_type, elements, empty_of, per_element};

#[cube(launch_unchecked)]
fn join_kernel<F: Float, O: Float>(
    parts: &Sequence<OwnedTensor<F>>,
    whole: &mut Tensor<O>,
    n: u32,
    width: u32,
    #[comptime] number: u32,
    #[define(F)] _element: ElemType,
    #[define(O)] _rounded: ElemType,
) {
    let at = ABSOLUTE_POS as u32;
    if at < n {
        let column = at % (width * number);
        let from = (at / (width * number) * width + column % width) as usize;
        let part = column / width;
        #[unroll]
        for i in 0..parts.len() {
            if part == i as u32 {
                whole[at as usize] = O::cast_from(parts.index(i)[from]);
            }
        }
    }
}

/// `N` contiguous matrices `[rows, width]` as one of another type, `[rows, N * width]`.
pub(crate) fn joined<const N: usize>(parts: &[CubeTensor; N], dtype: DType) -> CubeTensor {
    let [rows, width] = dims(&parts[0]);
    for part in parts {
        assert_eq!(dims(part), [rows, width], "matrices of one size");
    }
    let whole = empty_of(&parts[0], [rows, N * width], dtype);
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
                element_type(&parts[0]),
                element_type(&whole),
            );
        }
    }
    whole
}
