//! The rule of Muon: momentum whose direction is made orthogonal, of one matrix.

use burn::prelude::*;
use electra_kernels::{Precision, linear, squared_norm, tied_logits};
use serde::{Deserialize, Serialize};

/// The hyperparameters of [`Muon`](crate::Muon).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MuonConfig {
    /// Factor on the learning rate of the matrices.
    pub rate_factor: f64,
    /// The ratio of an update to its rate.
    pub adjust_rate: AdjustRate,
    /// The decay of the average of gradients, in `[0, 1)`.
    pub momentum: f64,
    /// Whether the update looks one step of the average ahead (Nesterov).
    pub nesterov: bool,
    /// Decoupled weight decay: the rate, without its ratio, times this is taken away of a matrix.
    pub weight_decay: f64,
}

/// How far an orthogonal update of a matrix of so many inputs and outputs goes, in learning rates: `adjust_lr_fn`
/// of `torch.optim.Muon`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AdjustRate {
    /// `sqrt(max(1, outputs / inputs))` (Jordan et al. 2024): rates are some 20 times those of Adam.
    Original,
    /// `0.2 sqrt(max(outputs, inputs))`, with which an update is as large as one of Adam's at the same rate (Liu
    /// et al. 2025, "Muon is scalable for LLM training", arXiv 2502.16982, §2.2).
    MatchRmsAdamw,
}

/// A hyperparameter of Muon out of its range.
#[derive(Clone, Debug, PartialEq, thiserror::Error, miette::Diagnostic)]
#[error("{name} of Muon is {found}, expected {expected}")]
pub struct MuonConfigError {
    /// The name of the hyperparameter.
    pub name: &'static str,
    /// The value that was asked for.
    pub found: f64,
    /// The values that are possible.
    pub expected: &'static str,
}

impl MuonConfig {
    /// The defaults of `torch.optim.Muon`, with updates as large as those of Adam, so that one learning rate fits
    /// both.
    pub const PYTORCH: Self = Self {
        rate_factor: 1.0,
        adjust_rate: AdjustRate::MatchRmsAdamw,
        momentum: 0.95,
        nesterov: true,
        weight_decay: 0.1,
    };

    /// Checks that every hyperparameter is in its range.
    pub fn check(&self) -> Result<(), MuonConfigError> {
        let within = |most: f64| move |x: f64| x >= 0.0 && x <= most;
        for (name, found, good, expected) in [
            ("rate_factor", self.rate_factor, within(1e6)(self.rate_factor), "a number from 0 to 1000000"),
            (
                "momentum",
                self.momentum,
                (0.0..1.0).contains(&self.momentum),
                "a number of at least 0 and below 1",
            ),
            ("weight_decay", self.weight_decay, within(1e3)(self.weight_decay), "a number from 0 to 1000"),
        ] {
            if !good {
                return Err(MuonConfigError { name, found, expected });
            }
        }
        Ok(())
    }

    /// The ratio of an update to its rate for a matrix `[inputs, outputs]`. PyTorch's matrices are `[outputs,
    /// inputs]`.
    fn ratio(&self, [inputs, outputs]: [usize; 2]) -> f64 {
        let [i, o] = [inputs, outputs].map(|n| n as f64);
        match self.adjust_rate {
            AdjustRate::Original => (o / i).max(1.0).sqrt(),
            AdjustRate::MatchRmsAdamw => 0.2 * i.max(o).sqrt(),
        }
    }
}

/// A matrix `[inputs, outputs]` that is being updated.
pub(crate) struct MatrixUpdate {
    pub(crate) weight: Tensor<2>,
    pub(crate) gradient: Tensor<2>,
    pub(crate) momentum: Tensor<2>,
    /// Learning rate of the parameter, without the factor of Muon.
    pub(crate) learning_rate: f64,
    pub(crate) gradient_scale: f64,
}

impl MatrixUpdate {
    /// The updated matrix and its momentum. The first number of `clip` is a factor on the gradient; where it is
    /// negative, both stay as they are.
    pub(crate) fn apply(self, config: &MuonConfig, clip: Option<&Tensor<1>>) -> (Tensor<2>, Tensor<2>) {
        let Self { weight, gradient, momentum, learning_rate, gradient_scale } = self;
        let factor = clip.map(|clip| clip.clone().narrow(0, 0, 1).reshape([1, 1]));
        let gradient = gradient * gradient_scale;
        let gradient = match &factor {
            Some(factor) => gradient * factor.clone(),
            None => gradient,
        };
        let shape = weight.dims();
        let mu = config.momentum;
        let updated = momentum.clone() * mu + gradient.clone() * (1.0 - mu);
        let direction =
            if config.nesterov { gradient * (1.0 - mu) + updated.clone() * mu } else { updated.clone() };
        let rate = learning_rate * config.rate_factor;
        let kept = weight.clone() * (1.0 - rate * config.weight_decay);
        let moved = kept - orthogonalised(direction) * (rate * config.ratio(shape));
        match factor {
            Some(factor) => {
                let skipped = factor.lower_elem(0.0).expand(shape);
                (moved.mask_where(skipped.clone(), weight), updated.mask_where(skipped, momentum))
            }
            None => (moved, updated),
        }
    }
}

/// Coefficients of the polynomial `a x + b x^3 + c x^5` of singular values, whose slope at zero is as large as it
/// can be (Jordan et al. 2024).
const COEFFICIENTS: [f64; 3] = [3.4445, -4.7750, 2.0315];
/// Times that it is applied.
const ITERATIONS: usize = 5;
/// The least norm that a matrix is divided by.
const LEAST_NORM: f64 = 1e-7;

