//! Initial weights, each a function of the seed and of the parameter's own path.

use burn::module::{Param, ParamId};
use burn::prelude::*;
use burn::tensor::TensorData;
use electra_kernels::split_mix;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::config::ModelConfig;
use crate::neighbours::Side;
use crate::truncated_normal::{TRUNCATED_DEVIATION, truncated_normal};
use crate::waves::Waves;
use electra_kernels::Precision;

/// Version of the values that a network starts from, raised with every change of them: runs of other start
/// values are other runs (`docs/decisions/0007`).
pub const START_VALUES_VERSION: u32 = 1;

/// The initialiser of a kernel (`model/modeling.py` of google-research/electra).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// A table: normal of standard deviation `initializer_range`, redrawn beyond two deviations.
    Table,
    /// A table of positions: like [`Kernel::Table`], or waves.
    Positions,
    /// A dense layer: the same normal, or with a gain one whose values have a standard deviation
    /// of `gain / sqrt(inputs)`.
    Dense,
    /// The last layer of what a block after the first adds to its input: like [`Kernel::Dense`], or zero.
    LaterResidual,
    /// Queries or keys of this many heads in the first block: like [`Kernel::Dense`], or such that
    /// each head attends to a neighbour.
    FirstQuery(usize),
    /// The other side of [`Kernel::FirstQuery`].
    FirstKey(usize),
    /// From tables to encoder: like [`Kernel::GlorotUniform`], or columns pass unchanged.
    Projection,
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
    gain: Option<f64>,
    residual: Option<f64>,
    input_scale: f64,
    waves: Option<Waves>,
    precision: Precision,
    blank: bool,
    path: String,
}

impl<'a> Init<'a> {
    /// The root of the tree; `range` is the standard deviation of tables and dense kernels.
    pub fn new(seed: u64, range: f64, device: &'a Device) -> Self {
        let path = String::new();
        Self {
            seed,
            device,
            range,
            gain: None,
            residual: None,
            input_scale: 1.0,
            waves: None,
            precision: Precision::F32,
            blank: false,
            path,
        }
    }

    /// The root of the tree of a model of these sizes, with matrix products in `precision`.
    pub fn of(config: &ModelConfig, seed: u64, device: &'a Device, precision: Precision) -> Self {
        let root = Self::new(seed, config.initializer_range, device);
        root.with_kernel_gain(config.kernel_gain).with_precision(precision)
    }

    /// A tree whose kernels and tables are zero: parameters that are about to be loaded, and for
    /// which drawing random numbers would only take time.
    pub fn blank(device: &'a Device) -> Self {
        Self { blank: true, ..Self::new(0, 0.0, device) }
    }

    /// This tree with dense kernels of standard deviation `gain / sqrt(inputs)`, if given.
    pub fn with_kernel_gain(self, gain: Option<f64>) -> Self {
        Self { gain, ..self }
    }

    /// This tree with a residual that is larger by this factor, and blocks after the first that add nothing
    /// to it, if given.
    pub fn with_residual_start(self, factor: Option<f64>) -> Self {
        Self { residual: factor, ..self }
    }

    /// The factor by which the residual is larger than without
    /// [`with_residual_start`](Self::with_residual_start).
    pub fn residual_start(&self) -> f64 {
        self.residual.unwrap_or(1.0)
    }

    /// This tree with dense kernels for inputs that are larger by this factor.
    pub fn with_input_scale(self, factor: f64) -> Self {
        Self { input_scale: factor, ..self }
    }

    /// This tree with positions that start as waves, and a first block that attends to neighbours by them, if
    /// given.
    pub(crate) fn with_waves(self, waves: Option<Waves>) -> Self {
        Self { waves, ..self }
    }

    /// This tree with matrix products in another precision.
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
        if self.blank {
            return self.param(Tensor::zeros(shape, self.device));
        }
        let mut rng = self.child(name).rng();
        let count = shape[0] * shape[1];
        let mut normal = |deviation: f64| -> Vec<f32> {
            (0..count).map(|_| (truncated_normal(&mut rng) * deviation) as f32).collect()
        };
        let values: Vec<f32> = match (kernel, &self.waves) {
            (Kernel::Positions, Some(waves)) => waves.table(self.range),
            (Kernel::FirstQuery(heads), Some(waves)) => waves.attention(Side::Query, shape[1], heads),
            (Kernel::FirstKey(heads), Some(waves)) => waves.attention(Side::Key, shape[1], heads),
            (Kernel::Projection, Some(waves)) => waves.projection(shape),
            (Kernel::Table | Kernel::Positions, _) => normal(self.range),
            (Kernel::LaterResidual, _) if self.residual.is_some() => vec![0.0; count],
            (Kernel::Dense | Kernel::LaterResidual | Kernel::FirstQuery(_) | Kernel::FirstKey(_), _) => {
                let deviation = match self.gain {
                    Some(gain) => gain / (shape[0] as f64).sqrt() / TRUNCATED_DEVIATION,
                    None => self.range,
                };
                normal(deviation / self.input_scale)
            }
            (Kernel::GlorotUniform | Kernel::Projection, _) => {
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
        ChaCha8Rng::seed_from_u64(split_mix(hash ^ split_mix(self.seed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(kernel: Kernel, shape: [usize; 2], seed: u64) -> Vec<f32> {
        values_with(None, kernel, shape, seed)
    }

    fn values_with(gain: Option<f64>, kernel: Kernel, shape: [usize; 2], seed: u64) -> Vec<f32> {
        let device = Device::flex();
        let init = Init::new(seed, 0.02, &device).with_kernel_gain(gain);
        init.kernel("weight", kernel, shape).val().into_data().try_to_vec().unwrap()
    }

    fn deviation(v: &[f32]) -> f64 {
        let mean = v.iter().map(|&x| f64::from(x)).sum::<f64>() / v.len() as f64;
        (v.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / v.len() as f64).sqrt()
    }

    #[test]
    fn truncated_normal_has_the_moments_of_a_normal_cut_at_two_deviations() {
        let v = values(Kernel::Dense, [200, 100], 1);
        let mean = v.iter().map(|&x| f64::from(x)).sum::<f64>() / v.len() as f64;
        let sd = deviation(&v);
        assert!(v.iter().all(|x| x.abs() <= 0.04));
        assert!(v.iter().any(|x| x.abs() > 0.038));
        assert!(mean.abs() < 5e-4, "mean {mean}");
        assert!((sd / 0.02 - TRUNCATED_DEVIATION).abs() < 0.01, "sd {sd}");
    }

    #[test]
    fn a_gain_scales_dense_kernels_by_their_inputs_and_leaves_tables_alone() {
        for inputs in [50, 200] {
            let sd = deviation(&values_with(Some(1.5), Kernel::Dense, [inputs, 100], 1));
            let expected = 1.5 / (inputs as f64).sqrt();
            assert!((sd / expected - 1.0).abs() < 0.03, "sd {sd}, expected {expected}");
        }
        let table = |gain| values_with(gain, Kernel::Table, [20, 10], 1);
        assert_eq!(table(Some(1.5)), table(None));
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
        assert_eq!(values(Kernel::Dense, [4, 4], 7), values(Kernel::Dense, [4, 4], 7));
        assert_ne!(values(Kernel::Dense, [4, 4], 7), values(Kernel::Dense, [4, 4], 8));
        let device = Device::flex();
        let at = |name: &str| -> Vec<f32> {
            let init = Init::new(7, 0.02, &device).child(name);
            init.kernel("weight", Kernel::Dense, [4, 4]).val().into_data().try_to_vec().unwrap()
        };
        assert_ne!(at("query"), at("key"));
    }
}
