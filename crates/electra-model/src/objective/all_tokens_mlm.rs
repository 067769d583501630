//! All-Tokens MLM: every original token from corrupted text, by copying it or by predicting it.

use burn::prelude::*;
use burn::tensor::activation;
use electra_kernels as kernels;

use super::config::GeneratorDiscriminatorConfig;
use super::output::{JointOutput, Prediction};
use super::pass::Pass;

/// `p(y) = D [y = input] + (1 - D) softmax(logits)(y)` with `D` the sigmoid of one number a token
/// (Clark et al. 2020, §3.5): the loss is `-log p(original)` over all real tokens.
///
/// Logits are `[B * S, V]`: more memory than any other objective needs.
pub(super) fn forward(pass: &Pass, joint: &GeneratorDiscriminatorConfig) -> JointOutput {
    let batch = pass.batch;
    let proposed = pass.propose(joint);
    let input = proposed.corrupted.ids.clone();
    let hidden = pass.read(input.clone());
    let [b, s, h] = hidden.dims();
    let m = b * s;
    let rows = hidden.reshape([m, h]);
    let copy = pass.model.discriminator.copy.as_ref().expect("this network copies tokens");
    let gate = copy.forward(rows.clone()).reshape([m]);
    let logits = pass.model.predict(rows); // [M, V]
    let (input, targets) = (input.reshape([m]), batch.ids.clone().reshape([m]));
    let weights = batch.attention_mask.clone().reshape([m]);
    let log_p = log_probability(gate.clone(), logits.clone(), input.clone(), targets.clone());
    let loss = kernels::sum(log_p * weights.clone()).neg() / pass.normalizer.rtd;
    let prediction = Prediction {
        loss: loss.clone().detach(),
        divisor: pass.normalizer.rtd,
        logits: logits.detach(),
        targets,
        weights,
        copy: Some((gate.detach(), input)),
    };
    JointOutput { prediction: Some(prediction), ..proposed.with(pass, joint, loss) }
}

/// `log p(targets)` of the mixture, `[M]`, from the logits of `D`, of the vocabulary `[M, V]` and the
/// tokens that a copy would yield.
fn log_probability(
    gate: Tensor<1>,
    logits: Tensor<2>,
    input: Tensor<1, Int>,
    targets: Tensor<1, Int>,
) -> Tensor<1> {
    let m = gate.dims()[0];
    let is_copy = input.equal(targets.clone()).float();
    let log_q = activation::log_softmax(logits, 1).gather(1, targets.reshape([m, 1])).reshape([m]);
    // log D = -softplus(-gate), log (1 - D) = -softplus(gate).
    let (copied, predicted) = (kernels::softplus(gate.clone().neg()).neg(), log_q - kernels::softplus(gate));
    // log(e^copied + e^predicted) where the input is the original, else predicted alone.
    predicted.clone() + kernels::softplus(copied - predicted) * is_copy
}

#[cfg(test)]
mod tests {
    use super::*;

    // burn-ndarray is deprecated but still the other device for the CPU.
    #[expect(deprecated)]
    #[test]
    fn the_mixture_copies_or_predicts() {
        for device in [Device::flex(), Device::ndarray()] {
            // D is 3/4 of the first two and 1/2 of the third; q is (1/2, 1/4, 1/4) everywhere.
            let gate = Tensor::<1>::from_data([3f32.ln(), 3f32.ln(), 0.0], &device);
            let logits = Tensor::<2>::from_data([[2f32.ln(), 0.0, 0.0]; 3], &device);
            let ids = |ids: [i32; 3]| Tensor::<1, Int>::from_data(ids, &device);
            let log_p = log_probability(gate, logits, ids([1, 1, 0]), ids([1, 0, 0]));
            let found: Vec<f64> = log_p.exp().into_data().iter::<f64>().collect();
            // 3/4 + 1/4 * 1/4, 1/4 * 1/2, 1/2 + 1/2 * 1/2.
            for (found, expected) in found.iter().zip([0.8125, 0.125, 0.75]) {
                assert!((found - expected).abs() < 1e-6, "{found}, expected {expected}");
            }
        }
    }

    #[test]
    fn a_gate_far_open_or_shut_costs_no_infinity() {
        let device = Device::flex();
        let gate = Tensor::<1>::from_data([80f32, -80.0, 80.0], &device);
        let logits = Tensor::<2>::from_data([[0f32, 0.0]; 3], &device);
        let ids = |ids: [i32; 3]| Tensor::<1, Int>::from_data(ids, &device);
        let log_p = log_probability(gate, logits, ids([0, 0, 1]), ids([0, 0, 0]));
        let found: Vec<f64> = log_p.into_data().iter::<f64>().collect();
        for (found, expected) in found.iter().zip([0.0, -2f64.ln(), -80.0 - 2f64.ln()]) {
            assert!((found - expected).abs() < 1e-4, "{found}, expected {expected}");
        }
    }
}
