//! The generator trained to fool the discriminator, by policy gradients.

use burn::prelude::*;
use burn::tensor::activation;
use electra_kernels as kernels;

use super::config::GeneratorDiscriminatorConfig;
use super::pass::Pass;
use super::proposals::{Learned, Proposed};

/// The policy gradient loss of the generator in adversarial training, `[1]`, in place of masked language
/// modelling (Clark et al. 2020, §3.2 and appendix F).
///
/// Our reading: sampling a token is an action, one sample a position; its reward is the
/// discriminator's loss at that position, `R = -log p(right)`, so that to be rewarded is to fool it,
/// and what a sample does to other positions is left out. The generator ascends
/// `(R - b) log q(sample)`, `q` at the temperature of sampling (REINFORCE, Williams 1992). The
/// baseline is `b = -log sigmoid(w h)` of the generator's last hidden state `h`, learned by the cross
/// entropy of `sigmoid(w h)` against `p(right)`; it trains `w` alone, so that rewards are all that the
/// generator's encoder hears of. Both losses are means over the chosen positions.
pub(super) fn policy_loss(
    pass: &Pass,
    joint: &GeneratorDiscriminatorConfig,
    learned: &Learned,
    proposed: &Proposed,
    detected: Tensor<2>,
) -> Tensor<1> {
    let batch = pass.batch;
    let [b, n] = batch.positions.dims();
    let at_slots = |x: Tensor<2>| {
        kernels::gather_positions(x.unsqueeze_dim(2), batch.positions.clone()).reshape([b, n]) // [B, N]
    };
    let (logits, labels) = (at_slots(detected.detach()), at_slots(proposed.corrupted.labels.clone()));
    let towards_truth = logits * (labels * 2.0 - 1.0);
    let (right, reward) =
        (activation::sigmoid(towards_truth.clone()), kernels::softplus(towards_truth.neg()));

    let baseline = pass.model.learned_generator().baseline.as_ref();
    let baseline = baseline.expect("an adversarial generator predicts its reward");
    let predicted = baseline.forward(learned.rows.clone().detach()).reshape([b, n]);
    let weights = batch.weights.clone();
    let of_baseline =
        kernels::weighted_binary_cross_entropy(predicted.clone(), right, weights.clone().reshape([b, n]));

    let advantage = (reward - kernels::softplus(predicted.neg())).detach().reshape([b * n]);
    let log_q = learned.logits.clone() * (1.0 / joint.temperature);
    let of_policy =
        kernels::weighted_cross_entropy(log_q, proposed.corrupted.samples.clone(), weights * advantage);
    (of_policy + of_baseline) / pass.normalizer.mlm
}
