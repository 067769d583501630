//! Sums and maxima over the units of a cube, in the order of a tree. Every unit of the cube has to take part.

use cubecl::prelude::*;

/// The sum or the largest of a number of each of the 32 units along x, for each of them: of a row, in cubes of
/// 32 x 8 units. `scratch` has room for 256 numbers.
#[cube]
pub(crate) fn over_row(partial: f32, scratch: &mut Shared<[f32]>, #[comptime] is_sum: bool) -> f32 {
    let own = UNIT_POS_Y * 32u32 + UNIT_POS_X;
    tree(partial, scratch, own, UNIT_POS_X, 16u32, is_sum);
    let result = scratch[(UNIT_POS_Y * 32u32) as usize];
    // Before the next result is written over this one.
    sync_cube();
    result
}

/// The sum or the largest of a number of each unit of a cube of 256, for each of them. `scratch` has room for 256
/// numbers.
#[cube]
pub(crate) fn over_cube(partial: f32, scratch: &mut Shared<[f32]>, #[comptime] is_sum: bool) -> f32 {
    tree(partial, scratch, UNIT_POS, UNIT_POS, 128u32, is_sum);
    let result = scratch[0usize];
    // Before the next result is written over this one.
    sync_cube();
    result
}

/// Combines numbers that stand side by side, `2 * half` of them, into the first; `place` is that of a unit's own
/// number among them, `own` that in `scratch`.
#[cube]
fn tree(
    partial: f32,
    scratch: &mut Shared<[f32]>,
    own: u32,
    place: u32,
    half: u32,
    #[comptime] is_sum: bool,
) {
    scratch[own as usize] = partial;
    let mut half = half;
    while half > 0u32 {
        sync_cube();
        if place < half {
            let other = scratch[(own + half) as usize];
            let this = scratch[own as usize];
            if is_sum {
                scratch[own as usize] = this + other;
            } else {
                scratch[own as usize] = f32::max(this, other);
            }
        }
        half /= 2u32;
    }
    sync_cube();
}
