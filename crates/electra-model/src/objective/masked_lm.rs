//! Masked language modelling by the network that is kept: BERT without next-sentence prediction.

use electra_kernels as kernels;

use super::output::JointOutput;
use super::pass::Pass;

/// The original tokens at the masked positions, from the masked text (Devlin et al. 2019, §3.1, with
/// \[MASK\] as often as the recipe's masking shows it and no random tokens).
pub(super) fn forward(pass: &Pass) -> JointOutput {
    let batch = pass.batch;
    let hidden = pass.read(batch.masked_ids.clone()); // [B, S, H]
    let logits = pass.model.predict(kernels::gather_positions(hidden, batch.positions.clone())); // [B * N, V]
    let mlm = kernels::weighted_cross_entropy(logits.clone(), batch.targets.clone(), batch.weights.clone());
    let mlm = mlm / pass.normalizer.mlm;
    JointOutput {
        mlm: Some(mlm.clone().detach()),
        generator_logits: Some(logits.detach()),
        ..JointOutput::of(mlm)
    }
}