/// The matrix with its singular values brought near 1, to some .7 to 1.2, by Newton-Schulz iterations.
fn orthogonalised(x: Tensor<2>) -> Tensor<2> {
    let [rows, columns] = x.dims();
    // Products of the smaller side with itself: a matrix and its transpose have the same iterations.
    if rows > columns {
        return orthogonalised(x.transpose()).transpose();
    }
    let norm = squared_norm(x.clone()).sqrt().clamp_min(LEAST_NORM).reshape([1, 1]);
    let (device, dtype) = (x.device(), x.dtype());
    let zeros = |n: usize| Tensor::<1>::zeros([n], (&device, dtype));
    let (of_rows, of_columns) = (zeros(rows), zeros(columns));
    // These products have the same bits on any number of threads; burn's own do not promise it.
    let product = |a: Tensor<2>, b: Tensor<2>, zero: &Tensor<1>| linear(a, b, zero.clone(), Precision::F32);
    let [a, b, c] = COEFFICIENTS;
    let mut x = x / norm;
    for _ in 0..ITERATIONS {
        let gram = tied_logits(x.clone(), x.clone(), of_rows.clone(), Precision::F32); // [R, R]
        let squared = product(gram.clone(), gram.clone(), &of_rows);
        let update = gram * b + squared * c;
        x = x.clone() * a + product(update, x, &of_columns);
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_those_of_a_matrix_of_inputs_and_outputs() {
        let of = |adjust_rate, shape| MuonConfig { adjust_rate, ..MuonConfig::PYTORCH }.ratio(shape);
        assert_eq!(of(AdjustRate::Original, [16, 64]), 2.0);
        assert_eq!(of(AdjustRate::Original, [64, 16]), 1.0);
        for shape in [[16, 64], [64, 16]] {
            assert_eq!(of(AdjustRate::MatchRmsAdamw, shape), 0.2 * 8.0);
        }
    }

    #[test]
    fn singular_values_come_near_one_whatever_they_were() {
        let device = Device::flex();
        // A diagonal, so that its entries are the singular values.
        let of = |values: [f32; 3]| {
            let [a, b, c] = values;
            let x =
                Tensor::<2>::from_data([[a, 0.0, 0.0, 0.0], [0.0, b, 0.0, 0.0], [0.0, 0.0, c, 0.0]], &device);
            for (rows, x) in [(3, x.clone()), (4, x.transpose())] {
                let found = electra_kernels::read(orthogonalised(x));
                let found: Vec<f32> = found.iter::<f32>().collect();
                let columns = 12 / rows;
                for (i, value) in found.iter().enumerate() {
                    let is_diagonal = i / columns == i % columns && i / columns < 3;
                    let near = if is_diagonal { (0.65..1.25).contains(value) } else { *value == 0.0 };
                    assert!(near, "{found:?}");
                }
            }
        };
        of([1.0, 1.0, 1.0]);
        of([100.0, 30.0, 5.0]);
        of([1e-3, 3e-4, 1e-3]);
    }

    #[test]
    fn a_clip_that_stays_on_a_card_scales_the_gradient_or_leaves_all_as_it_was() {
        let device = Device::flex();
        let matrix = |values: [[f32; 2]; 3]| Tensor::<2>::from_data(values, &device);
        let read = |(weight, momentum): (Tensor<2>, Tensor<2>)| {
            [weight, momentum].map(|x| electra_kernels::read(x).iter::<f32>().collect::<Vec<_>>())
        };
        let (weight, momentum) =
            ([[1.0, 2.0], [-1.0, 0.5], [0.0, 3.0]], [[0.5, 0.0], [0.25, -1.0], [1.0, 0.0]]);
        let of = |gradient_scale: f64, clip: Option<[f32; 3]>, broken: bool| {
            let first = if broken { f32::NAN } else { 4.0 };
            let update = MatrixUpdate {
                weight: matrix(weight),
                gradient: matrix([[first, -2.0], [0.5, 1.0], [-3.0, 2.0]]),
                momentum: matrix(momentum),
                learning_rate: 0.1,
                gradient_scale,
            };
            let clip = clip.map(|numbers| Tensor::<1>::from_data(numbers, &device));
            read(update.apply(&MuonConfig::PYTORCH, clip.as_ref()))
        };
        // Behind the factor stand the norm and the losses.
        assert_eq!(of(1.0, Some([0.25, 9.0, 1.0]), false), of(0.25, None, false));
        let untouched = [weight, momentum].map(|values| values.concat());
        assert_ne!(of(1.0, None, false)[0], untouched[0]);
        for broken in [false, true] {
            assert_eq!(of(1.0, Some([-1.0, 9.0, 1.0]), broken), untouched);
        }
    }

    #[test]
    fn constants_without_meaning_are_refused_by_name() {
        let good = MuonConfig::PYTORCH;
        assert_eq!(good.check(), Ok(()));
        for (config, name) in [
            (MuonConfig { momentum: 1.0, ..good }, "momentum"),
            (MuonConfig { weight_decay: -0.1, ..good }, "weight_decay"),
            (MuonConfig { rate_factor: f64::NAN, ..good }, "rate_factor"),
        ] {
            let error = config.check().unwrap_err();
            assert_eq!(error.name, name);
            assert!(error.to_string().contains("expected a"), "{error}");
        }
    }
}
