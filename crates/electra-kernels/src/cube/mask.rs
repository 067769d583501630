//! Dropout masks on cards: the bits of [`DropoutMask`], which are those of the CPU.

use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::launch::{element_type, elements, empty_of, per_element};
use super::tracked::Operation;
use crate::Dropout;
use crate::dropout::{BLOCK, DropoutMask, LANES};
use burn::backend::TensorMetadata;

/// The mask of one [`Dropout`], as a kernel reads it.
///
/// Elements are counted from the first block of 32 that the tensor touches.
#[derive(CubeLaunch, CubeType, Clone, Copy)]
pub(crate) struct Mask {
    /// Elements whose 16 bits are below this are dropped.
    threshold: u32,
    /// The factor of those that are kept.
    scale: f32,
    key_1: u32,
    key_2: u32,
    /// Elements of the first block before the tensor's first one.
    skip: u32,
    /// The counter of the first block, its lower and its upper half.
    counter_low: u32,
    counter_high: u32,
}

/// The argument of a kernel for that mask; without one every factor is 1.
pub(crate) fn mask_arg(mask: Option<DropoutMask>) -> MaskLaunch {
    let Some(mask) = mask else { return MaskLaunch::new(0, 1.0, 0, 0, 0, 0, 0) };
    let counter = (mask.before / BLOCK) as u64 * LANES as u64;
    MaskLaunch::new(
        mask.threshold,
        mask.scale,
        mask.key_1,
        mask.key_2,
        (mask.before % BLOCK) as u32,
        counter as u32,
        (counter >> 32) as u32,
    )
}

#[cube]
fn mix(x: u32) -> u32 {
    let a = x ^ (x >> 16u32);
    let b = a * 0x7feb_352du32;
    let c = b ^ (b >> 15u32);
    let d = c * 0x846c_a68bu32;
    d ^ (d >> 16u32)
}

/// The factor (0 or `1 / (1 - rate)`) of an element.
#[cube]
pub(crate) fn factor(mask: &Mask, element: u32) -> f32 {
    let place = element + mask.skip;
    let lane = place % 16u32;
    let is_high = (place / 16u32) % 2u32;
    let low = mask.counter_low + place / 32u32 * 16u32;
    let carry = u32::cast_from(low < mask.counter_low);
    let key_2 = mask.key_2 ^ ((mask.counter_high + carry) * 0x9e37_79b9u32);
    let bits = mix(mix(low + lane + mask.key_1) + key_2);
    let draw = (bits >> (is_high * 16u32)) & 0xffffu32;
    select(draw < mask.threshold, 0.0f32, mask.scale)
}

#[cube(launch_unchecked)]
fn dropout_kernel<F: Float>(
    x: &Tensor<F>,
    y: &mut Tensor<F>,
    mask: &Mask,
    n: u32,
    #[define(F)] _element: ElemType,
) {
    let at = ABSOLUTE_POS;
    if at < n as usize {
        y[at] = F::cast_from(f32::cast_from(x[at]) * factor(mask, at as u32));
    }
}

/// Elements of a row, rows being the first dimension.
pub(crate) fn row_elements(x: &CubeTensor) -> usize {
    elements(x) / x.shape()[0].max(1)
}

/// `x * mask`.
fn masked(x: CubeTensor, mask: DropoutMask) -> CubeTensor {
    let x = into_contiguous(x);
    let n = elements(&x);
    let y = empty_of(&x, x.shape(), x.dtype);
    if n > 0 {
        let (count, dim) = per_element(&x, n);
        // SAFETY: units beyond the `n` elements of both buffers do nothing.
        unsafe {
            dropout_kernel::launch_unchecked(
                &x.client.clone(),
                count,
                dim,
                x.clone().into_tensor_arg(),
                y.clone().into_tensor_arg(),
                mask_arg(Some(mask)),
                n as u32,
                element_type(&x),
            );
        }
    }
    y
}

/// `dropout(x)`; its gradient is the same function of `dy`.
pub(crate) fn dropout(x: CubeTensor, dropout: Dropout) -> CubeTensor {
    match DropoutMask::of(dropout, row_elements(&x)) {
        Some(mask) => masked(x, mask),
        None => x,
    }
}

/// The operation [`crate::dropout`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct DropoutOperation(pub(crate) Dropout);

impl Operation<1> for DropoutOperation {
    type State = ();

    fn forward(&self, [x]: [CubeTensor; 1]) -> (CubeTensor, ()) {
        (dropout(x, self.0), ())
    }

    fn backward(&self, (): (), dy: CubeTensor, _: [bool; 1]) -> [Option<CubeTensor>; 1] {
        [Some(dropout(dy, self.0))]
    }
}
