//! Masked language modelling loss plus weighted replaced token detection.

use electra_kernels as kernels;

use super::adversarial;
use super::config::{GeneratorDiscriminatorConfig, Stage};
use super::output::JointOutput;
use super::pass::Pass;

/// The positions over which the discriminator's loss is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LossPositions {
    /// Every real token.
    RealTokens,
    /// The chosen positions, whose number divides the loss.
    ChosenPositions,
}

/// Clark et al. 2020, equation 1 of §2; [`LossPositions::ChosenPositions`] is "ELECTRA 15%" of §3.5.
pub(super) fn forward(
    pass: &Pass,
    joint: &GeneratorDiscriminatorConfig,
    judged: LossPositions,
) -> JointOutput {
    let proposed = pass.propose(joint);
    let detected = pass.model.discriminator.detect(pass.read(proposed.corrupted.ids.clone())); // [B, S]
    let (judged, count) = match judged {
        LossPositions::RealTokens => (pass.batch.attention_mask.clone(), pass.normalizer.rtd),
        LossPositions::ChosenPositions => (pass.batch.chosen(), pass.normalizer.chosen),
    };
    let labels = proposed.corrupted.labels.clone();
    let rtd = kernels::weighted_binary_cross_entropy(detected.clone(), labels, judged.clone());
    let rtd = rtd / count;
    let policy = match (&proposed.learned, pass.stage) {
        (Some(learned), Stage::Adversarial) => {
            Some(adversarial::policy_loss(pass, joint, learned, &proposed, detected.clone()))
        }
        _ => None,
    };
    let output = proposed.with(pass, joint, rtd.clone());
    JointOutput {
        total: match policy {
            Some(policy) => policy * joint.generator_weight + output.total,
            None => output.total,
        },
        rtd: Some(rtd.detach()),
        discriminator_logits: Some(detected.detach()),
        judged: Some(judged),
        ..output
    }
}
