//! Vectorised loops, compiled for three generations of processors at once, and the functions they are made
//! of.

use std::sync::OnceLock;

/// Vector instructions that the running processor has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// The instructions of every processor of the target architecture.
    Baseline,
    /// AVX2 and FMA (x86-64-v3).
    Avx2,
    /// AVX-512 F, BW, DQ, VL (x86-64-v4).
    Avx512,
}

/// The best level of this processor, found once.
#[inline]
pub(crate) fn level() -> Level {
    static LEVEL: OnceLock<Level> = OnceLock::new();
    *LEVEL.get_or_init(detect)
}

#[cfg(target_arch = "x86_64")]
fn detect() -> Level {
    use std::arch::is_x86_feature_detected as has;
    let avx2 = has!("avx2") && has!("fma");
    let avx512 = has!("avx512f") && has!("avx512bw") && has!("avx512dq") && has!("avx512vl");
    match (avx2, avx512) {
        (true, true) => Level::Avx512,
        (true, false) => Level::Avx2,
        _ => Level::Baseline,
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn detect() -> Level {
    Level::Baseline
}

/// Whether this processor multiplies bfloat16 (AVX-512 BF16).
#[cfg(target_arch = "x86_64")]
#[inline]
pub(crate) fn has_bf16() -> bool {
    level() == Level::Avx512 && std::arch::is_x86_feature_detected!("avx512bf16")
}

/// Tells whether the baseline has a fused multiply-add instruction (otherwise it would be a call).
pub(crate) const BASELINE_FMA: bool = cfg!(any(target_arch = "aarch64", target_feature = "fma"));

/// Compiles a function once per [`Level`] and picks the copy for the running processor.
///
/// `FMA` says inside the body whether fused multiply-adds are cheap, see [`fma`]. Everything the
/// body calls must be `#[inline(always)]`, or it stays at the baseline.
macro_rules! vectorised {
    ($(
        $(#[$meta:meta])*
        $vis:vis fn $name:ident<const FMA: bool $(, $T:ident: $bound:ident)?>($($arg:ident: $ty:ty),* $(,)?)
            $(-> $ret:ty)?
        $body:block
    )*) => {$(
        $(#[$meta])*
        #[allow(clippy::too_many_arguments)]
        $vis fn $name<$($T: $bound)?>($($arg: $ty),*) $(-> $ret)? {
            #[inline(always)]
            fn body<const FMA: bool $(, $T: $bound)?>($($arg: $ty),*) $(-> $ret)? $body
            #[cfg(target_arch = "x86_64")]
            {
                /// # Safety
                ///
                /// The processor has the instructions of this level.
                #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
                fn avx512<$($T: $bound)?>($($arg: $ty),*) $(-> $ret)? { body::<true $(, $T)?>($($arg),*) }
                /// # Safety
                ///
                /// The processor has the instructions of this level.
                #[target_feature(enable = "avx2,fma")]
                fn avx2<$($T: $bound)?>($($arg: $ty),*) $(-> $ret)? { body::<true $(, $T)?>($($arg),*) }
                match $crate::flex::simd::level() {
                    // SAFETY: the level was detected on this processor.
                    $crate::flex::simd::Level::Avx512 => return unsafe { avx512::<$($T)?>($($arg),*) },
                    // SAFETY: the level was detected on this processor.
                    $crate::flex::simd::Level::Avx2 => return unsafe { avx2::<$($T)?>($($arg),*) },
                    $crate::flex::simd::Level::Baseline => {}
                }
            }
            body::<{ $crate::flex::simd::BASELINE_FMA } $(, $T)?>($($arg),*)
        }
    )*};
}
pub(crate) use vectorised;

/// `a * b + c`, rounded once where the processor does that at no cost.
#[inline(always)]
pub(crate) fn fma<const FMA: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

/// Partial sums that a reduction keeps: the order of additions is a function of the length
/// alone, whatever the vector width.
pub(crate) const LANES: usize = 32;

/// Adds the lanes in a fixed tree.
#[inline(always)]
pub(crate) fn fold(mut lanes: [f32; LANES]) -> f32 {
    let mut width = LANES / 2;
    while width > 0 {
        for i in 0..width {
            lanes[i] += lanes[i + width];
        }
        width /= 2;
    }
    lanes[0]
}

/// Sum of all values.
#[inline(always)]
pub(crate) fn sum(x: &[f32]) -> f32 {
    let mut lanes = [0.0; LANES];
    let chunks = x.chunks_exact(LANES);
    for (lane, x) in lanes.iter_mut().zip(chunks.remainder()) {
        *lane = *x;
    }
    for x in chunks {
        for (lane, x) in lanes.iter_mut().zip(x) {
            *lane += x;
        }
    }
    fold(lanes)
}

/// Sum of the products of two slices.
#[inline(always)]
pub(crate) fn dot<const FMA: bool>(x: &[f32], y: &[f32]) -> f32 {
    let mut lanes = [0.0; LANES];
    let (xs, ys) = (x.chunks_exact(LANES), y.chunks_exact(LANES));
    for ((lane, x), y) in lanes.iter_mut().zip(xs.remainder()).zip(ys.remainder()) {
        *lane = x * y;
    }
    for (x, y) in xs.zip(ys) {
        for ((lane, x), y) in lanes.iter_mut().zip(x).zip(y) {
            *lane = fma::<FMA>(*x, *y, *lane);
        }
    }
    fold(lanes)
}

#[inline(always)]
fn larger(a: f32, b: f32) -> f32 {
    if b > a { b } else { a }
}

/// Largest value; negative infinity if there is none.
#[inline(always)]
pub(crate) fn max(x: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let chunks = x.chunks_exact(LANES);
    for (lane, x) in lanes.iter_mut().zip(chunks.remainder()) {
        *lane = larger(*lane, *x);
    }
    for x in chunks {
        for (lane, x) in lanes.iter_mut().zip(x) {
            *lane = larger(*lane, *x);
        }
    }
    lanes.into_iter().fold(f32::NEG_INFINITY, larger)
}

/// `e^x` for `x <= 88`, within 2 units in the last place; 0 below -87, NaN for NaN.
///
/// Cody-Waite reduction with the polynomial of Cephes `expf`; no branches, so it vectorises.
#[inline(always)]
pub(crate) fn exp<const FMA: bool>(x: f32) -> f32 {
    // Adding 1.5 * 2^23 rounds to an integer and leaves it in the low bits.
    const ROUND: f32 = 12_582_912.0;
    let shifted = fma::<FMA>(x, std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = fma::<FMA>(n, -0.693_359_4, x);
    let r = fma::<FMA>(n, 2.121_944_4e-4, r);
    let p = fma::<FMA>(1.987_569_1e-4, r, 1.398_2e-3);
    let p = fma::<FMA>(p, r, 8.333_452e-3);
    let p = fma::<FMA>(p, r, 4.166_579_6e-2);
    let p = fma::<FMA>(p, r, 1.666_666_5e-1);
    let p = fma::<FMA>(p, r, 0.5);
    let y = fma::<FMA>(p, r * r, r + 1.0);
    let power = f32::from_bits((shifted.to_bits() << 23).wrapping_add(0x3f80_0000));
    if x < -87.0 { 0.0 } else { y * power }
}

/// The standard normal distribution function at `x` and `e^(-x^2 / 2)`.
///
/// `erfc(z) = e^(-z^2) t P(t)` with `t = 1 / (1 + 0.42 z)`; `P` is a minimax fit (relative error
/// 3.5e-8 for `z <= 6`), so the tail keeps its relative accuracy where `1 - erf` would lose it.
#[inline(always)]
pub(crate) fn normal<const FMA: bool>(x: f32) -> (f32, f32) {
    let z = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let t = 1.0 / fma::<FMA>(0.42, z, 1.0);
    let e = exp::<FMA>(-0.5 * x * x);
    let p = fma::<FMA>(0.076_190_575, t, -0.345_857_98);
    let p = fma::<FMA>(p, t, 0.486_418_34);
    let p = fma::<FMA>(p, t, -0.174_493_14);
    let p = fma::<FMA>(p, t, 0.293_234_2);
    let p = fma::<FMA>(p, t, 0.186_834_93);
    let p = fma::<FMA>(p, t, 0.240_945_41);
    let p = fma::<FMA>(p, t, 0.236_727_68);
    let tail = 0.5 * e * t * p;
    (if x < 0.0 { tail } else { 1.0 - tail }, e)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `erfc` in double precision by its continued fraction or series.
    fn erfc(z: f64) -> f64 {
        if z > 2.5 {
            let fraction = (1..200).rev().fold(z, |f, n| z + f64::from(n) / 2.0 / f);
            return (-z * z).exp() / (fraction * std::f64::consts::PI.sqrt());
        }
        let (mut term, mut sum) = (z, z);
        for n in 1..100 {
            term *= -z * z / f64::from(n);
            sum += term / f64::from(2 * n + 1);
        }
        1.0 - 2.0 / std::f64::consts::PI.sqrt() * sum
    }

    #[test]
    fn exp_is_accurate_to_two_units_in_the_last_place() {
        for i in 0..1_750_000 {
            let x = i as f32 * 1e-4 - 87.0;
            let (exact, got) = (f64::from(x).exp(), f64::from(exp::<true>(x)));
            assert!((got / exact - 1.0).abs() < 2.4e-7, "exp({x}) = {got}, not {exact}");
            let got = f64::from(exp::<false>(x));
            assert!((got / exact - 1.0).abs() < 2.4e-7, "exp({x}) = {got}, not {exact}");
        }
    }

    #[test]
    fn exp_of_a_masked_score_is_exactly_zero_and_of_nan_is_nan() {
        for x in [-88.0, -1e4, -3e9, f32::MIN, f32::NEG_INFINITY] {
            assert_eq!(exp::<true>(x), 0.0);
            assert_eq!(exp::<false>(x), 0.0);
        }
        assert!(exp::<true>(f32::NAN).is_nan());
    }

    #[test]
    fn the_normal_distribution_function_is_relatively_accurate_in_both_tails() {
        for i in -7_000..=7_000 {
            let x = i as f32 * 1e-3;
            let exact = 0.5 * erfc(-f64::from(x) / std::f64::consts::SQRT_2);
            let (got, _) = normal::<true>(x);
            // The exponential's argument is rounded: x^2 / 2 * 2^-24 relative.
            let bound = 4e-7 + f64::from(x * x) * 6e-8;
            let error = (f64::from(got) / exact - 1.0).abs();
            assert!(error < bound, "Phi({x}) = {got}, not {exact}: {error:e}");
        }
    }

    #[test]
    fn reductions_agree_with_plain_loops_on_every_remainder() {
        for n in 0..100 {
            let x: Vec<f32> = (0..n).map(|i| i as f32).collect();
            assert_eq!(sum(&x), x.iter().sum::<f32>());
            assert_eq!(dot::<true>(&x, &x), x.iter().map(|x| x * x).sum::<f32>());
            assert_eq!(max(&x), x.iter().fold(f32::NEG_INFINITY, |a, &b| a.max(b)));
        }
    }
}
