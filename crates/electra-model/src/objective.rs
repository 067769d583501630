//! The joint objective: masked language modelling loss plus weighted replaced token detection.

use burn::prelude::*;
use electra_kernels as kernels;
use serde::{Deserialize, Serialize};

use crate::batch::{Batch, Normalizer};
use crate::corrupt::{Corrupted, Sampling, corrupt, corrupt_with};
use crate::dropout::{DropoutSites, Network};
use crate::electra::Electra;

/// What is trained, as a recipe states it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Objective {
    /// Clark et al. 2020, equation 1 of §2.
    ReplacedTokenDetection {
        /// Factor on the generator's loss.
        generator_weight: f64,
        /// Factor λ on the discriminator's loss.
        discriminator_weight: f64,
        /// Divides the generator's logits before sampling.
        temperature: f64,
        /// Never sample the original token.
        disallow_correct: bool,
    },
}

/// Dropout rates of a training step and the seed of that step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepDropout {
    /// On hidden states.
    pub hidden: f64,
    /// On attention probabilities.
    pub attention: f64,
    /// Function of run and step.
    pub seed: u64,
    /// Which row of the step's batch the forward pass begins with; see [`Dropout`](kernels::Dropout).
    pub first_row: u64,
}

/// Everything one forward pass yields.
#[derive(Clone, Debug)]
pub struct JointOutput {
    /// Weighted sum of both losses, `[1]`: what is differentiated.
    pub total: Tensor<1>,
    /// Masked language modelling loss, `[1]`, detached.
    pub mlm: Tensor<1>,
    /// Replaced token detection loss, `[1]`, detached.
    pub rtd: Tensor<1>,
    /// `[B * N, V]`, detached.
    pub generator_logits: Tensor<2>,
    /// `[B, S]`, detached.
    pub discriminator_logits: Tensor<2>,
    /// Discriminator input and labels.
    pub corrupted: Corrupted,
}

impl Objective {
    /// Factors on the losses of generator and discriminator.
    pub fn weights(&self) -> [f64; 2] {
        let Self::ReplacedTokenDetection { generator_weight, discriminator_weight, .. } = *self;
        [generator_weight, discriminator_weight]
    }

    /// One forward pass of both networks. `dropout: None` evaluates.
    pub fn forward(
        &self,
        model: &Electra,
        batch: &Batch,
        normalizer: Normalizer,
        dropout: Option<StepDropout>,
    ) -> JointOutput {
        self.run(model, batch, normalizer, dropout, None)
    }

    /// The same with given samples `[B * N]` in place of drawn ones.
    pub fn forward_with_samples(
        &self,
        model: &Electra,
        batch: &Batch,
        normalizer: Normalizer,
        samples: Tensor<1, Int>,
    ) -> JointOutput {
        self.run(model, batch, normalizer, None, Some(samples))
    }

    fn run(
        &self,
        model: &Electra,
        batch: &Batch,
        normalizer: Normalizer,
        dropout: Option<StepDropout>,
        samples: Option<Tensor<1, Int>>,
    ) -> JointOutput {
        let Self::ReplacedTokenDetection {
            generator_weight,
            discriminator_weight,
            temperature,
            disallow_correct,
        } = *self;
        let sites = |network| match dropout {
            Some(d) => DropoutSites::new(d.hidden, d.attention, d.seed, network).from_row(d.first_row),
            None => DropoutSites::off(),
        };
        let (segments, real) = (&batch.segments, &batch.real);

        let logits = model.generator_logits(
            batch.masked_ids.clone(),
            segments.clone(),
            real.clone(),
            batch.positions.clone(),
            &sites(Network::Generator),
        );
        let mlm =
            kernels::weighted_cross_entropy(logits.clone(), batch.targets.clone(), batch.weights.clone());
        let mlm = mlm / normalizer.mlm;

        let corrupted = match samples {
            Some(samples) => corrupt_with(samples, batch),
            None => corrupt(logits.clone(), batch, Sampling { temperature, disallow_correct }),
        };

        let detected = model.discriminator.forward(
            corrupted.ids.clone(),
            segments.clone(),
            real.clone(),
            &sites(Network::Discriminator),
        );
        let rtd =
            kernels::weighted_binary_cross_entropy(detected.clone(), corrupted.labels.clone(), real.clone());
        let rtd = rtd / normalizer.rtd;

        JointOutput {
            total: mlm.clone() * generator_weight + rtd.clone() * discriminator_weight,
            mlm: mlm.detach(),
            rtd: rtd.detach(),
            generator_logits: logits.detach(),
            discriminator_logits: detected.detach(),
            corrupted,
        }
    }
}
