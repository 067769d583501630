//! Replace MLM: masked language modelling in which samples stand where \[MASK\] would.

use electra_kernels as kernels;

use super::config::GeneratorDiscriminatorConfig;
use super::output::{JointOutput, Prediction};
use super::pass::Pass;

/// The original tokens at the masked positions, from text that holds the generator's samples there
/// (Clark et al. 2020, §3.5). It tells how much of ELECTRA's gain comes from never seeing \[MASK\].
pub(super) fn forward(pass: &Pass, joint: &GeneratorDiscriminatorConfig) -> JointOutput {
    let batch = pass.batch;
    let proposed = pass.propose(joint);
    let hidden = pass.read(proposed.corrupted.ids.clone()); // [B, S, H]
    let logits = pass.model.predict(kernels::gather_positions(hidden, batch.positions.clone())); // [B * N, V]
    let (targets, weights) = (batch.targets.clone(), batch.weights.clone());
    let loss = kernels::weighted_cross_entropy(logits.clone(), targets.clone(), weights.clone());
    let loss = loss / pass.normalizer.mlm;
    let prediction = Prediction {
        loss: loss.clone().detach(),
        divisor: pass.normalizer.mlm,
        logits: logits.detach(),
        targets,
        weights,
        copy: None,
    };
    JointOutput { prediction: Some(prediction), ..proposed.with(pass, joint, loss) }
}
