//! Electric: an energy of every token, learned by telling it from noise.

use burn::tensor::activation;
use electra_kernels as kernels;

use super::config::GeneratorDiscriminatorConfig;
use super::output::JointOutput;
use super::pass::Pass;
use crate::corrupt::{Corrupted, Sampling, corrupt};
use crate::dropout::Network;

/// Noise-contrastive estimation (Clark et al. 2020, "Pre-Training Transformers as Energy-Based Cloze
/// Models", §2; `electric_objective` of google-research/electra).
///
/// The generator is a cloze model of two towers that never sees the token it predicts; its loss is
/// taken at every candidate, and reported at the chosen positions alone. Every chosen position counts
/// as noise, also where the sample is the original. The discriminator's logit at a token `x` is its
/// energy, to which are added `log q(x)` of the generator, through which no gradient passes, and
/// `log(p / (1 - p))` with `p` the share of chosen tokens. `q` is taken at the temperature of sampling.
///
/// Logits of the generator are `[B * S, V]`.
pub(super) fn forward(pass: &Pass, joint: &GeneratorDiscriminatorConfig) -> JointOutput {
    let (batch, model) = (pass.batch, pass.model);
    let [b, s] = batch.ids.dims();
    let hidden = model.cloze_hidden(
        batch.ids.clone(),
        batch.token_type_ids.clone(),
        batch.attention_mask.clone(),
        [Network::Generator, Network::RightToLeft].map(|network| pass.sites(network)),
    ); // [B, S, 2 H_g]
    let width = hidden.dims()[2];
    let logits = model.propose(hidden.reshape([b * s, width])); // [B * S, V]
    let candidates = batch.candidates.clone().expect("a batch for Electric says what its candidates are");
    let cloze = kernels::weighted_cross_entropy(
        logits.clone(),
        batch.ids.clone().reshape([b * s]),
        candidates.reshape([b * s]),
    );
    let cloze = cloze / pass.normalizer.candidates;

    let v = logits.dims()[1];
    let logits = logits.detach();
    let at_slots = kernels::gather_positions(logits.clone().reshape([b, s, v]), batch.positions.clone());
    let GeneratorDiscriminatorConfig { temperature, disallow_correct, .. } = *joint;
    let drawn = match pass.samples.clone() {
        Some(samples) => crate::corrupt::corrupt_with(samples, batch),
        None => corrupt(at_slots.clone(), batch, Sampling { temperature, disallow_correct }),
    };
    let corrupted = Corrupted { labels: batch.chosen(), ..drawn };

    let energy = model.discriminator.detect(pass.read(corrupted.ids.clone())); // [B, S]
    let standing = corrupted.ids.clone().reshape([b * s, 1]);
    let log_q = activation::log_softmax(logits * (1.0 / temperature), 1).gather(1, standing).reshape([b, s]);
    let p = batch.probability;
    let detected = energy + log_q + (p / (1.0 - p)).ln();
    let attention_mask = batch.attention_mask.clone();
    let rtd = kernels::weighted_binary_cross_entropy(
        detected.clone(),
        corrupted.labels.clone(),
        attention_mask.clone(),
    );
    let rtd = rtd / pass.normalizer.rtd;

    let (targets, weights) = (batch.targets.clone(), batch.weights.clone());
    let mlm = kernels::weighted_cross_entropy(at_slots.clone(), targets, weights) / pass.normalizer.mlm;
    JointOutput {
        mlm: Some(mlm),
        generator_logits: Some(at_slots),
        corrupted: Some(corrupted),
        rtd: Some(rtd.clone().detach()),
        discriminator_logits: Some(detected.detach()),
        judged: Some(attention_mask),
        ..JointOutput::of(cloze * joint.generator_weight + rtd * joint.discriminator_weight)
    }
}
