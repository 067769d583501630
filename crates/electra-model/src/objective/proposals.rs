//! Proposed replacements, and the generator's half of a forward pass.

use burn::module::Module;
use burn::prelude::*;
use electra_kernels as kernels;

use super::config::{GeneratorDiscriminatorConfig, Stage};
use super::output::JointOutput;
use super::pass::Pass;
use crate::batch::Batch;
use crate::corrupt::{Corrupted, Sampling, corrupt, corrupt_with};
use crate::dropout::{DropoutSites, Network};
use crate::electra::Electra;

/// The text with samples, and what the generator said of it, where a network made them.
pub(super) struct Proposed {
    pub learned: Option<Learned>,
    pub corrupted: Corrupted,
}

/// The output of a generator that learns, at the chosen positions.
pub(super) struct Learned {
    /// Masked language modelling loss, `[1]`.
    pub mlm: Tensor<1>,
    /// Hidden states `[B * N, H_g]`.
    pub rows: Tensor<2>,
    /// The logits over the vocabulary, `[B * N, V]`.
    pub logits: Tensor<2>,
}

/// The input of a generator, and its targets.
struct Masked {
    ids: Tensor<2, Int>,
    token_type_ids: Tensor<2, Int>,
    attention_mask: Tensor<2>,
    positions: Tensor<2, Int>,
    targets: Tensor<1, Int>,
    weights: Tensor<1>,
}

impl Masked {
    fn of(batch: &Batch) -> Self {
        Self {
            ids: batch.masked_ids.clone(),
            token_type_ids: batch.token_type_ids.clone(),
            attention_mask: batch.attention_mask.clone(),
            positions: batch.positions.clone(),
            targets: batch.targets.clone(),
            weights: batch.weights.clone(),
        }
    }

    /// These tensors without a graph.
    fn inner(self) -> Self {
        Self {
            ids: self.ids.inner(),
            token_type_ids: self.token_type_ids.inner(),
            attention_mask: self.attention_mask.inner(),
            positions: self.positions.inner(),
            targets: self.targets.inner(),
            weights: self.weights.inner(),
        }
    }
}

impl Learned {
    /// With the sum of the losses, not yet divided.
    fn of(model: &Electra, masked: Masked, sites: &DropoutSites) -> Self {
        let rows = model.generator_rows(
            masked.ids,
            masked.token_type_ids,
            masked.attention_mask,
            masked.positions,
            sites,
        );
        let logits = model.propose(rows.clone());
        let mlm = kernels::weighted_cross_entropy(logits.clone(), masked.targets, masked.weights);
        Self { mlm, rows, logits }
    }
}

impl Pass<'_> {
    /// Reads the masked text. A generator that is not trained drops nothing and is not differentiated:
    /// a graph that no backward pass runs through would stay in memory.
    fn ask(&self) -> Learned {
        let is_trained = self.stage != Stage::DiscriminatorAlone;
        let sites = if is_trained { self.sites(Network::Generator) } else { DropoutSites::off() };
        let masked = Masked::of(self.batch);
        let said = if is_trained || !masked.ids.device().is_autodiff() {
            Learned::of(self.model, masked, &sites)
        } else {
            let said = Learned::of(&self.model.valid(), masked.inner(), &sites);
            Learned {
                mlm: Tensor::from_inner(said.mlm),
                rows: Tensor::from_inner(said.rows),
                logits: Tensor::from_inner(said.logits),
            }
        };
        Learned { mlm: said.mlm / self.normalizer.mlm, ..said }
    }

    /// Reads the masked text and writes samples over the originals. Without a generator the samples
    /// are those that came with the batch.
    pub(super) fn propose(&self, joint: &GeneratorDiscriminatorConfig) -> Proposed {
        let batch = self.batch;
        if !joint.proposals.is_learned() {
            let samples = self.samples.clone().or_else(|| batch.proposals.clone());
            let samples = samples.expect("a batch for an objective without a generator brings its samples");
            return Proposed { learned: None, corrupted: corrupt_with(samples, batch) };
        }
        let learned = self.ask();
        let GeneratorDiscriminatorConfig { temperature, disallow_correct, .. } = *joint;
        let corrupted = match self.samples.clone() {
            Some(samples) => corrupt_with(samples, batch),
            None => corrupt(learned.logits.clone(), batch, Sampling { temperature, disallow_correct }),
        };
        Proposed { learned: Some(learned), corrupted }
    }

    /// The generator's half of the objective and nothing else.
    pub(super) fn generator_alone(&self, joint: &GeneratorDiscriminatorConfig) -> JointOutput {
        let Learned { mlm, logits, .. } = self.ask();
        JointOutput {
            mlm: Some(mlm.clone().detach()),
            generator_logits: Some(logits.detach()),
            ..JointOutput::of(mlm * joint.generator_weight)
        }
    }
}

impl Proposed {
    /// The output of a pass in which the other network had `loss [1]`: the losses that the stage
    /// trains, weighted and added up.
    pub(super) fn with(
        self,
        pass: &Pass,
        joint: &GeneratorDiscriminatorConfig,
        loss: Tensor<1>,
    ) -> JointOutput {
        let weighted = loss * joint.discriminator_weight;
        let total = match (&self.learned, pass.stage) {
            (Some(learned), Stage::Joint) => learned.mlm.clone() * joint.generator_weight + weighted,
            _ => weighted,
        };
        let said = self.learned.map(|learned| (learned.mlm.detach(), learned.logits.detach()));
        let (mlm, generator_logits) = said.unzip();
        JointOutput { mlm, generator_logits, corrupted: Some(self.corrupted), ..JointOutput::of(total) }
    }
}
