//! Initial weights, each a function of the seed and of the parameter's own path.

use burn::module::{Param, ParamId};
use burn::prelude::*;
use burn::tensor::TensorData;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::precision::Precision;

/// How a kernel starts (`model/modeling.py` of google-research/electra).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// Normal of standard deviation `initializer_range`, redrawn beyond two deviations.
    TruncatedNormal,
    /// Uniform in `±sqrt(6 / (inputs + outputs))`: layers to which the reference gives no
    /// initialiser and which hence get TensorFlow's default.
    GlorotUniform,
}

/// A position in the module tree that hands out initial parameters.
#[derive(Clone, Debug)]
pub struct Init<'a> {
    seed: u64,
    device: &'a Device,
    range: f64,
    precision: Precision,
    path: String,
}

impl<'a> Init<'a> {
    /// The root of the tree; `range` is the standard deviation of normal kernels.
    pub fn new(seed: u64, range: f64, device: &'a Device) -> Self {
        Self { seed, device, range, precision: Precision::F32, path: String::new() }
    }

    /// The same tree with matrix products in another precision.
    pub fn with_precision(self, precision: Precision) -> Self {
        Self { precision, ..self }
    }

    /// Precision of matrix products.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// The child called `name`.
    pub fn child(&self, name: impl std::fmt::Display) -> Self {
        let path = if self.path.is_empty() { name.to_string() } else { format!("{}.{name}", self.path) };
        Self { path, ..self.clone() }
    }

    /// Weight matrix `[inputs, outputs]`, or a table `[rows, width]`.
    pub fn kernel(&self, name: &str, kernel: Kernel, shape: [usize; 2]) -> Param<Tensor<2>> {
        let mut rng = self.child(name).rng();
        let count = shape[0] * shape[1];
        let values: Vec<f32> = match kernel {
            Kernel::TruncatedNormal => {
                (0..count).map(|_| (truncated_normal(&mut rng) * self.range) as f32).collect()
            }
            Kernel::GlorotUniform => {
                let limit = (6.0 / (shape[0] + shape[1]) as f64).sqrt();
                (0..count).map(|_| ((rng.random::<f64>() * 2.0 - 1.0) * limit) as f32).collect()
            }
        };
        self.param(Tensor::from_data(TensorData::new(values, shape), self.device))
    }

    /// A vector of one value: biases and layer norms.
    pub fn constant(&self, value: f64, width: usize) -> Param<Tensor<1>> {
        self.param(Tensor::full([width], value, self.device))
    }

    fn param<const D: usize>(&self, value: Tensor<D>) -> Param<Tensor<D>> {
        let value = if self.device.is_autodiff() { value.require_grad() } else { value };
        Param::initialized(ParamId::new(), value)
    }

    fn rng(&self) -> ChaCha8Rng {
        // FNV-1a over the path, then mixed with the seed: stable across versions and platforms.
        let hash = self
            .path
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
        ChaCha8Rng::seed_from_u64(crate::dropout::mix(hash ^ crate::dropout::mix(self.seed)))
    }
}

/// A standard normal variate within two deviations (Box-Muller with redrawing).
fn truncated_normal(rng: &mut impl Rng) -> f64 {
    loop {
        let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
        let z = radius * (std::f64::consts::TAU * rng.random::<f64>()).cos();
        if z.abs() <= 2.0 {
            return z;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(kernel: Kernel, shape: [usize; 2], seed: u64) -> Vec<f32> {
        let device = Device::flex();
        Init::new(seed, 0.02, &device).kernel("weight", kernel, shape).val().into_data().try_to_vec().unwrap()
    }

    #[test]
    fn truncated_normal_has_the_moments_of_a_normal_cut_at_two_deviations() {
        let v = values(Kernel::TruncatedNormal, [200, 100], 1);
        let mean = v.iter().map(|&x| f64::from(x)).sum::<f64>() / v.len() as f64;
        let sd = (v.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / v.len() as f64).sqrt();
        assert!(v.iter().all(|x| x.abs() <= 0.04));
        assert!(v.iter().any(|x| x.abs() > 0.038));
        assert!(mean.abs() < 5e-4, "mean {mean}");
        // A standard normal cut at 2 has standard deviation 0.8796.
        assert!((sd / 0.02 - 0.8796).abs() < 0.01, "sd {sd}");
    }

    #[test]
    fn glorot_fills_its_interval() {
        let v = values(Kernel::GlorotUniform, [30, 20], 1);
        let limit = (6.0f32 / 50.0).sqrt();
        let largest = v.iter().fold(0.0f32, |a, x| a.max(x.abs()));
        assert!(largest <= limit && largest > 0.97 * limit, "{largest} of {limit}");
    }

    #[test]
    fn a_parameter_depends_on_seed_and_path_alone() {
        assert_eq!(values(Kernel::TruncatedNormal, [4, 4], 7), values(Kernel::TruncatedNormal, [4, 4], 7));
        assert_ne!(values(Kernel::TruncatedNormal, [4, 4], 7), values(Kernel::TruncatedNormal, [4, 4], 8));
        let device = Device::flex();
        let at = |name: &str| -> Vec<f32> {
            let init = Init::new(7, 0.02, &device).child(name);
            init.kernel("weight", Kernel::TruncatedNormal, [4, 4]).val().into_data().try_to_vec().unwrap()
        };
        assert_ne!(at("query"), at("key"));
    }
}
