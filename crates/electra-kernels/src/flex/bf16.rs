//! Conversions between 32-bit floats and bfloat16, whose 16 bits are the upper half of a 32-bit float.

use std::mem::MaybeUninit;

use super::simd::vectorised;

/// A bfloat16 as a 32-bit float: exact.
#[inline(always)]
pub(crate) fn bf16_to_f32(x: u16) -> f32 {
    f32::from_bits(u32::from(x) << 16)
}

/// The nearest bfloat16, ties to even; NaN stays NaN.
#[inline(always)]
pub(crate) fn f32_to_bf16(x: f32) -> u16 {
    (round_to_bf16(x).to_bits() >> 16) as u16
}

/// The nearest bfloat16 as a 32-bit float.
#[inline(always)]
pub(crate) fn round_to_bf16(x: f32) -> f32 {
    let bits = x.to_bits();
    let rounded = bits.wrapping_add(0x7fff + (bits >> 16 & 1)) & 0xffff_0000;
    // A quiet NaN is one in its upper half alone.
    f32::from_bits(if x.is_nan() { bits | 0x0040_0000 } else { rounded })
}

vectorised! {
    /// Writes the nearest bfloat16 of each element of `from` to the elements of `to` that correspond.
    fn convert<const FMA: bool>(from: &[f32], to: &mut [MaybeUninit<u16>]) {
        for (to, from) in to.iter_mut().zip(from) {
            to.write(f32_to_bf16(*from));
        }
    }
}

/// Writes the nearest bfloat16 of each element.
pub(crate) fn slice_to_bf16<'a>(from: &[f32], to: &'a mut [MaybeUninit<u16>]) -> &'a mut [u16] {
    assert_eq!(from.len(), to.len(), "as many bfloat16 as floats");
    convert(from, to);
    // SAFETY: `convert` has written each element, as there are as many of both.
    unsafe { to.assume_init_mut() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_is_to_the_nearest_and_to_even_between_two() {
        for (x, expected) in [
            (0x3f80_8000, 0x3f80_0000),
            (0x3f81_8000, 0x3f82_0000),
            (0x3f80_8001, 0x3f81_0000),
            (0x3f80_7fff, 0x3f80_0000),
            (0x7f7f_ffff, 0x7f80_0000),
            (0xbf80_8001, 0xbf81_0000),
        ] {
            assert_eq!(round_to_bf16(f32::from_bits(x)).to_bits(), expected, "{x:x}");
            assert_eq!(bf16_to_f32(f32_to_bf16(f32::from_bits(x))).to_bits(), expected, "{x:x}");
        }
        // A payload in the lower half alone, which cutting it off would make infinite.
        assert!(bf16_to_f32(f32_to_bf16(f32::from_bits(0x7f80_0001))).is_nan());
        assert!(round_to_bf16(f32::NAN).is_nan());
    }
}
