//! Comparison of a fused operation with a double-precision version of it.
//!
//! An operation is a function from flat tensors to a tensor. Its fused version runs in `f32` on the tested
//! device; the reference runs in `f64` on the CPU, where every operation is composed. Both are differentiated
//! by a weighted sum of the output, and the reference besides by central differences.

use burn::prelude::*;
use burn::tensor::DType;
use electra_kernels::Precision;

/// Flat values of one input, and whether its gradient is asked for.
pub struct Input {
    pub values: Vec<f64>,
    pub tracked: bool,
}

/// `n` values of a fixed pseudo-random sequence, uniform in `[-scale, scale)`, exact in `f32`.
pub fn noise(n: usize, seed: u64, scale: f64) -> Vec<f64> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d;
    (0..n)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let unit = (state >> 33) as f64 / (1u64 << 31) as f64;
            f64::from(((unit * 2.0 - 1.0) * scale) as f32)
        })
        .collect()
}

/// A tracked input of noise.
pub fn input(n: usize, seed: u64, scale: f64) -> Input {
    Input { values: noise(n, seed, scale), tracked: true }
}

/// Values and gradients of an operation.
pub struct Outcome {
    pub output: Vec<f64>,
    pub gradients: Vec<Option<Vec<f64>>>,
}

/// The values of a tensor as doubles.
pub fn doubles<const D: usize>(x: Tensor<D>) -> Vec<f64> {
    x.into_data().iter::<f64>().collect()
}

/// A tensor of one dimension.
pub fn flat(values: &[f64], device: &Device, dtype: DType) -> Tensor<1> {
    Tensor::from_data(TensorData::new(values.to_vec(), [values.len()]), (device, dtype))
}

/// The device whose fused operations are tested: that of the card that this is compiled for, else the CPU.
pub fn device() -> Device {
    #[cfg(feature = "cuda")]
    return Device::cuda(0);
    #[cfg(all(feature = "wgpu", not(feature = "cuda")))]
    return Device::wgpu(Default::default());
    #[cfg(not(any(feature = "wgpu", feature = "cuda")))]
    Device::flex()
}

/// Whether that is a card, which adds up in single precision where the CPU's kernels use double.
pub const IS_CARD: bool = cfg!(any(feature = "wgpu", feature = "cuda"));

/// The precisions of its fused matrix products: on the CPU all but 16-bit IEEE floats, on a card those that it has.
pub fn precisions() -> Vec<Precision> {
    if !IS_CARD {
        return vec![Precision::F32, Precision::Bf16];
    }
    Precision::ALL.into_iter().filter(|precision| precision.is_computed_by(&device())).collect()
}

/// Those that round the operands.
pub fn rounding_precisions() -> Vec<Precision> {
    let rounding: Vec<_> = precisions().into_iter().filter(|&p| p != Precision::F32).collect();
    assert!(!rounding.is_empty(), "the device has no products in 16 bits");
    rounding
}

/// A tensor of 32-bit floats on the tested device, without autodiff.
pub fn floats<const D: usize>(values: &[f64], shape: [usize; D]) -> Tensor<D> {
    flat(values, &device(), DType::F32).reshape(shape)
}

/// Runs `operation` on `device` and the gradient of `sum(output * noise)`.
pub fn outcome(
    device: &Device,
    dtype: DType,
    inputs: &[Input],
    operation: &dyn Fn(&[Tensor<1>]) -> Tensor<1>,
) -> Outcome {
    outcome_on(&device.clone().autodiff(), dtype, inputs, operation)
}

/// Runs `operation` on an autodiff device and the gradient of `sum(output * noise)`.
pub fn outcome_on(
    device: &Device,
    dtype: DType,
    inputs: &[Input],
    operation: &dyn Fn(&[Tensor<1>]) -> Tensor<1>,
) -> Outcome {
    let leaves: Vec<Tensor<1>> = inputs
        .iter()
        .map(|input| {
            let leaf = flat(&input.values, device, dtype);
            if input.tracked { leaf.require_grad() } else { leaf }
        })
        .collect();
    let output = operation(&leaves);
    let [n] = output.dims();
    let weights = flat(&noise(n, 999, 1.0), device, dtype);
    let gradients = (output.clone() * weights).sum().backward();
    Outcome {
        output: doubles(output),
        gradients: inputs
            .iter()
            .zip(&leaves)
            .map(|(input, leaf)| input.tracked.then(|| doubles(leaf.grad(&gradients).unwrap())))
            .collect(),
    }
}

