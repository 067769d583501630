//! The clip of gradients by their global norm, on the card: the host need not wait for the norm.

use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::launch::{UNITS, elements, empty};
use super::reduce::over_cube;

/// Whether a number is neither infinite nor no number, by its bits: kernels may be compiled as if all were finite.
#[cube]
fn is_finite(x: f32) -> bool {
    u32::reinterpret(x) & 0x7f80_0000u32 != 0x7f80_0000u32
}

/// `clip[0]` is the factor on the gradients, -1 where a loss or the norm is not finite; `clip[1]` the norm; behind
/// them are the losses, so that all can be read together.
#[cube(launch_unchecked)]
fn clip_kernel(
    losses: &Tensor<f32>,
    squares: &Tensor<f32>,
    clip: &mut Tensor<f32>,
    number_of_losses: u32,
    number_of_squares: u32,
    max_norm: f32,
    inverse_scale: f32,
) {
    let mut scratch = Shared::<[f32]>::new_slice(256usize);
    let mut broken = f32::new(0.0);
    let mut at = UNIT_POS;
    while at < number_of_losses {
        let loss = losses[at as usize];
        if !is_finite(loss) {
            broken = f32::new(1.0);
        }
        if CUBE_POS == 0usize {
            clip[(at + 2u32) as usize] = loss;
        }
        at += 256u32;
    }
    let broken = over_cube(broken, &mut scratch, false);
    let mut sum = f32::new(0.0);
    let mut at = UNIT_POS;
    while at < number_of_squares {
        sum += squares[at as usize];
        at += 256u32;
    }
    let sum = over_cube(sum, &mut scratch, true);
    if CUBE_POS == 0usize && UNIT_POS == 0u32 {
        let norm = f32::sqrt(sum);
        let mut factor = f32::new(-1.0);
        if is_finite(sum) && broken == 0.0f32 {
            factor = max_norm / f32::max(norm, max_norm) * inverse_scale;
        }
        clip[0usize] = factor;
        clip[1usize] = norm * inverse_scale;
    }
}

/// Factor, norm and losses, `[2 + l]`; see [`crate::clip_on_device`].
pub(crate) fn clip(losses: CubeTensor, squares: CubeTensor, max_norm: f64, loss_scale: f64) -> CubeTensor {
    let (number_of_losses, number_of_squares) = (elements(&losses), elements(&squares));
    let clip = empty(&squares, [2 + number_of_losses]);
    // SAFETY: units read and write below the number of elements alone; the first one writes factor and norm.
    unsafe {
        clip_kernel::launch_unchecked(
            &clip.client.clone(),
            CubeCount::Static(1, 1, 1),
            CubeDim::new_1d(UNITS),
            losses.into_tensor_arg(),
            squares.into_tensor_arg(),
            clip.clone().into_tensor_arg(),
            number_of_losses as u32,
            number_of_squares as u32,
            (max_norm * loss_scale) as f32,
            (1.0 / loss_scale) as f32,
        );
    }
    clip
}