/// Asserts `|got - expected| <= tolerance * (1 + |expected|)` for all elements.
#[track_caller]
pub fn assert_close(what: &str, got: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(got.len(), expected.len(), "{what}: number of elements");
    for (i, (got, expected)) in got.iter().zip(expected).enumerate() {
        let error = (got - expected).abs();
        let bound = tolerance * (1.0 + expected.abs());
        assert!(error <= bound, "{what}[{i}] is {got}, not {expected} (off by {error:e})");
    }
}

/// Compares `fused` (in `f32`) with `composed` (in `f64`), and the latter's gradient with central
/// differences, on Flex and, for the values and gradients, on NdArray.
#[track_caller]
pub fn check(
    what: &str,
    inputs: &[Input],
    tolerance: f64,
    fused: impl Fn(&[Tensor<1>]) -> Tensor<1>,
    composed: impl Fn(&[Tensor<1>]) -> Tensor<1>,
) {
    let got = outcome(&device(), DType::F32, inputs, &fused);
    let expected = outcome(&Device::flex(), DType::F64, inputs, &composed);
    assert_close(&format!("{what}: output"), &got.output, &expected.output, tolerance);
    for (i, (got, expected)) in got.gradients.iter().zip(&expected.gradients).enumerate() {
        let (Some(got), Some(expected)) = (got, expected) else { continue };
        assert_close(&format!("{what}: gradient {i}"), got, expected, tolerance);
        check_differences(what, inputs, i, got, tolerance, &composed);
    }
    let untracked: Vec<_> = inputs.iter().map(|i| flat(&i.values, &device(), DType::F32)).collect();
    let plain = doubles(fused(&untracked));
    assert_close(&format!("{what}: untracked output"), &plain, &expected.output, tolerance);
    // The composed path in single precision is what other backends run.
    #[allow(deprecated)] // NdArray is the only second CPU backend.
    let ndarray = Device::ndarray();
    let composed = outcome(&ndarray, DType::F32, inputs, &composed);
    let loose = 10.0 * tolerance;
    assert_close(&format!("{what}: NdArray"), &got.output, &composed.output, loose);
    for (got, expected) in got.gradients.iter().zip(&composed.gradients) {
        let (Some(got), Some(expected)) = (got, expected) else { continue };
        assert_close(&format!("{what}: NdArray gradient"), got, expected, loose);
    }
}

/// Asserts that `fused` in each precision that rounds operands is `composed` up to `tolerance`, which is that of
/// bfloat16, gradients too, and that it rounds at all: most of its results differ from those in 32 bits.
#[track_caller]
pub fn check_rounded(
    what: &str,
    inputs: &[Input],
    tolerance: f64,
    fused: impl Fn(&[Tensor<1>], Precision) -> Tensor<1>,
    composed: impl Fn(&[Tensor<1>]) -> Tensor<1>,
) {
    let t: Vec<_> = inputs.iter().map(|i| flat(&i.values, &device(), DType::F32)).collect();
    let exact = doubles(fused(&t, Precision::F32));
    for precision in rounding_precisions() {
        let what = format!("{what} in {}", precision.name());
        check(&what, inputs, tolerance, |t| fused(t, precision), &composed);
        let rounded = doubles(fused(&t, precision));
        let different = exact.iter().zip(&rounded).filter(|(x, y)| x != y).count();
        let all = exact.len();
        assert!(different > all / 2, "{what}: {different} of {all} results differ: nothing was rounded");
    }
}

/// Compares a gradient with central differences of the double-precision operation at up to 24
/// elements of input `index`.
#[track_caller]
fn check_differences(
    what: &str,
    inputs: &[Input],
    index: usize,
    gradient: &[f64],
    tolerance: f64,
    operation: &dyn Fn(&[Tensor<1>]) -> Tensor<1>,
) {
    let device = Device::flex();
    let loss = |values: &[f64]| -> f64 {
        let inputs: Vec<_> = inputs
            .iter()
            .enumerate()
            .map(|(i, input)| {
                let values = if i == index { values } else { &input.values };
                flat(values, &device, DType::F64)
            })
            .collect();
        let output = doubles(operation(&inputs));
        output.iter().zip(noise(output.len(), 999, 1.0)).map(|(x, w)| x * w).sum()
    };
    let n = gradient.len();
    for i in (0..n).step_by(n.div_ceil(24).max(1)) {
        let mut values = inputs[index].values.clone();
        let h = 1e-5 * (1.0 + values[i].abs());
        let x = values[i];
        values[i] = x + h;
        let up = loss(&values);
        values[i] = x - h;
        let slope = (up - loss(&values)) / (2.0 * h);
        let bound = (tolerance + 1e-6) * (1.0 + slope.abs());
        let error = (slope - gradient[i]).abs();
        assert!(error < bound, "{what}: slope {i} of input {index}: {slope}, not {}", gradient[i]);
    }
}
